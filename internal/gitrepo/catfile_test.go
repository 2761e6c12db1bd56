package gitrepo

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// A replace ref makes git show another object under the same id, and
// GIT_REPLACE_REF_BASE moves where it looks for them.
func TestReplaceRefsAreIgnored(t *testing.T) {
	t.Parallel()
	for _, base := range []string{"refs/replace/", "refs/hidden/"} {
		s := newScratch(t).with("GIT_REPLACE_REF_BASE=" + base)
		a, b := blobs("sha1", 2)[0], blobs("sha1", 2)[1]
		r := s.open()
		mustWrite(t, r, a, b)
		s.git("replace", string(a.ID), string(b.ID))
		if shown := string(s.pipe("", "cat-file", "blob", string(a.ID))); shown != string(b.Data) {
			t.Fatalf("git does not replace: %q", shown)
		}
		wantObject(t, r, a)
		wantMany(t, r, roomy, []OID{a.ID, b.ID}, []fault.Code{"", ""})
	}
}

func TestRevisionsAreResolvedAsInGit(t *testing.T) {
	t.Parallel()
	s := newScratch(t)
	s.file("a b.txt", "content")
	commit := s.commit("first")
	s.git("tag", "--annotate", "--message", "v1", "v1")
	r := s.open()
	for name, kind := range map[string]string{
		"HEAD": TypeCommit, "v1": TypeTag, "v1^{commit}": TypeCommit, "HEAD^{tree}": TypeTree, "HEAD:a b.txt": TypeBlob,
		string(commit[:8]): TypeCommit, ":/first": TypeCommit,
	} {
		o, err := r.resolve(context.Background(), name, roomy)
		if err != nil || o.Type != kind || string(o.ID) != s.git("rev-parse", name) {
			t.Errorf("%q is the %s %s, %v", name, o.Type, o.ID, err)
		}
	}
	for _, name := range []string{"", "HEAD:no such file", "HEAD\nHEAD", "HEAD\x00", "\n"} {
		if _, err := r.resolve(context.Background(), name, roomy); !fault.Has(err, fault.ObjectMissing) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if o, err := r.resolve(context.Background(), "HEAD", roomy); err != nil || o.ID != commit {
		t.Errorf("afterwards HEAD is %s, %v", o.ID, err)
	}
}

func TestAnAbbreviationOfTwoObjectsIsAmbiguous(t *testing.T) {
	t.Parallel()
	first := map[OID]Object{}
	for i := 0; ; i++ {
		o := NewObject("sha1", TypeBlob, fmt.Appendf(nil, "%d", i))
		other, met := first[o.ID[:4]]
		first[o.ID[:4]] = o
		if !met {
			continue
		}
		r := newScratch(t).open()
		mustWrite(t, r, o, other)
		_, err := r.resolve(context.Background(), string(o.ID[:4]), roomy)
		wantFault(t, err, fault.Ambiguous)
		wantObject(t, r, o)
		return
	}
}

// A damaged object is told from one that is not here by its file. Only an id
// has a file: other names of that length must not be tried as paths.
func TestANameThatIsNoIDIsNeverDamaged(t *testing.T) {
	t.Parallel()
	s := newScratch(t)
	s.commit("first")
	name := "../refs/heads/" + strings.Repeat("b", 26)
	if len(name) != len(ZeroOID("sha1")) {
		t.Fatal("the name has not the length of an id")
	}
	if err := os.WriteFile(filepath.Join(s.gitDir(), "objects", name), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	_, err := s.open().resolve(context.Background(), name, roomy)
	wantFault(t, err, fault.ObjectMissing)
}

// Where git dies in the middle of an answer, its own words are the cause.
func TestDamageNamesGitsReason(t *testing.T) {
	t.Parallel()
	s := newScratch(t)
	r := s.open()
	o := NewObject("sha1", TypeBlob, noise(1, 100_000))
	mustWrite(t, r, o)
	whole, err := os.ReadFile(s.looseFile(o.ID))
	if err != nil {
		t.Fatal(err)
	}
	s.replaceLoose(o.ID, whole[:len(whole)/2])
	_, err = r.Read(context.Background(), o.ID, roomy)
	wantFault(t, err, fault.ObjectCorrupt)
	if causes := fault.From(err).Causes(); len(causes) != 1 || !strings.Contains(causes[0], "cat-file") {
		t.Errorf("the causes are %q", causes)
	}
}

// Git before 2.36 has no commands for cat-file; it is asked by bare names, and
// everything else is as with a newer one.
func TestAGitWithoutCommandsIsAStoreToo(t *testing.T) {
	asked := filepath.Join(t.TempDir(), "asked")
	wrapGit(t, `case " $* " in
*" --batch-command "*) echo "error: unknown option" >&2; exit 129;;
*" cat-file --batch "*) echo "$*" >>'`+asked+`';;
esac`)
	t.Run("store", func(t *testing.T) {
		testStore(t, "sha1", func(_ *testing.T, s *scratch) Store { return s.open() })
	})
	if _, err := os.Stat(asked); err != nil {
		t.Errorf("nothing was asked by names: %v", err)
	}
}

// A git that is killed says nothing about the object that it was asked for.
func TestAKilledReaderIsNoDamage(t *testing.T) {
	s := newScratch(t)
	o := blobs("sha1", 1)[0]
	mustWrite(t, s.open(), o)
	wrapGit(t, "case \"$*\" in *cat-file*) read -r ask; printf '. missing\\n'; read -r ask; read -r ask; kill -9 $$;; esac")
	_, err := s.open().plumbing.Read(context.Background(), o.ID, roomy)
	wantFault(t, err, fault.GitRefused)
}
