package verify

import (
	"context"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/trust"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Growth judges what a ledger has that an earlier one, which was judged before,
// has not: its new entries, and the commits in between, which the caller lists.
func Growth(ctx context.Context, store gitrepo.Store, earlier, later *ledger.Ledger, commits []gitrepo.OID, progress func()) (*Report, error) {
	t := newTally()
	t.checked(ledger.StepHead, ledger.StepLayout, ledger.StepLimits)
	genesis, err := earlier.Genesis(ctx)
	if err != nil {
		return nil, err
	}
	grown, err := later.Grown(ctx, earlier, ledger.Visitor{
		Entry: func(e *ledger.Entry) error {
			progress()
			return t.entry(ctx, later, genesis, e)
		},
		Problem: func(p ledger.Problem) error {
			t.problem(p)
			return nil
		},
	})
	if err != nil {
		return nil, err
	}
	if !grown {
		t.problem(ledger.Problem{Step: ledger.StepHistory, Path: string(later.Head),
			Err: fault.New(fault.BadTree, "commit %s lacks something that %s has", later.Head.Short(), earlier.Head.Short())})
	}
	h := newHistory(store, t)
	for _, id := range commits {
		if _, err := h.commit(ctx, later, id); err != nil {
			return nil, err
		}
	}
	return t.report("commit " + later.Head.Short()), nil
}

// Refused is a receipt that a covenant does not accept of peers, and why.
type Refused struct {
	ID  receipt.ID
	Err error
}

// Unwelcome lists what a later ledger has that an earlier one has not, and that no
// covenant accepts of peers that is in force in the earlier one or came to be since
// (docs/spec/covenant.md, "What peers bring"). Where there is no covenant all is welcome.
func Unwelcome(ctx context.Context, earlier, later *ledger.Ledger, terms *Terms) ([]Refused, error) {
	before, err := Chain(ctx, earlier, terms)
	if err != nil || before.Latest() == nil {
		return nil, err
	}
	own := *terms
	own.Cache = onlyRead{terms.Cache}
	c, err := conveneHere(ctx, later, &own)
	if err != nil {
		return nil, err
	}
	accepted := before.Latest().Covenant.Federation.Accept
	for _, v := range c.chain.Versions {
		if v.Covenant.Version > before.Latest().Covenant.Version {
			accepted = laxer(accepted, v.Covenant.Federation.Accept)
		}
	}
	if accepted == acceptAny {
		return nil, nil
	}
	var list []Refused
	_, err = later.Grown(ctx, earlier, ledger.Visitor{
		Entry: func(e *ledger.Entry) error {
			found, err := c.judge(ctx, later, e)
			if err != nil {
				return err
			}
			if why := unwelcome(found, accepted == acceptTrusted); why != nil {
				list = append(list, Refused{e.ID, why})
			}
			return nil
		},
		Problem: func(ledger.Problem) error { return nil }, // of the form, which is judged before
		Proofs:  true,
	})
	return list, err
}

// What a covenant accepts of peers, the laxest first.
const (
	acceptAny     = "any"
	acceptSigned  = "signed"
	acceptTrusted = "trusted"
)

// laxer is which of two words accepts more.
func laxer(a, b string) string {
	for _, word := range []string{acceptAny, acceptSigned} {
		if a == word || b == word {
			return word
		}
	}
	return acceptTrusted
}

// unwelcome is why signatures are not enough to be taken from a peer, nil if they are.
func unwelcome(found trust.Finding, trusted bool) error {
	signatures, tokens := found.Broken()
	switch broken := append(signatures, tokens...); {
	case len(broken) > 0:
		return broken[0]
	case trusted:
		return found.Err
	}
	for _, s := range found.Signatures {
		if s.Err == nil {
			return nil
		}
	}
	if len(found.Signatures) > 0 {
		return found.Signatures[0].Err
	}
	return fault.New(fault.NotEnough, "nobody has signed it")
}

// onlyRead is a cache that keeps nothing: what is judged may never come to be.
type onlyRead struct{ Cache }

// Load implements [Cache].
func (c onlyRead) Load(name string) []byte {
	if c.Cache == nil {
		return nil
	}
	return c.Cache.Load(name)
}

// Save implements [Cache].
func (onlyRead) Save(string, []byte) {}
