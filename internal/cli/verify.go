package cli

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fatih/color"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/record"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

type verifyCmd struct {
	What    string `arg:"" optional:"" help:"a file, a receipt's id, a revision, or a proof (.vmproof)"`
	With    string `arg:"" optional:"" name:"artifact" help:"with a proof: the file that it must be about"`
	All     bool   `xor:"what" help:"the whole ledger, with its history"`
	File    string `xor:"what" placeholder:"FILE" help:"an artifact"`
	ID      string `xor:"what" name:"id" placeholder:"ID" help:"a receipt, by its id or the beginning of it"`
	Rev     string `xor:"what" placeholder:"REV" help:"the receipts about a commit"`
	Against string `xor:"what" placeholder:"REMOTE" help:"what the ledger of a remote claims, held against this one's claims"`
	Head    string `placeholder:"REV" help:"with --all: the ledger as it stands at this commit, whatever the ref names"`

	FullChain bool `help:"the history from genesis, the seal and the required time-stamps too"`
	Explain   bool `help:"for each step, the command of a plain tool that does the same"`
	Strict    bool `help:"with --all: a receipt that is not trusted makes the ledger invalid"`
	anchoring
	fetching

	using    *verify.Terms `kong:"-"`
	explains explanation   `kong:"-"`
}

// Run judges what was named, prints the steps, and fails unless all hold.
func (c *verifyCmd) Run(a *app) error {
	if (c.What != "") == (c.All || c.File != "" || c.ID != "" || c.Rev != "" || c.Against != "") {
		return fault.New(fault.Usage, "name one thing to verify, or --all").With("command", "verify")
	}
	if c.Head != "" && !c.All {
		return fault.New(fault.Usage, "--head says which ledger is verified with --all").With("command", "verify")
	}
	if c.With != "" && !isProof(c.What) {
		return fault.New(fault.Usage, "a second file is for a proof, whose name ends with %s", proofSuffix).With("command", "verify")
	}
	if isProof(c.What) {
		return c.proof(a)
	}
	if c.Explain && c.All {
		return fault.New(fault.Usage, "--explain is about one receipt").With("command", "verify")
	}
	if c.Strict && !c.All {
		return fault.New(fault.Usage, "--strict is for --all: a single receipt must always be trusted").With("command", "verify")
	}
	if c.Against != "" {
		return c.against(a)
	}
	if c.All {
		return c.all(a)
	}
	l, err := a.openLedger(true, c.fetching)
	if err != nil {
		return err
	}
	if c.using, err = c.judging(a, l); err != nil {
		return err
	}
	o, err := c.operand(a, l)
	if err != nil {
		return err
	}
	if o.File != "" {
		return c.artifact(a, l, o.File)
	}
	report, err := verify.Receipts(a.ctx, a.repo, l, o.Entries, c.using)
	if err == nil {
		err = c.explained(a, l, o.Entries, report)
	}
	if err != nil {
		return err
	}
	a.accept(l, c.using, report.Chain)
	return c.conclude(a, report, judged{Receipts: ids(o.Entries)}, titles(o.Entries))
}

// explained finds out how the steps about one receipt are checked with plain tools.
func (c *verifyCmd) explained(a *app, l *ledger.Ledger, entries []*ledger.Entry, report *verify.Report) (err error) {
	if !c.Explain {
		return nil
	}
	if len(entries) != 1 {
		return fault.New(fault.Usage, "--explain is about one receipt, and these are %d", len(entries)).With("command", "verify")
	}
	c.explains, err = a.explain(l, entries[0], report, c.using, c.file(a))
	return err
}

// judging are the terms by which this command judges.
func (c *verifyCmd) judging(a *app, l *ledger.Ledger) (*verify.Terms, error) {
	var id receipt.ID
	genesis, err := l.Genesis(a.ctx)
	if err == nil {
		id = genesis.ID
	}
	terms, err := c.terms(a, id)
	if err == nil {
		terms.Full, terms.Strict = c.FullChain, c.Strict
	}
	return terms, err
}

