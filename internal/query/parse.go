package query

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/mattn/go-runewidth"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Meaning gives words their meaning that have it only in a place and time.
type Meaning struct {
	Date   func(text string) (from, to time.Time, err error) // the first and the last second
	Commit func(revision string) (receipt.Object, error)
}

// The limits of a query.
const (
	maxQuery  = 16 << 10 // bytes
	maxTerms  = 256
	maxRegexp = 4 << 10 // bytes

	// The time to match is that of the text times that of the program: this
	// keeps one receipt below some seconds.
	maxProgram = 2500
)

// Parse reads a query. A fault BadQuery (VM117) says at which character it
// cannot be read; dates and revisions bring the faults of what reads them.
func Parse(text string, m Meaning) (*Query, error) {
	if len(text) > maxQuery {
		return nil, fault.New(fault.BadQuery, "the query has %d bytes, over the limit of %d", len(text), maxQuery).With("how", help)
	}
	words, err := split(text)
	if err != nil {
		return nil, err
	}
	q := new(Query)
	for _, w := range words {
		if err := q.add(w, m); err != nil {
			return nil, point(text, w, err)
		}
	}
	return q, nil
}

// Filter adds what a flag says: name is one of [Filters]. Several of one name
// are alternatives, and hold together with what the words say. A star stands for
// any characters and a backslash takes the next one as it is, as in the words.
func (q *Query) Filter(name, value string, m Meaning) error {
	err := q.add(word{filter: name, group: "--" + name, value: unescaped(value)}, m)
	var f *fault.Error
	if !errors.As(err, &f) || f.Code == fault.Interrupted {
		return err
	}
	named := *f
	named.Message = "--" + name + ": " + f.Message
	return named.With("how", cmp.Or(f.Details["how"], help))
}

// Regexp adds a regular expression (RE2) that one of the texts must match.
// One that cannot be read, or is too large, is a fault BadRegexp (VM118).
func (q *Query) Regexp(text string) error {
	if len(text) > maxRegexp {
		return fault.New(fault.BadRegexp, "the regular expression has %d bytes, over the limit of %d", len(text), maxRegexp)
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return fault.New(fault.BadRegexp, "%.80q is not a regular expression", text).Because(err)
	}
	if n := programSize(text); n > maxProgram {
		return fault.New(fault.BadRegexp, "the regular expression has %d steps when its repetitions are written out, over the limit of %d", n, maxProgram)
	}
	if len(q.terms) >= maxTerms {
		return tooMany()
	}
	q.terms = append(q.terms, term{
		match:  func(d *Doc) bool { return slices.ContainsFunc(d.Texts, re.MatchString) },
		lookup: lookup{grams: regexpGrams(text)},
	})
	return nil
}

// programSize is how many instructions an expression that compiles becomes.
func programSize(text string) int {
	re, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return 0
	}
	program, err := syntax.Compile(re.Simplify())
	if err != nil {
		return 0
	}
	return len(program.Inst)
}

func tooMany() error {
	return fault.New(fault.BadQuery, "the query has more than %d terms", maxTerms).With("how", help)
}

func (q *Query) add(w word, m Meaning) error {
	if len(q.terms) >= maxTerms {
		return tooMany()
	}
	t, err := w.term(m)
	if err != nil {
		return err
	}
	t.not = w.not
	q.terms = append(q.terms, t)
	return nil
}

// word is one term as it was typed.
type word struct {
	at     int // its first character, counted in runes
	not    bool
	filter string // "" for text
	group  string // of terms that are alternatives; that of the filter itself unless said
	value  string // in which a star that was quoted or escaped is [literalStar]
	valued int    // the first character of the value
}

// split takes a query apart: white space between terms, a leading - negates,
// quotes keep white space, a backslash the next character.
func split(text string) ([]word, error) {
	var words []word
	s := scanner{text: []rune(text)}
	for s.skipSpace(); s.at < len(s.text); s.skipSpace() {
		w, err := s.word()
		if err != nil {
			return nil, err
		}
		words = append(words, w)
	}
	return words, nil
}

