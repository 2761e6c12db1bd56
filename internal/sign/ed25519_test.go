package sign

import (
	"crypto/ed25519"
	"crypto/sha512"
	"encoding/hex"
	"math/big"
	"slices"
	"sync"
	"testing"

	"filippo.io/edwards25519"
	"golang.org/x/crypto/ssh"
	"pgregory.net/rapid"
)

// TestTableSaysWhatTheStandardSays: whatever signature, whatever key, a table gives the
// verdict of crypto/ed25519.
func TestTableSaysWhatTheStandardSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		private := ed25519.NewKeyFromSeed(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "seed"))
		message := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "message")
		signature := ed25519.Sign(private, message)
		public := []byte(private.Public().(ed25519.PublicKey))
		for name, b := range map[string][]byte{"signature": signature, "key": public, "message": message} {
			if len(b) > 0 && rapid.IntRange(0, 3).Draw(t, "change "+name) == 0 {
				b[rapid.IntRange(0, len(b)-1).Draw(t, "where")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
			}
		}
		sameVerdict(t, public, message, signature)
	})
}

// order is that of the prime-order group, L (RFC 8032 section 5.1).
var order, _ = new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)

// TestTableOnTheEdges tries what verifiers of Ed25519 differ in: an S that is not reduced,
// an R in an encoding that is not the canonical one, and keys and R with a part of small
// order, by which the equation holds only where it is multiplied by the cofactor.
func TestTableOnTheEdges(t *testing.T) {
	_, private, _ := ed25519.GenerateKey(nil)
	message := []byte("what was shipped")
	good := ed25519.Sign(private, message)

	unreduced := slices.Clone(good)
	copy(unreduced[32:], littleEndian(new(big.Int).Add(bigInt(good[32:]), order)))
	sameVerdict(t, private.Public().(ed25519.PublicKey), message, unreduced)

	verdicts := map[bool]int{}
	for _, point := range smallOrders {
		torsion, err := hex.DecodeString(point)
		if err != nil {
			t.Fatal(err)
		}
		for _, sign := range []byte{0, 0x80} {
			torsion[31] ^= sign
			sameVerdict(t, torsion, message, append(slices.Clone(torsion), make([]byte, 32)...))
			part, err := new(edwards25519.Point).SetBytes(torsion)
			if err != nil {
				continue
			}
			for range 16 { // the verdict hangs on the digest modulo the order of the part
				message = append(message, '.')
				a, b := mixed(t, part, edwards25519.NewIdentityPoint(), message)
				verdicts[sameVerdict(t, a, message, b)]++
				a, b = mixed(t, edwards25519.NewIdentityPoint(), part, message)
				verdicts[sameVerdict(t, a, message, b)]++
				a, b = mixed(t, part, part, message)
				verdicts[sameVerdict(t, a, message, b)]++
			}
		}
	}
	if verdicts[true] == 0 || verdicts[false] == 0 {
		t.Errorf("the edges are no edges: %v", verdicts)
	}
}

