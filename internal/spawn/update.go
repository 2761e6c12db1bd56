package spawn

import (
	"cmp"
	"context"
	"io"
	"slices"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
	"github.com/VaultSovereign/git-vaultmesh/templates"
)

// Base is what was last spawned in a folder: its receipt, and the commit that has it.
type Base struct {
	Entry  *ledger.Entry
	Commit gitrepo.OID
	Tree   gitrepo.OID // of that commit
	Folder string
}

// FindBase finds, among spawn receipts, the one about a folder that is the latest in the history of a
// commit: what the times of receipts claim decides only where the history does not. It sees that its
// commit has the files that it says. The faults are NotSpawned (VM816), OtherOutput (VM819) and
// those of [gitrepo.Repo.IsAncestor].
func FindBase(ctx context.Context, repo *gitrepo.Repo, entries []*ledger.Entry, folder string, head gitrepo.OID) (*Base, error) {
	candidates := About(entries, folder)
	slices.SortStableFunc(candidates, func(a, b *ledger.Entry) int { return cmp.Compare(a.Receipt.RecordedAt, b.Receipt.RecordedAt) })
	var latest *ledger.Entry
	for _, e := range candidates {
		in, err := precedes(ctx, repo, commitOf(e), head)
		if err != nil {
			return nil, err
		}
		if !in {
			continue
		}
		if latest != nil {
			if in, err = precedes(ctx, repo, commitOf(e), commitOf(latest)); err != nil {
				return nil, err
			}
		}
		if latest == nil || !in || commitOf(e) == commitOf(latest) {
			latest = e
		}
	}
	if latest == nil {
		return nil, notSpawned(folder)
	}
	id, c, err := repo.ResolveCommit(ctx, string(commitOf(latest)))
	if err != nil {
		return nil, err
	}
	output, err := Committed(ctx, repo, id, folder)
	if err == nil && receipt.Digest(output) != latest.Receipt.Spawn.OutputDigest {
		err = fault.New(fault.OtherOutput, "the commit %s does not have what the receipt %s says", id.Short(), latest.ID.Short()).With("receipt", latest.ID.Short())
	}
	return &Base{Entry: latest, Commit: id, Tree: c.Tree, Folder: folder}, err
}

func notSpawned(folder string) error {
	if folder == "" {
		return fault.New(fault.NotSpawned, "no spawn receipt is about this repository, at a commit of this branch")
	}
	return fault.New(fault.NotSpawned, "no spawn receipt is about the folder %.200q, at a commit of this branch", folder)
}

// About are the receipts of what was spawned in a folder, at a commit.
func About(entries []*ledger.Entry, folder string) []*ledger.Entry {
	return slices.DeleteFunc(slices.Clone(entries), func(e *ledger.Entry) bool { return !about(e, folder) })
}

func about(e *ledger.Entry, folder string) bool {
	r := e.Receipt
	return r != nil && r.Kind == receipt.KindSpawn && r.Spawn != nil && r.Commit != "" && r.Labels[PathLabel] == folder
}

func commitOf(e *ledger.Entry) gitrepo.OID { return gitrepo.OID(e.Receipt.Commit.Hex()) }

// precedes tells whether a commit is another one or leads to it; one that is not here does not.
func precedes(ctx context.Context, repo *gitrepo.Repo, earlier, later gitrepo.OID) (bool, error) {
	if earlier == later {
		return true, nil
	}
	if _, _, err := repo.ResolveCommit(ctx, string(earlier)); err != nil {
		if fault.Has(err, fault.NoRevision) || fault.Has(err, fault.ObjectMissing) {
			return false, nil
		}
		return false, err
	}
	return repo.IsAncestor(ctx, earlier, later)
}

// Clean sees that no tracked file differs from what is committed, and that no merge or rebase waits. The fault is
// Uncommitted (VM817).
func Clean(ctx context.Context, repo *gitrepo.Repo) error {
	if what := repo.Waiting(); what != "" {
		return fault.New(fault.Uncommitted, "a %s waits to be finished", what)
	}
	dirty, err := repo.Dirty(ctx)
	if err == nil && dirty {
		err = fault.New(fault.Uncommitted, "the work tree has changes that are not committed")
	}
	return err
}

// Merge merges what a plan makes now over what was changed since the base: it makes a commit of the
// plan on top of the base, and has git merge that into the branch. It returns that commit, its tree,
// and the files that a person has to mend. The faults are those of [gitrepo.Repo.MergeCommit].
func (b *Base) Merge(ctx context.Context, repo *gitrepo.Repo, messages io.Writer, plan *templates.Plan) (id, tree gitrepo.OID, conflicts []string, err error) {
	folder, objects := gitrepo.TreeOfFiles(repo.Algorithm(), treeFiles(plan))
	tree, above, err := repo.Replant(ctx, b.Tree, b.Folder, folder)
	if err != nil {
		return "", "", nil, err
	}
	if err := repo.Write(ctx, append(objects, above...)); err != nil {
		return "", "", nil, err
	}
	what := plan.Name + " from the template " + plan.Template.ID
	if id, err = repo.CommitTree(ctx, tree, b.Commit, "spawn: update "+what); err != nil {
		return "", "", nil, err
	}
	conflicts, err = repo.MergeCommit(ctx, messages, id, "Merge the update of "+what)
	return id, tree, conflicts, err
}
