package index

import (
	"context"
	"encoding/binary"
	"hash/crc32"

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
// them; one that is too large, or of no form, claims nothing.
func rowOf(ctx context.Context, l *ledger.Ledger, e *ledger.Entry) (*Row, error) {
	r := &Row{*query.DocOf(e.ID, e.Receipt), e.Receipt.RecordedAt, e.Receipt.Gist()}
	for _, f := range e.Proofs() {
		data, err := e.Proof(ctx, l, f)
		if fault.Has(err, fault.Interrupted) || fault.Has(err, fault.ObjectMissing) || fault.Has(err, fault.ObjectCorrupt) {
			return nil, err // that it cannot be read now must not read as signed by nobody
		}
		if err != nil { // what is wrong with it is said by who verifies
			continue
		}
		if issuer := sign.Issuer(f.Type, data); issuer != "" {
			r.Doc.Signers = append(r.Doc.Signers, issuer)
		}
	}
	return r, nil
}

// sum is a checksum of all that an index holds of the receipt: SQLite has none
// of its own, and a bit that a disk turned would be an answer.
func (r *Row) sum() int64 {
	b := binary.AppendVarint(r.Doc.ID[:], int64(r.Doc.At))
	b = binary.AppendVarint(b, int64(r.Recorded))
	for _, text := range []string{string(r.Doc.Kind), r.Doc.Component, r.Doc.Version, r.Gist, string(r.Doc.Commit), r.Doc.Ref} {
		b = append(append(b, text...), separator...)
	}
	for _, texts := range [][]string{r.Doc.Labels, r.Doc.Signers, r.Doc.Texts} {
		for _, text := range texts {
			b = append(append(b, text...), separator...)
		}
		b = append(b, separator...)
	}
	b = append(append(b, concat(r.Doc.Digests)...), concat(r.Doc.Links)...)
	return int64(crc32.ChecksumIEEE(b))
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
		Proofs: true,
	})
	return skipped, err
}
