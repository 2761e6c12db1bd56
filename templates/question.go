package templates

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// The types of answers.
const (
	TypeString  = "string"
	TypeInteger = "integer"
	TypeBoolean = "boolean"
	TypeChoice  = "choice"
)

// Question is something that is asked before the files are made.
type Question struct {
	Name    string   `toml:"name"`
	Ask     string   `toml:"ask"`     // as a person is asked
	Type    string   `toml:"type"`    // string, integer, boolean or choice
	Default any      `toml:"default"` // nil where it must be answered; of a string, with the name for {{.name}}
	Pattern string   `toml:"pattern"` // of a string: the whole answer matches it
	Minimum *int64   `toml:"minimum"` // of an integer
	Maximum *int64   `toml:"maximum"`
	Choices []string `toml:"choices"`

	form  *regexp.Regexp
	plain bool // an answer is harmless wherever it is printed
}

// maxAnswer is how long a string may be, in bytes: as much as a receipt takes.
const maxAnswer = 1024

// prepare checks a question, and its default by its own rule.
func (q *Question) prepare() error {
	if q.Ask == "" || len(q.Ask) > 200 || !isLine(q.Ask) {
		return bad("the question %s asks nothing", q.Name)
	}
	if !slices.Contains([]string{TypeString, TypeInteger, TypeBoolean, TypeChoice}, q.Type) {
		return bad("the question %s has the type %.40q: there are string, integer, boolean and choice", q.Name, q.Type)
	}
	if q.Pattern != "" && q.Type != TypeString || (q.Minimum != nil || q.Maximum != nil) && q.Type != TypeInteger || (len(q.Choices) > 0) != (q.Type == TypeChoice) {
		return bad("the question %s has a rule that is not for the type %s, or a choice lacks its choices", q.Name, q.Type)
	}
	if slices.ContainsFunc(q.Choices, func(c string) bool { return !choiceForm.MatchString(c) }) {
		return bad("the question %s has a choice of other characters than letters, digits and . _ + -", q.Name)
	}
	if err := q.compile(); err != nil {
		return err
	}
	if q.Default == nil {
		return nil
	}
	value, err := q.Check(q.DefaultFor("a"))
	if err != nil {
		return bad("the default of the question %s is against its own rule", q.Name).Because(err)
	}
	if _, text := value.(string); !text {
		q.Default = value
	}
	return nil
}

// nameMark stands in a default for the name of what is made.
const nameMark = "{{.name}}"

// DefaultFor is the default for what is made by a name, nil for none.
func (q *Question) DefaultFor(name string) any {
	if s, text := q.Default.(string); text && q.Type == TypeString {
		return strings.ReplaceAll(s, nameMark, name)
	}
	return q.Default
}

func (q *Question) compile() error {
	if q.Pattern == "" {
		return nil
	}
	form, err := regexp.Compile(`\A(?:` + q.Pattern + `)\z`)
	if err != nil {
		return bad("the pattern of the question %s cannot be read", q.Name).Because(err)
	}
	q.form, q.plain = form, isPlain(q.Pattern)
	return nil
}

// isPlain tells whether all that a pattern matches is made of letters, digits and . _ / + -,
// which mean nothing in any format that templates write.
func isPlain(pattern string) bool {
	tree, err := syntax.Parse(pattern, syntax.Perl)
	return err == nil && plainPart(tree)
}

func plainPart(r *syntax.Regexp) bool {
	switch r.Op {
	case syntax.OpEmptyMatch, syntax.OpNoMatch, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return true
	case syntax.OpLiteral:
		return r.Flags&syntax.FoldCase == 0 && !slices.ContainsFunc(r.Rune, func(c rune) bool { return !plainRune(c) })
	case syntax.OpCharClass:
		for i := 0; i+1 < len(r.Rune); i += 2 {
			if r.Rune[i+1] > 'z' {
				return false
			}
			for c := r.Rune[i]; c <= r.Rune[i+1]; c++ {
				if !plainRune(c) {
					return false
				}
			}
		}
		return true
	case syntax.OpCapture, syntax.OpStar, syntax.OpPlus, syntax.OpQuest, syntax.OpRepeat, syntax.OpConcat, syntax.OpAlternate:
		return !slices.ContainsFunc(r.Sub, func(s *syntax.Regexp) bool { return !plainPart(s) })
	}
	return false
}

func plainRune(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("._/+-", c)
}

// Parse reads an answer out of a text, as a person types it. The fault is BadAnswer (VM806).
func (q *Question) Parse(text string) (any, error) {
	switch q.Type {
	case TypeInteger:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, q.wrong("%.80q is no whole number", text)
		}
		return q.Check(n)
	case TypeBoolean:
		switch strings.ToLower(text) {
		case "true", "yes", "y", "on":
			return true, nil
		case "false", "no", "n", "off":
			return false, nil
		}
		return nil, q.wrong("%.80q is neither yes nor no", text)
	}
	return q.Check(text)
}

// Check returns an answer by the question's type and rule: a string, an int64 or a bool. The
// fault is BadAnswer (VM806).
func (q *Question) Check(answer any) (any, error) {
	if n, small := answer.(int); small {
		answer = int64(n)
	}
	switch v := answer.(type) {
	case bool:
		if q.Type == TypeBoolean {
			return v, nil
		}
	case int64:
		if q.Type == TypeInteger {
			return v, q.within(v)
		}
	case string:
		if q.Type == TypeString {
			return v, q.fits(v)
		}
		if q.Type == TypeChoice && slices.Contains(q.Choices, v) {
			return v, nil
		}
		if q.Type == TypeChoice {
			return nil, q.wrong("%.80q is none of %s", v, strings.Join(q.Choices, ", "))
		}
	}
	return nil, q.wrong("it is of another type than %s", q.Type)
}

func (q *Question) within(n int64) error {
	if q.Minimum != nil && n < *q.Minimum || q.Maximum != nil && n > *q.Maximum {
		return q.wrong("%d is not within its limits", n)
	}
	return nil
}

func (q *Question) fits(s string) error {
	switch {
	case len(s) > maxAnswer:
		return q.wrong("it has more than %d bytes", maxAnswer)
	case !isLine(s):
		return q.wrong("it is not one line of UTF-8 without control characters")
	case q.form != nil && !q.form.MatchString(s):
		return q.wrong("%.80q does not match %s", s, q.Pattern)
	}
	return nil
}

func (q *Question) wrong(format string, args ...any) error {
	return fault.New(fault.BadAnswer, "the answer to %s cannot be taken: "+format, append([]any{q.Name}, args...)...).With("question", q.Name)
}

// say writes an answer as a receipt has it.
func say(answer any) string {
	switch v := answer.(type) {
	case bool:
		return strconv.FormatBool(v)
	case int64:
		return strconv.FormatInt(v, 10)
	}
	s, _ := answer.(string)
	return s
}
