package federation

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

var largest = flag.Int("cost.receipts", 3000, "how many receipts the largest ledger has into which one is fetched")

// kept is a cache in memory.
type kept map[string][]byte

func (k kept) Load(name string) []byte       { return k[name] }
func (k kept) Save(name string, data []byte) { k[name] = data }

// One new receipt costs as many objects, over the wire and read here, whatever the ledger
// has already: the trees above it on both sides, and not those beside these.
func TestOneReceiptIntoALargeLedger(t *testing.T) {
	listen(t)
	trees := make(map[State][]int)
	sizes := []int{100, *largest}
	for _, n := range sizes {
		w := newWorld(t, rand.New(rand.NewPCG(1, 7)), "sha256", 1, nil) // of which git reads every object
		w.fill(w.clones[0], n)
		ours := w.newClone("p1", "")
		w.link(ours, w.clones[0])
		cache := make(kept)
		for _, state := range []State{Ahead, Diverged} {
			if state == Diverged {
				w.write(ours, w.release("ours"), w.signer)
			}
			w.known(ours, cache)
			w.write(w.clones[0], w.release("theirs, "+string(state)), w.signer)
			c := w.costOfTaking(ours, cache, state)
			t.Logf("%7d receipts, %-8s: %d objects came, %d were read, %d of them trees, %d different ones", n, state, c.came, c.read, c.trees, c.different)
			if trees[state] = append(trees[state], c.trees); c.came != 9 {
				t.Errorf("%d objects came of a ledger of %d", c.came, n)
			}
		}
	}
	for state, n := range trees {
		// In a small ledger the fans of the two receipts may hold nothing else, and are not opened: at most ten times each.
		if few, many := n[0], n[1]; many > few+20 {
			t.Errorf("%s: in a ledger of %d receipts %d trees are opened, and in one of %d only %d", state, sizes[1], many, sizes[0], few)
		}
	}
}

// cost is what it takes to ask, judge and take.
type cost struct{ came, read, trees, different int }

func (w *world) costOfTaking(c *clone, cache kept, state State) (spent cost) {
	w.t.Helper()
	reads := filepath.Join(w.root, "reads-"+string(state))
	listening := *c
	listening.env = append(slices.Clone(c.env), "READS="+reads)
	before := w.objects(c)
	repo := w.open(&listening)
	p := Place{Repo: repo, Ref: ledger.DefaultRef, Terms: &verify.Terms{Now: time.Unix(1795356300, 0), Cache: cache}, Messages: io.Discard, Progress: func() {}}
	a, err := p.Ask(context.Background(), "p0")
	must(w.t, err)
	if a.State != state || a.New != 1 {
		w.t.Fatalf("it is %s with %d new: %v", a.State, a.New, a.Err)
	}
	_, merges, err := p.Take(context.Background(), []Arrival{a})
	must(w.t, err)
	repo.Close()
	spent.came = w.objects(c) - before - len(merges)*5 // a merge here is four trees and a commit
	ids := w.listened(reads)
	spent.read, spent.trees = len(ids), strings.Count(w.gitReads(c.dir, strings.Join(ids, "\n"), "cat-file", "--batch-check"), " tree ")
	slices.Sort(ids)
	spent.different = len(slices.Compact(ids))
	return spent
}

func (w *world) release(version string) *receipt.Receipt {
	return &receipt.Receipt{Kind: receipt.KindRelease, Ledger: w.genesis, RecordedAt: 1795356300, Recorder: receipt.Person{Name: "Ada"}, Component: "api", Version: version}
}

// fill records many receipts, on ten days.
func (w *world) fill(c *clone, n int) {
	w.t.Helper()
	w.with(c, func(l *ledger.Ledger, repo *gitrepo.Repo) {
		b, err := l.NewBatch(context.Background(), repo)
		must(w.t, err)
		defer b.Close()
		for i := range n {
			r := w.release(fmt.Sprint("v", i))
			r.RecordedAt += receipt.Time(86400 * (i % 10))
			raw, err := r.Encode()
			must(w.t, err)
			made, err := w.signer.Sign(context.Background(), raw)
			must(w.t, err)
			must(w.t, b.Add(ledger.Addition{Receipt: raw, Proofs: []ledger.Proof{{Type: made.Type, Data: made.Bytes}}}, r.RecordedAt))
		}
		_, err = b.Append(context.Background(), ledger.DefaultRef, ledger.Change{Author: ident, Committer: ident, Message: "x\n"})
		must(w.t, err)
	})
}

// known keeps what was found out about a ledger that was read before.
func (w *world) known(c *clone, cache kept) {
	w.t.Helper()
	w.with(c, func(l *ledger.Ledger, _ *gitrepo.Repo) {
		_, err := verify.Chain(context.Background(), l, &verify.Terms{Now: time.Unix(1795356300, 0), Cache: cache})
		must(w.t, err)
	})
}

// objects are how many objects a clone has, those that are there twice counted once.
func (w *world) objects(c *clone) int {
	w.t.Helper()
	return strings.Count(w.git(c.dir, "cat-file", "--batch-check", "--batch-all-objects"), "\n")
}

// listen has git write down which objects it is asked for, where READS says that it should.
func listen(t *testing.T) {
	t.Helper()
	wrapGit(t, `case "$READS $*" in
?*' cat-file '*) sed -u "w $READS.$$" | "$git" "$@"; exit;;
esac`)
}

