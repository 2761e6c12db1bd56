package tsa

import (
	"bytes"
	"encoding/asn1"
	"errors"
	"math/big"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	tag "golang.org/x/crypto/cryptobyte/asn1"
)

// maxDepth is how deep a token may be nested; those in use need 12. The
// libraries below recurse without a bound.
const maxDepth = 24

// The tags of CMS and RFC 3161 that are written in context. Constructed.
var (
	context0 = tag.Tag(0).ContextSpecific().Constructed()
	context1 = tag.Tag(1).ContextSpecific().Constructed()
)

var errNotDER = errors.New("not DER")

// checkDER tells whether b is a sequence of elements that are each written as
// DER wants it (X.690 sections 10 and 11): the libraries below read BER, and
// what they read must be what is there. What lies in octet and bit strings is
// not looked at, and neither is the order of sets, which authorities ignore.
func checkDER(b []byte, depth int) error {
	s := cryptobyte.String(b)
	for !s.Empty() {
		var content cryptobyte.String
		var t tag.Tag
		if depth > maxDepth || !s.ReadAnyASN1(&content, &t) {
			return errNotDER
		}
		if err := checkElement(t, content, depth); err != nil {
			return err
		}
	}
	return nil
}

const constructed = 0x20

func checkElement(t tag.Tag, content []byte, depth int) error {
	universal := t&0xC0 == 0
	isList := t&^constructed == tag.SEQUENCE&^constructed || t&^constructed == tag.SET&^constructed
	switch {
	case t == 0 || universal && isList != (t&constructed != 0):
		return errNotDER
	case t&constructed != 0:
		return checkDER(content, depth+1)
	case t == tag.BOOLEAN && !(len(content) == 1 && (content[0] == 0 || content[0] == 0xFF)):
		return errNotDER
	case (t == tag.INTEGER || t == tag.ENUM) && !minimal(content):
		return errNotDER
	case t == tag.NULL && len(content) != 0:
		return errNotDER
	}
	return nil
}

// minimal tells whether an integer has no byte too many (X.690 section 8.3.2).
func minimal(b []byte) bool {
	if len(b) < 2 {
		return len(b) == 1
	}
	return !(b[0] == 0 && b[1] < 0x80 || b[0] == 0xFF && b[1] >= 0x80)
}

// maxInteger is how long a number may be, in bytes, its tag and length included.
// RFC 3161 has 160 bits; a number as long as a token takes long to print.
const maxInteger = 128

// readInteger reads a number that is not too long.
func readInteger(s *cryptobyte.String, out **big.Int) bool {
	var element cryptobyte.String
	if !s.ReadASN1Element(&element, tag.INTEGER) || len(element) > maxInteger {
		return false
	}
	*out = new(big.Int)
	return element.ReadASN1Integer(*out)
}

// algorithm is an AlgorithmIdentifier.
type algorithm struct {
	id         asn1.ObjectIdentifier
	parameters []byte
}

func readAlgorithm(s *cryptobyte.String, out *algorithm) bool {
	var in cryptobyte.String
	if !s.ReadASN1(&in, tag.SEQUENCE) || !in.ReadASN1ObjectIdentifier(&out.id) {
		return false
	}
	out.parameters = in
	return true
}

// is tells whether a is one of some algorithms, with parameters absent or NULL,
// as they are for every algorithm that is accepted.
func (a algorithm) is(ids ...asn1.ObjectIdentifier) bool {
	plain := len(a.parameters) == 0 || bytes.Equal(a.parameters, []byte{5, 0})
	return plain && slices.ContainsFunc(ids, a.id.Equal)
}

// addAlgorithm writes an AlgorithmIdentifier without parameters (RFC 5754
// section 2, RFC 5758 section 3.2).
func addAlgorithm(b *cryptobyte.Builder, id asn1.ObjectIdentifier) {
	b.AddASN1(tag.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(id) })
}

// sequence writes elements, each as it is, into a SEQUENCE.
func sequence(elements ...[]byte) []byte {
	return wrapped(tag.SEQUENCE, elements...)
}

func wrapped(t tag.Tag, elements ...[]byte) []byte {
	var b cryptobyte.Builder
	b.AddASN1(t, func(b *cryptobyte.Builder) {
		for _, e := range elements {
			b.AddBytes(e)
		}
	})
	return b.BytesOrPanic()
}

// The object identifiers of CMS (RFC 5652), ESS (RFC 2634, RFC 5035), RFC 3161
// and the algorithms that are accepted.
var (
	oidSignedData       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidTSTInfo          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}
	oidContentType      = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	oidMessageDigest    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
	oidSigningCert      = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 12}
	oidSigningCertV2    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47}
	oidExtendedKeyUsage = asn1.ObjectIdentifier{2, 5, 29, 37}
	oidTimeStamping     = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 8}

	oidSHA256          = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	oidSHA384          = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 2}
	oidSHA512          = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}
	oidRSA             = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	oidSHA256WithRSA   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}
	oidSHA384WithRSA   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 12}
	oidSHA512WithRSA   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 13}
	oidECDSAWithSHA256 = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}
	oidECDSAWithSHA384 = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 3}
	oidECDSAWithSHA512 = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 4}
)
