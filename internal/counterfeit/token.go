package counterfeit

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	_ "crypto/sha512" // for crypto.SHA384 and crypto.SHA512
	"crypto/x509"
	"encoding/asn1"
	"math/big"
	"slices"
	"time"

	tag "golang.org/x/crypto/cryptobyte/asn1"
)

// Query is what a token answers.
type Query struct {
	Imprint [32]byte
	Nonce   *big.Int // nil: none was sent
	At      time.Time
}

// Token is a time-stamp in its parts. What [Forge] returns is a good one.
type Token struct {
	By    Authority
	Query Query

	Status       []byte // PKIStatusInfo, and what else is before the token
	Version      int64
	Policy       asn1.ObjectIdentifier
	Hash         asn1.ObjectIdentifier
	Imprint      []byte
	Time         string
	Accuracy     []byte // Accuracy; nil: none
	Serial       *big.Int
	Nonce        *big.Int
	Extensions   []byte              // [1] Extensions; nil: none
	Identifiers  [][]byte            // attributes that name the certificate
	Certificates []*x509.Certificate // those in the token
	Lists        []byte              // [1] RevocationInfoChoices; nil: none
	Unsigned     []byte              // [1] UnsignedAttributes; nil: none

	kind                  asn1.ObjectIdentifier // of the ContentInfo
	contentType           asn1.ObjectIdentifier
	messageDigest         []byte
	digest                crypto.Hash
	digestID, signatureID asn1.ObjectIdentifier
	without               asn1.ObjectIdentifier // an attribute that is left out
	unsorted              bool
	infos                 int // how many SignerInfos
	tokenTail, infoTail   []byte
	tail                  []byte
	mangle                func([]byte) []byte // the response at last
}

// Forge begins a token of an authority: a good answer to a query.
func Forge(by *Authority, q Query) *Token {
	t := &Token{
		By: *by, Query: q, Status: Sequence(Integer(0)), Version: 1, Policy: asn1.ObjectIdentifier{1, 2, 3, 4, 1},
		Hash: oidSHA256, Imprint: q.Imprint[:], Time: generalized(q.At), Serial: big.NewInt(7), Nonce: q.Nonce,
		kind: oidSignedData, contentType: oidTSTInfo, digest: crypto.SHA256, digestID: oidSHA256, signatureID: oidECDSAWithSHA256, infos: 1,
	}
	t.show()
	return t
}

// show puts the authority's certificate into the token.
func (t *Token) show() {
	t.Certificates = []*x509.Certificate{t.By.Signer}
	t.Identifiers = [][]byte{IdentifierV2(t.By.Signer.Raw)}
}

func generalized(at time.Time) string { return at.UTC().Format("20060102150405Z") }

// SignWithRSA gives the authority a key of RSA, and has it sign over SHA-384 or
// SHA-512.
func (t *Token) SignWithRSA(hash crypto.Hash) {
	switch hash {
	case crypto.SHA384:
		t.signWithRSA(2048, hash, oidSHA384, oidSHA384WithRSA)
	default:
		t.signWithRSA(2048, crypto.SHA512, oidSHA512, oidRSA)
	}
}

func (t *Token) signWithRSA(bits int, hash crypto.Hash, digest, signature asn1.ObjectIdentifier) {
	t.By.Key = must(rsa.GenerateKey(rand.Reader, bits))
	t.recertify()
	t.digest, t.digestID, t.signatureID = hash, digest, signature
}

// recertify gives the signer another certificate, and the token with it.
func (t *Token) recertify(change ...func(*x509.Certificate)) {
	t.By.Certify(change...)
	t.show()
}

func attribute(oid asn1.ObjectIdentifier, value []byte) []byte {
	return Sequence(ID(oid), Wrapped(tag.SET, value))
}

// IdentifierV1 is a SigningCertificate (RFC 2634) of a certificate.
func IdentifierV1(certificate []byte) []byte {
	hash := sha1.Sum(certificate)
	return attribute(oidSigningCert, Sequence(Sequence(Sequence(Octets(hash[:])))))
}

