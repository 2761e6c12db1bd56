package release

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
)

// scratch is a repository in a temporary folder.
type scratch struct {
	t   *testing.T
	dir string
}

func newScratch(t *testing.T, algorithm string) *scratch {
	s := &scratch{t, t.TempDir()}
	s.git("init", "-q", "--object-format="+algorithm)
	return s
}

func (s *scratch) environ() []string {
	return append(os.Environ(), "HOME="+s.dir, "XDG_CONFIG_HOME="+s.dir, "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com",
		"GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com", "GIT_AUTHOR_DATE=1700000000 +0000", "GIT_COMMITTER_DATE=1700000000 +0000")
}

func (s *scratch) git(args ...string) string { return s.gitWith(nil, args...) }

func (s *scratch) gitWith(stdin []byte, args ...string) string {
	s.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Env, cmd.Stdin = s.dir, s.environ(), bytes.NewReader(stdin)
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("git %v: %v", args, err)
	}
	return strings.TrimSpace(string(out))
}

// file puts a blob into the index, whatever its name: the disk need not take it.
func (s *scratch) file(mode, path, content string) {
	s.t.Helper()
	id := s.gitWith([]byte(content), "hash-object", "-w", "--stdin")
	s.gitWith([]byte(mode+" "+id+"\t"+path+"\x00"), "update-index", "-z", "--index-info")
}

func (s *scratch) commit() gitrepo.OID {
	s.t.Helper()
	s.git("commit", "-q", "--allow-empty", "-m", "files")
	return gitrepo.OID(s.git("rev-parse", "HEAD"))
}

func (s *scratch) open() *gitrepo.Repo {
	s.t.Helper()
	repo, err := gitrepo.Open(context.Background(), gitrepo.Options{Dir: s.dir, Env: s.environ()})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(repo.Close)
	return repo
}

// archive is that of a commit.
func (s *scratch) archive(id gitrepo.OID) ([]byte, error) {
	s.t.Helper()
	repo := s.open()
	_, c, err := repo.ResolveCommit(context.Background(), string(id))
	if err != nil {
		s.t.Fatal(err)
	}
	src, err := sourceOf(context.Background(), repo, id, c)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = src.write(context.Background(), &b)
	return b.Bytes(), err
}

// plain are the commands of the specification.
func plain(t *testing.T) string {
	text, err := os.ReadFile("../../docs/spec/source-archive.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)```sh\n(.*?)```").FindSubmatch(text)
	if found == nil {
		t.Fatal("the specification has no commands")
	}
	return string(found[1])
}

// oddities are files with everything that a tree may have.
func (s *scratch) oddities() {
	long := strings.Repeat("l", 120)
	random := make([]byte, 3<<20)
	rand.Read(random)
	for path, content := range map[string]string{
		"a": "", "a.b": "b", "a-b": "b", "dir/a": "hi\n", "dir.x": "x", "dir-x": "x", "-dash": "d", " leading": "l", "--": "x",
		"crlf.txt": "a\r\nb\n", "subst": "$Format:%H$ $Id$\n", ".gitattributes": "subst export-subst ident\n/ignored export-ignore\n*.txt text eol=crlf\nlfs filter=lfs\n",
		"ignored": "there\n", "lfs": "version https://git-lfs.github.com/spec/v1\n", "exact": strings.Repeat("x", 512), "big": string(random),
		"\xc3\xa4": "umlaut", "bad\xff": "no UTF-8", "new\nline": "nl", "tab\t": "t", `back\slash`: "b", `quote"`: "q",
		long + "/" + long + "/a": "long", strings.Repeat("m", 95) + "/mid": "99", strings.Repeat("m", 95) + "/mids": "100", strings.Repeat("m", 95) + "/mids2": "101",
		"deep/" + strings.Repeat("d/", 100) + "f": "deep", "deep/\xff" + strings.Repeat("d/", 100) + "f": "deep",
	} {
		s.file("100644", path, content)
	}
	s.file("100755", "run", "#!/bin/sh\n")
	s.file("120000", "link", "dir/a")
	s.file("120000", "away", "../../etc/passwd")
	s.file("120000", "wide", "\xc3\xa4")
	s.file("120000", "hundred", strings.Repeat("h", 100))
	s.file("120000", "more", strings.Repeat("h", 101))
	s.file("120000", "both"+long, strings.Repeat("b/", 200)+"\xff")
	for _, module := range []string{"module", "dir/module", "z" + strings.Repeat("m", 99), "module\xff"} {
		s.gitWith([]byte("160000 "+strings.Repeat("1", len(s.git("hash-object", "--stdin")))+"\t"+module+"\x00"), "update-index", "-z", "--index-info")
	}
}

