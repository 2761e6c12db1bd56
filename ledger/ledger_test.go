package ledger

import (
	"context"
	"strings"
	"testing"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

func TestOpenNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []string{"sha1", "sha256"} {
		b := newBuilder(t, algorithm)
		g := genesis(t, "api", began)
		good := b.commit(b.tree(b.base(g)))
		version := func(n item) string { return b.commit(b.raw(line{"VERSION", n})) }
		who := "\nauthor A <a> 1 +0000\ncommitter A <a> 1 +0000\n\nm"
		for _, c := range []struct {
			name, id string
			code     fault.Code
		}{
			{"a ledger", good, ""},
			{"a tag of a ledger", b.object("tag", []byte("object "+good+"\ntype commit\ntag v1\ntagger A <a> 1 +0000\n\nm\n")), fault.BadLedgerRef},
			{"a tree", b.tree(b.base(g)).id, fault.BadLedgerRef},
			{"a blob", b.blob("x").id, fault.BadLedgerRef},
			{"a blob that reads like a commit", b.object("blob", []byte("tree "+b.tree(b.base(g)).id+who)), fault.BadLedgerRef},
			{"nothing", string(gitrepo.ZeroOID(algorithm)), fault.ObjectMissing},
			{"an absent commit", strings.Repeat("1", len(good)), fault.ObjectMissing},
			{"no VERSION", b.commit(b.tree(files{"README": b.blob("vaultmesh ledger 1\n")})), fault.BadLedgerRef},
			{"an empty tree", b.commit(b.raw()), fault.BadLedgerRef},
			{"an empty VERSION", version(b.blob("")), fault.BadLedgerRef},
			{"no line", version(b.blob("vaultmesh ledger 1")), fault.BadLedgerRef},
			{"two lines", version(b.blob("vaultmesh ledger 1\n\n")), fault.BadLedgerRef},
			{"another program's", version(b.blob("1\n")), fault.BadLedgerRef},
			{"version 0", version(b.blob("vaultmesh ledger 0\n")), fault.BadLedgerRef},
			{"version 01", version(b.blob("vaultmesh ledger 01\n")), fault.BadLedgerRef},
			{"VERSION is a link", version(item{"120000", b.blob("vaultmesh ledger 1\n").id}), fault.BadLedgerRef},
			{"VERSION is executable", version(item{"100755", b.blob("vaultmesh ledger 1\n").id}), fault.BadLedgerRef},
			{"VERSION is a folder", version(b.tree(b.base(g))), fault.BadLedgerRef},
			{"VERSION is missing", version(item{"100644", strings.Repeat("1", len(good))}), fault.ObjectMissing},
			{"the tree is missing", b.object("commit", []byte("tree "+strings.Repeat("1", len(good))+who)), fault.ObjectMissing},
			{"the tree is a blob", b.object("commit", []byte("tree "+b.blob("x").id+who)), fault.BadLedgerRef},
			{"the tree is a revision", b.object("commit", []byte("tree refs/heads/main^{tree}"+who)), fault.BadLedgerRef},
			{"a cut commit", b.object("commit", []byte("tree "+b.blob("x").id)), fault.BadLedgerRef},
			{"a malformed tree", b.commit(item{"40000", b.object("tree", []byte("100644 VERSION"))}), fault.ObjectCorrupt},
			{"a VERSION over the limit", version(b.blob(strings.Repeat("x", MaxProof+1))), fault.BadLedgerRef},
		} {
			l, err := OpenCommit(context.Background(), b.repo, DefaultRef, gitrepo.OID(c.id))
			if c.code == "" && err != nil || c.code != "" && (err == nil || fault.From(err).Code != c.code || l != nil) {
				t.Errorf("%s: %s: %v, %v; want %q", algorithm, c.name, l, err, c.code)
			}
			if err != nil && c.code != fault.ObjectCorrupt && !strings.Contains(fault.From(err).Fix(), DefaultRef) {
				t.Errorf("%s: the advice names no ref: %q", c.name, fault.From(err).Fix())
			}
		}
	}
}

