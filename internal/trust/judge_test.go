package trust

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

func TestThresholds(t *testing.T) {
	t.Parallel()
	a, b, c := newKey(t), newKey(t), newKey(t)
	who := people{"ada/dev": {a}, "bob/dev ops": {b}, "cyd/ops": {c}}
	type th = receipt.Threshold
	release := []receipt.Kind{receipt.KindRelease}
	of := func(group string, n int64) receipt.Quorum { return receipt.Quorum{Group: group, Count: n} }
	for name, x := range map[string]struct {
		thresholds []th
		component  string
		keys       []key
		ok         bool
	}{
		"none, one":            {nil, "api", []key{a}, true},
		"none, nobody":         {nil, "api", nil, false},
		"two, one":             {[]th{{Signers: []receipt.Quorum{of("", 2)}}}, "api", []key{a}, false},
		"two, two":             {[]th{{Signers: []receipt.Quorum{of("", 2)}}}, "api", []key{a, c}, true},
		"two, one twice":       {[]th{{Signers: []receipt.Quorum{of("", 2)}}}, "api", []key{a, a}, false},
		"another kind":         {[]th{{Kinds: []receipt.Kind{receipt.KindCovenant}, Signers: []receipt.Quorum{of("", 3)}}}, "api", []key{a}, true},
		"the kind":             {[]th{{Kinds: release, Signers: []receipt.Quorum{of("", 3)}}}, "api", []key{a, b}, false},
		"the component":        {[]th{{Components: []string{"api", "web*"}, Signers: []receipt.Quorum{of("", 2)}}}, "web/x", []key{a}, false},
		"another component":    {[]th{{Components: []string{"api", "web*"}, Signers: []receipt.Quorum{of("", 2)}}}, "apis", []key{a}, true},
		"kind, not component":  {[]th{{Kinds: release, Components: []string{"x"}, Signers: []receipt.Quorum{of("", 2)}}}, "api", []key{a}, true},
		"both must be met":     {[]th{{Kinds: release, Signers: []receipt.Quorum{of("", 1)}}, {Components: []string{"a*"}, Signers: []receipt.Quorum{of("", 2)}}}, "api", []key{a}, false},
		"both are met":         {[]th{{Kinds: release, Signers: []receipt.Quorum{of("", 1)}}, {Components: []string{"a*"}, Signers: []receipt.Quorum{of("", 2)}}}, "api", []key{a, b}, true},
		"a group":              {[]th{{Signers: []receipt.Quorum{of("ops", 1)}}}, "api", []key{a}, false},
		"the group":            {[]th{{Signers: []receipt.Quorum{of("ops", 1)}}}, "api", []key{c}, true},
		"one for two groups":   {[]th{{Signers: []receipt.Quorum{of("ops", 1), of("dev", 1)}}}, "api", []key{b}, true},
		"two groups, one":      {[]th{{Signers: []receipt.Quorum{of("ops", 2), of("dev", 1)}}}, "api", []key{b, a}, false},
		"a group of nobody":    {[]th{{Signers: []receipt.Quorum{of("qa", 1)}}}, "api", []key{a, b, c}, false},
		"a stranger beside":    {nil, "api", []key{newKey(t), a}, true},
		"only a stranger":      {nil, "api", []key{newKey(t)}, false},
		"strangers are nobody": {[]th{{Signers: []receipt.Quorum{of("", 2)}}}, "api", []key{newKey(t), newKey(t), a}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var change []func(*receipt.Covenant)
			for _, one := range x.thresholds {
				change = append(change, quorum(one))
			}
			w := newWorld(t, who, change...)
			found := w.build(Pin{}).Judge(w.release(x.component, x.keys...), today)
			if (found.Err == nil) != x.ok || found.Trusted() != x.ok || found.Version != 1 {
				t.Errorf("found %+v", found)
			}
			for _, s := range found.Signatures {
				if (s.Err == nil) != (s.Principal != "") || s.Broken {
					t.Errorf("signature %+v", s)
				}
			}
		})
	}
}

