package ledger

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/merkle"
)

var (
	simulations   = flag.Int("simulation", 200, "how many simulations are run")
	simulatedSeed = flag.Int64("simulation.seed", -1, "the seed of the one simulation to run; -1 for all")
	tabulated     = flag.Bool("simulation.table", false, "count rounds for each topology and many peers; print them with -v")
)

// Peers record, meet, are killed between any two steps of either, are cut off from each other, and have
// clocks that lie. When the network is whole again all come to the same root, and
// nothing is lost that was recorded. Whatever goes wrong, it does again with its seed.
func TestSimulation(t *testing.T) {
	if *simulatedSeed >= 0 {
		simulate(t, uint64(*simulatedSeed))
		return
	}
	for seed := range uint64(*simulations) {
		if !t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { simulate(t, seed) }) {
			t.Fatalf("go test ./ledger -run Simulation -v -args -simulation.seed %d", seed)
		}
	}
}

func simulate(t *testing.T, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 7))
	names := slices.Sorted(maps.Keys(topologies))
	topology, n := names[random.IntN(len(names))], 2+random.IntN(11)
	w := newWorld(t, random, topology, n)
	for range 20 + random.IntN(40*n) {
		w.happen()
	}
	w.heal()
	how := habit{all: random.IntN(2) == 0, atOnce: random.IntN(2) == 0}
	root := w.converge(how)
	w.complete()
	still, quiet := w.settle(how, 20+8*n)
	if !quiet {
		t.Fatalf("after %d rounds the %d peers still move, though they have the same: %s", still, n, w.heads())
	}
	w.complete()
	t.Logf("seed %d: %d peers, %s, %d files, %d crashes, the same root after %d rounds, nothing moved after %d more", seed, n, topology, len(w.recorded), w.crashes, root, still)
}

// topologies say who is a remote of whom, for each number of peers. Where there is a
// hub it is the first.
var topologies = map[string]func(random *rand.Rand, n int) [][2]int{
	"hub":  func(_ *rand.Rand, n int) [][2]int { return links(n, func(i int) int { return 0 }) },
	"line": func(_ *rand.Rand, n int) [][2]int { return links(n, func(i int) int { return i - 1 }) },
	"tree": func(_ *rand.Rand, n int) [][2]int { return links(n, func(i int) int { return (i - 1) / 2 }) },
	"ring": func(_ *rand.Rand, n int) [][2]int {
		return append(links(n, func(i int) int { return i - 1 }), [2]int{0, n - 1})
	},
	"random": func(random *rand.Rand, n int) [][2]int { // whole, by a random tree, and as many links more
		list := links(n, func(i int) int { return random.IntN(i) })
		for range n {
			if a, b := random.IntN(n), random.IntN(n); a != b {
				list = append(list, [2]int{a, b})
			}
		}
		return list
	},
	"full": func(_ *rand.Rand, n int) (list [][2]int) {
		for i := range n {
			for j := range i {
				list = append(list, [2]int{j, i})
			}
		}
		return list
	},
}

// links are those of each peer but the first to one before it.
func links(n int, to func(i int) int) (list [][2]int) {
	for i := 1; i < n; i++ {
		list = append(list, [2]int{to(i), i})
	}
	return list
}

// world is peers and what is between them.
type world struct {
	t        *testing.T
	random   *rand.Rand
	m        *memory
	base     *Ledger
	ledgers  map[gitrepo.OID]*Ledger
	parents  map[gitrepo.OID][]gitrepo.OID
	depth    map[gitrepo.OID]int // a commit leads only to less deep ones
	roots    map[gitrepo.OID]string
	peers    []*simulated
	recorded map[string]bool
	crashes  int
}

// simulated is a peer: a head on a disk, and a process that may be at work, of which a
// crash leaves nothing.
type simulated struct {
	head  gitrepo.OID
	hub   bool // bare: it is pushed to and asked, and does nothing by itself
	knows []int
	side  int           // of a partition
	work  []func() bool // the steps that are left; one that returns false is done again
}

// home is the remote that git pushes to by itself.
func (p *simulated) home() int { return p.knows[0] }

