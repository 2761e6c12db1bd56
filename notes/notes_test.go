package notes

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// place is a repository in which notes are written by us and by git.
type place struct {
	t    *testing.T
	dir  string
	env  []string
	repo *gitrepo.Repo
}

func newPlace(t *testing.T, algorithm string) *place {
	p := &place{t: t, dir: t.TempDir()}
	p.env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.dir, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=A", "GIT_COMMITTER_EMAIL=a@b"}
	p.git("", "init", "-q", "--object-format="+algorithm, ".")
	repo, err := gitrepo.Open(context.Background(), gitrepo.Options{Dir: p.dir, Env: p.env})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(repo.Close)
	p.repo = repo
	return p
}

func (p *place) git(stdin string, args ...string) string {
	p.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Env, cmd.Stdin = p.dir, p.env, strings.NewReader(stdin)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		p.t.Fatalf("git %v: %v %s", args, err, &said)
	}
	return strings.TrimSuffix(string(out), "\n")
}

func (p *place) commit(message string) gitrepo.OID {
	return gitrepo.OID(p.git("", "commit-tree", "-m", message, p.git("", "mktree")))
}

func (p *place) write(from Origin, fresh bool, lines map[gitrepo.OID][]string) bool {
	p.t.Helper()
	s, err := Read(context.Background(), p.repo)
	if err != nil {
		p.t.Fatal(err)
	}
	for commit, list := range lines {
		for _, l := range list {
			s.Add(commit, l)
		}
	}
	changed, err := s.Write(context.Background(), p.repo, from, fresh)
	if err != nil {
		p.t.Fatal(err)
	}
	return changed
}

func line(n byte) string {
	return Line(receipt.ID{n}, &receipt.Receipt{Kind: "release", Component: "api", Version: "v" + string('0'+n)})
}

func TestWhatWeWriteGitReads(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []string{"sha1", "sha256"} {
		p := newPlace(t, algorithm)
		a, b := p.commit("a"), p.commit("b")
		from := Origin{Head: a, Date: "1795356300 +0100"}
		if !p.write(from, true, map[gitrepo.OID][]string{a: {line(2), line(1), line(2)}, b: {line(3)}}) {
			t.Error("nothing was written")
		}
		if got, want := p.git("", "notes", "--ref=vaultmesh", "show", string(a)), line(1)+"\n"+line(2); got != want {
			t.Errorf("%s: git reads\n%s\nwant\n%s", algorithm, got, want)
		}
		if got := p.git("", "notes", "--ref=vaultmesh", "list"); strings.Count(got, "\n") != 1 {
			t.Errorf("git lists\n%s", got)
		}
		if got := p.git("", "log", "-1", "--format=%P|%an <%ae>|%ad|%B", "--date=raw", Ref); got != "|git-vaultmesh <git-vaultmesh@invalid>|1795356300 +0100|vaultmesh: notes\n\nVaultmesh-Ledger: "+string(a)+"\n" {
			t.Errorf("the commit is %q", got)
		}
		p.git("", "fsck", "--strict")
		if p.write(from, true, map[gitrepo.OID][]string{a: {line(1), line(2)}, b: {line(3)}}) {
			t.Error("the same notes were written twice")
		}
		s, err := Read(context.Background(), p.repo)
		if err != nil || s.Ledger != a {
			t.Errorf("made from %s, %v", s.Ledger, err)
		}
	}
}

// tree makes a tree with git, of lines as git mktree reads them.
func (p *place) tree(lines ...string) string {
	return p.git(strings.Join(lines, "\n")+"\n", "mktree", "--missing")
}

func (p *place) blob(text string) string { return p.git(text, "hash-object", "-w", "--stdin") }

