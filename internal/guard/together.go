package guard

import (
	"context"
	"maps"
	"slices"

	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/rules"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// fewRefs is how many new refs are looked at each by itself.
const fewRefs = 8

// gainedTogether finds out what many new refs gain of which one rule asks, with one walk
// over the history of all of them. What needs a closer look is left to gained.
func (g *Guard) gainedTogether(ctx context.Context, cases []*matter) error {
	for _, r := range g.Rules {
		if len(r.Paths) == 0 || g.Single {
			continue
		}
		var fresh []*matter
		for _, m := range cases {
			if m.commit != "" && m.push.Old == "" && rules.Concerns(r, m.push.Ref) {
				fresh = append(fresh, m)
			}
		}
		if len(fresh) <= fewRefs {
			continue
		}
		if err := g.walkTogether(ctx, r, fresh); err != nil {
			return err
		}
	}
	return nil
}

// walkTogether gives each ref the paths of a rule that its new commits change.
func (g *Guard) walkTogether(ctx context.Context, r receipt.Rule, fresh []*matter) error {
	names := make(map[string]bool)
	var heads []gitrepo.OID
	for _, m := range fresh {
		names[m.push.Ref], heads = true, append(heads, m.commit)
	}
	known, err := g.known(ctx, r, func(ref string) bool { return names[ref] })
	if err != nil {
		return err
	}
	steps, err := g.Repo.NewSteps(ctx, heads, known)
	if err != nil {
		return err
	}
	own, either, err := g.meantOf(ctx, r, steps)
	if err != nil {
		return err
	}
	cuts, err := g.Repo.Cuts()
	if err != nil {
		return err
	}
	sure, perhaps, cut := gathered(steps, own), gathered(steps, either), make(map[gitrepo.OID]bool)
	if sure == nil || perhaps == nil {
		return nil
	}
	for _, s := range steps {
		cut[s.Commit] = cuts[s.Commit] || slices.ContainsFunc(s.Parents, func(p gitrepo.OID) bool { return cut[p] })
	}
	for _, m := range fresh {
		// A merge that takes back what one parent has shows only from where the ref left it.
		if !cut[m.commit] && within(perhaps[m.commit], sure[m.commit]) {
			m.gains[r.Name] = gain{paths: slices.Sorted(maps.Keys(sure[m.commit]))}
		}
	}
	return nil
}

// meantOf are the paths that a rule is about of those that each commit changes, and of
// those in which a merge differs from any parent.
func (g *Guard) meantOf(ctx context.Context, r receipt.Rule, steps []gitrepo.Step) (own, either map[gitrepo.OID]paths, err error) {
	own, either = make(map[gitrepo.OID]paths), make(map[gitrepo.OID]paths)
	var changes []gitrepo.Change
	var merges []gitrepo.OID
	for _, s := range steps {
		changes = append(changes, gitrepo.Change{Commit: s.Commit})
		if len(s.Parents) > 1 {
			merges = append(merges, s.Commit)
		}
	}
	into := func(of map[gitrepo.OID]paths) func(gitrepo.OID, string) {
		return func(id gitrepo.OID, path string) {
			if !rules.MeansPath(r, path) {
				return
			}
			if of[id] == nil {
				of[id] = make(paths)
			}
			of[id][path] = true
		}
	}
	if len(changes) > 0 {
		err = g.Repo.Changed(ctx, changes, into(own))
	}
	if err == nil && len(merges) > 0 {
		err = g.Repo.ChangedOfAny(ctx, merges, into(either))
	}
	return own, either, err
}

// paths is a set of them; commits that gain nothing share that of their parent.
type paths map[string]bool

// maxGathered bounds how many paths are in all sets together.
const maxGathered = 1 << 20

// gathered are the paths of each commit and of all that it leads to among the steps; nil
// where that is too much to have at once.
func gathered(steps []gitrepo.Step, own map[gitrepo.OID]paths) map[gitrepo.OID]paths {
	all, copied := make(map[gitrepo.OID]paths, len(steps)), 0
	for _, s := range steps {
		got := own[s.Commit]
		for _, p := range s.Parents {
			both := united(got, all[p])
			if len(both) > max(len(got), len(all[p])) {
				copied += len(both)
			}
			got = both
		}
		if all[s.Commit] = got; copied > maxGathered {
			return nil
		}
	}
	return all
}

// united is the set of two, one of them where it has the other.
func united(a, b paths) paths {
	switch {
	case within(b, a):
		return a
	case within(a, b):
		return b
	}
	both := maps.Clone(a)
	maps.Copy(both, b)
	return both
}

func within(a, b paths) bool {
	if len(a) > len(b) {
		return false
	}
	for path := range a {
		if !b[path] {
			return false
		}
	}
	return true
}
