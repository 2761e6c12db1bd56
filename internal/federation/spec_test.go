package federation

import (
	"context"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// fences are the blocks of a document under a name.
func fences(text, name string) []string {
	var blocks []string
	for _, m := range regexp.MustCompile("(?s)```"+name+"\n(.*?)\n```").FindAllStringSubmatch(text, -1) {
		blocks = append(blocks, m[1])
	}
	return blocks
}

// The example in docs/spec/merge.md is real: the receipts make the two heads, and the
// heads make the merge and its receipt, to the last byte.
func TestTheExampleOfAMergeIsReal(t *testing.T) {
	text, err := os.ReadFile("../../docs/spec/merge.md")
	if err != nil {
		t.Fatal(err)
	}
	receipts, commits := fences(string(text), "json"), fences(string(text), "text")
	if len(receipts) != 4 || len(commits) != 4 {
		t.Fatalf("%d receipts and %d commits", len(receipts), len(commits))
	}
	ctx := context.Background()
	dir := t.TempDir()
	if out, err := exec.Command("git", "init", "-q", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	repo, err := gitrepo.Open(ctx, gitrepo.Options{Dir: dir, Env: append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(repo.Close)
	heads := make([]gitrepo.OID, 3)
	for i := range heads {
		c, err := gitrepo.ParseCommit("sha1", []byte(commits[i]+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			now, err := repo.Ref(ctx, ledger.DefaultRef)
			if err == nil && now != heads[0] {
				err = repo.UpdateRef(ctx, ledger.DefaultRef, heads[0], now)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		result, err := ledger.Update(ctx, repo, ledger.DefaultRef, nil, func(*ledger.Ledger) (*ledger.Change, error) {
			return &ledger.Change{Additions: []ledger.Addition{{Receipt: []byte(receipts[i])}}, Author: c.Author, Committer: c.Committer, Message: c.Message}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		heads[i] = result.Head
		o, err := repo.Read(ctx, result.Head, 1<<20)
		if err != nil || string(o.Data) != commits[i]+"\n" {
			t.Errorf("commit %d is\n%s%v", i, o.Data, err)
		}
		if !strings.Contains(string(text), "`"+string(result.Head)+"`") {
			t.Errorf("the document does not name the commit %s", result.Head)
		}
	}
	var sides [2]*ledger.Ledger
	for i := range sides {
		if sides[i], err = ledger.OpenCommit(ctx, repo, ledger.DefaultRef, heads[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	u, err := ledger.Merge(ctx, sides[0], sides[1])
	if err == nil {
		err = repo.Write(ctx, u.Objects)
	}
	if err != nil {
		t.Fatal(err)
	}
	merge := string(u.Objects[len(u.Objects)-1].Data)
	if merge != commits[3]+"\n" || !strings.Contains(string(text), "`"+string(u.Head)+"`") {
		t.Errorf("the merge %s is\n%s", u.Head, merge)
	}
	l, err := ledger.OpenCommit(ctx, repo, ledger.DefaultRef, u.Head)
	if err != nil {
		t.Fatal(err)
	}
	derived, err := Derived(ctx, repo, l, func() {})
	if err != nil || derived == nil {
		t.Fatalf("%v %v", derived, err)
	}
	raw, err := derived.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if string(raw) != receipts[3] || !strings.Contains(string(text), "`"+receipt.Sum(raw).String()+"`") {
		t.Errorf("the derived receipt %s is\n%s", receipt.Sum(raw), raw)
	}
	if none, err := Derived(ctx, repo, sides[0], func() {}); err != nil || none != nil {
		t.Errorf("an append has the receipt %v, %v", none, err)
	}
}
