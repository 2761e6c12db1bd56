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

// Tokens of version 4.1 hold, although their certificate expired since.
func TestFreeTSAVerifiesAtItsTime(t *testing.T) {
	trust := freeTSA(t)
	for _, name := range []string{"SOVEREIGN_LORE_CODEX_V1.md", "first_seal_inscription.asc"} {
		b := relic(t, name+".tsr")
		stored, token, err := Normalize(b)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(stored, b) {
			t.Errorf("%s is kept otherwise than it came", name)
		}
		if err := token.Verify(trust); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if token.Imprint != sha256.Sum256(relic(t, name)) {
			t.Errorf("%s: imprint %x", name, token.Imprint)
		}
		dir := t.TempDir()
		write(t, dir, "kept.tsr", stored)
		write(t, dir, "root.pem", relic(t, "generated/freetsa-root-from-token.pem"))
		out, err := openssl(t, dir, "ts", "-verify", "-in", "kept.tsr", "-digest", fmt.Sprintf("%x", token.Imprint),
			"-CAfile", "root.pem", "-attime", fmt.Sprint(token.Time.Unix()))
		if err != nil {
			t.Errorf("%s: openssl: %s", name, out)
		}
		if got := token.Time.Format(time.RFC3339); got[:10] != "2025-10-19" {
			t.Errorf("%s: time %s", name, got)
		}
	}
}

func TestFreeTSAUnderAnotherRoot(t *testing.T) {
	token, err := Parse(relic(t, "first_seal_inscription.asc.tsr"))
	if err != nil {
		t.Fatal(err)
	}
	if err := token.Verify(Trust{Roots: newAuthority(t).trust().Roots}); !fault.Has(err, fault.TSAUntrusted) {
		t.Errorf("another root: %v", err)
	}
	if err := token.Verify(Trust{}); !fault.Has(err, fault.TSAUntrusted) {
		t.Errorf("no root: %v", err)
	}
}
