package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// roomy is a limit that no object of these tests is over.
const roomy = 1 << 20

func TestStores(t *testing.T) {
	t.Parallel()
	plumbing := func(_ *testing.T, s *scratch) Store { return &s.open().plumbing }
	for _, c := range []struct {
		name, algorithm string
		open            func(t *testing.T, s *scratch) Store
	}{
		{"git sha1", "sha1", plumbing},
		{"git sha256", "sha256", plumbing},
		{"go-git", "sha1", func(t *testing.T, s *scratch) Store {
			files := newFileStore(s.open())
			t.Cleanup(files.Close)
			return files
		}},
		{"chosen sha1", "sha1", func(t *testing.T, s *scratch) Store { return s.look() }},
		{"chosen sha256", "sha256", func(t *testing.T, s *scratch) Store { return s.look() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			testStore(t, c.algorithm, c.open)
		})
	}
}

// testStore is what every [Store] must do. It makes the repositories, because
// some of what it tries is damage done behind the store's back, and asks open
// for a store over each.
func testStore(t *testing.T, algorithm string, open func(t *testing.T, s *scratch) Store) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, s *scratch, store Store)
	}{
		{"what is written is read", testStoreRoundTrip},
		{"writing again changes nothing", testStoreWritesTwice},
		{"packed objects are read", testStorePacked},
		{"many are read in order", testStoreOrder},
		{"missing objects do not end the reading", testStoreMissing},
		{"large objects do not end the reading", testStoreLimit},
		{"the reader may stop", testStoreStop},
		{"hostile names are missing", testStoreNames},
		{"hostile ids do not shift the answers", testStoreHostileIDs},
		{"damage is seen", testStoreDamage},
		{"interruption is said", testStoreInterrupted},
		{"late interruption does no harm", testStoreInterruptedLate},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newScratch(t, "--object-format="+algorithm)
			store := open(t, s)
			if store.Algorithm() != algorithm {
				t.Fatalf("the algorithm is %q", store.Algorithm())
			}
			c.test(t, s, store)
		})
	}
}

// noise is n bytes that zlib cannot shorten, the same for a seed.
func noise(seed uint64, n int) []byte {
	source := rand.New(rand.NewPCG(seed, 0))
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(source.Uint32())
	}
	return data
}

// blobs are n blobs that all differ.
func blobs(algorithm string, n int) []Object {
	objects := make([]Object, n)
	for i := range objects {
		objects[i] = NewObject(algorithm, TypeBlob, fmt.Appendf(nil, "blob %d %s", i, strings.Repeat("x", 300)))
	}
	return objects
}

// samples are objects of every type, and the sizes at which a pack's header
// takes one more byte.
func samples(algorithm string) []Object {
	var all []Object
	add := func(kind string, data []byte) OID {
		all = append(all, NewObject(algorithm, kind, data))
		return all[len(all)-1].ID
	}
	blob := add(TypeBlob, []byte("one\x00two\nthree"))
	for _, size := range []int{0, 1, 15, 16, 2047, 2048, 300_000} {
		add(TypeBlob, noise(1, size))
	}
	add(TypeTree, nil)
	tree := add(TypeTree, EncodeTree([]TreeEntry{{ModeFile, "a file", blob}}))
	who := "Ada <ada@example.com> 1795356300 +0100"
	commit := add(TypeCommit, Commit{Tree: tree, Author: who, Committer: who, Message: "first\n"}.Encode())
	add(TypeCommit, Commit{Tree: tree, Parents: []OID{commit}, Author: who, Committer: who, Message: ""}.Encode())
	add(TypeTag, fmt.Appendf(nil, "object %s\ntype commit\ntag v1\ntagger %s\n\nfirst\n", commit, who))
	return all
}

func mustWrite(t *testing.T, store Store, objects ...Object) {
	t.Helper()
	if err := store.Write(context.Background(), objects); err != nil {
		t.Fatal(err)
	}
}

