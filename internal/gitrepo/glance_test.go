package gitrepo

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// What is seen at a glance is what git says when it is asked, and where that is
// not certain git is asked.
func TestLookSeesWhatOpenDoes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		make   func(s *scratch) *scratch
		glance bool
	}{
		{"ordinary", func(s *scratch) *scratch { return s }, true},
		{"a subfolder", func(s *scratch) *scratch { s.file("a/b/c", ""); return s.at(filepath.Join(s.dir, "a", "b")) }, true},
		{"a link to it", func(s *scratch) *scratch {
			link := filepath.Join(s.t.TempDir(), "link")
			if err := os.Symlink(s.dir, link); err != nil {
				s.t.Skip(err)
			}
			return s.at(link)
		}, true},
		{"worktreeConfig", func(s *scratch) *scratch {
			s.git("config", "extensions.worktreeConfig", "true")
			s.git("config", "core.repositoryformatversion", "1")
			return s
		}, true},
		{"an included file", func(s *scratch) *scratch {
			s.file("more", "[core]\n\tquotepath = false\n")
			s.git("config", "include.path", "../more")
			return s
		}, true},
		{"a folder .git that is none", func(s *scratch) *scratch { s.file("a/.git/x", ""); return s.at(filepath.Join(s.dir, "a")) }, false},
		{"a folder .git that looks like one", func(s *scratch) *scratch {
			for _, name := range []string{"objects/x", "refs/x"} {
				s.file("a/.git/"+name, "")
			}
			s.file("a/.git/HEAD", "ref: refs/heads/main\n")
			return s.at(filepath.Join(s.dir, "a"))
		}, false},
		{"another work tree", func(s *scratch) *scratch {
			s.commit("first")
			dir := filepath.Join(s.t.TempDir(), "other")
			s.git("worktree", "add", "-q", dir)
			return s.at(dir)
		}, false},
		{"a submodule", func(s *scratch) *scratch {
			s.commit("first")
			s.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", s.dir, "sub")
			return s.at(filepath.Join(s.dir, "sub"))
		}, false},
		{"bare", func(s *scratch) *scratch {
			s.git("clone", "-q", "--bare", s.dir, s.dir+".git")
			return s.at(s.dir + ".git")
		}, false},
		{"bare within a work tree", func(s *scratch) *scratch {
			s.git("init", "-q", "--bare", "hub.git")
			return s.at(filepath.Join(s.dir, "hub.git"))
		}, false},
		{"inside .git", func(s *scratch) *scratch { return s.at(filepath.Join(s.dir, ".git", "refs")) }, false},
		{"core.worktree", func(s *scratch) *scratch { s.git("config", "core.worktree", s.t.TempDir()); return s }, false},
		{"GIT_DIR", func(s *scratch) *scratch { return s.at(s.t.TempDir()).with("GIT_DIR=" + s.gitDir()) }, false},
		{"GIT_CEILING_DIRECTORIES", func(s *scratch) *scratch {
			s.file("a/b", "")
			return s.at(filepath.Join(s.dir, "a")).with("GIT_CEILING_DIRECTORIES=" + s.dir)
		}, false},
		{"another format", func(s *scratch) *scratch { s.git("config", "core.repositoryformatversion", "7"); return s }, false},
		{"another extension", func(s *scratch) *scratch {
			s.git("config", "core.repositoryformatversion", "1")
			s.git("config", "extensions.later", "true")
			return s
		}, false},
		{"not a repository", func(s *scratch) *scratch { return s.at(s.t.TempDir()) }, false},
		{"a configuration that is broken", func(s *scratch) *scratch { s.file(".git/config", "[core"); return s }, false},
	} {
		for _, algorithm := range []string{"sha1", "sha256"} {
			t.Run(c.name+" "+algorithm, func(t *testing.T) {
				t.Parallel()
				s := c.make(newScratch(t, "--object-format="+algorithm))
				o := Options{Dir: s.dir, Env: s.env}
				seen, err := Open(context.Background(), o)
				look, config, lookErr := Look(context.Background(), o)
				if (err == nil) != (lookErr == nil) {
					t.Fatalf("git says %v, a look %v", err, lookErr)
				}
				if err != nil {
					return
				}
				if look.GitDir != seen.GitDir || look.CommonDir != seen.CommonDir || look.algorithm != seen.algorithm || look.Bare != seen.Bare || look.Shallow != seen.Shallow {
					t.Errorf("a look sees %+v, git says %+v", look, seen)
				}
				if look.plainRefs != c.glance {
					t.Errorf("at a glance: %v", look.plainRefs)
				}
				asked, err := seen.Config(context.Background())
				if err != nil || !maps.EqualFunc(config.values, asked.values, func(a, b []string) bool { return strings.Join(a, "\x00") == strings.Join(b, "\x00") }) {
					t.Errorf("the configuration is %v, git says %v, %v", config, asked, err)
				}
			})
		}
	}
}

