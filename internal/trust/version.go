package trust

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/sign"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Version is one covenant of a chain.
type Version struct {
	ID       receipt.ID // of the receipt that carries it, the genesis for version 1
	Covenant *receipt.Covenant
	From     time.Time // when it is proven to have come into force; zero where it is not
	Signers  []string  // the principals of the version before who signed it; none for the first
	Unusable []error   // keys and authorities that cannot be read

	people      map[string]holder // by fingerprint of their keys
	keys        sign.Ring
	authorities []authority
}

// holder is who has a key, and the key as this version has it: another may have
// it with other subkeys, or another expiry.
type holder struct {
	*person
	key *sign.Key
}

// person is one principal. Principals that share a key are one person.
type person struct {
	name   string
	groups []string
	self   *person // another principal with the same key, nil if there is none
}

// identity is the principal that stands for a person.
func (p *person) identity() *person {
	for p.self != nil {
		p = p.self
	}
	return p
}

// compile reads the keys and authorities of a covenant.
func compile(id receipt.ID, c *receipt.Covenant, from time.Time) *Version {
	v := &Version{ID: id, Covenant: c, From: from, people: make(map[string]holder)}
	owners := make(map[[sha256.Size]byte]*person)
	for _, principal := range c.Principals {
		p := &person{name: principal.Name, groups: principal.Groups}
		for _, text := range principal.Keys {
			k, err := sign.ParseKey(text.Type, text.Key)
			if err != nil {
				v.Unusable = append(v.Unusable, fault.From(err).Because(fmt.Errorf("a key of %s", p.name)))
				continue
			}
			v.keys = append(v.keys, k)
			v.people[k.Fingerprint()] = holder{p, k}
			for _, m := range k.Materials() {
				if other := owners[m]; other != nil && other.identity() != p.identity() {
					p.identity().self = other.identity()
				}
				owners[m] = p
			}
		}
	}
	v.authorities = compileAuthorities(v, c.TSAs)
	return v
}

// Fingerprints are those of all keys of the version.
func (v *Version) Fingerprints() []string {
	var list []string
	for _, k := range v.keys {
		list = append(list, k.Fingerprint())
	}
	return list
}

// names lists principals, each once, sorted.
func names(who []*person) []string {
	list := []string{}
	for _, p := range who {
		list = append(list, p.name)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// enough says whether principals are as many as the thresholds that are about
// a receipt ask for. Each of them must be met; where none is about it, any one
// principal is enough. The fault is NotEnough (VM603).
func (v *Version) enough(r *receipt.Receipt, who []*person) error {
	for _, q := range v.Quorums(r) {
		if err := v.reached(q, who); err != nil {
			return err
		}
	}
	return nil
}

// Quorums are those that must all be reached for a receipt: of every threshold that is
// about it, or one of any principals where none is.
func (v *Version) Quorums(r *receipt.Receipt) []receipt.Quorum {
	var list []receipt.Quorum
	met := false
	for _, t := range v.Covenant.Thresholds {
		if concerns(t, r) {
			met = true
			list = append(list, t.Signers...)
		}
	}
	if !met {
		return []receipt.Quorum{{Count: 1}}
	}
	return list
}

// reached counts persons, never keys or signatures.
func (v *Version) reached(q receipt.Quorum, who []*person) error {
	persons := make(map[*person]bool)
	for _, p := range who {
		if q.Group == "" || slices.Contains(p.groups, q.Group) {
			persons[p.identity()] = true
		}
	}
	if int64(len(persons)) >= q.Count {
		return nil
	}
	group := cmp.Or(q.Group, "the covenant")
	return fault.New(fault.NotEnough, "%d of %d principals of %s have signed", len(persons), q.Count, group)
}

// concerns tells whether a threshold is about a receipt: by its kind and by its
// component, where empty lists mean all.
func concerns(t receipt.Threshold, r *receipt.Receipt) bool {
	kind := len(t.Kinds) == 0 || slices.Contains(t.Kinds, r.Kind)
	component := len(t.Components) == 0 || slices.ContainsFunc(t.Components, func(pattern string) bool { return receipt.Glob(pattern, r.Component) })
	return kind && component
}

// Rail says how many authorities must have stamped a receipt.
type Rail struct {
	Count       int
	Authorities []string // which of them count; empty means all
}

// Rails are what the covenant in force asks for: one authority where it names any, and
// what its rules about such a receipt ask for.
func (c *Chain) Rails(r *receipt.Receipt) []Rail {
	v := c.latest()
	if v == nil || len(v.Covenant.TSAs) == 0 {
		return nil
	}
	rails := []Rail{{Count: 1}}
	for _, rule := range v.Covenant.Rules {
		kind := slices.Contains(rule.Require.Receipts, r.Kind)
		component := len(rule.Components) == 0 || slices.ContainsFunc(rule.Components, func(p string) bool { return receipt.Glob(p, r.Component) })
		if kind && component && rule.Require.Timestamps > 0 {
			rails = append(rails, Rail{int(rule.Require.Timestamps), rule.Require.Authorities})
		}
	}
	return rails
}

// Among are those of some authorities that count for a rail.
func (r Rail) Among(authorities []string) []string {
	return slices.DeleteFunc(slices.Clone(authorities), func(a string) bool { return len(r.Authorities) > 0 && !slices.Contains(r.Authorities, a) })
}
