package sign

import (
	"bytes"
	"crypto"
	"fmt"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// Namespace is that of every SSH signature here (PROTOCOL.sshsig): one that
// was made for git or for a file is not one over a receipt.
const Namespace = "vaultmesh"

// MaxSize is the most bytes that a signature may have.
const MaxSize = 64 << 10

// strict are the rules for OpenPGP: no SHA-1, no short RSA keys, no weak curves.
var strict = &packet.Config{MinRSABits: minRSA}

// Ring are keys that may have made a signature.
type Ring []*Key

// Signature is one that its key has made over the message.
type Signature struct {
	Key     *Key
	By      string    // fingerprint of the key or subkey that made it
	Claimed time.Time // when it says it was made: a claim; zero for SSH
	expires time.Time // when it says it ends; zero for never
}

// ValidAt says whether the signature counts at a time, by its key's own words
// and its own: KeyExpired (VM304), KeyRevoked (VM305), WeakSignature (VM306).
func (s Signature) ValidAt(t time.Time) error {
	if !s.expires.IsZero() && !t.Before(s.expires) {
		return fault.New(fault.KeyExpired, "the signature itself says that it ended on %s", date(s.expires))
	}
	return s.Key.ValidAt(s.By, t)
}

// ValidUntil is when a signature that counts now ceases to, by its key's own words
// and its own; zero for never.
func (s Signature) ValidUntil(now time.Time) time.Time {
	until := s.Key.validUntil(s.By, now)
	if until.IsZero() || !s.expires.IsZero() && s.expires.Before(until) {
		return s.expires
	}
	return until
}

// Verify says which key of the ring made a stored signature over a message.
// Whether that key could sign at the time is not looked at.
//
// The faults are BadSpelling (VM310) when the bytes are not the one spelling in
// which signatures of that kind are stored, WrongNamespace (VM311), UnknownSigner
// (VM303), WeakSignature (VM306), and BadSignature (VM302) when it is one over
// something else.
func Verify(kind string, signature, message []byte, ring Ring) (Signature, error) {
	return verifyIn(Namespace, kind, signature, message, ring)
}

// VerifyGit is [Verify] for a signature that git made, over a tag or a commit: one by
// SSH is in git's own namespace, and so never one over a receipt.
func VerifyGit(kind string, signature, message []byte, ring Ring) (Signature, error) {
	return verifyIn("git", kind, signature, message, ring)
}

func verifyIn(namespace, kind string, signature, message []byte, ring Ring) (Signature, error) {
	switch kind {
	case SSH:
		return verifySSH(namespace, signature, message, ring)
	case OpenPGP:
		return verifyOpenPGP(signature, message, ring)
	}
	return Signature{}, fault.New(fault.BadSpelling, "%.20q is no type of signature", kind)
}

func verifySSH(namespace string, signature, message []byte, ring Ring) (Signature, error) {
	if namespace == Namespace {
		if s, ok := ring.usual(signature, message); ok {
			return s, nil
		}
	}
	return verifyAnySSH(namespace, signature, message, ring)
}

// verifyAnySSH takes a signature apart, and says what is wrong with one that does not hold.
func verifyAnySSH(namespace string, signature, message []byte, ring Ring) (Signature, error) {
	s, err := parseSSHSIG(signature)
	if err != nil {
		return Signature{}, err
	}
	if s.Namespace != namespace {
		return Signature{}, fault.New(fault.WrongNamespace, "the signature was made for %.40q, not for %s", s.Namespace, namespace)
	}
	by := ssh.FingerprintSHA256(s.PublicKey)
	key := ring.find(func(k *Key) bool { return k.kind == SSH && k.fingerprint == by })
	if key == nil {
		return Signature{}, unknownSigner(by)
	}
	if err := sshsig.Verify(bytes.NewReader(message), s, key.ssh, s.HashAlgorithm, namespace); err != nil {
		return Signature{}, mismatch(by, err)
	}
	return Signature{Key: key, By: by}, nil
}

func (r Ring) find(is func(*Key) bool) *Key {
	for _, k := range r {
		if is(k) {
			return k
		}
	}
	return nil
}

func unknownSigner(by string) error {
	return fault.New(fault.UnknownSigner, "the signature is by the key %s, which nobody vouches for", by).With("key", by)
}

func mismatch(by string, err error) error {
	return fault.New(fault.BadSignature, "the signature by %s is not one over these bytes", by).Because(fmt.Errorf("%v", err))
}

// parseSSHSIG reads a signature in the armor of ssh-keygen, and in no other.
func parseSSHSIG(signature []byte) (*sshsig.Signature, error) {
	bad := fault.New(fault.BadSpelling, "this is not an SSH signature as ssh-keygen writes it")
	if len(signature) > MaxSize {
		return nil, bad
	}
	s, err := sshsig.Unarmor(signature)
	if err != nil {
		return nil, bad.Because(fmt.Errorf("%v", err))
	}
	if !bytes.Equal(armorSSHSIG(s.Marshal()), signature) {
		return nil, bad.Because(fmt.Errorf("something stands around it, or it is written otherwise"))
	}
	if len(s.Signature.Rest) != trailing(s.Signature.Format) {
		return nil, bad.Because(fmt.Errorf("something stands behind the signature in it"))
	}
	return s, nil
}

// trailing is how many bytes stand behind a signature: the flags and counter of a
// security key (OpenSSH, PROTOCOL.u2f), and none otherwise.
func trailing(format string) int {
	if format == ssh.KeyAlgoSKED25519 || format == ssh.KeyAlgoSKECDSA256 {
		return 1 + 4
	}
	return 0
}

func verifyOpenPGP(signature, message []byte, ring Ring) (Signature, error) {
	s, err := parseOpenPGP(signature)
	if err != nil {
		return Signature{}, err
	}
	var first error
	for _, k := range ring {
		for _, public := range k.makers {
			if !s.CheckKeyIdOrFingerprint(public) {
				continue
			}
			if err := fit(s); err != nil {
				return Signature{}, err
			}
			// What a signature says of its key is a claim, and an id of 64 bits can
			// be made to fit: one key that did not make it hides no other that did.
			err := made(public, s, message)
			if err == nil {
				return Signature{Key: k, By: upperHex(public.Fingerprint), Claimed: s.CreationTime, expires: expiry(s)}, nil
			}
			if first == nil {
				first = err
			}
		}
	}
	if first == nil {
		first = unknownSigner(issuerOf(s))
	}
	return Signature{}, first
}

// expiry is when a signature ends by its own word, zero for never.
func expiry(s *packet.Signature) time.Time {
	for _, t := range ends(s.CreationTime, s.SigLifetimeSecs) {
		return t
	}
	return time.Time{}
}

// parseOpenPGP reads one signature packet, and nothing before or behind it.
func parseOpenPGP(signature []byte) (*packet.Signature, error) {
	bad := fault.New(fault.BadSpelling, "this is not one binary OpenPGP signature packet")
	if len(signature) > MaxSize {
		return nil, bad
	}
	r := bytes.NewReader(signature)
	p, err := packet.Read(r)
	if err != nil {
		return nil, bad.Because(fmt.Errorf("%v", err))
	}
	s, ok := p.(*packet.Signature)
	if !ok {
		return nil, bad
	}
	if r.Len() > 0 || !definite(signature) {
		return nil, bad.Because(fmt.Errorf("something stands behind it, or it comes in parts"))
	}
	return s, nil
}

// definite tells whether a packet's header says how long all of it is (RFC
// 9580 section 4.2): lengths in parts and unknown ones would leave room behind.
func definite(b []byte) bool {
	length, start := 0, 0
	switch {
	case len(b) < 2:
		return false
	case b[0]&0x40 == 0: // the old format
		size := []int{1, 2, 4, 0}[b[0]&3]
		if size == 0 || len(b) < 1+size {
			return false
		}
		for _, octet := range b[1 : 1+size] {
			length = length<<8 | int(octet)
		}
		start = 1 + size
	case b[1] < 192:
		length, start = int(b[1]), 2
	case b[1] < 224 && len(b) > 2:
		length, start = int(b[1]-192)<<8+int(b[2])+192, 3
	case b[1] == 255 && len(b) > 5:
		length, start = int(b[2])<<24|int(b[3])<<16|int(b[4])<<8|int(b[5]), 6
	default:
		return false
	}
	return start+length == len(b)
}

// weak are the digests that nobody may sign with any more.
var weak = map[crypto.Hash]bool{crypto.MD5: true, crypto.SHA1: true, crypto.RIPEMD160: true}

// fit says whether a signature is of the kind that counts: over binary data,
// by a strong digest, and without critical words that mean nothing here.
func fit(s *packet.Signature) error {
	if s.SigType != packet.SigTypeBinary {
		return fault.New(fault.WeakSignature, "the signature is not one over binary data, but of type 0x%02x", int(s.SigType))
	}
	if weak[s.Hash] {
		return fault.New(fault.WeakSignature, "the signature is over a %s digest, which can be forged", s.Hash)
	}
	for _, n := range s.Notations {
		if n.IsCritical {
			return fault.New(fault.WeakSignature, "the signature has a critical notation that means nothing here: %.80q", n.Name)
		}
	}
	return nil
}

// made says whether a key made a signature over a message.
func made(public *packet.PublicKey, s *packet.Signature, message []byte) error {
	by := upperHex(public.Fingerprint)
	if s.CreationTime.Unix() < public.CreationTime.Unix() {
		return fault.New(fault.KeyExpired, "the signature says it is older than its key, %s", by)
	}
	h, err := s.PrepareVerify()
	if err != nil {
		return mismatch(by, err)
	}
	h.Write(message)
	if err := public.VerifySignature(h, s); err != nil {
		return mismatch(by, err)
	}
	return nil
}
