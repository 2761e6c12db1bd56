package cli

import (
	"path/filepath"
	"strings"

	"github.com/fatih/color"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/release"
	"github.com/VaultSovereign/git-vaultmesh/internal/sign"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
)

type releaseCmd struct {
	Seal   releaseSealCmd   `cmd:"" help:"make the release of a signed tag, or go on with it"`
	Verify releaseVerifyCmd `cmd:"" help:"say whether the release of a tag holds"`
}

type releaseSealCmd struct {
	Tag         string   `arg:"" help:"the tag"`
	Component   string   `placeholder:"NAME" help:"what is released: the ledger's name unless given"`
	Artifact    []string `sep:"none" placeholder:"FILE" help:"a file that is released beside the archive"`
	Note        string   `placeholder:"TEXT" help:"what else is to be said"`
	Supersede   string   `placeholder:"ID" help:"the release of this tag that the new one supersedes"`
	Rails       int      `default:"2" placeholder:"N" help:"how many time-stamp authorities must stamp it"`
	AllowSecret bool     `help:"record even what looks like a secret"`
	Output      string   `short:"o" default:"dist" placeholder:"DIR" help:"where its files go"`
	signing
	fetching
}

type releaseVerifyCmd struct {
	Tag   string   `arg:"" help:"the tag"`
	File  []string `arg:"" optional:"" help:"files that were handed over"`
	Rails int      `default:"2" placeholder:"N" help:"how many time-stamp authorities must have stamped it"`
	anchoring
	fetching
}

// ceremonial is what programs are told of a release.
type ceremonial struct {
	Tag      string           `json:"tag"`
	Commit   string           `json:"commit"`
	ID       string           `json:"id"`
	Status   string           `json:"status,omitempty"` // recorded or exists
	Verdict  verify.Verdict   `json:"verdict"`
	Steps    []verify.Step    `json:"steps"`
	Problems []releaseProblem `json:"problems"`
	Archive  *releaseArchive  `json:"archive,omitempty"`
	Files    []string         `json:"files"`
	Findings []judgedFinding  `json:"findings"`
}

type releaseProblem struct {
	N       int        `json:"n"`
	Step    string     `json:"step"`
	Code    fault.Code `json:"code"`
	Message string     `json:"message"`
	Fix     string     `json:"fix"`
}

type releaseArchive struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
}

// Run makes the release, or goes on with it, and says what it comes to.
func (c *releaseSealCmd) Run(a *app) error {
	name, err := named(c.Tag, c.Rails)
	if err != nil {
		return err
	}
	l, err := a.openLedger(false, c.fetching)
	if err != nil {
		return err
	}
	terms, err := anchoring{}.releaseTerms(a, l)
	if err != nil {
		return err
	}
	bar := a.progress("releasing")
	ceremony := &release.Ceremony{
		Place: a.place(), Terms: terms, Find: a.lookUp, Tag: name, Component: c.Component, Artifacts: c.Artifact, Note: c.Note, Rails: c.Rails, Secret: c.AllowSecret, Dir: c.Output,
		Signer: func() (sign.Signer, error) { return c.counting(a, l) },
	}
	ceremony.Place.Working, ceremony.Place.Partial = bar.add, a.config.Partial
	if ceremony.Place.Stamper, err = a.stamper(stamping{}); err != nil {
		return err
	}
	if c.Supersede != "" {
		e, err := l.One(a.ctx, c.Supersede)
		if err != nil {
			return err
		}
		ceremony.Replaces = e.ID
	}
	out, err := ceremony.Seal(a.ctx)
	bar.done()
	return c.conclude(a, name, out, err)
}

// named is the name of the tag. How many authorities must stamp is judged too.
func named(tag string, rails int) (string, error) {
	if rails < 0 {
		return "", fault.New(fault.Usage, "--rails is no number of time-stamp authorities").With("command", "release")
	}
	return release.Name(tag)
}

// releaseTerms are the terms by which a release is judged: in full.
func (f anchoring) releaseTerms(a *app, l *ledger.Ledger) (*verify.Terms, error) {
	genesis, err := l.Genesis(a.ctx)
	if err != nil {
		return nil, err
	}
	terms, err := f.insisted(a, genesis.ID)
	if err == nil {
		terms.Full = true
	}
	return terms, err
}

// counting is the key to sign with, unless it is certain that it would count for nothing.
func (c *releaseSealCmd) counting(a *app, l *ledger.Ledger) (sign.Signer, error) {
	signer, err := c.orUnsigned(a, false)
	if err == nil && signer == nil {
		err = fault.New(fault.NoKey, "a release is worth its signatures, and nobody is to sign it")
	}
	if err != nil {
		return nil, err
	}
	if key, err := signer.Public(a.ctx); err == nil && a.stranger(l, anchoring{}, key.Fingerprint()) {
		return nil, fault.New(fault.UnknownSigner, "the key %s is nobody's in the covenant, and a release that it signs would count for nothing", key.Fingerprint()).
			With("key", key.Fingerprint())
	}
	return signer, nil
}

