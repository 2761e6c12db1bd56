package attest

import (
	"bytes"
	"fmt"
	"strconv"
	"unicode"

	"github.com/VaultSovereign/git-vaultmesh/internal/canon"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// MaxReport is the most bytes that a report may have.
const MaxReport = 64 << 20

// maxCases bounds the tests of one report.
const maxCases = 1 << 20

// Form is the form of a report.
type Form string

// The forms that are read. None is what stands for reading no report at all.
const (
	FormGo    Form = "go"    // the lines of go test -json
	FormTAP   Form = "tap"   // the Test Anything Protocol, 12 to 14
	FormJUnit Form = "junit" // the XML of JUnit, as pytest and others write it
	FormNone  Form = "none"
)

// Read counts the tests of a report. With an empty form its beginning says what it
// is. The fault is BadReport (VM627), for a report that cannot be read or that
// contradicts itself.
func Read(report []byte, form Form) (*receipt.Totals, error) {
	if len(report) > MaxReport {
		return nil, bad("it has over %d bytes", MaxReport)
	}
	if form == "" {
		form = detect(report)
	}
	var t *receipt.Totals
	var err error
	switch form {
	case FormGo:
		t, err = readGo(report)
	case FormTAP:
		t, err = readTAP(report)
	case FormJUnit:
		t, err = readJUnit(report)
	default:
		return nil, bad("it is neither JUnit's XML nor go test -json nor TAP")
	}
	if err != nil {
		return nil, err
	}
	t.Total = t.Passed + t.Failed + t.Skipped
	return t, nil
}

// Sniff tells which form the output of a command has, FormNone where it has none:
// then it is text for people, whatever it says.
func Sniff(output []byte) Form {
	if form := detect(output); form == FormGo || form == FormTAP {
		return form
	}
	return FormNone
}

// detect tells the form of a report by the first line that says it.
func detect(report []byte) Form {
	head := bytes.TrimLeftFunc(bytes.TrimPrefix(report, []byte("\xEF\xBB\xBF")), unicode.IsSpace)
	if bytes.HasPrefix(head, []byte("<")) {
		return FormJUnit
	}
	for line := range bytes.Lines(head[:min(len(head), 1<<20)]) {
		line = bytes.TrimRight(line, "\r\n")
		switch {
		case tapVersion.Match(line), tapPlan.Match(line):
			return FormTAP
		case isGoEvent(line):
			return FormGo
		}
	}
	return FormNone
}

// add sums the tests of several reports.
func add(a, b *receipt.Totals) (*receipt.Totals, error) {
	if a == nil {
		return b, nil
	}
	sum := &receipt.Totals{Passed: a.Passed + b.Passed, Failed: a.Failed + b.Failed, Skipped: a.Skipped + b.Skipped, Total: a.Total + b.Total}
	if sum.Total > canon.MaxInteger {
		return nil, bad("it counts more tests than a receipt can")
	}
	return sum, nil
}

func bad(format string, args ...any) *fault.Error { return fault.New(fault.BadReport, format, args...) }

// counted is a number of things, in words.
func counted(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

func number(n int64) string { return strconv.FormatInt(n, 10) }
