package query

import (
	"regexp/syntax"

	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Lookup is what of a query an index can look up. Each field that is set is a
// condition that every receipt that is meant fulfils: one of the values, the
// bounds, the grams. There may be candidates that are not meant.
type Lookup struct {
	Kinds      []receipt.Kind
	Components []string
	Versions   []string
	Commits    []receipt.Object
	IDs        []string // beginnings
	Digests    []string // beginnings
	Linked     []string // ids that are linked to
	Since      *int64   // seconds since 1970
	Until      *int64
	Grams      Grams
}

// lookup is the part of one term; what is zero says nothing.
type lookup struct {
	kind               receipt.Kind
	component, version string
	commit             receipt.Object
	id, digest, linked string
	since, until       *int64
	grams              Grams
}

// Lookup collects what an index can look up.
func (q *Query) Lookup() Lookup {
	var l Lookup
	for i, t := range q.terms {
		switch {
		case t.not:
		case t.filter == "":
			l.Grams = every(l.Grams, t.lookup.grams)
		case q.isFirst(i):
			l.group(q.alternatives(t.group))
		}
	}
	return l
}

// group adds the alternatives of one group: all of them, or nothing where one
// cannot be looked up. Of two groups of one filter, the second is left to the
// matching.
func (l *Lookup) group(group []term) {
	one := group[0].lookup
	switch {
	case one.kind != "":
		l.Kinds = first(l.Kinds, values(group, func(t lookup) receipt.Kind { return t.kind }))
	case one.commit != "":
		l.Commits = first(l.Commits, values(group, func(t lookup) receipt.Object { return t.commit }))
	case one.id != "":
		l.IDs = first(l.IDs, values(group, func(t lookup) string { return t.id }))
	case one.digest != "":
		l.Digests = first(l.Digests, values(group, func(t lookup) string { return t.digest }))
	case one.linked != "":
		l.Linked = first(l.Linked, values(group, func(t lookup) string { return t.linked }))
	case group[0].filter == "component":
		l.Components = first(l.Components, values(group, func(t lookup) string { return t.component }))
	case group[0].filter == "version":
		l.Versions = first(l.Versions, values(group, func(t lookup) string { return t.version }))
	case one.since != nil:
		least := one.since
		for _, t := range group {
			if *t.lookup.since < *least {
				least = t.lookup.since
			}
		}
		if l.Since == nil || *l.Since < *least {
			l.Since = least
		}
	case one.until != nil:
		most := one.until
		for _, t := range group {
			if *t.lookup.until > *most {
				most = t.lookup.until
			}
		}
		if l.Until == nil || *l.Until > *most {
			l.Until = most
		}
	default:
		list := make([]Grams, len(group))
		for i, t := range group {
			list[i] = t.lookup.grams
		}
		l.Grams = every(l.Grams, either(list...))
	}
}

// first is the first list that says something.
func first[T any](a, b []T) []T {
	if len(a) > 0 {
		return a
	}
	return b
}

// values are those of all alternatives; none where one has none.
func values[T comparable](group []term, of func(lookup) T) []T {
	var list []T
	for _, t := range group {
		v := of(t.lookup)
		if v == *new(T) {
			return nil
		}
		list = append(list, v)
	}
	return list
}

// Grams are trigrams, folded, that the texts of a receipt must have: one, all
// of several, or any of several. The zero Grams ask for none.
type Grams struct {
	Gram string
	All  []Grams
	Any  []Grams
}

// Empty tells whether nothing is asked for.
func (g Grams) Empty() bool { return g.Gram == "" && len(g.All) == 0 && len(g.Any) == 0 }

// maxGrams is how many trigrams of one text are looked up: each narrows the
// candidates, the later ones hardly.
const maxGrams = 32

// gramsOf are those of a folded text. One of less than three characters has none.
func gramsOf(folded string) Grams {
	runes := []rune(folded)
	var list []Grams
	for i := 0; i+3 <= len(runes) && len(list) < maxGrams; i++ {
		list = append(list, Grams{Gram: string(runes[i : i+3])})
	}
	return every(list...)
}

// every asks for all that each asks for.
func every(list ...Grams) Grams {
	var all []Grams
	for _, g := range list {
		switch {
		case g.Empty():
		case len(g.All) > 0:
			all = append(all, g.All...)
		default:
			all = append(all, g)
		}
	}
	if len(all) == 1 {
		return all[0]
	}
	return Grams{All: all}
}

// either asks for what one of them asks for: nothing, if one asks for nothing.
func either(list ...Grams) Grams {
	for _, g := range list {
		if g.Empty() {
			return Grams{}
		}
	}
	if len(list) == 1 {
		return list[0]
	}
	return Grams{Any: list}
}

// regexpGrams are those of the literals that a match must have.
func regexpGrams(text string) Grams {
	re, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return Grams{}
	}
	return required(re.Simplify())
}

func required(re *syntax.Regexp) Grams {
	switch re.Op {
	case syntax.OpLiteral:
		return gramsOf(Fold(string(re.Rune)))
	case syntax.OpConcat:
		return every(requiredOf(re.Sub)...)
	case syntax.OpAlternate:
		return either(requiredOf(re.Sub)...)
	case syntax.OpCapture, syntax.OpPlus:
		return required(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return required(re.Sub[0])
		}
	}
	return Grams{}
}

func requiredOf(list []*syntax.Regexp) []Grams {
	all := make([]Grams, len(list))
	for i, re := range list {
		all[i] = required(re)
	}
	return all
}
