package tsa

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"slices"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	tag "golang.org/x/crypto/cryptobyte/asn1"
)

// noon is the time of all tests.
var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// authority signs what a test wants, right or wrong.
type authority struct {
	rootKey, key crypto.Signer
	root, signer *x509.Certificate
}

func newKey(t testing.TB) crypto.Signer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// newAuthority makes a root and a certificate under it; the functions change
// the certificate before it is signed.
func newAuthority(t testing.TB, change ...func(*x509.Certificate)) *authority {
	a := &authority{rootKey: newKey(t), key: newKey(t)}
	rootTemplate := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Root"},
		NotBefore: noon.AddDate(-10, 0, 0), NotAfter: noon.AddDate(30, 0, 0),
		KeyUsage: x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true,
	}
	a.root = certify(t, rootTemplate, rootTemplate, a.rootKey.Public(), a.rootKey)
	a.certify(t, change...)
	return a
}

// certify gives the authority a new certificate.
func (a *authority) certify(t testing.TB, change ...func(*x509.Certificate)) {
	c := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "Signer"},
		NotBefore: noon.AddDate(0, -1, 0), NotAfter: noon.AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
		ExtraExtensions: []pkix.Extension{stampsOnlyExtension()},
	}
	for _, f := range change {
		f(c)
	}
	a.signer = certify(t, c, a.root, a.key.Public(), a.rootKey)
}

func certify(t testing.TB, template, parent *x509.Certificate, key crypto.PublicKey, by crypto.Signer) *x509.Certificate {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key, by)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (a *authority) trust() Trust { return Trust{Roots: []*x509.Certificate{a.root}} }

// forgery is a token in its parts. Its zero value with an authority and a
// request is a good one.
type forgery struct {
	by *authority
	q  *Request

	status        []byte // PKIStatusInfo
	version       int
	policy        string
	hash          asn1.ObjectIdentifier
	imprint       []byte
	time          string
	accuracy      []byte // Accuracy
	serial        *big.Int
	nonce         *big.Int
	extensions    []byte // [1] Extensions
	contentType   asn1.ObjectIdentifier
	messageDigest []byte
	digest        crypto.Hash
	digestID      asn1.ObjectIdentifier
	signatureID   asn1.ObjectIdentifier
	identifiers   [][]byte // attributes that name the certificate
	without       asn1.ObjectIdentifier
	unsorted      bool
	certificates  []*x509.Certificate
	infos         int // how many SignerInfos
	lists         []byte
	unsigned      []byte
	tokenTail     []byte
	infoTail      []byte
	tail          []byte
}

func forge(by *authority, q *Request) *forgery {
	return &forgery{
		by: by, q: q,
		status: granted, version: 1, policy: "1.2.3.4.1", hash: oidSHA256, imprint: q.imprint[:],
		time: "20261122120000Z", serial: big.NewInt(7), nonce: q.nonce, contentType: oidTSTInfo,
		digest: crypto.SHA256, digestID: oidSHA256, signatureID: oidECDSAWithSHA256,
		certificates: []*x509.Certificate{by.signer}, infos: 1,
		identifiers: [][]byte{identifierV2(by.signer.Raw)},
	}
}

func id(oid asn1.ObjectIdentifier) []byte {
	b, err := asn1.Marshal(oid)
	if err != nil {
		panic(err)
	}
	return b
}

func octets(b []byte) []byte { return wrapped(tag.OCTET_STRING, b) }

func attribute(oid asn1.ObjectIdentifier, value []byte) []byte {
	return sequence(id(oid), wrapped(tag.SET, value))
}

func identifierV1(certificate []byte) []byte {
	hash := sha1.Sum(certificate)
	return attribute(oidSigningCert, sequence(sequence(sequence(octets(hash[:])))))
}

func identifierV2(certificate []byte, more ...[]byte) []byte {
	hash := sha256.Sum256(certificate)
	return attribute(oidSigningCertV2, sequence(sequence(sequence(append([][]byte{octets(hash[:])}, more...)...))))
}

func issuerSerial(name []byte, serial int64) []byte {
	return sequence(sequence(directoryName(name)), integer(big.NewInt(serial)))
}

func integer(n *big.Int) []byte {
	var b cryptobyte.Builder
	b.AddASN1BigInt(n)
	return b.BytesOrPanic()
}

func (f *forgery) content() []byte {
	policy, err := parsePolicy(f.policy)
	if err != nil {
		panic(err)
	}
	parts := [][]byte{
		integer(big.NewInt(int64(f.version))), id(policy),
		sequence(sequence(id(f.hash), []byte{5, 0}), octets(f.imprint)),
		integer(f.serial), wrapped(tag.GeneralizedTime, []byte(f.time)), f.accuracy,
	}
	if f.nonce != nil {
		parts = append(parts, integer(f.nonce))
	}
	return append(sequence(append(parts, f.extensions)...), f.infoTail...)
}

func (f *forgery) signedAttributes(content []byte) []byte {
	digest := sum(f.digest, content)
	if f.messageDigest != nil {
		digest = f.messageDigest
	}
	all := append([][]byte{
		attribute(oidMessageDigest, octets(digest)),
		attribute(oidContentType, id(f.contentType)),
	}, f.identifiers...)
	if f.without != nil {
		all = slices.DeleteFunc(all, func(a []byte) bool { return bytes.HasPrefix(a[2:], id(f.without)) })
	}
	if !f.unsorted {
		slices.SortFunc(all, bytes.Compare)
	}
	return bytes.Join(all, nil)
}

func (f *forgery) signerInfo(content []byte) []byte {
	attributes := f.signedAttributes(content)
	signature, err := f.by.key.Sign(rand.Reader, sum(f.digest, wrapped(tag.SET, attributes)), f.digest)
	if err != nil {
		panic(err)
	}
	return sequence(
		integer(big.NewInt(1)),
		sequence(f.by.signer.RawIssuer, integer(f.by.signer.SerialNumber)),
		sequence(id(f.digestID)),
		wrapped(context0, attributes),
		sequence(id(f.signatureID)),
		octets(signature),
		f.unsigned,
	)
}

func (f *forgery) token() []byte {
	content := f.content()
	var certificates []byte
	for _, c := range f.certificates {
		certificates = append(certificates, c.Raw...)
	}
	if certificates != nil {
		certificates = wrapped(context0, certificates)
	}
	infos := f.signerInfo(content)
	for range f.infos - 1 {
		infos = append(infos, f.signerInfo(content)...)
	}
	data := sequence(
		integer(big.NewInt(3)),
		wrapped(tag.SET, sequence(id(f.digestID))),
		sequence(id(oidTSTInfo), wrapped(context0, octets(content))),
		certificates, f.lists, wrapped(tag.SET, infos),
	)
	return contentInfo(data)
}

func (f *forgery) response() []byte {
	return append(sequence(f.status, f.token(), f.tokenTail), f.tail...)
}

func newRequest(t testing.TB) *Request {
	q, err := NewRequest(sha256.Sum256([]byte("signature")), "")
	if err != nil {
		t.Fatal(err)
	}
	return q
}
