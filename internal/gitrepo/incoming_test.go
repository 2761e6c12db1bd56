package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// faultyDisk is the disk, on which one step fails, and all that follow it where
// the process is to be dead from there on.
type faultyDisk struct {
	mu    sync.Mutex
	real  osDisk
	fails int // the step, counted from 1
	err   error
	dead  bool   // what comes later fails too
	half  bool   // a write that fails has written half
	far   string // a folder that is on another file system than what is written apart
	steps []string
}

func (d *faultyDisk) step(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.steps = append(d.steps, name)
	if n := len(d.steps); n == d.fails || n > d.fails && d.fails > 0 && d.dead {
		return d.err
	}
	return nil
}

func (d *faultyDisk) mkdirTemp(parent, prefix string) (string, error) {
	if err := d.step("mkdirTemp"); err != nil {
		return "", err
	}
	return d.real.mkdirTemp(parent, prefix)
}

func (d *faultyDisk) mkdir(dir string) error {
	if err := d.step("mkdir"); err != nil {
		return err
	}
	return d.real.mkdir(dir)
}

func (d *faultyDisk) create(path string) (diskFile, error) {
	if err := d.step("create"); err != nil {
		return nil, err
	}
	f, err := d.real.create(path)
	return &faultyFile{f, d}, err
}

func (d *faultyDisk) rename(from, to string) error {
	if err := d.step("rename"); err != nil {
		return err
	}
	if apart := strings.Contains(from, incomingName) && !strings.Contains(filepath.Base(from), "tmp_obj_"); apart && d.far != "" && strings.HasPrefix(to, d.far) {
		return errors.Join(syscall.EXDEV, d.step("far"))
	}
	return d.real.rename(from, to)
}

func (d *faultyDisk) removeAll(path string) error {
	if err := d.step("removeAll"); err != nil {
		return err
	}
	return d.real.removeAll(path)
}

type faultyFile struct {
	diskFile
	disk *faultyDisk
}

func (f *faultyFile) Write(p []byte) (int, error) {
	if err := f.disk.step("write"); err != nil {
		n := 0
		if f.disk.half {
			n, _ = f.diskFile.Write(p[:len(p)/2])
		}
		return n, err
	}
	return f.diskFile.Write(p)
}

func (f *faultyFile) Sync() error {
	if err := f.disk.step("sync"); err != nil {
		return err
	}
	return f.diskFile.Sync()
}

// stores are both, over one repository.
func stores(r *Repo) map[string]Store {
	return map[string]Store{"git": &r.plumbing, "go-git": newFileStore(r)}
}

// Every step of a write fails once, in every way: nothing is ever read that was
// not written, a write that is said to be done is done, and the next one clears
// away what a dead process left.
func TestEveryStepOfAWriteFails(t *testing.T) {
	t.Parallel()
	all := samples("sha1")
	objects := []Object{all[0], all[6], all[7], all[9], all[10]} // small and large, of each type
	for name := range stores(newRepo(git{})) {
		for _, way := range []struct {
			err        error
			dead, half bool
		}{
			{err: syscall.ENOSPC}, {err: syscall.ENOSPC, half: true}, {err: syscall.EIO}, {err: syscall.EROFS},
			{err: errors.New("killed"), dead: true}, {err: errors.New("killed"), dead: true, half: true},
		} {
			t.Run(fmt.Sprintf("%s %v half=%v", name, way.err, way.half), func(t *testing.T) {
				t.Parallel()
				s := newScratch(t)
				failed := 0
				for k := 1; ; k++ {
					disk := &faultyDisk{fails: k, err: way.err, dead: way.dead, half: way.half}
					r := s.look()
					r.disk = disk
					all := slices.Clone(objects)
					for i := range all { // others each time, so that nothing is there already
						if all[i].Type == TypeBlob {
							all[i] = NewObject("sha1", TypeBlob, append(slices.Clone(all[i].Data), fmt.Sprint(k)...))
						}
					}
					err := stores(r)[name].Write(context.Background(), all)
					reader := s.look()
					for _, o := range all {
						got, readErr := reader.Read(context.Background(), o.ID, roomy)
						if err == nil && readErr != nil || readErr != nil && !fault.Has(readErr, fault.ObjectMissing) {
							t.Fatalf("step %d, %v: the write says %v, and reading %v", k, disk.steps, err, readErr)
						}
						if readErr == nil {
							wantSame(t, got, o)
						}
					}
					if err != nil {
						failed++
						if code := map[error]fault.Code{syscall.ENOSPC: fault.DiskFull, syscall.EROFS: fault.ReadOnly}[way.err]; code != "" {
							wantFault(t, err, code)
						}
					}
					reader.Close()
					// A git that another test starts at this moment has the lock of the one
					// that was killed until it is itself: in life that one is gone.
					left := []string{"not tried"}
					for tries := 0; len(left) > 0 && tries < 10; tries++ {
						mustWrite(t, s.look(), NewObject("sha1", TypeBlob, fmt.Append(nil, "after", k, tries)))
						left = s.leftovers()
					}
					if len(left) > 0 {
						t.Fatalf("step %d, %v: left behind: %q", k, disk.steps, left)
					}
					if len(disk.steps) < k {
						break
					}
				}
				if least := map[string]int{"git": 4, "go-git": 4 * len(objects)}[name]; failed < least {
					t.Errorf("%d steps failed, and there are at least %d", failed, least)
				}
				s.git("fsck", "--strict", "--no-dangling")
			})
		}
	}
}

