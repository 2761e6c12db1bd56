package trust

import (
	"cmp"
	"slices"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Signer is a principal whose signature counts, as rules count persons.
type Signer struct {
	Name   string
	Groups []string
	Person string // the same for principals that share a key
}

// SignersOf are those who count in a finding, in the version of the covenant by which
// it was judged: who has left a group since was in it when signing.
func (c *Chain) SignersOf(f Finding) []Signer {
	i := slices.IndexFunc(c.Versions, func(v *Version) bool { return v.Covenant.Version == f.Version })
	if i < 0 {
		return nil
	}
	all := c.Versions[i].signers()
	return slices.DeleteFunc(all, func(s Signer) bool { return !slices.Contains(f.Signers, s.Name) })
}

// SignersIn are all principals of a covenant, whatever ledger it is of.
func SignersIn(c *receipt.Covenant) []Signer {
	return compile(receipt.ID{}, c, time.Time{}).signers()
}

// VersionNumbered is a version of the chain, nil where there is none.
func (c *Chain) VersionNumbered(n int64) *Version {
	for _, v := range c.Versions {
		if v.Covenant.Version == n {
			return v
		}
	}
	return nil
}

// signers are the principals, sorted by name, each once. Those without a key that
// can be read are nobody.
func (v *Version) signers() []Signer {
	byName := make(map[string]Signer)
	for _, h := range v.people {
		byName[h.name] = Signer{h.name, h.groups, h.identity().name}
	}
	var list []Signer
	for _, s := range byName {
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b Signer) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// Stamps are the tokens over signatures that count; where nobody has signed, over the
// receipt itself.
func (f Finding) Stamps() []Stamp {
	var list []Stamp
	for _, t := range f.Tokens {
		if t.Err == nil && (f.counts(t.Over) || len(f.Signatures) == 0) {
			list = append(list, t)
		}
	}
	return list
}
