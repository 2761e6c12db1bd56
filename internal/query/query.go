// Package query is the language in which people ask for receipts: its
// grammar, and which receipts a query means. docs/spec/query.md has it whole.
//
// It looks at one receipt at a time, in memory, so that a plain scan and an
// index that only chooses candidates give the same answer. It knows neither
// git nor terminals nor databases.
package query

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Query is what is looked for. The zero Query means every receipt.
type Query struct {
	terms []term
}

// LinkingTo means the receipts that link to one of some.
func LinkingTo(ids []receipt.ID) *Query {
	q := new(Query)
	for _, id := range ids {
		q.terms = append(q.terms, term{
			filter: "linking to", group: "linking to",
			match:  func(d *Doc) bool { return slices.Contains(d.Links, id) },
			lookup: lookup{linked: id.String()},
		})
	}
	return q
}

// LinkingToAny means the same for so many that looking at all receipts is cheaper than
// looking each of them up.
func LinkingToAny(ids map[receipt.ID]bool) *Query {
	linked := func(d *Doc) bool { return slices.ContainsFunc(d.Links, func(id receipt.ID) bool { return ids[id] }) }
	return &Query{terms: []term{{filter: "linking to", group: "linking to", match: linked}}}
}

// About means the receipts about one of some commits.
func About(commits []receipt.Object) *Query {
	q := new(Query)
	for _, c := range commits {
		q.terms = append(q.terms, term{
			filter: "commit", group: "commit",
			match:  func(d *Doc) bool { return d.Commit == c },
			lookup: lookup{commit: c},
		})
	}
	return q
}

// OfKinds means the receipts of some kinds.
func OfKinds(kinds ...receipt.Kind) *Query {
	q := new(Query)
	for _, k := range kinds {
		q.terms = append(q.terms, term{
			filter: "kind", group: "kind",
			match:  func(d *Doc) bool { return d.Kind == k },
			lookup: lookup{kind: k},
		})
	}
	return q
}

// Releasing means the releases that name a ref.
func Releasing(ref string) *Query {
	return &Query{terms: []term{{
		filter: "ref", group: "ref",
		match:  func(d *Doc) bool { return d.Kind == receipt.KindRelease && d.Ref == ref },
		lookup: lookup{grams: gramsOf(Fold(ref))},
	}}}
}

// ReleasingVersion means the releases of a version that name no ref.
func ReleasingVersion(version string) *Query {
	return &Query{terms: []term{{
		filter: "version", group: "version",
		match:  func(d *Doc) bool { return d.Kind == receipt.KindRelease && d.Ref == "" && d.Version == version },
		lookup: lookup{version: version},
	}}}
}

// term is one thing that is asked. Terms of one filter that are not negated
// are alternatives; everything else must hold together.
type term struct {
	filter string // its name, "" for text
	group  string // terms of one group that are not negated are alternatives
	not    bool
	match  func(d *Doc) bool
	lookup lookup
}

// Matches tells whether a receipt is meant.
func (q *Query) Matches(d *Doc) bool {
	for i, t := range q.terms {
		switch {
		case t.not && t.match(d):
			return false
		case !t.not && t.filter == "" && !t.match(d):
			return false
		case !t.not && t.filter != "" && q.isFirst(i) && !slices.ContainsFunc(q.alternatives(t.group), func(a term) bool { return a.match(d) }):
			return false
		}
	}
	return true
}

// alternatives are the terms of a group that are not negated.
func (q *Query) alternatives(group string) []term {
	var list []term
	for _, t := range q.terms {
		if t.group == group && !t.not {
			list = append(list, t)
		}
	}
	return list
}

// isFirst tells whether no alternative of the term stands before it.
func (q *Query) isFirst(i int) bool {
	return !slices.ContainsFunc(q.terms[:i], func(t term) bool { return t.group == q.terms[i].group && !t.not })
}

// Fold makes two spellings that differ in case only equal: every rune becomes
// the smallest one of its simple case folding (Unicode CaseFolding.txt, C+S).
func Fold(s string) string {
	folded := func(r rune) bool { return 'a' <= r && r <= 'z' || r >= utf8.RuneSelf }
	first := strings.IndexFunc(s, folded)
	if first < 0 {
		return s
	}
	return strings.Map(foldRune, s)
}

func foldRune(r rune) rune {
	switch {
	case 'a' <= r && r <= 'z' && r != 'k' && r != 's': // those two fold with signs beyond ASCII too
		return r - ('a' - 'A')
	case r < utf8.RuneSelf && r != 'k' && r != 's' && r != 'K' && r != 'S':
		return r
	}
	least := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		least = min(least, next)
	}
	return least
}

// contains tells whether a text has a part that is folded already.
func contains(text, part string) bool { return strings.Contains(Fold(text), part) }
