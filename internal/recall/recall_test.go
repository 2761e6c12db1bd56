package recall

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/index"
	"github.com/VaultSovereign/git-vaultmesh/internal/query"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// memory is a repository with a ledger that grows by chance.
type memory struct {
	t       *testing.T
	dir     string
	env     []string
	repo    *gitrepo.Repo
	genesis receipt.ID
	random  *rand.Rand
	index   index.Options
	built   *int // how often the index was built anew
}

func newMemory(t *testing.T, seed uint64) *memory {
	dir := t.TempDir()
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GIT_CONFIG_NOSYSTEM=1", "GIT_INDEX_FILE=" + filepath.Join(dir, "scratch-index"),
		"GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a", "GIT_COMMITTER_NAME=A", "GIT_COMMITTER_EMAIL=a"}
	cmd := exec.Command("git", "init", "-q", dir)
	cmd.Env = env
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	repo, err := gitrepo.Open(context.Background(), gitrepo.Options{Dir: dir, Env: env})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(repo.Close)
	m := &memory{t: t, dir: dir, env: env, repo: repo, random: rand.New(rand.NewPCG(seed, 7)), built: new(int)}
	m.index = index.Options{Folders: []string{filepath.Join(dir, "index")}, Program: "test", Progress: func() {}, Remark: func(string) { *m.built++ }}
	m.genesis = m.append(&receipt.Receipt{Kind: receipt.KindGenesis, RecordedAt: 1790000000, Recorder: receipt.Person{Name: "Ada"}, Genesis: &receipt.Genesis{Name: "random", Nonce: strings.Repeat("0", 32)}})
	return m
}

func (m *memory) append(receipts ...*receipt.Receipt) (last receipt.ID) {
	m.t.Helper()
	change := &ledger.Change{Author: "A <a> 1 +0000", Committer: "A <a> 1 +0000", Message: "x\n"}
	for _, r := range receipts {
		data, err := r.Encode()
		if err != nil {
			m.t.Fatal(err)
		}
		last = receipt.Sum(data)
		change.Additions = append(change.Additions, ledger.Addition{Receipt: data})
	}
	if _, err := ledger.Update(context.Background(), m.repo, ledger.DefaultRef, nil, func(*ledger.Ledger) (*ledger.Change, error) { return change, nil }); err != nil {
		m.t.Fatal(err)
	}
	return last
}

// git runs git and returns its answer.
func (m *memory) git(stdin string, args ...string) string {
	m.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Env, cmd.Stdin = m.dir, m.env, strings.NewReader(stdin)
	out, err := cmd.Output()
	if err != nil {
		m.t.Fatalf("git %q: %v", args, err)
	}
	return strings.TrimSpace(string(out))
}

// grow lets the ledger grow in one of the ways in which it may.
func (m *memory) grow() {
	switch m.random.IntN(4) {
	case 0:
		m.sign()
	case 1:
		m.merge()
	default:
		m.append(m.some(1 + m.random.IntN(40))...)
	}
}

// sign adds signatures to some receipts that are there.
func (m *memory) sign() {
	folders := strings.Fields(m.git("", "ls-tree", "-r", "-d", "--name-only", ledger.DefaultRef))
	folders = slices.DeleteFunc(folders, func(f string) bool { return strings.Count(f, "/") != 4 })
	m.git("", "read-tree", ledger.DefaultRef)
	for range 1 + m.random.IntN(5) {
		data := m.pick(signatures...)
		blob := m.git(data, "hash-object", "-w", "--stdin")
		m.git("", "update-index", "--add", "--cacheinfo", "100644,"+blob+","+m.pick(folders...)+"/ssh-"+receipt.Sum([]byte(data)).String()+".sig")
	}
	m.git("", "update-ref", ledger.DefaultRef, m.git("", "commit-tree", "-p", ledger.DefaultRef, "-m", "sign", m.git("", "write-tree")))
}

