package sign

import (
	"bytes"
	//lint:ignore SA1019 to see that it is refused
	"crypto/dsa"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	pgpecdsa "github.com/ProtonMail/go-crypto/openpgp/ecdsa"
	pgped25519 "github.com/ProtonMail/go-crypto/openpgp/ed25519"
	"github.com/ProtonMail/go-crypto/openpgp/eddsa"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
	"golang.org/x/crypto/ssh"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// lasting is a configuration for a key that ends.
func lasting(born time.Time, life time.Duration) *packet.Config {
	c := at(born)
	c.KeyLifetimeSecs = uint32(life / time.Second)
	return c
}

func TestValidAt(t *testing.T) {
	t.Parallel()
	born := noon.Add(-100 * day)
	for name, c := range map[string]struct {
		life   time.Duration
		change func(*testing.T, *openpgp.Entity)
		good   []int // days after it was born
		bad    []int
		code   fault.Code
		until  int // days after it was born, as of the first good day; 0 for never
	}{
		"no end":    {good: []int{0, 1, 10000}, bad: []int{-1}, code: fault.KeyExpired},
		"an end":    {life: 30 * day, good: []int{0, 29}, bad: []int{-1, 31, 100}, code: fault.KeyExpired, until: 30},
		"a new end": {30 * day, prolonged(born.Add(20*day), 90*day), []int{0, 29, 89}, []int{91}, fault.KeyExpired, 90},
		"prolonged when it had ended": {30 * day, prolonged(born.Add(40*day), 90*day), []int{0, 29, 41, 89}, []int{31, 39, 91},
			fault.KeyExpired, 30},
		"superseded":    {0, revoked(packet.KeySuperseded, born.Add(50*day)), []int{0, 49}, []int{50, 60}, fault.KeyRevoked, 50},
		"retired":       {0, revoked(packet.KeyRetired, born.Add(50*day)), []int{0, 49}, []int{50, 60}, fault.KeyRevoked, 50},
		"compromised":   {0, revoked(packet.KeyCompromised, born.Add(50*day)), nil, []int{0, 49, 60}, fault.KeyRevoked, 0},
		"for no reason": {0, revoked(packet.NoReason, born.Add(50*day)), nil, []int{0, 49, 60}, fault.KeyRevoked, 0},
		"not to sign": {0, func(_ *testing.T, e *openpgp.Entity) {
			for _, id := range e.Identities {
				s := id.SelfCertifications[0].Packet
				s.FlagSign = false
				_ = s.SignUserId(id.Name, e.PrimaryKey, e.PrivateKey, at(born))
			}
		}, nil, []int{0, 10}, fault.WeakSignature, 0},
		"its word ends": {0, func(t *testing.T, e *openpgp.Entity) {
			for _, id := range e.Identities {
				s := id.SelfCertifications[0].Packet
				s.SigLifetimeSecs = seconds(20 * day)
				must(t, s.SignUserId(id.Name, e.PrimaryKey, e.PrivateKey, at(born)))
			}
		}, []int{0, 19}, []int{21}, fault.KeyExpired, 20},
		"another's revocation": {0, func(t *testing.T, e *openpgp.Entity) {
			other := entity(t, at(born))
			must(t, other.Revoke(packet.KeyCompromised, "", at(born)))
			e.Revocations = other.Revocations
		}, []int{0, 60}, nil, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := entity(t, lasting(born, c.life))
			if c.change != nil {
				c.change(t, e)
			}
			k := public(t, e)
			on := func(d int) time.Time { return born.Add(time.Duration(d) * day) }
			for range 2 { // what was asked before changes nothing
				for _, d := range c.bad {
					refused(t, k.ValidAt(k.Fingerprint(), on(d)), c.code)
				}
				for _, d := range c.good {
					if err := k.ValidAt(k.Fingerprint(), on(d)); err != nil {
						t.Errorf("day %d: %v", d, err)
					}
				}
			}
			if len(c.good) == 0 {
				return
			}
			until := k.validUntil(k.Fingerprint(), on(c.good[0]))
			if c.until == 0 && !until.IsZero() || c.until > 0 && !until.Equal(on(c.until)) {
				t.Errorf("until %v", until)
			}
			if !until.IsZero() {
				must(t, k.ValidAt(k.Fingerprint(), until.Add(-time.Second)))
				refused(t, k.ValidAt(k.Fingerprint(), until.Add(time.Second)), c.code)
			}
		})
	}
}

func seconds(d time.Duration) *uint32 {
	n := uint32(d / time.Second)
	return &n
}

