package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gowebpki/jcs"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// scene is a good ledger, a genesis and one release with evidence and proofs,
// in which each case changes one thing.
type scene struct {
	*builder
	files   files
	genesis []byte
	release []byte
	folder  string // of the release
}

const sceneDay, evidenceText = "2026-11-22T14:05:00Z", "notes"

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{builder: newBuilder(t, "sha1"), genesis: genesis(t, "api", began)}
	s.release = release(t, s.genesis, sceneDay, "v1", evidenceText)
	s.folder = folderOf(t, s.release)
	s.files = s.base(s.genesis, s.release)
	s.beside("evidence", "", evidenceText)
	s.beside("openpgp", ".sig", "a signature")
	s.beside("sigstore", ".json", "a proof of a type to come")
	return s
}

// beside puts a file beside the release, under the name that fits its bytes.
func (s *scene) beside(kind, suffix, data string) {
	s.files[s.folder+"/"+kind+"-"+receipt.Sum([]byte(data)).String()+suffix] = s.blob(data)
}

// instead replaces the release by bytes that lie where they should.
func (s *scene) instead(raw string) {
	for path := range s.files {
		if strings.HasPrefix(path, s.folder) {
			delete(s.files, path)
		}
	}
	id := receipt.Sum([]byte(raw)).String()
	s.folder = "2026/11/22/" + id[:2] + "/" + id
	s.files[s.folder+"/receipt.json"] = s.blob(raw)
}

// move hangs the release's folder elsewhere.
func (s *scene) move(folder string) {
	for path, n := range s.files {
		if rest, ok := strings.CutPrefix(path, s.folder+"/"); ok {
			delete(s.files, path)
			s.files[folder+"/"+rest] = n
		}
	}
	s.folder = folder
}

// changed is the release with one field more or other, canonical again.
func (s *scene) changed(name string, value any) string {
	s.t.Helper()
	var fields map[string]any
	if err := json.Unmarshal(s.release, &fields); err != nil {
		s.t.Fatal(err)
	}
	delete(fields, "evidence")
	fields[name] = value
	raw, err := json.Marshal(fields)
	if err != nil {
		s.t.Fatal(err)
	}
	spelled, err := jcs.Transform(raw)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(spelled)
}

