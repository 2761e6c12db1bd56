package rules

import (
	"fmt"
	"slices"

	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// The types of attestations that rules know.
const (
	TypeTests        = "tests"
	TypeReproduction = "reproduction"
)

// PathLabel is the label with which a decision says what it decides about: a path, in
// which * stands for any characters.
const PathLabel = "path"

// Identical says whether an attestation is of two builds that came to the same bytes.
func Identical(a *receipt.Attestation) bool {
	return a != nil && a.Type == TypeReproduction && a.ExitCode == 0 && len(a.Differences) == 0 && len(a.Outputs) > 0
}

// Repeated lists the subjects of a release that no attestation of identical builds made:
// one about the same commit and component, or about no component. The archive of the
// commit's files is made by no build, but again by everybody.
func Repeated(of Receipt, about []Receipt) (missing []receipt.Subject) {
	release := of.Receipt
	source, _ := release.Source()
	for _, s := range release.Subjects {
		if s == source && s.SHA256 == of.Archive {
			continue
		}
		made := slices.ContainsFunc(about, func(one Receipt) bool {
			a := one.Receipt
			same := a.Commit == release.Commit && (a.Component == "" || a.Component == release.Component)
			return same && Identical(a.Attestation) && slices.ContainsFunc(a.Attestation.Outputs, func(o receipt.Subject) bool { return o.SHA256 == s.SHA256 })
		})
		if !made {
			missing = append(missing, s)
		}
	}
	return missing
}

// repeated judges reproducible.
func repeated(r receipt.Rule, f Facts) []Lack {
	about := ofRule(r, receipt.KindAttestation, f.Receipts)
	if !slices.ContainsFunc(about, func(one Receipt) bool { return Identical(one.Receipt.Attestation) }) {
		return []Lack{{Need: NeedRepeat, Kind: receipt.KindAttestation, Text: "no trusted attestation says that two builds of it came to the same bytes"}}
	}
	var lacks []Lack
	for _, release := range ofRule(r, receipt.KindRelease, f.Receipts) {
		if missing := Repeated(release, about); len(missing) > 0 {
			lacks = append(lacks, Lack{Need: NeedRepeat, Kind: receipt.KindAttestation, Receipt: release.ID,
				Text: fmt.Sprintf("%s, which the release receipt %s names, is no file that two builds of it came to", missing[0].Name, release.ID.Short())})
		}
	}
	return lacks
}

// tested judges tests_attested: of each component the newest run decides.
func tested(r receipt.Rule, f Facts) []Lack {
	newest := make(map[string]receipt.Time)
	var runs []Receipt
	for _, one := range ofRule(r, receipt.KindAttestation, f.Receipts) {
		if a := one.Receipt.Attestation; a != nil && a.Type == TypeTests {
			runs = append(runs, one)
			newest[one.Receipt.Component] = max(newest[one.Receipt.Component], one.Receipt.RecordedAt)
		}
	}
	if len(runs) == 0 {
		return []Lack{{Need: NeedTests, Kind: receipt.KindAttestation, Text: "no trusted attestation is about its tests"}}
	}
	var lacks []Lack
	for _, one := range runs {
		if one.Receipt.RecordedAt < newest[one.Receipt.Component] {
			continue
		}
		if why := failed(one.Receipt.Attestation); why != "" {
			lacks = append(lacks, Lack{Need: NeedTests, Kind: receipt.KindAttestation, Receipt: one.ID, Text: fmt.Sprintf("its tests do not pass: %s, says %s", why, one.ID.Short())})
		}
	}
	return lacks
}

// failed says why a run of tests is none that passed, "" if it is one.
func failed(a *receipt.Attestation) string {
	switch t := a.Totals; {
	case a.ExitCode != 0:
		return fmt.Sprintf("exit status %d", a.ExitCode)
	case t == nil:
	case t.Passed+t.Failed+t.Skipped != t.Total:
		return fmt.Sprintf("%d passed, %d failed and %d skipped are not %d tests", t.Passed, t.Failed, t.Skipped, t.Total)
	case t.Failed > 0:
		return fmt.Sprintf("%d tests failed", t.Failed)
	case t.Passed == 0:
		return "no test passed"
	}
	return ""
}

// Accepted says whether a receipt is an accepted decision.
func Accepted(r *receipt.Receipt) bool {
	return r.Kind == receipt.KindDecision && r.Decision != nil && r.Decision.Status == "accepted"
}

// decided judges decision: one is about the commit that the ref leads to, or those that
// name paths name all that are changed.
func decided(r receipt.Rule, u Update, f Facts) []Lack {
	if slices.ContainsFunc(ofRule(r, receipt.KindDecision, f.Receipts), func(one Receipt) bool { return Accepted(one.Receipt) }) {
		return nil
	}
	if u.Loose {
		return []Lack{{Need: NeedDecision, Kind: receipt.KindDecision, Text: u.Ref + " leads to no commit, and no decision can be about what it changes"}}
	}
	if u.Cut {
		return []Lack{{Need: NeedDecision, Kind: receipt.KindDecision, Text: "what is changed cannot be told, because the history is cut", Unknown: true}}
	}
	standing := ofRule(r, receipt.KindDecision, f.Decisions)
	open := slices.DeleteFunc(changed(r, u), func(path string) bool {
		return slices.ContainsFunc(standing, func(one Receipt) bool {
			pattern := one.Receipt.Labels[PathLabel]
			return pattern != "" && Accepted(one.Receipt) && receipt.Glob(pattern, path)
		})
	})
	if len(open) == 0 {
		return nil
	}
	text := "no accepted decision is about " + open[0]
	if len(open) > 1 {
		text += fmt.Sprintf(" and %d more", len(open)-1)
	}
	return []Lack{{Need: NeedDecision, Kind: receipt.KindDecision, Text: text, Path: open[0]}}
}
