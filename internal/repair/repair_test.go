package repair

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// clone is a repository with a ledger, made by git and the ledger's own append.
type clone struct {
	t   *testing.T
	dir string
	env []string
}

func newClone(t *testing.T) *clone {
	c := &clone{t: t, dir: t.TempDir()}
	c.env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + c.dir, "GIT_CONFIG_NOSYSTEM=1", "TZ=UTC"}
	c.git("init", "--quiet")
	return c
}

func (c *clone) git(args ...string) string {
	c.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Env = c.dir, c.env
	out, err := cmd.Output()
	if err != nil {
		c.t.Fatalf("git %q: %v", args, err)
	}
	return strings.TrimSpace(string(out))
}

func (c *clone) open() *gitrepo.Repo {
	c.t.Helper()
	repo, _, err := gitrepo.Look(context.Background(), gitrepo.Options{Dir: c.dir, Env: c.env})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(repo.Close)
	return repo
}

// add appends a receipt with evidence and a proof, and returns its folder.
func (c *clone) add(r *receipt.Receipt) string {
	c.t.Helper()
	r.Recorder = receipt.Person{Name: "Ada", Email: "ada@example.com"}
	add := ledger.Addition{Proofs: []ledger.Proof{{Type: "ssh", Data: []byte("signature of " + r.Version)}}}
	if r.Version != "" {
		data := []byte("evidence of " + r.Version)
		add.Evidence = [][]byte{data}
		r.Evidence = []receipt.Evidence{{Name: "file", SHA256: receipt.Sum(data), Size: int64(len(data)), MediaType: "text/plain", Stored: true}}
	}
	raw, err := r.Encode()
	if err != nil {
		c.t.Fatal(err)
	}
	add.Receipt = raw
	who := "Ada <ada@example.com> 1795356300 +0000"
	_, err = ledger.Update(context.Background(), c.open(), ledger.DefaultRef, nil, func(*ledger.Ledger) (*ledger.Change, error) {
		return &ledger.Change{Additions: []ledger.Addition{add}, Author: who, Committer: who, Message: "vaultmesh: record\n"}, nil
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return ledger.Path(receipt.Sum(raw), r.RecordedAt)
}

// lose takes the object at a path of the head away.
func (c *clone) lose(path string) {
	c.t.Helper()
	id := c.git("rev-parse", ledger.DefaultRef+":"+path)
	if err := os.Remove(filepath.Join(c.dir, ".git", "objects", id[:2], id[2:])); err != nil {
		c.t.Fatal(err)
	}
}

func at(seconds int64) receipt.Time { return receipt.Time(1795356300 + seconds) }

// planted is a clone with a genesis and some releases, and their folders.
func planted(t *testing.T) (c *clone, folders []string) {
	c = newClone(t)
	genesis := &receipt.Receipt{Kind: receipt.KindGenesis, RecordedAt: at(0), Genesis: &receipt.Genesis{Name: "repair", Nonce: strings.Repeat("0f", 16)}}
	first := c.add(genesis)
	id, err := receipt.ParseDigest(first[strings.LastIndexByte(first, '/')+1:])
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range []string{"v1", "v2", "v3", "v4"} {
		folders = append(folders, c.add(&receipt.Receipt{Kind: receipt.KindRelease, Ledger: id, RecordedAt: at(1), Component: "api", Version: version}))
	}
	return c, folders
}

func (c *clone) run(sources ...Source) *Outcome {
	c.t.Helper()
	out, err := Run(context.Background(), Case{Repo: c.open(), Ref: ledger.DefaultRef, Sources: sources, Messages: io.Discard, Progress: func() {}})
	if err != nil {
		c.t.Fatal(err)
	}
	return out
}

// file is the name of the file of a type in a folder.
func (c *clone) file(folder, kind string) string {
	c.t.Helper()
	for name := range strings.Lines(c.git("ls-tree", "--name-only", ledger.DefaultRef+":"+folder)) {
		if strings.HasPrefix(name, kind) {
			return strings.TrimSpace(name)
		}
	}
	c.t.Fatalf("no %s in %s", kind, folder)
	return ""
}

// What is lost is said receipt by receipt: of one whose own file is lost, however many
// others are, that it is; of others which files they have lost.
func TestWhatIsLost(t *testing.T) {
	t.Parallel()
	c, folders := planted(t)
	evidence, proof := c.file(folders[1], "evidence-"), c.file(folders[1], "ssh-")
	c.lose(folders[0] + "/receipt.json")
	c.lose(folders[0] + "/" + c.file(folders[0], "ssh-"))
	c.lose(folders[1] + "/" + evidence)
	c.lose(folders[1] + "/" + proof)
	c.lose(folders[2])
	out := c.run()
	got := make(map[string]Lost)
	for _, l := range out.Lost {
		got[l.Path] = l
	}
	if len(out.Lost) != 3 || len(out.Damages) != 5 || out.Unanswered() {
		t.Fatalf("%+v", out)
	}
	if l := got[folders[0]]; !l.Whole || l.Kind != "" || len(l.Files) != 0 || l.ID.IsZero() {
		t.Errorf("%+v", l)
	}
	if l := got[folders[1]]; l.Whole || l.Kind != receipt.KindRelease || !slices.Equal(l.Files, []string{evidence, proof}) {
		t.Errorf("%+v", l)
	}
	if l := got[folders[2]]; !l.Whole || l.ID.IsZero() {
		t.Errorf("%+v", l)
	}
	if out.Readable(folders[0]) || !out.Readable(folders[1]) {
		t.Error("which receipts can be read is wrong")
	}
}

// A folder of folders is lost with all that nobody can name; what lay below it in an
// earlier version is readable all the same.
func TestAFolderOfManyIsLost(t *testing.T) {
	t.Parallel()
	c, folders := planted(t)
	c.lose("2026/11")
	out := c.run()
	if len(out.Lost) != 1 || out.Lost[0].Path != "2026/11" || !out.Lost[0].ID.IsZero() || !out.Lost[0].Below(folders[3]) {
		t.Fatalf("%+v", out.Lost)
	}
	if !out.Readable(folders[0]) || out.Readable(folders[3]) {
		t.Error("which receipts can be read is wrong")
	}
}

// Of a damaged repository git fetches nothing that leads to what it lacks; its folder is
// read as it lies there. Whether it has more than it lent is not certain otherwise.
func TestADamagedSource(t *testing.T) {
	t.Parallel()
	good, folders := planted(t)
	other := newClone(t)
	other.git("fetch", "--quiet", good.dir, ledger.DefaultRef+":"+ledger.DefaultRef)
	day := good.git("rev-parse", ledger.DefaultRef+":2026/11")
	good.lose(folders[0] + "/receipt.json")
	other.lose("2026/11")
	out := other.run(Source{Name: "good", Where: good.dir})
	if len(out.Lost) == 0 || !out.Unanswered() || out.Asked[0].Err == nil {
		t.Errorf("%+v", out)
	}
	out = other.run(Source{Name: "good", Store: good.open()})
	if len(out.Lost) != 0 || out.Damages[0].From != "good" || string(out.Damages[0].ID) != day {
		t.Errorf("%+v", out)
	}
	third := newClone(t)
	third.git("fetch", "--quiet", other.dir, ledger.DefaultRef+":"+ledger.DefaultRef)
	third.lose("2026/11")
	good.git("config", "uploadpack.allowFilter", "true")
	if out = third.run(Source{Name: "good", Where: good.dir}); len(out.Lost) != 0 {
		t.Errorf("a server that allows filters lends one object alone: %+v", out)
	}
}
