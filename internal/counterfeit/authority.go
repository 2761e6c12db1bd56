package counterfeit

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"time"
)

// Authority signs what a test wants, right or wrong.
type Authority struct {
	RootKey, Key crypto.Signer
	Root, Signer *x509.Certificate

	born time.Time
}

// NewAuthority makes a root and a certificate under it, which is number 2 and valid
// from born for ten years, the root for twenty; the functions change the certificate
// before it is signed.
func NewAuthority(born time.Time, change ...func(*x509.Certificate)) *Authority {
	return NewAuthorityNamed(pkix.Name{CommonName: "Root"}, born, change...)
}

// NewAuthorityNamed does so with a root of some name.
func NewAuthorityNamed(root pkix.Name, born time.Time, change ...func(*x509.Certificate)) *Authority {
	a := &Authority{RootKey: newKey(), Key: newKey(), born: born}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: root, NotBefore: born, NotAfter: born.AddDate(20, 0, 0),
		KeyUsage: x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true,
	}
	a.Root = certify(template, template, a.RootKey.Public(), a.RootKey)
	a.Certify(change...)
	return a
}

// Certify gives the authority a new certificate.
func (a *Authority) Certify(change ...func(*x509.Certificate)) {
	c := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "Signer"}, NotBefore: a.born, NotAfter: a.born.AddDate(10, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
		ExtraExtensions: []pkix.Extension{usage(true, oidTimeStamping)},
	}
	for _, f := range change {
		f(c)
	}
	a.Signer = certify(c, a.Root, a.Key.Public(), a.RootKey)
}

// usage is an extended key usage.
func usage(critical bool, usages ...asn1.ObjectIdentifier) pkix.Extension {
	var all [][]byte
	for _, u := range usages {
		all = append(all, ID(u))
	}
	return pkix.Extension{Id: oidExtendedUsage, Critical: critical, Value: Sequence(all...)}
}

func newKey() crypto.Signer { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) }

func certify(template, parent *x509.Certificate, key crypto.PublicKey, by crypto.Signer) *x509.Certificate {
	return must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, template, parent, key, by))))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// endless is a key that says to be RSA and far too long.
type endless struct{ crypto.Signer }

func (endless) Public() crypto.PublicKey {
	n := new(big.Int).Lsh(big.NewInt(1), 20000)
	return &rsa.PublicKey{N: n.Add(n, big.NewInt(1)), E: 65537}
}
