package fault

import "slices"

// The codes. They are appended to, never renumbered and never reused;
// docs/errors.md has a section for each.
const (
	Usage            Code = "VM101" // unknown command, flag or value
	NoRepository     Code = "VM102" // not inside a git repository
	Ambiguous        Code = "VM103" // an operand that means two things
	BadConfig        Code = "VM104" // a configuration value of the wrong form
	NoIdentity       Code = "VM105" // git does not know who records
	NoFile           Code = "VM106" // a named file does not exist
	NotAFile         Code = "VM107" // a directory or device where a file is wanted
	BadDigest        Code = "VM108" // not a SHA-256 in hex
	NoRevision       Code = "VM109" // not a revision of this repository
	BadDate          Code = "VM110" // not a date that git reads
	GitMissing       Code = "VM111" // git is absent or too old
	GitRefused       Code = "VM112" // git refuses the repository
	BadOperand       Code = "VM113" // an id, label, link or image of the wrong form
	ReadFailed       Code = "VM114" // a file that cannot be read
	HelpUnknown      Code = "VM115" // no help page of that name
	NotReady         Code = "VM116" // doctor found what keeps the clone from its work
	BadQuery         Code = "VM117" // a query that cannot be read
	BadRegexp        Code = "VM118" // a regular expression that cannot be read
	BadLine          Code = "VM119" // a line of a batch that cannot be read
	WriteFailed      Code = "VM120" // a file that cannot be written
	NotCanonical     Code = "VM201" // bytes that are not RFC 8785 canonical
	TooLarge         Code = "VM202" // over a size limit
	BadField         Code = "VM203" // a field against its rule
	NotUTF8          Code = "VM204" // text that is not UTF-8
	Secret           Code = "VM205" // looks like a secret
	BadKind          Code = "VM206" // a kind that cannot be recorded by hand
	DigestMismatch   Code = "VM207" // a file does not have the SHA-256 given for it
	NoKey            Code = "VM301" // nothing to sign with
	BadSignature     Code = "VM302" // a signature over something else, or changed
	UnknownSigner    Code = "VM303" // a signature by a key that nobody vouches for
	KeyExpired       Code = "VM304" // a key that was not valid at the time
	KeyRevoked       Code = "VM305" // a key that was taken out of use
	WeakSignature    Code = "VM306" // a signature of a kind that can be forged
	SignFailed       Code = "VM307" // the program that signs did not
	BadKey           Code = "VM308" // a key that cannot be read or used
	WrongPassphrase  Code = "VM309" // a passphrase that does not fit, or none
	BadSpelling      Code = "VM310" // a signature file that is not in the stored form
	WrongNamespace   Code = "VM311" // an SSH signature made for something else
	KeyExists        Code = "VM312" // a key file would be overwritten
	BadToken         Code = "VM401" // bytes that are no time-stamp token in the one spelling
	TokenForged      Code = "VM402" // a token's signature, or what it binds, does not hold
	TSAUntrusted     Code = "VM403" // a token by somebody who is not trusted
	TSAUnfit         Code = "VM404" // a certificate that must not sign time-stamps
	TSAExpired       Code = "VM405" // a certificate that was not valid at the token's time
	BadAlgorithm     Code = "VM406" // an algorithm that a token must not use
	TokenClaims      Code = "VM407" // a policy, accuracy or extension that is not accepted
	OtherImprint     Code = "VM408" // a token over something else
	OtherNonce       Code = "VM409" // a token that answers another request
	OtherTime        Code = "VM410" // a new token whose time is not now
	TSARefused       Code = "VM411" // the authority says no
	TSAUnreachable   Code = "VM412" // the authority does not answer
	TSAAnswer        Code = "VM413" // the authority's answer is no time-stamp
	BadTSA           Code = "VM414" // an address, header or policy of the wrong form
	BadPin           Code = "VM415" // not a pin
	PinMismatch      Code = "VM416" // a certificate that is not the pinned one
	BadCertificate   Code = "VM417" // not a certificate
	AuthorityDamaged Code = "VM418" // the folder of an own authority cannot be used
	NoTSA            Code = "VM419" // no time-stamp authority is configured
	NotStamped       Code = "VM420" // no time-stamp that must be there
	NoLedger         Code = "VM501" // no ledger in this repository
	BadLedgerRef     Code = "VM502" // the ledger ref does not name a ledger
	RefLocked        Code = "VM503" // the ledger ref is locked
	BadTree          Code = "VM504" // the ledger's tree has something that must not be there
	LostRace         Code = "VM505" // others moved the ref faster
	NoReceipt        Code = "VM506" // no receipt of that id
	ReadOnly         Code = "VM507" // the repository cannot be written
	DiskFull         Code = "VM508" // no space left
	ObjectMissing    Code = "VM509" // an object is not here
	ObjectCorrupt    Code = "VM510" // an object cannot be read
	NoMatch          Code = "VM511" // a query without results
	Invalid          Code = "VM512" // verification: does not hold
	Incomplete       Code = "VM513" // verification: cannot be judged here
	ArtifactMismatch Code = "VM514" // the name is known with another hash
	ArtifactUnknown  Code = "VM515" // neither name nor hash is known
	OtherLedger      Code = "VM516" // remotes hold different ledgers
	ObjectTooLarge   Code = "VM517" // an object is larger than what it is for may be
	Unavailable      Code = "VM518" // no place for an index
	IndexDamaged     Code = "VM519" // the index cannot be read
	NoEvidence       Code = "VM520" // no such evidence is kept
	SealBroken       Code = "VM521" // a seal over something else than the ledger had
	Elsewhere        Code = "VM522" // a ledger in another place than where it is looked for
	HookRefused      Code = "VM601" // a hook of the repository refused
	CovenantText     Code = "VM602" // a covenant as people write it, that cannot be read
	NotEnough        Code = "VM603" // fewer principals have signed than must
	RolledBack       Code = "VM604" // a covenant that was in force is gone
	RivalCovenants   Code = "VM605" // several covenants claim to be the next
	NoAnchor         Code = "VM606" // nobody said from outside which ledger it must be
	NoCovenant       Code = "VM607" // the ledger trusts nobody
	WrongLedger      Code = "VM608" // another ledger than the one that was named
	BadAnchor        Code = "VM609" // a file of known ledgers that cannot be read
	NoChange         Code = "VM610" // a covenant that says what the one in force says
	EditFailed       Code = "VM611" // the editor ended badly
	ClaimsDiffer     Code = "VM523" // two ledgers say different things of one version
	Lost             Code = "VM525" // objects of the ledger that nobody has
	Unanswered       Code = "VM526" // what is missing may be with somebody who could not be asked
	PushRefused      Code = "VM612" // a push that would take something away
	HookDrifted      Code = "VM613" // a part of ours in a hook that somebody changed
	StrangeHook      Code = "VM614" // a hook that no part can go into
	HooksElsewhere   Code = "VM615" // hooks that are of other repositories too
	HookUnwritten    Code = "VM616" // a hook that cannot be written
	RuleBroken       Code = "VM617" // a push that breaks a rule of the covenant
	TestOfRule       Code = "VM618" // a rule that does not say what its own test says
	NoRule           Code = "VM619" // no rule of that name
	CovenantBroken   Code = "VM620" // one of the four covenants is broken
	CommandFailed    Code = "VM625" // a command that was run did not end well
	NotThatCommit    Code = "VM626" // files that are not those of a commit
	BadReport        Code = "VM627" // a report of tests that cannot be believed
	TimedOut         Code = "VM628" // a command that did not end in time
	NotReproduced    Code = "VM629" // two builds, or a build and a release, that are not the same
	BadBadge         Code = "VM630" // a badge that is not the one of the newest attestation
	NoTag            Code = "VM631" // no tag of that name, or one that no receipt can name
	UnsignedTag      Code = "VM632" // a tag that nobody has signed
	BadTag           Code = "VM633" // a tag that is not one of a commit by its own name
	TagDoubted       Code = "VM634" // a tag whose signature counts for nothing
	TagMoved         Code = "VM635" // a tag that is not the one that was released
	BadSource        Code = "VM636" // files of a commit that no archive has
	SourceDiffers    Code = "VM637" // an archive that is not that of the commit
	ReleasedElse     Code = "VM638" // a release of the tag that says something else
	FewRails         Code = "VM639" // fewer time-stamp authorities are asked than must
	SignersWanted    Code = "VM640" // a release or its seal that more must sign
	FileInTheWay     Code = "VM641" // another file where one of a release is to be
	NoRelease        Code = "VM642" // no release of that tag
	NotOfRelease     Code = "VM643" // a file that is none of a release
	RailsWanted      Code = "VM644" // fewer authorities have stamped a release than must
	ReleaseUnsealed  Code = "VM645" // no seal that counts is over a release
	BadJob           Code = "VM646" // what a CI service says of a job cannot be read
	IntoNamespace    Code = "VM647" // a push into a namespace of a repository, which nothing can judge
	RemoteFailed     Code = "VM701" // a remote cannot be asked
	PushFailed       Code = "VM702" // recorded, but the push failed
	Rewound          Code = "VM703" // a peer shows less than it showed before
	NotAccepted      Code = "VM704" // the covenant does not accept what a peer brings
	BadPeer          Code = "VM705" // no remote of that name, or an address that is none
	BadBundle        Code = "VM706" // a file that carries no ledger, or not the whole of it
	Equivocation     Code = "VM707" // one principal signed two seals that cannot both be true
	NoContradiction  Code = "VM708" // two seals that can both be true
	RefRefused       Code = "VM709" // a remote that takes no refs but branches and tags
	TooMuch          Code = "VM710" // a remote that sends more than is taken at once
	Internal         Code = "VM901" // a fault of this program
	Interrupted      Code = "VM902" // stopped by the user
	OutputFailed     Code = "VM903" // standard output cannot be written
	BadProofFile     Code = "VM904" // a mailed proof that is no canonical archive

	BadName             Code = "VM801" // a name that a service cannot have
	FolderInTheWay      Code = "VM802" // something is where a service is to be made
	NoTemplate          Code = "VM803" // no template of that type
	BadOption           Code = "VM804" // an option that a template has not
	OptionRefused       Code = "VM805" // an option that is known, and not offered
	BadAnswer           Code = "VM806" // an answer against the rule of its question
	BadTemplate         Code = "VM807" // a template that cannot be read
	TemplateEscapes     Code = "VM808" // a template with a path or link that leads elsewhere
	TemplateCycle       Code = "VM809" // a template that calls itself
	TemplateFunction    Code = "VM810" // a template that calls a function that there is not
	TemplateVariable    Code = "VM811" // a template that prints what it has not, or what must be quoted
	TemplateTooMuch     Code = "VM812" // a template that is too large, or takes too long
	BadTemplateAddress  Code = "VM813" // an address of templates that is none
	TemplateUnreachable Code = "VM814" // a repository of templates that cannot be fetched
	ToolMissing         Code = "VM815" // a program that a service needs is missing or too old
	NotSpawned          Code = "VM816" // a folder that was not made by spawn
	Uncommitted         Code = "VM817" // changes that are not committed, where a merge is to be made
	UpdateConflicts     Code = "VM818" // an update that a person has to finish
	OtherOutput         Code = "VM819" // a commit that does not have what its spawn receipt says
)

