package cli

import (
	"fmt"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
)

// explanation is how a step is checked with plain tools: commands for a shell, or a
// sentence where there is none.
type explanation map[ledger.Step][]string

// explain says how each step about a receipt is checked with plain tools.
func explain(l *ledger.Ledger, genesis, e *ledger.Entry) explanation {
	blob := func(path, name string) string { return fmt.Sprintf("git cat-file blob %s:%s/%s", l.Head, path, name) }
	id, raw := e.ID.String(), blob(e.Path, "receipt.json")
	x := explanation{
		ledger.StepHead:      {"git cat-file blob " + string(l.Head) + ":VERSION"},
		ledger.StepLayout:    {fmt.Sprintf("git ls-tree %s:%s", l.Head, e.Path)},
		ledger.StepLimits:    {fmt.Sprintf("git ls-tree -l %s:%s", l.Head, e.Path)},
		ledger.StepCanonical: {"# docs/spec/canonical.md; for plain text: " + raw + " | jq -cjS ."},
		ledger.StepID:        {"test $(" + raw + " | sha256sum | cut -c1-64) = " + id},
		ledger.StepFields:    {"# docs/spec/receipt.md: " + raw},
		ledger.StepDate:      {raw + " | grep -q '\"recorded_at\":\"" + strings.ReplaceAll(e.Path[:10], "/", "-") + "T'"},
		ledger.StepHistory:   {"test -z \"$(git log --full-history -m --no-renames --diff-filter=MDTX --format= --name-status " + string(l.Head) + ")\""},
		verify.StepAnchor:    {"# compare with a person who knows it: " + genesis.ID.String()},
		verify.StepCovenant:  {blob(genesis.Path, "receipt.json") + " # and the receipts of kind covenant, docs/spec/covenant.md"},
		verify.StepSigners:   {"# count the people whose signatures hold, against thresholds in the covenant"},
		verify.StepSeal:      {"# docs/spec/seal.md: git ls-tree -r --name-only HEAD-OF-THE-SEAL"},
		verify.StepRails:     {"# docs/spec/verification.md, step 17"},
	}
	if e.ID != genesis.ID {
		x[ledger.StepLedger] = []string{raw + " | grep -q '\"ledger\":\"" + genesis.ID.String() + "\"'"}
	}
	for _, f := range e.Files {
		if f.Type == "receipt" {
			continue
		}
		file := blob(e.Path, f.Name)
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
