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
	asked  Asked
	loan   *gitrepo.Loan        // nil until it is asked
	head   gitrepo.OID          // its ledger's, "" for none
	whole  bool                 // its ledger was asked for
	broken bool                 // it could not give it
	ours   bool                 // it is what is left of a pack, and nobody is asked
	tries  int                  // how often it was asked for objects by their ids
	lacks  map[gitrepo.OID]bool // what it was asked for and does not have
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
// in one go, then its whole ledger, then by fewer and fewer ids, and at last each without
// what it leads to: a source that is damaged itself answers so too.
func (h *hand) ask(ctx context.Context, a *asker, left map[gitrepo.OID]*Damage) error {
	if len(left) == 0 || a.asked.Unsure && a.loan == nil {
		return nil
	}
	if a.store() == nil {
		if err := h.reach(ctx, a); err != nil || a.loan == nil {
			return err
		}
	}
	steps := []func() error{
		func() error { return nil },
		func() error { return h.fetch(ctx, a, idsOf(left), gitrepo.Ways{}) },
		func() error { return h.fetchWhole(ctx, a) },
		func() error { return h.fetchParts(ctx, a, idsOf(left), gitrepo.Ways{}) },
		func() error { return h.fetchParts(ctx, a, idsOf(left), gitrepo.Ways{Alone: true}) },
	}
	for n, step := range steps {
		if len(left) == 0 || n > 0 && (a.loan == nil || a.ours || !a.hasNotAnswered(left)) {
			break
		}
		if err := step(); err != nil {
			return err
		}
		if err := h.take(ctx, a, left); err != nil {
			return err
		}
	}
	return h.conclude(ctx, a, left)
}

// store is where what a source has is read, nil before it is asked.
func (a *asker) store() gitrepo.Store {
	switch {
	case a.Store != nil:
		return a.Store
	case a.loan != nil:
		return a.loan.Store()
	}
	return nil
}

// conclude says what it means that a source did not give what is left: that it does not
// have it, unless it cannot be asked any more, or could not give it without what it lacks.
func (h *hand) conclude(ctx context.Context, a *asker, left map[gitrepo.OID]*Damage) error {
	fresh := a.hasNotAnswered(left)
	for id := range left {
		a.lacks[id] = true
	}
	if a.loan == nil || a.ours || !fresh {
		return nil
	}
	if _, err := h.Repo.LsRemote(ctx, h.Messages, a.Where, h.Ref); err != nil {
		if !fault.Has(err, fault.RemoteFailed) {
			return err
		}
		a.asked.Unsure, a.asked.Err = true, err
	}
	for _, d := range left {
		if d.Type != gitrepo.TypeBlob && a.broken || a.tries >= maxTries {
			a.asked.Unsure = true
			a.asked.Err = fault.New(fault.ObjectMissing, "%s lacks objects itself; repair it first", a.Name)
		}
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
func (h *hand) reach(ctx context.Context, a *asker) error {
	loan, err := h.Repo.NewLoan(ctx)
	if err != nil { // before anybody is asked: it may be that nothing can be written
		return err
	}
	heads, err := h.Repo.LsRemote(ctx, h.Messages, a.Where, h.Ref)
	if err == nil {
		a.head, a.loan = heads[h.Ref], loan
		return nil
	}
	loan.Close()
	if fault.Has(err, fault.RemoteFailed) {
		a.asked.Unsure, a.asked.Err = true, err
		return nil
	}
	return err
}

// fetch asks for objects. What the source does not have, or sends in a form that git
// refuses, is no error here.
func (h *hand) fetch(ctx context.Context, a *asker, what []string, how gitrepo.Ways) error {
	_, err := h.fetched(ctx, a, what, how)
	return err
}

// fetched is fetch, and tells whether all came.
func (h *hand) fetched(ctx context.Context, a *asker, what []string, how gitrepo.Ways) (bool, error) {
	err := a.loan.Fetch(ctx, quiet{}, a.Where, what, how)
	switch {
	case fault.Has(err, fault.Invalid):
		a.asked.Err = err
		return false, nil
	case fault.Has(err, fault.RemoteFailed):
		return false, nil
	}
	return err == nil, err
}

// fetchWhole asks for the whole ledger, once.
func (h *hand) fetchWhole(ctx context.Context, a *asker) error {
	if a.whole || a.head == "" {
		return nil
	}
	a.whole = true
	came, err := h.fetched(ctx, a, []string{h.Ref}, gitrepo.Ways{})
	a.broken = !came
	return err
}

// fetchParts asks for objects by halves of halves, so that one that the source does not
// have keeps no other one from coming.
func (h *hand) fetchParts(ctx context.Context, a *asker, ids []string, how gitrepo.Ways) error {
	if len(ids) == 0 || a.tries >= maxTries {
		return nil
	}
	a.tries++
	came, err := h.fetched(ctx, a, ids, how)
	if err != nil || came || len(ids) == 1 {
		return err
	}
	for _, half := range [][]string{ids[:len(ids)/2], ids[len(ids)/2:]} {
		if err := h.fetchParts(ctx, a, half, how); err != nil {
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
		err := a.store().ReadMany(ctx, ids, limit, func(_ int, o gitrepo.Object, err error) error {
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
