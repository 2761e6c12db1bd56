package gitrepo

import (
	"context"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// AddRemote makes a remote, as `git remote add` does. An address may be anything that git
// fetches from, but for what would run a command. The fault is BadPeer (VM705).
func (r *Repo) AddRemote(ctx context.Context, name, url string) error {
	if strings.HasPrefix(name, "-") {
		return fault.New(fault.BadPeer, "%.80q is no name of a peer", name)
	}
	if runsCommand(url) {
		return fault.New(fault.BadPeer, "%.80q is no address of a peer", url)
	}
	_, err := r.git.run(ctx, nil, "remote", "add", "--", name, url)
	var f *failure
	if asFailure(err, &f) {
		return fault.New(fault.BadPeer, "git does not make the remote %.80q", name).Because(f)
	}
	return err
}

// runsCommand tells whether an address is none, but an option, or one by which git would run a
// command.
func runsCommand(url string) bool {
	return strings.HasPrefix(url, "-") || strings.HasPrefix(url, "ext::") || strings.HasPrefix(url, "fd::") || strings.ContainsAny(url, "\n\x00")
}
