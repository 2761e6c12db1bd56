package verify

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// hostileEntry is a line of testdata/hostile/trees.txt, which says what they mean.
type hostileEntry struct {
	line                              int
	path, mode, content, step, record string
}

func hostileEntries(t *testing.T) []hostileEntry {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "testdata", "hostile", "trees.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []hostileEntry
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		e := hostileEntry{line: n}
		for i, field := range []*string{&e.path, &e.mode, &e.content, &e.step, &e.record} {
			word, _, _ := strings.Cut(text, " ")
			if i == 0 || i == 2 {
				if word, err = strconv.QuotedPrefix(text); err != nil {
					t.Fatalf("line %d: %v", n, err)
				}
			}
			text = strings.TrimSpace(text[len(word):])
			if *field = word; i == 0 || i == 2 {
				*field, _ = strconv.Unquote(word)
			}
		}
		all = append(all, e)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// planter puts one entry into a copy of a tree, beside what is there.
type planter struct {
	t    *testing.T
	repo *gitrepo.Repo
	e    hostileEntry
}

func (p planter) content() gitrepo.OID {
	switch {
	case p.e.mode == "160000":
		return gitrepo.OID(strings.Repeat("1", 40))
	case p.e.mode != gitrepo.ModeTree && p.e.mode != "040000" && p.e.mode != "40755":
		return write(p.t, p.repo, gitrepo.TypeBlob, []byte(p.e.content))
	}
	tree := write(p.t, p.repo, gitrepo.TypeTree, nil)
	if p.e.content == "deep" {
		for range 500 {
			tree = write(p.t, p.repo, gitrepo.TypeTree, gitrepo.EncodeTree([]gitrepo.TreeEntry{{Mode: gitrepo.ModeTree, Name: "sub", ID: tree}}))
		}
	}
	return tree
}

func (p planter) plant(tree gitrepo.OID, path []string) gitrepo.OID {
	var entries []gitrepo.TreeEntry
	if tree != "" {
		var err error
		if entries, err = gitrepo.ReadTree(context.Background(), p.repo, tree, ledger.MaxTree); err != nil {
			p.t.Fatal(err)
		}
	}
	if len(path) == 1 {
		entries = append(entries, gitrepo.TreeEntry{Mode: p.e.mode, Name: path[0], ID: p.content()})
	} else {
		i := slices.IndexFunc(entries, func(e gitrepo.TreeEntry) bool { return e.Name == path[0] })
		if i < 0 {
			entries = append(entries, gitrepo.TreeEntry{Mode: gitrepo.ModeTree, Name: path[0]})
			i = len(entries) - 1
		}
		entries[i].ID = p.plant(entries[i].ID, path[1:])
	}
	slices.SortStableFunc(entries, gitrepo.CompareEntries)
	return write(p.t, p.repo, gitrepo.TypeTree, gitrepo.EncodeTree(entries))
}

func TestHostileTrees(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	repo := newLedger(t, 1)
	good, commit := head(t, repo)
	l, err := ledger.Open(ctx, repo, ledger.DefaultRef)
	if err != nil {
		t.Fatal(err)
	}
	genesis, err := l.Genesis(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var genuine string
	taken := map[string]bool{}
	err = l.Walk(ctx, ledger.Visitor{Entry: func(e *ledger.Entry) error {
		taken[e.ID.String()[:2]] = true
		if e.Receipt.Kind == receipt.KindRelease {
			genuine = e.Path
		}
		return nil
	}, Problem: func(p ledger.Problem) error { return p.Err }})
	if err != nil || genuine == "" {
		t.Fatal(genuine, err)
	}
	free := "00"
	for taken[free] {
		free = free[:1] + string(free[1]+1)
	}
	day := strings.Join(strings.Split(genuine, "/")[:3], "/")
	entries := hostileEntries(t)
	if len(entries) < 80 {
		t.Fatalf("%d entries", len(entries))
	}
	for _, e := range entries {
		sum := receipt.Sum([]byte(e.content)).String()
		path := strings.NewReplacer("{day}", day, "{free}", free, "{entry}", genuine, "{sha256}", sum).Replace(e.path)
		what := fmt.Sprintf("trees.txt:%d: %q of mode %s", e.line, path, e.mode)
		tree := planter{t, repo, e}.plant(commit.Tree, strings.Split(path, "/"))
		put(t, repo, tree, good)
		if r := judge(t, repo); r.Verdict != Invalid || failedSteps(r) != e.step {
			t.Errorf("%s: the ledger is %s, and what fails is %q", what, r.Verdict, failedSteps(r))
		}
		planted, _ := head(t, repo)
		_, err := ledger.Update(ctx, repo, ledger.DefaultRef, nil, func(*ledger.Ledger) (*ledger.Change, error) {
			b, err := (&receipt.Receipt{Kind: receipt.KindRelease, Ledger: genesis.ID, RecordedAt: 1795356301, Recorder: receipt.Person{Name: "Ada"}, Component: "later", Version: "v1"}).Encode()
			return &ledger.Change{Additions: []ledger.Addition{{Receipt: b}}, Author: ident, Committer: ident, Message: "x\n"}, err
		})
		if after, _ := head(t, repo); err != nil && after != planted || err == nil && after == planted {
			t.Errorf("%s: the ref moved to %s, and record says %v", what, after, err)
		}
		if refuses := fault.Has(err, fault.BadTree); refuses != (e.record == "refuses") && e.record != "-" || err != nil && !refuses {
			t.Errorf("%s: record says %v", what, err)
		}
		if found := holding(t, repo, genesis.ID, genuine); !found && !strings.HasPrefix(e.path, "{entry}/") {
			t.Errorf("%s: the genuine receipt is not found", what)
		}
		last, _ := head(t, repo)
		if err := repo.UpdateRef(ctx, ledger.DefaultRef, good, last); err != nil {
			t.Fatal(err)
		}
	}
}

// holding tells whether a walk that passes over what is wrong meets an entry that holds.
func holding(t *testing.T, repo *gitrepo.Repo, genesis receipt.ID, path string) bool {
	t.Helper()
	l, err := ledger.Open(context.Background(), repo, ledger.DefaultRef)
	if err != nil {
		return false // the root itself is refused, and query says so
	}
	found := false
	err = l.Walk(context.Background(), ledger.Visitor{
		Entry:   func(e *ledger.Entry) error { found = found || e.Path == path && e.Holds(genesis); return nil },
		Problem: func(ledger.Problem) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
