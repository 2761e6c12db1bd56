package verify

import (
	"context"
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
)

// history judges that every commit of the ledger, back to those without
// parents, keeps all that each of its parents had, and that those without
// parents hold the genesis and nothing else. Commits are read as they are
// stored: grafts and replaced objects change nothing here.
func (t *tally) history(ctx context.Context, store gitrepo.Store, l *ledger.Ledger) error {
	h := newHistory(store, t)
	todo := []gitrepo.OID{l.Head}
	seen := map[gitrepo.OID]bool{l.Head: true}
	if t.beforeAt != "" { // it and what lies behind it were judged before
		t.checked(ledger.StepHistory)
		if seen[t.beforeAt] = true; t.beforeAt == l.Head {
			return nil
		}
	}
	for len(todo) > 0 && h.failures < maxFailures {
		id := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		parents, err := h.commit(ctx, l, id)
		if err != nil {
			return err
		}
		for _, p := range parents {
			if !seen[p] {
				seen[p] = true
				todo = append(todo, p)
			}
		}
	}
	return nil
}

type history struct {
	store   gitrepo.Store
	tally   *tally
	trees   map[gitrepo.OID][]gitrepo.TreeEntry
	commits map[gitrepo.OID]gitrepo.Commit
	// compared are pairs of trees that were compared: what is wrong between
	// them was reported once.
	compared map[[2]gitrepo.OID]bool
	failures int
	followed int // commits that [history.leads] read
}

func newHistory(store gitrepo.Store, t *tally) *history {
	return &history{store: store, tally: t, trees: make(map[gitrepo.OID][]gitrepo.TreeEntry), commits: make(map[gitrepo.OID]gitrepo.Commit),
		compared: make(map[[2]gitrepo.OID]bool)}
}

// maxFailures is how many faults of the history are enough: it does not hold,
// and a small hostile one could have more than anybody can wait for.
const maxFailures = 1000

// maxFollowed bounds how many commits are read to see what leads where: only merges
// that add nothing to one side ask.
const maxFollowed = 1 << 20

// The bounds of what is kept: commits, pairs of trees, and trees, of which
// neighbours in history share most. A tree with more entries is read again.
const (
	maxCached  = 4096
	maxPairs   = 1 << 18
	maxEntries = 1024
)

func (h *history) fail(path string, err error) {
	h.failures++
	h.tally.problem(ledger.Problem{Step: ledger.StepHistory, Path: path, Err: err})
}

// commit judges one commit and returns those of its parents that can be read.
func (h *history) commit(ctx context.Context, l *ledger.Ledger, id gitrepo.OID) ([]gitrepo.OID, error) {
	h.tally.checked(ledger.StepHistory)
	c, ok, err := h.readCommit(ctx, id)
	if err != nil || !ok {
		return nil, err
	}
	delete(h.commits, id)
	if len(c.Parents) > 2 || len(c.Parents) == 2 && c.Parents[0] == c.Parents[1] {
		h.fail(string(id), fault.New(fault.BadTree, "commit %s has %d parents; a merge has two, and they differ", id.Short(), len(c.Parents)))
		return nil, nil
	}
	if len(c.Parents) == 0 {
		return nil, h.root(ctx, l, id)
	}
	var readable []gitrepo.OID
	for _, parent := range c.Parents {
		p, ok, err := h.readCommit(ctx, parent)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		readable = append(readable, parent)
		if err := h.contains(ctx, id, nil, p.Tree, c.Tree); err != nil {
			return nil, err
		}
	}
	if len(readable) == 2 {
		if err := h.merge(ctx, id, c); err != nil {
			return nil, err
		}
	}
	return readable, nil
}

// merge judges that a commit with two parents is the merge of these and nothing
// else (docs/spec/merge.md).
func (h *history) merge(ctx context.Context, id gitrepo.OID, c gitrepo.Commit) error {
	made, err := ledger.MergeOf(ctx, h.store, c.Parents[0], c.Parents[1])
	if err != nil {
		return h.report(string(id), err)
	}
	if made != id {
		h.fail(string(id), fault.New(fault.BadTree, "commit %s is not the merge of its parents, which is %s", id.Short(), made.Short()))
		return nil
	}
	for i, parent := range c.Parents {
		p, ok, err := h.readCommit(ctx, parent)
		if err != nil {
			return err
		}
		if !ok || p.Tree != c.Tree { // it lacks something of the other, so that it cannot lead to it
			continue
		}
		leads, err := h.leads(ctx, parent, c.Parents[1-i])
		if err != nil {
			return err
		}
		if leads {
			h.fail(string(id), fault.New(fault.BadTree, "commit %s merges %s with %s, which leads to it", id.Short(), c.Parents[1-i].Short(), parent.Short()))
		}
	}
	return nil
}

// leads tells whether a commit leads to another one, as far as it can be read.
func (h *history) leads(ctx context.Context, from, to gitrepo.OID) (bool, error) {
	seen := map[gitrepo.OID]bool{from: true}
	for todo := []gitrepo.OID{from}; len(todo) > 0; {
		id := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if id == to {
			return true, nil
		}
		if h.followed++; h.followed > maxFollowed {
			return false, fault.New(fault.TooLarge, "the history of the ledger has more merges of one side than can be followed")
		}
		c, ok, err := h.readCommit(ctx, id)
		if err != nil {
			return false, err
		}
		if !ok {
			continue
		}
		for _, p := range c.Parents {
			if !seen[p] {
				seen[p] = true
				todo = append(todo, p)
			}
		}
	}
	return false, nil
}

