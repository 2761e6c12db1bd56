package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fatih/color"
	"go.yaml.in/yaml/v3"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

func testPrinter(width int) (*printer, *bytes.Buffer, *bytes.Buffer) {
	var out, errs bytes.Buffer
	p := newPrinter(Env{Stdout: &out, Stderr: &errs})
	p.width = width
	return p, &out, &errs
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain é 漢 😀": "plain é 漢 😀", "\x1b[2J": `\x1b[2J`, "a\r\nb\tc": `a\x0d\nb\tc`, "\x7f\u0085": `\x7f\x85`,
		"\u202eabc": `\u202eabc`, "a\u200bb\ufeff": `a\u200bb\ufeff`, "\u2028": `\u2028`, "\U000e0041": `\U000e0041`,
		"\xff\xfe": `\xff\xfe`, "\ufffd": "\ufffd", "a\u3164b": `a\u3164b`, "\ufdd0": `\ufdd0`, "x\ufe0f": `x\ufe0f`,
	} {
		if got := clean(in); got != want {
			t.Errorf("clean(%q) = %q, want %q", in, got, want)
		}
	}
}

// Nothing that a receipt says can add a line or reach the terminal.
func TestLinesStayLines(t *testing.T) {
	p, out, errs := testPrinter(0)
	p.line("%s and %s", "one\nvalid", errors.New("two\x1b[31m"))
	p.remark("note", "%s", "three\nError VM000")
	rows := p.table("A")
	rows.row("four\nfive")
	rows.end()
	p.fault(fault.New(fault.NoFile, "six\nseven").Because(errors.New("eight\nnine")).With("x", "y"))
	if err := p.flush(); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(out.String(), "\n"); got != 3 {
		t.Errorf("%d lines:\n%s", got, out)
	}
	if strings.Contains(out.String()+errs.String(), "\x1b") || strings.Contains(errs.String(), "\nError VM000") || strings.Contains(errs.String(), "\nnine") {
		t.Errorf("%s%s", out, errs)
	}
}

