// Package repair brings back objects of a ledger that are missing or damaged: it looks
// at every one, asks others for what cannot be read, takes what has the hash that it
// must have, and says what nobody has.
//
// What it is not for: a ledger whose objects are all there and that does not hold
// all the same; package federation salvages what is good in it.
package repair

import (
	"context"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
)

// Case is a ledger to be looked at, and who may have what it lacks.
type Case struct {
	Repo     *gitrepo.Repo
	Ref      string
	Sources  []Source  // in the order in which they are asked
	Messages io.Writer // where git's words and questions go
	Progress func()    // called for each object that is looked at
}

// Source is somebody who may have objects.
type Source struct {
	Name  string        // for people
	Where string        // a remote, an address, or the path of a bundle
	Store gitrepo.Store // of a repository that is read as it lies there, nil for one that git asks
}

// State says what is wrong with an object.
type State string

// The ways in which an object is not there.
const (
	Missing State = "missing"
	Corrupt State = "corrupt" // it is there, and cannot be read or has another hash
)

// Damage is an object that could not be read.
type Damage struct {
	ledger.Part
	State State
	From  string // whose copy is here now, "" where nobody had it
	Stuck bool   // git goes on reading a damaged copy all the same
	Err   error  // why it could not be read
}

// Asked is a source, and what came of asking it.
type Asked struct {
	Name    string
	Objects int   // that it had
	Err     error // why it could not be asked, or what it sent that was not taken
	Unsure  bool  // it may have more than it gave
}

// Outcome is what was found and done.
type Outcome struct {
	Head    gitrepo.OID
	Looked  int       // objects
	Damages []*Damage // in the order in which they were found
	Asked   []Asked   // who was asked
	Aside   []string  // files that are damaged and were kept
	Indexes []string  // indexes of packs that were made anew
	Packs   []string  // packs that are damaged themselves
	Lost    []Lost    // what receipts have lost: nobody who was asked has it

	whole map[string]gitrepo.OID // receipts that can be read, by their folders
}

// Readable tells whether the receipt of a folder can be read, be it at another head.
func (o *Outcome) Readable(path string) bool { return o.whole[path] != "" }

// Unanswered tells whether somebody may have what is lost: one who could not be asked, or
// one who is damaged and can lend nothing that leads to what it lacks.
func (o *Outcome) Unanswered() bool {
	return slices.ContainsFunc(o.Asked, func(a Asked) bool { return a.Unsure })
}

// Folder is where damaged files of a repository are kept.
func Folder(repo *gitrepo.Repo) string {
	return filepath.Join(repo.CommonDir, "vaultmesh", "damaged")
}

// Run looks at all objects of the ledger, and brings back what can be had: from indexes of
// packs that are made anew, from others, and at last from what is left of damaged packs.
// What is taken was checked by its hash, and each object is there whole or not at all. The
// faults are NoLedger (VM501), BadLedgerRef (VM502), ReadOnly (VM507), DiskFull (VM508)
// and Interrupted (VM902).
func Run(ctx context.Context, c Case) (*Outcome, error) {
	head, err := c.Repo.Ref(ctx, c.Ref)
	if err != nil {
		return nil, err
	}
	if head == "" {
		return nil, fault.New(fault.NoLedger, "this repository has no ledger at %s", c.Ref)
	}
	h := &hand{Case: c, out: &Outcome{Head: head}, known: make(map[gitrepo.OID]*Damage)}
	defer h.close()
	if err := h.mend(ctx); err != nil {
		return nil, err
	}
	return h.out, nil
}

// hand does the repair.
type hand struct {
	Case
	out    *Outcome
	known  map[gitrepo.OID]*Damage // all that were found
	askers []*asker
}

func (h *hand) close() {
	for _, a := range h.askers {
		a.close()
	}
}

// mend does one thing after the other until nothing is wanted or nothing helps.
func (h *hand) mend(ctx context.Context) error {
	wanted, err := h.look(ctx)
	if err != nil || len(wanted) == 0 {
		return err
	}
	if wanted, err = h.locally(ctx, wanted); err != nil {
		return err
	}
	for _, s := range h.Sources {
		h.askers = append(h.askers, &asker{Source: s, asked: Asked{Name: s.Name}, lacks: make(map[gitrepo.OID]bool)})
	}
	if wanted, err = h.fromOthers(ctx, wanted); err != nil {
		return err
	}
	if len(wanted) > 0 && len(h.out.Packs) > 0 {
		if err := h.openPacks(ctx); err != nil {
			return err
		}
		if wanted, err = h.fromOthers(ctx, wanted); err != nil {
			return err
		}
	}
	for _, a := range h.askers {
		if !a.ours {
			h.out.Asked = append(h.out.Asked, a.asked)
		}
	}
	return h.mourn(ctx, wanted)
}

