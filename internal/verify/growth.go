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
	return grown(ctx, store, earlier, later, commits, nil, progress)
}

// Welcome judges what a peer brings: as Growth does, and whose signatures its new
// entries have. It lists those that no covenant accepts of peers that is in force in the
// earlier ledger or came to be since (docs/spec/covenant.md, "What peers bring"). Where
// there is no covenant all are accepted.
func Welcome(ctx context.Context, store gitrepo.Store, earlier, later *ledger.Ledger, commits []gitrepo.OID, terms *Terms, progress func()) (*Report, []Refused, error) {
	c, accepted, err := acceptance(ctx, earlier, later, terms)
	if err != nil {
		return nil, nil, err
	}
	if c == nil {
		report, err := Growth(ctx, store, earlier, later, commits, progress)
		return report, nil, err
	}
	var list []Refused
	j := newJury(c, func(b *brief) error {
		found, err := c.withSeals(ctx, later, b.entry, b.folder, b.finding)
		if err != nil {
			return err
		}
		if why := unwelcome(found, accepted == acceptTrusted); why != nil {
			list = append(list, Refused{b.entry.ID, why})
		}
		return nil
	})
	defer j.dismiss()
	report, err := grown(ctx, store, earlier, later, commits, j, progress)
	return report, list, err
}

// grown is Growth, with a jury for the signatures of what is new, or nil.
func grown(ctx context.Context, store gitrepo.Store, earlier, later *ledger.Ledger, commits []gitrepo.OID, j *jury, progress func()) (*Report, error) {
	t := newTally()
	t.checked(ledger.StepHead, ledger.StepLayout, ledger.StepLimits)
	genesis, err := earlier.Genesis(ctx)
	if err != nil {
		return nil, err
	}
	whole, err := later.Grown(ctx, earlier, ledger.Visitor{
		Entry: func(e *ledger.Entry) error {
			progress()
			if err := t.entry(ctx, later, genesis, e); err != nil || j == nil || e.Receipt == nil || e.Receipt.Future {
				return err
			}
			f, err := folder(ctx, later, e)
			if err != nil {
				return err
			}
			return j.bring(e, f)
		},
		Problem: func(p ledger.Problem) error {
			t.problem(p)
			return nil
		},
		Proofs: j != nil,
	})
	if err == nil && j != nil {
		err = j.conclude()
	}
	if err != nil {
		return nil, err
	}
	if !whole {
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

// acceptance is the court of a later ledger, and what is accepted; no court where
// everything is.
func acceptance(ctx context.Context, earlier, later *ledger.Ledger, terms *Terms) (c *court, accepted string, err error) {
	before, err := Chain(ctx, earlier, terms)
	if err != nil || before.Latest() == nil {
		return nil, "", err
	}
	own := *terms
	own.Cache = onlyRead{terms.Cache}
	if c, err = conveneHere(ctx, later, &own); err != nil {
		return nil, "", err
	}
	accepted = before.Latest().Covenant.Federation.Accept
	for _, v := range c.chain.Versions {
		if v.Covenant.Version > before.Latest().Covenant.Version {
			accepted = laxer(accepted, v.Covenant.Federation.Accept)
		}
	}
	if accepted == acceptAny {
		return nil, accepted, nil
	}
	return c, accepted, nil
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
