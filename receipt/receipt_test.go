package receipt

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/VaultSovereign/git-vaultmesh/internal/canon"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

func ptr[T any](v T) *T { return &v }

// sample is a valid receipt of the kind with every field that it may have.
func sample(k Kind) *Receipt {
	at := Time(1795356300)
	r := &Receipt{
		Kind: k, Ledger: Sum([]byte("genesis")), RecordedAt: at, OccurredAt: ptr(at - 60),
		Recorder: Person{Name: "Ada", Email: "ada@example.com"}, Component: "team/api@eu", Version: "v1.4.0+build:7",
		Commit: Object("sha1:" + strings.Repeat("8f", 20)), Tree: Object("sha256:" + strings.Repeat("1a", 32)),
		PatchID: Object("sha1:" + strings.Repeat("00", 20)), Ref: "refs/tags/v1.4.0",
		Subjects: []Subject{{Name: "oci://registry.example.com/api:v1", SHA256: Sum([]byte("x"))},
			{Name: "api.tar.gz", SHA256: Sum(nil), Size: ptr(int64(0))}},
		Evidence: []Evidence{{Name: "notes.md", SHA256: Sum([]byte("n")), Size: 1, MediaType: "text/markdown; charset=utf-8", Stored: true}},
		ChainRef: "eip155:1/tx:0x" + strings.Repeat("ab", 32),
		Links:    []Link{{Rel: RelFollows, Receipt: Sum([]byte("before"))}},
		Labels:   map[string]string{"env": "prod", "ci/run": "12"},
		Note:     "first line\n\tsecond <line> & \u202e bidi is kept in notes", After: Sum([]byte("seal")),
	}
	fillBody(r)
	return r
}

func fillBody(r *Receipt) {
	at := r.RecordedAt
	covenant := &Covenant{
		Version: 1, Principals: []Principal{{Name: "ada", Groups: []string{"ops"}, Keys: []PublicKey{{Type: "openpgp", Key: "AAAA"}, {Type: "ssh", Key: "ssh-ed25519 AAAA"}}}},
		Thresholds: []Threshold{{Kinds: []Kind{KindRelease}, Components: []string{"api*"}, Signers: []Quorum{{Group: "ops", Count: 1}}}},
		TSAs:       []Authority{{Name: "freetsa", Roots: []string{"MIIB"}, Pins: []Digest{}, Policy: "1.2.3"}}, Revocations: []Revocation{},
		Rules: []Rule{{Name: "releases", Sentence: "a release has a receipt", Refs: []string{"refs/tags/v*"}, Paths: []string{}, Components: []string{},
			Require: Requirement{Receipts: []Kind{KindRelease}, Signers: []Quorum{}, Authorities: []string{}},
			Tests:   []RuleTest{{Name: "bare tag", Ref: "refs/tags/v1", Paths: []string{}, Receipts: []Kind{}, Signers: []string{}}}}},
		Federation: Federation{Accept: "any"},
	}
	head := Object("sha1:" + strings.Repeat("01", 20))
	switch r.Kind {
	case KindGenesis:
		r.Ledger = ID{}
		r.Genesis = &Genesis{Name: "their-repo", Nonce: strings.Repeat("0f", 16), Covenant: covenant}
	case KindDecision:
		r.Decision = &Decision{Status: "accepted", Title: "use git", Context: "c", Decision: "d", Consequences: "e"}
	case KindIncident:
		r.Incident = &Incident{Severity: "high", StartedAt: &at, EndedAt: &at, Impact: "i", Cause: "c", Action: "a"}
	case KindDiscovery:
		r.Discovery = &Discovery{Title: "t", Finding: "f"}
	case KindAttestation:
		r.Attestation = &Attestation{Type: "tests", Tool: "go test", Command: []string{"go", "test"}, ExitCode: -1, StartedAt: &at, EndedAt: &at,
			Totals: &Totals{Passed: 1, Failed: 2, Skipped: 3, Total: 6}, Environment: map[string]string{"GOOS": "linux"},
			Outputs: []Subject{{Name: "a", SHA256: Sum(nil)}}, Differences: []Difference{{Name: "a", Offset: 7, Detail: "time"}}}
	case KindSpawn:
		r.Spawn = &Spawn{Template: "service", TemplateDigest: Sum(nil), Answers: map[string]string{}, OutputDigest: Sum(nil)}
	case KindImport:
		r.Import = &Import{Source: "v4.1", OriginalSHA256: Sum(nil), Damage: []string{}}
	case KindCovenant:
		r.Covenant = covenant
	case KindSeal:
		r.Seal = &Seal{Receipts: 2, Files: 3, Head: head, Root: Sum(nil)}
	case KindMerge:
		r.Merge = &Merge{Heads: []MergeHead{{Commit: head, Root: Sum(nil), Files: 1}, {Commit: "sha1:" + Object(strings.Repeat("02", 20)), Root: Sum(nil)}}, Root: Sum(nil), Files: 2}
	case KindRevocation:
		r.Revocation = &Revocation{Key: strings.Repeat("A0", 20), Reason: "compromised", At: at}
	}
}