// merge lets the ledger grow in two places at once, and joins them.
func (m *memory) merge() {
	base := m.git("", "rev-parse", ledger.DefaultRef)
	m.append(m.some(1 + m.random.IntN(20))...)
	theirs := m.git("", "rev-parse", ledger.DefaultRef)
	m.git("", "update-ref", ledger.DefaultRef, base)
	m.append(m.some(1 + m.random.IntN(20))...)
	m.git("", "read-tree", "-i", "-m", "--aggressive", base, ledger.DefaultRef, theirs)
	m.git("", "update-ref", ledger.DefaultRef, m.git("", "commit-tree", "-p", ledger.DefaultRef, "-p", theirs, "-m", "merge", m.git("", "write-tree")))
}

// signatures are by test keys, which are their number over and over.
var signatures, signers = func() (signatures, signers []string) {
	for n := range 3 {
		seed := bytes.Repeat([]byte{byte(n)}, ed25519.SeedSize)
		key, err := ssh.NewSignerFromKey(ed25519.NewKeyFromSeed(seed))
		if err != nil {
			panic(err)
		}
		s, err := sshsig.Sign(strings.NewReader("text"), key, sshsig.HashSHA512, "test")
		if err != nil {
			panic(err)
		}
		signatures, signers = append(signatures, string(sshsig.Armor(s))), append(signers, ssh.FingerprintSHA256(key.PublicKey()))
	}
	return signatures, signers
}()

func (m *memory) pick(words ...string) string { return words[m.random.IntN(len(words))] }

// some are receipts of few words, so that queries find some and not all.
func (m *memory) some(n int) []*receipt.Receipt {
	var list []*receipt.Receipt
	for range n {
		at := receipt.Time(1790000000 + m.random.Int64N(1000000))
		r := &receipt.Receipt{
			Kind: receipt.Kind(m.pick("release", "deployment")), Ledger: m.genesis, RecordedAt: at, Recorder: receipt.Person{Name: m.pick("Ada", "Bo K", "Straße")},
			Component: m.pick("api", "my-api", "web"), Version: fmt.Sprint("v", m.random.IntN(9)), Note: m.pick("", "blue green", "green\nblue", "ÄÖ 漢字", `quoted "x" 100%`) + m.pick("", " tail", " a"),
			Labels: map[string]string{"env": m.pick("prod", "staging"), "n": fmt.Sprint(m.random.IntN(1000))},
		}
		if m.random.IntN(3) == 0 {
			earlier := at - receipt.Time(m.random.Int64N(500000))
			r.OccurredAt = &earlier
		}
		if m.random.IntN(2) == 0 {
			r.Commit = receipt.Object("sha1:" + strings.Repeat(m.pick("a", "b"), 40))
			r.Subjects = []receipt.Subject{{Name: m.pick("a.tar", "b.zip"), SHA256: receipt.Sum([]byte(m.pick("1", "2")))}}
		}
		list = append(list, r)
	}
	return list
}

var meaning = query.Meaning{
	Date: func(text string) (from, to time.Time, err error) {
		var seconds int64
		_, err = fmt.Sscan(text, &seconds)
		return time.Unix(seconds, 0), time.Unix(seconds, 0), err
	},
	Commit: func(revision string) (receipt.Object, error) {
		return receipt.Object("sha1:" + strings.Repeat(revision, 40)), nil
	},
}

// ask is a query of one to three terms by chance.
func (m *memory) ask() (*query.Query, string) {
	terms := []string{
		"api", "API", "a", "blue", `"blue green"`, "green", "straße", "漢字", "ö", `quo\"`, `"\"x\""`, "%", "kind:deploy", "kind:release", "component:api", "component:*api", "component:w*b",
		"version:v3", "version:v?", "label:env=prod", "label:env", "label:n=1*", "commit:a", "commit:b", "sha256:6b86", "sha256:d473", "id:" + receipt.Sum([]byte{byte(m.random.IntN(99))}).String()[:4],
		"since:1790400000", "until:1790500000", "ref:*", "nothing", "env=staging", "signer:x", "signer:" + signers[0], "signer:" + signers[1],
	}
	var words []string
	for range 1 + m.random.IntN(3) {
		words = append(words, m.pick("", "", "-")+m.pick(terms...))
	}
	text := strings.Join(words, " ")
	q, err := query.Parse(text, meaning)
	if err != nil {
		m.t.Fatal(err)
	}
	if m.random.IntN(4) == 0 {
		re := m.pick("blue.*", "v[0-4]", "gr(ee|oo)n|漢", "(?i)ADA", "^api$", "x")
		text += " /" + re + "/"
		if err := q.Regexp(re); err != nil {
			m.t.Fatal(err)
		}
	}
	return q, text
}

