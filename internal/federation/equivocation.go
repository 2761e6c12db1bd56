package federation

import (
	"context"
	"slices"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
)

// Equivocations finds the seals of this ledger, and of other heads that are here, that
// one principal of this ledger's covenant signed and that cannot both be true
// (docs/spec/seal.md), but for those that both were in the ledger as it was before, nil
// for never. A head that holds no ledger that can be read adds none.
func (p Place) Equivocations(ctx context.Context, before *ledger.Ledger, heads ...gitrepo.OID) ([]*verify.Contradiction, error) {
	ours, err := p.open(ctx)
	if err != nil {
		return nil, err
	}
	others, err := readable(ctx, ours, heads)
	if err != nil {
		return nil, err
	}
	seals, err := verify.Seals(ctx, ours, others, p.Terms)
	if err != nil {
		return nil, err
	}
	known, err := knownOf(ctx, before, seals)
	if err != nil {
		return nil, err
	}
	found := slices.DeleteFunc(verify.Contradictions(seals), func(c *verify.Contradiction) bool {
		return known[c.Seals[0].Path] && known[c.Seals[1].Path]
	})
	for _, f := range verify.Followed(seals) {
		if known[f.First.Path] && known[f.Second.Path] {
			continue
		}
		c, err := p.gap(ctx, ours, f)
		if err != nil {
			return nil, err
		}
		if c != nil {
			c.Principal = f.Principal
			found = append(found, c)
		}
	}
	return found, nil
}

// readable are the ledgers at those heads that can be read.
func readable(ctx context.Context, ours *ledger.Ledger, heads []gitrepo.OID) ([]*ledger.Ledger, error) {
	var list []*ledger.Ledger
	for _, head := range heads {
		l, err := ours.At(ctx, head)
		if err == nil {
			list = append(list, l)
		} else if fault.Has(err, fault.Interrupted) {
			return nil, err
		}
	}
	return list, nil
}

// knownOf are the seals that a ledger has, by path.
func knownOf(ctx context.Context, l *ledger.Ledger, seals []verify.Sealed) (map[string]bool, error) {
	known := make(map[string]bool)
	if l == nil {
		return known, nil
	}
	var paths []string
	for _, s := range seals {
		paths = append(paths, s.Path)
	}
	entries, err := l.Load(ctx, paths)
	for _, e := range entries {
		known[e.Path] = true
	}
	return known, err
}

// gap looks for a file that a seal must be over and is not, because another one, which
// it came after, is. That the history leads from one to the other says nothing: a commit
// may take something away.
func (p Place) gap(ctx context.Context, ours *ledger.Ledger, f verify.Following) (*verify.Contradiction, error) {
	one, two := commitOf(f.First), commitOf(f.Second)
	if over, err := p.over(ctx, ours, f, one, two); err == nil && over || fault.Has(err, fault.Interrupted) {
		return nil, err
	}
	under, err := p.leaves(ctx, ours, one)
	if err != nil || under == nil {
		return nil, err
	}
	later, err := p.leaves(ctx, ours, two)
	if err != nil || later == nil {
		return nil, err
	}
	return verify.FindGap(f.First, f.Second, under, later)
}

// over tells whether the ledger at the second seal's commit has all that it had at the
// first one's, and the first seal. What both have is not opened.
func (p Place) over(ctx context.Context, ours *ledger.Ledger, f verify.Following, one, two gitrepo.OID) (bool, error) {
	under, err := ours.At(ctx, one)
	if err != nil {
		return false, err
	}
	later, err := ours.At(ctx, two)
	if err != nil {
		return false, err
	}
	own, err := later.Load(ctx, []string{f.First.Path})
	if err != nil || len(own) == 0 || own[0].ID != f.First.ID {
		return false, err
	}
	return later.Encloses(ctx, under)
}

func commitOf(seal *ledger.Entry) gitrepo.OID { return gitrepo.OID(seal.Receipt.Seal.Head.Hex()) }

// leaves are those of a ledger at a commit, nil where it cannot be read here.
func (p Place) leaves(ctx context.Context, l *ledger.Ledger, at gitrepo.OID) ([]string, error) {
	then, err := l.At(ctx, at)
	var names []string
	if err == nil {
		names, _, err = verify.Leaves(ctx, then, p.Progress)
	}
	if fault.Has(err, fault.Interrupted) {
		return nil, err
	}
	if err != nil {
		return nil, nil
	}
	return names, nil
}

// Evidence collects what others need to judge a contradiction.
func (p Place) Evidence(ctx context.Context, c *verify.Contradiction) (*verify.MailedContradiction, error) {
	ours, err := p.open(ctx)
	if err != nil {
		return nil, err
	}
	return verify.GatherContradiction(ctx, ours, c, p.Terms)
}
