package cli

import (
	"github.com/VaultSovereign/git-vaultmesh/hooks"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/federation"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
)

type hookCmd struct {
	Install   hookInstallCmd   `cmd:"" help:"have pushes judged, beside the hooks that are there"`
	Uninstall hookUninstallCmd `cmd:"" help:"leave the hooks as they were before"`
	Status    hookStatusCmd    `cmd:"" help:"say which hooks are there, and whether somebody changed them"`
	Run       hookRunCmd       `cmd:"" help:"judge what git tells a hook"`
}

type hookRunCmd struct {
	Hook string   `arg:"" enum:"pre-push,post-commit,pre-receive,update" help:"the hook, with git's lines on standard input"`
	Args []string `arg:"" optional:"" help:"what git gives the hook"`
	anchoring
}

// Run judges a push before any ref is moved. What it says goes to who pushes.
func (c *hookRunCmd) Run(a *app) error {
	hook := hooks.Hook(c.Hook)
	if want := map[hooks.Hook]int{hooks.PrePush: 2, hooks.Update: 3}[hook]; len(c.Args) != want {
		return fault.New(fault.Usage, "git gives %s %d arguments, not %d", hook, want, len(c.Args)).With("command", "hook")
	}
	if err := a.open(hook != hooks.PostCommit); err != nil {
		return err
	}
	switch hook {
	case hooks.PrePush:
		_, err := hooks.ReadPushes(a.env.Stdin, a.repo.Algorithm())
		return err
	case hooks.PostCommit:
		return a.annotateCommitted()
	case hooks.Update:
		push, err := hooks.ParseUpdate(c.Args, a.repo.Algorithm())
		if err != nil {
			return err
		}
		return c.receive(a, []hooks.Move{push})
	}
	pushes, err := hooks.ReadMoves(a.env.Stdin, a.repo.Algorithm())
	if err != nil {
		return err
	}
	return c.receive(a, pushes)
}

// receive judges what somebody pushes to this repository's ledger.
func (c *hookRunCmd) receive(a *app, pushes []hooks.Move) error {
	place := federation.Place{Repo: a.repo, Ref: a.config.Ref, Ledger: a.config.Ledger, Messages: a.out.messages(), Progress: func() {}}
	return place.Receive(a.ctx, pushes, func(l *ledger.Ledger) (*verify.Terms, error) {
		genesis, err := l.Genesis(a.ctx)
		if err != nil {
			return nil, err
		}
		return c.insisted(a, genesis.ID)
	})
}

// annotateCommitted keeps git's notes what the ledger says, in a clone that has both.
func (a *app) annotateCommitted() error {
	if a.refs[a.config.Ref] == "" {
		return nil
	}
	return a.annotate()
}
