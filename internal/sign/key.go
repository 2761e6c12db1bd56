package sign

import (
	"bytes"
	stded25519 "crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"math/big"
	"slices"
	"strings"
	"time"

	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
	"golang.org/x/crypto/ssh"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// Key is a verification key. It is safe for concurrent use.
type Key struct {
	kind        string
	text        string
	fingerprint string
	owner       string

	ssh ssh.PublicKey

	entity *openpgp.Entity
	makers []*packet.PublicKey // the primary key, and the subkeys that are bound to it for signing
}

// ParseKey reads a key as covenants have it: for OpenPGP the base64 of one
// binary transferable public key (RFC 9580 section 10.1), for SSH the type and
// the base64 of an authorized_keys line. The fault is BadKey (VM308).
func ParseKey(kind, text string) (*Key, error) {
	switch kind {
	case SSH:
		return parseSSHKey(text)
	case OpenPGP:
		b, err := base64.StdEncoding.Strict().DecodeString(text)
		if err != nil {
			return nil, badKey("it is not base64")
		}
		return parseOpenPGPKey(b)
	}
	return nil, badKey("%.20q is no type of key", kind)
}

func badKey(format string, args ...any) *fault.Error {
	return fault.New(fault.BadKey, "a key cannot be used: "+format, args...)
}

// sshAlgorithms are the types of SSH keys that may sign. Certificates and DSA may not.
var sshAlgorithms = []string{
	ssh.KeyAlgoED25519, ssh.KeyAlgoRSA, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256,
}

// minRSA is the least number of bits of an RSA key (NIST SP 800-57 part 1, table 2).
const minRSA = 2048

func parseSSHKey(text string) (*Key, error) {
	text = strings.TrimSpace(text)
	public, comment, options, _, err := ssh.ParseAuthorizedKey([]byte(text))
	if err != nil || len(options) > 0 || strings.Contains(text, "\n") {
		return nil, badKey("it is not one line with an SSH public key")
	}
	k, err := sshKey(public)
	if err == nil {
		k.owner = comment
	}
	return k, err
}

func sshKey(public ssh.PublicKey) (*Key, error) {
	if !slices.Contains(sshAlgorithms, public.Type()) {
		return nil, badKey("keys of type %s do not sign here", public.Type())
	}
	if bits := rsaBits(public); bits != 0 && bits < minRSA {
		return nil, badKey("an RSA key of %d bits is too short", bits)
	}
	point, ok := sshPoint(public)
	if ok && smallOrder(point) {
		return nil, anybodys()
	}
	text := strings.TrimSuffix(string(ssh.MarshalAuthorizedKey(public)), "\n")
	if public.Type() == ssh.KeyAlgoED25519 {
		public = newEd25519Key(public, point)
	}
	return &Key{kind: SSH, text: text, fingerprint: ssh.FingerprintSHA256(public), ssh: public}, nil
}

// rsaBits is the length of an RSA key, 0 for others.
func rsaBits(public ssh.PublicKey) int {
	var key struct {
		Name string
		E, N []byte
	}
	if public.Type() != ssh.KeyAlgoRSA || ssh.Unmarshal(public.Marshal(), &key) != nil {
		return 0
	}
	return new(big.Int).SetBytes(key.N).BitLen()
}

// maxKey is the most bytes of a transferable public key.
const maxKey = 64 << 10

func parseOpenPGPKey(b []byte) (*Key, error) {
	if len(b) > maxKey {
		return nil, badKey("it has more than %d bytes", maxKey)
	}
	entities, err := openpgp.ReadKeyRing(bytes.NewReader(b))
	switch {
	case err != nil:
		return nil, badKey("it is not an OpenPGP public key").Because(plain(err))
	case len(entities) != 1:
		return nil, badKey("it holds %d OpenPGP keys, and should hold one", len(entities))
	case secret(b):
		return nil, badKey("it is a secret key")
	}
	e := entities[0]
	settle(e)
	k := &Key{kind: OpenPGP, text: base64.StdEncoding.EncodeToString(b), fingerprint: upperHex(e.PrimaryKey.Fingerprint), entity: e, makers: makers(e)}
	if id := identityAt(e, time.Time{}); id != nil {
		k.owner = id.Name
	}
	for _, p := range k.makers {
		if point, ok := standardKey(p).(stded25519.PublicKey); ok && smallOrder(point) {
			return nil, anybodys()
		}
	}
	for i, s := range e.Subkeys {
		if slices.ContainsFunc(e.Subkeys[:i], func(other openpgp.Subkey) bool {
			return bytes.Equal(other.PublicKey.Fingerprint, s.PublicKey.Fingerprint)
		}) {
			return nil, badKey("it has the subkey %s twice", upperHex(s.PublicKey.Fingerprint))
		}
	}
	return k, nil
}

func upperHex(b []byte) string { return strings.ToUpper(hex.EncodeToString(b)) }

// Type is [OpenPGP] or [SSH].
func (k *Key) Type() string { return k.kind }

// Text is the key as covenants have it: one spelling for one key.
func (k *Key) Text() string { return k.text }

// Fingerprint names the key, the primary one of an OpenPGP key: upper-case
// hex, or SHA256: and base64 as ssh-keygen -l prints it.
func (k *Key) Fingerprint() string { return k.fingerprint }

// Export is the key as other programs read it: an armored block, or a line.
func (k *Key) Export() []byte {
	if k.kind == SSH {
		return []byte(strings.TrimSpace(k.text+" "+k.owner) + "\n")
	}
	b, err := base64.StdEncoding.DecodeString(k.text)
	if err != nil {
		return nil // it was made out of bytes
	}
	return armored(b, openpgp.PublicKeyType)
}

// Owner is whom the key says it belongs to, a claim: its primary identity or its comment.
func (k *Key) Owner() string { return k.owner }

// Fingerprints are those of the key and its subkeys.
func (k *Key) Fingerprints() []string {
	all := []string{k.fingerprint}
	if k.entity != nil {
		for _, s := range k.entity.Subkeys {
			all = append(all, upperHex(s.PublicKey.Fingerprint))
		}
	}
	return all
}

// Materials tell whether two keys are one: a digest of the numbers of each
// public key in it that can sign, in whatever form and with whatever expiry they
// stand. A subkey that the key only claims, without the subkey's own word, is none.
func (k *Key) Materials() [][sha256.Size]byte {
	if k.kind == SSH {
		return [][sha256.Size]byte{sshMaterial(k.ssh)}
	}
	var all [][sha256.Size]byte
	for _, p := range k.makers {
		all = append(all, openpgpMaterial(p))
	}
	return all
}

// Material is that of the key or subkey of a fingerprint; false where it is
// neither the primary key nor a subkey that signs.
func (k *Key) Material(fingerprint string) ([sha256.Size]byte, bool) {
	if k.kind == SSH {
		return sshMaterial(k.ssh), fingerprint == k.fingerprint
	}
	if p := k.publicKey(fingerprint); p != nil {
		return openpgpMaterial(p), true
	}
	return [sha256.Size]byte{}, false
}

// plain flattens an error of a library to its text.
func plain(err error) error {
	return fault.New(fault.BadKey, "%s", strings.TrimPrefix(err.Error(), "openpgp: "))
}

// ValidAt says whether a key, or the subkey of the fingerprint by, may sign at
// a time. The faults are KeyExpired (VM304), also before its time, and
// KeyRevoked (VM305), when the key itself says so. SSH keys have no times.
func (k *Key) ValidAt(by string, at time.Time) error {
	if k.kind == SSH {
		return nil
	}
	public := k.publicKey(by)
	if public == nil {
		return fault.New(fault.UnknownSigner, "the key %s has no subkey %s", k.fingerprint, by)
	}
	if at.Unix() < public.CreationTime.Unix() {
		return fault.New(fault.KeyExpired, "the key %s was made only on %s", by, date(public.CreationTime))
	}
	e := entityAt(k.entity, at)
	if found, ok := e.SigningKeyById(at, public.KeyId, strict); ok && found.PublicKey == public {
		return nil
	}
	return unfit(e, by, public, at)
}

// validUntil is when a key that may sign now ceases to, by its own words, zero
// for never. Those words begin and end with its own signatures, so it is at the
// first of these moments after which the key is unfit.
func (k *Key) validUntil(by string, now time.Time) time.Time {
	if k.kind == SSH {
		return time.Time{}
	}
	for _, t := range turns(k.entity) {
		if t.After(now) && k.ValidAt(by, t.Add(time.Second)) != nil {
			return t
		}
	}
	return time.Time{}
}

// unfit says why a key may not sign at a time.
func unfit(e *openpgp.Entity, by string, public *packet.PublicKey, at time.Time) error {
	_, err := e.VerifyPrimaryKey(at, strict)
	for _, s := range e.Subkeys {
		if err == nil && s.PublicKey == public {
			_, err = s.Verify(at, strict)
		}
	}
	switch {
	case err == pgperrors.ErrKeyRevoked:
		return fault.New(fault.KeyRevoked, "the key %s carries its own revocation", by)
	case err == pgperrors.ErrKeyExpired:
		return fault.New(fault.KeyExpired, "the key %s had expired by %s", by, date(at))
	case err != nil:
		return fault.New(fault.KeyExpired, "the key %s was not valid on %s", by, date(at)).Because(plain(err))
	}
	return fault.New(fault.WeakSignature, "the key %s is not one for signing, or too weak", by)
}

func date(t time.Time) string { return t.UTC().Format("2006-01-02") }

// publicKey is the key of a fingerprint, or the subkey that signs.
func (k *Key) publicKey(fingerprint string) *packet.PublicKey {
	for _, p := range k.makers {
		if upperHex(p.Fingerprint) == fingerprint {
			return p
		}
	}
	return nil
}

// ReadKeys reads public keys as people have them: an OpenPGP key block,
// armored or not, or lines of SSH public keys. The fault is BadKey (VM308).
func ReadKeys(b []byte) ([]*Key, error) {
	if len(b) > 16*maxKey {
		return nil, badKey("there are more than %d bytes", 16*maxKey)
	}
	if binary, ok := dearmored(b, openpgp.PublicKeyType); ok {
		return openpgpKeys(binary)
	}
	if len(b) > 0 && b[0]&0x80 != 0 {
		return openpgpKeys(b)
	}
	var keys []*Key
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		k, err := parseSSHKey(line)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, badKey("there is neither an OpenPGP nor an SSH public key")
	}
	return keys, nil
}

func openpgpKeys(b []byte) ([]*Key, error) {
	entities, err := openpgp.ReadKeyRing(bytes.NewReader(b))
	if err != nil {
		return nil, badKey("it is not an OpenPGP public key").Because(plain(err))
	}
	if len(entities) == 1 {
		k, err := parseOpenPGPKey(b)
		return []*Key{k}, err
	}
	var keys []*Key
	for _, e := range entities {
		var one bytes.Buffer
		if err := e.Serialize(&one); err != nil {
			return nil, badKey("it is not a whole OpenPGP public key").Because(plain(err))
		}
		k, err := parseOpenPGPKey(one.Bytes())
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, nil
}
