package gitrepo

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// LsRemote lists refs of a remote by exact name. Messages and questions of
// git go to the user through messages. The fault is RemoteFailed (VM701).
func (r *Repo) LsRemote(ctx context.Context, messages io.Writer, remote string, refs ...string) (map[string]OID, error) {
	args := append([]string{"ls-remote", "--quiet", "--end-of-options", remote}, refs...)
	out, err := r.git.talk(ctx, messages, args...)
	if err != nil {
		return nil, remoteFault(err, remote, "the remote %s cannot be asked")
	}
	found := make(map[string]OID)
	for line := range strings.Lines(string(out)) {
		id, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		// A pattern also matches refs that end in it.
		for _, ref := range refs {
			if name == ref {
				found[name] = OID(id)
			}
		}
	}
	return found, nil
}

// AsksWherePushed tells whether a remote is asked in a place that it is pushed to: it may
// have others for pushes alone (remote.NAME.pushurl, url.URL.pushInsteadOf), of which the
// one that is asked gets what was pushed later.
func (r *Repo) AsksWherePushed(ctx context.Context, remote string) (bool, error) {
	asked, err := r.git.run(ctx, nil, "remote", "get-url", "--", remote)
	if err != nil {
		return false, refused(err, "the address of "+remote+" cannot be read")
	}
	pushed, err := r.git.run(ctx, nil, "remote", "get-url", "--push", "--all", "--", remote)
	if err != nil {
		return false, refused(err, "the address of "+remote+" cannot be read")
	}
	return slices.Contains(strings.Split(string(pushed), "\n"), strings.TrimSuffix(string(asked), "\n")), nil
}

// Alone is the repository for one who speaks with a remote beside others: git and what
// it starts have no terminal, so that no two of them ask for passwords at once. What one
// would have asked is a fault of which [WouldAsk] is true. Close it after use.
func (r *Repo) Alone() *Repo {
	alone := newRepo(r.git)
	alone.GitDir, alone.CommonDir, alone.Bare, alone.Shallow = r.GitDir, r.CommonDir, r.Bare, r.Shallow
	alone.algorithm, alone.plainRefs, alone.config = r.algorithm, r.plainRefs, r.config
	alone.git.alone = true
	return alone
}

// WouldAsk tells whether a remote failed because there was no terminal to ask a person
// for a password, or whether a host is to be trusted.
func WouldAsk(err error) bool {
	var u unasked
	return errors.As(err, &u)
}

// unasked is the fault of a git that could not ask.
type unasked struct{ error }

func (u unasked) Unwrap() error { return u.error }

// orUnasked is the fault of a git that failed with f.
func (f *failure) orUnasked(err error) error {
	if f.alone && f.says("terminal prompts disabled", "could not read Username", "could not read Password", "Authentication failed", "Permission denied", "Host key verification failed", "Too many authentication failures") {
		return unasked{err}
	}
	return err
}

func remoteFault(err error, remote, format string) error {
	var f *failure
	if !asFailure(err, &f) {
		return err
	}
	if f.excess {
		return fault.New(fault.TooMuch, "%s sends more than is taken at once, and nothing of it is", remote).With("remote", remote).Because(f)
	}
	if f.says("fsck error", "fsck: ", "index-pack failed", "unpack-objects failed", "did not send all necessary objects") && f.says("object") {
		return fault.New(fault.Invalid, "what %s sent does not hold, and is not taken", remote).Because(f)
	}
	return f.orUnasked(fault.New(fault.RemoteFailed, format, remote).With("remote", remote).Because(f))
}
