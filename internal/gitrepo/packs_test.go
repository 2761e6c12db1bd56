package gitrepo

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// packed is a repository with one pack of objects that differ little, and that
// pack's name without its end.
func packed(t testing.TB, s *scratch) (objects []Object, name string) {
	store := s.open()
	var text []byte
	for i := range 40 { // each is the one before and a little more
		text = fmt.Appendf(text, "%x\n", noise(uint64(i), 60))
		objects = append(objects, NewObject("sha1", TypeBlob, slices.Clone(text)))
	}
	objects = append(objects, samples("sha1")...)
	if err := store.Write(context.Background(), objects); err != nil {
		t.Fatal(err)
	}
	for i, o := range objects {
		s.git("tag", fmt.Sprintf("keep-%d", i), string(o.ID))
	}
	s.git("repack", "-a", "-d", "-q", "--depth=30", "--window=30")
	found, err := filepath.Glob(filepath.Join(s.gitDir(), "objects", "pack", "pack-*.idx"))
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	return objects, strings.TrimSuffix(found[0], ".idx")
}

// Objects that are differences from others, in chains, are read as git reads them.
func TestDeltasAreRead(t *testing.T) {
	t.Parallel()
	s := newScratch(t)
	objects, name := packed(t, s)
	if chains := s.git("verify-pack", "-v", name+".idx"); !strings.Contains(chains, "chain length = 2") {
		t.Fatalf("there are no chains:\n%s", chains)
	}
	store := newFileStore(s.open())
	defer store.Close()
	for _, o := range objects {
		wantObject(t, store, o)
	}
	for _, o := range []Object{objects[1], objects[46]} {
		_, err := store.Read(context.Background(), o.ID, int64(len(o.Data))-1)
		wantFault(t, err, fault.ObjectTooLarge)
	}
}

// A pack that goes away while it is open, and one that comes: what one store does not
// find any more, the chosen one does.
func TestPacksThatAreReplaced(t *testing.T) {
	t.Parallel()
	s := newScratch(t)
	objects, name := packed(t, s)
	r := s.look()
	wantObject(t, r, objects[0])
	o := NewObject("sha1", TypeBlob, []byte("later"))
	mustWrite(t, s.open(), o)
	s.git("tag", "later", string(o.ID))
	s.git("repack", "-a", "-d", "-q", "-f", "--depth=5")
	if _, err := os.Stat(name + ".pack"); err == nil {
		t.Fatal("the old pack is still there")
	}
	for _, o := range append(objects, o) {
		wantObject(t, r, o)
	}
}

// A pack whose parts lead to each other, or which was cut or changed anywhere: no
// answer is wrong, nothing panics, nothing goes on for ever.
func TestDamagedPacks(t *testing.T) {
	t.Parallel()
	s := newScratch(t)
	objects, name := packed(t, s)
	for _, end := range []string{".idx", ".pack"} {
		whole, err := os.ReadFile(name + end)
		if err != nil {
			t.Fatal(err)
		}
		try := func(what string, data []byte) {
			s.replace(name+end, data)
			store := newFileStore(s.open())
			defer store.Close()
			for _, o := range objects[:3] {
				got, err := store.Read(context.Background(), o.ID, roomy)
				if err == nil {
					wantSame(t, got, o)
				} else if !fault.Has(err, fault.ObjectCorrupt) && !fault.Has(err, fault.ObjectMissing) && !fault.Has(err, fault.ObjectTooLarge) {
					t.Errorf("%s: %v", what, err)
				}
			}
		}
		for at := 0; at < len(whole); at += max(1, len(whole)/150) {
			changed := slices.Clone(whole)
			changed[at] ^= 0x55
			try(fmt.Sprintf("%s changed at %d", end, at), changed)
			try(fmt.Sprintf("%s cut at %d", end, at), whole[:at])
		}
		s.replace(name+end, whole)
	}
}

func (s *scratch) replace(path string, data []byte) {
	s.t.Helper()
	os.Remove(path)
	if err := os.WriteFile(path, data, 0o444); err != nil {
		s.t.Fatal(err)
	}
}

// handmade writes a pack of parts as they are, under ids that begin 11, 22 and so on
// and need not be their hashes.
func (s *scratch) handmade(parts ...[]byte) (ids []OID) {
	s.t.Helper()
	pack := binary.BigEndian.AppendUint32([]byte("PACK\x00\x00\x00\x02"), uint32(len(parts)))
	index := []byte("\xfftOc\x00\x00\x00\x02")
	for first := range 256 {
		index = binary.BigEndian.AppendUint32(index, uint32(min(len(parts), first/0x11)))
	}
	var offsets []byte
	for i, part := range parts {
		offsets = binary.BigEndian.AppendUint32(offsets, uint32(len(pack)))
		pack = append(pack, part...)
		index = append(index, bytes.Repeat([]byte{byte(0x11 * (i + 1))}, 20)...)
		ids = append(ids, OID(strings.Repeat(fmt.Sprintf("%x", 0x11*(i+1)), 20)))
	}
	index = slices.Concat(index, make([]byte, 4*len(parts)), offsets, make([]byte, 40))
	name := filepath.Join(s.gitDir(), "objects", "pack", "pack-"+strings.Repeat("3", 40))
	s.replace(name+".idx", index)
	s.replace(name+".pack", append(pack, make([]byte, 20)...))
	return ids
}