// Git fans notes out by their number; whoever wrote them, all are read, and a
// commit that is there twice has what both say.
func TestAnyFanOutIsRead(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "sha1")
	c := string(p.commit("a"))
	own, more := p.blob("my own\n"), p.blob("and more\n\n"+line(9)+"\n")
	file := func(name, blob string) string { return "100644 blob " + blob + "\t" + name }
	folder := func(name, tree string) string { return "040000 tree " + tree + "\t" + name }
	for name, tree := range map[string]string{
		"flat":                p.tree(file(c, own)),
		"two digits":          p.tree(folder(c[:2], p.tree(file(c[2:], own)))),
		"two and two":         p.tree(folder(c[:2], p.tree(folder(c[2:4], p.tree(file(c[4:], own)))))),
		"flat and fanned out": p.tree(file(c, own), folder(c[:2], p.tree(file(c[2:], more)))),
		"beside what is none": p.tree(file(c, own), file("README", more), folder("zz", p.tree(file("x", more))), folder(c[:38], p.tree(file(c[38:]+"00", more)))),
		"two ways":            p.tree(folder(c[:2], p.tree(folder(c[2:4], p.tree(file(c[4:], more))))), folder(c[:4], p.tree(file(c[4:], own)))),
		"an executable":       p.tree("100755 blob " + own + "\t" + c),
		"capital digits":      p.tree(folder(strings.ToUpper(c[:2]), p.tree(file(strings.ToUpper(c[2:]), own)))),
	} {
		for _, fresh := range []bool{true, false} {
			commit := p.git("", "commit-tree", "-m", "x", tree)
			switch name {
			case "flat":
				p.git("", "tag", "-f", "-a", "-m", "x", "notes", commit)
				commit = p.git("", "rev-parse", "refs/tags/notes")
			case "two digits":
				commit = tree
			}
			p.git("", "update-ref", Ref, commit)
			p.write(Origin{Head: gitrepo.OID(c), Date: "1 +0000"}, fresh, map[gitrepo.OID][]string{gitrepo.OID(c): {line(1)}})
			want := line(1) + "\n\nmy own"
			if name == "flat and fanned out" || name == "two ways" {
				want += "\n\nand more"
				if !fresh {
					want = line(1) + "\n" + line(9) + strings.TrimPrefix(want, line(1))
				}
			}
			if got := p.git("", "notes", "--ref=vaultmesh", "show", c); got != want {
				t.Errorf("%s, fresh %v: %q, want %q", name, fresh, got, want)
			}
			if got := p.git("", "ls-tree", "-r", "--name-only", Ref); got != c[:2]+"/"+c[2:] {
				t.Errorf("%s: the tree has %s", name, got)
			}
		}
	}
}

func TestSplitAndSpell(t *testing.T) {
	for note, want := range map[string]string{
		"": "", "own": "own\n", "\n\nown\n\n": "own\n", line(2) + "\n" + line(1): line(1) + "\n" + line(2) + "\n",
		"own\n" + line(1) + "\nmore\n": line(1) + "\n\nown\nmore\n", "x vaultmesh:12": "x vaultmesh:12\n",
	} {
		ours, others := split(note)
		got := spell(ours, others)
		again, rest := split(got)
		if got != want || spell(again, rest) != got {
			t.Errorf("%q becomes %q, want %q", note, got, want)
		}
	}
}

// What others remove of ours comes back with the next line, what they write
// stays to the letter, and what they change of a note is kept beside our lines.
func TestOthersWriteInBetween(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "sha1")
	a, b, c, d := p.commit("a"), p.commit("b"), p.commit("c"), p.commit("d")
	p.write(Origin{Head: a, Date: "1 +0000"}, true, map[gitrepo.OID][]string{a: {line(1)}, b: {line(2)}, c: {line(3)}})
	notes := func(args ...string) string {
		return p.git("", append([]string{"notes", "--ref=vaultmesh"}, args...)...)
	}
	own := p.blob("\n\n  my own\n\n\n")
	notes("remove", string(a))
	notes("append", "-m", "looks good", string(b))
	notes("add", "-f", "-m", "mine alone", string(c))
	notes("add", "-C", own, string(d))
	p.write(Origin{Head: b, Date: "2 +0000"}, false, map[gitrepo.OID][]string{b: {line(4)}})
	want := map[gitrepo.OID]string{a: line(1), b: line(2) + "\n" + line(4) + "\n\nlooks good", c: line(3) + "\n\nmine alone"}
	for range 2 {
		for commit, text := range want {
			if got := notes("show", string(commit)); got != text {
				t.Errorf("%q, want %q", got, text)
			}
		}
		if got := notes("list", string(d)); got != own {
			t.Errorf("a note of others alone became %q", notes("show", string(d)))
		}
		p.write(Origin{Head: c, Date: "3 +0000"}, true, map[gitrepo.OID][]string{a: {line(1)}, b: {line(2), line(4)}, c: {line(3)}})
	}
}

