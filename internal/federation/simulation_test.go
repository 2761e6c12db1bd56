package federation

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/record"
	"github.com/VaultSovereign/git-vaultmesh/internal/sign"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

var (
	simulations   = flag.Int("simulation", 2, "how many simulations are run")
	simulatedSeed = flag.Int64("simulation.seed", -1, "the seed of the one simulation to run; -1 for all")
	killedEvery   = flag.Int("simulation.every", 8, "of how many steps of a sync it is killed at one")
)

// TestMain makes the test binary serve as a sync that can be killed.
func TestMain(m *testing.M) {
	if names := os.Getenv("SIMULATED_SYNC"); names != "" {
		c := clone{dir: ".", env: append(os.Environ(), "SIMULATED_PID="+strconv.Itoa(os.Getpid()))}
		if _, err := c.sync(context.Background(), strings.Fields(names)); err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		os.Exit(0)
	}
	_ = flag.Set("rapid.checks", "40") // unless the command line says otherwise: each starts git many times
	os.Exit(m.Run())
}

// Repositories on a disk meet by git, as sync does it. They record by clocks that lie, are
// killed between any two processes of git and transactions on refs, are cut off from each
// other, and have remotes that are hostile. In the end those that are honest have the same
// root and all that was recorded, and nothing of the hostile ones, which are held back.
func TestSimulation(t *testing.T) {
	if *simulatedSeed >= 0 {
		simulate(t, uint64(*simulatedSeed))
		return
	}
	for seed := range uint64(*simulations) {
		if !t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { simulate(t, seed) }) {
			t.Fatalf("go test ./internal/federation -run Simulation -v -args -simulation.seed %d", seed)
		}
	}
}

func simulate(t *testing.T, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 7))
	n := 3 + random.IntN(3)
	topology := []string{"hub", "line", "ring", "random"}[random.IntN(4)]
	w := newWorld(t, random, []string{"sha1", "sha256"}[random.IntN(2)], n, links(random, topology, n))
	w.clones[0].hub = topology == "hub"
	w.infest(1+random.IntN(2), random.Perm(len(attacks)))
	for range 5 * n {
		w.happen()
	}
	w.parted = nil
	rounds := w.converge()
	w.complete()
	w.heldBack()
	rest := w.rest()
	t.Logf("seed %d: %d peers, %s, hostile: %s; %d recorded, killed %d times; the same root after %d rounds, nothing moves after %d more", seed, n, topology, w.enemies(), len(w.recorded), w.killed, rounds, rest)
}

// links say who is whose remote.
func links(random *rand.Rand, topology string, n int) (list [][2]int) {
	for i := 1; i < n; i++ {
		to := map[string]int{"hub": 0, "random": random.IntN(i)}
		if _, ok := to[topology]; !ok {
			to[topology] = i - 1
		}
		list = append(list, [2]int{to[topology], i})
	}
	switch topology {
	case "ring":
		list = append(list, [2]int{0, n - 1})
	case "random":
		list = append(list, [2]int{random.IntN(n - 1), n - 1})
	}
	return list
}

// clone is a repository with a ledger, and whom it knows as remotes.
type clone struct {
	dir    string
	env    []string
	knows  []string
	hub    bool       // it only is pushed to and asked
	attack attack     // of a hostile one
	shown  receipt.ID // by it, of what cannot be told from an honest one's
}

// world is clones that lie beside each other, each in a folder of its name.
type world struct {
	t        *testing.T
	random   *rand.Rand
	root     string
	env      []string
	genesis  receipt.ID
	signer   sign.Signer
	stranger sign.Signer
	clones   []*clone // p0, p1 and so on
	hostile  []*clone // h0, h1 and so on
	parted   []string // those on one side of a partition
	recorded map[receipt.ID]bool
	taken    map[receipt.ID]bool // what somebody may have taken of hostile ones
	versions int
	killed   int
}

