package index

import (
	"context"

	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/query"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Row is what an index knows of a receipt: what can be asked about it, and
// what a list shows of it.
type Row struct {
	Doc      query.Doc
	Recorded receipt.Time
	Gist     string
	Folder   gitrepo.OID // its folder's tree
}

func rowOf(e *ledger.Entry) *Row {
	return &Row{*query.DocOf(e.ID, e.Receipt), e.Receipt.RecordedAt, e.Receipt.Gist(), e.Folder}
}

// Path is the folder of the receipt in the ledger.
func (r *Row) Path() string { return ledger.Path(r.Doc.ID, r.Recorded) }

// Each reads a whole ledger and calls each for the entries that hold by
// themselves and belong to it. It returns how many do not. The faults are those
// of reading, because what cannot be read must not pass for never recorded.
func Each(ctx context.Context, l *ledger.Ledger, genesis receipt.ID, each func(*Row) error) (skipped int, err error) {
	err = l.Walk(ctx, ledger.Visitor{
		Entry: func(e *ledger.Entry) error {
			if !holds(e, genesis) {
				skipped++
				return nil
			}
			return each(rowOf(e))
		},
		Problem: func(p ledger.Problem) error {
			if ledger.Unreadable(p.Err) {
				return p.Err
			}
			skipped++
			return nil
		},
	})
	return skipped, err
}

// holds tells whether an entry holds by itself and belongs to the ledger.
func holds(e *ledger.Entry, genesis receipt.ID) bool {
	return len(e.Problems()) == 0 && e.BelongsTo(genesis) == nil
}
