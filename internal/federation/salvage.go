package federation

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Wreck is a ledger that is not to be merged: its head, and where its objects are read.
type Wreck struct {
	Name  string
	Store gitrepo.Store
	Head  gitrepo.OID
	Ends  map[gitrepo.OID]bool // where its history is cut

	atOnce int // how many bytes are taken at once, 0 for what is usual
}

// Left is something of a wreck that is not taken.
type Left struct {
	Path string // in the ledger's tree, or a commit
	Err  error  // why
}

// Salvaged says what became of a wreck.
type Salvaged struct {
	Head     gitrepo.OID // the ledger's afterwards
	Receipts int         // that are new
	Files    int         // that are new, those receipts among them
	Known    int         // receipts' folders of which nothing was new
	Left     []Left      // what was not taken, by path
	More     bool        // there is more than is taken at once
}

// Change says who takes it: identity lines as in a commit.
type Change struct{ Author, Committer string }

// maxSalvaged bounds the bytes that are taken at once, which are held in memory.
const maxSalvaged = 256 << 20

// Salvage takes the receipts of a wreck, of its head and of its history, that hold by
// themselves and that the covenant accepts of peers, and appends them in one commit. No
// commit of the wreck becomes a parent. What is here already is not taken again. The
// faults are BadLedgerRef (VM502), ObjectMissing (VM509) and ObjectCorrupt (VM510) for a
// head that is none, OtherLedger (VM516), and those of [ledger.Update].
func (p Place) Salvage(ctx context.Context, w Wreck, by Change) (*Salvaged, error) {
	for tries := 0; ; tries++ {
		s, err := p.salvageOnce(ctx, w, by)
		if (fault.Has(err, fault.LostRace) || fault.Has(err, fault.RefLocked)) && tries < maxTries {
			if err := pause(ctx, tries); err != nil {
				return nil, err
			}
			continue
		}
		return s, err
	}
}

func (p Place) salvageOnce(ctx context.Context, w Wreck, by Change) (*Salvaged, error) {
	ours, err := p.open(ctx)
	if err != nil {
		return nil, err
	}
	genesis, err := ours.Genesis(ctx)
	if err != nil {
		return nil, err
	}
	d := &diver{place: p, wreck: w, ours: ours, genesis: genesis.ID, told: make(map[string]bool), kept: make(map[string]*ledger.Graft), remains: ledger.RemainsIn(w.Store), out: &Salvaged{Head: ours.Head}}
	if err := d.search(ctx); err != nil {
		return nil, err
	}
	later, err := d.take(ctx, by)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(d.out.Left, func(a, b Left) int { return cmp.Compare(a.Path, b.Path) })
	if later == nil {
		return d.out, nil
	}
	d.out.Head, d.out.Receipts, d.out.Files = later.Head, later.Receipts, later.Files
	return d.out, p.Repo.UpdateRef(ctx, p.Ref, later.Head, ours.Head)
}

// diver looks through a wreck.
type diver struct {
	place   Place
	wreck   Wreck
	ours    *ledger.Ledger
	genesis receipt.ID
	here    map[string]gitrepo.OID   // our folders of receipts, by path
	found   map[string][]gitrepo.OID // theirs, in all versions
	remains *ledger.Remains
	good    []*ledger.Graft          // what is to be taken
	kept    map[string]*ledger.Graft // the same, by path
	size    int                      // of it, in bytes
	out     *Salvaged
	owned   bool            // one receipt at least belongs to our ledger
	told    map[string]bool // what was left, once for all versions of a tree
}

func (d *diver) leave(path string, err error) {
	if key := path + " " + err.Error(); !d.told[key] {
		d.told[key] = true
		d.out.Left = append(d.out.Left, Left{path, err})
	}
}

