package attest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// goLines are events of one package, as "action test".
func goLines(events ...string) string {
	var b strings.Builder
	for _, e := range events {
		action, test, _ := strings.Cut(e, " ")
		if fmt.Fprintf(&b, `{"Action":%q,"Package":"p"`, action); test != "" {
			fmt.Fprintf(&b, `,"Test":%q`, test)
		}
		b.WriteString("}\n")
	}
	return b.String()
}

// pytest is what pytest 7.2.1 wrote of tests that fail in every way it knows.
const pytest = `<?xml version="1.0" encoding="utf-8"?><testsuites><testsuite name="pytest" errors="3" failures="2" skipped="2" tests="11" time="0.024">` +
	`<testcase classname="x" name="pass"/><testcase classname="x" name="fail"><failure message="assert 0">E</failure></testcase>` +
	`<testcase classname="x" name="tdown"><error message="failed on teardown with &quot;assert False&quot;">E</error></testcase>` +
	`<testcase classname="x" name="both"><failure message="assert 0">E</failure></testcase><testcase classname="x" name="both"><error message="failed on teardown with &quot;assert False&quot;">E</error></testcase>` +
	`<testcase classname="x" name="skip"><skipped type="pytest.skip" message="unconditional skip">s</skipped></testcase>` +
	`<testcase classname="x" name="xf"><skipped type="pytest.xfail" message=""/></testcase><testcase classname="x" name="xp"/>` +
	`<testcase classname="x" name="setup"><error message="failed on setup with &quot;Exception&quot;">E</error></testcase>` +
	`<testcase classname="x" name="par[1]"/><testcase classname="x" name="par[2]"/></testsuite></testsuites>`

func TestReportsAreCounted(t *testing.T) {
	for name, x := range map[string]struct {
		form   Form
		text   string
		passed int64
		failed int64
		skip   int64
	}{
		"go":                         {FormGo, goLines("start", "run A", "run A/x", "pass A/x", "pass A", "run B", "skip B", "pass"), 2, 0, 1},
		"go, again":                  {FormGo, goLines("start", "run A", "pass A", "run A", "pass A", "pass"), 2, 0, 0},
		"go, failed":                 {FormGo, goLines("start", "run A", "fail A", "fail"), 0, 1, 0},
		"go, died":                   {FormGo, goLines("start", "run A", "output A", "fail"), 0, 1, 0},
		"go, cut off":                {FormGo, goLines("start", "run A", "pass A"), 1, 1, 0},
		"go, not built":              {FormGo, goLines("start", "fail"), 0, 1, 0},
		"go, no tests":               {FormGo, goLines("start", "skip"), 0, 0, 0},
		"go, a false summary":        {FormGo, "ok p 0.1s\nPASS\n" + goLines("start", "run A", "fail A", "fail"), 0, 1, 0},
		"tap":                        {FormTAP, "TAP version 14\n1..4\nok 1 - a\nnot ok 2 - b # TODO later\nok 3 # skip no\nnot ok 4\n", 1, 1, 2},
		"tap, plan at the end":       {FormTAP, "ok\nok\n    ok 1 - inner\n    1..1\n# 100 passed\n1..2\n", 2, 0, 0},
		"tap, bail-out":              {FormTAP, "1..5\nok 1\nBail out! no\n", 1, 4, 0},
		"tap, skipped whole":         {FormTAP, "1..0 # skip no\n", 0, 0, 0},
		"tap, marked by words":       {FormTAP, "1..1\nnot ok 1 - \\# skip is not said\n", 0, 1, 0},
		"tap, a skip that is not ok": {FormTAP, "1..1\nnot ok 1 # skip\n", 0, 1, 0},
		"junit":                      {FormJUnit, `<testsuites tests="2"><testsuite tests="1"><testcase/></testsuite><testsuite><testcase><failure/><skipped/></testcase></testsuite></testsuites>`, 1, 1, 0},
		"junit, latin":               {FormJUnit, "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><testsuite><testcase name=\"\xE9\"/></testsuite>", 1, 0, 0},
		"pytest":                     {FormJUnit, pytest, 4, 5, 2},
	} {
		for _, form := range []Form{x.form, ""} {
			got, err := Read([]byte(x.text), form)
			want := receipt.Totals{Passed: x.passed, Failed: x.failed, Skipped: x.skip, Total: x.passed + x.failed + x.skip}
			if err != nil || *got != want {
				if form == "" && name == "tap, plan at the end" && err == nil {
					continue
				}
				t.Errorf("%s as %q: %+v, %v", name, form, got, err)
			}
		}
	}
}

