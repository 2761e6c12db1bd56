package counterfeit

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"slices"
	"time"

	tag "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// Bad is a kind of token that whoever asks must refuse.
type Bad struct {
	Name   string
	Code   fault.Code // of the reason
	Change func(*Token)
}

// Groups are the bad tokens by what is wrong with them.
var Groups = map[string][]Bad{
	"signer":    signers,
	"signature": signatures,
	"answer":    answers,
	"time":      times,
	"encoding":  encodings,
}

// Find returns the bad token of a name; ok tells whether there is one.
func Find(name string) (Bad, bool) {
	for _, group := range Groups {
		if i := slices.IndexFunc(group, func(b Bad) bool { return b.Name == name }); i >= 0 {
			return group[i], true
		}
	}
	return Bad{}, false
}

// signers are tokens of who may not sign them, or of whom nothing is shown.
var signers = []Bad{
	{"other authority of the same name", fault.TSAUntrusted, (*Token).ofAnother},
	{"self-signed signer", fault.TSAUntrusted, (*Token).selfSigned},
	{"no certificates", fault.TokenForged, func(t *Token) { t.Certificates = nil }},
	{"no certificates, a bit of the signature flipped", fault.TokenForged, func(t *Token) { t.Certificates, t.mangle = nil, flipLast }},
	{"no certificates, a bit of the time flipped", fault.TokenForged, func(t *Token) { t.Certificates, t.mangle = nil, t.flipTime }},
	{"only the root's certificate", fault.TokenForged, func(t *Token) { t.Certificates = []*x509.Certificate{t.By.Root} }},
	{"two certificates of one number", fault.TokenForged, func(t *Token) { t.Certificates = append(t.Certificates, t.another().Signer) }},
	{"usage for something else", fault.TSAUnfit, forUsages(true, oidCodeSigning)},
	{"usage not critical", fault.TSAUnfit, forUsages(false, oidTimeStamping)},
	{"usage for something else too", fault.TSAUnfit, forUsages(true, oidTimeStamping, oidCodeSigning)},
	{"usage for something unknown too", fault.TSAUnfit, forUsages(true, oidTimeStamping, oidUnknown)},
	{"no usage", fault.TSAUnfit, certified(func(c *x509.Certificate) { c.ExtraExtensions = nil })},
	{"key for certificates", fault.TSAUnfit, certified(func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageCertSign })},
	{"authority as signer", fault.TSAUnfit, certified(func(c *x509.Certificate) { c.IsCA = true })},
	{"unknown critical extension in the certificate", fault.TSAUnfit, certified(func(c *x509.Certificate) {
		c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: oidUnknown, Critical: true, Value: []byte{5, 0}})
	})},
	{"short key", fault.TSAUnfit, func(t *Token) { t.signWithRSA(1024, crypto.SHA256, oidSHA256, oidRSA) }},
	{"endless key", fault.TSAUnfit, func(t *Token) {
		t.By.Key = endless{t.By.Key}
		t.recertify()
	}},
	{"endless key beside the signer", fault.TSAUnfit, func(t *Token) {
		other := t.another()
		other.Key = endless{other.Key}
		other.Certify(func(c *x509.Certificate) { c.SerialNumber = big.NewInt(3) })
		t.Certificates = append(t.Certificates, other.Signer)
	}},
	{"expired at its time", fault.TSAExpired, func(t *Token) {
		t.recertify(func(c *x509.Certificate) { c.NotAfter = t.Query.At.Add(-time.Second) })
	}},
	{"not yet valid at its time", fault.TSAExpired, func(t *Token) {
		t.recertify(func(c *x509.Certificate) { c.NotBefore = t.Query.At.Add(time.Second) })
	}},
}

