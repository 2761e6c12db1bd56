package sign

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"math/big"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/eddsa"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

var (
	noon    = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	message = []byte(`{"kind":"release","schema":"vaultmesh.receipt/v1"}`)
)

const (
	day  = 24 * time.Hour
	year = 365 * day
)

// at is a configuration of the library with the clock at a time.
func at(t time.Time) *packet.Config {
	return &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA, Curve: packet.Curve25519, Time: func() time.Time { return t }}
}

// entity makes an OpenPGP key as of a time, without an encryption subkey.
func entity(t testing.TB, config *packet.Config) *openpgp.Entity {
	t.Helper()
	e, err := openpgp.NewEntity("Ada", "", "ada@example.com", config)
	must(t, err)
	e.Subkeys = nil
	return e
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// public is what others know of a key.
func public(t testing.TB, e *openpgp.Entity) *Key {
	t.Helper()
	k, err := ParseKey(OpenPGP, base64.StdEncoding.EncodeToString(serialized(t, e)))
	must(t, err)
	return k
}

func serialized(t testing.TB, e *openpgp.Entity) []byte {
	t.Helper()
	var b bytes.Buffer
	must(t, e.Serialize(&b))
	return b.Bytes()
}

// detached signs with whatever key of the entity the library prefers.
func detached(t testing.TB, e *openpgp.Entity, config *packet.Config, message []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	must(t, openpgp.DetachSign(&b, []*openpgp.Entity{e}, bytes.NewReader(message), config))
	return b.Bytes()
}

// signed makes a signature packet, and lets change spoil it before it is signed.
func signed(t testing.TB, key *packet.PrivateKey, change func(*packet.Signature)) []byte {
	t.Helper()
	id := key.KeyId
	s := &packet.Signature{
		Version: key.Version, SigType: packet.SigTypeBinary, PubKeyAlgo: key.PubKeyAlgo, Hash: crypto.SHA512,
		CreationTime: noon, IssuerKeyId: &id, IssuerFingerprint: key.Fingerprint, IssuerKeyVersion: uint8(key.Version),
	}
	change(s)
	config := at(noon)
	h, err := s.PrepareSign(config)
	must(t, err)
	h.Write(message)
	must(t, s.Sign(h, key, config))
	var b bytes.Buffer
	must(t, s.Serialize(&b))
	return b.Bytes()
}

// byHand makes a version 4 EdDSA signature packet with these subpackets and none
// else (RFC 9580 section 5.2.3), by a digest that the library would refuse too.
func byHand(t testing.TB, key *packet.PrivateKey, digest byte, hashed, unhashed []byte) []byte {
	t.Helper()
	h := map[byte]crypto.Hash{2: crypto.SHA1, 10: crypto.SHA512}[digest].New()
	head := append([]byte{4, 0, byte(packet.PubKeyAlgoEdDSA), digest, 0, byte(len(hashed))}, hashed...)
	h.Write(message)
	h.Write(head)
	h.Write([]byte{4, 0xFF, 0, 0, 0, byte(len(head))})
	sum := h.Sum(nil)
	r, s, err := eddsa.Sign(key.PrivateKey.(*eddsa.PrivateKey), sum)
	must(t, err)
	body := append(append(head, 0, byte(len(unhashed))), unhashed...)
	body = append(body, sum[:2]...)
	body = append(append(body, encoding(r)...), encoding(s)...)
	return append([]byte{0xC2, byte(len(body))}, body...)
}

// encoding is a multiprecision integer (RFC 9580 section 3.2).
func encoding(b []byte) []byte {
	n := new(big.Int).SetBytes(b)
	return append([]byte{byte(n.BitLen() >> 8), byte(n.BitLen())}, n.Bytes()...)
}

// created is the subpacket with the time, issuer the one with a key id.
func created(at time.Time) []byte {
	return binary.BigEndian.AppendUint32([]byte{5, 2}, uint32(at.Unix()))
}

func issuer(id uint64) []byte { return binary.BigEndian.AppendUint64([]byte{9, 16}, id) }

// rsaKeys are made once a size: that takes long.
var rsaKeys sync.Map

func rsaKey(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	made, _ := rsaKeys.LoadOrStore(bits, sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, bits) }))
	k, err := made.(func() (*rsa.PrivateKey, error))()
	must(t, err)
	return k
}

