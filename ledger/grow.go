package ledger

import (
	"context"

	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
)

// Grown walks what l has and an earlier ledger has not, without opening the
// folders that are equal. An entry that both have with other files is visited
// too. It is false when the earlier one had something that l has not: then l
// did not grow out of it, the visitor may have seen some of the difference, and
// only [Ledger.Walk] shows what there is.
func (l *Ledger) Grown(ctx context.Context, earlier *Ledger, v Visitor) (bool, error) {
	g := &growth{walk: walk{l: l, v: v}, whole: true}
	pairs := []pair{{node{id: l.tree}, earlier.tree}}
	var err error
	for level := levelRoot; level < levelFolder && g.whole; level++ {
		if pairs, err = g.below(ctx, level, pairs); err != nil {
			return false, err
		}
	}
	if !g.whole {
		return false, nil
	}
	folders := make([]node, len(pairs))
	for i, p := range pairs {
		folders[i] = p.node
	}
	return true, g.entries(ctx, folders, v.Entry)
}

// At opens the ledger as it stands at another head, with the same pin. The
// faults are those of [OpenCommit].
func (l *Ledger) At(ctx context.Context, head gitrepo.OID) (*Ledger, error) {
	other, err := OpenCommit(ctx, l.store, l.Ref, head)
	if err == nil {
		other.Pin(l.pinned)
	}
	return other, err
}

// pair is a tree and what the earlier ledger has under the same path, "" for
// nothing.
type pair struct {
	node
	old gitrepo.OID
}

type growth struct {
	walk
	whole bool // nothing was removed so far
}

// below finds the pairs that differ in pairs of one level.
func (g *growth) below(ctx context.Context, level int, pairs []pair) ([]pair, error) {
	before, err := g.before(ctx, pairs)
	if err != nil {
		return nil, err
	}
	nodes := make([]node, len(pairs))
	for i, p := range pairs {
		nodes[i] = p.node
	}
	var found []pair
	i := 0
	err = g.readTrees(ctx, level, nodes, func(n node, entries []gitrepo.TreeEntry, wrong []misplaced) error {
		for n != nodes[i] { // trees that cannot be read are passed over
			i++
		}
		old := before[i]
		i++
		for _, m := range wrong {
			if err := g.malformed(n.path, m); err != nil {
				return err
			}
		}
		for _, e := range entries {
			was := old[e.Name]
			delete(old, e.Name)
			if was != e.ID && e.Name != versionName {
				found = append(found, pair{node{join(n.path, e.Name), e.ID}, was})
			}
		}
		g.whole = g.whole && len(old) == 0
		return nil
	})
	return found, err
}

// before reads the earlier trees of pairs, by name.
func (g *growth) before(ctx context.Context, pairs []pair) ([]map[string]gitrepo.OID, error) {
	list := make([]map[string]gitrepo.OID, len(pairs))
	for i, p := range pairs {
		list[i] = make(map[string]gitrepo.OID)
		if p.old == "" {
			continue
		}
		entries, err := g.l.readTree(ctx, p.old)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			list[i][e.Name] = e.ID
		}
	}
	return list, nil
}
