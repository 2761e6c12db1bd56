package gitrepo

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

func TestResolveCommit(t *testing.T) {
	t.Parallel()
	s := newScratch(t)
	s.file("a", "a")
	first := s.commit("first")
	s.git("tag", "--annotate", "--message", "v1", "v1")
	second := s.commit("second")
	r := s.open()
	for revision, want := range map[string]OID{"HEAD": second, "HEAD^": first, "v1": first, "main": second, ":/first": first, string(first): first, string(first[:10]): first} {
		id, c, err := r.ResolveCommit(context.Background(), revision)
		if id != want || err != nil || string(c.Tree) != s.git("rev-parse", string(want)+"^{tree}") {
			t.Errorf("%s is %s with the tree %s, %v", revision, id, c.Tree, err)
		}
	}
	for _, revision := range []string{"", "no such", "HEAD^{tree}", "HEAD:a", "-x", "--all", "HEAD\n" + string(first), strings.Repeat("0", 40)} {
		id, _, err := r.ResolveCommit(context.Background(), revision)
		if !fault.Has(err, fault.NoRevision) || id != "" {
			t.Errorf("%q is %q, %v", revision, id, err)
		}
	}
}

// Git ends a walk by dates, which clocks that lie have written: what it lists of one commit
// that does not belong to another may belong to it all the same.
func TestAncestryWhereDatesLie(t *testing.T) {
	t.Parallel()
	s := newScratch(t)
	tree := s.git("hash-object", "-t", "tree", "-w", "--stdin")
	commit := func(date int64, parents ...OID) OID {
		text := "tree " + tree + "\n"
		for _, p := range parents {
			text += "parent " + string(p) + "\n"
		}
		who := fmt.Sprintf(" Ada <ada@example.com> %d +0000\n", date)
		return OID(strings.TrimSpace(string(s.pipe(text+"author"+who+"committer"+who+"\nx\n", "hash-object", "-t", "commit", "-w", "--stdin"))))
	}
	root := commit(1000)
	for date := range int64(10) {
		root = commit(1001+date, root)
	}
	early := commit(3_000_000_000, root)
	old := commit(1, commit(1, early))
	late := commit(4_000_000_000, commit(2_000_000_000, root), old)
	if s.git("rev-list", string(early), "^"+string(late)) == "" {
		t.Log("this git walks on")
	}
	r := s.open()
	for _, c := range []struct {
		earlier, later OID
		want           bool
	}{{early, late, true}, {late, early, false}, {old, late, true}, {early, root, false}, {late, late, true}} {
		if is, err := r.IsAncestor(context.Background(), c.earlier, c.later); is != c.want || err != nil {
			t.Errorf("that %s leads to %s is %t, %v", c.later.Short(), c.earlier.Short(), is, err)
		}
	}
}

func TestDirty(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(s *scratch)
		want   bool
	}{
		{"nothing", func(*scratch) {}, false},
		{"untracked file", func(s *scratch) { s.file("new", "x") }, false},
		{"changed file", func(s *scratch) { s.file("a", "b") }, true},
		{"staged file", func(s *scratch) { s.file("new", "x"); s.git("add", "new") }, true},
		{"removed file", func(s *scratch) { s.git("rm", "--quiet", "a") }, true},
		{"written anew as it was", func(s *scratch) { s.file("a", "a") }, false},
	} {
		s := newScratch(t)
		s.file("a", "a")
		s.file("sub/b", "b")
		s.commit("first")
		// A person's habits for status must not change the answer.
		s.git("config", "status.showUntrackedFiles", "all")
		c.change(s)
		for _, dir := range []string{s.dir, filepath.Join(s.dir, "sub")} {
			if got, err := s.at(dir).open().Dirty(context.Background()); got != c.want || err != nil {
				t.Errorf("%s, from %s: %v, %v", c.name, dir, got, err)
			}
		}
		if got, err := s.at(filepath.Join(s.dir, ".git")).open().Dirty(context.Background()); got || err != nil {
			t.Errorf("%s, outside the work tree: %v, %v", c.name, got, err)
		}
	}
}

// patchScratch is a repository whose HEAD changes a text with blank lines,
// a file with a name that git may quote, and renames a third.
func patchScratch(t *testing.T) *scratch {
	s := newScratch(t)
	text := strings.Repeat("a line\n\nanother\n", 20)
	s.file("text", text)
	s.file("é.txt", "1\n")
	s.file("before", strings.Repeat("x\n", 20))
	s.commit("first")
	s.file("text", strings.Replace(text, "another", "changed", 3))
	s.file("é.txt", "2\n")
	s.git("mv", "before", "after")
	s.commit("second")
	return s
}

// gitPatchID is the patch id by the commands that the receipt's users have.
func (s *scratch) gitPatchID(revision string) string {
	s.t.Helper()
	patch := s.pipe("", "diff-tree", "-p", revision)
	id, _, _ := strings.Cut(string(s.pipe(string(patch), "patch-id", "--stable")), " ")
	return id
}

func (s *scratch) wantPatchID(revision, want string) {
	s.t.Helper()
	id, err := s.open().PatchID(context.Background(), OID(s.git("rev-parse", revision)))
	if err != nil || string(id) != want {
		s.t.Errorf("the patch id of %s is %q, %v; want %q", revision, id, err, want)
	}
}

