package receipt

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// Digest is a SHA-256. Its text is exactly 64 lower-case hex digits.
type Digest [sha256.Size]byte

// ID is the identity of a receipt: the SHA-256 of its canonical bytes.
type ID = Digest

// Sum is the SHA-256 of b.
func Sum(b []byte) Digest { return sha256.Sum256(b) }

// ParseDigest reads 64 lower-case hex digits. Anything else, upper case
// included, is a fault BadDigest (VM108).
func ParseDigest(s string) (Digest, error) {
	var d Digest
	err := d.UnmarshalText([]byte(s))
	return d, err
}

// String is the digest in lower-case hex.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// Short is the first 10 hex digits, for people.
func (d Digest) Short() string { return d.String()[:10] }

// IsZero tells whether d is the zero value, which stands for "none".
func (d Digest) IsZero() bool { return d == Digest{} }

// Compare orders digests bytewise, which is also the order of their hex.
func (d Digest) Compare(other Digest) int { return bytes.Compare(d[:], other[:]) }

// MarshalText implements encoding.TextMarshaler.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler, as strictly as [ParseDigest].
func (d *Digest) UnmarshalText(text []byte) error {
	if len(text) != 2*len(d) || bytes.ContainsAny(text, "ABCDEF") {
		return notADigest(text)
	}
	if _, err := hex.Decode(d[:], text); err != nil {
		*d = Digest{}
		return notADigest(text)
	}
	return nil
}

func notADigest(text []byte) error {
	const most = 80
	if len(text) > most {
		text = append(text[:most:most], "…"...)
	}
	return fault.New(fault.BadDigest, "%q is not a SHA-256 of 64 lower-case hex digits", text)
}

// Object names a git object together with its hash algorithm, so that a
// receipt still says which algorithm it meant when a repository has changed
// its own: "sha1:" and 40, or "sha256:" and 64 lower-case hex digits.
type Object string

// Valid tells whether o has the form above.
func (o Object) Valid() bool {
	algorithm, digits, _ := strings.Cut(string(o), ":")
	length := map[string]int{"sha1": 40, "sha256": 64}[algorithm]
	return length > 0 && len(digits) == length && strings.Trim(digits, "0123456789abcdef") == ""
}

// Hex is the object's name as git writes it, without the algorithm.
func (o Object) Hex() string {
	_, digits, _ := strings.Cut(string(o), ":")
	return digits
}