func (c *verifyCmd) operand(a *app, l *ledger.Ledger) (operand, error) {
	switch {
	case c.File != "":
		return operand{File: c.File}, nil
	case c.ID != "":
		return a.byID(l, c.ID)
	case c.Rev != "":
		return a.byRevision(l, c.Rev)
	}
	return a.resolve(l, c.What, true, l.Find)
}

func (c *verifyCmd) all(a *app) error {
	if err := a.open(true); err != nil {
		return err
	}
	what := a.config.Ref
	var head gitrepo.OID
	var err error
	if c.Head != "" {
		what += " at " + c.Head
		head, _, err = a.repo.ResolveCommit(a.ctx, c.Head)
	} else {
		err = a.refresh(c.fetching)
	}
	if err != nil {
		return err
	}
	report, err := c.whole(a, head)
	if err != nil {
		return err
	}
	if report.Before > 0 {
		a.out.note("%d of the receipts were judged before, at %s; --no-cache judges them again", report.Before, report.BeforeAt.Short())
	}
	return c.conclude(a, report, judged{Receipts: []string{}}, []string{fmt.Sprintf("%s, %d receipts", what, report.Receipts)})
}

// whole judges the whole ledger, at a head or where its ref is.
func (c *verifyCmd) whole(a *app, head gitrepo.OID) (*verify.Report, error) {
	open := a.ledger
	if head != "" {
		open = func() (*ledger.Ledger, error) { return ledger.OpenCommit(a.ctx, a.repo, a.config.Ref, head) }
	}
	l, err := open()
	if report := verify.Unopened(a.config.Ref, err); report != nil {
		return report, nil
	}
	if err != nil {
		return nil, err
	}
	l.Pin(a.config.Ledger)
	terms, err := c.judging(a, l)
	if err != nil {
		return nil, err
	}
	bar := a.progress("verifying receipts")
	report, err := verify.Ledger(a.ctx, a.repo, l, terms, bar.add)
	bar.done()
	if err == nil && head == "" {
		a.accept(l, terms, report.Chain)
	}
	return report, err
}

// artifact compares a file with what the ledger knows: its hash, else its name.
func (c *verifyCmd) artifact(a *app, l *ledger.Ledger, path string) error {
	bar := a.progress("reading")
	defer bar.done()
	digest, _, err := record.HashFile(a.ctx, path, bar.add)
	if err != nil {
		return err
	}
	known, err := verify.FindArtifact(a.ctx, l, filepath.Base(path), digest, bar.add)
	if err != nil {
		return err
	}
	bar.done()
	j := judged{Artifact: &judgedFile{path, digest.String(), "match"}}
	holding, err := verify.Holding(a.ctx, l, known.Exact)
	if err != nil {
		return err
	}
	switch {
	case len(holding) > 0:
		return c.match(a, l, j, holding, len(known.Exact)-len(holding))
	case len(known.Exact) > 0: // none of them holds: say what is wrong
		return c.match(a, l, j, known.Exact, 0)
	case len(known.Unread) > 0: // one of these may name the file
		return c.unread(a, j, known.Unread)
	}
	sameName, err := verify.Holding(a.ctx, l, known.SameName)
	if err != nil {
		return err
	}
	if len(sameName) > 0 {
		return c.mismatch(a, j, sameName)
	}
	return c.unknown(a, j)
}

// unknown says that the ledger knows neither a file's hash nor its name.
func (c *verifyCmd) unknown(a *app, j judged) error {
	j.Verdict, j.Artifact.Result = verify.Incomplete, "unknown"
	if a.out.structured() {
		if err := a.out.emit(j.withLists()); err != nil {
			return err
		}
	}
	return fault.New(fault.ArtifactUnknown, "nothing was recorded about %s, neither its SHA-256 %s nor its name", j.Artifact.Path, j.Artifact.SHA256).
		With("path", j.Artifact.Path)
}

