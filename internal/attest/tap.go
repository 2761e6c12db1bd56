package attest

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

var (
	tapVersion = regexp.MustCompile(`^TAP version [0-9]+\s*$`)
	tapPlan    = regexp.MustCompile(`^1\.\.([0-9]+)\s*(#.*)?$`)
	tapPoint   = regexp.MustCompile(`^(not )?ok\b(?:\s+([0-9]+))?(.*)$`)
	tapMark    = regexp.MustCompile(`(?i)(?:^|[^\\])#\s*(skip|todo)`)
)

// tapReader is what is known of a TAP stream while it is read.
type tapReader struct {
	plan   int64 // -1 until it is there
	seen   map[int64]bool
	points int64
	bailed bool
	totals receipt.Totals
}

// readTAP counts the points of a TAP stream. A point inside of another, which is
// indented, counts by the one that it belongs to; what is no TAP is passed over.
func readTAP(report []byte) (*receipt.Totals, error) {
	r := &tapReader{plan: -1, seen: map[int64]bool{}}
	for line := range bytes.Lines(report) {
		if err := r.take(strings.TrimRight(string(line), "\r\n")); err != nil {
			return nil, err
		}
	}
	return r.close()
}

func (r *tapReader) take(line string) error {
	if strings.HasPrefix(line, "Bail out!") {
		r.bailed = true
		return nil
	}
	if m := tapPlan.FindStringSubmatch(line); m != nil {
		n, err := strconv.ParseInt(m[1], 10, 64)
		if err != nil || n > maxCases {
			return bad("it plans over %d tests", maxCases)
		}
		if r.plan >= 0 {
			return bad("it has two plans")
		}
		r.plan = n
		return nil
	}
	if m := tapPoint.FindStringSubmatch(line); m != nil {
		return r.point(m[1] == "", m[2], m[3])
	}
	return nil
}

// point counts a test point. One that is marked as to be done fails nothing.
func (r *tapReader) point(ok bool, digits, text string) error {
	r.points++
	n := r.points
	if digits != "" {
		var err error
		if n, err = strconv.ParseInt(digits, 10, 64); err != nil {
			return bad("the number of a test is too large")
		}
	}
	if r.seen[n] {
		return bad("the test %d is there twice", n)
	}
	if r.points > maxCases {
		return bad("it has over %d tests", maxCases)
	}
	r.seen[n] = true
	mark := ""
	if m := tapMark.FindStringSubmatch(text); m != nil {
		mark = strings.ToLower(m[1])
	}
	switch {
	case mark == "skip" && ok, mark == "todo" && !ok:
		r.totals.Skipped++
	case ok:
		r.totals.Passed++
	default:
		r.totals.Failed++
	}
	return nil
}

// close holds the points against the plan. After a bail-out the points that are not
// there count as failed.
func (r *tapReader) close() (*receipt.Totals, error) {
	missing := r.plan - r.points
	switch {
	case r.bailed:
		r.totals.Failed += max(missing, 1)
		return &r.totals, nil
	case r.plan < 0:
		return nil, bad("it has no plan: it was cut off")
	case missing != 0:
		return nil, bad("it plans %d tests and has %d", r.plan, r.points)
	}
	for n := range r.seen {
		if n < 1 || n > r.plan {
			return nil, bad("the test %d is beyond the plan of %d", n, r.plan)
		}
	}
	return &r.totals, nil
}
