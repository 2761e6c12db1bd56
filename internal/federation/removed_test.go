package federation

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
)

// The tag in docs/spec/merge.md that says that a peer has no ledger any more is the one
// that is written, to the last byte, and git takes it.
func TestTheExampleOfARemovalIsReal(t *testing.T) {
	text, err := os.ReadFile("../../docs/spec/merge.md")
	must(t, err)
	tags := fences(string(text), "tag")
	if len(tags) != 1 {
		t.Fatalf("%d tags", len(tags))
	}
	dir := t.TempDir()
	must(t, exec.Command("git", "init", "-q", dir).Run())
	repo, _, err := gitrepo.Look(context.Background(), gitrepo.Options{Dir: dir, Env: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.com"}})
	must(t, err)
	t.Cleanup(repo.Close)
	noticed := time.Unix(1795788000, 0).In(time.FixedZone("", 3600))
	p := Place{Repo: repo, Ref: ledger.DefaultRef, Terms: &verify.Terms{Now: noticed}}
	a := Arrival{Peer: "origin", Before: "825bc7ec2b8c5880ca80b93a00f345c170713be4", Since: time.Unix(1795365060, 0)}
	if got := string(p.testimony(context.Background(), a)); got != tags[0] && got != tags[0]+"\n" {
		t.Fatalf("it is\n%s and not\n%s", got, tags[0])
	}
	must(t, p.testify(context.Background(), a))
	kept, err := p.Removal(context.Background(), "origin")
	must(t, err)
	if kept == nil || kept.Before != a.Before || !kept.Noticed.Equal(noticed) {
		t.Fatalf("read back it is %+v", kept)
	}
	must(t, p.testify(context.Background(), a)) // again
}
