package setup

import (
	"context"
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/config"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
)

// ToBranch moves a ledger that only this clone has to the branch of that name. Where a
// remote has shown one at the old place, others look for it there, and the fault is
// BadOperand (VM113). Run again after it was interrupted, it goes on.
func ToBranch(ctx context.Context, repo *gitrepo.Repo, cfg config.Config) error {
	refs, err := repo.Refs(ctx, cfg.Ref, BranchRef, "refs/vaultmesh-remotes/", "refs/vaultmesh-seen/")
	if err != nil {
		return err
	}
	for _, remote := range cfg.Remotes {
		if refs[TrackingRef(remote, cfg.Ref)] != "" || refs["refs/vaultmesh-seen/"+remote+"/ledger"] != "" {
			return fault.New(fault.BadOperand, "%s has the ledger at %s, where others look for it, so that it stays there", remote, cfg.Ref).With("command", "init")
		}
	}
	head, there := refs[cfg.Ref], refs[BranchRef]
	if there != head {
		if err := repo.UpdateRef(ctx, BranchRef, head, ""); err != nil {
			return err
		}
	}
	return repo.DeleteRef(ctx, cfg.Ref, head)
}

// ProtectsBranchesOnly is the host of a remote's address that is known to let nobody
// protect refs but branches and tags (docs/forges.md), "" for others.
func ProtectsBranchesOnly(address string) string {
	_, rest, scheme := strings.Cut(address, "://")
	if !scheme {
		rest = address
	}
	if _, host, user := strings.Cut(rest, "@"); user {
		rest = host
	}
	host := strings.ToLower(rest[:len(rest)-len(strings.TrimLeft(rest, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-"))])
	if slices.Contains([]string{"github.com", "ssh.github.com", "gitlab.com", "bitbucket.org", "codeberg.org"}, host) {
		return host
	}
	return ""
}
