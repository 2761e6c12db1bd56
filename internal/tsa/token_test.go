package tsa

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"strings"
	"testing"
	"time"

	tag "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

func TestGoodTokenIsAccepted(t *testing.T) {
	a, q := newAuthority(t), newRequest(t)
	f := forge(a, q)
	f.accuracy = sequence(integer(big.NewInt(2)), []byte{0x80, 1, 5}, []byte{0x81, 1, 6})
	f.time = "20261122120000.25Z"
	response := f.response()
	stored, token, err := q.Accept(response, a.trust(), noon)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(stored, response) || !bytes.Equal(stored, token.Bytes()) {
		t.Error("the token is kept otherwise than it came")
	}
	want := Token{
		Time: noon.Add(250 * time.Millisecond), Accuracy: 2005006 * time.Microsecond, Imprint: q.imprint,
		Policy: "1.2.3.4.1", Issuer: "CN=Root",
	}
	if !token.Time.Equal(want.Time) || token.Accuracy != want.Accuracy || token.Imprint != want.Imprint ||
		token.Policy != want.Policy || token.Issuer != want.Issuer || token.Serial.Int64() != 7 ||
		token.CertificateSerial.Int64() != 2 || token.Nonce.Cmp(q.nonce) != 0 {
		t.Errorf("claims %+v", token)
	}
}

// What an authority may do otherwise, and its token holds nevertheless.
func TestOtherGoodTokens(t *testing.T) {
	for name, change := range map[string]func(*testing.T, *forgery){
		"ESSCertID of RFC 2634": func(_ *testing.T, f *forgery) { f.identifiers = [][]byte{identifierV1(f.by.signer.Raw)} },
		"both identifiers": func(_ *testing.T, f *forgery) {
			f.identifiers = append(f.identifiers, identifierV1(f.by.signer.Raw))
		},
		"issuer and serial": func(_ *testing.T, f *forgery) {
			f.identifiers = [][]byte{identifierV2(f.by.signer.Raw, issuerSerial(f.by.signer.RawIssuer, 2))}
		},
		"granted with modifications": func(_ *testing.T, f *forgery) { f.status = sequence(integer(big.NewInt(1))) },
		"status with words": func(_ *testing.T, f *forgery) {
			f.status = sequence(integer(new(big.Int)), sequence(wrapped(tag.UTF8String, []byte("Operation Okay"))))
		},
		"unsigned attributes":        func(_ *testing.T, f *forgery) { f.unsigned = wrapped(context1, identifierV1(nil)) },
		"revocation lists":           func(_ *testing.T, f *forgery) { f.lists = wrapped(context1, sequence()) },
		"root in the token":          func(_ *testing.T, f *forgery) { f.certificates = append(f.certificates, f.by.root) },
		"signer's certificate twice": func(_ *testing.T, f *forgery) { f.certificates = append(f.certificates, f.by.signer) },
		"extension":                  func(_ *testing.T, f *forgery) { f.extensions = extension(false) },
		"SHA-512":                    signWithRSA(2048, crypto.SHA512, oidSHA512, oidRSA),
		"SHA-384":                    signWithRSA(2048, crypto.SHA384, oidSHA384, oidSHA384WithRSA),
	} {
		t.Run(name, func(t *testing.T) {
			a, q := newAuthority(t), newRequest(t)
			f := forge(a, q)
			change(t, f)
			stored, _, err := q.Accept(f.response(), a.trust(), noon)
			if err != nil {
				t.Fatal(err)
			}
			if token, err := Parse(stored); err != nil || token.Verify(a.trust()) != nil {
				t.Errorf("what is kept does not hold: %v", err)
			}
			if !bytes.HasPrefix(stored[4:], granted) {
				t.Errorf("kept as %x", stored[:12])
			}
		})
	}
}

func extension(critical bool) []byte {
	flag := []byte{1, 1, 0xFF}
	if !critical {
		flag = nil
	}
	return wrapped(context1, sequence(id(asn1.ObjectIdentifier{1, 2, 3}), flag, octets([]byte{5, 0})))
}

func signWithRSA(bits int, hash crypto.Hash, digest, signature asn1.ObjectIdentifier) func(*testing.T, *forgery) {
	return func(t *testing.T, f *forgery) {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			t.Skip(err)
		}
		f.by.key = key
		recertify(t, f)
		f.digest, f.digestID, f.signatureID = hash, digest, signature
	}
}

