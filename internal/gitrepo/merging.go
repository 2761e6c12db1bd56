package gitrepo

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// CommitTree makes a commit of a tree, by git's identity, signed where signed commits are configured.
// No ref names it. The faults are those of [FirstCommit].
func (r *Repo) CommitTree(ctx context.Context, tree, parent OID, message string) (OID, error) {
	args := []string{"commit-tree", "-p", string(parent), "-m", message}
	if r.signs() {
		args = append(args, "-S")
	}
	out, err := r.git.run(ctx, nil, append(args, string(tree))...)
	if err != nil {
		return "", r.commitFault(err)
	}
	return OID(strings.TrimSpace(string(out))), nil
}

// MergeCommit merges a commit into the branch that is checked out, as `git merge` does. Where a person
// has to finish it, the files with conflicts are returned, by their paths from the top, and all is as
// git leaves it. After a fault the work tree is as it was. The faults are those of [FirstCommit].
func (r *Repo) MergeCommit(ctx context.Context, messages io.Writer, id OID, message string) (conflicts []string, err error) {
	err = r.commitFault(r.tell(ctx, messages, "merge", "-q", "--ff", "--commit", "--no-squash", "--no-rerere-autoupdate", "--no-edit", "-m", message, string(id)))
	if err == nil {
		return nil, nil
	}
	if _, statErr := os.Stat(filepath.Join(r.GitDir, "MERGE_HEAD")); errors.Is(statErr, fs.ErrNotExist) {
		return nil, err
	}
	out, listErr := r.git.run(context.WithoutCancel(ctx), nil, "diff", "--name-only", "--no-relative", "--diff-filter=U", "-z")
	for path := range strings.SplitSeq(string(out), "\x00") {
		if path != "" {
			conflicts = append(conflicts, path)
		}
	}
	if listErr == nil && len(conflicts) > 0 {
		return conflicts, nil
	}
	_, _ = r.git.run(context.WithoutCancel(ctx), nil, "merge", "--abort")
	return nil, err
}

// Waiting is what waits to be finished, such as a merge, "" for nothing.
func (r *Repo) Waiting() string {
	for file, what := range map[string]string{"MERGE_HEAD": "merge", "rebase-merge": "rebase", "rebase-apply": "rebase", "CHERRY_PICK_HEAD": "cherry-pick", "REVERT_HEAD": "revert"} {
		if _, err := os.Stat(filepath.Join(r.GitDir, file)); err == nil {
			return what
		}
	}
	return ""
}

// FetchTemplates fetches a tag, branch or commit from an address into a folder that is made for it, and
// returns the repository there, of the hash that the remote has, and the commit. Close it after use. The faults are BadTemplateAddress
// (VM813), TemplateUnreachable (VM814) and DiskFull (VM508).
func FetchTemplates(ctx context.Context, o Options, messages io.Writer, address, revision, dir string) (*Repo, OID, error) {
	switch {
	case address == "" || runsCommand(address):
		return nil, "", fault.New(fault.BadTemplateAddress, "%.200q is no address that templates are fetched from", WithoutPassword(address))
	case !plainRevision(revision):
		return nil, "", fault.New(fault.BadTemplateAddress, "%.80q is no tag, branch or commit", revision)
	}
	r, err := fetchRevision(ctx, o, messages, address, revision, dir)
	if err != nil {
		return nil, "", fetchFault(err, address, revision)
	}
	id, _, err := r.ResolveCommit(ctx, wantedRef)
	if err != nil {
		r.Close()
		return nil, "", fault.New(fault.TemplateUnreachable, "%.80q of %.200q is no commit", revision, WithoutPassword(address)).With("url", fault.Quote(WithoutPassword(address))).Because(err)
	}
	return r, id, nil
}

// wantedRef is where a revision of a template lies.
const wantedRef = "refs/templates/wanted"

// fetchRevision fetches a revision into a repository of the hash that the remote has, which git says only
// when it is another one.
func fetchRevision(ctx context.Context, o Options, messages io.Writer, address, revision, dir string) (*Repo, error) {
	if isOID("sha256", OID(revision)) {
		return fetchInto(ctx, o, messages, address, revision, filepath.Join(dir, "sha256"), "sha256")
	}
	words := &heldBack{to: messages}
	r, err := fetchInto(ctx, o, words, address, revision, filepath.Join(dir, "sha1"), "sha1")
	var f *failure
	if asFailure(err, &f) && f.says("server sha256") {
		return fetchInto(ctx, o, messages, address, revision, filepath.Join(dir, "sha256"), "sha256")
	}
	words.release()
	return r, err
}

// fetchInto fetches a revision into a repository that it makes. That is not a bare one, which is not found
// where safe.bareRepository is explicit.
func fetchInto(ctx context.Context, o Options, messages io.Writer, address, revision, dir, algorithm string) (*Repo, error) {
	g := git{dir: filepath.Dir(dir), env: here(childEnv(o.Env, false))}
	if _, err := g.run(ctx, nil, "init", "-q", "--template=", "--object-format="+algorithm, dir); err != nil {
		return nil, refused(err, "no repository can be made for the templates")
	}
	r, err := Open(ctx, Options{Dir: dir, Env: here(o.Env)})
	if err != nil {
		return nil, err
	}
	r.git.landing = filepath.Join(r.CommonDir, "objects", "pack")
	err = r.git.transfer(ctx, nil, messages, "-c", "fetch.fsckObjects=true", "fetch", "--quiet", "--depth=1", "--no-tags", "--no-write-fetch-head",
		"--no-recurse-submodules", "--end-of-options", address, "+"+revision+":"+wantedRef)
	if err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// fetchFault says why templates could not be fetched.
func fetchFault(err error, address, revision string) error {
	var f *failure
	switch {
	case !asFailure(err, &f):
		return err
	case f.lacksSpace():
		return fault.New(fault.DiskFull, "the templates cannot be written: no space is left").Because(f)
	}
	return fault.New(fault.TemplateUnreachable, "%.200q cannot be fetched from %.200q", revision, WithoutPassword(address)).With("url", fault.Quote(WithoutPassword(address))).Because(f)
}

// WithoutPassword is an address as it may be kept: without the password in it, and over HTTP without the user,
// who may be a token.
func WithoutPassword(address string) string {
	u, err := url.Parse(address)
	switch scheme, rest, found := strings.Cut(address, "://"); {
	case err == nil && u.User != nil:
		u.User = url.User(u.User.Username())
		if u.Scheme == "http" || u.Scheme == "https" {
			u.User = nil
		}
		return u.String()
	case err != nil && found: // what stands before the last @ may be one
		return scheme + "://" + rest[strings.LastIndexByte(rest, '@')+1:]
	}
	return address
}

// plainRevision tells whether a word can be a tag, a branch or a commit, and nothing else.
func plainRevision(revision string) bool {
	return validRemote(revision) && !strings.HasPrefix(revision, "+") && !strings.HasPrefix(revision, "refs/vaultmesh")
}
