package receipt

// Covenant is the policy of a ledger: who may sign, how many must, whose
// time-stamps count, and what a push must bring. Version 1 may stand in the
// genesis receipt; each later version names the receipt of the one before.
type Covenant struct {
	Version     int64        `json:"version"`
	Previous    ID           `json:"previous,omitzero"` // absent in version 1
	Principals  []Principal  `json:"principals"`        // sorted by name
	Thresholds  []Threshold  `json:"thresholds"`
	TSAs        []Authority  `json:"tsas"`        // sorted by name
	Revocations []Revocation `json:"revocations"` // sorted by key
	Rules       []Rule       `json:"rules"`
	Federation  Federation   `json:"federation"`
}

// Findings lists the rules of docs/spec/receipt.md that the values of v break,
// so that who reads a covenant in another form can say where; nil if none.
func (v *Covenant) Findings() []Finding {
	c := new(checker)
	v.check(c)
	return c.fields
}

// Principal is one person or machine, however many keys it has.
type Principal struct {
	Name   string      `json:"name"`
	Groups []string    `json:"groups"` // sorted
	Keys   []PublicKey `json:"keys"`   // sorted by type, then key
}

// PublicKey is a verification key: for type openpgp the base64 of the binary
// key, for type ssh the two words "type base64" of an authorized_keys line.
type PublicKey struct {
	Type string `json:"type"`
	Key  string `json:"key"`
}

// Threshold says how many principals must sign what. Empty Kinds or
// Components match all; a component may be a glob with *.
type Threshold struct {
	Kinds      []Kind   `json:"kinds"`      // sorted
	Components []string `json:"components"` // sorted
	Signers    []Quorum `json:"signers"`    // each must be met
}

// Quorum is a number of distinct principals of a group. An absent group means
// any principal of the covenant.
type Quorum struct {
	Group string `json:"group,omitempty"`
	Count int64  `json:"count"`
}

// Authority is a time-stamp authority (RFC 3161) whose tokens count.
type Authority struct {
	Name   string   `json:"name"`
	Roots  []string `json:"roots"` // base64 of DER certificates
	Pins   []Digest `json:"pins"`  // SHA-256 of signer certificates; empty means any under a root
	Policy string   `json:"policy,omitempty"`
}

// Rule binds pushes that it matches to what they must bring. Empty Refs,
// Paths or Components match all; each entry may be a glob with *.
type Rule struct {
	Name       string      `json:"name"`
	Sentence   string      `json:"sentence"`
	Refs       []string    `json:"refs"`
	Paths      []string    `json:"paths"`
	Components []string    `json:"components"`
	Require    Requirement `json:"require"`
	Tests      []RuleTest  `json:"tests"`
}

// Requirement is what a push that a [Rule] matches must bring. Ages are in seconds.
type Requirement struct {
	Receipts       []Kind   `json:"receipts"`
	Signers        []Quorum `json:"signers"`
	Timestamps     int64    `json:"timestamps,omitempty"` // distinct authorities
	Authorities    []string `json:"authorities"`          // which of them count; empty means all
	TimestampAge   int64    `json:"timestamp_age,omitempty"`
	SealAge        int64    `json:"seal_age,omitempty"`
	Reproducible   bool     `json:"reproducible,omitempty"`
	TestsAttested  bool     `json:"tests_attested,omitempty"`
	Decision       bool     `json:"decision,omitempty"` // an accepted one about the changed paths
	LedgerPushed   bool     `json:"ledger_pushed,omitempty"`
	NoRewind       bool     `json:"no_rewind,omitempty"`
	CleanPeerState bool     `json:"clean_peer_state,omitempty"`
}

// RuleTest is a push described in data and what the rule must say of it.
type RuleTest struct {
	Name     string   `json:"name"`
	Ref      string   `json:"ref"`
	Paths    []string `json:"paths"`
	Receipts []Kind   `json:"receipts"`
	Signers  []string `json:"signers"` // names of principals
	Passes   bool     `json:"passes"`
}

// Federation says what peers may bring: any, signed or trusted receipts.
type Federation struct {
	Accept string `json:"accept"`
}
