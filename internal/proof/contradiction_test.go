package proof

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/VaultSovereign/git-vaultmesh/internal/bundle"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
)

func exampleContradiction(t testing.TB) []byte {
	b, err := os.ReadFile(filepath.Join("..", "..", "testdata", "proof", "contradiction.vmproof"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func judgeContradiction(t testing.TB, b []byte) (*verify.MailedContradiction, verify.Verdict) {
	m, err := DecodeContradiction(b)
	if err != nil {
		return nil, ""
	}
	r, err := m.Judge(context.Background(), &verify.Terms{Anchor: verify.Anchor{Ledger: m.Genesis.ID, Source: "test"}, Now: at, Full: true})
	if err != nil {
		t.Fatal(err)
	}
	return m, r.Verdict
}

func TestSpecificationOfContradictions(t *testing.T) {
	t.Parallel()
	b := exampleContradiction(t)
	archive, err := bundle.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range archive {
		if f.Name == manifestName && fences(t, "proof.md", "json")[1] != string(f.Data)+"\n" {
			t.Errorf("proof.md has another proof.json than\n%s", f.Data)
		}
	}
	m, verdict := judgeContradiction(t, b)
	if verdict != verify.Valid || m.Why == "" {
		t.Fatalf("the example is %q", verdict)
	}
	again, err := EncodeContradiction(m, func(e *ledger.Entry) (map[string][]byte, error) { return filesOf(t, archive, e), nil })
	if err != nil || !bytes.Equal(again, b) {
		t.Errorf("written again it has %d bytes, not %d: %v", len(again), len(b), err)
	}
	if !IsContradiction(b) || IsContradiction(example(t)) || IsContradiction(b[:700]) {
		t.Error("one kind of proof is taken for the other")
	}
	if _, err := Decode(b); err == nil {
		t.Error("a contradiction is read as the proof of a receipt")
	}
	if _, err := DecodeContradiction(example(t)); err == nil {
		t.Error("the proof of a receipt is read as a contradiction")
	}
}

// No byte of the proof of a contradiction can be another one.
func TestContradictionsThatAreDamaged(t *testing.T) {
	t.Parallel()
	b := exampleContradiction(t)
	step := 1
	if testing.Short() {
		step = 7
	}
	for i := 0; i < len(b); i += step {
		damaged := bytes.Clone(b)
		damaged[i] ^= 1
		if _, verdict := judgeContradiction(t, damaged); verdict == verify.Valid {
			t.Errorf("byte %d can be changed", i)
		}
	}
	for i := 0; i < len(b); i += 64 {
		if _, verdict := judgeContradiction(t, b[:i]); verdict == verify.Valid {
			t.Errorf("it can end after %d bytes", i)
		}
	}
}
