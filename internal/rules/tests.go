package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Outcome is what came of one test of a rule.
type Outcome struct {
	Rule  string
	Test  string
	Want  bool // that the push passes
	Lacks []Lack
}

// Kept tells whether the rule says what its test says.
func (o Outcome) Kept() bool { return o.Want == (len(o.Lacks) == 0) }

// Test runs the tests of the rules of a covenant; principals are all of it.
func Test(rules []receipt.Rule, principals []Signer) []Outcome {
	var list []Outcome
	for _, r := range rules {
		for _, t := range r.Tests {
			u, f := told(t, principals)
			list = append(list, Outcome{r.Name, t.Name, t.Passes, Judge(r, u, f)})
		}
	}
	return list
}

// told is the push that a test describes: a ref that advances, receipts of some kinds
// that all of its signers have signed and no authority has stamped. An attestation is
// of tests that pass and of identical builds, a decision an accepted one. The ledger
// around it is in order.
func told(t receipt.RuleTest, principals []Signer) (Update, Facts) {
	u := Update{Ref: t.Ref, Move: Advance, Paths: t.Paths}
	signers := slices.DeleteFunc(slices.Clone(principals), func(s Signer) bool { return !slices.Contains(t.Signers, s.Name) })
	f := Facts{Now: time.Unix(0, 0), Sealed: time.Unix(0, 0)}
	for _, kind := range t.Receipts {
		bodies := []*receipt.Receipt{{Kind: kind}}
		switch kind {
		case receipt.KindDecision:
			bodies[0].Decision = &receipt.Decision{Status: "accepted"}
		case receipt.KindAttestation:
			bodies[0].Attestation = &receipt.Attestation{Type: TypeTests}
			bodies = append(bodies, &receipt.Receipt{Kind: kind, Attestation: &receipt.Attestation{Type: TypeReproduction, Outputs: []receipt.Subject{{}}}})
		}
		for _, body := range bodies {
			f.Receipts = append(f.Receipts, Receipt{Receipt: body, Signers: signers})
		}
	}
	return u, f
}

// Doubt is something in a rule that is hardly meant.
type Doubt struct{ Rule, Text string }

// Doubts lists what in the rules of a covenant can be read and is hardly meant:
// patterns that mean everything or nothing, rules that can never be kept or ask for
// nothing, and tests that contradict each other or what their rule can say.
func Doubts(c *receipt.Covenant, principals []Signer) []Doubt {
	var list []Doubt
	for _, r := range c.Rules {
		add := func(format string, args ...any) { list = append(list, Doubt{r.Name, fmt.Sprintf(format, args...)}) }
		doubtPatterns(r, add)
		doubtRequirement(c, r, principals, add)
		doubtTests(r, add)
	}
	return list
}

func doubtPatterns(r receipt.Rule, add func(string, ...any)) {
	if len(r.Refs) == 0 && len(r.Paths) == 0 {
		add("it names neither refs nor paths, and is about every push")
	}
	for _, p := range r.Refs {
		switch {
		case everything(strings.TrimPrefix(p, "refs/")):
			add("%q means every ref", p)
		case !strings.HasPrefix(p, "refs/") && !strings.HasPrefix(p, "*"):
			add("%q means no ref: a full name begins with refs/, such as refs/heads/%s", p, p)
		}
	}
	for _, p := range r.Paths {
		switch {
		case everything(p):
			add("%q means every path", p)
		case strings.HasPrefix(p, "/") || strings.HasPrefix(p, "./"):
			add("%q means no path: paths begin at the top, without a slash", p)
		case strings.HasSuffix(p, "/"):
			add("%q means no path: what lies in a folder is %s*", p, p)
		}
	}
	for _, p := range r.Components {
		if everything(p) {
			add("%q means every component", p)
		}
	}
}

// everything tells whether a pattern is made of stars alone.
func everything(p string) bool { return strings.Contains(p, "*") && strings.Trim(p, "*") == "" }

func doubtRequirement(c *receipt.Covenant, r receipt.Rule, principals []Signer, add func(string, ...any)) {
	q := r.Require
	if !WantsReceipts(q) && q.SealAge == 0 && !q.LedgerPushed && !q.NoRewind && !q.CleanPeerState {
		add("it requires nothing")
	}
	for _, quorum := range q.Signers {
		if have := persons(principals, quorum.Group); have < quorum.Count {
			add("it can never be kept: it wants %d signers, and there are %d persons", quorum.Count, have)
		}
	}
	counting := len(q.Authorities)
	if counting == 0 {
		counting = len(c.TSAs)
	}
	if int64(counting) < max(q.Timestamps, min(q.TimestampAge, 1)) {
		add("it can never be kept: it wants %d time-stamps, and %d authorities count", max(q.Timestamps, 1), counting)
	}
	if len(q.Authorities) > 0 && q.Timestamps == 0 && q.TimestampAge == 0 {
		add("it names authorities and wants no time-stamp")
	}
}

func doubtTests(r receipt.Rule, add func(string, ...any)) {
	said := make(map[string]receipt.RuleTest)
	for _, t := range r.Tests {
		key := fmt.Sprint(t.Ref, "\x00", t.Paths, "\x00", t.Receipts, "\x00", t.Signers)
		if other, there := said[key]; there && other.Passes != t.Passes {
			add("its tests %q and %q contradict each other", other.Name, t.Name)
		}
		said[key] = t
		u, f := told(t, nil)
		if q := r.Require; t.Passes && Binds(r, u) && (q.Timestamps > 0 || q.TimestampAge > 0) && len(f.Receipts) > 0 {
			add("its test %q can never pass: no test has time-stamps, and it wants some", t.Name)
		}
	}
}
