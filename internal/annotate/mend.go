package annotate

import (
	"cmp"
	"context"

	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/notes"
)

// Mend is Rebuild where objects of the notes may be missing or damaged. Of what others
// wrote beside our lines it keeps what can be read; damaged files are kept in the folder aside. It is
// false when the notes were whole and the same.
func Mend(ctx context.Context, repo *gitrepo.Repo, l *ledger.Ledger, aside string, step func()) (bool, error) {
	return retried(func() (bool, error) {
		set, whole, err := notes.Remains(ctx, repo)
		if err != nil {
			return false, err
		}
		if whole {
			return rebuild(ctx, repo, l, step)
		}
		a, err := newAdder(ctx, repo, l, set, step)
		if err != nil {
			return false, err
		}
		if err := l.Walk(ctx, ledger.Visitor{Entry: a.entry, Problem: a.problem}); err != nil {
			return false, err
		}
		return true, set.Replace(ctx, repo, notes.Origin{Head: l.Head, Date: cmp.Or(l.Date, "0 +0000")}, aside)
	})
}
