package policy

// The tables of a document. The tags are what [Schema] and the decoder know of
// a key: its name, whether it must be there, what it is, and its form.

type document struct {
	At          place
	Principals  []principal  `toml:"principals" need:"yes" is:"who may sign: people and machines"`
	Thresholds  []threshold  `toml:"thresholds" is:"how many must sign what"`
	TSAs        []authority  `toml:"tsas" is:"authorities whose time-stamps count (RFC 3161)"`
	Revocations []revocation `toml:"revocations" is:"keys that are no longer to be trusted"`
	Rules       []rule       `toml:"rules" is:"what a push must bring"`
	Federation  federation   `toml:"federation" is:"what peers may bring"`
}

type principal struct {
	At      place
	Name    text   `toml:"name" need:"yes" is:"name of the person or machine"`
	Groups  []text `toml:"groups" is:"groups that the principal belongs to"`
	SSH     []text `toml:"ssh" is:"SSH public keys, each a line as in a .pub file"`
	OpenPGP []text `toml:"openpgp" is:"OpenPGP public keys, each armored or in base64"`
}

type threshold struct {
	At         place
	Kinds      []text   `toml:"kinds" is:"kinds of receipts; none means all"`
	Components []text   `toml:"components" is:"components, each may be a glob with *; none means all"`
	Signers    []quorum `toml:"signers" is:"who must sign, each to be met; absent means one of any principals"`
}

type quorum struct {
	At    place
	Group text   `toml:"group" is:"a group; absent means any principal"`
	Count number `toml:"count" is:"how many distinct principals of it; absent means 1" least:"1" most:"1024"`
}

type authority struct {
	At     place
	Name   text   `toml:"name" need:"yes" is:"name of the authority" form:"^[a-z][a-z0-9._-]{0,62}$"`
	Roots  []text `toml:"roots" need:"yes" is:"root certificates, each as PEM or base64 of DER"`
	Pins   []text `toml:"pins" is:"SHA-256 of signers' certificates in hex; none means any signer under a root" form:"^[0-9A-Fa-f:]+$"`
	Policy text   `toml:"policy" is:"policy that tokens must have, an object identifier" form:"^[0-2](\\.(0|[1-9][0-9]*)){1,20}$"`
}

type revocation struct {
	At     place
	Key    text   `toml:"key" need:"yes" is:"fingerprint as ssh-keygen -l or gpg prints it" form:"^(SHA256:[A-Za-z0-9+/]{43}|[0-9A-Fa-f ]+)$"`
	Reason text   `toml:"reason" need:"yes" is:"why" enum:"compromised superseded retired"`
	When   moment `toml:"at" need:"yes" is:"since when, in UTC: 2026-11-24T09:00:00Z"`
}

type rule struct {
	At         place
	Name       text        `toml:"name" need:"yes" is:"name of the rule" form:"^[a-z][a-z0-9._-]{0,62}$"`
	Sentence   text        `toml:"sentence" need:"yes" is:"the rule in words"`
	Refs       []text      `toml:"refs" is:"refs, each may be a glob with *; none means all"`
	Paths      []text      `toml:"paths" is:"changed paths, each may be a glob with *; none means all"`
	Components []text      `toml:"components" is:"components, each may be a glob with *; none means all"`
	Require    requirement `toml:"require" is:"what a push that the rule is about must bring"`
	Tests      []ruleTest  `toml:"tests" is:"pushes, and what the rule must say of them"`
}

type requirement struct {
	At             place
	Receipts       []text   `toml:"receipts" is:"kinds of receipts about it"`
	Signers        []quorum `toml:"signers" is:"who must have signed them, each to be met"`
	Timestamps     number   `toml:"timestamps" is:"time-stamps by so many distinct authorities" least:"0" most:"9007199254740991"`
	Authorities    []text   `toml:"authorities" is:"names of the authorities that count; none means all"`
	TimestampAge   text     `toml:"timestamp_age" is:"how old they may be, such as 36h or 7d" form:"^[1-9][0-9]*[smhdw]$"`
	SealAge        text     `toml:"seal_age" is:"how old the newest seal may be, such as 36h or 7d" form:"^[1-9][0-9]*[smhdw]$"`
	Reproducible   flag     `toml:"reproducible" is:"a build was repeated with the same result"`
	TestsAttested  flag     `toml:"tests_attested" is:"tests were attested"`
	Decision       flag     `toml:"decision" is:"an accepted decision is about the changed paths"`
	LedgerPushed   flag     `toml:"ledger_pushed" is:"the ledger is pushed with it"`
	NoRewind       flag     `toml:"no_rewind" is:"no ref is moved back"`
	CleanPeerState flag     `toml:"clean_peer_state" is:"no peer is in breach"`
}

type ruleTest struct {
	At       place
	Name     text   `toml:"name" need:"yes" is:"what the test shows"`
	Ref      text   `toml:"ref" need:"yes" is:"full name of the ref that is pushed"`
	Paths    []text `toml:"paths" is:"paths that change"`
	Receipts []text `toml:"receipts" is:"kinds of receipts that are there"`
	Signers  []text `toml:"signers" is:"names of principals who signed them"`
	Passes   flag   `toml:"passes" need:"yes" is:"whether the push passes"`
}

type federation struct {
	At     place
	Accept text `toml:"accept" is:"receipts that peers may bring; absent means signed" enum:"any signed trusted"`
}

// The scalars. One that is not given stands nowhere.

type text struct {
	At place
	S  string
}

type number struct {
	At place
	N  int64
}

type flag struct {
	At place
	B  bool
}

type moment struct {
	At place
	S  string
}
