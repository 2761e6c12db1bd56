package federation

import (
	"context"
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Derived is the receipt that a merge of the ledger comes with: a function of the
// commit, the same bytes on every peer (docs/spec/merge.md). It is nil for a commit
// that is no merge.
func Derived(ctx context.Context, store gitrepo.Store, l *ledger.Ledger, step func()) (*receipt.Receipt, error) {
	parents, date, err := l.Parents(ctx)
	if err != nil || len(parents) != 2 {
		return nil, err
	}
	if made, err := ledger.MergeOf(ctx, store, parents[0], parents[1]); err != nil || made != l.Head {
		return nil, err
	}
	genesis, err := l.Genesis(ctx)
	if err != nil {
		return nil, err
	}
	body := new(receipt.Merge)
	for _, parent := range parents {
		side, err := l.At(ctx, parent)
		if err != nil {
			return nil, err
		}
		root, files, err := rootOf(ctx, side, step)
		if err != nil {
			return nil, err
		}
		body.Heads = append(body.Heads, receipt.MergeHead{Commit: receipt.Object(store.Algorithm() + ":" + string(parent)), Root: root, Files: files})
	}
	slices.SortFunc(body.Heads, func(a, b receipt.MergeHead) int { return strings.Compare(string(a.Commit), string(b.Commit)) })
	if body.Root, body.Files, err = rootOf(ctx, l, step); err != nil {
		return nil, err
	}
	return &receipt.Receipt{
		Kind: receipt.KindMerge, Ledger: genesis.ID, RecordedAt: receipt.Time(date),
		Recorder: receipt.Person{Name: ledger.MergeName, Email: ledger.MergeEmail}, Merge: body,
	}, nil
}

// rootOf is the root over the files of a ledger, and how many there are.
func rootOf(ctx context.Context, l *ledger.Ledger, step func()) (receipt.Digest, int64, error) {
	names, _, err := verify.Leaves(ctx, l, step)
	if err != nil {
		return receipt.Digest{}, 0, err
	}
	root, err := verify.RootOf(names)
	return root, int64(len(names)), err
}

// Both tells whether both sides of a merge brought receipts other than those of
// merges: a merge of answers to merges is not answered, or peers would do so for ever.
func Both(ctx context.Context, l *ledger.Ledger) (bool, error) {
	parents, _, err := l.Parents(ctx)
	if err != nil || len(parents) != 2 {
		return false, err
	}
	for i := range parents {
		side, err := l.At(ctx, parents[1-i])
		if err != nil {
			return false, err
		}
		brought := false // by the other side
		_, err = l.Grown(ctx, side, ledger.Visitor{Entry: func(e *ledger.Entry) error {
			brought = brought || e.Receipt != nil && e.Receipt.Kind != receipt.KindMerge
			return nil
		}, Problem: func(ledger.Problem) error { return nil }})
		if err != nil || !brought {
			return false, err
		}
	}
	return true, nil
}
