package hooks

import (
	"os"
	"os/exec"
	"testing"

	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
)

// A command that calls ours and does otherwise than we wrote is one that somebody changed.
func TestChangedConfigurationHasDrifted(t *testing.T) {
	t.Parallel()
	ours := Part{Hook: PrePush}
	for command, want := range map[string]string{
		ours.Command(): Installed,
		Part{Hook: PrePush, Optional: true}.Command(): Installed,
		ours.run():                     Installed,
		ours.Command() + " || true":    Drifted,
		"true # " + ours.run() + " is": Drifted,
		"echo " + ours.run():           Drifted,
		ours.run() + " &":              Drifted,
		"true":                         Drifted,
		"exit 0; exec " + ours.run():   Drifted,
		"command -v git-vaultmesh >/dev/null || { exit 0; }; exit 0; exec " + ours.run():                   Drifted,
		"command -v git-vaultmesh >/dev/null || { echo \"$(exit)\" >&2; exit 1; }; exec " + ours.run():     Drifted,
		"command -v git-vaultmesh >/dev/null || { echo \"other words\" >&2; exit 1; }; exec " + ours.run(): Installed,
	} {
		dir := t.TempDir()
		for _, words := range [][]string{{"init", "-q", "."}, {"config", "hook.vaultmesh.command", command}, {"config", "hook.vaultmesh.event", "pre-push"}} {
			cmd := exec.Command("git", words...)
			cmd.Dir = dir
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%s: %s", out, err)
			}
		}
		repo, err := gitrepo.Open(t.Context(), gitrepo.Options{Dir: dir, Env: os.Environ()})
		if err != nil {
			t.Fatal(err)
		}
		config, err := repo.Config(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := LookConfig(config, PrePush, true); got.State != want {
			t.Errorf("%q is %s, want %s", command, got.State, want)
		}
		if gone, err := UninstallConfig(t.Context(), repo, config, PrePush); gone != (want == Installed) || (err == nil) != gone {
			t.Errorf("%q is taken out: %t, %v", command, gone, err)
		}
		repo.Close()
	}
}