func newWorld(t *testing.T, random *rand.Rand, topology string, n int) *world {
	w := &world{t: t, random: random, m: newMemory([]string{"sha1", "sha256"}[random.IntN(2)]), ledgers: make(map[gitrepo.OID]*Ledger), parents: make(map[gitrepo.OID][]gitrepo.OID),
		depth: make(map[gitrepo.OID]int), roots: make(map[gitrepo.OID]string), recorded: make(map[string]bool)}
	w.base = w.know(beginning(t, w.m))
	w.remember(w.base)
	for i := range n {
		w.peers = append(w.peers, &simulated{head: w.base.Head, hub: topology == "hub" && i == 0 && n > 2})
	}
	for _, link := range topologies[topology](random, n) {
		for i := range link {
			p := w.peers[link[i]]
			if other := link[1-i]; !slices.Contains(p.knows, other) {
				p.knows = append(p.knows, other)
			}
		}
	}
	return w
}

// know keeps of a ledger what is asked for often.
func (w *world) know(l *Ledger) *Ledger {
	if known := w.ledgers[l.Head]; known != nil {
		return known
	}
	c, err := readCommit(context.Background(), w.m, l.Head)
	no(w.t, err)
	for _, p := range c.Parents {
		w.depth[l.Head] = max(w.depth[l.Head], w.depth[p]+1)
	}
	w.ledgers[l.Head], w.parents[l.Head] = l, c.Parents
	return l
}

// remember is that everything of a ledger was recorded.
func (w *world) remember(l *Ledger) {
	for _, name := range namesOf(w.t, l) {
		w.recorded[name] = true
	}
}

func (w *world) leads(from, to gitrepo.OID) bool {
	seen := map[gitrepo.OID]bool{from: true}
	for todo := []gitrepo.OID{from}; len(todo) > 0; {
		id := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if id == to {
			return true
		}
		for _, p := range w.parents[id] {
			if !seen[p] && w.depth[p] >= w.depth[to] {
				seen[p] = true
				todo = append(todo, p)
			}
		}
	}
	return false
}

// join merges heads in the order of their ids, those left out to which another leads. Where
// all have the same entries ours is merged with that of home alone, if that is asked.
func (w *world) join(ours gitrepo.OID, heads map[int]gitrepo.OID, home int) gitrepo.OID {
	tips := w.tips(append(slices.Collect(maps.Values(heads)), ours))
	if first := w.ledgers[tips[0]]; !slices.ContainsFunc(tips, func(h gitrepo.OID) bool { return !w.ledgers[h].Equals(first) }) {
		tips = tips[slices.IndexFunc(tips, func(h gitrepo.OID) bool { return w.leads(h, ours) }):][:1]
		if head, met := heads[home]; met {
			tips = w.tips([]gitrepo.OID{tips[0], head})
		}
	}
	joined := w.ledgers[tips[0]]
	for _, h := range tips[1:] {
		u, err := Merge(context.Background(), joined, w.ledgers[h])
		no(w.t, err)
		no(w.t, w.m.Write(context.Background(), u.Objects))
		joined = w.know(opened(w.t, w.m, u.Head))
	}
	return joined.Head
}

// tips are the heads to which no other one leads, in the order of their ids.
func (w *world) tips(heads []gitrepo.OID) []gitrepo.OID {
	slices.Sort(heads)
	heads = slices.Compact(heads)
	return slices.DeleteFunc(slices.Clone(heads), func(h gitrepo.OID) bool {
		return slices.ContainsFunc(heads, func(other gitrepo.OID) bool { return other != h && w.leads(other, h) })
	})
}

// happen lets one thing happen.
func (w *world) happen() {
	p := w.peers[w.random.IntN(len(w.peers))]
	switch dice := w.random.IntN(100); {
	case dice < 2:
		for _, p := range w.peers {
			p.side = w.random.IntN(2)
		}
	case dice < 4:
		w.mend()
	case p.hub:
	case len(p.work) > 0 && dice < 14:
		p.work = nil
		w.crashes++
	case len(p.work) > 0:
		w.step(p)
	case dice < 50:
		w.record(p)
	default:
		w.sync(p, w.random.IntN(2) == 0)
	}
}

func (w *world) step(p *simulated) {
	if done := p.work[0]; done() {
		p.work = p.work[min(1, len(p.work)):]
	}
}

func (w *world) mend() {
	for _, p := range w.peers {
		p.side = 0
	}
}

