package trust

import (
	"fmt"
	"maps"
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
	// Revoking are the receipts that take keys out of use, in the order in which they
	// are proven to have been there.
	Revoking []receipt.ID

	revocations []revocation
	keys        sign.Ring
	findings    map[receipt.ID]Finding
}

// FindingOf is what was found of a covenant or a revocation that was considered.
func (c *Chain) FindingOf(id receipt.ID) Finding { return c.findings[id] }

// Considered are the revocations, and the covenants that would follow on one of the
// chain, whether they do or not, sorted.
func (c *Chain) Considered() []receipt.ID {
	return slices.SortedFunc(maps.Keys(c.findings), receipt.ID.Compare)
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
	c := &Chain{findings: make(map[receipt.ID]Finding)}
	covenants = eachOnce(covenants)
	accepted := lineage(covenants, pin)
	first := firstVersion(genesis, covenants, accepted)
	if first == nil {
		c.checkPin(pin)
		return c
	}
	for v := first; v != nil; v = c.next(covenants, revocations, accepted, pin, now) {
		c.add(v)
	}
	c.checkPin(pin)
	c.addRevocations(revocations, now)
	return c
}

// eachOnce are folders by id, so that the order in which they were found changes nothing.
func eachOnce(folders []Folder) []Folder {
	byID := func(a, b Folder) int { return a.ID.Compare(b.ID) }
	same := func(a, b Folder) bool { return a.ID == b.ID }
	return slices.CompactFunc(slices.SortedFunc(slices.Values(folders), byID), same)
}

// lineage are the covenants that were accepted here: the pinned one, and those
// that it says it follows.
func lineage(covenants []Folder, pin Pin) map[receipt.ID]bool {
	accepted := make(map[receipt.ID]bool)
	for id := pin.ID; pin.Version > 0 && !accepted[id]; {
		accepted[id] = true
		for _, f := range covenants {
			if f.ID == id && f.Receipt.Covenant != nil {
				id = f.Receipt.Covenant.Previous
				break
			}
		}
	}
	return accepted
}

// firstVersion is the covenant in the genesis; in a ledger whose genesis has
// none, the one that a person adopted here.
func firstVersion(genesis Folder, covenants []Folder, accepted map[receipt.ID]bool) *Version {
	if g := genesis.Receipt; g != nil && g.Genesis != nil && g.Genesis.Covenant != nil {
		return compile(genesis.ID, g.Genesis.Covenant, time.Time{})
	}
	for _, f := range covenants {
		if body := f.Receipt.Covenant; body != nil && body.Version == 1 && accepted[f.ID] {
			return compile(f.ID, body, time.Time{})
		}
	}
	return nil
}

func (c *Chain) add(v *Version) {
	c.Versions = append(c.Versions, v)
	for _, k := range v.keys {
		if !slices.ContainsFunc(c.keys, func(other *sign.Key) bool { return other.Text() == k.Text() }) {
			c.keys = append(c.keys, k)
		}
	}
	c.revocations = resolve(v.Covenant.Revocations, c.keys)
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
func (c *Chain) Revocations() []receipt.Revocation {
	var list []receipt.Revocation
	for _, r := range c.revocations {
		list = append(list, r.Revocation)
	}
	return list
}

// Keys are those of all covenants, of those that are out of force too.
func (c *Chain) Keys() sign.Ring { return slices.Clone(c.keys) }

// SameSecret are the other fingerprints under which the covenants have the secret of a
// key or subkey, sorted: who can sign by the one can sign by the others.
func (c *Chain) SameSecret(fingerprint string) []string {
	var same []string
	for _, r := range resolve([]receipt.Revocation{{Key: fingerprint}}, c.keys) {
		for _, k := range c.keys {
			for _, other := range k.Fingerprints() {
				if m, ok := k.Material(other); ok && other != fingerprint && slices.Contains(r.materials, m) {
					same = append(same, other)
				}
			}
		}
	}
	slices.Sort(same)
	return slices.Compact(same)
}

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
			if r.names(k, k.Fingerprint()) {
				h.Revoked = r.Reason
			}
		}
		list = append(list, h)
	}
	return list
}

// Owners are the principals of all covenants whose keys or subkeys have a
// fingerprint that begins so, by the whole fingerprint. Hex digits may be lower case.
func (c *Chain) Owners(prefix string) map[string]string {
	owners := make(map[string]string)
	for _, v := range c.Versions {
		for _, k := range v.keys {
			for _, f := range k.Fingerprints() {
				if strings.HasPrefix(f, prefix) || strings.HasPrefix(f, strings.ToUpper(prefix)) {
					owners[f] = v.people[k.Fingerprint()].name
				}
			}
		}
	}
	return owners
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
	revoked error // a receipt took their keys out of use, and nothing proves that they signed before; nil if not
	refuted bool  // it is even proven that they signed after it
}

