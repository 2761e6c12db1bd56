package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// checkoutConfig is the configuration of a checkout: nothing of the user's own changes
// what the files are, and no hook runs. The empty filter leaves files of git-lfs as they
// are stored, so that they can be told apart.
const checkoutConfig = "[core]\n\tautocrlf = false\n\thooksPath = /dev/null\n\tattributesFile = /dev/null\n\tfsmonitor = false\n" +
	"[filter \"lfs\"]\n\tsmudge =\n\tprocess =\n\tclean =\n\trequired = false\n"

// CheckOut puts the files of a commit into a new folder, which is a repository of its
// own: it borrows the objects of r, has its tags and no branches, and its HEAD is the
// commit. The faults are NotThatCommit (VM626) for a commit with submodules or files of
// git-lfs, which are not in it, GitRefused (VM112) and Interrupted (VM902).
func (r *Repo) CheckOut(ctx context.Context, commit OID, dir string) error {
	if err := r.refuseSubmodules(ctx, commit); err != nil {
		return err
	}
	g := r.git.at(dir)
	if _, err := r.git.at(filepath.Dir(dir)).run(ctx, nil, "init", "-q", "--template=", "--object-format="+r.algorithm, dir); err != nil {
		return refused(err, "no checkout can be made")
	}
	if err := r.lend(dir); err != nil {
		return fault.New(fault.WriteFailed, "no checkout can be made").Because(errors.New(err.Error()))
	}
	if err := r.copyTags(ctx, g); err != nil {
		return err
	}
	if _, err := g.run(ctx, nil, "checkout", "-q", "--detach", string(commit)); err != nil {
		return refused(err, "the commit cannot be checked out")
	}
	return refusePointers(dir)
}

// at is git in another folder, with nothing in the environment that says where its
// repository is.
func (g git) at(dir string) git {
	return git{dir: dir, env: slices.DeleteFunc(slices.Clone(g.env), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(elsewhere, name) || slices.Contains(quarantine, name) || name == "GIT_PREFIX" || name == "GIT_TEMPLATE_DIR"
	})}
}

// lend lets a new repository see the objects of r, and where its history is cut.
func (r *Repo) lend(dir string) error {
	own := filepath.Join(dir, ".git")
	objects := filepath.Join(r.CommonDir, "objects") + "\n"
	if err := os.MkdirAll(filepath.Join(own, "objects", "info"), 0o777); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(own, "objects", "info", "alternates"), []byte(filepath.ToSlash(objects)), 0o666); err != nil {
		return err
	}
	config, err := os.OpenFile(filepath.Join(own, "config"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = config.WriteString(checkoutConfig)
	if err = errors.Join(err, config.Close()); err != nil {
		return err
	}
	cuts, err := os.ReadFile(filepath.Join(r.CommonDir, "shallow"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(own, "shallow"), cuts, 0o666)
	}
	return err
}

// refuseSubmodules looks for commits of other repositories in the tree of a commit.
func (r *Repo) refuseSubmodules(ctx context.Context, commit OID) error {
	out, err := r.git.run(ctx, nil, "ls-tree", "-r", "-z", "--full-tree", string(commit))
	if err != nil {
		return refused(err, "the commit's tree cannot be read")
	}
	for line := range bytes.SplitSeq(out, []byte{0}) {
		what, path, _ := bytes.Cut(line, []byte("\t"))
		if bytes.HasPrefix(what, []byte("160000 ")) {
			return fault.New(fault.NotThatCommit, "%s is a submodule, and a clean checkout has none", path).
				With("how", "what a submodule has is not in the commit; run it in place, in a work tree that has them:\ngit submodule update --init")
		}
	}
	return nil
}

// pointer is how a file begins that stands for one of git-lfs.
const pointer = "version https://git-lfs.github.com/spec/"

// refusePointers looks for files of git-lfs, whose contents git does not have.
func refusePointers(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			if err == nil && d.IsDir() && path == filepath.Join(dir, ".git") {
				return filepath.SkipDir
			}
			return nil
		}
		info, err := d.Info()
		if err != nil || info.Size() > 1024 {
			return nil
		}
		b, err := os.ReadFile(path)
		if err == nil && bytes.HasPrefix(b, []byte(pointer)) {
			rel, _ := filepath.Rel(dir, path)
			return fault.New(fault.NotThatCommit, "%s is a file of git-lfs, and a clean checkout has none", filepath.ToSlash(rel)).
				With("how", "what git-lfs keeps is not in the commit; run it in place, in a work tree that has the files:\ngit lfs pull")
		}
		return nil
	})
}

