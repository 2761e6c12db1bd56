package cli

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/VaultSovereign/git-vaultmesh/internal/annotate"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/federation"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/index"
	"github.com/VaultSovereign/git-vaultmesh/internal/query"
	"github.com/VaultSovereign/git-vaultmesh/internal/repair"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// repair brings back what is missing or damaged of the ledger, settles refs of remotes
// that are gone, and makes notes and index anew.
func (c *doctorCmd) repair(a *app) error {
	if err := a.open(true); err != nil {
		return err
	}
	sources, done, err := c.sources(a)
	defer done()
	if err != nil {
		return err
	}
	bar := a.progress("looking at objects")
	found, err := repair.Run(a.ctx, repair.Case{Repo: a.repo, Ref: a.config.Ref, Sources: sources, Messages: a.out.messages(), Progress: bar.add})
	bar.done()
	if err != nil {
		return err
	}
	r := &repaired{outcome: found}
	if err := r.settleRefs(a); err != nil {
		return err
	}
	if len(found.Lost) > 0 { // the index may be all that still knows of them
		r.recall(a)
	} else if err := r.caches(a); err != nil {
		return err
	}
	if err := r.print(a); err != nil {
		return err
	}
	return r.verdict()
}

// sources are those who are asked: who was named, then the peers, then all other remotes.
// The function that it returns closes them.
func (c *doctorCmd) sources(a *app) (list []repair.Source, done func(), err error) {
	var opened []*gitrepo.Repo
	done = func() {
		for _, r := range opened {
			r.Close()
		}
	}
	for _, name := range c.From {
		s := repair.Source{Name: name, Where: name}
		info, err := os.Stat(name)
		switch {
		case slices.Contains(a.config.Remotes, name):
		case err != nil:
			return nil, done, fault.New(fault.BadPeer, "%.80q is no remote, bundle or repository", name)
		case info.IsDir():
			repo, err := a.beside(name)
			if err != nil {
				return nil, done, err
			}
			opened, s.Store = append(opened, repo), repo
		default:
			if s.Where, err = filepath.Abs(name); err != nil {
				return nil, done, fault.New(fault.NoFile, "%s is no path", name)
			}
		}
		list = append(list, s)
	}
	for _, name := range append(slices.Clone(a.config.Peers), a.config.Remotes...) {
		if !slices.ContainsFunc(list, func(s repair.Source) bool { return s.Where == name }) {
			list = append(list, repair.Source{Name: name, Where: name})
		}
	}
	return list, done, nil
}

// repaired is what was found and done, as it is shown.
type repaired struct {
	outcome *repair.Outcome
	refs    []settledRef
	notes   string
	index   string
}

// settledRef is a ref of a remote that is gone or renamed, and what became of it.
type settledRef struct {
	Ref    string `json:"ref"`
	Action string `json:"action"` // moved, dropped or kept
	To     string `json:"to,omitempty"`
}

// settleRefs moves or drops what is kept for remotes that are gone or renamed.
func (r *repaired) settleRefs(a *app) error {
	heirs := federation.Heirs(a.gitConfig, a.config.Remotes)
	orphans, err := federation.Orphans(a.ctx, a.repo, a.config.Remotes, heirs)
	if err != nil {
		return err
	}
	place := federation.Place{Repo: a.repo, Ref: a.config.Ref}
	for _, o := range orphans {
		what, now, err := place.Settle(a.ctx, o)
		if err != nil {
			return err
		}
		s := settledRef{Ref: o.Ref, Action: what}
		if what == federation.MovedRef {
			s.To = now
		}
		r.refs = append(r.refs, s)
	}
	for old, remote := range heirs {
		if err := federation.Rename(a.ctx, a.repo, a.gitConfig, old, remote); err != nil {
			return err
		}
	}
	return nil
}

// What became of the notes and of the index.
const (
	unchanged = "unchanged"
	madeAnew  = "made anew"
	left      = "left as they are"
)

// caches makes notes and index anew. They are derived: what keeps them from it is said.
func (r *repaired) caches(a *app) error {
	l, err := a.ledger()
	if err != nil {
		return err
	}
	bar := a.progress("noting receipts")
	changed, err := annotate.Mend(a.ctx, a.repo, l, repair.Folder(a.repo), bar.add)
	bar.done()
	if r.notes, err = cached(changed, err); err != nil {
		return err
	}
	index.Remove(a.indexFolders())
	r.index, err = cached(true, a.makeIndex(l))
	return err
}

