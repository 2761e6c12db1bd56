package cli

import (
	"errors"
	"os"
	"path/filepath"
	"slices"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/federation"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/guard"
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
	Hook string   `arg:"" enum:"pre-push,pre-receive,update" help:"pre-push or pre-receive, with git's lines on standard input, or update"`
	Args []string `arg:"" optional:"" help:"what git gives the hook: REMOTE URL, nothing, or REF OLD NEW"`
	anchoring
}

// Run judges a push before any ref is moved. What it says goes to who pushes.
func (c *hookRunCmd) Run(a *app) error {
	if want := map[string]int{"pre-push": 2, "update": 3}[c.Hook]; len(c.Args) != want {
		return fault.New(fault.Usage, "git gives the hook %s %d arguments, and these are %d", c.Hook, want, len(c.Args)).With("command", "hook")
	}
	if err := a.open(true); err != nil {
		return err
	}
	switch c.Hook {
	case "pre-push":
		return c.prePush(a, c.Args[0])
	case "update":
		push, err := guard.Line(c.Args[0], c.Args[1], c.Args[2], a.repo.Algorithm())
		if err != nil {
			return err
		}
		return c.receive(a, []federation.Push{push})
	}
	pushes, err := federation.ReadPushes(a.env.Stdin, a.repo.Algorithm())
	if err != nil {
		return err
	}
	return c.receive(a, pushes)
}

// prePush judges what is about to be pushed to a remote, by the covenant in force here.
func (c *hookRunCmd) prePush(a *app, remote string) error {
	pushes, err := guard.ReadPrePush(a.env.Stdin, a.repo.Algorithm())
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(pushes, func(p federation.Push) bool { return !guard.Own(p.Ref, a.config.Ref) }) {
		return nil
	}
	l, err := a.ledger()
	if fault.Has(err, fault.NoLedger) && a.config.Ledger.IsZero() {
		return nil // nobody said that there must be one
	}
	if err != nil {
		return err
	}
	g, err := c.guard(a, l, l)
	if err != nil {
		return err
	}
	if !slices.Contains(a.config.Remotes, remote) {
		remote = "" // an address
	}
	if err := g.toward(a, remote, pushes); err != nil {
		return err
	}
	return g.refuse(a, guard.Asked(g.Rules, pushes, a.config.Ref))
}

// receive judges what others push to this repository: the ledger, and the other refs by
// the covenant that was in force before.
func (c *hookRunCmd) receive(a *app, pushes []federation.Push) error {
	place := federation.Place{Repo: a.repo, Ref: a.config.Ref, Ledger: a.config.Ledger, Messages: a.out.messages(), Progress: func() {}}
	err := place.Receive(a.ctx, pushes, func(l *ledger.Ledger) (*verify.Terms, error) {
		genesis, err := l.Genesis(a.ctx)
		if err != nil {
			return nil, err
		}
		return c.insisted(a, genesis.ID)
	})
	if err != nil || !slices.ContainsFunc(pushes, func(p federation.Push) bool { return !guard.Own(p.Ref, a.config.Ref) }) {
		return err
	}
	before, later, err := c.ledgers(a, pushes)
	if err != nil || before == nil {
		return err
	}
	g, err := c.guard(a, before, later)
	if err != nil {
		return err
	}
	g.Known = gitrepo.Known{Here: true}
	return g.refuse(a, guard.Asked(g.Rules, pushes, a.config.Ref))
}

// ledgers are the one before a push, nil where there was none, and the one after it.
func (c *hookRunCmd) ledgers(a *app, pushes []federation.Push) (before, later *ledger.Ledger, err error) {
	before, err = a.ledger()
	if fault.Has(err, fault.NoLedger) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	i := slices.IndexFunc(pushes, func(p federation.Push) bool { return p.Ref == a.config.Ref })
	if i < 0 {
		return before, before, nil
	}
	if pushes[i].Old == "" {
		return nil, nil, nil
	}
	if before, err = before.At(a.ctx, pushes[i].Old); err != nil {
		return nil, nil, err
	}
	later, err = before.At(a.ctx, pushes[i].New)
	return before, later, err
}