// mixed makes a key and a signature that are right but for a part that is added to the
// key and one that is added to R.
func mixed(t *testing.T, toKey, toR *edwards25519.Point, message []byte) (public, signature []byte) {
	t.Helper()
	scalar := func(name string) *edwards25519.Scalar {
		wide := sha512.Sum512(append([]byte(name), message...))
		s, err := new(edwards25519.Scalar).SetUniformBytes(wide[:])
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	secret, nonce := scalar("secret"), scalar("nonce")
	key := new(edwards25519.Point).ScalarBaseMult(secret)
	public = key.Add(key, toKey).Bytes()
	r := new(edwards25519.Point).ScalarBaseMult(nonce)
	signature = r.Add(r, toR).Bytes()
	wide := sha512.Sum512(slices.Concat(signature, public, message))
	k, err := new(edwards25519.Scalar).SetUniformBytes(wide[:])
	if err != nil {
		t.Fatal(err)
	}
	return public, append(signature, new(edwards25519.Scalar).MultiplyAdd(k, secret, nonce).Bytes()...)
}

// sameVerdict compares a key that has a table with the standard library.
func sameVerdict(t interface {
	Helper()
	Fatalf(string, ...any)
}, public, message, signature []byte) bool {
	t.Helper()
	key, err := ssh.NewPublicKey(ed25519.PublicKey(public))
	if err != nil {
		t.Fatalf("%v", err)
	}
	k := newEd25519Key(key, public)
	want := ed25519.Verify(public, message, signature)
	for _, asked := range []int32{often, veryOften} {
		k.asked.Store(asked)
		err = k.Verify(message, &ssh.Signature{Format: ssh.KeyAlgoED25519, Blob: signature})
		if got := err == nil; got != want {
			t.Fatalf("with the table after %d %v (%v), without one %v\nkey       %x\nmessage   %x\nsignature %x", asked, got, err, want, public, message, signature)
		}
	}
	return want
}

// TestTableIsUsed: the second half of many verifications goes by the table.
func TestTableIsUsed(t *testing.T) {
	public, private, _ := ed25519.GenerateKey(nil)
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	k := newEd25519Key(deaf{key}, public)
	good := &ssh.Signature{Format: ssh.KeyAlgoED25519, Blob: ed25519.Sign(private, []byte("x"))}
	for i := range 2 * often {
		if err := k.Verify([]byte("x"), good); (err == nil) != (i >= often) {
			t.Fatalf("verification %d: %v", i, err)
		}
	}
	if err := k.Verify([]byte("x"), &ssh.Signature{Format: ssh.KeyAlgoRSA, Blob: good.Blob}); err == nil {
		t.Error("a signature of another algorithm verifies")
	}
	if err := k.Verify([]byte("x"), &ssh.Signature{Format: ssh.KeyAlgoED25519, Blob: good.Blob[:63]}); err == nil {
		t.Error("a short signature verifies")
	}
}

// TestTableAtOnce: those who ask while a key gets its table hear what is true.
func TestTableAtOnce(t *testing.T) {
	public, private, _ := ed25519.GenerateKey(nil)
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	k := newEd25519Key(key, public)
	good := &ssh.Signature{Format: ssh.KeyAlgoED25519, Blob: ed25519.Sign(private, []byte("x"))}
	var askers sync.WaitGroup
	for range 8 {
		askers.Go(func() {
			for i := range veryOften / 8 {
				if err := k.Verify([]byte("x"), good); err != nil {
					t.Errorf("verification %d: %v", i, err)
				}
				if k.Verify([]byte("y"), good) == nil {
					t.Errorf("verification %d: another message is signed too", i)
				}
			}
		})
	}
	askers.Wait()
	if k.asked.Load() < veryOften {
		t.Error("no wide table was made")
	}
}

// deaf is a key that verifies nothing.
type deaf struct{ ssh.PublicKey }

func (deaf) Verify([]byte, *ssh.Signature) error { return ssh.ErrNoAuth }

func bigInt(little []byte) *big.Int {
	big := new(big.Int)
	b := slices.Clone(little)
	slices.Reverse(b)
	return big.SetBytes(b)
}

func littleEndian(n *big.Int) []byte {
	b := n.FillBytes(make([]byte, 32))
	slices.Reverse(b)
	return b
}

func BenchmarkEd25519(b *testing.B) {
	public, private, _ := ed25519.GenerateKey(nil)
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		b.Fatal(err)
	}
	message := make([]byte, 120)
	good := &ssh.Signature{Format: ssh.KeyAlgoED25519, Blob: ed25519.Sign(private, message)}
	for name, k := range map[string]ssh.PublicKey{"standard": key, "table": newEd25519Key(key, public)} {
		b.Run(name, func(b *testing.B) {
			for range b.N {
				if err := k.Verify(message, good); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
