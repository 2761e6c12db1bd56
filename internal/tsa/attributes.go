package tsa

import (
	"bytes"
	"crypto"
	"crypto/sha1" // the certificate hash of RFC 2634, nothing else
	"crypto/x509"
	"encoding/asn1"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	tag "golang.org/x/crypto/cryptobyte/asn1"
)

// attributes are the signed attributes that a token needs (RFC 5652 section 11,
// RFC 2634 section 5.4, RFC 5035 section 3). Others are left alone.
type attributes struct {
	contentType asn1.ObjectIdentifier
	digest      []byte
	v1, v2      cryptobyte.String // SigningCertificate and SigningCertificateV2
}

// readAttributes reads the content of a SET of attributes, which is signed in
// the order of DER (RFC 5652 section 5.4). None may be there twice, or have more
// than one value.
func readAttributes(b []byte) (attributes, error) {
	var a attributes
	var last []byte
	seen := map[string]bool{}
	for s := cryptobyte.String(b); !s.Empty(); {
		before := s
		id, value, ok := readAttribute(&s)
		element := before[:len(before)-len(s)]
		if !ok || seen[id.String()] || bytes.Compare(last, element) > 0 {
			return a, forged("the signed attributes of the time-stamp are malformed")
		}
		seen[id.String()], last = true, element
		if !a.keep(id, value) {
			return a, forged("a signed attribute of the time-stamp is malformed")
		}
	}
	return a, nil
}

func readAttribute(s *cryptobyte.String) (id asn1.ObjectIdentifier, value cryptobyte.String, ok bool) {
	var in, set cryptobyte.String
	var t tag.Tag
	ok = s.ReadASN1(&in, tag.SEQUENCE) && in.ReadASN1ObjectIdentifier(&id) &&
		in.ReadASN1(&set, tag.SET) && in.Empty() &&
		set.ReadAnyASN1Element(&value, &t) && set.Empty()
	return id, value, ok
}

func (a *attributes) keep(id asn1.ObjectIdentifier, value cryptobyte.String) bool {
	var digest cryptobyte.String
	switch {
	case id.Equal(oidContentType):
		return value.ReadASN1ObjectIdentifier(&a.contentType)
	case id.Equal(oidMessageDigest):
		ok := value.ReadASN1(&digest, tag.OCTET_STRING)
		a.digest = digest
		return ok
	case id.Equal(oidSigningCert):
		a.v1 = value
	case id.Equal(oidSigningCertV2):
		a.v2 = value
	}
	return true
}

// identify checks that what is signed names the certificate, so that nobody
// puts another one with the same key in its place. Of several identifiers the
// first is the signer's; the others are about its issuers (RFC 5035 section 3).
// The first version hashes with SHA-1: with two certificates of one SHA-1 their
// owner could exchange one of his own for the other, and nobody else could.
func (a *attributes) identify(signer *x509.Certificate) error {
	if a.v1.Empty() && a.v2.Empty() {
		return forged("the signature does not name its certificate")
	}
	for _, value := range []struct {
		cryptobyte.String
		version int
	}{{a.v1, 1}, {a.v2, 2}} {
		if !value.Empty() && !firstIdentifies(value.String, value.version, signer) {
			return forged("the signature names another certificate than the one that verifies it")
		}
	}
	return nil
}

func firstIdentifies(s cryptobyte.String, version int, c *x509.Certificate) bool {
	var in, identifiers, id, hash cryptobyte.String
	ok := s.ReadASN1(&in, tag.SEQUENCE) && s.Empty() &&
		in.ReadASN1(&identifiers, tag.SEQUENCE) &&
		in.SkipOptionalASN1(tag.SEQUENCE) && in.Empty() && // policies
		identifiers.ReadASN1(&id, tag.SEQUENCE)
	if !ok {
		return false
	}
	sum, ok := certificateHash(&id, version, c)
	return ok && id.ReadASN1(&hash, tag.OCTET_STRING) && bytes.Equal(hash, sum) &&
		(id.Empty() || readIssuerSerial(&id, c) && id.Empty())
}

// certificateHash is the hash of a certificate as an identifier wants it: SHA-1
// in ESSCertID; in ESSCertIDv2 one of the SHA-2, SHA-256 where none is named.
func certificateHash(id *cryptobyte.String, version int, c *x509.Certificate) ([]byte, bool) {
	if version == 1 {
		s := sha1.Sum(c.Raw)
		return s[:], true
	}
	if !id.PeekASN1Tag(tag.SEQUENCE) {
		return sum(crypto.SHA256, c.Raw), true
	}
	var a algorithm
	if !readAlgorithm(id, &a) {
		return nil, false
	}
	for _, h := range imprints {
		if a.is(h.id) {
			return sum(h.hash, c.Raw), true
		}
	}
	return nil, false
}

// imprints are the hashes that are known.
var imprints = []struct {
	id   asn1.ObjectIdentifier
	hash crypto.Hash
}{
	{oidSHA256, crypto.SHA256},
	{oidSHA384, crypto.SHA384},
	{oidSHA512, crypto.SHA512},
}

// readIssuerSerial reads an IssuerSerial, which names the issuer by one
// directory name (RFC 5035 section 4), and compares it.
func readIssuerSerial(s *cryptobyte.String, c *x509.Certificate) bool {
	var in, names, name cryptobyte.String
	serial := new(big.Int)
	return s.ReadASN1(&in, tag.SEQUENCE) &&
		in.ReadASN1(&names, tag.SEQUENCE) &&
		names.ReadASN1(&name, tag.Tag(4).ContextSpecific().Constructed()) && names.Empty() &&
		in.ReadASN1Integer(serial) && in.Empty() &&
		bytes.Equal(name, c.RawIssuer) && serial.Cmp(c.SerialNumber) == 0
}
