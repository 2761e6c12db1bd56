package gitrepo

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// This is the only file that moves a ref.

// Ref returns the object that a ref names, by its full and exact name, or ""
// when there is no such ref. It does not look whether the object exists. A
// ref that git cannot read, or a symbolic one, is a fault BadLedgerRef (VM502).
func (r *Repo) Ref(ctx context.Context, name string) (OID, error) {
	if id, ok := r.plainRef(name); ok {
		return id, nil
	}
	refs, symbolic, err := r.list(ctx, name)
	if err == nil && symbolic[name] {
		err = fault.New(fault.BadLedgerRef, "%s is a symbolic ref", name).With("ref", name)
	}
	if err != nil {
		return "", err
	}
	if refs[name] != "" || !strings.HasPrefix(name, "refs/") {
		return refs[name], nil
	}
	// Git lists no symbolic ref that leads nowhere, but writes through it.
	to, err := r.git.run(ctx, nil, "symbolic-ref", "--quiet", name)
	var f *failure
	if asFailure(err, &f) {
		return "", nil
	}
	if err == nil {
		err = fault.New(fault.BadLedgerRef, "%s is a symbolic ref, to %s", name, strings.TrimSpace(string(to))).With("ref", name)
	}
	return "", err
}

// Exact returns what Ref does for several refs, without those that do not exist.
func (r *Repo) Exact(ctx context.Context, names ...string) (map[string]OID, error) {
	refs := make(map[string]OID)
	for _, name := range names {
		id, ok := r.plainRef(name)
		if !ok {
			return r.listExact(ctx, names)
		}
		if id != "" {
			refs[name] = id
		}
	}
	return refs, nil
}

func (r *Repo) listExact(ctx context.Context, names []string) (map[string]OID, error) {
	listed, symbolic, err := r.list(ctx, names...)
	if err != nil {
		return nil, err
	}
	refs := make(map[string]OID)
	for _, name := range names {
		if symbolic[name] {
			return nil, fault.New(fault.BadLedgerRef, "%s is a symbolic ref", name).With("ref", name)
		}
		if id := listed[name]; id != "" {
			refs[name] = id
		}
	}
	return refs, nil
}

// Refs returns the refs that match for-each-ref patterns, by full name. One
// that git cannot read is a fault BadLedgerRef (VM502).
func (r *Repo) Refs(ctx context.Context, patterns ...string) (map[string]OID, error) {
	refs, _, err := r.list(ctx, patterns...)
	return refs, err
}

// list is Refs, and says which of them are symbolic.
func (r *Repo) list(ctx context.Context, patterns ...string) (refs map[string]OID, symbolic map[string]bool, err error) {
	args := append([]string{"for-each-ref", "--format=%(refname)%00%(objectname)%00%(symref)"}, patterns...)
	out, warnings, err := r.git.runWarned(ctx, nil, args...)
	unreadable := fault.New(fault.BadLedgerRef, "git cannot read %s", strings.Join(patterns, ", ")).With("ref", strings.Join(patterns, " "))
	var f *failure
	switch {
	case asFailure(err, &f):
		return nil, nil, unreadable.Because(f)
	case err != nil:
		return nil, nil, err
	case warnsOf(warnings, patterns):
		return nil, nil, unreadable.Because(&failure{subcommand: "for-each-ref", stderr: warnings})
	}
	refs, symbolic = make(map[string]OID), make(map[string]bool)
	for line := range strings.Lines(string(out)) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\x00")
		if len(fields) != 3 {
			return nil, nil, unreadable
		}
		refs[fields[0]], symbolic[fields[0]] = OID(fields[1]), fields[2] != ""
	}
	return refs, symbolic, nil
}

// warnsOf tells whether git passed over a broken ref that was asked for. Of
// its neighbours it warns too.
func warnsOf(warnings string, patterns []string) bool {
	for line := range strings.Lines(warnings) {
		_, ref, broken := strings.Cut(strings.Replace(strings.TrimSuffix(line, "\n"), "dangling symref ", "broken ref ", 1), "broken ref ")
		if broken && slices.ContainsFunc(patterns, func(p string) bool { return covers(p, ref) }) {
			return true
		}
	}
	return false
}