// prolonged gives a key another end, at a time.
func prolonged(when time.Time, life time.Duration) func(*testing.T, *openpgp.Entity) {
	return func(t *testing.T, e *openpgp.Entity) {
		for _, id := range e.Identities {
			s := *id.SelfCertifications[0].Packet
			s.CreationTime, s.KeyLifetimeSecs = when, seconds(life)
			must(t, s.SignUserId(id.Name, e.PrimaryKey, e.PrivateKey, at(when)))
			id.SelfCertifications = append(id.SelfCertifications, packet.NewVerifiableSig(&s))
		}
	}
}

func revoked(reason packet.ReasonForRevocation, when time.Time) func(*testing.T, *openpgp.Entity) {
	return func(t *testing.T, e *openpgp.Entity) { must(t, e.Revoke(reason, "", at(when))) }
}

func TestValidSubkey(t *testing.T) {
	t.Parallel()
	born := noon.Add(-100 * day)
	made := func(t *testing.T, life time.Duration) *openpgp.Entity {
		e := entity(t, at(born))
		must(t, e.AddSigningSubkey(lasting(born.Add(10*day), life)))
		return e
	}
	for name, c := range map[string]struct {
		life      time.Duration
		change    func(*testing.T, *openpgp.Entity)
		good, bad []int
		code      fault.Code
		until     int
	}{
		"no end":      {good: []int{10, 1000}, bad: []int{9}, code: fault.KeyExpired},
		"an end":      {life: 20 * day, good: []int{10, 29}, bad: []int{9, 31}, code: fault.KeyExpired, until: 30},
		"superseded":  {0, subRevoked(packet.KeySuperseded, born.Add(50*day)), []int{10, 49}, []int{50, 90}, fault.KeyRevoked, 50},
		"compromised": {0, subRevoked(packet.KeyCompromised, born.Add(50*day)), nil, []int{10, 49, 90}, fault.KeyRevoked, 0},
		"primary revoked": {0, func(t *testing.T, e *openpgp.Entity) { must(t, e.Revoke(packet.KeyRetired, "", at(born.Add(40*day)))) },
			[]int{10, 39}, []int{41}, fault.KeyRevoked, 40},
		"primary ended": {0, prolonged(born, 20*day), nil, nil, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := made(t, c.life)
			if c.change != nil {
				c.change(t, e)
			}
			k := public(t, e)
			by := k.Fingerprints()[1]
			on := func(d int) time.Time { return born.Add(time.Duration(d) * day) }
			for range 2 {
				for _, d := range c.bad {
					refused(t, k.ValidAt(by, on(d)), c.code)
				}
				for _, d := range c.good {
					must(t, k.ValidAt(by, on(d)))
				}
			}
			if len(c.good) == 0 {
				return
			}
			until := k.validUntil(by, on(c.good[0]))
			if c.until == 0 && !until.IsZero() || c.until > 0 && !until.Equal(on(c.until)) {
				t.Errorf("until %v", until)
			}
			refused(t, k.ValidAt("00", on(20)), fault.UnknownSigner)
		})
	}
}

func subRevoked(reason packet.ReasonForRevocation, when time.Time) func(*testing.T, *openpgp.Entity) {
	return func(t *testing.T, e *openpgp.Entity) { must(t, e.Subkeys[0].Revoke(reason, "", at(when))) }
}

// The signature says that it was made when the key was good; it is judged now.
func TestBackdated(t *testing.T) {
	t.Parallel()
	e := entity(t, lasting(noon.Add(-100*day), 30*day))
	signature := signed(t, e.PrivateKey, func(s *packet.Signature) { s.CreationTime = noon.Add(-90 * day) })
	s, err := Verify(OpenPGP, signature, message, Ring{public(t, e)})
	must(t, err)
	refused(t, s.ValidAt(noon), fault.KeyExpired)
	must(t, s.ValidAt(noon.Add(-80*day)))
}