// Each object is flushed before any of them gets its name.
func TestObjectsAreFlushedBeforeTheyAreNamed(t *testing.T) {
	t.Parallel()
	r := newScratch(t).look()
	disk := new(faultyDisk)
	r.disk = disk
	all := blobs("sha1", 5)
	mustWrite(t, r, all...)
	syncs, named := 0, false
	for _, step := range disk.steps {
		switch step {
		case "sync":
			if syncs++; named {
				t.Error("an object was flushed after another had its name")
			}
		case "rename":
			named = true
		}
	}
	if syncs != len(all) || !named {
		t.Errorf("%d flushes: %v", syncs, disk.steps)
	}
}

// What a process that runs has begun is not cleared away.
func TestAWriteInProgressIsLeftAlone(t *testing.T) {
	t.Parallel()
	s := newScratch(t)
	in, err := s.look().NewIncoming()
	if err != nil {
		t.Fatal(err)
	}
	mustWrite(t, s.look(), blobs("sha1", 2)...)
	if _, err := os.Stat(in.Dir()); err != nil {
		t.Error("it is gone")
	}
	in.lock.Close() // as when the process dies
	mustWrite(t, s.look(), blobs("sha1", 2)...)
	if _, err := os.Stat(in.Dir()); err == nil {
		t.Error("it stays when nobody has it any more")
	}
}

// A folder of objects may be on another file system than the rest.
func TestObjectsOnAnotherFileSystem(t *testing.T) {
	t.Parallel()
	s := newScratch(t)
	r := s.look()
	disk := &faultyDisk{far: filepath.Join(s.gitDir(), "objects")}
	r.disk = disk
	all := blobs("sha1", 3)
	mustWrite(t, r, all...)
	for _, o := range all {
		wantObject(t, s.look(), o)
	}
	if left := s.leftovers(); len(left) > 0 || !slices.Contains(disk.steps, "far") {
		t.Errorf("left behind: %q, after %v", left, disk.steps)
	}
}

// In a folder of any name.
func TestAbandonedWritesAreFoundAnywhere(t *testing.T) {
	t.Parallel()
	s := emptyScratch(t)
	for _, name := range []string{`a\b`, "[x]", "a]b[", "*", "line\nbreak"} {
		dir := filepath.Join(s.dir, name)
		if err := os.Mkdir(dir, 0o777); err != nil {
			t.Skip(err)
		}
		s := s.at(dir)
		s.git("init", "--quiet")
		in, err := s.look().NewIncoming()
		if err != nil {
			t.Fatal(err)
		}
		in.lock.Close()
		mustWrite(t, s.look(), blobs("sha1", 1)...)
		if _, err := os.Stat(in.Dir()); err == nil {
			t.Errorf("in %q it stays", name)
		}
	}
}

