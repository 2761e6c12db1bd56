package ledger

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// TestMain takes the developer's own git out of the environment, because
// [OpenAt] reads that of the process.
func TestMain(m *testing.M) {
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "GIT_") {
			os.Unsetenv(name)
		}
	}
	os.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	os.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	_ = flag.Set("rapid.checks", "1000") // unless the command line says otherwise
	os.Exit(m.Run())
}

// builder makes repositories and ledgers with git's plumbing alone, hostile
// ones too: what the tests read was not written by what they test.
type builder struct {
	t    *testing.T
	dir  string
	env  []string
	repo *gitrepo.Repo
}

func newBuilder(t *testing.T, algorithm string) *builder {
	t.Helper()
	b := &builder{t: t, dir: t.TempDir()}
	b.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Join(b.dir, "home"), "TZ=UTC", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com", "GIT_AUTHOR_DATE=1795356300 +0100",
		"GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.com", "GIT_COMMITTER_DATE=1795356300 +0100",
	}
	b.git("", "init", "--quiet", "--initial-branch=main", "--object-format="+algorithm)
	b.repo = b.open()
	return b
}

// in is b for a subtest, which then fails by itself.
func (b *builder) in(t *testing.T) *builder {
	c := *b
	c.t = t
	return &c
}

// open opens the repository once more, with processes of its own.
func (b *builder) open() *gitrepo.Repo {
	b.t.Helper()
	repo, err := gitrepo.Open(context.Background(), gitrepo.Options{Dir: b.dir, Env: b.env})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(repo.Close)
	return repo
}

func (b *builder) git(stdin string, args ...string) string {
	b.t.Helper()
	var said bytes.Buffer
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Env, cmd.Stdin, cmd.Stderr = b.dir, b.env, strings.NewReader(stdin), &said
	out, err := cmd.Output()
	if err != nil {
		b.t.Fatalf("git %q: %v\n%s", args, err, said.Bytes())
	}
	return strings.TrimSpace(string(out))
}

// item is what hangs at a name in a tree.
type item struct{ mode, id string }

// object writes an object that git itself might refuse to make.
func (b *builder) object(kind string, data []byte) string {
	b.t.Helper()
	return b.git(string(data), "hash-object", "-w", "-t", kind, "--literally", "--stdin")
}

func (b *builder) blob(data string) item { return item{"100644", b.object("blob", []byte(data))} }

// line is one entry of a raw tree.
type line struct {
	name string
	item
}

// raw is a tree of just these lines in just this order.
func (b *builder) raw(lines ...line) item {
	b.t.Helper()
	var data []byte
	for _, l := range lines {
		id, err := hex.DecodeString(l.id)
		if err != nil {
			b.t.Fatal(err)
		}
		data = append(fmt.Appendf(data, "%s %s\x00", l.mode, l.name), id...)
	}
	return item{"40000", b.object("tree", data)}
}

// files are items by path.
type files map[string]item

// tree hangs files into folders, sorted as git sorts.
func (b *builder) tree(f files) item {
	b.t.Helper()
	var lines []line
	folders := map[string]files{}
	for path, n := range f {
		first, rest, deep := strings.Cut(path, "/")
		if !deep {
			lines = append(lines, line{first, n})
			continue
		}
		if folders[first] == nil {
			folders[first] = files{}
		}
		folders[first][rest] = n
	}
	for name, below := range folders {
		lines = append(lines, line{name, b.tree(below)})
	}
	sortName := func(l line) string {
		if l.mode == "40000" {
			return l.name + "/"
		}
		return l.name
	}
	slices.SortFunc(lines, func(x, y line) int { return cmp.Compare(sortName(x), sortName(y)) })
	return b.raw(lines...)
}

// base is a ledger's tree with nothing but these receipts.
func (b *builder) base(receipts ...[]byte) files {
	b.t.Helper()
	f := files{"VERSION": b.blob("vaultmesh ledger 1\n")}
	for _, raw := range receipts {
		f[folderOf(b.t, raw)+"/receipt.json"] = b.blob(string(raw))
	}
	return f
}

// commit commits a tree.
func (b *builder) commit(tree item, parents ...string) string {
	b.t.Helper()
	args := []string{"commit-tree", "-m", "by hand", tree.id}
	for _, p := range parents {
		args = append(args, "-p", p)
	}
	return b.git("", args...)
}

// ledger points the ref to a tree and opens it.
func (b *builder) ledger(tree item) *Ledger {
	b.t.Helper()
	b.git("", "update-ref", DefaultRef, b.commit(tree))
	return b.opened()
}

// opened is the ledger as it stands.
func (b *builder) opened() *Ledger {
	b.t.Helper()
	l, err := Open(context.Background(), b.repo, DefaultRef)
	if err != nil {
		b.t.Fatal(err)
	}
	return l
}