// match judges the receipts that name an artifact.
func (c *verifyCmd) match(a *app, l *ledger.Ledger, j judged, entries []*ledger.Entry, others int) error {
	report, err := verify.Receipts(a.ctx, a.repo, l, entries, c.using)
	if err != nil {
		return err
	}
	if trusted := report.Trusted(entries); len(trusted) > 0 && len(trusted) < len(entries) {
		a.out.warn("%d other receipts that name this file are not trusted", len(entries)-len(trusted))
		entries = trusted
		if report, err = verify.Receipts(a.ctx, a.repo, l, entries, c.using); err != nil {
			return err
		}
	}
	if err := c.explained(a, l, entries, report); err != nil {
		return err
	}
	a.accept(l, c.using, report.Chain)
	j.Receipts = ids(entries)
	if others > 0 {
		a.out.warn("%d other receipts that name this file do not hold; see git vaultmesh verify --all", others)
	}
	return c.conclude(a, report, j, titles(entries))
}

// unread says that no receipt with a file's hash was found, but that not all
// could be read.
func (c *verifyCmd) unread(a *app, j judged, problems []ledger.Problem) error {
	const see = "see which these are:\ngit vaultmesh verify --all"
	path := j.Artifact.Path
	err := fault.New(fault.Incomplete, "no receipt names %s by its SHA-256, but not all of the ledger is here", path).Because(problems[0].Err).With("how", see)
	j.Verdict, j.Artifact.Result = verify.Incomplete, "unknown"
	for _, p := range problems {
		j.Problems = append(j.Problems, judgedAs(p))
		if !p.Unknown() && j.Verdict != verify.Invalid {
			j.Verdict = verify.Invalid
			err = fault.New(fault.BadTree, "no receipt names %s by its SHA-256, but the ledger has entries that do not hold", path).Because(p.Err)
		}
	}
	if a.out.structured() {
		if err := a.out.emit(j.withLists()); err != nil {
			return err
		}
	}
	return err
}

func (c *verifyCmd) mismatch(a *app, j judged, sameName []*ledger.Entry) error {
	j.Verdict, j.Artifact.Result, j.Receipts = verify.Invalid, "mismatch", ids(sameName)
	j.Count = len(sameName)
	name := filepath.Base(j.Artifact.Path)
	err := fault.New(fault.ArtifactMismatch, "%s has the SHA-256 %s, which was never recorded under its name", j.Artifact.Path, j.Artifact.SHA256).
		With("how", "see what was recorded under its name:\ngit remembrancer query "+fault.Quote(name))
	if isProof(c.What) {
		err = fault.New(fault.ArtifactMismatch, "%s has the SHA-256 %s, and the receipt names no such file", j.Artifact.Path, j.Artifact.SHA256).
			With("how", "see what the proof is about:\ngit vaultmesh verify "+fault.Quote(c.What))
	}
	if a.out.structured() {
		if emitErr := a.out.emit(j.withLists()); emitErr != nil {
			return emitErr
		}
		return err
	}
	for _, e := range sameName {
		if e.Receipt == nil {
			continue
		}
		for _, s := range e.Receipt.Subjects {
			if s.Name == name {
				a.out.line("recorded  %s  %s  %s", s.SHA256, e.ID.Short(), e.Receipt.Title())
			}
		}
	}
	a.out.line("this file %s  %s", j.Artifact.SHA256, j.Artifact.Path)
	a.out.line("%s", styled{"mismatch", color.FgRed})
	return err
}

// judged is what programs are told.
type judged struct {
	Verdict  verify.Verdict  `json:"verdict"`
	Steps    []verify.Step   `json:"steps"`
	Problems []judgedProblem `json:"problems"`
	Receipts []string        `json:"receipts"`
	Count    int             `json:"count"` // receipts that were looked at
	Artifact *judgedFile     `json:"artifact,omitempty"`
	// Of single receipts what their signatures come to, of a whole ledger the
	// receipts that are not trusted, the first of them.
	Findings  []judgedFinding `json:"findings"`
	Untrusted int             `json:"untrusted"`
}

