package sign

import (
	"bytes"
	"crypto"
	stdecdsa "crypto/ecdsa"
	stded25519 "crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"math/big"
	"slices"

	"github.com/ProtonMail/go-crypto/openpgp/ecdsa"
	"github.com/ProtonMail/go-crypto/openpgp/ed25519"
	"github.com/ProtonMail/go-crypto/openpgp/eddsa"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"golang.org/x/crypto/ssh"
)

// sshMaterial is the digest of a key in the wire format of SSH (RFC 4253
// section 6.6), to which those of OpenPGP are brought. A security key is the key
// within, whatever application it is for, and an RSA key its modulus: whoever has
// the secret of one can sign for the other.
func sshMaterial(public ssh.PublicKey) [sha256.Size]byte {
	wire := public.Marshal()
	var curve struct {
		Name, Curve string
		Point       []byte
		Rest        []byte `ssh:"rest"`
	}
	var modulus struct {
		Name string
		E, N *big.Int
	}
	switch public.Type() {
	case ssh.KeyAlgoSKED25519:
		if point, ok := sshPoint(public); ok {
			wire = ssh.Marshal(struct {
				Name  string
				Point []byte
			}{ssh.KeyAlgoED25519, point})
		}
	case ssh.KeyAlgoSKECDSA256:
		if ssh.Unmarshal(wire, &curve) == nil {
			wire = ssh.Marshal(struct {
				Name, Curve string
				Point       []byte
			}{ssh.KeyAlgoECDSA256, curve.Curve, curve.Point})
		}
	case ssh.KeyAlgoRSA:
		if ssh.Unmarshal(wire, &modulus) == nil {
			wire = ssh.Marshal(struct {
				Name string
				N    *big.Int
			}{ssh.KeyAlgoRSA, modulus.N})
		}
	}
	return sha256.Sum256(wire)
}

// openpgpMaterial is that of an OpenPGP key: of its numbers, not of when it was made.
func openpgpMaterial(p *packet.PublicKey) [sha256.Size]byte {
	if public, err := ssh.NewPublicKey(standardKey(p)); err == nil {
		return sshMaterial(public)
	}
	if numbers, ok := openpgpNumbers(p); ok {
		return sha256.Sum256(numbers)
	}
	return sha256.Sum256(p.Fingerprint)
}

// openpgpNumbers is the body of a public key packet less its version and its time
// (RFC 9580 section 5.5.2).
func openpgpNumbers(p *packet.PublicKey) ([]byte, bool) {
	const algorithm, version6 = 5, 6 // where the algorithm stands; behind it version 6 has a length
	var b bytes.Buffer
	if p.Serialize(&b) != nil {
		return nil, false
	}
	body, err := packet.NewOpaqueReader(&b).Next()
	if err != nil || len(body.Contents) < algorithm+5 {
		return nil, false
	}
	numbers := body.Contents[algorithm+1:]
	if body.Contents[0] == version6 {
		numbers = numbers[4:]
	}
	return slices.Concat([]byte{body.Contents[algorithm]}, numbers), true
}

// standardKey is an OpenPGP key in the form of the standard library, nil where
// that has none.
func standardKey(p *packet.PublicKey) crypto.PublicKey {
	switch k := p.PublicKey.(type) {
	case *rsa.PublicKey:
		return k
	case *eddsa.PublicKey: // RFC 9580 section 9.2.1: a point with the prefix 0x40
		if point, ok := bytes.CutPrefix(k.MarshalPoint(), []byte{0x40}); ok && len(point) == stded25519.PublicKeySize {
			return stded25519.PublicKey(point)
		}
	case *ed25519.PublicKey:
		return stded25519.PublicKey(k.Point)
	case *ecdsa.PublicKey:
		curves := map[int]elliptic.Curve{65: elliptic.P256(), 97: elliptic.P384(), 133: elliptic.P521()}
		point := k.MarshalPoint()
		if curve := curves[len(point)]; curve != nil {
			if public, err := stdecdsa.ParseUncompressedPublicKey(curve, point); err == nil {
				return public
			}
		}
	}
	return nil
}

// sshPoint is the point of an Ed25519 key, also of one in a security key; false for others.
func sshPoint(public ssh.PublicKey) ([]byte, bool) {
	var key struct {
		Name  string
		Point []byte
		Rest  []byte `ssh:"rest"`
	}
	if t := public.Type(); t != ssh.KeyAlgoED25519 && t != ssh.KeyAlgoSKED25519 || ssh.Unmarshal(public.Marshal(), &key) != nil {
		return nil, false
	}
	return key.Point, true
}

// smallOrders are the points of Curve25519 whose order divides 8, in every encoding
// that is read, without the bit of the sign.
var smallOrders = []string{
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
}

// smallOrder tells whether a point is no key of anybody: with one of small order, a
// signature that everybody can write down is one over most or all messages, those
// of later too, so that a token over it proves nothing.
func smallOrder(point []byte) bool {
	if len(point) != stded25519.PublicKeySize {
		return false
	}
	unsigned := bytes.Clone(point)
	unsigned[len(unsigned)-1] &= 0x7F
	return slices.Contains(smallOrders, hex.EncodeToString(unsigned))
}

func anybodys() error { return badKey("it is a point of small order, for which anybody can sign") }