// Refs that are read as files are those that git reads.
func TestPlainRefsAreGits(t *testing.T) {
	t.Parallel()
	s := newScratch(t)
	first, second := string(s.commit("first")), string(s.commit("second"))
	s.git("update-ref", "refs/vaultmesh/ledger", first)
	s.git("update-ref", "refs/vaultmesh/packed", first)
	s.git("update-ref", "refs/vaultmesh/both", first)
	s.git("tag", "-a", "-m", "x", "tagged")
	s.git("pack-refs", "--all")
	s.git("update-ref", "refs/vaultmesh/both", second)
	s.git("update-ref", "refs/vaultmesh/ledger", second)
	s.git("update-ref", "refs/vaultmesh/deep/er", second)
	s.git("symbolic-ref", "refs/vaultmesh/symbolic", "refs/vaultmesh/both")
	s.file(".git/refs/vaultmesh/garbage", "garbage\n")
	s.file(".git/refs/vaultmesh/short", first[:39]+"\n")
	s.file(".git/refs/vaultmesh/long", first+"\n"+first+"\n")
	s.file(".git/refs/vaultmesh/empty", "")
	o := Options{Dir: s.dir, Env: s.env}
	look, _, err := Look(context.Background(), o)
	if err != nil || !look.plainRefs {
		t.Fatal(look, err)
	}
	seen := s.open()
	for _, name := range []string{"ledger", "packed", "both", "deep", "deep/er", "symbolic", "garbage", "short", "long", "empty", "none", "../tags/tagged", ".", "ledger/below", "pack", "ED"} {
		name = "refs/vaultmesh/" + name
		want, wantErr := seen.Ref(context.Background(), name)
		got, err := look.Ref(context.Background(), name)
		if got != want || (err == nil) != (wantErr == nil) {
			t.Errorf("%s is %q, %v; git says %q, %v", name, got, err, want, wantErr)
		}
		_, plain := look.plainRef(name)
		if wantErr != nil && plain {
			t.Errorf("%s is taken for a ref", name)
		}
	}
	refs, err := look.Exact(context.Background(), "refs/vaultmesh/ledger", "refs/vaultmesh/packed", "refs/vaultmesh/none")
	if err != nil || !maps.Equal(refs, map[string]OID{"refs/vaultmesh/ledger": OID(second), "refs/vaultmesh/packed": OID(first)}) {
		t.Errorf("%v, %v", refs, err)
	}
	if refs, err := look.Exact(context.Background(), "refs/vaultmesh/ledger", "refs/vaultmesh/symbolic"); err == nil {
		t.Errorf("with a symbolic one: %v", refs)
	}
}

// While git packs refs and moves them, one that is read as a file is never read
// as absent.
func TestPlainRefsAreReadWhileGitPacks(t *testing.T) {
	t.Parallel()
	s := newScratch(t)
	first, second := string(s.commit("first")), string(s.commit("second"))
	s.git("update-ref", ledgerRef, first)
	look, _, err := Look(context.Background(), Options{Dir: s.dir, Env: s.env})
	if err != nil || !look.plainRefs {
		t.Fatal(look, err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 30 {
			for _, commit := range []string{second, first} {
				s.try("", "update-ref", ledgerRef, commit)
				s.try("", "pack-refs", "--all", "--prune")
			}
		}
	}()
	for reads := 0; ; reads++ {
		id, ok := look.plainRef(ledgerRef)
		if ok && id != OID(first) && id != OID(second) {
			t.Fatalf("read %d is %q", reads, id)
		}
		select {
		case <-done:
			if reads < 100 {
				t.Errorf("only %d reads", reads)
			}
			return
		default:
		}
	}
}

// What is a stranger's lies in the way: it is not read for what it is not.
func TestHugeAndOddFilesInPlaceOfLines(t *testing.T) {
	t.Parallel()
	s := emptyScratch(t)
	for _, dir := range []string{".git/objects", ".git/refs", "sub"} {
		if err := os.MkdirAll(filepath.Join(s.dir, filepath.FromSlash(dir)), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	head := filepath.Join(s.dir, ".git", "HEAD")
	if err := os.WriteFile(head, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(head, 1<<42); err != nil {
		t.Skip(err)
	}
	_, _, err := Look(context.Background(), Options{Dir: filepath.Join(s.dir, "sub"), Env: s.env})
	wantFault(t, err, fault.NoRepository)
}

// A format that the user's own configuration names is not the repository's.
func TestTheFormatIsTheRepositorysOwn(t *testing.T) {
	t.Parallel()
	s := newScratch(t)
	commit := s.commit("first")
	s.git("config", "core.repositoryFormatVersion", "1")
	s.git("config", "--global", "extensions.objectFormat", "sha256")
	r := s.look()
	if r.Algorithm() != "sha1" {
		t.Errorf("the algorithm is %s", r.Algorithm())
	}
	if _, err := r.Read(context.Background(), OID(commit), roomy); err != nil {
		t.Error(err)
	}
}

// A ref that is a link to nothing is not absent.
func TestADanglingLinkIsNoAbsentRef(t *testing.T) {
	t.Parallel()
	s := newScratch(t)
	link := filepath.Join(s.gitDir(), filepath.FromSlash(ledgerRef))
	if err := os.MkdirAll(filepath.Dir(link), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", link); err != nil {
		t.Skip(err)
	}
	if _, plain := s.look().plainRef(ledgerRef); plain {
		t.Error("it is read as absent")
	}
}
