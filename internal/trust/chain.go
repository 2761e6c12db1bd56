package trust

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/sign"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Chain is the covenants of a ledger, in the order in which they came into
// force. It is safe for concurrent use.
type Chain struct {
	Versions []*Version
	Breaches []Breach // covenants that enough principals signed, beside those in force
	Waiting  []Waiting
	// Err is why the last version may not be the one in force: RivalCovenants
	// (VM605) and RolledBack (VM604); nil where it is.
	Err error

	revocations []receipt.Revocation
	keys        sign.Ring
}

// Breach is a rival of a covenant that is in force, by those who signed both.
type Breach struct {
	ID      receipt.ID
	Version int64
	Signers []string
}

// Waiting is a covenant that would be the next, and is not signed by enough.
type Waiting struct {
	ID      receipt.ID
	Version int64
	Signers []string
	Err     error
}

// Pin is a covenant that was accepted here before: nobody goes back behind it.
type Pin struct {
	Version int64
	ID      receipt.ID
	Adopted bool // a person said that this is the one
}

// Build reads the covenants of a ledger, each the folder of its receipt, and
// the revocations among its receipts. now is when what nothing dates is judged.
func Build(genesis Folder, covenants, revocations []Folder, pin Pin, now time.Time) *Chain {
	c := new(Chain)
	first := firstVersion(genesis, covenants, pin)
	if first == nil {
		return c
	}
	c.add(first)
	for c.Err == nil {
		next := c.next(covenants, pin, now)
		if next == nil {
			break
		}
		c.add(next)
	}
	c.checkPin(pin)
	c.addRevocations(revocations, now)
	return c
}

// firstVersion is the covenant in the genesis; in a ledger whose genesis has
// none, the one that a person adopted here.
func firstVersion(genesis Folder, covenants []Folder, pin Pin) *Version {
	if g := genesis.Receipt; g != nil && g.Genesis != nil && g.Genesis.Covenant != nil {
		return compile(genesis.ID, g.Genesis.Covenant, time.Time{})
	}
	// Back from what was accepted: later versions follow from the one that was adopted.
	for id := pin.ID; ; {
		i := slices.IndexFunc(covenants, func(f Folder) bool { return f.ID == id })
		if i < 0 || covenants[i].Receipt.Covenant == nil {
			return nil
		}
		body := covenants[i].Receipt.Covenant
		if body.Version == 1 {
			return compile(id, body, time.Time{})
		}
		id = body.Previous // one of an earlier version, by the rules of a receipt's fields or not at all
		if body.Version > pin.Version {
			return nil
		}
		pin.Version = body.Version - 1
	}
}

func (c *Chain) add(v *Version) {
	c.Versions = append(c.Versions, v)
	for _, k := range v.keys {
		if !slices.ContainsFunc(c.keys, func(other *sign.Key) bool { return other.Text() == k.Text() }) {
			c.keys = append(c.keys, k)
		}
	}
	c.revocations = v.Covenant.Revocations
}

func (c *Chain) latest() *Version {
	if len(c.Versions) == 0 {
		return nil
	}
	return c.Versions[len(c.Versions)-1]
}

// Latest is the covenant in force, nil where there is none.
func (c *Chain) Latest() *Version { return c.latest() }

func (c *Chain) ring() sign.Ring { return c.keys }

// Revocations are those that hold now: of the covenant in force, and of receipts.
func (c *Chain) Revocations() []receipt.Revocation { return slices.Clone(c.revocations) }

// Keys are those of all covenants, of those that are out of force too.
func (c *Chain) Keys() sign.Ring { return slices.Clone(c.keys) }

// Holder is a key of the covenant in force.
type Holder struct {
	Principal string
	Groups    []string
	Key       *sign.Key
	Revoked   string // the reason, "" for a key in use
}

// Holders lists the keys of the covenant in force, by principal.
func (c *Chain) Holders() []Holder {
	var list []Holder
	v := c.latest()
	if v == nil {
		return nil
	}
	for _, k := range v.keys {
		p := v.people[k.Fingerprint()]
		h := Holder{Principal: p.name, Groups: p.groups, Key: k}
		for _, r := range c.revocations {
			if r.Key == k.Fingerprint() {
				h.Revoked = r.Reason
			}
		}
		list = append(list, h)
	}
	return list
}

// inForce is the version at a time: the last one that is not proven to be
// younger. One that nothing dates counts as of old.
func (c *Chain) inForce(t time.Time) *Version {
	v := c.Versions[0]
	for _, later := range c.Versions[1:] {
		if !later.From.After(t) {
			v = later
		}
	}
	return v
}