// part is an object of a pack: its head, what it is the difference from, and its bytes.
func part(kind byte, from, data []byte) []byte {
	var z bytes.Buffer
	w := zlib.NewWriter(&z)
	w.Write(data)
	w.Close()
	return slices.Concat(packHeader(kind, uint64(len(data))), from, z.Bytes())
}

// difference makes n copies of the first 64 KiB of what it is from.
func difference(fromSize uint64, n int) []byte {
	d := binary.AppendUvarint(binary.AppendUvarint(nil, fromSize), uint64(n)<<16)
	return append(d, bytes.Repeat([]byte{0x80}, n)...) // copy, from 0, of 0x10000
}

// Two objects, each the difference from the other: go-git would follow them until
// there is no memory left.
func TestDeltasInACircle(t *testing.T) {
	t.Parallel()
	s := newScratch(t)
	from := func(first byte) []byte { return bytes.Repeat([]byte{first}, 20) }
	ids := s.handmade(part(7, from(0x22), difference(1<<16, 1)), part(7, from(0x11), difference(1<<16, 1)))
	store := newFileStore(s.open())
	defer store.Close()
	for _, id := range ids {
		_, err := store.Read(context.Background(), id, roomy)
		wantFault(t, err, fault.ObjectCorrupt)
	}
}

// A few kilobytes that become half a gigabyte, as what is asked for, or as what a small
// object is the difference from. Nobody makes them: git is not asked to either.
func TestDeltasThatGrow(t *testing.T) {
	t.Parallel()
	s := newScratch(t)
	from := func(first byte) []byte { return bytes.Repeat([]byte{first}, 20) }
	ids := s.handmade(
		part(3, nil, make([]byte, 1<<16)),
		part(7, from(0x11), difference(1<<16, 8192)),
		part(7, from(0x22), difference(8192<<16, 1)),
		part(7, from(0x11), difference(1<<16, 2)),
	)
	r := s.look()
	for _, id := range ids[1:3] {
		_, err := r.Read(context.Background(), id, roomy)
		wantFault(t, err, fault.ObjectTooLarge)
	}
	if r.plumbing.objects != nil {
		t.Error("git was asked")
	}
	before := new(runtime.MemStats)
	runtime.ReadMemStats(before)
	store := newFileStore(s.open())
	defer store.Close()
	for _, id := range ids[1:3] {
		store.Read(context.Background(), id, roomy)
	}
	after := new(runtime.MemStats)
	if runtime.ReadMemStats(after); after.TotalAlloc-before.TotalAlloc > 64<<20 {
		t.Errorf("%d MB were needed", (after.TotalAlloc-before.TotalAlloc)>>20)
	}
	if _, err := store.packs.read(ids[3], roomy); err != nil {
		t.Errorf("an honest difference: %v", err)
	}
}

// Some objects of packs are read in this process, more by git.
func TestManyObjectsOfPacksAreGitsToRead(t *testing.T) {
	t.Parallel()
	s := newScratch(t)
	objects, _ := packed(t, s)
	r := s.look()
	for i, o := range objects[:fewPacked+1] {
		if r.plumbing.objects != nil {
			t.Fatalf("git was started for object %d", i)
		}
		wantObject(t, r, o)
	}
	if r.plumbing.objects == nil {
		t.Error("git was not started")
	}
	for _, o := range objects {
		wantObject(t, r, o)
	}
}

// With very many packs the open files would be too many: git reads them.
func TestVeryManyPacksAreGitsToRead(t *testing.T) {
	t.Parallel()
	s := newScratch(t)
	objects, name := packed(t, s)
	dir := filepath.Dir(name)
	all := openPacks(dir)
	if len(all.all) != 1 {
		t.Errorf("%d packs", len(all.all))
	}
	all.Close()
	for i := range maxPacks {
		s.replace(filepath.Join(dir, fmt.Sprintf("pack-%040d.idx", i)), nil)
	}
	if all := openPacks(dir); len(all.all) != 0 {
		t.Errorf("%d packs are open", len(all.all))
		all.Close()
	}
	wantObject(t, s.look(), objects[0])
}
