package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// convert makes the canonical form of a document: defaults filled in, keys and
// times in one spelling, arrays sorted, each element once. It notes where each
// field came from.
func (r *reader) convert(d *document) *receipt.Covenant {
	c := &receipt.Covenant{
		Principals:  r.principals(d.Principals),
		Thresholds:  r.thresholds(d.Thresholds),
		TSAs:        r.authorities(d.TSAs),
		Revocations: r.revocations(d.Revocations),
		Rules:       r.rules(d.Rules),
		Federation:  receipt.Federation{Accept: cmp.Or(d.Federation.Accept.S, "signed")},
	}
	r.places["covenant.federation.accept"] = d.Federation.Accept.At
	return c
}

func (r *reader) principals(list []principal) []receipt.Principal {
	list = sorted(r, list, "principal", func(p principal) (string, place) { return p.Name.S, p.Name.At })
	owners := map[string]string{}
	out := make([]receipt.Principal, len(list))
	for i, p := range list {
		field := r.note("covenant.principals", i, p.At)
		r.places[field+".name"] = p.Name.At
		out[i] = receipt.Principal{Name: p.Name.S, Groups: r.words(field+".groups", p.Groups), Keys: r.keys(field+".keys", p, owners)}
	}
	return out
}

// keys reads the keys of a principal. A key that another has is refused,
// however it is spelled, and so is a subkey.
func (r *reader) keys(field string, p principal, owners map[string]string) []receipt.PublicKey {
	if len(p.SSH)+len(p.OpenPGP) == 0 {
		r.add(p.At, "principal %.100q has no key: give one in ssh or openpgp", p.Name.S)
	}
	list := r.parseKeys(p.Name.S, p.SSH, parseSSH)
	list = append(list, r.parseKeys(p.Name.S, p.OpenPGP, parseOpenPGP)...)
	r.keyring = append(r.keyring, list...)
	for _, k := range list {
		for _, print := range k.prints {
			if owner, taken := owners[print]; taken {
				r.add(k.at, "key %s is already that of %.100q", print, owner)
			}
		}
		for _, print := range k.prints {
			owners[print] = k.owner
		}
	}
	slices.SortStableFunc(list, func(a, b publicKey) int {
		return cmp.Or(cmp.Compare(a.key.Type, b.key.Type), cmp.Compare(a.key.Key, b.key.Key))
	})
	out := make([]receipt.PublicKey, len(list))
	for i, k := range list {
		r.note(field, i, k.at)
		out[i] = k.key
	}
	return out
}

func (r *reader) parseKeys(owner string, list []text, parse func(string) (publicKey, error)) []publicKey {
	var out []publicKey
	for _, t := range list {
		k, err := parse(t.S)
		if err != nil {
			r.add(t.At, "key %v", err)
			continue
		}
		k.at, k.owner = t.At, owner
		out = append(out, k)
	}
	return out
}

func (r *reader) thresholds(list []threshold) []receipt.Threshold {
	out := make([]receipt.Threshold, len(list))
	for i, t := range list {
		field := r.note("covenant.thresholds", i, t.At)
		out[i] = receipt.Threshold{
			Kinds:      r.kinds(field+".kinds", t.Kinds),
			Components: r.words(field+".components", t.Components),
			Signers:    r.quorums(field+".signers", t.Signers),
		}
		if t.Signers == nil {
			out[i].Signers = []receipt.Quorum{{Count: 1}}
		}
	}
	return out
}

func (r *reader) quorums(field string, list []quorum) []receipt.Quorum {
	out := make([]receipt.Quorum, len(list))
	for i, q := range list {
		name := r.note(field, i, q.At)
		r.places[name+".count"] = q.Count.At
		out[i] = receipt.Quorum{Group: q.Group.S, Count: q.count()}
		if q.Group.At > 0 && q.Group.S == "" {
			r.add(q.Group.At, "group is empty; leave it out to mean any principal")
		}
	}
	return out
}

func (q quorum) count() int64 {
	if q.Count.At == 0 {
		return 1
	}
	return q.Count.N
}