type scanner struct {
	text []rune
	at   int
}

func (s *scanner) skipSpace() {
	for s.at < len(s.text) && unicode.IsSpace(s.text[s.at]) {
		s.at++
	}
}

func (s *scanner) word() (word, error) {
	w := word{at: s.at}
	if s.text[s.at] == '-' {
		w.not = true
		s.at++
	}
	w.valued = s.at
	plain := true // nothing was quoted or escaped yet
	var value strings.Builder
	for s.at < len(s.text) && !unicode.IsSpace(s.text[s.at]) {
		switch r := s.text[s.at]; {
		case r == '"' || r == '\\':
			part, err := s.literal()
			if err != nil {
				return w, err
			}
			value.WriteString(part)
			plain = false
			continue
		case r == ':' && plain && w.filter == "" && isFilter(value.String()):
			w.filter, w.valued = strings.ToLower(value.String()), s.at+1
			value.Reset()
		default:
			value.WriteRune(r)
		}
		s.at++
	}
	if w.value = value.String(); w.filter == "" {
		w.value = plainStars(w.value)
	}
	if w.value == "" {
		return w, point(string(s.text), w, empty(w))
	}
	return w, nil
}

func empty(w word) error {
	if w.filter == "" {
		return fault.New(fault.BadQuery, "there is nothing to look for")
	}
	return fault.New(fault.BadQuery, "%s: has no value", w.filter)
}

// literal reads a quoted part or an escaped character.
func (s *scanner) literal() (string, error) {
	open := s.at
	if s.text[s.at] == '\\' {
		s.at += 2
		if s.at > len(s.text) {
			return "", point(string(s.text), word{at: open, valued: open}, fault.New(fault.BadQuery, "the backslash is followed by nothing"))
		}
		return starred(s.text[open+1]), nil
	}
	var part strings.Builder
	for s.at++; s.at < len(s.text); s.at++ {
		switch {
		case s.text[s.at] == '"':
			s.at++
			return part.String(), nil
		case s.text[s.at] == '\\' && s.at+1 < len(s.text):
			s.at++
		}
		part.WriteString(starred(s.text[s.at]))
	}
	return "", point(string(s.text), word{at: open, valued: open}, fault.New(fault.BadQuery, "the quote is not closed"))
}

// unescaped reads the backslashes of a value that nobody quoted.
func unescaped(value string) string {
	var b strings.Builder
	escaped := false
	for _, r := range value {
		switch {
		case escaped:
			b.WriteString(starred(r))
		case r != '\\':
			b.WriteRune(r)
		}
		escaped = !escaped && r == '\\'
	}
	return b.String()
}

// literalStar stands for a star that was quoted or escaped, and matches
// itself. No argument of a command can have it.
const literalStar = "\x00"

func starred(r rune) string {
	if r == '*' {
		return literalStar
	}
	return string(r)
}

func plainStars(s string) string { return strings.ReplaceAll(s, literalStar, "*") }

// help is where the language is explained.
const help = "see what is possible:\ngit remembrancer help query"

// point adds to a fault where in the query it lies. What lies in the value of
// a filter is pointed at there.
func point(text string, w word, err error) error {
	var f *fault.Error
	if !errors.As(err, &f) || f.Code == fault.Interrupted || f.Details["where"] != "" {
		return err
	}
	located := *f
	located.Message += fmt.Sprintf(", at character %d of the query", w.valued+1)
	shown := []rune(strings.Map(placed, text))
	mark := strings.Repeat(" ", runewidth.StringWidth(string(shown[:w.valued]))) + "^"
	return located.With("how", cmp.Or(f.Details["how"], help)).With("where", string(shown)+"\n"+mark)
}

// placed is a character that takes a place on a line of its own: what does not
// is shown as a replacement character.
func placed(r rune) rune {
	switch {
	case unicode.IsSpace(r):
		return ' '
	case !unicode.IsPrint(r) || runewidth.RuneWidth(r) == 0:
		return unicode.ReplacementChar
	}
	return r
}