// wantObject reads an object and compares all of it.
func wantObject(t *testing.T, store Store, want Object) {
	t.Helper()
	got, err := store.Read(context.Background(), want.ID, roomy)
	if err != nil {
		t.Errorf("%s %s: %v", want.Type, want.ID, err)
		return
	}
	wantSame(t, got, want)
}

func wantSame(t *testing.T, got, want Object) {
	t.Helper()
	if got.ID != want.ID || got.Type != want.Type || !bytes.Equal(got.Data, want.Data) {
		t.Errorf("got the %s %s of %d bytes, want the %s %s of %d", got.Type, got.ID, len(got.Data), want.Type, want.ID, len(want.Data))
	}
}

func idsOf(objects []Object) []OID {
	ids := make([]OID, len(objects))
	for i, o := range objects {
		ids[i] = o.ID
	}
	return ids
}

// wantMany reads ids and compares the code of each answer, "" for an object,
// which must then be the one that was asked for.
func wantMany(t *testing.T, store Store, limit int64, ids []OID, codes []fault.Code) {
	t.Helper()
	next := 0
	err := store.ReadMany(context.Background(), ids, limit, func(i int, o Object, err error) error {
		if i != next {
			t.Errorf("answer %d came when %d was due", i, next)
		}
		next++
		wantFault(t, err, codes[i])
		if err == nil && (o.ID != ids[i] || hashObject(store.Algorithm(), o.Type, o.Data) != ids[i]) {
			t.Errorf("answer %d is %s, want %s", i, o.ID, ids[i])
		}
		return nil
	})
	if err != nil || next != len(ids) {
		t.Errorf("%d of %d answers, and the error %v", next, len(ids), err)
	}
}

func testStoreRoundTrip(t *testing.T, s *scratch, store Store) {
	all := samples(store.Algorithm())
	mustWrite(t, store, all...)
	for _, o := range all {
		if id := strings.TrimSpace(string(s.pipe(string(o.Data), "hash-object", "-t", o.Type, "--stdin"))); id != string(o.ID) {
			t.Errorf("a %s of %d bytes has the id %s here and %s in git", o.Type, len(o.Data), o.ID, id)
		}
		if git := s.pipe("", "cat-file", o.Type, string(o.ID)); !bytes.Equal(git, o.Data) {
			t.Errorf("git reads %d bytes of a %s of %d", len(git), o.Type, len(o.Data))
		}
		wantObject(t, store, o)
	}
	err := store.ReadMany(context.Background(), idsOf(all), roomy, func(i int, o Object, err error) error {
		wantSame(t, o, all[i])
		return err
	})
	wantFault(t, err, "")
	s.git("fsck", "--strict", "--no-dangling")
}

func testStoreWritesTwice(t *testing.T, _ *scratch, store Store) {
	o := NewObject(store.Algorithm(), TypeBlob, []byte("again"))
	mustWrite(t, store, o, o)
	mustWrite(t, store, o)
	mustWrite(t, store)
	wantObject(t, store, o)
}

func testStorePacked(t *testing.T, s *scratch, store Store) {
	all := samples(store.Algorithm())
	mustWrite(t, store, all...)
	for i, o := range all {
		s.git("tag", fmt.Sprintf("keep-%d", i), string(o.ID))
	}
	s.git("repack", "-a", "-d", "-q")
	if _, err := os.Lstat(s.looseFile(all[0].ID)); err == nil {
		t.Fatal("the object is still loose")
	}
	for _, o := range all {
		wantObject(t, store, o)
	}
	mustWrite(t, store, all...)
}

// The ids and the answers are each far more than a pipe holds, so a store
// that asks everything before it reads would never end.
func testStoreOrder(t *testing.T, _ *scratch, store Store) {
	all := blobs(store.Algorithm(), 61)
	mustWrite(t, store, all...)
	ids := make([]OID, 6001)
	for i := range ids {
		ids[i] = all[i%len(all)].ID
	}
	wantMany(t, store, roomy, ids, make([]fault.Code, len(ids)))
	wantMany(t, store, roomy, nil, nil)
}