func sshPrivate(t testing.TB, key any) ssh.Signer {
	t.Helper()
	s, err := ssh.NewSignerFromKey(key)
	must(t, err)
	return s
}

func sshPublic(t testing.TB, p ssh.PublicKey) *Key {
	t.Helper()
	k, err := ParseKey(SSH, string(ssh.MarshalAuthorizedKey(p)))
	must(t, err)
	return k
}

func sshSigned(t testing.TB, s ssh.Signer, namespace string, message []byte) []byte {
	t.Helper()
	made, err := sshsig.Sign(bytes.NewReader(message), s, sshsig.HashSHA512, namespace)
	must(t, err)
	return armorSSHSIG(made.Marshal())
}

// securityKey signs as a FIDO token does (OpenSSH, PROTOCOL.u2f): over the digest
// of its application, flags, a counter and the digest of the message.
type securityKey struct {
	private crypto.Signer
	public  ssh.PublicKey
	extra   []byte // behind the counter, where nothing should be
}

func newSecurityKey(t testing.TB, algorithm string) *securityKey {
	t.Helper()
	const application = "ssh:"
	var blob []byte
	var private crypto.Signer
	if algorithm == ssh.KeyAlgoSKED25519 {
		public, key, err := ed25519.GenerateKey(rand.Reader)
		must(t, err)
		private, blob = key, ssh.Marshal(struct {
			Name string
			Key  []byte
			App  string
		}{algorithm, public, application})
	} else {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		must(t, err)
		point, err := key.PublicKey.Bytes()
		must(t, err)
		private, blob = key, ssh.Marshal(struct {
			Name, Curve string
			Point       []byte
			App         string
		}{algorithm, "nistp256", point, application})
	}
	public, err := ssh.ParsePublicKey(blob)
	must(t, err)
	return &securityKey{private: private, public: public}
}

func (k *securityKey) PublicKey() ssh.PublicKey { return k.public }

func (k *securityKey) Sign(random io.Reader, data []byte) (*ssh.Signature, error) {
	app, digest := sha256.Sum256([]byte("ssh:")), sha256.Sum256(data)
	tail := []byte{1, 0, 0, 0, 7}
	text := append(append(app[:], tail...), digest[:]...)
	var blob []byte
	switch key := k.private.(type) {
	case ed25519.PrivateKey:
		blob = ed25519.Sign(key, text)
	case *ecdsa.PrivateKey:
		sum := sha256.Sum256(text)
		r, s, err := ecdsa.Sign(random, key, sum[:])
		if err != nil {
			return nil, err
		}
		blob = ssh.Marshal(struct{ R, S []byte }{mpint(r.Bytes()), mpint(s.Bytes())})
	}
	return &ssh.Signature{Format: k.public.Type(), Blob: blob, Rest: append(tail, k.extra...)}, nil
}

// mpint is a positive number as SSH writes it (RFC 4251 section 5).
func mpint(b []byte) []byte {
	if len(b) > 0 && b[0]&0x80 != 0 {
		return append([]byte{0}, b...)
	}
	return b
}

// refused sees that an error is the fault of a code.
func refused(t testing.TB, err error, code fault.Code) {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) || f.Code != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

// gnupgHome is a short path, because gpg-agent listens there.
func gnupgHome(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("gpg"); err != nil {
		t.Skip("gpg is not installed")
	}
	dir, err := os.MkdirTemp("", "g")
	must(t, err)
	t.Cleanup(func() {
		_ = exec.Command("gpgconf", "--homedir", dir, "--kill", "all").Run()
		_ = os.RemoveAll(dir)
	})
	return dir
}

// gpgFingerprint is that of the first key that gpg lists.
func gpgFingerprint(t *testing.T, home string) string {
	t.Helper()
	return firstFingerprint(run(t, home, "", "gpg", "--batch", "--with-colons", "--list-keys"))
}