// search finds the folders of receipts here and in the wreck.
func (d *diver) search(ctx context.Context) error {
	_, unopened := ledger.OpenCommit(ctx, d.wreck.Store, d.wreck.Name, d.wreck.Head)
	if unopened != nil && !ledger.Unreadable(unopened) {
		return unopened
	}
	d.here, d.found = make(map[string]gitrepo.OID), make(map[string][]gitrepo.OID)
	err := ledger.Parts{
		Ends: map[gitrepo.OID]bool{d.ours.Head: true},
		Skip: func(p ledger.Part) bool {
			if p.IsFolder() {
				d.here[p.Path] = p.ID
			}
			return p.IsFolder() || p.Type == gitrepo.TypeBlob
		},
		Each: func(_ ledger.Part, _ gitrepo.Object, err error) error { return err },
	}.Visit(ctx, d.place.Repo, d.ours.Head)
	if err != nil {
		return err
	}
	err = ledger.Parts{
		Ends: d.wreck.Ends,
		Skip: func(p ledger.Part) bool {
			if p.IsFolder() && d.here[p.Path] != p.ID {
				d.found[p.Path] = append(d.found[p.Path], p.ID)
			} else if p.IsFolder() {
				d.out.Known, d.owned = d.out.Known+1, true
			}
			return p.IsFolder() || p.Type == gitrepo.TypeBlob
		},
		Strange: d.leave,
		Each: func(p ledger.Part, _ gitrepo.Object, err error) error {
			if err != nil {
				d.leave(cmp.Or(p.Path, string(p.ID)), err)
			}
			return nil
		},
	}.Visit(ctx, d.wreck.Store, d.wreck.Head)
	if err == nil && len(d.found) == 0 && d.out.Known == 0 { // nor does its history show anything
		err = unopened
	}
	return err
}

// take takes as much as is taken at once, of the first part of which anything is accepted.
// Of what is refused nothing is held in memory while the next part is looked at. It is nil
// where there is nothing to take.
func (d *diver) take(ctx context.Context, by Change) (*ledger.Grafted, error) {
	rest := slices.Sorted(maps.Keys(d.found))
	for refused := false; ; refused = true {
		var err error
		if rest, err = d.sort(ctx, rest); err != nil {
			return nil, err
		}
		later, err := d.bring(ctx, by)
		if err != nil || later != nil || len(rest) == 0 {
			// What was refused may be accepted after what is taken now, such as a covenant.
			d.out.More = later != nil && (refused || len(rest) > 0)
			return later, err
		}
		d.good, d.kept, d.size = nil, make(map[string]*ledger.Graft), 0
	}
}

// sort finds out which receipts of the wreck hold by themselves, until there are as many
// as are taken at once, and returns the paths that are left then. The fault is OtherLedger
// (VM516) where all that there are belong to another one.
func (d *diver) sort(ctx context.Context, paths []string) (rest []string, err error) {
	others, most := 0, cmp.Or(d.wreck.atOnce, maxSalvaged)
	for i, path := range paths {
		if d.size > most {
			rest = paths[i:]
			break
		}
		d.place.Progress()
		e, err := d.remains.Gather(ctx, path, d.found[path], func(name string, err error) {
			d.leave(strings.TrimSuffix(path+"/"+name, "/"), err)
		})
		switch {
		case err != nil:
			return nil, err
		case e == nil:
			d.leave(path, fault.New(fault.BadTree, "%s has no receipt.json with its SHA-256", path))
			continue
		}
		foreign := e.BelongsTo(d.genesis)
		if foreign != nil {
			others++
			d.leave(path, foreign.Err)
			continue
		}
		d.owned = d.owned || e.Receipt != nil
		if err := d.judge(ctx, path, e); err != nil {
			return nil, err
		}
	}
	if others > 0 && !d.owned {
		return nil, fault.New(fault.OtherLedger, "%s has nothing of the ledger %s, and %d receipts of another one", d.wreck.Name, d.genesis.Short(), others)
	}
	return rest, nil
}

