package gitrepo

import (
	"bytes"
	"context"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// MaxCommit bounds the commits and tags that are read, in bytes.
const MaxCommit = 1 << 20

// ResolveCommit returns the commit that a revision means, tags peeled. The
// fault is NoRevision (VM109), or Ambiguous (VM103).
func (r *Repo) ResolveCommit(ctx context.Context, revision string) (OID, Commit, error) {
	o, err := r.Read(ctx, revision+"^{commit}", MaxCommit)
	if fault.Has(err, fault.ObjectMissing) {
		return "", Commit{}, fault.New(fault.NoRevision, "%.200q is not a revision that leads to a commit", revision).With("revision", revision)
	}
	if err != nil {
		return "", Commit{}, err
	}
	c, err := ParseCommit(o.Data)
	return o.ID, c, err
}

// Dirty tells whether tracked files of the work tree differ from HEAD. It is
// false where there is no work tree.
func (r *Repo) Dirty(ctx context.Context) (bool, error) {
	if !r.InTree {
		return false, nil
	}
	out, err := r.git.run(ctx, nil, "status", "--porcelain", "-z", "--untracked-files=no")
	if err != nil {
		return false, fault.New(fault.GitRefused, "git cannot look at the work tree").Because(err)
	}
	return len(out) > 0, nil
}

// maxPatch bounds the text of a change whose patch id is taken, in bytes.
const maxPatch = 16 << 20

// PatchID is git's stable patch id of a commit's change, which stays the same
// when the commit is rebased. It is "" for a merge, an empty change, and one
// whose text is over 16 MiB.
func (r *Repo) PatchID(ctx context.Context, commit OID) (OID, error) {
	// What the user's configuration says of diffs must not change the id.
	patch, err := r.git.run(ctx, nil, "diff-tree", "--root", "--patch", "--no-ext-diff", "--no-textconv", "--no-renames",
		"--full-index", "--diff-algorithm=myers", "--end-of-options", string(commit))
	if err != nil {
		return "", fault.New(fault.GitRefused, "git cannot show the commit's change").Because(err)
	}
	if len(patch) > maxPatch || bytes.Count(patch, []byte("\n")) < 2 {
		return "", nil
	}
	out, err := r.git.run(ctx, bytes.NewReader(patch), "patch-id", "--stable")
	if err != nil {
		return "", fault.New(fault.GitRefused, "git cannot take a patch id").Because(err)
	}
	id, _, _ := strings.Cut(string(out), " ")
	return OID(strings.TrimSpace(id)), nil
}
