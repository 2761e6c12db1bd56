package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

const began = "2026-11-20T09:00:00Z"

// begun is a repository with a ledger that holds its genesis.
func begun(t *testing.T, algorithm string) (*builder, []byte) {
	t.Helper()
	b, g := newBuilder(t, algorithm), genesis(t, "api", began)
	b.mustUpdate(g)
	return b, g
}

// The tree that appending makes is the one that git's own commands make, and
// the history has one commit a change.
func TestUpdateMakesTheTreeOfTheSpecification(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []string{"sha1", "sha256"} {
		b, g := begun(t, algorithm)
		receipts := [][]byte{g}
		for i, at := range []string{"2026-11-20T09:00:01Z", "2026-11-22T23:59:59Z", "2026-11-23T00:00:00Z", "2025-01-01T00:00:00Z", "9999-12-31T23:59:59Z"} {
			raw := release(t, g, at, fmt.Sprintf("v1.%d", i))
			receipts = append(receipts, raw)
			before := b.head()
			result := b.mustUpdate(raw)
			if result.Added != 1 || string(result.Head) != b.head() {
				t.Errorf("%s: %+v, and the ref is at %s", algorithm, result, b.head())
			}
			if parents := b.git("", "rev-parse", b.head()+"^@"); parents != before {
				t.Errorf("the parents are %q, want %q", parents, before)
			}
			if tree := b.git("", "rev-parse", b.head()+"^{tree}"); tree != b.tree(b.base(receipts...)).id {
				t.Errorf("%s: after %s the tree is %s:\n%s", algorithm, at, tree, b.git("", "ls-tree", "-r", tree))
			}
		}
		b.git("", "fsck", "--strict")
		if n := b.git("", "rev-list", "--count", DefaultRef); n != "6" {
			t.Errorf("%s commits for 6 changes", n)
		}
	}
}

func TestUpdateWritesTheCommitItIsGiven(t *testing.T) {
	t.Parallel()
	b, g := begun(t, "sha1")
	raw := release(t, g, began, "v1")
	c := changeOf(raw)
	parsed, err := receipt.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	c.Message = Message("record", parsed, receipt.Sum(raw))
	if _, err := b.update(c); err != nil {
		t.Fatal(err)
	}
	want := "author " + c.Author + "\ncommitter " + c.Committer + "\n\nvaultmesh: record release api v1\n\nVaultmesh-Receipt: " + receipt.Sum(raw).String()
	if got := b.git("", "cat-file", "commit", DefaultRef); !strings.HasSuffix(got, want) {
		t.Errorf("the commit is\n%s\nwant at its end\n%s", got, want)
	}
	if trailer := b.git("", "log", "-1", "--format=%(trailers:key=Vaultmesh-Receipt,valueonly)", DefaultRef); trailer != receipt.Sum(raw).String() {
		t.Errorf("git reads the trailer %q", trailer)
	}
}

func TestUpdateAppendsManyInOneCommit(t *testing.T) {
	t.Parallel()
	b, g := begun(t, "sha1")
	var receipts [][]byte
	for i := range 30 {
		receipts = append(receipts, release(t, g, fmt.Sprintf("2026-11-%02dT00:00:00Z", i%7+1), fmt.Sprintf("v1.%d", i)))
	}
	if result := b.mustUpdate(append(receipts, receipts[0])...); result.Added != 30 {
		t.Errorf("%d were added", result.Added)
	}
	if tree := b.git("", "rev-parse", DefaultRef+"^{tree}"); tree != b.tree(b.base(append(receipts, g)...)).id {
		t.Errorf("the tree is\n%s", b.git("", "ls-tree", "-r", tree))
	}
	if n := b.git("", "rev-list", "--count", DefaultRef); n != "2" {
		t.Errorf("%s commits for 2 changes", n)
	}
}

func TestUpdateStoresEvidence(t *testing.T) {
	t.Parallel()
	b, g := begun(t, "sha1")
	texts := []string{"notes", "", strings.Repeat("x", MaxEvidence)}
	raw := release(t, g, began, "v1", append(texts, "notes")...) // one text under two names is stored once
	c := changeOf(raw)
	for _, text := range texts {
		c.Additions[0].Evidence = append(c.Additions[0].Evidence, []byte(text))
	}
	if _, err := b.update(c); err != nil {
		t.Fatal(err)
	}
	more := files{}
	for _, text := range texts {
		more[folderOf(t, raw)+"/evidence-"+receipt.Sum([]byte(text)).String()] = b.blob(text)
	}
	if tree := b.git("", "rev-parse", DefaultRef+"^{tree}"); tree != b.tree(b.base(g, raw).with(more)).id {
		t.Errorf("the tree is\n%s", b.git("", "ls-tree", "-r", tree))
	}
	entry := entryOf(t, b.opened(), raw)
	problems, err := entry.FileProblems(context.Background(), b.opened())
	if err != nil || len(problems) > 0 || len(entry.Files) != 4 {
		t.Errorf("%d files with the problems %v, %v", len(entry.Files), problems, err)
	}
}