func newWorld(t *testing.T, random *rand.Rand, algorithm string, n int, links [][2]int) *world {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	w := &world{t: t, random: random, root: root, recorded: make(map[receipt.ID]bool), taken: make(map[receipt.ID]bool)}
	w.env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + root, "TZ=UTC", "GIT_CONFIG_NOSYSTEM=1", "GIT_CEILING_DIRECTORIES=" + root,
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com", "GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.com"}
	must(t, os.WriteFile(filepath.Join(root, ".gitconfig"), []byte("[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n[receive]\n\tautoGC = false\n"), 0o666))
	w.signer = signer(t, filepath.Join("..", "..", "testdata", "keys", "test-ed25519"))
	_, err = sign.Generate(sign.Order{Path: filepath.Join(root, "stranger"), Type: sign.SSH, Now: time.Unix(1795356300, 0)})
	must(t, err)
	w.stranger = signer(t, filepath.Join(root, "stranger"))
	for i := range n {
		w.clones = append(w.clones, w.newClone(fmt.Sprint("p", i), algorithm))
	}
	for _, link := range links {
		w.link(w.clones[link[0]], w.clones[link[1]])
		w.link(w.clones[link[1]], w.clones[link[0]])
	}
	return w
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		var f *fault.Error
		if errors.As(err, &f) {
			t.Fatalf("%s: %s, %q", f.Code, f.Message, f.Causes())
		}
		t.Fatal(err)
	}
}

func signer(t *testing.T, path string) sign.Signer {
	t.Helper()
	b, err := os.ReadFile(path) // git keeps no mode that a private key is to have
	must(t, err)
	own := filepath.Join(t.TempDir(), "key")
	must(t, os.WriteFile(own, b, 0o600))
	s, err := sign.Settings{KeyFile: own}.Signer(context.Background())
	must(t, err)
	return s
}

// newClone is a copy of the first clone, which begins the ledger.
func (w *world) newClone(name, algorithm string) *clone {
	c := &clone{dir: filepath.Join(w.root, name), env: w.env}
	if len(w.clones) > 0 {
		must(w.t, os.CopyFS(c.dir, os.DirFS(w.clones[0].dir)))
		return c
	}
	w.git(w.root, "init", "-q", "--template=", "--object-format="+algorithm, c.dir)
	w.begin(c)
	return c
}

func (w *world) git(dir string, args ...string) string {
	w.t.Helper()
	return w.gitReads(dir, "", args...)
}

func (w *world) gitReads(dir, stdin string, args ...string) string {
	w.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Env, cmd.Stdin = dir, w.env, strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.t.Fatalf("git %q: %v\n%s", args, err, out)
	}
	return string(out)
}

// begin makes a ledger whose covenant takes what is signed.
func (w *world) begin(c *clone) {
	key, err := w.signer.Public(context.Background())
	must(w.t, err)
	w.genesis = w.write(c, &receipt.Receipt{Kind: receipt.KindGenesis, RecordedAt: 1795356300, Recorder: receipt.Person{Name: "Ada"},
		Genesis: &receipt.Genesis{Name: "simulated", Nonce: strings.Repeat("0a", 16), Covenant: &receipt.Covenant{Version: 1,
			Principals: []receipt.Principal{{Name: "ada", Groups: []string{}, Keys: []receipt.PublicKey{{Type: key.Type(), Key: key.Text()}}}},
			Thresholds: []receipt.Threshold{{Kinds: []receipt.Kind{}, Components: []string{}, Signers: []receipt.Quorum{{Count: 1}}}},
			TSAs:       []receipt.Authority{}, Revocations: []receipt.Revocation{}, Rules: []receipt.Rule{}, Federation: receipt.Federation{Accept: "signed"}}}}, w.signer)
	w.recorded[w.genesis] = true
}

// write appends a receipt, signed unless signer is nil.
func (w *world) write(c *clone, r *receipt.Receipt, signer sign.Signer) receipt.ID {
	w.t.Helper()
	b, err := r.Encode()
	must(w.t, err)
	add := ledger.Addition{Receipt: b}
	if signer != nil {
		made, err := signer.Sign(context.Background(), b)
		must(w.t, err)
		add.Proofs = []ledger.Proof{{Type: made.Type, Data: made.Bytes}}
	}
	repo := w.open(c)
	defer repo.Close()
	_, err = ledger.Update(context.Background(), repo, ledger.DefaultRef, nil, func(*ledger.Ledger) (*ledger.Change, error) {
		return &ledger.Change{Additions: []ledger.Addition{add}, Author: ident, Committer: ident, Message: "x\n"}, nil
	})
	must(w.t, err)
	return receipt.Sum(b)
}

