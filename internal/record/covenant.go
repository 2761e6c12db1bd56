package record

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/trust"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Propose records a covenant as the version after the one in force. It is in force
// itself when enough principals of that one have signed it. In a ledger that
// trusts nobody it is version 1, which a person has to adopt. The fault is
// NoChange (VM610) where the covenant in force says the same already.
func Propose(ctx context.Context, p Place, chain *trust.Chain, c *receipt.Covenant) (*Outcome, error) {
	if chain.Err != nil {
		return nil, chain.Err
	}
	next := *c
	next.Version, next.Previous = 1, receipt.ID{}
	if v := chain.Latest(); v != nil {
		next.Version, next.Previous = v.Covenant.Version+1, v.ID
		if same(v.Covenant, &next) {
			return nil, fault.New(fault.NoChange, "version %d of the covenant says the same already", v.Covenant.Version)
		}
	}
	return Own(ctx, p, &receipt.Receipt{Kind: receipt.KindCovenant, Covenant: &next})
}

// same tells whether two covenants say the same, but for their numbers.
func same(a, b *receipt.Covenant) bool {
	spelled := func(c receipt.Covenant) []byte {
		c.Version, c.Previous = 0, receipt.ID{}
		text, err := json.Marshal(c)
		if err != nil {
			return nil
		}
		return text
	}
	return bytes.Equal(spelled(*a), spelled(*b))
}

// Revoke records that a key is taken out of use.
func Revoke(ctx context.Context, p Place, r receipt.Revocation, note string) (*Outcome, error) {
	return Own(ctx, p, &receipt.Receipt{Kind: receipt.KindRevocation, Revocation: &r, Note: note})
}