// candidate is a covenant that enough principals of the version before signed.
type candidate struct {
	folder  Folder
	finding Finding
}

// next is the version after the last one, nil where there is none or none can be
// told to be.
func (c *Chain) next(covenants []Folder, pin Pin, now time.Time) *Version {
	last := c.latest()
	var signed []candidate
	for _, f := range covenants {
		body := f.Receipt.Covenant
		if body == nil || body.Previous != last.ID || body.Version != last.Covenant.Version+1 {
			continue
		}
		finding := last.accepts(f, now)
		if finding.Err != nil {
			c.Waiting = append(c.Waiting, Waiting{f.ID, body.Version, finding.Signers, finding.Err})
			continue
		}
		signed = append(signed, candidate{f, finding})
	}
	if len(signed) == 0 {
		return nil
	}
	chosen, err := choose(signed, pin)
	c.Err = err
	if chosen == nil {
		return nil
	}
	for _, other := range signed {
		if other.folder.ID != chosen.folder.ID {
			c.Breaches = append(c.Breaches, Breach{other.folder.ID, last.Covenant.Version + 1, other.finding.Signers})
		}
	}
	v := compile(chosen.folder.ID, chosen.folder.Receipt.Covenant, chosen.finding.Since)
	v.Signers = chosen.finding.Signers
	return v
}

// accepts judges a covenant by the one before: its principals, its authorities,
// its revocations, at whatever time.
func (v *Version) accepts(f Folder, now time.Time) Finding {
	j := examine(f, v.keys, v, now)
	for _, t := range j.moments() {
		if j.satisfies(v, v.Covenant.Revocations, t) {
			break
		}
	}
	return j.finding
}

// choose says which of several covenants with the same number is in force: the
// one that was accepted here before, else the one that is proven to be earliest.
// The fault is RivalCovenants (VM605).
func choose(signed []candidate, pin Pin) (*candidate, error) {
	if len(signed) == 1 {
		return &signed[0], nil
	}
	slices.SortFunc(signed, func(a, b candidate) int { return a.folder.ID.Compare(b.folder.ID) })
	first := earliest(signed)
	for i := range signed {
		if signed[i].folder.ID != pin.ID {
			continue
		}
		if first != nil && first.folder.ID != pin.ID && !pin.Adopted {
			return &signed[i], rivals(signed, "the one that was accepted here is not the one that is proven to be earliest")
		}
		return &signed[i], nil
	}
	if first == nil {
		return nil, rivals(signed, "nothing proves which was first")
	}
	return first, nil
}

// earliest is the candidate that is proven to be earlier than all others, nil
// where one of them has no proven time or two have the same.
func earliest(signed []candidate) *candidate {
	var first *candidate
	tie := false
	for i := range signed {
		since := signed[i].finding.Since
		switch {
		case since.IsZero():
			return nil
		case first == nil || since.Before(first.finding.Since):
			first, tie = &signed[i], false
		case since.Equal(first.finding.Since):
			tie = true
		}
	}
	if tie {
		return nil
	}
	return first
}

func rivals(signed []candidate, why string) error {
	var ids []string
	for _, s := range signed {
		ids = append(ids, s.folder.ID.Short()+" signed by "+strings.Join(s.finding.Signers, ", "))
	}
	return fault.New(fault.RivalCovenants, "there are %d covenants of version %d, and %s", len(signed), signed[0].folder.Receipt.Covenant.Version, why).
		Because(fmt.Errorf("%s", strings.Join(ids, "; ")))
}

// checkPin sees that what was accepted before is still in the chain.
func (c *Chain) checkPin(pin Pin) {
	if pin.Version == 0 || c.Err != nil {
		return
	}
	for _, v := range c.Versions {
		if v.ID == pin.ID {
			return
		}
	}
	c.Err = fault.New(fault.RolledBack, "version %d of the covenant, %s, was in force here and is no more", pin.Version, pin.ID.Short())
}

// addRevocations takes keys out of use that enough principals have revoked by a
// receipt of its own.
func (c *Chain) addRevocations(revocations []Folder, now time.Time) {
	var more []receipt.Revocation
	for _, f := range revocations {
		if f.Receipt.Revocation != nil && c.latest() != nil && c.Judge(f, now).Err == nil {
			more = append(more, *f.Receipt.Revocation)
		}
	}
	c.revocations = append(slices.Clone(c.revocations), more...)
}
