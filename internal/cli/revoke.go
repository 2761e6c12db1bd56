package cli

import (
	"maps"
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/record"
	"github.com/VaultSovereign/git-vaultmesh/internal/trust"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

type keyRevokeCmd struct {
	Revoked string `arg:"" name:"fingerprint" help:"of a key of the covenants, or the beginning of it"`
	Reason  string `required:"" enum:"compromised,superseded,retired" placeholder:"REASON" help:"compromised, superseded or retired"`
	At      string `placeholder:"TIME" help:"since when, in place of now"`
	Note    string `placeholder:"TEXT" help:"what happened"`
	proposing
}

// revoked is what programs are told.
type revoked struct {
	ID           string             `json:"id"`
	LedgerCommit string             `json:"ledger_commit"`
	Revocation   receipt.Revocation `json:"revocation"`
	Owner        string             `json:"owner"`
	InForce      bool               `json:"in_force"`
	Message      string             `json:"message,omitempty"` // why it is not in force
}

// Run records that a key is taken out of use, and says whether that is in force.
func (c *keyRevokeCmd) Run(a *app) error {
	_, chain, err := a.openChain(c.fetching, c.anchoring)
	if err != nil {
		return err
	}
	key, owner, err := c.find(chain)
	if err != nil {
		return err
	}
	r := receipt.Revocation{Key: key, Reason: c.Reason, At: receipt.TimeOf(a.env.Now())}
	if c.At != "" {
		since, err := a.repo.ParseDate(a.ctx, c.At, a.env.Now())
		if err != nil {
			return err
		}
		r.At = receipt.TimeOf(since.From)
	}
	place, err := c.place(a)
	if err != nil {
		return err
	}
	out, err := record.Revoke(a.ctx, place, r, c.Note)
	if err != nil {
		return err
	}
	if err := a.keepPending(out); err != nil {
		return err
	}
	said := revoked{ID: out.ID.String(), LedgerCommit: string(out.Head), Revocation: r, Owner: owner}
	if said.Message, err = c.waits(a, out.ID, r); err != nil {
		return err
	}
	said.InForce = said.Message == ""
	if a.out.structured() {
		return a.out.emit(said)
	}
	a.out.line("revoked %s of %s: %s since %s", key, owner, r.Reason, r.At)
	a.out.line("  id      %s", out.ID)
	if !said.InForce {
		a.out.line("  waits: %s", said.Message)
		return nil
	}
	a.out.line("  in force")
	a.out.note("the covenant still names the key; take it out with git vaultmesh covenant edit")
	return nil
}

// find is the one key of all covenants whose fingerprint begins as was said, a
// subkey perhaps, and whose it is.
func (c *keyRevokeCmd) find(chain *trust.Chain) (fingerprint, owner string, err error) {
	owners := chain.Owners(c.Revoked)
	if owner, whole := owners[c.Revoked]; whole {
		return c.Revoked, owner, nil
	}
	all := slices.Sorted(maps.Keys(owners))
	switch len(all) {
	case 0:
		return "", "", fault.New(fault.BadOperand, "no covenant has a key whose fingerprint begins with %.80q", c.Revoked).With("command", "key")
	case 1:
		return all[0], owners[all[0]], nil
	}
	return "", "", fault.New(fault.Ambiguous, "%.80q begins more than one key: %s", c.Revoked, strings.Join(all, ", "))
}

// waits is why a revocation is not in force, "" if it is.
func (c *keyRevokeCmd) waits(a *app, id receipt.ID, r receipt.Revocation) (string, error) {
	l, err := a.ledger()
	if err != nil {
		return "", err
	}
	e, err := l.One(a.ctx, id.String())
	if err != nil {
		return "", err
	}
	terms, err := c.terms(a, e.Receipt.Ledger)
	if err != nil {
		return "", err
	}
	// Its own signature may be by the key that it revokes, and count no more.
	chain, err := verify.Chain(a.ctx, l, terms)
	if err != nil || slices.Contains(chain.Revocations(), r) {
		return "", err
	}
	found, err := verify.Findings(a.ctx, l, terms, []*ledger.Entry{e})
	if err != nil {
		return "", err
	}
	return fault.From(found[0].Err).Message, nil
}