// What a rule asks for is asked of receipts of its kinds and components alone.
func TestRails(t *testing.T) {
	t.Parallel()
	rule := func(n int64, components []string, kinds ...receipt.Kind) func(*receipt.Covenant) {
		return func(c *receipt.Covenant) {
			c.Rules = append(c.Rules, receipt.Rule{Name: fmt.Sprintf("rule-%d", len(c.Rules)), Sentence: "It is stamped.", Refs: []string{}, Paths: []string{},
				Components: append([]string{}, components...), Tests: []receipt.RuleTest{},
				Require: receipt.Requirement{Receipts: append([]receipt.Kind{}, kinds...), Timestamps: n, Signers: []receipt.Quorum{}, Authorities: []string{"clock"}}})
		}
	}
	without := func(c *receipt.Covenant) { c.TSAs = []receipt.Authority{} }
	release := &receipt.Receipt{Kind: receipt.KindRelease, Component: "web/x"}
	one, two, three := Rail{Count: 1}, Rail{2, []string{"clock"}}, Rail{3, []string{"clock"}}
	for name, c := range map[string]struct {
		change []func(*receipt.Covenant)
		want   []Rail
	}{
		"no rule":            {nil, []Rail{one}},
		"for all components": {[]func(*receipt.Covenant){rule(2, nil, receipt.KindRelease)}, []Rail{one, two}},
		"for the component":  {[]func(*receipt.Covenant){rule(2, []string{"api", "web/*"}, receipt.KindDeployment, receipt.KindRelease)}, []Rail{one, two}},
		"for another":        {[]func(*receipt.Covenant){rule(2, []string{"api", "web"}, receipt.KindRelease)}, []Rail{one}},
		"for another kind":   {[]func(*receipt.Covenant){rule(2, nil, receipt.KindDeployment)}, []Rail{one}},
		"for no kind":        {[]func(*receipt.Covenant){rule(2, nil)}, []Rail{one}},
		"for none":           {[]func(*receipt.Covenant){rule(0, nil, receipt.KindRelease)}, []Rail{one}},
		"two rules":          {[]func(*receipt.Covenant){rule(3, nil, receipt.KindRelease), rule(2, nil, receipt.KindRelease)}, []Rail{one, three, two}},
		"of nobody":          {[]func(*receipt.Covenant){rule(2, nil, receipt.KindRelease), without}, nil},
	} {
		w := newWorld(t, people{"ada": {newKey(t)}}, c.change...)
		if got := w.build(Pin{}).Rails(release); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	if got := newWorld(t, nil).build(Pin{}).Rails(release); got != nil {
		t.Errorf("without a covenant: %v", got)
	}
	if got := two.Among([]string{"clock", "sun"}); !slices.Equal(got, []string{"clock"}) {
		t.Errorf("of two authorities %v count", got)
	}
	if got := one.Among([]string{"clock", "sun"}); len(got) != 2 {
		t.Errorf("of all authorities %v count", got)
	}
}

// A token over what does not count says nothing of when a receipt was signed.
func TestAuthoritiesOfWhatCounts(t *testing.T) {
	t.Parallel()
	a, stranger := newKey(t), newKey(t)
	w := newWorld(t, people{"ada": {a}})
	f := w.release("api", a)
	s := w.signs(&f, stranger)
	f.Tokens = append(f.Tokens, w.tsa.token(t, on(5), s.Data), w.tsa.token(t, on(5), f.Raw))
	if found := w.build(Pin{}).Judge(f, today); len(found.Authorities()) != 0 || found.Tokens[0].Err != nil || found.Tokens[1].Err != nil {
		t.Errorf("found %+v", found)
	}
	f.Tokens = append(f.Tokens, w.tsa.token(t, on(5), f.Signatures[0].Data))
	if found := w.build(Pin{}).Judge(f, today); !slices.Equal(found.Authorities(), []string{"clock"}) {
		t.Errorf("found %+v", found)
	}
}

func TestGlob(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"api", "api", true}, {"api", "apis", false}, {"*", "", true}, {"*", "a/b", true}, {"a*", "a", true}, {"a*a", "a", false}, {"a*a", "aa", true},
		{"a*b*c", "axbxc", true}, {"a*b*c", "acb", false}, {"*b*", "abc", true}, {"*b*", "ac", false}, {"a*bc*c", "abc", false}, {"a**b", "ab", true},
		{"x*", "ax", false}, {"*x", "xa", false}, {"", "", true}, {"", "a", false}, {"a?", "ab", false}, {"*ab", "aab", true},
	} {
		if got := receipt.Glob(c.pattern, c.name); got != c.want {
			t.Errorf("%q for %q: %v", c.pattern, c.name, got)
		}
	}
}

