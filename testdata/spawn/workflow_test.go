package spawn

import (
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/rhysd/actionlint"
	"go.yaml.in/yaml/v3"
)

// workflow is what is asked of one beyond what actionlint asks.
type workflow struct {
	Permissions map[string]string
	Jobs        map[string]struct {
		Permissions map[string]string
		Timeout     int `yaml:"timeout-minutes"`
		Services    map[string]struct{ Image string }
		Steps       []struct {
			Uses, Run string
			With      map[string]any
		}
	}
}

var pinned = regexp.MustCompile(`^[\w.-]+/[\w.-]+(/[\w./-]+)?@v\d+\.\d+\.\d+$`)

// checkWorkflows has actionlint read the workflows, and sees that actions are pinned, rights named, and targets of make there.
func checkWorkflows(t *testing.T, p *product) {
	for _, f := range p.match(t, `\.github/workflows/.+\.ya?ml`) {
		// Neither shellcheck nor pyflakes, which actionlint would take from the machine where they are.
		lint, err := actionlint.NewLinter(io.Discard, &actionlint.LinterOptions{Shellcheck: "", Pyflakes: ""})
		if err != nil {
			t.Fatal(err)
		}
		problems, err := lint.LintFile(filepath.Join(p.dir, f), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, problem := range problems {
			t.Errorf("%s:%d: %s", f, problem.Line, problem.Message)
		}
		var w workflow
		if err := yaml.Unmarshal(p.read(t, f), &w); err != nil {
			t.Fatal(err)
		}
		w.check(t, p, f)
	}
}

func (w *workflow) check(t *testing.T, p *product, file string) {
	targets := makeTargets(string(p.read(t, "Makefile")))
	if len(w.Permissions) == 0 {
		t.Errorf("%s has no permissions", file)
	}
	var run []string
	for name, job := range w.Jobs {
		for _, rights := range []map[string]string{w.Permissions, job.Permissions} {
			for what, right := range rights {
				if right == "write" {
					t.Errorf("%s: %s may write %s", file, name, what)
				}
			}
		}
		if job.Timeout == 0 {
			t.Errorf("%s: %s may run for ever", file, name)
		}
		for service, s := range job.Services {
			if err := checkTag(s.Image); err != nil {
				t.Errorf("%s: %s: %v", file, service, err)
			}
		}
		for _, step := range job.Steps {
			if step.Uses != "" && !pinned.MatchString(step.Uses) {
				t.Errorf("%s: %s uses %s, which is pinned by no full version", file, name, step.Uses)
			}
			run = append(run, makesOf(step.Run)...)
		}
	}
	for _, target := range run {
		if !slices.Contains(targets, target) {
			t.Errorf("%s runs make %s, and there is no such target", file, target)
		}
	}
	for _, target := range []string{"test", "lint", "build"} {
		if !slices.Contains(run, target) {
			t.Errorf("%s does not run make %s", file, target)
		}
	}
}