func TestReportsThatContradictThemselvesAreRefused(t *testing.T) {
	for name, x := range map[string]struct {
		form Form
		text string
		says string
	}{
		"go, ends twice":          {FormGo, goLines("start", "run A", "fail A", "pass A", "pass"), "ends twice"},
		"go, package twice":       {FormGo, goLines("start", "fail", "pass"), "ends twice"},
		"go, package passes":      {FormGo, goLines("start", "run A", "fail A", "pass"), "passes, and a test of it does not"},
		"go, test does not end":   {FormGo, goLines("start", "run A", "pass"), "passes, and a test of it does not"},
		"go, after the end":       {FormGo, goLines("start", "pass", "run A", "pass A"), "after the end"},
		"go, skipped with tests":  {FormGo, goLines("start", "run A", "pass A", "skip"), "has tests"},
		"go, no event":            {FormGo, goLines("start") + "{\"Action\":\n", "no event"},
		"go, nothing":             {FormGo, "", "no package"},
		"tap, too few":            {FormTAP, "1..3\nok\nok\n", "plans 3 tests and has 2"},
		"tap, too many":           {FormTAP, "1..1\nok 1\nok 2\n", "plans 1 tests and has 2"},
		"tap, twice":              {FormTAP, "1..2\nnot ok 1\nok 1\n", "twice"},
		"tap, beyond":             {FormTAP, "1..1\nok 7\n", "beyond"},
		"tap, two plans":          {FormTAP, "1..1\nok 1\n1..1\n", "two plans"},
		"tap, no plan":            {FormTAP, "ok 1\n", "no plan"},
		"tap, a plan too large":   {FormTAP, "1..99999999999999999999\n", "plans over"},
		"junit, tests":            {FormJUnit, `<testsuite tests="2"><testcase/></testsuite>`, "tests=2"},
		"junit, failures":         {FormJUnit, `<testsuite failures="0"><testcase><failure/></testcase></testsuite>`, "failures=0"},
		"junit, errors":           {FormJUnit, `<testsuite errors="0"><testcase><error/></testcase></testsuite>`, "errors=0"},
		"junit, skipped":          {FormJUnit, `<testsuite skipped="1"><testcase/></testsuite>`, "skipped=1"},
		"junit, all suites":       {FormJUnit, `<testsuites failures="0"><testsuite failures="1"><testcase><failure/></testcase></testsuite></testsuites>`, "failures=0"},
		"junit, a hidden case":    {FormJUnit, `<testsuite tests="1"><testcase/><group><testcase><failure/></testcase></group></testsuite>`, "a testcase where none can be counted"},
		"junit, a hidden failure": {FormJUnit, `<testsuite><testcase><properties><failure/></properties></testcase></testsuite>`, "a failure where none can be counted"},
		"junit, a suite's error":  {FormJUnit, `<testsuite><testcase/><error message="it died"/></testsuite>`, "an error where none can be counted"},
		"junit, a number":         {FormJUnit, `<testsuite tests="-1"/>`, "no number"},
		"junit, another root":     {FormJUnit, `<html/>`, "root"},
		"junit, a document type":  {FormJUnit, `<!DOCTYPE a [<!ENTITY b "c">]><testsuite/>`, "document type"},
		"junit, an entity":        {FormJUnit, `<testsuite><testcase name="&b;"/></testsuite>`, "well-formed"},
		"junit, cut off":          {FormJUnit, `<testsuite><testcase/>`, "well-formed"},
		"junit, more than one":    {FormJUnit, `<testsuite/><testsuite/>`, "follows"},
		"junit, deep":             {FormJUnit, strings.Repeat("<testsuite>", 100) + strings.Repeat("</testsuite>", 100), "deep"},
		"junit, deep in a case":   {FormJUnit, "<testsuite><testcase>" + strings.Repeat("<a>", 100) + strings.Repeat("</a>", 100) + "</testcase></testsuite>", "deep"},
		"junit, a case in a case": {FormJUnit, `<testsuite><testcase><testcase><failure/></testcase></testcase></testsuite>`, "in it"},
		"junit, another encoding": {FormJUnit, `<?xml version="1.0" encoding="x"?><testsuite/>`, "encoding"},
		"no form":                 {"", "all is well\n", "neither"},
		"too large":               {FormTAP, strings.Repeat("#", MaxReport+1), "over"},
	} {
		got, err := Read([]byte(x.text), x.form)
		if !fault.Has(err, fault.BadReport) || !strings.Contains(err.Error(), x.says) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestOutputForPeopleHasNoForm(t *testing.T) {
	for _, text := range []string{"", "ok\n", "ok  p 0.1s\n", "PASS\n", "{}\n", `{"Action":"pass"}` + "\n", "<testsuite/>"} {
		if got := Sniff([]byte(text)); got != FormNone {
			t.Errorf("%q reads as %s", text, got)
		}
	}
}

func TestFailures(t *testing.T) {
	totals := func(passed, failed, skipped int64) *receipt.Totals {
		return &receipt.Totals{Passed: passed, Failed: failed, Skipped: skipped, Total: passed + failed + skipped}
	}
	for _, x := range []struct {
		body receipt.Attestation
		want string
	}{
		{receipt.Attestation{}, ""},
		{receipt.Attestation{ExitCode: 2}, "it ended with 2"},
		{receipt.Attestation{Totals: totals(1, 0, 0)}, ""},
		{receipt.Attestation{Totals: totals(1, 0, 0), ExitCode: 1}, "it ended with 1"},
		{receipt.Attestation{Totals: totals(5, 1, 0)}, "1 test failed"},
		{receipt.Attestation{Totals: totals(0, 0, 4)}, "no test passed"},
		{receipt.Attestation{Differences: []receipt.Difference{{Name: "a"}}}, "two builds differ"},
	} {
		if got := Failure(&x.body); got != x.want || Passed(&x.body) != (x.want == "") {
			t.Errorf("%+v: %q, want %q", x.body, got, x.want)
		}
	}
}

// Whatever a report is, its numbers agree, or it is refused by the one code.
func fuzzForm(f *testing.F, form Form, seeds ...string) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := Read(text, form)
		if err != nil {
			if !fault.Has(err, fault.BadReport) {
				t.Fatal(err)
			}
			return
		}
		if got.Passed < 0 || got.Failed < 0 || got.Skipped < 0 || got.Passed+got.Failed+got.Skipped != got.Total {
			t.Fatalf("%+v", got)
		}
		if again, err := Read(text, form); err != nil || *again != *got {
			t.Fatalf("read again it is %+v, %v", again, err)
		}
	})
}

func FuzzGo(f *testing.F) {
	fuzzForm(f, FormGo, goLines("start", "run A", "pass A", "pass"), goLines("start", "run A", "fail"), "x\n{")
}

func FuzzTAP(f *testing.F) {
	fuzzForm(f, FormTAP, "TAP version 13\n1..2\nok 1\nnot ok 2 # todo\n", "Bail out!\n", "1..0\n")
}

func FuzzJUnit(f *testing.F) {
	fuzzForm(f, FormJUnit, pytest, `<testsuite tests="1"><testcase/></testsuite>`, `<!DOCTYPE a><testsuite/>`)
}
