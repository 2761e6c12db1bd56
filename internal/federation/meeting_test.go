package federation

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/notes"
)

// Those who are asked at the same time are met as those who are asked one after another:
// the same is said of each, and the same merge is made and given to all.
func TestMetAsOneAfterAnother(t *testing.T) {
	t.Parallel()
	const peers = maxAtOnce + 2 // more than are spoken with at once
	w := newWorld(t, rand.New(rand.NewPCG(1, 7)), "sha1", peers+1, nil)
	for _, c := range w.clones {
		w.record(c)
	}
	first, again := w.clones[0], &clone{dir: filepath.Join(w.root, "again"), env: w.env}
	for _, c := range w.clones[1:] {
		w.link(first, c)
	}
	w.git(first.dir, "remote", "add", "gone", "../gone")
	names := append(slices.Clone(first.knows), "gone")
	must(t, os.CopyFS(again.dir, os.DirFS(first.dir)))

	one, err := w.place(t, again).askOneByOne(names)
	must(t, err)
	p := w.place(t, first)
	var head gitrepo.OID
	var given []string
	must(t, p.Meet(context.Background(), names, Meeting{
		Heard: func(arrivals []Arrival) error {
			if len(arrivals) != len(names) {
				t.Fatalf("%d of %d answered in time, or twice", len(arrivals), len(names))
			}
			for i, a := range arrivals {
				if b := one[i]; a.Peer != names[i] || a.State != b.State || a.Head != b.Head || a.New != b.New || (a.Err == nil) != (b.Err == nil) {
					t.Errorf("%s is %s at %s, and alone %s at %s", a.Peer, a.State, a.Head, b.State, b.Head)
				}
			}
			head, _, err = p.Take(context.Background(), arrivals)
			return err
		},
		Given: func(peer string, pushed gitrepo.OID, err error) error {
			if pushed == head && err == nil {
				given = append(given, peer)
			}
			return nil
		},
	}))
	slices.Sort(given)
	if want := slices.Sorted(slices.Values(first.knows)); !slices.Equal(given, want) {
		t.Errorf("given to %q, not to %q", given, want)
	}
	merged, _, err := w.place(t, again).Take(context.Background(), one)
	must(t, err)
	if merged != head {
		t.Errorf("at once the merge is %s, one after another %s", head, merged)
	}
}

// Whoever waits for peers no more ends the asking of those that have not answered.
func TestMeetingIsLeft(t *testing.T) {
	t.Parallel()
	w := newWorld(t, rand.New(rand.NewPCG(1, 7)), "sha1", 2, [][2]int{{0, 1}})
	c := w.clones[0]
	w.git(c.dir, "remote", "add", "silent", "../p1")
	w.git(c.dir, "config", "remote.silent.uploadpack", "sleep 600; git-upload-pack")
	left := errors.New("left")
	err := w.place(t, c).Meet(context.Background(), []string{"p1", "silent"}, Meeting{Heard: func(arrivals []Arrival) error {
		if len(arrivals) != 1 || arrivals[0].Peer != "p1" || arrivals[0].State != Same {
			t.Errorf("%+v answered", arrivals)
		}
		return left
	}}) // or the test does not end
	if !errors.Is(err, left) {
		t.Error(err)
	}
}

