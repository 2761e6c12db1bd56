package cli

import (
	"github.com/VaultSovereign/git-vaultmesh/internal/annotate"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/notes"
)

type notesCmd struct {
	Action string `arg:"" enum:"rebuild" help:"rebuild: make the notes anew"`
	fetching
}

// Run makes the notes anew, and says whether they were other ones.
func (c *notesCmd) Run(a *app) error {
	l, err := a.openLedger(false, c.fetching)
	if err != nil {
		return err
	}
	bar := a.progress("reading receipts")
	changed, err := annotate.Rebuild(a.ctx, a.repo, l, bar.add)
	bar.done()
	if err != nil {
		return err
	}
	if a.out.structured() {
		return a.out.emit(struct {
			Ref          string `json:"ref"`
			LedgerCommit string `json:"ledger_commit"`
			Changed      bool   `json:"changed"`
		}{notes.Ref, string(l.Head), changed})
	}
	if changed {
		a.out.line("made %s anew from the ledger at %s", notes.Ref, l.Head.Short())
	} else {
		a.out.line("%s is as the ledger at %s has it", notes.Ref, l.Head.Short())
	}
	return nil
}

// annotate brings the notes up to date. They are derived: what keeps them from
// it is said, and is no failure of what was asked for.
func (a *app) annotate() error {
	bar := a.progress("noting receipts")
	defer bar.done()
	l, err := a.ledger()
	if err == nil {
		_, err = annotate.Update(a.ctx, a.repo, l, bar.add)
	}
	switch {
	case err == nil, fault.Has(err, fault.ReadOnly):
		return nil
	case fault.Has(err, fault.Interrupted):
		return err
	}
	f := fault.From(err)
	a.out.remark("note", "git's notes are not up to date: %s: %s; git vaultmesh notes rebuild makes them anew", f.Code, f.Message)
	return nil
}
