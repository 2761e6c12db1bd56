package ledger

import (
	"context"
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
)

// Part is an object that a ledger is made of, by where it was met first.
type Part struct {
	ID     gitrepo.OID
	Type   string      // commit, tree or blob
	Path   string      // in the commit's tree; "" for that tree, and for a commit
	Commit gitrepo.OID // whose it is
}

// Limit is the most bytes that the part may have.
func (p Part) Limit() int64 {
	switch p.Type {
	case gitrepo.TypeCommit:
		return gitrepo.MaxCommit
	case gitrepo.TypeTree:
		return MaxTree
	}
	return MaxEvidence
}

// IsFolder tells whether the part is the folder of a receipt.
func (p Part) IsFolder() bool { return p.Type == gitrepo.TypeTree && levelOf(p.Path) == levelFolder }

// Parts visits the objects that a ledger is made of.
type Parts struct {
	// Each is called once for each object, with what kept it from being read.
	Each func(p Part, o gitrepo.Object, err error) error
	// Strange is called for what may not be where it is. It may be nil.
	Strange func(path string, err error)
	// Skip says that an object is not to be read, nor what lies below. It may be nil.
	Skip func(p Part) bool
	// Ends are commits whose parents are not visited.
	Ends map[gitrepo.OID]bool
}

// Visit visits everything from a head on back to the first commit: commits, trees and
// files, those of the head first. It follows only what the layout allows, and passes
// over what cannot be read. The error is one of Each, or says that nobody could look.
func (v Parts) Visit(ctx context.Context, store gitrepo.Store, head gitrepo.OID) error {
	c := &crawl{Parts: v, store: store, seen: map[gitrepo.OID]bool{head: true}, folders: make(map[string]bool)}
	roots, err := c.commits(ctx, head)
	if err != nil {
		return err
	}
	return c.trees(ctx, levelRoot, roots)
}

// crawl is a visit that goes on.
type crawl struct {
	Parts
	store   gitrepo.Store
	seen    map[gitrepo.OID]bool
	folders map[string]bool // of receipts, path and id: a hostile tree may have one in many places
}

// once tells whether a part is met for the first time and is to be read.
func (c *crawl) once(p Part) bool {
	if p.IsFolder() {
		key := p.Path + " " + string(p.ID)
		if c.folders[key] {
			return false
		}
		c.folders[key] = true
	} else {
		if c.seen[p.ID] {
			return false
		}
		c.seen[p.ID] = true
	}
	return c.Skip == nil || !c.Skip(p)
}

// read reads parts of one type, and tells of each whether it can be read; those that
// can are passed on.
func (c *crawl) read(ctx context.Context, parts []Part, each func(p Part, o gitrepo.Object) error) error {
	for some := range slices.Chunk(parts, 256) {
		ids := make([]gitrepo.OID, len(some))
		for i, p := range some {
			ids[i] = p.ID
		}
		err := c.store.ReadMany(ctx, ids, some[0].Limit(), func(i int, o gitrepo.Object, err error) error {
			if err == nil && o.Type != some[i].Type {
				return nil // whoever named it was wrong
			}
			if err != nil && !Unreadable(err) {
				return err
			}
			if told := c.Each(some[i], o, err); told != nil || err != nil {
				return told
			}
			return each(some[i], o)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// commits visits commits, and returns their trees.
func (c *crawl) commits(ctx context.Context, head gitrepo.OID) (roots []Part, err error) {
	for todo := []Part{{ID: head, Type: gitrepo.TypeCommit, Commit: head}}; len(todo) > 0; {
		var next []Part
		err := c.read(ctx, todo, func(p Part, o gitrepo.Object) error {
			commit, err := gitrepo.ParseCommit(c.store.Algorithm(), o.Data)
			if err != nil {
				c.strange(string(p.ID), err)
				return nil
			}
			if root := (Part{commit.Tree, gitrepo.TypeTree, "", p.ID}); c.once(root) {
				roots = append(roots, root)
			}
			if c.Ends[p.ID] {
				return nil
			}
			for _, id := range commit.Parents {
				if parent := (Part{id, gitrepo.TypeCommit, "", id}); c.once(parent) {
					next = append(next, parent)
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		todo = next
	}
	return roots, nil
}

func (c *crawl) strange(path string, err error) {
	if c.Strange != nil {
		c.Strange(clip(path), err)
	}
}

// trees visits trees of one level and what lies below them, some hundred at a time.
func (c *crawl) trees(ctx context.Context, level int, trees []Part) error {
	for some := range slices.Chunk(trees, 256) {
		var below, files []Part
		err := c.read(ctx, some, func(p Part, o gitrepo.Object) error {
			entries, err := gitrepo.TreeOf(c.store.Algorithm(), o)
			if err != nil {
				c.strange(p.Path, err)
				return nil
			}
			good, wrong := checkLevel(level, p.Path, entries)
			for _, m := range wrong {
				c.strange(p.Path, m.err)
			}
			for _, e := range good {
				child := Part{e.ID, gitrepo.TypeTree, join(p.Path, e.Name), p.Commit}
				if e.Mode != gitrepo.ModeTree {
					child.Type = gitrepo.TypeBlob
				}
				switch {
				case !c.once(child):
				case child.Type == gitrepo.TypeTree:
					below = append(below, child)
				default:
					files = append(files, child)
				}
			}
			return nil
		})
		if err == nil {
			err = c.read(ctx, files, func(Part, gitrepo.Object) error { return nil })
		}
		if err == nil && len(below) > 0 {
			err = c.trees(ctx, level+1, below)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// levelOf is the level of the folder at a path.
func levelOf(path string) int {
	if path == "" {
		return levelRoot
	}
	return levelYear + strings.Count(path, "/")
}

// VersionFile is the file by which a ledger is known for one: the same in all of them.
func VersionFile(algorithm string) gitrepo.Object {
	return gitrepo.NewObject(algorithm, gitrepo.TypeBlob, []byte(versionText))
}
