package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// planted is a ledger made by hand of a genesis and n releases over some days.
func planted(t *testing.T, algorithm string, n int) (*builder, *Ledger, [][]byte) {
	t.Helper()
	b, g := newBuilder(t, algorithm), genesis(t, "api", began)
	receipts := [][]byte{g}
	for i := range n {
		receipts = append(receipts, release(t, g, fmt.Sprintf("2026-%02d-%02dT00:00:00Z", i%3+10, i%5+1), fmt.Sprintf("v1.%d", i)))
	}
	return b, b.ledger(b.tree(b.base(receipts...))), receipts
}

func TestWalkAndCountSeeEveryReceiptOnce(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []string{"sha1", "sha256"} {
		_, l, receipts := planted(t, algorithm, 40)
		wantWalk(t, l, receipts)
		steps := 0
		n, err := l.Count(context.Background(), func(n int) { steps += n })
		if err != nil || n != len(receipts) || steps != n {
			t.Errorf("%s: counted %d, %d in steps, %v; want %d", algorithm, n, steps, err, len(receipts))
		}
		for _, raw := range receipts {
			if e := entryOf(t, l, raw); e.ID != receipt.Sum(raw) || string(e.Raw) != string(raw) || e.Receipt == nil || len(e.Problems()) > 0 {
				t.Errorf("%s: %s is read as %+v", algorithm, receipt.Sum(raw).Short(), e)
			}
		}
	}
}

func TestALedgerWithoutReceiptsIsEmpty(t *testing.T) {
	t.Parallel()
	b := newBuilder(t, "sha1")
	l := b.ledger(b.tree(b.base()))
	wantWalk(t, l, nil)
	if n, err := l.Count(context.Background(), func(int) {}); n != 0 || err != nil {
		t.Errorf("counted %d, %v", n, err)
	}
	if found, err := l.Find(context.Background(), "0000"); len(found) != 0 || err != nil {
		t.Errorf("found %d, %v", len(found), err)
	}
}

// Within a day the order is that of the paths, and a visitor may read files
// while he is called.
func TestWalkOrderAndReadingInBetween(t *testing.T) {
	t.Parallel()
	_, l, _ := planted(t, "sha1", 40)
	var seen []string
	err := l.Walk(context.Background(), Visitor{Entry: func(e *Entry) error {
		seen = append(seen, e.Path)
		for _, f := range e.Files {
			if data, err := l.ReadFile(context.Background(), f); err != nil || string(data) != string(e.Raw) {
				t.Errorf("%s: %d bytes, %v", e.Path, len(data), err)
			}
		}
		return nil
	}})
	if err != nil || len(seen) != 41 || !slices.IsSorted(seen) {
		t.Errorf("%d entries, %v: %q", len(seen), err, seen)
	}
}

