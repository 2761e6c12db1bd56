package attest

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// maxDepth bounds how deep elements of a report may lie in each other.
const maxDepth = 64

// suite is a testsuite, or all of them, while it is read: what its attributes say,
// and what it has.
type suite struct {
	name   string
	claims map[string]int64 // tests, failures, errors, skipped, as far as they are said
	has    tally
	last   testCase // the one before
}

// tally counts the cases of a suite and of the suites within.
type tally struct {
	cases, failures, errors, skipped int64
	twice, late                      int64 // cases that stand there again for what failed after them, or have it in them
}

func (t *tally) add(o tally) {
	t.cases, t.failures, t.errors, t.skipped, t.twice, t.late = t.cases+o.cases, t.failures+o.failures, t.errors+o.errors, t.skipped+o.skipped, t.twice+o.twice, t.late+o.late
}

// testCase is a testcase and what it has inside.
type testCase struct {
	class, name             string
	failed, broken, leftOut bool
	teardown                bool // broken when it was over
}

// junit reads a report, element by element.
type junit struct {
	decoder *xml.Decoder
	totals  receipt.Totals
	cases   int64
}

// readJUnit counts the cases of JUnit's XML. It knows no document types, so that
// there are no entities to grow. What a suite says in its attributes must be what
// it has.
func readJUnit(report []byte) (*receipt.Totals, error) {
	j := &junit{decoder: xml.NewDecoder(bytes.NewReader(report))}
	j.decoder.CharsetReader = plainCharset
	root, err := j.root()
	if err != nil {
		return nil, err
	}
	if root.Name.Local != "testsuites" && root.Name.Local != "testsuite" {
		return nil, bad("its root is %.40q, and not testsuites or testsuite", root.Name.Local)
	}
	if _, err := j.suite(root, 1); err != nil {
		return nil, err
	}
	for { // nothing may follow
		token, err := j.token()
		if errors.Is(err, io.EOF) {
			return &j.totals, nil
		}
		if err != nil {
			return nil, err
		}
		if text, is := token.(xml.CharData); !is || len(bytes.TrimSpace(text)) > 0 {
			return nil, bad("something follows its root")
		}
	}
}

// plainCharset lets the names of encodings through of which the letters of reports'
// elements are the same bytes as in UTF-8.
func plainCharset(name string, in io.Reader) (io.Reader, error) {
	switch strings.ToLower(name) {
	case "us-ascii", "ascii", "iso-8859-1", "latin1", "windows-1252":
		b, err := io.ReadAll(in)
		runes := make([]rune, len(b))
		for i, c := range b {
			runes[i] = rune(c)
		}
		return strings.NewReader(string(runes)), err
	}
	return nil, errors.New("the encoding " + strconv.Quote(name) + " is not known")
}

// token reads on, past comments and instructions. A document type is refused.
func (j *junit) token() (xml.Token, error) {
	for {
		token, err := j.decoder.Token()
		if errors.Is(err, io.EOF) {
			return nil, io.EOF
		}
		if err != nil {
			return nil, bad("it is no well-formed XML").Because(err)
		}
		switch token.(type) {
		case xml.Directive:
			return nil, bad("it has a document type, which no report needs")
		case xml.Comment, xml.ProcInst:
			continue
		}
		return token, nil
	}
}

// inside is token where the end is not to come yet.
func (j *junit) inside() (xml.Token, error) {
	token, err := j.token()
	if errors.Is(err, io.EOF) {
		return nil, bad("it was cut off")
	}
	return token, err
}

func (j *junit) root() (xml.StartElement, error) {
	for {
		token, err := j.inside()
		if err != nil {
			return xml.StartElement{}, err
		}
		if start, is := token.(xml.StartElement); is {
			return start, nil
		}
	}
}

// suite reads a suite and the suites within.
func (j *junit) suite(start xml.StartElement, depth int) (tally, error) {
	s := &suite{claims: map[string]int64{}}
	if err := s.read(start.Attr); err != nil {
		return s.has, err
	}
	for {
		token, err := j.inside()
		if err != nil {
			return s.has, err
		}
		switch element := token.(type) {
		case xml.EndElement:
			return s.has, s.hold()
		case xml.StartElement:
			if err := j.child(s, element, depth+1); err != nil {
				return s.has, err
			}
		}
	}
}

