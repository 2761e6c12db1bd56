package gitrepo

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

const ledgerRef = "refs/vaultmesh/ledger"

// refScratch is a repository with three commits, its store, and the commits.
func refScratch(t *testing.T, options ...string) (*scratch, *Repo, []OID) {
	t.Helper()
	s := newScratch(t, options...)
	return s, s.open(), []OID{s.commit("a"), s.commit("b"), s.commit("c")}
}

// wantRef compares a ref with what git itself says of it; "" is no ref.
func (s *scratch) wantRef(r *Repo, name string, want OID) {
	s.t.Helper()
	got, err := r.Ref(context.Background(), name)
	if err != nil || got != want {
		s.t.Errorf("%s is %q, %v; want %q", name, got, err, want)
	}
	if out, err := s.try("", "rev-parse", "--verify", "--quiet", name); (err == nil) != (want != "") || strings.TrimSpace(string(out)) != string(want) {
		s.t.Errorf("git says that %s is %q, %v; want %q", name, out, err, want)
	}
}

func mustUpdate(t *testing.T, r *Repo, name string, new, old OID) {
	t.Helper()
	if err := r.UpdateRef(context.Background(), name, new, old); err != nil {
		t.Fatal(err)
	}
}

// loose makes the file of a ref, whatever is in it.
func (s *scratch) loose(name, content string) string {
	s.t.Helper()
	path := filepath.Join(s.gitDir(), filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// rev-parse would find any of these for the ledger's ref, for-each-ref finds
// those below it.
func TestRefIsExact(t *testing.T) {
	t.Parallel()
	for _, other := range []string{
		"refs/heads/" + ledgerRef, "refs/tags/" + ledgerRef, "refs/remotes/" + ledgerRef, "refs/" + ledgerRef,
		ledgerRef + "2", ledgerRef + "/below", "refs/vaultmesh/ledge", "refs/vaultmesh/LEDGER",
	} {
		s, r, commits := refScratch(t)
		s.git("update-ref", other, string(commits[0]))
		got, err := r.Ref(context.Background(), ledgerRef)
		if got != "" || err != nil {
			t.Errorf("%s is taken for the ledger: %s, %v", other, got, err)
		}
	}
}

func TestRefIsNoPattern(t *testing.T) {
	t.Parallel()
	s, r, commits := refScratch(t)
	s.git("update-ref", ledgerRef, string(commits[0]))
	for _, name := range []string{"refs/vaultmesh/*", "refs/vaultmesh/ledge?", "refs/vaultmesh", "refs/vaultmesh/", "vaultmesh/ledger", "ledger", "HEAD"} {
		if got, err := r.Ref(context.Background(), name); got != "" || err != nil {
			t.Errorf("%s is %s, %v", name, got, err)
		}
	}
	refs, err := r.Refs(context.Background(), "refs/vaultmesh/*", "refs/heads/")
	if err != nil || len(refs) != 2 || refs[ledgerRef] != commits[0] || refs["refs/heads/main"] != commits[2] {
		t.Errorf("the refs are %v, %v", refs, err)
	}
}

// A ref that cannot be read must never look like one that is not there: then
// a second ledger would be begun over the first.
func TestAGarbageRefIsNoAbsentRef(t *testing.T) {
	t.Parallel()
	zeros := string(ZeroOID("sha1")) + "\n"
	for name, content := range map[string]string{
		"text": "garbage\n", "empty": "", "zeros": zeros, "NULs": strings.Repeat("\x00", 41), "cut": strings.Repeat("a", 39) + "\n",
	} {
		s, r, commits := refScratch(t)
		path := s.loose(ledgerRef, content)
		_, err := r.Ref(context.Background(), ledgerRef)
		if !fault.Has(err, fault.BadLedgerRef) || !strings.Contains(fault.From(err).Fix(), ledgerRef) {
			t.Errorf("%s: %v", name, err)
		}
		if content == zeros {
			continue // for a transaction of git that is the same as no ref
		}
		if err := r.UpdateRef(context.Background(), ledgerRef, commits[0], ""); err == nil {
			t.Errorf("%s: the ref was created over it", name)
		}
		if after, err := os.ReadFile(path); string(after) != content {
			t.Errorf("%s: the file is now %q, %v", name, after, err)
		}
	}
}

// The same holds for the refs that a pattern matches.
func TestAGarbageRefIsSaidWhateverThePattern(t *testing.T) {
	t.Parallel()
	s, r, commits := refScratch(t)
	s.git("update-ref", "refs/vaultmesh/seen", string(commits[0]))
	s.loose(ledgerRef, "garbage\n")
	for _, patterns := range [][]string{{ledgerRef}, {"refs/vaultmesh/"}, {"refs/vaultmesh"}, {"refs/vaultmesh/*"}, {"refs/*/ledger"}, {"refs/heads/", "refs/v*/led*"}} {
		if refs, err := r.Refs(context.Background(), patterns...); !fault.Has(err, fault.BadLedgerRef) {
			t.Errorf("%q: %v, %v", patterns, refs, err)
		}
	}
	for _, patterns := range [][]string{{"refs/vaultmesh/seen"}, {"refs/heads/"}, {"refs/vaultmesh/s*"}, {"refs/vaultmesh/led"}} {
		_, err := r.Refs(context.Background(), patterns...)
		wantFault(t, err, "")
	}
}

func TestASymbolicRefIsNoLedger(t *testing.T) {
	t.Parallel()
	s, r, _ := refScratch(t)
	s.git("symbolic-ref", ledgerRef, "refs/heads/main")
	got, err := r.Ref(context.Background(), ledgerRef)
	if !fault.Has(err, fault.BadLedgerRef) || got != "" {
		t.Errorf("got %q, %v", got, err)
	}
}

// One that leads nowhere must not look like no ref at all: then a second
// ledger would be begun in its place.
func TestADanglingSymbolicRefIsNoAbsentRef(t *testing.T) {
	t.Parallel()
	s, r, _ := refScratch(t)
	s.git("symbolic-ref", ledgerRef, "refs/heads/nowhere")
	got, err := r.Ref(context.Background(), ledgerRef)
	if !fault.Has(err, fault.BadLedgerRef) || got != "" {
		t.Errorf("got %q, %v", got, err)
	}
}

// Through a symbolic ref an append would move a branch.
func TestUpdateRefDoesNotFollowASymbolicRef(t *testing.T) {
	t.Parallel()
	for _, target := range []string{"refs/heads/main", "refs/heads/nowhere"} {
		s, r, commits := refScratch(t)
		s.git("symbolic-ref", ledgerRef, target)
		for _, old := range []OID{"", commits[2]} {
			// Whether it is refused or takes the ref's own place: what it leads to stays.
			err := r.UpdateRef(context.Background(), ledgerRef, commits[0], old)
			if refs := s.git("for-each-ref", "--format=%(refname) %(objectname)", "refs/heads/"); refs != "refs/heads/main "+string(commits[2]) {
				t.Errorf("to %s: the branches are now %q, and the error %v", target, refs, err)
			}
		}
	}
}

// A damaged ref beside the ledger's is not the ledger's damage.
func TestAGarbageNeighbourDoesNotHideTheRef(t *testing.T) {
	t.Parallel()
	for _, neighbour := range []string{"refs/heads/broken", "refs/vaultmesh/seen", ledgerRef + "-old"} {
		s, r, commits := refScratch(t)
		s.git("update-ref", ledgerRef, string(commits[0]))
		s.loose(neighbour, "garbage\n")
		if got, err := r.Ref(context.Background(), ledgerRef); err != nil || got != commits[0] {
			t.Errorf("beside %s the ledger is %q, %v", neighbour, got, err)
		}
	}
}

// Whether the object is here is for the reader to say, by another code.
func TestRefDoesNotLookForTheObject(t *testing.T) {
	t.Parallel()
	s, r, _ := refScratch(t)
	absent := OID(strings.Repeat("1", 40))
	s.loose(ledgerRef, string(absent)+"\n")
	if got, err := r.Ref(context.Background(), ledgerRef); got != absent || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestUpdateRef(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for _, algorithm := range []string{"sha1", "sha256"} {
		for _, packed := range []bool{false, true} {
			s, r, commits := refScratch(t, "--object-format="+algorithm)
			a, b, c := commits[0], commits[1], commits[2]
			pack := func() {
				if packed {
					s.git("pack-refs", "--all")
				}
			}
			wantFault(t, r.UpdateRef(ctx, ledgerRef, b, a), fault.LostRace)
			s.wantRef(r, ledgerRef, "")
			mustUpdate(t, r, ledgerRef, a, "")
			s.wantRef(r, ledgerRef, a)
			pack()
			s.wantRef(r, ledgerRef, a)
			wantFault(t, r.UpdateRef(ctx, ledgerRef, b, ""), fault.LostRace)
			wantFault(t, r.UpdateRef(ctx, ledgerRef, b, c), fault.LostRace)
			s.wantRef(r, ledgerRef, a)
			mustUpdate(t, r, ledgerRef, b, a)
			s.wantRef(r, ledgerRef, b)
			pack()
			mustUpdate(t, r, ledgerRef, c, b)
			s.wantRef(r, ledgerRef, c)
			s.wantRef(r, "refs/heads/main", c)
		}
	}
}

// A process may be killed between the commit of its transaction and its exit:
// the caller who asks again must not take that for a lost race.
// Transactions follow each other in one process, and one that fails does not
// keep the next from being done.
func TestManyUpdatesAreOneProcess(t *testing.T) {
	t.Parallel()
	s := newScratch(t)
	first, second := s.commit("first"), s.commit("second")
	trace := filepath.Join(t.TempDir(), "trace")
	r := s.with("GIT_TRACE2_EVENT=" + trace).open()
	mustUpdate(t, r, ledgerRef, first, "")
	mustUpdate(t, r, "refs/seen/ledger", first, "")
	mustUpdate(t, r, ledgerRef, second, first)
	wantFault(t, r.UpdateRef(context.Background(), ledgerRef, first, first), fault.LostRace)
	mustUpdate(t, r, ledgerRef, first, second)
	r.Close()
	mustUpdate(t, r, ledgerRef, second, first)
	r.Close()
	data, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(data, []byte(`"name":"update-ref"`)); n != 3 {
		t.Errorf("%d processes, want 3: until one failed, until it was closed, and the last", n)
	}
	if got := s.git("rev-parse", ledgerRef); got != string(second) {
		t.Errorf("the ref is at %s", got)
	}
}

func TestUpdateRefThatIsAlreadyDoneIsDone(t *testing.T) {
	t.Parallel()
	s, r, commits := refScratch(t)
	mustUpdate(t, r, ledgerRef, commits[0], "")
	mustUpdate(t, r, ledgerRef, commits[1], commits[0])
	mustUpdate(t, r, ledgerRef, commits[1], commits[0])
	s.wantRef(r, ledgerRef, commits[1])
}

func TestUpdateRefToAnAbsentObjectIsRefused(t *testing.T) {
	t.Parallel()
	s, r, commits := refScratch(t)
	mustUpdate(t, r, ledgerRef, commits[0], "")
	absent := OID(strings.Repeat("1", 40))
	if err := r.UpdateRef(context.Background(), ledgerRef, absent, commits[0]); err == nil || fault.Has(err, fault.LostRace) {
		t.Errorf("got %v", err)
	}
	s.wantRef(r, ledgerRef, commits[0])
}

func TestALockedRefNamesItsLock(t *testing.T) {
	t.Parallel()
	s, _, commits := refScratch(t)
	s.git("config", "core.filesRefLockTimeout", "0")
	s.git("worktree", "add", "--quiet", "--detach", "../linked")
	for _, dir := range []string{s.dir, filepath.Join(filepath.Dir(s.dir), "linked")} {
		for _, old := range []OID{"", commits[0]} {
			r := s.at(dir).open()
			if old != "" {
				mustUpdate(t, r, ledgerRef, old, "")
			}
			lock := s.loose(ledgerRef+".lock", "")
			err := r.UpdateRef(context.Background(), ledgerRef, commits[1], old)
			wantFault(t, err, fault.RefLocked)
			if fix := fault.From(err).Fix(); !strings.Contains(fix, "rm "+lock) {
				t.Errorf("the advice is %q, and the lock %s", fix, lock)
			}
			s.wantRef(r, ledgerRef, old)
			if err := os.Remove(lock); err != nil {
				t.Fatal(err)
			}
		}
		s.git("update-ref", "-d", ledgerRef)
	}
}

// While the lock is held by one who has already moved the ref, the race
// counts, because only that can be mended by beginning again.
func TestAMovedRefIsALostRaceAlsoWhileLocked(t *testing.T) {
	t.Parallel()
	s, r, commits := refScratch(t)
	s.git("config", "core.filesRefLockTimeout", "0")
	mustUpdate(t, r, ledgerRef, commits[1], "")
	s.loose(ledgerRef+".lock", "")
	wantFault(t, r.UpdateRef(context.Background(), ledgerRef, commits[2], commits[0]), fault.LostRace)
	s.wantRef(r, ledgerRef, commits[1])
}

func TestRefsAreInterrupted(t *testing.T) {
	t.Parallel()
	s, r, commits := refScratch(t)
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := r.Ref(gone, "refs/heads/main")
	wantFault(t, err, fault.Interrupted)
	wantFault(t, r.UpdateRef(gone, ledgerRef, commits[0], ""), fault.Interrupted)
	s.wantRef(r, ledgerRef, "")
}

// A git that is killed between taking the lock and moving the ref leaves its
// lock, which would stop every later move.
func TestTheLockOfAKilledGitIsRemoved(t *testing.T) {
	s, _, commits := refScratch(t)
	first, second := commits[0], commits[1]
	mustUpdate(t, s.look(), ledgerRef, first, "")
	lock := filepath.Join(s.gitDir(), filepath.FromSlash(ledgerRef)) + ".lock"
	for _, c := range []struct {
		text string
		left bool
	}{{string(second) + "\n", false}, {string(first) + "\n", true}, {"", true}} {
		t.Run(c.text, func(t *testing.T) {
			wrapGit(t, "case \"$*\" in *update-ref*) printf '"+strings.TrimSpace(c.text)+strings.Repeat("\\n", len(c.text)/40)+"' > '"+lock+"'; kill -9 $$;; esac")
			r := s.look()
			if err := r.UpdateRef(context.Background(), ledgerRef, second, first); err == nil {
				t.Error("the ref counts as moved")
			}
			if _, err := os.Lstat(lock); (err == nil) != c.left {
				t.Errorf("the lock: %v", err)
			}
			os.Remove(lock)
		})
	}
}
