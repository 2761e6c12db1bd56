package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/fatih/color"
	"golang.org/x/term"

	"github.com/VaultSovereign/git-vaultmesh/internal/ci"
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
	pager  *pager
	lines  []*lineWriter // of other programs' words

	defused bool // lines could be commands to a CI service, and are to be none
}

func newPrinter(env Env) *printer {
	p := &printer{out: bufio.NewWriter(env.Stdout), err: env.Stderr, format: formatHuman, width: terminalWidth(env.Stdout)}
	if env.lookup("GIT_PAGER_IN_USE") == "true" && p.width == 0 {
		p.width = terminalWidth(env.Stderr) // git has begun a pager itself, as pager.remembrancer asks for
	}
	p.errTTY = terminalWidth(env.Stderr) > 0
	return p
}

// terminalWidth is how many columns a terminal has, 0 for what is none.
func terminalWidth(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
		return width
	}
	return 80
}

// setColor decides about colour: only on a terminal, unless git's configuration
// says never or NO_COLOR is set (no-color.org).
func (p *printer) setColor(mode string, paged bool, env Env) {
	p.color = mode != "never" && (p.width > 0 || paged) && env.lookup("TERM") != "dumb" && env.lookup("NO_COLOR") == ""
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

// bytes prints b as it is, for other programs; on a terminal its lines are
// cleaned.
func (p *printer) bytes(b []byte) {
	if p.width == 0 {
		p.write(p.out, string(b))
		return
	}
	for line := range strings.Lines(string(b)) {
		text, end := strings.CutSuffix(line, "\n")
		cells := strings.Split(text, "\t")
		for i := range cells {
			cells[i] = clean(cells[i])
		}
		if text = strings.Join(cells, "\t"); end {
			text += "\n"
		}
		p.write(p.out, text)
	}
}

// text prints words of this program itself, such as a help page.
func (p *printer) text(s string) { p.write(p.out, s) }

// prompt asks a person at the terminal.
func (p *printer) prompt(tty io.Writer, question string) {
	p.hand()
	p.write(tty, clean(strings.TrimSuffix(question, "\n"))+strings.Repeat("\n", strings.Count(question, "\n")))
}

// remark prints a line beside the output: something that the user should
// know. Programs get it within the output, so it is left out for them; what is
// not in there, they get by [printer.note] and [printer.warn].
func (p *printer) remark(prefix, format string, args ...any) {
	if !p.structured() {
		p.hand()
		p.write(p.err, prefix+": "+fmt.Sprintf(format+"\n", p.cleaned(args)...))
	}
}

// note prints a remark that programs get too.
func (p *printer) note(format string, args ...any) {
	if !p.structured() {
		p.remark("note", format, args...)
		return
	}
	p.object(map[string]string{"note": fmt.Sprintf(format, args...)})
}

// warn prints a warning beside the output: that something is not in it, or
// does not hold. For programs it is one object, as errors are.
func (p *printer) warn(format string, args ...any) {
	if !p.structured() {
		p.remark("warning", format, args...)
		return
	}
	p.object(map[string]string{"warning": fmt.Sprintf(format, args...)})
}

// object prints one line of JSON beside the output.
func (p *printer) object(v any) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // texts always have a form
	p.write(p.err, escapeJSON(b.String()))
}

// messages is where the words of other programs go, such as git's while it
// speaks with a remote: line by line, cleaned, and not to programs.
func (p *printer) messages() io.Writer {
	if p.structured() {
		return io.Discard
	}
	w := &lineWriter{p: p}
	p.lines = append(p.lines, w)
	return w
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
		l.print(line)
		l.rest = rest
	}
	if len(l.rest) > maxLine {
		l.end()
	}
	return len(b), nil
}

// maxLine is how long a line may be that is waited for the end of.
const maxLine = 64 << 10

func (l *lineWriter) print(line []byte) {
	l.p.hand()
	l.p.write(l.p.err, clean(strings.TrimSuffix(string(line), "\r"))+"\n")
}

// end prints what has no line's end.
func (l *lineWriter) end() {
	if len(l.rest) > 0 {
		l.print(l.rest)
		l.rest = nil
	}
}

// command prints what a CI service is to act upon.
func (p *printer) command(s string) {
	defused := p.defused
	p.defused = false
	p.write(p.out, s)
	p.defused = defused
}

func (p *printer) write(w io.Writer, s string) {
	if p.defused {
		s = ci.Defused(s)
	}
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
// Who leaves the pager has seen enough.
func (p *printer) flush() error {
	for _, w := range p.lines {
		w.end()
	}
	p.hand()
	if p.pager != nil {
		return p.pager.end()
	}
	if p.failed != nil {
		return fault.New(fault.OutputFailed, "the output cannot be written").Because(p.failed)
	}
	return nil
}

// emit prints a value for programs, in the format that was asked for.
func (p *printer) emit(v any) error {
	text, err := indented(v, "")
	if err == nil && p.format == formatYAML {
		text, err = toYAML(text)
	} else {
		text = escapeJSON(text)
	}
	if err == nil {
		p.write(p.out, text)
	}
	return err
}

// indented is the JSON of a value over several lines.
func indented(v any, prefix string) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent(prefix, "  ")
	if err := e.Encode(v); err != nil {
		return "", fault.New(fault.Internal, "the output has no JSON form").Because(err)
	}
	return b.String(), nil
}

// fault prints an error as a tree, or as one object.
func (p *printer) fault(f *fault.Error) {
	if p.structured() {
		p.object(struct {
			Code    fault.Code `json:"code"`
			Exit    fault.Exit `json:"exit"`
			Message string     `json:"message"`
			Cause   []string   `json:"cause"`
			Fix     string     `json:"fix"`
		}{f.Code, f.Exit(), f.Message, f.Causes(), f.Fix()})
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