func (m *memory) find(s Search) []string {
	m.t.Helper()
	var found []string
	_, err := Find(context.Background(), s, func(r *index.Row) error {
		found = append(found, fmt.Sprint(r.Doc.ID, r.Doc.At, r.Recorded, r.Doc.Kind, r.Doc.Component, r.Doc.Version, r.Gist, r.Doc.Signers))
		return nil
	})
	if err != nil {
		m.t.Fatal(err)
	}
	return found
}

// Whatever a ledger holds and however it grew, the index and a plain scan
// give the same answer in the same order.
func TestIndexAndScanAgree(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2) {
		m := newMemory(t, seed)
		hits := 0
		m.append(m.some(30)...)
		for range 8 {
			m.grow()
			l, err := ledger.Open(context.Background(), m.repo, ledger.DefaultRef)
			if err != nil {
				t.Fatal(err)
			}
			for range 25 {
				q, text := m.ask()
				s := Search{Source: index.Source{Head: l.Head, Open: func() (*ledger.Ledger, error) { return l, nil }, Latest: m.latest}, Index: m.index,
					Request:  index.Request{Query: q, Limit: m.random.IntN(3) * m.random.IntN(20), Reverse: m.random.IntN(3) == 0, Looked: func() {}},
					Scanning: func(why error) { t.Fatalf("no index: %v", why) }}
				quick := m.find(s)
				s.Index.Folders, s.Scanning = nil, func(error) {}
				slow := m.find(s)
				if !slices.Equal(quick, slow) {
					t.Fatalf("seed %d, %s, limit %d, reverse %v: the index finds %d\n%s\na scan %d\n%s", seed, text, s.Limit, s.Reverse,
						len(quick), strings.Join(quick, "\n"), len(slow), strings.Join(slow, "\n"))
				}
				hits += len(slow)
			}
		}
		if hits == 0 || *m.built != 0 {
			t.Errorf("%d hits, the index was built anew %d times", hits, *m.built)
		}
	}
}

// search is everything in a ledger, through its index where that is believed.
func (m *memory) search() Search {
	l, err := ledger.Open(context.Background(), m.repo, ledger.DefaultRef)
	if err != nil {
		m.t.Fatal(err)
	}
	everything, err := query.Parse("", meaning)
	if err != nil {
		m.t.Fatal(err)
	}
	return Search{
		Source:  index.Source{Head: l.Head, Open: func() (*ledger.Ledger, error) { return l, nil }, Latest: m.latest},
		Request: index.Request{Query: everything, Looked: func() {}}, Index: m.index, Scanning: func(error) {},
	}
}

func (m *memory) latest() (gitrepo.OID, error) {
	return m.repo.Ref(context.Background(), ledger.DefaultRef)
}

// database is the file of the index.
func (m *memory) database() string {
	name, err := os.ReadFile(filepath.Join(m.dir, "index", "index"))
	if err != nil {
		m.t.Fatal(err)
	}
	return filepath.Join(m.dir, "index", string(name))
}

