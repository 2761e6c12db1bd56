package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// operators are clones beside each other whose owners co-sign what they merge.
type operators struct {
	t    *testing.T
	root string
	env  []string
}

func newOperators(t *testing.T, n int) *operators {
	t.Helper()
	o := &operators{t: t, root: t.TempDir()}
	o.env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + o.root, "TZ=UTC", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com", "GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.com"}
	if err := installKey(filepath.Join(o.root, ".ssh")); err != nil {
		t.Fatal(err)
	}
	config := "[gpg]\n\tformat = ssh\n[user]\n\tsigningKey = ~/.ssh/id_ed25519\n[vaultmesh]\n\tcosign = true\n[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n"
	if err := os.WriteFile(filepath.Join(o.root, ".gitconfig"), []byte(config), 0o666); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		o.git(0, "init", "-q", o.dir(i))
		if i > 0 {
			o.git(i, "fetch", "-q", o.dir(0), "refs/vaultmesh/ledger:refs/vaultmesh/ledger")
		}
		o.run(i, "init", "--offline")
		for j := range i {
			for _, pair := range [][2]int{{i, j}, {j, i}} {
				o.run(pair[0], "peer", "add", fmt.Sprint("p", pair[1]), o.dir(pair[1]))
			}
		}
	}
	return o
}

func (o *operators) dir(i int) string { return filepath.Join(o.root, fmt.Sprint("p", i)) }

func (o *operators) git(i int, args ...string) string {
	o.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Env = o.env
	if args[0] != "init" {
		cmd.Dir = o.dir(i)
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		o.t.Fatalf("git %q: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// run is a command of one of the operators.
func (o *operators) run(i int, args ...string) string {
	o.t.Helper()
	o.t.Chdir(o.dir(i))
	var out, said bytes.Buffer
	env := Env{Program: Vaultmesh, Args: args, Environ: o.env, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &said,
		Now: func() time.Time { return time.Unix(1795356300, 0).UTC() }, ProgressAfter: time.Hour}
	if args[0] == "query" {
		env.Program = Remembrancer
	}
	if code := Main(env); code != 0 {
		o.t.Fatalf("operator %d: %q: exit %d\n%s%s", i, args, code, &out, &said)
	}
	return out.String()
}

// answers is how many receipts of merges an operator has.
func (o *operators) answers(i int) int {
	o.t.Helper()
	var list []json.RawMessage
	if err := json.Unmarshal([]byte(o.run(i, "query", "kind:merge", "--no-fetch", "--limit", "1000", "--format", "json")), &list); err != nil {
		o.t.Fatal(err)
	}
	return len(list)
}

// Everybody co-signs by configuration. What was recorded is answered, answers are not,
// even where all merge and answer at the same moment: their number does not grow any more.
func TestAnswersToMergesEnd(t *testing.T) {
	const n = 3
	o := newOperators(t, n)
	for i := range n {
		o.run(i, "record", "--component", "api", "--version", fmt.Sprint("v", i), "--commit", "none")
	}
	last := 0
	for round := range 4 {
		o.atOnce(n)
		if now := o.answers(0); now > last && round > 1 {
			t.Fatalf("in round %d there are %d answers, and there were %d", round, now, last)
		} else {
			last = now
		}
	}
	o.settle(n)
	for i := range n {
		if now := o.answers(i); now != last || now == 0 {
			t.Errorf("operator %d has %d answers, and there were %d", i, now, last)
		}
	}
	o.run(0, "verify", "--all", "--strict")
}

// atOnce has everybody merge what everybody had: nobody sees what others make meanwhile.
func (o *operators) atOnce(n int) {
	o.t.Helper()
	for i := range n {
		for j := range n {
			o.git(i, "fetch", "-q", o.dir(j), fmt.Sprintf("+refs/vaultmesh/ledger:refs/heads/from-%d", j))
		}
	}
	for i := range n {
		for j := range n {
			if j != i {
				o.run(i, "merge", fmt.Sprint("refs/heads/from-", j))
			}
		}
	}
}

// settle has everybody sync until no head moves any more.
func (o *operators) settle(n int) {
	o.t.Helper()
	random := rand.New(rand.NewPCG(1, 7))
	for round := 0; ; round++ {
		heads := make(map[string]bool)
		for _, i := range random.Perm(n) {
			heads[o.git(i, "rev-parse", "refs/vaultmesh/ledger")] = true
			o.run(i, "sync")
			heads[o.git(i, "rev-parse", "refs/vaultmesh/ledger")] = true
		}
		if len(heads) == 1 {
			return
		}
		if round > 2*n {
			o.t.Fatalf("after %d rounds heads still move", round)
		}
	}
}