// examine is all that the package finds wrong with a ledger.
func (s *scene) examine() []Problem {
	s.t.Helper()
	l := s.ledger(s.tree(s.files))
	var found []Problem
	err := l.Walk(context.Background(), Visitor{
		Problem: func(p Problem) error { found = append(found, p); return nil },
		Entry: func(e *Entry) error {
			found = append(found, e.Problems()...)
			if p := e.BelongsTo(receipt.Sum(s.genesis)); p != nil {
				found = append(found, *p)
			}
			problems, err := e.FileProblems(context.Background(), l)
			found = append(found, problems...)
			return err
		},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return found
}

// tampering is one change, and the one step that it breaks.
type tampering struct {
	name   string
	step   Step
	tamper func(s *scene)
}

var tamperings = []tampering{
	{"a stray file", StepLayout, func(s *scene) { s.files[s.folder+"/stray"] = s.blob("x") }},
	{"a stray folder", StepLayout, func(s *scene) { s.files[s.folder+"/stray/x"] = s.blob("x") }},
	{"a link", StepLayout, func(s *scene) { s.files[s.folder+"/ssh-"+hexB+".sig"] = item{"120000", s.blob("x").id} }},
	{"evidence with an extension", StepLayout, func(s *scene) {
		s.files[s.folder+"/evidence-"+receipt.Sum([]byte("x")).String()+".txt"] = s.blob("x")
	}},
	{"an executable proof", StepLayout, func(s *scene) {
		s.files[s.folder+"/ssh-"+receipt.Sum([]byte("x")).String()+".sig"] = item{"100755", s.blob("x").id}
	}},
	{"no receipt.json", StepLayout, func(s *scene) { delete(s.files, s.folder+"/receipt.json") }},
	{".git in the root", StepLayout, func(s *scene) { s.files[".git/config"] = s.blob("x") }},
	{"a file among the days", StepLayout, func(s *scene) { s.files["2026/11/README"] = s.blob("x") }},
	{"an empty day", StepLayout, func(s *scene) { s.files["2026/11/21"] = s.raw() }},
	{"a day twice", StepLayout, func(s *scene) {
		day := s.tree(s.base(release(s.t, s.genesis, "2025-01-01T00:00:00Z", "v0")))
		s.files["2025/01"] = s.raw(line{"01", item{"40000", s.sub(day, "2025/01/01")}}, line{"01", item{"40000", s.sub(day, "2025/01/01")}})
	}},

	{"a receipt over the limit", StepLimits, func(s *scene) { s.instead(s.changed("note", strings.Repeat("x", receipt.MaxSize))) }},
	{"a proof over the limit", StepLimits, func(s *scene) { s.beside("ssh", ".sig", strings.Repeat("x", MaxProof+1)) }},
	{"a proof to come over the limit", StepLimits, func(s *scene) { s.beside("sigstore", "", strings.Repeat("x", MaxProof+1)) }},
	{"evidence over the limit", StepLimits, func(s *scene) { s.beside("evidence", "", strings.Repeat("x", MaxEvidence+1)) }},
	{"too many files", StepLimits, func(s *scene) {
		for i := len(s.files); i < MaxFiles+5; i++ {
			s.beside("ssh", ".sig", fmt.Sprint(i))
		}
	}},
	{"too much evidence", StepLimits, func(s *scene) {
		var texts []string
		for i := range 9 {
			texts = append(texts, fmt.Sprint(i)+strings.Repeat("x", MaxEvidence-1))
		}
		s.instead(string(release(s.t, s.genesis, sceneDay, "v1", texts...)))
		for _, text := range texts {
			s.beside("evidence", "", text)
		}
	}},

	{"a space", StepCanonical, func(s *scene) { s.instead(strings.Replace(s.changed("note", "n"), `,`, `, `, 1)) }},
	{"a line at the end", StepCanonical, func(s *scene) { s.instead(s.changed("note", "n") + "\n") }},
	{"a name twice", StepCanonical, func(s *scene) {
		s.instead(strings.Replace(s.changed("note", "n"), `"note":"n"`, `"note":"m","note":"n"`, 1))
	}},
	{"a float", StepCanonical, func(s *scene) { s.instead(strings.Replace(s.changed("note", "n"), `"n"`, `1.0`, 1)) }},
	{"no JSON", StepCanonical, func(s *scene) { s.instead("hello") }},
	{"no bytes", StepCanonical, func(s *scene) { s.instead("") }},
	{"no UTF-8", StepCanonical, func(s *scene) { s.instead(strings.Replace(s.changed("note", "n"), `"n"`, "\"\xff\"", 1)) }},
	{"a bomb", StepCanonical, func(s *scene) { s.instead(`{"a":` + strings.Repeat("[", 60000)) }},

	{"another id", StepID, func(s *scene) { s.move("2026/11/22/4f/" + hexB) }},
	{"other bytes", StepID, func(s *scene) {
		s.files[s.folder+"/receipt.json"] = s.blob(string(release(s.t, s.genesis, sceneDay, "v2", evidenceText)))
	}},

	{"an unknown field", StepFields, func(s *scene) { s.instead(s.changed("surprise", "x")) }},
	{"a field that is null", StepFields, func(s *scene) { s.instead(s.changed("note", nil)) }},
	{"a field of another form", StepFields, func(s *scene) { s.instead(s.changed("version", 1)) }},
	{"a text that is too long", StepFields, func(s *scene) { s.instead(s.changed("note", strings.Repeat("x", 20<<10))) }},
	{"no receipt at all", StepFields, func(s *scene) { s.instead("{}") }},
	{"a year that is none", StepFields, func(s *scene) { s.instead(s.changed("recorded_at", "1969-12-31T23:59:59Z")) }},

	{"the next day", StepDate, func(s *scene) { s.move("2026/11/23" + s.folder[10:]) }},
	{"the same day of another year", StepDate, func(s *scene) { s.move("2025" + s.folder[4:]) }},

	{"a receipt of another ledger", StepLedger, func(s *scene) { s.instead(string(release(s.t, s.release, sceneDay, "v1"))) }},
	{"a later kind of another ledger", StepLedger, func(s *scene) {
		s.instead(strings.Replace(s.changed("kind", "miracle"), receipt.Sum(s.genesis).String(), hexB, 1))
	}},
	{"a second genesis", StepLedger, func(s *scene) { s.instead(string(genesis(s.t, "second", sceneDay))) }},

	{"evidence that is missing", StepFiles, func(s *scene) { delete(s.files, s.folder+"/evidence-"+receipt.Sum([]byte(evidenceText)).String()) }},
	{"evidence that is not listed", StepFiles, func(s *scene) { s.beside("evidence", "", "more") }},
	{"evidence with other bytes", StepFiles, func(s *scene) {
		s.files[s.folder+"/evidence-"+receipt.Sum([]byte(evidenceText)).String()] = s.blob("other")
	}},
	{"evidence of another size", StepFiles, func(s *scene) {
		sum := receipt.Sum([]byte(evidenceText))
		s.instead(s.changed("evidence", []receipt.Evidence{{Name: "n", SHA256: sum, Size: 99, MediaType: "text/plain", Stored: true}}))
		s.beside("evidence", "", evidenceText)
	}},
	{"evidence listed as not stored", StepFiles, func(s *scene) {
		sum := receipt.Sum([]byte(evidenceText))
		s.instead(s.changed("evidence", []receipt.Evidence{{Name: "n", SHA256: sum, Size: 5, MediaType: "text/plain"}}))
		s.beside("evidence", "", evidenceText)
	}},
	{"a proof with other bytes", StepFiles, func(s *scene) { s.files[s.folder+"/ssh-"+hexB+".sig"] = s.blob("x") }},
	{"a proof to come with other bytes", StepFiles, func(s *scene) { s.files[s.folder+"/sigstore-"+hexB] = s.blob("x") }},
	{"a proof that is a folder", StepFiles, func(s *scene) {
		s.files[s.folder+"/ssh-"+hexB+".sig"] = item{"100644", s.tree(s.base()).id}
	}},
	{"a file that is not here", StepFiles, func(s *scene) {
		s.files[s.folder+"/ssh-"+hexB+".sig"] = item{"100644", strings.Repeat("1", 40)}
	}},
}

// sub is the id of what lies at a path in a tree.
func (s *scene) sub(tree item, path string) string {
	s.t.Helper()
	return s.git("", "rev-parse", tree.id+":"+path)
}

func TestAGoodLedgerHasNoProblems(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	if found := s.examine(); len(found) > 0 {
		t.Errorf("found %+v", found)
	}
	proofs := entryOf(t, s.opened(), s.release).Proofs()
	if len(proofs) != 2 || proofs[0].Type != "openpgp" || proofs[1].Type != "sigstore" || proofs[1].Known() {
		t.Errorf("the proofs are %+v", proofs)
	}
}

// One tampering, and exactly its step fails, where it was done.
func TestEachTamperingFailsItsStep(t *testing.T) {
	t.Parallel()
	for _, c := range tamperings {
		t.Run(c.step.String()+"/"+c.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			c.tamper(s)
			found := s.examine()
			if len(found) == 0 {
				t.Error("nothing was found")
			}
			for _, p := range found {
				if p.Step != c.step || fault.From(p.Err).Code == fault.Internal {
					t.Errorf("step %s: %s: %v", p.Step, p.Path, p.Err)
				}
				if absent := c.name == "a file that is not here"; p.Unknown() != absent {
					t.Errorf("unknown %v: %v", p.Unknown(), p.Err)
				}
				if strings.HasPrefix(p.Path, folderOf(t, s.genesis)) {
					t.Errorf("the genesis is blamed: %v", p.Err)
				}
			}
		})
	}
}

func TestEveryStepOfTheTreeHasATampering(t *testing.T) {
	t.Parallel()
	tried := map[Step]bool{StepHead: true, StepHistory: true} // of the ref and of the commits
	for _, c := range tamperings {
		tried[c.step] = true
	}
	for _, s := range Steps() {
		if !tried[s] {
			t.Errorf("no tampering for step %d, %s", s, s)
		}
	}
	if names := Steps(); len(names) != 10 || names[0].String() != "head" || names[9].String() != "history" || !slices.IsSorted(names) {
		t.Errorf("the steps are %v", names)
	}
}

// A receipt of a later version lies well, and is bound to its ledger.
func TestALaterKindIsNoProblem(t *testing.T) {
	t.Parallel()
	for name, change := range map[string][2]string{"kind": {"kind", "miracle"}, "schema": {"schema", "vaultmesh.receipt/v2"}} {
		s := newScene(t)
		s.instead(s.changed(change[0], change[1]))
		s.beside("evidence", "", "what it lists is not known")
		if found := s.examine(); len(found) > 0 {
			t.Errorf("%s: found %+v", name, found)
		}
	}
}

// Several findings are all said, not the first alone.
func TestTamperingsAddUp(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.move("2026/11/23/4f/" + hexB)
	s.files[s.folder+"/stray"] = s.blob("x")
	s.files[s.folder+"/ssh-"+hexB+".sig"] = s.blob("x")
	var steps []Step
	for _, p := range s.examine() {
		steps = append(steps, p.Step)
	}
	slices.Sort(steps)
	if want := []Step{StepLayout, StepID, StepDate, StepFiles}; !slices.Equal(steps, want) {
		t.Errorf("the steps are %v, want %v", steps, want)
	}
}

func TestFileProblemsAreInterrupted(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	l := s.ledger(s.tree(s.files))
	entry := entryOf(t, l, s.release)
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	found, err := entry.FileProblems(gone, l)
	wantFault(t, err, fault.Interrupted)
	if len(found) > 0 {
		t.Errorf("found %+v", found)
	}
}
