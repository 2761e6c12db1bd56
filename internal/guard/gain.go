package guard

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/rules"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// gain is what a ref gains by a push.
type gain struct {
	paths []string
	cut   bool // the history is cut, and there may be more
}

// gained finds out which paths a push changes. Of a ref that is there, those between what
// it led to and what it is to lead to. Of a new one each rule is asked by itself: new to
// it is what none of the refs leads to that the rule is about already, because nobody
// asked it about what the others have.
func (g *Guard) gained(ctx context.Context, m *matter) error {
	if m.commit == "" || !m.any(rules.WantsPaths) {
		return nil
	}
	old, err := g.leadsTo(ctx, m.push.Old)
	if err != nil {
		return err
	}
	if old != "" {
		got, err := g.gain(ctx, m.commit, []gitrepo.OID{old}, true)
		m.update.Paths, m.update.Cut = got.paths, got.cut
		return err
	}
	for _, r := range m.rules {
		if _, ok := m.gains[r.Name]; ok || !rules.WantsPaths(r) {
			continue
		}
		known, err := g.known(ctx, r, func(ref string) bool { return ref == m.push.Ref })
		if err != nil {
			return err
		}
		got, err := g.gain(ctx, m.commit, known, false)
		if err != nil {
			return err
		}
		got.cut = got.cut || m.push.Old != "" // what it led to is not here, and there may be more
		m.gains[r.Name] = got
	}
	return nil
}

// known are commits that a rule was asked about, with all that they lead to, by other refs
// than some. Of the ledger's own refs, and what lies there, it was never asked.
func (g *Guard) known(ctx context.Context, r receipt.Rule, but func(ref string) bool) ([]gitrepo.OID, error) {
	if g.Known != nil || g.Had == nil {
		return g.Known, nil
	}
	if g.had == nil {
		refs, err := g.Had(ctx)
		if err != nil {
			return nil, err
		}
		g.had = refs
	}
	at := make(map[gitrepo.OID]bool)
	for ref, id := range g.had {
		if !but(ref) && !Own(ref, g.Ledger.Ref) && rules.Concerns(r, ref) {
			at[id] = true
		}
	}
	var list []gitrepo.OID
	for _, id := range slices.Sorted(maps.Keys(at)) {
		commit, err := g.leadsTo(ctx, id)
		if err != nil {
			return nil, err
		}
		if commit != "" {
			list = append(list, commit)
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(list))), nil
}

// gain lists what a commit has more than others: the paths in which each new commit
// differs from its parents, and those in which it differs itself from where it left what
// was there, or, as a whole, from the one that a ref led to. A merge can take something
// back without differing from all of its parents.
func (g *Guard) gain(ctx context.Context, commit gitrepo.OID, known []gitrepo.OID, whole bool) (gain, error) {
	key := fmt.Sprint(commit, known, whole)
	if got, ok := g.gains[key]; ok {
		return got, nil
	}
	commits, edge, err := g.Repo.NewCommits(ctx, commit, known)
	if err != nil {
		return gain{}, err
	}
	switch {
	case whole:
		edge = known
	case g.Single:
		edge = nil
	default:
		if edge, err = g.Repo.Independent(ctx, edge); err != nil {
			return gain{}, err
		}
	}
	got, err := g.changes(ctx, commit, commits, edge)
	if g.gains == nil {
		g.gains = make(map[string]gain)
	}
	g.gains[key] = got
	return got, err
}

// changes lists the paths that commits change, and in which one differs from others.
func (g *Guard) changes(ctx context.Context, commit gitrepo.OID, commits, from []gitrepo.OID) (gain, error) {
	cuts, err := g.Repo.Cuts()
	if err != nil {
		return gain{}, err
	}
	var got gain
	var list []gitrepo.Change
	for _, id := range from {
		list = append(list, gitrepo.Change{Commit: commit, From: id})
	}
	for _, id := range commits {
		if cuts[id] { // it would seem to change everything
			got.cut = true
			continue
		}
		list = append(list, gitrepo.Change{Commit: id})
	}
	if len(list) == 0 {
		return got, nil
	}
	paths := make(map[string]bool)
	err = g.Repo.Changed(ctx, list, func(_ gitrepo.OID, path string) { paths[path] = true })
	got.paths = slices.Sorted(maps.Keys(paths))
	return got, err
}