// WorkTree is the folder of the work tree. The fault is NotThatCommit (VM626) where there
// is none, and GitRefused (VM112).
func (r *Repo) WorkTree(ctx context.Context) (string, error) {
	top, err := r.Top(ctx)
	if err == nil && top == "" {
		err = fault.New(fault.NotThatCommit, "there is no work tree here").With("how", "run it in a checkout of its own:\n--worktree")
	}
	return top, err
}

// Changes lists the paths, from the top of the work tree, of what is not as in HEAD:
// tracked files that differ, also those that git was told not to look at, and files that
// are neither tracked nor ignored.
func (r *Repo) Changes(ctx context.Context) (tracked, untracked []string, err error) {
	tracked, untracked, err = r.git.changes(ctx)
	if err != nil {
		return nil, nil, err
	}
	hidden, err := r.hidden(ctx)
	return append(tracked, hidden...), untracked, err
}

// ownEyes has git look at files, whatever it is configured to believe of them.
var ownEyes = []string{"-c", "core.fsmonitor=false", "-c", "core.untrackedCache=false", "-c", "core.checkStat=default", "-c", "core.trustctime=true"}

// changes are those that git shows by itself.
func (g git) changes(ctx context.Context) (tracked, untracked []string, err error) {
	out, err := g.run(ctx, nil, append(slices.Clone(ownEyes), "status", "--porcelain", "-z", "--untracked-files=all", "--no-renames", "--ignore-submodules=none")...)
	if err != nil {
		return nil, nil, refused(err, "git cannot look at the work tree")
	}
	for entry := range strings.SplitSeq(string(out), "\x00") {
		switch {
		case len(entry) <= 3:
		case strings.HasPrefix(entry, "??"):
			untracked = append(untracked, entry[3:])
		default:
			tracked = append(tracked, entry[3:])
		}
	}
	return tracked, untracked, nil
}

// hidden are tracked files that differ from HEAD, and that git was told not to look at.
// An index of HEAD that nobody told anything shows them.
func (r *Repo) hidden(ctx context.Context) ([]string, error) {
	passed, err := r.passedOver(ctx)
	if err != nil || len(passed) == 0 {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "vaultmesh-index-")
	if err != nil {
		return nil, fault.New(fault.WriteFailed, "no index can be made").Because(errors.New(err.Error()))
	}
	defer os.RemoveAll(dir)
	fresh := r.git
	fresh.env = append(slices.Clone(fresh.env), "GIT_INDEX_FILE="+filepath.Join(dir, "index"))
	if _, err := fresh.run(ctx, nil, "read-tree", "HEAD"); err != nil {
		return nil, refused(err, "no index can be made")
	}
	tracked, _, err := fresh.changes(ctx)
	return slices.DeleteFunc(tracked, func(path string) bool { return !passed[path] }), err
}

// passedOver are the tracked files that git was told not to look at: assumed to be
// unchanged, or not of this work tree and there all the same (git-update-index).
func (r *Repo) passedOver(ctx context.Context) (map[string]bool, error) {
	top, err := r.WorkTree(ctx)
	if err != nil {
		return nil, err
	}
	out, err := r.git.run(ctx, nil, "ls-files", "-v", "-z", "--full-name", ":/")
	if err != nil {
		return nil, refused(err, "git cannot look at the work tree")
	}
	passed := make(map[string]bool)
	for entry := range strings.SplitSeq(string(out), "\x00") {
		tag, path, _ := strings.Cut(entry, " ")
		switch {
		case tag == "S", tag == "s":
			_, err := os.Lstat(filepath.Join(top, path))
			passed[path] = err == nil
		case tag != strings.ToUpper(tag):
			passed[path] = true
		}
	}
	maps.DeleteFunc(passed, func(_ string, there bool) bool { return !there })
	return passed, nil
}

// CommitTime is the committer's time of a commit, in seconds since 1970.
func CommitTime(c Commit) (string, bool) {
	words := strings.Fields(c.Committer)
	if len(words) < 2 {
		return "", false
	}
	return words[len(words)-2], true
}

// Touched lists the paths that a commit with one parent changes, and the parent. The
// parent is "" for any other commit.
func (r *Repo) Touched(ctx context.Context, commit OID, c Commit) (paths []string, parent OID, err error) {
	if len(c.Parents) != 1 {
		return nil, "", nil
	}
	out, err := r.git.run(ctx, nil, "diff-tree", "--no-commit-id", "--name-only", "-r", "-z", "--no-renames", "--ignore-submodules=none", "--no-ext-diff", "--no-relative", string(commit))
	for path := range strings.SplitSeq(string(out), "\x00") {
		if path != "" {
			paths = append(paths, path)
		}
	}
	return paths, c.Parents[0], refused(err, "git cannot show the commit's change")
}