// signatures are tokens whose signature is not over them, or does not say whose it is.
var signatures = []Bad{
	{"a bit of the signature flipped", fault.TokenForged, func(t *Token) { t.mangle = flipLast }},
	{"a bit of the time flipped", fault.TokenForged, func(t *Token) { t.mangle = t.flipTime }},
	{"forged ESSCertIDv2", fault.TokenForged, func(t *Token) { t.Identifiers = [][]byte{IdentifierV2(t.another().Signer.Raw)} }},
	{"forged ESSCertID", fault.TokenForged, func(t *Token) { t.Identifiers = [][]byte{IdentifierV1(t.another().Signer.Raw)} }},
	{"ESSCertIDv2 good, ESSCertID forged", fault.TokenForged, func(t *Token) {
		t.Identifiers = append(t.Identifiers, IdentifierV1(t.another().Signer.Raw))
	}},
	{"other issuer in ESSCertIDv2", fault.TokenForged, func(t *Token) {
		t.Identifiers = [][]byte{IdentifierV2(t.By.Signer.Raw, IssuerSerial(t.By.Signer.RawSubject, 2))}
	}},
	{"other serial in ESSCertIDv2", fault.TokenForged, func(t *Token) {
		t.Identifiers = [][]byte{IdentifierV2(t.By.Signer.Raw, IssuerSerial(t.By.Signer.RawIssuer, 3))}
	}},
	{"no ESSCertID at all", fault.TokenForged, func(t *Token) { t.Identifiers = nil }},
	{"no content type", fault.TokenForged, func(t *Token) { t.without = oidContentType }},
	{"no message digest", fault.TokenForged, func(t *Token) { t.without = oidMessageDigest }},
	{"content type of data", fault.TokenForged, func(t *Token) { t.contentType = oidData }},
	{"other message digest", fault.TokenForged, func(t *Token) { t.messageDigest = make([]byte, 32) }},
	{"an attribute twice", fault.TokenForged, func(t *Token) { t.Identifiers = append(t.Identifiers, t.Identifiers[0]) }},
	{"attributes out of order", fault.TokenForged, func(t *Token) { t.unsorted = true }},
	{"SHA-1 digest", fault.BadAlgorithm, func(t *Token) { t.signWithRSA(2048, crypto.SHA1, oidSHA1, oidRSA) }},
	{"SHA-1 signature", fault.BadAlgorithm, func(t *Token) { t.signatureID = oidECDSAWithSHA1 }},
	{"digest and signature of two hashes", fault.BadAlgorithm, func(t *Token) { t.signatureID = oidECDSAWithSHA384 }},
}

// answers are tokens that answer another question, or none.
var answers = []Bad{
	{"other nonce", fault.OtherNonce, func(t *Token) { t.Nonce = big.NewInt(1) }},
	{"no nonce", fault.OtherNonce, func(t *Token) { t.Nonce = nil }},
	{"endless nonce", fault.BadToken, func(t *Token) { t.Nonce = endlessNumber() }},
	{"other imprint", fault.OtherImprint, func(t *Token) { t.Imprint = make([]byte, 32) }},
	{"truncated imprint", fault.BadToken, func(t *Token) { t.Imprint = t.Imprint[:20] }},
	{"SHA-1 imprint", fault.BadAlgorithm, func(t *Token) { t.Hash, t.Imprint = oidSHA1, t.Imprint[:20] }},
	{"SHA-512 imprint", fault.BadAlgorithm, func(t *Token) { t.Hash, t.Imprint = oidSHA512, make([]byte, 64) }},
	{"rejection", fault.TSARefused, func(t *Token) {
		t.Status = Sequence(Integer(2), Sequence(Wrapped(tag.UTF8String, []byte("no \x1b[31m"))), []byte{3, 2, 5, 0x20})
	}},
	{"waiting", fault.TSARefused, func(t *Token) { t.Status = Sequence(Integer(3)) }},
	{"revocation warning", fault.TSARefused, func(t *Token) { t.Status = Sequence(Integer(4)) }},
}

