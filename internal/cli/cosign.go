package cli

import (
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/federation"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/record"
	"github.com/VaultSovereign/git-vaultmesh/internal/sign"
)

// cosigning are the flags of commands that merge.
type cosigning struct {
	Cosign bool `help:"record the receipts of the merges that are made, and sign them"`
	signing
}

// all records the receipts of merges and signs them: if that was asked for, or if the
// configuration says so and both sides brought something. What nobody asked for
// prompts nobody.
func (c cosigning) all(a *app, merges []gitrepo.OID) error {
	if len(merges) == 0 || !c.Cosign && !a.config.Cosign {
		return nil
	}
	signer, err := c.cosigner(a)
	if err != nil || signer == nil {
		return err
	}
	for _, merge := range merges {
		if err := c.one(a, merge, signer); err != nil {
			return err
		}
	}
	return nil
}

// cosigner is who signs, nil for nobody.
func (c cosigning) cosigner(a *app) (sign.Signer, error) {
	settings := c.settings(a)
	if !c.Cosign {
		settings.Passphrase = nil
	}
	signer, err := settings.Signer(a.ctx)
	if err != nil || c.Cosign || sign.InProcess(signer) {
		return signer, err
	}
	a.out.note("the merge is not co-signed, because somebody might have to be asked; git vaultmesh sync --cosign does")
	return nil, nil
}

// one records the receipt of one merge, and signs it.
func (c cosigning) one(a *app, merge gitrepo.OID, signer sign.Signer) error {
	l, err := a.ledger()
	if err != nil {
		return err
	}
	at, err := l.At(a.ctx, merge)
	if err != nil {
		return err
	}
	if !c.Cosign {
		if both, err := federation.Both(a.ctx, at); err != nil || !both {
			return err
		}
	}
	bar := a.progress("reading the merge")
	derived, err := federation.Derived(a.ctx, a.repo, at, bar.add)
	bar.done()
	if err != nil || derived == nil {
		return err
	}
	place := a.place()
	place.Signer = signer
	out, err := record.Cosign(a.ctx, place, derived)
	if fault.Has(err, fault.WrongPassphrase) && !c.Cosign {
		a.out.note("the merge is not co-signed, because the key has a passphrase; git vaultmesh sync --cosign asks for it")
		return nil
	}
	if err != nil {
		return err
	}
	a.out.note("co-signed the merge %s by the receipt %s", merge.Short(), out.ID.Short())
	return nil
}