func TestEveryKindRoundTrips(t *testing.T) {
	for _, k := range Kinds() {
		b, err := sample(k).Encode()
		if err != nil {
			t.Errorf("%s: %v", k, err)
			continue
		}
		r, err := Parse(b)
		if err != nil {
			t.Errorf("%s: parse of what was written: %v\n%s", k, err, b)
			continue
		}
		again, err := r.Encode()
		if err != nil || !bytes.Equal(again, b) {
			t.Errorf("%s: written again:\n%s\nfirst:\n%s\n%v", k, again, b, err)
		}
	}
}

// Every body names its fields; a receipt of the kind with one more is refused.
func TestUnknownFieldsAreRefused(t *testing.T) {
	for _, k := range Kinds() {
		b, _ := sample(k).Encode()
		for _, at := range regexp.MustCompile(`\{`).FindAllIndex(b, -1) {
			grown := string(b[:at[1]]) + `"!x":1` + "," + string(b[at[1]:])
			grown = strings.Replace(grown, `"!x":1,}`, `"!x":1}`, 1)
			if _, err := Parse([]byte(grown)); err == nil && !isFreeObject(string(b[:at[0]])) {
				t.Errorf("%s: accepted %s", k, grown)
			}
		}
	}
}

func isFreeObject(before string) bool {
	return strings.HasSuffix(before, `"labels":`) || strings.HasSuffix(before, `"environment":`) || strings.HasSuffix(before, `"answers":`)
}

// Every flipped bit and every prefix is refused, or is another receipt that
// reads back to its own bytes.
func TestMangling(t *testing.T) {
	b, _ := sample(KindRelease).Encode()
	for i := range b {
		if _, err := Parse(b[:i]); err == nil {
			t.Errorf("accepted the first %d bytes", i)
		}
		for bit := range 8 {
			m := bytes.Clone(b)
			m[i] ^= 1 << bit
			r, err := Parse(m)
			if err != nil || r.Future {
				continue
			}
			if again, err := r.Encode(); err != nil || !bytes.Equal(again, m) {
				t.Errorf("byte %d bit %d: accepted, but written again differs: %v", i, bit, err)
			}
		}
	}
}