// What somebody or a bad disk changed in an index is no answer: it is built
// anew, or the ledger is read.
func TestADamagedIndexIsNotBelieved(t *testing.T) {
	t.Parallel()
	m := newMemory(t, 3)
	m.append(m.some(20)...)
	s := m.search()
	want := m.find(s)
	for _, damage := range []string{
		"UPDATE receipt SET component = 'x' WHERE n = 5", "UPDATE receipt SET texts = 'x' WHERE n = 5", "UPDATE receipt SET at = at + 1 WHERE n = 5", "UPDATE receipt SET at = 'x' WHERE n = 5",
		"UPDATE receipt SET id = x'00' WHERE n = 5", "UPDATE receipt SET signers = 'x' WHERE n = 5", "UPDATE receipt SET links = x'00' WHERE n = 5", "DELETE FROM receipt WHERE n > 5",
		"DELETE FROM meta", "UPDATE meta SET receipts = 77", "UPDATE meta SET head = 'x'", "DROP TABLE digest", "DROP INDEX receipt_newest",
		"CREATE VIEW grams_view AS SELECT 1", "DROP TABLE grams_config; CREATE VIEW grams_config AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x AS k, x AS v FROM c",
	} {
		db, err := sql.Open("sqlite", "file:"+m.database())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(damage); err != nil {
			t.Fatalf("%s: %v", damage, err)
		}
		db.Close()
		for range 2 {
			if got := m.find(s); !slices.Equal(got, want) {
				t.Errorf("after %s\n%s\nis found, and not\n%s", damage, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
		built := *m.built
		if m.find(s); *m.built != built {
			t.Errorf("after %s the index is built anew again and again", damage)
		}
	}
	if *m.built == 0 {
		t.Error("no index was built anew")
	}
}

// What lies where the index is looked for is read only if it is a small file,
// and nothing of others is removed.
func TestWhatIsNoIndexIsPassedOver(t *testing.T) {
	t.Parallel()
	m := newMemory(t, 3)
	m.append(m.some(5)...)
	s := m.search()
	want := m.find(s)
	dir := filepath.Join(m.dir, "index")
	pointer := filepath.Join(dir, "index")
	others := filepath.Join(dir, "index-of-a-thesis.sqlite")
	old := time.Now().Add(-3 * time.Hour)
	if err := errors.Join(os.WriteFile(others, nil, 0o644), os.Chtimes(others, old, old)); err != nil {
		t.Fatal(err)
	}
	for name, put := range map[string]func() error{
		"garbage":     func() error { return os.WriteFile(pointer, []byte("../../etc"), 0o644) },
		"a huge file": func() error { return os.Truncate(pointer, 1<<40) },
		"a link":      func() error { return errors.Join(os.Remove(pointer), os.Symlink(others, pointer)) },
		"a pipe":      func() error { return errors.Join(os.Remove(pointer), exec.Command("mkfifo", pointer).Run()) },
		"a folder":    func() error { return errors.Join(os.Remove(pointer), os.MkdirAll(filepath.Join(pointer, "x"), 0o755)) },
	} {
		if err := os.RemoveAll(pointer); err != nil {
			t.Fatal(err)
		}
		m.find(s)
		if err := put(); err != nil {
			t.Logf("%s: %v", name, err)
			continue
		}
		if got := m.find(s); !slices.Equal(got, want) {
			t.Errorf("%s: %d are found", name, len(got))
		}
	}
	if _, err := os.Stat(others); err != nil {
		t.Error(err)
	}
}

// While the receipts that were found are printed, which may take as long as a
// person looks at them, another process brings the index up to date.
func TestAReaderKeepsNobodyFromWriting(t *testing.T) {
	t.Parallel()
	m := newMemory(t, 3)
	m.append(m.some(5)...)
	s, began, found := m.search(), time.Now(), 0
	_, err := Find(context.Background(), s, func(*index.Row) error {
		found++
		m.append(m.some(1)...)
		later := m.search()
		later.Scanning = func(why error) { t.Fatalf("no index: %v", why) }
		if n := len(m.find(later)); n != 6+found {
			t.Errorf("%d are found, and not %d", n, 6+found)
		}
		return nil
	})
	if err != nil || found != 6 || *m.built != 0 {
		t.Errorf("%d were found, %v; built anew %d times", found, err, *m.built)
	}
	if took := time.Since(began); took > time.Minute {
		t.Errorf("it took %v", took)
	}
	// Who still asks about the earlier head gets that, and leaves the index alone.
	if n := len(m.find(s)); n != 6 || *m.built != 0 {
		t.Errorf("of the earlier head %d are found; built anew %d times", n, *m.built)
	}
}

// A signature that cannot be read now does not read as signed by nobody.
func TestAProofThatCannotBeReadIsSaid(t *testing.T) {
	t.Parallel()
	m := newMemory(t, 3)
	m.append(m.some(2)...)
	m.sign()
	blob := strings.Fields(m.git("", "ls-tree", "-r", ledger.DefaultRef))
	i := slices.IndexFunc(blob, func(word string) bool { return strings.HasSuffix(word, ".sig") })
	path := filepath.Join(m.dir, ".git", "objects", blob[i-1][:2], blob[i-1][2:])
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	s := m.search()
	if _, err := Find(context.Background(), s, func(*index.Row) error { return nil }); !fault.Has(err, fault.ObjectMissing) {
		t.Errorf("without the signature: %v", err)
	}
	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
	s = m.search()
	s.Query, _ = query.Parse("signer:SHA256", meaning)
	if len(m.find(s)) == 0 {
		t.Error("afterwards no signature is found")
	}
}

// Who has an index open goes on with it while another process builds the next,
// and what it still writes is not taken for that of the next.
func TestAnIndexThatIsReplacedGoesOn(t *testing.T) {
	t.Parallel()
	m := newMemory(t, 1)
	m.append(m.some(20)...)
	everything, err := query.Parse("", meaning)
	if err != nil {
		t.Fatal(err)
	}
	open := func(program string) *index.Index {
		l, err := ledger.Open(context.Background(), m.repo, ledger.DefaultRef)
		if err != nil {
			t.Fatal(err)
		}
		m.index.Program = program
		x, err := index.Open(context.Background(), index.Source{Head: l.Head, Pinned: m.genesis, Open: func() (*ledger.Ledger, error) { return l, nil }, Latest: m.latest}, m.index)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { x.Close() })
		return x
	}
	count := func(x *index.Index) (n int) {
		err := x.Search(context.Background(), index.Request{Query: everything, Looked: func() {}}, func(*index.Row) error { n++; return nil })
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	first := open("old")
	// What a process that stands still in the middle of writing leaves beside its database.
	names, err := filepath.Glob(filepath.Join(m.dir, "index", "index-*.sqlite"))
	if err != nil || len(names) != 1 {
		t.Fatalf("%q %v", names, err)
	}
	if err := os.WriteFile(names[0]+"-journal", []byte("what belongs to another database"), 0o644); err != nil {
		t.Fatal(err)
	}
	m.append(m.some(5)...)
	second := open("new")
	if a, b := count(first), count(second); a != 21 || b != 26 {
		t.Errorf("the one before finds %d, the next %d", a, b)
	}
	m.append(m.some(5)...)
	if n := count(open("new")); n != 31 || *m.built != 1 {
		t.Errorf("afterwards %d are found; built anew %d times", n, *m.built)
	}
}

func TestAnIndexOfAnotherProgramIsBuiltAnew(t *testing.T) {
	t.Parallel()
	m := newMemory(t, 1)
	m.append(m.some(3)...)
	l, err := ledger.Open(context.Background(), m.repo, ledger.DefaultRef)
	if err != nil {
		t.Fatal(err)
	}
	source := index.Source{Head: l.Head, Pinned: m.genesis, Open: func() (*ledger.Ledger, error) { return l, nil }, Latest: m.latest}
	for i, program := range []string{"test", "test", "newer", "test"} {
		m.index.Program = program
		x, err := index.Open(context.Background(), source, m.index)
		if err != nil {
			t.Fatal(err)
		}
		x.Close()
		if want := max(0, i-1); *m.built != want {
			t.Errorf("program %s: built anew %d times, want %d", program, *m.built, want)
		}
	}
	m.index.Folders = []string{filepath.Join(os.DevNull, "x")}
	if _, err := index.Open(context.Background(), source, m.index); !fault.Has(err, fault.Unavailable) {
		t.Errorf("no place: %v", err)
	}
}