func TestWalkStopsWhenTheVisitorDoes(t *testing.T) {
	t.Parallel()
	b, _, receipts := planted(t, "sha1", 5)
	l := b.ledger(b.tree(b.base(receipts...).with(files{"stray": b.blob("x"), "2026/stray": b.blob("x")})))
	enough := errors.New("enough")
	calls := 0
	stop := func() error { calls++; return enough }
	for name, v := range map[string]Visitor{
		"at an entry":  {Entry: func(*Entry) error { return stop() }},
		"at a problem": {Problem: func(Problem) error { return stop() }},
	} {
		calls = 0
		if err := l.Walk(context.Background(), v); !errors.Is(err, enough) || calls != 1 {
			t.Errorf("%s: %v after %d calls", name, err, calls)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	err := l.Walk(ctx, Visitor{Entry: func(*Entry) error { cancel(); return nil }, Problem: func(Problem) error { return nil }})
	_, countErr := l.Count(ctx, func(int) {})
	_, findErr := l.Find(ctx, "0000")
	_, genesisErr := b.opened().Genesis(ctx)
	for _, err := range []error{countErr, findErr, genesisErr} {
		wantFault(t, err, fault.Interrupted)
	}
	if err != nil { // the interruption came after the last read
		wantFault(t, err, fault.Interrupted)
	}
	wantWalkPasses(t, b.opened())
}

// wantWalkPasses walks without anybody who listens to problems.
func wantWalkPasses(t *testing.T, l *Ledger) {
	t.Helper()
	if err := l.Walk(context.Background(), Visitor{}); err != nil {
		t.Error(err)
	}
}

// twins are two releases whose ids begin with the same 4 digits.
func twins(t *testing.T, g []byte) (x, y []byte) {
	t.Helper()
	first := map[string][]byte{}
	for i := 0; ; i++ {
		raw := release(t, g, fmt.Sprintf("2026-11-%02dT00:00:00Z", i%28+1), fmt.Sprint(i))
		prefix := receipt.Sum(raw).String()[:4]
		if other := first[prefix]; other != nil {
			return other, raw
		}
		first[prefix] = raw
	}
}

func TestFindByPrefix(t *testing.T) {
	t.Parallel()
	b, g := newBuilder(t, "sha1"), genesis(t, "api", began)
	x, y := twins(t, g)
	l := b.ledger(b.tree(b.base(g, x, y)))
	ctx := context.Background()
	both, id := receipt.Sum(x).String()[:4], receipt.Sum(x).String()
	own := 4
	for strings.HasPrefix(receipt.Sum(y).String(), id[:own]) {
		own++
	}
	for prefix, want := range map[string]int{both: 2, id: 1, id[:own]: 1, receipt.Sum(g).String()[:6]: 1, id[:63] + flip(id[63]): 0, strings.Repeat("0", 64): 0} {
		found, err := l.Find(ctx, prefix)
		if err != nil || len(found) != want {
			t.Errorf("%s: found %d, %v; want %d", prefix, len(found), err, want)
		}
		for _, e := range found {
			if !strings.HasPrefix(e.ID.String(), prefix) {
				t.Errorf("%s found %s", prefix, e.ID)
			}
		}
	}
	for prefix, code := range map[string]fault.Code{id: "", both: fault.Ambiguous, strings.Repeat("0", 64): fault.NoReceipt, "x": fault.BadOperand} {
		e, err := l.One(ctx, prefix)
		wantFault(t, err, code)
		if (e != nil) != (code == "") {
			t.Errorf("%s: %+v", prefix, e)
		}
	}
	for _, prefix := range []string{"", "abc", strings.ToUpper(id), "ABCD", "4f1g", "../..", id + "0", " " + id[:10], id[:10] + "\n"} {
		if _, err := l.Find(ctx, prefix); !fault.Has(err, fault.BadOperand) || IsPrefix(prefix) {
			t.Errorf("%q: %v", prefix, err)
		}
	}
}

// flip is another hex digit.
func flip(digit byte) string {
	if digit == '0' {
		return "1"
	}
	return "0"
}

// unreadable are the ways in which a part of the ledger cannot be read: of
// those, what is absent must never read as never recorded.
func TestWhatCannotBeReadIsNotPassedOver(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		below  string // the object of this many segments of a receipt's path
		damage func(b *builder, id string)
		code   fault.Code
	}{
		{"a year is missing", "2026", (*builder).removeObject, fault.ObjectMissing},
		{"a month is missing", "2026/10", (*builder).removeObject, fault.ObjectMissing},
		{"a day is missing", "2026/10/01", (*builder).removeObject, fault.ObjectMissing},
		{"a fan is missing", "fan", (*builder).removeObject, fault.ObjectMissing},
		{"a folder is missing", "folder", (*builder).removeObject, fault.ObjectMissing},
		{"a receipt is missing", "receipt", (*builder).removeObject, fault.ObjectMissing},
		{"a day is corrupt", "2026/10/01", func(b *builder, id string) { b.swapObject(id, b.blob("x").id) }, fault.ObjectCorrupt},
		{"a receipt is corrupt", "receipt", func(b *builder, id string) { b.swapObject(id, b.blob("x").id) }, fault.ObjectCorrupt},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b, l, receipts := planted(t, "sha1", 10)
			folder := folderOf(t, receipts[1])
			path := map[string]string{"fan": folder[:13], "folder": folder, "receipt": folder + "/receipt.json"}[c.below]
			if path == "" {
				path = c.below
			}
			c.damage(b, b.git("", "rev-parse", DefaultRef+":"+path))
			err := l.Walk(context.Background(), Visitor{})
			wantFault(t, err, c.code)
			if c.code == fault.ObjectMissing && !strings.Contains(fault.From(err).Fix(), DefaultRef) {
				t.Errorf("the advice names no ref: %q", fault.From(err).Fix())
			}
			_, err = l.Find(context.Background(), receipt.Sum(receipts[1]).String())
			wantFault(t, err, c.code)
			if !Unreadable(err) {
				t.Errorf("not unreadable: %v", err)
			}
			_, err = b.opened().Genesis(context.Background())
			wantFault(t, err, c.code)
			problems := problemsOf(t, l)
			if len(problems) != 1 || !fault.Has(problems[0].Err, c.code) || problems[0].Path != path || problems[0].Unknown() != (c.code == fault.ObjectMissing) {
				t.Errorf("the problems are %+v, want one at %s", problems, path)
			}
		})
	}
}