// Entry is what the catalog says of a code.
type Entry struct {
	Exit  Exit
	Title string // the heading in docs/errors.md
	Fix   string // advice; {name} is filled from a fault's details
}

// Lookup returns the catalog's entry for a code. An unknown code has exit
// class [ExitOther] and no advice.
func Lookup(c Code) Entry {
	e, ok := catalog[c]
	if !ok {
		return Entry{Exit: ExitOther, Title: "unknown code"}
	}
	return e
}

// Codes lists every code of the catalog in ascending order.
func Codes() []Code {
	codes := make([]Code, 0, len(catalog))
	for c := range catalog {
		codes = append(codes, c)
	}
	slices.Sort(codes)
	return codes
}

var catalog = map[Code]Entry{
	Usage:        {ExitUsage, "wrong usage", "see what is possible:\n{program} help {command}"},
	NoRepository: {ExitRepository, "no repository", "go into a repository, or make one:\ngit init"},
	Ambiguous:    {ExitUsage, "ambiguous operand", "give more digits of the id, or the whole name of the ref; verify takes --file, --id or --rev"},
	BadConfig:    {ExitUsage, "wrong configuration", "see where the value comes from, then correct it:\ngit config --show-origin --get-all {key}"},
	NoIdentity: {ExitUsage, "no identity", "tell git who you are:\n" +
		"git config --global user.name \"Your Name\"\ngit config --global user.email you@example.com"},
	NoFile:      {ExitNotFound, "no such file", "check the path; it is read from the folder you are in"},
	NotAFile:    {ExitUsage, "not a regular file", "name a file; a folder can be packed first:\ntar -czf FILE.tar.gz {path}"},
	BadDigest:   {ExitUsage, "not a SHA-256", "give 64 lower-case hex digits, as printed by:\nsha256sum FILE"},
	NoRevision:  {ExitNotFound, "unknown revision", "check that git knows it:\ngit rev-parse --verify {revision}"},
	BadDate:     {ExitUsage, "not a date", "give a date as git reads it, such as 2026-11-22, 2026-11-22T14:05:00+01:00 or 2.days.ago"},
	GitMissing:  {ExitRepository, "git is missing or too old", "install git 2.34 or newer and put it on PATH"},
	GitRefused:  {ExitRepository, "git refuses the repository", "git's own words above say why and what it wants"},
	BadOperand:  {ExitUsage, "operand of the wrong form", "see the forms:\n{program} help {command}"},
	ReadFailed:  {ExitOther, "cannot read a file", "check the file's permissions"},
	HelpUnknown: {ExitUsage, "no such help page", "see what there is:\n{program} help"},
	NotReady:    {ExitRepository, "clone is not ready", "each line above that is marked problem has its own fix"},
	BadQuery:    {ExitUsage, "query cannot be read", "{how}"},
	BadLine:     {ExitUsage, "line of a batch cannot be read", "nothing was recorded; a line is a JSON object, its names are those of the long flags and kind:\n{program} help record"},
	BadRegexp:   {ExitUsage, "regular expression cannot be read", "the syntax is RE2's, in which \\ . ( [ { ^ $ | ? * + have meanings; put \\ before one that is meant as it is"},
	WriteFailed: {ExitOther, "cannot write a file", "name a file that is not there, in a folder where you may write"},
	NotCanonical: {ExitInvalid, "not canonical", "these bytes were not written by git-vaultmesh, or were changed since; " +
		"the rule is in docs/spec/canonical.md"},
	TooLarge: {ExitUsage, "over a limit", "shorten it; long texts belong into a file given with --evidence"},
	BadField: {ExitUsage, "field against its rule", "see the rules for fields:\n{program} help record"},
	NotUTF8:  {ExitUsage, "not UTF-8", "convert the text to UTF-8 and run the command again"},
	Secret: {ExitUsage, "looks like a secret", "a ledger is never rewritten: take the secret out, or, if it is none, say so:\n" +
		"--allow-secret"},
	BadKind: {ExitUsage, "kind cannot be recorded by hand", "record takes release, deployment (or deploy), decision, incident and discovery"},
	DigestMismatch: {ExitInvalid, "file does not have that SHA-256", "the file is not the one meant, or was changed; compare:\n" +
		"sha256sum {path}"},
	NoKey:           {ExitUsage, "no key to sign with", "{how}"},
	BadSignature:    {ExitInvalid, "signature does not match", "what was signed is not what is here; see what each signature is by:\ngit vaultmesh show {receipt}"},
	UnknownSigner:   {ExitInvalid, "signer is unknown", "only keys of the covenant count; see whose they are:\ngit vaultmesh covenant show"},
	KeyExpired:      {ExitInvalid, "key was not valid then", "have it signed with a key that is valid; a time-stamp from before the key expired would have kept it:\ngit vaultmesh sign {receipt}"},
	KeyRevoked:      {ExitInvalid, "key is revoked", "only what was time-stamped before the revocation counts; have it signed with another key:\ngit vaultmesh sign {receipt}"},
	WeakSignature:   {ExitInvalid, "signature does not count", "sign again with a strong digest and a key of today; for gpg see digest-algo in gpg.conf"},
	SignFailed:      {ExitOther, "signing failed", "nothing was written; the program's own words above say what it wants. It is called as git calls it to sign a commit."},
	BadKey:          {ExitUsage, "key cannot be used", "name an OpenPGP or SSH key of a type that still counts: ed25519, ecdsa, or rsa of 2048 bits and more"},
	WrongPassphrase: {ExitUsage, "wrong passphrase", "nothing was written; try again, or give it by --passphrase-file or --passphrase-fd"},
	BadSpelling:     {ExitInvalid, "signature is not in its form", "a signature is stored as one binary OpenPGP packet, or in ssh-keygen's own armor; add it with:\ngit vaultmesh sign ID --import FILE"},
	WrongNamespace:  {ExitInvalid, "signature was made for something else", "sign receipts in their own namespace:\nssh-keygen -Y sign -n vaultmesh -f KEY receipt.json"},
	KeyExists:       {ExitUsage, "key file exists", "a key is never overwritten; name another file:\ngit vaultmesh key generate --output FILE"},
	BadToken: {ExitInvalid, "not a time-stamp token", "nothing is proven by it; see what it is, and ask an authority for another:\n" +
		"openssl ts -reply -text -in {path}"},
	TokenForged:    {ExitInvalid, "time-stamp does not hold", "it was changed, or was never a time-stamp of its authority; ask for another, or take it from a good clone"},
	TSAUntrusted:   {ExitInvalid, "time-stamp authority is not trusted", "compare the root and the certificate of the authority with those that are trusted"},
	TSAUnfit:       {ExitInvalid, "certificate must not sign time-stamps", "the authority must use a certificate that is for time-stamps alone (RFC 3161 section 2.3); ask another authority"},
	TSAExpired:     {ExitInvalid, "certificate was not valid then", "ask an authority whose certificate is valid; this one's clock or certificate is wrong"},
	BadAlgorithm:   {ExitInvalid, "algorithm is not accepted", "ask an authority that signs with RSA or ECDSA over SHA-256, SHA-384 or SHA-512"},
	TokenClaims:    {ExitInvalid, "time-stamp claims what is not accepted", "ask for the policy that is wanted, or ask another authority"},
	OtherImprint:   {ExitInvalid, "time-stamp of something else", "it proves nothing here; ask for one of this file"},
	OtherNonce:     {ExitInvalid, "time-stamp answers another request", "an old answer was played back, or the authority ignores nonces: ask again, or ask another authority"},
	OtherTime:      {ExitInvalid, "time-stamp is not of now", "set this machine's clock; if it is right, the authority's is wrong:\ndate -u"},
	TSARefused:     {ExitPeer, "time-stamp authority refused", "its words above say why; ask another authority, or ask later"},
	TSAUnreachable: {ExitPeer, "time-stamp authority cannot be reached", "try it by itself; what is recorded stays, and a time-stamp can be added later:\ncurl -sSI {url}"},
	TSAAnswer:      {ExitPeer, "not the answer of a time-stamp authority", "check the address; a proxy or a login page may have answered in its place:\ncurl -sSI {url}"},
	BadTSA:         {ExitUsage, "wrong description of a time-stamp authority", "give an http or https address, a policy such as 1.3.6.1.4.1.4146.2.3, a header as \"Name: value\"; and tsa serve a free address such as 127.0.0.1:3180"},
	BadPin:         {ExitUsage, "not a pin", "give the SHA-256 of a certificate or of its public key, as hex or base64:\nopenssl x509 -in FILE -noout -fingerprint -sha256"},
	PinMismatch:    {ExitInvalid, "certificate is not the pinned one", "nothing was kept; compare the pin with the one that the authority publishes"},
	BadCertificate: {ExitUsage, "certificate cannot be read", "name a file of certificates as PEM or DER:\nopenssl x509 -in {path} -noout -subject"},
	AuthorityDamaged: {ExitRepository, "folder of the authority cannot be used", "take the folder from a backup, or begin an authority in another one; only its owner may read it:\n" +
		"chmod -R go= {path}"},
	NoTSA:      {ExitUsage, "no time-stamp authority", "name one, with its root:\ngit vaultmesh tsa add NAME URL --cacert FILE"},
	NotStamped: {ExitInvalid, "time-stamps are missing", "ask for them:\ngit vaultmesh timestamp {receipt}"},
	NoLedger:   {ExitNotFound, "no ledger", "begin one, or take the one that a remote has:\ngit vaultmesh init"},
	BadLedgerRef: {ExitRepository, "ledger ref names no ledger", "see what it names, and where a good copy is:\n" +
		"git cat-file -t {ref}\ngit ls-remote {remote}"},
	RefLocked: {ExitRace, "ledger ref is locked", "another git is writing, or one crashed; if none is running, remove the lock:\nrm {lock}"},
	BadTree: {ExitInvalid, "ledger tree is malformed", "see every fault; do not add to this ledger before they are understood:\n" +
		"git vaultmesh verify --all"},
	LostRace:         {ExitRace, "lost a race", "nothing was written; run the command again"},
	NoReceipt:        {ExitNotFound, "no such receipt", "list what the ledger holds:\ngit remembrancer query"},
	ReadOnly:         {ExitRepository, "repository is read-only", "record as a user who may write to {path}, or in a clone of your own"},
	DiskFull:         {ExitRepository, "disk is full", "nothing was recorded; make room and run the command again"},
	ObjectMissing:    {ExitIncomplete, "object is missing", "see whether a remote has the ledger, and bring what this clone lacks of it:\ngit ls-remote {remote} {ref}\ngit vaultmesh doctor --repair"},
	ObjectCorrupt:    {ExitInvalid, "object is corrupt", "take it from those who have it:\ngit vaultmesh doctor --repair"},
	NoMatch:          {ExitNotFound, "no match", "ask for less: fewer or shorter words, fewer filters; without any, everything is listed"},
	Invalid:          {ExitInvalid, "verification failed", "what does not hold is said above; compare with another clone before trusting it"},
	Incomplete:       {ExitIncomplete, "verification is incomplete", "{how}"},
	ArtifactMismatch: {ExitInvalid, "artifact does not match", "do not use this file; {how}"},
	ArtifactUnknown:  {ExitNotFound, "artifact is unknown", "nothing was recorded about this file; record it:\ngit vaultmesh record release --component NAME --version VERSION --artifact {path}"},
	OtherLedger:      {ExitRepository, "different ledgers", "say which remote's ledger this repository shares:\ngit vaultmesh init --remote NAME"},
	ObjectTooLarge:   {ExitInvalid, "object is too large", "no honest program wrote it; see every fault:\ngit vaultmesh verify --all"},
	Unavailable:      {ExitRepository, "no place for an index", "queries read the whole ledger instead; make room, or let this user write to the repository or to ~/.cache"},
	IndexDamaged:     {ExitRepository, "index is damaged", "it was removed, and is built anew by the next query: run the command again"},
	NoEvidence:       {ExitNotFound, "no such evidence", "see what the receipt has:\ngit remembrancer show {receipt}"},
	SealBroken:       {ExitInvalid, "seal does not hold", "whoever signed it vouched for another ledger than this one: keep both, and ask them"},
	HookRefused:      {ExitRefused, "refused by a hook", "nothing was recorded; the hook's words above say what it wants"},
	CovenantText:     {ExitUsage, "covenant document cannot be read", "mend what is named above, by line and column; nothing was recorded. The form is in docs/spec/covenant.md"},
	NotEnough:        {ExitInvalid, "too few have signed", "have others sign it too; who may, and how many must:\ngit vaultmesh sign {receipt}\ngit vaultmesh covenant show"},
	RolledBack:       {ExitInvalid, "covenant was rolled back", "do not trust this copy of the ledger; fetch one that has it:\ngit fetch {remote}"},
	RivalCovenants:   {ExitIncomplete, "rival covenants", "ask the principals which one they mean, and say so:\ngit vaultmesh covenant log\ngit vaultmesh covenant adopt ID"},
	NoAnchor:         {ExitIncomplete, "nothing to anchor trust", "compare the ledger's id and keys with a person who knows them, then say so with this flag:\n--ledger {ledger}"},
	NoCovenant:       {ExitIncomplete, "ledger trusts nobody", "write down who may sign, and adopt it:\ngit vaultmesh covenant propose FILE"},
	WrongLedger:      {ExitInvalid, "not the ledger that was named", "this may be somebody else's ledger; compare its id with a person who knows it"},
	BadAnchor:        {ExitUsage, "anchor cannot be read", "a line is a ledger's id, and if need be the version and id of its covenant and a name"},
	NoChange:         {ExitUsage, "nothing to propose", "change the document first:\ngit vaultmesh covenant edit"},
	EditFailed:       {ExitOther, "editor failed", "what you wrote is kept; go on with it, or say which editor to use:\ngit vaultmesh covenant edit\ngit config core.editor EDITOR"},
	PushRefused:      {ExitRefused, "push refused", "take what is there first, and push what comes of it:\ngit vaultmesh sync"},
	HookDrifted:      {ExitRepository, "hook was changed", "look at it; what is not ours is kept. Take our lines out of it by hand, or move it away, and install again:\ngit vaultmesh hook install"},
	StrangeHook:      {ExitRepository, "hook takes no part of ours", "make it a program that git can run, or call ours in it, with what git gives it:\ngit vaultmesh hook run {hook}"},
	HooksElsewhere:   {ExitUsage, "hooks of other repositories", "say that you mean all of them, or call it in your own hook there:\ngit vaultmesh hook {verb} --shared\ngit config --show-origin core.hooksPath"},
	HookUnwritten:    {ExitRepository, "hook cannot be written", "it is as it was; see who may write there. A file that ends in .lock is of a process that is at it, or was killed:\nls -l {path}"},
	RuleBroken:       {ExitRefused, "rule broken", "{how}"},
	TestOfRule:       {ExitInvalid, "rule fails its own test", "correct the rule or the test; what a test describes is in docs/spec/covenant.md:\ngit vaultmesh covenant edit"},
	NoRule:           {ExitNotFound, "no such rule", "see what rules there are:\ngit vaultmesh covenant show"},
	CovenantBroken:   {ExitRefused, "one of the four covenants is broken", "what is broken is said above; see all of it, for programs too:\ngit vaultmesh covenant check --format json"},
	ClaimsDiffer:     {ExitInvalid, "claims differ", "ask both sides which artifact it was; each receipt says who recorded it:\ngit remembrancer query component:NAME"},
	Lost:             {ExitIncomplete, "lost for certain", "ask whoever may have a copy of this ledger, such as a backup or an old clone, and name it; what is not lost is here:\ngit vaultmesh doctor --repair --from PATH"},
	Unanswered:       {ExitPeer, "not all could be asked", "run it again when they can be reached, or are repaired themselves; the folder of a repository is read as it lies there:\ngit vaultmesh doctor --repair --from PATH"},
	Elsewhere:        {ExitUsage, "the ledger is on a branch", "take it where it is:\ngit vaultmesh init --branch"},
	CommandFailed:    {ExitInvalid, "command failed", "its own words above say why; {how}"},
	NotThatCommit:    {ExitRepository, "not the files of the commit", "{how}"},
	BadReport:        {ExitInvalid, "report cannot be believed", "nothing was recorded; {how}"},
	TimedOut:         {ExitInvalid, "command did not end", "{how}"},
	NotReproduced:    {ExitInvalid, "not reproduced", "{how}"},
	BadBadge:         {ExitInvalid, "badge is not derived from the newest attestation", "{how}"},
	NoTag:            {ExitNotFound, "no such tag", "name a tag of this repository, fetch those of a remote, or make one that is signed:\ngit tag --list\ngit fetch --tags\ngit tag -s {tag} COMMIT"},
	UnsignedTag:      {ExitInvalid, "tag is not signed", "make it anew, with your key, before anybody has it:\ngit tag -s -f {tag} COMMIT"},
	BadTag:           {ExitInvalid, "tag of something else", "{how}"},
	TagDoubted:       {ExitInvalid, "signature of the tag counts for nothing", "{how}"},
	TagMoved:         {ExitRefused, "tag was moved after its release", "a tag that was released stays what it is: see what was released, and put the tag back or take another name:\ngit vaultmesh show {receipt}"},
	BadSource:        {ExitInvalid, "files that no archive has", "the commit has what no tar could unpack safely; see what, and mend it in another commit:\ngit fsck\ngit ls-tree -r {commit}"},
	SourceDiffers:    {ExitInvalid, "not the archive of the commit", "{how}"},
	ReleasedElse:     {ExitRefused, "released otherwise", "{how}"},
	FewRails:         {ExitUsage, "too few time-stamp authorities are asked", "add one, or say how many must stamp the release:\ngit vaultmesh tsa add NAME URL --cacert FILE\n--rails {have}"},
	SignersWanted:    {ExitIncomplete, "more must sign", "what is here stays; have the others sign it in their clones, then go on:\ngit vaultmesh sync\ngit vaultmesh sign {receipt}\ngit vaultmesh release seal {tag}"},
	FileInTheWay:     {ExitOther, "another file is in the way", "it is not written over; move it away, or write to another folder:\n-o DIR"},
	NoRelease:        {ExitNotFound, "no release of that tag", "bring the ledger up to date, or make the release:\ngit vaultmesh sync\ngit vaultmesh release seal {tag}"},
	NotOfRelease:     {ExitInvalid, "not a file of the release", "do not use it; see what the release has:\ngit vaultmesh show {receipt}"},
	RailsWanted:      {ExitPeer, "too few authorities have stamped", "{how}"},
	ReleaseUnsealed:  {ExitIncomplete, "no seal is over the release", "go on with the release, or seal the ledger:\ngit vaultmesh release seal {tag}\ngit vaultmesh seal"},
	BadJob:           {ExitUsage, "what CI says of the job cannot be read", "say by yourself what is to be checked:\ngit vaultmesh covenant check --ci A..B --ref REF"},
	IntoNamespace:    {ExitRefused, "push into a namespace", "push to the repository itself; or who keeps the server gives what is in the namespace a repository of its own, with a ledger:\ngit clone --bare --upload-pack 'git --namespace=NAME upload-pack' PATH"},
	RemoteFailed:     {ExitPeer, "remote cannot be reached", "try it with git alone; without it, begin a ledger only if the remote has none:\ngit ls-remote {remote}\ngit vaultmesh init --offline"},
	PushFailed:       {ExitPeer, "not pushed", "the receipt is recorded here; push it when the cause is mended:\ngit push {remote} {ref}"},
	Rewound:          {ExitInvalid, "peer shows less than before", "see what it showed and shows, and ask whoever keeps it; nothing is taken of it or pushed to it until you say so:\ngit vaultmesh peer status {peer}\ngit vaultmesh peer accept {peer}"},
	NotAccepted:      {ExitRefused, "not accepted by the covenant", "{how}"},
	BadPeer:          {ExitUsage, "no such peer", "name a remote of this repository, make one, or give one another name:\ngit vaultmesh peer list\ngit vaultmesh peer add NAME URL\ngit remote rename NAME OTHER"},
	Equivocation: {ExitInvalid, "two seals that cannot both be true", "whoever signed both is not to be believed about either; show it to others, then take the key out of use:\n" +
		"git vaultmesh prove {first} --against {second}"},
	NoContradiction: {ExitNotFound, "two seals that can both be true", "see what each is over, and who signed it:\ngit vaultmesh show ID"},
	RefRefused:      {ExitPeer, "remote takes no such ref", "what is recorded stays here; keep the ledger on a branch, which every host takes (docs/forges.md):\ngit vaultmesh init --branch"},
	TooMuch:         {ExitInvalid, "remote sends too much", "ask whoever keeps it what is in it; if it is meant, allow more:\ngit config vaultmesh.maxFetch 32g"},
	BadBundle:       {ExitInvalid, "no ledger in the file", "make it where the ledger is, with all of its history:\ngit bundle create FILE refs/vaultmesh/ledger"},
	Internal:        {ExitOther, "internal fault", "this is a fault of git-vaultmesh; report it with the command that led to it"},
	Interrupted:     {ExitInterrupted, "interrupted", "nothing is half-written; run the command again"},
	OutputFailed:    {ExitOther, "output cannot be written", "look at the disk or the program that reads the output"},
	BadProofFile:    {ExitInvalid, "proof file is malformed", "it was cut off, changed or packed anew on its way; get it again from where it was made, as an attachment"},

	BadName:             {ExitUsage, "name that a service cannot have", "choose another; it becomes a folder, a module, an image and an object of Kubernetes, such as my-service"},
	FolderInTheWay:      {ExitUsage, "folder is in the way", "nothing is written over; name a folder that is not there, or is empty:\n--output DIR"},
	NoTemplate:          {ExitNotFound, "no such template", "see what there is:\ngit vaultmesh spawn list"},
	BadOption:           {ExitUsage, "no such option", "see which options the template has:\ngit vaultmesh spawn show {type}"},
	OptionRefused:       {ExitUsage, "option is not offered", "leave it out; what cannot be tested is not written. What is offered:\ngit vaultmesh spawn show {type}"},
	BadAnswer:           {ExitUsage, "answer cannot be taken", "see what is asked and which answers there are, then give another:\ngit vaultmesh spawn show {type}\n--set {question}=VALUE"},
	BadTemplate:         {ExitInvalid, "template cannot be read", "mend the template; how one is written is in docs/templates.md"},
	TemplateEscapes:     {ExitInvalid, "template leads elsewhere", "do not use this template; its files must be plain files whose paths stay within the folder (docs/templates.md)"},
	TemplateCycle:       {ExitInvalid, "template calls itself", "mend the template: what it calls must not come back to it"},
	TemplateFunction:    {ExitInvalid, "template calls an unknown function", "mend the template: which functions there are is in docs/templates.md"},
	TemplateVariable:    {ExitInvalid, "template cannot be filled in", "mend the template: it may print what it asks, and what a person answers freely through quote, pyquote, goquote, shquote or md (docs/templates.md)"},
	TemplateTooMuch:     {ExitInvalid, "template is too large", "do not use this template, or mend it; the limits are in docs/templates.md"},
	BadTemplateAddress:  {ExitUsage, "not an address of templates", "name a repository that git fetches from, and a tag, branch or commit of it:\n--template https://HOST/PATH.git@REF"},
	TemplateUnreachable: {ExitPeer, "templates cannot be fetched", "try it with git alone:\ngit ls-remote {url}"},
	ToolMissing:         {ExitOther, "tools are missing or too old", "{how}"},
	NotSpawned:          {ExitNotFound, "not made by spawn", "go to the folder that spawn made, or name it; the ledger knows these:\ngit remembrancer list spawns"},
	Uncommitted:         {ExitRepository, "changes are not committed", "commit them, or put them away, so that the update cannot take them away:\ngit status\ngit stash"},
	UpdateConflicts:     {ExitOther, "update has conflicts", "mend the files that are named, then finish the merge, or give it up:\ngit add FILE && git commit\ngit merge --abort"},
	OtherOutput:         {ExitInvalid, "commit has other files than its receipt says", "compare with another clone; an update has no base to begin from:\ngit vaultmesh show {receipt}"},
}
