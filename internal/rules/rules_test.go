package rules

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

var now = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) time.Time { return now.Add(-d) }

var (
	ada   = Signer{"ada", []string{"ops", "sec"}, "ada"}
	grace = Signer{"grace", []string{"ops"}, "grace"}
	twin  = Signer{"twin", []string{"ops"}, "ada"} // the same person as ada
)

func id(n byte) receipt.ID { return receipt.ID{n} }

func release(n byte, component string, signers ...Signer) Receipt {
	return Receipt{ID: id(n), Receipt: &receipt.Receipt{Kind: receipt.KindRelease, Component: component, Commit: "sha1:1"}, Signers: signers}
}

func (r Receipt) stamped(stamps ...Stamp) Receipt {
	r.Stamps = stamps
	return r
}

func attested(at receipt.Time, component string, a receipt.Attestation) Receipt {
	return Receipt{ID: id(byte(at)), Receipt: &receipt.Receipt{Kind: receipt.KindAttestation, Component: component, Commit: "sha1:1", RecordedAt: at, Attestation: &a}}
}

func decision(status, component string, labels ...string) Receipt {
	r := &receipt.Receipt{Kind: receipt.KindDecision, Component: component, Decision: &receipt.Decision{Status: status}}
	if len(labels) > 0 {
		r.Labels = map[string]string{PathLabel: labels[0]}
	}
	return Receipt{ID: id(9), Receipt: r}
}

func tests(exit int64, totals ...int64) receipt.Attestation {
	a := receipt.Attestation{Type: TypeTests, ExitCode: exit}
	if len(totals) > 0 {
		a.Totals = &receipt.Totals{Passed: totals[0], Failed: totals[1], Skipped: totals[2], Total: totals[3]}
	}
	return a
}

func rule(q receipt.Requirement) receipt.Rule { return receipt.Rule{Name: "r", Require: q} }

func ofComponent(r receipt.Rule, components ...string) receipt.Rule {
	r.Components = components
	return r
}

