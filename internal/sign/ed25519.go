package sign

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha512"
	"errors"
	"sync"
	"sync/atomic"

	"filippo.io/edwards25519"
	"golang.org/x/crypto/ssh"
)

// How many signatures of a key are verified before tables pay: to make the first ones
// takes as long as some sixty of them, most of it for the one that all keys share, and to
// make a wider one as long as a hundred.
const (
	often     = 256
	veryOften = 2048
)

// ed25519Key is an SSH key of Ed25519 that verifies in half the time once it is asked
// often. It says what crypto/ed25519 says, of every signature: the equation is the same,
// without cofactor (RFC 8032 section 5.1.7), and the encodings of R are compared.
type ed25519Key struct {
	ssh.PublicKey
	point  []byte // the encoded public key, 32 bytes
	usual  []byte // what its signatures begin with
	asked  atomic.Int32
	narrow func() *multiples // of −A, nil if it is no point
	wide   func() *multiples
}

func newEd25519Key(public ssh.PublicKey, point []byte) *ed25519Key {
	table := func(width int) func() *multiples {
		return sync.OnceValue(func() *multiples {
			a, err := new(edwards25519.Point).SetBytes(point)
			if err != nil {
				return nil
			}
			return multiplesOf(a.Negate(a), width)
		})
	}
	return &ed25519Key{PublicKey: public, point: point, usual: usualSSH(public), narrow: table(narrowWidth), wide: table(wideWidth)}
}

// table is the one that pays by now, nil for none.
func (k *ed25519Key) table() *multiples {
	switch asked := k.asked.Load(); {
	case asked < often:
		k.asked.Add(1)
		return nil
	case asked < veryOften:
		k.asked.Add(1)
		return k.narrow()
	}
	return k.wide()
}

// Verify implements [ssh.PublicKey].
func (k *ed25519Key) Verify(message []byte, signature *ssh.Signature) error {
	table := k.table()
	if table == nil || signature.Format != ssh.KeyAlgoED25519 || len(signature.Blob) != ed25519.SignatureSize {
		return k.PublicKey.Verify(message, signature)
	}
	if !verifyByTable(table, k.point, message, signature.Blob) {
		return errors.New("ssh: signature did not verify")
	}
	return nil
}

// verifyByTable says whether R = [S]B − [k]A, where k is the digest of R, A and the
// message (RFC 8032 section 5.1.7).
func verifyByTable(minusA *multiples, a, message, signature []byte) bool {
	r, s := signature[:32], signature[32:]
	if _, err := new(edwards25519.Scalar).SetCanonicalBytes(s); err != nil {
		return false
	}
	h := sha512.New()
	h.Write(r)
	h.Write(a)
	h.Write(message)
	k, err := new(edwards25519.Scalar).SetUniformBytes(h.Sum(nil))
	if err != nil {
		return false
	}
	sum := edwards25519.NewIdentityPoint()
	minusA.add(sum, k.Bytes())
	baseMultiples().add(sum, s)
	return bytes.Equal(sum.Bytes(), r)
}

// multiples are j·2^(width·i)·P for each digit j > 0 at each place i of a scalar whose
// digits have that many bits, so that to multiply P is to add. What is public alone is
// multiplied by it: the time it takes tells the scalar.
type multiples struct {
	width  int // divides 8
	places [][]edwards25519.Point
}

// The widths of digits: wider ones are fewer, and need more memory.
const (
	narrowWidth = 4 // 150 KB, of each key that is asked often
	wideWidth   = 8 // 1.3 MB, of each that is asked very often, and once of the base point
)

var baseMultiples = sync.OnceValue(func() *multiples { return multiplesOf(edwards25519.NewGeneratorPoint(), wideWidth) })

func multiplesOf(p *edwards25519.Point, width int) *multiples {
	m := &multiples{width, make([][]edwards25519.Point, 256/width)}
	unit := new(edwards25519.Point).Set(p)
	for i := range m.places {
		digits := make([]edwards25519.Point, 1<<width-1)
		digits[0].Set(unit)
		for j := 1; j < len(digits); j++ {
			digits[j].Add(&digits[j-1], unit)
		}
		unit.Add(&digits[len(digits)-1], unit)
		m.places[i] = digits
	}
	return m
}

// add adds [scalar]P to sum; the scalar is 32 bytes, the lowest first.
func (m *multiples) add(sum *edwards25519.Point, scalar []byte) {
	perByte := 8 / m.width
	for i, digits := range m.places {
		digit := int(scalar[i/perByte]) >> (i % perByte * m.width) & len(digits)
		if digit > 0 {
			sum.Add(sum, &digits[digit-1])
		}
	}
}
