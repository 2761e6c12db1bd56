package cli

import (
	"cmp"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/query"
	"github.com/VaultSovereign/git-vaultmesh/internal/record"
	"github.com/VaultSovereign/git-vaultmesh/internal/spawn"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
	"github.com/VaultSovereign/git-vaultmesh/templates"
)

type spawnUpdateCmd struct {
	Folder string `arg:"" optional:"" help:"what spawn made: the folder that you are in unless given"`
	Type   string `placeholder:"TYPE" help:"another template than the one that was recorded; with --template, the folder"`
	DryRun bool   `help:"say what would be written, change nothing"`
	NoKey  bool   `xor:"nobody" help:"leave the receipt unsigned: nobody vouches for it then"`
	answering
	signing
	stamping
	fetching
}

// Run merges what the template makes now over what was changed since.
func (c *spawnUpdateCmd) Run(a *app) error {
	dir := c.Folder
	if dir == "" {
		dir = "."
	}
	if err := a.openAs(gitrepo.Options{Dir: dir, Env: a.env.Environ}); err != nil {
		return err
	}
	base, err := c.base(a, dir)
	if err != nil {
		return err
	}
	template, named, err := c.newer(a, base)
	if err != nil {
		return err
	}
	plan, err := c.plan(a, template, base)
	if err != nil {
		return err
	}
	if err := c.refuseSecrets(plan, named); err != nil {
		return err
	}
	if !c.changes(base, plan) {
		return c.print(a, base, plan, named, "unchanged", nil, nil)
	}
	if c.DryRun {
		return c.print(a, base, plan, named, "planned", nil, nil)
	}
	return c.merge(a, base, plan, named)
}

// base finds what was spawned in a folder.
func (c *spawnUpdateCmd) base(a *app, dir string) (*spawn.Base, error) {
	if err := a.refresh(c.fetching); err != nil {
		return nil, err
	}
	l, err := a.ledger()
	if err != nil {
		return nil, err
	}
	folder, err := a.below(dir)
	if err != nil {
		return nil, err
	}
	head, _, err := a.repo.ResolveCommit(a.ctx, "HEAD")
	if err != nil {
		return nil, err
	}
	entries, err := a.lookUp(a.ctx, l, query.OfKinds(receipt.KindSpawn))
	if err != nil {
		return nil, err
	}
	if entries, err = c.trusted(a, l, spawn.About(entries, folder)); err != nil {
		return nil, err
	}
	return spawn.FindBase(a.ctx, a.repo, entries, folder, head)
}

// trusted leaves receipts of a folder out that are not trusted, where others are: what a base is taken from says what of
// yours counts as changed, and anybody who may push could name a commit that has all of it.
func (c *spawnUpdateCmd) trusted(a *app, l *ledger.Ledger, entries []*ledger.Entry) ([]*ledger.Entry, error) {
	genesis, err := l.Genesis(a.ctx)
	if err != nil {
		return nil, err
	}
	terms, err := anchoring{}.insisted(a, genesis.ID)
	if err != nil {
		return nil, err
	}
	report, err := verify.Receipts(a.ctx, a.repo, l, entries, terms)
	if err != nil {
		return nil, err
	}
	trusted := report.Trusted(entries)
	if len(trusted) == 0 || len(trusted) == len(entries) {
		return entries, nil
	}
	a.out.warn("%s of this folder not trusted, and left out", plural(len(entries)-len(trusted), "spawn receipt"))
	return trusted, nil
}

// below is the path of a folder from the top of its work tree, "" for the top.
func (a *app) below(dir string) (string, error) {
	top, err := a.repo.Top(a.ctx)
	if err == nil && top == "" {
		err = fault.New(fault.NotSpawned, "there is no work tree here")
	}
	if err != nil {
		return "", err
	}
	full, err := filepath.Abs(dir)
	if err == nil {
		full, err = filepath.EvalSymlinks(full)
	}
	if err == nil {
		top, err = filepath.EvalSymlinks(top)
	}
	var rel string
	if err == nil {
		rel, err = filepath.Rel(top, full)
	}
	if err != nil {
		return "", fault.New(fault.NotSpawned, "%s cannot be found in its repository", dir).Because(err)
	}
	if rel == "." {
		rel = ""
	}
	return filepath.ToSlash(rel), nil
}

// newer is the template to update to: the one of the program that has the type, or the one of a repository
// at the revision that is named. Either may be another one than before.
func (c *spawnUpdateCmd) newer(a *app, base *spawn.Base) (*templates.Template, string, error) {
	said := base.Entry.Receipt.Spawn.Template
	external, is := spawn.Recorded(said)
	switch {
	case c.Template != "":
		return c.load(a, cmp.Or(c.Type, external.Folder))
	case c.Type == "" && is:
		return nil, "", fault.New(fault.BadTemplateAddress, "the template is %s: say which tag, branch or commit of it is wanted now", said)
	}
	return c.load(a, cmp.Or(c.Type, said))
}

