package trust

import (
	"slices"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/sign"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// revocation is one with the numbers of the key that it names, where some
// covenant has that key: who has stolen those has the key in every form.
type revocation struct {
	receipt.Revocation
	materials [][32]byte
}

// resolve finds the keys that revocations name.
func resolve(list []receipt.Revocation, keys sign.Ring) []revocation {
	var all []revocation
	for _, r := range list {
		one := revocation{Revocation: r}
		for _, k := range keys {
			if m, ok := k.Material(r.Key); ok {
				one.materials = append(one.materials, m)
			}
		}
		all = append(all, one)
	}
	return all
}

// names tells whether a revocation is of a key, or of the subkey of the
// fingerprint by that made a signature.
func (r revocation) names(k *sign.Key, by string) bool {
	for _, fingerprint := range []string{k.Fingerprint(), by} {
		m, ok := k.Material(fingerprint)
		if r.Key == fingerprint || ok && slices.Contains(r.materials, m) {
			return true
		}
	}
	return false
}

// dated is a revocation receipt and by when it is proven to have been signed.
type dated struct {
	folder Folder
	since  time.Time
}

// addRevocations takes keys out of use that enough principals have revoked by a
// receipt of its own.
func (c *Chain) addRevocations(folders []Folder, now time.Time) {
	if c.latest() == nil {
		return
	}
	held := c.revokedBy(folders, now)
	for _, f := range folders {
		c.findings[f.ID] = c.Judge(f, now)
	}
	for _, d := range held {
		c.Revoking = append(c.Revoking, d.folder.ID)
	}
	c.revocations = slices.Concat(c.revocations, c.effect(held))
}

// revokedBy are the revocations by receipts that hold by the covenants so far, in the
// order in which they are proven to have been there, those that nothing dates last: a
// key that an earlier one took out of use revokes no other. Those of one moment do not
// judge each other.
func (c *Chain) revokedBy(folders []Folder, now time.Time) []dated {
	so := *c
	list := []dated{}
	for _, f := range eachOnce(folders) {
		if f.Receipt.Revocation == nil {
			continue
		}
		if found := c.Judge(f, now); found.Err == nil {
			list = append(list, dated{f, found.Since})
		}
	}
	slices.SortStableFunc(list, func(a, b dated) int { return CompareProven(a.since, b.since) })
	good := []dated{}
	for len(list) > 0 {
		n := slices.IndexFunc(list, func(d dated) bool { return !d.since.Equal(list[0].since) })
		if n < 0 {
			n = len(list)
		}
		still := slices.DeleteFunc(slices.Clone(list[:n]), func(d dated) bool { return so.Judge(d.folder, now).Err != nil })
		so.revocations = slices.Concat(so.revocations, so.effect(still))
		good, list = append(good, still...), list[n:]
	}
	return good
}

// effect is what revocations by receipts do to the keys of the covenants.
func (c *Chain) effect(list []dated) []revocation {
	var all []receipt.Revocation
	for _, d := range list {
		all = append(all, *d.folder.Receipt.Revocation)
	}
	return resolve(all, c.keys)
}

// CompareProven orders proven times; what has none comes last.
func CompareProven(a, b time.Time) int {
	switch {
	case a.IsZero() && b.IsZero():
		return 0
	case a.IsZero():
		return 1
	case b.IsZero():
		return -1
	}
	return a.Compare(b)
}