// readCommit reads a commit, from what is kept of the one before if it is
// there. It is false when the commit cannot be read, which is then reported.
func (h *history) readCommit(ctx context.Context, id gitrepo.OID) (gitrepo.Commit, bool, error) {
	if c, ok := h.commits[id]; ok {
		return c, true, nil
	}
	o, err := h.store.Read(ctx, id, gitrepo.MaxCommit)
	if err == nil && o.Type != gitrepo.TypeCommit {
		err = fault.New(fault.BadTree, "object %s is a %s where a commit is wanted", id.Short(), o.Type)
	}
	var c gitrepo.Commit
	if err == nil {
		c, err = gitrepo.ParseCommit(h.store.Algorithm(), o.Data)
	}
	if err == nil {
		if len(h.commits) >= maxCached {
			clear(h.commits)
		}
		c = gitrepo.Commit{Tree: c.Tree, Parents: c.Parents} // a message may be large
		h.commits[id] = c
	}
	return c, err == nil, h.report(string(id), err)
}

// root judges a commit without parents.
func (h *history) root(ctx context.Context, l *ledger.Ledger, id gitrepo.OID) error {
	first, err := ledger.OpenCommit(ctx, h.store, l.Ref, id)
	if err != nil {
		return h.report(string(id), err)
	}
	n, err := first.Count(ctx, func(int) {})
	if err != nil {
		return h.report(string(id), err)
	}
	if n != 1 {
		h.fail(string(id), fault.New(fault.BadTree, "the first commit %s holds %d receipts, not the genesis alone", id.Short(), n))
		return nil
	}
	genesis, err := first.Genesis(ctx)
	if err != nil {
		return h.report(string(id), err)
	}
	ours, err := l.Genesis(ctx)
	if err == nil && ours.ID != genesis.ID {
		h.fail(string(id), fault.New(fault.BadTree, "the first commit %s holds the genesis of the ledger %s", id.Short(), genesis.ID.Short()))
	}
	return nil
}

// maxDepth is how many folders lie above a receipt's files. What a hostile
// tree has below is compared by its id, and never opened.
const maxDepth = 6

// contains judges that the tree new has all that old has, unchanged. Trees
// that are equal are not opened.
func (h *history) contains(ctx context.Context, commit gitrepo.OID, path []string, old, new gitrepo.OID) error {
	pair := [2]gitrepo.OID{old, new}
	if old == new || h.compared[pair] {
		return nil
	}
	if len(h.compared) >= maxPairs {
		clear(h.compared)
	}
	h.compared[pair] = true
	before, ok, err := h.readTree(ctx, path, old)
	if err != nil || !ok {
		return err
	}
	after, ok, err := h.readTree(ctx, path, new)
	if err != nil || !ok {
		return err
	}
	if !ordered(before) { // the head's trees are step 2's
		h.fail(strings.Join(path, "/"), fault.New(fault.BadTree, "the tree %s is out of order, or names an entry twice", old.Short()))
	}
	for _, c := range missing(before, after) {
		if h.failures >= maxFailures {
			return nil
		}
		here := append(slices.Clone(path), c.old.Name)
		if c.new.Mode == gitrepo.ModeTree && c.old.Mode == gitrepo.ModeTree && len(here) < maxDepth {
			if err := h.contains(ctx, commit, here, c.old.ID, c.new.ID); err != nil {
				return err
			}
			continue
		}
		name, what := strings.Join(here, "/"), "changed"
		if c.new.Name == "" {
			what = "removed"
		}
		h.fail(name, fault.New(fault.BadTree, "commit %s %s %s", commit.Short(), what, name))
	}
	return nil
}

// changed is an entry that a tree has not kept, and what it has under that
// name now, if anything.
type changed struct{ old, new gitrepo.TreeEntry }

// missing lists the entries of before that after does not have. Hostile trees
// have no order and names twice, so both are compared as sets.
func missing(before, after []gitrepo.TreeEntry) []changed {
	kept := make(map[gitrepo.TreeEntry]bool, len(after))
	byName := make(map[string]gitrepo.TreeEntry, len(after))
	for _, e := range after {
		kept[e] = true
		byName[e.Name] = e
	}
	var list []changed
	for _, e := range before {
		if !kept[e] {
			list = append(list, changed{e, byName[e.Name]})
		}
	}
	return list
}

func (h *history) readTree(ctx context.Context, path []string, id gitrepo.OID) ([]gitrepo.TreeEntry, bool, error) {
	if entries, ok := h.trees[id]; ok {
		return entries, true, nil
	}
	entries, err := gitrepo.ReadTree(ctx, h.store, id, ledger.MaxTree)
	if err != nil {
		return nil, false, h.report(strings.Join(path, "/"), err)
	}
	if len(entries) <= maxEntries {
		if len(h.trees) >= maxCached {
			clear(h.trees)
		}
		h.trees[id] = entries
	}
	return entries, true, nil
}

// ordered tells whether a tree is as git writes it: in order, each name once.
func ordered(entries []gitrepo.TreeEntry) bool {
	names := make(map[string]bool, len(entries))
	for i, e := range entries {
		if names[e.Name] || i > 0 && gitrepo.CompareEntries(entries[i-1], e) >= 0 {
			return false
		}
		names[e.Name] = true
	}
	return true
}

// report counts an error as a problem of the history, and passes on those
// that end the verification.
func (h *history) report(path string, err error) error {
	for _, code := range []fault.Code{fault.Interrupted, fault.GitRefused, fault.GitMissing, fault.Internal} {
		if fault.Has(err, code) { // nobody could look
			return err
		}
	}
	if err == nil {
		return nil
	}
	h.fail(path, err)
	return nil
}