func testStoreMissing(t *testing.T, _ *scratch, store Store) {
	all := blobs(store.Algorithm(), 3)
	mustWrite(t, store, all[0], all[2])
	zero := ZeroOID(store.Algorithm())
	wantMany(t, store, roomy, []OID{all[0].ID, all[1].ID, all[2].ID, zero, all[0].ID},
		[]fault.Code{"", fault.ObjectMissing, "", fault.ObjectMissing, ""})
	for _, id := range []OID{all[1].ID, zero} {
		_, err := store.Read(context.Background(), id, roomy)
		wantFault(t, err, fault.ObjectMissing)
		wantObject(t, store, all[0])
	}
}

func testStoreLimit(t *testing.T, _ *scratch, store Store) {
	const limit = 4096
	fits := NewObject(store.Algorithm(), TypeBlob, noise(1, limit))
	large := NewObject(store.Algorithm(), TypeBlob, noise(2, limit+1))
	// More than a pipe holds: what is left of it must not be taken for the
	// next answer, nor block it.
	huge := NewObject(store.Algorithm(), TypeBlob, noise(3, 200_000))
	mustWrite(t, store, fits, large, huge)
	wantMany(t, store, limit, []OID{fits.ID, large.ID, fits.ID, huge.ID, huge.ID, fits.ID},
		[]fault.Code{"", fault.ObjectTooLarge, "", fault.ObjectTooLarge, fault.ObjectTooLarge, ""})
	for _, o := range []Object{large, huge} {
		_, err := store.Read(context.Background(), o.ID, limit)
		wantFault(t, err, fault.ObjectTooLarge)
		wantObject(t, store, fits)
	}
}

func testStoreStop(t *testing.T, _ *scratch, store Store) {
	all := blobs(store.Algorithm(), 20)
	mustWrite(t, store, all...)
	ids := make([]OID, 6000)
	for i := range ids {
		ids[i] = all[i%len(all)].ID
	}
	enough, calls := errors.New("enough"), 0
	err := store.ReadMany(context.Background(), ids, roomy, func(i int, _ Object, _ error) error {
		calls++
		if i == 2 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || calls != 3 {
		t.Errorf("after %d calls got %v", calls, err)
	}
	for _, o := range all {
		wantObject(t, store, o)
	}
}

// Whatever is no full id is the name of no object: as a revision it could mean
// another one tomorrow.
func testStoreNames(t *testing.T, s *scratch, store Store) {
	all := blobs(store.Algorithm(), 2)
	mustWrite(t, store, all...)
	a, b := all[0].ID, all[1].ID
	s.git("tag", "v1", string(a))
	for _, id := range []OID{
		"", "\n", "\x00", a + "\n", a + "\n" + b, "\n" + a, a + "\x00", a + "\x00" + b, a + " " + b, a + " ", "no such thing",
		"v1", "refs/tags/v1", a[:10], a[:len(a)-1], a + "0", a + "^{}", OID(strings.ToUpper(string(a))),
	} {
		_, err := store.Read(context.Background(), id, roomy)
		if !fault.Has(err, fault.ObjectMissing) {
			t.Errorf("%q: %v", id, err)
		}
		wantObject(t, store, all[1])
	}
}

// An id is only text until somebody has looked at it: one that git takes for
// two questions, or none, must not give the next id's reader another object.
func testStoreHostileIDs(t *testing.T, s *scratch, store Store) {
	all := blobs(store.Algorithm(), 3)
	mustWrite(t, store, all...)
	s.git("tag", "v1", string(all[0].ID))
	a, b, c := all[0].ID, all[1].ID, all[2].ID
	for _, hostile := range []OID{"", a[:10], "refs/tags/v1", "\n", a + "\n" + b, a + "\n", a + "\x00" + b, "x\ny"} {
		wantMany(t, store, roomy, []OID{a, hostile, b}, []fault.Code{"", fault.ObjectMissing, ""})
		wantObject(t, store, all[2])
		wantMany(t, store, roomy, []OID{c}, []fault.Code{""})
		if t.Failed() {
			t.Fatalf("after the id %q", hostile) // the answers that follow are shifted too
		}
	}
}

func testStoreDamage(t *testing.T, s *scratch, store Store) {
	small := blobs(store.Algorithm(), 3)
	large := NewObject(store.Algorithm(), TypeBlob, noise(1, 100_000))
	mustWrite(t, store, append(small, large)...)
	whole := map[OID][]byte{}
	for _, o := range append(small, large) {
		data, err := os.ReadFile(s.looseFile(o.ID))
		if err != nil {
			t.Fatal(err)
		}
		whole[o.ID] = data
	}
	bad, other := small[1].ID, small[2].ID
	for _, c := range []struct {
		name string
		id   OID
		file []byte
	}{
		{"another object", bad, whole[other]},
		{"no zlib", bad, []byte("blob 3\x00abc")},
		{"empty", bad, nil},
		{"cut in the header", bad, whole[bad][:5]},
		{"cut before the end", bad, whole[bad][:len(whole[bad])-5]},
		{"cut in a large body", large.ID, whole[large.ID][:50_000]},
		{"last byte of a large body", large.ID, whole[large.ID][:len(whole[large.ID])-1]},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := s.in(t)
			s.replaceLoose(c.id, c.file)
			good := small[0].ID
			wantMany(t, store, roomy, []OID{good, c.id, good, c.id, good}, []fault.Code{"", fault.ObjectCorrupt, "", fault.ObjectCorrupt, ""})
			_, err := store.Read(context.Background(), c.id, roomy)
			wantFault(t, err, fault.ObjectCorrupt)
			wantObject(t, store, small[0])
			s.replaceLoose(c.id, whole[c.id])
			wantMany(t, store, roomy, []OID{c.id}, []fault.Code{""})
		})
	}
}

