package gitrepo

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// found is what Open says of a repository.
type found struct {
	gitDir, commonDir string
	bare, shallow     bool
	algorithm         string
}

func (s *scratch) wantFound(want found) *Repo {
	s.t.Helper()
	r := s.open()
	got := found{r.GitDir, r.CommonDir, r.Bare, r.Shallow, r.Algorithm()}
	if got != want {
		s.t.Errorf("in %s found %+v, want %+v", s.dir, got, want)
	}
	return r
}

func TestOpen(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []string{"sha1", "sha256"} {
		s := newScratch(t, "--object-format="+algorithm)
		s.file("sub/folder/file", "x")
		git := filepath.Join(s.dir, ".git")
		want := found{gitDir: git, commonDir: git, algorithm: algorithm}
		s.wantFound(want)
		s.at(filepath.Join(s.dir, "sub", "folder")).wantFound(want)
		s.at(git).wantFound(want)
		s.at(filepath.Join(git, "objects")).wantFound(want)
	}
}

func TestOpenBare(t *testing.T) {
	t.Parallel()
	s := newScratch(t, "--bare")
	s.wantFound(found{gitDir: s.dir, commonDir: s.dir, bare: true, algorithm: "sha1"})
}

func TestOpenLinkedWorktree(t *testing.T) {
	t.Parallel()
	s := newScratch(t)
	commit := s.commit("first")
	linked := s.at(filepath.Join(filepath.Dir(s.dir), "linked"))
	s.git("worktree", "add", "--quiet", "--detach", linked.dir)
	git := filepath.Join(s.dir, ".git")
	r := linked.wantFound(found{gitDir: filepath.Join(git, "worktrees", "linked"), commonDir: git, algorithm: "sha1"})
	// What is written from one worktree is there in all of them.
	o := NewObject("sha1", TypeBlob, []byte("from the linked worktree"))
	mustWrite(t, r, o)
	mustUpdate(t, r, ledgerRef, commit, "")
	wantObject(t, s.open(), o)
	s.wantRef(s.open(), ledgerRef, commit)
}

// Git libraries refuse such a clone for its extension worktreeConfig.
func TestOpenSparseCheckout(t *testing.T) {
	t.Parallel()
	s := newScratch(t)
	s.file("kept/a", "a")
	s.file("left out/b", "b")
	commit := s.commit("first")
	s.git("config", "extensions.worktreeConfig", "true")
	s.git("sparse-checkout", "set", "--cone", "kept")
	if _, err := os.Lstat(filepath.Join(s.dir, "left out")); err == nil {
		t.Fatal("the checkout is not sparse")
	}
	if _, err := os.Lstat(filepath.Join(s.dir, ".git", "config.worktree")); err != nil {
		t.Fatal(err)
	}
	git := filepath.Join(s.dir, ".git")
	r := s.wantFound(found{gitDir: git, commonDir: git, algorithm: "sha1"})
	if id, _, err := r.ResolveCommit(context.Background(), "HEAD"); id != commit || err != nil {
		t.Errorf("HEAD is %s, %v", id, err)
	}
	if dirty, err := r.Dirty(context.Background()); dirty || err != nil {
		t.Errorf("dirty: %v, %v", dirty, err)
	}
}

func TestOpenShallowClone(t *testing.T) {
	t.Parallel()
	s := newScratch(t)
	s.commit("first")
	s.commit("second")
	clone := s.at(filepath.Join(filepath.Dir(s.dir), "clone"))
	s.git("clone", "--quiet", "--depth=1", "file://"+filepath.ToSlash(s.dir), clone.dir)
	git := filepath.Join(clone.dir, ".git")
	clone.wantFound(found{gitDir: git, commonDir: git, shallow: true, algorithm: "sha1"})
}

// A person's GIT_DIR counts as it does for git.
func TestOpenByEnvironment(t *testing.T) {
	t.Parallel()
	s := newScratch(t)
	git := filepath.Join(s.dir, ".git")
	outside := s.at(filepath.Dir(s.dir)).with("GIT_DIR="+git, "GIT_WORK_TREE="+s.dir)
	outside.wantFound(found{gitDir: git, commonDir: git, algorithm: "sha1"})
}