// heal makes the network whole. Who is at work is killed.
func (w *world) heal() {
	w.mend()
	for _, p := range w.peers {
		p.work = nil
	}
}

// record appends a receipt, or proofs to one that others may have recorded too: by a
// clock that says anything.
func (w *world) record(p *simulated) {
	add := some(w.t, w.base, 1795356300+w.random.Int64N(4)*86400*200, fmt.Sprint(w.random.IntN(30)), fmt.Sprint(w.random.IntN(3)))
	date := w.random.Int64N(1<<39) - 1<<20
	var before gitrepo.OID
	var after *Ledger
	write := func() bool {
		before = p.head
		after = w.know(extended(w.t, w.m, w.ledgers[before], date, add))
		return true
	}
	move := func() bool {
		if p.head != before { // somebody has pushed to it
			return !write()
		}
		p.head = after.Head
		w.remember(after)
		return true
	}
	p.work = []func() bool{write, move}
}

// sync meets one peer, or all that are known: asks, merges, moves the ref, and pushes.
func (w *world) sync(p *simulated, all bool) {
	whom := p.knows
	if !all {
		whom = []int{p.knows[w.random.IntN(len(p.knows))]}
	}
	heads := make(map[int]gitrepo.OID) // of whom could be asked
	for _, i := range whom {
		p.work = append(p.work, func() bool { return w.ask(p, i, heads) })
	}
	p.work = append(p.work, w.take(p, heads)...)
	for _, i := range whom {
		p.work = append(p.work, func() bool { return w.give(p, i, heads) })
	}
}

func (w *world) ask(p *simulated, i int, heads map[int]gitrepo.OID) bool {
	if other := w.peers[i]; other.side == p.side {
		heads[i] = other.head
	}
	return true
}

func (w *world) take(p *simulated, heads map[int]gitrepo.OID) []func() bool {
	var before, after gitrepo.OID
	merge := func() bool {
		before = p.head
		after = w.join(before, heads, p.home())
		return true
	}
	move := func() bool {
		if p.head != before {
			return !merge()
		}
		p.head = after
		return true
	}
	return []func() bool{merge, move}
}

// give pushes without force; where another one was quicker, what came is taken first.
func (w *world) give(p *simulated, i int, heads map[int]gitrepo.OID) bool {
	other := w.peers[i]
	if _, asked := heads[i]; !asked || other.side != p.side {
		return true
	}
	if w.leads(p.head, other.head) {
		other.head = p.head
		return true
	}
	if i != p.home() && w.ledgers[p.head].Equals(w.ledgers[other.head]) {
		return true
	}
	again := map[int]gitrepo.OID{i: other.head}
	p.work = append(w.take(p, again), p.work...)
	return false
}

// converge has everybody sync, once a round and in any order, until all have the same
// root, and counts the rounds.
func (w *world) converge(how habit) (rounds int) {
	for ; !w.same(func(p *simulated) string { return w.root(p.head) }); rounds++ {
		if rounds > 20+8*len(w.peers) {
			w.t.Fatalf("after %d rounds the %d peers have not the same: %s", rounds, len(w.peers), w.heads())
		}
		w.round(how)
	}
	return rounds
}

// settle has everybody sync who has the same root, once a round, until nobody makes a commit or
// moves, and counts the rounds, up to a number of them. Where each meets one at random, that is
// a round in which all that could move were not met perhaps, so that it takes some.
func (w *world) settle(how habit, most int) (rounds int, quiet bool) {
	for still := 0; still < 4; {
		if rounds >= most {
			return rounds, false
		}
		before := w.heads()
		w.round(how)
		if still++; w.heads() != before {
			rounds, still = rounds+still, 0
		}
	}
	return rounds, true
}

// habit is how peers sync: with one other or all that they know, and all at once, step by
// step in any order, or one after the other.
type habit struct{ all, atOnce bool }

func (w *world) round(how habit) {
	busy := make(map[int]bool)
	for _, i := range w.random.Perm(len(w.peers)) {
		p := w.peers[i]
		if p.hub {
			continue
		}
		w.sync(p, how.all)
		for !how.atOnce && len(p.work) > 0 {
			w.step(p)
		}
		busy[i] = how.atOnce
	}
	for {
		left := slices.DeleteFunc(slices.Sorted(maps.Keys(busy)), func(i int) bool { return len(w.peers[i].work) == 0 })
		if len(left) == 0 {
			return
		}
		w.step(w.peers[left[w.random.IntN(len(left))]])
	}
}