// Writers who begin and clear away at the same time do not take each other's work
// for abandoned.
func TestManyBeginWrites(t *testing.T) {
	t.Parallel()
	s := newScratch(t)
	var done sync.WaitGroup
	for n := range 8 {
		r := s.look()
		done.Go(func() {
			for i := range 25 {
				o := NewObject("sha1", TypeBlob, fmt.Appendf(nil, "%d of %d", i, n))
				if err := r.Write(context.Background(), []Object{o}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done.Wait()
	if left := s.leftovers(); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	s.git("fsck", "--strict", "--no-dangling")
}

// A shared repository stays one: folders get the mode that it wants.
func TestSharedFoldersAreShared(t *testing.T) {
	t.Parallel()
	s := newScratch(t, "--shared=group")
	r := s.look()
	if r.inProcess() != nil {
		t.Error("the objects of several users are written in this process")
	}
	o := blobs("sha1", 1)[0]
	mustWrite(t, r, o)
	info, err := os.Stat(filepath.Dir(s.looseFile(o.ID)))
	if err != nil || info.Mode().Perm()&0o070 != 0o070 || info.Mode()&os.ModeSetgid == 0 {
		t.Errorf("%v %v", info.Mode(), err)
	}
}

// What a push has brought and nobody accepted yet is not the repository's.
func TestObjectsOfAPushAreNotSeen(t *testing.T) {
	t.Parallel()
	s := newScratch(t)
	o := blobs("sha1", 1)[0]
	mustWrite(t, s.look(), o)
	hidden := filepath.Join(s.gitDir(), "objects", "tmp_objdir-incoming-x", string(o.ID[:2]))
	if err := os.MkdirAll(hidden, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(s.looseFile(o.ID), filepath.Join(hidden, string(o.ID[2:]))); err != nil {
		t.Fatal(err)
	}
	_, err := s.look().Read(context.Background(), o.ID, roomy)
	wantFault(t, err, fault.ObjectMissing)
}

// Which store a repository takes.
func TestWhatIsReadInProcess(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		make func(s *scratch) *scratch
		want bool
	}{
		"ordinary": {func(s *scratch) *scratch { return s }, true},
		"sparse": {func(s *scratch) *scratch {
			s.commit("first")
			s.git("sparse-checkout", "init", "--cone")
			return s
		}, true},
		"shared objects": {func(s *scratch) *scratch {
			s.commit("first")
			s.git("clone", "--quiet", "--shared", ".", "other")
			return s.at(filepath.Join(s.dir, "other"))
		}, false},
		"partial": {func(s *scratch) *scratch {
			s.git("config", "remote.origin.promisor", "true")
			return s
		}, false},
		"worktree": {func(s *scratch) *scratch {
			s.commit("first")
			s.git("worktree", "add", "--quiet", "other")
			return s.at(filepath.Join(s.dir, "other"))
		}, false},
		"GIT_DIR": {func(s *scratch) *scratch { return s.with("GIT_DIR=" + s.gitDir()) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := c.make(newScratch(t)).look().inProcess() != nil; got != c.want {
				t.Errorf("in this process: %v", got)
			}
		})
	}
}

// Alternates may be named by any path.
func TestAlternatesAreQuoted(t *testing.T) {
	t.Parallel()
	s := emptyScratch(t)
	dir := filepath.Join(s.dir, `a:b"c\d`)
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Skip(err)
	}
	s = s.at(dir)
	s.git("init", "--quiet")
	parent := s.commit("first")
	r := s.look()
	in, err := r.NewIncoming()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	git, err := in.Import(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(git, "commit %s\ncommitter A <a@example.com> 1 +0000\ndata 1\nx\nfrom %s\n", IncomingRef, parent)
	id, err := git.Finish()
	if err != nil {
		t.Fatal(err)
	}
	store := in.Store()
	defer store.Close()
	for _, id := range []OID{id, OID(strings.TrimSpace(string(parent)))} {
		if _, err := store.Read(context.Background(), id, roomy); err != nil {
			t.Error(err)
		}
	}
	if _, err := r.Read(context.Background(), id, roomy); !fault.Has(err, fault.ObjectMissing) {
		t.Errorf("the repository has it too: %v", err)
	}
	if err := in.Keep(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Read(context.Background(), id, roomy); err != nil {
		t.Error(err)
	}
}
