package tsa

import (
	"crypto"
	"crypto/rand"
	"encoding/asn1"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/digitorus/timestamp"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// Window is how far the time of a new token may lie from this machine's clock,
// either way, beside the token's own accuracy. Machines without NTP drift by
// seconds a day; an answer that was kept to be played back is older.
const Window = 5 * time.Minute

// Request is a question to an authority: one token over one SHA-256. It has a
// number that was never used before, so that an old answer does not do, and asks
// for the certificate, so that the token can be verified by itself.
type Request struct {
	imprint [32]byte
	policy  string
	nonce   *big.Int
	der     []byte
}

// NewRequest makes a request over a SHA-256, under a dotted policy or, where
// that is "", any. The fault is BadTSA (VM414) for a policy that is none.
func NewRequest(imprint [32]byte, policy string) (*Request, error) {
	id, err := parsePolicy(policy)
	if err != nil {
		return nil, err
	}
	q := &Request{imprint: imprint, policy: policy, nonce: newNonce()}
	request := timestamp.Request{
		HashAlgorithm: crypto.SHA256,
		HashedMessage: imprint[:],
		Certificates:  true,
		TSAPolicyOID:  id,
		Nonce:         q.nonce,
	}
	q.der, err = request.Marshal()
	if err != nil {
		return nil, fault.New(fault.BadTSA, "no request can be made under the policy %s", quoted(policy)).Because(err)
	}
	return q, nil
}

// Bytes is the request as it is sent: a TimeStampReq (RFC 3161 section 2.4.1).
func (q *Request) Bytes() []byte { return append([]byte(nil), q.der...) }

// Accept takes an authority's response to q that came at the time now. It
// returns the token as it is kept, and as it reads. Beside the faults of
// [Normalize] and [Token.Verify], they are OtherImprint (VM408), OtherNonce
// (VM409), TokenClaims (VM407) for another policy than was asked for, and
// OtherTime (VM410) for one that is not within [Window] of now.
func (q *Request) Accept(response []byte, trust Trust, now time.Time) ([]byte, *Token, error) {
	stored, t, err := Normalize(response)
	if err != nil {
		return nil, nil, err
	}
	if err := q.answeredBy(t); err != nil {
		return nil, nil, err
	}
	if err := t.Verify(trust); err != nil {
		return nil, nil, err
	}
	if off := t.Time.Sub(now).Abs(); off > Window+t.Accuracy {
		return nil, nil, fault.New(fault.OtherTime, "the time-stamp is of %s, and here it is %s",
			t.Time.Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	return stored, t, nil
}

func (q *Request) answeredBy(t *Token) error {
	switch {
	case t.Imprint != q.imprint:
		return fault.New(fault.OtherImprint, "the time-stamp is over %x, not %x", t.Imprint, q.imprint)
	case t.Nonce == nil:
		return fault.New(fault.OtherNonce, "the time-stamp has no nonce, and one was sent")
	case t.Nonce.Cmp(q.nonce) != 0:
		return fault.New(fault.OtherNonce, "the time-stamp has another nonce than the one that was sent")
	case q.policy != "" && t.Policy != q.policy:
		return fault.New(fault.TokenClaims, "the time-stamp was issued under policy %s, not %s", t.Policy, q.policy)
	}
	return nil
}

// newNonce is a positive number of 126 random bits, always of 16 bytes.
func newNonce() *big.Int {
	b := make([]byte, 16)
	rand.Read(b) // never fails
	b[0] = b[0]&0x3F | 0x40
	return new(big.Int).SetBytes(b)
}

var dotted = regexp.MustCompile(`^[0-2](\.(0|[1-9][0-9]{0,9}))+$`)

// parsePolicy reads a dotted object identifier; "" is none.
func parsePolicy(s string) (asn1.ObjectIdentifier, error) {
	if s == "" {
		return nil, nil
	}
	if !dotted.MatchString(s) {
		return nil, fault.New(fault.BadTSA, "%s is no policy", quoted(s))
	}
	var id asn1.ObjectIdentifier
	for part := range strings.SplitSeq(s, ".") {
		n, err := strconv.ParseInt(part, 10, 32)
		if err != nil {
			return nil, fault.New(fault.BadTSA, "%s is no policy that can be asked for", quoted(s))
		}
		id = append(id, int(n))
	}
	return id, nil
}