// plan makes the files with the answers that were recorded, and what is said otherwise now.
func (c *spawnUpdateCmd) plan(a *app, t *templates.Template, base *spawn.Base) (*templates.Plan, error) {
	request, dropped, err := t.Recall(base.Entry.Receipt.Spawn.Answers)
	if err != nil {
		return nil, err
	}
	for _, name := range dropped {
		a.out.note("the template asks %s no more", name)
	}
	now, err := (answering{With: c.With, Set: c.Set, Answers: c.Answers, Defaults: true}).request(a, t)
	if err != nil {
		return nil, err
	}
	maps.Copy(request.Answers, now.Answers)
	maps.Copy(request.With, now.With)
	if !c.Defaults && a.asks() {
		if err := a.ask(t, &request); err != nil {
			return nil, err
		}
	}
	return t.Plan(request)
}

// changes tells whether there is anything to do.
func (c *spawnUpdateCmd) changes(base *spawn.Base, plan *templates.Plan) bool {
	before := base.Entry.Receipt.Spawn
	return before.OutputDigest != receipt.Digest(plan.Digest()) || before.TemplateDigest != receipt.Digest(plan.Template.Digest()) || !maps.Equal(before.Answers, plan.Answers)
}

// merge merges and records. A merge that a person has to finish is recorded too: its commit is there.
func (c *spawnUpdateCmd) merge(a *app, base *spawn.Base, plan *templates.Plan, named string) error {
	if err := spawn.Clean(a.ctx, a.repo); err != nil {
		return err
	}
	place, err := (&spawnNewCmd{NoKey: c.NoKey, signing: c.signing, stamping: c.stamping}).recorder(a)
	if err != nil {
		return err
	}
	defer survivePipes()() // what hooks say may have no reader
	id, tree, conflicts, err := base.Merge(a.ctx, a.repo, a.out.messages(), plan)
	if err != nil {
		return err
	}
	r := spawn.Receipt(a.repo, plan, named, plan.Digest(), base.Folder, id, tree)
	r.Links = []receipt.Link{{Rel: "follows", Receipt: base.Entry.ID}}
	out, err := record.Own(a.ctx, place, r)
	if err != nil {
		return err
	}
	if err := a.afterSpawn(out); err != nil {
		return err
	}
	if err := c.print(a, base, plan, named, "updated", out, conflicts); err != nil {
		return err
	}
	if len(conflicts) > 0 {
		return fault.New(fault.UpdateConflicts, "%s to be mended by hand: %s", plural(len(conflicts), "file"), strings.Join(conflicts, ", "))
	}
	return nil
}

// updated is what programs are told of an update.
type updated struct {
	Status         string            `json:"status"` // unchanged, planned or updated
	Name           string            `json:"name"`
	Folder         string            `json:"folder"`
	Template       string            `json:"template"`
	TemplateDigest string            `json:"template_digest"`
	Answers        map[string]string `json:"answers"`
	OutputDigest   string            `json:"output_digest"`
	Base           string            `json:"base"`
	Commit         string            `json:"commit,omitempty"`
	Receipt        string            `json:"receipt,omitempty"`
	Conflicts      []string          `json:"conflicts"`
}

func (c *spawnUpdateCmd) print(a *app, base *spawn.Base, plan *templates.Plan, named, status string, out *record.Outcome, conflicts []string) error {
	u := updated{
		Status: status, Name: plan.Name, Folder: base.Folder, Template: named, TemplateDigest: plan.Template.Digest().String(), Answers: plan.Answers,
		OutputDigest: plan.Digest().String(), Base: string(base.Commit), Conflicts: slices.Clone(orEmpty(conflicts)),
	}
	if out != nil {
		made, err := receipt.Parse(out.Bytes)
		if err != nil {
			return err
		}
		u.Receipt, u.Commit = out.ID.String(), made.Commit.Hex()
	}
	if a.out.structured() {
		return a.out.emit(u)
	}
	switch status {
	case "unchanged":
		a.out.line("%s is what the template %s makes", u.Name, named)
		return nil
	case "planned":
		a.out.line("would update %s to the template %s, from the commit %s on", u.Name, named, base.Commit.Short())
		return nil
	}
	a.out.line("updated %s to the template %s", u.Name, named)
	a.out.line("  commit   %s", u.Commit)
	a.out.line("  receipt  %s", u.Receipt)
	for _, m := range out.Signed {
		a.out.line("  signed   %s", m.By)
	}
	for _, path := range conflicts {
		a.out.line("  conflict %s", path)
	}
	return nil
}
