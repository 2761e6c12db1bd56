package cli

import (
	"fmt"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
)

// explanation is how a step is checked with plain tools: commands for a shell, or a
// sentence where there is none.
type explanation map[ledger.Step][]string

// explain says how each step about a receipt of a ledger is checked with plain tools.
func explain(l *ledger.Ledger, genesis, e *ledger.Entry) explanation {
	blob := func(e *ledger.Entry, name string) string {
		return fmt.Sprintf("git cat-file blob %s:%s/%s", l.Head, e.Path, name)
	}
	x := explainFiles(blob, genesis, e)
	x[ledger.StepHead] = []string{"git cat-file blob " + string(l.Head) + ":VERSION"}
	x[ledger.StepLayout] = []string{fmt.Sprintf("git ls-tree %s:%s", l.Head, e.Path)}
	x[ledger.StepLimits] = []string{fmt.Sprintf("git ls-tree -l %s:%s", l.Head, e.Path)}
	x[ledger.StepDate] = []string{blob(e, "receipt.json") + " | grep -q '\"recorded_at\":\"" + strings.ReplaceAll(e.Path[:10], "/", "-") + "T'"}
	x[ledger.StepHistory] = []string{"test -z \"$(git log --full-history -m --no-renames --diff-filter=MDTX --format= --name-status " + string(l.Head) + ")\""}
	x[verify.StepSeal] = []string{"# docs/spec/seal.md: git ls-tree -r --name-only HEAD-OF-THE-SEAL"}
	return x
}

// explainProof does so for the receipt of a mailed proof, which is a tar archive.
func explainProof(file string, m *verify.Mailed) explanation {
	file = fault.Quote(file)
	blob := func(e *ledger.Entry, name string) string {
		return fmt.Sprintf("tar -xOf - %s/%s < %s", e.ID, name, file)
	}
	x := explainFiles(blob, m.Genesis, m.Receipt)
	x[ledger.StepLayout] = []string{"tar -tf - < " + file}
	x[ledger.StepLimits] = []string{"tar -tvf - < " + file}
	if m.Seal != nil {
		x[verify.StepSeal] = []string{"tar -xOf - proof.json < " + file + " # the paths, docs/spec/seal.md, to the root in", blob(m.Seal, "receipt.json")}
	}
	return x
}

// explainFiles explains the steps about the files of a receipt; blob is the command
// that prints one.
func explainFiles(blob func(e *ledger.Entry, name string) string, genesis, e *ledger.Entry) explanation {
	id, raw := e.ID.String(), blob(e, "receipt.json")
	x := explanation{
		ledger.StepCanonical: {"# docs/spec/canonical.md; for plain text: " + raw + " | jq -cjS ."},
		ledger.StepID:        {"test $(" + raw + " | sha256sum | cut -c1-64) = " + id},
		ledger.StepFields:    {"# docs/spec/receipt.md: " + raw},
		verify.StepAnchor:    {"# compare with a person who knows it: " + genesis.ID.String()},
		verify.StepCovenant:  {blob(genesis, "receipt.json") + " # and the receipts of kind covenant, docs/spec/covenant.md"},
		verify.StepSigners:   {"# count the people whose signatures hold, against thresholds in the covenant"},
		verify.StepRails:     {"# docs/spec/verification.md, step 17"},
	}
	if e.ID != genesis.ID {
		x[ledger.StepLedger] = []string{raw + " | grep -q '\"ledger\":\"" + genesis.ID.String() + "\"'"}
	}
	for _, f := range e.Files {
		if f.Type == "receipt" {
			continue
		}
		file := blob(e, f.Name)
		x[ledger.StepFiles] = append(x[ledger.StepFiles], fmt.Sprintf("test $(%s | sha256sum | cut -c1-64) = %s", file, f.Digest))
		switch f.Type {
		case "ssh":
			x[verify.StepSignatures] = append(x[verify.StepSignatures], fmt.Sprintf("%s > sig; %s | ssh-keygen -Y check-novalidate -n vaultmesh -s sig", file, raw))
		case "openpgp":
			x[verify.StepSignatures] = append(x[verify.StepSignatures], fmt.Sprintf("%s > sig; %s | gpg --verify sig -", file, raw))
		case "rfc3161":
			x[verify.StepTimestamps] = append(x[verify.StepTimestamps], fmt.Sprintf("%s > token; openssl ts -reply -in token -text # and openssl ts -verify, docs/spec/timestamp.md", file))
		}
	}
	return x
}
