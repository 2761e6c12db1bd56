package spawn

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// product is what one spawn made.
type product struct {
	kind, name, module string
	with               []string
	port               int
	dir                string
	files              []string // that git tracks
}

// The answers that go into every product: words that mean something in each of its formats.
const (
	description = `Keeps "notes" & it's 100% {fine}: see #1, <here> \ there`
	owner       = "Ada (Söhne), Inc."
)

var licenses = []string{"Apache-2.0", "MIT", "none"}

// makeProduct spawns a product, the nth of its type, and sees that the record of it is whole.
func makeProduct(t *testing.T, kind string, with []string, n int) *product {
	t.Helper()
	p := &product{kind: kind, with: with, name: "my-" + kind + "-" + strconv.Itoa(n), port: 20000 + n}
	p.module = strings.ReplaceAll(p.name, "-", "_")
	p.dir = filepath.Join(t.TempDir(), p.name)
	args := []string{"spawn", p.name, "--type", kind, "--output", p.dir, "--no-key", "--no-timestamp", "--set", "description=" + description, "--set", "owner=" + owner}
	args = append(args, "--set", "license="+licenses[n%len(licenses)])
	if p.asks(t, "port") {
		args = append(args, "--set", "port="+strconv.Itoa(p.port))
	}
	for _, w := range with {
		args = append(args, "--with", w)
	}
	p.output(t, vaultmesh(filepath.Dir(p.dir), args...))
	if left := p.output(t, p.command("git", "status", "--porcelain", "--ignored")); left != "" {
		t.Errorf("git status: %s", left)
	}
	p.output(t, vaultmesh(p.dir, "verify", "--all"))
	if shown := p.output(t, vaultmesh(p.dir, "show", "HEAD")); !strings.Contains(shown, "spawn") {
		t.Errorf("the receipt of the first commit is another one:\n%s", shown)
	}
	p.files = strings.Split(strings.TrimSpace(p.output(t, p.command("git", "ls-files"))), "\n")
	return p
}

func (p *product) asks(t *testing.T, question string) bool {
	var shown struct{ Questions []struct{ Name string } }
	said(t, &shown, "spawn", "show", p.kind, "--format", "json")
	for _, q := range shown.Questions {
		if q.Name == question {
			return true
		}
	}
	return false
}

// command is run in the product's folder.
func (p *product) command(name string, args ...string) *exec.Cmd {
	c := exec.Command(name, args...)
	c.Dir = p.dir
	c.Env = environment()
	return c
}

// output runs a command that must not fail.
func (p *product) output(t *testing.T, c *exec.Cmd) string {
	t.Helper()
	var stdout, both bytes.Buffer
	c.Stdout, c.Stderr = &tee{&stdout, &both}, &both
	if err := c.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", c, err, both.Bytes())
	}
	return stdout.String()
}

type tee struct{ one, other *bytes.Buffer }

func (w *tee) Write(b []byte) (int, error) {
	w.one.Write(b)
	return w.other.Write(b)
}

func (p *product) has(file string) bool { return slices.Contains(p.files, file) }

func (p *product) read(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(p.dir, file))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// match lists the files whose whole path a pattern matches, and fails without one.
func (p *product) match(t *testing.T, pattern string) []string {
	t.Helper()
	form := regexp.MustCompile(`^(` + pattern + `)$`)
	var found []string
	for _, f := range p.files {
		if form.MatchString(f) {
			found = append(found, f)
		}
	}
	if len(found) == 0 {
		t.Errorf("%s has no file %s", p.kind, pattern)
	}
	return found
}

// chose returns the choice of an option: "" when it is off, "on" of a switch.
func (p *product) chose(option string) string {
	for _, w := range p.with {
		name, choice, chosen := strings.Cut(w, "=")
		if name == option && chosen {
			return choice
		} else if name == option {
			return "on"
		}
	}
	return ""
}

// The languages that products are written in, by the file that says so.
const (
	inPython     = "pyproject.toml"
	inGo         = "go.mod"
	inTypeScript = "package.json"
	inHCL        = "main.tf"
)

// language fails for a product in a language that is not tested here.
func (p *product) language(t *testing.T) string {
	t.Helper()
	for _, mark := range []string{inPython, inGo, inTypeScript, inHCL} {
		if p.has(mark) {
			return mark
		}
	}
	t.Fatalf("%s is written in a language that these tests do not know", p.kind)
	return ""
}

// runs tells whether the product is a program: all but modules of infrastructure are, and bring all that programs do.
func (p *product) runs(t *testing.T) bool { return p.language(t) != inHCL }

// serves tells whether it is a program that answers over HTTP until it is stopped: its image has a port.
func (p *product) serves(t *testing.T) bool {
	return p.runs(t) && strings.Contains(string(p.read(t, "Dockerfile")), "\nEXPOSE ")
}
