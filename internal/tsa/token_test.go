package tsa

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	tag "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/VaultSovereign/git-vaultmesh/internal/counterfeit"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

func TestGoodTokenIsAccepted(t *testing.T) {
	a, q := newAuthority(), newRequest(t)
	f := forge(a, q)
	f.Accuracy = sequence(counterfeit.Integer(2), []byte{0x80, 1, 5}, []byte{0x81, 1, 6})
	f.Time = "20261122120000.25Z"
	response := f.Response()
	stored, token, err := q.Accept(response, trustIn(a), noon)
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
	for name, change := range map[string]func(*counterfeit.Token){
		"ESSCertID of RFC 2634": func(f *counterfeit.Token) { f.Identifiers = [][]byte{counterfeit.IdentifierV1(f.By.Signer.Raw)} },
		"both identifiers": func(f *counterfeit.Token) {
			f.Identifiers = append(f.Identifiers, counterfeit.IdentifierV1(f.By.Signer.Raw))
		},
		"issuer and serial": func(f *counterfeit.Token) {
			f.Identifiers = [][]byte{counterfeit.IdentifierV2(f.By.Signer.Raw, counterfeit.IssuerSerial(f.By.Signer.RawIssuer, 2))}
		},
		"granted with modifications": func(f *counterfeit.Token) { f.Status = sequence(counterfeit.Integer(1)) },
		"status with words": func(f *counterfeit.Token) {
			f.Status = sequence(counterfeit.Integer(0), sequence(wrapped(tag.UTF8String, []byte("Operation Okay"))))
		},
		"unsigned attributes":        func(f *counterfeit.Token) { f.Unsigned = wrapped(context1, counterfeit.IdentifierV1(nil)) },
		"revocation lists":           func(f *counterfeit.Token) { f.Lists = wrapped(context1, sequence()) },
		"root in the token":          func(f *counterfeit.Token) { f.Certificates = append(f.Certificates, f.By.Root) },
		"signer's certificate twice": func(f *counterfeit.Token) { f.Certificates = append(f.Certificates, f.By.Signer) },
		"extension":                  func(f *counterfeit.Token) { f.Extensions = counterfeit.Extension(false) },
		"SHA-512":                    func(f *counterfeit.Token) { f.SignWithRSA(crypto.SHA512) },
		"SHA-384":                    func(f *counterfeit.Token) { f.SignWithRSA(crypto.SHA384) },
	} {
		t.Run(name, func(t *testing.T) {
			a, q := newAuthority(), newRequest(t)
			f := forge(a, q)
			change(f)
			stored, _, err := q.Accept(f.Response(), trustIn(a), noon)
			if err != nil {
				t.Fatal(err)
			}
			if token, err := Parse(stored); err != nil || token.Verify(trustIn(a)) != nil {
				t.Errorf("what is kept does not hold: %v", err)
			}
			if !bytes.HasPrefix(stored[4:], granted) {
				t.Errorf("kept as %x", stored[:12])
			}
		})
	}
}

// The same tokens are met in testdata/script/tokens-*.txtar, asked for and planted.
func TestBadTokensAreRefused(t *testing.T) {
	for name, group := range counterfeit.Groups {
		for _, bad := range group {
			t.Run(name+"/"+bad.Name, func(t *testing.T) { refused(t, bad) })
		}
	}
}

func refused(t *testing.T, bad counterfeit.Bad) {
	a, q := newAuthority(), newRequest(t)
	f := forge(a, q)
	bad.Change(f)
	stored, token, err := q.Accept(f.Response(), trustIn(a), noon)
	if code := fault.From(err).Code; err == nil || code != bad.Code {
		t.Errorf("got %v, want %s", err, bad.Code)
	}
	if err != nil && strings.Contains(err.Error(), "library") {
		t.Errorf("only the library sees it: %v", err)
	}
	if stored != nil || token != nil {
		t.Error("something is returned beside a fault")
	}
}

