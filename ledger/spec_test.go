package ledger

import (
	"context"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
)

// The example in docs/spec/ledger-ref.md is real: from its receipts, evidence
// and commits the same objects come out again, down to the last id.
func TestSpecificationExampleIsReal(t *testing.T) {
	text, err := os.ReadFile("../docs/spec/ledger-ref.md")
	if err != nil {
		t.Fatal(err)
	}
	fence := func(name string) []string {
		var blocks []string
		for _, m := range regexp.MustCompile("(?s)```"+name+"\n(.*?\n)```").FindAllStringSubmatch(string(text), -1) {
			blocks = append(blocks, m[1])
		}
		return blocks
	}
	var evidence string
	var commits []gitrepo.Commit
	for _, block := range fence("text") {
		if strings.HasPrefix(block, "# api") {
			evidence = block
		}
		if strings.HasPrefix(block, "tree ") {
			c, err := gitrepo.ParseCommit("sha1", []byte(block))
			if err != nil {
				t.Fatal(err)
			}
			commits = append(commits, c)
		}
	}
	receipts := fence("json")
	if len(receipts) != 3 || len(commits) != 3 || evidence == "" {
		t.Fatalf("%d receipts, %d commits, evidence %q", len(receipts), len(commits), evidence)
	}
	dir := t.TempDir()
	if out, err := exec.Command("git", "init", "-q", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	ctx := context.Background()
	repo, err := gitrepo.Open(ctx, gitrepo.Options{Dir: dir, Env: append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1")})
	if err != nil {
		t.Fatal(err)
	}
	defer repo.Close()
	for i, c := range commits {
		add := Addition{Receipt: []byte(strings.TrimSuffix(receipts[i], "\n"))}
		if strings.Contains(receipts[i], `"stored":true`) {
			add.Evidence = [][]byte{[]byte(evidence)}
		}
		result, err := Update(ctx, repo, DefaultRef, nil, func(*Ledger) (*Change, error) {
			return &Change{Additions: []Addition{add}, Author: c.Author, Committer: c.Committer, Message: c.Message}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), "Commit `"+string(result.Head)+"`") {
			t.Errorf("commit %d came out as %s, which the document does not name", i, result.Head)
		}
	}
	listing, err := exec.Command("git", "-C", dir, "ls-tree", "-r", DefaultRef).Output()
	if err != nil || fence("text")[0] != string(listing) {
		t.Errorf("the listing is\n%s%v", listing, err)
	}
}
