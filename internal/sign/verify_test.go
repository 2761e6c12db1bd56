package sign

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// sample is a good signature of some kind of key.
type sample struct {
	name, kind string
	signature  []byte
	key        *Key
}

func samples(t testing.TB) []sample {
	var all []sample
	born := noon.Add(-year)
	for name, change := range map[string]func(*packet.Config){
		"ed25519":  func(*packet.Config) {},
		"rsa2048":  func(c *packet.Config) { c.Algorithm, c.RSABits = packet.PubKeyAlgoRSA, 2048 },
		"rsa3072":  func(c *packet.Config) { c.Algorithm, c.RSABits = packet.PubKeyAlgoRSA, 3072 },
		"nistp256": func(c *packet.Config) { c.Algorithm, c.Curve = packet.PubKeyAlgoECDSA, packet.CurveNistP256 },
		"nistp384": func(c *packet.Config) { c.Algorithm, c.Curve = packet.PubKeyAlgoECDSA, packet.CurveNistP384 },
		"v6":       func(c *packet.Config) { c.V6Keys, c.Algorithm = true, packet.PubKeyAlgoEd25519 },
		"v4 new":   func(c *packet.Config) { c.Algorithm = packet.PubKeyAlgoEd25519 },
	} {
		config := at(born)
		change(config)
		e := entity(t, config)
		all = append(all, sample{"openpgp " + name, OpenPGP, detached(t, e, at(noon), message), public(t, e)})
	}
	e := entity(t, at(born))
	must(t, e.AddSigningSubkey(at(born.Add(day))))
	all = append(all, sample{"openpgp subkey", OpenPGP, detached(t, e, at(noon), message), public(t, e)})

	_, ed, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	signers := map[string]ssh.Signer{"ed25519": sshPrivate(t, ed), "rsa2048": sshPrivate(t, rsaKey(t, 2048)), "rsa3072": sshPrivate(t, rsaKey(t, 3072))}
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		must(t, err)
		signers[curve.Params().Name] = sshPrivate(t, key)
	}
	for _, algorithm := range []string{ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256} {
		signers[algorithm] = newSecurityKey(t, algorithm)
	}
	for name, s := range signers {
		all = append(all, sample{"ssh " + name, SSH, sshSigned(t, s, Namespace, message), sshPublic(t, s.PublicKey())})
	}
	return all
}

func TestVerify(t *testing.T) {
	t.Parallel()
	all := samples(t)
	var ring Ring
	for _, s := range all {
		ring = append(ring, s.key)
	}
	for _, s := range all {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			got, err := Verify(s.kind, s.signature, message, ring)
			must(t, err)
			if got.Key != s.key || !slices.Contains(s.key.Fingerprints(), got.By) || got.By != Issuer(s.kind, s.signature) {
				t.Errorf("found %+v", got)
			}
			if wants := s.kind == OpenPGP; got.Claimed.Equal(noon) != wants {
				t.Errorf("claimed %v", got.Claimed)
			}
			must(t, got.ValidAt(noon))
			if until := got.ValidUntil(noon); !until.IsZero() {
				t.Errorf("until %v", until)
			}
			_, err = Verify(s.kind, s.signature, append(bytes.Clone(message), '\n'), ring)
			refused(t, err, fault.BadSignature)
			_, err = Verify(s.kind, s.signature, message, slices.DeleteFunc(slices.Clone(ring), func(k *Key) bool { return k == s.key }))
			refused(t, err, fault.UnknownSigner)
			kind, stored, err := Detect(s.signature)
			must(t, err)
			if kind != s.kind || !bytes.Equal(stored, s.signature) {
				t.Errorf("detected as %s", kind)
			}
		})
	}
}

