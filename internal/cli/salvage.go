package cli

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/federation"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
)

// salvage takes what is good in a ledger that is not to be merged.
func (c *mergeCmd) salvage(a *app, place federation.Place) error {
	if c.Cosign {
		return fault.New(fault.Usage, "--cosign is for merges, and --salvage makes none")
	}
	wreck, done, err := c.wreck(a)
	if err != nil {
		return err
	}
	defer done()
	author, err := a.repo.Author(a.ctx, a.env.Now())
	if err != nil {
		return err
	}
	committer, err := a.repo.Committer(a.ctx, a.env.Now())
	if err != nil {
		return err
	}
	found, err := place.Salvage(a.ctx, wreck, federation.Change{Author: author.Line(), Committer: committer.Line()})
	if err != nil {
		return err
	}
	if found.Files > 0 {
		if err := c.settle(a, place, found.Receipts); err != nil {
			return err
		}
	}
	return c.printSalvaged(a, found)
}

// settle sees to what depends on the ledger after so many receipts came: the notes, and
// the covenant that is remembered.
func (f anchoring) settle(a *app, place federation.Place, receipts int) error {
	if err := a.annotateMany(receipts); err != nil {
		return err
	}
	l, err := a.ledger()
	if err != nil {
		return err
	}
	chain, err := verify.Chain(a.ctx, l, place.Terms)
	if err == nil {
		a.accept(l, place.Terms, chain)
	}
	return err
}

// wreck opens what is to be salvaged. The function that it returns closes it.
func (c *mergeCmd) wreck(a *app) (w federation.Wreck, done func(), err error) {
	w = federation.Wreck{Name: c.What, Store: a.repo}
	info, err := os.Stat(c.What)
	switch {
	case slices.Contains(a.config.Remotes, c.What):
		return c.fetched(a, c.What)
	case err == nil && info.IsDir():
		return c.opened(a)
	case err == nil && info.Mode().IsRegular():
		path, err := filepath.Abs(c.What)
		if err != nil {
			return w, nil, fault.New(fault.NoFile, "%s is no path", c.What)
		}
		w, done, err = c.fetched(a, path)
		if fault.Has(err, fault.RemoteFailed) {
			err = fault.New(fault.BadBundle, "%s is no bundle of a ledger, or begins where nothing is known of here", c.What).Because(err)
		}
		return w, done, err
	}
	if w.Head, _, err = a.repo.ResolveCommit(a.ctx, c.What); err != nil {
		return w, nil, err
	}
	w.Ends, err = a.repo.Cuts()
	return w, func() {}, err
}

// fetched is a ledger in a folder of its own: nothing of it comes into this repository
// but what is taken.
func (c *mergeCmd) fetched(a *app, from string) (w federation.Wreck, done func(), err error) {
	heads, err := a.repo.LsRemote(a.ctx, a.out.messages(), from, a.config.Ref)
	if err != nil {
		return w, nil, err
	}
	if heads[a.config.Ref] == "" {
		return w, nil, fault.New(fault.BadBundle, "%s has no %s", c.What, a.config.Ref)
	}
	loan, err := a.repo.NewLoan(a.ctx)
	if err != nil {
		return w, nil, err
	}
	if err := loan.Fetch(a.ctx, a.out.messages(), from, []string{a.config.Ref}, gitrepo.Ways{Lenient: true}); err != nil {
		loan.Close()
		return w, nil, err
	}
	return federation.Wreck{Name: c.What, Store: loan.Store(), Head: heads[a.config.Ref]}, loan.Close, nil
}

// opened is the ledger of a repository that lies beside this one, as it is: git fetches
// nothing from one that lacks objects.
func (c *mergeCmd) opened(a *app) (w federation.Wreck, done func(), err error) {
	repo, err := a.beside(c.What)
	if err != nil {
		return w, nil, err
	}
	w = federation.Wreck{Name: c.What, Store: repo}
	w.Head, err = repo.Ref(a.ctx, a.config.Ref)
	if err == nil && w.Head == "" {
		err = fault.New(fault.NoLedger, "%s has no ledger at %s", c.What, a.config.Ref)
	}
	if err == nil {
		w.Ends, err = repo.Cuts()
	}
	if err != nil {
		repo.Close()
		return w, nil, err
	}
	return w, repo.Close, nil
}

// beside opens another repository, by its folder.
func (a *app) beside(dir string) (*gitrepo.Repo, error) {
	env := slices.DeleteFunc(slices.Clone(a.env.Environ), func(v string) bool {
		return strings.HasPrefix(v, "GIT_DIR=") || strings.HasPrefix(v, "GIT_WORK_TREE=")
	})
	repo, err := gitrepo.Open(a.ctx, gitrepo.Options{Dir: dir, Env: env, NoLazyFetch: true})
	if err == nil && repo.Algorithm() != a.repo.Algorithm() {
		repo.Close()
		return nil, fault.New(fault.BadOperand, "%s has ids by %s, and this repository by %s", dir, repo.Algorithm(), a.repo.Algorithm())
	}
	return repo, err
}

// leftBehind is something that was not taken, as programs are told.
type leftBehind struct {
	Path    string     `json:"path"`
	Code    fault.Code `json:"code"`
	Message string     `json:"message"`
}

func (c *mergeCmd) printSalvaged(a *app, found *federation.Salvaged) error {
	left := []leftBehind{}
	for _, l := range found.Left {
		f := fault.From(l.Err)
		message := f.Message
		for _, cause := range f.Causes() {
			message += ": " + cause
		}
		left = append(left, leftBehind{l.Path, f.Code, message})
	}
	if a.out.structured() {
		return a.out.emit(struct {
			LedgerCommit string       `json:"ledger_commit"`
			Receipts     int          `json:"receipts"`
			Files        int          `json:"files"`
			Known        int          `json:"known"`
			More         bool         `json:"more"`
			Left         []leftBehind `json:"left"`
		}{string(found.Head), found.Receipts, found.Files, found.Known, found.More, left})
	}
	if found.Files == 0 {
		a.out.line("nothing new")
	} else {
		a.out.line("took %s, %s", plural(found.Receipts, "receipt"), plural(found.Files, "file"))
	}
	for _, l := range left[:min(len(left), maxShown)] {
		a.out.line("  left    %s", cmp.Or(l.Path, "at the top"))
		a.out.line("          %s: %s", string(l.Code), l.Message)
	}
	if more := len(left) - maxShown; more > 0 {
		a.out.line("  and %d more", more)
	}
	a.out.line("  head    %s", found.Head)
	if found.More {
		a.out.note("there is more than is taken at once; run the command again")
	}
	return nil
}
