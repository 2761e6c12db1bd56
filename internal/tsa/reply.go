package tsa

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/asn1"
	"math/big"
	"time"

	"github.com/digitorus/timestamp"
	"golang.org/x/crypto/cryptobyte"
	tag "golang.org/x/crypto/cryptobyte/asn1"
)

// Policy is the policy of an authority of one's own where it names no other: a
// number that stands for no registered policy (RFC 5612).
const Policy = "1.3.6.1.4.1.32473.3161.1"

// query is a TimeStampReq (RFC 3161 section 2.4.1) that can be granted.
type query struct {
	imprint []byte // the MessageImprint, as it is
	policy  asn1.ObjectIdentifier
	nonce   []byte // the INTEGER, as it is; empty: none
	certify bool   // the token shall have the certificate
}

// rejection is why a query is not granted.
type rejection struct {
	failure timestamp.FailureInfo
	words   string
}

func reject(failure timestamp.FailureInfo, words string) *rejection {
	return &rejection{failure, words}
}

// readQuery reads a TimeStampReq. What it cannot do it says as RFC 3161 wants.
func readQuery(b []byte) (*query, *rejection) {
	s := cryptobyte.String(b)
	var in cryptobyte.String
	var version int
	if checkDER(b, 0) != nil || !s.ReadASN1(&in, tag.SEQUENCE) || !s.Empty() || !in.ReadASN1Integer(&version) {
		return nil, reject(timestamp.BadDataFormat, "the request is not a TimeStampReq")
	}
	if version != 1 {
		return nil, reject(timestamp.BadRequest, "the request is not of version 1")
	}
	q := &query{}
	if r := q.readImprint(&in); r != nil {
		return nil, r
	}
	extended, ok := q.readRest(&in)
	if !ok {
		return nil, reject(timestamp.BadDataFormat, "the request is not a TimeStampReq")
	}
	if extended {
		return nil, reject(timestamp.UnacceptedExtension, "no extension is known, critical or not")
	}
	return q, nil
}

func (q *query) readImprint(s *cryptobyte.String) *rejection {
	var element, in, hash cryptobyte.String
	var a algorithm
	if !s.ReadASN1Element(&element, tag.SEQUENCE) {
		return reject(timestamp.BadDataFormat, "the imprint cannot be read")
	}
	q.imprint = element
	if !element.ReadASN1(&in, tag.SEQUENCE) || !readAlgorithm(&in, &a) ||
		!in.ReadASN1(&hash, tag.OCTET_STRING) || !in.Empty() {
		return reject(timestamp.BadDataFormat, "the imprint cannot be read")
	}
	for _, known := range imprints {
		if a.is(known.id) && len(hash) == known.hash.Size() {
			return nil
		}
		if a.is(known.id) {
			return reject(timestamp.BadDataFormat, "the imprint is not as long as its hash")
		}
	}
	return reject(timestamp.BadAlgorithm, "the hash is not SHA-256, SHA-384 or SHA-512")
}

// readRest reads policy, nonce, certReq, and whether there are extensions.
func (q *query) readRest(s *cryptobyte.String) (extended, ok bool) {
	var nonce, extensions cryptobyte.String
	ok = (!s.PeekASN1Tag(tag.OBJECT_IDENTIFIER) || s.ReadASN1ObjectIdentifier(&q.policy)) &&
		readOptionalElement(s, &nonce, tag.INTEGER) && len(nonce) <= maxInteger &&
		readOptionalBoolean(s, &q.certify) &&
		readOptionalElement(s, &extensions, context0) && s.Empty()
	q.nonce = nonce
	return len(extensions) > 0, ok
}

// token makes a TimeStampToken over what q asks for.
func (ca *CA) token(q *query, policy asn1.ObjectIdentifier, at time.Time) ([]byte, error) {
	serial, err := ca.serials.take()
	if err != nil {
		return nil, err
	}
	content := ca.content(q, policy, serial, at)
	signer, err := ca.sign(content)
	if err != nil {
		return nil, err
	}
	var b cryptobyte.Builder
	b.AddASN1Int64(3)
	b.AddASN1(tag.SET, func(b *cryptobyte.Builder) { addAlgorithm(b, oidSHA256) })
	b.AddASN1(tag.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oidTSTInfo)
		b.AddASN1(context0, func(b *cryptobyte.Builder) { b.AddASN1OctetString(content) })
	})
	if q.certify {
		b.AddASN1(context0, func(b *cryptobyte.Builder) { b.AddBytes(ca.signer.Raw) })
	}
	b.AddASN1(tag.SET, func(b *cryptobyte.Builder) { b.AddBytes(signer) })
	data, err := b.Bytes()
	if err != nil {
		return nil, err
	}
	return contentInfo(sequence(data)), nil
}