// Persons are counted, whatever keys they have and however often they sign.
func TestPersons(t *testing.T) {
	t.Parallel()
	a, a2, b := newKey(t), newKey(t), newKey(t)
	s, p := inBothForms(t)
	e := entity(t, 0)
	primary := pgpKey(t, e, on(2))
	must(t, e.AddSigningSubkey(clock(on(1))))
	must(t, e.AddSigningSubkey(clock(on(2))))
	latest := pgpKey(t, e, on(3))
	before := pgpKey(t, e, on(1))
	primary.text, before.text = latest.text, latest.text
	for name, c := range map[string]struct {
		who  people
		keys []key
		n    int
	}{
		"two keys of one":             {people{"ada": {a, a2}, "bob": {b}}, []key{a, a2}, 1},
		"one of each":                 {people{"ada": {a, a2}, "bob": {b}}, []key{a2, b}, 2},
		"three subkeys":               {people{"ada": {latest}, "bob": {b}}, []key{primary, before, latest}, 1},
		"two forms of one":            {people{"ada": {s, p}, "bob": {b}}, []key{s, p}, 1},
		"two who share a key":         {people{"ada": {s}, "bob": {p}, "cyd": {b}}, []key{s, p}, 1},
		"two who share, and another":  {people{"ada": {s}, "bob": {p}, "cyd": {b}}, []key{s, p, b}, 2},
		"three who share in a circle": {people{"ada": {s, a}, "bob": {p, b}, "cyd": {a2}}, []key{a, b}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for n := int64(1); n <= 3; n++ {
				w := newWorld(t, c.who, needs(n, receipt.KindRelease))
				found := w.build(Pin{}).Judge(w.release("api", c.keys...), today)
				if (found.Err == nil) != (int(n) <= c.n) {
					t.Errorf("%d of %d: %v", c.n, n, found.Err)
				}
				if n > int64(c.n) {
					refused(t, found.Err, fault.NotEnough)
				}
			}
		})
	}
}

// One signature in two spellings, which nobody can prevent, is one.
func TestTwoSpellings(t *testing.T) {
	t.Parallel()
	e := entity(t, 0)
	k := pgpKey(t, e, on(1))
	w := newWorld(t, people{"ada": {k}, "bob": {newKey(t)}}, needs(2, receipt.KindRelease))
	f := w.release("api", k)
	good := f.Signatures[0].Data
	old := append([]byte{0x88, good[1]}, good[2:]...)
	f.Signatures = append(f.Signatures, file("openpgp", old))
	found := w.build(Pin{}).Judge(f, today)
	refused(t, found.Err, fault.NotEnough)
	if found.Signatures[1].Err != nil || !slices.Equal(found.Signers, []string{"ada"}) {
		t.Errorf("found %+v", found)
	}
}

