package verify

import (
	"context"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
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
