package cli

import (
	"cmp"
	"context"
	"slices"

	"github.com/fatih/color"

	"github.com/VaultSovereign/git-vaultmesh/hooks"
	"github.com/VaultSovereign/git-vaultmesh/internal/ci"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/guard"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
)

type covenantCheckCmd struct {
	What string `arg:"" optional:"" name:"rev" help:"a revision, HEAD unless given, or a range, A..B"`
	Ref  string `placeholder:"REF" help:"as if it were pushed to this ref, in place of the branches and tags that lead there"`
	CI   bool   `name:"ci" help:"check what a job of CI is about, and tell its service"`

	CodeQuality string `placeholder:"FILE" help:"with --ci: write a report of code quality for GitLab"`
	anchoring
	fetching
}

// checked is what programs are told.
type checked struct {
	Commit    string            `json:"commit"`
	Verdict   guard.Status      `json:"verdict"`
	Rules     []checkedRule     `json:"rules"`
	Covenants []checkedCovenant `json:"covenants"`
	Mend      []string          `json:"mend"`
}

type checkedRule struct {
	Rule     string        `json:"rule"`
	Sentence string        `json:"sentence"`
	Ref      string        `json:"ref"`
	Status   guard.Status  `json:"status"`
	Missing  []checkedLack `json:"missing"`
}

type checkedLack struct {
	Need    string `json:"need"`
	Kind    string `json:"kind,omitempty"`
	Receipt string `json:"receipt,omitempty"`
	Message string `json:"message"`
	Path    string `json:"path,omitempty"`
	Unknown bool   `json:"unknown"`
}

type checkedCovenant struct {
	Name     string           `json:"name"`
	Status   guard.Status     `json:"status"`
	Detail   string           `json:"detail"`
	Findings []checkedFinding `json:"findings"`
}

type checkedFinding struct {
	Receipt string `json:"receipt,omitempty"`
	Message string `json:"message"`
	Path    string `json:"path,omitempty"`
	Unknown bool   `json:"unknown"`
}

// Run judges a commit or a range by the rules in force, and the ledger by the four
// covenants.
func (c *covenantCheckCmd) Run(a *app) error {
	if c.CI {
		return c.runCI(a)
	}
	if c.CodeQuality != "" {
		return fault.New(fault.Usage, "--code-quality is for --ci").With("command", "covenant")
	}
	j, err := c.judge(a, new(ci.Job))
	if j == nil {
		return err
	}
	return cmp.Or(c.print(a, *j), err)
}

func (c *covenantCheckCmd) print(a *app, j checked) error {
	if a.out.structured() {
		return a.out.emit(j)
	}
	a.printCheck(j)
	return nil
}

// judge judges what is named, or what a job is about, and says with which fault that
// ends. What was judged is nil where nothing could be.
func (c *covenantCheckCmd) judge(a *app, job *ci.Job) (*checked, error) {
	l, err := a.openLedger(true, c.fetching)
	if err != nil {
		return nil, err
	}
	g, err := c.guard(a, l, l)
	if err != nil {
		return nil, err
	}
	if a.config.PushRemote() != "" {
		if err := g.toward(a, a.config.PushRemote(), nil); err != nil {
			return nil, err
		}
	}
	pushes, cut, err := c.pushes(a, g, job)
	if err != nil {
		return nil, err
	}
	verdicts, err := g.Judge(a.ctx, guard.Asked(g.Rules, pushes, a.config.Ref))
	if err != nil {
		return nil, err
	}
	four, err := c.four(a, g)
	if err != nil {
		return nil, err
	}
	j := judgedCheck(pushes, verdicts, four, cut)
	if broken := guard.Broken(verdicts); len(broken) > 0 {
		j.Mend = g.Mends(a.ctx, broken)
	}
	outcome := c.outcome(g.Refusal(a.ctx, verdicts), four, cut)
	if c.CI && fault.Has(outcome, fault.Incomplete) && a.repo.Shallow {
		outcome = fault.From(outcome).With("how", shallowRange(job.Service).Details["how"])
	}
	return &j, outcome
}

// pushes are what is checked, as pushes of the refs that lead there. It says too whether
// the range is cut.
func (c *covenantCheckCmd) pushes(a *app, g *guarded, job *ci.Job) (pushes []hooks.Move, cut bool, err error) {
	if job.Ranged {
		return c.moves(a, g, job)
	}
	g.Had = nil
	from, to, isRange := ranged(cmp.Or(c.What, "HEAD"))
	if !isRange {
		to = cmp.Or(c.What, "HEAD")
	}
	head, commit, err := a.repo.ResolveCommit(a.ctx, to)
	if err != nil {
		return nil, false, err
	}
	cuts, err := a.repo.Cuts()
	if err != nil {
		return nil, false, err
	}
	var base gitrepo.OID
	switch {
	case isRange:
		base, _, err = a.repo.ResolveCommit(a.ctx, from)
		if fault.Has(err, fault.NoRevision) && a.repo.Shallow {
			return nil, false, incompleteRange().Because(err)
		}
		if err != nil {
			return nil, false, err
		}
		g.Known = []gitrepo.OID{base}
		if cut, err = c.cutRange(a, head, base, cuts); err != nil {
			return nil, false, err
		}
	case !cuts[head]:
		g.Known, g.Single = append([]gitrepo.OID{}, commit.Parents...), true
	}
	refs := []string{cmp.Or(c.Ref, job.Ref)}
	if refs[0] == "" {
		if refs, err = a.repo.RefsAt(a.ctx, head); err != nil {
			return nil, false, err
		}
	}
	refs = slices.DeleteFunc(refs, func(ref string) bool { return guard.Own(ref, a.config.Ref) })
	if len(refs) == 0 {
		refs = []string{""}
	}
	for _, ref := range refs {
		p := hooks.Move{Ref: ref, New: head}
		if isRange && !isTag(ref) {
			p.Old = base
		}
		pushes = append(pushes, p)
	}
	return pushes, cut, nil
}

