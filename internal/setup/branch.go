package setup

import (
	"context"
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/config"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
)

// ToBranch moves a ledger that only this clone has from a ref to the branch of that
// name, and has vaultmesh.ref say so. Where a remote has shown one at the old place,
// others look for it there, and where there is a branch of that name that is something
// else, it stays; the fault is BadOperand (VM113). Run again after it was interrupted,
// it goes on.
func ToBranch(ctx context.Context, repo *gitrepo.Repo, cfg config.Config, from string) error {
	refs, err := repo.Refs(ctx, from, BranchRef, "refs/vaultmesh-remotes/", "refs/vaultmesh-seen/")
	if err != nil {
		return err
	}
	for _, remote := range cfg.Remotes {
		if refs[config.TrackingRef(remote, from)] != "" || refs["refs/vaultmesh-seen/"+remote+"/ledger"] != "" {
			return fault.New(fault.BadOperand, "%s has the ledger at %s, where others look for it, so that it stays there", remote, from).With("command", "init")
		}
	}
	head := refs[from]
	if err := branchAt(ctx, repo, head, refs[BranchRef]); err != nil {
		return err
	}
	// Before the old ref goes: a ledger that nothing leads to would be begun anew.
	if err := repo.SetConfig(ctx, "vaultmesh.ref", BranchRef); err != nil {
		return err
	}
	return repo.DeleteRef(ctx, from, head)
}

// branchAt has the branch lead to a ledger, wherever it is on the way there, "" for nowhere.
func branchAt(ctx context.Context, repo *gitrepo.Repo, head, there gitrepo.OID) error {
	if there == "" {
		return repo.UpdateRef(ctx, BranchRef, head, "")
	}
	if has, err := repo.IsAncestor(ctx, head, there); err != nil || has {
		return err
	}
	behind, err := repo.IsAncestor(ctx, there, head)
	if err == nil && !behind {
		err = fault.New(fault.BadOperand, "the branch %s is there, and is not the ledger's", strings.TrimPrefix(BranchRef, "refs/heads/")).With("command", "init")
	}
	if err != nil {
		return err
	}
	return repo.UpdateRef(ctx, BranchRef, head, there)
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