// Whatever is done to a good signature, it never becomes one over something else,
// and one that still verifies is stored differently only where nobody signs: in the
// header and the unhashed words of an OpenPGP packet.
func TestMangled(t *testing.T) {
	t.Parallel()
	for _, s := range samples(t) {
		if strings.Contains(s.name, "rsa3072") || strings.Contains(s.name, "384") {
			continue // as the shorter ones
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			other := append(bytes.Clone(message), ' ')
			for n := range s.signature {
				for _, bit := range []byte{0x01, 0x80, 0xFF} {
					changed := bytes.Clone(s.signature)
					changed[n] ^= bit
					if _, err := Verify(s.kind, changed, other, Ring{s.key}); err == nil {
						t.Fatalf("byte %d with %x: verifies over other bytes", n, bit)
					}
					if _, err := Verify(s.kind, changed, message, Ring{s.key}); err == nil && s.kind == SSH && !strings.Contains(s.name, "sk-") {
						t.Fatalf("byte %d with %x: verifies nevertheless", n, bit)
					}
				}
				_, err := Verify(s.kind, s.signature[:n], message, Ring{s.key})
				refused(t, err, fault.BadSpelling)
			}
			for _, changed := range [][]byte{append(bytes.Clone(s.signature), 0), append([]byte("\n"), s.signature...), append(bytes.Clone(s.signature), s.signature...), nil} {
				_, err := Verify(s.kind, changed, message, Ring{s.key})
				refused(t, err, fault.BadSpelling)
			}
		})
	}
}

func TestSpellingsOfOpenPGP(t *testing.T) {
	t.Parallel()
	e := entity(t, at(noon.Add(-day)))
	good := detached(t, e, at(noon), message)
	body := good[2:]
	if int(good[1]) != len(body) || len(body) > 191 {
		t.Fatalf("another header: %x", good[:4])
	}
	long := binary.BigEndian.AppendUint32([]byte{0xC2, 255}, uint32(len(body)))
	armor := armored(good, openpgp.SignatureType)
	marker := []byte{0xCA, 3, 'P', 'G', 'P'}
	unit := append([]byte{0xC2, 224 | 6}, body[:64]...) // a part of 2^6 bytes
	inParts := append(append(unit, byte(len(body)-64)), body[64:]...)
	for name, c := range map[string]struct {
		b  []byte
		ok bool
	}{
		"old header, one octet":   {slices.Concat([]byte{0x88, byte(len(body))}, body), true},
		"old header, two octets":  {slices.Concat([]byte{0x89, 0, byte(len(body))}, body), true},
		"old header, four octets": {slices.Concat([]byte{0x8A, 0, 0, 0, byte(len(body))}, body), true},
		"new header, five octets": {slices.Concat(long, body), true},
		"no length":               {slices.Concat([]byte{0x8B}, body), false},
		"parts":                   {inParts, false},
		"longer than it is":       {slices.Concat([]byte{0xC2, byte(len(body) + 1)}, body), false},
		"more in the packet":      {slices.Concat([]byte{0xC2, byte(len(body) + 1)}, body, []byte{0}), false},
		"shorter than it is":      {slices.Concat([]byte{0xC2, byte(len(body) - 1)}, body), false},
		"two":                     {slices.Concat(good, good), false},
		"a marker before":         {slices.Concat(marker, good), false},
		"a marker behind":         {slices.Concat(good, marker), false},
		"a marker":                {marker, false},
		"armor":                   {armor, false},
		"armor with CRLF":         {bytes.ReplaceAll(armor, []byte("\n"), []byte("\r\n")), false},
		"another packet":          {serialized(t, e), false},
		"too long":                {make([]byte, MaxSize+1), false},
		"one byte":                {good[:1], false},
	} {
		_, err := Verify(OpenPGP, c.b, message, Ring{public(t, e)})
		if c.ok && err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !c.ok {
			t.Run(name, func(t *testing.T) { refused(t, err, fault.BadSpelling) })
		}
	}
	_, err := Verify("rfc3161", good, message, nil)
	refused(t, err, fault.BadSpelling)
	if definite([]byte{0xC2, 193, 0}) || !definite(append([]byte{0xC2, 192, 8}, make([]byte, 200)...)) || definite([]byte{0x89, 1}) {
		t.Error("lengths of two octets are misread")
	}
}

func TestUnfitOpenPGP(t *testing.T) {
	t.Parallel()
	e := entity(t, at(noon.Add(-day)))
	ring := Ring{public(t, e)}
	for name, c := range map[string]struct {
		change func(*packet.Signature)
		code   fault.Code
	}{
		"text mode":   {func(s *packet.Signature) { s.SigType = packet.SigTypeText }, fault.WeakSignature},
		"of a key":    {func(s *packet.Signature) { s.SigType = packet.SigTypeGenericCert }, fault.WeakSignature},
		"critical":    {func(s *packet.Signature) { s.Notations = []*packet.Notation{{Name: "a@b", IsCritical: true}} }, fault.WeakSignature},
		"notation":    {func(s *packet.Signature) { s.Notations = []*packet.Notation{{Name: "a@b"}} }, ""},
		"older":       {func(s *packet.Signature) { s.CreationTime = noon.Add(-2 * day) }, fault.KeyExpired},
		"from future": {func(s *packet.Signature) { s.CreationTime = noon.Add(year) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Verify(OpenPGP, signed(t, e.PrivateKey, c.change), message, ring)
			if c.code == "" {
				must(t, err)
				return
			}
			refused(t, err, c.code)
		})
	}
}

