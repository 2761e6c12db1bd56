package gitrepo

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// stalling makes a remote that begins to send a pack and stops, as long as somebody listens.
func stalling(t *testing.T) (here, there *scratch) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("needs a pipe with a number")
	}
	here, there, _ = pair(t)
	blob := strings.TrimSpace(string(there.pipe(string(noise(1, 1<<20)), "hash-object", "-w", "--stdin")))
	tree := strings.TrimSpace(string(there.pipe("100644 blob "+blob+"\tnoise\n", "mktree")))
	there.git("update-ref", ledgerRef, there.git("commit-tree", "-p", ledgerRef, "-m", "noise", tree))
	script := filepath.Join(filepath.Dir(here.dir), "upload-pack")
	text := "#!/bin/sh\nfetch=$(ps -o ppid= -p $PPID)\ngit upload-pack \"$@\" | { dd bs=1 count=300000 2> /dev/null; while kill -0 $fetch 2> /dev/null; do sleep 0.05; done; }\n"
	if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	here.git("config", "remote.origin.uploadpack", script)
	here.git("config", "fetch.unpackLimit", "1")
	return here, there
}

// One who begins to send and stops is given up, and nothing of it is left.
func TestStalledRemote(t *testing.T) {
	t.Parallel()
	here, _ := stalling(t)
	r := here.open()
	r.git.silence = 500 * time.Millisecond
	err := r.Fetch(context.Background(), io.Discard, "origin", ledgerRef, "refs/vaultmesh-incoming/origin/ledger")
	wantFault(t, err, fault.RemoteFailed)
	if causes := fault.From(err).Causes(); len(causes) != 1 || !strings.Contains(causes[0], "nothing moved between the remote and here within 500ms") {
		t.Errorf("the causes are %q", causes)
	}
	wantNothingLeft(t, here)
}

// One who sends more than is taken at once is stopped, and nothing of it is left, but what
// others fetch meanwhile.
func TestExcessiveRemote(t *testing.T) {
	t.Parallel()
	here, _ := stalling(t)
	others := filepath.Join(here.dir, ".git", "objects", "pack", "tmp_pack_others")
	r := here.open()
	r.MayTake(100000)
	if err := os.WriteFile(others, noise(2, 100000), 0o666); err != nil {
		t.Fatal(err)
	}
	wantFault(t, r.Fetch(context.Background(), io.Discard, "origin", ledgerRef, "refs/vaultmesh-incoming/origin/ledger"), fault.TooMuch)
	if err := os.Remove(others); err != nil {
		t.Error(err)
	}
	wantNothingLeft(t, here)
	here.git("config", "--unset", "remote.origin.uploadpack")
	r.MayTake(2 << 20)
	if err := r.Fetch(context.Background(), io.Discard, "origin", ledgerRef, "refs/vaultmesh-incoming/origin/ledger"); err != nil {
		t.Error(err)
	}
}

// Several who send the same, and more than is taken at once, leave nothing either, and what
// one leaves stays until the others are done.
func TestExcessiveRemotesAtOnce(t *testing.T) {
	t.Parallel()
	here, _ := stalling(t)
	r := here.open()
	r.MayTake(100000)
	var all sync.WaitGroup
	for i := range 3 {
		all.Go(func() {
			alone := r.Alone()
			defer alone.Close()
			err := alone.Fetch(context.Background(), io.Discard, "origin", ledgerRef, "refs/vaultmesh-incoming/origin"+string(rune('0'+i))+"/ledger")
			if !fault.Has(err, fault.TooMuch) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	wantNothingLeft(t, here)
}

func wantNothingLeft(t *testing.T, s *scratch) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(s.dir, ".git", "objects", "pack", "*"))
	if err != nil || len(left) != 0 {
		t.Errorf("%q is left: %v", left, err)
	}
	if refs := s.refs(); len(refs) != 0 {
		t.Errorf("it brought %q", refs)
	}
}

// Where two fetch the same, what one leaves cannot be told from what the other still writes,
// and what is longer than what came is another's: neither is removed.
func TestSweepLeavesWhatOthersFetch(t *testing.T) {
	t.Parallel()
	came := noise(3, 2*maxHead)
	longer := len(came) + inPipe + 1
	for name, c := range map[string]struct {
		stopped     int
		packs, left []int
	}{
		"alone":           {1, []int{len(came)}, nil},
		"two alike":       {1, []int{len(came), maxHead}, []int{len(came), maxHead}},
		"both are ours":   {2, []int{len(came), maxHead}, nil},
		"two of three":    {2, []int{len(came), maxHead, maxHead + 1}, []int{len(came), maxHead, maxHead + 1}},
		"longer too":      {1, []int{longer, len(came)}, []int{longer}},
		"longer":          {1, []int{longer}, []int{longer}},
		"nothing stopped": {0, []int{len(came)}, []int{len(came)}},
	} {
		landing := t.TempDir()
		for i, size := range c.packs {
			if err := os.WriteFile(filepath.Join(landing, "tmp_pack_"+string(rune('a'+i))), append(bytes.Clone(came), make([]byte, inPipe+1)...)[:size], 0o666); err != nil {
				t.Fatal(err)
			}
		}
		w := &watch{landing: landing, came: int64(len(came)), head: came[:maxHead]}
		var stopped []*watch
		for range c.stopped {
			stopped = append(stopped, &watch{landing: landing, came: int64(len(came)), head: came[:maxHead]})
		}
		sweepPacks(stopped)
		var left []int
		for _, path := range w.unread() {
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			left = append(left, int(info.Size()))
		}
		if !slices.Equal(left, c.left) {
			t.Errorf("%s: packs of %d bytes are left, not %d", name, left, c.left)
		}
	}
}

// Of what git says all is passed on but how far it is.
func TestProgressIsLeftOut(t *testing.T) {
	var b bytes.Buffer
	p := &withoutProgress{to: &b}
	text := "Enumerating objects: 5, done.\nCounting objects:  20% (1/5)\rCounting objects: 100% (5/5), done.\nDelta compression using up to 2 threads\n" +
		"Writing objects:  33% (1/3)\rWriting objects: 100% (3/3), done.\nTotal 3 (delta 0), reused 0 (delta 0), pack-reused 0\n" +
		"remote: Error VM612: no\nTotal loss\n ! [remote rejected] x -> x (hook declined)\nerror: failed"
	for _, c := range []byte(text) {
		if _, err := p.Write([]byte{c}); err != nil {
			t.Fatal(err)
		}
	}
	p.end()
	if want := "remote: Error VM612: no\nTotal loss\n ! [remote rejected] x -> x (hook declined)\nerror: failed"; b.String() != want {
		t.Errorf("%q", b.String())
	}
}

// A remote that says much without an end of line fills no memory with it.
func TestLongLinesArePassedOn(t *testing.T) {
	t.Parallel()
	var passed int
	p := &withoutProgress{to: counting{&passed}}
	piece := bytes.Repeat([]byte("x"), 10_000)
	for i := range 1000 {
		if _, err := p.Write(piece); err != nil {
			t.Fatal(err)
		}
		if kept := (i+1)*len(piece) - passed; kept != len(p.line) || kept > maxLine {
			t.Fatalf("after %d pieces %d bytes are kept", i+1, kept)
		}
	}
}

// counting counts what is written to it.
type counting struct{ bytes *int }

func (c counting) Write(b []byte) (int, error) {
	*c.bytes += len(b)
	return len(b), nil
}
