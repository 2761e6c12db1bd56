package cli

import (
	"encoding/json"
	"os/exec"
	"regexp"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/VaultSovereign/git-vaultmesh/internal/counterfeit"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// forged is a line of a table of bad tokens: what is said of one by who asks for it,
// and of one that lies in the ledger.
type forged struct {
	name, verdict     string
	asked, lying      fault.Code
	because, becauseL *regexp.Regexp
}

// tableLine is TOKEN | CODE CAUSE | VERDICT [CODE CAUSE], where VERDICT is what comes of
// the receipt beside which it lies: "invalid", "counts nothing" or "counts", with the
// code and the cause of before where none are said.
var tableLine = regexp.MustCompile(`^(.+?) +\| (VM\d+) (.+?) +\| (invalid|counts nothing|counts)(?: (VM\d+) (.+))?$`)

// forgeries NAME GROUP TABLE has an authority give each bad token of a group, and a
// peer plant it beside the receipt $ID, whose folder is $DIR, and checks what a table
// says of it. The table must have all tokens of the group.
func cmdForgeries(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: forgeries NAME GROUP TABLE")
	}
	a := scriptTSAs(ts)[args[0]]
	if a == nil || a.hand == nil {
		ts.Fatalf("no authority that was made by hand is called %s", args[0])
	}
	var named []string
	for line := range strings.Lines(ts.ReadFile(args[2])) {
		f := readForged(ts, strings.TrimSuffix(line, "\n"))
		named = append(named, f.name)
		f.ask(ts, a)
		f.plant(ts, a)
	}
	for _, bad := range counterfeit.Groups[args[1]] {
		if !slices.Contains(named, bad.Name) {
			ts.Fatalf("the table lacks %q", bad.Name)
		}
	}
}

func readForged(ts *testscript.TestScript, line string) forged {
	part := tableLine.FindStringSubmatch(line)
	if part == nil {
		ts.Fatalf("no line of a table: %s", line)
	}
	f := forged{name: part[1], asked: fault.Code(part[2]), because: regexp.MustCompile(part[3]), verdict: part[4]}
	f.lying, f.becauseL = f.asked, f.because
	if part[5] != "" {
		f.lying, f.becauseL = fault.Code(part[5]), regexp.MustCompile(part[6])
	}
	return f
}

// ask records and stamps: both are refused with the code and the cause, and nothing
// comes into the ledger.
func (f forged) ask(ts *testscript.TestScript, a *scriptTSA) {
	a.mu.Lock()
	a.ways.forge = f.name
	a.mu.Unlock()
	before := gitOut(ts, "for-each-ref")
	for _, words := range [][]string{{"record", "--component", "api", "--version", "v2", "--commit", "none"}, {"timestamp", ts.Getenv("ID")}} {
		_, said, ok := vaultmesh(ts, words...)
		if ok || !strings.Contains(said, "Error "+string(f.asked)+":") || !f.because.MatchString(said) {
			ts.Fatalf("%s: %s wants %s %s and got:\n%s", f.name, words[0], f.asked, f.because, said)
		}
		if now := gitOut(ts, "for-each-ref"); now != before {
			ts.Fatalf("%s: %s moved\n%s to\n%s", f.name, words[0], before, now)
		}
	}
}

// plant puts the token beside the signature that it is over, looks at what verify says,
// and takes it away again.
func (f forged) plant(ts *testscript.TestScript, a *scriptTSA) {
	const ledger = "refs/vaultmesh/ledger"
	before := gitOut(ts, "rev-parse", ledger)
	token := a.stored(ts, tsaWays{forge: f.name}, []byte(ts.ReadFile("signature")))
	edit(ts, ts.Getenv("DIR")+"/rfc3161-"+receipt.Sum(token).String()+".tsr", func(w *forger, entries []gitrepo.TreeEntry, name string) []gitrepo.TreeEntry {
		return append(entries, gitrepo.TreeEntry{Mode: gitrepo.ModeFile, Name: name, ID: w.write(gitrepo.TypeBlob, token)})
	})
	f.judged(ts)
	f.judged(ts, "--full-chain")
	f.explained(ts)
	gitOut(ts, "update-ref", ledger, before)
}

// judged verifies the receipt. The covenant wants a time-stamp, so that one that counts
// nothing leaves the whole chain wanting.
func (f forged) judged(ts *testscript.TestScript, flags ...string) {
	out, said, ok := vaultmesh(ts, append([]string{"verify", ts.Getenv("ID"), "--format", "json"}, flags...)...)
	var report struct {
		Verdict  string
		Findings []judgedFinding
	}
	ts.Check(json.Unmarshal([]byte(out), &report))
	wants := "valid"
	if f.verdict == "invalid" || f.verdict == "counts nothing" && len(flags) > 0 {
		wants = "invalid"
	}
	if report.Verdict != wants || ok != (wants == "valid") {
		ts.Fatalf("%s: verify %s is %s, wants %s\n%s%s", f.name, flags, report.Verdict, wants, out, said)
	}
	stamps := report.Findings[0].Timestamps
	if len(stamps) != 1 || stamps[0].Counts != (f.verdict == "counts") {
		ts.Fatalf("%s: the stamps are %+v", f.name, stamps)
	}
	if s := stamps[0]; !s.Counts && (s.Code != f.lying || !f.becauseL.MatchString(s.Message)) {
		ts.Fatalf("%s: verify wants %s %s and got %s %s", f.name, f.lying, f.becauseL, s.Code, s.Message)
	}
}

// explained runs the plain commands about the tokens: they disagree where the token is
// none, whoever would have made it.
func (f forged) explained(ts *testscript.TestScript) {
	out, _, _ := vaultmesh(ts, "verify", ts.Getenv("ID"), "--explain")
	_, out, _ = strings.Cut(out, "  15 timestamps")
	out, _, _ = strings.Cut(out, "  16 seal")
	ran, disagree := 0, 0
	for line := range strings.Lines(out) {
		command, ok := strings.CutPrefix(line, "       ")
		if !ok {
			continue
		}
		ran++
		cmd := exec.Command("sh", "-c", command)
		cmd.Dir, cmd.Env = ts.MkAbs("."), scriptEnv(ts)
		if cmd.Run() != nil {
			disagree++
		}
	}
	if ran < 3 || (disagree > 0) != (f.verdict == "invalid") {
		ts.Fatalf("%s: of %d plain commands %d disagree:\n%s", f.name, ran, disagree, out)
	}
}

// vaultmesh runs the program as the script would, and tells whether it ended well.
func vaultmesh(ts *testscript.TestScript, args ...string) (stdout, stderr string, ok bool) {
	cmd := exec.Command("git", append([]string{"vaultmesh"}, args...)...)
	var out, said strings.Builder
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = ts.MkAbs("."), scriptEnv(ts), &out, &said
	err := cmd.Run()
	return out.String(), said.String(), err == nil
}