func TestHandMadeOpenPGP(t *testing.T) {
	t.Parallel()
	e := entity(t, at(noon.Add(-day)))
	ends := []byte{5, 3, 0, 0, 0, 60} // a minute later
	id := issuer(e.PrimaryKey.KeyId)
	for name, c := range map[string]struct {
		digest           byte
		hashed, unhashed []byte
		code             fault.Code
	}{
		"only an id":           {10, created(noon), id, ""},
		"an end":               {10, slices.Concat(created(noon), ends), id, ""},
		"an end that is moved": {10, created(noon), slices.Concat(id, ends), ""},
		"another's id":         {10, created(noon), issuer(7), fault.UnknownSigner},
		"no issuer":            {10, created(noon), nil, fault.UnknownSigner},
		"no time":              {10, nil, id, fault.BadSpelling},
		"an unsigned time":     {10, nil, slices.Concat(created(noon), id), fault.BadSpelling},
		"SHA-1":                {2, created(noon), id, fault.WeakSignature},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Verify(OpenPGP, byHand(t, e.PrivateKey, c.digest, c.hashed, c.unhashed), message, Ring{public(t, e)})
			if c.code != "" {
				refused(t, err, c.code)
				return
			}
			must(t, err)
			must(t, s.ValidAt(noon.Add(59*time.Second)))
			if len(c.hashed) > 6 {
				refused(t, s.ValidAt(noon.Add(time.Minute)), fault.KeyExpired)
			} else {
				must(t, s.ValidAt(noon.Add(time.Minute)))
			}
			if until := s.ValidUntil(noon); until.IsZero() == (len(c.hashed) > 6) {
				t.Errorf("until %v", until)
			}
		})
	}
}

// The library reads no digest that is older than SHA-1; the number of the digest
// is the fourth byte of a body.
func TestWeakDigests(t *testing.T) {
	t.Parallel()
	e := entity(t, at(noon.Add(-day)))
	for id, code := range map[byte]fault.Code{1: fault.BadSpelling, 2: fault.WeakSignature, 3: fault.BadSpelling} {
		b := signed(t, e.PrivateKey, func(*packet.Signature) {})
		b[2+3] = id
		_, err := Verify(OpenPGP, b, message, Ring{public(t, e)})
		refused(t, err, code)
	}
}

func TestWeakKeys(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*packet.Config){
		"secp256k1": func(c *packet.Config) { c.Algorithm, c.Curve = packet.PubKeyAlgoECDSA, packet.CurveSecP256k1 },
	} {
		t.Run(name, func(t *testing.T) {
			config := at(noon.Add(-day))
			change(config)
			e := entity(t, config)
			config = at(noon)
			config.RejectCurves = map[packet.Curve]bool{}
			s, err := Verify(OpenPGP, detached(t, e, config, message), message, Ring{public(t, e)})
			must(t, err)
			refused(t, s.ValidAt(noon), fault.WeakSignature)
		})
	}
	short := sshPrivate(t, rsaKey(t, 1024))
	_, err := ParseKey(SSH, string(ssh.MarshalAuthorizedKey(short.PublicKey())))
	refused(t, err, fault.BadKey)
	almost := sshPrivate(t, rsaKey(t, 2047))
	_, err = ParseKey(SSH, string(ssh.MarshalAuthorizedKey(almost.PublicKey())))
	refused(t, err, fault.BadKey)
}

