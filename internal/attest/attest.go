// Package attest is what a machine finds out by running something: it runs a
// command, reads the report that the command's tool wrote, and makes the body of
// an attestation out of both. It builds a commit twice and compares what came of
// it, and it derives the badge of a commit.
//
// What a test prints is believed nothing: the exit status and a report of a known
// form say what came of it, and a report that contradicts itself is refused.
package attest

import (
	"path/filepath"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// The types of attestations that this program makes something of.
const (
	Tests        = "tests"
	Reproduction = "reproduction"
)

// Passed tells whether an attestation says that all went well: the command ended
// with 0, no test failed, at least one test passed where tests were counted, and two
// builds do not differ.
func Passed(a *receipt.Attestation) bool { return Failure(a) == "" }

// Failure says in a few words why an attestation does not say that all went well, ""
// where it does.
func Failure(a *receipt.Attestation) string {
	switch t := a.Totals; {
	case len(a.Differences) > 0:
		return "two builds differ"
	case t != nil && t.Failed > 0:
		return counted(t.Failed, "test") + " failed"
	case a.ExitCode != 0:
		return "it ended with " + number(a.ExitCode)
	case t != nil && t.Passed == 0:
		return "no test passed"
	}
	return ""
}

// Tool names what a command starts: the base name of the program, and go's own
// subcommand.
func Tool(command []string) string {
	tool := strings.TrimSuffix(filepath.Base(command[0]), ".exe")
	if tool == "go" && len(command) > 1 && !strings.HasPrefix(command[1], "-") {
		tool += " " + command[1]
	}
	return tool
}