// Two identities that were certified in one second, and say different things.
func TestEqualIdentities(t *testing.T) {
	t.Parallel()
	born := noon.Add(-100 * day)
	e := entity(t, at(born))
	must(t, e.AddUserId("Bob", "", "bob@example.com", lasting(born, 10*day)))
	for _, id := range e.Identities {
		s := id.SelfCertifications[0].Packet
		s.IsPrimaryId = nil
		must(t, s.SignUserId(id.Name, e.PrimaryKey, e.PrivateKey, at(born)))
	}
	for range 30 {
		k := public(t, e)
		if err := k.ValidAt(k.Fingerprint(), noon); err != nil || k.Owner() != "Ada <ada@example.com>" {
			t.Fatal(k.Owner(), err)
		}
	}
	yes := true
	for _, id := range e.Identities {
		if s := id.SelfCertifications[0].Packet; strings.HasPrefix(id.Name, "Bob") {
			s.IsPrimaryId = &yes
			must(t, s.SignUserId(id.Name, e.PrimaryKey, e.PrivateKey, at(born)))
		}
	}
	for range 30 {
		k := public(t, e)
		refused(t, k.ValidAt(k.Fingerprint(), noon), fault.KeyExpired)
		if !strings.HasPrefix(k.Owner(), "Bob") {
			t.Fatal(k.Owner())
		}
	}
}

func TestParseKeyRefuses(t *testing.T) {
	t.Parallel()
	e, other := entity(t, at(noon)), entity(t, at(noon))
	must(t, e.AddSigningSubkey(at(noon)))
	b64 := base64.StdEncoding.EncodeToString
	var private, sub bytes.Buffer
	must(t, e.SerializePrivateWithoutSigning(&private, nil))
	must(t, e.Subkeys[0].PrivateKey.Serialize(&sub))
	good := serialized(t, e)
	twice := *e
	twice.Subkeys = append(twice.Subkeys, twice.Subkeys[0])
	marker := []byte{0xCA, 3, 'P', 'G', 'P'}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	line := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(sshPrivate(t, ed).PublicKey())))
	certificate := &ssh.Certificate{Key: sshPrivate(t, ed).PublicKey(), CertType: ssh.UserCert, ValidBefore: ssh.CertTimeInfinity}
	must(t, certificate.SignCert(rand.Reader, sshPrivate(t, ed)))
	var parameters dsa.Parameters
	must(t, dsa.GenerateParameters(&parameters, rand.Reader, dsa.L1024N160))
	old := &dsa.PrivateKey{PublicKey: dsa.PublicKey{Parameters: parameters}}
	must(t, dsa.GenerateKey(old, rand.Reader))
	oldPublic, err := ssh.NewPublicKey(&old.PublicKey)
	must(t, err)
	for name, c := range map[string]struct{ kind, text string }{
		"no type":           {"x509", line},
		"not base64":        {OpenPGP, "!"},
		"no key":            {OpenPGP, b64([]byte("text"))},
		"nothing":           {OpenPGP, ""},
		"two":               {OpenPGP, b64(append(bytes.Clone(good), serialized(t, other)...))},
		"a secret key":      {OpenPGP, b64(private.Bytes())},
		"a secret subkey":   {OpenPGP, b64(append(serialized(t, other), sub.Bytes()...))},
		"cut":               {OpenPGP, b64(good[:len(good)-3])},
		"a subkey twice":    {OpenPGP, b64(serialized(t, &twice))},
		"long":              {OpenPGP, b64(append(bytes.Clone(good), bytes.Repeat(marker, maxKey/len(marker))...))},
		"ssh options":       {SSH, "no-pty " + line},
		"ssh two lines":     {SSH, line + "\n" + line},
		"ssh junk above":    {SSH, "junk\n" + line},
		"ssh comment above": {SSH, "# x\n" + line},
		"ssh other type":    {SSH, "ssh-rsa " + strings.Fields(line)[1]},
		"ssh certificate":   {SSH, string(ssh.MarshalAuthorizedKey(certificate))},
		"ssh dsa":           {SSH, string(ssh.MarshalAuthorizedKey(oldPublic))},
		"ssh junk":          {SSH, "ssh-ed25519 AAAA"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseKey(c.kind, c.text)
			refused(t, err, fault.BadKey)
		})
	}
}

func TestKeyRoundTrip(t *testing.T) {
	t.Parallel()
	for _, s := range samples(t) {
		again, err := ParseKey(s.kind, s.key.Text())
		must(t, err)
		if again.Text() != s.key.Text() || again.Fingerprint() != s.key.Fingerprint() || again.Type() != s.kind {
			t.Errorf("%s: another key", s.name)
		}
		keys, err := ReadKeys(s.key.Export())
		must(t, err)
		if len(keys) != 1 || keys[0].Text() != s.key.Text() {
			t.Errorf("%s: exported as another", s.name)
		}
		m, ok := again.Material(again.Fingerprint())
		if !ok || m != again.Materials()[0] {
			t.Errorf("%s: other material", s.name)
		}
		if _, ok := again.Material("SHA256:none"); ok {
			t.Errorf("%s: material of another", s.name)
		}
	}
}

