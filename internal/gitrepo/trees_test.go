package gitrepo

import (
	"context"
	"slices"
	"testing"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// Trees that are made here are those that git makes, and are found, listed and replaced in others.
func TestTrees(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []string{"sha1", "sha256"} {
		s := newScratch(t, "--object-format="+algorithm)
		ctx := context.Background()
		r, _, err := Look(ctx, Options{Dir: s.dir, Env: s.env})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		files := []TreeFile{
			{Path: "a-b", Mode: "100644", Data: []byte("1")}, {Path: "a/b/c", Mode: "100755", Data: []byte("2")}, {Path: "a.b", Mode: "100644", Data: nil}, {Path: "a/d", Mode: "100644", Data: []byte("3")},
		}
		root, objects := TreeOfFiles(algorithm, files)
		if err := r.Write(ctx, objects); err != nil {
			t.Fatal(err)
		}
		s.git("fsck", "--strict", "--no-dangling")
		s.git("read-tree", string(root))
		if got := s.git("write-tree"); got != string(root) {
			t.Errorf("git makes %s of it, and we %s", got, root)
		}
		id, err := r.CommitTree(ctx, root, OID(s.git("commit-tree", "-m", "parent", string(root))), "child")
		if err != nil {
			t.Fatal(err)
		}
		listed, err := r.FilesAt(ctx, id, "a")
		if err == nil {
			err = r.ReadFiles(ctx, listed, 10, 2)
		}
		if err != nil || len(listed) != 2 || listed[0].Path != "b/c" || listed[0].Mode != "100755" || string(listed[1].Data) != "3" {
			t.Errorf("in a are %+v, %v", listed, err)
		}
		if err := r.ReadFiles(ctx, listed, 10, 1); !fault.Has(err, fault.ObjectTooLarge) {
			t.Errorf("of more than there may be together: %v", err)
		}
		other, more := TreeOfFiles(algorithm, files[:1])
		changed, above, err := r.Replant(ctx, root, "a/b", other)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Write(ctx, slices.Concat(more, above)); err != nil {
			t.Fatal(err)
		}
		if got := s.git("rev-parse", string(changed)+":a/b"); got != string(other) {
			t.Errorf("in the place of a/b is %s", got)
		}
		if got := s.git("rev-parse", string(changed)+":a/d"); got != s.git("rev-parse", string(root)+":a/d") {
			t.Errorf("a/d is another one: %s", got)
		}
		there, err := r.Subtree(ctx, changed, "a/b")
		if err != nil || there != other {
			t.Errorf("a/b is %s, %v", there, err)
		}
		if there, err := r.Subtree(ctx, changed, "b/c"); err != nil || there != "" {
			t.Errorf("b/c is %s, %v", there, err)
		}
		if _, _, err := r.Replant(ctx, root, "x", other); err == nil {
			t.Error("a folder that is not there is replaced")
		}
	}
}

func TestWithoutPassword(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"https://ada:geheim@host/t.git":     "https://host/t.git",
		"https://geheim@host/t.git":         "https://host/t.git",
		"ssh://git:geheim@host/t.git":       "ssh://git@host/t.git",
		"ssh://git@host:22/t.git":           "ssh://git@host:22/t.git",
		"git@host:t.git":                    "git@host:t.git",
		"/srv/t.git":                        "/srv/t.git",
		"https://ada:%zz@host/t.git":        "https://host/t.git",
		"https://ada:ge@heim%zz@host/t.git": "https://host/t.git",
	} {
		if got := WithoutPassword(address); got != want {
			t.Errorf("%s: %s", address, got)
		}
	}
}
