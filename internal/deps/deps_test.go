// Package deps keeps the direction of imports: a package imports only
// packages of lower rows, and some doors have one key.
package deps

import (
	"go/build"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/VaultSovereign/git-vaultmesh"

// rows is the house, from the ground up; docs/architecture.md draws it.
var rows = [][]string{
	{"internal/fault"},
	{"internal/canon", "internal/counterfeit", "internal/gitrepo", "internal/lockfile"},
	{"internal/archive", "internal/bundle", "internal/ci", "internal/merkle", "internal/sign", "internal/tsa", "hooks", "receipt", "templates"},
	{"internal/policy", "internal/query", "internal/rules", "internal/trust", "ledger", "notes"},
	{"internal/anchor", "internal/annotate", "internal/config", "internal/index", "internal/verify"},
	{"internal/attest", "internal/federation", "internal/proof", "internal/recall", "internal/record", "internal/repair", "internal/setup"},
	{"internal/doctor", "internal/guard", "internal/release", "internal/spawn"},
	{"internal/cli"},
	{"cmd/git-remembrancer", "cmd/git-vaultmesh", "internal/bench"},
}

// forTests is what no program is made of.
const forTests = "internal/counterfeit"

func rowOf(pkg string) int {
	return slices.IndexFunc(rows, func(row []string) bool { return slices.Contains(row, pkg) })
}

// packages lists the folders below the module's root that hold Go programs
// or libraries.
func packages(t *testing.T, root string) []string {
	var found []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if strings.HasPrefix(d.Name(), ".") && path != root || d.Name() == "testdata" {
			return filepath.SkipDir
		}
		if p, err := build.ImportDir(path, 0); err == nil && len(p.GoFiles) > 0 {
			rel, _ := filepath.Rel(root, path)
			found = append(found, filepath.ToSlash(rel))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestImportsPointDown(t *testing.T) {
	root := filepath.Join("..", "..")
	for _, pkg := range packages(t, root) {
		row := rowOf(pkg)
		if row < 0 {
			t.Errorf("%s stands in no row", pkg)
			continue
		}
		p, err := build.ImportDir(filepath.Join(root, pkg), 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, imported := range p.Imports {
			below, ours := strings.CutPrefix(imported, module+"/")
			if ours && rowOf(below) >= row {
				t.Errorf("%s (row %d) imports %s (row %d)", pkg, row, below, rowOf(below))
			}
			if below == forTests {
				t.Errorf("%s imports %s, which is for tests", pkg, below)
			}
			if row == 0 && strings.Contains(imported, ".") {
				t.Errorf("%s imports %s, and the ground row has the standard library only", pkg, imported)
			}
		}
	}
}

// doors are things that only one file, or the files of one folder, may do.
var doors = []struct {
	what  string
	form  *regexp.Regexp
	where string
}{
	{"ends the process", regexp.MustCompile(`\bos\.Exit\(`), "cmd/ internal/bench/"},
	{"reads the process environment", regexp.MustCompile(`\bos\.(Getenv|LookupEnv|Environ)\(`), "internal/cli/cli.go ledger/ledger.go internal/bench/"},
	{"prints", regexp.MustCompile(`\bfmt\.(Print|Println|Printf)\(|os\.Stdout|os\.Stderr`), "internal/cli/output.go internal/cli/cli.go internal/bench/"},
	{"reads the clock", regexp.MustCompile(`\btime\.(Now|Since|Until)\b`), "internal/cli/cli.go internal/bench/"},
	{"starts a process", regexp.MustCompile(`\bexec\.Command`), "internal/gitrepo/git.go internal/attest/run.go internal/sign/program.go internal/spawn/tools.go internal/cli/pager.go internal/cli/editor.go internal/bench/"},
	{"moves a ref", regexp.MustCompile(`"(update-ref|fast-import)"`), "internal/gitrepo/refs.go internal/bench/"},
	{"runs before main", regexp.MustCompile(`(?m)^func init\(\)`), "nowhere"},
}

func TestDoorsHaveOneKey(t *testing.T) {
	root := filepath.Join("..", "..")
	for _, pkg := range packages(t, root) {
		p, err := build.ImportDir(filepath.Join(root, pkg), 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range p.GoFiles {
			text, err := os.ReadFile(filepath.Join(root, pkg, name))
			if err != nil {
				t.Fatal(err)
			}
			for _, door := range doors {
				path := pkg + "/" + name
				may := slices.ContainsFunc(strings.Fields(door.where), func(w string) bool { return strings.HasPrefix(path, w) })
				if !may && door.form.Match(text) {
					t.Errorf("%s %s; only %s may", path, door.what, door.where)
				}
			}
		}
	}
}
