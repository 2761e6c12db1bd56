package cli

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// The plain commands about bytes and fields agree with every receipt in the
// specification, of every kind, and with no field more or less.
func TestExplainedFields(t *testing.T) {
	for _, tool := range []string{"awk", "cmp", "comm"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	spec, err := os.ReadFile(filepath.Join("..", "..", "docs", "spec", "receipt.md"))
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[receipt.Kind]bool)
	for _, raw := range regexp.MustCompile(`(?m)^\{"[^\n]*"schema":"vaultmesh\.receipt/v1"[^\n]*\}$`).FindAll(spec, -1) {
		e := &ledger.Entry{Raw: raw}
		kind, known := kindOf(e)
		if !known {
			continue
		}
		seen[kind] = true
		if said, err := plainly(t, e); err != nil {
			t.Errorf("%s: %v\n%s\n%s", kind, err, raw, said)
		}
		for _, change := range [][2]string{
			{`"recorder":`, `"recorded_by":"x","recorder":`},
			{`"recorder":{"email":`, `"recorder":{"e.mail":"","email":`},
			{`"schema":"vaultmesh.receipt/v1"`, `"schema":"vaultmesh.receipt/v2"`},
			{`"name":"`, `"nam":"`},
			{`,"schema"`, `, "schema"`},
		} {
			e.Raw = []byte(strings.Replace(string(raw), change[0], change[1], 1))
			if _, err := plainly(t, e); err == nil && string(e.Raw) != string(raw) {
				t.Errorf("%s: %s is not noticed", kind, change[1])
			}
		}
	}
	for _, kind := range receipt.Kinds() {
		if !seen[kind] {
			t.Errorf("the specification shows no %s", kind)
		}
	}
}

// plainly runs the commands.
func plainly(t *testing.T, e *ledger.Entry) (string, error) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "receipt.json"), e.Raw, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range append(canonically("cat receipt.json"), fieldwise(e)...) {
		cmd := exec.Command("sh", "-c", command)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			return string(out), fmt.Errorf("%s: %w", command, err)
		}
	}
	return "", nil
}