// judgedFinding is what the signatures of a receipt come to.
type judgedFinding struct {
	ID         string            `json:"id"`
	Trusted    bool              `json:"trusted"`
	Code       fault.Code        `json:"code,omitempty"`
	Message    string            `json:"message,omitempty"`
	Covenant   int64             `json:"covenant"` // the version that it was judged by
	Signers    []string          `json:"signers"`
	Since      string            `json:"since,omitempty"`
	Signatures []judgedSignature `json:"signatures"`
	Timestamps []judgedStamp     `json:"timestamps"`
}

type judgedSignature struct {
	File      string     `json:"file"`
	Type      string     `json:"type"`
	Key       string     `json:"key,omitempty"`
	Principal string     `json:"principal,omitempty"`
	Proven    string     `json:"proven,omitempty"`
	Counts    bool       `json:"counts"`
	Code      fault.Code `json:"code,omitempty"`
	Message   string     `json:"message,omitempty"`
}

type judgedStamp struct {
	File      string     `json:"file"`
	Authority string     `json:"authority,omitempty"`
	Time      string     `json:"time,omitempty"`
	Over      string     `json:"over,omitempty"`
	Counts    bool       `json:"counts"`
	Code      fault.Code `json:"code,omitempty"`
	Message   string     `json:"message,omitempty"`
}

func findingAs(f verify.Finding) judgedFinding {
	j := judgedFinding{ID: f.ID.String(), Trusted: f.Trusted(), Covenant: f.Version, Signers: orEmpty(f.Signers), Since: stamp(f.Since),
		Signatures: []judgedSignature{}, Timestamps: []judgedStamp{}}
	if f.Err != nil {
		j.Code, j.Message = fault.From(f.Err).Code, verify.Sentence(ledger.Problem{Err: f.Err})
	}
	for _, s := range f.Signatures {
		code, message := codeOf(s.Err)
		j.Signatures = append(j.Signatures, judgedSignature{s.File, s.Type, s.By, s.Principal, stamp(s.Proven), s.Err == nil, code, message})
	}
	for _, t := range f.Tokens {
		code, message := codeOf(t.Err)
		j.Timestamps = append(j.Timestamps, judgedStamp{t.File, t.Authority, stamp(t.Time), t.Over, t.Err == nil, code, message})
	}
	return j
}

// codeOf are the parts of a fault that programs want, empty for none.
func codeOf(err error) (fault.Code, string) {
	if err == nil {
		return "", ""
	}
	return fault.From(err).Code, verify.Sentence(ledger.Problem{Err: err})
}

// stamp is a time as receipts have it, "" for none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// withLists makes every list an array, also where nothing was judged.
func (j judged) withLists() judged {
	j.Steps, j.Problems, j.Receipts, j.Findings = orEmpty(j.Steps), orEmpty(j.Problems), orEmpty(j.Receipts), orEmpty(j.Findings)
	return j
}

type judgedFile struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
	Result string `json:"result"`
}

type judgedProblem struct {
	N       int        `json:"n"`
	Step    string     `json:"step"`
	Path    string     `json:"path"`
	Code    fault.Code `json:"code"`
	Message string     `json:"message"`
}

func judgedAs(p ledger.Problem) judgedProblem {
	return judgedProblem{int(p.Step), verify.NameOf(p.Step), p.Path, fault.From(p.Err).Code, verify.Sentence(p)}
}

// conclude prints a report and turns its verdict into the command's end.
func (c *verifyCmd) conclude(a *app, r *verify.Report, j judged, headlines []string) error {
	j.Verdict, j.Steps, j.Count, j.Untrusted = r.Verdict, r.Steps, r.Receipts, r.Untrusted
	for _, f := range r.Findings {
		j.Findings = append(j.Findings, findingAs(f))
	}
	for _, p := range r.Problems {
		j.Problems = append(j.Problems, judgedAs(p))
	}
	if a.out.structured() {
		if err := a.out.emit(j.withLists()); err != nil {
			return err
		}
	} else {
		c.print(a, j, headlines)
	}
	switch r.Verdict {
	case verify.Valid:
		return nil
	case verify.Incomplete:
		return fault.New(fault.Incomplete, "not everything that is needed to judge is here").With("how", a.completing(r))
	}
	return fault.New(fault.Invalid, "what is there does not hold")
}