// IdentifierV2 is a SigningCertificateV2 (RFC 5035) of a certificate, with more of an
// ESSCertIDv2 behind its hash.
func IdentifierV2(certificate []byte, more ...[]byte) []byte {
	hash := sha256.Sum256(certificate)
	return attribute(oidSigningCertV2, Sequence(Sequence(Sequence(append([][]byte{Octets(hash[:])}, more...)...))))
}

// IssuerSerial is one of a name and a number.
func IssuerSerial(name []byte, serial int64) []byte {
	return Sequence(Sequence(Wrapped(Context(4), name)), Integer(serial))
}

// Extension is an unknown extension of a TSTInfo.
func Extension(critical bool) []byte {
	var flag []byte
	if critical {
		flag = []byte{1, 1, 0xFF}
	}
	return Wrapped(Context(1), Sequence(ID(oidUnknown), flag, Octets([]byte{5, 0})))
}

func (t *Token) content() []byte {
	parts := [][]byte{
		Integer(t.Version), ID(t.Policy), Sequence(Sequence(ID(t.Hash), []byte{5, 0}), Octets(t.Imprint)),
		bigInteger(t.Serial), Wrapped(tag.GeneralizedTime, []byte(t.Time)), t.Accuracy,
	}
	if t.Nonce != nil {
		parts = append(parts, bigInteger(t.Nonce))
	}
	return append(Sequence(append(parts, t.Extensions)...), t.infoTail...)
}

func (t *Token) signedAttributes(content []byte) []byte {
	digest := sum(t.digest, content)
	if t.messageDigest != nil {
		digest = t.messageDigest
	}
	all := append([][]byte{
		attribute(oidMessageDigest, Octets(digest)),
		attribute(oidContentType, ID(t.contentType)),
	}, t.Identifiers...)
	if t.without != nil {
		all = slices.DeleteFunc(all, func(a []byte) bool { return bytes.HasPrefix(a[2:], ID(t.without)) })
	}
	if !t.unsorted {
		slices.SortFunc(all, bytes.Compare)
	}
	return bytes.Join(all, nil)
}

func (t *Token) signerInfo(content []byte) []byte {
	attributes := t.signedAttributes(content)
	signature := must(t.By.Key.Sign(rand.Reader, sum(t.digest, Wrapped(tag.SET, attributes)), t.digest))
	return Sequence(
		Integer(1),
		Sequence(t.By.Signer.RawIssuer, bigInteger(t.By.Signer.SerialNumber)),
		Sequence(ID(t.digestID)),
		Wrapped(Context(0), attributes),
		Sequence(ID(t.signatureID)),
		Octets(signature),
		t.Unsigned,
	)
}

func sum(hash crypto.Hash, b []byte) []byte {
	h := hash.New()
	h.Write(b)
	return h.Sum(nil)
}

// Bare is the TimeStampToken without a response around it.
func (t *Token) Bare() []byte {
	content := t.content()
	var certificates []byte
	for _, c := range t.Certificates {
		certificates = append(certificates, c.Raw...)
	}
	if certificates != nil {
		certificates = Wrapped(Context(0), certificates)
	}
	var infos []byte
	for range t.infos {
		infos = append(infos, t.signerInfo(content)...)
	}
	return contentInfo(t.kind,
		Integer(3), Wrapped(tag.SET, Sequence(ID(t.digestID))), Sequence(ID(oidTSTInfo), Wrapped(Context(0), Octets(content))),
		certificates, t.Lists, Wrapped(tag.SET, infos),
	)
}

func contentInfo(kind asn1.ObjectIdentifier, parts ...[]byte) []byte {
	return Sequence(ID(kind), Wrapped(Context(0), Sequence(parts...)))
}

// Response is the answer of the authority: a TimeStampResp.
func (t *Token) Response() []byte {
	b := append(Sequence(t.Status, t.Bare(), t.tokenTail), t.tail...)
	if t.mangle != nil {
		b = t.mangle(b)
	}
	return b
}
