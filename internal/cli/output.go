package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/fatih/color"
	"github.com/mattn/go-runewidth"
	"go.yaml.in/yaml/v3"
	"golang.org/x/term"

	"github.com/VaultSovereign/git-vaultmesh/internal/canon"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// This is the only file that prints. Whatever did not come out of this
// program's own text goes through clean, so that no receipt, peer or file
// name can move the cursor, reverse the text or forge a line.

// The output formats.
const (
	formatHuman = "human"
	formatJSON  = "json"
	formatYAML  = "yaml"
)

// printer is where a command's words go.
type printer struct {
	out    *bufio.Writer
	err    io.Writer
	format string
	width  int // of the terminal, 0 when standard output is none
	errTTY bool
	color  bool
	failed error // the first failure to write
}

func newPrinter(env Env) *printer {
	p := &printer{out: bufio.NewWriter(env.Stdout), err: env.Stderr, format: formatHuman}
	if f, ok := env.Stdout.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.width = 80
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
			p.width = w
		}
	}
	f, ok := env.Stderr.(*os.File)
	p.errTTY = ok && term.IsTerminal(int(f.Fd()))
	return p
}

// setColor decides about colour: git's word, a terminal, and NO_COLOR, which
// wins over all (no-color.org).
func (p *printer) setColor(mode string, env Env) {
	p.color = (mode == "always" || mode == "auto" && p.width > 0 && env.lookup("TERM") != "dumb") && env.lookup("NO_COLOR") == ""
}

// structured tells whether the output is for programs.
func (p *printer) structured() bool { return p.format != formatHuman }

// styled is a text in colour.
type styled struct {
	text string
	attr color.Attribute
}

// line prints one line on standard output.
func (p *printer) line(format string, args ...any) {
	p.write(p.out, fmt.Sprintf(format+"\n", p.cleaned(args)...))
}

// bytes prints b as it is, for other programs; on a terminal it is cleaned.
func (p *printer) bytes(b []byte) {
	if p.width > 0 {
		p.line("%s", string(b))
		return
	}
	p.write(p.out, string(b))
}

// text prints words of this program itself, such as a help page.
func (p *printer) text(s string) { p.write(p.out, s) }

// remark prints a line beside the output: something that the user should
// know. Programs get it within the output, so it is left out for them.
func (p *printer) remark(prefix, format string, args ...any) {
	if !p.structured() {
		p.hand()
		p.write(p.err, prefix+": "+fmt.Sprintf(format+"\n", p.cleaned(args)...))
	}
}

// warn prints a warning beside the output: that something is not in it, or
// does not hold. For programs it is one object, as errors are.
func (p *printer) warn(format string, args ...any) {
	if !p.structured() {
		p.remark("warning", format, args...)
		return
	}
	object, _ := json.Marshal(map[string]string{"warning": fmt.Sprintf(format, args...)})
	p.write(p.err, escapeJSON(string(object))+"\n")
}

// messages is where the words of other programs go, such as git's while it
// speaks with a remote: line by line, cleaned, and not to programs.
func (p *printer) messages() io.Writer {
	if p.structured() {
		return io.Discard
	}
	return &lineWriter{p: p}
}

// lineWriter cleans what is written to it, a line at a time.
type lineWriter struct {
	p    *printer
	rest []byte
}

func (l *lineWriter) Write(b []byte) (int, error) {
	l.rest = append(l.rest, b...)
	for {
		line, rest, found := bytes.Cut(l.rest, []byte("\n"))
		if !found {
			break
		}
		l.p.hand()
		l.p.write(l.p.err, clean(strings.TrimSuffix(string(line), "\r"))+"\n")
		l.rest = rest
	}
	return len(b), nil
}

func (p *printer) write(w io.Writer, s string) {
	if _, err := io.WriteString(w, s); err != nil && p.failed == nil {
		p.failed = err
	}
}

// hand hands over what was printed so far, so that what comes on standard
// error comes after it.
func (p *printer) hand() {
	if err := p.out.Flush(); err != nil && p.failed == nil {
		p.failed = err
	}
}

// flush hands over everything, and says whether all of it could be written.
func (p *printer) flush() error {
	p.hand()
	if p.failed != nil {
		return fault.New(fault.OutputFailed, "the output cannot be written").Because(p.failed)
	}
	return nil
}

// emit prints a value for programs, in the format that was asked for.
func (p *printer) emit(v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return fault.New(fault.Internal, "the output has no JSON form").Because(err)
	}
	if p.format == formatYAML {
		text, err := toYAML(b.String())
		p.write(p.out, text)
		return err
	}
	p.write(p.out, escapeJSON(b.String()))
	return nil
}