// content is the TSTInfo. Its time is in whole seconds, cut: the accuracy of one
// second covers what was cut.
func (ca *CA) content(q *query, policy asn1.ObjectIdentifier, serial *big.Int, at time.Time) []byte {
	var b cryptobyte.Builder
	b.AddASN1(tag.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(1)
		b.AddASN1ObjectIdentifier(policy)
		b.AddBytes(q.imprint)
		b.AddASN1BigInt(serial)
		b.AddASN1GeneralizedTime(at.UTC())
		b.AddASN1(tag.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1Int64(1) })
		b.AddBytes(q.nonce)
		b.AddASN1(context0, func(b *cryptobyte.Builder) { b.AddBytes(directoryName(ca.signer.RawSubject)) })
	})
	return b.BytesOrPanic()
}

// directoryName is a GeneralName (RFC 5280 section 4.2.1.6).
func directoryName(name []byte) []byte {
	return wrapped(tag.Tag(4).ContextSpecific().Constructed(), name)
}

// sign makes the SignerInfo: attributes that say what is signed, its digest and
// with which certificate, and the signature over them (RFC 5652 section 5.3).
func (ca *CA) sign(content []byte) ([]byte, error) {
	digest := sha256.Sum256(content)
	attributes := ca.attributes(digest[:])
	signed := sha256.Sum256(wrapped(tag.SET, attributes))
	signature, err := ca.key.Sign(rand.Reader, signed[:], crypto.SHA256)
	if err != nil {
		return nil, err
	}
	var b cryptobyte.Builder
	b.AddASN1(tag.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(1)
		b.AddBytes(ca.issuerAndSerial(ca.signer.RawIssuer))
		addAlgorithm(b, oidSHA256)
		b.AddASN1(context0, func(b *cryptobyte.Builder) { b.AddBytes(attributes) })
		addAlgorithm(b, oidECDSAWithSHA256)
		b.AddASN1OctetString(signature)
	})
	return b.Bytes()
}

// attributes are the signed ones, in the order of DER: shorter first.
func (ca *CA) attributes(digest []byte) []byte {
	hash := sha256.Sum256(ca.signer.Raw)
	issuer := sequence(directoryName(ca.signer.RawIssuer))
	var b cryptobyte.Builder
	addAttribute(&b, oidContentType, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oidTSTInfo) })
	addAttribute(&b, oidMessageDigest, func(b *cryptobyte.Builder) { b.AddASN1OctetString(digest) })
	addAttribute(&b, oidSigningCertV2, func(b *cryptobyte.Builder) {
		var id cryptobyte.Builder
		id.AddASN1OctetString(hash[:]) // SHA-256 is the hash that is not named (RFC 5035 section 4)
		id.AddBytes(ca.issuerAndSerial(issuer))
		b.AddBytes(sequence(sequence(sequence(id.BytesOrPanic()))))
	})
	return b.BytesOrPanic()
}

func addAttribute(b *cryptobyte.Builder, id asn1.ObjectIdentifier, value func(*cryptobyte.Builder)) {
	b.AddASN1(tag.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(id)
		b.AddASN1(tag.SET, value)
	})
}

// issuerAndSerial names the signer's certificate. CMS names the issuer by its
// name alone, ESS by a list of names.
func (ca *CA) issuerAndSerial(issuer []byte) []byte {
	var b cryptobyte.Builder
	b.AddBytes(issuer)
	b.AddASN1BigInt(ca.signer.SerialNumber)
	return sequence(b.BytesOrPanic())
}

// encode is a TimeStampResp that rejects, with words and one reason.
func (r *rejection) encode() []byte {
	failure := make([]byte, int(r.failure)/8+1)
	failure[len(failure)-1] = 0x80 >> (r.failure % 8)
	var b cryptobyte.Builder
	b.AddASN1Int64(int64(timestamp.Rejection))
	b.AddASN1(tag.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(tag.UTF8String, func(b *cryptobyte.Builder) { b.AddBytes([]byte(r.words)) })
	})
	b.AddASN1(tag.BIT_STRING, func(b *cryptobyte.Builder) {
		b.AddUint8(uint8(7 - r.failure%8)) // bits that are not used: none is named by them
		b.AddBytes(failure)
	})
	return sequence(sequence(b.BytesOrPanic()))
}