// Plain tools make the archive of the specification, whatever git's settings and
// attributes are, the umask and the locale.
func TestPlainToolsMakeTheSameArchive(t *testing.T) {
	if out, err := exec.Command("tar", "--version").Output(); err != nil || !bytes.Contains(out, []byte("GNU tar")) {
		t.Skip("needs GNU tar")
	}
	for _, algorithm := range []string{"sha1", "sha256"} {
		s := newScratch(t, algorithm)
		s.oddities()
		id := s.commit()
		got, err := s.archive(id)
		if err != nil {
			t.Fatal(err)
		}
		for _, around := range []string{"umask 077; LC_ALL=C", "umask 000; LC_ALL=C.UTF-8"} {
			s.git("config", "core.autocrlf", map[bool]string{true: "true", false: "false"}[strings.Contains(around, "077")])
			room := t.TempDir()
			cmd := exec.Command("sh", "-c", around+"; "+plain(t))
			cmd.Dir, cmd.Env = s.dir, append(s.environ(), "commit="+string(id), "room="+room, "archive="+filepath.Join(room, "out.tar"))
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			want, err := os.ReadFile(filepath.Join(room, "out.tar"))
			if err != nil {
				t.Fatal(err)
			}
			if i := firstDifference(got, want); i >= 0 {
				t.Errorf("%s: %d bytes and %d, the first difference is at %d:\n%.200q\n%.200q", algorithm, len(got), len(want), i, got[i/512*512:], want[min(i/512*512, len(want)):])
			}
		}
		// git knows the commit, and what the settings are changes nothing
		if told := s.gitWith(got, "get-tar-commit-id"); told != string(id) {
			t.Errorf("git says that it is of %s", told)
		}
		s.git("config", "tar.umask", "0777")
		again, err := s.archive(id)
		if err != nil || !bytes.Equal(again, got) {
			t.Errorf("with other settings it is another: %v", err)
		}
	}
}

func firstDifference(a, b []byte) int {
	for i := range max(len(a), len(b)) {
		if i >= len(a) || i >= len(b) || a[i] != b[i] {
			return i
		}
	}
	return -1
}