func TestProvenTimes(t *testing.T) {
	t.Parallel()
	a, b := newKey(t), newKey(t)
	w := newWorld(t, people{"ada": {a}, "bob": {b}}, needs(2, receipt.KindRelease))
	chain := w.build(Pin{})
	stranger := newStamper(t, "clock")
	both := w.stamped(w.stamped(w.release("api"), 10, a), 20, b)
	found := chain.Judge(both, today)
	if !found.Trusted() || !found.Since.Equal(on(20)) || !found.Signatures[0].Proven.Equal(on(10)) || found.Tokens[0].Authority != "clock" || !found.Until.IsZero() {
		t.Errorf("found %+v", found)
	}
	both.Tokens = append(both.Tokens, w.tsa.token(t, on(5), both.Signatures[1].Data))
	if found = chain.Judge(both, today); !found.Since.Equal(on(10)) {
		t.Errorf("since %v", found.Since)
	}
	sealed := w.release("api", a, b)
	sealed.Sealed = map[string]time.Time{sealed.Signatures[0].Name: on(30), sealed.Signatures[1].Name: on(40)}
	if found = chain.Judge(sealed, today); !found.Since.Equal(on(40)) {
		t.Errorf("since %v", found.Since)
	}
	sealed.Tokens = append(sealed.Tokens, w.tsa.token(t, on(35), sealed.Signatures[0].Data), w.tsa.token(t, on(36), sealed.Signatures[1].Data))
	if found = chain.Judge(sealed, today); !found.Since.Equal(on(36)) || !found.Signatures[0].Proven.Equal(on(30)) {
		t.Errorf("since %v", found.Since)
	}
	half := w.stamped(w.release("api", a), 10, b)
	if found = chain.Judge(half, today); found.Err != nil || !found.Since.IsZero() {
		t.Errorf("found %+v", found)
	}

	plain := func() Folder { return w.release("api", a, b) }
	data := func(f Folder) []byte { return f.Signatures[0].Data }
	for name, x := range map[string]struct {
		token  func(Folder) File
		code   fault.Code
		over   string
		broken bool
	}{
		"of a stranger":    {func(f Folder) File { return stranger.token(t, on(1), data(f)) }, fault.TSAUntrusted, "ssh", false},
		"over the receipt": {func(f Folder) File { return w.tsa.token(t, on(1), f.Raw) }, "", "receipt.json", false},
		"over another":     {func(Folder) File { return w.tsa.token(t, on(1), []byte("x")) }, fault.OtherImprint, "", true},
		"cut":              {func(f Folder) File { x := w.tsa.token(t, on(1), data(f)); return file("rfc3161", x.Data[:99]) }, fault.BadToken, "", true},
		"junk":             {func(Folder) File { return file("rfc3161", []byte("junk")) }, fault.BadToken, "", true},
		"changed": {func(f Folder) File {
			x := slices.Clone(w.tsa.token(t, on(1), data(f)).Data)
			x[len(x)-1] ^= 1
			return file("rfc3161", x)
		}, fault.TokenForged, "ssh", false},
	} {
		t.Run(name, func(t *testing.T) {
			f := plain()
			f.Tokens = []File{x.token(f)}
			found := chain.Judge(f, today)
			s := found.Tokens[0]
			refused(t, s.Err, x.code)
			if !strings.HasPrefix(s.Over, x.over) || s.Broken != x.broken || found.Trusted() == x.broken || found.Err != nil || !found.Since.IsZero() {
				t.Errorf("%+v, %+v", s, found)
			}
			if s.Broken {
				if _, tokens := found.Broken(); len(tokens) != 1 {
					t.Error("it is not listed")
				}
			}
		})
	}
}

func TestBrokenSignatures(t *testing.T) {
	t.Parallel()
	a, e := newKey(t), newKey(t)
	w := newWorld(t, people{"ada": {a}})
	chain := w.build(Pin{})
	other := w.release("other", a)
	for name, x := range map[string]struct {
		s       File
		trusted bool
	}{
		"over another receipt":   {other.Signatures[0], false},
		"junk":                   {file("ssh", []byte("junk")), false},
		"of no type":             {file("pgp", []byte("junk")), false},
		"a stranger's":           {file("ssh", e.sign([]byte("x"))), true},
		"a stranger's over this": {file("ssh", e.sign(w.release("api").Raw)), true},
	} {
		f := w.release("api", a)
		f.Signatures = append(f.Signatures, x.s)
		found := chain.Judge(f, today)
		signatures, _ := found.Broken()
		if found.Trusted() != x.trusted || found.Err != nil || (len(signatures) == 0) != x.trusted || found.Signatures[1].Err == nil {
			t.Errorf("%s: %+v", name, found)
		}
		alone := w.release("api")
		alone.Signatures = []File{x.s}
		if found = chain.Judge(alone, today); found.Err == nil || found.Trusted() {
			t.Errorf("%s alone: %+v", name, found)
		}
	}
}

