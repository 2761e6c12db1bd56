package templates

import (
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

// The most that the rendering of a template may cost: steps of its loops and calls, and bytes that one
// function makes.
const (
	maxSteps = 100_000
	maxMade  = 64 << 10
)

// budget bounds what one plan costs.
type budget struct {
	steps int
	bytes int
}

func (b *budget) functions() template.FuncMap {
	return template.FuncMap{
		stepName: b.step, printName: plainText, "index": index, "printf": format,
		"quote": quoted(quote), "pyquote": quoted(pyQuote), "goquote": quoted(strconv.Quote), "shquote": quoted(shQuote), "md": quoted(markdown), "text": quoted(plainLine),
		"upper": word(strings.ToUpper), "lower": word(strings.ToLower), "title": word(title), "snake": word(snake), "camel": word(camel),
		"join": join, "indent": indent,
	}
}

func tooMuch(format string, args ...any) error {
	return fault.New(fault.TemplateTooMuch, format, args...)
}

func (b *budget) step() (string, error) {
	b.steps++
	if b.steps > maxSteps {
		return "", tooMuch("a template takes more than %d steps", maxSteps)
	}
	return "", nil
}

func made(s string) (string, error) {
	if len(s) > maxMade {
		return "", tooMuch("a function of a template makes more than %d bytes", maxMade)
	}
	return s, nil
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
func quoted(how func(string) string) func(any) (string, error) {
	return func(v any) (string, error) {
		if free, is := v.(freeText); is {
			return made(how(free.text()))
		}
		s, err := plainText(v)
		if err != nil {
			return "", err
		}
		return made(how(s))
	}
}

// word is a function that changes the letters of a text, which is as free as it was.
func word(how func(string) string) func(any) (any, error) {
	return func(v any) (any, error) {
		if free, is := v.(freeText); is {
			return newFreeText(how(free.text())), nil
		}
		s, err := plainText(v)
		if err != nil {
			return nil, err
		}
		return made(how(s))
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

// join puts a separator between texts: {{join ", " .a .b}}.
func join(separator string, values ...any) (string, error) {
	list := make([]string, len(values))
	for i, v := range values {
		s, err := plainText(v)
		if err != nil {
			return "", err
		}
		list[i] = s
	}
	return made(strings.Join(list, separator))
}

// indent puts n spaces in front of each line of a text.
func indent(n int, v any) (string, error) {
	s, err := plainText(v)
	if err != nil {
		return "", err
	}
	if n < 0 || n > 100 {
		return "", fmt.Errorf("%d is no number of spaces", n)
	}
	space := strings.Repeat(" ", n)
	if len(s)+n*(strings.Count(s, "\n")+1) > maxMade {
		return made(strings.Repeat("x", maxMade+1))
	}
	return space + strings.ReplaceAll(s, "\n", "\n"+space), nil
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
func format(form string, values ...any) (string, error) {
	if verbStart.MatchString(verbForm.ReplaceAllString(form, "")) {
		return "", fmt.Errorf("%q has a verb that is none of %%s %%d %%v %%q %%t %%x, or is wider than 99", form)
	}
	for _, v := range values {
		if _, err := plainText(v); err != nil {
			return "", err
		}
	}
	return made(fmt.Sprintf(form, values...))
}