// head is where git says that the ledger's ref is, "" for nowhere.
func (b *builder) head() string {
	b.t.Helper()
	return b.git("", "for-each-ref", "--format=%(objectname)", DefaultRef)
}

// unmoved checks that the ledger's ref is still at head, with no lock on it.
func (b *builder) unmoved(head string) {
	b.t.Helper()
	if now := b.head(); now != head {
		b.t.Errorf("the ref was at %q and is at %q", head, now)
	}
	if left := b.leftovers(); len(left) > 0 {
		b.t.Errorf("left behind: %q", left)
	}
}

// leftovers are files that only an unfinished write has.
func (b *builder) leftovers() []string {
	b.t.Helper()
	var found []string
	err := filepath.WalkDir(filepath.Join(b.dir, ".git"), func(path string, _ os.DirEntry, err error) error {
		name := filepath.Base(path)
		if strings.HasSuffix(name, ".lock") || strings.HasPrefix(name, "tmp_") {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return found
}

// removeObject takes a loose object away.
func (b *builder) removeObject(id string) {
	b.t.Helper()
	if err := os.Remove(filepath.Join(b.dir, ".git", "objects", id[:2], id[2:])); err != nil {
		b.t.Fatal(err)
	}
}

// swapObject puts another object's bytes in the place of one.
func (b *builder) swapObject(id, other string) {
	b.t.Helper()
	objects := filepath.Join(b.dir, ".git", "objects")
	data, err := os.ReadFile(filepath.Join(objects, other[:2], other[2:]))
	if err != nil {
		b.t.Fatal(err)
	}
	b.removeObject(id)
	if err := os.WriteFile(filepath.Join(objects, id[:2], id[2:]), data, 0o444); err != nil {
		b.t.Fatal(err)
	}
}

// moment reads a time such as 2026-11-22T14:05:00Z.
func moment(text string) receipt.Time {
	var at receipt.Time
	if err := at.UnmarshalText([]byte(text)); err != nil {
		panic(err)
	}
	return at
}

func encode(t testing.TB, r *receipt.Receipt) []byte {
	t.Helper()
	r.Recorder = receipt.Person{Name: "Ada", Email: "ada@example.com"}
	raw, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// genesis is the receipt of a ledger with a name of its own.
func genesis(t testing.TB, name, at string) []byte {
	t.Helper()
	return encode(t, &receipt.Receipt{
		Kind: receipt.KindGenesis, RecordedAt: moment(at),
		Genesis: &receipt.Genesis{Name: name, Nonce: strings.Repeat("0f", 16)},
	})
}

// release is a receipt of the ledger that the genesis began. Evidence is
// listed as stored.
func release(t testing.TB, genesis []byte, at, version string, evidence ...string) []byte {
	t.Helper()
	r := &receipt.Receipt{Kind: receipt.KindRelease, Ledger: receipt.Sum(genesis), RecordedAt: moment(at), Component: "api", Version: version}
	for i, data := range evidence {
		r.Evidence = append(r.Evidence, receipt.Evidence{
			Name: fmt.Sprintf("file-%d", i), SHA256: receipt.Sum([]byte(data)), Size: int64(len(data)), MediaType: "text/plain", Stored: true,
		})
	}
	return encode(t, r)
}

func folderOf(t testing.TB, raw []byte) string {
	t.Helper()
	r, err := receipt.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return Path(receipt.Sum(raw), r.RecordedAt)
}

// changeOf appends receipts without evidence.
func changeOf(receipts ...[]byte) *Change {
	c := &Change{Author: "Ada <ada@example.com> 1795356300 +0100", Committer: "Grace <grace@example.com> 1795365000 +0000", Message: "a change\n"}
	for _, raw := range receipts {
		c.Additions = append(c.Additions, Addition{Receipt: raw})
	}
	return c
}

// update appends a change, whatever the ledger holds.
func (b *builder) update(c *Change) (Result, error) {
	return Update(context.Background(), b.repo, DefaultRef, nil, func(*Ledger) (*Change, error) { return c, nil })
}

func (b *builder) mustUpdate(receipts ...[]byte) Result {
	b.t.Helper()
	result, err := b.update(changeOf(receipts...))
	if err != nil {
		b.t.Fatal(err)
	}
	return result
}

// wantFault checks the code of an error; an empty code wants no error.
func wantFault(t *testing.T, err error, code fault.Code) {
	t.Helper()
	if code == "" && err != nil || code != "" && !fault.Has(err, code) {
		t.Errorf("got the error %v, want %q", err, code)
	}
}

// with is a copy of f with more files in it.
func (f files) with(more files) files {
	c := maps.Clone(f)
	maps.Copy(c, more)
	return c
}
