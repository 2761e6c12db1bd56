package federation

import (
	"context"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
)

// Those who are asked at the same time are met as those who are asked one after another:
// the same is said of each, and the same merge is made and given to all.
func TestCrowdIsMetAsOneAfterAnother(t *testing.T) {
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
	crowd, err := p.AskAll(context.Background(), names)
	must(t, err)
	defer crowd.Close()
	arrivals, err := crowd.Next(context.Background())
	must(t, err)
	if len(arrivals) != len(names) {
		t.Fatalf("%d of %d answered in time", len(arrivals), len(names))
	}
	for i, a := range arrivals {
		if b := one[i]; a.Peer != names[i] || a.State != b.State || a.Head != b.Head || a.New != b.New || (a.Err == nil) != (b.Err == nil) {
			t.Errorf("%s is %s at %s, and alone %s at %s", a.Peer, a.State, a.Head, b.State, b.Head)
		}
	}
	if more, err := crowd.Next(context.Background()); len(more) != 0 || err != nil {
		t.Errorf("%d answered twice: %v", len(more), err)
	}
	head, _, err := p.Take(context.Background(), arrivals)
	must(t, err)
	var given []string
	must(t, p.GiveAll(context.Background(), arrivals, func(nth int, pushed gitrepo.OID, err error) error {
		if pushed == head && err == nil {
			given = append(given, names[nth])
		}
		return nil
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
func TestCrowdIsLeft(t *testing.T) {
	t.Parallel()
	w := newWorld(t, rand.New(rand.NewPCG(1, 7)), "sha1", 2, [][2]int{{0, 1}})
	c := w.clones[0]
	w.git(c.dir, "remote", "add", "silent", "../p1")
	w.git(c.dir, "config", "remote.silent.uploadpack", "sleep 600; git-upload-pack")
	crowd, err := w.place(t, c).AskAll(context.Background(), []string{"p1", "silent"})
	must(t, err)
	arrivals, err := crowd.Next(context.Background())
	must(t, err)
	if len(arrivals) != 1 || arrivals[0].Peer != "p1" || arrivals[0].State != Same {
		t.Errorf("%+v answered", arrivals)
	}
	crowd.Close() // or the test does not end
}

// A peer that takes its time while it is pushed to keeps no other from being given all.
func TestGivenAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, rand.New(rand.NewPCG(1, 7)), "sha1", 3, [][2]int{{0, 1}, {0, 2}})
	ours, other := w.clones[0], w.clones[2]
	w.record(ours)
	script := filepath.Join(w.root, "receive-pack")
	text := "#!/bin/sh\nledger() { git -C '" + other.dir + "' rev-parse " + ledger.DefaultRef + "; }\nbefore=$(ledger)\n" +
		"for i in $(seq 600); do\n\t[ $(ledger) != $before ] && exec git receive-pack \"$@\"\n\tsleep 0.1\ndone\nexit 1\n"
	must(t, os.WriteFile(script, []byte(text), 0o755))
	w.git(ours.dir, "config", "remote.p1.receivepack", script)
	p := w.place(t, ours)
	arrivals, err := p.askOneByOne(ours.knows)
	must(t, err)
	must(t, p.GiveAll(context.Background(), arrivals, func(nth int, pushed gitrepo.OID, err error) error {
		if err != nil || string(pushed) == "" {
			t.Errorf("%s was given %q: %v", ours.knows[nth], pushed, err)
		}
		return nil
	}))
	if w.head(w.clones[1]) != w.head(ours) || w.head(other) != w.head(ours) {
		t.Error("not all have all")
	}
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
