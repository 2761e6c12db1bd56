// Package annotate keeps git's notes what the ledger says: it reads receipts
// and has package notes write the lines.
package annotate

import (
	"cmp"
	"context"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/notes"
)

// maxRaces is how often notes are made again that another process moved.
const maxRaces = 8

// Update brings the notes up to date from what the ledger has grown by since
// they were made. Where there are none, or they were made from a head that the
// ledger did not grow out of, it does nothing, and is false: making them anew
// can take long, and nobody asked for it. step is called for each receipt that is
// read. The faults are those of reading the ledger and of [notes.Set.Write].
func Update(ctx context.Context, repo *gitrepo.Repo, l *ledger.Ledger, step func()) (bool, error) {
	return retried(func() (bool, error) {
		set, err := notes.Read(ctx, repo)
		if err != nil || set.Ledger == l.Head {
			return err == nil, err
		}
		grown, err := add(ctx, repo, l, set, step)
		if err != nil || !grown {
			return false, err
		}
		_, err = write(ctx, repo, l, set, false)
		return err == nil, err
	})
}

// Adopt takes what others wrote in the notes at a commit into ours, such as a remote's.
// It is false when nothing was new.
func Adopt(ctx context.Context, repo *gitrepo.Repo, l *ledger.Ledger, commit gitrepo.OID) (bool, error) {
	return retried(func() (bool, error) {
		set, err := notes.Read(ctx, repo)
		if err == nil {
			err = set.Adopt(ctx, repo, commit)
		}
		if err != nil {
			return false, err
		}
		return write(ctx, repo, l, set, false)
	})
}

// Rebuild makes the notes anew. What others wrote beside our lines is kept. It
// is false when they were the same.
func Rebuild(ctx context.Context, repo *gitrepo.Repo, l *ledger.Ledger, step func()) (bool, error) {
	return retried(func() (bool, error) { return rebuild(ctx, repo, l, step) })
}

func retried(try func() (bool, error)) (bool, error) {
	changed, err := try()
	for races := 0; races < maxRaces && (fault.Has(err, fault.LostRace) || fault.Has(err, fault.RefLocked)); races++ {
		changed, err = try()
	}
	return changed, err
}

func rebuild(ctx context.Context, repo *gitrepo.Repo, l *ledger.Ledger, step func()) (bool, error) {
	set, err := notes.Read(ctx, repo)
	if err != nil {
		return false, err
	}
	a, err := newAdder(ctx, repo, l, set, step)
	if err != nil {
		return false, err
	}
	if err := l.Walk(ctx, ledger.Visitor{Entry: a.entry, Problem: a.problem}); err != nil {
		return false, err
	}
	return write(ctx, repo, l, set, true)
}

// add adds what the ledger has grown by. It is false when that cannot be said.
func add(ctx context.Context, repo *gitrepo.Repo, l *ledger.Ledger, set *notes.Set, step func()) (bool, error) {
	if set.Ledger == "" {
		return false, nil
	}
	earlier, err := l.At(ctx, set.Ledger)
	if fault.Has(err, fault.Interrupted) {
		return false, err
	}
	if err != nil {
		return false, nil // that head is gone
	}
	a, err := newAdder(ctx, repo, l, set, step)
	if err != nil {
		return false, err
	}
	grown, err := l.Grown(ctx, earlier, ledger.Visitor{Entry: a.entry, Problem: a.problem})
	return grown && !a.bad, err
}

func write(ctx context.Context, repo *gitrepo.Repo, l *ledger.Ledger, set *notes.Set, fresh bool) (bool, error) {
	return set.Write(ctx, repo, notes.Origin{Head: l.Head, Date: cmp.Or(l.Date, "0 +0000")}, fresh)
}

// adder adds the lines of entries to notes.
type adder struct {
	ledger    *ledger.Ledger
	genesis   *ledger.Entry
	algorithm string
	set       *notes.Set
	step      func()
	bad       bool // something did not hold and was passed over
}

func newAdder(ctx context.Context, repo *gitrepo.Repo, l *ledger.Ledger, set *notes.Set, step func()) (*adder, error) {
	genesis, err := l.Genesis(ctx)
	return &adder{l, genesis, repo.Algorithm(), set, step, false}, err
}

func (a *adder) entry(e *ledger.Entry) error {
	a.step()
	if !e.Holds(a.genesis.ID) {
		a.bad = true
		return nil
	}
	if commit := e.Receipt.Commit; string(commit) == a.algorithm+":"+commit.Hex() {
		a.set.Add(gitrepo.OID(commit.Hex()), notes.Line(e.ID, e.Receipt))
	}
	return nil
}

func (a *adder) problem(p ledger.Problem) error {
	if ledger.Unreadable(p.Err) {
		return p.Err
	}
	a.bad = true
	return nil
}