func TestReadKeys(t *testing.T) {
	t.Parallel()
	a, b := serialized(t, entity(t, at(noon))), serialized(t, entity(t, at(noon)))
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	line := string(ssh.MarshalAuthorizedKey(sshPrivate(t, ed).PublicKey()))
	both := append(bytes.Clone(a), b...)
	for name, c := range map[string]struct {
		text string
		n    int
	}{
		"binary":         {string(a), 1},
		"armor":          {string(armored(a, openpgp.PublicKeyType)), 1},
		"two":            {string(both), 2},
		"two in armor":   {string(armored(both, openpgp.PublicKeyType)), 2},
		"lines":          {"# keys\n\n" + line + line, 2},
		"nothing":        {"", 0},
		"only a comment": {"# x\n", 0},
		"broken":         {string(a[:40]), 0},
		"two blocks":     {string(armored(a, openpgp.PublicKeyType)) + string(armored(b, openpgp.PublicKeyType)), 0},
		"a bad line":     {line + "junk\n", 0},
		"long":           {strings.Repeat("\n", 16*maxKey+1), 0},
		"a secret block": {string(armored(a, openpgp.PrivateKeyType)), 0},
		"no self":        {string(both[:len(both)-4]), 0},
	} {
		t.Run(name, func(t *testing.T) {
			keys, err := ReadKeys([]byte(c.text))
			if c.n == 0 {
				refused(t, err, fault.BadKey)
				return
			}
			must(t, err)
			if len(keys) != c.n {
				t.Errorf("%d keys", len(keys))
			}
		})
	}
}

// One key is one key, in whatever form it stands.
func TestMaterials(t *testing.T) {
	t.Parallel()
	point, ed, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	long := rsaKey(t, 2048)
	curve := map[elliptic.Curve]packet.Curve{elliptic.P256(): packet.CurveNistP256, elliptic.P384(): packet.CurveNistP384, elliptic.P521(): packet.CurveNistP521}
	type form struct {
		ssh ssh.Signer
		pgp *packet.PrivateKey
	}
	forms := map[string]form{"rsa": {sshPrivate(t, long), packet.NewRSAPrivateKey(noon, long)}}
	modern := pgped25519.NewPrivateKey(pgped25519.PublicKey{Point: point})
	modern.Key = ed
	forms["ed25519"] = form{sshPrivate(t, ed), packet.NewEd25519PrivateKey(noon, modern)}
	curve25519 := entity(t, at(noon)).PrivateKey.PrivateKey.(*eddsa.PrivateKey).GetCurve()
	legacy := eddsa.NewPrivateKey(*eddsa.NewPublicKey(curve25519))
	legacy.X, legacy.D = point, ed.Seed()
	forms["eddsa"] = form{sshPrivate(t, ed), packet.NewEdDSAPrivateKey(noon, legacy)}
	for c, name := range curve {
		key, err := ecdsa.GenerateKey(c, rand.Reader)
		must(t, err)
		e := entity(t, &packet.Config{Algorithm: packet.PubKeyAlgoECDSA, Curve: name, Time: func() time.Time { return noon }})
		p := e.PrivateKey.PrivateKey.(*pgpecdsa.PrivateKey)
		//lint:ignore SA1019 the library has no other way in
		p.X, p.Y, p.D = key.X, key.Y, key.D
		forms[string(name)] = form{sshPrivate(t, key), packet.NewECDSAPrivateKey(noon, p)}
	}
	seen := map[[32]byte]string{}
	for name, f := range forms {
		other := f.pgp.PublicKey
		if got, want := openpgpMaterial(&other), sshPublic(t, f.ssh.PublicKey()).Materials()[0]; got != want {
			t.Errorf("%s: %x and %x", name, got, want)
		} else if before, twice := seen[got]; twice && !strings.HasPrefix(name, "ed") {
			t.Errorf("%s is %s", name, before)
		} else {
			seen[got] = name
		}
	}
	older, later := public(t, entity(t, at(noon))), public(t, entity(t, at(noon)))
	if older.Materials()[0] == later.Materials()[0] {
		t.Error("two keys are one")
	}
	e := entity(t, &packet.Config{Algorithm: packet.PubKeyAlgoEd448, Time: func() time.Time { return noon }})
	if m := public(t, e).Materials(); len(m) != 1 {
		t.Error("a key of another kind has no material")
	}
}

