package verify

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/trust"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Bench judges receipts of a ledger, some at a time, by the covenants that were in force
// before it grew.
type Bench struct {
	before *court // by its covenants, with the seals of the ledger as it is
	after  *court // by those that came along, nil where none did
	ledger *ledger.Ledger

	kept     *keptFindings // what is believed of before; nil where nothing is
	known    int           // how many those were
	replaced bool          // one of them has other files by now
}

// Sit makes a bench: the covenants of an earlier ledger judge what a later one has. Where
// nothing is to be judged by what was before, both are the same.
func Sit(ctx context.Context, before, l *ledger.Ledger, terms *Terms) (*Bench, error) {
	genesis, err := l.Genesis(ctx)
	if err != nil {
		return nil, err
	}
	known, err := recall(ctx, before, terms.Cache)
	if err != nil {
		return nil, err
	}
	b := &Bench{ledger: l}
	if before.Head == l.Head {
		b.before, err = convene(ctx, l, genesis, known, terms)
		return b, err
	}
	grown := known.clone()
	whole, err := l.Grown(ctx, before, ledger.Visitor{Entry: func(e *ledger.Entry) error {
		grown.add(e)
		return nil
	}, Problem: onlyUnreadable})
	if err == nil && !whole { // it is another one
		grown, err = recall(ctx, l, nil)
	}
	if err != nil {
		return nil, err
	}
	if b.before, err = convene(ctx, before, genesis, known, terms.unpinned(known, grown)); err != nil {
		return nil, err
	}
	if !slices.Equal(grown.Covenants, known.Covenants) || !slices.Equal(grown.Revocations, known.Revocations) {
		if b.after, err = convene(ctx, l, genesis, grown, terms); err != nil {
			return nil, err
		}
	}
	b.before.seals = nil
	return b, b.before.readSeals(ctx, l, genesis, grown.Seals)
}

// unpinned are the terms for what a ledger was before: a covenant that was accepted, and
// that only came along since, was not in force then.
func (t *Terms) unpinned(before, since *rolls) *Terms {
	pinned := func(path string) bool { return strings.HasSuffix(path, "/"+t.Anchor.Pin.ID.String()) }
	if slices.ContainsFunc(before.Covenants, pinned) || !slices.ContainsFunc(since.Covenants, pinned) {
		return t
	}
	then := *t
	then.Anchor.Pin = trust.Pin{}
	return &then
}

// Chain is the covenants by which it is judged.
func (b *Bench) Chain() *trust.Chain { return b.before.chain }

// Judge says who has signed some entries, one finding for each. What does not hold by
// itself has none that is trusted. What came along with the entries can take trust away,
// and gives none.
func (b *Bench) Judge(ctx context.Context, entries []*ledger.Entry) ([]trust.Finding, error) {
	genesis, err := b.ledger.Genesis(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]trust.Finding, len(entries))
	var honest []*ledger.Entry
	var at []int // where what is found of each goes
	for i, e := range entries {
		if !e.Holds(genesis.ID) || e.Receipt.Future {
			list[i].Err = fault.New(fault.BadTree, "%s does not hold by itself", e.ID.Short())
			continue
		}
		if found, ok := b.remembered(e); ok {
			list[i] = found
			continue
		}
		honest, at = append(honest, e), append(at, i)
	}
	j := newJury(b.before, func(one *brief) error {
		b.note(one.entry, one.finding)
		found, err := b.conclude(ctx, one)
		list[at[0]], at = found, at[1:]
		return err
	})
	defer j.dismiss()
	err = b.ledger.Visit(ctx, honest, func(e *ledger.Entry) error {
		f, err := folder(ctx, b.ledger, e)
		if err != nil {
			return err
		}
		return j.bring(e, f)
	})
	if err == nil {
		err = j.conclude()
	}
	return list, err
}

// conclude goes on with what the signatures of an entry come to by themselves.
func (b *Bench) conclude(ctx context.Context, one *brief) (trust.Finding, error) {
	found, err := b.before.withSeals(ctx, b.ledger, one.entry, one.folder, one.finding)
	if err != nil || b.after == nil || !found.Trusted() {
		return found, err
	}
	later, err := b.after.withSeals(ctx, b.ledger, one.entry, one.folder, b.after.chain.Judge(one.folder, b.after.terms.Now))
	if err == nil && !later.Trusted() {
		found = later
	}
	return found, err
}

// NewestSeal is how old the newest trusted seal is that is over what the ledger had and
// still has; zero where there is none. A seal is as old as it says, or as old as is
// proven where that is more; one of the future is none.
func (b *Bench) NewestSeal(ctx context.Context) (time.Time, error) {
	seals := slices.DeleteFunc(slices.Clone(b.before.seals), func(s *seal) bool {
		return !s.finding.Trusted() || s.age().After(b.before.terms.Now.Add(maxSkew))
	})
	slices.SortFunc(seals, func(x, y *seal) int { return y.age().Compare(x.age()) })
	for _, s := range seals {
		holds, err := b.sealHolds(ctx, s)
		if err != nil || holds {
			return s.age(), err
		}
	}
	return time.Time{}, nil
}

// maxSkew is by how much the clocks of those who seal and of those who judge may differ.
const maxSkew = 5 * time.Minute

func (s *seal) age() time.Time {
	said := s.entry.Receipt.RecordedAt.Time()
	if !s.proven.IsZero() && s.proven.Before(said) {
		return s.proven
	}
	return said
}

// keptSeal is a seal whose root was computed. That what it is over has that root never
// changes, so it is computed once.
type keptSeal struct {
	Seal receipt.ID  `json:"seal"`
	Head gitrepo.OID `json:"head"`
}

func (b *Bench) sealHolds(ctx context.Context, s *seal) (bool, error) {
	cache, name := b.before.terms.Cache, "seal-"+s.entry.Receipt.Ledger.String()
	var kept keptSeal
	if cache == nil || json.Unmarshal(cache.Load(name), &kept) != nil || kept.Seal != s.entry.ID || string(kept.Head) != s.body.Head.Hex() {
		if err := s.look(ctx, b.ledger); err != nil || s.holds != nil {
			return false, err
		}
		kept = keptSeal{s.entry.ID, gitrepo.OID(s.body.Head.Hex())}
		if text, err := json.Marshal(kept); err == nil && cache != nil {
			cache.Save(name, text)
		}
	}
	at, err := b.ledger.At(ctx, kept.Head)
	if err != nil {
		return false, passing(err)
	}
	return b.ledger.Encloses(ctx, at)
}

// UnderSeal tells whether a trusted seal that holds is over an entry.
func (b *Bench) UnderSeal(ctx context.Context, e *ledger.Entry) (bool, error) {
	for _, s := range b.before.seals {
		if !s.finding.Trusted() || s.entry.ID == e.ID {
			continue
		}
		if err := s.look(ctx, b.ledger); err != nil {
			return false, err
		}
		if s.holds != nil {
			continue
		}
		names, err := s.covers(ctx, e)
		if err != nil || slices.Contains(names, "receipt.json") {
			return err == nil, err
		}
	}
	return false, nil
}
