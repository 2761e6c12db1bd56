package verify

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// rootOf is what a seal over the ledger would say.
func rootOf(t *testing.T, repo *gitrepo.Repo) (root receipt.Digest, receipts int64, files int) {
	t.Helper()
	ctx := context.Background()
	l, err := ledger.Open(ctx, repo, ledger.DefaultRef)
	if err != nil {
		t.Fatal(err)
	}
	names, receipts, err := Leaves(ctx, l, func() {})
	if err != nil {
		t.Fatal(err)
	}
	if root, err = RootOf(names); err != nil {
		t.Fatal(err)
	}
	return root, receipts, len(names)
}

// What a seal is over is a function of the files that are there, not of how they came:
// one by one or together, in whatever order, proofs with their receipt or later.
func TestTheRootOfASealIsIndependentOfHistory(t *testing.T) {
	const ways = 6
	for seed := range uint64(6) {
		random := rand.New(rand.NewPCG(seed, 1))
		base := newLedger(t, 0)
		start, commit := head(t, base)
		ctx := context.Background()
		l, err := ledger.Open(ctx, base, ledger.DefaultRef)
		if err != nil {
			t.Fatal(err)
		}
		genesis, err := l.Genesis(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var all []ledger.Addition
		for i := range 1 + random.IntN(20) {
			r := &receipt.Receipt{Kind: receipt.KindRelease, Ledger: genesis.ID, RecordedAt: receipt.Time(1795356300 + 7000*i),
				Recorder: receipt.Person{Name: "Ada"}, Component: "api", Version: fmt.Sprintf("v%d", i)}
			raw, err := r.Encode()
			if err != nil {
				t.Fatal(err)
			}
			add := ledger.Addition{Receipt: raw}
			for n := range random.IntN(3) {
				add.Proofs = append(add.Proofs, ledger.Proof{Type: []string{"ssh", "rfc3161"}[n], Data: fmt.Appendf(nil, "%d %d", i, n)})
			}
			all = append(all, add)
		}
		var want receipt.Digest
		for way := range ways {
			put(t, base, commit.Tree, start)
			grow(t, base, random, all)
			root, receipts, files := rootOf(t, base)
			if way == 0 {
				want = root
			}
			if root != want || int(receipts) != len(all)+1 || files < len(all)+1 {
				t.Errorf("seed %d, way %d: the root over %d files of %d receipts is %s, and was %s", seed, way, files, receipts, root, want)
			}
		}
		appendReceipt(t, base, &receipt.Receipt{Kind: receipt.KindRelease, RecordedAt: 1795356300, Recorder: receipt.Person{Name: "Ada"}, Component: "api", Version: "more"})
		if root, _, _ := rootOf(t, base); root == want {
			t.Errorf("seed %d: one receipt more has the same root", seed)
		}
	}
}

// grow appends in a random order, a few at once, some proofs after their receipt.
func grow(t *testing.T, repo *gitrepo.Repo, random *rand.Rand, all []ledger.Addition) {
	t.Helper()
	var todo []ledger.Addition
	for _, add := range all {
		if len(add.Proofs) > 0 && random.IntN(2) == 0 {
			todo = append(todo, ledger.Addition{Receipt: add.Receipt})
		}
		todo = append(todo, add)
	}
	random.Shuffle(len(todo), func(i, j int) { todo[i], todo[j] = todo[j], todo[i] })
	there := make(map[receipt.ID]bool)
	for len(todo) > 0 {
		n := 1 + random.IntN(len(todo))
		var some []ledger.Addition
		for _, add := range todo[:n] {
			id := receipt.Sum(add.Receipt)
			if i := slices.IndexFunc(some, func(a ledger.Addition) bool { return receipt.Sum(a.Receipt) == id }); i >= 0 {
				some[i].Proofs = append(some[i].Proofs, add.Proofs...)
				continue
			}
			add.Beside = there[id]
			some = append(some, add)
		}
		todo = todo[n:]
		_, err := ledger.Update(context.Background(), repo, ledger.DefaultRef, nil, func(*ledger.Ledger) (*ledger.Change, error) {
			return &ledger.Change{Additions: some, Author: ident, Committer: ident, Message: "x\n"}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, add := range some {
			there[receipt.Sum(add.Receipt)] = true
		}
	}
}
