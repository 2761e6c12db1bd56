package trust

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/eddsa"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/sign"
	"github.com/VaultSovereign/git-vaultmesh/internal/tsa"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

var start = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// on is a day of the story; today is when everything is judged.
func on(day int) time.Time { return start.Add(time.Duration(day) * 24 * time.Hour) }

var today = on(100)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func refused(t testing.TB, err error, code fault.Code) {
	t.Helper()
	var f *fault.Error
	if code == "" && err != nil || code != "" && (!errors.As(err, &f) || f.Code != code) {
		t.Errorf("got %v, want %q", err, code)
	}
}

// key signs, and stands in covenants.
type key struct {
	kind, text, fingerprint string
	sign                    func(message []byte) []byte
}

func sshKey(t testing.TB, private ed25519.PrivateKey) key {
	t.Helper()
	s, err := ssh.NewSignerFromKey(private)
	must(t, err)
	text := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(s.PublicKey())))
	return key{sign.SSH, text, ssh.FingerprintSHA256(s.PublicKey()), func(message []byte) []byte {
		made, err := sshsig.Sign(bytes.NewReader(message), s, sshsig.HashSHA512, sign.Namespace)
		must(t, err)
		_, stored, err := sign.Detect(sshsig.Armor(made))
		must(t, err)
		return stored
	}}
}

func newPrivate(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	return private
}

func newKey(t testing.TB) key { return sshKey(t, newPrivate(t)) }

func clock(at time.Time) *packet.Config {
	return &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA, Curve: packet.Curve25519, Time: func() time.Time { return at }}
}

func entity(t testing.TB, life int) *openpgp.Entity {
	t.Helper()
	config := clock(start)
	config.KeyLifetimeSecs = uint32(life) * 86400
	e, err := openpgp.NewEntity("Ada", "", "ada@example.com", config)
	must(t, err)
	e.Subkeys = nil
	return e
}

// pgpKey is an OpenPGP key whose newest signing key signs, at what time it likes.
func pgpKey(t testing.TB, e *openpgp.Entity, claimed time.Time) key {
	t.Helper()
	var b bytes.Buffer
	must(t, e.Serialize(&b))
	return key{sign.OpenPGP, base64.StdEncoding.EncodeToString(b.Bytes()), fmt.Sprintf("%X", e.PrimaryKey.Fingerprint), func(message []byte) []byte {
		var s bytes.Buffer
		must(t, openpgp.DetachSign(&s, []*openpgp.Entity{e}, bytes.NewReader(message), clock(claimed)))
		return s.Bytes()
	}}
}

// inBothForms is one Ed25519 key as SSH and as OpenPGP has it.
func inBothForms(t testing.TB) (key, key) {
	t.Helper()
	e := entity(t, 0)
	p := e.PrivateKey.PrivateKey.(*eddsa.PrivateKey)
	return sshKey(t, ed25519.NewKeyFromSeed(p.D)), pgpKey(t, e, on(1))
}

// stamper is a time-stamp authority of a covenant.
type stamper struct {
	ca   *tsa.CA
	name string
}

func newStamper(t testing.TB, name string) stamper {
	t.Helper()
	ca, err := tsa.OpenCA(filepath.Join(t.TempDir(), "tsa"), start.Add(-24*time.Hour))
	must(t, err)
	return stamper{ca, name}
}

func (s stamper) authority() receipt.Authority {
	block, _ := pem.Decode(s.ca.Root())
	return receipt.Authority{Name: s.name, Roots: []string{base64.StdEncoding.EncodeToString(block.Bytes)}, Pins: []receipt.Digest{}}
}

// token is one over some bytes.
func (s stamper) token(t testing.TB, at time.Time, over []byte) File {
	t.Helper()
	q, err := tsa.NewRequest(sha256.Sum256(over), "")
	must(t, err)
	server := tsa.Server{CA: s.ca, Now: func() time.Time { return at }}
	roots, err := tsa.ParseCertificates(s.ca.Root())
	must(t, err)
	b, _, err := q.Accept(server.Reply(q.Bytes()), tsa.Trust{Roots: roots}, at)
	must(t, err)
	return file("rfc3161", b)
}

func file(kind string, b []byte) File {
	d := receipt.Sum(b)
	return File{Name: kind + "-" + d.String(), Type: kind, Digest: d, Data: b}
}

// world is a ledger in memory.
type world struct {
	t       testing.TB
	tsa     stamper
	genesis Folder
	serial  int
}

// who has which keys.
type people map[string][]key

