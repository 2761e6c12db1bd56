package query

import (
	"strings"
	"testing"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

const commit = receipt.Object("sha1:8f6e000000000000000000000000000000000000")

var berlin = time.FixedZone("Berlin", 3600)

var meaning = Meaning{
	Date: func(text string) (from, to time.Time, err error) {
		from, err = time.ParseInLocation(time.DateOnly, text, berlin)
		if err != nil {
			return from, from, fault.New(fault.BadDate, "%q is not a date", text)
		}
		return from, from.AddDate(0, 0, 1).Add(-time.Second), nil
	},
	Commit: func(revision string) (receipt.Object, error) {
		if revision == "HEAD" {
			return commit, nil
		}
		return "", fault.New(fault.NoRevision, "%q is not a revision", revision)
	},
}

func sample() *Doc {
	at := receipt.TimeOf(time.Date(2026, 11, 22, 23, 59, 59, 0, berlin))
	return DocOf(receipt.ID{0xab, 0xcd, 0xef}, &receipt.Receipt{
		Kind: receipt.KindRelease, Component: "Billing/api", Version: "v1.2", Note: "Straße gesperrt: see https://example.com/x\nsecond line", RecordedAt: at + 5, OccurredAt: &at,
		Recorder: receipt.Person{Name: "Ada", Email: "ada@example.com"}, Labels: map[string]string{"env": "prod", "tier": "a b"},
		Commit: commit, Ref: "refs/tags/v1.2",
		Subjects: []receipt.Subject{{Name: "api.tar.gz", SHA256: receipt.Sum(nil)}}, Evidence: []receipt.Evidence{{Name: "notes.md"}},
	})
}

func TestMatches(t *testing.T) {
	for text, want := range map[string]bool{
		// words and phrases, folded, also short ones
		"": true, "billing": true, "BILLING v1": true, "api.tar": true, "notes.md": true, "env=prod": true, "ada@": true, "STRASSE": false, "STRAßE": true,
		"release": true, "refs/tags": true, "billing nothing": false, "K\u212A": false, "v1": true, "§": false, "a": true,
		`"see https"`: true, `"see  https"`: false, `https://example.com`: true, `x:y`: false, `gesperrt:`: true, `a\ b`: true, `"\"a"`: false, `se"e ht"tps`: true,
		// negation
		"-billing": false, "-nothing": true, "billing -nothing": true, "billing -api": false, `\-v`: false, "--": true,
		// filters
		"kind:release": true, "KIND:release": true, "kind:deploy": false, "kind:deploy kind:release": true, "-kind:deploy": true, "-kind:release": false,
		"component:Billing/api": true, "component:billing/api": false, "component:Billing/*": true, "component:*": true, "component:B*g/*i": true, "component:*x*": false, "component:Billing/apiapi*": false,
		`component:"Billing/*"`: false, `component:Billing/\*`: false, `"v1*"`: false,
		"version:v1": false, "version:v1*": true, "ref:refs/tags/v1.2": true, "ref:*v1.2": true, "ref:v1.2": false,
		"label:env": true, "label:env=prod": true, "label:env=pro": false, "label:en": false, `label:"tier=a b"`: true, `label:tier=a b`: false, "-label:env=staging": true, "-label:env": false,
		"commit:HEAD": true, "id:abcd": true, "id:abce": false, "sha256:e3b0c442": true, "sha256:1111": false, "signer:x": false,
		"since:2026-11-22": true, "since:2026-11-23": false, "until:2026-11-22": true, "until:2026-11-21": false, "since:2026-11-22 until:2026-11-22": true,
		`"kind:deploy"`: false, `kind\:deploy`: false, `kind:"release"`: true, "unknown:x": false,
	} {
		q, err := Parse(text, meaning)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := q.Matches(sample()); got != want {
			t.Errorf("%s matches: %v", text, got)
		}
	}
}

func TestFlagsNarrow(t *testing.T) {
	for _, c := range []struct {
		words string
		flags [][2]string
		want  bool
	}{
		{"kind:release", [][2]string{{"kind", "deploy"}}, false},
		{"", [][2]string{{"kind", "deploy"}, {"kind", "release"}}, true},
		{"kind:Releases", [][2]string{{"kind", "RELEASE"}}, true},
		{"", [][2]string{{"component", `Billing/*`}}, true},
		{"", [][2]string{{"component", `Billing/\*`}}, false},
		{"", [][2]string{{"component", `Billing\/api`}}, true},
		{"since:2020-01-01", [][2]string{{"since", "2026-11-23"}}, false},
		{"since:2026-11-23", [][2]string{{"since", "2020-01-01"}}, false},
		{"component:x", [][2]string{{"component", "Billing/api"}}, false},
	} {
		q, err := Parse(c.words, meaning)
		for _, f := range c.flags {
			if err == nil {
				err = q.Filter(f[0], f[1], meaning)
			}
		}
		if err != nil || q.Matches(sample()) != c.want {
			t.Errorf("%s %v: %v, want %v", c.words, c.flags, err, c.want)
		}
	}
	q := new(Query)
	var err error
	for range maxTerms + 1 {
		err = q.Filter("component", "x", meaning)
	}
	if !fault.Has(err, fault.BadQuery) {
		t.Errorf("any number of flags: %v", err)
	}
}

// An index that looks up what it can must not lose what is meant.
func TestLookupIsFulfilledByWhatMatches(t *testing.T) {
	d := sample()
	folded := Fold(strings.Join(d.Texts, "\x1f"))
	for _, text := range []string{
		"billing", "STRAßE", "component:Billing/api kind:release", "component:B* component:x", "kind:deploy kind:release", "label:env", "ref:*tags*", "ref:refs/tags/v1.2 ref:x",
		"label:env label:none", "bi -nothing", "since:2026-11-22 until:2026-11-22 since:2026-11-30 until:2020-01-01", "id:abcd id:0000", "sha256:e3b0", "commit:HEAD",
	} {
		q, err := Parse(text, meaning)
		if err != nil || !q.Matches(d) {
			t.Fatalf("%s: %v", text, err)
		}
		checkLookup(t, text, q.Lookup(), d, folded)
	}
	for text, want := range map[string]bool{`v1\.\d`: true, `(?i)BILLING`: true, `Bill|nothing`: true, `^Ada$`: true, `(api)+\.tar{1,3}`: true, `second line`: true, `billing`: false, `[x]yz`: false, `a.c`: false, `gesperrt.*line`: false, `(?s)gesperrt.*line`: true} {
		q := new(Query)
		if err := q.Regexp(text); err != nil || q.Matches(d) != want {
			t.Errorf("%s: %v, want %v", text, err, want)
		}
		if want {
			checkLookup(t, text, q.Lookup(), d, folded)
		}
	}
}

func checkLookup(t *testing.T, text string, l Lookup, d *Doc, folded string) {
	t.Helper()
	in := func(ok bool, what string) {
		if !ok {
			t.Errorf("%s: the lookup %+v leaves out by %s what matches", text, l, what)
		}
	}
	in(len(l.Kinds) == 0 || strings.Contains(strings.Join(kinds(l.Kinds), " "), string(d.Kind)), "kind")
	in(len(l.Components) == 0 || strings.Contains(strings.Join(l.Components, "\n"), d.Component), "component")
	in(l.Since == nil || *l.Since <= int64(d.At), "since")
	in(l.Until == nil || *l.Until >= int64(d.At), "until")
	in(holds(l.Grams, folded), "grams")
}

func kinds(list []receipt.Kind) []string {
	var words []string
	for _, k := range list {
		words = append(words, string(k))
	}
	return words
}

func holds(g Grams, folded string) bool {
	for _, all := range g.All {
		if !holds(all, folded) {
			return false
		}
	}
	any := len(g.Any) == 0
	for _, a := range g.Any {
		any = any || holds(a, folded)
	}
	return any && strings.Contains(folded, g.Gram)
}

func TestGrams(t *testing.T) {
	for text, want := range map[string]string{
		`OPS-[0-9]{4}`: "OPS PS-", `ab`: "", `abcd`: "ABC BCD", `abc|xyz`: "(ABC or XYZ)", `abc|x`: "", `(abc)?xyz`: "XYZ", `abc*`: "", `.*`: "", `abc.*xyz`: "ABC XYZ",
	} {
		q := new(Query)
		if err := q.Regexp(text); err != nil {
			t.Fatal(err)
		}
		if got := spell(q.Lookup().Grams); got != Fold(want) && got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func spell(g Grams) string {
	var words []string
	for _, a := range g.All {
		words = append(words, spell(a))
	}
	if g.Gram != "" {
		words = append(words, g.Gram)
	}
	if len(g.Any) > 0 {
		var any []string
		for _, a := range g.Any {
			any = append(any, spell(a))
		}
		words = append(words, "("+strings.Join(any, " or ")+")")
	}
	return strings.Join(words, " ")
}

func TestParsePointsAtTheCharacter(t *testing.T) {
	for text, want := range map[string]struct {
		at   int
		code fault.Code
	}{
		`component:"my api`:   {11, fault.BadQuery},
		`a "b`:                {3, fault.BadQuery},
		`äö "b`:               {4, fault.BadQuery},
		`x \`:                 {3, fault.BadQuery},
		`x -`:                 {4, fault.BadQuery},
		`""`:                  {1, fault.BadQuery},
		`kind:`:               {6, fault.BadQuery},
		`a kind:nonsense`:     {8, fault.BadQuery},
		`id:xyz`:              {4, fault.BadQuery},
		`sha256:ABCD`:         {8, fault.BadQuery},
		`since:2026-13-01`:    {7, fault.BadDate},
		`a commit:nonsense b`: {10, fault.NoRevision},
	} {
		_, err := Parse(text, meaning)
		f := fault.From(err)
		pointer := strings.Repeat(" ", want.at-1) + "^"
		if f.Code != want.code || !strings.HasSuffix(f.Fix(), "\n"+text+"\n"+pointer) || !strings.Contains(f.Message, "at character ") {
			t.Errorf("%s: %v %q, want character %d", text, err, f.Fix(), want.at)
		}
	}
	for text, shown := range map[string]string{
		"ｗｉｄｅ kind:foo":     "\nｗｉｄｅ kind:foo\n              ^",
		"e\u0301 kind:foo":  "\ne\uFFFD kind:foo\n        ^",
		"\x1b[31m kind:foo": "\n\uFFFD[31m kind:foo\n           ^",
		"a\tkind:foo":       "\na kind:foo\n       ^",
	} {
		_, err := Parse(text, meaning)
		if f := fault.From(err); !strings.HasSuffix(f.Fix(), shown) {
			t.Errorf("%q is shown as %q", text, f.Fix())
		}
	}
	for _, text := range []string{strings.Repeat("x", maxQuery+1), strings.Repeat("x ", maxTerms+1)} {
		if _, err := Parse(text, meaning); !fault.Has(err, fault.BadQuery) {
			t.Errorf("%.10s…: %v", text, err)
		}
	}
}

func TestRegexpsThatAreRefused(t *testing.T) {
	for _, text := range []string{"(", "a{1001}", "((a{100}){100}){100}", `\8`, strings.Repeat("a", maxRegexp+1)} {
		if err := new(Query).Regexp(text); !fault.Has(err, fault.BadRegexp) {
			t.Errorf("%.20s: %v", text, err)
		}
	}
}

func TestBodiesAreSearched(t *testing.T) {
	q, err := Parse("NEEDLE", meaning)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []*receipt.Receipt{
		{Genesis: &receipt.Genesis{Name: "needle"}}, {Decision: &receipt.Decision{Context: "a needle"}}, {Incident: &receipt.Incident{Cause: "needle"}},
		{Discovery: &receipt.Discovery{Finding: "needle"}}, {Attestation: &receipt.Attestation{Command: []string{"go", "needle"}}},
		{Spawn: &receipt.Spawn{Template: "needle"}}, {Import: &receipt.Import{Damage: []string{"needle"}}}, {Revocation: &receipt.Revocation{Reason: "needle"}},
	} {
		if !q.Matches(DocOf(receipt.ID{}, r)) {
			t.Errorf("%+v is not found", r)
		}
	}
}

// Two spellings that fold alike are found by each other, letters beyond ASCII too.
func TestFold(t *testing.T) {
	for _, pair := range [][2]string{{"k", "\u212A"}, {"S", "ſ"}, {"ÅÉ", "åé"}, {"ΣΑΣ", "σας"}, {"abc-XYZ_9", "ABC-xyz_9"}} {
		if Fold(pair[0]) != Fold(pair[1]) {
			t.Errorf("%q folds to %q, %q to %q", pair[0], Fold(pair[0]), pair[1], Fold(pair[1]))
		}
	}
	if Fold("ABC k") == "ABC k" || Fold(Fold("straße K")) != Fold("straße K") {
		t.Error("folding is not done, or not once and for all")
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{`a "b c" -d`, `kind:deploy -label:env=prod`, `\`, `"`, `id:abcd since:2026-01-01`, `x:y:z`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, err := Parse(text, meaning)
		if err == nil {
			q.Matches(sample())
			q.Lookup()
		}
	})
}

// A release of a tag is one that names its ref, or, where it names none, its version.
func TestReleasesOfATag(t *testing.T) {
	t.Parallel()
	tag, version := Releasing("refs/tags/v1"), ReleasingVersion("v1")
	for _, x := range []struct {
		kind         receipt.Kind
		ref, version string
		byRef, byVer bool
	}{
		{receipt.KindRelease, "refs/tags/v1", "v1", true, false},
		{receipt.KindRelease, "refs/tags/v1", "other", true, false},
		{receipt.KindRelease, "", "v1", false, true},
		{receipt.KindRelease, "refs/tags/v2", "v1", false, false},
		{receipt.KindRelease, "refs/tags/V1", "V1", false, false},
		{receipt.KindRelease, "", "v10", false, false},
		{receipt.KindDeployment, "refs/tags/v1", "v1", false, false},
		{receipt.KindDeployment, "", "v1", false, false},
	} {
		d := DocOf(receipt.ID{}, &receipt.Receipt{Kind: x.kind, Ref: x.ref, Version: x.version})
		if tag.Matches(d) != x.byRef || version.Matches(d) != x.byVer {
			t.Errorf("%+v: %t, %t", x, tag.Matches(d), version.Matches(d))
		}
	}
	if l := version.Lookup(); len(l.Versions) != 1 || l.Versions[0] != "v1" {
		t.Errorf("%+v", l)
	}
	if tag.Lookup().Grams.Empty() {
		t.Error("the ref is not looked up")
	}
}
