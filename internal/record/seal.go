package record

import (
	"context"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Seal records the root over everything in the ledger so far.
func Seal(ctx context.Context, p Place) (*Outcome, *receipt.Seal, error) {
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
	if p.Signer == nil {
		return nil, nil, fault.New(fault.NoKey, "a seal is worth its signature, and nobody is to sign it")
	}
	body := &receipt.Seal{Receipts: receipts, Files: int64(len(names)), Head: p.object(l.Head), Root: root}
	out, err := Own(ctx, p, &receipt.Receipt{Kind: receipt.KindSeal, Seal: body})
	return out, body, err
}