func (w *world) same(what func(*simulated) string) bool {
	first := what(w.peers[0])
	return !slices.ContainsFunc(w.peers, func(p *simulated) bool { return what(p) != first })
}

func (w *world) heads() string {
	var list []string
	for i, p := range w.peers {
		list = append(list, fmt.Sprintf("%d at %s with root %.8s", i, p.head.Short(), w.root(p.head)))
	}
	return strings.Join(list, ", ")
}

// root is the one that a seal of a head has.
func (w *world) root(head gitrepo.OID) string {
	tree := w.ledgers[head].tree
	if w.roots[tree] == "" {
		var t merkle.Tree
		for _, name := range namesOf(w.t, w.ledgers[head]) {
			no(w.t, t.Add([]byte(name)))
		}
		w.roots[tree] = fmt.Sprintf("%x", t.Root())
	}
	return w.roots[tree]
}

// complete asserts that everybody has what was recorded, and nothing else.
func (w *world) complete() {
	want := slices.Sorted(maps.Keys(w.recorded))
	for i, p := range w.peers {
		if got := namesOf(w.t, w.ledgers[p.head]); !slices.Equal(got, want) {
			w.t.Fatalf("peer %d has %d files, and %d were recorded", i, len(got), len(want))
		}
	}
}

// Every peer has recorded something of its own: how many rounds it takes until all
// have all of it, by topology, beside the logarithm of their number.
func TestSimulationOfRounds(t *testing.T) {
	sizes, runs := []int{2, 4, 8}, 2
	if *tabulated {
		sizes, runs = []int{2, 4, 8, 16, 32, 64}, 20
	}
	for _, how := range []habit{{false, false}, {false, true}, {true, false}, {true, true}} {
		for _, topology := range slices.Sorted(maps.Keys(topologies)) {
			for _, n := range sizes {
				var sum, most, more, moving, commits, merges int
				for seed := range runs {
					rounds, w := rumour(t, rand.New(rand.NewPCG(uint64(seed), uint64(n))), topology, n, how)
					sum, most = sum+rounds, max(most, rounds)
					if n <= 16 {
						known := len(w.ledgers)
						rounds, quiet := w.settle(how, 20+8*n)
						if more += rounds; !quiet {
							moving++
						}
						commits += len(w.ledgers) - known
						merges += w.news(how, 10)
					}
				}
				mean, log := float64(sum)/float64(runs), math.Log2(float64(n))
				t.Logf("%-6s  all %-5t  at once %-5t  %2d peers  rounds %4.1f  most %2d  by log2 N %4.1f  more until nothing moves %4.1f with %.1f commits, without end %d  merges a receipt later %.2f", topology, how.all, how.atOnce, n, mean, most, mean/log, float64(more)/float64(runs), float64(commits)/float64(runs), moving, float64(merges)/float64(10*runs))
				if moving > 0 {
					t.Error("who has the same goes on merging")
				}
			}
		}
	}
}

// news has somebody record something, and all take it, a number of times, and counts the merges
// that are made for it.
func (w *world) news(how habit, times int) (merges int) {
	known := len(w.ledgers)
	for i := range times {
		p := w.peers[w.random.IntN(len(w.peers))]
		if p.hub {
			p = w.peers[1]
		}
		own := w.know(extended(w.t, w.m, w.ledgers[p.head], int64(i), some(w.t, w.base, 1795356300, fmt.Sprint("later ", i))))
		p.head = own.Head
		w.remember(own)
		w.converge(how)
	}
	w.complete()
	return len(w.ledgers) - known - times
}

// rumour is how many rounds it takes where each peer knows something that no other does.
func rumour(t *testing.T, random *rand.Rand, topology string, n int, how habit) (int, *world) {
	w := newWorld(t, random, topology, n)
	for i, p := range w.peers {
		if !p.hub {
			own := w.know(extended(t, w.m, w.base, int64(i), some(t, w.base, 1795356300, fmt.Sprint("own ", i))))
			p.head = own.Head
			w.remember(own)
		}
	}
	rounds := w.converge(how)
	w.complete()
	return rounds, w
}