// Each requirement, kept and broken: which needs are missing, in order.
func TestJudge(t *testing.T) {
	push := Update{Ref: "refs/heads/main", Move: Advance, Paths: []string{"login/a.go", "readme"}}
	moves := func(m Move, ref string) Update { return Update{Ref: ref, Move: m} }
	one := rule(receipt.Requirement{Receipts: []receipt.Kind{receipt.KindRelease}})
	signed := func(q ...receipt.Quorum) receipt.Rule {
		return rule(receipt.Requirement{Receipts: []receipt.Kind{receipt.KindRelease}, Signers: q})
	}
	stamped := func(n, age int64, authorities ...string) receipt.Rule {
		return rule(receipt.Requirement{Receipts: []receipt.Kind{receipt.KindRelease}, Timestamps: n, TimestampAge: age, Authorities: authorities})
	}
	some := func(list ...Receipt) Facts { return Facts{Now: now, Receipts: list} }
	fresh, old := Stamp{"own", ago(time.Hour)}, Stamp{"own", ago(48 * time.Hour)}
	other := Stamp{"other", ago(time.Hour)}
	file, file2 := receipt.Digest{1}, receipt.Digest{2}
	shipped := release(1, "api")
	shipped.Receipt.Subjects = []receipt.Subject{{Name: "api.tar.gz", SHA256: file}}
	built := func(outputs ...receipt.Digest) receipt.Attestation {
		a := receipt.Attestation{Type: TypeReproduction}
		for _, o := range outputs {
			a.Outputs = append(a.Outputs, receipt.Subject{Name: "x", SHA256: o})
		}
		return a
	}
	differing, crashed := built(file), built(file)
	differing.Differences = []receipt.Difference{{Name: "api.tar.gz"}}
	crashed.ExitCode = 1
	repeat, tested := rule(receipt.Requirement{Reproducible: true}), rule(receipt.Requirement{TestsAttested: true})
	decide := rule(receipt.Requirement{Decision: true})
	login := decide
	login.Paths = []string{"login/*"}
	kept := rule(receipt.Requirement{NoRewind: true})
	for i, c := range []struct {
		rule receipt.Rule
		push Update
		f    Facts
		want string
	}{
		{one, push, some(), NeedReceipts},
		{one, push, some(attested(1, "", tests(0))), NeedReceipts},
		{one, push, some(release(1, "api")), ""},
		{ofComponent(one, "web"), push, some(release(1, "api")), NeedReceipts},
		{ofComponent(one, "web", "a*"), push, some(release(1, "api")), ""},
		{rule(receipt.Requirement{Receipts: []receipt.Kind{receipt.KindDeployment, receipt.KindRelease}}), push, some(release(1, "api")), NeedReceipts},

		{signed(receipt.Quorum{Count: 2}), push, some(release(1, "api", ada, grace)), ""},
		{signed(receipt.Quorum{Count: 2}), push, some(release(1, "api", ada, ada)), NeedSigners},
		{signed(receipt.Quorum{Count: 2}), push, some(release(1, "api", ada, twin)), NeedSigners},
		{signed(receipt.Quorum{Count: 2}), push, some(release(1, "api", ada), release(2, "api", grace)), NeedSigners}, // not put together
		{signed(receipt.Quorum{Count: 2}), push, some(release(1, "api", ada), release(2, "api", ada, grace)), ""},
		{signed(receipt.Quorum{Group: "sec", Count: 1}), push, some(release(1, "api", grace)), NeedSigners},
		{signed(receipt.Quorum{Group: "sec", Count: 1}, receipt.Quorum{Group: "ops", Count: 2}), push, some(release(1, "api", ada, grace)), ""},
		{signed(receipt.Quorum{Group: "sec", Count: 1}, receipt.Quorum{Group: "ops", Count: 2}), push, some(release(1, "api")), NeedSigners + " " + NeedSigners},
		{rule(receipt.Requirement{Signers: []receipt.Quorum{{Count: 1}}}), push, some(), NeedReceipts},
		{rule(receipt.Requirement{Signers: []receipt.Quorum{{Count: 1}}}), push, some(release(1, "api", ada)), ""},

		{stamped(1, 0), push, some(release(1, "api")), NeedStamps},
		{stamped(1, 0), push, some(release(1, "api").stamped(old)), ""},
		{stamped(2, 0), push, some(release(1, "api").stamped(old, fresh)), NeedStamps}, // one authority twice
		{stamped(2, 0), push, some(release(1, "api").stamped(old, other)), ""},
		{stamped(1, 0, "other"), push, some(release(1, "api").stamped(old)), NeedStamps},
		{stamped(1, 0, "other"), push, some(release(1, "api").stamped(other)), ""},
		{stamped(0, 3600), push, some(release(1, "api").stamped(fresh)), ""}, // exactly as old
		{stamped(0, 3599), push, some(release(1, "api").stamped(fresh)), NeedFresh},
		{stamped(0, 3600), push, some(release(1, "api")), NeedFresh},
		{stamped(2, 3600), push, some(release(1, "api").stamped(old, other)), NeedFresh},
		{stamped(2, 3600), push, some(release(1, "api").stamped(old, fresh, other)), ""},
		{stamped(1, 3600, "own"), push, some(release(1, "api").stamped(old, other)), NeedFresh},

		{rule(receipt.Requirement{SealAge: 60}), push, Facts{Now: now}, NeedSeal},
		{rule(receipt.Requirement{SealAge: 60}), push, Facts{Now: now, Sealed: ago(time.Minute)}, ""},
		{rule(receipt.Requirement{SealAge: 60}), push, Facts{Now: now, Sealed: ago(61 * time.Second)}, NeedSeal},
		{rule(receipt.Requirement{SealAge: 1 << 62}), push, Facts{Now: now, Sealed: ago(time.Minute)}, ""},
		{rule(receipt.Requirement{LedgerPushed: true}), push, Facts{Unpushed: true}, NeedPushed},
		{rule(receipt.Requirement{LedgerPushed: true}), push, Facts{}, ""},
		{rule(receipt.Requirement{CleanPeerState: true}), push, Facts{HeldBack: []string{"x"}}, NeedCleanPeer},
		{rule(receipt.Requirement{CleanPeerState: true}), push, Facts{}, ""},
		{rule(receipt.Requirement{}), push, Facts{Unpushed: true, HeldBack: []string{"x"}}, ""},

		{kept, moves(Advance, "refs/heads/main"), some(), ""},
		{kept, moves(Create, "refs/tags/v1"), some(), ""},
		{kept, moves(Rewind, "refs/heads/main"), some(), NeedNoRewind},
		{kept, moves(Rewind, "refs/tags/v1"), some(), NeedNoRewind},
		{kept, moves(Delete, "refs/tags/v1"), some(), NeedNoRewind},
		{one, moves(Delete, "refs/tags/v1"), some(), ""}, // a deletion brings nothing
		{one, moves(Rewind, "refs/heads/main"), some(), NeedReceipts},

		{repeat, push, some(shipped), NeedRepeat},
		{repeat, push, some(shipped, attested(1, "", built(file))), ""},
		{repeat, push, some(shipped, attested(1, "api", built(file2, file))), ""},
		{repeat, push, some(shipped, attested(1, "", built(file2))), NeedRepeat},
		{repeat, push, some(shipped, attested(1, "web", built(file))), NeedRepeat},
		{repeat, push, some(shipped, attested(1, "", differing)), NeedRepeat},
		{repeat, push, some(shipped, attested(1, "", crashed)), NeedRepeat},
		{repeat, push, some(shipped, attested(1, "", differing), attested(2, "", built(file))), ""},
		{repeat, push, some(attested(1, "", built())), NeedRepeat}, // of nothing
		{repeat, push, some(attested(1, "", built(file))), ""},

		{tested, push, some(), NeedTests},
		{tested, push, some(attested(1, "", built(file))), NeedTests},
		{tested, push, some(attested(1, "", tests(0, 3, 0, 1, 4))), ""},
		{tested, push, some(attested(1, "", tests(0))), ""},
		{tested, push, some(attested(1, "", tests(1, 3, 0, 1, 4))), NeedTests},
		{tested, push, some(attested(1, "", tests(0, 3, 1, 0, 4))), NeedTests},
		{tested, push, some(attested(1, "", tests(0, 3, 0, 0, 4))), NeedTests},
		{tested, push, some(attested(1, "", tests(0, 0, 0, 4, 4))), NeedTests}, // all skipped
		{tested, push, some(attested(1, "", tests(1)), attested(2, "", tests(0))), ""},
		{tested, push, some(attested(2, "", tests(1)), attested(1, "", tests(0))), NeedTests},
		{tested, push, some(attested(1, "", tests(1)), attested(1, "", tests(0))), NeedTests}, // of one second all decide
		{tested, push, some(attested(1, "api", tests(1)), attested(2, "web", tests(0))), NeedTests},
		{ofComponent(tested, "web"), push, some(attested(1, "api", tests(1)), attested(2, "web", tests(0))), ""},

		{decide, push, some(), NeedDecision},
		{decide, push, some(decision("accepted", "")), ""},
		{decide, push, some(decision("proposed", "")), NeedDecision},
		{ofComponent(decide, "web"), push, some(decision("accepted", "api")), NeedDecision},
		{decide, push, Facts{Decisions: []Receipt{decision("accepted", "", "login/*")}}, NeedDecision}, // readme is open
		{login, push, Facts{Decisions: []Receipt{decision("accepted", "", "login/*")}}, ""},
		{login, push, Facts{Decisions: []Receipt{decision("rejected", "", "login/*")}}, NeedDecision},
		{login, push, Facts{Decisions: []Receipt{decision("accepted", "", "login/b*")}}, NeedDecision},
		{login, push, Facts{Decisions: []Receipt{decision("accepted", "")}}, NeedDecision},
		{decide, push, Facts{Decisions: []Receipt{decision("accepted", "", "login/*"), decision("accepted", "", "readme")}}, ""},
		{login, Update{Ref: "refs/heads/main", Move: Advance, Paths: []string{"readme"}}, some(), ""},
		{login, moves(Create, "refs/heads/new"), some(), ""},
	} {
		var got []string
		for _, l := range Judge(c.rule, c.push, c.f) {
			got = append(got, l.Need)
			if l.Text == "" || l.Unknown {
				t.Errorf("%d: %+v", i, l)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%d: missing is %q, want %q", i, got, c.want)
		}
	}
}

func TestBinds(t *testing.T) {
	r := func(refs, paths []string) receipt.Rule { return receipt.Rule{Refs: refs, Paths: paths} }
	for i, c := range []struct {
		rule receipt.Rule
		u    Update
		want bool
	}{
		{r(nil, nil), Update{Ref: "refs/heads/x"}, true},
		{r([]string{"refs/tags/v*"}, nil), Update{Ref: "refs/tags/v1"}, true},
		{r([]string{"refs/tags/v*"}, nil), Update{Ref: "refs/heads/refs/tags/v1"}, false},
		{r([]string{"main"}, nil), Update{Ref: "refs/heads/main"}, false},
		{r([]string{"refs/heads/a", "refs/heads/b"}, nil), Update{Ref: "refs/heads/b"}, true},
		{r([]string{"refs/heads/*"}, nil), Update{}, false},
		{r(nil, nil), Update{}, true},
		{r(nil, []string{"login/*"}), Update{Ref: "refs/heads/x", Paths: []string{"login/deep/file"}}, true},
		{r(nil, []string{"login/*"}), Update{Ref: "refs/heads/x", Paths: []string{"x/login/file"}}, false},
		{r(nil, []string{"login/*"}), Update{Ref: "refs/heads/x", Move: Delete}, true},
		{r(nil, []string{"login/*"}), Update{Ref: "refs/heads/x", Cut: true}, true},
		{r([]string{"refs/tags/*"}, []string{"login/*"}), Update{Ref: "refs/heads/x", Cut: true}, false},
	} {
		if got := Binds(c.rule, c.u); got != c.want {
			t.Errorf("%d: %v", i, got)
		}
	}
}

// Where the history is cut, a rule about paths says that it cannot tell; one that is kept
// anyway, or is about every path, says what it says.
func TestWhatIsCutIsUnknown(t *testing.T) {
	r := receipt.Rule{Paths: []string{"login/*"}, Require: receipt.Requirement{Receipts: []receipt.Kind{receipt.KindRelease}}}
	u := Update{Ref: "refs/heads/x", Move: Create, Cut: true}
	lacks := Judge(r, u, Facts{})
	if len(lacks) != 1 || !lacks[0].Unknown {
		t.Errorf("%+v", lacks)
	}
	if lacks = Judge(r, u, Facts{Receipts: []Receipt{release(1, "api")}}); len(lacks) != 0 {
		t.Errorf("%+v", lacks)
	}
	r.Paths = nil
	if lacks = Judge(r, u, Facts{}); len(lacks) != 1 || lacks[0].Unknown {
		t.Errorf("%+v", lacks)
	}
	r.Require = receipt.Requirement{Decision: true}
	if lacks = Judge(r, u, Facts{}); len(lacks) != 1 || !lacks[0].Unknown {
		t.Errorf("%+v", lacks)
	}
	r.Require = receipt.Requirement{NoRewind: true}
	if lacks = Judge(r, Update{Ref: "refs/heads/x", Move: Rewind, Unsure: true}, Facts{}); len(lacks) != 1 || !lacks[0].Unknown {
		t.Errorf("%+v", lacks)
	}
}

// drawn is a push with facts, drawn by chance, in which anything may be missing.
func drawn(r *rand.Rand) (receipt.Rule, Update, Facts) {
	yes := func() bool { return r.IntN(2) == 0 }
	q := receipt.Requirement{Reproducible: yes(), TestsAttested: yes(), Decision: yes(), LedgerPushed: yes(), NoRewind: yes(), CleanPeerState: yes(),
		Timestamps: r.Int64N(3), TimestampAge: r.Int64N(2) * 7200, SealAge: r.Int64N(2) * 7200}
	if yes() {
		q.Receipts = []receipt.Kind{receipt.KindRelease}
	}
	if yes() {
		q.Signers = []receipt.Quorum{{Group: []string{"", "ops", "sec"}[r.IntN(3)], Count: 1 + r.Int64N(2)}}
	}
	u := Update{Ref: "refs/heads/main", Move: []Move{Create, Advance, Rewind, Delete}[r.IntN(4)], Paths: []string{"a", "b"}[:r.IntN(3)]}
	f := Facts{Now: now, Unpushed: yes(), Sealed: ago(time.Duration(r.IntN(4)) * time.Hour)}
	for range r.IntN(4) {
		people := []Signer{ada, grace, twin}[:r.IntN(4)]
		stamps := []Stamp{{"own", ago(time.Hour)}, {"other", ago(3 * time.Hour)}}[:r.IntN(3)]
		f.Receipts = append(f.Receipts, release(byte(r.IntN(9)), "api", people...).stamped(stamps...))
	}
	if yes() {
		f.HeldBack = []string{"peer"}
	}
	return receipt.Rule{Name: "r", Require: q}, u, f
}

func needs(list []Lack) string {
	var all []string
	for _, l := range list {
		all = append(all, l.Need)
	}
	return fmt.Sprint(all)
}

// Whoever brings more is never refused for it, in whatever order; who asks for less never
// refuses more.
func TestMoreIsNeverWorse(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		rule, u, f := drawn(r)
		before := Judge(rule, u, f)
		if again := Judge(rule, u, f); needs(again) != needs(before) {
			t.Fatalf("%v, then %v", before, again)
		}
		more := f
		more.Receipts = append(slices.Clone(f.Receipts), release(8, "api", ada, grace).stamped(Stamp{"own", now}, Stamp{"other", now}))
		r.Shuffle(len(more.Receipts), func(i, j int) { more.Receipts[i], more.Receipts[j] = more.Receipts[j], more.Receipts[i] })
		if after := Judge(rule, u, more); len(after) > len(before) {
			t.Fatalf("%+v: with one more receipt %v, before %v", rule, after, before)
		}
		less := rule
		less.Require.Timestamps, less.Require.SealAge, less.Require.NoRewind = 0, 0, false
		if after := Judge(less, u, f); len(after) > len(before) {
			t.Fatalf("%+v asks for less: %v, before %v", rule, after, before)
		}
		if rule.Require = (receipt.Requirement{}); len(Judge(rule, u, f)) > 0 {
			t.Fatal("what asks for nothing refuses")
		}
	}
}

