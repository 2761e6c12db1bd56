package gitrepo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// leftovers are files that only an unfinished write has.
func (s *scratch) leftovers() []string {
	s.t.Helper()
	var found []string
	err := filepath.WalkDir(s.gitDir(), func(path string, _ os.DirEntry, err error) error {
		name := filepath.Base(path)
		if strings.HasSuffix(name, ".lock") || strings.HasPrefix(name, "tmp_") {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return found
}

// flushes counts the flushes to the disk itself that a trace of git tells of.
func flushes(t *testing.T, trace string) int {
	t.Helper()
	data, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for line := range bytes.Lines(data) {
		// Git before 2.39 tells of it as data, later ones as a counter.
		var event struct {
			Event, Category, Key, Name string
			Value                      json.RawMessage
			Count                      int
		}
		if err := json.Unmarshal(line, &event); err != nil {
			t.Fatal(err)
		}
		switch {
		case event.Event == "data" && event.Key == "fsync/hardware-flush":
			n, err := strconv.Atoi(strings.Trim(string(event.Value), `"`))
			if err != nil {
				t.Fatal(err)
			}
			total += n
		case event.Event == "counter" && event.Category == "fsync" && event.Name == "hardware-flush":
			total += event.Count
		}
	}
	return total
}

func TestWritesReachTheDisk(t *testing.T) {
	t.Parallel()
	s := newScratch(t)
	commit := s.commit("first")
	if version := s.git("version"); olderThan(version, 2, 36) {
		t.Skipf("%s does not tell of its flushes", version)
	}
	// The least durable that a person can ask for.
	s.git("config", "core.fsync", "none")
	s.git("config", "core.fsyncMethod", "writeout-only")
	for name, write := range map[string]func(r *Repo) error{
		"objects": func(r *Repo) error { return r.Write(context.Background(), blobs("sha1", 3)) },
		"a ref":   func(r *Repo) error { return r.UpdateRef(context.Background(), ledgerRef, commit, "") },
	} {
		r := s.open()
		trace := filepath.Join(t.TempDir(), "trace")
		r.git.env = append(r.git.env, "GIT_TRACE2_EVENT="+trace)
		if err := write(r); err != nil {
			t.Fatal(err)
		}
		r.Close() // a process tells of its flushes as it ends
		if n := flushes(t, trace); n == 0 {
			t.Errorf("%s: nothing was flushed", name)
		}
	}
}

// olderThan reads "git version 2.39.5".
func olderThan(version string, major, minor int) bool {
	words := strings.Fields(version)
	parts := strings.SplitN(words[2], ".", 3)
	a, _ := strconv.Atoi(parts[0])
	b, _ := strconv.Atoi(parts[1])
	return a < major || a == major && b < minor
}

// Many objects cost one process and one flush, not one each.
func TestOneCallIsOneFlush(t *testing.T) {
	t.Parallel()
	s := newScratch(t)
	if version := s.git("version"); olderThan(version, 2, 36) {
		t.Skipf("%s flushes each object", version)
	}
	trace := filepath.Join(t.TempDir(), "trace")
	mustWrite(t, s.with("GIT_TRACE2_EVENT="+trace).open(), blobs("sha1", 50)...)
	data, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	if n := flushes(t, trace); n != 1 || bytes.Count(data, []byte(`"unpack-objects"`)) == 0 {
		t.Errorf("%d flushes for one call", n)
	}
}

// Git is run under a limit to the size of files, which fails a write in the
// same way as a disk does that is full.
func TestAFullDiskLeavesNothing(t *testing.T) {
	s := newScratch(t)
	r := s.open()
	wrapGit(t, "trap '' XFSZ\nulimit -f 64\n")
	small, large := blobs("sha1", 1)[0], NewObject("sha1", TypeBlob, noise(1, 500_000))
	mustWrite(t, r, small)
	wantFault(t, r.Write(context.Background(), []Object{large}), fault.DiskFull)
	if left := s.leftovers(); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	_, err := r.Read(context.Background(), large.ID, roomy)
	wantFault(t, err, fault.ObjectMissing)
	wantObject(t, r, small)
}

// With one flush for many objects git may end well although it could not move
// one into its place. What nil is returned for must be there.
func TestAnObjectThatCannotBePlacedIsSaid(t *testing.T) {
	t.Parallel()
	s := newScratch(t)
	r := s.open()
	all := blobs("sha1", 3)
	inTheWay := filepath.Dir(s.looseFile(all[1].ID))
	if err := os.WriteFile(inTheWay, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := r.Write(context.Background(), all); err == nil {
		t.Error("an object that is not there counts as written")
	}
	if err := os.Remove(inTheWay); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, r, all...)
	for _, o := range all {
		wantObject(t, r, o)
	}
}

func TestAReadOnlyRepositoryIsSaid(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Skip("root may write anywhere")
	}
	s := newScratch(t)
	first, second := s.commit("first"), s.commit("second")
	r := s.open()
	mustUpdate(t, r, "refs/seen/ledger", first, "")
	var closed []string
	err := filepath.WalkDir(s.gitDir(), func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			closed = append(closed, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range closed {
		if err := os.Chmod(dir, 0o555); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.Chmod(dir, 0o777) })
	}
	for name, err := range map[string]error{
		"objects":       r.Write(context.Background(), blobs("sha1", 2)),
		"a ref":         r.UpdateRef(context.Background(), "refs/seen/ledger", second, first),
		"a new ref":     r.UpdateRef(context.Background(), ledgerRef, second, ""),
		"configuration": r.AddConfig(context.Background(), "a.b", "c"),
	} {
		if !fault.Has(err, fault.ReadOnly) || !strings.Contains(fault.From(err).Fix(), s.gitDir()) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnUnknownTypeIsRefused(t *testing.T) {
	t.Parallel()
	r := newScratch(t).open()
	good := blobs("sha1", 1)[0]
	if err := r.Write(context.Background(), []Object{good, {Type: "treasure", Data: []byte("x")}}); err == nil {
		t.Error("written")
	}
}

// Many objects, and fewer that are large, stay in one pack; others become files.
func TestManyOrLargeObjectsAreOnePack(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct{ objects, bytes, packs int }{{maxLooseLarge + 1, 16 << 10, 1}, {maxLooseLarge + 1, 10, 0}, {maxLooseLarge, 16 << 10, 0}, {maxLoose + 1, 10, 1}} {
		s := newScratch(t)
		var all []Object
		for range c.objects {
			data := make([]byte, c.bytes)
			for i := range data {
				data[i] = byte(random.Uint32())
			}
			all = append(all, NewObject("sha1", TypeBlob, data))
		}
		r := s.look()
		if err := r.plumbing.Write(context.Background(), all); err != nil {
			t.Fatal(err)
		}
		if out := s.git("count-objects", "-v"); !strings.Contains(out, fmt.Sprintf("packs: %d\n", c.packs)) {
			t.Errorf("%d objects of %d bytes are stored so:\n%s", c.objects, c.bytes, out)
		}
	}
}