// Whoever records a thing again, after a crash or by a script, changes nothing.
func TestTheSameReceiptTwiceIsNoCommit(t *testing.T) {
	t.Parallel()
	b, g := begun(t, "sha1")
	raw := release(t, g, began, "v1")
	b.mustUpdate(raw)
	head := b.head()
	for _, c := range []*Change{changeOf(raw), changeOf(raw, raw), changeOf(), nil} {
		result, err := b.update(c)
		if err != nil || result.Added != 0 || string(result.Head) != head {
			t.Errorf("%+v, %v", result, err)
		}
		b.unmoved(head)
	}
	if result := b.mustUpdate(raw, release(t, g, began, "v2")); result.Added != 1 {
		t.Errorf("one new beside an old one: %+v", result)
	}
}

func TestUpdateGivesUpWhenBuildDoes(t *testing.T) {
	t.Parallel()
	b, g := newBuilder(t, "sha1"), genesis(t, "api", began)
	enough := errors.New("enough")
	for _, there := range []bool{false, true} {
		if there {
			b.mustUpdate(g)
		}
		head := b.head()
		for _, fails := range []error{nil, enough} {
			calls := 0
			result, err := Update(context.Background(), b.repo, DefaultRef, nil, func(l *Ledger) (*Change, error) {
				calls++
				if (l != nil) != there || l != nil && string(l.Head) != head {
					t.Errorf("build was given %v", l)
				}
				return nil, fails
			})
			if !errors.Is(err, fails) || calls != 1 || err == nil && string(result.Head) != head {
				t.Errorf("there %v: %+v, %v after %d calls", there, result, err, calls)
			}
			b.unmoved(head)
		}
	}
}

// What a reader would refuse is never written: everything is checked before
// the first object is.
func TestUpdateRefuses(t *testing.T) {
	t.Parallel()
	b, g := begun(t, "sha1")
	other := genesis(t, "other", began)
	big := strings.Repeat("x", MaxEvidence+1)
	many, total := make([]string, MaxFiles), make([]string, 9)
	for i := range many {
		many[i] = fmt.Sprint(i)
	}
	for i := range total {
		total[i] = fmt.Sprint(i) + strings.Repeat("x", MaxEvidence-10)
	}
	future := `{"kind":"miracle","ledger":"` + receipt.Sum(g).String() + `","recorded_at":"2026-11-22T14:05:00Z","schema":"vaultmesh.receipt/v1"}`
	for _, c := range []struct {
		name   string
		raw    []byte
		stored []string
		code   fault.Code
	}{
		{"evidence that is not listed", release(t, g, began, "v1"), []string{"a"}, fault.BadField},
		{"evidence beside the listed", release(t, g, began, "v1", "a"), []string{"a", "b"}, fault.BadField},
		{"listed evidence that is not there", release(t, g, began, "v1", "a", "b"), []string{"a"}, fault.BadField},
		{"other evidence than listed", release(t, g, began, "v1", "a"), []string{"b"}, fault.BadField},
		{"evidence that is too large", release(t, g, began, "v1", big), []string{big}, fault.TooLarge},
		{"too many files", release(t, g, began, "v1", many...), many, fault.TooLarge},
		{"too much evidence", release(t, g, began, "v1", total...), total, fault.TooLarge},
		{"a second genesis", other, nil, fault.BadField},
		{"a receipt of another ledger", release(t, other, began, "v1"), nil, fault.BadField},
		{"a receipt of a later version", []byte(future), nil, fault.BadField},
		{"bytes that are not canonical", append(release(t, g, began, "v1"), '\n'), nil, fault.NotCanonical},
		{"no receipt", []byte(`{}`), nil, fault.BadField},
		{"nothing", nil, nil, fault.NotCanonical},
	} {
		head, objects := b.head(), b.git("", "count-objects")
		change := changeOf(release(t, g, began, "a good one"), c.raw)
		for _, text := range c.stored {
			change.Additions[1].Evidence = append(change.Additions[1].Evidence, []byte(text))
		}
		if _, err := b.update(change); !fault.Has(err, c.code) {
			t.Errorf("%s: %v, want %s", c.name, err, c.code)
		}
		b.unmoved(head)
		if now := b.git("", "count-objects"); now != objects {
			t.Errorf("%s: objects were written: %s before, %s now", c.name, objects, now)
		}
	}
}