// recertify gives the signer another certificate, and the token with it.
func recertify(t *testing.T, f *forgery, change ...func(*x509.Certificate)) {
	f.by.certify(t, change...)
	f.certificates = []*x509.Certificate{f.by.signer}
	f.identifiers = [][]byte{identifierV2(f.by.signer.Raw)}
}

func withCertificate(change func(*x509.Certificate)) func(*testing.T, *forgery) {
	return func(t *testing.T, f *forgery) { recertify(t, f, change) }
}

func with(change func(*forgery)) func(*testing.T, *forgery) {
	return func(_ *testing.T, f *forgery) { change(f) }
}

func usage(critical bool, usages ...asn1.ObjectIdentifier) func(*testing.T, *forgery) {
	value, _ := asn1.Marshal(usages)
	return withCertificate(func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{{Id: oidExtendedKeyUsage, Critical: critical, Value: value}}
	})
}

var codeSigning = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 3}

// selfSigned replaces the certificate by one that names the root, and that its
// own key signed.
func selfSigned(t *testing.T, f *forgery) {
	root, key := *f.by.root, f.by.rootKey
	root.PublicKey = nil
	f.by.rootKey = f.by.key
	f.by.root = certify(t, &root, &root, f.by.key.Public(), f.by.key)
	recertify(t, f)
	f.by.rootKey = key
}

// endless is a key that says to be RSA and far too long.
type endless struct{ crypto.Signer }

func (endless) Public() crypto.PublicKey {
	n := new(big.Int).Lsh(big.NewInt(1), 20000)
	return &rsa.PublicKey{N: n.Add(n, big.NewInt(1)), E: 65537}
}

