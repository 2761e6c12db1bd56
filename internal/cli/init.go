package cli

import (
	"context"

	"github.com/VaultSovereign/git-vaultmesh/internal/anchor"
	"github.com/VaultSovereign/git-vaultmesh/internal/doctor"
	"github.com/VaultSovereign/git-vaultmesh/internal/federation"
	"github.com/VaultSovereign/git-vaultmesh/internal/record"
	"github.com/VaultSovereign/git-vaultmesh/internal/setup"
	"github.com/VaultSovereign/git-vaultmesh/internal/sign"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

type initCmd struct {
	Name     string `placeholder:"NAME" help:"name of a new ledger; the repository's own name unless given"`
	Remote   string `placeholder:"REMOTE" help:"take the ledger of this remote"`
	Offline  bool   `help:"ask no remote whether it has a ledger"`
	Accept   bool   `help:"take the ledger of a remote with what its covenant does not accept of peers"`
	Branch   bool   `xor:"place" help:"keep the ledger on the branch vaultmesh/ledger, for hosts that protect nothing else"`
	NoConfig bool   `xor:"place" help:"leave git's configuration as it is"`
	NoKey    bool   `xor:"nobody" help:"begin a ledger that trusts no key, until a person adopts a covenant"`
	signing
	stamping
}

// Run makes sure that there is a ledger, then that git fetches it.
func (c *initCmd) Run(a *app) error {
	if err := a.open(false); err != nil {
		return err
	}
	settings, err := c.onBranch(a)
	if err != nil {
		return err
	}
	out, first, err := c.ledger(a)
	if err != nil {
		return err
	}
	if err := a.keepPending(first); err != nil {
		return err
	}
	if out.Status == setup.Fetched {
		if err := (federation.Place{Repo: a.repo, Ref: a.config.Ref}).Took(a.ctx, out.Remote, out.Head); err != nil {
			return err
		}
	}
	if out.Status != setup.Exists {
		if err := a.annotateTaken(out.Receipts); err != nil {
			return err
		}
	}
	if !c.NoConfig {
		settings = append(settings, setup.Settings(a.gitConfig, a.config, out.Ledger)...)
		if err := setup.Configure(a.ctx, a.repo, settings); err != nil {
			return err
		}
	}
	a.warnOfRefspecs()
	defer func() {
		if out.Status != setup.Exists {
			a.remember(anchor.Known{Ledger: out.Ledger, Name: out.Name})
		}
	}()
	return c.print(a, out, first, settings)
}

// onBranch has the ledger kept on a branch, where that is asked for, and says how
// that is configured.
func (c *initCmd) onBranch(a *app) ([]setup.Setting, error) {
	if !c.Branch {
		return []setup.Setting{}, nil
	}
	from := a.config.Ref
	if from == setup.BranchRef {
		from = ledger.DefaultRef // from where it was perhaps being moved
	}
	old, err := a.repo.Ref(a.ctx, from)
	if err == nil && old != "" {
		err = setup.ToBranch(a.ctx, a.repo, a.config, from)
	}
	if err != nil || a.config.Ref == setup.BranchRef {
		return []setup.Setting{}, err
	}
	a.config.Ref = setup.BranchRef
	return []setup.Setting{{Name: "vaultmesh.ref", Value: setup.BranchRef}}, nil
}

// ledger begins a ledger, or takes that of a remote. It says too what became of the
// time-stamps of the genesis receipt.
func (c *initCmd) ledger(a *app) (*setup.Outcome, *record.Outcome, error) {
	authorities, err := a.authorities(nil)
	if err != nil {
		return nil, nil, err
	}
	stamper, err := a.stamper(c.stamping)
	if err != nil {
		return nil, nil, err
	}
	first := new(record.Outcome)
	bar := a.progress("verifying receipts")
	defer bar.done()
	out, err := setup.Ledger(a.ctx, setup.Request{
		Repo: a.repo, Config: a.config, Now: a.env.Now(), Messages: a.out.messages(), Name: c.Name, Remote: c.Remote, Offline: c.Offline, Accept: c.Accept,
		Progress:    bar.add,
		Terms:       func(genesis receipt.ID) (*verify.Terms, error) { return anchoring{}.insisted(a, genesis) },
		Authorities: authorities,
		Signer:      func(context.Context) (sign.Signer, error) { return c.orUnsigned(a, c.NoKey) },
		Stamp: func(ctx context.Context, file string, imprint receipt.Digest) (tokens []ledger.Proof, err error) {
			tokens, first.Stamped, first.Pending, err = stamper.Over(ctx, file, imprint)
			return tokens, err
		},
	})
	if err != nil {
		return nil, nil, err
	}
	if out.Status != setup.Created {
		first = new(record.Outcome) // another process was quicker, and its own is stamped
	} else if !c.NoKey {
		a.noteUnpinned(authorities)
	}
	first.ID = out.Ledger
	return out, first, nil
}

func (c *initCmd) print(a *app, out *setup.Outcome, first *record.Outcome, settings []setup.Setting) error {
	stamped, pending := timestamps(first)
	if a.out.structured() {
		return a.out.emit(struct {
			Status       string          `json:"status"`
			Ledger       string          `json:"ledger"`
			Name         string          `json:"name"`
			Ref          string          `json:"ref"`
			LedgerCommit string          `json:"ledger_commit"`
			Remote       string          `json:"remote,omitempty"`
			Remark       string          `json:"remark,omitempty"`
			Configured   []setup.Setting `json:"configured"`
			Stamped      []stampedBy     `json:"stamped"`
			Pending      []string        `json:"pending"`
		}{out.Status, out.Ledger.String(), out.Name, a.config.Ref, string(out.Head), out.Remote, out.Remark, settings, stamped, pending})
	}
	switch out.Status {
	case setup.Created:
		a.out.line("began the ledger %s at %s", out.Name, a.config.Ref)
	case setup.Fetched:
		a.out.line("took the ledger %s of %s to %s", out.Name, out.Remote, a.config.Ref)
	case setup.Exists:
		a.out.line("the ledger %s is at %s already", out.Name, a.config.Ref)
	}
	a.out.line("  id    %s", out.Ledger)
	a.out.line("  head  %s", out.Head)
	for _, s := range stamped {
		a.out.line("  stamped %s by %s", s.Time, s.Authority)
	}
	if out.Remark != "" {
		a.out.remark("note", "%s", out.Remark)
	}
	for _, s := range settings {
		a.out.line("  git config --add %s %s", s.Name, s.Value)
	}
	if out.Status == setup.Created && a.config.Advice {
		a.adviseBranch()
	}
	return nil
}

// adviseBranch says where a new ledger is safer, where a remote is known to protect
// branches only.
func (a *app) adviseBranch() {
	if a.config.Ref == setup.BranchRef {
		return
	}
	for _, remote := range a.config.Remotes {
		if host := setup.ProtectsBranchesOnly(a.gitConfig.Values("remote." + remote + ".url")[0]); host != "" {
			a.out.remark("hint", "%s protects branches and nothing else; git vaultmesh init --branch keeps the ledger on one (docs/forges.md)", host)
			return
		}
	}
}

// warnOfRefspecs says at once what doctor would say later: that git fetch
// overwrites what is recorded only here, as in a mirror.
func (a *app) warnOfRefspecs() {
	for _, f := range a.examine() {
		if f.Check == "refspecs" && f.Status != doctor.OK {
			a.out.warn("%s", f.Detail)
		}
	}
}
