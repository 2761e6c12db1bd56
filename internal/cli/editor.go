package cli

import (
	"os/exec"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// edit has a person change a file in the editor that git would start. The fault
// is EditFailed (VM611).
func (a *app) edit(path string) error {
	editor, err := a.repo.Editor(a.ctx)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(a.ctx, "sh", "-c", editor+` "$@"`, editor, path)
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Env = a.env.Stdin, a.env.Stdout, a.env.Stderr, a.env.Environ
	a.out.hand()
	if err := cmd.Run(); err != nil {
		return fault.New(fault.EditFailed, "the editor %s ended badly; %s is as you left it", editor, path).Because(err)
	}
	return nil
}
