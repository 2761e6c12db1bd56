// Package recall finds the receipts that a query means: through the index
// where there can be one, else by reading the whole ledger. Both give the same
// answer in the same order.
package recall

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/index"
)

// Search is what to look for, and where.
type Search struct {
	index.Request
	Source   index.Source
	Index    index.Options
	Scanning func(why error) // told when the whole ledger is read, and why
}

// Find calls each for the receipts that are meant, the newest first, by when
// they say that they happened, then by id. It returns how many entries of the
// ledger do not hold and are left out. The faults are those of reading the
// ledger, and IndexDamaged (VM519) when that shows half-way.
func Find(ctx context.Context, s Search, each func(*index.Row) error) (skipped int, err error) {
	found := 0
	counted := func(r *index.Row) error {
		found++
		return each(r)
	}
	skipped, err = s.indexed(ctx, counted)
	if found == 0 && errors.Is(err, index.ErrOvertaken) {
		return s.scan(ctx, each)
	}
	if found == 0 && (fault.Has(err, fault.Unavailable) || fault.Has(err, fault.IndexDamaged)) {
		s.Scanning(err)
		return s.scan(ctx, each)
	}
	return skipped, err
}

func (s Search) indexed(ctx context.Context, each func(*index.Row) error) (skipped int, err error) {
	x, err := index.Open(ctx, s.Source, s.Index)
	if err != nil {
		return 0, err
	}
	defer x.Close()
	return x.Skipped, x.Search(ctx, s.Request, each)
}

func (s Search) scan(ctx context.Context, each func(*index.Row) error) (skipped int, err error) {
	l, err := s.Source.Open()
	if err != nil {
		return 0, err
	}
	genesis, err := l.Genesis(ctx)
	if err != nil {
		return 0, err
	}
	var rows []*index.Row
	skipped, err = index.Each(ctx, l, genesis.ID, func(r *index.Row) error {
		s.Looked()
		if s.Query.Matches(&r.Doc) {
			r.Doc.Texts = nil // of no more use
			rows = append(rows, r)
		}
		return nil
	})
	if err != nil {
		return skipped, err
	}
	slices.SortFunc(rows, func(a, b *index.Row) int {
		order := cmp.Or(cmp.Compare(b.Doc.At, a.Doc.At), a.Doc.ID.Compare(b.Doc.ID))
		if s.Reverse {
			return -order
		}
		return order
	})
	if s.Limit > 0 {
		rows = rows[:min(s.Limit, len(rows))]
	}
	for _, r := range rows {
		if err := each(r); err != nil {
			return skipped, err
		}
	}
	return skipped, nil
}
