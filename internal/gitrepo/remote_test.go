package gitrepo

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// pair is a repository and a remote of it, origin, with a ledger at the first
// of two commits.
func pair(t *testing.T) (here, there *scratch, commits []OID) {
	t.Helper()
	there = newScratch(t)
	commits = []OID{there.commit("a"), there.commit("b")}
	there.git("update-ref", ledgerRef, string(commits[0]))
	here = newScratch(t)
	here.git("remote", "add", "origin", there.dir)
	return here, there, commits
}

// refs are all refs of a repository, one a line.
func (s *scratch) refs() []string {
	s.t.Helper()
	return strings.Fields(s.git("for-each-ref", "--format=%(refname)"))
}

func TestLsRemoteIsExact(t *testing.T) {
	t.Parallel()
	here, there, commits := pair(t)
	there.git("update-ref", "refs/heads/"+ledgerRef, string(commits[1]))
	r := here.open()
	const branch = "refs/heads/vaultmesh/ledger"
	for _, remote := range []string{"origin", there.dir} {
		got, err := r.LsRemote(context.Background(), io.Discard, remote, ledgerRef, branch)
		if err != nil || len(got) != 1 || got[ledgerRef] != commits[0] {
			t.Errorf("%s has %v, %v", remote, got, err)
		}
	}
	if got := here.refs(); len(got) != 0 {
		t.Errorf("asking brought %q", got)
	}
}

func TestFetchBringsOneRef(t *testing.T) {
	t.Parallel()
	here, there, commits := pair(t)
	there.git("tag", "--annotate", "--message", "v1", "v1", string(commits[0]))
	const seen, stale = "refs/vaultmesh-remotes/origin/ledger", "refs/vaultmesh-remotes/origin/stale"
	// Habits that make git fetch do more, or take away.
	for name, value := range map[string]string{"fetch.prune": "true", "fetch.pruneTags": "true", "remote.origin.tagOpt": "--tags", "fetch.writeCommitGraph": "true"} {
		here.git("config", name, value)
	}
	here.git("config", "--add", "remote.origin.fetch", "+refs/vaultmesh/*:refs/elsewhere/*")
	mine := here.commit("mine")
	here.git("update-ref", stale, string(mine))
	r := here.open()
	for _, want := range []OID{commits[0], commits[1], commits[0]} { // back too: what is there is recorded, not judged
		there.git("update-ref", ledgerRef, string(want))
		if err := r.Fetch(context.Background(), io.Discard, "origin", ledgerRef, seen); err != nil {
			t.Fatal(err)
		}
		here.wantRef(r, seen, want)
		if got := here.refs(); !slices.Equal(got, []string{"refs/heads/main", seen, stale}) {
			t.Errorf("the refs are now %q", got)
		}
	}
	if _, err := os.Lstat(filepath.Join(here.gitDir(), "FETCH_HEAD")); err == nil {
		t.Error("FETCH_HEAD was written")
	}
}

// Git transports trees that no checkout survives, unless it is told to look.
func TestFetchRefusesMalformedObjects(t *testing.T) {
	t.Parallel()
	here, there, commits := pair(t)
	blob := strings.TrimSpace(string(there.pipe("x", "hash-object", "-w", "--stdin")))
	tree := EncodeTree([]TreeEntry{{ModeFile, ".git", OID(blob)}})
	id := strings.TrimSpace(string(there.pipe(string(tree), "hash-object", "-w", "-t", "tree", "--literally", "--stdin")))
	there.git("update-ref", ledgerRef, there.git("commit-tree", "-p", string(commits[0]), "-m", "hostile", id))
	const seen = "refs/vaultmesh-remotes/origin/ledger"
	r := here.open()
	wantFault(t, r.Fetch(context.Background(), io.Discard, "origin", ledgerRef, seen), fault.Invalid)
	here.wantRef(r, seen, "")
	// Why git fails is told apart by its words, in whatever language the user has it speak.
	here.env = append(here.env, "LC_ALL=C.UTF-8", "LANGUAGE=de")
	wantFault(t, here.open().Fetch(context.Background(), io.Discard, "origin", ledgerRef, seen), fault.Invalid)
}

// One who takes a connection and says nothing keeps nobody waiting for ever.
func TestSilentRemote(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		var held []net.Conn // or they would be closed when nothing refers to them
		for {
			c, err := l.Accept()
			if err != nil {
				break
			}
			held = append(held, c)
		}
		for _, c := range held {
			c.Close()
		}
	}()
	r := newScratch(t).open()
	r.git.patience = 100 * time.Millisecond
	for _, scheme := range []string{"git", "http"} {
		url := scheme + "://" + l.Addr().String() + "/x"
		_, err := r.LsRemote(context.Background(), io.Discard, url, ledgerRef)
		wantFault(t, err, fault.RemoteFailed)
		if causes := fault.From(err).Causes(); len(causes) != 1 || !strings.Contains(causes[0], "not done within 100ms") {
			t.Errorf("%s: the causes are %q", scheme, causes)
		}
		wantFault(t, r.Fetch(context.Background(), io.Discard, url, ledgerRef, "refs/vaultmesh-remotes/x/ledger"), fault.RemoteFailed)
		wantFault(t, r.Push(context.Background(), io.Discard, url, "HEAD"), fault.PushFailed)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = r.LsRemote(ctx, io.Discard, "git://"+l.Addr().String()+"/x", ledgerRef)
	wantFault(t, err, fault.Interrupted)
}

