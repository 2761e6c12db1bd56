package gitrepo

import (
	"bytes"
	"context"
	"os"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// MaxCommit bounds the commits and tags that are read, in bytes.
const MaxCommit = 1 << 20

// ResolveCommit returns the commit that a revision means, tags peeled. The
// fault is NoRevision (VM109), or Ambiguous (VM103).
func (r *Repo) ResolveCommit(ctx context.Context, revision string) (OID, Commit, error) {
	var o Object
	var err error
	if head := r.plainHead(); revision == "HEAD" && head != "" {
		o, err = r.Peel(ctx, head, TypeCommit, MaxCommit)
	} else if strings.HasPrefix(revision, ":/") { // what follows is a pattern to its end
		if o, err = r.resolve(ctx, revision, MaxCommit); err == nil {
			o, err = r.Peel(ctx, o.ID, TypeCommit, MaxCommit)
		}
	} else {
		o, err = r.resolve(ctx, revision+"^{commit}", MaxCommit)
	}
	if fault.Has(err, fault.ObjectMissing) {
		return "", Commit{}, fault.New(fault.NoRevision, "%.200q is not a revision that leads to a commit", revision).With("revision", revision)
	}
	if err != nil {
		return "", Commit{}, err
	}
	c, err := ParseCommit(r.algorithm, o.Data)
	return o.ID, c, err
}

// Top is the folder of the work tree, "" where there is none. The fault is GitRefused
// (VM112).
func (r *Repo) Top(ctx context.Context) (string, error) {
	if r.Bare {
		return "", nil
	}
	out, err := r.git.run(ctx, nil, "rev-parse", "--path-format=absolute", "--show-toplevel")
	var f *failure
	if asFailure(err, &f) && f.says("must be run in a work tree") {
		return "", nil
	}
	if err != nil {
		return "", openFault(err)
	}
	return strings.TrimSuffix(string(out), "\n"), nil
}

// Dirty tells whether tracked files of the work tree differ from HEAD. It is
// false where there is no work tree. The fault is GitRefused (VM112).
func (r *Repo) Dirty(ctx context.Context) (bool, error) {
	if r.Bare {
		return false, nil
	}
	out, err := r.git.run(ctx, nil, "status", "--porcelain", "-z", "--untracked-files=no", "--ignore-submodules=untracked")
	var f *failure
	if asFailure(err, &f) && f.says("must be run in a work tree") { // among git's own files
		return false, nil
	}
	return len(out) > 0, refused(err, "git cannot look at the work tree")
}

// maxPatch bounds the text of a change whose patch id is taken, in bytes.
const maxPatch = 16 << 20

// PatchID is git's stable patch id of a commit's change against its parent,
// which stays the same when the commit is rebased. It is "" for a merge, an
// empty change, and one whose text is over 16 MiB. The fault is GitRefused
// (VM112).
func (r *Repo) PatchID(ctx context.Context, commit OID) (OID, error) {
	// What the user's configuration, or the work tree's .gitmodules, says of diffs must not change the id.
	patch, whole, err := r.git.runLimited(ctx, maxPatch, "-c", "core.quotePath=true", "-c", "diff.suppressBlankEmpty=false",
		"-c", "core.attributesFile="+os.DevNull, "diff-tree", "--patch", "--no-ext-diff", "--no-textconv", "--no-renames",
		"--ignore-submodules=none", "--submodule=short", "--full-index", "--diff-algorithm=myers", "--end-of-options", string(commit))
	if err != nil {
		return "", refused(err, "git cannot show the commit's change")
	}
	if !whole || bytes.Count(patch, []byte("\n")) < 2 {
		return "", nil
	}
	out, err := r.git.run(ctx, bytes.NewReader(patch), "patch-id", "--stable")
	if err != nil {
		return "", refused(err, "git cannot take a patch id")
	}
	id, _, _ := strings.Cut(string(out), " ")
	return OID(strings.TrimSpace(id)), nil
}

// refused makes a failure of git a fault GitRefused; faults stay as they are.
func refused(err error, what string) error {
	var f *failure
	if asFailure(err, &f) {
		return fault.New(fault.GitRefused, "%s", what).Because(f)
	}
	return err
}

// IsAncestor tells whether a commit leads to another one. The fault is
// GitRefused (VM112) when one of them is not here.
func (r *Repo) IsAncestor(ctx context.Context, earlier, later OID) (bool, error) {
	out, err := r.git.run(ctx, nil, "rev-list", "--max-count=1", string(earlier)+"^{commit}", "^"+string(later), "--")
	if err != nil || len(out) == 0 {
		return err == nil, r.historyFault(err)
	}
	// That walk ends by dates, too early where a clock has lied. The one that does not takes
	// what it cannot read for an end, and complains.
	_, err = r.git.run(ctx, nil, "merge-base", "--is-ancestor", string(earlier), string(later))
	var f *failure
	if asFailure(err, &f) && !f.killed && strings.TrimSpace(f.stderr) == "" {
		return false, nil
	}
	return err == nil, r.historyFault(err)
}

// Between lists the commits that one leads to and another, earlier one does
// not. The fault is GitRefused (VM112) when one of them is not here.
func (r *Repo) Between(ctx context.Context, earlier, later OID) ([]OID, error) {
	out, err := r.git.run(ctx, nil, "rev-list", string(later), "^"+string(earlier), "--")
	var list []OID
	for id := range strings.FieldsSeq(string(out)) {
		list = append(list, OID(id))
	}
	return list, r.historyFault(err)
}

// Cut tells whether the history behind commits is cut, as in a shallow clone: a commit
// where it ends names parents.
func (r *Repo) Cut(ctx context.Context, heads ...OID) (bool, error) {
	if !r.Shallow {
		return false, nil
	}
	args := []string{"rev-list", "--max-parents=0"}
	for _, h := range heads {
		args = append(args, string(h))
	}
	out, err := r.git.run(ctx, nil, append(args, "--")...)
	if err != nil {
		return false, r.historyFault(err)
	}
	for id := range strings.FieldsSeq(string(out)) {
		o, err := r.Read(ctx, OID(id), MaxCommit)
		if err != nil {
			return false, err
		}
		c, err := ParseCommit(r.algorithm, o.Data)
		if err != nil || len(c.Parents) > 0 {
			return true, err
		}
	}
	return false, nil
}

func (r *Repo) historyFault(err error) error {
	var f *failure
	if asFailure(err, &f) {
		return fault.New(fault.GitRefused, "the history cannot be walked").Because(f)
	}
	return err
}
