package federation

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// What is refused keeps nothing from being taken that comes after it, though it is more
// than is taken at once.
func TestSalvageGoesOnAfterWhatIsRefused(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, rand.New(rand.NewPCG(1, 7)), "sha1", 1, nil)
	wreck := w.newClone("p1", "")
	for day := range 5 {
		r := w.release(fmt.Sprint("v", day))
		r.RecordedAt += receipt.Time(86400 * day)
		if day < 3 {
			w.write(wreck, r, nil)
		} else {
			w.write(wreck, r, w.signer)
		}
	}
	repo := w.open(w.clones[0])
	defer repo.Close()
	must(t, repo.Fetch(ctx, io.Discard, wreck.dir, ledger.DefaultRef, "refs/heads/wreck"))
	head, err := repo.Ref(ctx, "refs/heads/wreck")
	must(t, err)
	p := Place{Repo: repo, Ref: ledger.DefaultRef, Ledger: w.genesis, Terms: &verify.Terms{Now: time.Unix(1795356300, 0)}, Messages: io.Discard, Progress: func() {}}
	for i, want := range []struct {
		taken int
		more  bool
	}{{1, true}, {1, true}, {0, false}} {
		s, err := p.Salvage(ctx, Wreck{Name: "wreck", Store: repo, Head: head, atOnce: 1}, Change{ident, ident})
		must(t, err)
		if s.Receipts != want.taken || s.More != want.more || len(s.Left) != 3 {
			t.Fatalf("the %d. time %d are taken, %d are left, and there is more: %v", i+1, s.Receipts, len(s.Left), s.More)
		}
		for _, l := range s.Left {
			if !fault.Has(l.Err, fault.NotAccepted) {
				t.Fatal(l.Err)
			}
		}
	}
}