func (r *reader) authorities(list []authority) []receipt.Authority {
	list = sorted(r, list, "authority", func(a authority) (string, place) { return a.Name.S, a.Name.At })
	out := make([]receipt.Authority, len(list))
	for i, a := range list {
		field := r.note("covenant.tsas", i, a.At)
		r.places[field+".name"], r.places[field+".policy"] = a.Name.At, a.Policy.At
		out[i] = receipt.Authority{Name: a.Name.S, Roots: r.roots(a.Roots), Pins: r.pins(a.Pins), Policy: a.Policy.S}
	}
	return out
}

// roots keeps the order, which is free.
func (r *reader) roots(list []text) []string {
	out := []string{}
	for _, t := range list {
		root, err := parseCertificate(t.S)
		if err != nil {
			r.add(t.At, "root %v", err)
			continue
		}
		if slices.Contains(out, root) {
			r.add(t.At, "root is there twice")
		}
		out = append(out, root)
	}
	return out
}

// pins reads hashes as openssl prints them too: in capitals, with colons.
func (r *reader) pins(list []text) []receipt.Digest {
	out := []receipt.Digest{}
	for _, t := range list {
		pin, err := receipt.ParseDigest(strings.ToLower(strings.ReplaceAll(t.S, ":", "")))
		if err != nil {
			r.add(t.At, "pin is not a SHA-256 in hex")
			continue
		}
		if slices.Contains(out, pin) {
			r.add(t.At, "pin %s is there twice", pin)
		}
		out = append(out, pin)
	}
	slices.SortFunc(out, receipt.Digest.Compare)
	return out
}

func (r *reader) revocations(list []revocation) []receipt.Revocation {
	list = slices.Clone(list)
	for i := range list {
		list[i].Key.S = fingerprint(list[i].Key.S)
	}
	list = sorted(r, list, "revocation of", func(v revocation) (string, place) { return v.Key.S, v.Key.At })
	out := make([]receipt.Revocation, len(list))
	for i, v := range list {
		field := r.note("covenant.revocations", i, v.At)
		r.places[field+".key"], r.places[field+".reason"] = v.Key.At, v.Reason.At
		out[i] = receipt.Revocation{Key: v.Key.S, Reason: v.Reason.S, At: r.time(v.When)}
	}
	return out
}

// fingerprint is one in the spelling of the canonical form: of OpenPGP, capitals
// without the spaces that gpg prints.
func fingerprint(s string) string {
	if strings.HasPrefix(s, "SHA256:") {
		return s
	}
	return strings.ToUpper(strings.ReplaceAll(s, " ", ""))
}

func (r *reader) time(m moment) receipt.Time {
	var t receipt.Time
	if err := t.UnmarshalText([]byte(m.S)); err != nil && m.At > 0 && m.S != "" {
		r.add(m.At, "at is not a time in UTC and whole seconds, such as 2026-11-24T09:00:00Z")
	}
	return t
}

func (r *reader) rules(list []rule) []receipt.Rule {
	names := map[string]bool{}
	out := make([]receipt.Rule, len(list))
	for i, v := range list {
		field := r.note("covenant.rules", i, v.At)
		r.places[field+".name"], r.places[field+".sentence"] = v.Name.At, v.Sentence.At
		if names[v.Name.S] && v.Name.S != "" {
			r.add(v.Name.At, "rule %.80q is there twice", v.Name.S)
		}
		names[v.Name.S] = true
		out[i] = receipt.Rule{
			Name:       v.Name.S,
			Sentence:   v.Sentence.S,
			Refs:       r.words(field+".refs", v.Refs),
			Paths:      r.words(field+".paths", v.Paths),
			Components: r.words(field+".components", v.Components),
			Require:    r.requirement(field+".require", v.Require),
			Tests:      r.tests(field+".tests", v.Tests),
		}
	}
	return out
}