func TestParseRefuses(t *testing.T) {
	b, _ := sample(KindRelease).Encode()
	good := string(b)
	for _, c := range []struct{ name, old, new string }{
		{"null", `"note":"first`, `"chain":null,"note":"first`},
		{"null for absent", `"size":0`, `"size":null`},
		{"upper-case name", `"version"`, `"Version"`},
		{"empty version", `"version":"v1.4.0+build:7"`, `"version":""`},
		{"upper-case hash", Sum(nil).String(), strings.ToUpper(Sum(nil).String())},
		{"hash of 40 digits", Sum(nil).String(), Sum(nil).String()[:40]},
		{"fraction of a second", `"2026-11-22T`, `"2026-11-22T00:00:00.5Z","x":"`},
		{"offset", `Z","recorder"`, `+00:00","recorder"`},
		{"no such day", `2026-11-22`, `2026-02-30`},
		{"year 1969", `"recorded_at":"2026`, `"recorded_at":"1969`},
		{"kind without form", `"kind":"release"`, `"kind":"Release!"`},
		{"schema without form", `vaultmesh.receipt/v1`, `other.receipt/v1`},
		{"unsorted subjects", `"subjects":[`, `"subjects":[{"name":"zz","sha256":"` + Sum(nil).String() + `"},`},
		{"body of another kind", `"evidence"`, `"discovery":{"title":"t"},"evidence"`},
	} {
		if !strings.Contains(good, c.old) {
			t.Fatalf("%s: sample has no %s", c.name, c.old)
		}
		if _, err := Parse([]byte(strings.Replace(good, c.old, c.new, 1))); err == nil {
			t.Errorf("%s: accepted", c.name)
		}
	}
}