// completing is the advice with which an incomplete verdict becomes another.
func (a *app) completing(r *verify.Report) string {
	remote := a.config.DefaultRemote()
	if remote == "" {
		remote = "REMOTE"
	}
	for _, p := range r.Problems {
		f := fault.From(p.Err)
		switch {
		case slices.Contains([]fault.Code{fault.NoAnchor, fault.NoCovenant, fault.RivalCovenants}, f.Code):
			return f.Fix()
		case !fault.Has(p.Err, fault.ObjectMissing):
		case a.repo == nil:
			return "the proof lacks what is needed to judge it"
		case a.repo.Shallow:
			return "fetch the history that this clone was cut from:\ngit fetch --unshallow " + remote + " " + a.config.Ref
		default:
			return "bring what this clone lacks from those who have it:\ngit vaultmesh doctor --repair"
		}
	}
	return "a later version wrote what this one cannot judge: install a newer git-vaultmesh"
}

func (c *verifyCmd) print(a *app, j judged, headlines []string) {
	if j.Artifact != nil {
		a.out.line("%s  %s", j.Artifact.SHA256, j.Artifact.Path)
	}
	for _, h := range headlines {
		a.out.line("%s", h)
	}
	colors := map[verify.Status]color.Attribute{verify.Passed: color.FgGreen, verify.Failed: color.FgRed, verify.Unknown: color.FgYellow, verify.NotApplicable: color.Faint}
	for _, s := range j.Steps {
		status := styled{string(s.Status), colors[s.Status]}
		if s.Detail != "" {
			status.text = pad(status.text, -7)
			a.out.line("%s %s %s  %s", pad(s.N, 4), pad(s.Name, -10), status, s.Detail)
		} else {
			a.out.line("%s %s %s", pad(s.N, 4), pad(s.Name, -10), status)
		}
		for _, how := range c.explains[ledger.Step(s.N)] {
			a.out.line("       %s", how)
		}
	}
	for _, p := range j.Problems {
		if strings.Contains(p.Message, p.Path) {
			a.out.line("     %s: %s", p.Step, p.Message)
		} else {
			a.out.line("     %s: %s: %s", p.Step, p.Path, p.Message)
		}
	}
	c.printUntrusted(a, j.Untrusted, j.Findings)
	a.printVerdict(j.Verdict)
}

// printVerdict prints a line that is made of constants: nothing in a ledger can spell it.
func (a *app) printVerdict(v verify.Verdict) {
	switch v {
	case verify.Valid:
		a.out.line("%s", styled{"valid", color.FgGreen})
	case verify.Invalid:
		a.out.line("%s", styled{"invalid", color.FgRed})
	case verify.Incomplete:
		a.out.line("%s", styled{"incomplete", color.FgYellow})
	}
}

// printUntrusted lists the receipts of a whole ledger that are not trusted.
func (c *verifyCmd) printUntrusted(a *app, n int, list []judgedFinding) {
	if !c.All {
		return
	}
	for i, f := range list {
		if i == maxListed {
			a.out.line("     and %d more that are not trusted; --format json lists them", n-maxListed)
			return
		}
		a.out.line("     not trusted: %s  %s", f.ID[:10], f.Message)
	}
}

// maxListed is how many receipts that are not trusted are listed for people.
const maxListed = 20

// titles are entries in a line each.
func titles(entries []*ledger.Entry) []string {
	var list []string
	for _, e := range entries {
		title := "unreadable receipt"
		if e.Receipt != nil {
			title = e.Receipt.Title()
		}
		list = append(list, e.ID.Short()+"  "+title)
	}
	return list
}

func ids(entries []*ledger.Entry) []string {
	list := []string{}
	for _, e := range entries {
		list = append(list, e.ID.String())
	}
	return list
}
