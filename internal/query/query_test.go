package query

import (
	"slices"
	"testing"

	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

func TestMatches(t *testing.T) {
	r := &receipt.Receipt{Kind: receipt.KindRelease, Component: "Billing/api", Version: "v1.2", Note: "Straße gesperrt",
		Recorder: receipt.Person{Name: "Ada", Email: "ada@example.com"}, Labels: map[string]string{"env": "prod"},
		Commit: "sha1:8f6e000000000000000000000000000000000000", Ref: "refs/tags/v1.2",
		Subjects: []receipt.Subject{{Name: "api.tar.gz", SHA256: receipt.Sum(nil)}}, Evidence: []receipt.Evidence{{Name: "notes.md"}}}
	for words, want := range map[string]bool{
		"": true, "billing": true, "BILLING v1": true, "api.tar": true, "notes.md": true, "env=prod": true, "ada@": true, "STRASSE": false, "STRAßE": true,
		"8f6e": true, "e3b0c442": true, "release": true, "refs/tags": true, "billing nothing": false, "K\u212A": false,
	} {
		if got := (Query{Words: Parse([]string{words})}).Matches(r); got != want {
			t.Errorf("%q matches: %v", words, got)
		}
	}
	if (Query{Kind: receipt.KindDeployment}).Matches(r) || (Query{Component: "billing/api"}).Matches(r) || !(Query{Component: "Billing/api", Kind: "release"}).Matches(r) {
		t.Error("kind or component is not matched whole")
	}
}

func TestBodiesAreSearched(t *testing.T) {
	for _, r := range []*receipt.Receipt{
		{Genesis: &receipt.Genesis{Name: "needle"}}, {Decision: &receipt.Decision{Context: "a needle"}}, {Incident: &receipt.Incident{Cause: "needle"}},
		{Discovery: &receipt.Discovery{Finding: "needle"}}, {Attestation: &receipt.Attestation{Command: []string{"go", "needle"}}},
		{Spawn: &receipt.Spawn{Template: "needle"}}, {Import: &receipt.Import{Damage: []string{"needle"}}}, {Revocation: &receipt.Revocation{Reason: "needle"}},
	} {
		if !(Query{Words: []string{"NEEDLE"}}).Matches(r) {
			t.Errorf("%+v is not found", r)
		}
	}
}

func TestNewestFirst(t *testing.T) {
	early := receipt.Time(5)
	list := []*ledger.Entry{
		{ID: receipt.ID{2}, Receipt: &receipt.Receipt{RecordedAt: 10}}, {ID: receipt.ID{1}, Receipt: &receipt.Receipt{RecordedAt: 10}},
		{ID: receipt.ID{3}, Receipt: &receipt.Receipt{RecordedAt: 20, OccurredAt: &early}}, {ID: receipt.ID{4}, Receipt: &receipt.Receipt{RecordedAt: 11}},
	}
	slices.SortFunc(list, NewestFirst)
	var order []byte
	for _, e := range list {
		order = append(order, e.ID[0])
	}
	if !slices.Equal(order, []byte{4, 1, 2, 3}) {
		t.Errorf("order %v", order)
	}
}
