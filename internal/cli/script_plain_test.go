package cli

import (
	"os/exec"
	"regexp"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

var judgedStep = regexp.MustCompile(`^ +\d+ ([a-z]+) +(passed|failed|n/a|unknown)`)

// agrees ID… runs what verify --explain prints of receipts, each command in a shell of its
// own: in every step that passed all end with 0, and in each that failed one does not.
func cmdAgrees(ts *testscript.TestScript, neg bool, ids []string) {
	if neg || len(ids) == 0 {
		ts.Fatalf("usage: agrees ID...")
	}
	for _, id := range ids {
		out, said, _ := vaultmesh(ts, "verify", id, "--full-chain", "--explain")
		verdicts, disagreeing := make(map[string]string), make(map[string]string)
		step := ""
		for line := range strings.Lines(out) {
			line = strings.TrimSuffix(line, "\n")
			if m := judgedStep.FindStringSubmatch(line); m != nil {
				step = m[1]
				verdicts[step] = m[2]
			}
			command, is := strings.CutPrefix(line, "       ")
			if !is || strings.HasPrefix(command, "#") || strings.HasPrefix(command, " ") {
				continue
			}
			cmd := exec.Command("sh", "-c", command)
			cmd.Dir, cmd.Env = ts.MkAbs("."), scriptEnv(ts)
			if words, err := cmd.CombinedOutput(); err != nil {
				disagreeing[step] = command + "\n" + string(words)
			}
		}
		if len(verdicts) == 0 {
			ts.Fatalf("%s is not explained:\n%s", id, said)
		}
		for step, verdict := range verdicts {
			if command, does := disagreeing[step]; does && verdict == "passed" || !does && verdict == "failed" {
				ts.Fatalf("%s: the step %s is %s, and this says otherwise: %q\n%s", id, step, verdict, command, out)
			}
		}
	}
}
