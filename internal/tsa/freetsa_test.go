package tsa

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// relics is where tokens of an authority lie that is no more than a name here.
const relics = "../../../shared/v41/data"

func relic(t *testing.T, name string) []byte {
	b, err := os.ReadFile(filepath.Join(relics, name))
	if err != nil {
		t.Skipf("the tokens of version 4.1 are not here: %v", err)
	}
	return b
}

func freeTSA(t *testing.T) Trust {
	roots, err := ParseCertificates(relic(t, "generated/freetsa-root-from-token.pem"))
	if err != nil {
		t.Fatal(err)
	}
	return Trust{Roots: roots}
}

// Tokens of version 4.1 hold, although the certificate of all but the last expired since.
func TestFreeTSAVerifiesAtItsTime(t *testing.T) {
	const freeTSARoot = "generated/freetsa-root-from-token.pem"
	for _, c := range []struct{ name, root, day string }{
		{"SOVEREIGN_LORE_CODEX_V1.md", freeTSARoot, "2025-10-19"},
		{"first_seal_inscription.asc", freeTSARoot, "2025-10-19"},
		{"ops/test-artifacts/test-app.tar.gz", freeTSARoot, "2025-10-19"},
		{"generated/genesis/dist/genesis.tar.gz", "generated/genesis/local-tsa-ca.pem", "2026-11-22"},
	} {
		b := relic(t, c.name+".tsr")
		roots, err := ParseCertificates(relic(t, c.root))
		if err != nil {
			t.Fatal(err)
		}
		stored, token, err := Normalize(b)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(stored, b) {
			t.Errorf("%s is kept otherwise than it came", c.name)
		}
		if err := token.Verify(Trust{Roots: roots}); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if token.Imprint != sha256.Sum256(relic(t, c.name)) {
			t.Errorf("%s: imprint %x", c.name, token.Imprint)
		}
		dir := t.TempDir()
		write(t, dir, "kept.tsr", stored)
		write(t, dir, "root.pem", relic(t, c.root))
		out, err := openssl(t, dir, "ts", "-verify", "-in", "kept.tsr", "-digest", fmt.Sprintf("%x", token.Imprint),
			"-CAfile", "root.pem", "-attime", fmt.Sprint(token.Time.Unix()))
		if err != nil {
			t.Errorf("%s: openssl: %s", c.name, out)
		}
		if got := token.Time.Format(time.DateOnly); got != c.day {
			t.Errorf("%s: day %s", c.name, got)
		}
	}
}

func TestFreeTSAUnderAnotherRoot(t *testing.T) {
	token, err := Parse(relic(t, "first_seal_inscription.asc.tsr"))
	if err != nil {
		t.Fatal(err)
	}
	if err := token.Verify(Trust{Roots: trustIn(newAuthority()).Roots}); !fault.Has(err, fault.TSAUntrusted) {
		t.Errorf("another root: %v", err)
	}
	if err := token.Verify(Trust{}); !fault.Has(err, fault.TSAUntrusted) {
		t.Errorf("no root: %v", err)
	}
}
