package cli

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/VaultSovereign/git-vaultmesh/internal/attest"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/guard"
	"github.com/VaultSovereign/git-vaultmesh/internal/query"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// badge prints, writes or checks the badge of a commit.
func (c *attestCmd) badge(a *app) error {
	if len(a.behind) > 0 || c.Badge || c.Worktree || len(c.Report) > 0 {
		return fault.New(fault.Usage, "attest badge runs nothing: it derives the badge from what is recorded").With("command", "attest")
	}
	l, err := a.openLedger(false, c.fetching)
	if err != nil {
		return err
	}
	commit, newest, err := c.newest(a, l)
	if err != nil {
		return err
	}
	if c.Check {
		return c.check(a, commit, newest)
	}
	if newest == nil {
		return attest.CheckBadge(nil, commit, nil)
	}
	if c.Write {
		return c.writeBadge(a, newest.ID, newest.Raw)
	}
	text, err := attest.Badge(newest.ID, newest.Receipt)
	a.out.bytes(append(text, '\n'))
	return err
}

// newest is the newest attestation of the commit that is meant. One that changes the
// badge alone is meant by its parent: a badge can be committed after what it is about.
func (c *attestCmd) newest(a *app, l *ledger.Ledger) (receipt.Object, *ledger.Entry, error) {
	kind := c.Of
	if kind == "" {
		kind = attest.Tests
	}
	genesis, err := l.Genesis(a.ctx)
	if err != nil {
		return "", nil, err
	}
	terms, err := anchoring{}.insisted(a, genesis.ID)
	if err != nil {
		return "", nil, err
	}
	id, what, err := a.repo.ResolveCommit(a.ctx, orHead(c.Rev))
	for err == nil {
		var paths []string
		var parent gitrepo.OID
		paths, parent, err = a.repo.Touched(a.ctx, id, what)
		if err != nil || parent == "" || len(paths) != 1 || paths[0] != attest.BadgePath {
			break
		}
		id, what, err = a.repo.ResolveCommit(a.ctx, string(parent))
	}
	if err != nil {
		return "", nil, err
	}
	commit := receipt.Object(a.repo.Algorithm() + ":" + string(id))
	find := a.finder(l, l)
	about, err := find(a.ctx, query.About([]receipt.Object{commit}))
	if err != nil {
		return "", nil, err
	}
	var ids []receipt.ID
	for _, e := range about {
		ids = append(ids, e.ID)
	}
	var linking []*ledger.Entry
	if len(ids) > 0 {
		if linking, err = find(a.ctx, query.LinkingTo(ids)); err != nil {
			return "", nil, err
		}
	}
	newest, err := attest.Newest(a.ctx, l, terms, about, linking, commit, kind)
	return commit, newest, err
}

// judgedBadge is what programs are told of a badge that holds.
type judgedBadge struct {
	File    string         `json:"file"`
	Status  string         `json:"status"`
	Commit  receipt.Object `json:"commit"`
	Receipt receipt.ID     `json:"receipt"`
}

// check compares the badge in the work tree.
func (c *attestCmd) check(a *app, commit receipt.Object, newest *ledger.Entry) error {
	file, err := a.badgeFile()
	if err != nil {
		return err
	}
	text, err := a.read(file, attest.MaxBadge+1)
	if fault.Has(err, fault.NoFile) {
		err = fault.New(fault.BadBadge, "there is no badge at %s", attest.BadgePath).With("how", "have it derived:\ngit vaultmesh attest badge --write")
	}
	if err != nil {
		return err
	}
	if err := attest.CheckBadge(text, commit, newest); err != nil {
		return err
	}
	if a.out.structured() {
		return a.out.emit(judgedBadge{attest.BadgePath, "holds", commit, newest.ID})
	}
	a.out.line("%s is that of %s", attest.BadgePath, newest.ID.Short())
	return nil
}

// doubtBadge says what is wrong with the badge in the work tree, where there is one: it
// must be that of the newest attestation of HEAD.
func (a *app) doubtBadge(l *ledger.Ledger) ([]guard.Finding, error) {
	file, err := a.badgeFile()
	if fault.Has(err, fault.NotThatCommit) {
		return nil, nil
	}
	var text []byte
	if err == nil {
		text, err = a.read(file, attest.MaxBadge+1)
	}
	if fault.Has(err, fault.NoFile) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	commit, newest, err := new(attestCmd).newest(a, l)
	if err != nil {
		return nil, err
	}
	err = attest.CheckBadge(text, commit, newest)
	if !fault.Has(err, fault.BadBadge) {
		return nil, err
	}
	return []guard.Finding{{Path: attest.BadgePath, Text: attest.BadgePath + ": " + fault.From(err).Message}}, nil
}

func (a *app) badgeFile() (string, error) {
	top, err := a.repo.WorkTree(a.ctx)
	return filepath.Join(top, filepath.FromSlash(attest.BadgePath)), err
}

// writeBadge writes the badge of a receipt into the work tree, in place of an older one.
func (c *attestCmd) writeBadge(a *app, id receipt.ID, raw []byte) error {
	file, err := a.badgeFile()
	if err != nil {
		return err
	}
	r, err := receipt.Parse(raw)
	if err != nil {
		return err
	}
	text, err := attest.Badge(id, r)
	if err != nil {
		return err
	}
	if err := replace(file, text); err != nil {
		return err
	}
	if c.Badge { // its receipt was told of already
		return nil
	}
	if a.out.structured() {
		return a.out.emit(judgedBadge{attest.BadgePath, "written", r.Commit, id})
	}
	a.out.line("wrote %s, that of %s", attest.BadgePath, id.Short())
	return nil
}

// replace writes a file whole, or not at all.
func replace(file string, text []byte) error {
	dir := filepath.Dir(file)
	err := os.MkdirAll(dir, 0o777)
	var f *os.File
	if err == nil {
		f, err = os.CreateTemp(dir, ".badge-")
	}
	if err != nil {
		return unwritten(file, err)
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return unwritten(file, err)
	}
	return nil
}