// A few kilobytes name the same folders over and over.
func TestFoldersThatAreNamedOverAndOverAreReadOnce(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "sha1")
	a := p.commit("a")
	tree := p.tree("100644 blob " + p.blob("x") + "\t00")
	for range 18 {
		var lines []string
		for n := range 256 {
			lines = append(lines, fmt.Sprintf("040000 tree %s\t%02x", tree, n))
		}
		tree = p.tree(lines...)
	}
	for _, message := range []string{"x", message(a)} {
		p.git("", "update-ref", Ref, p.git("", "commit-tree", "-m", message, tree))
		p.write(Origin{Head: a, Date: "1 +0000"}, true, map[gitrepo.OID][]string{a: {line(1)}})
		if got := p.git("", "notes", "--ref=vaultmesh", "list"); strings.Count(got, "\n") > 1 {
			t.Errorf("git lists\n%s", got)
		}
	}
}

// The example of the specification is what this package reads and writes.
func TestSpecificationExample(t *testing.T) {
	text, err := os.ReadFile("../docs/spec/notes.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "Notes (vaultmesh):\n")
	block, _, _ := strings.Cut(rest, "```")
	note := strings.ReplaceAll(block, "    ", "")
	ours, others := split(note)
	if len(ours) != 2 || others != "" || spell(ours, others) != note {
		t.Errorf("%q has %d lines of ours and %q", note, len(ours), others)
	}
}

// What cannot be read is kept, or ends the work: it is never taken for nothing.
func TestWhatCannotBeReadIsKept(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "sha1")
	a, b := p.commit("a"), p.commit("b")
	big := p.blob(strings.Repeat("x", maxNote+1))
	gone := strings.Repeat("1", 40)
	p.git("", "update-ref", Ref, p.git("", "commit-tree", "-m", "x", p.tree("100644 blob "+big+"\t"+string(a), "100644 blob "+gone+"\t"+string(b))))
	for _, fresh := range []bool{true, false} {
		p.write(Origin{Head: a, Date: "1 +0000"}, fresh, map[gitrepo.OID][]string{a: {line(1)}, b: {line(2)}})
		list := p.git("", "ls-tree", "-r", Ref)
		if !strings.Contains(list, big) || !strings.Contains(list, gone) {
			t.Errorf("fresh %v: %s", fresh, list)
		}
	}
	p.git("", "update-ref", Ref, p.git("", "commit-tree", "-m", "x", p.tree("040000 tree "+gone+"\t00")))
	s, err := Read(context.Background(), p.repo)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write(context.Background(), p.repo, Origin{Head: a, Date: "1 +0000"}, true); err == nil {
		t.Error("a folder that is gone was taken for empty")
	}
}

// Any note can be taken apart and written again: nothing that others wrote is lost
// but empty lines around it, and what is written is taken apart into the same.
func FuzzNote(f *testing.F) {
	line := "release api v1 vaultmesh:" + strings.Repeat("a1", 32)
	for _, note := range []string{"", "\n", line, line + "\n", line + "\n\nby hand\n", "by hand\n" + line, line + "\n" + line + "\n", "\r\n" + line + "\r\n", "\x00\xff", line + " \n", strings.ToUpper(line)} {
		f.Add(note)
	}
	f.Fuzz(func(t *testing.T, note string) {
		ours, others := split(note)
		text := spell(slices.Clone(ours), others)
		again, rest := split(text)
		slices.Sort(ours)
		if !slices.Equal(again, slices.Compact(ours)) || rest != others {
			t.Errorf("%q is written as %q", note, text)
		}
		if spell(again, rest) != text {
			t.Errorf("%q is written in two ways", text)
		}
		for line := range strings.Lines(note) {
			if line = strings.TrimSuffix(line, "\n"); !strings.Contains(text, line) {
				t.Errorf("%q lost %q", text, line)
			}
		}
	})
}
