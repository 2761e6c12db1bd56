package cli

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/fatih/color"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/record"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
)

type verifyCmd struct {
	What string `arg:"" optional:"" help:"a file, a receipt's id or a revision"`
	All  bool   `xor:"what" help:"the whole ledger, with its history"`
	File string `xor:"what" placeholder:"FILE" help:"an artifact"`
	ID   string `xor:"what" name:"id" placeholder:"ID" help:"a receipt, by its id or the beginning of it"`
	Rev  string `xor:"what" placeholder:"REV" help:"the receipts about a commit"`
	Head string `placeholder:"REV" help:"with --all: the ledger as it stands at this commit, whatever the ref names"`
	fetching
}

// Run judges what was named, prints the steps, and fails unless all hold.
func (c *verifyCmd) Run(a *app) error {
	if (c.What != "") == (c.All || c.File != "" || c.ID != "" || c.Rev != "") {
		return fault.New(fault.Usage, "name one thing to verify, or --all").With("command", "verify")
	}
	if c.Head != "" && !c.All {
		return fault.New(fault.Usage, "--head says which ledger is verified with --all").With("command", "verify")
	}
	if c.All {
		return c.all(a)
	}
	l, err := a.openLedger(true, c.fetching)
	if err != nil {
		return err
	}
	o, err := c.operand(a, l)
	if err != nil {
		return err
	}
	if o.File != "" {
		return c.artifact(a, l, o.File)
	}
	report, err := verify.Receipts(a.ctx, l, o.Entries)
	if err != nil {
		return err
	}
	return c.conclude(a, report, judged{Receipts: ids(o.Entries)}, titles(o.Entries))
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
	bar := a.progress("verifying receipts")
	report, err := verify.Ledger(a.ctx, a.repo, a.config.Ref, head, a.config.Ledger, bar.add)
	bar.done()
	if err != nil {
		return err
	}
	return c.conclude(a, report, judged{Receipts: []string{}}, []string{fmt.Sprintf("%s, %d receipts", what, report.Receipts)})
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
	report, err := verify.Receipts(a.ctx, l, entries)
	if err != nil {
		return err
	}
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
	err := fault.New(fault.ArtifactMismatch, "%s has the SHA-256 %s, which was never recorded under its name", j.Artifact.Path, j.Artifact.SHA256).With("name", name)
	if a.out.structured() {
		if emitErr := a.out.emit(j.withLists()); emitErr != nil {
			return emitErr
		}
		return err
	}
	for _, e := range sameName {
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
}

// withLists makes every list an array, also where nothing was judged.
func (j judged) withLists() judged {
	j.Steps, j.Problems, j.Receipts = orEmpty(j.Steps), orEmpty(j.Problems), orEmpty(j.Receipts)
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
	return judgedProblem{int(p.Step), p.Step.String(), p.Path, fault.From(p.Err).Code, verify.Sentence(p)}
}

// conclude prints a report and turns its verdict into the command's end.
func (c *verifyCmd) conclude(a *app, r *verify.Report, j judged, headlines []string) error {
	j.Verdict, j.Steps, j.Count = r.Verdict, r.Steps, r.Receipts
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
		switch {
		case !fault.Has(p.Err, fault.ObjectMissing):
		case a.repo.Shallow:
			return "fetch the history that this clone was cut from:\ngit fetch --unshallow " + remote + " " + a.config.Ref
		default:
			return "fetch what this clone lacks:\ngit fetch --refetch " + remote + " " + a.config.Ref
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
	}
	for _, p := range j.Problems {
		if strings.Contains(p.Message, p.Path) {
			a.out.line("     %s: %s", p.Step, p.Message)
		} else {
			a.out.line("     %s: %s: %s", p.Step, p.Path, p.Message)
		}
	}
	// The verdict is made of constants: nothing in a ledger can spell it.
	switch j.Verdict {
	case verify.Valid:
		a.out.line("%s", styled{"valid", color.FgGreen})
	case verify.Invalid:
		a.out.line("%s", styled{"invalid", color.FgRed})
	case verify.Incomplete:
		a.out.line("%s", styled{"incomplete", color.FgYellow})
	}
}

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
