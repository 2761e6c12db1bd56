package templates

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write what templates make to testdata/golden")

// wholePlan is what a template makes with its defaults and, of each option, the last choice.
func wholePlan(t *testing.T, made *Template) *Plan {
	t.Helper()
	r := Request{Name: "my-service", Year: 2026, Answers: make(map[string]any), With: make(map[string]string)}
	for _, q := range made.Questions {
		if q.Default == nil {
			t.Fatalf("%s: the question %s has no default", made.ID, q.Name)
		}
	}
	for _, o := range made.Options {
		if len(o.Choices) > 0 {
			r.With[o.Name] = o.Choices[len(o.Choices)-1]
		} else if o.IsSwitch() && o.Refused["on"] == "" {
			r.With[o.Name] = "on"
		}
	}
	plan, err := made.Plan(r)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// What a template makes changes on purpose only: go test ./templates -run Golden -update writes it anew, and its
// version goes up.
func TestGoldenTrees(t *testing.T) {
	for _, made := range all(t) {
		plan := wholePlan(t, made)
		var comment strings.Builder
		fmt.Fprintf(&comment, "%s, version %d, with all options\n", made.ID, made.Version)
		archive := new(txtar.Archive)
		for _, f := range plan.Files {
			if f.Executable {
				fmt.Fprintf(&comment, "executable: %s\n", f.Path)
			}
			archive.Files = append(archive.Files, txtar.File{Name: f.Path, Data: f.Content})
		}
		archive.Comment = []byte(comment.String())
		got, path := txtar.Format(archive), filepath.Join("testdata", "golden", made.ID+".txtar")
		if *update {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if string(want) != string(got) {
			t.Errorf("%s makes other files than %s says: %s", made.ID, path, differs(txtar.Parse(want), archive))
		}
	}
}

// differs names the first files that are not the same.
func differs(want, got *txtar.Archive) string {
	files := make(map[string]string)
	for _, f := range want.Files {
		files[f.Name] = string(f.Data)
	}
	var names []string
	for _, f := range got.Files {
		if text, there := files[f.Name]; !there || text != string(f.Data) {
			names = append(names, f.Name)
		}
		delete(files, f.Name)
	}
	for name := range files {
		names = append(names, name+" is gone")
	}
	return strings.Join(names, ", ")
}
