package gitrepo

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// Loan is what others were asked for: a repository of its own, in a folder that
// the next write removes if this process does not. It sees no object of the
// repository that asks, so that git brings also what that one believes to have, and
// nothing of it counts there until [Repo.Mend] takes it.
type Loan struct {
	in    *Incoming
	base  string // the folder from which git follows relative addresses of remotes
	store *Repo
}

// NewLoan makes an empty one. Close it after use. The faults are those of
// [Repo.NewIncoming].
func (r *Repo) NewLoan(ctx context.Context) (*Loan, error) {
	in, err := r.NewIncoming()
	if err != nil {
		return nil, err
	}
	if err := in.ownRefs(); err != nil {
		in.Close()
		return nil, err
	}
	store := newRepo(in.apart())
	store.GitDir, store.CommonDir, store.algorithm = in.dir, in.dir, r.algorithm
	return &Loan{in: in, base: r.addressBase(ctx), store: store}, nil
}

// Close ends its processes and removes it.
func (l *Loan) Close() {
	l.store.Close()
	l.in.Close()
}

// Store reads what came. Its objects have the hashes of their ids, and are for the rest a stranger's.
func (l *Loan) Store() Store { return &l.store.plumbing }

// apart starts git in the folder as in a repository of its own, which sees no objects
// but those in it.
func (in *Incoming) apart() git {
	g := in.repo.git
	g.dir = in.dir
	g.env = slices.DeleteFunc(slices.Clone(g.env), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains([]string{"GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH"}, name)
	})
	g.env = append(g.env, "GIT_DIR="+in.dir, "GIT_OBJECT_DIRECTORY="+filepath.Join(in.dir, "objects"))
	return g
}

// addressBase is the folder from which git follows relative addresses: the top of the
// work tree.
func (r *Repo) addressBase(ctx context.Context) string {
	if r.Bare {
		return r.git.dir
	}
	out, err := r.git.run(ctx, nil, "rev-parse", "--show-toplevel")
	if err != nil {
		return r.git.dir
	}
	return strings.TrimSuffix(string(out), "\n")
}

// Ways in which a loan is fetched.
type Ways struct {
	Lenient bool // git refuses no object for its form
	// Alone asks for the objects without what they lead to, which servers grant that allow
	// filters: one that lacks some of that has nothing else to give.
	Alone bool
}

// Fetch has git bring refs, or objects by their ids, and all that they lead to, from
// a remote of the repository that asks, an address, or a bundle. No ref moves. The
// faults are RemoteFailed (VM701), also where it does not have one of them, and Invalid
// (VM512) for objects that git refuses.
func (l *Loan) Fetch(ctx context.Context, messages io.Writer, from string, wanted []string, how Ways) error {
	restore, err := l.inherit()
	if err != nil {
		return err
	}
	defer restore()
	g := l.in.apart()
	g.dir = l.base
	filter := "--no-filter"
	if how.Alone {
		filter = "--filter=tree:0"
	}
	args := []string{"-c", "protocol.version=2", "-c", "core.hooksPath=" + os.DevNull, "-c", "fetch.writeCommitGraph=false",
		"-c", "fetch.fsckObjects=" + strconv.FormatBool(!how.Lenient), "fetch", "--quiet", "--no-tags", "--no-prune",
		"--no-write-fetch-head", "--no-recurse-submodules", "--no-auto-maintenance", filter, "--refmap=", "--stdin", "--end-of-options", from}
	err = g.transfer(ctx, strings.NewReader(strings.Join(wanted, "\n")+"\n"), messages, args...)
	l.store.plumbing.Close() // it may know of no pack that came now
	if err != nil {
		return remoteFault(err, from, "what is wanted cannot be fetched from %s")
	}
	return nil
}

// inherit has the folder read the repository's own configuration, for its remotes and
// their credentials, until the function is called that it returns: what is read later
// must come from no remote by itself.
func (l *Loan) inherit() (restore func(), err error) {
	path := filepath.Join(l.in.dir, "config")
	own, err := os.ReadFile(path)
	if err == nil {
		theirs := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(filepath.Join(l.in.repo.CommonDir, "config"))
		err = os.WriteFile(path, []byte("[include]\n\tpath = \""+theirs+"\"\n"+string(own)), 0o666)
	}
	if err != nil {
		return nil, diskFault(err, "nothing can be fetched", l.in.repo.CommonDir)
	}
	return func() { os.WriteFile(path, own, 0o666) }, nil
}

// Recover reads as many objects as can be had out of a pack that is damaged, from its
// beginning on.
func (l *Loan) Recover(ctx context.Context, pack string) error {
	file, err := os.Open(pack)
	if err != nil {
		return nil // it is gone
	}
	defer file.Close()
	_, err = l.in.apart().run(ctx, file, "unpack-objects", "-q", "-r")
	l.store.plumbing.Close()
	var f *failure
	if asFailure(err, &f) { // it fails in any case, at what is damaged
		return nil
	}
	return err
}

// Packs lists the packs that are here, as paths, without those of other folders that
// objects are borrowed from. The fault is ReadFailed (VM114).
func (r *Repo) Packs() ([]string, error) {
	found, err := filepath.Glob(filepath.Join(escapeGlob(r.CommonDir), "objects", "pack", "pack-*.pack"))
	if err != nil {
		return nil, fault.New(fault.ReadFailed, "the packs cannot be listed").Because(err)
	}
	return found, nil
}

func escapeGlob(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// Cuts are the commits behind which the history is cut, as in a shallow clone.
func (r *Repo) Cuts() (map[OID]bool, error) {
	cuts := make(map[OID]bool)
	if !r.Shallow {
		return cuts, nil
	}
	text, err := os.ReadFile(filepath.Join(r.CommonDir, "shallow"))
	if err != nil {
		return nil, fault.New(fault.ReadFailed, "where the history is cut cannot be read").Because(err)
	}
	for id := range strings.FieldsSeq(string(text)) {
		cuts[OID(id)] = true
	}
	return cuts, nil
}