// covers tells whether a pattern of for-each-ref means a ref: whole, as a
// folder of refs, or as a glob.
func covers(pattern, ref string) bool {
	glob, err := path.Match(pattern, ref)
	return glob && err == nil || ref == pattern || strings.HasPrefix(ref, strings.TrimSuffix(pattern, "/")+"/")
}

// UpdateRef moves a ref from old to new in one transaction of git, or leaves
// it as it is. An old of "" means that the ref must not exist. The faults are
// LostRace (VM505) when the ref is no longer at old, RefLocked (VM503),
// ReadOnly (VM507), DiskFull (VM508) and HookRefused (VM601).
func (r *Repo) UpdateRef(ctx context.Context, name string, new, old OID) error {
	expected := old
	if old == "" {
		expected = ZeroOID(r.algorithm)
	}
	err := r.transact(ctx, fmt.Sprintf("option no-deref\nupdate %s %s %s\n", name, new, expected))
	if err == nil {
		return nil
	}
	// An interruption must not keep us from seeing what was done.
	return r.swapFault(context.WithoutCancel(ctx), name, new, old, err)
}

// MoveRef moves a ref to where a temporary one is, and removes that, in one
// transaction. The faults are those of [Repo.UpdateRef].
func (r *Repo) MoveRef(ctx context.Context, temporary, name string, new, old OID) error {
	err := r.transact(ctx, fmt.Sprintf("option no-deref\nupdate %s %s %s\noption no-deref\ndelete %s %s\n", name, new, old, temporary, new))
	if err == nil {
		return nil
	}
	return r.swapFault(context.WithoutCancel(ctx), name, new, old, err)
}

// DeleteRef removes a ref that is where it is expected, or is gone. The faults
// are those of [Repo.UpdateRef].
func (r *Repo) DeleteRef(ctx context.Context, name string, old OID) error {
	err := r.transact(ctx, fmt.Sprintf("option no-deref\ndelete %s %s\n", name, old))
	if err == nil {
		return nil
	}
	return r.swapFault(context.WithoutCancel(ctx), name, "", old, err)
}

// FastImport has `git fast-import` make what stream writes, which is to be one
// commit on a ref that does not exist yet, and returns that commit. It is
// durable. When stream fails, or git does, there is no such ref. The faults are
// those of stream and of [Repo.Write].
func (r *Repo) FastImport(ctx context.Context, ref string, stream func(w io.Writer) error) (OID, error) {
	cmd := r.git.parsed(ctx, append(slices.Clone(durable), "fast-import", "--quiet", "--done", "--date-format=raw")...)
	stderr := new(tail)
	cmd.Stderr = stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return "", fault.New(fault.Internal, "no pipe to git").Because(err)
	}
	if err := cmd.Start(); err != nil {
		return "", r.git.judge(ctx, cmd, err, "")
	}
	w := bufio.NewWriterSize(in, 1<<20)
	streamErr := stream(w)
	if streamErr == nil {
		_, streamErr = w.WriteString("done\n")
	}
	if streamErr == nil {
		streamErr = w.Flush()
	}
	in.Close() // without done git throws away what it was told
	err = cmd.Wait()
	if err == nil && streamErr == nil {
		return r.Ref(ctx, ref)
	}
	os.Remove(filepath.Join(r.GitDir, fmt.Sprintf("fast_import_crash_%d", cmd.Process.Pid)))
	if err != nil {
		return "", r.writeFault(r.git.judge(ctx, cmd, err, string(stderr.bytes)), "the objects cannot be written")
	}
	return "", streamErr
}

// refUpdates is one `git update-ref --stdin` that does transactions one after the
// other: a command that moves two refs need not start two.
type refUpdates struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	stderr *tail
}