// What git's own commands would not make is refused.
func TestHostileTreesHaveNoArchive(t *testing.T) {
	s := newScratch(t, "sha1")
	blob := s.gitWith([]byte("x"), "hash-object", "-w", "--stdin")
	empty := s.gitWith(nil, "mktree")
	raw := func(entries ...gitrepo.TreeEntry) string {
		return s.gitWith(gitrepo.EncodeTree(entries), "hash-object", "-t", "tree", "-w", "--stdin", "--literally")
	}
	of := func(mode, name string, id string) gitrepo.TreeEntry {
		return gitrepo.TreeEntry{Mode: mode, Name: name, ID: gitrepo.OID(id)}
	}
	deep := raw(of("100644", "f", blob))
	for range maxDepth + 1 {
		deep = raw(of("40000", "d", deep))
	}
	long := raw(of("100644", strings.Repeat("f", 4096), blob))
	for name, tree := range map[string]string{
		"climbing":       raw(of("100644", "..", blob)),
		"a folder above": raw(of("40000", "..", raw(of("100644", "x", blob)))),
		"slash":          raw(of("100644", "../x", blob)),
		"folder's slash": raw(of("40000", "a/b", raw(of("100644", "x", blob)))),
		"git":            raw(of("40000", ".GIT", raw(of("100644", "config", blob)))),
		"git file":       raw(of("100644", ".git", blob)),
		"empty":          raw(of("100644", "", blob)),
		"twice":          raw(of("100644", "x", blob), of("100644", "x", blob)),
		"file and tree":  raw(of("100644", "x", blob), of("100644", "x-", blob), of("40000", "x", raw(of("100644", "y", blob)))),
		"order":          raw(of("100644", "y", blob), of("100644", "x", blob)),
		"mode":           raw(of("100600", "x", blob)),
		"deep":           deep,
		"long":           raw(of("40000", "d", long)),
		"no target":      raw(of("120000", "x", s.gitWith(nil, "hash-object", "-w", "--stdin"))),
		"NUL in target":  raw(of("120000", "x", s.gitWith([]byte("a\x00b"), "hash-object", "-w", "--stdin"))),
		"long target":    raw(of("120000", "x", s.gitWith(bytes.Repeat([]byte("a"), 4097), "hash-object", "-w", "--stdin"))),
	} {
		id := s.git("commit-tree", "-m", "x", tree)
		if _, err := s.archive(gitrepo.OID(id)); !fault.Has(err, fault.BadSource) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, tree := range map[string]string{
		"a folder where a file is said": raw(of("100644", "x", empty)),
		"nothing there":                 raw(of("100644", "x", strings.Repeat("1", 40))),
		"no folder there":               raw(of("40000", "x", blob)),
	} {
		id := s.git("commit-tree", "-m", "x", tree)
		_, err := s.archive(gitrepo.OID(id))
		if code := fault.From(err).Code; code != fault.ObjectMissing && code != fault.ObjectCorrupt && code != fault.BadTree {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A changed object is found while it is read, although git says nothing.
func TestChangedObjectsAreFound(t *testing.T) {
	s := newScratch(t, "sha1")
	s.file("100644", "one", "one")
	s.file("100644", "two", "two")
	id := s.commit()
	one, two := s.git("rev-parse", "HEAD:one"), s.git("rev-parse", "HEAD:two")
	path := func(id string) string { return filepath.Join(s.dir, ".git", "objects", id[:2], id[2:]) }
	b, err := os.ReadFile(path(one))
	if err == nil {
		err = os.Remove(path(two))
	}
	if err == nil {
		err = os.WriteFile(path(two), b, 0o444)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.archive(id); !fault.Has(err, fault.ObjectCorrupt) {
		t.Errorf("got %v", err)
	}
}

// What stops the writer stops the reading.
func TestWritersErrorComesThrough(t *testing.T) {
	s := newScratch(t, "sha1")
	s.oddities()
	id := s.commit()
	repo := s.open()
	_, c, err := repo.ResolveCommit(context.Background(), string(id))
	if err != nil {
		t.Fatal(err)
	}
	src, err := sourceOf(context.Background(), repo, id, c)
	if err != nil {
		t.Fatal(err)
	}
	full := errors.New("full")
	for _, most := range []int{0, 512, 2048, 1 << 20} {
		if err := src.write(context.Background(), &limited{most, full}); err != full {
			t.Errorf("after %d bytes: %v", most, err)
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if err := src.write(ctx, io.Discard); !fault.Has(err, fault.Interrupted) {
		t.Errorf("interrupted: %v", err)
	}
}

type limited struct {
	left int
	err  error
}

func (l *limited) Write(p []byte) (int, error) {
	if l.left -= len(p); l.left < 0 {
		return 0, l.err
	}
	return len(p), nil
}