// next is the version after the last one, nil where there is none or none can be
// told to be. Behind a contradiction only those follow that were accepted here.
func (c *Chain) next(covenants, revocations []Folder, accepted map[receipt.ID]bool, pin Pin, now time.Time) *Version {
	last := c.latest()
	signed := c.candidates(covenants, revocations, accepted, now)
	signed = c.putOff(signed, func(one candidate) bool {
		kept := slices.ContainsFunc(signed, func(s candidate) bool { return accepted[s.folder.ID] && s.revoked == nil })
		return one.revoked != nil && !accepted[one.folder.ID] && (kept || pin.Adopted && pin.ID == last.ID)
	})
	for _, one := range signed {
		c.findings[one.folder.ID] = one.finding
	}
	if len(signed) == 0 {
		return nil
	}
	chosen, err := choose(signed, accepted, pin.Adopted)
	if c.Err == nil {
		c.Err = err
	}
	if chosen == nil || c.Err != nil && !accepted[chosen.folder.ID] {
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

// candidates are the covenants that would follow on the last one and that enough have
// signed; the others wait. One that was accepted here before is none of the others.
func (c *Chain) candidates(covenants, revocations []Folder, accepted map[receipt.ID]bool, now time.Time) []candidate {
	last := c.latest()
	var signed []candidate
	var known []dated
	for _, f := range covenants {
		body := f.Receipt.Covenant
		if body == nil || body.Previous != last.ID || body.Version != last.Covenant.Version+1 {
			continue
		}
		finding := c.accepts(last, f, nil, now)
		if finding.Err != nil {
			c.wait(f, finding)
			continue
		}
		if known == nil {
			known = c.revokedBy(revocations, now)
		}
		signed = append(signed, c.contested(candidate{folder: f, finding: finding}, known, now))
	}
	return c.putOff(signed, func(one candidate) bool { return one.refuted && !accepted[one.folder.ID] })
}

// contested says what revocations by receipts make of a covenant. Whoever has lost a
// key, and said so, must not lose the ledger to who found it; and whom a covenant
// removed must not undo it by revoking the keys that signed it. So what is proven
// decides, and nothing does where that is not enough.
func (c *Chain) contested(one candidate, known []dated, now time.Time) candidate {
	since := one.finding.Since
	var before, unsure []receipt.Revocation
	for _, r := range known {
		switch {
		case r.since.IsZero() || since.IsZero() || r.since.Equal(since):
			unsure = append(unsure, *r.folder.Receipt.Revocation)
		case r.since.Before(since):
			before = append(before, *r.folder.Receipt.Revocation)
		}
	}
	again := c.accepts(c.latest(), one.folder, before, now)
	if one.refuted = again.Err != nil; !one.refuted {
		one.finding = again
		again = c.accepts(c.latest(), one.folder, append(before, unsure...), now)
	}
	one.revoked = again.Err
	return one
}

// putOff takes those candidates away that only wait.
func (c *Chain) putOff(signed []candidate, waits func(candidate) bool) []candidate {
	var rest []candidate
	for _, one := range signed {
		if !waits(one) {
			rest = append(rest, one)
			continue
		}
		one.finding.Err = one.revoked
		c.wait(one.folder, one.finding)
	}
	return rest
}

func (c *Chain) wait(f Folder, found Finding) {
	c.findings[f.ID] = found
	c.Waiting = append(c.Waiting, Waiting{f.ID, f.Receipt.Covenant.Version, found.Signers, found.Err})
}

// accepts judges a receipt by a version: its principals, its authorities, its
// revocations and further ones, at whatever time.
func (c *Chain) accepts(v *Version, f Folder, more []receipt.Revocation, now time.Time) Finding {
	j := examine(f, v.keys, v, now)
	return j.judge(func(time.Time) *Version { return v }, resolve(slices.Concat(v.Covenant.Revocations, more), c.keys))
}

// AtItsWord judges a receipt by a version of the covenant, whatever is in force by now, and
// what nothing dates at the time that the receipt says itself: as one did who was there.
// Of keys that were ever reported as compromised only that counts which is proven.
func (c *Chain) AtItsWord(v *Version, f Folder, now time.Time) Finding {
	if said := f.Receipt.RecordedAt.Time(); said.Before(now) {
		now = said
	}
	var compromised []receipt.Revocation
	for _, r := range c.revocations {
		if r.Reason == "compromised" {
			compromised = append(compromised, r.Revocation)
		}
	}
	return c.accepts(v, f, compromised, now)
}

// choose says which of several covenants with the same number is in force: the
// one that was accepted here before, else the one that is proven to be earliest.
// The fault is RivalCovenants (VM605).
func choose(signed []candidate, accepted map[receipt.ID]bool, adopted bool) (*candidate, error) {
	chosen, err := chooseSigned(signed, accepted, adopted)
	if chosen == nil || err != nil || chosen.revoked == nil {
		return chosen, err
	}
	if accepted[chosen.folder.ID] && (adopted || !chosen.refuted) {
		return chosen, nil
	}
	return chosen, fault.New(fault.RivalCovenants, "version %d of the covenant, %s, is signed by keys that were taken out of use, and nothing proves that it is older than that",
		chosen.folder.Receipt.Covenant.Version, chosen.folder.ID.Short()).Because(chosen.revoked)
}

func chooseSigned(signed []candidate, accepted map[receipt.ID]bool, adopted bool) (*candidate, error) {
	if len(signed) == 1 {
		return &signed[0], nil
	}
	first := earliest(signed)
	for i := range signed {
		if !accepted[signed[i].folder.ID] {
			continue
		}
		if first != nil && first != &signed[i] && !adopted {
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