// times are tokens that do not know the time, or claim what nobody knows.
var times = []Bad{
	{"far in the future", fault.OtherTime, func(t *Token) { t.Time = generalized(t.Query.At.AddDate(1, 0, 0)) }},
	{"in the past", fault.OtherTime, func(t *Token) { t.Time = generalized(t.Query.At.Add(-5*time.Minute - time.Second)) }},
	{"a century in the future", fault.TSAExpired, func(t *Token) { t.Time = generalized(t.Query.At.AddDate(100, 0, 0)) }},
	{"decades in the past", fault.TSAExpired, func(t *Token) { t.Time = generalized(t.Query.At.AddDate(-30, 0, 0)) }},
	{"before 1970", fault.BadToken, func(t *Token) { t.Time = "19691231235959Z" }},
	{"local time", fault.BadToken, func(t *Token) { t.Time = t.Query.At.UTC().Format("20060102150405") + "+0100" }},
	{"time without seconds", fault.BadToken, func(t *Token) { t.Time = t.Query.At.UTC().Format("200601021504Z") }},
	{"fraction that ends in zero", fault.BadToken, func(t *Token) { t.Time = t.Query.At.UTC().Format("20060102150405") + ".50Z" }},
	{"30 February", fault.BadToken, func(t *Token) { t.Time = "20260230120000Z" }},
	{"absurd accuracy", fault.TokenClaims, func(t *Token) { t.Accuracy = Sequence(Integer(601)) }},
	{"negative accuracy", fault.BadToken, func(t *Token) { t.Accuracy = Sequence(Integer(-1)) }},
	{"accuracy that overflows", fault.BadToken, func(t *Token) { t.Accuracy = Sequence(Integer(1 << 62)) }},
	{"1000 milliseconds", fault.BadToken, func(t *Token) { t.Accuracy = Sequence([]byte{0x80, 2, 3, 0xE8}) }},
	{"unknown critical extension", fault.TokenClaims, func(t *Token) { t.Extensions = Extension(true) }},
}

// encodings are tokens that are not written as RFC 3161 and CMS write them.
var encodings = []Bad{
	{"version 2", fault.BadToken, func(t *Token) { t.Version = 2 }},
	{"endless serial number", fault.BadToken, func(t *Token) { t.Serial = endlessNumber() }},
	{"bytes behind the response", fault.BadToken, func(t *Token) { t.tail = []byte{5, 0} }},
	{"bytes behind the token", fault.BadToken, func(t *Token) { t.tokenTail = []byte{5, 0} }},
	{"bytes behind the TSTInfo", fault.BadToken, func(t *Token) { t.infoTail = []byte{5, 0} }},
	{"bytes in the TSTInfo", fault.BadToken, func(t *Token) { t.Extensions = []byte{5, 0} }},
	{"without its last byte", fault.BadToken, func(t *Token) { t.mangle = func(b []byte) []byte { return b[:len(b)-1] } }},
	{"indefinite length", fault.BadToken, func(t *Token) {
		t.mangle = func(b []byte) []byte { return append(append([]byte{0x30, 0x80}, b[4:]...), 0, 0) }
	}},
	{"two signers", fault.BadToken, func(t *Token) { t.infos = 2 }},
	{"no signer", fault.BadToken, func(t *Token) { t.infos = 0 }},
	{"no signed data", fault.BadToken, func(t *Token) { t.kind = oidData }},
	{"a status without a token", fault.BadToken, func(t *Token) { t.mangle = func([]byte) []byte { return Sequence(t.Status) } }},
}

// another is an authority whose certificates have the same names and numbers.
func (t *Token) another() *Authority {
	a := NewAuthority(t.By.born)
	a.Root = certifyAs(t.By.Root, a.RootKey)
	a.Certify()
	return a
}

func (t *Token) ofAnother() {
	t.By = *t.another()
	t.show()
}

// selfSigned replaces the certificate by one that names the root, and that its
// own key signed.
func (t *Token) selfSigned() {
	root, key := t.By.Root, t.By.RootKey
	t.By.RootKey, t.By.Root = t.By.Key, certifyAs(root, t.By.Key)
	t.recertify()
	t.By.RootKey, t.By.Root = key, root
}

// certifyAs is a certificate that says the same of another key, which signs it.
func certifyAs(c *x509.Certificate, key crypto.Signer) *x509.Certificate {
	template := *c
	template.PublicKey = nil
	return certify(&template, &template, key.Public(), key)
}

func certified(change func(*x509.Certificate)) func(*Token) {
	return func(t *Token) { t.recertify(change) }
}

func forUsages(critical bool, usages ...asn1.ObjectIdentifier) func(*Token) {
	return certified(func(c *x509.Certificate) { c.ExtraExtensions = []pkix.Extension{usage(critical, usages...)} })
}

func endlessNumber() *big.Int { return new(big.Int).Lsh(big.NewInt(1), 8*200) }

// flipLast flips a bit of the last byte, which is the signature's.
func flipLast(b []byte) []byte {
	b[len(b)-1] ^= 1
	return b
}

// flipTime flips the lowest bit of the last digit of the seconds.
func (t *Token) flipTime(b []byte) []byte {
	b[bytes.Index(b, []byte(t.Time))+len(t.Time)-2] ^= 1
	return b
}
