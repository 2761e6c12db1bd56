package config

import (
	"context"
	"os"
	"os/exec"
	"testing"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
)

// load reads a configuration that is set in a fresh repository.
func load(t *testing.T, settings ...string) (Config, error) {
	t.Helper()
	dir := t.TempDir()
	env := append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull)
	run := func(args ...string) {
		cmd := exec.Command("git", args...)
		cmd.Env = env
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v %s", err, out)
		}
	}
	run("init", "-q", dir)
	for i := 0; i < len(settings); i += 2 {
		run("-C", dir, "config", "--add", settings[i], settings[i+1])
	}
	repo, err := gitrepo.Open(context.Background(), gitrepo.Options{Dir: dir, Env: env})
	if err != nil {
		t.Fatal(err)
	}
	defer repo.Close()
	c, err := repo.Config(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return Load(c)
}

func TestDefaults(t *testing.T) {
	c, err := load(t)
	if err != nil || c.Ref != ledger.DefaultRef || !c.Advice || c.Color != "auto" || c.Date != "default" || c.Partial || c.DefaultRemote() != "" || len(c.Unknown) != 0 {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestValues(t *testing.T) {
	c, err := load(t, "vaultmesh.ref", "refs/heads/memory", "advice.vaultmeshPush", "off", "color.ui", "never", "color.vaultmesh", "always",
		"log.date", "iso", "vaultmesh.typo", "1", "extensions.partialClone", "origin")
	if err != nil || c.Ref != "refs/heads/memory" || c.Advice || c.Color != "always" || c.Date != "iso" || !c.Partial || len(c.Unknown) != 1 || c.Unknown[0] != "vaultmesh.typo" {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestBadValues(t *testing.T) {
	for _, setting := range [][]string{
		{"vaultmesh.ref", "main"}, {"vaultmesh.ref", "refs/tags/x"}, {"vaultmesh.ref", "refs/notes/x"}, {"vaultmesh.ledger", "abc"}, {"vaultmesh.ref", "refs/x/../y"},
		{"advice.vaultmeshPush", "maybe"}, {"color.ui", "purple"},
	} {
		if _, err := load(t, setting...); !fault.Has(err, fault.BadConfig) {
			t.Errorf("%v: %v", setting, err)
		}
	}
}

func TestColours(t *testing.T) {
	for value, want := range map[string]string{"true": "auto", "false": "never", "never": "never", "always": "always", "auto": "auto"} {
		if c, err := load(t, "color.ui", value); err != nil || c.Color != want {
			t.Errorf("%s: %q, %v", value, c.Color, err)
		}
	}
}

func TestDefaultRemote(t *testing.T) {
	for _, c := range []struct {
		read, push string
		settings   []string
	}{
		{"only", "only", []string{"remote.only.url", "x"}},
		{"origin", "origin", []string{"remote.a.url", "x", "remote.origin.url", "y"}},
		{"origin", "a", []string{"remote.a.url", "x", "remote.origin.url", "y", "remote.pushDefault", "a"}},
		{"", "", []string{"remote.a.url", "x", "remote.b.url", "y", "remote.pushDefault", "gone"}},
		{"a", "a", []string{"remote.a.url", "x", "remote.b.url", "y", "branch.main.remote", "a", "branch.Next.remote", "a"}},
		{"up", "origin", []string{"remote.up.url", "x", "remote.origin.url", "y", "branch.main.remote", "up", "remote.pushDefault", "origin"}},
		{"origin", "origin", []string{"remote.up.url", "x", "remote.origin.url", "y", "branch.main.remote", "up", "branch.other.remote", "origin"}},
		{"origin", "origin", []string{"remote.up.url", "x", "remote.origin.url", "y", "branch.main.remote", ".", "branch.other.remote", "gone"}},
	} {
		got, err := load(t, c.settings...)
		if err != nil || got.DefaultRemote() != c.read || got.PushRemote() != c.push {
			t.Errorf("%q: read from %q, push to %q, %v", c.settings, got.DefaultRemote(), got.PushRemote(), err)
		}
	}
}