func TestNullArraysAreRefused(t *testing.T) {
	b, _ := sample(KindCovenant).Encode()
	for _, list := range regexp.MustCompile(`"[a-z]+":\[\]`).FindAllString(string(b), -1) {
		name, _, _ := strings.Cut(list, ":")
		m := strings.Replace(string(b), list, name+":null", 1)
		if _, err := Parse([]byte(m)); err == nil {
			t.Errorf("accepted null for %s", name)
		}
	}
}

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		name string
		kind Kind
		code fault.Code
		mend func(*Receipt)
	}{
		{"no ledger", KindRelease, fault.BadField, func(r *Receipt) { r.Ledger = ID{} }},
		{"ledger in genesis", KindGenesis, fault.BadField, func(r *Receipt) { r.Ledger = Sum(nil) }},
		{"release without component", KindRelease, fault.BadField, func(r *Receipt) { r.Component = "" }},
		{"deployment without version", KindDeployment, fault.BadField, func(r *Receipt) { r.Version = "" }},
		{"no recorder", KindRelease, fault.BadField, func(r *Receipt) { r.Recorder.Name = "" }},
		{"component too long", KindRelease, fault.TooLarge, func(r *Receipt) { r.Component = strings.Repeat("x", 201) }},
		{"version too long", KindRelease, fault.TooLarge, func(r *Receipt) { r.Version = strings.Repeat("x", 101) }},
		{"component climbs", KindRelease, fault.BadField, func(r *Receipt) { r.Component = "../../x" }},
		{"component absolute", KindRelease, fault.BadField, func(r *Receipt) { r.Component = "/etc" }},
		{"component dot", KindRelease, fault.BadField, func(r *Receipt) { r.Component = "a/./b" }},
		{"component option", KindRelease, fault.BadField, func(r *Receipt) { r.Component = "-x" }},
		{"component backslash", KindRelease, fault.BadField, func(r *Receipt) { r.Component = `a\b` }},
		{"component space", KindRelease, fault.BadField, func(r *Receipt) { r.Component = " a" }},
		{"component bidi", KindRelease, fault.BadField, func(r *Receipt) { r.Component = "a\u202eb" }},
		{"version newline", KindRelease, fault.BadField, func(r *Receipt) { r.Version = "v1\nstatus: revoked" }},
		{"version escape", KindRelease, fault.BadField, func(r *Receipt) { r.Version = "v1\x1b[2J" }},
		{"version not UTF-8", KindRelease, fault.NotUTF8, func(r *Receipt) { r.Version = "v\xff" }},
		{"note too long", KindRelease, fault.TooLarge, func(r *Receipt) { r.Note = strings.Repeat("x", 16<<10+1) }},
		{"note control", KindRelease, fault.BadField, func(r *Receipt) { r.Note = "\x1b]0;x\x07" }},
		{"commit without algorithm", KindRelease, fault.BadField, func(r *Receipt) { r.Commit = Object(strings.Repeat("a", 40)) }},
		{"ref", KindRelease, fault.BadField, func(r *Receipt) { r.Ref = "refs/tags/a..b" }},
		{"chain_ref", KindRelease, fault.BadField, func(r *Receipt) { r.ChainRef = "eip155:1/tx:0x12" }},
		{"subject path", KindRelease, fault.BadField, func(r *Receipt) { r.Subjects[0].Name = "dist/api.tar.gz" }},
		{"subject without hash", KindRelease, fault.BadField, func(r *Receipt) { r.Subjects[0].SHA256 = Digest{} }},
		{"subject twice", KindRelease, fault.BadField, func(r *Receipt) { r.Subjects[1] = r.Subjects[0] }},
		{"evidence path", KindRelease, fault.BadField, func(r *Receipt) { r.Evidence[0].Name = "../x" }},
		{"evidence size", KindRelease, fault.BadField, func(r *Receipt) { r.Evidence[0].Size = -1 }},
		{"media type", KindRelease, fault.BadField, func(r *Receipt) { r.Evidence[0].MediaType = "TEXT/PLAIN" }},
		{"media type without subtype", KindRelease, fault.BadField, func(r *Receipt) { r.Evidence[0].MediaType = "text" }},
		{"media type that ends open", KindRelease, fault.BadField, func(r *Receipt) { r.Evidence[0].MediaType = "text/plain;" }},
		{"link", KindRelease, fault.BadField, func(r *Receipt) { r.Links[0].Rel = "eats" }},
		{"label", KindRelease, fault.BadField, func(r *Receipt) { r.Labels["a b"] = "" }},
		{"label newline", KindRelease, fault.BadField, func(r *Receipt) { r.Labels["a"] = "x\ny" }},
		{"year 10000", KindRelease, fault.BadField, func(r *Receipt) { r.RecordedAt = maxTime + 1 }},
		{"occurred before 1970", KindRelease, fault.BadField, func(r *Receipt) { r.OccurredAt = ptr(Time(-1)) }},
		{"no body", KindDecision, fault.BadField, func(r *Receipt) { r.Decision = nil }},
		{"status", KindDecision, fault.BadField, func(r *Receipt) { r.Decision.Status = "maybe" }},
		{"incident ends before it starts", KindIncident, fault.BadField, func(r *Receipt) { r.Incident.EndedAt = ptr(Time(1)) }},
		{"discovery without title", KindDiscovery, fault.BadField, func(r *Receipt) { r.Discovery.Title = "" }},
		{"totals", KindAttestation, fault.BadField, func(r *Receipt) { r.Attestation.Totals.Total = 5 }},
		{"answers", KindSpawn, fault.BadField, func(r *Receipt) { r.Spawn.Answers = nil }},
		{"damage", KindImport, fault.BadField, func(r *Receipt) { r.Import.Damage = []string{"b", "a"} }},
		{"seal head", KindSeal, fault.BadField, func(r *Receipt) { r.Seal.Head = "HEAD" }},
		{"merge of one", KindMerge, fault.BadField, func(r *Receipt) { r.Merge.Heads = r.Merge.Heads[:1] }},
		{"merge unsorted", KindMerge, fault.BadField, func(r *Receipt) { r.Merge.Heads[0], r.Merge.Heads[1] = r.Merge.Heads[1], r.Merge.Heads[0] }},
		{"revocation reason", KindRevocation, fault.BadField, func(r *Receipt) { r.Revocation.Reason = "bored" }},
		{"nonce", KindGenesis, fault.BadField, func(r *Receipt) { r.Genesis.Nonce = "x" }},
		{"covenant 2 in genesis", KindGenesis, fault.BadField, func(r *Receipt) { r.Genesis.Covenant.Version = 2 }},
		{"covenant without previous", KindCovenant, fault.BadField, func(r *Receipt) { r.Covenant.Version = 2 }},
		{"principal twice", KindCovenant, fault.BadField, func(r *Receipt) {
			r.Covenant.Principals = append(r.Covenant.Principals, r.Covenant.Principals[0])
		}},
		{"one key of two principals", KindCovenant, fault.BadField, func(r *Receipt) {
			other := r.Covenant.Principals[0]
			other.Name = "bob"
			r.Covenant.Principals = append(r.Covenant.Principals, other)
		}},
		{"principal without key", KindCovenant, fault.BadField, func(r *Receipt) { r.Covenant.Principals[0].Keys = nil }},
		{"key type", KindCovenant, fault.BadField, func(r *Receipt) { r.Covenant.Principals[0].Keys[1].Type = "x509" }},
		{"threshold of nobody", KindCovenant, fault.BadField, func(r *Receipt) { r.Covenant.Thresholds[0].Signers[0].Count = 0 }},
		{"tsa without root", KindCovenant, fault.BadField, func(r *Receipt) { r.Covenant.TSAs[0].Roots = nil }},
		{"rule without sentence", KindCovenant, fault.BadField, func(r *Receipt) { r.Covenant.Rules[0].Sentence = "" }},
		{"accept", KindCovenant, fault.BadField, func(r *Receipt) { r.Covenant.Federation.Accept = "all" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := sample(c.kind)
			c.mend(r)
			if _, err := r.Encode(); !fault.Has(err, c.code) {
				t.Errorf("got %v, want %s", err, c.code)
			}
		})
	}
}

