package federation

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
)

// history is a repository with heads that grew apart and together again.
func history(t *testing.T, algorithm string, n int) (Place, *ledger.Ledger, []gitrepo.OID) {
	random := rand.New(rand.NewPCG(3, 7))
	w := newWorld(t, random, algorithm, 1, nil)
	c := w.clones[0]
	repo := w.open(c)
	t.Cleanup(repo.Close)
	p := Place{Repo: repo, Ref: ledger.DefaultRef}
	l, err := p.open(t.Context())
	must(t, err)
	a := &attacker{world: w, clone: c, repo: repo}
	heads := []gitrepo.OID{l.Head}
	for len(heads) < n {
		from := heads[random.IntN(len(heads))]
		if random.IntN(3) == 0 {
			from, _, err = p.joinAll(t.Context(), l, []gitrepo.OID{from, heads[random.IntN(len(heads))]})
			must(t, err)
			a.move(from)
		} else {
			a.move(from)
			w.write(c, a.evilRelease(), nil)
		}
		head, err := repo.Ref(t.Context(), p.Ref)
		must(t, err)
		if !slices.Contains(heads, head) {
			heads = append(heads, head)
		}
	}
	return p, l, heads
}

// joinAll joins heads that may lead to each other.
func (p Place) joinAll(ctx context.Context, ours *ledger.Ledger, heads []gitrepo.OID) (gitrepo.OID, []gitrepo.OID, error) {
	tips, err := p.tips(ctx, heads)
	if err != nil {
		return "", nil, err
	}
	return p.join(ctx, ours, tips)
}

// Heads are merged to the same commit in whatever order and however often they are given,
// it has what they have and leads to each, and to merge it with any of them adds nothing.
func TestJoinIsAFunctionOfItsHeads(t *testing.T) {
	for _, algorithm := range []string{"sha1", "sha256"} {
		ctx := t.Context()
		p, l, pool := history(t, algorithm, 16)
		rapid.Check(t, func(t *rapid.T) {
			heads := rapid.SliceOfN(rapid.SampledFrom(pool), 1, 4).Draw(t, "heads")
			other := rapid.Permutation(append(slices.Clone(heads), heads[0])).Draw(t, "order")
			joined, _, err := p.joinAll(ctx, l, slices.Clone(heads))
			if err != nil {
				t.Fatal(err)
			}
			again, _, err := p.joinAll(ctx, l, other)
			if err != nil || again != joined {
				t.Fatalf("in one order the heads are merged to %s, and in another to %s, %v", joined, again, err)
			}
			want := make(map[string]bool)
			for _, h := range heads {
				maps.Copy(want, filesOf(t, l, h))
				if leads, err := p.Repo.IsAncestor(ctx, h, joined); err != nil || !leads {
					t.Fatalf("%s does not lead to %s, %v", joined, h, err)
				}
			}
			if !maps.Equal(filesOf(t, l, joined), want) {
				t.Fatalf("%s has not the files of its heads", joined)
			}
			idem, merges, err := p.joinAll(ctx, l, []gitrepo.OID{heads[0], joined})
			if err != nil || idem != joined || len(merges) > 0 {
				t.Fatalf("%s with one of its heads is %s, %v", joined, idem, err)
			}
		})
	}
}

func filesOf(t *rapid.T, l *ledger.Ledger, head gitrepo.OID) map[string]bool {
	at, err := l.At(context.Background(), head)
	if err != nil {
		t.Fatal(err)
	}
	names, _, err := verify.Leaves(context.Background(), at, func() {})
	if err != nil {
		t.Fatal(err)
	}
	has := make(map[string]bool)
	for _, n := range names {
		has[n] = true
	}
	return has
}
