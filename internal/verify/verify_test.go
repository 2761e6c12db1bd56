package verify

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

const ident = "Ada <ada@example.com> 1795356300 +0000"

// newLedger is a repository with a ledger of a genesis and n receipts.
func newLedger(t *testing.T, n int) *gitrepo.Repo {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.Command("git", "init", "-q", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	ctx := context.Background()
	repo, err := gitrepo.Open(ctx, gitrepo.Options{Dir: dir, Env: append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(repo.Close)
	genesis := &receipt.Receipt{Kind: receipt.KindGenesis, RecordedAt: 1795356300, Recorder: receipt.Person{Name: "Ada"},
		Genesis: &receipt.Genesis{Name: "test", Nonce: strings.Repeat("0a", 16)}}
	appendReceipt(t, repo, genesis)
	for i := range n {
		appendReceipt(t, repo, &receipt.Receipt{Kind: receipt.KindRelease, RecordedAt: receipt.Time(1795356300 + 86400*i),
			Recorder: receipt.Person{Name: "Ada"}, Component: "api", Version: fmt.Sprintf("v%d", i)})
	}
	return repo
}

func appendReceipt(t *testing.T, repo *gitrepo.Repo, r *receipt.Receipt) {
	t.Helper()
	ctx := context.Background()
	_, err := ledger.Update(ctx, repo, ledger.DefaultRef, nil, func(l *ledger.Ledger) (*ledger.Change, error) {
		if l != nil {
			g, err := l.Genesis(ctx)
			if err != nil {
				return nil, err
			}
			r.Ledger = g.ID
		}
		b, err := r.Encode()
		return &ledger.Change{Additions: []ledger.Addition{{Receipt: b}}, Author: ident, Committer: ident, Message: "x\n"}, err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func judgePinned(repo *gitrepo.Repo, ref string, pin receipt.ID) (*Report, error) {
	ctx := context.Background()
	l, err := ledger.Open(ctx, repo, ref)
	if r := Unopened(ref, err); r != nil {
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	l.Pin(pin)
	return Ledger(ctx, repo, l, nil, func() {})
}

func judge(t *testing.T, repo *gitrepo.Repo) *Report {
	t.Helper()
	r, err := judgePinned(repo, ledger.DefaultRef, receipt.ID{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func head(t *testing.T, repo *gitrepo.Repo) (gitrepo.OID, gitrepo.Commit) {
	t.Helper()
	id, c, err := repo.ResolveCommit(context.Background(), ledger.DefaultRef)
	if err != nil {
		t.Fatal(err)
	}
	return id, c
}

// put commits a tree with parents as the ledger's new head.
func put(t *testing.T, repo *gitrepo.Repo, tree gitrepo.OID, parents ...gitrepo.OID) {
	t.Helper()
	old, _ := head(t, repo)
	c := gitrepo.Commit{Tree: tree, Parents: parents, Author: ident, Committer: ident, Message: "x\n"}
	if err := repo.UpdateRef(context.Background(), ledger.DefaultRef, write(t, repo, gitrepo.TypeCommit, c.Encode()), old); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, repo *gitrepo.Repo, kind string, data []byte) gitrepo.OID {
	t.Helper()
	o := gitrepo.NewObject(repo.Algorithm(), kind, data)
	if err := repo.Write(context.Background(), []gitrepo.Object{o}); err != nil {
		t.Fatal(err)
	}
	return o.ID
}

func failedSteps(r *Report) string {
	var names []string
	for _, s := range r.Steps {
		if s.Status == Failed {
			names = append(names, s.Name)
		}
	}
	return strings.Join(names, " ")
}

func TestHonestLedgerIsValid(t *testing.T) {
	r := judge(t, newLedger(t, 3))
	if r.Verdict != Valid || r.Receipts != 4 || len(r.Steps) != len(Steps()) || len(r.Problems) != 0 {
		t.Errorf("%+v", r)
	}
}

func TestHistoryNeedsOnlyGenesisAtTheBeginning(t *testing.T) {
	repo := newLedger(t, 1)
	_, c := head(t, repo)
	put(t, repo, c.Tree) // the same tree, as a commit without parents
	if r := judge(t, repo); failedSteps(r) != "history" {
		t.Errorf("failed %q", failedSteps(r))
	}
}

// forked are two heads that grew out of one.
func forked(t *testing.T) (repo *gitrepo.Repo, base, one, two gitrepo.OID) {
	t.Helper()
	repo = newLedger(t, 1)
	base, _ = head(t, repo)
	for i, to := range []*gitrepo.OID{&one, &two} {
		appendReceipt(t, repo, &receipt.Receipt{Kind: receipt.KindRelease, RecordedAt: 1795356300, Recorder: receipt.Person{Name: "B"}, Component: "web", Version: fmt.Sprint(i)})
		*to, _ = head(t, repo)
		if err := repo.UpdateRef(context.Background(), ledger.DefaultRef, base, *to); err != nil {
			t.Fatal(err)
		}
	}
	return repo, base, one, two
}

// mergeOf is the merge of two heads, written.
func mergeOf(t *testing.T, repo *gitrepo.Repo, a, b gitrepo.OID) (gitrepo.OID, gitrepo.Commit) {
	t.Helper()
	ctx := context.Background()
	var l [2]*ledger.Ledger
	for i, id := range []gitrepo.OID{a, b} {
		var err error
		if l[i], err = ledger.OpenCommit(ctx, repo, ledger.DefaultRef, id); err != nil {
			t.Fatal(err)
		}
	}
	u, err := ledger.Merge(ctx, l[0], l[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := repo.Write(ctx, u.Objects); err != nil {
		t.Fatal(err)
	}
	c, err := gitrepo.ParseCommit(repo.Algorithm(), u.Objects[len(u.Objects)-1].Data)
	if err != nil {
		t.Fatal(err)
	}
	return u.Head, c
}

// A commit with two parents is the merge of both, to the last byte, or the ledger does
// not hold.
func TestHistoryRefusesWhatIsNotTheMergeOfItsParents(t *testing.T) {
	repo, base, one, two := forked(t)
	id, merge := mergeOf(t, repo, one, two)
	with := func(change func(*gitrepo.Commit)) gitrepo.Commit {
		c := merge
		c.Parents = slices.Clone(c.Parents)
		change(&c)
		return c
	}
	_, old, err := repo.ResolveCommit(context.Background(), string(one))
	if err != nil {
		t.Fatal(err)
	}
	_, half := mergeOf(t, repo, one, base)
	for name, c := range map[string]struct {
		commit gitrepo.Commit
		valid  bool
	}{
		"the merge":             {merge, true},
		"parents in the other":  {with(func(c *gitrepo.Commit) { slices.Reverse(c.Parents) }), false},
		"three parents":         {with(func(c *gitrepo.Commit) { c.Parents = append(c.Parents, base) }), false},
		"the same parent twice": {with(func(c *gitrepo.Commit) { c.Parents[1] = c.Parents[0] }), false},
		"another name":          {with(func(c *gitrepo.Commit) { c.Author = ident }), false},
		"another message":       {with(func(c *gitrepo.Commit) { c.Message = "vaultmesh: merge\n\nmore\n" }), false},
		"one side's tree":       {with(func(c *gitrepo.Commit) { c.Tree = old.Tree }), false},
		"one side leads to it":  {half, false},
	} {
		o := gitrepo.NewObject(repo.Algorithm(), gitrepo.TypeCommit, c.commit.Encode())
		if c.valid != (o.ID == id) {
			t.Errorf("%s has the id %s", name, o.ID)
		}
		if err := repo.Write(context.Background(), []gitrepo.Object{o}); err != nil {
			t.Fatal(err)
		}
		was, _ := head(t, repo)
		if err := repo.UpdateRef(context.Background(), ledger.DefaultRef, o.ID, was); err != nil {
			t.Fatal(err)
		}
		if r := judge(t, repo); (r.Verdict == Valid) != c.valid || !c.valid && failedSteps(r) != "history" {
			t.Errorf("%s: %s, failed %q", name, r.Verdict, failedSteps(r))
		}
	}
}

// A parent along the second line of history counts as the first does.
func TestHistoryFollowsEveryParent(t *testing.T) {
	repo := newLedger(t, 1)
	one, old := head(t, repo)
	appendReceipt(t, repo, &receipt.Receipt{Kind: receipt.KindRelease, RecordedAt: 1795356300, Recorder: receipt.Person{Name: "B"}, Component: "web", Version: "v1"})
	two, _ := head(t, repo)
	put(t, repo, old.Tree, one, two) // a merge that leaves out the second parent's receipt
	if r := judge(t, repo); failedSteps(r) != "history" || !strings.Contains(Sentence(r.Problems[0]), "removed") {
		t.Errorf("%+v", r.Steps[9])
	}
}

// A tree with a thousand folders in each other is a few kilobytes. Neither
// the walk nor the history may follow it.
func TestDeepTreesAreNotFollowed(t *testing.T) {
	repo := newLedger(t, 0)
	first, c := head(t, repo)
	o, err := repo.Read(context.Background(), c.Tree, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	root, err := gitrepo.ParseTree(repo.Algorithm(), o.Data)
	if err != nil {
		t.Fatal(err)
	}
	parent := first
	for _, leaf := range []string{"a", "b"} {
		below := write(t, repo, gitrepo.TypeBlob, []byte(leaf))
		mode := gitrepo.ModeFile
		var objects []gitrepo.Object
		for range 1000 {
			o := gitrepo.NewObject(repo.Algorithm(), gitrepo.TypeTree, gitrepo.EncodeTree([]gitrepo.TreeEntry{{Mode: mode, Name: strings.Repeat("x", 200), ID: below}}))
			objects = append(objects, o)
			below, mode = o.ID, gitrepo.ModeTree
		}
		if err := repo.Write(context.Background(), objects); err != nil {
			t.Fatal(err)
		}
		tree := write(t, repo, gitrepo.TypeTree, gitrepo.EncodeTree(append(root[:len(root):len(root)], gitrepo.TreeEntry{Mode: mode, Name: "zz", ID: below})))
		put(t, repo, tree, parent)
		parent, _ = head(t, repo)
	}
	r := judge(t, repo)
	if failedSteps(r) != "layout history" {
		t.Errorf("failed %q", failedSteps(r))
	}
	for _, p := range r.Problems {
		if len(p.Path) > 2000 {
			t.Errorf("a path of %d bytes was followed", len(p.Path))
		}
	}
}

// A parent or tree that is no object id would be read by git as a revision,
// and the verdict would hang on where that points today.
func TestRevisionsInCommitsAreRefused(t *testing.T) {
	repo := newLedger(t, 1)
	id, c := head(t, repo)
	for _, forged := range []gitrepo.Commit{
		{Tree: c.Tree, Parents: []gitrepo.OID{ledger.DefaultRef}},
		{Tree: ledger.DefaultRef + "^{tree}", Parents: []gitrepo.OID{id}},
		{Tree: c.Tree, Parents: []gitrepo.OID{id[:12]}},
	} {
		forged.Author, forged.Committer, forged.Message = ident, ident, "x\n"
		// Git refuses to name such a commit; one who can write files does not ask it.
		put := func(id gitrepo.OID) {
			if err := os.WriteFile(filepath.Join(repo.CommonDir, filepath.FromSlash(ledger.DefaultRef)), []byte(id+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		put(write(t, repo, gitrepo.TypeCommit, forged.Encode()))
		if r := judge(t, repo); r.Verdict != Invalid || failedSteps(r) != "head" {
			t.Errorf("%+v: %s, failed %q", forged, r.Verdict, failedSteps(r))
		}
		put(id)
	}
}

// A second genesis, dated before all, does not become the ledger when the
// real one is pinned.
func TestPinnedGenesis(t *testing.T) {
	repo := newLedger(t, 1)
	ctx := context.Background()
	l, err := ledger.Open(ctx, repo, ledger.DefaultRef)
	if err != nil {
		t.Fatal(err)
	}
	g, err := l.Genesis(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		pin    receipt.ID
		failed string
	}{{g.ID, ""}, {receipt.Sum(nil), "ledger"}} {
		r, err := judgePinned(repo, ledger.DefaultRef, c.pin)
		if err != nil || failedSteps(r) != c.failed {
			t.Errorf("pinned %s: failed %q, %v", c.pin.Short(), failedSteps(r), err)
		}
	}
}

func TestProblemsAreBounded(t *testing.T) {
	repo := newLedger(t, 0)
	first, c := head(t, repo)
	o, _ := repo.Read(context.Background(), c.Tree, 1<<20)
	root, _ := gitrepo.ParseTree(repo.Algorithm(), o.Data)
	blob := write(t, repo, gitrepo.TypeBlob, []byte("x"))
	for i := range 500 {
		root = append(root, gitrepo.TreeEntry{Mode: gitrepo.ModeFile, Name: fmt.Sprintf("z%03d", i), ID: blob})
	}
	put(t, repo, write(t, repo, gitrepo.TypeTree, gitrepo.EncodeTree(root)), first)
	r := judge(t, repo)
	if len(r.Problems) != maxProblems || r.Steps[1].Detail != "500 problems, the first 100 are listed" {
		t.Errorf("%d problems kept, detail %q", len(r.Problems), r.Steps[1].Detail)
	}
}

func TestReceiptsAreJudgedAlone(t *testing.T) {
	repo := newLedger(t, 2)
	ctx := context.Background()
	l, err := ledger.Open(ctx, repo, ledger.DefaultRef)
	if err != nil {
		t.Fatal(err)
	}
	g, err := l.Genesis(ctx)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Receipts(ctx, repo, l, []*ledger.Entry{g}, nil)
	if err != nil || r.Verdict != Valid || r.Receipts != 1 || r.Steps[9].Status != NotApplicable {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestNoLedgerIsAnErrorNotAVerdict(t *testing.T) {
	repo := newLedger(t, 0)
	if _, err := judgePinned(repo, "refs/vaultmesh/other", receipt.ID{}); !fault.Has(err, fault.NoLedger) {
		t.Errorf("got %v", err)
	}
}

func TestFindArtifact(t *testing.T) {
	repo := newLedger(t, 0)
	for _, content := range []string{"one", "two"} {
		appendReceipt(t, repo, &receipt.Receipt{Kind: receipt.KindRelease, RecordedAt: 1795356300, Recorder: receipt.Person{Name: "A"}, Component: "api", Version: content,
			Subjects: []receipt.Subject{{Name: "api.tar.gz", SHA256: receipt.Sum([]byte(content))}}})
	}
	ctx := context.Background()
	l, err := ledger.Open(ctx, repo, ledger.DefaultRef)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, content   string
		exact, sameName int
	}{{"api.tar.gz", "one", 1, 1}, {"other", "two", 1, 0}, {"api.tar.gz", "three", 0, 2}, {"other", "three", 0, 0}} {
		a, err := FindArtifact(ctx, l, c.name, receipt.Sum([]byte(c.content)), func() {})
		if err != nil || len(a.Exact) != c.exact || len(a.SameName) != c.sameName {
			t.Errorf("%s %s: %d exact, %d of the same name, %v", c.name, c.content, len(a.Exact), len(a.SameName), err)
		}
	}
}

// One folder that stands under every day of a century is a few kilobytes, and
// would be a million folders to read.
func TestOneFolderUnderManyNamesIsNotFollowed(t *testing.T) {
	repo := newLedger(t, 0)
	first, c := head(t, repo)
	o, _ := repo.Read(context.Background(), c.Tree, 1<<20)
	root, _ := gitrepo.ParseTree(repo.Algorithm(), o.Data)
	day := write(t, repo, gitrepo.TypeTree, nil)
	folder := func(names []string, id gitrepo.OID) gitrepo.OID {
		var entries []gitrepo.TreeEntry
		for _, n := range names {
			entries = append(entries, gitrepo.TreeEntry{Mode: gitrepo.ModeTree, Name: n, ID: id})
		}
		return write(t, repo, gitrepo.TypeTree, gitrepo.EncodeTree(entries))
	}
	var days, months, years []string
	for i := 1; i <= 28; i++ {
		days = append(days, fmt.Sprintf("%02d", i))
	}
	for i := 1; i <= 12; i++ {
		months = append(months, fmt.Sprintf("%02d", i))
	}
	for i := 2100; i < 2200; i++ {
		years = append(years, fmt.Sprint(i))
	}
	month := folder(days, day)
	year := folder(months, month)
	for _, n := range years {
		root = append(root[:len(root)-1:len(root)-1], gitrepo.TreeEntry{Mode: gitrepo.ModeTree, Name: n, ID: year}, root[len(root)-1])
	}
	put(t, repo, write(t, repo, gitrepo.TypeTree, gitrepo.EncodeTree(root)), first)
	r := judge(t, repo)
	if failedSteps(r) != "layout" || r.Receipts != 1 {
		t.Errorf("failed %q, %d receipts", failedSteps(r), r.Receipts)
	}
	// 99 years, 11 months and 27 days are the same as one before them, and
	// what is left is an empty day.
	if r.Steps[1].Detail != "138 problems, the first 100 are listed" {
		t.Errorf("detail %q", r.Steps[1].Detail)
	}
}

// A tree in the middle of history that is out of order is a fault of history,
// also when a later commit has put it right.
func TestMalformedTreeInHistoryIsAFault(t *testing.T) {
	repo := newLedger(t, 1)
	second, c := head(t, repo)
	o, _ := repo.Read(context.Background(), c.Tree, 1<<20)
	root, _ := gitrepo.ParseTree(repo.Algorithm(), o.Data)
	twice := append([]gitrepo.TreeEntry{root[0]}, root...)
	put(t, repo, write(t, repo, gitrepo.TypeTree, gitrepo.EncodeTree(twice)), second)
	middle, _ := head(t, repo)
	put(t, repo, c.Tree, middle)
	if r := judge(t, repo); failedSteps(r) != "history" {
		t.Errorf("failed %q", failedSteps(r))
	}
}