// One signature that everybody can write down would be one over everything.
func TestPointsOfSmallOrder(t *testing.T) {
	t.Parallel()
	identity := append([]byte{1}, make([]byte, 31)...)
	wire := func(point []byte) string {
		return ssh.KeyAlgoED25519 + " " + base64.StdEncoding.EncodeToString(ssh.Marshal(struct {
			Name  string
			Point []byte
		}{ssh.KeyAlgoED25519, point}))
	}
	universal := append(bytes.Clone(identity), make([]byte, 32)...)
	if !ed25519.Verify(identity, []byte("one"), universal) || !ed25519.Verify(identity, []byte("another"), universal) {
		t.Fatal("the library refuses what this is about")
	}
	for _, text := range smallOrders {
		for _, sign := range []byte{0, 0x80} {
			point, err := hex.DecodeString(text)
			must(t, err)
			point[31] |= sign
			_, err = ParseKey(SSH, wire(point))
			refused(t, err, fault.BadKey)
			security, err := ssh.ParsePublicKey(ssh.Marshal(struct {
				Name        string
				Point       []byte
				Application string
			}{ssh.KeyAlgoSKED25519, point, "ssh:"}))
			must(t, err)
			_, err = ParseKey(SSH, string(ssh.MarshalAuthorizedKey(security)))
			refused(t, err, fault.BadKey)
		}
	}
	e := entity(t, at(noon))
	weak := eddsa.NewPublicKey(e.PrimaryKey.PublicKey.(*eddsa.PublicKey).GetCurve())
	weak.X = identity
	e.PrimaryKey = packet.NewEdDSAPublicKey(noon, weak)
	_, err := ParseKey(OpenPGP, base64.StdEncoding.EncodeToString(serialized(t, e)))
	refused(t, err, fault.BadKey)
}

// Whoever has the secret of one of these has it of the other.
func TestMaterialsOfOneSecret(t *testing.T) {
	t.Parallel()
	parse := func(parts ...any) *Key {
		var wire []byte
		for _, p := range parts {
			switch p := p.(type) {
			case string:
				wire = append(wire, ssh.Marshal(struct{ S string }{p})...)
			case []byte:
				wire = append(wire, ssh.Marshal(struct{ B []byte }{p})...)
			}
		}
		public, err := ssh.ParsePublicKey(wire)
		must(t, err)
		return sshPublic(t, public)
	}
	point, _, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	nist, err := ec.PublicKey.Bytes()
	must(t, err)
	long := rsaKey(t, 2048)
	other := rsa.PublicKey{N: long.N, E: 17}
	second, err := ssh.NewPublicKey(&other)
	must(t, err)
	for name, pair := range map[string][2]*Key{
		"ed25519":          {parse(ssh.KeyAlgoED25519, []byte(point)), parse(ssh.KeyAlgoSKED25519, []byte(point), "ssh:")},
		"two applications": {parse(ssh.KeyAlgoSKED25519, []byte(point), "ssh:a"), parse(ssh.KeyAlgoSKED25519, []byte(point), "ssh:b")},
		"ecdsa":            {parse(ssh.KeyAlgoECDSA256, "nistp256", nist), parse(ssh.KeyAlgoSKECDSA256, "nistp256", nist, "ssh:")},
		"two exponents":    {sshPublic(t, sshPrivate(t, long).PublicKey()), sshPublic(t, second)},
	} {
		if pair[0].Fingerprint() == pair[1].Fingerprint() || pair[0].Materials()[0] != pair[1].Materials()[0] {
			t.Errorf("%s: two keys", name)
		}
	}
	for _, algorithm := range []packet.PublicKeyAlgorithm{packet.PubKeyAlgoEd448, packet.PubKeyAlgoECDSA} {
		e := entity(t, &packet.Config{Algorithm: algorithm, Curve: packet.CurveBrainpoolP256, Time: func() time.Time { return noon }})
		p := *e.PrimaryKey
		p.CreationTime = noon.Add(day)
		if openpgpMaterial(&p) != openpgpMaterial(e.PrimaryKey) {
			t.Errorf("%d: made a day later it is another key", algorithm)
		}
		v6 := &packet.Config{Algorithm: algorithm, Curve: packet.CurveBrainpoolP256, V6Keys: true, Time: func() time.Time { return noon }}
		if openpgpMaterial(entity(t, v6).PrimaryKey) == openpgpMaterial(e.PrimaryKey) {
			t.Errorf("%d: two keys are one", algorithm)
		}
	}
}
