package cli

import (
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/record"
	"github.com/VaultSovereign/git-vaultmesh/internal/sign"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

type sealCmd struct {
	NoSign bool `xor:"nobody" help:"leave it unsigned, for a key on another machine"`
	signing
	stamping
	fetching
}

// sealed is what programs are told.
type sealed struct {
	ID           string       `json:"id"`
	LedgerCommit string       `json:"ledger_commit"`
	Seal         receipt.Seal `json:"seal"`
	Signed       []signedBy   `json:"signed"`
	Stamped      []stampedBy  `json:"stamped"`
	Pending      []string     `json:"pending"`
}

// Run seals the ledger as it is.
func (c *sealCmd) Run(a *app) error {
	if err := a.open(false); err != nil {
		return err
	}
	if err := a.present(c.fetching); err != nil {
		return err
	}
	signer, err := c.orUnsigned(a, c.NoSign)
	if err == nil && signer == nil && !c.NoSign {
		err = fault.New(fault.NoKey, "a seal is worth its signature, and nobody is to sign it")
	}
	if err != nil {
		return err
	}
	out, body, err := c.seal(a, signer)
	if err != nil {
		return err
	}
	a.noteStrangers(out)
	if a.out.structured() {
		got, pending := timestamps(out)
		return a.out.emit(sealed{out.ID.String(), string(out.Head), *body, signatures(out.Signed), got, pending})
	}
	a.out.line("sealed %d receipts with %d files", body.Receipts, body.Files)
	a.out.line("  id      %s", out.ID)
	a.out.line("  root    %s", body.Root)
	for _, m := range out.Signed {
		a.out.line("  signed  %s", m.By)
	}
	if signer == nil {
		a.out.line("  unsigned: it counts when somebody has signed it; git vaultmesh sign %s --import FILE", out.ID.Short())
	}
	for _, s := range out.Stamped {
		a.out.line("  stamped %s by %s", stamp(s.Time), s.Authority)
	}
	return nil
}

// seal makes the seal, with a token by each authority that is asked.
func (c *sealCmd) seal(a *app, signer sign.Signer) (*record.Outcome, *receipt.Seal, error) {
	stamper, err := a.stamper(c.stamping)
	if err != nil {
		return nil, nil, err
	}
	bar := a.progress("sealing receipts")
	place := a.place()
	place.Working, place.Signer, place.Stamper = bar.add, signer, stamper
	terms, err := anchoring{}.terms(a, a.config.Ledger)
	if err != nil {
		return nil, nil, err
	}
	out, body, err := record.Seal(a.ctx, place, terms)
	bar.done()
	if err != nil {
		return nil, nil, err
	}
	return out, body, a.keepPending(out)
}