// cached says what became of a cache.
func cached(changed bool, err error) (string, error) {
	switch {
	case fault.Has(err, fault.Interrupted):
		return "", err
	case err != nil:
		f := fault.From(err)
		return string(f.Code) + ": " + f.Message, nil
	case changed:
		return madeAnew, nil
	}
	return unchanged, nil
}

// recall asks the index, which is as old as it is, of which kind lost receipts are, and
// which there were below a folder that is lost.
func (r *repaired) recall(a *app) {
	r.notes, r.index = left, left
	lost := r.outcome.Lost
	if !slices.ContainsFunc(lost, func(l repair.Lost) bool { return l.Kind == "" }) {
		return
	}
	x, err := index.Recollect(a.ctx, a.config.Ledger, index.Options{Folders: a.indexFolders(), Program: facts().Version})
	if err != nil {
		return
	}
	defer x.Close()
	_ = x.Search(a.ctx, index.Request{Query: new(query.Query), Looked: func() {}}, func(row *index.Row) error {
		if !r.outcome.Readable(row.Path()) {
			lost = remembered(lost, row)
		}
		return nil
	})
	slices.SortStableFunc(lost, func(x, y repair.Lost) int { return cmp.Compare(x.Path, y.Path) })
	r.outcome.Lost = lost
}

// remembered adds what the index knows of one receipt.
func remembered(lost []repair.Lost, row *index.Row) []repair.Lost {
	path := row.Path()
	for i := range lost {
		if lost[i].Path == path && lost[i].Kind == "" {
			lost[i].Kind = row.Doc.Kind
			return lost
		}
	}
	for _, l := range lost {
		if l.Below(path) {
			return append(lost, repair.Lost{Path: path, ID: row.Doc.ID, Kind: row.Doc.Kind, Whole: true})
		}
	}
	return lost
}

// verdict is the fault of what could not be repaired.
func (r *repaired) verdict() error {
	o := r.outcome
	stuck := 0
	for _, d := range o.Damages {
		if d.Stuck {
			stuck++
		}
	}
	receipts, files := 0, 0
	for _, l := range o.Lost {
		if l.Whole && !l.ID.IsZero() {
			receipts++
		} else {
			files++
		}
	}
	switch {
	case len(o.Lost) > 0 && o.Unanswered():
		return fault.New(fault.Unanswered, "%s and parts of %d more were had of nobody, and not everybody could answer", plural(receipts, "receipt"), files)
	case len(o.Lost) > 0:
		return fault.New(fault.Lost, "%s and parts of %d more are lost for certain: nobody has them", plural(receipts, "receipt"), files)
	case stuck > 0:
		return fault.New(fault.ObjectCorrupt, "git goes on reading damaged copies of %d objects, out of a pack", stuck)
	}
	return nil
}

// printedDamage is an object that could not be read, as programs are told.
type printedDamage struct {
	Object string       `json:"object"`
	Type   string       `json:"type"`
	Path   string       `json:"path"`
	Commit string       `json:"commit"`
	State  repair.State `json:"state"`
	From   string       `json:"from"` // "" where nobody had it
}

// printedSource is who was asked.
type printedSource struct {
	Name    string     `json:"name"`
	Objects int        `json:"objects"`
	Unsure  bool       `json:"unsure"` // it may have more
	Code    fault.Code `json:"code,omitempty"`
	Message string     `json:"message,omitempty"`
}

// printedLoss is what a receipt has lost.
type printedLoss struct {
	ID     string       `json:"id"`
	Kind   receipt.Kind `json:"kind"`
	Path   string       `json:"path"`
	Whole  bool         `json:"whole"`
	Files  []string     `json:"files"`
	Commit string       `json:"commit,omitempty"`
}

