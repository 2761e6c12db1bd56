package cli

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/VaultSovereign/git-vaultmesh/hooks"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/federation"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
)

type hookCmd struct {
	Install hookInstallCmd `cmd:"" help:"have pushes to this repository judged"`
	Run     hookRunCmd     `cmd:"" help:"judge what git tells a hook"`
}

type hookInstallCmd struct {
	Server bool `required:"" help:"the pre-receive hook of a repository that others push to"`
}

// serverHook is the hook: it calls the program, and does nothing else.
const serverHook = `#!/bin/sh
# Judges what is pushed to the ledger; see git vaultmesh help hook.
exec git vaultmesh hook run pre-receive
`

// Run writes the hook, unless there is another one.
func (c *hookInstallCmd) Run(a *app) error {
	if err := a.open(false); err != nil {
		return err
	}
	dir := filepath.Join(a.repo.CommonDir, "hooks")
	path := filepath.Join(dir, "pre-receive")
	there, err := os.ReadFile(path)
	switch {
	case err == nil && string(there) != serverHook:
		return fault.New(fault.WriteFailed, "%s is there, and is not written over; call git vaultmesh hook run pre-receive in it, with its own input", path)
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return fault.New(fault.ReadFailed, "%s cannot be read", path).Because(errors.New(err.Error()))
	case err != nil:
		if err = os.MkdirAll(dir, 0o777); err == nil {
			err = os.WriteFile(path, []byte(serverHook), 0o777)
		}
		if err != nil {
			return fault.New(fault.WriteFailed, "%s cannot be written", path).Because(errors.New(err.Error()))
		}
	}
	if a.out.structured() {
		return a.out.emit(struct {
			Hook string `json:"hook"`
			File string `json:"file"`
		}{"pre-receive", path})
	}
	a.out.line("pushes to the ledger are judged by %s", path)
	return nil
}

type hookRunCmd struct {
	Hook string `arg:"" enum:"pre-receive" help:"pre-receive, with git's lines on standard input"`
	anchoring
}

// Run judges a push before any ref is moved. What it says goes to who pushes.
func (c *hookRunCmd) Run(a *app) error {
	if err := a.open(true); err != nil {
		return err
	}
	pushes, err := hooks.ReadMoves(a.env.Stdin, a.repo.Algorithm())
	if err != nil {
		return err
	}
	place := federation.Place{Repo: a.repo, Ref: a.config.Ref, Ledger: a.config.Ledger, Messages: a.out.messages(), Progress: func() {}}
	return place.Receive(a.ctx, pushes, func(l *ledger.Ledger) (*verify.Terms, error) {
		genesis, err := l.Genesis(a.ctx)
		if err != nil {
			return nil, err
		}
		return c.insisted(a, genesis.ID)
	})
}
