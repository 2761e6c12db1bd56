package gitrepo

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

func (d *faultyDisk) link(from, to string) error {
	if err := d.step("link"); err != nil {
		return err
	}
	return d.real.link(from, to)
}

// damagedStore is a repository in which one object is damaged, one missing and one good.
func damagedStore(t *testing.T) (s *scratch, aside string, all []Object) {
	s = newScratch(t)
	all = blobs("sha1", 3)
	mustWrite(t, s.look(), all...)
	s.replaceLoose(all[0].ID, []byte("damage"))
	if err := os.Remove(s.looseFile(all[1].ID)); err != nil {
		t.Fatal(err)
	}
	return s, filepath.Join(s.gitDir(), "damaged"), all
}

// Every step of mending fails once: what was damaged is good or as it was, its bytes are
// somewhere all the time, and what was good stays so.
func TestEveryStepOfMendingFails(t *testing.T) {
	t.Parallel()
	for _, dead := range []bool{false, true} {
		for k := 1; ; k++ {
			s, aside, all := damagedStore(t)
			r := s.look()
			disk := &faultyDisk{fails: k, err: syscall.EIO, dead: dead}
			r.disk = disk
			_, err := r.Mend(context.Background(), all, aside)
			reader := s.look()
			for i, o := range all {
				got, readErr := reader.AsGitReads().Read(context.Background(), o.ID, roomy)
				switch {
				case readErr == nil:
					wantSame(t, got, o)
				case err == nil || i == 2:
					t.Fatalf("step %d, %v: mending says %v, and reading %v", k, disk.steps, err, readErr)
				}
			}
			inPlace, _ := os.ReadFile(s.looseFile(all[0].ID))
			kept, _ := os.ReadFile(filepath.Join(aside, string(all[0].ID)))
			if string(inPlace) != "damage" && string(kept) != "damage" {
				t.Fatalf("step %d, %v: the damaged bytes are gone", k, disk.steps)
			}
			reader.Close()
			if _, err := s.look().Mend(context.Background(), all, aside); err != nil {
				t.Fatal(err)
			}
			s.git("fsck", "--strict", "--no-dangling")
			if len(disk.steps) < k {
				if k < 10 {
					t.Errorf("%d steps only", k)
				}
				break
			}
		}
	}
}

// Many objects come in one pack, and a damaged file is not in its way.
func TestManyAreMendedAtOnce(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []string{"sha1", "sha256"} {
		s := newScratch(t, "--object-format="+algorithm)
		r := s.look()
		var all []Object
		for i := range maxLoose + 1 {
			all = append(all, NewObject(algorithm, TypeBlob, fmt.Append(nil, "many", i)))
		}
		mustWrite(t, r, all[0])
		s.replaceLoose(all[0].ID, []byte("damage"))
		aside := filepath.Join(s.gitDir(), "damaged")
		kept, err := r.Mend(context.Background(), all, aside)
		if err != nil || len(kept) != 1 {
			t.Fatalf("%v, kept %q", err, kept)
		}
		for _, o := range []Object{all[0], all[1], all[maxLoose]} {
			wantObject(t, r, o)
		}
		if out := s.git("count-objects", "-v"); !strings.Contains(out, "packs: 1\n") || !strings.Contains(out, "count: 0\n") {
			t.Errorf("they are stored so:\n%s", out)
		}
		s.git("fsck", "--strict", "--no-dangling")
	}
}

// Two damaged files of one object are both kept; the same one is kept once.
func TestWhatIsDamagedTwiceIsKeptTwice(t *testing.T) {
	t.Parallel()
	s, aside, all := damagedStore(t)
	for _, damage := range []string{"damage", "damage", "other damage"} {
		s.replaceLoose(all[0].ID, []byte(damage))
		if _, err := s.look().Mend(context.Background(), all[:1], aside); err != nil {
			t.Fatal(err)
		}
	}
	files, err := os.ReadDir(aside)
	if err != nil || len(files) != 2 {
		t.Errorf("%v, kept %d files", err, len(files))
	}
}

