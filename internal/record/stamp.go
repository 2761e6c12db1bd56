package record

import (
	"context"
	"sync"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/tsa"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Rail is a time-stamp authority that is asked.
type Rail struct {
	tsa.Authority
	Required bool // without its token nothing is recorded
}

// Stamper asks time-stamp authorities, all at once.
type Stamper struct {
	Client *tsa.Client
	Rails  []Rail
}

// Stamp is a token that was got.
type Stamp struct {
	Authority string
	Token     []byte // as it is stored
	Time      time.Time
}

// Pending is a token that could not be had, and that may be had later.
type Pending struct {
	ID        receipt.ID // the receipt's
	File      string     // which is to be stamped
	Authority string
	Err       error // why it could not be had, nil for one that is tried again
}

// Stamp asks every rail for a token over a SHA-256. The error is that of a
// required one that gave none.
func (s *Stamper) Stamp(ctx context.Context, imprint receipt.Digest) ([]Stamp, []Pending, error) {
	tokens, errs := make([][]byte, len(s.Rails)), make([]error, len(s.Rails))
	var wait sync.WaitGroup
	for i, rail := range s.Rails {
		wait.Go(func() { tokens[i], errs[i] = s.Client.Stamp(ctx, rail.Authority, imprint) })
	}
	wait.Wait()
	var got []Stamp
	var pending []Pending
	for i, rail := range s.Rails {
		switch err := errs[i]; {
		case fault.Has(err, fault.Interrupted), err != nil && rail.Required:
			return nil, nil, err
		case err != nil:
			pending = append(pending, Pending{Authority: rail.Name, Err: err})
		default:
			token, err := tsa.Parse(tokens[i])
			if err != nil {
				return nil, nil, err
			}
			got = append(got, Stamp{rail.Name, tokens[i], token.Time})
		}
	}
	return got, pending, nil
}

// Over asks for tokens over a file beside a receipt, or the receipt itself, and
// gives them as they lie there. A nil stamper asks nobody. The error is as of Stamp.
func (s *Stamper) Over(ctx context.Context, name string, imprint receipt.Digest) (tokens []ledger.Proof, got []Stamp, missing []Pending, err error) {
	if s == nil {
		return nil, nil, nil, nil
	}
	got, missing, err = s.Stamp(ctx, imprint)
	for _, t := range got {
		tokens = append(tokens, ledger.Proof{Type: "rfc3161", Data: t.Token})
	}
	for i := range missing {
		missing[i].File = name
	}
	return tokens, got, missing, err
}
