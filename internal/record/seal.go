package record

import (
	"cmp"
	"context"
	"slices"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Seal records the root over everything in the ledger so far, after the newest seal
// that anybody of the covenant vouches for. Without a signer it is worth nothing until
// somebody has signed it.
func Seal(ctx context.Context, p Place, terms *verify.Terms) (*Outcome, *receipt.Seal, error) {
	l, err := ledger.Open(ctx, p.Repo, p.Ref)
	if err != nil {
		return nil, nil, err
	}
	l.Pin(p.Ledger)
	names, receipts, err := verify.Leaves(ctx, l, p.Working)
	if err != nil {
		return nil, nil, err
	}
	root, err := verify.RootOf(names)
	if err != nil {
		return nil, nil, err
	}
	body := &receipt.Seal{Receipts: receipts, Files: int64(len(names)), Head: p.object(l.Head), Root: root}
	after, err := p.newestSeal(ctx, l, body, terms)
	if err != nil {
		return nil, nil, err
	}
	out, err := Own(ctx, p, &receipt.Receipt{Kind: receipt.KindSeal, Seal: body, After: after})
	return out, body, err
}

// newestSeal is that of the seals in a ledger which is over most, zero where there is
// none. What is sealed must have grown out of what that one is over, and have all of it,
// which is what naming it says: a commit may take something away.
func (p Place) newestSeal(ctx context.Context, l *ledger.Ledger, body *receipt.Seal, terms *verify.Terms) (receipt.ID, error) {
	seals, err := verify.Seals(ctx, l, nil, terms)
	if err != nil {
		return receipt.ID{}, err
	}
	slices.SortStableFunc(seals, func(a, b verify.Sealed) int { return cmp.Compare(b.Receipt.Seal.Files, a.Receipt.Seal.Files) })
	for _, s := range seals {
		other := s.Receipt.Seal
		if other.Files >= body.Files || other.Receipts >= body.Receipts {
			continue
		}
		grown, err := p.grewOutOf(ctx, l, gitrepo.OID(other.Head.Hex()))
		if err == nil && grown {
			return s.ID, nil
		}
		if fault.Has(err, fault.Interrupted) {
			return receipt.ID{}, err
		}
	}
	return receipt.ID{}, nil
}

// grewOutOf tells whether a commit leads to a ledger that has all that it had.
func (p Place) grewOutOf(ctx context.Context, l *ledger.Ledger, head gitrepo.OID) (bool, error) {
	if leads, err := p.Repo.IsAncestor(ctx, head, l.Head); err != nil || !leads {
		return false, err
	}
	then, err := l.At(ctx, head)
	if err != nil {
		return false, err
	}
	return l.Encloses(ctx, then)
}
