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

// judgement is one receipt under examination.
type judgement struct {
	receipt *receipt.Receipt
	now     time.Time
	made    []made // the signatures that their keys have made
	finding Finding
}

// made is a signature that its key has made.
type made struct {
	sign.Signature
	index  int // in the finding
	proven time.Time
	judged bool
}

// examine verifies every file of a folder by itself: signatures by the keys of
// ring, tokens by the authorities of a version, which may be nil.
func examine(f Folder, ring sign.Ring, authorities *Version, now time.Time) *judgement {
	j := &judgement{receipt: f.Receipt, now: now}
	j.finding.Tokens = stamps(f, authorities)
	for _, file := range f.Signatures {
		s := Signature{File: file.Name, Type: file.Type, Proven: j.provenTime(f, file.Name)}
		m, err := sign.Verify(file.Type, file.Data, f.Raw, ring)
		switch {
		case err == nil:
			s.By, s.Made = m.By, true
			j.made = append(j.made, made{m, len(j.finding.Signatures), s.Proven, false})
		default:
			s.By, s.Err = sign.Issuer(file.Type, file.Data), err
			s.Broken = !fault.Has(err, fault.UnknownSigner) && !fault.Has(err, fault.KeyExpired)
		}
		j.finding.Signatures = append(j.finding.Signatures, s)
	}
	return j
}

// provenTime is the earliest by which a file is proven to have been there: by a
// token over it, or a seal. It is zero where there is neither.
func (j *judgement) provenTime(f Folder, name string) time.Time {
	earliest := f.Sealed[name]
	for _, t := range j.finding.Tokens {
		if t.Err == nil && t.Over == name && (earliest.IsZero() || t.Time.Before(earliest)) {
			earliest = t.Time
		}
	}
	return earliest
}

// moments are the times to judge at: when each signature is proven to have been
// there, and now. What can be proven comes first, so that it is found.
func (j *judgement) moments() []time.Time {
	var all []time.Time
	for _, m := range j.made {
		if !m.proven.IsZero() {
			all = append(all, m.proven)
		}
	}
	slices.SortFunc(all, time.Time.Compare)
	return append(slices.CompactFunc(all, time.Time.Equal), j.now)
}

// judge tries the moments, with the version that was in force at each, until the
// signatures that were there are enough. What came later is judged by itself.
func (j *judgement) judge(inForce func(time.Time) *Version, revoked []revocation) Finding {
	for _, t := range j.moments() {
		if j.satisfies(inForce(t), revoked, t) {
			break
		}
	}
	for i := range j.made {
		if m := &j.made[i]; !m.judged {
			j.count(m, inForce(j.momentOf(m)), revoked)
		}
	}
	return j.finding
}

// momentOf is when a signature is judged: when it is proven to have been there,
// else now.
func (j *judgement) momentOf(m *made) time.Time {
	if m.proven.IsZero() {
		return j.now
	}
	return m.proven
}

// satisfies says whether the signatures that were there at a time are enough for
// a covenant, and writes what it finds into the finding.
func (j *judgement) satisfies(v *Version, revoked []revocation, t time.Time) bool {
	present := t.Equal(j.now)
	f := &j.finding
	f.Version, f.Signers, f.Since, f.Until = v.Covenant.Version, nil, time.Time{}, time.Time{}
	var who []*person
	proven := true
	for i := range j.made {
		m := &j.made[i]
		if m.proven.After(t) || m.proven.IsZero() && !present {
			continue
		}
		p := j.count(m, v, revoked)
		if p == nil {
			continue
		}
		who = append(who, p)
		if m.proven.IsZero() {
			proven = false
			f.Until = earlier(f.Until, m.validUntil(j.now, revoked))
		}
	}
	f.Signers = names(who)
	if f.Err = v.enough(j.receipt, who); f.Err != nil {
		f.Err = j.because(f.Err)
		return false
	}
	if proven && len(who) > 0 {
		f.Since = t
	}
	return true
}

// count is the person for whom a signature counts in a version, nil if it does
// not; it writes into the finding which, or why.
func (j *judgement) count(m *made, v *Version, revoked []revocation) *person {
	m.judged = true
	s := &j.finding.Signatures[m.index]
	h, ok := v.people[m.Key.Fingerprint()]
	if !ok {
		s.Principal, s.Err = "", m.unknownIn(v, revoked)
		return nil
	}
	s.Principal, m.Key = h.name, h.key
	if s.Err = m.validAt(j.momentOf(m), revoked); s.Err != nil {
		return nil
	}
	return h.person
}

// earlier is the earlier of two times, where zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// validAt says whether a signature counts when judged at a time: by its key's own
// words, and by the revocations of others.
func (m made) validAt(at time.Time, revoked []revocation) error {
	if err := m.Signature.ValidAt(at); err != nil {
		return err
	}
	for _, r := range revoked {
		if !r.names(m.Key, m.By) {
			continue
		}
		if r.Reason == "compromised" && m.proven.IsZero() {
			return fault.New(fault.KeyRevoked, "the key %s was compromised on %s, and nothing proves that the signature is older", m.By, r.At)
		}
		if !at.Before(r.At.Time()) {
			return fault.New(fault.KeyRevoked, "the key %s was taken out of use on %s: %s", m.By, r.At, r.Reason)
		}
	}
	return nil
}

// unknownIn says why a key is nobody's in a version: it was revoked, which took it
// from its owner, or was never anybody's.
func (m made) unknownIn(v *Version, revoked []revocation) error {
	for _, r := range revoked {
		if r.names(m.Key, m.By) {
			return fault.New(fault.KeyRevoked, "the key %s was taken out of use on %s: %s", m.By, r.At, r.Reason)
		}
	}
	return fault.New(fault.UnknownSigner, "the key %s is nobody's in version %d of the covenant", m.By, v.Covenant.Version).With("key", m.By)
}

// validUntil is when a signature that nothing dates ceases to count, zero for never.
func (m made) validUntil(now time.Time, revoked []revocation) time.Time {
	until := m.Signature.ValidUntil(now)
	for _, r := range revoked {
		if r.names(m.Key, m.By) {
			until = earlier(until, r.At.Time())
		}
	}
	return until
}

// because adds to the fault of too few signers why others do not count. Where
// there is one signature, its own fault says more.
func (j *judgement) because(err error) error {
	var reasons []error
	for _, s := range j.finding.Signatures {
		if s.Err != nil {
			reasons = append(reasons, s.Err)
		}
	}
	if len(reasons) == 1 && len(j.finding.Signatures) == 1 {
		return reasons[0]
	}
	if len(reasons) == 0 {
		return err
	}
	var words []string
	for _, r := range reasons {
		words = append(words, fault.From(r).Message)
	}
	return fault.From(err).Because(fmt.Errorf("%s", strings.Join(words, "; ")))
}