// The most that a folder may hold is stored, and is within the reader's limits.
func TestUpdateStoresAsManyFilesAsAReaderTakes(t *testing.T) {
	t.Parallel()
	b, g := begun(t, "sha1")
	texts := make([]string, MaxFiles-1)
	for i := range texts {
		texts[i] = fmt.Sprint(i)
	}
	c := changeOf(release(t, g, began, "v1", texts...))
	for _, text := range texts {
		c.Additions[0].Evidence = append(c.Additions[0].Evidence, []byte(text))
	}
	if _, err := b.update(c); err != nil {
		t.Fatal(err)
	}
	entry := entryOf(t, b.opened(), c.Additions[0].Receipt)
	if problems := entry.Problems(); len(entry.Files) != MaxFiles || len(problems) > 0 {
		t.Errorf("%d files, %v", len(entry.Files), problems)
	}
}

// A ledger begins with one genesis, and with nothing else: a reader takes no
// tree that has another number of them.
func TestALedgerBeginsWithOneGenesis(t *testing.T) {
	t.Parallel()
	g := genesis(t, "api", began)
	for name, receipts := range map[string][][]byte{
		"none":              {release(t, g, began, "v1")},
		"a release with it": {g, release(t, g, began, "v1")},
		"two":               {g, genesis(t, "other", began)},
	} {
		b := newBuilder(t, "sha1")
		if _, err := b.update(changeOf(receipts...)); !fault.Has(err, fault.BadField) {
			t.Errorf("%s: %v", name, err)
		}
		b.unmoved("")
	}
}

// Nothing is built on a tree that has what must not be there, at any level
// that the new receipt's path goes through.
func TestUpdateRefusesToBuildOnAHostileTree(t *testing.T) {
	t.Parallel()
	g := genesis(t, "api", began)
	next := release(t, g, began, "v2")
	segments := strings.Split(folderOf(t, next), "/")
	b := newBuilder(t, "sha1")
	file, folder := b.blob("x"), b.raw(line{"x", b.blob("x")})
	for name, more := range map[string]files{
		"root":                {".git/config": file},
		"root, a link":        {"link": {"120000", file.id}},
		"year":                {segments[0] + "/x": file},
		"month":               {strings.Join(segments[:2], "/") + "/32": folder},
		"day":                 {strings.Join(segments[:3], "/") + "/zz": folder},
		"day, a submodule":    {strings.Join(segments[:3], "/") + "/" + segments[3]: {"160000", strings.Repeat("1", 40)}},
		"fan":                 {strings.Join(segments[:4], "/") + "/x": file},
		"fan is a file":       {strings.Join(segments[:4], "/"): file},
		"the folder":          {strings.Join(segments, "/") + "/x": file},
		"the folder is empty": {strings.Join(segments, "/"): b.raw()},
		"the receipt differs": {strings.Join(segments, "/") + "/receipt.json": file},
	} {
		b.git("", "update-ref", DefaultRef, b.commit(b.tree(b.base(g).with(more))))
		head := b.head()
		if _, err := b.update(changeOf(next)); !fault.Has(err, fault.BadTree) {
			t.Errorf("%s: %v", name, err)
		}
		b.unmoved(head)
	}
}

func TestUpdateOnNoLedger(t *testing.T) {
	t.Parallel()
	b, g := newBuilder(t, "sha1"), genesis(t, "api", began)
	b.git("", "update-ref", DefaultRef, b.commit(b.tree(files{"README": b.blob("hello")})))
	head := b.head()
	_, err := b.update(changeOf(g))
	wantFault(t, err, fault.BadLedgerRef)
	b.unmoved(head)
}

func TestUpdateIsInterrupted(t *testing.T) {
	t.Parallel()
	b, g := begun(t, "sha1")
	head := b.head()
	ctx, cancel := context.WithCancel(context.Background())
	_, err := Update(ctx, b.repo, DefaultRef, nil, func(*Ledger) (*Change, error) {
		cancel()
		return changeOf(release(t, g, began, "v1")), nil
	})
	wantFault(t, err, fault.Interrupted)
	b.unmoved(head)
}

