package index

import (
	"context"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/query"
	"github.com/VaultSovereign/git-vaultmesh/internal/sign"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Row is what an index knows of a receipt: what can be asked about it, and
// what a list shows of it.
type Row struct {
	Doc      query.Doc
	Recorded receipt.Time
	Gist     string
}

// rowOf reads what is known of an entry. What its signatures claim is read from
// them; of one that cannot be read there is no claim.
func rowOf(ctx context.Context, l *ledger.Ledger, e *ledger.Entry) (*Row, error) {
	r := &Row{*query.DocOf(e.ID, e.Receipt), e.Receipt.RecordedAt, e.Receipt.Gist()}
	for _, f := range e.Proofs() {
		data, err := l.ReadFile(ctx, f)
		if fault.Has(err, fault.Interrupted) {
			return nil, err
		}
		if issuer := sign.Issuer(f.Type, data); issuer != "" {
			r.Doc.Signers = append(r.Doc.Signers, issuer)
		}
	}
	return r, nil
}

// Path is the folder of the receipt in the ledger.
func (r *Row) Path() string { return ledger.Path(r.Doc.ID, r.Recorded) }

// Each reads a whole ledger and calls each for the entries that hold by
// themselves and belong to it. It returns how many do not. The faults are those
// of reading, because what cannot be read must not pass for never recorded.
func Each(ctx context.Context, l *ledger.Ledger, genesis receipt.ID, each func(*Row) error) (skipped int, err error) {
	err = l.Walk(ctx, ledger.Visitor{
		Entry: func(e *ledger.Entry) error {
			if !e.Holds(genesis) {
				skipped++
				return nil
			}
			r, err := rowOf(ctx, l, e)
			if err != nil {
				return err
			}
			return each(r)
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
