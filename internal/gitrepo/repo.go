// Package gitrepo is the border with git: the one place that starts git,
// reads and writes its objects, and moves its refs.
//
// It is for ledgers and the like: exact refs, objects by id, trees and
// commits parsed strictly, writes that are on disk before a ref names them.
// It is not a general git library, and it judges nothing. Everything goes
// through the user's own git, so that its configuration, credentials,
// safe.directory, worktrees and hash algorithms count here as they do there.
//
// What git prints for people is never parsed, but for telling apart reasons
// of failure; there the locale is fixed.
package gitrepo

import (
	"cmp"
	"context"
	"path/filepath"
	"strings"
	"sync"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// Repo is one repository, as git finds it from a folder.
type Repo struct {
	GitDir    string // of this worktree
	CommonDir string // shared by all worktrees
	Bare      bool
	Shallow   bool // history is cut

	algorithm string
	git       git
	plumbing  gitStore
	files     *fileStore // nil until it is wanted, and where onlyGit
	onlyGit   bool
	updates   *refUpdates
	plainRefs bool   // refs are files, as git has always had them
	config    Config // as it was when [Look] looked at the repository
	disk      disk
}

// Options say from where and how to open a repository.
type Options struct {
	Dir         string   // the folder to start from; "" is the process's own
	Env         []string // the process environment, "NAME=value"
	NoLazyFetch bool     // a partial clone does not ask its remote for objects
}

// Open finds the repository that o.Dir is in. The faults are NoRepository
// (VM102), GitMissing (VM111) and GitRefused (VM112). Close the Repo after use.
func Open(ctx context.Context, o Options) (*Repo, error) {
	r := newRepo(git{dir: o.Dir, env: childEnv(o.Env, o.NoLazyFetch)})
	out, err := r.git.run(ctx, nil, "rev-parse", "--path-format=absolute", "--git-dir", "--git-common-dir",
		"--show-object-format", "--is-bare-repository", "--is-shallow-repository")
	if err != nil {
		return nil, openFault(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(lines) != 5 || !filepath.IsAbs(lines[0]) {
		return nil, fault.New(fault.GitMissing, "git answers as no version from 2.34 on does, or the repository's path has a line break")
	}
	r.GitDir, r.CommonDir, r.algorithm = lines[0], lines[1], lines[2]
	r.Bare, r.Shallow = lines[3] == "true", lines[4] == "true"
	return r, nil
}

func newRepo(g git) *Repo {
	r := &Repo{git: g, disk: osDisk{}}
	if g.fetches == nil {
		r.git.fetches = new(fetches)
	}
	r.plumbing.repo = r
	return r
}

// Look opens the repository that o.Dir is in, and reads its configuration. An
// ordinary one costs one process of git. The faults are those of [Open] and
// [Repo.Config]. Close the Repo after use.
func Look(ctx context.Context, o Options) (*Repo, Config, error) {
	g := git{dir: o.Dir, env: childEnv(o.Env, o.NoLazyFetch)}
	r, config, err := glance(ctx, o, g)
	if r != nil || ctx.Err() != nil {
		return r, config, err
	}
	var configErr error
	var wait sync.WaitGroup
	if config.values == nil {
		wait.Go(func() { config, configErr = readConfig(ctx, g) }) // a process costs more waiting than work
	}
	r, err = Open(ctx, o)
	wait.Wait()
	if r != nil {
		r.config = config
	}
	return r, config, cmp.Or(err, configErr)
}

// Close ends the processes that r keeps, and closes its files.
func (r *Repo) Close() {
	r.plumbing.Close()
	if r.updates != nil {
		r.updates.stop()
		r.updates = nil
	}
	if r.files != nil {
		r.files.Close()
		r.files = nil
	}
}

// MayTake bounds how many bytes a remote may send at once: 0 is what is usual, 8 GiB.
func (r *Repo) MayTake(most int64) { r.git.most = most }

// Algorithm is the hash of the repository's object ids, "sha1" or "sha256".
func (r *Repo) Algorithm() string { return r.algorithm }

// Version is git's own version, such as "2.39.5". The fault is GitMissing (VM111).
func Version(ctx context.Context, env []string) (string, error) {
	g := git{env: childEnv(env, false)}
	out, err := g.run(ctx, nil, "version")
	if err != nil {
		return "", err
	}
	words := strings.Fields(string(out))
	if len(words) < 3 || words[0] != "git" {
		return "", fault.New(fault.GitMissing, "%.80q is no git version", out)
	}
	return words[2], nil
}

func openFault(err error) error {
	var f *failure
	if !asFailure(err, &f) {
		return err
	}
	if f.says("not a git repository") && !f.says("dubious ownership") {
		return fault.New(fault.NoRepository, "not inside a git repository").Because(f)
	}
	return fault.New(fault.GitRefused, "git refuses this repository").Because(f)
}
