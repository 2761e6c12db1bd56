package cli

import (
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

type listCmd struct {
	What string `arg:"" optional:"" default:"all" help:"all, or the receipts of one kind: releases, deployments, decisions (or adrs), incidents, discoveries and so on"`
	selection
	fetching
}

// Run lists the receipts of a kind, the newest first.
func (c *listCmd) Run(a *app) error {
	if err := c.checked(); err != nil {
		return err
	}
	words := ""
	if c.What != "all" {
		kind, ok := kindOfMany(c.What)
		if !ok {
			return fault.New(fault.Usage, "%.40q is no kind of receipt: there are all, %s", c.What, strings.Join(manyOfKinds(), ", ")).With("command", "list")
		}
		words = "kind:" + string(kind)
	}
	from, err := a.openSource(c.fetching)
	if err != nil {
		return err
	}
	q, err := c.query(a, words)
	if err != nil {
		return err
	}
	return a.list(from, q, c.selection)
}

// many is the plural of a kind.
func many(kind receipt.Kind) string {
	word := string(kind)
	switch {
	case kind == receipt.KindGenesis:
		return word
	case strings.HasSuffix(word, "y"):
		return strings.TrimSuffix(word, "y") + "ies"
	}
	return word + "s"
}

func manyOfKinds() []string {
	var words []string
	for _, kind := range receipt.Kinds() {
		words = append(words, many(kind))
	}
	return words
}

// kindOfMany reads a plural, or the kind itself.
func kindOfMany(word string) (receipt.Kind, bool) {
	switch word {
	case "adrs", "adr":
		return receipt.KindDecision, true
	case "deploys":
		return receipt.KindDeployment, true
	}
	if i := slices.Index(manyOfKinds(), word); i >= 0 {
		return receipt.Kinds()[i], true
	}
	return receipt.ParseKind(word)
}
