package sign

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"time"

	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// secret tells whether there is a secret key or subkey among packets, also in
// what else would be passed over (RFC 9580 sections 5.5.1.3 and 5.5.1.4).
func secret(b []byte) bool {
	const secretKey, secretSubkey = 5, 7
	r := packet.NewOpaqueReader(bytes.NewReader(b))
	for {
		p, err := r.Next()
		if unknown := pgperrors.UnsupportedError(""); err != nil && !errors.As(err, &unknown) {
			return !errors.Is(err, io.EOF)
		}
		if p != nil && (p.Tag == secretKey || p.Tag == secretSubkey) {
			return true
		}
	}
}

// settle verifies the signatures that a key has made over itself, and does so
// as of no time. The library would do it when it is first asked, as of the time
// that it is asked about, and never again: one question would change the answer
// to the next. Nothing writes to the entity after that.
func settle(e *openpgp.Entity) {
	primary := e.PrimaryKey
	for _, id := range e.Identities {
		for _, s := range slices.Concat(id.SelfCertifications, id.Revocations) {
			hold(s, primary.VerifyUserIdSignature(id.Name, primary, s.Packet))
		}
	}
	for _, s := range e.DirectSignatures {
		hold(s, primary.VerifyDirectKeySignature(s.Packet))
	}
	for _, s := range e.Revocations {
		hold(s, primary.VerifyRevocationSignature(s.Packet))
	}
	for _, sub := range e.Subkeys {
		for _, s := range sub.Bindings {
			hold(s, primary.VerifyKeySignature(sub.PublicKey, s.Packet))
		}
		for _, s := range sub.Revocations {
			hold(s, primary.VerifySubkeyRevocationSignature(s.Packet, sub.PublicKey))
		}
	}
}

// hold notes whether a signature of a key over itself holds. One with a critical
// notation that nobody knows does not (RFC 9580 section 5.2.3.24), unless it
// takes something away.
func hold(s *packet.VerifiableSignature, err error) {
	revokes := s.Packet.SigType == packet.SigTypeKeyRevocation || s.Packet.SigType == packet.SigTypeSubkeyRevocation || s.Packet.SigType == packet.SigTypeCertificationRevocation
	critical := slices.ContainsFunc(s.Packet.Notations, func(n *packet.Notation) bool { return n.IsCritical })
	valid := err == nil && (revokes || !critical)
	s.Valid = &valid
}

// makers are the primary key and the subkeys that can sign: each of these has
// said so itself (RFC 9580 section 5.2.1.8, type 0x19). Without that a key could
// claim that of another for its own.
func makers(e *openpgp.Entity) []*packet.PublicKey {
	all := []*packet.PublicKey{e.PrimaryKey}
	for _, sub := range e.Subkeys {
		if slices.ContainsFunc(sub.Bindings, func(s *packet.VerifiableSignature) bool { return *s.Valid && s.Packet.FlagSign }) {
			all = append(all, sub.PublicKey)
		}
	}
	return all
}

// identityAt is the identity whose certification speaks for the key at a time:
// one that is marked as primary, then the latest, then the first by name. The
// library leaves the last to chance, and with it when a key expires.
func identityAt(e *openpgp.Entity, at time.Time) *openpgp.Identity {
	var best *openpgp.Identity
	var word *packet.Signature
	for _, id := range e.Identities {
		s, err := id.Verify(at, strict)
		if err == nil && (best == nil || preferred(id, s, best, word)) {
			best, word = id, s
		}
	}
	return best
}

func preferred(a *openpgp.Identity, s *packet.Signature, b *openpgp.Identity, t *packet.Signature) bool {
	primary := func(s *packet.Signature) bool { return s.IsPrimaryId != nil && *s.IsPrimaryId }
	switch {
	case primary(s) != primary(t):
		return primary(s)
	case !s.CreationTime.Equal(t.CreationTime):
		return s.CreationTime.After(t.CreationTime)
	}
	return a.Name < b.Name
}

// entityAt is the key with the one identity that speaks for it at a time.
func entityAt(e *openpgp.Entity, at time.Time) *openpgp.Entity {
	one := *e
	if id := identityAt(e, at); id != nil {
		one.Identities = map[string]*openpgp.Identity{id.Name: id}
	}
	return &one
}

// turns are the moments at which what a key says of itself begins or ends, sorted.
func turns(e *openpgp.Entity) []time.Time {
	var all []time.Time
	add := func(p *packet.PublicKey, list ...*packet.VerifiableSignature) {
		for _, s := range list {
			all = append(all, s.Packet.CreationTime)
			all = append(all, ends(s.Packet.CreationTime, s.Packet.SigLifetimeSecs)...)
			all = append(all, ends(p.CreationTime, s.Packet.KeyLifetimeSecs)...)
			if cross := s.Packet.EmbeddedSignature; cross != nil {
				all = append(all, ends(cross.CreationTime, cross.SigLifetimeSecs)...)
			}
		}
	}
	for _, id := range e.Identities {
		add(e.PrimaryKey, id.SelfCertifications...)
		add(e.PrimaryKey, id.Revocations...)
	}
	add(e.PrimaryKey, e.DirectSignatures...)
	add(e.PrimaryKey, e.Revocations...)
	for _, s := range e.Subkeys {
		add(s.PublicKey, s.Bindings...)
		add(s.PublicKey, s.Revocations...)
	}
	slices.SortFunc(all, time.Time.Compare)
	return all
}

// ends is when something ends that lasts so many seconds, if it does.
func ends(from time.Time, seconds *uint32) []time.Time {
	if seconds == nil || *seconds == 0 {
		return nil
	}
	return []time.Time{from.Add(time.Duration(*seconds) * time.Second)}
}
