package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// moved judges no_rewind.
func moved(q receipt.Requirement, u Update) []Lack {
	switch {
	case !q.NoRewind:
	case u.Move == Delete:
		return []Lack{{Need: NeedNoRewind, Text: u.Ref + " must not be deleted"}}
	case u.Move == Rewind && strings.HasPrefix(u.Ref, "refs/tags/"):
		return []Lack{{Need: NeedNoRewind, Text: u.Ref + " is there, and a tag must not be moved"}}
	case u.Move == Rewind:
		return []Lack{{Need: NeedNoRewind, Text: u.Ref + " would lose commits that it leads to", Unknown: u.Unsure}}
	}
	return nil
}

// around judges what the ledger around a push must be like.
func around(q receipt.Requirement, f Facts) []Lack {
	var lacks []Lack
	if oldest := f.Now.Add(-Seconds(q.SealAge)); q.SealAge > 0 && f.Sealed.Before(oldest) {
		text := "the ledger has no seal that holds"
		if !f.Sealed.IsZero() {
			text = fmt.Sprintf("the newest seal is of %s, and must not be older than %s", clock(f.Sealed), Age(q.SealAge))
		}
		lacks = append(lacks, Lack{Need: NeedSeal, Text: text})
	}
	if q.LedgerPushed && f.Unpushed {
		lacks = append(lacks, Lack{Need: NeedPushed, Text: "the ledger here has receipts that the remote does not have, and that this push does not bring"})
	}
	if q.CleanPeerState && len(f.HeldBack) > 0 {
		lacks = append(lacks, Lack{Need: NeedCleanPeer, Text: "something is held back of " + strings.Join(f.HeldBack, ", ")})
	}
	return lacks
}

// Seconds is an age as a duration, which is bounded.
func Seconds(n int64) time.Duration {
	const most = int64(1<<63-1) / int64(time.Second)
	return time.Duration(min(n, most)) * time.Second
}

func clock(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Age is a number of seconds as people write it in a covenant.
func Age(n int64) string {
	for _, u := range []struct {
		letter  string
		seconds int64
	}{{"w", 7 * 24 * 3600}, {"d", 24 * 3600}, {"h", 3600}, {"m", 60}} {
		if n > 0 && n%u.seconds == 0 {
			return fmt.Sprintf("%d%s", n/u.seconds, u.letter)
		}
	}
	return fmt.Sprintf("%ds", n)
}

// ofRule are the receipts of a kind, "" for any, whose component a rule means. One
// without a component is about the whole repository, and so about every component.
func ofRule(r receipt.Rule, kind receipt.Kind, list []Receipt) []Receipt {
	var found []Receipt
	for _, one := range list {
		component := one.Receipt.Component == "" || meant(r.Components, one.Receipt.Component)
		if component && (kind == "" || one.Receipt.Kind == kind) {
			found = append(found, one)
		}
	}
	return found
}

// brought judges receipts, and the signers and time-stamps that each must have. Of
// each kind one receipt has all of them.
func brought(r receipt.Rule, u Update, f Facts) []Lack {
	kinds := r.Require.Receipts
	if len(kinds) == 0 && wantsProofs(r.Require) {
		kinds = []receipt.Kind{""}
	}
	var lacks []Lack
	for _, kind := range kinds {
		lacks = append(lacks, best(r, kind, u, f)...)
	}
	return lacks
}

// best is what the receipt of a kind lacks that lacks least.
func best(r receipt.Rule, kind receipt.Kind, u Update, f Facts) []Lack {
	found := slices.DeleteFunc(ofRule(r, kind, f.Receipts), func(one Receipt) bool { return ofAnotherTag(u.Ref, one.Receipt) })
	if len(found) == 0 {
		return []Lack{{Need: NeedReceipts, Kind: kind, Text: fmt.Sprintf("no trusted %s%s is about it", strings.TrimSpace(string(kind)+" receipt"), ofComponents(r))}}
	}
	var least []Lack
	for i, one := range found {
		lacks := Proofs(r.Require, one, f.Now)
		if len(lacks) == 0 {
			return nil
		}
		if i == 0 || len(lacks) < len(least) {
			least = lacks
		}
	}
	return least
}

// ofAnotherTag tells whether a receipt is the release of another version than a tag is: a
// commit that was released once is not released again by a tag of another name.
func ofAnotherTag(ref string, r *receipt.Receipt) bool {
	tag, ok := strings.CutPrefix(ref, "refs/tags/")
	if !ok || r.Kind != receipt.KindRelease {
		return false
	}
	if r.Ref != "" {
		return r.Ref != ref
	}
	return r.Version != "" && r.Version != tag
}

func ofComponents(r receipt.Rule) string {
	if len(r.Components) == 0 {
		return ""
	}
	return " of " + strings.Join(r.Components, " or ")
}

// Proofs are what a receipt lacks of the signers and time-stamps that are required.
// At the zero time no age is asked for: a receipt that was proven stays so.
func Proofs(q receipt.Requirement, one Receipt, now time.Time) []Lack {
	var lacks []Lack
	add := func(need, format string, args ...any) {
		lacks = append(lacks, Lack{Need: need, Kind: one.Receipt.Kind, Receipt: one.ID, Text: fmt.Sprintf(format, args...)})
	}
	for _, quorum := range q.Signers {
		if have := persons(one.Signers, quorum.Group); have < quorum.Count {
			add(NeedSigners, "%d of %d principals of %s have signed the %s receipt %s", have, quorum.Count, cmp.Or(quorum.Group, "the covenant"), one.Receipt.Kind, one.ID.Short())
		}
	}
	whose := "the covenant's authorities"
	if len(q.Authorities) > 0 {
		whose = strings.Join(q.Authorities, ", ")
	}
	if have := rails(q, one.Stamps, time.Time{}); have < q.Timestamps {
		add(NeedStamps, "%d of %d time-stamps of %s are over signatures of the %s receipt %s", have, q.Timestamps, whose, one.Receipt.Kind, one.ID.Short())
	}
	if q.TimestampAge > 0 && !now.IsZero() {
		want := max(q.Timestamps, 1)
		if have := rails(q, one.Stamps, now.Add(-Seconds(q.TimestampAge))); have < want {
			add(NeedFresh, "%d of %d time-stamps of %s over the %s receipt %s are not older than %s", have, want, whose, one.Receipt.Kind, one.ID.Short(), Age(q.TimestampAge))
		}
	}
	return lacks
}

// persons counts those of a group who signed, "" for any; never keys or names.
func persons(signers []Signer, group string) int64 {
	who := make(map[string]bool)
	for _, s := range signers {
		if group == "" || slices.Contains(s.Groups, group) {
			who[s.Person] = true
		}
	}
	return int64(len(who))
}

// rails counts the authorities that count whose time-stamps are not older than a time.
func rails(q receipt.Requirement, stamps []Stamp, since time.Time) int64 {
	who := make(map[string]bool)
	for _, s := range stamps {
		if !s.Time.Before(since) && (len(q.Authorities) == 0 || slices.Contains(q.Authorities, s.Authority)) {
			who[s.Authority] = true
		}
	}
	return int64(len(who))
}