// conclude notes what was done, whatever failed after it, and judges the release as
// anybody would.
func (c *releaseSealCmd) conclude(a *app, name string, out *release.Outcome, failed error) error {
	for _, p := range out.Pending {
		a.out.note("no time-stamp of %s by %s yet: %s: %s; git vaultmesh timestamp --pending asks again", p.ID.Short(), p.Authority, fault.From(p.Err).Code, fault.From(p.Err).Message)
	}
	if failed != nil {
		if out.Recorded {
			a.out.note("recorded the release %s; the same command goes on with it", out.Release.ID.Short())
		}
		if out.Recorded && !fault.Has(failed, fault.Interrupted) {
			_ = a.annotate() // the index of commits is no reason to hide what failed
		}
		return failed
	}
	if err := a.annotate(); err != nil && !fault.Has(err, fault.Interrupted) {
		return err
	}
	l, err := a.ledger()
	if err != nil {
		return err
	}
	terms, err := anchoring{}.releaseTerms(a, l)
	if err != nil {
		return err
	}
	report, err := release.Verify(a.ctx, release.Question{
		Repo: a.repo, Ledger: l, Terms: terms, Find: a.lookUp, Tag: name, Rails: c.Rails, Archive: out.SHA256, Working: func() {},
	})
	if err != nil {
		return err
	}
	status := "exists"
	if out.Recorded {
		status = "recorded"
	}
	said := ceremonialOf(name, report)
	said.Status, said.Files = status, slashed(out.Files)
	said.Archive = &releaseArchive{filepath.ToSlash(out.Archive), out.SHA256.String()}
	if err := a.printRelease(said, report); err != nil {
		return err
	}
	if remote := a.config.PushRemote(); a.config.Advice && remote != "" && report.Verdict == verify.Valid {
		a.out.remark("hint", "not pushed: git push %s %s %s", fault.Quote(remote), fault.Quote(name), a.config.Ref)
	}
	return a.releaseVerdict(report)
}

func slashed(paths []string) []string {
	list := []string{}
	for _, p := range paths {
		list = append(list, filepath.ToSlash(p))
	}
	return list
}

// Run judges the release of a tag, with what anybody has who has a clone.
func (c *releaseVerifyCmd) Run(a *app) error {
	name, err := named(c.Tag, c.Rails)
	if err != nil {
		return err
	}
	l, err := a.openLedger(true, c.fetching)
	if err != nil {
		return err
	}
	genesis, err := l.Genesis(a.ctx)
	if err != nil {
		return err
	}
	terms, err := c.terms(a, genesis.ID)
	if err != nil {
		return err
	}
	terms.Full = true
	bar := a.progress("verifying the release")
	report, err := release.Verify(a.ctx, release.Question{
		Repo: a.repo, Ledger: l, Terms: terms, Find: a.lookUp, Tag: name, Rails: c.Rails, Files: c.File, Working: bar.add,
	})
	bar.done()
	if err != nil {
		return err
	}
	a.accept(l, terms, report.Receipts.Chain)
	if err := a.printRelease(ceremonialOf(name, report), report); err != nil {
		return err
	}
	return a.releaseVerdict(report)
}

func ceremonialOf(name string, r *release.Report) ceremonial {
	said := ceremonial{Tag: name, Commit: string(r.Commit), ID: r.Release.ID.String(), Verdict: r.Verdict, Steps: r.Steps,
		Problems: []releaseProblem{}, Files: []string{}, Findings: []judgedFinding{}}
	for _, p := range r.Problems {
		f := fault.From(p.Err)
		said.Problems = append(said.Problems, releaseProblem{p.N, p.Name, f.Code, verify.Sentence(ledger.Problem{Err: p.Err}), f.Fix()})
	}
	for _, f := range r.Receipts.Findings {
		said.Findings = append(said.Findings, findingAs(f))
	}
	return said
}

// printRelease prints the steps of a release and their verdict.
func (a *app) printRelease(said ceremonial, r *release.Report) error {
	if a.out.structured() {
		return a.out.emit(said)
	}
	a.out.line("%s  %s", r.Release.ID.Short(), r.Release.Receipt.Title())
	colors := map[verify.Status]color.Attribute{verify.Passed: color.FgGreen, verify.Failed: color.FgRed, verify.Unknown: color.FgYellow, verify.NotApplicable: color.Faint}
	for _, s := range said.Steps {
		status := styled{string(s.Status), colors[s.Status]}
		if s.Detail == "" {
			a.out.line("%s %s %s", pad(s.N, 2), pad(s.Name, -8), status)
			continue
		}
		status.text = pad(status.text, -7)
		a.out.line("%s %s %s  %s", pad(s.N, 2), pad(s.Name, -8), status, s.Detail)
	}
	for _, p := range said.Problems {
		a.out.line("   %s: %s: %s", p.Step, p.Code, p.Message)
		for line := range strings.Lines(p.Fix) {
			a.out.line("      %s", strings.TrimSuffix(line, "\n"))
		}
	}
	for _, path := range said.Files {
		a.out.line("   wrote %s", path)
	}
	a.printVerdict(said.Verdict)
	return nil
}

// releaseVerdict is the end of a command that judged a release.
func (a *app) releaseVerdict(r *release.Report) error {
	if r.Verdict == verify.Valid {
		return nil
	}
	how := a.completing(r.Receipts)
	if len(r.Problems) > 0 {
		how = fault.From(r.Problems[0].Err).Fix()
	}
	if r.Verdict == verify.Incomplete {
		return fault.New(fault.Incomplete, "not everything that is needed to judge the release is here").With("how", how)
	}
	return fault.New(fault.Invalid, "the release does not hold").With("how", how)
}
