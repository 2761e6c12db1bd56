package cli

import (
	"context"
	"slices"

	"github.com/VaultSovereign/git-vaultmesh/hooks"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/federation"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/guard"
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
		return c.prePush(a, c.Args[0])
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

// prePush judges what is about to be pushed to a remote, by the covenant in force here.
func (c *hookRunCmd) prePush(a *app, remote string) error {
	lines, err := hooks.ReadPushes(a.env.Stdin, a.repo.Algorithm())
	if err != nil {
		return err
	}
	var pushes []hooks.Move
	for _, p := range lines {
		pushes = append(pushes, p.Move)
	}
	if !slices.ContainsFunc(pushes, func(p hooks.Move) bool { return !guard.Own(p.Ref, a.config.Ref) }) {
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
// the covenant that was in force before. In a namespace (gitnamespaces(7)) refs are
// others than they are called, and so may the ledger be that binds them.
func (c *hookRunCmd) receive(a *app, named []hooks.Move) error {
	if namespace := a.env.lookup("GIT_NAMESPACE"); namespace != "" {
		return fault.New(fault.IntoNamespace, "this push goes into the namespace %s, and no ledger is kept of one", namespace)
	}
	pushes, err := a.written(named)
	if err != nil {
		return err
	}
	place := federation.Place{Repo: a.repo, Ref: a.config.Ref, Ledger: a.config.Ledger, Messages: a.out.messages(), Progress: func() {}}
	err = place.Receive(a.ctx, pushes, func(l *ledger.Ledger) (*verify.Terms, error) {
		genesis, err := l.Genesis(a.ctx)
		if err != nil {
			return nil, err
		}
		return c.insisted(a, genesis.ID)
	})
	if err != nil || !slices.ContainsFunc(pushes, func(p hooks.Move) bool { return !guard.Own(p.Ref, a.config.Ref) }) {
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
	g.Had = func(ctx context.Context) (map[string]gitrepo.OID, error) { return a.repo.Refs(ctx) }
	g.Elsewhere, g.Rails = true, manyRails
	return g.refuse(a, guard.Asked(g.Rules, pushes, a.config.Ref))
}

// manyRails is how many authorities somebody else is taken to ask: enough.
const manyRails = 1 << 10

// written are the refs that a push writes: those that it names, and those to which
// symbolic ones among them lead.
func (a *app) written(named []hooks.Move) ([]hooks.Move, error) {
	pushes := slices.Clone(named)
	for _, p := range named {
		target, err := a.repo.Target(a.ctx, p.Ref)
		if err != nil {
			return nil, err
		}
		move := hooks.Move{Old: p.Old, New: p.New, Ref: target}
		if target != "" && !slices.Contains(pushes, move) {
			pushes = append(pushes, move)
		}
	}
	return pushes, nil
}

// ledgers are the one before a push, nil where there was none, and the one after it.
func (c *hookRunCmd) ledgers(a *app, pushes []hooks.Move) (before, later *ledger.Ledger, err error) {
	before, err = a.ledger()
	if fault.Has(err, fault.NoLedger) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	i := slices.IndexFunc(pushes, func(p hooks.Move) bool { return p.Ref == a.config.Ref })
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

// annotateCommitted keeps git's notes what the ledger says, in a clone that has both.
func (a *app) annotateCommitted() error {
	if a.refs[a.config.Ref] == "" {
		return nil
	}
	return a.annotate()
}
