package rules

import (
	"fmt"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Explain says in words what a rule is about, and what it asks for, a line each.
func Explain(r receipt.Rule) []string {
	lines := []string{"binds pushes to " + orAll(r.Refs, "every ref")}
	if len(r.Paths) > 0 {
		lines = append(lines, "that change "+orAll(r.Paths, ""))
	}
	if len(r.Components) > 0 {
		lines = append(lines, "receipts count that are of "+orAll(r.Components, "")+", or of no component")
	}
	return append(lines, asks(r.Require)...)
}

func orAll(patterns []string, all string) string {
	if len(patterns) == 0 {
		return all
	}
	return strings.Join(patterns, " or ")
}

func asks(q receipt.Requirement) []string {
	var lines []string
	add := func(asked bool, format string, args ...any) {
		if asked {
			lines = append(lines, "asks for "+fmt.Sprintf(format, args...))
		}
	}
	for _, kind := range q.Receipts {
		add(true, "a trusted %s receipt about the commit that is pushed", kind)
	}
	add(len(q.Receipts) == 0 && wantsProofs(q), "a trusted receipt about the commit that is pushed")
	for _, s := range q.Signers {
		whose := "the covenant"
		if s.Group != "" {
			whose = "the group " + s.Group
		}
		add(true, "signatures of %d principals of %s on it", s.Count, whose)
	}
	whose := ""
	if len(q.Authorities) > 0 {
		whose = " of " + strings.Join(q.Authorities, ", ")
	}
	add(q.Timestamps > 0, "time-stamps of %d authorities%s over those signatures", q.Timestamps, whose)
	add(q.TimestampAge > 0, "time-stamps%s that are not older than %s", whose, Age(q.TimestampAge))
	add(q.SealAge > 0, "a seal of the ledger that is not older than %s", Age(q.SealAge))
	add(q.Reproducible, "an attestation that two builds came to the same bytes, those of the release")
	add(q.TestsAttested, "an attestation that its tests pass")
	add(q.Decision, "an accepted decision about it, or about the paths that are changed")
	add(q.LedgerPushed, "the ledger to be pushed before or with it")
	add(q.NoRewind, "the ref not to be rewound or deleted, a tag not to be moved")
	add(q.CleanPeerState, "nothing to be held back of any peer")
	return lines
}