func (g git) startRefUpdates() (*refUpdates, error) {
	// As with cat-file, the process outlives the calls that use it.
	cmd := g.parsed(context.Background(), append(slices.Clone(durable), "update-ref", "--stdin")...)
	u := &refUpdates{cmd: cmd, stderr: new(tail)}
	cmd.Stderr = u.stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		u.in, err = cmd.StdinPipe()
	}
	if err != nil {
		return nil, fault.New(fault.Internal, "no pipe to git").Because(err)
	}
	u.out = bufio.NewReader(out)
	if err := cmd.Start(); err != nil {
		return nil, g.judge(context.Background(), cmd, err, "")
	}
	return u, nil
}

// stop ends the process, which has nothing left to do.
func (u *refUpdates) stop() error {
	u.in.Close()
	return u.cmd.Wait()
}

// transact has git do commands in one transaction. An error is as of [git.run];
// when there is one it is not known whether the transaction was done.
func (r *Repo) transact(ctx context.Context, commands string) error {
	if ctx.Err() != nil {
		return fault.New(fault.Interrupted, "interrupted")
	}
	if r.updates == nil {
		u, err := r.git.startRefUpdates()
		if err != nil {
			return err
		}
		r.updates = u
	}
	u := r.updates
	calledOff := context.AfterFunc(ctx, func() { u.cmd.Process.Signal(terminate) })
	defer calledOff()
	_, err := io.WriteString(u.in, "start\n"+commands+"prepare\ncommit\n")
	for _, step := range []string{"start", "prepare", "commit"} {
		var answer string
		if err == nil {
			answer, err = u.out.ReadString('\n')
		}
		if err == nil && answer != step+": ok\n" {
			err = fmt.Errorf("git update-ref answers %.80q", answer)
		}
	}
	if err == nil {
		return nil
	}
	r.updates = nil
	if end := u.stop(); end != nil {
		err = end
	}
	return r.git.judge(ctx, u.cmd, err, string(u.stderr.bytes))
}

// swapFault says why a transaction failed, by the state of the ref and of its
// lock rather than by git's words. The ref decides: when it is at new, the
// transaction was done before its process ended.
func (r *Repo) swapFault(ctx context.Context, name string, new, old OID, err error) error {
	now, readErr := r.Ref(ctx, name)
	if readErr == nil && now == new && new != old {
		return nil
	}
	var f *failure
	if !asFailure(err, &f) {
		return err
	}
	if readErr == nil && now != old {
		return fault.New(fault.LostRace, "%s was moved by another process", name).Because(f)
	}
	locked := fault.New(fault.RefLocked, "%s is locked", name).Because(f)
	if lock := r.lockOf(name); lock != "" {
		return locked.With("lock", lock)
	}
	if f.says("File exists") {
		return locked
	}
	return r.writeFault(err, name+" cannot be moved")
}

// lockOf returns the lock file that keeps a ref from being moved, if there is one.
func (r *Repo) lockOf(name string) string {
	for _, path := range []string{filepath.Join(r.CommonDir, filepath.FromSlash(name)) + ".lock", filepath.Join(r.CommonDir, "packed-refs.lock")} {
		if _, err := os.Lstat(path); err == nil {
			return path
		}
	}
	return ""
}

// Fetch fetches one ref of a remote into a ref here, checked by git as it
// comes in, and touches nothing else. The fault is RemoteFailed (VM701), or
// Invalid (VM512) for objects that git refuses.
func (r *Repo) Fetch(ctx context.Context, messages io.Writer, remote, from, to string) error {
	_, err := r.git.talk(ctx, messages, "-c", "fetch.fsckObjects=true", "fetch", "--quiet", "--no-tags", "--no-prune",
		"--no-write-fetch-head", "--no-recurse-submodules", "--refmap=", "--end-of-options", remote, "+"+from+":"+to)
	if err != nil {
		return remoteFault(err, remote, "the ledger cannot be fetched from %s")
	}
	return nil
}

// Push pushes one ref, without force. The fault is PushFailed (VM702).
func (r *Repo) Push(ctx context.Context, messages io.Writer, remote, ref string) error {
	_, err := r.git.talk(ctx, messages, "push", "--quiet", "--end-of-options", remote, ref+":"+ref)
	var f *failure
	if asFailure(err, &f) {
		return fault.New(fault.PushFailed, "%s was not pushed to %s", ref, remote).With("remote", remote).With("ref", ref).Because(f)
	}
	return err
}