const ident = "Ada <ada@example.com> 1795356300 +0000"

func (w *world) open(c *clone) *gitrepo.Repo {
	w.t.Helper()
	repo, _, err := gitrepo.Look(context.Background(), gitrepo.Options{Dir: c.dir, Env: c.env})
	must(w.t, err)
	return repo
}

func (w *world) link(from, to *clone) {
	name := filepath.Base(to.dir)
	if !slices.Contains(from.knows, name) {
		w.git(from.dir, "remote", "add", name, "../"+name)
		if from.knows = append(from.knows, name); len(from.knows) == 1 {
			w.git(from.dir, "config", "remote.pushDefault", name)
		}
	}
}

// sync asks the remotes of some names, takes what they bring, and pushes what they lack, as the command does.
// It opens the repository for itself, as a process does.
func (c *clone) sync(ctx context.Context, names []string) (map[string]Arrival, error) {
	repo, config, err := gitrepo.Look(ctx, gitrepo.Options{Dir: c.dir, Env: c.env})
	if err != nil {
		return nil, err
	}
	defer repo.Close()
	home, _ := config.Value("remote.pushdefault")
	p := Place{Repo: repo, Home: home, Ref: ledger.DefaultRef, Terms: &verify.Terms{Now: time.Unix(1795356300, 0)}, Messages: io.Discard, Progress: func() {}}
	met := make(map[string]Arrival)
	var arrivals []Arrival
	for _, name := range names {
		a, err := p.Ask(ctx, name)
		if err != nil {
			return nil, err
		}
		arrivals, met[name] = append(arrivals, a), a
	}
	if _, _, err := p.Take(ctx, arrivals); err != nil {
		return nil, err
	}
	for _, a := range arrivals {
		if _, err := p.Give(ctx, a); err != nil {
			a.Err = err
			met[a.Peer] = a
		}
	}
	return met, nil
}

// happen lets one thing happen.
func (w *world) happen() {
	c := w.clones[w.random.IntN(len(w.clones))]
	switch dice := w.random.IntN(100); {
	case dice < 5:
		w.parted = nil
		for _, c := range w.clones {
			if w.random.IntN(2) == 0 {
				w.parted = append(w.parted, filepath.Base(c.dir))
			}
		}
	case dice < 10:
		w.parted = nil
	case dice < 25:
		w.attack(w.hostile[w.random.IntN(len(w.hostile))])
	case c.hub:
	case dice < 60:
		w.record(c)
	case dice < 80:
		w.sync(c)
	default:
		if w.syncKilled(c, 1+w.random.IntN(60)) {
			w.killed++
		}
	}
}

// record records as the command does, by a clock that says anything.
func (w *world) record(c *clone) {
	repo := w.open(c)
	defer repo.Close()
	w.versions++
	out, err := record.Record(context.Background(), record.Place{Repo: repo, Ref: ledger.DefaultRef, Now: time.Unix(w.random.Int64N(1<<32), 0), Ledger: w.genesis, Working: func() {}, Signer: w.signer},
		record.Request{Kind: receipt.KindRelease, Component: "api", Version: fmt.Sprint("v", w.versions), Commit: "none"})
	must(w.t, err)
	w.recorded[out.ID] = true
}

// cut is c as it is while the network is parted: it does not reach the other side.
func (w *world) cut(c *clone) *clone {
	here := slices.Contains(w.parted, filepath.Base(c.dir))
	lone := *c
	lone.env = slices.Clone(c.env)
	count := 0
	for _, name := range c.knows {
		if slices.Contains(w.parted, name) != here && strings.HasPrefix(name, "p") {
			lone.env = append(lone.env, fmt.Sprintf("GIT_CONFIG_KEY_%d=url.%s/nowhere.insteadOf", count, w.root), fmt.Sprintf("GIT_CONFIG_VALUE_%d=../%s", count, name))
			count++
		}
	}
	lone.env = append(lone.env, fmt.Sprint("GIT_CONFIG_COUNT=", count))
	return &lone
}