func TestFindingsAreAllNamed(t *testing.T) {
	r := sample(KindRelease)
	r.Component, r.Ref = "-x", "x"
	err := r.Validate()
	if err == nil || !strings.Contains(err.Error(), "component") || !strings.Contains(err.Error(), "ref is not") {
		t.Errorf("got %v", err)
	}
}

func TestLimitOfTheWhole(t *testing.T) {
	r := sample(KindRelease)
	for i := range 60 {
		r.Labels[fmt.Sprint("l", i)] = strings.Repeat("x", 1024)
	}
	r.Note = strings.Repeat("y", 16<<10)
	if _, err := r.Encode(); !fault.Has(err, fault.TooLarge) {
		t.Errorf("got %v", err)
	}
}

func TestFuture(t *testing.T) {
	ledger := Sum(nil).String()
	for _, s := range []string{
		`{"kind":"release","ledger":"` + ledger + `","news":{"a":[1]},"recorded_at":"2030-01-01T00:00:00Z","schema":"vaultmesh.receipt/v2"}`,
		`{"audit":{},"kind":"audit","ledger":"` + ledger + `","recorded_at":"2030-01-01T00:00:00Z","schema":"vaultmesh.receipt/v1"}`,
	} {
		r, err := Parse([]byte(s))
		if err != nil || !r.Future || r.RecordedAt.String() != "2030-01-01T00:00:00Z" || r.Ledger != Sum(nil) {
			t.Errorf("got %+v, %v", r, err)
			continue
		}
		if _, err := r.Encode(); err == nil {
			t.Error("a receipt of the future can be written")
		}
	}
	for _, s := range []string{
		`{"kind":"audit","recorded_at":"2030-01-01T00:00:00Z","schema":"vaultmesh.receipt/v1"}`,
		`{"kind":"audit","ledger":"` + strings.Repeat("0", 64) + `","recorded_at":"2030-01-01T00:00:00Z","schema":"vaultmesh.receipt/v1"}`,
		`{"kind":"audit","ledger":null,"recorded_at":"2030-01-01T00:00:00Z","schema":"vaultmesh.receipt/v1"}`,
		`{"kind":"audit","ledger":"` + ledger + `","schema":"vaultmesh.receipt/v1"}`,
		`{"kind":"audit","ledger":"` + ledger + `","recorded_at":0,"schema":"vaultmesh.receipt/v1"}`,
		`{"kind":"audit","ledger":"` + ledger + `","recorded_at":"2030-01-01T00:00:00Z","schema":"vaultmesh.receipt/v01"}`,
	} {
		if _, err := Parse([]byte(s)); err == nil {
			t.Errorf("accepted %s", s)
		}
	}
}

func TestParseKind(t *testing.T) {
	if k, ok := ParseKind("deploy"); k != KindDeployment || !ok {
		t.Errorf("deploy is %s, %v", k, ok)
	}
	if _, ok := ParseKind("audit"); ok {
		t.Error("audit is known")
	}
}

