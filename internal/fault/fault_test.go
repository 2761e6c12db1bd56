package fault

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestErrorReadsAsOneLine(t *testing.T) {
	err := New(BadTree, "%s is wrong", "x").Because(New(ObjectMissing, "y is gone"))
	if got, want := err.Error(), "VM504: x is wrong: VM509: y is gone"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := err.Causes(); len(got) != 1 || got[0] != "y is gone" {
		t.Errorf("causes %q", got)
	}
}

func TestForeignCausesAreFlattened(t *testing.T) {
	err := New(ReadFailed, "x").Because(fmt.Errorf("reading: %w", io.ErrUnexpectedEOF))
	if errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error("a foreign error can be reached through a fault")
	}
	if got := err.Causes(); len(got) != 1 || got[0] != "reading: unexpected EOF" {
		t.Errorf("causes %q", got)
	}
}

func TestFixFillsInDetails(t *testing.T) {
	if got := New(NoRevision, "x").With("revision", "v1").Fix(); !strings.Contains(got, "--verify v1") {
		t.Errorf("got %q", got)
	}
	if got := New(NoRevision, "x").Fix(); !strings.Contains(got, "--verify <revision>") {
		t.Errorf("got %q", got)
	}
	if got := New(NoRevision, "x").With("revision", "a b'c; rm").Fix(); !strings.Contains(got, `--verify 'a b'\''c; rm'`) {
		t.Errorf("got %q", got)
	}
	if got := fill("a {b", map[string]string{"b": "c"}); got != "a {b" {
		t.Errorf("got %q", got)
	}
}

func TestWithAndBecauseLeaveTheOriginal(t *testing.T) {
	f := New(NoFile, "x").With("a", "1")
	g := f.With("a", "2").Because(io.EOF)
	if f.Details["a"] != "1" || f.Cause != nil || g.Details["a"] != "2" || g.Cause == nil {
		t.Errorf("%+v, %+v", f, g)
	}
}

func TestHasLooksBelow(t *testing.T) {
	err := fmt.Errorf("outer: %w", New(BadTree, "x").Because(New(NoFile, "y")))
	if !Has(err, BadTree) || !Has(err, NoFile) || Has(err, NoLedger) || Has(nil, NoFile) || Has(io.EOF, NoFile) {
		t.Error("Has is wrong")
	}
}

func TestFromMakesForeignErrorsInternal(t *testing.T) {
	if f := From(io.EOF); f.Code != Internal || f.Exit() != ExitOther {
		t.Errorf("got %+v", f)
	}
	if f := From(New(Usage, "x")); f.Code != Usage || f.Exit() != ExitUsage {
		t.Errorf("got %+v", f)
	}
	if e := Lookup("VM000"); e.Exit != ExitOther {
		t.Errorf("an unknown code exits %d", e.Exit)
	}
}

// Every code has its heading in docs/errors.md and a script that provokes it;
// nothing else has.
func TestCatalogDocumentAndScriptsAgree(t *testing.T) {
	text, err := os.ReadFile("../../docs/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	scripts := readAll(t, "../../testdata/script/*.txtar")
	headings := regexp.MustCompile(`(?m)^### (VM[0-9]{3}) (.*)$`).FindAllStringSubmatch(string(text), -1)
	documented := map[Code]string{}
	for _, h := range headings {
		documented[Code(h[1])] = h[2]
	}
	for _, c := range Codes() {
		e := Lookup(c)
		if documented[c] != e.Title {
			t.Errorf("%s is %q in the catalog and %q in docs/errors.md", c, e.Title, documented[c])
		}
		if e.Fix == "" {
			t.Errorf("%s has no advice", c)
		}
		asserted := regexp.MustCompile(`(?m)^(stderr|stdout|grep|exec grep|exec sh refused|git vaultmesh verify --all --format json).*` + string(c) + `|grep (-q )?(-qE )?.*` + string(c))
		if !asserted.MatchString(scripts) && c != Internal {
			t.Errorf("no script provokes %s", c)
		}
	}
	if len(documented) != len(Codes()) {
		t.Errorf("docs/errors.md has %d codes, the catalog %d", len(documented), len(Codes()))
	}
}

func readAll(t *testing.T, pattern string) string {
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: %v", pattern, err)
	}
	var all strings.Builder
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(b)
	}
	return all.String()
}