// look reads every object as git reads it, and returns those that it cannot.
func (h *hand) look(ctx context.Context) ([]*Damage, error) {
	ends, err := h.Repo.Cuts()
	if err != nil {
		return nil, err
	}
	var wanted []*Damage
	h.out.Looked, h.out.whole = 0, make(map[string]gitrepo.OID)
	err = ledger.Parts{Ends: ends, Each: func(p ledger.Part, _ gitrepo.Object, err error) error {
		h.Progress()
		h.out.Looked++
		if folder, is := strings.CutSuffix(p.Path, "/receipt.json"); is && err == nil {
			h.out.whole[folder] = p.ID
		}
		if err == nil || h.known[p.ID] == nil && h.onlyLarge(ctx, p, err) {
			return nil
		}
		wanted = append(wanted, h.damage(p, err))
		return nil
	}}.Visit(ctx, h.Repo.AsGitReads(), h.out.Head)
	return wanted, err
}

// onlyLarge tells whether an object is whole, and larger than what it is for may be:
// that is no damage, but what somebody recorded. Of one that is damaged git may believe any
// size.
func (h *hand) onlyLarge(ctx context.Context, p ledger.Part, err error) bool {
	if !fault.Has(err, fault.ObjectTooLarge) {
		return false
	}
	whole, err := h.Repo.Whole(ctx, p.ID, p.Type)
	return err == nil && whole
}

// damage remembers an object that cannot be read. One that was brought back before, and
// that git still does not read, is the same damage.
func (h *hand) damage(p ledger.Part, err error) *Damage {
	d := h.known[p.ID]
	if d == nil {
		d = &Damage{Part: p, State: Corrupt, Err: err}
		if fault.Has(err, fault.ObjectMissing) {
			d.State = Missing
		}
		h.known[p.ID] = d
		h.out.Damages = append(h.out.Damages, d)
	}
	return d
}

// The names of what helps without others.
const (
	fromLayout = "the layout"         // the same in all ledgers
	fromIndex  = "the index of packs" // made anew
)

// locally brings back what needs nobody else.
func (h *hand) locally(ctx context.Context, wanted []*Damage) ([]*Damage, error) {
	version := ledger.VersionFile(h.Repo.Algorithm())
	if d := h.known[version.ID]; d != nil {
		if err := h.put(ctx, []gitrepo.Object{version}, fromLayout); err != nil {
			return nil, err
		}
	}
	inPacks := slices.ContainsFunc(wanted, func(d *Damage) bool { return d.State == Corrupt && !h.Repo.HasFile(d.ID) })
	made, damaged, err := h.Repo.Reindex(ctx, Folder(h.Repo), inPacks)
	if err != nil {
		return nil, err
	}
	h.out.Indexes, h.out.Packs = made, damaged
	if len(made) == 0 && h.known[version.ID] == nil {
		return wanted, nil
	}
	left, err := h.look(ctx)
	for _, d := range wanted {
		if d.From == "" && !slices.Contains(left, d) {
			d.From = fromIndex
		}
	}
	return left, err
}

// fromOthers asks all sources until nothing is wanted or none has anything more.
func (h *hand) fromOthers(ctx context.Context, wanted []*Damage) ([]*Damage, error) {
	for len(wanted) > 0 {
		left := make(map[gitrepo.OID]*Damage)
		for _, d := range wanted {
			if d.From == "" {
				left[d.ID] = d
			}
		}
		before := len(left)
		for _, a := range h.askers {
			if err := h.ask(ctx, a, left); err != nil {
				return nil, err
			}
		}
		if len(left) == before {
			return wanted, nil
		}
		var err error
		if wanted, err = h.look(ctx); err != nil { // what came may name more
			return nil, err
		}
	}
	return nil, nil
}

// put writes objects that have the right hash into the repository.
func (h *hand) put(ctx context.Context, objects []gitrepo.Object, from string) error {
	kept, err := h.Repo.Mend(ctx, objects, Folder(h.Repo))
	if err != nil {
		return err
	}
	h.out.Aside = append(h.out.Aside, kept...)
	for _, o := range objects {
		h.known[o.ID].From = from
	}
	return nil
}