func TestOpenReadsWhatTheRefNames(t *testing.T) {
	t.Parallel()
	b := newBuilder(t, "sha1")
	ctx := context.Background()
	_, err := Open(ctx, b.repo, DefaultRef)
	wantFault(t, err, fault.NoLedger)
	l := b.ledger(b.tree(b.base(genesis(t, "api", began))))
	if string(l.Head) != b.head() || l.Ref != DefaultRef {
		t.Errorf("opened %+v", l)
	}
	_, err = Open(ctx, b.repo, "refs/heads/vaultmesh/ledger")
	wantFault(t, err, fault.NoLedger)
	b.git("", "update-ref", DefaultRef, b.blob("x").id)
	_, err = Open(ctx, b.repo, DefaultRef)
	wantFault(t, err, fault.BadLedgerRef)
}

// A later version is no damage: what it needs is a newer program.
func TestALaterVersionIsIncompleteAndNotMalformed(t *testing.T) {
	t.Parallel()
	b := newBuilder(t, "sha1")
	for _, n := range []string{"2", "10", "999999"} {
		_, err := OpenCommit(context.Background(), b.repo, DefaultRef, gitrepo.OID(b.commit(b.tree(files{"VERSION": b.blob("vaultmesh ledger " + n + "\n")}))))
		wantFault(t, err, fault.BadLedgerRef)
		wantFault(t, err, fault.Incomplete)
	}
	for _, n := range []string{"0", "1 ", "02", "1000000", "2\n", "two"} {
		_, err := OpenCommit(context.Background(), b.repo, DefaultRef, gitrepo.OID(b.commit(b.tree(files{"VERSION": b.blob("vaultmesh ledger " + n + "\n")}))))
		wantFault(t, err, fault.BadLedgerRef)
		if fault.Has(err, fault.Incomplete) {
			t.Errorf("%q is taken for a later version", n)
		}
	}
}

func TestOpenAtTakesTheDefaultRef(t *testing.T) {
	t.Parallel()
	b, _ := begun(t, "sha1")
	ctx := context.Background()
	for _, ref := range []string{"", DefaultRef} {
		l, err := OpenAt(ctx, b.dir, ref)
		if err != nil {
			t.Fatal(err)
		}
		if string(l.Head) != b.head() || l.Ref != DefaultRef {
			t.Errorf("opened %+v", l)
		}
		l.Close()
		l.Close()
	}
	b.opened().Close() // one that OpenAt did not open
	_, err := OpenAt(ctx, b.dir, "refs/heads/none")
	wantFault(t, err, fault.NoLedger)
	_, err = OpenAt(ctx, t.TempDir(), "")
	wantFault(t, err, fault.NoRepository)
}

// A ledger that is open stays as it was when it was opened.
func TestALedgerStandsAtItsHead(t *testing.T) {
	t.Parallel()
	b, g := begun(t, "sha1")
	l := b.opened()
	b.mustUpdate(release(t, g, began, "v1"))
	wantWalk(t, l, [][]byte{g})
}

func (b *builder) wantGenesis(l *Ledger, want []byte) {
	b.t.Helper()
	for range 2 { // the second answer is the remembered one
		if e, err := l.Genesis(context.Background()); err != nil || e.ID != receipt.Sum(want) {
			b.t.Errorf("the genesis is %+v, %v; want %s", e, err, receipt.Sum(want).Short())
		}
	}
}

func TestGenesisIsFoundWhateverComesFirst(t *testing.T) {
	t.Parallel()
	b, g := newBuilder(t, "sha1"), genesis(t, "api", began)
	other := genesis(t, "other", began)
	good := b.base(g, release(t, g, began, "v1"))
	const early, id = "1970-01-01T00:00:00Z", "ab" + "00000000000000000000000000000000000000000000000000000000000000"
	for name, first := range map[string]files{
		"nothing":                     {},
		"a receipt of it":             b.base(release(t, g, early, "early")),
		"a receipt of another ledger": b.base(release(t, other, early, "hostile")),
		"a receipt of no genesis":     b.base(release(t, release(t, g, began, "v1"), early, "hostile")),
		"no receipt":                  {"1970/01/01/ab/" + id + "/receipt.json": b.blob("garbage")},
		"a folder of nothing":         {"1970/01/01/ab/" + id + "/evidence-" + hexB: b.blob("x")},
		"an empty year":               {"1970": b.raw()},
		"a stray year":                {"0001": b.raw(line{"x", b.blob("x")})},
		"a genesis under another id":  {"1970/01/01/ab/" + id + "/receipt.json": b.blob(string(other))},
		"a copy of it":                {"1970/01/01/" + folderOf(t, g)[11:] + "/receipt.json": b.blob(string(g))},
		"a genesis of another day":    {"1970/01/01/" + folderOf(t, other)[11:] + "/receipt.json": b.blob(string(other))},
	} {
		t.Run(name, func(t *testing.T) {
			b := b.in(t)
			b.wantGenesis(b.ledger(b.tree(good.with(first))), g)
		})
	}
}