// child reads what lies in a suite.
func (j *junit) child(s *suite, element xml.StartElement, depth int) error {
	if depth > maxDepth {
		return bad("its elements lie over %d deep in each other", maxDepth)
	}
	switch element.Name.Local {
	case "testsuite", "testsuites":
		within, err := j.suite(element, depth)
		s.has.add(within)
		return err
	case "testcase":
		c, err := j.testCase(element, depth)
		if err != nil {
			return err
		}
		return j.count(s, c)
	}
	if err := counts(element); err != nil {
		return err
	}
	return j.skip(depth)
}

// counts refuses what would have to be counted, but stands where only other things do: a
// reader that passed over it would hide it.
func counts(element xml.StartElement) error {
	switch name := element.Name.Local; name {
	case "error":
		return bad("it has an error where none can be counted")
	case "testsuites", "testsuite", "testcase", "failure":
		return bad("it has a %s where none can be counted", name)
	}
	return nil
}

// testCase reads a case.
func (j *junit) testCase(start xml.StartElement, depth int) (testCase, error) {
	var c testCase
	for _, a := range start.Attr {
		switch a.Name.Local {
		case "classname":
			c.class = a.Value
		case "name":
			c.name = a.Value
		}
	}
	for {
		token, err := j.inside()
		if err != nil {
			return c, err
		}
		switch element := token.(type) {
		case xml.EndElement:
			return c, nil
		case xml.StartElement:
			switch element.Name.Local {
			case "failure":
				c.failed = true
			case "error":
				c.broken = true
				c.teardown = c.teardown || slices.ContainsFunc(element.Attr, func(a xml.Attr) bool { return strings.Contains(a.Value, "teardown") })
			case "skipped":
				c.leftOut = true
			case "testcase", "testsuite":
				return c, bad("the case %.80q has a %s in it", c.name, element.Name.Local)
			}
			if err := j.skip(depth + 1); err != nil {
				return c, err
			}
		}
	}
}

// skip reads to the end of an element.
func (j *junit) skip(depth int) error {
	for open := 1; open > 0; {
		token, err := j.inside()
		if err != nil {
			return err
		}
		switch element := token.(type) {
		case xml.StartElement:
			if err := counts(element); err != nil {
				return err
			}
			open++
		case xml.EndElement:
			open--
		}
		if depth+open > maxDepth {
			return bad("its elements lie over %d deep in each other", maxDepth)
		}
	}
	return nil
}

// count counts a case. One that failed is a failure also where it says that it was
// left out.
func (j *junit) count(s *suite, c testCase) error {
	if j.cases++; j.cases > maxCases {
		return bad("it has over %d tests", maxCases)
	}
	s.has.cases++
	switch { // pytest numbers tests whose teardown fails otherwise than it lists them
	case c.broken && s.last.failed && c.class == s.last.class && c.name == s.last.name && c.name != "":
		s.has.twice++
	case c.teardown && !c.failed:
		s.has.late++
	}
	s.last = c
	if c.failed {
		s.has.failures++
	}
	if c.broken {
		s.has.errors++
	}
	if c.leftOut {
		s.has.skipped++
	}
	switch {
	case c.failed || c.broken:
		j.totals.Failed++
	case c.leftOut:
		j.totals.Skipped++
	default:
		j.totals.Passed++
	}
	return nil
}

// read reads the numbers that a suite says of itself.
func (s *suite) read(attributes []xml.Attr) error {
	for _, a := range attributes {
		switch a.Name.Local {
		case "name":
			s.name = a.Value
		case "tests", "failures", "errors", "skipped":
			n, err := strconv.ParseInt(strings.TrimSpace(a.Value), 10, 64)
			if err != nil || n < 0 {
				return bad("%s=%.40q is no number of tests", a.Name.Local, a.Value)
			}
			s.claims[a.Name.Local] = n
		}
	}
	return nil
}

// hold holds what a suite says against what it has.
func (s *suite) hold() error {
	for name, have := range map[string]int64{"tests": s.has.cases, "failures": s.has.failures, "errors": s.has.errors, "skipped": s.has.skipped} {
		least, most := have, have
		if name == "tests" {
			least, most = have-s.has.twice, have+s.has.late
		}
		if claimed, said := s.claims[name]; said && (claimed < least || claimed > most) {
			return bad("the suite %.80q says %s=%d, and has %d", s.name, name, claimed, have)
		}
	}
	return nil
}
