package ledger

import "github.com/VaultSovereign/git-vaultmesh/internal/fault"

// Step is a verification step of docs/spec/ledger-ref.md, by its number there.
type Step int

// The steps, in the order in which they are reported.
const (
	StepHead      Step = 1 + iota // the ref names a commit with a ledger's tree
	StepLayout                    // only the entries that the layout allows
	StepLimits                    // sizes and numbers
	StepCanonical                 // receipt.json is canonical
	StepID                        // the folder's name is the SHA-256 of receipt.json
	StepFields                    // the fields keep the rules of their kind
	StepDate                      // the date folders are recorded_at
	StepLedger                    // the receipt belongs to this ledger's genesis
	StepFiles                     // names of proofs and evidence are their SHA-256, stored evidence is there
	StepHistory                   // no commit removed or changed an entry, back to genesis
)

// Steps lists all steps.
func Steps() []Step {
	return []Step{StepHead, StepLayout, StepLimits, StepCanonical, StepID, StepFields, StepDate, StepLedger, StepFiles, StepHistory}
}

// String is the step's name in reports.
func (s Step) String() string {
	names := [...]string{"", "head", "layout", "limits", "canonical", "id", "fields", "date", "ledger", "files", "history"}
	return names[s]
}

// Problem is something in a ledger that does not hold.
type Problem struct {
	Step Step
	Path string // within the ledger's tree, or a commit's id for the history
	Err  error  // a fault
}

// Unknown tells whether the problem only keeps the step from being judged:
// an object is not here, or a receipt is of a later version.
func (p Problem) Unknown() bool {
	return fault.Has(p.Err, fault.ObjectMissing) || fault.Has(p.Err, fault.Incomplete) || fault.From(p.Err).Exit() == fault.ExitIncomplete
}

// stepOf is the step that reading an object fails in.
func stepOf(err error, otherwise Step) Step {
	if fault.Has(err, fault.TooLarge) || fault.Has(err, fault.ObjectTooLarge) {
		return StepLimits
	}
	return otherwise
}
