package verify

import (
	"context"
	"maps"
	"testing"

	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// memo is a cache in memory.
type memo map[string][]byte

func (m memo) Load(name string) []byte       { return m[name] }
func (m memo) Save(name string, data []byte) { m[name] = data }

// What is kept of a later head is of use for an earlier one, such as a peer's, and stays.
func TestRollsOfAnEarlierHead(t *testing.T) {
	ctx := context.Background()
	repo := newLedger(t, 3)
	seal := func(n int64) *ledger.Ledger {
		appendReceipt(t, repo, &receipt.Receipt{Kind: receipt.KindSeal, RecordedAt: receipt.Time(1795356300 + n), Recorder: receipt.Person{Name: "Ada"},
			Seal: &receipt.Seal{Receipts: n, Files: n, Root: receipt.Sum([]byte{byte(n)}), Head: "sha1:" + receipt.Object(make40(n))}})
		l, err := ledger.Open(ctx, repo, ledger.DefaultRef)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	first, second := seal(1), seal(2)
	kept := memo{}
	if found, err := recall(ctx, second, kept); err != nil || len(found.Seals) != 2 {
		t.Fatalf("%+v, %v", found, err)
	}
	before := maps.Clone(kept)
	found, err := recall(ctx, first, kept)
	if err != nil || len(found.Seals) != 1 {
		t.Errorf("an earlier head has the rolls %+v, %v", found, err)
	}
	if !maps.EqualFunc(before, kept, func(a, b []byte) bool { return string(a) == string(b) }) {
		t.Error("what was kept of the later head is gone")
	}
	// Of a head that grew another way nothing is taken over.
	id, _ := head(t, repo)
	if err := repo.UpdateRef(ctx, ledger.DefaultRef, first.Head, id); err != nil {
		t.Fatal(err)
	}
	other := seal(3)
	if found, err := recall(ctx, other, kept); err != nil || len(found.Seals) != 2 || found.equal(mustRolls(t, second)) {
		t.Errorf("another head has the rolls %+v, %v", found, err)
	}
}

// What is kept of a head serves for one that a batch put on it, and is not taken from
// another head.
func TestRollsAfterABatch(t *testing.T) {
	ctx := context.Background()
	repo := newLedger(t, 1)
	var heads []*ledger.Ledger
	for range 3 {
		l, err := ledger.Open(ctx, repo, ledger.DefaultRef)
		if err != nil {
			t.Fatal(err)
		}
		heads = append(heads, l)
		appendReceipt(t, repo, &receipt.Receipt{Kind: receipt.KindRelease, RecordedAt: receipt.Time(1795356400 + len(heads)), Recorder: receipt.Person{Name: "Ada"},
			Component: "web", Version: "v1"})
	}
	kept := memo{}
	if _, err := recall(ctx, heads[0], kept); err != nil {
		t.Fatal(err)
	}
	Unchanged(ctx, heads[1], heads[2], kept)
	if of := loadRolls(ctx, heads[2], kept); of.Head != heads[0].Head {
		t.Errorf("what is kept of %s counts for what was put on %s", heads[0].Head.Short(), heads[1].Head.Short())
	}
	Unchanged(ctx, heads[0], heads[2], kept)
	if of := loadRolls(ctx, heads[2], kept); of.Head != heads[2].Head {
		t.Errorf("what is kept is still of %s", of.Head.Short())
	}
	if found, err := recall(ctx, heads[2], kept); err != nil || !found.equal(mustRolls(t, heads[2])) {
		t.Errorf("the rolls are %+v, %v", found, err)
	}
}

func make40(n int64) string {
	const digits = "0123456789abcdef"
	text := []byte("0000000000000000000000000000000000000000")
	text[39] = digits[n]
	return string(text)
}

func mustRolls(t *testing.T, l *ledger.Ledger) *rolls {
	t.Helper()
	found, err := recall(context.Background(), l, nil)
	if err != nil {
		t.Fatal(err)
	}
	return found
}
