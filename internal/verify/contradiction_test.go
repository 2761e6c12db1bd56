package verify

import (
	"fmt"
	"slices"
	"testing"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// sealOf is a seal by somebody, over a commit, a root and numbers.
func sealOf(by string, head, root, receipts, files int, after *ledger.Entry) Sealed {
	r := &receipt.Receipt{Kind: receipt.KindSeal, Seal: &receipt.Seal{
		Head: receipt.Object(fmt.Sprintf("sha1:%040x", head)), Root: receipt.Sum([]byte{byte(root)}), Receipts: int64(receipts), Files: int64(files)}}
	if after != nil {
		r.After = after.ID
	}
	id := receipt.Sum(fmt.Appendf(nil, "%v%+v%s", by, *r.Seal, r.After))
	return Sealed{&ledger.Entry{ID: id, Path: id.String(), Receipt: r}, []string{by}}
}

func TestContradictions(t *testing.T) {
	t.Parallel()
	first := sealOf("Ada", 1, 1, 5, 10, nil)
	for name, c := range map[string]struct {
		seals []Sealed
		want  int
	}{
		"one":                         {[]Sealed{first}, 0},
		"twice the same":              {[]Sealed{first, first}, 0},
		"another root":                {[]Sealed{first, sealOf("Ada", 1, 2, 5, 10, nil)}, 1},
		"another root, by another":    {[]Sealed{first, sealOf("Bob", 1, 2, 5, 10, nil)}, 0},
		"other files":                 {[]Sealed{first, sealOf("Ada", 1, 1, 5, 11, nil)}, 1},
		"other receipts":              {[]Sealed{first, sealOf("Ada", 1, 1, 6, 10, nil)}, 1},
		"another head":                {[]Sealed{first, sealOf("Ada", 2, 2, 4, 9, nil)}, 0},
		"one root of two heads":       {[]Sealed{first, sealOf("Ada", 2, 1, 5, 10, nil)}, 0},
		"one root, two numbers":       {[]Sealed{first, sealOf("Ada", 2, 1, 5, 11, nil)}, 1},
		"after, and over more":        {[]Sealed{first, sealOf("Ada", 2, 2, 6, 12, first.Entry)}, 0},
		"after, and over as many":     {[]Sealed{first, sealOf("Ada", 2, 2, 5, 12, first.Entry)}, 1},
		"after, and over fewer files": {[]Sealed{first, sealOf("Ada", 2, 2, 6, 10, first.Entry)}, 1},
		"after another's, fewer":      {[]Sealed{first, sealOf("Bob", 2, 2, 1, 1, first.Entry)}, 0},
		"behind one that agrees":      {[]Sealed{sealOf("Bob", 1, 1, 5, 10, nil), first, sealOf("Ada", 1, 2, 5, 10, nil)}, 1},
		"three of one head":           {[]Sealed{first, sealOf("Ada", 1, 1, 5, 10, nil), sealOf("Ada", 1, 2, 5, 10, nil)}, 1},
	} {
		found := Contradictions(c.seals)
		if len(found) != c.want {
			t.Errorf("%s: %d contradictions, not %d", name, len(found), c.want)
		}
		slices.Reverse(c.seals)
		if again := Contradictions(c.seals); (len(again) == 0) != (len(found) == 0) {
			t.Errorf("%s: in another order %d contradictions", name, len(again))
		}
		for _, x := range found {
			if x.Principal != "Ada" || !fault.Has(x.Err(), fault.Equivocation) || x.Seals[0].Receipt.After == x.Seals[1].ID {
				t.Errorf("%s: %+v", name, x)
			}
		}
	}
}

// leavesOf are names that sort as their numbers do.
func leavesOf(numbers ...int) []string {
	var list []string
	for _, n := range numbers {
		list = append(list, fmt.Sprintf("%064x/receipt.json", n))
	}
	return list
}

// over is a seal over leaves.
func over(t *testing.T, names []string, after *ledger.Entry, id int) *ledger.Entry {
	t.Helper()
	root, err := RootOf(names)
	if err != nil {
		t.Fatal(err)
	}
	r := &receipt.Receipt{Kind: receipt.KindSeal, Seal: &receipt.Seal{Root: root, Files: int64(len(names)), Receipts: int64(len(names))}}
	if after != nil {
		r.After = after.ID
	}
	e := &ledger.Entry{Receipt: r}
	e.ID[31] = byte(id)
	return e
}

// A gap is shown wherever it is, and by nothing else than the neighbours of what is missing.
func TestGaps(t *testing.T) {
	t.Parallel()
	under := leavesOf(10, 20, 30)
	first := over(t, under, nil, 25)
	for name, later := range map[string][]string{
		"at the beginning": leavesOf(20, 25, 30, 40, 50),
		"in the middle":    leavesOf(5, 10, 25, 30, 40),
		"at the end":       leavesOf(1, 2, 10, 20, 25),
		"the seal itself":  leavesOf(10, 20, 30, 40),
		"all":              leavesOf(25),
		"of nothing":       nil,
	} {
		second := over(t, later, first, 99)
		c, err := FindGap(first, second, under, later)
		if err != nil || c == nil {
			t.Fatalf("%s: %v, %v", name, c, err)
		}
		if err := c.Gap.holds(first, second); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for what, change := range changesOf(c.Gap) {
			forged := *c.Gap
			if !change(&forged) {
				continue
			}
			if err := forged.holds(first, second); !fault.Has(err, fault.SealBroken) {
				t.Errorf("%s, %s: %v", name, what, err)
			}
		}
		unlinked := *second
		unlinked.Receipt = &receipt.Receipt{Kind: receipt.KindSeal, Seal: second.Receipt.Seal}
		if err := c.Gap.holds(first, &unlinked); !fault.Has(err, fault.SealBroken) {
			t.Errorf("%s: a seal that came after nothing: %v", name, err)
		}
	}
	whole := leavesOf(10, 20, 25, 30, 40)
	if c, err := FindGap(first, over(t, whole, first, 99), under, whole); c != nil || err != nil {
		t.Errorf("nothing is missing, and %+v, %v", c, err)
	}
	if c, err := FindGap(first, over(t, whole, first, 99), under, leavesOf(1)); c != nil || err != nil {
		t.Errorf("the leaves are of another seal, and %+v, %v", c, err)
	}
}

// changesOf are ways to forge a gap, each of which says whether it changed something.
func changesOf(g *Gap) map[string]func(*Gap) bool {
	other := leavesOf(77)[0]
	leaf := func(at func(*Gap) **Leaf, change func(*Leaf) *Leaf) func(*Gap) bool {
		return func(g *Gap) bool {
			l := at(g)
			if *l == nil {
				return false
			}
			copied := **l
			copied.Path = slices.Clone(copied.Path)
			*l = change(&copied)
			return true
		}
	}
	all := map[string]func(*Gap) bool{"another name": func(g *Gap) bool { g.Name = other; return true }}
	for where, at := range map[string]func(*Gap) **Leaf{
		"under":  func(g *Gap) **Leaf { return &g.Under },
		"before": func(g *Gap) **Leaf { return &g.Around[0] },
		"next":   func(g *Gap) **Leaf { return &g.Around[1] },
	} {
		all[where+" is absent"] = leaf(at, func(*Leaf) *Leaf { return nil })
		all[where+" has another name"] = leaf(at, func(l *Leaf) *Leaf { l.Name = other; return l })
		all[where+" has another index"] = leaf(at, func(l *Leaf) *Leaf { l.Index++; return l })
		all[where+" has a longer path"] = leaf(at, func(l *Leaf) *Leaf { l.Path = append(l.Path, receipt.Digest{}); return l })
		all[where+" has another path"] = leaf(at, func(l *Leaf) *Leaf {
			if len(l.Path) == 0 {
				return &Leaf{Name: other}
			}
			l.Path[0][3] ^= 1
			return l
		})
	}
	return all
}