func isTag(ref string) bool { return len(ref) > 10 && ref[:10] == "refs/tags/" }

// cutRange tells whether the history between two commits ends where a clone was cut.
func (c *covenantCheckCmd) cutRange(a *app, head, base gitrepo.OID, cuts map[gitrepo.OID]bool) (bool, error) {
	if len(cuts) == 0 {
		return false, nil
	}
	commits, _, err := a.repo.NewCommits(a.ctx, head, []gitrepo.OID{base})
	return slices.ContainsFunc(commits, func(id gitrepo.OID) bool { return cuts[id] }), err
}

func incompleteRange() *fault.Error {
	return fault.New(fault.Incomplete, "not all of the range is here").With("how", "fetch the history that this clone was cut from:\ngit fetch --unshallow")
}

// four has the four covenants judged.
func (c *covenantCheckCmd) four(a *app, g *guarded) ([]*guard.Covenant, error) {
	bar := a.progress("verifying receipts")
	report, err := verify.Ledger(a.ctx, a.repo, g.Ledger, g.terms, bar.add)
	bar.done()
	if err != nil {
		return nil, err
	}
	a.accept(g.Ledger, g.terms, report.Chain)
	court := &guard.Court{Guard: &g.Guard, Report: report, Cache: g.terms.Cache, Badge: func(context.Context) ([]guard.Finding, error) { return a.doubtBadge(g.Ledger) }}
	if err := g.Bench.Remember(a.ctx); err != nil {
		return nil, err
	}
	list, err := court.Four(a.ctx)
	if err == nil {
		g.Bench.Keep()
	}
	return list, err
}

func judgedCheck(pushes []hooks.Move, verdicts []guard.Verdict, four []*guard.Covenant, cut bool) checked {
	j := checked{Commit: string(pushes[0].New), Verdict: guard.Kept, Rules: []checkedRule{}, Covenants: []checkedCovenant{}, Mend: []string{}}
	worsen := func(s guard.Status) {
		if s == guard.IsBroken || s == guard.Incomplete && j.Verdict == guard.Kept {
			j.Verdict = s
		}
	}
	for _, v := range verdicts {
		r := checkedRule{v.Rule.Name, v.Rule.Sentence, v.Push.Ref, v.Status(), []checkedLack{}}
		for _, l := range v.Lacks {
			one := checkedLack{Need: l.Need, Kind: string(l.Kind), Message: l.Text, Path: l.Path, Unknown: l.Unknown}
			if !l.Receipt.IsZero() {
				one.Receipt = l.Receipt.String()
			}
			r.Missing = append(r.Missing, one)
		}
		worsen(r.Status)
		j.Rules = append(j.Rules, r)
	}
	for _, v := range four {
		one := checkedCovenant{v.Name, v.Status(), v.Detail, []checkedFinding{}}
		for _, f := range v.Findings {
			found := checkedFinding{Message: f.Text, Path: f.Path, Unknown: f.Unknown}
			if !f.Receipt.IsZero() {
				found.Receipt = f.Receipt.String()
			}
			one.Findings = append(one.Findings, found)
		}
		worsen(one.Status)
		j.Covenants = append(j.Covenants, one)
	}
	if cut {
		worsen(guard.Incomplete)
	}
	return j
}

// shownFindings is how many findings of one covenant people are shown.
const shownFindings = 10

func (a *app) printCheck(j checked) {
	for _, r := range j.Rules {
		a.out.line("%s  %s  %s", styledStatus(r.Status), r.Rule, r.Ref)
		for _, l := range r.Missing {
			a.out.line("            %s", l.Message)
		}
	}
	for _, v := range j.Covenants {
		a.out.line("%s  %s  %s", pad(v.Name, -27), styledStatus(v.Status), v.Detail)
		for i, f := range v.Findings {
			if i == shownFindings {
				a.out.line("            and %d more", len(v.Findings)-i)
				break
			}
			a.out.line("            %s", f.Message)
		}
	}
}

func styledStatus(s guard.Status) styled {
	colors := map[guard.Status]color.Attribute{guard.Kept: color.FgGreen, guard.IsBroken: color.FgRed, guard.Incomplete: color.FgYellow}
	return styled{pad(string(s), -10), colors[s]}
}

// outcome is the fault of what is broken, or cannot be told; nil where all is kept.
func (c *covenantCheckCmd) outcome(refusal error, four []*guard.Covenant, cut bool) error {
	if fault.Has(refusal, fault.RuleBroken) {
		return refusal
	}
	var broken, unknown []string
	for _, v := range four {
		switch v.Status() {
		case guard.IsBroken:
			broken = append(broken, v.Name+": "+v.Findings[0].Text)
		case guard.Incomplete:
			unknown = append(unknown, v.Name+": "+v.Findings[0].Text)
		}
	}
	switch {
	case len(broken) > 0:
		return fault.New(fault.CovenantBroken, "%d of the four covenants are broken", len(broken)).Because(listed(fault.CovenantBroken, broken))
	case refusal != nil:
		return refusal
	case cut:
		return incompleteRange()
	case len(unknown) > 0:
		return fault.New(fault.Incomplete, "not all of the four covenants can be judged here").Because(listed(fault.Incomplete, unknown)).
			With("how", "see what is missing:\ngit vaultmesh verify --all")
	}
	return nil
}
