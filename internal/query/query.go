// Package query says which receipts people mean by a few words.
//
// It matches one receipt at a time, in memory: a plain scan of the ledger
// calls it for every entry. It knows neither git nor terminals.
package query

import (
	"cmp"
	"slices"
	"strings"
	"unicode"

	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Query is what is looked for. Empty fields ask nothing.
type Query struct {
	Words     []string // each must occur somewhere, without regard to case
	Kind      receipt.Kind
	Component string
}

// Parse reads words as people type them: the arguments, each split at white space.
func Parse(args []string) []string { return strings.Fields(strings.Join(args, " ")) }

// Matches tells whether a receipt is meant.
func (q Query) Matches(r *receipt.Receipt) bool {
	if q.Kind != "" && r.Kind != q.Kind || q.Component != "" && r.Component != q.Component {
		return false
	}
	all := texts(r)
	for _, w := range q.Words {
		word := fold(w)
		if !slices.ContainsFunc(all, func(t string) bool { return strings.Contains(t, word) }) {
			return false
		}
	}
	return true
}

// texts are the searchable texts of a receipt, case-folded: component,
// version, kind, note, names of subjects and evidence, labels, recorder, ref,
// commit, and the texts of the kind's body.
func texts(r *receipt.Receipt) []string {
	list := []string{string(r.Kind), r.Component, r.Version, r.Note, r.Recorder.Name, r.Recorder.Email, r.Ref, r.Commit.Hex(), r.ChainRef}
	for _, s := range r.Subjects {
		list = append(list, s.Name, s.SHA256.String())
	}
	for _, e := range r.Evidence {
		list = append(list, e.Name)
	}
	for name, value := range r.Labels {
		list = append(list, name+"="+value)
	}
	list = append(list, bodyTexts(r)...)
	for i, t := range list {
		list[i] = fold(t)
	}
	return list
}

func bodyTexts(r *receipt.Receipt) []string {
	switch {
	case r.Genesis != nil:
		return []string{r.Genesis.Name}
	case r.Decision != nil:
		d := r.Decision
		return []string{d.Status, d.Title, d.Context, d.Decision, d.Consequences}
	case r.Incident != nil:
		i := r.Incident
		return []string{i.Severity, i.Impact, i.Cause, i.Action}
	case r.Discovery != nil:
		return []string{r.Discovery.Title, r.Discovery.Finding}
	case r.Attestation != nil:
		return append([]string{r.Attestation.Type, r.Attestation.Tool}, r.Attestation.Command...)
	case r.Spawn != nil:
		return []string{r.Spawn.Template}
	case r.Import != nil:
		return append([]string{r.Import.Source}, r.Import.Damage...)
	case r.Revocation != nil:
		return []string{r.Revocation.Key, r.Revocation.Reason}
	}
	return nil
}

// fold makes two spellings that differ in case only equal: every rune becomes
// the smallest one of its simple case folding (Unicode CaseFolding.txt, C+S).
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
			least = min(least, next)
		}
		return least
	}, s)
}

// NewestFirst orders entries for people: by when it happened, the newest
// first, then by id. The times are claims, and the order is no evidence.
func NewestFirst(a, b *ledger.Entry) int {
	return cmp.Or(cmp.Compare(b.Receipt.HappenedAt(), a.Receipt.HappenedAt()), a.ID.Compare(b.ID))
}