func TestPatchIDIsGits(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []string{"sha1", "sha256"} {
		s := newScratch(t, "--object-format="+algorithm)
		s.file("a", "1\n2\n3\n")
		s.commit("root")
		s.file("a", "1\n2\n3\n4\n")
		s.file("sub/b", "no newline at the end")
		s.commit("change")
		s.git("rm", "--quiet", "a")
		s.commit("another")
		for _, revision := range []string{"HEAD", "HEAD^"} {
			want := s.gitPatchID(revision)
			if want == "" {
				t.Fatalf("git has no patch id for %s", revision)
			}
			s.wantPatchID(revision, want)
		}
		if s.gitPatchID("HEAD") == s.gitPatchID("HEAD^") {
			t.Error("two changes have one id")
		}
	}
}

// It is what finds a receipt again when its commit was rebased.
func TestPatchIDSurvivesARebase(t *testing.T) {
	t.Parallel()
	s := patchScratch(t)
	before := s.gitPatchID("HEAD")
	s.git("checkout", "--quiet", "-b", "other", "HEAD^")
	s.file("unrelated", "x\n")
	s.commit("between")
	s.git("cherry-pick", "main")
	if s.git("rev-parse", "HEAD") == s.git("rev-parse", "main") {
		t.Fatal("the commit was not made anew")
	}
	s.wantPatchID("HEAD", before)
}

// A submodule that the work tree's .gitmodules has git pass over is part of the change.
func TestPatchIDHasSubmodules(t *testing.T) {
	t.Parallel()
	s := newScratch(t)
	s.file(".gitmodules", "[submodule \"sub\"]\n\tpath = sub\n\turl = ../sub\n\tignore = all\n")
	s.commit("root")
	ids := make(map[OID]bool)
	for _, n := range []string{"1", "2"} {
		s.git("update-index", "--add", "--cacheinfo", "160000,"+strings.Repeat(n, 40)+",sub")
		s.git("commit", "--quiet", "-m", "sub "+n)
		id, err := s.open().PatchID(context.Background(), OID(s.git("rev-parse", "HEAD")))
		if err != nil || id == "" {
			t.Fatalf("the change of a submodule has the id %q, %v", id, err)
		}
		ids[id] = true
	}
	if len(ids) != 2 {
		t.Error("two changes have one id")
	}
}

// What changes nothing against one parent has no id, and not the id of nothing.
func TestRootsMergesAndEmptyChangesHaveNoPatchID(t *testing.T) {
	t.Parallel()
	s := newScratch(t)
	s.file("a", "1\n")
	s.commit("root")
	s.wantPatchID("HEAD", "")
	s.commit("empty")
	s.wantPatchID("HEAD", "")
	s.git("checkout", "--quiet", "-b", "side")
	s.file("b", "1\n")
	s.commit("side")
	s.git("checkout", "--quiet", "main")
	s.file("c", "1\n")
	s.commit("main")
	s.git("merge", "--quiet", "--no-edit", "side")
	s.wantPatchID("HEAD", "")
}

// The same commit must have one patch id for everybody, however they like
// their diffs.
func TestPatchIDIsTheSameForEverybody(t *testing.T) {
	t.Parallel()
	s := patchScratch(t)
	want := s.gitPatchID("HEAD")
	for _, taste := range []string{
		"diff.noprefix=true", "diff.mnemonicPrefix=true", "diff.context=0", "diff.interHunkContext=50", "diff.algorithm=patience",
		"diff.renames=copies", "diff.indentHeuristic=false", "diff.external=false", "diff.wordRegex=.", "diff.colorMoved=zebra",
		"color.diff=always", "color.ui=always", "diff.suppressBlankEmpty=true", "core.quotePath=false", "core.quotePath=true",
		"diff.relative=true", "core.abbrev=4", "patchid.verbatim=true", "patchid.stable=false", "diff.orderFile=/dev/null",
	} {
		name, value, _ := strings.Cut(taste, "=")
		t.Run(taste, func(t *testing.T) {
			s.in(t).with("GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0="+name, "GIT_CONFIG_VALUE_0="+value).wantPatchID("HEAD", want)
		})
	}
	for _, taste := range []string{"GIT_DIFF_OPTS=-u0", "GIT_EXTERNAL_DIFF=false", "GIT_PAGER=false", "LC_ALL=de_DE.UTF-8"} {
		t.Run(taste, func(t *testing.T) {
			s.in(t).with(taste).wantPatchID("HEAD", want)
		})
	}
}

// What was interrupted is that, and neither a wrong date nor a repository
// that git refuses: the exit status says which.
func TestInterruptionKeepsItsCode(t *testing.T) {
	t.Parallel()
	s := newScratch(t)
	commit := s.commit("first")
	r := s.open()
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	for name, try := range map[string]func() error{
		"Dirty":         func() error { _, err := r.Dirty(gone); return err },
		"PatchID":       func() error { _, err := r.PatchID(gone, commit); return err },
		"ResolveCommit": func() error { _, _, err := r.ResolveCommit(gone, "HEAD"); return err },
		"ParseDate":     func() error { _, err := r.ParseDate(gone, "yesterday", time.Unix(0, 0)); return err },
		"Author":        func() error { _, err := r.Author(gone, time.Unix(0, 0)); return err },
		"Config":        func() error { _, err := r.Config(gone); return err },
		"AddConfig":     func() error { return r.AddConfig(gone, "a.b", "c") },
		"Refs":          func() error { _, err := r.Refs(gone, "refs/"); return err },
		"LsRemote":      func() error { _, err := r.LsRemote(gone, nil, "."); return err },
	} {
		if err := try(); err == nil || fault.From(err).Code != fault.Interrupted {
			t.Errorf("%s: %v", name, err)
		}
	}
}
