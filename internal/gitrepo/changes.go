package gitrepo

import (
	"bytes"
	"context"
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// NewCommits lists the commits that one leads to and that none of some others does, the
// newest first, and those among what the others lead to that are parents of these. The
// fault is GitRefused (VM112) when one of them is not here.
func (r *Repo) NewCommits(ctx context.Context, head OID, known []OID) (list, edge []OID, err error) {
	var in bytes.Buffer
	in.WriteString(string(head) + "\n")
	for _, id := range known {
		in.WriteString("^" + string(id) + "\n")
	}
	out, err := r.git.run(ctx, &in, "rev-list", "--boundary", "--stdin")
	for id := range strings.FieldsSeq(string(out)) {
		if before, ok := strings.CutPrefix(id, "-"); ok {
			edge = append(edge, OID(before))
			continue
		}
		list = append(list, OID(id))
	}
	return list, edge, r.historyFault(err)
}

// Step is a commit with its parents.
type Step struct {
	Commit  OID
	Parents []OID
}

// NewSteps lists the commits that some lead to and that none of others does, each after
// its parents. The fault is GitRefused (VM112) when one of them is not here.
func (r *Repo) NewSteps(ctx context.Context, heads, known []OID) ([]Step, error) {
	var in bytes.Buffer
	for _, id := range heads {
		in.WriteString(string(id) + "\n")
	}
	for _, id := range known {
		in.WriteString("^" + string(id) + "\n")
	}
	out, err := r.git.run(ctx, &in, "rev-list", "--topo-order", "--reverse", "--parents", "--stdin")
	var list []Step
	for line := range strings.Lines(string(out)) {
		var ids []OID
		for id := range strings.FieldsSeq(line) {
			ids = append(ids, OID(id))
		}
		if len(ids) > 0 {
			list = append(list, Step{ids[0], ids[1:]})
		}
	}
	return list, r.historyFault(err)
}

// Independent are those of some commits to which none of the others leads. The fault is
// GitRefused (VM112) when one of them is not here.
func (r *Repo) Independent(ctx context.Context, commits []OID) ([]OID, error) {
	if len(commits) < 2 {
		return commits, nil
	}
	args := []string{"merge-base", "--independent"}
	for _, id := range commits {
		args = append(args, string(id))
	}
	out, err := r.git.run(ctx, nil, args...)
	var list []OID
	for id := range strings.FieldsSeq(string(out)) {
		list = append(list, OID(id))
	}
	return list, r.historyFault(err)
}

// MergeBase is a commit that both of two lead to, the best if there are several; "" where
// there is none. The fault is GitRefused (VM112) when one of them is not here.
func (r *Repo) MergeBase(ctx context.Context, a, b OID) (OID, error) {
	out, err := r.git.run(ctx, nil, "merge-base", string(a), string(b))
	var f *failure
	if asFailure(err, &f) && !f.killed && strings.TrimSpace(f.stderr) == "" {
		return "", nil
	}
	return OID(strings.TrimSpace(string(out))), r.historyFault(err)
}

// FirstParents lists the commits from one back to another, which is not among them, by
// first parents, the newest first. The fault is GitRefused (VM112).
func (r *Repo) FirstParents(ctx context.Context, head, since OID) ([]OID, error) {
	out, err := r.git.run(ctx, nil, "rev-list", "--first-parent", string(head), "^"+string(since), "--")
	var list []OID
	for id := range strings.FieldsSeq(string(out)) {
		list = append(list, OID(id))
	}
	return list, r.historyFault(err)
}

// Change is a commit and what it is compared with: one other, or, where that is "",
// all of its parents, from which a merge must differ in a path to change it.
type Change struct{ Commit, From OID }

// Changed calls each for the paths that differ, in the order of the changes. One process
// of git does it for all of them, whatever the user's configuration says of diffs. A
// path is in git's bytes. The fault is GitRefused (VM112) when an object is not here.
func (r *Repo) Changed(ctx context.Context, changes []Change, each func(id OID, path string)) error {
	return r.changed(ctx, changes, "-c", each)
}

// ChangedOfAny is Changed, with the paths in which a merge differs from any of its parents.
func (r *Repo) ChangedOfAny(ctx context.Context, merges []OID, each func(id OID, path string)) error {
	var changes []Change
	for _, id := range merges {
		changes = append(changes, Change{Commit: id})
	}
	return r.changed(ctx, changes, "-m", each)
}

func (r *Repo) changed(ctx context.Context, changes []Change, merges string, each func(id OID, path string)) error {
	var in bytes.Buffer
	for _, c := range changes {
		in.WriteString(strings.TrimSpace(string(c.Commit)+" "+string(c.From)) + "\n")
	}
	p := &rawDiff{each: each}
	err := r.git.stream(ctx, &in, p, "diff-tree", "--stdin", "-r", merges, "--root", "-z", "--raw", "--abbrev=4", "--no-renames", "--ignore-submodules=none", "--no-ext-diff", "--no-relative")
	var f *failure
	if asFailure(err, &f) {
		return fault.New(fault.GitRefused, "what was changed cannot be told").Because(f)
	}
	return err
}

// rawDiff reads git's raw format with NUL in place of line breaks: a commit's id, then of
// each path a field that begins with a colon, and the path.
type rawDiff struct {
	each func(id OID, path string)
	rest []byte
	id   OID
	path bool // the next field is one
}

func (p *rawDiff) Write(b []byte) (int, error) {
	p.rest = append(p.rest, b...)
	for {
		end := bytes.IndexByte(p.rest, 0)
		if end < 0 {
			p.rest = slices.Clone(p.rest)
			return len(b), nil
		}
		field := string(p.rest[:end])
		p.rest = p.rest[end+1:]
		switch {
		case p.path:
			p.each(p.id, field)
			p.path = false
		case strings.HasPrefix(field, ":"):
			p.path = true
		default:
			p.id = OID(field)
		}
	}
}

// RefsAt lists the branches and tags that lead to a commit, tags peeled, by full name.
// The fault is GitRefused (VM112).
func (r *Repo) RefsAt(ctx context.Context, commit OID) ([]string, error) {
	return r.listRefs(ctx, "--points-at="+string(commit), "refs/heads", "refs/tags")
}

// TagsSince lists the tags that lead to commits which one does not lead to.
func (r *Repo) TagsSince(ctx context.Context, since OID) ([]string, error) {
	return r.listRefs(ctx, "--no-merged="+string(since), "refs/tags")
}

func (r *Repo) listRefs(ctx context.Context, args ...string) ([]string, error) {
	out, err := r.git.run(ctx, nil, append([]string{"for-each-ref", "--format=%(refname)"}, args...)...)
	return strings.Fields(string(out)), refused(err, "git cannot list refs")
}

// HeadRef is the branch that is checked out, by full name; "" where none is.
func (r *Repo) HeadRef(ctx context.Context) (string, error) {
	out, err := r.git.run(ctx, nil, "symbolic-ref", "--quiet", "HEAD")
	var f *failure
	if asFailure(err, &f) {
		return "", nil
	}
	return strings.TrimSpace(string(out)), err
}
