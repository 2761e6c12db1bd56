package gitrepo

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// mktree makes a tree with git from lines of "mode type id name".
func (s *scratch) mktree(entries []TreeEntry) OID {
	s.t.Helper()
	types := map[string]string{ModeTree: TypeTree, "160000": TypeCommit}
	var lines strings.Builder
	for _, e := range entries {
		kind := types[e.Mode]
		if kind == "" {
			kind = TypeBlob
		}
		lines.WriteString(e.Mode + " " + kind + " " + string(e.ID) + "\t" + e.Name + "\x00")
	}
	return OID(strings.TrimSpace(string(s.pipe(lines.String(), "mktree", "-z", "--missing"))))
}

// oddTree is a tree with every mode, and names that sort unlike words do.
func oddTree(s *scratch, algorithm string) []byte {
	blob := NewObject(algorithm, TypeBlob, []byte("b")).ID
	tree := NewObject(algorithm, TypeTree, nil).ID
	return s.pipe("", "cat-file", TypeTree, string(s.mktree([]TreeEntry{
		{ModeFile, "plain", blob}, {"100755", "run me", blob}, {"120000", "link", blob}, {"160000", "module", blob},
		{ModeTree, "folder", tree}, {ModeFile, "folder.txt", blob}, {ModeFile, "folder-", blob}, {ModeTree, ".git", tree},
		{ModeFile, "line\nbreak", blob}, {ModeFile, "\xff\x01", blob}, {ModeFile, "é", blob}, {ModeFile, " ", blob},
	})))
}

func TestTreesAreReadAndWrittenAsGitDoes(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []string{"sha1", "sha256"} {
		s := newScratch(t, "--object-format="+algorithm)
		data := oddTree(s, algorithm)
		entries, err := ParseTree(algorithm, data)
		if err != nil {
			t.Fatal(err)
		}
		var listed []TreeEntry
		id := string(NewObject(algorithm, TypeTree, data).ID)
		for line := range strings.SplitSeq(strings.TrimSuffix(string(s.pipe("", "ls-tree", "-z", id)), "\x00"), "\x00") {
			about, name, _ := strings.Cut(line, "\t")
			words := strings.Fields(about)
			listed = append(listed, TreeEntry{strings.TrimLeft(words[0], "0"), name, OID(words[2])})
		}
		if len(entries) != 12 || !slices.Equal(entries, listed) {
			t.Errorf("%s: got\n%q, git lists\n%q", algorithm, entries, listed)
		}
		if again := EncodeTree(entries); !bytes.Equal(again, data) {
			t.Errorf("%s: written again, the tree differs:\n%q\n%q", algorithm, again, data)
		}
	}
}

// A prefix of a tree is a tree only where an entry ends.
func TestEveryCutTreeIsRefused(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []string{"sha1", "sha256"} {
		data := oddTree(newScratch(t, "--object-format="+algorithm), algorithm)
		whole := 0
		for i := range data {
			entries, err := ParseTree(algorithm, data[:i])
			if err == nil {
				whole++
				if !bytes.Equal(EncodeTree(entries), data[:i]) {
					t.Errorf("%s: the first %d bytes read as %q", algorithm, i, entries)
				}
				continue
			}
			wantFault(t, err, fault.ObjectCorrupt)
		}
		if whole != 12 { // none, and each but the last
			t.Errorf("%s: %d of the prefixes are trees", algorithm, whole)
		}
	}
}

