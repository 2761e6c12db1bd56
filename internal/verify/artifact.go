package verify

import (
	"context"

	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Artifact is what a ledger knows of a file.
type Artifact struct {
	Exact    []*ledger.Entry // claim this SHA-256 as a subject or as evidence
	SameName []*ledger.Entry // claim a subject of that name with another SHA-256
	Unread   []ledger.Problem
}

// FindArtifact looks for the receipts that name a file, by its SHA-256 and by
// its base name: all that can be read, whether they hold or not. What cannot
// be read is in Unread, because behind it could be what is looked for. step is
// called for each receipt.
func FindArtifact(ctx context.Context, l *ledger.Ledger, name string, digest receipt.Digest, step func()) (Artifact, error) {
	var a Artifact
	unread := func(p ledger.Problem) error {
		a.Unread = append(a.Unread[:min(len(a.Unread), maxProblems)], p)
		return nil
	}
	err := l.Walk(ctx, ledger.Visitor{
		Entry: func(e *ledger.Entry) error {
			step()
			if e.Receipt == nil {
				return unread(e.Problems()[0])
			}
			a.add(e, name, digest)
			return nil
		},
		Problem: unread,
	})
	return a, err
}

func (a *Artifact) add(e *ledger.Entry, name string, digest receipt.Digest) {
	exact, sameName := Names(e, digest), false
	for _, s := range e.Receipt.Subjects {
		sameName = sameName || s.Name == name && s.SHA256 != digest
	}
	switch {
	case exact:
		a.Exact = append(a.Exact, e)
	case sameName:
		a.SameName = append(a.SameName, e)
	}
}

// Names tells whether a receipt names a file by its SHA-256, as a subject or as
// evidence.
func Names(e *ledger.Entry, digest receipt.Digest) bool {
	if e.Receipt == nil {
		return false
	}
	for _, s := range e.Receipt.Subjects {
		if s.SHA256 == digest {
			return true
		}
	}
	for _, item := range e.Receipt.Evidence {
		if item.SHA256 == digest {
			return true
		}
	}
	return false
}

// Holding are those of entries that hold by themselves, whoever signed them. One
// that is no good says nothing about an artifact, for or against.
func Holding(ctx context.Context, l *ledger.Ledger, entries []*ledger.Entry) ([]*ledger.Entry, error) {
	var valid []*ledger.Entry
	for _, e := range entries {
		report, err := Receipts(ctx, nil, l, []*ledger.Entry{e}, nil)
		if err != nil {
			return nil, err
		}
		if report.Verdict == Valid {
			valid = append(valid, e)
		}
	}
	return valid, nil
}

// Trusted are those of the entries that a report found trusted.
func (r *Report) Trusted(entries []*ledger.Entry) []*ledger.Entry {
	trusted := make(map[receipt.ID]bool)
	for _, f := range r.Findings {
		trusted[f.ID] = f.Trusted()
	}
	var list []*ledger.Entry
	for _, e := range entries {
		if trusted[e.ID] {
			list = append(list, e)
		}
	}
	return list
}