// What comes after enough have signed is judged too, by itself.
func TestLaterSignatures(t *testing.T) {
	t.Parallel()
	a, b, gone := newKey(t), newKey(t), newKey(t)
	w := newWorld(t, people{"ada": {a}, "bob": {b}, "gone": {gone}})
	v2 := w.stamped(w.follows(w.genesis, 2, w.covenant(people{"ada": {a}, "bob": {b}}, revoking(b, "retired", on(60)))), 30, a)
	f := w.stamped(w.release("api", gone, b), 10, a)
	f = w.stamped(f, 20, gone)
	found := w.build(Pin{}, v2).Judge(f, today)
	if !found.Since.Equal(on(10)) || !slices.Equal(found.Signers, []string{"ada"}) {
		t.Errorf("found %+v", found)
	}
	refused(t, found.Signatures[0].Err, "") // the same signature as the one that is stamped
	refused(t, found.Signatures[1].Err, fault.KeyRevoked)
	f.Tokens = f.Tokens[:1]
	found = w.build(Pin{}, v2).Judge(f, today)
	refused(t, found.Signatures[0].Err, fault.UnknownSigner)
}

// A covenant with keys and authorities that cannot be read is one of those that can.
func TestUnusable(t *testing.T) {
	t.Parallel()
	a := newKey(t)
	bad := key{kind: "ssh", text: "ssh-dss AAAA"}
	w := newWorld(t, people{"ada": {a, bad}}, func(c *receipt.Covenant) {
		c.TSAs = append(c.TSAs, receipt.Authority{Name: "none", Roots: []string{"AAAA"}, Pins: []receipt.Digest{}})
		c.TSAs[0].Pins = []receipt.Digest{receipt.Sum(nil)}
	})
	chain := w.build(Pin{})
	v := chain.Latest()
	if len(v.Unusable) != 2 || len(v.authorities) != 1 {
		t.Fatalf("unusable: %v", v.Unusable)
	}
	found := chain.Judge(w.stamped(w.release("api"), 10, a), today)
	if found.Err != nil || !found.Since.IsZero() {
		t.Errorf("found %+v", found)
	}
	refused(t, found.Tokens[0].Err, fault.TSAUntrusted)
	if _, err := parseRoot("!"); err == nil {
		t.Error("a root that is not base64 is read")
	}
	w = newWorld(t, people{"ada": {a}}, func(c *receipt.Covenant) { c.TSAs = []receipt.Authority{} })
	found = w.build(Pin{}).Judge(w.stamped(w.release("api"), 10, a), today)
	refused(t, found.Tokens[0].Err, fault.TSAUntrusted)
}

// story is a ledger with all that may happen, for properties.
type story struct {
	w           *world
	covenants   []Folder
	revocations []Folder
	receipts    []Folder
	stranger    key
}

func newStory(t *testing.T) *story {
	a, b, c, d := newKey(t), newKey(t), newKey(t), newKey(t)
	pgp := pgpKey(t, entity(t, 60), on(2))
	w := newWorld(t, people{"ada/dev": {a, pgp}, "bob/dev": {b}, "cyd": {c}}, needs(2, receipt.KindRelease), needs(2, receipt.KindCovenant))
	next := func(before Folder, version int64, day int, who people, keys ...key) Folder {
		f := w.follows(before, version, w.covenant(who, needs(2, receipt.KindRelease), needs(2, receipt.KindCovenant)))
		return w.stamped(f, day, keys...)
	}
	v2 := next(w.genesis, 2, 20, people{"ada": {a, pgp}, "bob": {b}, "dan": {d}}, a, b)
	rival := next(w.genesis, 2, 25, people{"cyd": {c}, "bob": {b}}, b, c)
	v3 := next(v2, 3, 40, people{"ada": {a}, "dan": {d}, "bob": {b}}, a, d)
	few := next(v3, 4, 50, people{"cyd": {c}}, a)
	s := &story{w: w, covenants: []Folder{v2, rival, v3, few}, stranger: newKey(t)}
	s.revocations = []Folder{w.stamped(w.revokes(b, "superseded", on(70)), 71, a), w.revokes(a, "retired", on(90), d), w.revokes(d, "compromised", on(1), s.stranger)}
	s.receipts = []Folder{w.stamped(w.release("a"), 10, a, b), w.stamped(w.release("b"), 30, c, b), w.release("c", a, d, b), w.stamped(w.release("d", a), 50, b),
		w.stamped(w.release("e"), 50, pgp, b), w.stamped(w.release("f", pgp), 80, b, d), w.release("g", s.stranger), w.release("h"),
		w.stamped(w.release("i"), 35, pgp, d), w.stamped(w.stamped(w.release("j"), 45, a), 55, d), w.stamped(w.release("k", d), 80, a, d)}
	return s
}

