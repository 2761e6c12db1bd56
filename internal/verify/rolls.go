package verify

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// rolls are the paths of the receipts by which others are judged.
type rolls struct {
	Covenants   []string `json:"covenants"`
	Revocations []string `json:"revocations"`
	Seals       []string `json:"seals"`
}

// add notes an entry down if others are judged by it.
func (r *rolls) add(e *ledger.Entry) {
	if e.Receipt == nil || e.Receipt.Future {
		return
	}
	list := map[receipt.Kind]*[]string{receipt.KindCovenant: &r.Covenants, receipt.KindRevocation: &r.Revocations, receipt.KindSeal: &r.Seals}[e.Receipt.Kind]
	if list == nil {
		return
	}
	if i, there := slices.BinarySearch(*list, e.Path); !there {
		*list = slices.Insert(*list, i, e.Path)
	}
}

func (r *rolls) clone() *rolls {
	return &rolls{slices.Clone(r.Covenants), slices.Clone(r.Revocations), slices.Clone(r.Seals)}
}

func (r *rolls) equal(other *rolls) bool {
	return slices.Equal(r.Covenants, other.Covenants) && slices.Equal(r.Revocations, other.Revocations) && slices.Equal(r.Seals, other.Seals)
}

// Cache keeps what was found out, for the next time. It must be a place where
// only this user writes: what comes out of it is believed.
type Cache interface {
	Load(name string) []byte // nil when there is none
	Save(name string, data []byte)
}

// rollsFormat is the version of what is kept of rolls.
const rollsFormat = 1

// keptRolls are rolls as a cache has them.
type keptRolls struct {
	Format int         `json:"format"`
	Head   gitrepo.OID `json:"head"` // of the ledger that they are the rolls of
	rolls
}

// recall finds the rolls of a ledger: those that are kept, with what the ledger
// has had since, or by looking at every receipt.
func recall(ctx context.Context, l *ledger.Ledger, cache Cache) (*rolls, error) {
	kept := loadRolls(ctx, l, cache)
	if kept != nil && kept.Head == l.Head {
		return &kept.rolls, nil
	}
	if found, err := older(ctx, l, kept); err != nil || found != nil {
		return found, err // what is kept is of a later head, and stays
	}
	found, err := newer(ctx, l, kept)
	if err == nil && found == nil {
		found = new(rolls)
		err = l.Walk(ctx, ledger.Visitor{Entry: func(e *ledger.Entry) error {
			found.add(e)
			return nil
		}, Problem: onlyUnreadable})
	}
	if err != nil {
		return nil, err
	}
	saveRolls(l, cache, found)
	return found, nil
}

// Unchanged keeps for a later head of a ledger what is kept of an earlier one. Who calls
// it knows that nothing was added by which others are judged, since it has recorded all
// of that.
func Unchanged(ctx context.Context, earlier, later *ledger.Ledger, cache Cache) {
	if kept := loadRolls(ctx, earlier, cache); kept != nil && kept.Head == earlier.Head {
		saveRolls(later, cache, &kept.rolls)
	}
}

// onlyUnreadable ends a walk at what cannot be read: a covenant could be behind it.
func onlyUnreadable(p ledger.Problem) error {
	if ledger.Unreadable(p.Err) {
		return p.Err
	}
	return nil
}

// older is what a ledger has of the rolls of one that grew out of it. It is nil where
// the one whose rolls are kept did not.
func older(ctx context.Context, l *ledger.Ledger, kept *keptRolls) (*rolls, error) {
	if kept == nil {
		return nil, nil
	}
	later, err := l.At(ctx, kept.Head)
	if err != nil {
		return nil, passing(err)
	}
	if grown, err := later.Encloses(ctx, l); err != nil || !grown {
		return nil, passing(err)
	}
	found := new(rolls)
	for _, list := range []struct {
		of []string
		to *[]string
	}{{kept.Covenants, &found.Covenants}, {kept.Revocations, &found.Revocations}, {kept.Seals, &found.Seals}} {
		entries, err := l.Load(ctx, list.of)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			*list.to = append(*list.to, e.Path)
		}
	}
	return found, nil
}

// newer adds what a ledger has more than the one whose rolls are kept. It is nil
// where it did not grow out of that one.
func newer(ctx context.Context, l *ledger.Ledger, kept *keptRolls) (*rolls, error) {
	if kept == nil {
		return nil, nil
	}
	earlier, err := l.At(ctx, kept.Head)
	if err != nil {
		if fault.Has(err, fault.Interrupted) {
			return nil, err
		}
		return nil, nil // gone with a rewritten ref
	}
	found := kept.clone()
	grown, err := l.Grown(ctx, earlier, ledger.Visitor{Entry: func(e *ledger.Entry) error {
		found.add(e)
		return nil
	}, Problem: onlyUnreadable})
	if err != nil || !grown {
		return nil, err
	}
	return found, nil
}

func loadRolls(ctx context.Context, l *ledger.Ledger, cache Cache) *keptRolls {
	genesis, err := l.Genesis(ctx)
	if cache == nil || err != nil {
		return nil
	}
	kept := new(keptRolls)
	if json.Unmarshal(cache.Load("rolls-"+genesis.ID.String()), kept) != nil || kept.Format != rollsFormat {
		return nil
	}
	return kept
}

func saveRolls(l *ledger.Ledger, cache Cache, found *rolls) {
	genesis, err := l.Genesis(context.Background()) // known by now
	if cache == nil || err != nil {
		return
	}
	if b, err := json.Marshal(keptRolls{rollsFormat, l.Head, *found}); err == nil {
		cache.Save("rolls-"+genesis.ID.String(), b)
	}
}