func TestAge(t *testing.T) {
	for n, want := range map[int64]string{1: "1s", 60: "1m", 90: "90s", 3600: "1h", 129600: "36h", 86400: "1d", 604800: "1w", 0: "0s"} {
		if got := Age(n); got != want {
			t.Errorf("%d is %s", n, got)
		}
	}
}

// A test of a rule describes signers by name, and no time-stamps.
func TestTestsOfRules(t *testing.T) {
	people := []Signer{ada, grace, twin}
	all := receipt.Requirement{Receipts: []receipt.Kind{receipt.KindRelease}, Signers: []receipt.Quorum{{Count: 2}}, SealAge: 1, LedgerPushed: true,
		NoRewind: true, CleanPeerState: true, Reproducible: true, TestsAttested: true, Decision: true}
	try := func(q receipt.Requirement, kinds []receipt.Kind, signers ...string) bool {
		r := receipt.Rule{Require: q, Tests: []receipt.RuleTest{{Ref: "refs/heads/main", Paths: []string{"a"}, Receipts: kinds, Signers: signers, Passes: true}}}
		return Test([]receipt.Rule{r}, people)[0].Kept()
	}
	kinds := []receipt.Kind{receipt.KindAttestation, receipt.KindDecision, receipt.KindRelease}
	if !try(all, kinds, "ada", "grace") {
		t.Error("everything that a test can say is not enough")
	}
	if try(all, kinds, "ada", "twin") {
		t.Error("one person is two")
	}
	for i := range kinds {
		if try(all, slices.Delete(slices.Clone(kinds), i, i+1), "ada", "grace") {
			t.Errorf("without %s it passes", kinds[i])
		}
	}
	all.TimestampAge = 60
	if try(all, kinds, "ada", "grace") {
		t.Error("a test has a time-stamp")
	}
}