// outcome is what must not depend on the order of anything.
type outcome struct {
	Versions, Breaches, Waiting, Err string
	Findings                         []string
}

func (s *story) outcome(covenants, revocations, receipts []Folder) outcome {
	chain := Build(s.w.genesis, covenants, revocations, Pin{}, today)
	var o outcome
	for _, v := range chain.Versions {
		o.Versions += fmt.Sprintln(v.ID, v.From)
	}
	o.Breaches, o.Err = fmt.Sprint(chain.Breaches), fmt.Sprint(chain.Err)
	for _, w := range chain.Waiting {
		o.Waiting += fmt.Sprintln(w.ID, w.Version, w.Signers)
	}
	for _, f := range receipts {
		found := chain.Judge(f, today)
		text := fmt.Sprintln(f.ID, found.Err == nil, found.Trusted(), found.Version, found.Signers, found.Since, found.Until)
		var each []string
		for _, s := range found.Signatures {
			each = append(each, fmt.Sprintln(s.File, s.By, s.Principal, s.Proven, s.Broken, s.Err))
		}
		slices.Sort(each)
		o.Findings = append(o.Findings, text+strings.Join(each, ""))
	}
	slices.Sort(o.Findings)
	return o
}

// shuffled are folders in another order, with their files in another order.
func shuffled(t *rapid.T, folders []Folder) []Folder {
	list := rapid.Permutation(folders).Draw(t, "folders")
	for i, f := range list {
		if len(f.Signatures) > 1 {
			list[i].Signatures = rapid.Permutation(f.Signatures).Draw(t, "signatures")
		}
		if len(f.Tokens) > 1 {
			list[i].Tokens = rapid.Permutation(f.Tokens).Draw(t, "tokens")
		}
	}
	return list
}

func TestOrderChangesNothing(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	want := s.outcome(s.covenants, s.revocations, s.receipts)
	if strings.Count(want.Versions, "\n") != 3 || strings.Count(fmt.Sprint(want.Findings), " true true ") < 3 {
		t.Fatalf("the story is dull: %+v", want)
	}
	rapid.Check(t, func(t *rapid.T) {
		if got := s.outcome(shuffled(t, s.covenants), shuffled(t, s.revocations), shuffled(t, s.receipts)); !reflect.DeepEqual(got, want) {
			t.Fatalf("got %+v\nwant %+v", got, want)
		}
	})
}

