package gitrepo

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

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

// Target is the full name of the ref that a symbolic one leads to, through however many,
// whether it exists or not; "" for a ref that is none. Whoever writes a symbolic ref
// writes that one.
func (r *Repo) Target(ctx context.Context, name string) (string, error) {
	if !r.perhapsSymbolic(name) {
		return "", nil
	}
	out, err := r.git.run(ctx, nil, "symbolic-ref", "--quiet", name)
	var f *failure
	if asFailure(err, &f) {
		return "", nil
	}
	return strings.TrimSuffix(string(out), "\n"), err
}

// perhapsSymbolic is false for refs of which the file says enough: git packs no symbolic
// ones, and a push may move very many refs.
func (r *Repo) perhapsSymbolic(name string) bool {
	if _, err := os.Lstat(filepath.Join(r.CommonDir, "reftable")); err == nil {
		return true
	}
	file := filepath.Join(r.CommonDir, filepath.FromSlash(name))
	info, err := os.Lstat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false
	case err != nil || !info.Mode().IsRegular():
		return true
	}
	data, err := readSmall(file)
	return err != nil || bytes.HasPrefix(data, []byte("ref:"))
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

// UpdateLogged is UpdateRef, and has git keep a log of the ref, which says when it got
// which value.
func (r *Repo) UpdateLogged(ctx context.Context, name string, new, old OID, why string) error {
	expected := old
	if old == "" {
		expected = ZeroOID(r.algorithm)
	}
	_, err := r.git.run(ctx, nil, append(slices.Clone(durable), "update-ref", "--create-reflog", "--no-deref", "-m", why, name, string(new), string(expected))...)
	if err == nil {
		return nil
	}
	return r.swapFault(context.WithoutCancel(ctx), name, new, old, err)
}

