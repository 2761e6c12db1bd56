package cli

import (
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/federation"
)

// against holds the claims of a remote's ledger against this one's.
func (c *verifyCmd) against(a *app) error {
	if err := a.open(false); err != nil {
		return err
	}
	if _, err := a.peers([]string{c.Against}); err != nil {
		return err
	}
	place, done, err := c.federation(a)
	if err != nil {
		return err
	}
	found, err := place.Compare(a.ctx, c.Against)
	done()
	if err != nil {
		return err
	}
	if err := a.printComparison(found); err != nil {
		return err
	}
	if n := len(found.Differ); n > 0 {
		return fault.New(fault.ClaimsDiffer, "of %s the ledger of %s claims something else", plural(n, "version"), c.Against)
	}
	return nil
}

func (a *app) printComparison(found *federation.Comparison) error {
	if a.out.structured() {
		return a.out.emit(found)
	}
	a.out.line("%s  ledger %s at %s", found.Peer, found.Ledger, found.Head.Short())
	a.out.line("  agree       %d", found.Agree)
	for _, group := range []struct {
		name   string
		claims []federation.Claim
	}{{"differ", found.Differ}, {"only here", found.OnlyHere}, {"only there", found.OnlyThere}} {
		a.out.line("  %s %d", pad(group.name, -11), len(group.claims))
		for _, claim := range group.claims {
			a.out.line("    %s", strings.TrimSpace(string(claim.Kind)+" "+claim.Component+" "+claim.Version))
			if group.name == "differ" {
				a.out.line("      here   %s", strings.Join(claim.Here, " "))
				a.out.line("      there  %s", strings.Join(claim.There, " "))
			}
		}
	}
	return nil
}
