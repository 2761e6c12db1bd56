package release

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/query"
	"github.com/VaultSovereign/git-vaultmesh/internal/trust"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

const (
	archiveSuffix = ".tar"
	tagSuffix     = ".tag"
)

// released is a release of a tag in a ledger.
type released struct {
	*ledger.Entry
	finding trust.Finding
}

// archive is the subject that is the archive of the commit's files, false where the
// release has none: somebody recorded it otherwise.
func (r *released) archive() (receipt.Subject, bool) {
	return r.Receipt.Source()
}

// base is how the names of its files begin.
func (r *released) base() string {
	return strings.TrimSuffix(r.Receipt.Labels[receipt.LabelSource], archiveSuffix)
}

// hasTag tells whether it keeps a tag as its evidence.
func (r *released) hasTag(t *tag) bool {
	digest := receipt.Sum(t.raw)
	return slices.ContainsFunc(r.Receipt.Evidence, func(e receipt.Evidence) bool { return e.SHA256 == digest && e.Name == r.base()+tagSuffix })
}

// vouched are those of some releases that at least one principal has signed. What a
// stranger brought into the ledger keeps nobody from a release.
func vouched(list []*released) []*released {
	return slices.DeleteFunc(list, func(r *released) bool { return len(r.finding.Signers) == 0 })
}

// Find finds entries of a ledger that a query means.
type Find func(ctx context.Context, l *ledger.Ledger, q *query.Query) ([]*ledger.Entry, error)

// releases lists the releases of a tag that no trusted receipt takes back. Those come first
// that have an archive, of these the trusted ones, and of these the one with most
// time-stamps.
func (find Find) releases(ctx context.Context, l *ledger.Ledger, terms *verify.Terms, name string) ([]*released, error) {
	about, err := find.holding(ctx, l, query.Releasing(tags+name), query.ReleasingVersion(name))
	if err != nil || len(about) == 0 {
		return nil, err
	}
	var ids []receipt.ID
	for _, e := range about {
		ids = append(ids, e.ID)
	}
	linking, err := find.holding(ctx, l, query.LinkingTo(ids))
	if err != nil {
		return nil, err
	}
	gone, err := verify.TakenBack(ctx, l, terms, linking)
	if err != nil {
		return nil, err
	}
	about = slices.DeleteFunc(about, func(e *ledger.Entry) bool { return gone[e.ID] })
	findings, err := verify.Findings(ctx, l, terms, about)
	if err != nil {
		return nil, err
	}
	var list []*released
	for i, e := range about {
		list = append(list, &released{e, findings[i]})
	}
	slices.SortFunc(list, before)
	return list, nil
}

// holding are the entries that queries mean, as far as they hold.
func (find Find) holding(ctx context.Context, l *ledger.Ledger, queries ...*query.Query) ([]*ledger.Entry, error) {
	genesis, err := l.Genesis(ctx)
	if err != nil {
		return nil, err
	}
	var list []*ledger.Entry
	for _, q := range queries {
		found, err := find(ctx, l, q)
		if err != nil {
			return nil, err
		}
		list = append(list, found...)
	}
	return slices.DeleteFunc(list, func(e *ledger.Entry) bool { return !e.Holds(genesis.ID) || e.Receipt.Future }), nil
}

// before is the order of releases.
func before(a, b *released) int {
	rank := func(r *released) int {
		_, archived := r.archive()
		switch {
		case archived && r.finding.Trusted():
			return 0
		case archived:
			return 1
		case r.finding.Trusted():
			return 2
		}
		return 3
	}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(len(b.finding.Authorities()), len(a.finding.Authorities())), a.ID.Compare(b.ID))
}