func testStoreInterrupted(t *testing.T, s *scratch, store Store) {
	all := blobs(store.Algorithm(), 4)
	mustWrite(t, store, all[:3]...)
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	never := func(int, Object, error) error {
		t.Error("an answer after the interruption")
		return nil
	}
	_, err := store.Read(gone, all[0].ID, roomy)
	wantFault(t, err, fault.Interrupted)
	wantFault(t, store.ReadMany(gone, idsOf(all), roomy, never), fault.Interrupted)
	wantFault(t, store.Write(gone, all[3:]), fault.Interrupted)
	if _, err := os.Lstat(s.looseFile(all[3].ID)); err == nil {
		t.Error("an interrupted write left its object")
	}

	ctx, cancel := context.WithCancel(context.Background())
	calls := 0
	err = store.ReadMany(ctx, idsOf(all), roomy, func(int, Object, error) error {
		calls++
		cancel()
		return nil
	})
	wantFault(t, err, fault.Interrupted)
	if calls != 1 {
		t.Errorf("%d answers, and the interruption came at the first", calls)
	}
	wantObject(t, store, all[1])
}

// An interruption that comes when all is read may still end what the store
// works with; the next call, which nobody interrupted, must not suffer for it.
func testStoreInterruptedLate(t *testing.T, _ *scratch, store Store) {
	all := blobs(store.Algorithm(), 2)
	mustWrite(t, store, all...)
	for range 20 {
		ctx, cancel := context.WithCancel(context.Background())
		err := store.ReadMany(ctx, idsOf(all), roomy, func(i int, _ Object, err error) error {
			if i == len(all)-1 {
				cancel()
			}
			return err
		})
		if err != nil {
			wantFault(t, err, fault.Interrupted)
		}
		wantObject(t, store, all[0])
		ctx, cancel = context.WithCancel(context.Background())
		if _, err := store.Read(ctx, all[1].ID, roomy); err != nil {
			t.Error(err)
		}
		cancel()
		wantObject(t, store, all[0])
		if t.Failed() {
			return
		}
	}
}
