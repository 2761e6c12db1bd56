package tsa

import (
	"strconv"
	"strings"

	"github.com/digitorus/timestamp"
	"golang.org/x/crypto/cryptobyte"
	tag "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// Normalize makes the one spelling of an authority's answer: the status becomes
// granted without words, and revocation lists and attributes that nobody signed
// are left out. The signed content stays as it is. An answer that was granted
// with modifications is taken too: who asked compares it with what was asked.
// It verifies nothing. Its faults are those of [Parse], and TSARefused (VM411)
// for an answer that grants nothing.
func Normalize(response []byte) ([]byte, *Token, error) {
	token, err := grantedToken(response)
	if err != nil {
		return nil, nil, err
	}
	var signed signedData
	if err := signed.read(token); err != nil {
		return nil, nil, err
	}
	if signed.unsigned {
		token = signed.stripped()
	}
	stored := sequence(granted, token)
	t, err := Parse(stored)
	if err != nil {
		return nil, nil, err
	}
	return stored, t, nil
}

// grantedToken returns the TimeStampToken in a TimeStampResp.
func grantedToken(response []byte) ([]byte, error) {
	if len(response) > MaxSize {
		return nil, malformed("it has %d bytes, and %d are the most", len(response), MaxSize)
	}
	if err := checkDER(response, 0); err != nil {
		return nil, malformed("it is not DER")
	}
	s := cryptobyte.String(response)
	var in cryptobyte.String
	var st status
	if !s.ReadASN1(&in, tag.SEQUENCE) || !s.Empty() || !st.read(&in) {
		return nil, malformed("it is not one response")
	}
	if st.code != int(timestamp.Granted) && st.code != int(timestamp.GrantedWithMods) {
		return nil, st.refusal()
	}
	return in, nil
}

// status is a PKIStatusInfo (RFC 3161 section 2.4.2).
type status struct {
	code    int
	words   []string
	failure []byte // the content of a BIT STRING
}

func (st *status) read(s *cryptobyte.String) bool {
	var in, text cryptobyte.String
	if !s.ReadASN1(&in, tag.SEQUENCE) || !in.ReadASN1Integer(&st.code) ||
		!in.ReadOptionalASN1(&text, nil, tag.SEQUENCE) {
		return false
	}
	for !text.Empty() {
		var word cryptobyte.String
		if !text.ReadASN1(&word, tag.UTF8String) {
			return false
		}
		st.words = append(st.words, string(word))
	}
	var failure cryptobyte.String
	ok := in.ReadOptionalASN1(&failure, nil, tag.BIT_STRING) && in.Empty()
	st.failure = failure
	return ok
}

// refusal says in the authority's words why it does not grant. The words are a
// stranger's: they are quoted and cut.
func (st *status) refusal() *fault.Error {
	said := timestamp.Status(st.code).String()
	if name := st.failureName(); name != "" {
		said += ": " + name
	}
	if text := strings.Join(st.words, " "); text != "" {
		return fault.New(fault.TSARefused, "%s: %s", said, quoted(text))
	}
	return fault.New(fault.TSARefused, "%s", said)
}

// failureName is the first bit that is set of a PKIFailureInfo.
func (st *status) failureName() string {
	if len(st.failure) == 0 {
		return ""
	}
	bits := st.failure[1:]
	for i := range 8 * len(bits) {
		if bits[i/8]&(0x80>>(i%8)) != 0 {
			return timestamp.FailureInfo(i).String()
		}
	}
	return ""
}

// quoted is a stranger's text, short and without anything that moves a cursor.
func quoted(text string) string {
	const most = 200
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return strconv.QuoteToGraphic(text)
}