// problemsOf are the problems that a walk tells of, which then goes on.
func problemsOf(t *testing.T, l *Ledger) []Problem {
	t.Helper()
	var problems []Problem
	err := l.Walk(context.Background(), Visitor{Problem: func(p Problem) error {
		problems = append(problems, p)
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return problems
}

// What must not be there does not keep what is there from being found, and
// what hangs below it is not looked at. Where nobody listens, a walk passes
// over a stranger's entry, and ends at one behind which receipts may be.
func TestWalkGoesOnPastWhatTheLayoutRefuses(t *testing.T) {
	t.Parallel()
	b, _, receipts := planted(t, "sha1", 10)
	g := receipts[0]
	hidden := release(t, g, began, "hidden")
	base := b.base(receipts...)
	deep := b.tree(b.base(hidden))
	folder := "2025/01/01/ab/ab" + strings.Repeat("0", 62)
	stray := func(data string) item { return b.raw(line{"stray", b.blob(data)}) }
	month := item{"40000", b.git("", "rev-parse", b.tree(base).id+":2026/10")}
	for _, c := range []struct {
		name  string
		more  files
		hides bool
	}{
		{"below a stray folder", files{"attic": deep}, false},
		{"below a year too far", files{"10000": deep}, false},
		{"below no day", files{"2026/11/31": b.raw(line{"4f", deep})}, false},
		{"an empty month", files{"2025/01": b.raw()}, false},
		{"a stray file", files{"2026/README": b.blob("x")}, false},
		{"below a submodule", files{"2025": {"160000", deep.id}}, true},
		{"a link", files{"2025": {"120000", b.blob("2026").id}}, true},
		{"a file for a year", files{"2025": b.blob("x")}, true},
		{"a tree that is a file", files{"2025": {"40000", b.blob("x").id}}, true},
		{"a month by two names", files{"2027/01": month}, true},
		{"a month twice", files{"2027": b.raw(line{"01", stray("a")}, line{"01", stray("b")})}, true},
		{"months out of order", files{"2027": b.raw(line{"02", stray("a")}, line{"01", stray("b")})}, true},
		{"a folder of nothing", files{folder: b.raw()}, true},
		{"no receipt.json", files{folder + "/evidence-" + hexB: b.blob("x")}, true},
		{"receipt.json, a tree", files{folder: b.raw(line{"receipt.json", item{"100644", deep.id}})}, true},
	} {
		name := c.name
		l := b.ledger(b.tree(base.with(c.more)))
		problems := problemsOf(t, l)
		if len(problems) == 0 || problems[0].Step != StepLayout || problems[0].Unknown() {
			t.Errorf("%s: the problems are %+v", name, problems)
		}
		var seen int
		count := func(*Entry) error { seen++; return nil }
		if err := l.Walk(context.Background(), Visitor{Entry: count, Problem: onlyUnreadable}); err != nil || seen != len(receipts) {
			t.Errorf("%s: walked over %d, %v", name, seen, err)
		}
		if err := l.Walk(context.Background(), Visitor{}); fault.Has(err, fault.BadTree) != c.hides || err != nil && !c.hides {
			t.Errorf("%s: walked in silence: %v", name, err)
		}
		if found, err := l.Find(context.Background(), receipt.Sum(hidden).String()); len(found) != 0 || err != nil && !fault.Has(err, fault.BadTree) {
			t.Errorf("%s: found what is hidden: %v", name, err)
		}
	}
}

// A few kilobytes of trees in which every name leads to the same folder would
// be more folders than anybody can walk over.
func TestABombOfEqualFoldersIsNotWalkedOver(t *testing.T) {
	t.Parallel()
	b, g := newBuilder(t, "sha1"), genesis(t, "api", began)
	id := receipt.Sum(g).String()
	level := b.raw(line{id, b.tree(files{"receipt.json": b.blob(string(g))})})
	for _, names := range []struct {
		form        string
		first, last int
	}{{"%02x", 0, 255}, {"%02d", 1, 28}, {"%02d", 1, 12}, {"%04d", 1970, 9999}} {
		var lines []line
		for i := names.first; i <= names.last; i++ {
			lines = append(lines, line{fmt.Sprintf(names.form, i), level})
		}
		if names.last == 9999 {
			lines = append(lines, line{"VERSION", b.blob("vaultmesh ledger 1\n")})
		}
		level = b.raw(lines...)
	}
	l := b.ledger(level)
	if n := len(problemsOf(t, l)); n < 8029+11+27+255 || n > 10_000 {
		t.Errorf("%d problems", n)
	}
	_, countErr := l.Count(context.Background(), func(int) {})
	_, findErr := l.Find(context.Background(), id)
	for _, err := range []error{countErr, findErr} {
		wantFault(t, err, fault.BadTree)
	}
}