func TestSpellingsOfSSH(t *testing.T) {
	t.Parallel()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	signer := sshPrivate(t, private)
	ring := Ring{sshPublic(t, signer.PublicKey())}
	good := sshSigned(t, signer, Namespace, message)
	s, err := sshsig.Unarmor(good)
	must(t, err)
	behind := *s.Signature
	behind.Rest = []byte("more")
	s.Signature = &behind
	text := string(good)
	for name, b := range map[string]string{
		"CRLF":           strings.ReplaceAll(text, "\n", "\r\n"),
		"other columns":  string(sshsig.Armor(s)),
		"before":         "x\n" + text,
		"behind":         text + "x\n",
		"no last line":   strings.TrimSuffix(text, "\n"),
		"header":         strings.Replace(text, "\n", "\nA: b\n\n", 1),
		"bytes behind":   string(armorSSHSIG(s.Marshal())),
		"too long":       strings.Repeat(" ", MaxSize) + text,
		"other armor":    strings.ReplaceAll(text, "SSH SIGNATURE", "PGP SIGNATURE"),
		"nothing":        "",
		"not in armor":   string(s.Marshal()),
		"other encoding": strings.Replace(text, "U1NIU0lH", "U1NIU0lI", 1),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Verify(SSH, []byte(b), message, ring)
			refused(t, err, fault.BadSpelling)
		})
	}
	_, _, err = Detect(armorSSHSIG(s.Marshal()))
	refused(t, err, fault.BadSpelling)
	_, err = Verify(SSH, sshSigned(t, signer, "git", message), message, ring)
	refused(t, err, fault.WrongNamespace)

	k := newSecurityKey(t, ssh.KeyAlgoSKED25519)
	k.extra = []byte{0}
	_, err = Verify(SSH, sshSigned(t, k, Namespace, message), message, Ring{sshPublic(t, k.public)})
	refused(t, err, fault.BadSpelling)
}

func TestDetect(t *testing.T) {
	t.Parallel()
	e := entity(t, at(noon.Add(-day)))
	good := detached(t, e, at(noon), message)
	armor := string(armored(good, openpgp.SignatureType))
	_, private, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	line := string(sshSigned(t, sshPrivate(t, private), Namespace, message))
	body := base64.StdEncoding.EncodeToString(good)
	lines := ""
	for part := range slices.Chunk([]byte(body), 64) {
		lines += string(part) + "\n"
	}
	const begin, end = "-----BEGIN PGP SIGNATURE-----", "-----END PGP SIGNATURE-----"
	for name, c := range map[string]struct{ text, kind string }{
		"binary":             {string(good), OpenPGP},
		"armor":              {armor, OpenPGP},
		"armor, spaces":      {"\n \t" + armor + "\r\n\n", OpenPGP},
		"armor, CRLF":        {strings.ReplaceAll(armor, "\n", "\r\n"), OpenPGP},
		"armor, headers":     {strings.Replace(armor, "\n", "\nVersion: 1\nComment: a b\n", 1), OpenPGP},
		"no checksum":        {begin + "\n\n" + lines + end, OpenPGP},
		"ssh":                {line, SSH},
		"ssh, CRLF":          {strings.ReplaceAll(line, "\n", "\r\n"), SSH},
		"ssh, spaces":        {"\n" + line + "\n\n", SSH},
		"binary, a line end": {string(good) + "\n", ""},
		"armor, before":      {"x\n" + armor, ""},
		"armor, behind":      {armor + "x", ""},
		"twice":              {armor + armor, ""},
		"behind the end":     {begin + "\n\n" + lines + end + "\njunk\n" + end, ""},
		"behind the sum":     {strings.Replace(armor, end, "junk\n"+end, 1), ""},
		"begin with more":    {strings.Replace(armor, begin, begin+"junk-----", 1), ""},
		"cut":                {begin + "\n\n" + body[:40] + "\n" + end, ""},
		"no headers' end":    {begin + "\n" + body + "\n" + end, ""},
		"a key":              {string(armored(serialized(t, e), openpgp.PublicKeyType)), ""},
		"ssh, behind":        {line + "x", ""},
		"ssh, twice":         {line + line, ""},
		"ssh, cut":           {line[:60], ""},
		"empty":              {"", ""},
		"spaces":             {"  \n", ""},
		"long":               {strings.Repeat("A", 2*MaxSize+1), ""},
	} {
		t.Run(name, func(t *testing.T) {
			kind, stored, err := Detect([]byte(c.text))
			if c.kind == "" {
				refused(t, err, fault.BadSpelling)
				return
			}
			must(t, err)
			if want := map[string]string{OpenPGP: string(good), SSH: line}[c.kind]; kind != c.kind || string(stored) != want {
				t.Errorf("%s, %q", kind, stored)
			}
		})
	}
}