// sync meets all that a clone knows, of whom nobody but those beyond a partition and
// the hostile may stay away.
func (w *world) sync(c *clone) {
	w.t.Helper()
	met, err := w.cut(c).sync(context.Background(), c.knows)
	must(w.t, err)
	for name, a := range met {
		if a.Err != nil && strings.HasPrefix(name, "p") && (a.State != Unreachable || w.parted == nil) {
			w.t.Fatalf("%s: %s is %s: %v, %q", c.dir, name, a.State, a.Err, fault.From(a.Err).Causes())
		}
	}
}

// syncKilled is a sync in a process that is killed at a step: before or after a process
// of git, before or after a transaction on refs. It tells whether there were so many. All its processes
// have ended when it returns.
func (w *world) syncKilled(c *clone, step int) bool {
	w.t.Helper()
	bin, steps := w.wrapper(), filepath.Join(w.root, "steps")
	must(w.t, os.WriteFile(steps, nil, 0o666))
	lone := w.cut(c)
	count := 0
	for _, v := range lone.env {
		if n, ok := strings.CutPrefix(v, "GIT_CONFIG_COUNT="); ok {
			count, _ = strconv.Atoi(n)
		}
	}
	self, err := os.Executable()
	must(w.t, err)
	cmd := exec.Command(self)
	cmd.Dir = c.dir
	cmd.Env = append(lone.env, "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "SIMULATED_SYNC="+strings.Join(c.knows, " "), "SIMULATED_STEPS="+steps, fmt.Sprint("SIMULATED_KILL=", step),
		fmt.Sprint("GIT_CONFIG_COUNT=", count+1), fmt.Sprintf("GIT_CONFIG_KEY_%d=core.hooksPath", count), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", count, filepath.Join(bin, "hooks")))
	var said strings.Builder
	cmd.Stderr = &said
	all, end, err := os.Pipe() // which every process below holds open
	must(w.t, err)
	cmd.ExtraFiles = []*os.File{end}
	must(w.t, cmd.Start())
	end.Close()
	err = cmd.Wait()
	io.Copy(io.Discard, all)
	all.Close()
	if err != nil && cmd.ProcessState.ExitCode() >= 0 {
		w.t.Fatalf("%s: %v\n%s", c.dir, err, said.String())
	}
	return err != nil
}

// A sync that is killed at any step (-simulation.every 1) leaves ledgers that hold, and the next one ends where it
// would have ended.
func TestSyncIsKilledAtEveryStep(t *testing.T) {
	w := newWorld(t, rand.New(rand.NewPCG(1, 7)), "sha1", 3, [][2]int{{0, 1}, {1, 2}})
	hub, ours, theirs := w.clones[1], w.clones[0], w.clones[2]
	w.record(theirs)
	w.sync(theirs)
	w.record(ours)
	before := []string{filepath.Join(w.root, "hub"), filepath.Join(w.root, "ours")}
	copyDir(t, hub.dir, before[0])
	copyDir(t, ours.dir, before[1])
	w.sync(ours)
	want := w.refs(hub) + w.refs(ours)
	heads := []string{w.head(hub), w.head(ours)}
	for step := 1; ; step += *killedEvery {
		copyDir(t, before[0], hub.dir)
		copyDir(t, before[1], ours.dir)
		old := []string{w.head(hub), w.head(ours)}
		killed := w.syncKilled(ours, step)
		for i, c := range []*clone{hub, ours} {
			w.git(c.dir, "fsck", "--strict", "--no-dangling")
			if now := w.head(c); now != old[i] && now != heads[i] {
				t.Fatalf("killed at step %d, %s is at %s", step, c.dir, now)
			}
		}
		w.sync(ours)
		if got := w.refs(hub) + w.refs(ours); got != want {
			t.Fatalf("after a sync that was killed at step %d, and another one, the refs are\n%swant\n%s", step, got, want)
		}
		if !killed {
			w.sync(theirs)
			w.complete()
			t.Logf("killed at one of %d among some %d steps", *killedEvery, step)
			return
		}
	}
}

func copyDir(t *testing.T, from, to string) {
	t.Helper()
	must(t, os.RemoveAll(to))
	must(t, os.CopyFS(to, os.DirFS(from)))
}

func (w *world) refs(c *clone) string {
	w.t.Helper()
	return w.git(c.dir, "for-each-ref")
}

func (w *world) head(c *clone) string {
	w.t.Helper()
	return w.git(c.dir, "rev-parse", ledger.DefaultRef)
}

// wrapper is a folder with a git, and a hook, that count steps and kill who takes the last one.
func (w *world) wrapper() string {
	bin := filepath.Join(w.root, "bin")
	if _, err := os.Stat(bin); err == nil {
		return bin
	}
	real, err := exec.LookPath("git")
	must(w.t, err)
	step := "#!/bin/sh\nstep() {\n\techo >>\"$SIMULATED_STEPS\"\n\tset -- $(wc -l <\"$SIMULATED_STEPS\")\n\tif [ $1 -eq $SIMULATED_KILL ]; then kill -9 $SIMULATED_PID; exit 1; fi\n}\n"
	must(w.t, os.MkdirAll(filepath.Join(bin, "hooks"), 0o777))
	must(w.t, os.WriteFile(filepath.Join(bin, "git"), []byte(step+"step\n'"+real+"' \"$@\"\ncode=$?\n(step)\nexit $code\n"), 0o777))
	must(w.t, os.WriteFile(filepath.Join(bin, "hooks", "reference-transaction"), []byte(step+"case $1 in prepared | committed) (step);; esac\ntrue\n"), 0o777))
	return bin
}

// converge has every clone sync once a round, until all have the same root.
func (w *world) converge() (rounds int) {
	w.t.Helper()
	for ; len(w.roots()) > 1; rounds++ {
		if rounds > 2*len(w.clones) {
			w.t.Fatalf("after %d rounds the roots are %v", rounds, w.roots())
		}
		for _, i := range w.random.Perm(len(w.clones)) {
			if c := w.clones[i]; !c.hub {
				w.sync(c)
			}
		}
	}
	return rounds
}

// rest has every clone sync once a round, until no head moves any more, though heads may differ.
func (w *world) rest() (rounds int) {
	w.t.Helper()
	for moved := true; moved; rounds++ {
		if rounds > 2*len(w.clones) {
			w.t.Fatalf("after %d rounds those that have the same go on merging", rounds)
		}
		before := w.heads()
		for _, i := range w.random.Perm(len(w.clones)) {
			if c := w.clones[i]; !c.hub {
				w.sync(c)
			}
		}
		moved = before != w.heads()
	}
	return rounds - 1
}

func (w *world) heads() (all string) {
	for _, c := range w.clones {
		all += w.head(c)
	}
	return all
}

// roots are those that clones have, and which.
func (w *world) roots() map[receipt.Digest][]string {
	w.t.Helper()
	found := make(map[receipt.Digest][]string)
	for _, c := range w.clones {
		w.with(c, func(l *ledger.Ledger, _ *gitrepo.Repo) {
			root, _, err := rootOf(context.Background(), l, func() {})
			must(w.t, err)
			found[root] = append(found[root], filepath.Base(c.dir))
		})
	}
	return found
}

func (w *world) with(c *clone, do func(*ledger.Ledger, *gitrepo.Repo)) {
	w.t.Helper()
	repo := w.open(c)
	defer repo.Close()
	l, err := ledger.Open(context.Background(), repo, ledger.DefaultRef)
	must(w.t, err)
	do(l, repo)
}

// complete asserts that every ledger holds, and has the receipts that were recorded and no
// others, but for some that cannot be told from these.
func (w *world) complete() {
	w.t.Helper()
	for _, c := range w.clones {
		w.with(c, func(l *ledger.Ledger, repo *gitrepo.Repo) {
			has := make(map[receipt.ID]bool)
			must(w.t, l.Folders(context.Background(), func(id receipt.ID, _ []ledger.File) error {
				has[id] = true
				return nil
			}))
			for id := range has {
				if !w.recorded[id] && !w.taken[id] {
					w.t.Fatalf("%s has the receipt %s, which nobody recorded", c.dir, id.Short())
				}
			}
			for id := range w.recorded {
				if !has[id] {
					w.t.Fatalf("%s lacks the receipt %s", c.dir, id.Short())
				}
			}
			report, err := verify.Ledger(context.Background(), repo, l, &verify.Terms{Now: time.Unix(1795356300, 0), Strict: true, Anchor: verify.Anchor{Ledger: w.genesis}}, func() {})
			must(w.t, err)
			if report.Verdict != verify.Valid {
				w.t.Fatalf("%s is %s: %+v", c.dir, report.Verdict, report.Problems)
			}
		})
	}
}
