package receipt

// The bodies: one object in a receipt, named after its kind. Release and
// deployment have none.

// Genesis begins a ledger; the id of its receipt is the ledger's identity.
// Without a covenant the ledger trusts nobody until a person adopts one.
type Genesis struct {
	Name     string    `json:"name"`
	Nonce    string    `json:"nonce"` // 32 hex digits, random
	Covenant *Covenant `json:"covenant,omitempty"`
}

// Decision is an architecture decision.
type Decision struct {
	Status       string `json:"status"` // proposed, accepted, rejected or superseded
	Title        string `json:"title"`
	Context      string `json:"context,omitempty"`
	Decision     string `json:"decision,omitempty"`
	Consequences string `json:"consequences,omitempty"`
}

// Incident is something that went wrong.
type Incident struct {
	Severity  string `json:"severity"`
	StartedAt *Time  `json:"started_at,omitempty"`
	EndedAt   *Time  `json:"ended_at,omitempty"`
	Impact    string `json:"impact,omitempty"`
	Cause     string `json:"cause,omitempty"`
	Action    string `json:"action,omitempty"`
}

// Discovery is something learnt.
type Discovery struct {
	Title   string `json:"title"`
	Finding string `json:"finding,omitempty"`
}

// Attestation is what a machine found when it ran something.
type Attestation struct {
	Type        string            `json:"type"` // tests, build, reproduction, …
	Tool        string            `json:"tool"`
	Command     []string          `json:"command,omitempty"`
	ExitCode    int64             `json:"exit_code"`
	StartedAt   *Time             `json:"started_at,omitempty"`
	EndedAt     *Time             `json:"ended_at,omitempty"`
	Totals      *Totals           `json:"totals,omitempty"`
	Environment map[string]string `json:"environment,omitempty"`
	Outputs     []Subject         `json:"outputs,omitempty"` // sorted by name, then hash
	Differences []Difference      `json:"differences,omitempty"`
}

// Totals counts tests. Total is the sum of the others.
type Totals struct {
	Passed  int64 `json:"passed"`
	Failed  int64 `json:"failed"`
	Skipped int64 `json:"skipped"`
	Total   int64 `json:"total"`
}

// Difference is the first place where two builds of a file differ.
type Difference struct {
	Name   string `json:"name"`
	Offset int64  `json:"offset"` // bytes from the beginning
	Detail string `json:"detail,omitempty"`
}

// Spawn is the birth of a service from a template.
type Spawn struct {
	Template       string            `json:"template"`
	TemplateDigest Digest            `json:"template_digest"`
	Answers        map[string]string `json:"answers"`
	OutputDigest   Digest            `json:"output_digest"`
}

// Import is a receipt brought over from another system.
type Import struct {
	Source         string   `json:"source"`
	OriginalSHA256 Digest   `json:"original_sha256"`
	Damage         []string `json:"damage"` // sorted; empty when nothing was wrong
}

// Seal is the Merkle root over everything in the ledger at one head.
type Seal struct {
	Receipts int64  `json:"receipts"`
	Files    int64  `json:"files"`
	Head     Object `json:"head"`
	Root     Digest `json:"root"`
}

// Merge is derived from a merge commit: a pure function of its two heads.
type Merge struct {
	Heads []MergeHead `json:"heads"` // two, sorted by commit
	Root  Digest      `json:"root"`
	Files int64       `json:"files"`
}

// MergeHead is one side of a [Merge].
type MergeHead struct {
	Commit Object `json:"commit"`
	Root   Digest `json:"root"`
	Files  int64  `json:"files"`
}

// Revocation takes a key out of use.
type Revocation struct {
	Key    string `json:"key"`    // the key's fingerprint
	Reason string `json:"reason"` // compromised, superseded or retired
	At     Time   `json:"at"`
}