// Since is when a ref got the value that it has, by its log: zero where that does not say.
func (r *Repo) Since(ctx context.Context, name string) (time.Time, error) {
	out, err := r.git.run(ctx, nil, "-c", "log.showSignature=false", "log", "--walk-reflogs", "-1", "--format=%gd", "--date=unix", "--end-of-options", name, "--")
	var f *failure
	if asFailure(err, &f) {
		return time.Time{}, nil
	}
	_, at, _ := strings.Cut(strings.TrimSpace(string(out)), "@{")
	seconds, unread := strconv.ParseInt(strings.TrimSuffix(at, "}"), 10, 64)
	if err != nil || unread != nil {
		return time.Time{}, err
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// DeleteRef deletes a ref that is at old. The faults are those of [Repo.UpdateRef].
func (r *Repo) DeleteRef(ctx context.Context, name string, old OID) error {
	err := r.transact(ctx, fmt.Sprintf("option no-deref\ndelete %s %s\n", name, old))
	if err == nil {
		return nil
	}
	return r.swapFault(context.WithoutCancel(ctx), name, "", old, err)
}

// TakeBack moves the branch that is checked out back from a commit to its parent, "" for none, if
// that commit is where it is.
func (r *Repo) TakeBack(ctx context.Context, commit, parent OID) error {
	args := []string{"update-ref", "-m", "spawn: taken back", "HEAD", string(parent), string(commit)}
	if parent == "" {
		args = []string{"update-ref", "-d", "HEAD", string(commit)}
	}
	_, err := r.git.run(ctx, nil, args...)
	return r.writeFault(err, "the branch cannot be moved back")
}

// IncomingRef is where an import puts its commit, in the repository that an
// Incoming is.
const IncomingRef = "refs/heads/incoming"

// Import is a `git fast-import` that takes objects, and a commit on [IncomingRef],
// into an Incoming. The repository's refs are not touched. Finish or stop it.
type Import struct {
	in     *Incoming
	ctx    context.Context
	cmd    *exec.Cmd
	pipe   io.WriteCloser
	out    *bufio.Writer
	stderr *tail
}

// Import starts git. The faults are those of [Repo.Write].
func (in *Incoming) Import(ctx context.Context) (*Import, error) {
	if err := in.ownRefs(); err != nil {
		return nil, err
	}
	g := in.git()
	g.dir, g.env = in.dir, append(g.env, "GIT_DIR="+in.dir)
	args := append(slices.Clone(durable), "-c", "core.hooksPath="+os.DevNull) // its ref is nobody's business
	if shared, ok := in.repo.config.Value("core.sharedrepository"); ok {
		args = append(args, "-c", "core.sharedRepository="+shared)
	}
	i := &Import{in: in, ctx: ctx, stderr: new(tail)}
	i.cmd = g.parsed(ctx, append(args, "fast-import", "--quiet", "--force", "--done", "--date-format=raw-permissive")...)
	i.cmd.Stderr = i.stderr
	var err error
	if i.pipe, err = i.cmd.StdinPipe(); err != nil {
		return nil, fault.New(fault.GitRefused, "no pipe to git").Because(err)
	}
	i.out = bufio.NewWriterSize(i.pipe, 1<<20)
	if err := i.cmd.Start(); err != nil {
		return nil, g.judge(ctx, i.cmd, err, "")
	}
	return i, nil
}

// Write gives git a part of what it is to import. The faults are those of
// [Repo.Write]: git says why it takes no more.
func (i *Import) Write(p []byte) (int, error) {
	n, err := i.out.Write(p)
	if err != nil {
		err = i.end(err)
	}
	return n, err
}

// Finish waits for git, and returns the commit that it made, "" when it made none.
// All is on the disk then. The faults are those of [Repo.Write].
func (i *Import) Finish() (OID, error) {
	_, err := i.Write([]byte("done\n"))
	if err == nil {
		err = i.out.Flush()
	}
	if err = i.end(err); err != nil {
		return "", err
	}
	here := &Repo{CommonDir: i.in.dir, algorithm: i.in.repo.algorithm, plainRefs: true}
	id, plain := here.plainRef(IncomingRef)
	if !plain {
		return "", fault.New(fault.GitRefused, "git leaves a commit that cannot be read")
	}
	return id, nil
}

// Stop gives the import up.
func (i *Import) Stop() {
	i.pipe.Close()
	i.cmd.Process.Kill()
	i.cmd.Wait()
}

// end waits for git to end, which says better than the pipe to it what is wrong.
func (i *Import) end(err error) error {
	var f *fault.Error
	if errors.As(err, &f) {
		return err // it has ended before
	}
	i.pipe.Close()
	if exit := i.in.repo.git.judge(i.ctx, i.cmd, i.cmd.Wait(), string(i.stderr.bytes)); exit != nil {
		return i.in.repo.writeFault(exit, "the objects cannot be written")
	}
	if err != nil {
		return fault.New(fault.GitRefused, "git takes no more").Because(err)
	}
	return nil
}

// ownRefs makes the folder a repository that has refs.
func (in *Incoming) ownRefs() error {
	if err := in.ownObjects(); err != nil {
		return err
	}
	version, extension := 0, ""
	if in.repo.algorithm != "sha1" {
		version, extension = 1, "[extensions]\n\tobjectFormat = "+in.repo.algorithm+"\n"
	}
	files := map[string]string{
		"HEAD":   "ref: " + IncomingRef + "\n",
		"config": fmt.Sprintf("[core]\n\trepositoryFormatVersion = %d\n\tbare = true\n%s", version, extension),
	}
	err := os.MkdirAll(filepath.Join(in.dir, "refs", "heads"), 0o777)
	for name, text := range files {
		if err == nil {
			err = os.WriteFile(filepath.Join(in.dir, name), []byte(text), 0o666)
		}
	}
	if err != nil {
		return diskFault(err, "objects cannot be written", in.repo.CommonDir)
	}
	return nil
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
		return nil, fault.New(fault.GitRefused, "no pipe to git").Because(err)
	}
	u.out = bufio.NewReader(out)
	if err := cmd.Start(); err != nil {
		return nil, g.judge(context.Background(), cmd, err, "")
	}
	return u, nil
}

// maxQueue is how long somebody waits for another one who writes.
const maxQueue = 2 * time.Second

// Queue waits for the others of this program who write to the repository, so that they do
// not do the same work over and over for one of them to win. It protects nothing: git's
// transaction does. The function that it returns lets the next one go.
func (r *Repo) Queue(ctx context.Context) func() {
	return queueFor(ctx, filepath.Join(r.CommonDir, "objects"), maxQueue)
}

// ExpectUpdate starts what moves refs, so that it is ready when it is needed. The
// fault is GitMissing (VM111).
func (r *Repo) ExpectUpdate() error {
	if r.updates != nil {
		return nil
	}
	u, err := r.git.startRefUpdates()
	if err == nil {
		r.updates = u
	}
	return err
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
	if err := r.ExpectUpdate(); err != nil {
		return err
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
	if f.killed {
		r.dropLock(name, new)
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

// dropLock removes the lock of a git that was killed with it in its hand: it would
// keep everybody from moving the ref until somebody removed it. What is to be the
// ref's value stands in it, and tells whose it is.
func (r *Repo) dropLock(name string, new OID) {
	lock := filepath.Join(r.CommonDir, filepath.FromSlash(name)) + ".lock"
	if text, err := os.ReadFile(lock); err == nil && string(text) == string(new)+"\n" {
		os.Remove(lock)
	}
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
// comes in, and touches nothing else. A partial clone gets all objects too, since all are read: git
// would ask for each of them by itself. The fault is RemoteFailed (VM701),
// Invalid (VM512) for objects that git refuses, or DiskFull (VM508).
func (r *Repo) Fetch(ctx context.Context, messages io.Writer, remote, from, to string) error {
	var err error
	for range maxFetches {
		if err = r.fetchOnce(ctx, messages, remote, from, to); !lostLock(err) {
			break
		}
	}
	return err
}

// maxFetches is how often is fetched where another process fetches into the same ref
// at the same time.
const maxFetches = 5

func lostLock(err error) bool {
	var f *failure
	return asFailure(err, &f) && f.says("cannot lock ref", "unable to update local ref")
}

func (r *Repo) fetchOnce(ctx context.Context, messages io.Writer, remote, from, to string) error {
	g := r.git
	g.landing = filepath.Join(r.CommonDir, "objects", "pack")
	err := g.transfer(ctx, nil, messages, "-c", "fetch.fsckObjects=true", "fetch", "--quiet", "--no-tags", "--no-prune",
		"--no-write-fetch-head", "--no-recurse-submodules", "--no-filter", "--refmap=", "--end-of-options", remote, "+"+from+":"+to)
	var f *failure
	if asFailure(err, &f) && f.lacksSpace() {
		return fault.New(fault.DiskFull, "what %s sends cannot be written: no space is left", remote).Because(f)
	}
	if err != nil {
		return remoteFault(err, remote, "the ledger cannot be fetched from %s")
	}
	return nil
}

// Push pushes one ref, without force. The fault is PushFailed (VM702), LostRace (VM505)
// while somebody else pushes it, or RefRefused (VM709) where the remote does not let one
// of that name be made.
func (r *Repo) Push(ctx context.Context, messages io.Writer, remote, ref string) error {
	return r.push(ctx, messages, remote, ref, ref)
}

// PushCommit pushes a commit to a remote's ref, wherever the ref of that name is
// here, without force. The faults are those of [Repo.Push].
func (r *Repo) PushCommit(ctx context.Context, messages io.Writer, remote string, id OID, ref string) error {
	return r.push(ctx, messages, remote, string(id), ref)
}

// lacks tells whether a remote has no such ref, and can be asked.
func (r *Repo) lacks(ctx context.Context, messages io.Writer, remote, ref string) bool {
	heads, err := r.LsRemote(ctx, messages, remote, ref)
	return err == nil && heads[ref] == ""
}

// PushLeased pushes a commit to a remote's ref in the place of another one, if that is
// what is there; "" if nothing is. The faults are those of [Repo.Push].
func (r *Repo) PushLeased(ctx context.Context, messages io.Writer, remote string, id, there OID, ref string) error {
	return r.push(ctx, messages, remote, string(id), ref, "--force-with-lease="+ref+":"+string(there))
}

func (r *Repo) push(ctx context.Context, messages io.Writer, remote, what, ref string, options ...string) error {
	// Habits of the user's, and of a mirror, that would push more.
	args := append(oneRef(remote), append([]string{"push", "--quiet", "--progress", "--no-follow-tags", "--recurse-submodules=no"}, options...)...)
	err := r.git.transfer(ctx, nil, messages, append(args, "--end-of-options", remote, what+":"+ref)...)
	var f *failure
	if asFailure(err, &f) {
		if f.says("failed to update ref", "cannot lock ref", "failed to lock", "incorrect old value provided", "reference already exists") {
			return fault.New(fault.LostRace, "somebody else pushes %s to %s", ref, remote).Because(f)
		}
		if f.says("[remote rejected]") && !f.says("Error VM") && !strings.HasPrefix(ref, "refs/heads/") && r.lacks(ctx, messages, remote, ref) {
			return fault.New(fault.RefRefused, "%s does not let %s be made there", remote, ref).Because(f)
		}
		return f.orUnasked(fault.New(fault.PushFailed, "%s was not pushed to %s", ref, remote).With("remote", remote).With("ref", ref).Because(f))
	}
	return err
}

// oneRef has git take a remote for none that mirrors all refs (remote.NAME.mirror): then it
// would push no single one, and delete what is not here. What cannot be said of a name in
// such a way is said of no remote.
func oneRef(remote string) []string {
	if strings.ContainsAny(remote, "=\n") {
		return nil
	}
	return []string{"-c", "remote." + remote + ".mirror=false"}
}

// copyTags gives another repository, which sees the objects of r, its tags.
func (r *Repo) copyTags(ctx context.Context, to git) error {
	refs, _, err := r.list(ctx, "refs/tags/")
	if err != nil {
		return err
	}
	var commands strings.Builder
	for _, name := range slices.Sorted(maps.Keys(refs)) {
		fmt.Fprintf(&commands, "create %s %s\n", name, refs[name])
	}
	_, err = to.run(ctx, strings.NewReader(commands.String()), "update-ref", "--stdin")
	return refused(err, "the tags cannot be given to a checkout")
}
