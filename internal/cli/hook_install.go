package cli

import (
	"errors"
	"path/filepath"

	"github.com/VaultSovereign/git-vaultmesh/hooks"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
)

type hookInstallCmd struct {
	Server     bool `help:"the pre-receive hook of a repository that others push to, in place of pre-push"`
	Update     bool `help:"with --server, the update hook too, which judges each ref by itself"`
	PostCommit bool `help:"the post-commit hook too, which keeps git's notes what the ledger says"`
	Optional   bool `help:"where git-vaultmesh is not on PATH, let a push pass, with a warning"`
	Shared     bool `help:"write into a folder of hooks that other repositories may have too"`
	File       bool `help:"write a hook's file where git's configuration would do"`
}

// parts are what is asked for.
func (c *hookInstallCmd) parts() ([]hooks.Part, error) {
	if c.Server && c.PostCommit || c.Update && !c.Server {
		return nil, fault.New(fault.Usage, "--update is for --server, and --post-commit is not").With("command", "hook")
	}
	list := []hooks.Hook{hooks.PrePush}
	if c.Server {
		list = []hooks.Hook{hooks.PreReceive}
	}
	if c.Update {
		list = append(list, hooks.Update)
	}
	if c.PostCommit {
		list = append(list, hooks.PostCommit)
	}
	var parts []hooks.Part
	for _, h := range list {
		parts = append(parts, hooks.Part{Hook: h, Optional: c.Optional})
	}
	return parts, nil
}

// Run puts our parts into the hooks, each in the one form that is best here.
func (c *hookInstallCmd) Run(a *app) error {
	parts, err := c.parts()
	if err == nil {
		err = a.open(false)
	}
	if err != nil {
		return err
	}
	var list []hooks.Status
	for _, p := range parts {
		s, err := c.install(a, p)
		if err != nil {
			return err
		}
		list = append(list, s)
	}
	return errors.Join(a.saidOfHooks(list), c.beReady(a))
}

// beReady makes the index, so that the first push of which rules ask receipts does not
// wait for it. A ledger that cannot be read is for the push to refuse.
func (c *hookInstallCmd) beReady(a *app) error {
	l, err := a.ledger()
	if err == nil {
		err = a.makeIndex(l)
	}
	if fault.Has(err, fault.NoLedger) && !c.Server {
		a.out.note("there is no ledger here yet, and so no rule: git vaultmesh init")
	}
	if fault.Has(err, fault.Interrupted) {
		return err
	}
	return nil
}

// install chooses between git's configuration and a file. A file of ours that is
// there stays one. On a server it is a file: whoever keeps it looks for hooks there.
func (c *hookInstallCmd) install(a *app, p hooks.Part) (hooks.Status, error) {
	folder, err := hooks.Locate(a.ctx, a.repo, p.Hook)
	if err != nil {
		return hooks.Status{}, err
	}
	there, err := hooks.Look(folder.File(p.Hook), p.Hook)
	if err != nil {
		return there, err
	}
	inConfig, err := a.hooksInConfig()
	if err != nil {
		return there, err
	}
	if inConfig && !p.Hook.OnServer() && !c.File && there.State == hooks.Absent {
		s, err := hooks.InstallConfig(a.ctx, a.repo, a.gitConfig, p)
		s.Path, s.Other = there.Path, there.Other
		return s, err
	}
	if there.State == hooks.Absent {
		if err := permit(folder, c.Shared, "install"); err != nil {
			return there, err
		}
	}
	s, err := hooks.Install(folder.File(p.Hook), p)
	if err == nil {
		_, err = hooks.UninstallConfig(a.ctx, a.repo, a.gitConfig, p.Hook)
	}
	return s, err
}

// hooksInConfig tells whether the git that is here runs hooks of its configuration.
func (a *app) hooksInConfig() (bool, error) {
	version, err := gitrepo.Version(a.ctx, a.env.Environ)
	return hooks.InConfiguration(version), err
}

// shownHook is a hook as programs are told.
type shownHook struct {
	Hook   string `json:"hook"`
	File   string `json:"file"`
	State  string `json:"state"`
	How    string `json:"how"`
	Other  bool   `json:"other"`
	Detail string `json:"detail"`
}

func showHook(s hooks.Status) shownHook {
	return shownHook{string(s.Hook), s.Path, s.State, s.How, s.Other, s.Detail}
}

// saidOfHooks says where the hooks are that were installed.
func (a *app) saidOfHooks(list []hooks.Status) error {
	if a.out.structured() {
		shown := struct {
			shownHook
			Hooks []shownHook `json:"hooks"`
		}{shownHook: showHook(list[0]), Hooks: []shownHook{}}
		for _, s := range list {
			shown.Hooks = append(shown.Hooks, showHook(s))
		}
		return a.out.emit(shown)
	}
	for _, s := range list {
		a.out.line("%s %s", saysOf[s.Hook], a.placeOf(s))
	}
	return nil
}

// saysOf begins the line about a hook that is installed.
var saysOf = map[hooks.Hook]string{
	hooks.PrePush: "pushes from here are judged by", hooks.PreReceive: "pushes to the ledger are judged by",
	hooks.Update: "each ref of a push is judged by", hooks.PostCommit: "git's notes are kept by",
}

// placeOf says in which way our part is there.
func (a *app) placeOf(s hooks.Status) string {
	switch {
	case s.How == hooks.InConfig && s.Other:
		return "git's configuration, before the hook " + s.Path
	case s.How == hooks.InConfig:
		return "git's configuration"
	case s.How == hooks.Chained:
		return s.Path + ", before what is there"
	case s.How == hooks.Beside:
		return s.Path + ", before what is kept as " + filepath.Base(s.Path) + hooks.Kept
	case s.How == hooks.ByHand:
		return s.Path + ", which calls it by itself"
	}
	return s.Path
}
