// Command bench times git-vaultmesh beside the plain git commands that do the
// nearest thing, in one run, and prints medians and their ratio. It measures
// whole processes: what a user waits for.
package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/sign"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

func main() {
	receipts := flag.Int("receipts", 1000, "receipts in the ledger")
	runs := flag.Int("runs", 21, "counted runs of each command")
	only := flag.String("only", "", "a regular expression that names of rows must match")
	flag.Parse()
	if err := bench(*receipts, *runs, regexp.MustCompile(*only)); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// row is one comparison: our command and those of peers.
type row struct {
	name  string
	ours  []string
	peers [][]string
}

func bench(receipts, runs int, only *regexp.Regexp) error {
	work, err := os.MkdirTemp("", "vaultmesh-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	b := &setting{work: work, repo: filepath.Join(work, "repo"), export: filepath.Join(work, "receipts.jsonl")}
	if err := b.prepare(receipts); err != nil {
		return err
	}
	fmt.Printf("%d receipts, packed; medians of %d cold processes, %s/%s, %d cores\n\n", receipts, runs, runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	fmt.Printf("%-24s %9s %6s  %-44s %9s %8s\n", "ours", "ms", "MB", "beside it", "ms", "ratio")
	const ref = ledger.DefaultRef
	git := func(args ...string) [][]string { return [][]string{append([]string{"git"}, args...)} }
	log := func(args ...string) [][]string { return git(append(append([]string{"log"}, args...), ref)...) }
	grep := func(text string, options ...string) [][]string {
		peers := append(git("grep", "-l", "-E", text, ref), log("--grep="+text)...)
		if _, err := exec.LookPath("rg"); err == nil {
			peers = append(peers, append(append([]string{"rg"}, options...), text, b.export))
		}
		return peers
	}
	if err := b.whole(receipts, runs, only); err != nil {
		return err
	}
	services, err := b.spawns()
	if err != nil {
		return err
	}
	for _, r := range append([]row{
		{"version", b.ours("--version"), git("version")},
		{"record", b.ours("record", "--component", "api", "--version", "v{n}", "--note", "bench"), append(git("commit", "-q", "--allow-empty", "-m", "bench {n}"),
			git("-c", "gpg.format=ssh", "-c", "user.signingKey="+filepath.Join(work, "key"), "commit", "-q", "--allow-empty", "-S", "-m", "bench {n}")...)},
		{"show, by id", b.remembers("show", b.id), git("show", ref)},
		{"query, by id", b.remembers("query", "id:"+b.id[:12]), git("rev-parse", ref+"^{tree}")},
		{"query, component, 20", b.remembers("query", "component:billing", "--limit", "20"), log("--grep=billing", "-20")},
		{"query, rare text", b.remembers("query", "needle"), grep("needle")},
		{"query, common text, 20", b.remembers("query", "rollout", "--limit", "20"), grep("rollout", "-m", "20")},
		{"query, regex, literal", b.remembers("query", "--regex", "need(le|ful)"), grep("need(le|ful)")},
		{"query, regex, none, 20", b.remembers("query", "--regex", "v[0-9]+[.]7", "--limit", "20"), grep("v[0-9]+[.]7", "-m", "20")},
		{"query, newest 20", b.remembers("query", "--limit", "20"), log("-20")},
		{"list releases, 20", b.remembers("list", "releases", "--limit", "20"), log("-20")},
		{"timeline, a month", b.remembers("timeline", "--since", "2026-10-01", "--until", "2026-10-31", "--limit", "1000"), log("--since=2026-10-01")},
		{"verify --all, anew", b.ours("verify", "--all", "--no-cache"), git("fsck", "--full")},
		{"seal", b.ours("seal"), nil},
	}, services...) {
		if !only.MatchString(r.name) {
			continue
		}
		if err := b.compare(r, runs); err != nil {
			return err
		}
	}
	return nil
}

// whole times what is more than one command beside another.
func (b *setting) whole(receipts, runs int, only *regexp.Regexp) error {
	if err := errors.Join(b.firstIndex(), b.afterAppend(runs)); err != nil {
		return err
	}
	for _, part := range []struct {
		name string
		run  func() error
	}{
		{"verify again", func() error { return b.verifyAgain(runs) }},
		{"verify signatures", func() error { return b.verifySignatures(receipts, runs) }},
		{"verify tokens", func() error { return b.verifyTokens(min(receipts, mostTokens)) }},
		{"batch", func() error { return b.batch(receipts) }},
		{"merge", func() error { return b.merge(receipts / 2) }},
		{"sync", func() error { return b.meet(runs) }},
		{"covenant check", func() error { return b.check(runs) }},
		{"pre-push", b.firstPush},
		{"push", func() error { return b.push(runs) }},
	} {
		if !only.MatchString(part.name) {
			continue
		}
		if err := part.run(); err != nil {
			return err
		}
	}
	return nil
}

// firstIndex times the index from nothing, once.
func (b *setting) firstIndex() error {
	took, peak, err := b.time(b.remembers("query", "needle"), 0)
	if err != nil {
		return err
	}
	found, _ := filepath.Glob(filepath.Join(b.repo, ".git", "vaultmesh", "index-*.sqlite"))
	if len(found) != 1 {
		return fmt.Errorf("there are %d indexes", len(found))
	}
	info, err := os.Stat(found[0])
	if err != nil {
		return err
	}
	fmt.Printf("%-24s %9.1f %6d  once; it has %d MB\n", "first index", ms(took), peak, info.Size()>>20)
	return nil
}

// afterAppend times the first query after a record, which brings the index up
// to date.
func (b *setting) afterAppend(runs int) error {
	var took []time.Duration
	for n := range runs {
		if _, _, err := b.time(b.ours("record", "--component", "api", "--version", "after-{n}"), n); err != nil {
			return err
		}
		one, _, err := b.time(b.remembers("query", "after", "--limit", "1"), n)
		if err != nil {
			return err
		}
		took = append(took, one)
	}
	fmt.Printf("%-24s %9.1f\n", "query after an append", ms(median(took)))
	return nil
}

// batch times as many lines into a new ledger, once, beside git fast-import of the same
// receipts.
func (b *setting) batch(receipts int) error {
	repo, plain := filepath.Join(b.work, "batch"), filepath.Join(b.work, "plain")
	for _, args := range [][]string{{"git", "init", "-q", repo}, {"git", "init", "-q", plain}} {
		if err := b.command("", args, 0).Run(); err != nil {
			return err
		}
	}
	if err := b.command(repo, b.ours("init", "--offline"), 0).Run(); err != nil {
		return err
	}
	lines, err := os.Create(filepath.Join(b.work, "lines.json"))
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(lines, 1<<20)
	for n := range receipts {
		r := realistic(receipt.ID{}, n, receipts)
		fmt.Fprintf(w, `{"kind":%q,"component":%q,"version":%q,"commit":"none","sha256":%q,"label":"env=prod","note":%q}`+"\n", r.Kind, r.Component, r.Version, r.Subjects[0].SHA256.String()+"="+r.Subjects[0].Name, r.Note)
	}
	stream, err := os.Create(filepath.Join(b.work, "stream"))
	if err == nil {
		err = errors.Join(w.Flush(), lines.Close())
	}
	if err == nil {
		w = bufio.NewWriterSize(stream, 1<<20)
		err = errors.Join(b.write(w, io.Discard, receipts, nil), w.Flush())
	}
	if err != nil {
		return err
	}
	ours := b.command(repo, b.ours("record", "--batch", lines.Name()), 0)
	theirs := b.command(plain, []string{"git", "fast-import", "--quiet"}, 0)
	if _, err := stream.Seek(0, io.SeekStart); err != nil {
		return err
	}
	theirs.Stdin = stream
	var took [2]time.Duration
	for i, cmd := range []*exec.Cmd{ours, theirs} {
		start := time.Now()
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("batch: %w", err)
		}
		took[i] = time.Since(start)
	}
	fmt.Printf("%-24s %9.1f %6d  %-44s %9.1f %8.2f\n", "batch, once", ms(took[0]), peakMemory(ours.ProcessState), "git fast-import", ms(took[1]), float64(took[0])/float64(took[1]))
	fmt.Printf("%-24s %9.0f receipts a second\n", "", float64(receipts)/took[0].Seconds())
	return nil
}

// setting is the repository that is measured in.
type setting struct {
	work, repo string
	export     string // a file of all receipts, one a line, for peers that search files
	id         string // a receipt's
	env        []string
	signer     sign.Signer
	covenant   *receipt.Covenant
}

func (b *setting) ours(args ...string) []string {
	return append([]string{filepath.Join(b.work, "git-vaultmesh")}, args...)
}

func (b *setting) remembers(args ...string) []string {
	return append([]string{filepath.Join(b.work, "git-remembrancer")}, args...)
}

func (b *setting) prepare(receipts int) error {
	b.env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_AUTHOR_NAME=Bench", "GIT_AUTHOR_EMAIL=bench@example.com",
		"GIT_COMMITTER_NAME=Bench", "GIT_COMMITTER_EMAIL=bench@example.com", "CGO_ENABLED=0",
		"XDG_CACHE_HOME="+filepath.Join(b.work, "cache"), "XDG_CONFIG_HOME="+filepath.Join(b.work, "config"),
		"GIT_CONFIG_COUNT=2", "GIT_CONFIG_KEY_0=gpg.format", "GIT_CONFIG_VALUE_0=ssh", "GIT_CONFIG_KEY_1=user.signingKey", "GIT_CONFIG_VALUE_1="+filepath.Join(b.work, "key"))
	for _, args := range [][]string{
		{"go", "build", "-trimpath", "-ldflags=-s -w", "-o", b.work, "./cmd/..."},
		{"git", "init", "-q", b.repo},
		{"git", "-C", b.repo, "commit", "-q", "--allow-empty", "-m", "one"},
	} {
		if out, err := b.command("", args, 0).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	if err := b.command("", []string{"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test key", "-f", filepath.Join(b.work, "key")}, 0).Run(); err != nil {
		return fmt.Errorf("ssh-keygen: %w", err)
	}
	var err error
	if b.signer, err = (sign.Settings{KeyFile: filepath.Join(b.work, "key")}).Signer(context.Background()); err != nil {
		return err
	}
	if b.covenant, err = b.trusting(nil); err != nil {
		return err
	}
	if err := b.fill(b.repo, receipts, nil); err != nil {
		return err
	}
	if out, err := b.command(b.repo, b.ours("init", "--offline"), 0).CombinedOutput(); err != nil {
		return fmt.Errorf("init: %w\n%s", err, out)
	}
	return b.command(b.repo, []string{"git", "gc", "-q"}, 0).Run()
}

// fill appends realistic receipts, each signed, a thousand a commit, through git
// fast-import: a million loose objects would take hours.
func (b *setting) fill(repo string, receipts int, stamp stamper) error {
	cmd := b.command(repo, []string{"git", "fast-import", "--quiet"}, 0)
	stream, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return err
	}
	file, err := os.Create(b.export)
	if err != nil {
		return err
	}
	w, export := bufio.NewWriterSize(stream, 1<<20), bufio.NewWriterSize(file, 1<<20)
	if err := b.write(w, export, receipts, stamp); err != nil {
		return err
	}
	if err := errors.Join(w.Flush(), stream.Close(), export.Flush(), file.Close()); err != nil {
		return err
	}
	return cmd.Wait()
}

// write writes receipts as git fast-import reads them, and one a line.
func (b *setting) write(w, export io.Writer, receipts int, stamp stamper) error {
	const commit = "commit " + ledger.DefaultRef + "\ncommitter Bench <bench@example.com> 1795356300 +0000\ndata 10\nvaultmesh\n\n"
	begin := &receipt.Receipt{Kind: receipt.KindGenesis, RecordedAt: began, Recorder: receipt.Person{Name: "Bench", Email: "bench@example.com"},
		Genesis: &receipt.Genesis{Name: "bench", Nonce: strings.Repeat("0", 32), Covenant: b.covenant}}
	fmt.Fprint(w, commit+"M 100644 inline VERSION\ndata 19\nvaultmesh ledger 1\n\n")
	genesis, err := b.put(w, export, begin, stamp)
	if err != nil {
		return err
	}
	for n := range receipts {
		if n%1000 == 0 {
			fmt.Fprint(w, commit)
		}
		id, err := b.put(w, export, realistic(genesis, n, receipts), stamp)
		if err != nil {
			return err
		}
		b.id = id.String()
	}
	return nil
}

// stamper makes a token over a SHA-256; nil makes none.
type stamper func(receipt.Digest) ([]byte, error)

// put puts a receipt and its signature into the commit that is being written.
func (b *setting) put(w, export io.Writer, r *receipt.Receipt, stamp stamper) (receipt.ID, error) {
	data, err := r.Encode()
	if err != nil {
		return receipt.ID{}, err
	}
	id := receipt.Sum(data)
	if _, err := fmt.Fprintf(export, "%s\n", data); err != nil {
		return id, err
	}
	folder := ledger.Path(id, r.RecordedAt)
	if _, err := fmt.Fprintf(w, "M 100644 inline %s/receipt.json\ndata %d\n%s\n", folder, len(data), data); err != nil {
		return id, err
	}
	made, err := b.signer.Sign(context.Background(), data)
	if err != nil {
		return id, err
	}
	proofs := []ledger.Proof{{Type: made.Type, Data: made.Bytes}}
	if stamp != nil {
		token, err := stamp(receipt.Sum(made.Bytes))
		if err != nil {
			return id, err
		}
		proofs = append(proofs, ledger.Proof{Type: "rfc3161", Data: token})
	}
	for _, p := range proofs {
		if _, err := fmt.Fprintf(w, "M 100644 inline %s/%s\ndata %d\n%s\n", folder, p.Name(), len(p.Data), p.Data); err != nil {
			return id, err
		}
	}
	return id, nil
}

// began is when the ledger began, in seconds since 1970.
const began = 1637589900

// realistic is the receipt of a number: five years of them, whatever the total.
func realistic(genesis receipt.ID, n, total int) *receipt.Receipt {
	const years = 5 * 365 * 24 * 3600
	note := fmt.Sprintf("rollout %d finished, error rate unchanged", n)
	if n == 500 {
		note = "a needle"
	}
	kind := receipt.KindRelease
	if n%2 == 1 {
		kind = receipt.KindDeployment
	}
	component := []string{"api", "web", "worker", "billing"}[n%4]
	return &receipt.Receipt{
		Kind: kind, Ledger: genesis, RecordedAt: receipt.Time(began + 1 + int64(n)*years/int64(total)),
		Recorder: receipt.Person{Name: "Bench", Email: "bench@example.com"}, Component: component, Version: fmt.Sprintf("v1.%d.%d", n/100, n%100),
		Commit:   receipt.Object("sha1:" + receipt.Sum([]byte(fmt.Sprint(n))).String()[:40]),
		Subjects: []receipt.Subject{{Name: component + ".tar.gz", SHA256: receipt.Sum([]byte(note))}},
		Labels:   map[string]string{"env": "prod"}, Note: note,
	}
}

// command is a command in a folder; {n} in its words is the number of the run.
func (b *setting) command(dir string, args []string, n int) *exec.Cmd {
	words := make([]string, len(args))
	for i, a := range args {
		words[i] = strings.ReplaceAll(a, "{n}", fmt.Sprint(n))
	}
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Dir, cmd.Env = dir, b.env
	return cmd
}

// compare times the commands in turn, so that a machine that slows down slows
// all of them.
func (b *setting) compare(r row, runs int) error {
	commands := append([][]string{r.ours}, r.peers...)
	took := make([][]time.Duration, len(commands))
	peak := int64(0)
	for n := range runs + 1 {
		for i, command := range commands {
			one, memory, err := b.time(command, n)
			if err != nil {
				return err
			}
			if i == 0 {
				peak = max(peak, memory)
			}
			if n > 0 { // the first run warms up
				took[i] = append(took[i], one)
			}
		}
	}
	mine := median(took[0])
	fmt.Printf("%-24s %9.1f %6d", r.name, ms(mine), peak)
	for i, peer := range r.peers {
		if i > 0 {
			fmt.Printf("%41s", "")
		}
		theirs := median(took[i+1])
		words := strings.ReplaceAll(strings.Join(peer, " "), b.work+string(filepath.Separator), "")
		fmt.Printf("  %-44.44s %9.1f %8.2f\n", words, ms(theirs), float64(mine)/float64(theirs))
	}
	return nil
}

// time runs a command, and says how long it took and how much memory it had at
// most, in MB.
func (b *setting) time(args []string, n int) (took time.Duration, peak int64, err error) {
	cmd := b.command(b.repo, args, n)
	var said bytes.Buffer // what is printed goes nowhere: a child's memory is counted with that of who started it
	cmd.Stderr = &said
	start := time.Now()
	err = cmd.Run()
	took = time.Since(start)
	if err != nil {
		return 0, 0, fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, &said)
	}
	return took, peakMemory(cmd.ProcessState), nil
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
