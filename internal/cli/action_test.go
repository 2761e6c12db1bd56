package cli

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// step is one of a workflow or of an action.
type step struct {
	Name  string            `yaml:"name"`
	ID    string            `yaml:"id"`
	Uses  string            `yaml:"uses"`
	With  map[string]string `yaml:"with"`
	Env   map[string]string `yaml:"env"`
	Dir   string            `yaml:"working-directory"`
	Shell string            `yaml:"shell"`
	Run   string            `yaml:"run"`
}

type action struct {
	Inputs map[string]struct {
		Description string `yaml:"description"`
		Default     string `yaml:"default"`
	} `yaml:"inputs"`
	Outputs map[string]struct {
		Value string `yaml:"value"`
	} `yaml:"outputs"`
	Runs struct {
		Using string `yaml:"using"`
		Steps []step `yaml:"steps"`
	} `yaml:"runs"`
}

// workflow is what tests ask of one.
type workflow struct {
	Permissions map[string]string `yaml:"permissions"`
	Jobs        map[string]struct {
		Steps []step `yaml:"steps"`
	} `yaml:"jobs"`
}

func readYAML(t *testing.T, text []byte, into any) {
	t.Helper()
	if err := yaml.Unmarshal(text, into); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
}

func readRoot(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func ourAction(t *testing.T) *action {
	a := new(action)
	readYAML(t, readRoot(t, "action.yml"), a)
	if a.Runs.Using != "composite" || len(a.Runs.Steps) < 2 {
		t.Fatalf("%+v", a)
	}
	return a
}

// What an action runs is text of ours alone: other actions by their commits, and inputs by
// variables, because an expression in a script would be code.
func TestActionIsPinned(t *testing.T) {
	a := ourAction(t)
	for _, s := range a.Runs.Steps {
		if s.Uses != "" && !regexp.MustCompile(`^[\w-]+/[\w-]+@[0-9a-f]{40}$`).MatchString(s.Uses) {
			t.Errorf("%s is not pinned", s.Uses)
		}
		if strings.Contains(s.Run, "${{") {
			t.Errorf("the script of %s has an expression", s.Name)
		}
	}
	documented := string(readRoot(t, "docs/ci.md"))
	for name := range a.Inputs {
		if !strings.Contains(documented, "| `"+name+"` |") {
			t.Errorf("docs/ci.md does not have the input %s", name)
		}
	}
}

// Workflows ask for no more than to read, and name inputs that the action has.
func TestWorkflowsAskForNoMore(t *testing.T) {
	a := ourAction(t)
	_, text, _ := strings.Cut(string(readRoot(t, "docs/ci.md")), "```yaml\nname: covenant\n")
	example, _, _ := strings.Cut(text, "```")
	for name, text := range map[string]string{"covenant.yml": string(readRoot(t, ".github/workflows/covenant.yml")), "docs/ci.md": "name: covenant\n" + example} {
		var w workflow
		readYAML(t, []byte(text), &w)
		if len(w.Permissions) != 1 || w.Permissions["contents"] != "read" {
			t.Errorf("%s: permissions %v", name, w.Permissions)
		}
		ours, whole := 0, false
		for _, job := range w.Jobs {
			for _, s := range job.Steps {
				whole = whole || strings.HasPrefix(s.Uses, "actions/checkout@") && s.With["fetch-depth"] == "0"
				if s.Uses != "./" && !strings.HasPrefix(s.Uses, "VaultSovereign/git-vaultmesh@") {
					continue
				}
				ours++
				for input := range s.With {
					if _, ok := a.Inputs[input]; !ok {
						t.Errorf("%s: there is no input %s", name, input)
					}
				}
			}
		}
		if ours != 1 || !whole {
			t.Errorf("%s: ours %d, all of the history %v", name, ours, whole)
		}
	}
}

// scratch is a runner's surroundings.
type scratch struct {
	t      *testing.T
	dir    string
	inputs map[string]string
	env    map[string]string
}

func newScratch(t *testing.T, workspace string, inputs map[string]string) *scratch {
	s := &scratch{t: t, dir: t.TempDir(), inputs: inputs, env: map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": workspace}}
	for _, name := range []string{"GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"} {
		s.env[name] = filepath.Join(s.dir, name)
		if err := os.WriteFile(s.env[name], nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s.env["RUNNER_TEMP"] = s.dir
	return s
}

// fill puts values in the place of the expressions that the action has.
func (s *scratch) fill(text string) string {
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		s.t.Fatal(err)
	}
	values := map[string]string{"github.action_path": root, "github.workspace": s.env["GITHUB_WORKSPACE"]}
	for name, in := range ourAction(s.t).Inputs {
		value, ok := s.inputs[name]
		if !ok {
			value = strings.ReplaceAll(in.Default, "${{ github.workspace }}", s.env["GITHUB_WORKSPACE"])
		}
		values["inputs."+name] = value
	}
	return regexp.MustCompile(`\$\{\{ ([^ ]+) \}\}`).ReplaceAllStringFunc(text, func(m string) string {
		value, ok := values[strings.Trim(m, "${} ")]
		if !ok {
			s.t.Fatalf("nobody knows %s", m)
		}
		return value
	})
}

// run runs the scripts of the action, as a runner does, and says with which status it
// ends, and what was printed.
func (s *scratch) run(home string) (status int, out string) {
	for _, step := range ourAction(s.t).Runs.Steps {
		if step.Run == "" {
			continue
		}
		cmd := exec.Command("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step.Run)
		cmd.Dir = s.env["GITHUB_WORKSPACE"]
		if step.Dir != "" {
			cmd.Dir = s.fill(step.Dir)
		}
		added, _ := os.ReadFile(s.env["GITHUB_PATH"])
		path := strings.Join(append(strings.Fields(string(added)), os.Getenv("PATH")), ":")
		cmd.Env = append(os.Environ(), "PATH="+path, "XDG_CONFIG_HOME=", "GIT_CONFIG_NOSYSTEM=1")
		if strings.Contains(step.Run, "git vaultmesh") {
			cmd.Env = append(cmd.Env, "HOME="+home, "XDG_CACHE_HOME=")
		}
		for _, vars := range []map[string]string{s.env, step.Env} {
			for _, name := range slices.Sorted(maps.Keys(vars)) {
				cmd.Env = append(cmd.Env, name+"="+s.fill(vars[name]))
			}
		}
		text, err := cmd.CombinedOutput()
		out += string(text)
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return exit.ExitCode(), out
		}
		if err != nil {
			s.t.Fatalf("%s: %v", step.Name, err)
		}
	}
	return 0, out
}

func (s *scratch) file(name string) string {
	text, err := os.ReadFile(s.env[name])
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

// checkedClone is a clone whose last commit breaks a rule: its folder, the ledger's id,
// and its two commits.
func checkedClone(t *testing.T) (home, clone, id string, commits []string) {
	home = t.TempDir()
	if err := installKey(filepath.Join(home, ".ssh")); err != nil {
		t.Fatal(err)
	}
	base := t.TempDir()
	one := filepath.Join(base, "one")
	shell(t, home, base, `git init -q --bare hub.git && git init -q one && cd one && git remote add origin ../hub.git && git config gpg.format ssh && git config user.signingKey ~/.ssh/id_ed25519 &&
git commit -q --allow-empty -m first && git vaultmesh init >/dev/null && git vaultmesh covenant show > rules.toml &&
printf '\n[[rules]]\nname = "login"\nsentence = "A change of the login is decided."\npaths = ["login/*"]\nrequire = { decision = true }\n' >> rules.toml &&
git vaultmesh covenant propose rules.toml >/dev/null 2>&1 && mkdir login && echo a > login/a && git add login && git commit -q -m login &&
git push -q origin HEAD:refs/heads/main refs/vaultmesh/ledger && git clone -q -b main ../hub.git ../clone`)
	id = strings.TrimSpace(shell(t, home, one, "git config vaultmesh.ledger"))
	return home, filepath.Join(base, "clone"), id, strings.Fields(shell(t, home, one, "git rev-parse HEAD~1 HEAD"))
}

// The action's scripts build the program and check a clone, with the files that a runner
// gives them.
func TestActionRuns(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	home, clone, id, ids := checkedClone(t)
	base := filepath.Dir(clone)
	event := filepath.Join(base, "event.json")
	if err := os.WriteFile(event, []byte(`{"before":"`+ids[0]+`","after":"`+ids[1]+`"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	push := map[string]string{"GITHUB_EVENT_NAME": "push", "GITHUB_EVENT_PATH": event, "GITHUB_REF": "refs/heads/main", "GITHUB_SHA": ids[1]}
	for name, c := range map[string]struct {
		inputs map[string]string
		status int
		prints string
	}{
		"broken":         {map[string]string{"ledger": id}, 5, "::error file=login/a,title=rule login refs/heads/main::no accepted decision is about login/a"},
		"a range":        {map[string]string{"ledger": id, "range": ids[0] + ".." + ids[0]}, 0, "I Integrity (Nigredo)        kept"},
		"another ref":    {map[string]string{"ledger": id, "range": ids[1], "ref": "refs/heads/x", "args": "--no-cache --format json"}, 5, `"ref": "refs/heads/x"`},
		"another ledger": {map[string]string{"ledger": strings.Repeat("1", 64)}, 3, "VM608"},
		"a flag":         {map[string]string{"range": "--help"}, 4, "VM109"},
		"code":           {map[string]string{"range": "$(touch ran)`touch ran`;touch ran"}, 4, "VM109"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScratch(t, clone, c.inputs)
			maps.Copy(s.env, push)
			status, out := s.run(home)
			if status != c.status || !strings.Contains(out, c.prints) {
				t.Errorf("status %d\n%s", status, out)
			}
			if got := s.file("GITHUB_OUTPUT"); got != fmt.Sprintf("exit=%d\n", c.status) {
				t.Errorf("output %q", got)
			}
			if s.file("GITHUB_STEP_SUMMARY") == "" {
				t.Error("there is no summary")
			}
			if _, err := os.Stat(filepath.Join(clone, "ran")); err == nil {
				t.Error("an input was run")
			}
		})
	}
}

// The other examples of docs/ci.md are real: their checks run as they stand there.
func TestExamplesOfCI(t *testing.T) {
	text := string(readRoot(t, "docs/ci.md"))
	_, gitlab, _ := strings.Cut(text, "## GitLab\n\n```yaml\n")
	gitlab, _, _ = strings.Cut(gitlab, "```")
	var jobs map[string]struct {
		Variables map[string]string `yaml:"variables"`
		Script    []string          `yaml:"script"`
		Artifacts struct {
			Reports map[string]string `yaml:"reports"`
		} `yaml:"artifacts"`
	}
	readYAML(t, []byte(gitlab), &jobs)
	job := jobs["covenant"]
	_, plain, _ := strings.Cut(text, "```sh\n")
	plain, _, _ = strings.Cut(plain, "```")
	if len(job.Script) != 2 || !strings.HasPrefix(job.Script[0], "go install github.com/VaultSovereign/git-vaultmesh/cmd/git-vaultmesh@") || job.Variables["GIT_DEPTH"] != "0" || plain == "" {
		t.Fatalf("%+v %q", job, plain)
	}
	home, clone, id, ids := checkedClone(t)
	script := strings.ReplaceAll(job.Script[1], "LEDGER", id)
	broken := "GITLAB_CI=true CI_COMMIT_BRANCH=main CI_PIPELINE_SOURCE=push CI_COMMIT_BEFORE_SHA=" + ids[0] + " CI_COMMIT_SHA=" + ids[1] + " " + script
	if out := shell(t, home, clone, broken+` >out 2>&1; echo "status $?"; cat out`); !strings.HasPrefix(out, "status 5\n") || !strings.Contains(out, "section_start") {
		t.Error(out)
	}
	report, err := os.ReadFile(filepath.Join(clone, job.Artifacts.Reports["codequality"]))
	if err != nil || !strings.Contains(string(report), `"path": "login/a"`) {
		t.Errorf("%s %v", report, err)
	}
	plain = strings.ReplaceAll(strings.ReplaceAll(plain, "LEDGER", id), "origin/main..HEAD", ids[0]+"..HEAD")
	if out := shell(t, home, clone, "{ "+plain+`} >out 2>&1; echo "status $?"; cat out`); !strings.HasPrefix(out, "status 5\n") || strings.Contains(out, "::error") {
		t.Error(out)
	}
}
