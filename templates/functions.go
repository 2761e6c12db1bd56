package templates

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"unicode"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// freeText is an answer that could mean anything in any format: it is a function, which
// text/template prints in no way, so that it goes through one that quotes it. It is nil when
// it is empty, and so false in a condition.
type freeText func() string

func newFreeText(s string) freeText {
	if s == "" {
		return nil
	}
	return func() string { return s }
}

func (f freeText) text() string {
	if f == nil {
		return ""
	}
	return f()
}

// Functions are what a template may call, sorted: few of text/template's own, and ours.
func Functions() []string {
	names := slices.Clone(builtins)
	for name := range new(budget).functions() {
		if name != stepName && name != printName {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// builtins are the functions of text/template that are left.
var builtins = []string{"and", "or", "not", "eq", "ne", "lt", "gt", "le", "ge", "len"}

// What no template calls by itself: stepName at the beginning of all that may be done more than once,
// printName at the end of all that is printed.
const (
	stepName  = "_step"
	printName = "_print"
)

// The most that the rendering of a template may cost: steps, bytes that one function makes, and bytes
// that all of them read and make.
const (
	maxSteps  = 100_000
	maxMade   = 64 << 10
	maxWorked = 16 << 20
)

// budget bounds what one plan costs.
type budget struct {
	steps  int
	bytes  int // of the files
	worked int // bytes that functions have read and made
}

func (b *budget) functions() template.FuncMap {
	return template.FuncMap{
		stepName: b.step, printName: plainText, "index": index, "printf": b.format,
		"quote": b.quoted(quote), "pyquote": b.quoted(pyQuote), "goquote": b.quoted(strconv.Quote), "shquote": b.quoted(shQuote), "md": b.quoted(markdown), "text": b.quoted(plainLine),
		"upper": b.word(strings.ToUpper), "lower": b.word(strings.ToLower), "title": b.word(title), "snake": b.word(snake), "camel": b.word(camel),
		"join": b.join, "indent": b.indent,
	}
}

func tooMuch(format string, args ...any) error {
	return fault.New(fault.TemplateTooMuch, format, args...)
}

// step is called before a list of nodes is executed, with how many there are.
func (b *budget) step(nodes int) (string, error) {
	b.steps += nodes
	if b.steps > maxSteps {
		return "", tooMuch("a template takes more than %d steps", maxSteps)
	}
	return "", nil
}

// work is called before a function reads that many bytes, and after it made them.
func (b *budget) work(bytes int) error {
	b.worked += bytes
	if b.worked > maxWorked {
		return tooMuch("the functions of a template read and make more than %d bytes", maxWorked)
	}
	return nil
}

// fits sees that a function makes no more bytes than it may.
func fits(bytes int) error {
	if bytes > maxMade {
		return tooMuch("a function of a template makes more than %d bytes", maxMade)
	}
	return nil
}

func (b *budget) made(s string) (string, error) {
	return s, cmp.Or(fits(len(s)), b.work(len(s)))
}

// change makes a text of another one.
func (b *budget) change(s string, how func(string) string) (string, error) {
	if err := b.work(len(s)); err != nil {
		return "", err
	}
	return b.made(how(s))
}

// plainText is a value that may be printed as it is.
func plainText(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case int, int64, bool:
		return fmt.Sprint(v), nil
	case freeText:
		return "", errors.New("what a person answers freely has to be quoted")
	}
	return "", errors.New("what is neither a text nor a number nor true or false cannot be printed")
}

// quoted is a function that makes any text harmless in a format.
func (b *budget) quoted(how func(string) string) func(any) (string, error) {
	return func(v any) (string, error) {
		if free, is := v.(freeText); is {
			return b.change(free.text(), how)
		}
		s, err := plainText(v)
		if err != nil {
			return "", err
		}
		return b.change(s, how)
	}
}

// word is a function that changes the letters of a text, which is as free as it was.
func (b *budget) word(how func(string) string) func(any) (any, error) {
	return func(v any) (any, error) {
		if free, is := v.(freeText); is {
			s, err := b.change(free.text(), how)
			return newFreeText(s), err
		}
		s, err := plainText(v)
		if err != nil {
			return nil, err
		}
		return b.change(s, how)
	}
}

// quote is a string in double quotes, as JSON, YAML and TOML all read it.
func quote(s string) string { return escaped(s, false) }

// pyQuote is a string of Python, which knows no pairs of surrogates.
func pyQuote(s string) string { return escaped(s, true) }

func escaped(s string, long bool) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case long && r > 0xFFFF && !unicode.IsPrint(r):
			fmt.Fprintf(&b, `\U%08x`, r)
		case r <= 0xFFFF && !unicode.IsPrint(r): // also what reverses text, and ends lines
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// plainLine is a line of a file without any syntax, such as a license.
func plainLine(s string) string { return s }

func shQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

var (
	markdownMarks = regexp.MustCompile("[\\\\`*_\\[\\]<>|~&$^]")
	markdownBegin = regexp.MustCompile(`^(\s*)([#+=:-]|[0-9]+[.)])`)
)

// markdown is a text that Markdown shows as it is.
func markdown(s string) string {
	s = markdownMarks.ReplaceAllString(s, `\$0`)
	return markdownBegin.ReplaceAllStringFunc(s, func(begin string) string {
		return begin[:len(begin)-1] + `\` + begin[len(begin)-1:]
	})
}

// parts are the words of a name, whether by hyphens, underscores, dots or spaces.
func parts(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune("-_. /", r) })
}

func capital(s string) string {
	for i, r := range s {
		return string(unicode.ToUpper(r)) + s[i+len(string(r)):]
	}
	return s
}

func title(s string) string {
	list := parts(s)
	for i := range list {
		list[i] = capital(list[i])
	}
	return strings.Join(list, " ")
}

func snake(s string) string { return strings.ToLower(strings.Join(parts(s), "_")) }

func camel(s string) string { return strings.ReplaceAll(title(s), " ", "") }

// plainTexts are values that may be printed as they are, no more of them than a function makes.
func (b *budget) plainTexts(values []any) ([]string, error) {
	list := make([]string, len(values))
	bytes := 0
	for i, v := range values {
		var err error
		if list[i], err = plainText(v); err != nil {
			return nil, err
		}
		bytes += len(list[i])
	}
	return list, cmp.Or(fits(bytes), b.work(bytes))
}

// join puts a separator between texts: {{join ", " .a .b}}.
func (b *budget) join(separator string, values ...any) (string, error) {
	list, err := b.plainTexts(values)
	if err == nil {
		err = fits(len(separator) * max(0, len(list)-1))
	}
	if err != nil {
		return "", err
	}
	return b.made(strings.Join(list, separator))
}

// indent puts n spaces in front of each line of a text.
func (b *budget) indent(n int, v any) (string, error) {
	s, err := plainText(v)
	if err == nil {
		err = b.work(len(s))
	}
	if err != nil {
		return "", err
	}
	if n < 0 || n > 100 {
		return "", fmt.Errorf("%d is no number of spaces", n)
	}
	if err := fits(len(s) + n*(strings.Count(s, "\n")+1)); err != nil {
		return "", err
	}
	space := strings.Repeat(" ", n)
	return b.made(space + strings.ReplaceAll(s, "\n", "\n"+space))
}

// index is the option of that name: one that is not there is an error, not nothing.
func index(of any, key string) (string, error) {
	options, is := of.(map[string]string)
	value, there := options[key]
	if !is || !there {
		return "", fmt.Errorf("map has no entry for key %q", key)
	}
	return value, nil
}

var (
	verbForm  = regexp.MustCompile(`%[-+# 0]{0,3}[0-9]{0,2}(\.[0-9]{1,2})?[sdvqtx%]`)
	verbStart = regexp.MustCompile(`%`)
)

// format is printf with the few verbs that are needed, and widths that fit a line.
func (b *budget) format(form string, values ...any) (string, error) {
	if err := cmp.Or(fits(len(form)), b.work(len(form))); err != nil {
		return "", err
	}
	if verbStart.MatchString(verbForm.ReplaceAllString(form, "")) {
		return "", fmt.Errorf("%q has a verb that is none of %%s %%d %%v %%q %%t %%x, or is wider than 99", form)
	}
	if _, err := b.plainTexts(values); err != nil {
		return "", err
	}
	return b.made(fmt.Sprintf(form, values...))
}
