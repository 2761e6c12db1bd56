package attest

import (
	"bytes"
	"encoding/json"

	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// goEvent is a line of go test -json, as `go doc test2json` describes it.
type goEvent struct {
	Action  string
	Package string
	Test    string
}

// isGoEvent tells whether a line is one that go test -json begins with.
func isGoEvent(line []byte) bool {
	var e goEvent
	return bytes.HasPrefix(line, []byte(`{"`)) && json.Unmarshal(line, &e) == nil && (e.Action == "start" || e.Action == "run") && e.Package != ""
}

// goPackage is what is known of a package while its lines are read.
type goPackage struct {
	running map[string]bool // tests that have begun, and not ended
	ended   map[string]bool // tests that have ended
	failed  int64
	result  string // "" until it has one
}

// readGo counts the tests of go test -json, subtests as tests of their own. A package
// that fails without a failed test counts as one: it was not built, or died.
func readGo(report []byte) (*receipt.Totals, error) {
	t, packages := new(receipt.Totals), map[string]*goPackage{}
	for line := range bytes.Lines(report) {
		if !bytes.HasPrefix(line, []byte("{")) { // what other programs print beside it
			continue
		}
		var e goEvent
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, bad("a line of it is no event of go test -json").Because(err)
		}
		if e.Package == "" { // such as the output of a build
			continue
		}
		p := packages[e.Package]
		if p == nil {
			p = &goPackage{running: map[string]bool{}, ended: map[string]bool{}}
			packages[e.Package] = p
		}
		if err := p.take(e, t); err != nil {
			return nil, err
		}
		if t.Passed+t.Failed+t.Skipped > maxCases || len(packages) > maxCases || len(p.running) > maxCases {
			return nil, bad("it has over %d tests", maxCases)
		}
	}
	return t, closeGo(packages, t)
}

// take counts one event.
func (p *goPackage) take(e goEvent, t *receipt.Totals) error {
	final := e.Action == "pass" || e.Action == "fail" || e.Action == "skip"
	switch {
	case e.Test == "" && final && p.result != "":
		return bad("the package %s ends twice", e.Package)
	case e.Test == "" && final:
		p.result = e.Action
	case e.Test != "" && p.result != "":
		return bad("the test %s comes after the end of its package %s", e.Test, e.Package)
	case e.Action == "run" && e.Test != "":
		p.running[e.Test] = true
	case final && !p.running[e.Test] && p.ended[e.Test]:
		return bad("the test %s of %s ends twice", e.Test, e.Package)
	case final:
		delete(p.running, e.Test)
		p.ended[e.Test] = true
		switch e.Action {
		case "pass":
			t.Passed++
		case "skip":
			t.Skipped++
		default:
			t.Failed++
			p.failed++
		}
	}
	return nil
}

// closeGo counts what did not end as failed, and refuses packages that say otherwise
// than their tests.
func closeGo(packages map[string]*goPackage, t *receipt.Totals) error {
	if len(packages) == 0 {
		return bad("it has no package")
	}
	for name, p := range packages {
		unfinished := int64(len(p.running))
		switch {
		case p.result == "pass" && p.failed+unfinished > 0:
			return bad("the package %s passes, and a test of it does not", name)
		case p.result == "skip" && len(p.ended)+len(p.running) > 0:
			return bad("the package %s is skipped, and has tests", name)
		case p.result != "pass" && p.result != "skip" && p.failed+unfinished == 0:
			unfinished = 1
		}
		t.Failed += unfinished
	}
	return nil
}
