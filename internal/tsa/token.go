package tsa

import (
	"bytes"
	"math/big"
	"time"

	"golang.org/x/crypto/cryptobyte"
	tag "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// MaxSize is how large a token may be, in bytes.
const MaxSize = 64 << 10

// granted is the PKIStatusInfo of every token that is kept: status granted(0),
// no text, no failure.
var granted = []byte{0x30, 0x03, 0x02, 0x01, 0x00}

// Token is a time-stamp as it is kept. Its fields are claims until
// [Token.Verify] returned nil. It is not changed after it was made, and is safe
// for concurrent use.
type Token struct {
	Time     time.Time     // genTime, UTC
	Accuracy time.Duration // how far Time may be off; 0 where nothing is said
	Imprint  [32]byte      // the SHA-256 that was stamped
	Serial   *big.Int      // the number of the token
	Policy   string        // under which it was issued, dotted
	Nonce    *big.Int      // of the request, or nil

	Issuer            string   // of the signer's certificate, as RFC 2253 writes it
	CertificateSerial *big.Int // of the signer's certificate

	raw    []byte // the whole, as it is kept
	signed signedData
	info   tstInfo
}

// Parse reads a token as it is kept: at most [MaxSize] bytes, in the one
// spelling. It verifies nothing. Its faults are BadToken (VM401) and, where a
// hash other than SHA-256 was stamped, BadAlgorithm (VM406).
func Parse(b []byte) (*Token, error) {
	token, err := unwrap(b)
	if err != nil {
		return nil, err
	}
	t := &Token{raw: bytes.Clone(b)}
	if err := t.signed.read(token); err != nil {
		return nil, err
	}
	if t.signed.unsigned {
		return nil, malformed("the token has revocation lists or attributes that are not signed")
	}
	if err := t.info.read(t.signed.content); err != nil {
		return nil, err
	}
	return t, t.claim()
}

// Bytes is the token as it is kept.
func (t *Token) Bytes() []byte { return bytes.Clone(t.raw) }

// unwrap returns the TimeStampToken in a response of the one spelling.
func unwrap(b []byte) ([]byte, error) {
	if len(b) > MaxSize {
		return nil, malformed("it has %d bytes, and %d are the most", len(b), MaxSize)
	}
	if err := checkDER(b, 0); err != nil {
		return nil, malformed("it is not DER")
	}
	s := cryptobyte.String(b)
	var in cryptobyte.String
	if !s.ReadASN1(&in, tag.SEQUENCE) || !s.Empty() {
		return nil, malformed("it is not one response")
	}
	token, ok := bytes.CutPrefix(in, granted)
	if !ok {
		return nil, malformed("its status is not granted, or has words")
	}
	return token, nil
}

func (t *Token) claim() error {
	issuer, err := nameText(t.signed.issuer)
	if err != nil {
		return malformed("the issuer of the signer's certificate cannot be read")
	}
	t.Issuer, t.CertificateSerial = issuer, t.signed.serial
	t.Time, t.Accuracy, t.Imprint = t.info.time, t.info.accuracy, t.info.imprint
	t.Serial, t.Policy, t.Nonce = t.info.serial, t.info.policy.String(), t.info.nonce
	return nil
}

func malformed(format string, args ...any) *fault.Error {
	return fault.New(fault.BadToken, "no time-stamp token: "+format, args...)
}