// fault prints an error as a tree, or as one object.
func (p *printer) fault(f *fault.Error) {
	if p.structured() {
		object, _ := json.Marshal(struct {
			Code    fault.Code `json:"code"`
			Exit    fault.Exit `json:"exit"`
			Message string     `json:"message"`
			Cause   []string   `json:"cause"`
			Fix     string     `json:"fix"`
		}{f.Code, f.Exit(), f.Message, f.Causes(), f.Fix()})
		p.write(p.err, escapeJSON(string(object))+"\n")
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Error %s: %s\n", f.Code, clean(f.Message))
	fix := f.Fix()
	causes := f.Causes()
	for i, cause := range causes {
		branch := "├─"
		if i == len(causes)-1 && fix == "" {
			branch = "└─"
		}
		fmt.Fprintf(&b, "  %s Cause: %s\n", branch, clean(cause))
	}
	for i, line := range strings.Split(fix, "\n") {
		switch {
		case fix == "":
		case i == 0:
			fmt.Fprintf(&b, "  └─ Fix: %s\n", clean(line))
		default:
			fmt.Fprintf(&b, "          %s\n", clean(line))
		}
	}
	p.write(p.err, b.String())
}

// table prints rows under headings. On a terminal the last column is cut so
// that no row breaks.
func (p *printer) table(headings []string, rows [][]string) {
	all := append([][]string{headings}, rows...)
	widths := make([]int, len(headings))
	for _, row := range all {
		for i := range row {
			row[i] = clean(row[i])
			widths[i] = max(widths[i], runewidth.StringWidth(row[i]))
		}
	}
	p.fit(widths)
	for n, row := range all {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = runewidth.FillRight(runewidth.Truncate(cell, widths[i], "…"), widths[i])
		}
		text := strings.TrimRight(strings.Join(cells, "  "), " ")
		if n == 0 {
			text = p.paint(color.Bold, text)
		}
		p.write(p.out, text+"\n")
	}
}

// fit narrows columns until a row fits the terminal: always the widest one,
// and none below what makes sense of it.
func (p *printer) fit(widths []int) {
	const least = 10
	for p.width > 0 {
		total := 2 * (len(widths) - 1)
		for _, w := range widths {
			total += w
		}
		widest := slices.Index(widths, slices.Max(widths))
		if total <= p.width || widths[widest] <= least {
			return
		}
		widths[widest]--
	}
}

func (p *printer) paint(attr color.Attribute, s string) string {
	if !p.color {
		return s
	}
	c := color.New(attr)
	c.EnableColor()
	return c.Sprint(s)
}

// cleaned makes the arguments of a format safe to print. Numbers stay.
func (p *printer) cleaned(args []any) []any {
	safe := make([]any, len(args))
	for i, a := range args {
		switch v := a.(type) {
		case int, int64:
			safe[i] = v
		case styled:
			safe[i] = p.paint(v.attr, clean(v.text))
		default:
			safe[i] = clean(fmt.Sprint(v))
		}
	}
	return safe
}

// clean shows what a terminal would act upon: control characters, what
// reverses or hides text, and bytes that are no UTF-8, each as an escape.
func clean(s string) string {
	if utf8.ValidString(s) && !strings.ContainsFunc(s, unprintable) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case !unprintable(r):
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	return b.String()
}

// unprintable tells whether r is shown as an escape: controls (C0, DEL, C1),
// format characters (bidirectional controls, zero-width ones, tags), line and
// paragraph separators, fillers that look like nothing, and noncharacters.
func unprintable(r rune) bool {
	switch {
	case r == ' ':
		return false
	case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co):
		return true
	case r == 0x034F || r == 0x115F || r == 0x1160 || r == 0x17B4 || r == 0x17B5 || r == 0x3164 || r == 0xFFA0:
		return true
	case 0xFE00 <= r && r <= 0xFE0F || 0xE0100 <= r && r <= 0xE01EF:
		return true
	}
	return canon.Noncharacter(r)
}

// escapeJSON writes what clean would show as an escape in JSON's own manner:
// the value stays the same, and a terminal sees nothing to act upon. Outside
// of strings JSON has only newlines.
func escapeJSON(s string) string {
	return escape(s, func(r rune) string {
		high, low := utf16.EncodeRune(r)
		return fmt.Sprintf(`\u%04x\u%04x`, high, low)
	})
}

// escapeYAML does the same for YAML, where all that is escaped stands in
// double quotes.
func escapeYAML(s string) string {
	return escape(s, func(r rune) string { return fmt.Sprintf(`\U%08x`, r) })
}

func escape(s string, beyond func(rune) string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n' || !unprintable(r):
			b.WriteRune(r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteString(beyond(r))
		}
	}
	return b.String()
}

// toYAML writes a JSON text as YAML with the same fields in the same order.
// YAML reads JSON, but for characters beyond U+FFFF that are escaped as two.
func toYAML(text string) (string, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(escapeYAML(text)), &doc); err != nil {
		return "", fault.New(fault.Internal, "the output has no YAML form").Because(err)
	}
	block(&doc)
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(&doc); err != nil {
		return "", fault.New(fault.Internal, "the output has no YAML form").Because(err)
	}
	return escapeYAML(b.String()), nil
}

// yaml11Boolean are texts that readers of YAML 1.1 take for a boolean.
var yaml11Boolean = regexp.MustCompile(`(?i)^(y|n|yes|no|on|off)$`)

// block gives nodes YAML's own look. Texts that need escapes stay in double
// quotes, where escapes mean something.
func block(n *yaml.Node) {
	switch {
	case n.Kind != yaml.ScalarNode:
		n.Style = 0
	case strings.ContainsFunc(n.Value, unprintable):
		n.Style = yaml.DoubleQuotedStyle
	case n.Tag == "!!str" && yaml11Boolean.MatchString(n.Value):
		n.Style = yaml.DoubleQuotedStyle
	case n.Tag == "!!str":
		n.Style = 0
	}
	for _, child := range n.Content {
		block(child)
	}
}
