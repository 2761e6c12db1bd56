package verify

import (
	"context"

	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Artifact is what a ledger knows of a file.
type Artifact struct {
	Exact    []*ledger.Entry // name this SHA-256 as a subject
	SameName []*ledger.Entry // name a subject so, with another SHA-256
}

// FindArtifact looks for the receipts that name a file, by its SHA-256 and by
// its base name. Entries that do not hold by themselves, or belong to another
// ledger, are passed over: nobody can spoil the verdict about an artifact by
// adding a receipt that is no good.
func FindArtifact(ctx context.Context, l *ledger.Ledger, name string, digest receipt.Digest) (Artifact, error) {
	var a Artifact
	genesis, err := l.Genesis(ctx)
	if err != nil {
		return a, err
	}
	err = l.Walk(ctx, ledger.Visitor{Entry: func(e *ledger.Entry) error {
		if len(e.Problems()) > 0 || e.BelongsTo(genesis.ID) != nil {
			return nil
		}
		exact, sameName := false, false
		for _, s := range e.Receipt.Subjects {
			exact = exact || s.SHA256 == digest
			sameName = sameName || s.Name == name && s.SHA256 != digest
		}
		switch {
		case exact:
			a.Exact = append(a.Exact, e)
		case sameName:
			a.SameName = append(a.SameName, e)
		}
		return nil
	}})
	return a, err
}
