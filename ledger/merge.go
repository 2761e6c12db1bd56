package ledger

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
)

// The fixed bytes of a merge commit (docs/spec/merge.md).
const (
	mergeMessage = "vaultmesh: merge\n"
	// MergeName and MergeEmail are who merges, and who records the receipt that is
	// derived from a merge: nobody.
	MergeName  = "vaultmesh"
	MergeEmail = "merge@vaultmesh.invalid"
)

// latestDate is the last second of the year 9999, the end of what a merge's date
// can be.
const latestDate = 253402300799

// Union is the merge of two ledgers: the commit, and the objects that it needs
// besides those that both have.
type Union struct {
	Head    gitrepo.OID
	Objects []gitrepo.Object // trees from below, the commit last
}

// Merge makes the merge commit of two ledgers: a function of the two heads alone,
// the same whoever merges, in whatever order they are given. Nothing is written.
// That neither leads to the other is the caller's to know. The faults are
// OtherLedger (VM516), and BadTree (VM504) where one has other bytes under a path
// or something that does not belong there.
func Merge(ctx context.Context, a, b *Ledger) (*Union, error) {
	if err := sameGenesis(ctx, a, b); err != nil {
		return nil, err
	}
	return mergeCommits(ctx, a.store, a.Head, b.Head)
}

func sameGenesis(ctx context.Context, a, b *Ledger) error {
	ours, err := a.Genesis(ctx)
	if err != nil {
		return err
	}
	theirs, err := b.Genesis(ctx)
	if err != nil {
		return err
	}
	if ours.ID != theirs.ID {
		return fault.New(fault.OtherLedger, "%s is the ledger %s and %s the ledger %s, and two ledgers are never merged", a.Head.Short(), ours.ID.Short(), b.Head.Short(), theirs.ID.Short())
	}
	return nil
}

// MergeOf is the merge commit of two commits of a ledger, as [Merge] makes it: for
// who has a merge and asks whether it is the one.
func MergeOf(ctx context.Context, store gitrepo.Store, a, b gitrepo.OID) (gitrepo.OID, error) {
	u, err := mergeCommits(ctx, store, a, b)
	if err != nil {
		return "", err
	}
	return u.Head, nil
}

func mergeCommits(ctx context.Context, store gitrepo.Store, a, b gitrepo.OID) (*Union, error) {
	parents := []gitrepo.OID{a, b}
	slices.Sort(parents)
	var trees [2]gitrepo.OID
	var date int64
	for i, id := range parents {
		c, err := readCommit(ctx, store, id)
		if err != nil {
			return nil, err
		}
		trees[i], date = c.Tree, max(date, commitDate(c.Committer))
	}
	m := &merging{store: store}
	tree, err := m.trees(ctx, levelRoot, "", trees[0], trees[1])
	if err != nil {
		return nil, err
	}
	who := MergeName + " <" + MergeEmail + "> " + strconv.FormatInt(date, 10) + " +0000"
	commit := gitrepo.Commit{Tree: tree, Parents: parents, Author: who, Committer: who, Message: mergeMessage}
	o := gitrepo.NewObject(store.Algorithm(), gitrepo.TypeCommit, commit.Encode())
	return &Union{Head: o.ID, Objects: append(m.objects, o)}, nil
}

func readCommit(ctx context.Context, store gitrepo.Store, id gitrepo.OID) (gitrepo.Commit, error) {
	o, err := store.Read(ctx, id, gitrepo.MaxCommit)
	if err != nil {
		return gitrepo.Commit{}, err
	}
	if o.Type != gitrepo.TypeCommit {
		return gitrepo.Commit{}, fault.New(fault.BadTree, "object %s is a %s where a commit is wanted", id.Short(), o.Type)
	}
	return gitrepo.ParseCommit(store.Algorithm(), o.Data)
}

// commitDate is the time of a committer's line in seconds since 1970, moved into the
// years 1970 to 9999; 1970 where no number stands there.
func commitDate(committer string) int64 {
	words := strings.Fields(committer[strings.LastIndexByte(committer, '>')+1:])
	if len(words) == 0 || strings.HasPrefix(words[0], "-") {
		return 0
	}
	seconds, err := strconv.ParseUint(words[0], 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange), seconds > latestDate:
		return latestDate
	case err != nil:
		return 0
	}
	return int64(seconds)
}

// merging is a merge that is being made.
type merging struct {
	store   gitrepo.Store
	objects []gitrepo.Object
}

// trees is the union of two trees. Those that are equal are not opened, nor is what
// only one side has.
func (m *merging) trees(ctx context.Context, level int, path string, a, b gitrepo.OID) (gitrepo.OID, error) {
	if a == b {
		return a, nil
	}
	ours, err := readStrictly(ctx, m.store, level, path, a)
	if err != nil {
		return "", err
	}
	theirs, err := readStrictly(ctx, m.store, level, path, b)
	if err != nil {
		return "", err
	}
	at := make(map[string]int, len(ours))
	for i, e := range ours {
		at[e.Name] = i
	}
	union := slices.Clone(ours)
	for _, e := range theirs {
		i, both := at[e.Name]
		switch {
		case !both:
			union = append(union, e)
		case union[i] == e:
		case union[i].Mode == gitrepo.ModeTree && e.Mode == gitrepo.ModeTree:
			if union[i].ID, err = m.trees(ctx, level+1, join(path, e.Name), union[i].ID, e.ID); err != nil {
				return "", err
			}
		default:
			return "", badTree(join(path, e.Name), "has other bytes on the two sides")
		}
	}
	if level == levelFolder && len(union) > MaxFiles {
		return "", fault.New(fault.TooLarge, "%s would have %d files, over the limit of %d", path, len(union), MaxFiles)
	}
	slices.SortFunc(union, gitrepo.CompareEntries)
	o := gitrepo.NewObject(m.store.Algorithm(), gitrepo.TypeTree, gitrepo.EncodeTree(union))
	if o.ID != a && o.ID != b {
		m.objects = append(m.objects, o)
	}
	return o.ID, nil
}

// Parents are those of the head, and the date of the head as merges have it.
func (l *Ledger) Parents(ctx context.Context) (parents []gitrepo.OID, date int64, err error) {
	c, err := readCommit(ctx, l.store, l.Head)
	if err != nil {
		return nil, 0, err
	}
	return c.Parents, commitDate(c.Committer), nil
}