func TestALedgerWithoutGenesisIsMalformed(t *testing.T) {
	t.Parallel()
	b, g := newBuilder(t, "sha1"), genesis(t, "api", began)
	for name, f := range map[string]files{
		"no receipt":                 b.base(),
		"its genesis is gone":        b.base(release(t, g, began, "v1")),
		"its genesis has a stranger": b.base(g).with(files{folderOf(t, g) + "/stranger": b.blob("x")}),
	} {
		if e, err := b.ledger(b.tree(f)).Genesis(context.Background()); !fault.Has(err, fault.BadTree) {
			t.Errorf("%s: %+v, %v", name, e, err)
		}
	}
}

// Without a pin the first receipt decides, and whoever brings a genesis with
// an early date decides that. A pin is from outside, and cannot be outdone.
func TestAPinnedGenesisCannotBeOutdone(t *testing.T) {
	t.Parallel()
	b, g := newBuilder(t, "sha1"), genesis(t, "api", began)
	hostile := genesis(t, "hostile", "1970-01-01T00:00:00Z")
	tree := b.tree(b.base(g, hostile, release(t, g, began, "v1"), release(t, hostile, "1970-01-01T00:00:00Z", "v1")))
	l := b.ledger(tree)
	l.Pin(receipt.Sum(g))
	b.wantGenesis(l, g)

	copied := b.ledger(b.tree(b.base(g).with(files{"1970/01/01/" + folderOf(t, g)[11:] + "/receipt.json": b.blob(string(g))})))
	copied.Pin(receipt.Sum(g))
	b.wantGenesis(copied, g)

	b.ledger(tree)
	for name, pin := range map[string][]byte{"a release": release(t, g, began, "v1"), "nothing here": genesis(t, "elsewhere", began)} {
		l := b.opened()
		l.Pin(receipt.Sum(pin))
		if e, err := l.Genesis(context.Background()); !fault.Has(err, fault.BadTree) {
			t.Errorf("pinned to %s: %+v, %v", name, e, err)
		}
	}
}

func TestReadFileHoldsTheBytesAgainstTheName(t *testing.T) {
	t.Parallel()
	b, g := begun(t, "sha1")
	l := b.opened()
	sum := receipt.Sum([]byte("text"))
	missing := strings.Repeat("1", 40)
	for _, c := range []struct {
		name string
		file File
		code fault.Code
	}{
		{"evidence", File{Type: "evidence", Digest: sum, Object: gitrepo.OID(b.blob("text").id)}, ""},
		{"a receipt, whatever its digest", File{Type: "receipt", Object: gitrepo.OID(b.blob(string(g)).id)}, ""},
		{"other bytes", File{Type: "evidence", Digest: sum, Object: gitrepo.OID(b.blob("other").id)}, fault.BadTree},
		{"a folder", File{Type: "evidence", Digest: sum, Object: gitrepo.OID(b.tree(b.base()).id)}, fault.BadTree},
		{"missing", File{Type: "evidence", Digest: sum, Object: gitrepo.OID(missing)}, fault.ObjectMissing},
		{"a proof over the limit", File{Type: "ssh", Digest: sum, Object: gitrepo.OID(b.blob(strings.Repeat("x", MaxProof+1)).id)}, fault.ObjectTooLarge},
	} {
		data, err := l.ReadFile(context.Background(), c.file)
		if c.code == "" && err != nil || c.code != "" && (!fault.Has(err, c.code) || data != nil) {
			t.Errorf("%s: %q, %v", c.name, data, err)
		}
	}
}