// Whatever those add who have no say, and whatever stands about other things,
// makes nothing trusted and puts nothing in force.
func TestStrangersChangeNothing(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	other := newStamper(t, "clock")
	want := s.outcome(s.covenants, s.revocations, nil)
	chain := Build(s.w.genesis, s.covenants, s.revocations, Pin{}, today)
	unrelated := []Folder{
		s.w.follows(s.covenants[2], 4, s.w.covenant(people{"eve": {s.stranger}}), s.stranger),
		s.w.follows(s.w.genesis, 2, s.w.covenant(people{"eve": {s.stranger}}), s.stranger),
		s.w.follows(s.covenants[1], 3, s.w.covenant(people{"eve": {s.stranger}}), s.stranger),
		s.w.stamped(s.w.follows(s.w.release("x"), 2, s.w.covenant(people{"eve": {s.stranger}})), 1, s.stranger),
	}
	junk := func(f Folder, n int) Folder {
		f.Signatures, f.Tokens = slices.Clone(f.Signatures), slices.Clone(f.Tokens)
		switch n {
		case 0:
			f.Signatures = append(f.Signatures, file("ssh", s.stranger.sign(f.Raw)))
		case 1:
			f.Signatures = append(f.Signatures, s.receipts[0].Signatures[0])
		case 2:
			for _, g := range f.Signatures {
				f.Tokens = append(f.Tokens, other.token(t, on(1), g.Data))
			}
		case 3:
			f.Tokens = append(f.Tokens, s.w.tsa.token(t, on(1), f.Raw), s.w.tsa.token(t, on(1), []byte("x")))
		case 4:
			f.Tokens = append(f.Tokens, file("rfc3161", []byte("junk")))
		}
		return f
	}
	rapid.Check(t, func(t *rapid.T) {
		kinds := rapid.SliceOfN(rapid.IntRange(0, 4), 0, 3)
		spoil := func(list []Folder) []Folder {
			var spoilt []Folder
			for _, f := range list {
				for _, n := range kinds.Draw(t, "junk") {
					f = junk(f, n)
				}
				spoilt = append(spoilt, f)
			}
			return spoilt
		}
		covenants := append(spoil(s.covenants), rapid.SliceOfDistinct(rapid.SampledFrom(unrelated), func(f Folder) receipt.ID { return f.ID }).Draw(t, "unrelated")...)
		got := s.outcome(covenants, spoil(s.revocations), nil)
		if got.Versions != want.Versions || got.Breaches != want.Breaches || got.Err != want.Err {
			t.Fatalf("the chain has become %+v\nnot %+v", got, want)
		}
		changed := Build(s.w.genesis, covenants, s.revocations, Pin{}, today)
		for i, f := range spoil(s.receipts) {
			before, after := chain.Judge(s.receipts[i], today), changed.Judge(f, today)
			if (before.Err == nil) != (after.Err == nil) || after.Trusted() && !before.Trusted() || !after.Since.Equal(before.Since) || !slices.Equal(after.Signers, before.Signers) {
				t.Fatalf("receipt %d: %+v\nhas become %+v", i, before, after)
			}
		}
	})
}

// What proves the age of a receipt is over it, or over a signature that was made
// over it. What somebody laid beside it can be older.
func TestProven(t *testing.T) {
	t.Parallel()
	a, b := newKey(t), newKey(t)
	w := newWorld(t, people{"ada": {a}})
	chain := w.build(Pin{})
	old := file("ssh", a.sign([]byte("something else")))
	strange := file("ssh", b.sign([]byte("something else")))
	for name, x := range map[string]struct {
		change func(f *Folder)
		proven time.Time
		by     int // authorities
	}{
		"its signature": {func(f *Folder) { *f = w.stamped(*f, 10, a) }, on(10), 1},
		"the receipt itself, which nobody signed": {func(f *Folder) {
			f.Tokens = append(f.Tokens, w.tsa.token(t, on(10), f.Raw))
		}, on(10), 1},
		"the receipt itself, and not its signature": {func(f *Folder) {
			f.Tokens = append(f.Tokens, w.tsa.token(t, on(10), f.Raw))
			w.signs(f, a)
		}, on(10), 0},
		"a stranger's signature": {func(f *Folder) { *f = w.stamped(*f, 10, b) }, time.Time{}, 0},
		"an old signature over something else": {func(f *Folder) {
			*f = w.stamped(*f, 10, a)
			f.Signatures = append(f.Signatures, old)
			f.Tokens = append(f.Tokens, w.tsa.token(t, on(1), old.Data))
		}, on(10), 1},
		"an old one by a stranger": {func(f *Folder) {
			w.signs(f, a)
			f.Signatures = append(f.Signatures, strange)
			f.Tokens = append(f.Tokens, w.tsa.token(t, on(1), strange.Data))
		}, time.Time{}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			f := w.release("api")
			x.change(&f)
			found := chain.Judge(f, today)
			if got := found.Proven(); !got.Equal(x.proven) {
				t.Errorf("proven by %v, want %v", got, x.proven)
			}
			if got := len(found.Authorities()); got != x.by {
				t.Errorf("%d authorities, want %d", got, x.by)
			}
		})
	}
}