func (r *repaired) print(a *app) error {
	if a.out.structured() {
		return a.out.emit(r.object())
	}
	o := r.outcome
	a.out.line("looked at %d objects of the ledger at %s", o.Looked, o.Head.Short())
	printDamages(a, o.Damages)
	for _, s := range o.Asked {
		a.out.line("  asked    %s: %s", s.Name, answer(s))
	}
	for _, l := range o.Lost {
		printLoss(a, l)
	}
	for _, group := range []struct {
		what  string
		files []string
	}{{"index", o.Indexes}, {"damaged", o.Packs}, {"kept", o.Aside}} {
		for _, file := range group.files {
			a.out.line("  %s %s", pad(group.what, -8), file)
		}
	}
	for _, s := range r.refs {
		a.out.line("  %s %s", pad(s.Action, -8), s.Ref)
		if s.To != "" {
			a.out.line("           to %s", s.To)
		}
	}
	a.out.line("  notes    %s", r.notes)
	a.out.line("  index    %s", r.index)
	if len(o.Packs) > 0 {
		a.out.note("a pack is damaged, in which other things than the ledger may lie too: git fsck names what they lack")
	}
	for _, s := range r.refs {
		if s.Action == federation.KeptRef {
			a.out.note("%s leads to what is nowhere else here; git vaultmesh merge --salvage %s takes what is good in it", s.Ref, s.Ref)
		}
	}
	return nil
}

// maxShown is how many things of one sort people are shown; programs get all.
const maxShown = 100

// printDamages prints those that nobody had first.
func printDamages(a *app, damages []*repair.Damage) {
	sorted := slices.Clone(damages)
	slices.SortStableFunc(sorted, func(x, y *repair.Damage) int { return cmp.Compare(min(len(x.From), 1), min(len(y.From), 1)) })
	for _, d := range sorted[:min(len(sorted), maxShown)] {
		from := "from " + d.From
		if d.From == "" {
			from = "nobody has it"
		}
		a.out.line("  %s %s %s  %s: %s", pad(string(d.State), -8), pad(d.Type, -6), d.ID.Short(), cmp.Or(d.Path, "commit "+d.Commit.Short()), from)
	}
	if more := len(sorted) - maxShown; more > 0 {
		a.out.line("  and %d more", more)
	}
}

// answer is what came of asking somebody.
func answer(s repair.Asked) string {
	had := fmt.Sprintf("has %d of them", s.Objects)
	if s.Err == nil {
		return had
	}
	f := fault.From(s.Err)
	why := string(f.Code) + ": " + f.Message
	if fault.Has(s.Err, fault.RemoteFailed) && s.Objects == 0 {
		return why
	}
	return had + "; " + why
}

func printLoss(a *app, l repair.Lost) {
	switch {
	case l.Commit != "":
		a.out.line("  lost     of the history, commit %s", l.Commit.Short())
	case l.ID.IsZero():
		a.out.line("  lost     all below %s, which nobody can name but those that follow", l.Path)
	case l.Whole:
		a.out.line("  lost     %s %s", pad(cmp.Or(string(l.Kind), "receipt"), -11), l.ID)
		a.out.line("           %s", l.Path)
	default:
		a.out.line("  lost of  %s %s", pad(cmp.Or(string(l.Kind), "receipt"), -11), l.ID)
		for _, f := range l.Files {
			a.out.line("           %s", f)
		}
	}
}

func (r *repaired) object() any {
	o := r.outcome
	damages, asked, lost := []printedDamage{}, []printedSource{}, []printedLoss{}
	for _, d := range o.Damages {
		damages = append(damages, printedDamage{string(d.ID), d.Type, d.Path, string(d.Commit), d.State, d.From})
	}
	for _, s := range o.Asked {
		p := printedSource{Name: s.Name, Objects: s.Objects, Unsure: s.Unsure}
		if s.Err != nil {
			f := fault.From(s.Err)
			p.Code, p.Message = f.Code, f.Message
		}
		asked = append(asked, p)
	}
	for _, l := range o.Lost {
		p := printedLoss{Kind: l.Kind, Path: l.Path, Whole: l.Whole, Files: append([]string{}, l.Files...), Commit: string(l.Commit)}
		if !l.ID.IsZero() {
			p.ID = l.ID.String()
		}
		lost = append(lost, p)
	}
	return struct {
		LedgerCommit string          `json:"ledger_commit"`
		Objects      int             `json:"objects"`
		Damaged      []printedDamage `json:"damaged"`
		Asked        []printedSource `json:"asked"`
		Lost         []printedLoss   `json:"lost"`
		Indexes      []string        `json:"indexes"`
		Packs        []string        `json:"packs"`
		Kept         []string        `json:"kept"`
		Refs         []settledRef    `json:"refs"`
		Notes        string          `json:"notes"`
		Index        string          `json:"index"`
	}{string(o.Head), o.Looked, damages, asked, lost, append([]string{}, o.Indexes...), append([]string{}, o.Packs...),
		append([]string{}, o.Aside...), append([]settledRef{}, r.refs...), r.notes, r.index}
}