// Another writer who is faster makes build run again, on what he wrote.
func TestALostRaceBeginsAgain(t *testing.T) {
	t.Parallel()
	b, g := begun(t, "sha1")
	ours, theirs := release(t, g, began, "ours"), release(t, g, began, "theirs")
	other := b.open()
	calls := 0
	result, err := Update(context.Background(), b.repo, DefaultRef, nil, func(l *Ledger) (*Change, error) {
		calls++
		if calls == 1 {
			if _, err := Update(context.Background(), other, DefaultRef, nil, func(*Ledger) (*Change, error) { return changeOf(theirs), nil }); err != nil {
				t.Error(err)
			}
		}
		if found, err := l.Find(context.Background(), receipt.Sum(theirs).String()); err != nil || len(found) != calls-1 {
			t.Errorf("call %d saw %d of theirs, %v", calls, len(found), err)
		}
		return changeOf(ours), nil
	})
	if err != nil || calls != 2 || result.Added != 1 {
		t.Errorf("%+v, %v after %d calls", result, err, calls)
	}
	if tree := b.git("", "rev-parse", DefaultRef+"^{tree}"); tree != b.tree(b.base(g, ours, theirs)).id {
		t.Error("one of the two is lost")
	}
}

// writeAll appends n receipts, one a commit, with a repository of its own.
func writeAll(repo *gitrepo.Repo, receipts [][]byte) error {
	for _, raw := range receipts {
		result, err := Update(context.Background(), repo, DefaultRef, nil, func(*Ledger) (*Change, error) { return changeOf(raw), nil })
		if err != nil || result.Added != 1 {
			return fmt.Errorf("added %d: %w", result.Added, err)
		}
	}
	return nil
}

func TestConcurrentWritersLoseNothing(t *testing.T) {
	t.Parallel()
	writers, each := 8, 12
	if testing.Short() {
		writers, each = 4, 10
	}
	b, g := begun(t, "sha1")
	b.env = append(b.env, "GIT_TEST_FSYNC=0") // what reaches the disk is tested in gitrepo
	all := [][]byte{g}
	var wg sync.WaitGroup
	errs := make([]error, writers)
	for w := range writers {
		var mine [][]byte
		for i := range each {
			mine = append(mine, release(t, g, fmt.Sprintf("2026-11-%02dT00:00:00Z", i%3+1), fmt.Sprintf("v%d.%d", w, i)))
		}
		all = append(all, mine...)
		repo := b.open()
		wg.Go(func() { errs[w] = writeAll(repo, mine) })
	}
	wg.Wait()
	for w, err := range errs {
		if err != nil {
			t.Errorf("writer %d: %v", w, err)
		}
	}
	l := b.opened()
	if n, err := l.Count(context.Background(), func(int) {}); err != nil || n != len(all) {
		t.Errorf("%d receipts, %v; want %d", n, err, len(all))
	}
	wantWalk(t, l, all)
	if n := b.git("", "rev-list", "--count", "--max-parents=1", DefaultRef); n != fmt.Sprint(len(all)) {
		t.Errorf("%s commits for %d changes", n, len(all))
	}
	if refs := b.git("", "for-each-ref", "--format=%(refname)"); refs != DefaultRef {
		t.Errorf("the refs are %q", refs)
	}
	if left := b.leftovers(); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// entryOf is the entry of a receipt.
func entryOf(t *testing.T, l *Ledger, raw []byte) *Entry {
	t.Helper()
	found, err := l.Find(context.Background(), receipt.Sum(raw).String())
	if err != nil || len(found) != 1 {
		t.Fatalf("found %d, %v", len(found), err)
	}
	return found[0]
}

// wantWalk walks the ledger and compares what it holds with receipts, each once.
func wantWalk(t *testing.T, l *Ledger, receipts [][]byte) {
	t.Helper()
	var got, want []string
	err := l.Walk(context.Background(), Visitor{Entry: func(e *Entry) error {
		got = append(got, e.Path+" "+string(e.Raw))
		return nil
	}, Problem: func(p Problem) error { return p.Err }})
	if err != nil {
		t.Error(err)
	}
	for _, raw := range receipts {
		want = append(want, folderOf(t, raw)+" "+string(raw))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("walked over %d, want %d", len(got), len(want))
	}
}
