package cli

import (
	"context"
	"maps"
	"os"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/hooks"
	"github.com/VaultSovereign/git-vaultmesh/internal/ci"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/guard"
)

// runCI checks what a job of CI is about, and shows what is found in the form of the
// service. What is printed besides can give the service no command.
func (c *covenantCheckCmd) runCI(a *app) error {
	service := ci.Detect(a.env.lookup)
	a.out.defused = service == ci.GitHub
	job, err := c.job(a, service)
	if err != nil {
		return c.announce(a, &ci.Job{Service: service, Summary: a.env.lookup("GITHUB_STEP_SUMMARY")}, nil, err)
	}
	if service == ci.GitLab && !a.out.structured() {
		a.out.command(ci.SectionStart(a.env.Now().Unix(), "git vaultmesh covenant check"))
		defer func() { a.out.command(ci.SectionEnd(a.env.Now().Unix())) }()
	}
	j, err := c.judge(a, job)
	if j != nil {
		if printed := c.print(a, *j); printed != nil {
			return printed
		}
	}
	return c.announce(a, job, j, err)
}

// job is what the service says of its job.
func (c *covenantCheckCmd) job(a *app, service ci.Service) (*ci.Job, error) {
	var event []byte
	if file := a.env.lookup("GITHUB_EVENT_PATH"); service == ci.GitHub && file != "" {
		var err error
		if event, err = a.read(file, ci.MaxEvent); err != nil {
			return nil, fault.New(fault.BadJob, "the event of GITHUB_EVENT_PATH cannot be read").Because(err)
		}
	}
	if c.What != "" { // it is said what is to be checked
		return &ci.Job{Service: service, Summary: a.env.lookup("GITHUB_STEP_SUMMARY")}, nil
	}
	return ci.Read(service, a.env.lookup, event)
}

// announce tells the service what was found, and gives back the error that there was.
func (c *covenantCheckCmd) announce(a *app, job *ci.Job, j *checked, err error) error {
	list := a.found(j, err)
	verdict := string(guard.Kept)
	if j != nil {
		verdict = string(j.Verdict)
	} else if err != nil {
		verdict = string(fault.From(err).Code)
	}
	if job.Service == ci.GitHub && !a.out.structured() { // a program gets its object alone
		for _, line := range ci.Annotations(list) {
			a.out.command(line + "\n")
		}
	}
	if job.Summary != "" {
		if failed := appendTo(job.Summary, ci.Summary(verdict, list)); failed != nil {
			a.out.warn("the summary is not written: %s", failed)
		}
	}
	if c.CodeQuality != "" {
		text, failed := ci.CodeQuality(list)
		if failed == nil {
			failed = os.WriteFile(c.CodeQuality, text, 0o644)
		}
		if failed != nil && err == nil {
			err = fault.New(fault.OutputFailed, "%s cannot be written", c.CodeQuality).Because(failed)
		}
	}
	return err
}

func appendTo(file, text string) error {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

// found lists what breaks a rule or a covenant, or why that cannot be told, each text
// on one line.
func (a *app) found(j *checked, err error) []ci.Finding {
	var list []ci.Finding
	add := func(unknown bool, title, message, path string) {
		level := ci.Error
		if unknown {
			level = ci.Warning
		}
		list = append(list, ci.Finding{Level: level, Title: clean(title), Message: clean(message), Path: clean(path)})
	}
	if j != nil {
		for _, r := range j.Rules {
			for _, l := range r.Missing {
				add(l.Unknown, strings.TrimSpace("rule "+r.Rule+" "+r.Ref), l.Message, l.Path)
			}
		}
		for _, v := range j.Covenants {
			for _, f := range v.Findings {
				add(f.Unknown, v.Name, f.Message, f.Path)
			}
		}
	}
	if err != nil && (len(list) == 0 || fault.Has(err, fault.Incomplete)) {
		f := a.advised(fault.From(err))
		add(f.Code == fault.Incomplete, string(f.Code)+" "+f.Message, strings.Join(append(f.Causes(), f.Fix()), "; "), "")
	}
	return list
}

// moves are what a job is about, as pushes of its ref. It says too whether the range is
// cut.
func (c *covenantCheckCmd) moves(a *app, g *guarded, job *ci.Job) (pushes []hooks.Move, cut bool, err error) {
	move := hooks.Move{Ref: job.Ref, New: gitrepo.OID(job.Head), Old: gitrepo.OID(job.Base)}
	if c.Ref != "" {
		move.Ref = c.Ref
	}
	g.Had = a.fetched(g.Remote)
	if job.Deleted {
		return []hooks.Move{move}, false, nil
	}
	head, _, err := a.repo.ResolveCommit(a.ctx, job.Head)
	if fault.Has(err, fault.NoRevision) {
		return nil, false, shallowRange(job.Service).Because(err)
	}
	if err != nil {
		return nil, false, err
	}
	move.New = head
	if isTag(move.Ref) { // what it leads to may be a tag object, which nobody names
		move.Old = ""
	}
	if move.Old == "" {
		return []hooks.Move{move}, false, nil
	}
	base, _, err := a.repo.ResolveCommit(a.ctx, job.Base)
	if fault.Has(err, fault.NoRevision) && a.repo.Shallow {
		return nil, false, shallowRange(job.Service).Because(err)
	}
	if fault.Has(err, fault.NoRevision) && !job.Merge { // a forced push left it behind
		return []hooks.Move{move}, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	if job.Merge {
		if base, err = a.leftAt(head, base, job.Service); err != nil {
			return nil, false, err
		}
	}
	move.Old = base
	cuts, err := a.repo.Cuts()
	if err != nil {
		return nil, false, err
	}
	cut, err = c.cutRange(a, head, base, cuts)
	return []hooks.Move{move}, cut, err
}

// leftAt is where a branch left the one that it is to be merged into.
func (a *app) leftAt(head, base gitrepo.OID, service ci.Service) (gitrepo.OID, error) {
	left, err := a.repo.MergeBase(a.ctx, head, base)
	switch {
	case err != nil:
		return "", err
	case left == "" && a.repo.Shallow:
		return "", shallowRange(service)
	case left == "": // they have nothing in common
		return base, nil
	}
	return left, nil
}

// fetched are a remote's branches and tags, as a job has fetched them.
func (a *app) fetched(remote string) guard.Had {
	return func(ctx context.Context) (map[string]gitrepo.OID, error) {
		had, err := a.repo.Refs(ctx, "refs/tags")
		if err != nil || remote == "" {
			return had, err
		}
		heads, err := a.tracked(remote)(ctx)
		maps.Copy(had, heads)
		return had, err
	}
}

// shallowRange is the fault of a range that a job has fetched only a part of.
func shallowRange(service ci.Service) *fault.Error {
	how := map[ci.Service]string{ci.GitHub: ", by fetch-depth: 0 of actions/checkout", ci.GitLab: ", by GIT_DEPTH: 0"}[service]
	return incompleteRange().With("how", "have the job fetch all of the history"+how+", or fetch it here:\ngit fetch --unshallow")
}
