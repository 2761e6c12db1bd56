package gitrepo

import (
	"context"
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
	return fault.New(fault.RemoteFailed, format, remote).With("remote", remote).Because(f)
}
