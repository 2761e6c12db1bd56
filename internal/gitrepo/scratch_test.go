package gitrepo

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// scratch is a folder with a repository, and an environment in which nothing
// of the developer's own configuration, identity or zone counts.
type scratch struct {
	t   testing.TB
	dir string
	env []string
}

// newScratch makes a repository; options go to git init.
func newScratch(t testing.TB, options ...string) *scratch {
	t.Helper()
	s := emptyScratch(t)
	s.git(append([]string{"init", "--quiet", "--initial-branch=main"}, options...)...)
	return s
}

// emptyScratch is a folder in which git finds no repository.
func emptyScratch(t testing.TB) *scratch {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := &scratch{t: t, dir: filepath.Join(root, "place")}
	s.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Join(root, "home"), "TZ=UTC",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CEILING_DIRECTORIES=" + root,
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com", "GIT_AUTHOR_DATE=1795356300 +0100",
		"GIT_COMMITTER_NAME=Grace", "GIT_COMMITTER_EMAIL=grace@example.com", "GIT_COMMITTER_DATE=1795365000 +0000",
	}
	for _, dir := range []string{s.dir, filepath.Join(root, "home")} {
		if err := os.Mkdir(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// in is s for a subtest, which then fails by itself.
func (s *scratch) in(t testing.TB) *scratch {
	c := *s
	c.t = t
	return &c
}

// at is s seen from another folder.
func (s *scratch) at(dir string) *scratch {
	c := *s
	c.dir = dir
	return &c
}

// with is s with more variables in its environment.
func (s *scratch) with(env ...string) *scratch {
	c := *s
	c.env = append(append([]string{}, s.env...), env...)
	return &c
}

// try runs git and returns its output as it is.
func (s *scratch) try(stdin string, args ...string) ([]byte, error) {
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Env, cmd.Stdin = s.dir, s.env, strings.NewReader(stdin)
	return cmd.Output()
}

// pipe runs git, which must succeed, and returns its output as it is.
func (s *scratch) pipe(stdin string, args ...string) []byte {
	s.t.Helper()
	var said bytes.Buffer
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Env, cmd.Stdin, cmd.Stderr = s.dir, s.env, strings.NewReader(stdin), &said
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("git %q: %v\n%s", args, err, said.Bytes())
	}
	return out
}

// git is pipe for commands that answer with a line.
func (s *scratch) git(args ...string) string {
	s.t.Helper()
	return strings.TrimSpace(string(s.pipe("", args...)))
}

// wrapGit has a shell run lines before git does, for the rest of the test. The
// PATH that counts is that of the process, so the test cannot be parallel.
func wrapGit(t *testing.T, lines string) {
	t.Helper()
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no shell here")
	}
	real, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	script := "#!" + sh + "\n" + lines + "\nexec '" + real + "' \"$@\"\n"
	if err := os.WriteFile(filepath.Join(bin, "git"), []byte(script), 0o777); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// file writes a file of the work tree.
func (s *scratch) file(name, content string) {
	s.t.Helper()
	path := filepath.Join(s.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
		s.t.Fatal(err)
	}
}

// commit commits what is in the work tree.
func (s *scratch) commit(message string) OID {
	s.t.Helper()
	s.git("add", "--all")
	s.git("commit", "--quiet", "--allow-empty", "--message", message)
	return OID(s.git("rev-parse", "HEAD"))
}

// open opens the repository and closes it when the test ends.
func (s *scratch) open() *Repo {
	s.t.Helper()
	r, err := Open(context.Background(), Options{Dir: s.dir, Env: s.env})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(r.Close)
	return r
}

// look opens the repository as commands do.
func (s *scratch) look() *Repo {
	s.t.Helper()
	r, _, err := Look(context.Background(), Options{Dir: s.dir, Env: s.env})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(r.Close)
	return r
}

// gitDir is the folder that all worktrees share.
func (s *scratch) gitDir() string {
	s.t.Helper()
	return s.git("rev-parse", "--path-format=absolute", "--git-common-dir")
}

// looseFile is the file of a loose object.
func (s *scratch) looseFile(id OID) string {
	s.t.Helper()
	return filepath.Join(s.gitDir(), "objects", string(id[:2]), string(id[2:]))
}

// replaceLoose gives a loose object's file other bytes. Git makes such files
// read-only, so the old one goes first.
func (s *scratch) replaceLoose(id OID, data []byte) {
	s.t.Helper()
	path := s.looseFile(id)
	if err := os.Remove(path); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o444); err != nil {
		s.t.Fatal(err)
	}
}

// wantFault checks the code of an error; an empty code wants no error.
func wantFault(t *testing.T, err error, code fault.Code) {
	t.Helper()
	if code == "" && err != nil || code != "" && !fault.Has(err, code) {
		t.Errorf("got the error %v, want %q", err, code)
	}
}