func TestParseTreeRefuses(t *testing.T) {
	t.Parallel()
	id := strings.Repeat("\x01", 20)
	for name, data := range map[string]string{
		"no mode":             " a\x00" + id,
		"no space":            "100644a\x00" + id,
		"NUL before space":    "100\x00644 a\x00" + id,
		"no NUL":              "100644 " + strings.Repeat("a", 40),
		"id of another hash":  "100644 a\x00" + id + strings.Repeat("\x01", 12),
		"bytes after the end": "100644 a\x00" + id + "\n",
	} {
		if _, err := ParseTree("sha1", []byte(data)); !fault.Has(err, fault.ObjectCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParseTree(f *testing.F) {
	f.Add([]byte("100644 a\x00"+strings.Repeat("\x01", 20)), false)
	f.Add([]byte("40000 \x00"+strings.Repeat("\x01", 32)), true)
	f.Fuzz(func(t *testing.T, data []byte, long bool) {
		algorithm := map[bool]string{false: "sha1", true: "sha256"}[long]
		entries, err := ParseTree(algorithm, data)
		if err == nil && !bytes.Equal(EncodeTree(entries), data) {
			t.Errorf("%q reads as %q", data, entries)
		}
	})
}

// Names around the slash that git adds to a folder's name, shuffled: git
// sorts them itself when it makes a tree.
func TestEntriesSortAsInGit(t *testing.T) {
	t.Parallel()
	s := newScratch(t)
	blob, tree := NewObject("sha1", TypeBlob, nil).ID, NewObject("sha1", TypeTree, nil).ID
	source := rand.New(rand.NewPCG(1, 1))
	for range 20 {
		var entries []TreeEntry
		for _, name := range []string{"a", "a!", "a.", "a-", "a.b", "a0", "aa", "a b", "ab", "b", "A", "_", "é", "\xff", "\x01", "a\x7f"} {
			if source.IntN(2) == 0 {
				entries = append(entries, TreeEntry{ModeTree, name, tree})
			} else {
				entries = append(entries, TreeEntry{ModeFile, name, blob})
			}
		}
		source.Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
		id := s.mktree(entries)
		slices.SortFunc(entries, CompareEntries)
		if ours := NewObject("sha1", TypeTree, EncodeTree(entries)).ID; ours != id {
			t.Errorf("sorted to %q, which is %s and in git %s", entries, ours, id)
		}
	}
	file, folder := TreeEntry{ModeFile, "a", blob}, TreeEntry{ModeTree, "a", tree}
	if CompareEntries(file, file) != 0 || CompareEntries(file, folder) != -CompareEntries(folder, file) {
		t.Error("the order contradicts itself")
	}
}

func TestCommitsAreReadAndWrittenAsGitDoes(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []string{"sha1", "sha256"} {
		s := newScratch(t, "--object-format="+algorithm)
		tree := s.git("write-tree")
		var parents []string
		for _, message := range []string{"", "one line", "subject\n\nbody\n\ntrailer: x\n", "é\n", "\n\n", "tree x\nparent y\n"} {
			args := []string{"commit-tree", tree}
			for _, p := range parents {
				args = append(args, "-p", p)
			}
			id := strings.TrimSpace(string(s.pipe(message, args...)))
			data := s.pipe("", "cat-file", TypeCommit, id)
			c, err := ParseCommit(algorithm, data)
			if err != nil {
				t.Fatalf("%q: %v", data, err)
			}
			want := Commit{OID(tree), nil, "Ada <ada@example.com> 1795356300 +0100", "Grace <grace@example.com> 1795365000 +0000", message}
			for _, p := range parents {
				want.Parents = append(want.Parents, OID(p))
			}
			if again := c.Encode(); !bytes.Equal(again, data) || !bytes.Equal(want.Encode(), data) || !slices.Equal(c.Parents, want.Parents) {
				t.Errorf("%q was read as %q", data, c)
			}
			parents = append(parents, id)
		}
	}
}

// Lines that later gits and signers put behind the committer are no reason
// to refuse, and must not be taken for the message.
func TestLaterHeadersArePassedOver(t *testing.T) {
	t.Parallel()
	id := OID(strings.Repeat("0a", 20))
	data := Commit{Tree: id, Parents: []OID{id}, Author: "A <a> 1 +0000", Committer: "B <b> 2 +0000", Message: "m\n"}.Encode()
	signed := bytes.Replace(data, []byte("\n\n"), []byte("\nencoding latin1\ngpgsig -----BEGIN\n \n parent x\n -----END\n\n"), 1)
	c, err := ParseCommit("sha1", signed)
	if err != nil || !bytes.Equal(c.Encode(), data) {
		t.Errorf("%q, %v", c, err)
	}
}

func TestEveryCutCommitIsRefused(t *testing.T) {
	t.Parallel()
	s := newScratch(t)
	s.commit("first")
	s.commit("second\n\nbody")
	data := s.pipe("", "cat-file", TypeCommit, "HEAD")
	end := bytes.Index(data, []byte("\n\n")) + 2
	for i := range data {
		c, err := ParseCommit("sha1", data[:i])
		if i < end {
			wantFault(t, err, fault.ObjectCorrupt)
		} else if err != nil || !bytes.Equal(c.Encode(), data[:i]) {
			t.Errorf("the first %d bytes: %q, %v", i, c, err)
		}
	}
}

// An id in a commit is read from there as the name of an object. One that is
// no id would be looked up as a revision, and then a commit would not pin
// what hangs on it: "tree refs/heads/main^{tree}" is another tree tomorrow.
func TestParseCommitRefuses(t *testing.T) {
	t.Parallel()
	id := strings.Repeat("0a", 20)
	who := "A <a> 1 +0000"
	good := "tree " + id + "\nparent " + id + "\nauthor " + who + "\ncommitter " + who + "\n\nm"
	if _, err := ParseCommit("sha1", []byte(good)); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string][2]string{
		"no tree":              {"tree " + id + "\n", ""},
		"no author":            {"author " + who + "\n", ""},
		"no committer":         {"\ncommitter " + who, ""},
		"author first":         {"tree " + id, "author " + who + "\ntree " + id},
		"parent behind author": {"parent " + id + "\nauthor " + who, "author " + who + "\nparent " + id},
		"two trees":            {"tree " + id, "tree " + id + "\ntree " + id},
		"no end of the header": {"\n\nm", "\nm"},
		"tree is a revision":   {"tree " + id, "tree HEAD^{tree}"},
		"tree is empty":        {"tree " + id, "tree "},
		"tree is short":        {"tree " + id, "tree " + id[:39]},
		"tree is upper case":   {"tree " + id, "tree " + strings.ToUpper(id)},
		"parent is a revision": {"parent " + id, "parent refs/heads/main"},
		"parent has a NUL":     {"parent " + id, "parent " + id + "\x00"},
		"parent is long":       {"parent " + id, "parent " + id + "0a"},
		"parent of sha256":     {"parent " + id, "parent " + strings.Repeat("0a", 32)},
	} {
		data := strings.Replace(good, change[0], change[1], 1)
		if c, err := ParseCommit("sha1", []byte(data)); !fault.Has(err, fault.ObjectCorrupt) {
			t.Errorf("%s: %q, %v", name, c, err)
		}
	}
}

func TestZeroOIDAndShort(t *testing.T) {
	t.Parallel()
	for algorithm, digits := range map[string]int{"sha1": 40, "sha256": 64} {
		if z := ZeroOID(algorithm); string(z) != strings.Repeat("0", digits) {
			t.Errorf("%s: %q", algorithm, z)
		}
	}
	for id, short := range map[OID]string{"": "", "abc": "abc", "0123456789abcdef": "0123456789"} {
		if id.Short() != short {
			t.Errorf("%q is shortened to %q", id, id.Short())
		}
	}
}

// A commit that can be read is, written again, read as the same. It names its tree
// and parents by full ids only.
func FuzzParseCommit(f *testing.F) {
	id := strings.Repeat("a1", 20)
	for _, text := range []string{
		"tree " + id + "\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\nmessage\n",
		"tree " + id + "\nparent " + id + "\nparent " + id + "\nauthor A\ncommitter A\ngpgsig -----BEGIN\n \n -----END\n\nm",
		"tree HEAD\nauthor A\ncommitter A\n\n", "tree " + id + "\n\n", "", "\n\n",
		"tree " + id + "\nauthor A\nauthor B\ncommitter A\n\n", "tree " + id + "\nparent " + id + "\x00\nauthor A\ncommitter A\n\n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ParseCommit("sha1", data)
		if err != nil {
			return
		}
		again, err := ParseCommit("sha1", c.Encode())
		if err != nil || !reflect.DeepEqual(again, c) {
			t.Errorf("%q reads as %+v and then as %+v: %v", data, c, again, err)
		}
		for _, id := range append(c.Parents, c.Tree) {
			if !isOID("sha1", id) {
				t.Errorf("%q is no id", id)
			}
		}
	})
}