// wrapGit has a shell run lines before git does, whose path is in git, for the rest of the test.
func wrapGit(t *testing.T, lines string) {
	t.Helper()
	real, err := exec.LookPath("git")
	must(t, err)
	bin := t.TempDir()
	must(t, os.WriteFile(filepath.Join(bin, "git"), []byte("#!/bin/sh\ngit='"+real+"'\n"+lines+"\nexec \"$git\" \"$@\"\n"), 0o777))
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
}

func (w *world) listened(reads string) (ids []string) {
	w.t.Helper()
	files, err := filepath.Glob(reads + ".*")
	must(w.t, err)
	if len(files) == 0 {
		w.t.Fatal("git was asked for nothing")
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		must(w.t, err)
		for line := range strings.Lines(string(text)) {
			words := strings.Fields(line)
			if len(words) > 0 && words[0] != "flush" && words[0] != "info" {
				ids = append(ids, words[len(words)-1])
			}
		}
	}
	return ids
}

// How often a remote is connected to, as docs/scale.md has it.
func TestRoundTrips(t *testing.T) {
	w := newWorld(t, rand.New(rand.NewPCG(1, 7)), "sha1", 3, [][2]int{{0, 1}, {2, 1}})
	ours, hub, other := w.clones[0], w.clones[1], w.clones[2]
	ours.env = append(ours.env, "CALLS="+filepath.Join(w.root, "calls"), "RACE="+filepath.Join(w.root, "race"), "OTHER="+other.dir)
	wrapGit(t, `case "$CALLS $* " in
?*' ls-remote '* | ?*' fetch '*) echo >>"$CALLS";;
?*' push '*)
	echo >>"$CALLS"
	if rm "$RACE" 2>/dev/null; then "$git" -C "$OTHER" push -q p1 refs/vaultmesh/ledger; fi;;
esac`)
	for _, c := range []struct {
		name   string
		before func()
		want   int
	}{
		{"nothing new", func() {}, 1},
		{"something to push", func() { w.record(ours) }, 2},
		{"something to take", func() { w.record(hub) }, 2},
		{"both", func() { w.record(ours); w.record(hub) }, 3},
		{"somebody else is quicker", func() {
			w.record(ours)
			w.sync(other)
			w.record(other)
			must(t, os.WriteFile(filepath.Join(w.root, "race"), nil, 0o666))
		}, 2 + 3},
		{"nothing new again", func() {}, 1},
	} {
		c.before()
		must(t, os.WriteFile(filepath.Join(w.root, "calls"), nil, 0o666))
		w.sync(ours)
		calls, err := os.ReadFile(filepath.Join(w.root, "calls"))
		must(t, err)
		if len(calls) != c.want {
			t.Errorf("%s: %d connections, and %d are promised", c.name, len(calls), c.want)
		}
	}
}

// What docs/scale.md says that receipts cost in objects and bytes, and what is saved by
// fetching less.
func TestWhatReceiptsCost(t *testing.T) {
	w := newWorld(t, rand.New(rand.NewPCG(1, 7)), "sha1", 1, nil)
	c, n := w.clones[0], *largest
	before := w.objects(c)
	w.fill(c, n)
	many := float64(w.objects(c)-before) / float64(n)
	w.git(c.dir, "repack", "-adq")
	whole := w.packed(c.dir)
	old := strings.TrimSpace(w.head(c))
	w.write(c, w.release("one more"), w.signer)
	pack := w.gitReads(c.dir, "^"+old+"\n"+w.head(c), "pack-objects", "-q", "--revs", "--thin", "--stdout")
	one := int(pack[8])<<24 | int(pack[9])<<16 | int(pack[10])<<8 | int(pack[11])
	t.Logf("one receipt: %d objects, %d bytes over the wire", one, len(pack))
	t.Logf("one of %d: %.1f objects, %d bytes packed", n, many, whole/n)
	if one != 9 || many < 3 || many > 4 {
		t.Error("docs/scale.md says 9 objects, and 3 of a batch")
	}

	w.git(c.dir, "config", "uploadpack.allowFilter", "true")
	clone := func(name string, options ...string) int {
		dir := filepath.Join(w.root, name)
		w.git(w.root, "init", "-q", "--bare", dir)
		w.git(dir, append(append([]string{"fetch", "-q"}, options...), "file://"+c.dir, "+refs/vaultmesh/*:refs/vaultmesh/*")...)
		return w.packed(dir)
	}
	w.git(c.dir, "repack", "-adq")
	all, trees, last := clone("all"), clone("trees", "--filter=blob:none"), clone("last", "--depth=1")
	t.Logf("a clone: %d bytes; without files %d, %.2f of it; only the last commit %d, %.2f", all, trees, float64(trees)/float64(all), last, float64(last)/float64(all))
	if 2*trees > all {
		t.Error("docs/scale.md says that files are two thirds")
	}
}

// packed is the size of a repository's packs.
func (w *world) packed(dir string) (bytes int) {
	w.t.Helper()
	packs, err := filepath.Glob(filepath.Join(dir, "*objects", "pack", "*.pack"))
	must(w.t, err)
	inner, err := filepath.Glob(filepath.Join(dir, ".git", "objects", "pack", "*.pack"))
	must(w.t, err)
	for _, p := range append(packs, inner...) {
		info, err := os.Stat(p)
		must(w.t, err)
		bytes += int(info.Size())
	}
	return bytes
}
