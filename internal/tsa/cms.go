package tsa

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	tag "golang.org/x/crypto/cryptobyte/asn1"
)

// signedData is the SignedData (RFC 5652 section 5.1) of a token, and its one
// SignerInfo.
type signedData struct {
	content      []byte // the TSTInfo
	certificates []*x509.Certificate
	unsigned     bool // has revocation lists, or attributes that nobody signed

	issuer     []byte // RDNSequence of the signer's certificate
	serial     *big.Int
	digest     algorithm // of content and of attributes
	attributes []byte    // the content of the SET of signed attributes
	algorithm  algorithm
	signature  []byte

	// The elements as they are, to be written again.
	version, digests, encapsulated, set []byte
	signer                              []byte // without what nobody signed
}

// read reads a TimeStampToken (RFC 3161 section 2.4.2).
func (d *signedData) read(token []byte) error {
	content, ok := contentOf(token)
	if !ok {
		return malformed("it holds no signed data")
	}
	var infos cryptobyte.String
	if !d.readFrame(content, &infos) {
		return malformed("its signed data cannot be read")
	}
	if err := d.readCertificates(); err != nil {
		return err
	}
	if !d.readSigner(&infos) {
		return malformed("its signer cannot be read")
	}
	if !infos.Empty() {
		return malformed("it has more than one signer")
	}
	return nil
}

// contentOf returns the SignedData in a ContentInfo (RFC 5652 section 3).
func contentOf(token []byte) (cryptobyte.String, bool) {
	s := cryptobyte.String(token)
	var info, explicit, content cryptobyte.String
	var id asn1.ObjectIdentifier
	ok := s.ReadASN1(&info, tag.SEQUENCE) && s.Empty() &&
		info.ReadASN1ObjectIdentifier(&id) && id.Equal(oidSignedData) &&
		info.ReadASN1(&explicit, context0) && info.Empty() &&
		explicit.ReadASN1(&content, tag.SEQUENCE) && explicit.Empty()
	return content, ok
}

// readFrame reads all but the certificates and the signer. A token is version 3
// (RFC 5652 section 5.1: its content is no plain data).
func (d *signedData) readFrame(s cryptobyte.String, infos *cryptobyte.String) bool {
	var version, digests, encapsulated, set, lists cryptobyte.String
	ok := s.ReadASN1Element(&version, tag.INTEGER) && string(version) == "\x02\x01\x03" &&
		s.ReadASN1Element(&digests, tag.SET) &&
		s.ReadASN1Element(&encapsulated, tag.SEQUENCE) && d.readContent(encapsulated) &&
		readOptionalElement(&s, &set, context0) &&
		readOptionalElement(&s, &lists, context1) &&
		s.ReadASN1(infos, tag.SET) && s.Empty()
	d.version, d.digests, d.encapsulated, d.set = version, digests, encapsulated, set
	d.unsigned = len(lists) > 0
	return ok
}

func readOptionalElement(s, out *cryptobyte.String, t tag.Tag) bool {
	return !s.PeekASN1Tag(t) || s.ReadASN1Element(out, t)
}

func (d *signedData) readContent(s cryptobyte.String) bool {
	var in, explicit, content cryptobyte.String
	var id asn1.ObjectIdentifier
	ok := s.ReadASN1(&in, tag.SEQUENCE) &&
		in.ReadASN1ObjectIdentifier(&id) && id.Equal(oidTSTInfo) &&
		in.ReadASN1(&explicit, context0) && in.Empty() &&
		explicit.ReadASN1(&content, tag.OCTET_STRING) && explicit.Empty()
	d.content = content
	return ok
}

func (d *signedData) readCertificates() error {
	s := cryptobyte.String(d.set)
	var in cryptobyte.String
	if s.Empty() {
		return nil
	}
	if !s.ReadASN1(&in, context0) {
		return malformed("its certificates cannot be read")
	}
	certificates, err := x509.ParseCertificates(in)
	if err != nil {
		return malformed("a certificate in it cannot be read").Because(err)
	}
	d.certificates = certificates
	return nil
}

// readSigner reads a SignerInfo (RFC 5652 section 5.3) that names its
// certificate by issuer and serial, as all of version 1 do. Version 3, by key
// identifier, is not read by the library that verifies.
func (d *signedData) readSigner(infos *cryptobyte.String) bool {
	var in, id, issuer, version, attributes, signature cryptobyte.String
	element := *infos
	ok := infos.ReadASN1(&in, tag.SEQUENCE) &&
		in.ReadASN1Element(&version, tag.INTEGER) && string(version) == "\x02\x01\x01" &&
		in.ReadASN1(&id, tag.SEQUENCE) &&
		id.ReadASN1Element(&issuer, tag.SEQUENCE) && readInteger(&id, &d.serial) && id.Empty() &&
		readAlgorithm(&in, &d.digest) &&
		in.ReadOptionalASN1(&attributes, nil, context0) &&
		readAlgorithm(&in, &d.algorithm) &&
		in.ReadASN1(&signature, tag.OCTET_STRING)
	if !ok {
		return false
	}
	d.issuer, d.attributes, d.signature = issuer, attributes, signature
	d.signer = signerWithout(element, in)
	d.unsigned = d.unsigned || !in.Empty()
	return in.SkipOptionalASN1(context1) && in.Empty()
}

// signerWithout is the SignerInfo at the front of infos less its tail.
func signerWithout(infos, tail cryptobyte.String) []byte {
	var in cryptobyte.String
	infos.ReadASN1(&in, tag.SEQUENCE)
	return sequence(in[:len(in)-len(tail)])
}

// stripped is the token without revocation lists and attributes that nobody
// signed. No signature covers them (RFC 5652 section 5.4).
func (d *signedData) stripped() []byte {
	data := sequence(d.version, d.digests, d.encapsulated, d.set, wrapped(tag.SET, d.signer))
	return contentInfo(data)
}

func contentInfo(data []byte) []byte {
	var id cryptobyte.Builder
	id.AddASN1ObjectIdentifier(oidSignedData)
	return sequence(id.BytesOrPanic(), wrapped(context0, data))
}

// nameText is a distinguished name as RFC 2253 writes it.
func nameText(der []byte) (string, error) {
	var sequence pkix.RDNSequence
	if _, err := asn1.Unmarshal(der, &sequence); err != nil {
		return "", err
	}
	var name pkix.Name
	name.FillFromRDNSequence(&sequence)
	return name.String(), nil
}
