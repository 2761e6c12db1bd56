package federation

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
)

// What is kept of a peer is told from what is kept of another one, whatever they are called.
func TestEvidenceIsOfThePeerThatShowedIt(t *testing.T) {
	for _, peer := range []string{"hub", "team/hub", "never-showed", "hub/ledger-showed", "ledger-showed", "vaultmesh", "x-showed/ledger"} {
		for _, ref := range []string{ledger.DefaultRef, "refs/heads/vaultmesh/ledger"} {
			kept := map[string]bool{IncomingRef(peer, ref): true, RemovedRef(peer, ref): true, SeenRef(peer, ref): false}
			for _, id := range []string{strings.Repeat("3e", 20), strings.Repeat("3e", 32)} {
				kept[showedRef(peer, ref, gitrepo.OID(id))] = false
			}
			for name, held := range kept {
				if of, is := PeerOf(name); of != peer || is != held {
					t.Errorf("%s is of %q, held back: %t", name, of, is)
				}
			}
		}
	}
}

// Two heads whose ids begin alike are two pieces of evidence: whoever shows them can make
// them so.
func TestEvidenceIsKeptUnderItsWholeID(t *testing.T) {
	one, other := gitrepo.OID(strings.Repeat("a", 40)), gitrepo.OID(strings.Repeat("a", 39)+"b")
	if showedRef("hub", ledger.DefaultRef, one) == showedRef("hub", ledger.DefaultRef, other) {
		t.Error("one is in the place of the other")
	}
}

// What is left of a remote that is gone is said to be of that remote.
func TestEvidenceOfARemoteThatIsGone(t *testing.T) {
	dir := t.TempDir()
	must(t, exec.Command("git", "init", "-q", dir).Run())
	repo, _, err := gitrepo.Look(context.Background(), gitrepo.Options{Dir: dir, Env: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GIT_CONFIG_NOSYSTEM=1"}})
	must(t, err)
	t.Cleanup(repo.Close)
	blob := gitrepo.NewObject(repo.Algorithm(), gitrepo.TypeBlob, []byte("shown"))
	must(t, repo.Write(context.Background(), []gitrepo.Object{blob}))
	for _, ref := range []string{ledger.DefaultRef, "refs/heads/vaultmesh/ledger"} {
		must(t, repo.UpdateRef(context.Background(), showedRef("team/hub", ref, blob.ID), blob.ID, ""))
	}
	orphans, err := Orphans(context.Background(), repo, []string{"origin"}, nil)
	must(t, err)
	if len(orphans) != 2 || orphans[0].Remote != "team/hub" || orphans[1].Remote != "team/hub" {
		t.Errorf("there are %+v", orphans)
	}
}
