package policy

import (
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// judge looks for what can be read and cannot be meant: values against the
// rules of receipts, names that nobody has, numbers that can never be reached.
func (r *reader) judge(c *receipt.Covenant, d *document) {
	r.receiptRules(c)
	if len(d.Principals) == 0 {
		r.add(1, "principals has none, and nobody could ever sign the next version")
	}
	people := d.census()
	for _, t := range d.Thresholds {
		r.reachable(t.Signers, people)
	}
	for _, v := range d.Rules {
		r.reachable(v.Require.Signers, people)
		r.stamped(v.Require, d)
		for _, t := range v.Tests {
			r.known(t.Signers, c.Principals)
		}
	}
	r.revoked(d)
}

// receiptRules reports what [receipt.Covenant] has against values.
func (r *reader) receiptRules(c *receipt.Covenant) {
	probe := *c
	probe.Version, probe.Previous = 1, receipt.ID{}
	for _, f := range probe.Findings() {
		name := f.Field[strings.LastIndexByte(f.Field, '.')+1:]
		name, _, indexed := strings.Cut(name, "[")
		if indexed {
			name = "element of " + name
		}
		r.add(r.placeOf(f.Field), "%s %s", name, f.Text)
	}
}

// placeOf is where a field stands, or what it is in.
func (r *reader) placeOf(field string) place {
	for field != "" {
		if at := r.places[field]; at > 0 {
			return at
		}
		field = field[:max(strings.LastIndexAny(field, ".["), 0)]
	}
	return 1
}

// census counts the principals of each group; "" is all of them.
func (d *document) census() map[string]int64 {
	people := map[string]int64{"": int64(len(d.Principals))}
	for _, p := range d.Principals {
		for _, g := range p.Groups {
			people[g.S]++
		}
	}
	return people
}

func (r *reader) reachable(list []quorum, people map[string]int64) {
	for _, q := range list {
		have := people[q.Group.S]
		switch {
		case have == 0 && q.Group.S != "":
			r.add(q.Group.At, "no principal is in the group %.100q", q.Group.S)
		case q.count() > have && q.Group.S != "":
			r.add(q.at(), "count is %d, and the group %.100q has only %d principals: this can never be met", q.count(), q.Group.S, have)
		case q.count() > have:
			r.add(q.at(), "count is %d, and there are only %d principals: this can never be met", q.count(), have)
		}
	}
}

func (q quorum) at() place { return max(q.At, q.Count.At) }

// stamped checks that the authorities of a rule are there, and enough.
func (r *reader) stamped(q requirement, d *document) {
	count := len(q.Authorities)
	for _, t := range q.Authorities {
		if !slices.ContainsFunc(d.TSAs, func(a authority) bool { return a.Name.S == t.S }) {
			r.add(t.At, "there is no authority %.80q among the tsas", t.S)
		}
	}
	if count == 0 {
		count = len(d.TSAs)
	}
	if q.Timestamps.N > int64(count) {
		r.add(q.Timestamps.At, "timestamps is %d, and only %d authorities count: this can never be met", q.Timestamps.N, count)
	}
}

// known checks that those who sign in a rule's test are principals.
func (r *reader) known(names []text, principals []receipt.Principal) {
	for _, t := range names {
		if !slices.ContainsFunc(principals, func(p receipt.Principal) bool { return p.Name == t.S }) {
			r.add(t.At, "there is no principal %.100q", t.S)
		}
	}
}

// revoked looks for keys that are given and taken away. A revoked subkey does
// not take its key away.
func (r *reader) revoked(d *document) {
	lines := map[string]int{}
	for _, v := range d.Revocations {
		lines[fingerprint(v.Key.S)], _ = lineColumn(r.text, v.Key.At)
	}
	for _, k := range r.keyring {
		if line, ok := lines[k.prints[0]]; ok {
			r.add(k.at, "key %s of %.100q is revoked in line %d", k.prints[0], k.owner, line)
		}
	}
}