// A peer that takes its time while it is pushed to keeps nobody: not those that are given
// the same, nor those that answer later, and what these bring is given to the others, and
// the notes are brought together with theirs meanwhile.
func TestSlowToTakeKeepsNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, rand.New(rand.NewPCG(1, 7)), "sha1", 4, [][2]int{{0, 1}, {0, 2}, {0, 3}})
	ours, slow, other, late := w.clones[0], w.clones[1], w.clones[2], w.clones[3]
	w.record(ours)
	w.record(late)
	brought := w.head(late)
	w.git(ours.dir, "config", "remote.p3.uploadpack", w.script("answers-late", "for i in $(seq 100); do "+leads(other, w.head(ours))+" && break; sleep 0.1; done", "git upload-pack"))
	all := leads(other, brought) + " && " + leads(late, w.head(ours)) + " && git -C '" + other.dir + "' rev-parse -q --verify " + notes.Ref + " >/dev/null"
	w.git(ours.dir, "config", "remote.p1.receivepack", w.script("takes-late", "for i in $(seq 100); do "+all+" && break; sleep 0.1; done; "+all+" || exit 1", "git receive-pack"))

	p := w.place(t, ours)
	w.git(ours.dir, "notes", "--ref", notes.Ref, "add", "-m", "shared", ledger.DefaultRef)
	rounds := 0
	must(t, p.Meet(context.Background(), ours.knows, Meeting{
		Heard: func(arrivals []Arrival) error {
			rounds++
			_, _, err := p.Take(context.Background(), arrivals)
			return err
		},
		Given:  func(peer string, _ gitrepo.OID, err error) error { return err },
		Shared: func(peer string, _ bool, err error) error { return err },
	}))
	if rounds != 2 {
		t.Errorf("all were heard in %d rounds", rounds)
	}
	for _, c := range []*clone{slow, other, late} {
		if w.head(c) != w.head(ours) {
			t.Errorf("%s has not all", c.dir)
		}
	}
}

// A peer for which a person has to be asked waits for that, whatever others bring meanwhile.
func TestWaitsForTheTerminal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, rand.New(rand.NewPCG(1, 7)), "sha1", 3, [][2]int{{0, 1}, {0, 2}})
	ours, late := w.clones[0], w.clones[2]
	w.record(ours)
	w.record(late)
	tries := filepath.Join(w.root, "tries")
	w.git(ours.dir, "config", "remote.p1.receivepack", w.script("asks", "echo x >>'"+tries+"'; echo 'Permission denied' >&2; exit 1", "false"))
	w.git(ours.dir, "config", "remote.p2.uploadpack", w.script("answers-late", "for i in $(seq 200); do [ -s '"+tries+"' ] && sleep 1 && break; sleep 0.1; done", "git upload-pack"))
	p := w.place(t, ours)
	must(t, p.Meet(context.Background(), ours.knows, Meeting{
		Heard: func(arrivals []Arrival) error {
			_, _, err := p.Take(context.Background(), arrivals)
			return err
		},
		Given: func(peer string, _ gitrepo.OID, err error) error {
			if (peer == "p1") != (err != nil) {
				t.Errorf("%s: %v", peer, err)
			}
			return nil
		},
	}))
	said, err := os.ReadFile(tries)
	must(t, err)
	if n := strings.Count(string(said), "x"); n != 2 { // beside others, and by itself
		t.Errorf("it was pushed to %d times", n)
	}
}

// leads is a command that tells whether a clone's ledger contains a commit.
func leads(c *clone, head string) string {
	return "git -C '" + c.dir + "' merge-base --is-ancestor " + strings.TrimSpace(head) + " " + ledger.DefaultRef + " 2>/dev/null"
}

// script is a program of a remote that waits first.
func (w *world) script(name, wait, program string) string {
	path := filepath.Join(w.root, name)
	must(w.t, os.WriteFile(path, []byte("#!/bin/sh\nunset GIT_DIR\n"+wait+"\nexec "+program+" \"$@\"\n"), 0o755))
	return path
}

// place is where a clone's ledger is.
func (w *world) place(t *testing.T, c *clone) Place {
	repo := w.open(c)
	t.Cleanup(repo.Close)
	return Place{Repo: repo, Ref: ledger.DefaultRef, Terms: &verify.Terms{Now: time.Unix(1795356300, 0)}, Messages: io.Discard, Progress: func() {}}
}

func (p Place) askOneByOne(peers []string) ([]Arrival, error) {
	var arrivals []Arrival
	for _, peer := range peers {
		a, err := p.Ask(context.Background(), peer)
		if err != nil {
			return nil, err
		}
		arrivals = append(arrivals, a)
	}
	return arrivals, nil
}
