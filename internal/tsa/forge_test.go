package tsa

import (
	"crypto/sha256"
	"crypto/x509"
	"testing"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/counterfeit"
)

// noon is the time of all tests.
var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func newAuthority() *counterfeit.Authority { return counterfeit.NewAuthority(noon.AddDate(-1, 0, 0)) }

func trustIn(a *counterfeit.Authority) Trust { return Trust{Roots: []*x509.Certificate{a.Root}} }

func newRequest(t testing.TB) *Request {
	q, err := NewRequest(sha256.Sum256([]byte("signature")), "")
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// forge begins a token that answers a request well.
func forge(by *counterfeit.Authority, q *Request) *counterfeit.Token {
	return counterfeit.Forge(by, counterfeit.Query{Imprint: q.imprint, Nonce: q.nonce, At: noon})
}
