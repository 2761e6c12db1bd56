package attest

import (
	"context"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Releases finds among some entries the releases of a commit that the covenant trusts.
func Releases(ctx context.Context, l *ledger.Ledger, terms *verify.Terms, entries []*ledger.Entry, commit receipt.Object) ([]*ledger.Entry, error) {
	genesis, err := l.Genesis(ctx)
	if err != nil {
		return nil, err
	}
	var about, trusted []*ledger.Entry
	for _, e := range entries {
		if e.Receipt != nil && e.Receipt.Kind == receipt.KindRelease && e.Receipt.Commit == commit && e.Holds(genesis.ID) {
			about = append(about, e)
		}
	}
	if len(about) == 0 {
		return nil, nil
	}
	findings, err := verify.Findings(ctx, l, terms, about)
	for i, e := range about {
		if err == nil && findings[i].Trusted() {
			trusted = append(trusted, e)
		}
	}
	return trusted, err
}

// Against holds what was built against the subjects of a release: those that have the
// name of an output must be one of that name, and where all is asked for each file that
// was released must be there. It tells how many subjects were met. The fault is
// NotReproduced (VM629).
func Against(outputs []receipt.Subject, release *ledger.Entry, all bool) (met int, err error) {
	source, _ := release.Receipt.Source()
	for _, s := range release.Receipt.Subjects {
		if strings.Contains(s.Name, ":") || s == source { // an image, a hash without a name, the commit itself
			continue
		}
		named, equal := false, false
		for _, o := range outputs {
			named = named || o.Name == s.Name
			equal = equal || o.Name == s.Name && o.SHA256 == s.SHA256
		}
		differs := fault.New(fault.NotReproduced, "%s is not what the release %s names: %s", s.Name, release.ID.Short(), s.SHA256)
		switch {
		case equal:
			met++
		case named:
			return met, differs.With("how", "what was released was not built from this commit in this way; see who recorded it:\ngit vaultmesh show "+release.ID.Short())
		case all:
			return met, fault.New(fault.NotReproduced, "the release %s names %s, and the build leaves no such file", release.ID.Short(), s.Name).
				With("how", "say what the build leaves:\n--output GLOB")
		}
	}
	return met, nil
}