func TestOpenFaults(t *testing.T) {
	t.Parallel()
	future := newScratch(t)
	future.git("config", "core.repositoryFormatVersion", "99")
	extended := newScratch(t)
	extended.git("config", "core.repositoryFormatVersion", "1")
	extended.git("config", "extensions.notYetKnown", "true")
	broken := newScratch(t)
	if err := os.WriteFile(filepath.Join(broken.dir, ".git", "config"), []byte("[core\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	headless := newScratch(t)
	if err := os.Remove(filepath.Join(headless.dir, ".git", "HEAD")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		s    *scratch
		code fault.Code
	}{
		{"no repository", emptyScratch(t), fault.NoRepository},
		{"GIT_DIR that is none", newScratch(t).with("GIT_DIR=/nonexistent"), fault.NoRepository},
		{"without HEAD", headless, fault.NoRepository},
		{"format of the future", future, fault.GitRefused},
		{"unknown extension", extended, fault.GitRefused},
		{"configuration that cannot be read", broken, fault.GitRefused},
		{"somebody else's", newScratch(t).with("GIT_TEST_ASSUME_DIFFERENT_OWNER=1"), fault.GitRefused},
		{"folder that is not there", emptyScratch(t).at("/nonexistent"), fault.GitRefused},
	} {
		r, err := Open(context.Background(), Options{Dir: c.s.dir, Env: c.s.env})
		if !fault.Has(err, c.code) || r != nil {
			t.Errorf("%s: %v, %v; want %s", c.name, r, err, c.code)
		}
		if err != nil && len(fault.From(err).Causes()) == 0 {
			t.Errorf("%s: git's own words are lost: %v", c.name, err)
		}
	}
}

// Git answers a line for each question, and a path may have lines of its own.
func TestOpenIsNotConfusedByAPathWithALineBreak(t *testing.T) {
	t.Parallel()
	s := newScratch(t)
	dir := filepath.Join(s.dir, "a\nb")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Skipf("no such names here: %v", err)
	}
	s.git("init", "--quiet", dir)
	if r, err := Open(context.Background(), Options{Dir: dir, Env: s.env}); err == nil {
		t.Errorf("opened %q", r.GitDir)
	}
}

func TestOpenIsInterrupted(t *testing.T) {
	t.Parallel()
	s := newScratch(t)
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := Open(gone, Options{Dir: s.dir, Env: s.env})
	wantFault(t, err, fault.Interrupted)
}

// The PATH that counts is that of the process, so this test is not parallel.
func TestWithoutGit(t *testing.T) {
	s := newScratch(t)
	r := s.open()
	t.Setenv("PATH", t.TempDir())
	ctx := context.Background()
	_, err := Open(ctx, Options{Dir: s.dir, Env: s.env})
	wantFault(t, err, fault.GitMissing)
	_, err = Version(ctx, s.env)
	wantFault(t, err, fault.GitMissing)
	_, err = r.Read(ctx, ZeroOID("sha1"), roomy)
	wantFault(t, err, fault.GitMissing)
	_, err = r.Ref(ctx, ledgerRef)
	wantFault(t, err, fault.GitMissing)
	wantFault(t, r.Write(ctx, blobs("sha1", 1)), fault.GitMissing)
}

func TestVersion(t *testing.T) {
	t.Parallel()
	s := newScratch(t)
	version, err := Version(context.Background(), s.env)
	if said := s.git("version"); err != nil || !strings.HasPrefix(said, "git version "+version) || version == "" {
		t.Errorf("got %q, %v; git says %q", version, err, said)
	}
}

func TestClosingTwiceIsFineAndReadingOpensAgain(t *testing.T) {
	t.Parallel()
	r := newScratch(t).open()
	o := blobs("sha1", 1)[0]
	mustWrite(t, r, o)
	for range 3 {
		wantObject(t, r, o)
		r.Close()
		r.Close()
	}
}