func (r *reader) requirement(field string, q requirement) receipt.Requirement {
	r.places[field], r.places[field+".timestamps"] = q.At, q.Timestamps.At
	r.places[field+".timestamp_age"], r.places[field+".seal_age"] = q.TimestampAge.At, q.SealAge.At
	return receipt.Requirement{
		Receipts:       r.kinds(field+".receipts", q.Receipts),
		Signers:        r.quorums(field+".signers", q.Signers),
		Timestamps:     q.Timestamps.N,
		Authorities:    r.words(field+".authorities", q.Authorities),
		TimestampAge:   r.age(q.TimestampAge),
		SealAge:        r.age(q.SealAge),
		Reproducible:   q.Reproducible.B,
		TestsAttested:  q.TestsAttested.B,
		Decision:       q.Decision.B,
		LedgerPushed:   q.LedgerPushed.B,
		NoRewind:       q.NoRewind.B,
		CleanPeerState: q.CleanPeerState.B,
	}
}

func (r *reader) tests(field string, list []ruleTest) []receipt.RuleTest {
	out := make([]receipt.RuleTest, len(list))
	for i, t := range list {
		name := r.note(field, i, t.At)
		r.places[name+".name"], r.places[name+".ref"] = t.Name.At, t.Ref.At
		out[i] = receipt.RuleTest{
			Name:     t.Name.S,
			Ref:      t.Ref.S,
			Paths:    r.words(name+".paths", t.Paths),
			Receipts: r.kinds(name+".receipts", t.Receipts),
			Signers:  r.words(name+".signers", t.Signers),
			Passes:   t.Passes.B,
		}
	}
	return out
}

// units of ages, largest first.
var units = []struct {
	letter  string
	seconds int64
}{{"w", 7 * 24 * 3600}, {"d", 24 * 3600}, {"h", 3600}, {"m", 60}, {"s", 1}}

// age reads a number and a unit, such as 36h, into seconds.
func (r *reader) age(t text) int64 {
	if t.At == 0 {
		return 0
	}
	for _, u := range units {
		digits, ok := strings.CutSuffix(t.S, u.letter)
		n, err := strconv.ParseInt(digits, 10, 64)
		if ok && err == nil && strconv.FormatInt(n, 10) == digits && 0 < n && n <= maxInteger/u.seconds {
			return n * u.seconds
		}
	}
	r.add(t.At, "%.40q is not an age such as 36h or 7d: a number from 1 and one of s, m, h, d, w", t.S)
	return 0
}

// maxInteger is the greatest natural number of a receipt.
const maxInteger = 1<<53 - 1

func (r *reader) words(field string, list []text) []string {
	list = sorted(r, list, "element", func(t text) (string, place) { return t.S, t.At })
	out := make([]string, len(list))
	for i, t := range list {
		r.note(field, i, t.At)
		out[i] = t.S
	}
	return out
}

// kinds takes only kinds that this version knows: one that is mistyped would be
// a rule about nothing.
func (r *reader) kinds(field string, list []text) []receipt.Kind {
	out := []receipt.Kind{}
	for i, word := range r.words(field, list) {
		if !slices.Contains(receipt.Kinds(), receipt.Kind(word)) {
			r.add(r.places[element(field, i)], "%.40q is not a kind of receipt", word)
		}
		out = append(out, receipt.Kind(word))
	}
	return out
}

// sorted is list in the order of its keys. An element that is there twice is
// reported and left out.
func sorted[T any](r *reader, list []T, what string, key func(T) (string, place)) []T {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b T) int {
		x, _ := key(a)
		y, _ := key(b)
		return cmp.Compare(x, y)
	})
	var once []T
	for i, e := range list {
		name, at := key(e)
		if i > 0 {
			if before, _ := key(list[i-1]); before == name {
				r.twice(at, what, name)
				continue
			}
		}
		once = append(once, e)
	}
	return once
}

// twice reports an element, unless it has no name, which is reported anyway.
func (r *reader) twice(at place, what, name string) {
	if at > 0 {
		r.add(at, "%s %.80q is there twice", what, name)
	}
}

// note remembers where an element of an array stands, and names it.
func (r *reader) note(array string, i int, at place) string {
	r.places[element(array, i)] = at
	return element(array, i)
}

func element(array string, i int) string { return fmt.Sprintf("%s[%d]", array, i) }
