package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// standing are the settings with which a repository is made that is going to be moved: nothing that
// git starts goes on in the background, or remembers where it was. Of files that were made a moment ago
// git need not warn that it will end their lines otherwise, or refuse them for it.
var standing = []string{"-c", "core.fsmonitor=false", "-c", "core.untrackedCache=false", "-c", "gc.auto=0", "-c", "maintenance.auto=false", "-c", "core.safecrlf=false"}

// Init makes a repository of a folder, as `git init` does there: with the user's branch, template
// and format. The faults are GitMissing (VM111), DiskFull (VM508), ReadOnly (VM507) and GitRefused (VM112).
func Init(ctx context.Context, o Options) error {
	r := newRepo(git{dir: o.Dir, env: here(childEnv(o.Env, true))})
	_, err := r.git.run(ctx, nil, append(slices.Clone(standing), "init", "-q")...)
	return r.roomFault(r.writeFault(err, "no repository can be made"))
}

// roomFault looks whether there is no space left, which git does not say of all that it cannot write.
func (r *Repo) roomFault(err error) error {
	if !fault.Has(err, fault.GitRefused) {
		return err
	}
	probe, probeErr := os.CreateTemp(r.git.dir, ".room-")
	if probeErr == nil {
		_, probeErr = probe.Write(make([]byte, 256<<10))
		probeErr = errors.Join(probeErr, probe.Close(), os.Remove(probe.Name()))
	}
	if errors.Is(probeErr, syscall.ENOSPC) || errors.Is(probeErr, syscall.EDQUOT) {
		return fault.New(fault.DiskFull, "no space is left").Because(err)
	}
	return err
}

// Own are options to open the repository that was made in a folder, and no other.
func Own(o Options) Options {
	o.Env = here(o.Env)
	return o
}

// here is an environment in which no repository is named.
func here(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains([]string{"GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_CONFIG", "GIT_PREFIX"}, name) || slices.Contains(quarantine, name)
	})
}

// FirstCommit commits all files of a folder that [Init] made a repository of, also ignored ones, as `git add`
// and `git commit` do: by git's identity, past its hooks, and signed where that is configured. What hooks
// say goes to messages. It shares nothing with a [Repo], so that other work can be done in the
// repository meanwhile. The faults are NoIdentity (VM105), HookRefused (VM601), SignFailed (VM307),
// DiskFull (VM508), ReadOnly (VM507) and GitRefused (VM112).
func FirstCommit(ctx context.Context, o Options, messages io.Writer, message string) error {
	r := newRepo(git{dir: o.Dir, env: here(childEnv(o.Env, true))})
	r.CommonDir = filepath.Join(o.Dir, ".git")
	err := r.stage(ctx, messages, ".")
	if err == nil {
		err = r.commitFault(r.tell(ctx, messages, "commit", "-q", "-m", message))
	}
	return err
}

// CommitFolder commits the files of a folder, by its path from the top, and nothing else that is
// changed or staged. When it fails, [Repo.Unstage] takes back what it staged: once the files are gone, so
// that there is room for it. The faults are those of [FirstCommit].
func (r *Repo) CommitFolder(ctx context.Context, messages io.Writer, folder, message string) (OID, Commit, error) {
	path := ":(top,literal)" + folder
	err := r.stage(ctx, messages, path)
	if err == nil {
		err = r.commitFault(r.tell(ctx, messages, "commit", "-q", "--only", "-m", message, "--", path))
	}
	if err != nil {
		return "", Commit{}, err
	}
	return r.ResolveCommit(ctx, "HEAD")
}

// Unstage takes a folder out of the index, that was not in it before. The fault is GitRefused (VM112),
// DiskFull (VM508) or ReadOnly (VM507).
func (r *Repo) Unstage(ctx context.Context, folder string) error {
	_, err := r.git.run(ctx, nil, "rm", "-r", "-q", "--cached", "--ignore-unmatch", "--", ":(top,literal)"+folder)
	return r.writeFault(err, "the index cannot be written")
}

// ballast is as much room as it takes to move a branch back, and to write an index.
const ballast = 256 << 10

// Ballast keeps room on the repository's disk until it is released, for what takes a commit back when the
// disk is full. The faults are DiskFull (VM508) and ReadOnly (VM507).
func (r *Repo) Ballast() (release func(), err error) {
	file, err := os.CreateTemp(r.GitDir, "vaultmesh-ballast-")
	if err != nil {
		return nil, diskFault(err, "the repository cannot be written", r.CommonDir)
	}
	_, err = file.Write(make([]byte, ballast))
	gone := os.Remove(file.Name()) // what is open keeps its room, and none of it is left when this process is killed
	release = sync.OnceFunc(func() {
		file.Close()
		if gone != nil {
			_ = os.Remove(file.Name())
		}
	})
	if err != nil {
		release()
		return nil, diskFault(err, "the repository cannot be written", r.CommonDir)
	}
	return release, nil
}