// JSON and YAML carry the same values, whatever these look like.
func TestJSONAndYAMLAgree(t *testing.T) {
	value := map[string]any{"s": []any{"yes", "null", "~", "0x1", "1e3", "2026-11-22", "12:30:45", " lead", "trail ", "a: b", "# c", "- d", "", "tab\t", "nl\nnl",
		"\u202e\u200b\ufeff", "\x7f\u0085", "é😀\U000e0041", "<&>", `"'\`, "!tag", "&a", "*a", "%", "@", "{}", "[]", "|", ">", "=", "<<", "0o17", ".inf", "1_000"},
		"n": 9007199254740991.0, "b": true, "z": nil, "e": []any{}, "o": map[string]any{}}
	var text [2]string
	for i, format := range []string{formatJSON, formatYAML} {
		p, out, _ := testPrinter(0)
		p.format = format
		if err := p.emit(value); err != nil {
			t.Fatal(err)
		}
		_ = p.flush()
		text[i] = out.String()
		if strings.ContainsFunc(strings.ReplaceAll(text[i], "\n", ""), unprintable) {
			t.Errorf("%s has characters that a terminal acts upon", format)
		}
	}
	var fromJSON, fromYAML any
	if err := json.Unmarshal([]byte(text[0]), &fromJSON); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal([]byte(text[1]), &fromYAML); err != nil {
		t.Fatalf("%v\n%s", err, text[1])
	}
	again, _ := json.Marshal(fromYAML)
	first, _ := json.Marshal(fromJSON)
	if !bytes.Equal(first, again) {
		t.Errorf("JSON\n%s\nYAML\n%s", first, again)
	}
}

func TestErrorsAreOneObjectForPrograms(t *testing.T) {
	p, _, errs := testPrinter(0)
	p.format = formatYAML
	p.fault(fault.New(fault.NoRevision, "x\u202e").With("revision", "v1"))
	var got struct {
		Code    string
		Exit    int
		Message string
		Cause   []string
		Fix     string
	}
	if err := json.Unmarshal(errs.Bytes(), &got); err != nil || got.Code != "VM109" || got.Exit != 4 || got.Message != "x\u202e" || got.Cause == nil || !strings.Contains(got.Fix, "v1") {
		t.Errorf("%s %+v %v", errs, got, err)
	}
}

func TestTablesFit(t *testing.T) {
	for _, width := range []int{8, 20, 30, 40, 80, 120} {
		p, out, _ := testPrinter(width)
		rows := p.table("ID", "NAME", "WHAT")
		rows.row("1", strings.Repeat("漢", 60), strings.Repeat("w", 90))
		rows.end()
		_ = p.flush()
		for line := range strings.Lines(out.String()) {
			if n := displayWidth(strings.TrimSuffix(line, "\n")); n > width {
				t.Errorf("width %d: a line has %d columns: %s", width, n, line)
			}
		}
	}
}

func displayWidth(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r > 0x2000 && r != '…' {
			n++
		}
	}
	return n
}

func TestColour(t *testing.T) {
	for _, c := range []struct {
		mode  string
		width int
		env   []string
		want  bool
	}{
		{"auto", 80, nil, true}, {"auto", 0, nil, false}, {"always", 0, nil, false}, {"always", 80, nil, true}, {"never", 80, nil, false},
		{"always", 80, []string{"NO_COLOR=1"}, false}, {"auto", 80, []string{"TERM=dumb"}, false}, {"auto", 80, []string{"NO_COLOR="}, true},
	} {
		p, out, _ := testPrinter(c.width)
		p.setColor(c.mode, false, Env{Environ: c.env})
		p.line("%s", styled{"x", color.FgRed})
		_ = p.flush()
		if got := strings.Contains(out.String(), "\x1b[31m"); got != c.want {
			t.Errorf("%+v: coloured %v", c, got)
		}
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("gone") }

func TestOutputThatCannotBeWrittenIsAFault(t *testing.T) {
	p := newPrinter(Env{Stdout: brokenWriter{}, Stderr: brokenWriter{}})
	p.line("x")
	if err := p.flush(); !fault.Has(err, fault.OutputFailed) {
		t.Errorf("got %v", err)
	}
}

// What would be a crash is the code VM901, with the status of its class.
func TestCrashIsAFault(t *testing.T) {
	var out, errs bytes.Buffer
	status := Main(Env{Program: Vaultmesh, Args: []string{"--version"}, Stdout: &out, Stderr: &errs, Now: time.Now})
	if status != 0 {
		t.Fatalf("status %d %s", status, &errs)
	}
	a := &app{env: Env{Program: Vaultmesh, Args: []string{"--version"}}} // without a printer
	if err := a.guarded(); !fault.Has(err, fault.Internal) {
		t.Errorf("got %v", err)
	}
}

// Every flag of the grammar has its line in the command's page, and every
// flag of a page is in the grammar.
func TestPagesAndGrammarAgree(t *testing.T) {
	for _, program := range []string{Vaultmesh, Remembrancer} {
		k, _, err := grammar(program)
		if err != nil {
			t.Fatal(err)
		}
		for _, command := range k.Model.Children {
			own := "pages/" + strings.Replace(program, " ", "-", 1) + "-" + command.Name + ".md"
			text, err := pages.ReadFile(own)
			if err != nil {
				text, err = pages.ReadFile("pages/git-vaultmesh-" + command.Name + ".md")
			}
			if err != nil {
				t.Errorf("%s %s has no page", program, command.Name)
				continue
			}
			known := map[string]bool{"--version": true, "--help": true, "--": true, "--notes": true}
			groups := command.AllFlags(false)
			for _, child := range command.Children {
				groups = append(groups, child.AllFlags(false)...)
			}
			for _, group := range groups {
				for _, flag := range group {
					known["--"+flag.Name] = true
					for _, alias := range flag.Aliases {
						known["--"+alias] = true
					}
					if !strings.Contains(string(text), "**--"+flag.Name+"**") {
						t.Errorf("the page about %s does not explain --%s", command.Name, flag.Name)
					}
				}
			}
			// Examples show other commands too.
			about, examples, _ := strings.Cut(string(text), "# EXAMPLES")
			for _, example := range strings.Split(examples, "\n") {
				words := strings.Fields(strings.TrimPrefix(strings.TrimPrefix(example, "git vaultmesh "), "git remembrancer "))
				if len(words) > 0 && words[0] == command.Name {
					about += "\n" + strings.Join(words, " ")
				}
			}
			for _, word := range strings.FieldsFunc(about, func(r rune) bool { return strings.ContainsRune(" \n[]*().,;|", r) }) {
				name, _, _ := strings.Cut(word, "=")
				if strings.HasPrefix(name, "--") && !known[name] && command.Name != "help" {
					t.Errorf("the page about %s has %s, which the grammar has not", command.Name, name)
				}
			}
		}
	}
}

func ExampleProcess() {
	env := Process(Vaultmesh)
	fmt.Println(env.Program, env.ProgressAfter)
	// Output: git vaultmesh 1s
}
