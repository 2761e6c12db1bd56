package ledger

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
)

// Grown walks what l has and an earlier ledger has not, without opening the
// folders that are equal. An entry that both have with other files is visited
// too. It is false when the earlier one had something that l has not: then l
// did not grow out of it, the visitor may have seen some of the difference, and
// only [Ledger.Walk] shows what there is.
func (l *Ledger) Grown(ctx context.Context, earlier *Ledger, v Visitor) (bool, error) {
	g := &growth{walk: walk{l: l, v: v}, whole: true}
	fans := []pair{{node{id: l.tree}, earlier.tree}}
	for level := levelRoot; level < levelFan; level++ {
		_, below, err := g.below(ctx, level, fans)
		if err != nil {
			return false, err
		}
		fans = below
	}
	for g.whole && len(fans) > 0 {
		read, folders, err := g.below(ctx, levelFan, fans[:min(len(fans), maxFans)])
		if err == nil {
			err = g.entries(ctx, nodesOf(folders), v.Entry)
		}
		if err != nil {
			return false, err
		}
		fans = fans[read:]
	}
	return g.whole, nil
}

// Encloses tells whether l has all that an earlier ledger has. No entry is opened.
func (l *Ledger) Encloses(ctx context.Context, earlier *Ledger) (bool, error) {
	g := &growth{walk: walk{l: l, v: Visitor{Problem: onlyUnreadable}}, whole: true}
	pairs := []pair{{node{id: l.tree}, earlier.tree}}
	for level := levelRoot; level <= levelFolder && g.whole && len(pairs) > 0; level++ {
		var both []pair
		for len(pairs) > 0 && g.whole {
			read, found, err := g.below(ctx, level, pairs[:min(len(pairs), maxFans)])
			if err != nil {
				return false, err
			}
			both = append(both, slices.DeleteFunc(found, func(p pair) bool { return p.old == "" })...)
			pairs = pairs[read:]
		}
		pairs = both
	}
	return g.whole && len(pairs) == 0, nil // what is left are files that differ
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

func nodesOf(pairs []pair) []node {
	nodes := make([]node, len(pairs))
	for i, p := range pairs {
		nodes[i] = p.node
	}
	return nodes
}

type growth struct {
	walk
	whole bool // nothing was removed so far
}

// below finds the pairs that differ in pairs of one level, until they are
// enough to go on with, and says how many it read.
func (g *growth) below(ctx context.Context, level int, pairs []pair) (read int, found []pair, err error) {
	before, err := g.before(ctx, pairs)
	if err != nil {
		return 0, nil, err
	}
	nodes := nodesOf(pairs)
	err = g.readTrees(ctx, level, nodes, func(n node, entries []gitrepo.TreeEntry, wrong []misplaced) error {
		for n != nodes[read] { // trees that cannot be read are passed over
			read++
		}
		old := before[read]
		read++
		children, err := g.children(level, n, entries, wrong, func(e gitrepo.TreeEntry) bool {
			was := old[e.Name]
			return was != e.ID && e.Name != versionName
		})
		for _, c := range children {
			found = append(found, pair{c, old[c.path[strings.LastIndexByte(c.path, '/')+1:]]})
		}
		for _, e := range entries {
			delete(old, e.Name)
		}
		g.whole = g.whole && len(old) == 0
		if err == nil && level == levelFan && len(found) >= maxFolders {
			err = errEnough
		}
		return err
	})
	if errors.Is(err, errEnough) {
		return read, found, nil
	}
	return len(pairs), found, err
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