// judge keeps what is new of a receipt that holds by itself.
func (d *diver) judge(ctx context.Context, path string, e *ledger.Entry) error {
	problems, err := d.remains.Problems(ctx, e)
	if err != nil {
		return err
	}
	if len(problems) > 0 {
		d.leave(path, problems[0].Err)
		return nil
	}
	here, err := d.filesHere(ctx, e.Path)
	if err != nil {
		return err
	}
	files := slices.DeleteFunc(slices.Clone(e.Files), func(f ledger.File) bool { return here[f.Name] })
	switch all := len(here) + len(files); {
	case len(files) == 0:
		d.out.Known++
		return nil
	case all > ledger.MaxFiles:
		d.leave(path, fault.New(fault.TooLarge, "%s would have %d files, over the limit of %d", e.Path, all, ledger.MaxFiles))
		return nil
	}
	return d.keep(ctx, e.Path, files)
}

// filesHere are the files that our ledger has in a receipt's folder.
func (d *diver) filesHere(ctx context.Context, path string) (map[string]bool, error) {
	here := make(map[string]bool)
	tree := d.here[path]
	if tree == "" {
		return here, nil
	}
	entries, err := gitrepo.ReadTree(ctx, d.place.Repo, tree, ledger.MaxTree)
	for _, e := range entries {
		here[e.Name] = true
	}
	return here, err
}

// keep reads what is to be taken.
func (d *diver) keep(ctx context.Context, path string, files []ledger.File) error {
	g := d.kept[path]
	if g == nil { // else it lay in several places
		g = &ledger.Graft{Path: path, Files: make(map[string][]byte)}
		d.good, d.kept[path] = append(d.good, g), g
	}
	for _, f := range files {
		data, err := d.remains.ReadFile(ctx, f)
		if err != nil {
			return err
		}
		g.Files[f.Name] = data
		d.size += len(data)
	}
	return nil
}

// bring makes the commit of what is good, and has the covenant judge it, without that
// which is not accepted. It is nil where nothing is left to take.
func (d *diver) bring(ctx context.Context, by Change) (*ledger.Grafted, error) {
	for len(d.good) > 0 {
		t, err := d.ours.Graft(ctx, d.good, by.Author, by.Committer, d.message())
		if err != nil {
			return nil, err
		}
		if err := d.place.Repo.Write(ctx, t.Objects); err != nil {
			return nil, err
		}
		later, err := d.ours.At(ctx, t.Head)
		if err != nil {
			return nil, err
		}
		report, unwelcome, err := verify.Welcome(ctx, d.place.Repo, d.ours, later, []gitrepo.OID{t.Head}, d.place.Terms, func() {})
		if err != nil {
			return nil, err
		}
		if report.Verdict == verify.Invalid {
			return nil, fault.New(fault.Invalid, "what %s brings does not hold", d.wreck.Name).Because(fault.New(fault.Invalid, "%s", verify.Sentence(report.Problems[0])))
		}
		if len(unwelcome) == 0 {
			return t, nil
		}
		if before := len(d.good); d.refuse(unwelcome) == before {
			return nil, unwelcome[0].Err
		}
	}
	return nil, nil
}

// refuse leaves behind what the covenant does not accept. Others may not be accepted
// without it, such as those whom a covenant among them named. It returns how many are left.
func (d *diver) refuse(unwelcome []verify.Refused) int {
	why := make(map[string]error, len(unwelcome))
	for _, u := range unwelcome {
		why[u.ID.String()] = u.Err
	}
	d.good = slices.DeleteFunc(d.good, func(r *ledger.Graft) bool {
		err := why[r.Path[strings.LastIndexByte(r.Path, '/')+1:]]
		if err != nil {
			d.leave(r.Path, fault.New(fault.NotAccepted, "%s is not accepted of peers by the covenant", r.Path).Because(err))
		}
		return err != nil
	})
	return len(d.good)
}

// message is that of the commit, as for any other receipts.
func (d *diver) message() string {
	if len(d.good) == 1 && d.good[0].Files["receipt.json"] != nil {
		raw := d.good[0].Files["receipt.json"]
		if r, err := receipt.Parse(raw); err == nil && !r.Future {
			return ledger.Message("record", r, receipt.Sum(raw))
		}
	}
	return fmt.Sprintf("vaultmesh: record %d receipts\n", len(d.good))
}
