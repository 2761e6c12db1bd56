package cli

import (
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/query"
)

type listCmd struct {
	What string `arg:"" optional:"" default:"all" help:"all, or the receipts of one kind: releases, deployments, decisions (or adrs), incidents, discoveries and so on"`
	selection
	fetching
}

// Run lists the receipts of a kind, the newest first.
func (c *listCmd) Run(a *app) error {
	words := ""
	if c.What != "all" {
		kind, ok := query.Kind(c.What)
		if !ok {
			return fault.New(fault.Usage, "%.40q is no kind of receipt: there are all, %s", c.What, strings.Join(query.Plurals(), ", ")).With("command", "list")
		}
		words = "kind:" + string(kind)
	}
	from, q, err := c.begin(a, c.fetching, words)
	if err != nil {
		return err
	}
	return a.list(from, q, c.selection)
}