// The same token, and another trust or request.
func TestTrustAndRequestDecide(t *testing.T) {
	a, q := newAuthority(), newRequest(t)
	other := newAuthority()
	digest := func(b []byte) [][32]byte { return [][32]byte{sha256.Sum256(b)} }
	for _, test := range []struct {
		name   string
		code   fault.Code
		change func(*Trust)
	}{
		{"right certificate", "", func(u *Trust) { u.Certificates = append(digest(other.Signer.Raw), digest(a.Signer.Raw)...) }},
		{"right key", "", func(u *Trust) { u.SPKIs = digest(a.Signer.RawSubjectPublicKeyInfo) }},
		{"right policy", "", func(u *Trust) { u.Policy = "1.2.3.4.1" }},
		{"two roots", "", func(u *Trust) { u.Roots = append(u.Roots, other.Root) }},
		{"no root", fault.TSAUntrusted, func(u *Trust) { u.Roots = nil }},
		{"nothing as root", fault.TSAUntrusted, func(u *Trust) { u.Roots[0] = nil }},
		{"wrong certificate", fault.TSAUntrusted, func(u *Trust) { u.Certificates = digest(other.Signer.Raw) }},
		{"wrong key", fault.TSAUntrusted, func(u *Trust) { u.SPKIs = digest(other.Signer.RawSubjectPublicKeyInfo) }},
		{"root pinned as signer", fault.TSAUntrusted, func(u *Trust) { u.Certificates = digest(a.Root.Raw) }},
		{"wrong policy", fault.TokenClaims, func(u *Trust) { u.Policy = "1.2.3.4.2" }},
	} {
		trust := trustIn(a)
		test.change(&trust)
		_, _, err := q.Accept(forge(a, q).Response(), trust, noon)
		if test.code == "" && err != nil || test.code != "" && !fault.Has(err, test.code) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	asked, err := NewRequest(q.imprint, "1.2.3.4.2")
	if err != nil {
		t.Fatal(err)
	}
	f := forge(a, asked)
	f.Status = sequence(counterfeit.Integer(1))
	if _, _, err := asked.Accept(f.Response(), trustIn(a), noon); !fault.Has(err, fault.TokenClaims) {
		t.Errorf("granted with another policy: %v", err)
	}
}

// The window is five minutes and the token's accuracy, either way.
func TestWindow(t *testing.T) {
	a, q := newAuthority(), newRequest(t)
	f := forge(a, q)
	f.Accuracy = sequence(counterfeit.Integer(1))
	for off, good := range map[time.Duration]bool{
		Window + time.Second: true, -Window - time.Second: true,
		Window + 2*time.Second: false, -Window - 2*time.Second: false,
	} {
		if _, _, err := q.Accept(f.Response(), trustIn(a), noon.Add(off)); (err == nil) != good {
			t.Errorf("%s: %v", off, err)
		}
	}
}

// A token is kept in one spelling; others are for Normalize.
func TestParseTakesOneSpelling(t *testing.T) {
	a, q := newAuthority(), newRequest(t)
	good := forge(a, q).Response()
	if _, err := Parse(good); err != nil {
		t.Fatal(err)
	}
	words := forge(a, q)
	words.Status = sequence(counterfeit.Integer(0), sequence(wrapped(tag.UTF8String, []byte("ok"))))
	modified := forge(a, q)
	modified.Status = sequence(counterfeit.Integer(1))
	unsigned := forge(a, q)
	unsigned.Unsigned = wrapped(context1, counterfeit.IdentifierV1(nil))
	lists := forge(a, q)
	lists.Lists = wrapped(context1, sequence())
	for name, b := range map[string][]byte{
		"nothing":                    nil,
		"a web page":                 []byte("<!doctype html><title>Log in</title>"),
		"words":                      words.Response(),
		"granted with modifications": modified.Response(),
		"unsigned attributes":        unsigned.Response(),
		"revocation lists":           lists.Response(),
		"a token without a response": forge(a, q).Bare(),
		"a status without a token":   sequence(granted),
		"length of too many bytes":   append([]byte{0x30, 0x83, 0}, good[2:]...),
		"indefinite length":          append(append([]byte{0x30, 0x80}, good[4:]...), 0, 0),
		"indefinite length inside":   sequence(granted, append(append([]byte{0x30, 0x80}, forge(a, q).Bare()[4:]...), 0, 0)),
		"status as a long integer":   sequence([]byte{0x30, 4, 2, 2, 0, 0}, forge(a, q).Bare()),
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
	a, q := newAuthority(), newRequest(t)
	mangle(t, forge(a, q).Response(), trustIn(a), []byte{0x01, 0x80, 0xFF})
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
	a, q := newAuthority(), newRequest(t)
	good := forge(a, q).Response()
	for i := range good {
		if _, err := Parse(good[:i]); !fault.Has(err, fault.BadToken) {
			t.Errorf("%d bytes: %v", i, err)
		}
	}
}

// A token without certificates, of which a library checks no signature, never
// verifies, whichever bit is changed.
func TestEveryBitWithoutCertificates(t *testing.T) {
	a, q := newAuthority(), newRequest(t)
	f := forge(a, q)
	f.Certificates = nil
	good := f.Response()
	for i := range 8 * len(good) {
		b := bytes.Clone(good)
		b[i/8] ^= 1 << (i % 8)
		if token, err := Parse(b); err == nil && token.Verify(trustIn(a)) == nil {
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
	a, q := newAuthority(), newRequest(t)
	f := forge(a, q)
	f.Status = sequence(counterfeit.Integer(2), sequence(wrapped(tag.UTF8String, []byte("no \x1b[31m\u202e"))), []byte{3, 2, 5, 0x20})
	_, _, err := Normalize(f.Response())
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
	f.Add(sequence(sequence(counterfeit.Integer(1)), good[9:]))
	f.Add(sequence(sequence(counterfeit.Integer(2), []byte{3, 2, 5, 0x20})))
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
