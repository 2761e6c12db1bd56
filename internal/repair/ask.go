package repair

import (
	"context"
	"maps"
	"path/filepath"
	"slices"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
)

// asker asks one source, and keeps what it lent until the end.
type asker struct {
	Source
	asked Asked
	loan  *gitrepo.Loan        // nil until it is asked
	down  bool                 // it cannot be asked
	head  gitrepo.OID          // its ledger's, "" for none
	whole bool                 // its ledger was asked for
	ours  bool                 // it is what is left of a pack, and nobody is asked
	tries int                  // how often it was asked for objects by their ids
	lacks map[gitrepo.OID]bool // what it was asked for and does not have
}

func (a *asker) close() {
	if a.loan != nil {
		a.loan.Close()
	}
}

// maxTries bounds how often one source is asked for objects by their ids: each time is a
// connection.
const maxTries = 200

// ask takes what a source has of what is left: first what it lent before, then by the ids
// in one go, then its whole ledger, then id by id, which a source that is damaged itself
// answers too.
func (h *hand) ask(ctx context.Context, a *asker, left map[gitrepo.OID]*Damage) error {
	if len(left) == 0 || a.down {
		return nil
	}
	if a.loan == nil {
		if err := h.reach(ctx, a); err != nil || a.down {
			return err
		}
	}
	steps := []func() error{
		func() error { return nil },
		func() error { return h.fetch(ctx, a, idsOf(left)) },
		func() error { return h.fetchWhole(ctx, a) },
		func() error { return h.fetchParts(ctx, a, idsOf(left)) },
	}
	for n, step := range steps {
		if len(left) == 0 || n > 0 && (a.ours || !a.hasNotAnswered(left)) {
			break
		}
		if err := step(); err != nil {
			return err
		}
		if err := h.take(ctx, a, left); err != nil {
			return err
		}
	}
	for id := range left {
		a.lacks[id] = true
	}
	return nil
}

// hasNotAnswered tells whether there is something left that it was not asked for yet.
func (a *asker) hasNotAnswered(left map[gitrepo.OID]*Damage) bool {
	for id := range left {
		if !a.lacks[id] {
			return true
		}
	}
	return false
}

// reach sees whether a source answers.
func (h *hand) reach(ctx context.Context, a *asker) (err error) {
	if a.loan, err = h.Repo.NewLoan(ctx); err != nil { // before anybody is asked: it may be that nothing can be written
		return err
	}
	heads, err := h.Repo.LsRemote(ctx, h.Messages, a.Where, h.Ref)
	a.head = heads[h.Ref]
	if fault.Has(err, fault.RemoteFailed) {
		a.down, a.asked.Err = true, err
		return nil
	}
	return err
}

// fetch asks for objects. What the source does not have, or sends in a form that git
// refuses, is no error here.
func (h *hand) fetch(ctx context.Context, a *asker, what []string) error {
	err := a.loan.Fetch(ctx, quiet{}, a.Where, what, false)
	if fault.Has(err, fault.Invalid) {
		a.asked.Err = err
		return nil
	}
	if fault.Has(err, fault.RemoteFailed) {
		return nil
	}
	return err
}

// fetchWhole asks for the whole ledger, once.
func (h *hand) fetchWhole(ctx context.Context, a *asker) error {
	if a.whole || a.head == "" {
		return nil
	}
	a.whole = true
	return h.fetch(ctx, a, []string{h.Ref})
}

// fetchParts asks for objects by halves of halves, so that one that the source does not
// have keeps no other one from coming.
func (h *hand) fetchParts(ctx context.Context, a *asker, ids []string) error {
	if len(ids) < 2 || a.tries >= maxTries { // one alone was asked for already
		return nil
	}
	for _, half := range [][]string{ids[:len(ids)/2], ids[len(ids)/2:]} {
		a.tries++
		err := a.loan.Fetch(ctx, quiet{}, a.Where, half, false)
		switch {
		case err == nil:
			continue
		case fault.Has(err, fault.Invalid):
			a.asked.Err = err
		case !fault.Has(err, fault.RemoteFailed):
			return err
		}
		if err := h.fetchParts(ctx, a, half); err != nil {
			return err
		}
	}
	return nil
}

// quiet passes over git's words: that a source does not have an object is to be expected.
type quiet struct{}

func (quiet) Write(b []byte) (int, error) { return len(b), nil }

func idsOf(left map[gitrepo.OID]*Damage) []string {
	ids := make([]string, 0, len(left))
	for id := range left {
		ids = append(ids, string(id))
	}
	slices.Sort(ids)
	return ids
}

// The most that is held in memory before it is written.
const (
	maxHeld      = 5000
	maxHeldBytes = 64 << 20
)

// take takes what is left out of a loan. The store compares each with its hash.
func (h *hand) take(ctx context.Context, a *asker, left map[gitrepo.OID]*Damage) error {
	var held []gitrepo.Object
	size := 0
	settle := func() error {
		if len(held) == 0 {
			return nil
		}
		err := h.put(ctx, held, a.Name)
		a.asked.Objects += len(held)
		held, size = nil, 0
		return err
	}
	byLimit := make(map[int64][]gitrepo.OID)
	for _, id := range slices.Sorted(maps.Keys(left)) {
		limit := left[id].Limit()
		byLimit[limit] = append(byLimit[limit], id)
	}
	for limit, ids := range byLimit {
		err := a.loan.Store().ReadMany(ctx, ids, limit, func(_ int, o gitrepo.Object, err error) error {
			if err != nil || o.Type != left[o.ID].Type {
				return interruption(err)
			}
			held = append(held, o)
			delete(left, o.ID)
			if size += len(o.Data); size >= maxHeldBytes || len(held) >= maxHeld {
				return settle()
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return settle()
}

// interruption is an error that is not about one object.
func interruption(err error) error {
	for _, code := range []fault.Code{fault.ObjectMissing, fault.ObjectCorrupt, fault.ObjectTooLarge} {
		if fault.Has(err, code) {
			return nil
		}
	}
	return err
}

// openPacks makes sources of the packs that are damaged: what can be read of them from
// their beginnings on.
func (h *hand) openPacks(ctx context.Context) error {
	for _, pack := range h.out.Packs {
		loan, err := h.Repo.NewLoan(ctx)
		if err != nil {
			return err
		}
		name := filepath.Base(pack)
		h.askers = append(h.askers, &asker{Source: Source{Name: name}, asked: Asked{Name: name}, loan: loan, ours: true, lacks: make(map[gitrepo.OID]bool)})
		if err := loan.Recover(ctx, pack); err != nil {
			return err
		}
	}
	return nil
}
