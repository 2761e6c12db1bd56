package query

import (
	"cmp"
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Filters lists the names of filters, as they are typed in front of a colon.
func Filters() []string {
	return []string{"kind", "component", "version", "commit", "ref", "label", "signer", "since", "until", "id", "sha256"}
}

func isFilter(name string) bool { return slices.Contains(Filters(), strings.ToLower(name)) }

// term gives a word its meaning.
func (w word) term(m Meaning) (term, error) {
	t := term{filter: w.filter, group: cmp.Or(w.group, w.filter)}
	var err error
	pattern := w.value
	w.value = plainStars(w.value)
	switch w.filter {
	case "":
		part := Fold(w.value)
		t.match = func(d *Doc) bool {
			return slices.ContainsFunc(d.Texts, func(text string) bool { return contains(text, part) })
		}
		t.lookup.grams = gramsOf(part)
	case "kind":
		t.match, t.lookup.kind, err = kindIs(w.value)
	case "component":
		t.match, t.lookup.component = wholeText(pattern, func(d *Doc) string { return d.Component })
	case "version":
		t.match, t.lookup.version = wholeText(pattern, func(d *Doc) string { return d.Version })
	case "ref":
		t.match, _ = wholeText(pattern, func(d *Doc) string { return d.Ref })
		t.lookup.grams = globGrams(pattern)
	case "commit":
		t.lookup.commit, err = m.Commit(w.value)
		t.match = func(d *Doc) bool { return d.Commit == t.lookup.commit }
	case "label":
		t.match = labelled(w.value)
		t.lookup.grams = gramsOf(Fold(w.value))
	case "signer":
		t.match = func(d *Doc) bool {
			return slices.ContainsFunc(d.Signers, func(s string) bool { return contains(s, Fold(w.value)) })
		}
	case "since", "until":
		t.match, t.lookup, err = bound(w, m)
	case "id":
		t.lookup.id = w.value
		t.match, err = hexPrefix(w.value, func(d *Doc) []receipt.Digest { return []receipt.Digest{d.ID} })
	case "sha256":
		t.lookup.digest = w.value
		t.match, err = hexPrefix(w.value, func(d *Doc) []receipt.Digest { return d.Digests })
	}
	return t, err
}

func kindIs(value string) (match func(*Doc) bool, kind receipt.Kind, err error) {
	kind, ok := Kind(value)
	if !ok {
		return nil, "", fault.New(fault.BadQuery, "%.40q is not a kind of receipt", value).With("how", "there are "+strings.Join(Plurals(), ", ")+":\ngit remembrancer help query")
	}
	return func(d *Doc) bool { return d.Kind == kind }, kind, nil
}

// wholeText compares a whole text, in which * stands for any characters. Where
// it has none it is also what an index can look up.
func wholeText(value string, of func(*Doc) string) (match func(*Doc) bool, exact string) {
	if !strings.Contains(value, "*") {
		value = plainStars(value)
		return func(d *Doc) bool { return of(d) == value }, value
	}
	parts := strings.Split(value, "*")
	for i := range parts {
		parts[i] = plainStars(parts[i])
	}
	return func(d *Doc) bool { return of(d) != "" && globs(parts, of(d)) }, ""
}

// globs tells whether a text is made of parts with anything between them.
func globs(parts []string, text string) bool {
	first, last := parts[0], parts[len(parts)-1]
	if len(text) < len(first)+len(last) || !strings.HasPrefix(text, first) || !strings.HasSuffix(text, last) {
		return false
	}
	text = text[len(first) : len(text)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(text, part)
		if i < 0 {
			return false
		}
		text = text[i+len(part):]
	}
	return true
}

// labelled tells whether a label has that value, or is there at all.
func labelled(value string) func(*Doc) bool {
	if strings.Contains(value, "=") {
		return func(d *Doc) bool { return slices.Contains(d.Labels, value) }
	}
	return func(d *Doc) bool {
		return slices.ContainsFunc(d.Labels, func(l string) bool { return strings.HasPrefix(l, value+"=") })
	}
}

func hexPrefix(value string, of func(*Doc) []receipt.Digest) (func(*Doc) bool, error) {
	if len(value) < 4 || len(value) > 64 || strings.Trim(value, "0123456789abcdef") != "" {
		return nil, fault.New(fault.BadQuery, "%.80q is not 4 to 64 lower-case hex digits", value)
	}
	return func(d *Doc) bool {
		return slices.ContainsFunc(of(d), func(digest receipt.Digest) bool { return strings.HasPrefix(digest.String(), value) })
	}, nil
}

// bound is since or until, of which both ends belong to what is meant.
func bound(w word, m Meaning) (func(*Doc) bool, lookup, error) {
	from, to, err := m.Date(w.value)
	if err != nil {
		return nil, lookup{}, err
	}
	if w.filter == "since" {
		since := from.Unix()
		return func(d *Doc) bool { return int64(d.At) >= since }, lookup{since: &since}, nil
	}
	until := to.Unix()
	return func(d *Doc) bool { return int64(d.At) <= until }, lookup{until: &until}, nil
}

// globGrams are those of a pattern's longest part.
func globGrams(pattern string) Grams {
	return gramsOf(Fold(plainStars(slices.MaxFunc(strings.Split(pattern, "*"), func(a, b string) int { return len(a) - len(b) }))))
}
