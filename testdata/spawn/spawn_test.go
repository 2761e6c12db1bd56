package spawn

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var few = flag.Bool("few", false, "test each type without options and with all of them, in place of every combination")

// program is the folder with the commands that are tested.
var program string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "spawn")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "bin")
	build := exec.Command("go", "build", "-o", program+string(filepath.Separator), "./cmd/...")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "the commands cannot be built: %v\n%s", err, out)
		return 1
	}
	defer stopServers()
	return m.Run()
}

// offer is what `git vaultmesh spawn show TYPE` says.
type offer struct {
	Type    string
	Options []string // postgres, mq=nats|rabbitmq
	Refused []struct{ Option, Choice, Reason string }
}

// vaultmesh is a command of git's that finds the commands under test, and
// neither a person's nor the system's configuration.
func vaultmesh(dir string, args ...string) *exec.Cmd {
	c := exec.Command("git", append([]string{"vaultmesh"}, args...)...)
	c.Dir = dir
	c.Env = environment("GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "XDG_CONFIG_HOME="+filepath.Join(program, "config"))
	return c
}

// environment is the one that everything here runs in.
func environment(more ...string) []string {
	return append(os.Environ(), append([]string{
		"PATH=" + program + string(filepath.ListSeparator) + os.Getenv("PATH"),
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com", "GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.com",
		"GOWORK=off", "LC_ALL=C.UTF-8",
	}, more...)...)
}

func said(t *testing.T, to any, args ...string) {
	t.Helper()
	c := vaultmesh(t.TempDir(), args...)
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%s: %v", c, err)
	}
	if err := json.Unmarshal(out, to); err != nil {
		t.Fatalf("%s: %v", c, err)
	}
}

// offers are the types that the program brings.
func offers(t *testing.T) []offer {
	t.Helper()
	var types, all []offer
	said(t, &types, "spawn", "list", "--format", "json")
	for _, listed := range types {
		var o offer
		said(t, &o, "spawn", "show", listed.Type, "--format", "json")
		all = append(all, o)
	}
	if len(all) == 0 {
		t.Fatal("there are no types")
	}
	return all
}

// choices are what can be said of an option: as it is given to --with, or "" for nothing.
func choices(option string) []string {
	name, list, chosen := strings.Cut(option, "=")
	if !chosen {
		return []string{"", name}
	}
	said := []string{""}
	for choice := range strings.SplitSeq(list, "|") {
		said = append(said, name+"="+choice)
	}
	return said
}

// combinations are all ways to choose the options of a type; each is what --with says.
func (o offer) combinations() [][]string {
	all := [][]string{nil}
	for _, option := range o.Options {
		var next [][]string
		for _, said := range all {
			for _, choice := range choices(option) {
				if choice == "" {
					next = append(next, said)
				} else {
					next = append(next, append(slices.Clone(said), choice))
				}
			}
		}
		all = next
	}
	return all
}

// tested are the combinations of this run: with -few none of the options, and all of them with each choice.
func (o offer) tested() [][]string {
	if !*few {
		return o.combinations()
	}
	return slices.DeleteFunc(o.combinations(), func(with []string) bool {
		return len(with) != 0 && len(with) != len(o.Options)
	})
}

// everyProduct makes each product of this run once, and tests it under its type and options.
func everyProduct(t *testing.T, test func(t *testing.T, p *product)) {
	for _, o := range offers(t) {
		t.Run(o.Type, func(t *testing.T) {
			t.Parallel()
			for i, with := range o.tested() {
				t.Run(label(with), func(t *testing.T) {
					t.Parallel()
					test(t, makeProduct(t, o.Type, with, i))
				})
			}
		})
	}
}

func label(with []string) string {
	if len(with) == 0 {
		return "plain"
	}
	return strings.Join(with, "+")
}
