package query

import (
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Kind reads a kind of receipt as people name it: in any case, one or many,
// deploys and ADRs too.
func Kind(word string) (receipt.Kind, bool) {
	word = strings.ToLower(word)
	switch word {
	case "adrs", "adr":
		return receipt.KindDecision, true
	case "deploys":
		return receipt.KindDeployment, true
	}
	if i := slices.Index(Plurals(), word); i >= 0 {
		return receipt.Kinds()[i], true
	}
	return receipt.ParseKind(word)
}

// Plurals are the kinds' names for many of them.
func Plurals() []string {
	var words []string
	for _, kind := range receipt.Kinds() {
		words = append(words, plural(kind))
	}
	return words
}

func plural(kind receipt.Kind) string {
	word := string(kind)
	switch {
	case kind == receipt.KindGenesis:
		return word
	case strings.HasSuffix(word, "y"):
		return strings.TrimSuffix(word, "y") + "ies"
	}
	return word + "s"
}
