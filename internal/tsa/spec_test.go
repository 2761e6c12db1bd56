package tsa

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func spec(t testing.TB) string {
	b, err := os.ReadFile("../../docs/spec/timestamp.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// block is what a fenced block of the specification has, found by its label.
func block(t testing.TB, label string) string {
	_, rest, ok := strings.Cut(spec(t), "```text "+label+"\n")
	text, _, closed := strings.Cut(rest, "```")
	if !ok || !closed {
		t.Fatalf("the specification has no block %s", label)
	}
	return text
}

func exampleToken(t testing.TB) []byte {
	b, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(block(t, "token"), "\n", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The example in docs/spec/timestamp.md is real: it has the SHA-256, the size and
// the claims that are written there, verifies under the root that is there, and
// openssl says the same.
func TestSpecificationIsReal(t *testing.T) {
	b := exampleToken(t)
	token, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	roots, err := ParseCertificates([]byte(block(t, "root")))
	if err != nil {
		t.Fatal(err)
	}
	if err := token.Verify(Trust{Roots: roots, Policy: Policy}); err != nil {
		t.Error(err)
	}
	for _, claim := range []string{
		fmt.Sprintf("sha256: %x, ", sha256.Sum256(b)),
		fmt.Sprintf("%d,%03d bytes", len(b)/1000, len(b)%1000),
		fmt.Sprintf("| time | %s, accuracy %s |", token.Time.Format(time.RFC3339), token.Accuracy),
		fmt.Sprintf("| imprint | %x |", token.Imprint),
		fmt.Sprintf("| policy | %s |", token.Policy),
		fmt.Sprintf("| issuer of the certificate | %s |", token.Issuer),
		fmt.Sprintf("-attime %d ", token.Time.Unix()),
	} {
		if !strings.Contains(spec(t), claim) {
			t.Errorf("the specification does not say %q", claim)
		}
	}
	dir := t.TempDir()
	write(t, dir, "root.pem", []byte(block(t, "root")))
	write(t, dir, "example.tsr", b)
	out, err := openssl(t, dir, "ts", "-verify", "-in", "example.tsr", "-CAfile", "root.pem",
		"-attime", fmt.Sprint(token.Time.Unix()), "-digest", hex.EncodeToString(token.Imprint[:]))
	if err != nil {
		t.Errorf("%s", out)
	}
}

// The receipt that the example stamps is in the specification of the ledger.
func TestSpecificationStampsAReceipt(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", "spec", "ledger-ref.md"))
	if err != nil {
		t.Fatal(err)
	}
	token, err := Parse(exampleToken(t))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), fmt.Sprintf("id: %x\n", token.Imprint)) {
		t.Errorf("no receipt of the example has the id %x", token.Imprint)
	}
}
