package ledger

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// try is what [testing.T] and [rapid.T] have in common.
type try interface {
	Helper()
	Fatalf(format string, args ...any)
}

func no(t try, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v", err)
	}
}

// beginning is a ledger with a genesis in a store without a disk.
func beginning(t try, m *memory) *Ledger {
	t.Helper()
	r := &receipt.Receipt{Kind: receipt.KindGenesis, RecordedAt: 1795356300, Recorder: receipt.Person{Name: "Ada"},
		Genesis: &receipt.Genesis{Name: "test", Nonce: strings.Repeat("0a", 16)}}
	raw, err := r.Encode()
	no(t, err)
	return extended(t, m, nil, 0, Addition{Receipt: raw})
}

// extended is a ledger after one more commit, dated at so many seconds.
func extended(t try, m *memory, l *Ledger, date int64, additions ...Addition) *Ledger {
	t.Helper()
	ctx := context.Background()
	who := fmt.Sprintf("Ada <ada@example.com> %d +0100", date)
	a, err := assemble(ctx, m, l, &Change{Additions: additions, Author: who, Committer: who, Message: "x\n"})
	no(t, err)
	if a.files == 0 {
		return l
	}
	no(t, m.Write(ctx, a.objects))
	return opened(t, m, a.objects[len(a.objects)-1].ID)
}

func opened(t try, m *memory, head gitrepo.OID) *Ledger {
	t.Helper()
	l, err := OpenCommit(context.Background(), m, DefaultRef, head)
	no(t, err)
	return l
}

// some is a release of a ledger, and what lies beside it.
func some(t try, l *Ledger, at int64, version string, proofs ...string) Addition {
	t.Helper()
	g, err := l.Genesis(context.Background())
	no(t, err)
	r := &receipt.Receipt{Kind: receipt.KindRelease, Ledger: g.ID, RecordedAt: receipt.Time(at), Recorder: receipt.Person{Name: "Ada"}, Component: "api", Version: version}
	raw, err := r.Encode()
	no(t, err)
	add := Addition{Receipt: raw}
	for _, p := range proofs {
		add.Proofs = append(add.Proofs, Proof{Type: "ssh", Data: []byte(p)})
	}
	return add
}

// merged is the merge of two ledgers where neither leads to the other, else the later one.
func merged(t try, m *memory, a, b *Ledger) *Ledger {
	t.Helper()
	switch {
	case leadsTo(t, m, a.Head, b.Head):
		return a
	case leadsTo(t, m, b.Head, a.Head):
		return b
	}
	u, err := Merge(context.Background(), a, b)
	no(t, err)
	no(t, m.Write(context.Background(), u.Objects))
	return opened(t, m, u.Head)
}

func leadsTo(t try, m *memory, from, to gitrepo.OID) bool {
	t.Helper()
	seen := make(map[gitrepo.OID]bool)
	for todo := []gitrepo.OID{from}; len(todo) > 0; {
		id := todo[0]
		todo = todo[1:]
		if id == to {
			return true
		}
		c, err := readCommit(context.Background(), m, id)
		no(t, err)
		for _, p := range c.Parents {
			if !seen[p] {
				seen[p] = true
				todo = append(todo, p)
			}
		}
	}
	return false
}

// namesOf are all files of a ledger, by receipt.
func namesOf(t try, l *Ledger) []string {
	t.Helper()
	var names []string
	no(t, l.Folders(context.Background(), func(id receipt.ID, files []File) error {
		for _, f := range files {
			names = append(names, id.String()+"/"+f.Name)
		}
		return nil
	}))
	slices.Sort(names)
	return names
}

// drawLedgers grows several ledgers out of one: by receipts that several may record, by
// proofs that come later, by merges on the way, with dates that go anywhere.
func drawLedgers(t *rapid.T, m *memory, n int) []*Ledger {
	ledgers := make([]*Ledger, n)
	base := beginning(t, m)
	for i := range ledgers {
		ledgers[i] = base
	}
	for range rapid.IntRange(0, 14).Draw(t, "steps") {
		i := rapid.IntRange(0, n-1).Draw(t, "who")
		if rapid.IntRange(0, 4).Draw(t, "what") == 0 {
			ledgers[i] = merged(t, m, ledgers[i], ledgers[rapid.IntRange(0, n-1).Draw(t, "with")])
			continue
		}
		which := rapid.IntRange(0, 9).Draw(t, "which")
		add := some(t, ledgers[i], 1795356300+int64(which)*50000, fmt.Sprint(which), rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 0, 2).Draw(t, "proofs")...)
		ledgers[i] = extended(t, m, ledgers[i], rapid.Int64Range(-5, 1<<40).Draw(t, "date"), add)
	}
	return ledgers
}