func (w *world) covenant(who people, change ...func(*receipt.Covenant)) *receipt.Covenant {
	c := &receipt.Covenant{Version: 1, Principals: []receipt.Principal{}, Thresholds: []receipt.Threshold{}, TSAs: []receipt.Authority{w.tsa.authority()},
		Revocations: []receipt.Revocation{}, Rules: []receipt.Rule{}, Federation: receipt.Federation{Accept: "any"}}
	for name, keys := range who {
		name, groups, _ := strings.Cut(name, "/")
		p := receipt.Principal{Name: name, Groups: strings.Fields(groups)}
		for _, k := range keys {
			p.Keys = append(p.Keys, receipt.PublicKey{Type: k.kind, Key: k.text})
		}
		slices.SortFunc(p.Keys, func(a, b receipt.PublicKey) int { return strings.Compare(a.Type+" "+a.Key, b.Type+" "+b.Key) })
		c.Principals = append(c.Principals, p)
	}
	slices.SortFunc(c.Principals, func(a, b receipt.Principal) int { return strings.Compare(a.Name, b.Name) })
	for _, f := range change {
		f(c)
	}
	return c
}

// needs is a threshold over kinds, "" for all.
func needs(count int64, kinds ...receipt.Kind) func(*receipt.Covenant) {
	return quorum(receipt.Threshold{Kinds: kinds, Signers: []receipt.Quorum{{Count: count}}})
}

func quorum(th receipt.Threshold) func(*receipt.Covenant) {
	if th.Kinds == nil {
		th.Kinds = []receipt.Kind{}
	}
	if th.Components == nil {
		th.Components = []string{}
	}
	return func(c *receipt.Covenant) { c.Thresholds = append(c.Thresholds, th) }
}

func revoking(k key, reason string, at time.Time) func(*receipt.Covenant) {
	return func(c *receipt.Covenant) {
		c.Revocations = append(c.Revocations, receipt.Revocation{Key: k.fingerprint, Reason: reason, At: receipt.TimeOf(at)})
	}
}

// newWorld is a ledger whose genesis has a covenant, or none.
func newWorld(t testing.TB, who people, change ...func(*receipt.Covenant)) *world {
	t.Helper()
	w := &world{t: t, tsa: newStamper(t, "clock")}
	g := &receipt.Genesis{Name: "api", Nonce: strings.Repeat("0", 32)}
	if who != nil {
		g.Covenant = w.covenant(who, change...)
	}
	w.genesis = w.folder(&receipt.Receipt{Kind: receipt.KindGenesis, Genesis: g})
	return w
}

// folder makes a receipt, signed by keys that nothing dates.
func (w *world) folder(r *receipt.Receipt, keys ...key) Folder {
	w.t.Helper()
	w.serial++
	r.Schema, r.RecordedAt, r.Recorder = receipt.Schema, receipt.TimeOf(start)+receipt.Time(w.serial), receipt.Person{Name: "Ada", Email: "ada@example.com"}
	if r.Kind != receipt.KindGenesis {
		r.Ledger = w.genesis.ID
	}
	raw, err := r.Encode()
	must(w.t, err)
	f := Folder{ID: receipt.Sum(raw), Receipt: r, Raw: raw}
	for _, k := range keys {
		w.signs(&f, k)
	}
	return f
}

func (w *world) signs(f *Folder, k key) File {
	s := file(k.kind, k.sign(f.Raw))
	f.Signatures = append(f.Signatures, s)
	return s
}

// stamped signs, and stamps the signature on a day.
func (w *world) stamped(f Folder, day int, keys ...key) Folder {
	for _, k := range keys {
		s := w.signs(&f, k)
		f.Tokens = append(f.Tokens, w.tsa.token(w.t, on(day), s.Data))
	}
	return f
}

func (w *world) release(component string, keys ...key) Folder {
	return w.folder(&receipt.Receipt{Kind: receipt.KindRelease, Component: component, Version: "1"}, keys...)
}

// follows makes the covenant after another.
func (w *world) follows(before Folder, version int64, c *receipt.Covenant, keys ...key) Folder {
	w.t.Helper()
	c.Version, c.Previous = version, before.ID
	return w.folder(&receipt.Receipt{Kind: receipt.KindCovenant, Covenant: c}, keys...)
}

func (w *world) revokes(k key, reason string, at time.Time, keys ...key) Folder {
	w.t.Helper()
	return w.folder(&receipt.Receipt{Kind: receipt.KindRevocation, Revocation: &receipt.Revocation{Key: k.fingerprint, Reason: reason, At: receipt.TimeOf(at)}}, keys...)
}

func (w *world) build(pin Pin, covenants ...Folder) *Chain {
	return Build(w.genesis, covenants, nil, pin, today)
}

func pinOf(f Folder) Pin { return Pin{Version: f.Receipt.Covenant.Version, ID: f.ID} }

// versions sees which covenants are in force, in order.
func versions(t testing.TB, c *Chain, code fault.Code, want ...Folder) {
	t.Helper()
	refused(t, c.Err, code)
	var got, ids []string
	for _, v := range c.Versions {
		got = append(got, v.ID.Short())
	}
	for _, f := range want {
		ids = append(ids, f.ID.Short())
	}
	if !slices.Equal(got, ids) {
		t.Errorf("in force are %v, want %v", got, ids)
	}
}