// tokens that must not be accepted, each with the code of the reason.
var bad = []struct {
	name   string
	code   fault.Code
	change func(*testing.T, *forgery)
}{
	{"other authority of the same name", fault.TSAUntrusted, func(t *testing.T, f *forgery) { *f = *forge(newAuthority(t), f.q) }},
	{"self-signed signer", fault.TSAUntrusted, selfSigned},
	{"no certificates", fault.TokenForged, with(func(f *forgery) { f.certificates = nil })},
	{"only the root's certificate", fault.TokenForged, with(func(f *forgery) { f.certificates = []*x509.Certificate{f.by.root} })},
	{"two certificates of one number", fault.TokenForged, func(t *testing.T, f *forgery) {
		f.certificates = append(f.certificates, newAuthority(t).signer)
	}},
	{"usage for something else", fault.TSAUnfit, usage(true, codeSigning)},
	{"usage not critical", fault.TSAUnfit, usage(false, oidTimeStamping)},
	{"usage for something else too", fault.TSAUnfit, usage(true, oidTimeStamping, codeSigning)},
	{"usage for something unknown too", fault.TSAUnfit, usage(true, oidTimeStamping, asn1.ObjectIdentifier{1, 2, 3})},
	{"no usage", fault.TSAUnfit, withCertificate(func(c *x509.Certificate) { c.ExtraExtensions = nil })},
	{"key for certificates", fault.TSAUnfit, withCertificate(func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageCertSign })},
	{"authority as signer", fault.TSAUnfit, withCertificate(func(c *x509.Certificate) { c.IsCA = true })},
	{"unknown critical extension in the certificate", fault.TSAUnfit, withCertificate(func(c *x509.Certificate) {
		e := pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}
		c.ExtraExtensions = append(c.ExtraExtensions, e)
	})},
	{"short key", fault.TSAUnfit, signWithRSA(1024, crypto.SHA256, oidSHA256, oidRSA)},
	{"endless key", fault.TSAUnfit, func(t *testing.T, f *forgery) {
		f.by.key = endless{f.by.key}
		recertify(t, f)
	}},
	{"endless key beside the signer", fault.TSAUnfit, func(t *testing.T, f *forgery) {
		other := newAuthority(t)
		other.key = endless{other.key}
		other.certify(t, func(c *x509.Certificate) { c.SerialNumber = big.NewInt(3) })
		f.certificates = append(f.certificates, other.signer)
	}},
	{"endless serial number", fault.BadToken, with(func(f *forgery) { f.serial = new(big.Int).Lsh(big.NewInt(1), 8*200) })},
	{"endless nonce", fault.BadToken, with(func(f *forgery) { f.nonce = new(big.Int).Lsh(big.NewInt(1), 8*200) })},
	{"expired at its time", fault.TSAExpired, withCertificate(func(c *x509.Certificate) { c.NotAfter = noon.Add(-time.Second) })},
	{"not yet valid at its time", fault.TSAExpired, withCertificate(func(c *x509.Certificate) { c.NotBefore = noon.Add(time.Second) })},
	{"other nonce", fault.OtherNonce, with(func(f *forgery) { f.nonce = big.NewInt(1) })},
	{"no nonce", fault.OtherNonce, with(func(f *forgery) { f.nonce = nil })},
	{"other imprint", fault.OtherImprint, with(func(f *forgery) { f.imprint = make([]byte, 32) })},
	{"truncated imprint", fault.BadToken, with(func(f *forgery) { f.imprint = f.imprint[:20] })},
	{"SHA-1 imprint", fault.BadAlgorithm, with(func(f *forgery) {
		f.hash, f.imprint = asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}, f.imprint[:20]
	})},
	{"SHA-512 imprint", fault.BadAlgorithm, with(func(f *forgery) { f.hash, f.imprint = oidSHA512, make([]byte, 64) })},
	{"far in the future", fault.OtherTime, with(func(f *forgery) { f.time = "20270122120000Z" })},
	{"in the past", fault.OtherTime, with(func(f *forgery) { f.time = "20261122115459Z" })},
	{"before 1970", fault.BadToken, with(func(f *forgery) { f.time = "19691231235959Z" })},
	{"local time", fault.BadToken, with(func(f *forgery) { f.time = "20261122120000+0100" })},
	{"time without seconds", fault.BadToken, with(func(f *forgery) { f.time = "202611221200Z" })},
	{"fraction that ends in zero", fault.BadToken, with(func(f *forgery) { f.time = "20261122120000.50Z" })},
	{"30 February", fault.BadToken, with(func(f *forgery) { f.time = "20260230120000Z" })},
	{"absurd accuracy", fault.TokenClaims, with(func(f *forgery) { f.accuracy = sequence(integer(big.NewInt(601))) })},
	{"negative accuracy", fault.BadToken, with(func(f *forgery) { f.accuracy = sequence(integer(big.NewInt(-1))) })},
	{"accuracy that overflows", fault.BadToken, with(func(f *forgery) { f.accuracy = sequence(integer(big.NewInt(1 << 62))) })},
	{"1000 milliseconds", fault.BadToken, with(func(f *forgery) { f.accuracy = sequence([]byte{0x80, 2, 3, 0xE8}) })},
	{"unknown critical extension", fault.TokenClaims, with(func(f *forgery) { f.extensions = extension(true) })},
	{"version 2", fault.BadToken, with(func(f *forgery) { f.version = 2 })},
	{"forged ESSCertIDv2", fault.TokenForged, func(t *testing.T, f *forgery) {
		f.identifiers = [][]byte{identifierV2(newAuthority(t).signer.Raw)}
	}},
	{"forged ESSCertID", fault.TokenForged, func(t *testing.T, f *forgery) {
		f.identifiers = [][]byte{identifierV1(newAuthority(t).signer.Raw)}
	}},
	{"ESSCertIDv2 good, ESSCertID forged", fault.TokenForged, func(t *testing.T, f *forgery) {
		f.identifiers = append(f.identifiers, identifierV1(newAuthority(t).signer.Raw))
	}},
	{"other issuer in ESSCertIDv2", fault.TokenForged, with(func(f *forgery) {
		f.identifiers = [][]byte{identifierV2(f.by.signer.Raw, issuerSerial(f.by.signer.RawSubject, 2))}
	})},
	{"other serial in ESSCertIDv2", fault.TokenForged, with(func(f *forgery) {
		f.identifiers = [][]byte{identifierV2(f.by.signer.Raw, issuerSerial(f.by.signer.RawIssuer, 3))}
	})},
	{"no ESSCertID at all", fault.TokenForged, with(func(f *forgery) { f.identifiers = nil })},
	{"no content type", fault.TokenForged, with(func(f *forgery) { f.without = oidContentType })},
	{"no message digest", fault.TokenForged, with(func(f *forgery) { f.without = oidMessageDigest })},
	{"content type of data", fault.TokenForged, with(func(f *forgery) {
		f.contentType = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	})},
	{"an attribute twice", fault.TokenForged, with(func(f *forgery) { f.identifiers = append(f.identifiers, f.identifiers[0]) })},
	{"attributes out of order", fault.TokenForged, with(func(f *forgery) { f.unsorted = true })},
	{"other message digest", fault.TokenForged, with(func(f *forgery) {
		f.messageDigest = make([]byte, 32)
	})},
	{"bytes behind the response", fault.BadToken, with(func(f *forgery) { f.tail = []byte{5, 0} })},
	{"bytes behind the token", fault.BadToken, with(func(f *forgery) { f.tokenTail = []byte{5, 0} })},
	{"bytes behind the TSTInfo", fault.BadToken, with(func(f *forgery) { f.infoTail = []byte{5, 0} })},
	{"bytes in the TSTInfo", fault.BadToken, with(func(f *forgery) { f.extensions = []byte{5, 0} })},
	{"two signers", fault.BadToken, with(func(f *forgery) { f.infos = 2 })},
	{"no signer", fault.BadToken, with(func(f *forgery) {
		f.status = append(bytes.Clone(granted), contentInfo(sequence(integer(big.NewInt(3)), wrapped(tag.SET), sequence(id(oidTSTInfo)), wrapped(tag.SET)))...)
	})},
	{"SHA-1 digest", fault.BadAlgorithm, signWithRSA(2048, crypto.SHA1, asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}, oidRSA)},
	{"SHA-1 signature", fault.BadAlgorithm, with(func(f *forgery) { f.signatureID = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 1} })},
	{"digest and signature of two hashes", fault.BadAlgorithm, with(func(f *forgery) { f.signatureID = oidECDSAWithSHA384 })},
	{"rejection", fault.TSARefused, with(func(f *forgery) {
		f.status = sequence(integer(big.NewInt(2)), sequence(wrapped(tag.UTF8String, []byte("no \x1b[31m"))), []byte{3, 2, 5, 0x20})
	})},
	{"waiting", fault.TSARefused, with(func(f *forgery) { f.status = sequence(integer(big.NewInt(3))) })},
	{"revocation warning", fault.TSARefused, with(func(f *forgery) { f.status = sequence(integer(big.NewInt(4))) })},
}

