package cli

import (
	"github.com/VaultSovereign/git-vaultmesh/internal/annotate"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
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

// annotate keeps the notes up to date. They are derived: what keeps them from
// it is said, and is no failure of what was asked for.
func (a *app) annotate() error {
	return a.noted(func(l *ledger.Ledger, step func()) error {
		upToDate, err := annotate.Update(a.ctx, a.repo, l, step)
		if err == nil && !upToDate && a.refs[notes.Ref] != "" {
			a.out.remark("note", "git's notes are of another ledger or head; git vaultmesh notes rebuild makes them anew")
		}
		return err
	})
}

// maxNoted is how many receipts of a ledger that was taken are noted at once.
const maxNoted = 20000

// annotateTaken makes the notes of a ledger that this clone begins with.
func (a *app) annotateTaken(receipts int) error {
	if receipts > maxNoted {
		a.out.remark("note", "git vaultmesh notes rebuild tells git log about its %d receipts", receipts)
		return nil
	}
	return a.noted(func(l *ledger.Ledger, step func()) error {
		_, err := annotate.Rebuild(a.ctx, a.repo, l, step)
		return err
	})
}

// annotateMany brings the notes up to date after so many receipts came at once.
func (a *app) annotateMany(receipts int) error {
	if receipts > maxNoted {
		return a.annotateTaken(receipts) // which says how
	}
	return a.annotate()
}

// noted opens the ledger for work on its notes, and judges how that ended.
func (a *app) noted(work func(l *ledger.Ledger, step func()) error) error {
	bar := a.progress("noting receipts")
	defer bar.done()
	l, err := a.ledger()
	if err == nil {
		err = work(l, bar.add)
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