// A commit that was released once is not released by a tag of another name.
func TestATagHasItsOwnRelease(t *testing.T) {
	t.Parallel()
	rule := receipt.Rule{Name: "tags", Require: receipt.Requirement{Receipts: []receipt.Kind{receipt.KindRelease}}}
	for name, c := range map[string]struct {
		ref  string
		of   receipt.Receipt
		kept bool
	}{
		"its own":                  {"refs/tags/v2", receipt.Receipt{Ref: "refs/tags/v2", Version: "v2"}, true},
		"by its version":           {"refs/tags/v2", receipt.Receipt{Version: "v2"}, true},
		"of nothing":               {"refs/tags/v2", receipt.Receipt{}, true},
		"another":                  {"refs/tags/v2", receipt.Receipt{Ref: "refs/tags/v1", Version: "v2"}, false},
		"of another version":       {"refs/tags/v2", receipt.Receipt{Version: "v1"}, false},
		"a name with the version":  {"refs/tags/api/v2", receipt.Receipt{Ref: "refs/tags/api/v2", Version: "v2"}, true},
		"of a version on a branch": {"refs/heads/main", receipt.Receipt{Ref: "refs/tags/v1", Version: "v1"}, true},
	} {
		c.of.Kind = receipt.KindRelease
		lacks := Judge(rule, Update{Ref: c.ref}, Facts{Receipts: []Receipt{{Receipt: &c.of}}})
		if (len(lacks) == 0) != c.kept {
			t.Errorf("%s: %+v", name, lacks)
		}
	}
}