func TestChainRefs(t *testing.T) {
	tx, safe := "tx:0x"+strings.Repeat("aB", 32), "safe:0x"+strings.Repeat("12", 20)
	for s, want := range map[string]bool{
		"eip155:1/" + tx: true, "eip155:137/" + safe + "/" + tx: true, "snapshot:team.eth/proposal/0x12": true,
		"snapshot:team.eth/proposal/bafkrei": true, "eip155:0/" + tx: false, "eip155:/" + tx: false, "eip155:1/" + tx + "0": false,
		"eip155:1x/" + tx: false, "eip155:1/" + safe: false, "eip155:1/" + tx + "/" + safe: false, "eip155:1": false, "btc:1/" + tx: false,
		"snapshot:team.eth/proposal/": false, "snapshot:/proposal/1": false, "snapshot:a/b/1": false, "snapshot:A/proposal/1": false, "": false,
	} {
		if validChainRef(s) != want {
			t.Errorf("validChainRef(%q) is %v", s, !want)
		}
	}
}

func TestFingerprints(t *testing.T) {
	for s, want := range map[string]bool{
		strings.Repeat("A0", 20): true, strings.Repeat("A0", 32): true, "SHA256:" + strings.Repeat("A", 43): true,
		strings.Repeat("a0", 20): false, strings.Repeat("A0", 8): false, "SHA256:" + strings.Repeat("A", 42): false, "MD5:00": false,
	} {
		if isFingerprint(s) != want {
			t.Errorf("isFingerprint(%q) is %v", s, !want)
		}
	}
}

func TestValidRef(t *testing.T) {
	for s, want := range map[string]bool{
		"refs/tags/v1.4.0": true, "refs/heads/a/b": true, "refs/heads/é": true, "HEAD": false, "refs/tags/": false, "refs//x": false,
		"refs/tags/.x": false, "refs/tags/x.lock": false, "refs/tags/x.": false, "refs/tags/a b": false, "refs/tags/a~1": false,
		"refs/tags/@{": false, "refs/tags/a:b": false, "refs/tags/a\\b": false, "refs/tags/a\x7f": false, "refs/tags/a\u202eb": false,
	} {
		if ValidRef(s) != want {
			t.Errorf("ValidRef(%q) is %v", s, !want)
		}
	}
}

// The examples in docs/spec are real: each fenced block of a receipt parses.
func TestSpecificationExamples(t *testing.T) {
	fence := regexp.MustCompile("(?s)```json\n(.*?)\n```")
	seen := map[Kind]bool{}
	for _, name := range []string{"receipt.md", "canonical.md"} {
		text, err := os.ReadFile("../docs/spec/" + name)
		if err != nil {
			t.Fatal(err)
		}
		blocks := fence.FindAllSubmatch(text, -1)
		if len(blocks) == 0 {
			t.Errorf("%s has no example", name)
		}
		for _, block := range blocks {
			if name == "canonical.md" {
				if err := canon.Check(block[1], MaxSize); err != nil {
					t.Errorf("%s: %v\n%s", name, err, block[1])
				}
				continue
			}
			r, err := Parse(block[1])
			if err != nil {
				t.Errorf("%s: %v\n%s", name, err, block[1])
				continue
			}
			seen[r.Kind] = true
			if id := Sum(block[1]).String(); !strings.Contains(string(text), id) {
				t.Errorf("%s does not give the id %s of its %s example", name, id, r.Kind)
			}
		}
	}
	for _, k := range Kinds() {
		if !seen[k] {
			t.Errorf("receipt.md has no example of kind %s", k)
		}
	}
}

// Accepted bytes are written again to the same bytes.
func FuzzParse(f *testing.F) {
	for _, k := range Kinds() {
		b, err := sample(k).Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"kind":"audit","ledger":"` + Sum(nil).String() + `","recorded_at":"2030-01-01T00:00:00Z","schema":"vaultmesh.receipt/v1"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Parse(b)
		if err != nil || r.Future {
			return
		}
		again, err := r.Encode()
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("accepted %q, written again %q, %v", b, again, err)
		}
	})
}