// A loan brings what the repository believes to have, follows its remotes and their
// relative addresses, and lends under an id only what has that hash.
func TestALoan(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	peer := newScratch(t)
	peer.file("a", "good")
	peer.commit("first")
	blob := OID(peer.git("rev-parse", "HEAD:a"))
	s := newScratch(t)
	s.git("fetch", "--quiet", peer.dir, "main:refs/peer")
	if err := os.Remove(s.looseFile(blob)); err != nil {
		t.Fatal(err)
	}
	relative, err := filepath.Rel(s.dir, peer.dir)
	if err != nil {
		t.Fatal(err)
	}
	s.git("remote", "add", "peer", relative)
	r := s.look()
	loan, err := r.NewLoan(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer loan.Close()
	for _, wanted := range []string{string(blob), "refs/heads/main"} {
		if err := loan.Fetch(ctx, io.Discard, "peer", []string{wanted}, Ways{}); err != nil {
			t.Fatalf("%s: %v", wanted, err)
		}
		wantObject(t, loan.store, NewObject("sha1", TypeBlob, []byte("good")))
	}
	wantFault(t, loan.Fetch(ctx, io.Discard, "peer", []string{strings.Repeat("1", 40)}, Ways{}), fault.RemoteFailed)
	_, err = r.Read(ctx, blob, roomy)
	wantFault(t, err, fault.ObjectMissing)
	config, err := os.ReadFile(filepath.Join(loan.in.dir, "config"))
	if err != nil || strings.Contains(string(config), "include") {
		t.Errorf("%v, a read of the loan would follow\n%s", err, config)
	}

	// the peer sends other bytes for the object
	other := NewObject("sha1", TypeBlob, []byte("evil"))
	mustWrite(t, peer.look(), other)
	evil, err := os.ReadFile(peer.looseFile(other.ID))
	if err != nil {
		t.Fatal(err)
	}
	peer.replaceLoose(blob, evil)
	second, err := r.NewLoan(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if err := second.Fetch(ctx, io.Discard, "peer", []string{string(blob)}, Ways{}); err == nil {
		t.Error("what is not there counts as sent")
	}
	if _, err := second.Store().Read(ctx, blob, roomy); err == nil {
		t.Error("other bytes are lent under the id")
	}
}

// Of a pack that is cut, a loan has what stands before the cut; an index that was lost or
// changed is made anew, and no other one is touched.
func TestPacksAreMended(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := newScratch(t)
	var all []Object
	for i := range 50 {
		all = append(all, NewObject("sha1", TypeBlob, noise(uint64(i), 1000)))
	}
	for _, some := range [][]Object{all[:25], all[25:]} {
		var ids strings.Builder
		for _, o := range some {
			ids.WriteString(string(o.ID) + "\n")
		}
		mustWrite(t, s.look(), some...)
		s.pipe(ids.String(), "pack-objects", "--quiet", filepath.Join(s.gitDir(), "objects", "pack", "pack"))
		s.git("prune-packed")
	}
	aside := filepath.Join(s.gitDir(), "damaged")
	r := s.look()
	packs, err := r.Packs()
	if err != nil || len(packs) != 2 {
		t.Fatal(packs, err)
	}
	for round, damage := range []func(index string) error{
		os.Remove,
		func(index string) error { return os.WriteFile(index+".new", []byte("damage"), 0o666) },
	} {
		index := strings.TrimSuffix(packs[round], ".pack") + ".idx"
		if err := damage(index); err != nil {
			t.Fatal(err)
		}
		if round == 1 {
			if err := os.Rename(index+".new", index); err != nil {
				t.Fatal(err)
			}
		}
		mended, damaged, err := r.Reindex(ctx, aside, round == 0)
		if err != nil || len(mended) != 1 || mended[0] != index || len(damaged) != 0 {
			t.Fatalf("round %d: mended %q, damaged %q, %v", round, mended, damaged, err)
		}
		for _, o := range all {
			wantObject(t, r, o)
		}
	}
	if mended, damaged, err := r.Reindex(ctx, aside, false); err != nil || len(mended)+len(damaged) > 0 {
		t.Errorf("nothing is wrong: mended %q, damaged %q, %v", mended, damaged, err)
	}
	info, err := os.Stat(packs[0])
	if err == nil {
		err = os.Chmod(packs[0], 0o666)
	}
	if err == nil {
		err = os.Truncate(packs[0], info.Size()/2)
	}
	if err != nil {
		t.Fatal(err)
	}
	_, damaged, err := r.Reindex(ctx, aside, false)
	if err != nil || len(damaged) != 1 || damaged[0] != packs[0] {
		t.Fatalf("damaged %q, %v", damaged, err)
	}
	loan, err := r.NewLoan(ctx)
	if err == nil {
		defer loan.Close()
		err = loan.Recover(ctx, packs[0])
	}
	if err != nil {
		t.Fatal(err)
	}
	lent := 0
	for _, o := range all {
		if _, err := loan.Store().Read(ctx, o.ID, roomy); err == nil {
			lent++
		}
	}
	if lent < 8 || lent > 20 {
		t.Errorf("%d of the 25 in half a pack", lent)
	}
}