// Whoever merges the same heads makes the same commit; in whatever order three are
// merged, they have the same files; and a merge is merged with its parents already.
func TestMergeIsAUnion(t *testing.T) {
	for _, algorithm := range []string{"sha1", "sha256"} {
		rapid.Check(t, func(t *rapid.T) {
			m := newMemory(algorithm)
			l := drawLedgers(t, m, 3)
			ab, ba := merged(t, m, l[0], l[1]), merged(t, m, l[1], l[0])
			if ab.Head != ba.Head {
				t.Fatalf("one merges to %s, the other to %s", ab.Head, ba.Head)
			}
			left, right := merged(t, m, ab, l[2]), merged(t, m, l[0], merged(t, m, l[1], l[2]))
			if left.tree != right.tree {
				t.Fatalf("in one order the tree is %s, in the other %s", left.tree, right.tree)
			}
			want := make(map[string]bool)
			for _, one := range l {
				for _, name := range namesOf(t, one) {
					want[name] = true
				}
			}
			if got := namesOf(t, left); !slices.Equal(got, slices.Sorted(maps.Keys(want))) {
				t.Fatalf("the merge has %d files, and all together %d", len(got), len(want))
			}
			if again := merged(t, m, left, l[1]); again.Head != left.Head {
				t.Fatalf("a merge is merged with its parent to %s", again.Head)
			}
			if both := merged(t, m, left, right); both.tree != left.tree {
				t.Fatalf("two merges of the same have the tree %s together", both.tree)
			}
		})
	}
}

// The bytes of a merge, as docs/spec/merge.md has them.
func TestTheBytesOfAMerge(t *testing.T) {
	for name, c := range map[string]struct {
		committers [2]string
		date       string
	}{
		"the later":       {[2]string{"A <a@b> 5 +0200", "A <a@b> 7 -0900"}, "7"},
		"no digits":       {[2]string{"A <a@b> x +0200", "A <a@b> 3 +0000"}, "3"},
		"nothing":         {[2]string{"A <a@b>", "A <a@b>"}, "0"},
		"before 1970":     {[2]string{"A <a@b> -9 +0000", "A <a@b> -7 +0000"}, "0"},
		"after 9999":      {[2]string{"A <a@b> 253402300800 +0000", "A <a@b> 1 +0000"}, "253402300799"},
		"out of all time": {[2]string{"A <a@b> 99999999999999999999999 +0000", "A <a@b> 1 +0000"}, "253402300799"},
		"in the name":     {[2]string{"A 9 +0000 <a@b> 5 +0000", "A <a@b> 1 +0000"}, "5"},
	} {
		m := newMemory("sha1")
		base := beginning(t, m)
		var heads []gitrepo.OID
		for i, who := range c.committers {
			l := extended(t, m, base, int64(i), some(t, base, 1795356300, fmt.Sprint(i)))
			commit := gitrepo.Commit{Tree: l.tree, Parents: []gitrepo.OID{base.Head}, Author: who, Committer: who, Message: "x\n"}
			o := gitrepo.NewObject("sha1", gitrepo.TypeCommit, commit.Encode())
			no(t, m.Write(t.Context(), []gitrepo.Object{o}))
			heads = append(heads, o.ID)
		}
		u, err := mergeCommits(t.Context(), m, heads[1], heads[0])
		no(t, err)
		slices.Sort(heads)
		commit := u.Objects[len(u.Objects)-1]
		tree, _, _ := strings.Cut(string(commit.Data), "\n")
		want := tree + "\nparent " + string(heads[0]) + "\nparent " + string(heads[1]) +
			"\nauthor vaultmesh <merge@vaultmesh.invalid> " + c.date + " +0000\ncommitter vaultmesh <merge@vaultmesh.invalid> " + c.date + " +0000\n\nvaultmesh: merge\n"
		if string(commit.Data) != want || u.Head != commit.ID {
			t.Errorf("%s: the merge is\n%s\nwant\n%s", name, commit.Data, want)
		}
	}
}