func TestBadTokensAreRefused(t *testing.T) {
	for _, test := range bad {
		t.Run(test.name, func(t *testing.T) {
			a, q := newAuthority(t), newRequest(t)
			trust := a.trust()
			f := forge(a, q)
			test.change(t, f)
			stored, token, err := q.Accept(f.response(), trust, noon)
			if code := fault.From(err).Code; err == nil || code != test.code {
				t.Errorf("got %v, want %s", err, test.code)
			}
			if err != nil && strings.Contains(err.Error(), "library") {
				t.Errorf("only the library sees it: %v", err)
			}
			if stored != nil || token != nil {
				t.Error("something is returned beside a fault")
			}
		})
	}
}

// The same token, and another trust or request.
func TestTrustAndRequestDecide(t *testing.T) {
	a, q := newAuthority(t), newRequest(t)
	other := newAuthority(t)
	digest := func(b []byte) [][32]byte { return [][32]byte{sha256.Sum256(b)} }
	for _, test := range []struct {
		name   string
		code   fault.Code
		change func(*Trust)
	}{
		{"right certificate", "", func(u *Trust) { u.Certificates = append(digest(other.signer.Raw), digest(a.signer.Raw)...) }},
		{"right key", "", func(u *Trust) { u.SPKIs = digest(a.signer.RawSubjectPublicKeyInfo) }},
		{"right policy", "", func(u *Trust) { u.Policy = "1.2.3.4.1" }},
		{"two roots", "", func(u *Trust) { u.Roots = append(u.Roots, other.root) }},
		{"no root", fault.TSAUntrusted, func(u *Trust) { u.Roots = nil }},
		{"nothing as root", fault.TSAUntrusted, func(u *Trust) { u.Roots[0] = nil }},
		{"wrong certificate", fault.TSAUntrusted, func(u *Trust) { u.Certificates = digest(other.signer.Raw) }},
		{"wrong key", fault.TSAUntrusted, func(u *Trust) { u.SPKIs = digest(other.signer.RawSubjectPublicKeyInfo) }},
		{"root pinned as signer", fault.TSAUntrusted, func(u *Trust) { u.Certificates = digest(a.root.Raw) }},
		{"wrong policy", fault.TokenClaims, func(u *Trust) { u.Policy = "1.2.3.4.2" }},
	} {
		trust := a.trust()
		test.change(&trust)
		_, _, err := q.Accept(forge(a, q).response(), trust, noon)
		if test.code == "" && err != nil || test.code != "" && !fault.Has(err, test.code) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	asked, err := NewRequest(q.imprint, "1.2.3.4.2")
	if err != nil {
		t.Fatal(err)
	}
	f := forge(a, asked)
	f.status = sequence(integer(big.NewInt(1)))
	if _, _, err := asked.Accept(f.response(), a.trust(), noon); !fault.Has(err, fault.TokenClaims) {
		t.Errorf("granted with another policy: %v", err)
	}
}

// The window is five minutes and the token's accuracy, either way.
func TestWindow(t *testing.T) {
	a, q := newAuthority(t), newRequest(t)
	f := forge(a, q)
	f.accuracy = sequence(integer(big.NewInt(1)))
	for off, good := range map[time.Duration]bool{
		Window + time.Second: true, -Window - time.Second: true,
		Window + 2*time.Second: false, -Window - 2*time.Second: false,
	} {
		if _, _, err := q.Accept(f.response(), a.trust(), noon.Add(off)); (err == nil) != good {
			t.Errorf("%s: %v", off, err)
		}
	}
}

// A token is kept in one spelling; others are for Normalize.
func TestParseTakesOneSpelling(t *testing.T) {
	a, q := newAuthority(t), newRequest(t)
	good := forge(a, q).response()
	if _, err := Parse(good); err != nil {
		t.Fatal(err)
	}
	words := forge(a, q)
	words.status = sequence(integer(new(big.Int)), sequence(wrapped(tag.UTF8String, []byte("ok"))))
	modified := forge(a, q)
	modified.status = sequence(integer(big.NewInt(1)))
	unsigned := forge(a, q)
	unsigned.unsigned = wrapped(context1, identifierV1(nil))
	lists := forge(a, q)
	lists.lists = wrapped(context1, sequence())
	for name, b := range map[string][]byte{
		"nothing":                    nil,
		"a web page":                 []byte("<!doctype html><title>Log in</title>"),
		"words":                      words.response(),
		"granted with modifications": modified.response(),
		"unsigned attributes":        unsigned.response(),
		"revocation lists":           lists.response(),
		"a token without a response": forge(a, q).token(),
		"a status without a token":   sequence(granted),
		"length of too many bytes":   append([]byte{0x30, 0x83, 0}, good[2:]...),
		"indefinite length":          append(append([]byte{0x30, 0x80}, good[4:]...), 0, 0),
		"indefinite length inside":   sequence(granted, append(append([]byte{0x30, 0x80}, forge(a, q).token()[4:]...), 0, 0)),
		"status as a long integer":   sequence([]byte{0x30, 4, 2, 2, 0, 0}, forge(a, q).token()),
		"too large":                  make([]byte, MaxSize+1),
		"nested without end":         bytes.Repeat([]byte{0x30, 0x80}, MaxSize/2),
		"nested deeply":              nested(10000),
	} {
		if token, err := Parse(b); !fault.Has(err, fault.BadToken) || token != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func nested(depth int) []byte {
	var b []byte
	for range depth {
		b = sequence(b)
		if len(b) > MaxSize-8 {
			break
		}
	}
	return b
}

// No token verifies in which a byte of what is signed was changed; where one
// verifies, only a set that nobody signs was.
func TestEveryByteMatters(t *testing.T) {
	a, q := newAuthority(t), newRequest(t)
	mangle(t, forge(a, q).response(), a.trust(), []byte{0x01, 0x80, 0xFF})
}

func TestEveryByteMattersInFreeTSA(t *testing.T) {
	b, trust := relic(t, "first_seal_inscription.asc.tsr"), freeTSA(t)
	if testing.Short() {
		t.Skip("thousands of signatures")
	}
	mangle(t, b, trust, []byte{0x01})
}

func mangle(t *testing.T, good []byte, trust Trust, masks []byte) {
	want, err := Parse(good)
	if err != nil {
		t.Fatal(err)
	}
	signer, _ := want.signed.signerCertificate()
	for i := range good {
		for _, mask := range masks {
			b := bytes.Clone(good)
			b[i] ^= mask
			token, err := Parse(b)
			if err != nil {
				if !fault.Has(err, fault.BadToken) && !fault.Has(err, fault.BadAlgorithm) {
					t.Errorf("byte %d: %v", i, err)
				}
				continue
			}
			if !bytes.Equal(token.Bytes(), b) {
				t.Errorf("byte %d: parses to other bytes", i)
			}
			if token.Verify(trust) != nil {
				continue
			}
			again, _ := token.signed.signerCertificate()
			if !bytes.Equal(token.signed.content, want.signed.content) || !bytes.Equal(token.signed.attributes, want.signed.attributes) ||
				!bytes.Equal(token.signed.signature, want.signed.signature) || !again.Equal(signer) {
				t.Errorf("byte %d: verifies with other content", i)
			}
		}
	}
}

func TestNoPrefixIsAToken(t *testing.T) {
	a, q := newAuthority(t), newRequest(t)
	good := forge(a, q).response()
	for i := range good {
		if _, err := Parse(good[:i]); !fault.Has(err, fault.BadToken) {
			t.Errorf("%d bytes: %v", i, err)
		}
	}
}

// A token without certificates, of which a library checks no signature, never
// verifies, whichever bit is changed.
func TestEveryBitWithoutCertificates(t *testing.T) {
	a, q := newAuthority(t), newRequest(t)
	f := forge(a, q)
	f.certificates = nil
	good := f.response()
	for i := range 8 * len(good) {
		b := bytes.Clone(good)
		b[i/8] ^= 1 << (i % 8)
		if token, err := Parse(b); err == nil && token.Verify(a.trust()) == nil {
			t.Errorf("bit %d: verifies", i)
		}
	}
}

// The library below panics or not: the caller gets a fault.
func TestVerifyOutlivesTheLibrary(t *testing.T) {
	token := &Token{raw: nil}
	if err := token.secondOpinion(Trust{Roots: []*x509.Certificate{nil}}); !fault.Has(err, fault.TokenForged) {
		t.Errorf("got %v", err)
	}
}

func TestRefusalIsQuoted(t *testing.T) {
	a, q := newAuthority(t), newRequest(t)
	f := forge(a, q)
	f.status = sequence(integer(big.NewInt(2)), sequence(wrapped(tag.UTF8String, []byte("no \x1b[31m\u202e"))), []byte{3, 2, 5, 0x20})
	_, _, err := Normalize(f.response())
	want := `VM411: the request is rejected: transaction not permitted or supported: "no \x1b[31m\u202e"`
	if err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

func TestRequestIsNew(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		q := newRequest(t)
		if q.nonce.Sign() <= 0 || q.nonce.BitLen() != 127 || seen[q.nonce.String()] {
			t.Fatalf("nonce %x", q.nonce)
		}
		seen[q.nonce.String()] = true
		read, rejected := readQuery(q.Bytes())
		if rejected != nil || !read.certify {
			t.Fatalf("request %+v %+v", read, rejected)
		}
	}
	for _, policy := range []string{"x", "1", "1.", "1..2", "1.02", "3.1", "1.2.99999999999", "0.40", "1.2.3 "} {
		if _, err := NewRequest([32]byte{}, policy); !fault.Has(err, fault.BadTSA) {
			t.Errorf("policy %q: %v", policy, err)
		}
	}
}

// What Parse takes is what it gives, and Normalize leaves it alone; what Normalize
// makes is taken.
func FuzzParse(f *testing.F) {
	good := exampleToken(f)
	f.Add(good)
	f.Add(granted)
	f.Add(sequence(sequence(integer(big.NewInt(1))), good[9:]))
	f.Add(sequence(sequence(integer(big.NewInt(2)), []byte{3, 2, 5, 0x20})))
	f.Fuzz(func(t *testing.T, b []byte) {
		stored, normal, err := Normalize(b)
		if err == nil {
			if again, err := Parse(stored); err != nil || !again.Time.Equal(normal.Time) || again.Imprint != normal.Imprint {
				t.Fatalf("%x is made %x: %v", b, stored, err)
			}
		}
		token, err := Parse(b)
		if err != nil {
			return
		}
		if !bytes.Equal(token.Bytes(), b) || !bytes.Equal(stored, b) {
			t.Fatalf("%x has another spelling, %x", b, stored)
		}
	})
}
