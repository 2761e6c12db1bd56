package federation

import (
	"context"
	"slices"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
)

// maxTries bounds how often something is tried again that others were quicker at.
const maxTries = 8

// maxPushes bounds how often a push is tried again: between two tries others can push
// as often as they like.
const maxPushes = 30

// Take merges the heads of arrivals that are not held back into the ledger, in the
// order of their ids, and returns its new head and the merges that were made. The
// faults are those of [gitrepo.Repo.UpdateRef].
func (p Place) Take(ctx context.Context, arrivals []Arrival) (head gitrepo.OID, merges []gitrepo.OID, err error) {
	for tries := 0; ; tries++ {
		head, merges, err = p.takeOnce(ctx, arrivals)
		if (fault.Has(err, fault.LostRace) || fault.Has(err, fault.RefLocked)) && tries < maxTries {
			if err := pause(ctx, tries); err != nil {
				return "", nil, err
			}
			continue
		}
		return head, merges, err
	}
}

func (p Place) takeOnce(ctx context.Context, arrivals []Arrival) (head gitrepo.OID, merges []gitrepo.OID, err error) {
	ours, err := p.open(ctx)
	if err != nil {
		return "", nil, err
	}
	head, merges, err = p.unite(ctx, ours, arrivals)
	if err == nil && head != ours.Head {
		err = p.Repo.UpdateRef(ctx, p.Ref, head, ours.Head)
	}
	if err == nil {
		err = p.taken(ctx, arrivals)
	}
	if err != nil {
		return "", nil, err
	}
	return head, merges, nil
}

// unite is the head to which ours and those of arrivals lead, and the merges that it takes.
func (p Place) unite(ctx context.Context, ours *ledger.Ledger, arrivals []Arrival) (head gitrepo.OID, merges []gitrepo.OID, err error) {
	heads := []gitrepo.OID{ours.Head}
	var made []gitrepo.OID
	byHand := false
	for _, a := range arrivals {
		byHand = byHand || a.carried
		if a.State == Ahead || a.State == Diverged || a.State == InStep {
			heads = append(heads, a.Head)
		}
		if a.State == Diverged {
			made = append(made, a.merged)
		}
	}
	tips, err := p.tips(ctx, heads)
	if err == nil && !byHand {
		tips, err = p.inStep(ctx, ours, tips, arrivals)
	}
	if err != nil {
		return "", nil, err
	}
	return p.join(ctx, ours, tips, made...)
}

// taken remembers what peers showed that was taken, and by what of it others are judged.
func (p Place) taken(ctx context.Context, arrivals []Arrival) error {
	for _, a := range arrivals {
		if a.report != nil && (a.State == Ahead || a.State == Diverged) {
			a.report.Remember(p.Terms)
		}
		if (a.State == Ahead || a.State == Diverged || a.State == InStep || a.State == Behind) && !a.carried {
			if err := p.saw(ctx, a.Peer, a.Head); err != nil {
				return err
			}
		}
	}
	return nil
}

// join merges heads pairwise in their order. It returns the last merge, and all of them.
// Some were made before.
func (p Place) join(ctx context.Context, ours *ledger.Ledger, tips []gitrepo.OID, made ...gitrepo.OID) (head gitrepo.OID, merges []gitrepo.OID, err error) {
	joined, err := ours.At(ctx, tips[0])
	for _, h := range tips[1:] {
		var next *ledger.Ledger
		if err == nil {
			next, err = ours.At(ctx, h)
		}
		if err == nil {
			joined, err = p.merge(ctx, joined, next, made...)
		}
		if err == nil {
			merges = append(merges, joined.Head)
		}
	}
	if err != nil {
		return "", nil, err
	}
	return joined.Head, merges, nil
}

// tips are the heads to which no other one leads, in the order of their ids.
func (p Place) tips(ctx context.Context, heads []gitrepo.OID) (tips []gitrepo.OID, err error) {
	slices.Sort(heads)
	heads = slices.Compact(heads)
	for _, h := range heads {
		leads := false
		for _, other := range heads {
			if other == h || leads {
				continue
			}
			if leads, err = p.Repo.IsAncestor(ctx, h, other); err != nil {
				return nil, err
			}
		}
		if !leads {
			tips = append(tips, h)
		}
	}
	return tips, nil
}

// inStep are those of the tips that are merged: all, unless they have the same entries. Then it
// is the first that leads to our head, with that of home. Others are merged by hand alone,
// or peers in a circle would merge each other's merges for ever (docs/spec/merge.md).
func (p Place) inStep(ctx context.Context, ours *ledger.Ledger, tips []gitrepo.OID, arrivals []Arrival) ([]gitrepo.OID, error) {
	if len(tips) == 1 {
		return tips, nil
	}
	first, err := ours.At(ctx, tips[0])
	if err != nil {
		return nil, err
	}
	head := gitrepo.OID("")
	for _, h := range tips {
		tip, err := ours.At(ctx, h)
		if err != nil || !tip.Equals(first) {
			return tips, err
		}
		leads := h == ours.Head
		if head == "" && !leads {
			if leads, err = p.Repo.IsAncestor(ctx, ours.Head, h); err != nil {
				return nil, err
			}
		}
		if head == "" && leads {
			head = h
		}
	}
	for _, a := range arrivals {
		if p.atHome(a) {
			return p.tips(ctx, []gitrepo.OID{head, a.Head})
		}
	}
	return []gitrepo.OID{head}, nil
}

// atHome tells whether an arrival has what is merged though it is in step.
func (p Place) atHome(a Arrival) bool {
	return a.Peer == p.Home && !a.carried && (a.State == InStep || a.State == Ahead)
}

// Took remembers what a peer showed from which the ledger here was taken.
func (p Place) Took(ctx context.Context, peer string, head gitrepo.OID) error {
	return p.saw(ctx, peer, head)
}

// saw remembers what a peer showed, and drops what was fetched of it that led there.
func (p Place) saw(ctx context.Context, peer string, head gitrepo.OID) error {
	seen := SeenRef(peer, p.Ref)
	before, err := p.Repo.Ref(ctx, seen)
	if err != nil {
		return err
	}
	if before != head {
		if err := p.Repo.UpdateLogged(ctx, seen, head, before, "vaultmesh: "+peer+" has it"); err != nil && !fault.Has(err, fault.LostRace) {
			return err
		}
	}
	incoming, err := p.Repo.Ref(ctx, IncomingRef(peer, p.Ref))
	if err == nil {
		err = p.setAside(ctx, peer, incoming, head)
	}
	if err != nil {
		return err
	}
	return p.drop(ctx, IncomingRef(peer, p.Ref), RemovedRef(peer, p.Ref))
}

// drop deletes refs that are there.
func (p Place) drop(ctx context.Context, names ...string) error {
	refs, err := p.Repo.Exact(ctx, names...)
	if err != nil {
		return err
	}
	for _, name := range names {
		if refs[name] == "" {
			continue
		}
		if err := p.Repo.DeleteRef(ctx, name, refs[name]); err != nil && !fault.Has(err, fault.LostRace) {
			return err
		}
	}
	return nil
}
