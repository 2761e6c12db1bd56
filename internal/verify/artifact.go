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
	Skipped  int             // entries that could not be asked, or are no good
}

// FindArtifact looks for the receipts that name a file, by its SHA-256 and by
// its base name. Entries that do not hold by themselves, or belong to another
// ledger, are counted and passed over: nobody can spoil the verdict about an
// artifact by adding a receipt that is no good, and nobody learns "unknown"
// because one was spoilt. step is called for each receipt.
func FindArtifact(ctx context.Context, l *ledger.Ledger, name string, digest receipt.Digest, step func()) (Artifact, error) {
	var a Artifact
	genesis, err := l.Genesis(ctx)
	if err != nil {
		return a, err
	}
	err = l.Walk(ctx, ledger.Visitor{
		Entry: func(e *ledger.Entry) error {
			step()
			if len(e.Problems()) > 0 || e.BelongsTo(genesis.ID) != nil {
				a.Skipped++
				return nil
			}
			a.add(e, name, digest)
			return nil
		},
		Problem: func(ledger.Problem) error {
			a.Skipped++
			return nil
		},
	})
	return a, err
}

func (a *Artifact) add(e *ledger.Entry, name string, digest receipt.Digest) {
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
}
