package verify

import "github.com/VaultSovereign/git-vaultmesh/ledger"

// The steps beyond those of a ledger's form, by their numbers in
// docs/spec/verification.md.
const (
	StepAnchor     = ledger.StepHistory + 1 + iota // somebody outside of the ledger said which one it must be
	StepCovenant                                   // its covenants follow from one another, and one is in force
	StepSignatures                                 // each signature is one over its receipt
	StepSigners                                    // as many principals have signed as the covenant asks for
	StepTimestamps                                 // each token stamps something in its folder
	StepSeal                                       // the receipt is under a seal that holds
	StepRails                                      // the authorities that must have stamped it have
)

// Steps lists all steps.
func Steps() []ledger.Step {
	return append(ledger.Steps(), StepAnchor, StepCovenant, StepSignatures, StepSigners, StepTimestamps, StepSeal, StepRails)
}

// NameOf is a step's name in reports.
func NameOf(s ledger.Step) string {
	if s <= ledger.StepHistory {
		return s.String()
	}
	return [...]string{"anchor", "covenant", "signatures", "signers", "timestamps", "seal", "rails"}[s-StepAnchor]
}