// Tracks tells whether the index has anything in a folder, by its path from the top. The fault is
// GitRefused (VM112).
func (r *Repo) Tracks(ctx context.Context, folder string) (bool, error) {
	out, err := r.git.run(ctx, nil, "ls-files", "-z", "--", ":(top,literal)"+folder)
	return len(out) > 0, refused(err, "git cannot look at its index")
}

// Ignores tells whether the repository ignores a path.
func (r *Repo) Ignores(ctx context.Context, path string) (bool, error) {
	_, err := r.git.run(ctx, nil, "check-ignore", "-q", "--", path)
	var f *failure
	if asFailure(err, &f) && f.stderr == "" {
		return false, nil
	}
	return err == nil, refused(err, "git cannot say what it ignores")
}

// tell runs a command of git's that works for the user: its words go to messages.
func (r *Repo) tell(ctx context.Context, messages io.Writer, args ...string) error {
	var stderr tail
	cmd := r.git.spoken(ctx, append(slices.Clone(standing), args...)...)
	cmd.Env = append(cmd.Env, "GIT_OPTIONAL_LOCKS=1")
	words := &heldBack{to: messages}
	cmd.Stdout, cmd.Stderr = words, io.MultiWriter(&stderr, words)
	err := r.git.judge(ctx, cmd, cmd.Run(), string(stderr.bytes))
	if err == nil {
		words.release()
	}
	return err
}

// stage adds files to the index, of which no hook is asked.
func (r *Repo) stage(ctx context.Context, messages io.Writer, path string) error {
	err := r.tell(ctx, messages, "add", "--all", "--force", "--", path)
	return r.roomFault(r.writeFault(err, "git does not take the files"))
}

// heldBack keeps words until it is known whether they are a fault's causes.
type heldBack struct {
	to   io.Writer
	kept bytes.Buffer
}

func (h *heldBack) Write(p []byte) (int, error) {
	const most = 64 << 10
	h.kept.Write(p[:min(len(p), max(0, most-h.kept.Len()))])
	return len(p), nil
}

func (h *heldBack) release() { _, _ = h.kept.WriteTo(h.to) }

// commitFault says why git did not commit.
func (r *Repo) commitFault(err error) error {
	var f *failure
	switch {
	case !asFailure(err, &f):
		return err
	case f.says("tell me who you are", "empty ident name", "auto-detect email", "auto-detect name"):
		return fault.New(fault.NoIdentity, "git does not know who you are").Because(f)
	case f.says("failed to sign"), r.signs() && f.says("failed to write commit object") && !f.says("No space left", "Disk quota", "insufficient permission"):
		return fault.New(fault.SignFailed, "git could not sign the commit").Because(f)
	case !f.says("fatal: ", "error: "):
		return fault.New(fault.HookRefused, "a hook refused the commit").Because(errors.New(f.hookWords()))
	}
	return r.roomFault(r.writeFault(err, "git does not commit"))
}

// signs tells whether git is configured to sign commits.
func (r *Repo) signs() bool {
	if r.config.values == nil {
		r.config, _ = readConfig(context.Background(), r.git)
	}
	value, set := r.config.Value("commit.gpgsign")
	return set && slices.Contains([]string{"true", "yes", "on", "1"}, strings.ToLower(value))
}

// Setting is a line of git's configuration.
type Setting struct{ Name, Value string }

// Configure adds settings to the configuration of a repository that nobody else has yet, in
// place of one process for each.
func (r *Repo) Configure(settings []Setting) error {
	file, err := os.OpenFile(filepath.Join(r.CommonDir, "config"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return diskFault(err, "the configuration cannot be written", r.CommonDir)
	}
	var text strings.Builder
	for _, s := range settings {
		section, name, _ := strings.Cut(s.Name, ".")
		if last := strings.LastIndexByte(name, '.'); last >= 0 { // a subsection is between, dots and all
			section += " " + quoted(name[:last])
			name = name[last+1:]
		}
		text.WriteString("[" + section + "]\n\t" + name + " = " + quoted(s.Value) + "\n")
	}
	_, err = file.WriteString(text.String())
	if err = errors.Join(err, file.Close()); err != nil {
		return diskFault(err, "the configuration cannot be written", r.CommonDir)
	}
	return nil
}

// quoted is a text as git's configuration quotes it (git-config, "Syntax").
func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// Identities are the author and committer that git would commit with now, in a repository or, where
// r is nil, by a configuration alone. The faults are those of [Repo.Author].
func Identities(ctx context.Context, o Options, c Config, r *Repo, now time.Time) (author, committer Identity, err error) {
	if r == nil {
		r = newRepo(git{dir: o.Dir, env: childEnv(o.Env, true)})
		r.config = c
	}
	if author, err = r.Author(ctx, now); err != nil {
		return author, committer, err
	}
	committer, err = r.Committer(ctx, now)
	return author, committer, err
}