// A key that claims that of another as its subkey hides nobody, wherever it stands.
func TestStolenSubkey(t *testing.T) {
	t.Parallel()
	bob, mallory := entity(t, at(noon.Add(-day))), entity(t, at(noon.Add(-day)))
	must(t, mallory.AddSigningSubkey(at(noon.Add(-day))))
	binding := mallory.Subkeys[0].Bindings[0].Packet
	stolen := *bob.PrimaryKey
	stolen.IsSubkey = true
	mallory.Subkeys[0].PublicKey = &stolen
	binding.FlagSign, binding.EmbeddedSignature = false, nil
	binding.FlagEncryptCommunications = true // which needs no word of the subkey
	must(t, binding.SignKey(&stolen, mallory.PrivateKey, at(noon.Add(-day))))
	thief, owner := public(t, mallory), public(t, bob)
	if len(thief.Fingerprints()) != 2 || len(thief.Materials()) != 1 {
		t.Fatal("the thief's key is not as it should be")
	}
	signature := detached(t, bob, at(noon), message)
	for _, ring := range []Ring{{thief, owner}, {owner, thief}} {
		s, err := Verify(OpenPGP, signature, message, ring)
		must(t, err)
		if s.Key != owner {
			t.Error("the signature is the thief's")
		}
		must(t, s.ValidAt(noon))
	}
	_, err := Verify(OpenPGP, signature, message, Ring{thief})
	refused(t, err, fault.UnknownSigner)
	if slices.Contains(thief.Materials(), owner.Materials()[0]) {
		t.Error("the thief and the owner are one")
	}
}

// A signature that names only a key id is tried with every key of that id.
func TestKeyIDCollision(t *testing.T) {
	t.Parallel()
	a, b := entity(t, at(noon.Add(-day))), entity(t, at(noon.Add(-day)))
	first, second := public(t, a), public(t, b)
	first.makers[0].KeyId = second.makers[0].KeyId
	signature := byHand(t, b.PrivateKey, 10, created(noon), issuer(b.PrimaryKey.KeyId))
	s, err := Verify(OpenPGP, signature, message, Ring{first, second})
	must(t, err)
	if s.Key != second {
		t.Error("the other key made it")
	}
	_, err = Verify(OpenPGP, signature, message, Ring{first})
	refused(t, err, fault.BadSignature)
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	e := entity(t, at(noon.Add(-year)))
	must(t, e.AddSigningSubkey(at(noon.Add(-year))))
	key, signature := public(t, e), detached(t, e, at(noon), message)
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			s, err := Verify(OpenPGP, signature, message, Ring{key})
			if err == nil {
				err = s.ValidAt(noon.Add(time.Duration(i) * time.Hour))
			}
			if err != nil || !s.ValidUntil(noon).IsZero() || key.Owner() == "" {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func FuzzVerify(f *testing.F) {
	key, err := openpgp.NewEntity("Ada", "", "ada@example.com", at(noon.Add(-day)))
	must(f, err)
	key.Subkeys = nil
	_, private, err := ed25519.GenerateKey(rand.Reader)
	must(f, err)
	signer := sshPrivate(f, private)
	ring := Ring{public(f, key), sshPublic(f, signer.PublicKey())}
	f.Add(detached(f, key, at(noon), message))
	f.Add(sshSigned(f, signer, Namespace, message))
	f.Add([]byte("-----BEGIN PGP SIGNATURE-----\n\n=AAAA\n-----END PGP SIGNATURE-----\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, kind := range []string{OpenPGP, SSH} {
			if _, err := Verify(kind, b, []byte("other"), ring); err == nil {
				t.Error("it verifies over what was never signed")
			}
		}
	})
}

func FuzzDetect(f *testing.F) {
	key, err := openpgp.NewEntity("Ada", "", "ada@example.com", at(noon.Add(-day)))
	must(f, err)
	good := detached(f, key, at(noon), message)
	f.Add(good)
	f.Add(armored(good, openpgp.SignatureType))
	_, private, err := ed25519.GenerateKey(rand.Reader)
	must(f, err)
	f.Add(sshSigned(f, sshPrivate(f, private), Namespace, message))
	f.Fuzz(func(t *testing.T, b []byte) {
		kind, stored, err := Detect(b)
		if err != nil {
			return
		}
		if kind == SSH {
			_, err = parseSSHSIG(stored)
		} else {
			_, err = parseOpenPGP(stored)
		}
		if err != nil {
			t.Fatalf("what is stored is not read: %v", err)
		}
		again, same, err := Detect(stored)
		if err != nil || again != kind || !bytes.Equal(same, stored) {
			t.Fatalf("what is stored is stored otherwise: %v", err)
		}
	})
}
