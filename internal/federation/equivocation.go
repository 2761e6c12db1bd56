package federation

import (
	"context"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
)

// Equivocations finds the seals of this ledger, and of other heads that are here, that
// one principal of this ledger's covenant signed and that cannot both be true
// (docs/spec/seal.md). A head that holds no ledger that can be read adds none.
func (p Place) Equivocations(ctx context.Context, heads ...gitrepo.OID) ([]*verify.Contradiction, error) {
	ours, err := p.open(ctx)
	if err != nil {
		return nil, err
	}
	var others []*ledger.Ledger
	for _, head := range heads {
		l, err := ours.At(ctx, head)
		if err == nil {
			others = append(others, l)
		} else if fault.Has(err, fault.Interrupted) {
			return nil, err
		}
	}
	seals, err := verify.Seals(ctx, ours, others, p.Terms)
	if err != nil {
		return nil, err
	}
	found := verify.Contradictions(seals)
	for _, f := range verify.Followed(seals) {
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

// gap looks for a file that a seal must be over and is not, because another one, which
// it came after, is. Where the history leads from one to the other there is none.
func (p Place) gap(ctx context.Context, ours *ledger.Ledger, f verify.Following) (*verify.Contradiction, error) {
	one, two := commitOf(f.First), commitOf(f.Second)
	if leads, err := p.Repo.IsAncestor(ctx, one, two); err == nil && leads || fault.Has(err, fault.Interrupted) {
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
