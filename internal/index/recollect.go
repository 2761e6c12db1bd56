package index

import (
	"context"
	"errors"

	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Recollect opens an index as it stands, of whatever head it was made, for who asks what
// a ledger had that cannot be read any more. The ledger is zero when nobody said which it
// must be. It is an error where there is none, or it is of another ledger or version. Close
// it after use.
func Recollect(ctx context.Context, ledger receipt.ID, o Options) (*Index, error) {
	why := errors.New("index: there is no place for one")
	for _, dir := range o.Folders {
		path, err := current(dir)
		if err != nil {
			why = err
			continue
		}
		db, err := connect(path)
		if err != nil {
			why = err
			continue
		}
		x := &Index{db: db, path: path}
		if err = x.check(ctx, key{program: o.Program, genesis: ledger}); err == nil {
			var m meta
			m, err = x.meta(ctx, db)
			x.Skipped, x.last = m.skipped, m.receipts
		}
		if err == nil {
			return x, nil
		}
		x.Close()
		why = err
	}
	return nil, why
}
