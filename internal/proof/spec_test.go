package proof

import (
	"bytes"
	"context"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/anchor"
	"github.com/VaultSovereign/git-vaultmesh/internal/bundle"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/sign"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// fences are the blocks of a specification, of one language.
func fences(t *testing.T, document, language string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "spec", document))
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for _, m := range regexp.MustCompile("(?s)```"+language+"\n(.*?\n)```").FindAllStringSubmatch(string(text), -1) {
		blocks = append(blocks, m[1])
	}
	return blocks
}

// example is the proof that the specifications speak of.
func example(t testing.TB) []byte {
	b, err := os.ReadFile(filepath.Join("..", "..", "testdata", "proof", "example.vmproof"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const exampleLedger = "8e8272bd78cd6c672429788caaf9bb2a73809d53e09c656715658e61b8bac0e0"

// at is when the examples are judged.
var at = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)

func judge(t testing.TB, m *verify.Mailed, id string) *verify.Report {
	ledgerID, err := receipt.ParseDigest(id)
	if err != nil {
		t.Fatal(err)
	}
	r, err := verify.Proof(context.Background(), m, &verify.Terms{Anchor: verify.Anchor{Ledger: ledgerID, Source: "test"}, Now: at, Full: true})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSpecificationOfProofs(t *testing.T) {
	t.Parallel()
	b := example(t)
	archive, err := bundle.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range archive {
		if f.Name == manifestName && fences(t, "proof.md", "json")[0] != string(f.Data)+"\n" {
			t.Errorf("proof.md has another proof.json than\n%s", f.Data)
		}
	}
	m, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	if r := judge(t, m, exampleLedger); r.Verdict != verify.Valid || r.Findings[0].Since.IsZero() {
		t.Errorf("the example is %s: %+v", r.Verdict, r.Problems)
	}
	again, err := Encode(m, func(e *ledger.Entry) (map[string][]byte, error) { return filesOf(t, archive, e), nil })
	if err != nil || !bytes.Equal(again, b) {
		t.Errorf("written again it has %d bytes, not %d: %v", len(again), len(b), err)
	}
}

func filesOf(t *testing.T, archive []bundle.File, e *ledger.Entry) map[string][]byte {
	files := make(map[string][]byte)
	for _, f := range archive {
		if name, ok := strings.CutPrefix(f.Name, e.ID.String()+"/"); ok {
			files[name] = f.Data
		}
	}
	return files
}

func TestSpecificationOfSignatures(t *testing.T) {
	t.Parallel()
	raw := strings.TrimSuffix(fences(t, "signature.md", "json")[0], "\n")
	texts := fences(t, "signature.md", "text")
	key, err := sign.ParseKey(sign.SSH, strings.TrimSuffix(texts[0], "\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sign.Verify(sign.SSH, []byte(texts[1]), []byte(raw), sign.Ring{key}); err != nil {
		t.Error(err)
	}
	document, err := os.ReadFile(filepath.Join("..", "..", "docs", "spec", "signature.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{receipt.Sum([]byte(raw)).String(), ledger.Proof{Type: sign.SSH, Data: []byte(texts[1])}.Name()} {
		if !strings.Contains(string(document), name) {
			t.Errorf("signature.md lacks %s", name)
		}
	}
}

func TestSpecificationOfSeals(t *testing.T) {
	t.Parallel()
	r, err := receipt.Parse([]byte(strings.TrimSuffix(fences(t, "seal.md", "json")[0], "\n")))
	if err != nil {
		t.Fatal(err)
	}
	names := strings.Fields(fences(t, "seal.md", "text")[0])
	root, err := verify.RootOf(names)
	if err != nil || root != r.Seal.Root || int64(len(names)) != r.Seal.Files {
		t.Errorf("the root over %d names is %s (%v), and the seal says %s over %d", len(names), root, err, r.Seal.Root, r.Seal.Files)
	}
}

func TestSpecificationOfAnchors(t *testing.T) {
	t.Parallel()
	text := fences(t, "anchor.md", "text")[0]
	list, err := anchor.Parse([]byte(text), "anchor.md")
	if err != nil || len(list) != 2 || list[0].Pin.Version != 2 || list[1].Name != "web" {
		t.Errorf("%+v, %v", list, err)
	}
}

// The steps of verification.md are those of the program, by number and name.
func TestSpecificationOfSteps(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "spec", "verification.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile(`(?m)^\| ([0-9]+) \| ([a-z]+) \|`).FindAllStringSubmatch(string(text), -1)
	var got, want []string
	for _, r := range rows {
		got = append(got, r[1]+" "+r[2])
	}
	for i, s := range verify.Steps() {
		want = append(want, strings.TrimSpace(string(rune('0'+(i+1)/10))+string(rune('0'+(i+1)%10))+" "+verify.NameOf(s)))
	}
	for i := range want {
		want[i] = strings.TrimPrefix(want[i], "0")
	}
	if !slices.Equal(got, want) {
		t.Errorf("verification.md has %q, the program %q", got, want)
	}
}

// Whatever is changed in a proof, it is refused or no longer valid.
func TestEveryByteOfAProofCounts(t *testing.T) {
	t.Parallel()
	b := example(t)
	for i := range b {
		if i%7 != 0 && testing.Short() {
			continue
		}
		changed := bytes.Clone(b)
		changed[i] ^= 0x01
		m, err := Decode(changed)
		if err == nil && judge(t, m, exampleLedger).Verdict == verify.Valid {
			t.Errorf("with another byte %d the proof is valid", i)
		}
		if err != nil && !fault.Has(err, fault.BadProofFile) {
			t.Errorf("byte %d: %v", i, err)
		}
	}
	for n := 0; n < len(b); n += 13 {
		if _, err := Decode(b[:n]); !fault.Has(err, fault.BadProofFile) {
			t.Errorf("the first %d bytes: %v", n, err)
		}
	}
}

// Parts that are missing, or that nobody named, are noticed.
func TestPartsOfAProof(t *testing.T) {
	t.Parallel()
	archive, err := bundle.Read(example(t))
	if err != nil {
		t.Fatal(err)
	}
	rewrite := func(edit func(files map[string][]byte)) error {
		files := make(map[string][]byte)
		for _, f := range archive {
			files[f.Name] = f.Data
		}
		edit(files)
		var list []bundle.File
		for _, name := range slices.Sorted(maps.Keys(files)) {
			list = append(list, bundle.File{Name: name, Data: files[name]})
		}
		b, err := bundle.Write(list)
		if err != nil {
			t.Fatal(err)
		}
		m, err := Decode(b)
		if err == nil && judge(t, m, exampleLedger).Verdict == verify.Valid {
			return nil
		}
		if err == nil {
			err = fault.New(fault.Invalid, "the verdict is another")
		}
		return err
	}
	if err := rewrite(func(map[string][]byte) {}); err != nil {
		t.Fatal(err)
	}
	for _, f := range archive {
		// Without time-stamps a receipt is still signed, and the genesis is what the
		// anchor says, whoever signed it.
		if strings.HasSuffix(f.Name, ".tsr") || strings.HasPrefix(f.Name, exampleLedger+"/ssh-") {
			continue
		}
		if err := rewrite(func(files map[string][]byte) { delete(files, f.Name) }); err == nil {
			t.Errorf("without %s the proof is valid", f.Name)
		}
	}
	for name, edit := range map[string]func(files map[string][]byte){
		"a folder that nobody named": func(files map[string][]byte) {
			files[strings.Repeat("1", 64)+"/receipt.json"] = []byte("{}")
		},
		"a file at the top":       func(files map[string][]byte) { files["more"] = nil },
		"another readme":          func(files map[string][]byte) { files[readmeName] = []byte("trust me\n") },
		"a manifest with a blank": func(files map[string][]byte) { files[manifestName] = append([]byte(" "), files[manifestName]...) },
		"a manifest of later": func(files map[string][]byte) {
			files[manifestName] = bytes.ReplaceAll(files[manifestName], []byte("proof/v1"), []byte("proof/v2"))
		},
		"a path that leads nowhere": func(files map[string][]byte) {
			files[manifestName] = bytes.ReplaceAll(files[manifestName], []byte("2f49"), []byte("2f48"))
		},
		"no path of the receipt itself": func(files map[string][]byte) {
			files[manifestName] = regexp.MustCompile(`\{"index":0,[^}]*\},`).ReplaceAll(files[manifestName], nil)
		},
		"another index": func(files map[string][]byte) {
			files[manifestName] = bytes.Replace(files[manifestName], []byte(`"index":0`), []byte(`"index":1`), 1)
		},
	} {
		if err := rewrite(edit); err == nil {
			t.Errorf("with %s the proof is valid", name)
		}
	}
}

func TestAnotherLedgerIsNotTheOneThatWasMeant(t *testing.T) {
	t.Parallel()
	m, err := Decode(example(t))
	if err != nil {
		t.Fatal(err)
	}
	if r := judge(t, m, strings.Repeat("1", 64)); r.Verdict != verify.Invalid {
		t.Errorf("it is %s", r.Verdict)
	}
	r, err := verify.Proof(context.Background(), m, &verify.Terms{Now: at, Full: true})
	if err != nil || r.Verdict != verify.Incomplete {
		t.Errorf("it is %+v, %v", r, err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(example(f))
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := Decode(b); err == nil {
			judge(t, m, exampleLedger)
		}
	})
}
