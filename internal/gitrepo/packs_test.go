package gitrepo

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
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

// Two objects, each the difference from the other: go-git would follow them until
// there is no memory left.
func TestDeltasInACircle(t *testing.T) {
	t.Parallel()
	s := newScratch(t)
	ids := []OID{OID(strings.Repeat("11", 20)), OID(strings.Repeat("22", 20))}
	delta := []byte{0x78, 0x9c, 0x63, 0x64, 0x04, 0x00, 0x00, 0x03, 0x00, 0x02} // zlib of some bytes; what they say is not reached
	pack := []byte("PACK\x00\x00\x00\x02\x00\x00\x00\x02")
	var offsets []uint32
	for i := range ids {
		offsets = append(offsets, uint32(len(pack)))
		pack = append(pack, 7<<4|3) // a difference by name, of three bytes
		pack = append(pack, strings.Repeat(string([]byte{[]byte{0x22, 0x11}[i]}), 20)...)
		pack = append(pack, delta...)
	}
	pack = append(pack, make([]byte, 20)...)
	index := []byte("\xfftOc\x00\x00\x00\x02")
	for first := range 256 {
		n := uint32(0)
		if first >= 0x11 {
			n++
		}
		if first >= 0x22 {
			n++
		}
		index = binary.BigEndian.AppendUint32(index, n)
	}
	index = append(index, strings.Repeat("\x11", 20)+strings.Repeat("\x22", 20)+strings.Repeat("\x00", 8)...)
	for _, at := range offsets {
		index = binary.BigEndian.AppendUint32(index, at)
	}
	index = append(index, make([]byte, 40)...)
	dir := filepath.Join(s.gitDir(), "objects", "pack")
	s.replace(filepath.Join(dir, "pack-"+strings.Repeat("3", 40)+".idx"), index)
	s.replace(filepath.Join(dir, "pack-"+strings.Repeat("3", 40)+".pack"), pack)
	store := newFileStore(s.open())
	defer store.Close()
	for _, id := range ids {
		_, err := store.Read(context.Background(), id, roomy)
		wantFault(t, err, fault.ObjectCorrupt)
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