func TestRemoteFaults(t *testing.T) {
	t.Parallel()
	here, there, _ := pair(t)
	r := here.open()
	ctx := context.Background()
	const seen = "refs/vaultmesh-remotes/origin/ledger"
	touched := filepath.Join(filepath.Dir(here.dir), "touched")
	for _, remote := range []string{"nosuch", filepath.Join(there.dir, "nosuch"), "--upload-pack=touch " + touched, "-", "ext::touch " + touched} {
		var said bytes.Buffer
		_, err := r.LsRemote(ctx, &said, remote, ledgerRef)
		wantFault(t, err, fault.RemoteFailed)
		if said.Len() == 0 || !strings.Contains(fault.From(err).Fix(), remote) {
			t.Errorf("%s: git said %q, and the advice is %q", remote, said.String(), fault.From(err).Fix())
		}
		wantFault(t, r.Fetch(ctx, io.Discard, remote, ledgerRef, seen), fault.RemoteFailed)
		wantFault(t, r.Push(ctx, io.Discard, remote, "refs/heads/main"), fault.PushFailed)
	}
	if _, err := os.Lstat(touched); err == nil {
		t.Error("a remote's name was run as a command")
	}
	wantFault(t, r.Fetch(ctx, io.Discard, "origin", "refs/vaultmesh/nosuch", seen), fault.RemoteFailed)
	if got := here.refs(); len(got) != 0 {
		t.Errorf("failures brought %q", got)
	}
}

func TestPush(t *testing.T) {
	t.Parallel()
	here, there, commits := pair(t)
	ctx := context.Background()
	r := here.open()
	if err := r.Fetch(ctx, io.Discard, "origin", ledgerRef, ledgerRef); err != nil {
		t.Fatal(err)
	}
	next := OID(here.git("commit-tree", "-p", string(commits[0]), "-m", "next", string(commits[0])+"^{tree}"))
	mustUpdate(t, r, ledgerRef, next, commits[0])
	if err := r.Push(ctx, io.Discard, "origin", ledgerRef); err != nil {
		t.Fatal(err)
	}
	there.wantRef(there.open(), ledgerRef, next)
	if got := there.refs(); !slices.Equal(got, []string{"refs/heads/main", ledgerRef}) {
		t.Errorf("the remote's refs are %q", got)
	}
	// Habits that make git push more do not.
	here.git("tag", "--annotate", "--message", "t", "t", string(next))
	here.git("config", "push.followTags", "true")
	here.git("config", "push.recurseSubmodules", "only")
	later := OID(here.git("commit-tree", "-p", string(next), "-m", "later", string(next)+"^{tree}"))
	mustUpdate(t, r, ledgerRef, later, next)
	next = later
	if err := r.Push(ctx, io.Discard, "origin", ledgerRef); err != nil {
		t.Fatal(err)
	}
	there.wantRef(there.open(), ledgerRef, next)
	if got := there.refs(); !slices.Equal(got, []string{"refs/heads/main", ledgerRef}) {
		t.Errorf("the remote's refs are %q", got)
	}
	// A configuration that forces pushes does not force this one.
	here.git("config", "remote.origin.push", "+"+ledgerRef+":"+ledgerRef)
	rival := there.git("commit-tree", "-p", string(commits[0]), "-m", "rival", string(commits[0])+"^{tree}")
	there.git("update-ref", ledgerRef, rival)
	var said bytes.Buffer
	err := r.Push(ctx, &said, "origin", ledgerRef)
	wantFault(t, err, fault.PushFailed)
	if fix := fault.From(err).Fix(); !strings.Contains(fix, "git push origin "+ledgerRef) || !strings.Contains(said.String(), "rejected") {
		t.Errorf("git said %q, and the advice is %q", said.String(), fix)
	}
	there.wantRef(there.open(), ledgerRef, OID(rival))
	here.wantRef(r, ledgerRef, next)
}

func TestFetchAndPushBetweenSHA256Repositories(t *testing.T) {
	t.Parallel()
	there, here := newScratch(t, "--bare", "--object-format=sha256"), newScratch(t, "--object-format=sha256")
	commit := here.commit("a")
	r := here.open()
	mustUpdate(t, r, ledgerRef, commit, "")
	if err := r.Push(context.Background(), io.Discard, there.dir, ledgerRef); err != nil {
		t.Fatal(err)
	}
	got, err := r.LsRemote(context.Background(), io.Discard, there.dir, ledgerRef)
	if err != nil || got[ledgerRef] != commit {
		t.Errorf("%v, %v", got, err)
	}
}