// What ledgers that hold never have is not merged.
func TestWhatIsNotMerged(t *testing.T) {
	m := newMemory("sha1")
	base := beginning(t, m)
	one := extended(t, m, base, 1, some(t, base, 1795356300, "1", "a"))
	other := newMemory("sha1")
	other.objects = m.objects
	r := &receipt.Receipt{Kind: receipt.KindGenesis, RecordedAt: 1795356300, Recorder: receipt.Person{Name: "Ada"},
		Genesis: &receipt.Genesis{Name: "other", Nonce: strings.Repeat("0b", 16)}}
	raw, err := r.Encode()
	no(t, err)
	stranger := extended(t, other, nil, 0, Addition{Receipt: raw})
	_, err = Merge(t.Context(), one, stranger)
	wantFault(t, err, fault.OtherLedger)

	// a file with other bytes under the name of one that is there
	forged := func(change func(level int, entries []gitrepo.TreeEntry) []gitrepo.TreeEntry) *Ledger {
		tree := rewrite(t, m, one.tree, levelRoot, change)
		c := gitrepo.Commit{Tree: tree, Parents: []gitrepo.OID{base.Head}, Author: "A <a@b> 1 +0000", Committer: "A <a@b> 1 +0000", Message: "x\n"}
		o := gitrepo.NewObject("sha1", gitrepo.TypeCommit, c.Encode())
		no(t, m.Write(t.Context(), []gitrepo.Object{o}))
		return opened(t, m, o.ID)
	}
	blob := gitrepo.NewObject("sha1", gitrepo.TypeBlob, []byte("forged"))
	no(t, m.Write(t.Context(), []gitrepo.Object{blob}))
	for name, change := range map[string]func(int, []gitrepo.TreeEntry) []gitrepo.TreeEntry{
		"other bytes": func(level int, entries []gitrepo.TreeEntry) []gitrepo.TreeEntry {
			if level == levelFolder {
				entries[0].ID = blob.ID
			}
			return entries
		},
		"a stray file": func(level int, entries []gitrepo.TreeEntry) []gitrepo.TreeEntry {
			if level == levelFolder {
				entries = append(entries, gitrepo.TreeEntry{Mode: gitrepo.ModeFile, Name: "zzz", ID: blob.ID})
			}
			return entries
		},
		"an executable": func(level int, entries []gitrepo.TreeEntry) []gitrepo.TreeEntry {
			if level == levelFolder {
				entries[0].Mode = "100755"
			}
			return entries
		},
	} {
		_, err := Merge(t.Context(), one, forged(change))
		if !fault.Has(err, fault.BadTree) {
			t.Errorf("%s: %v", name, err)
		}
	}

	// more files than a folder may have
	many := func(letter string) *Ledger {
		var proofs []string
		for i := range MaxFiles - 1 {
			proofs = append(proofs, fmt.Sprint(letter, i))
		}
		return extended(t, m, base, 1, some(t, base, 1795356300, "many", proofs...))
	}
	_, err = Merge(t.Context(), many("a"), many("b"))
	wantFault(t, err, fault.TooLarge)
}

// rewrite changes every tree that can hold entries of a ledger.
func rewrite(t try, m *memory, id gitrepo.OID, level int, change func(int, []gitrepo.TreeEntry) []gitrepo.TreeEntry) gitrepo.OID {
	t.Helper()
	entries, err := gitrepo.ReadTree(context.Background(), m, id, MaxTree)
	no(t, err)
	for i, e := range entries {
		if e.Mode == gitrepo.ModeTree {
			entries[i].ID = rewrite(t, m, e.ID, level+1, change)
		}
	}
	o := gitrepo.NewObject(m.algorithm, gitrepo.TypeTree, gitrepo.EncodeTree(change(level, entries)))
	no(t, m.Write(context.Background(), []gitrepo.Object{o}))
	return o.ID
}

// Equal subtrees are never opened: one new receipt on each side costs as many reads
// in a large ledger as in a small one.
func TestAMergeReadsWhatDiffers(t *testing.T) {
	reads := func(days int) int {
		m := newMemory("sha1")
		base := beginning(t, m)
		var all []Addition
		for i := range days {
			all = append(all, some(t, base, 1795356300+int64(i)*86400, "base"))
		}
		base = extended(t, m, base, 1, all...)
		a := extended(t, m, base, 2, some(t, base, 1795356300+86400, "a"))
		b := extended(t, m, base, 2, some(t, base, 1795356300+86400, "b"))
		m.reads = 0
		_, err := mergeCommits(t.Context(), m, a.Head, b.Head)
		no(t, err)
		return m.reads
	}
	if few, many := reads(3), reads(300); many > few+2 {
		t.Errorf("a merge in a ledger of 300 days reads %d objects, and in one of 3 days %d", many, few)
	}
}

// A ledger encloses those that it has everything of, whatever the history.
func TestEncloses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newMemory("sha1")
		l := drawLedgers(t, m, 2)
		has := func(a, b *Ledger) bool {
			names := namesOf(t, a)
			for _, name := range namesOf(t, b) {
				if _, there := slices.BinarySearch(names, name); !there {
					return false
				}
			}
			return true
		}
		for _, pair := range [][2]*Ledger{{l[0], l[1]}, {l[1], l[0]}, {l[0], l[0]}, {merged(t, m, l[0], l[1]), l[0]}} {
			got, err := pair[0].Encloses(context.Background(), pair[1])
			no(t, err)
			if want := has(pair[0], pair[1]); got != want {
				t.Fatalf("it encloses the other: %v, and it has all of it: %v", got, want)
			}
		}
	})
}
