package attest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/VaultSovereign/git-vaultmesh/internal/canon"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// BadgePath is where a badge lies in a work tree.
const BadgePath = ".vaultmesh/badge.json"

// MaxBadge is the most bytes that a badge may have.
const MaxBadge = 4 << 10

// badge is what shields.io reads of an endpoint, and whence it comes.
type badge struct {
	SchemaVersion int            `json:"schemaVersion"`
	Label         string         `json:"label"`
	Message       string         `json:"message"`
	Color         string         `json:"color"`
	Commit        receipt.Object `json:"commit"`
	Receipt       receipt.ID     `json:"receipt"`
}

// Badge is the badge of an attestation: canonical JSON, a function of the receipt.
func Badge(id receipt.ID, r *receipt.Receipt) ([]byte, error) {
	a := r.Attestation
	b := badge{SchemaVersion: 1, Label: a.Type, Message: message(a), Color: "red", Commit: r.Commit, Receipt: id}
	if Passed(a) {
		b.Color = "brightgreen"
	}
	return canon.Marshal(b, MaxBadge)
}

// message is what a badge says of an attestation.
func message(a *receipt.Attestation) string {
	if t := a.Totals; t != nil {
		text := fmt.Sprintf("%d passed", t.Passed)
		if t.Failed > 0 {
			text += fmt.Sprintf(", %d failed", t.Failed)
		}
		if t.Skipped > 0 {
			text += fmt.Sprintf(", %d skipped", t.Skipped)
		}
		if t.Failed == 0 && a.ExitCode != 0 {
			text += ", failing"
		}
		return text
	}
	switch {
	case a.Type == Reproduction && Passed(a):
		return "reproduced"
	case a.Type == Reproduction:
		return "not reproduced"
	case Passed(a):
		return "passing"
	}
	return "failing"
}

// Newest finds among some entries the newest attestation of a type about a commit that
// the covenant trusts, and that none of those linking to them takes back; of two of one
// time, that with the greater id. It is nil where there is none.
func Newest(ctx context.Context, l *ledger.Ledger, terms *verify.Terms, entries, linking []*ledger.Entry, commit receipt.Object, kind string) (*ledger.Entry, error) {
	genesis, err := l.Genesis(ctx)
	if err != nil {
		return nil, err
	}
	var about []*ledger.Entry
	for _, e := range entries {
		if e.Receipt != nil && e.Receipt.Attestation != nil && e.Receipt.Commit == commit && e.Receipt.Attestation.Type == kind && e.Holds(genesis.ID) {
			about = append(about, e)
		}
	}
	if len(about) == 0 {
		return nil, nil
	}
	gone, err := verify.TakenBack(ctx, l, terms, linking)
	if err != nil {
		return nil, err
	}
	findings, err := verify.Findings(ctx, l, terms, about)
	if err != nil {
		return nil, err
	}
	var newest *ledger.Entry
	for i, e := range about {
		problems, err := e.FileProblems(ctx, l)
		if err != nil {
			return nil, err
		}
		if findings[i].Trusted() && len(problems) == 0 && !gone[e.ID] && (newest == nil || later(e, newest)) {
			newest = e
		}
	}
	return newest, nil
}

func later(a, b *ledger.Entry) bool {
	if a.Receipt.RecordedAt != b.Receipt.RecordedAt {
		return a.Receipt.RecordedAt > b.Receipt.RecordedAt
	}
	return a.ID.Compare(b.ID) > 0
}

// CheckBadge refuses a badge that is not, byte by byte, the one of an attestation: the
// newest of a commit, nil where there is none. The fault is BadBadge (VM630), and says
// what is wrong with it.
func CheckBadge(text []byte, commit receipt.Object, newest *ledger.Entry) error {
	wrong := func(format string, args ...any) error {
		return fault.New(fault.BadBadge, format, args...).With("how", "have it derived anew:\ngit vaultmesh attest badge --write")
	}
	if newest == nil {
		return fault.New(fault.BadBadge, "no attestation of %s that the covenant trusts is there", short(commit)).
			With("how", "run the tests and record what comes of it:\ngit vaultmesh attest tests -- COMMAND")
	}
	want, err := Badge(newest.ID, newest.Receipt)
	if err != nil || bytes.Equal(text, want) {
		return err
	}
	var b badge
	if len(text) > MaxBadge || json.Unmarshal(text, &b) != nil {
		return wrong("the badge is no badge")
	}
	switch {
	case b.Commit != commit:
		return wrong("the badge is about another commit than %s", short(commit))
	case b.Receipt != newest.ID:
		return wrong("the badge is not of the newest attestation, which is %s", newest.ID.Short())
	}
	return wrong("the badge was changed by hand: it should say %q", message(newest.Receipt.Attestation))
}

func short(commit receipt.Object) string { return commit.Hex()[:min(10, len(commit.Hex()))] }
