package gitrepo

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// This is the only file that moves a ref.

// Ref returns the object that a ref names, by its full and exact name, or ""
// when there is no such ref. It does not look whether the object exists. A
// ref that git cannot read is a fault BadLedgerRef (VM502).
func (r *Repo) Ref(ctx context.Context, name string) (OID, error) {
	refs, err := r.Refs(ctx, name)
	return refs[name], err
}

// Refs returns the refs that match for-each-ref patterns, by full name.
func (r *Repo) Refs(ctx context.Context, patterns ...string) (map[string]OID, error) {
	args := append([]string{"for-each-ref", "--format=%(refname)%00%(objectname)"}, patterns...)
	out, warnings, err := r.git.runWarned(ctx, args...)
	if err != nil || strings.Contains(warnings, "broken ref") {
		var f *failure
		if err == nil || asFailure(err, &f) {
			f = &failure{subcommand: "for-each-ref", stderr: warnings}
			return nil, fault.New(fault.BadLedgerRef, "git cannot read %s", strings.Join(patterns, ", ")).With("ref", patterns[0]).Because(f)
		}
		return nil, err
	}
	refs := make(map[string]OID)
	for line := range strings.Lines(string(out)) {
		name, id, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\x00")
		refs[name] = OID(id)
	}
	return refs, nil
}

// UpdateRef moves a ref from old to new in one transaction of git, or leaves
// it as it is. An old of "" means that the ref must not exist. The faults are
// LostRace (VM505) when the ref is no longer at old, RefLocked (VM503),
// ReadOnly (VM507) and DiskFull (VM508).
func (r *Repo) UpdateRef(ctx context.Context, name string, new, old OID) error {
	expected := old
	if old == "" {
		expected = ZeroOID(r.algorithm)
	}
	script := fmt.Sprintf("start\nupdate %s %s %s\nprepare\ncommit\n", name, new, expected)
	args := append(append([]string{}, durable...), "update-ref", "--stdin")
	_, err := r.git.run(ctx, strings.NewReader(script), args...)
	if err == nil {
		return nil
	}
	return r.swapFault(ctx, name, new, old, err)
}

// swapFault says why a transaction failed, by the state of the ref and of its
// lock rather than by git's words. The ref decides: when it is at new, the
// transaction was done before its process ended.
func (r *Repo) swapFault(ctx context.Context, name string, new, old OID, err error) error {
	var f *failure
	if !asFailure(err, &f) {
		return err
	}
	now, readErr := r.Ref(ctx, name)
	switch {
	case readErr == nil && now == new && new != old:
		return nil
	case readErr == nil && now != old:
		return fault.New(fault.LostRace, "%s was moved by another process", name).Because(f)
	}
	if lock := r.lockOf(name); lock != "" || f.says("File exists") {
		return fault.New(fault.RefLocked, "%s is locked", name).With("lock", lock).Because(f)
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
