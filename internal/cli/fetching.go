package cli

import (
	"github.com/VaultSovereign/git-vaultmesh/internal/anchor"
	"github.com/VaultSovereign/git-vaultmesh/internal/config"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/setup"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// fetching is whether a command may take a remote's ledger where the clone
// has none.
type fetching struct {
	NoFetch bool `help:"do not take the ledger of the default remote where there is none here"`
}

// present takes the default remote's ledger where this clone has none.
func (a *app) present(f fetching) error {
	if f.NoFetch || a.refs[a.config.Ref] != "" {
		return nil
	}
	return a.withSetup(func(q setup.Request) error {
		out, err := setup.Present(a.ctx, q)
		if out != nil && err == nil {
			a.out.note("took the ledger %s of %s; git vaultmesh init makes git fetch it", out.Name, out.Remote)
			a.remember(anchor.Known{Ledger: out.Ledger, Name: out.Name})
			return a.annotateTaken(out.Receipts)
		}
		return err
	})
}

// refresh makes a read see the ledger as this clone knows it: there is one,
// and what git fetched of the default remote's is taken, if it holds.
func (a *app) refresh(f fetching) error {
	remote := a.config.DefaultRemote()
	here, there := a.refs[a.config.Ref], a.refs[config.TrackingRef(remote, a.config.Ref)]
	if here != "" && (there == "" || there == here) {
		return nil
	}
	if here == "" {
		if err := a.present(f); err != nil {
			return err
		}
	}
	if remote == "" {
		return nil
	}
	a.refs = nil // what follows may move them
	return a.withSetup(func(q setup.Request) error {
		how, err := setup.Advance(a.ctx, q)
		switch {
		case fault.Has(err, fault.Interrupted):
			return err
		case how == setup.Advanced:
			a.out.note("took what git fetched of the ledger of %s", remote)
			return a.annotate()
		case how == setup.Cut:
			a.out.note("whether the ledger of %s grew out of this one cannot be said, because the history is cut: git fetch --unshallow %s", remote, fault.Quote(remote))
		case how == setup.Diverged:
			a.out.note("the ledger of %s and this one have diverged; git vaultmesh sync merges them", remote)
		case err != nil:
			f := fault.From(err)
			a.out.warn("what git fetched of the ledger of %s is not taken: %s: %s", remote, f.Code, f.Message)
		}
		return nil
	})
}

// withSetup calls f with what setup needs to know, and shows how far it is.
func (a *app) withSetup(f func(setup.Request) error) error {
	bar := a.progress("verifying receipts")
	defer bar.done()
	return f(setup.Request{
		Repo: a.repo, Config: a.config, Now: a.env.Now(), Messages: a.out.messages(), Progress: bar.add,
		Terms: func(genesis receipt.ID) (*verify.Terms, error) { return a.insists.insisted(a, genesis) },
	})
}
