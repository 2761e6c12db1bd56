package cli

import (
	"github.com/VaultSovereign/git-vaultmesh/hooks"
)

type hookUninstallCmd struct {
	Shared bool `help:"take them out of a folder of hooks that other repositories may have too"`
}

// Run takes our parts out of all hooks, and leaves what was there before.
func (c *hookUninstallCmd) Run(a *app) error {
	if err := a.open(false); err != nil {
		return err
	}
	taken := []string{}
	for _, h := range hooks.All() {
		gone, err := c.uninstall(a, h)
		if err != nil {
			return err
		}
		if gone {
			taken = append(taken, string(h))
		}
	}
	if a.out.structured() {
		return a.out.emit(struct {
			Hooks []string `json:"hooks"`
		}{taken})
	}
	for _, h := range taken {
		a.out.line("%s is as it was before", h)
	}
	if len(taken) == 0 {
		a.out.line("there is nothing of ours in the hooks")
	}
	return nil
}

// uninstall takes our part out of a hook, in whatever form it is there.
func (c *hookUninstallCmd) uninstall(a *app, h hooks.Hook) (bool, error) {
	folder, err := hooks.Locate(a.ctx, a.repo, h)
	if err != nil {
		return false, err
	}
	s, err := hooks.Look(folder.File(h), h)
	if err != nil {
		return false, err
	}
	if s.State != hooks.Absent && s.How != hooks.ByHand {
		if err := permit(folder, c.Shared, "uninstall"); err != nil {
			return false, err
		}
	}
	inFile, err := hooks.Uninstall(folder.File(h), h)
	if err != nil {
		return false, err
	}
	inConfig, err := hooks.UninstallConfig(a.ctx, a.repo, a.gitConfig, h)
	return inFile || inConfig, err
}
