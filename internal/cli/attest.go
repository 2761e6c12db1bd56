package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/attest"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/record"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

type attestCmd struct {
	Type     string   `arg:"" help:"tests, build or another word; badge for the badge of a commit"`
	Rev      string   `arg:"" optional:"" help:"the commit: HEAD unless given"`
	Worktree bool     `help:"run in a clean checkout of the commit"`
	Report   []string `sep:"none" placeholder:"FILE" help:"a report that the command writes: JUnit XML, go test -json or TAP"`
	FormatOf string   `enum:",go,tap,junit,none" default:"" placeholder:"FORM" help:"the form of reports or output: go, tap, junit or none"`
	Badge    bool     `help:"write the badge afterwards"`
	Write    bool     `xor:"badge" help:"of badge: write it"`
	Check    bool     `xor:"badge" help:"of badge: compare it"`
	Of       string   `placeholder:"TYPE" help:"of badge: which attestations it is of, tests unless given"`
	running
	fetching
}

// running are the flags of commands that run something and record what came of it.
type running struct {
	Output      []string      `sep:"none" placeholder:"GLOB" help:"a file that the command leaves"`
	Container   string        `placeholder:"REF@sha256:HEX" help:"the container image that it runs in"`
	Timeout     time.Duration `default:"1h" placeholder:"TIME" help:"how long it may run"`
	Component   string        `placeholder:"NAME" help:"what it is about"`
	Version     string        `placeholder:"VERSION" help:"which version of it"`
	Evidence    []string      `sep:"none" placeholder:"FILE" help:"a file that supports it, kept in the ledger"`
	Note        string        `placeholder:"TEXT" help:"what else is to be said"`
	Label       []string      `sep:"none" placeholder:"NAME=VALUE" help:"a label"`
	Link        []string      `sep:"none" placeholder:"REL=ID" help:"what it is to another receipt"`
	Push        bool          `help:"meet the peers afterwards, as sync does"`
	AllowSecret bool          `help:"record even what looks like a secret"`
	NoSign      bool          `xor:"nobody" help:"leave it unsigned: nobody vouches for it then"`
	signing
	stamping
}

// Run runs the command, records what came of it, and ends as it did.
func (c *attestCmd) Run(a *app) error {
	if c.Type == "badge" {
		return c.badge(a)
	}
	if c.Write || c.Check || c.Of != "" {
		return fault.New(fault.Usage, "--write, --check and --of are about attest badge").With("command", "attest")
	}
	if err := c.ready(a, c.Type, c.fetching); err != nil {
		return err
	}
	commit, _, err := a.repo.ResolveCommit(a.ctx, orHead(c.Rev))
	if err != nil {
		return err
	}
	place, err := c.place(a, c.Type, commit)
	if err != nil {
		return err
	}
	if c.Badge {
		if _, err := a.badgeFile(); err != nil {
			return err
		}
	}
	defer survivePipes()()
	body, err := c.observe(a, commit)
	if err != nil {
		return err
	}
	out, err := c.record(a, place, commit, body, nil)
	if err != nil {
		return err
	}
	if c.Badge {
		if err := c.writeBadge(a, out.ID, out.Bytes); err != nil {
			return err
		}
	}
	if why := attest.Failure(body); why != "" {
		return fault.New(fault.CommandFailed, "%s: %s, and that is recorded as %s", strings.Join(body.Command, " "), why, out.ID.Short()).
			With("how", "what was recorded is:\ngit vaultmesh show "+out.ID.Short())
	}
	return nil
}

func orHead(revision string) string {
	if revision == "" {
		return "HEAD"
	}
	return revision
}

// typeForm is that of a word of a receipt.
var typeForm = regexp.MustCompile(`^[a-z][a-z0-9._-]{0,62}$`)

var imageForm = regexp.MustCompile(`^[^\s@]+@sha256:[0-9a-f]{64}$`)

// ready opens the repository, and refuses what could not be recorded after the run.
func (c *running) ready(a *app, kind string, f fetching) error {
	switch {
	case !typeForm.MatchString(kind):
		return fault.New(fault.Usage, "%.80q is no type: a word of lower-case letters, digits and . _ -", kind).With("command", "attest")
	case len(a.behind) == 0 || a.behind[0] == "":
		return fault.New(fault.Usage, "there is no command: write it behind --").With("command", commandIn(a.env))
	case c.Timeout <= 0:
		return fault.New(fault.Usage, "--timeout is no time that something can take").With("command", commandIn(a.env))
	case c.Container != "" && !imageForm.MatchString(c.Container):
		return fault.New(fault.BadOperand, "%.200q is not an image of the form NAME@sha256:HEX", c.Container)
	}
	if err := a.open(false); err != nil {
		return err
	}
	return a.present(f)
}

// place is where it will be recorded, and who signs it: found before anything runs. What
// could not be recorded afterwards is refused now.
func (c *running) place(a *app, kind string, commit gitrepo.OID) (record.Place, error) {
	p := a.place()
	p.Partial, p.Working = a.config.Partial, func() {}
	tried := c.request(commit, &receipt.Attestation{Type: kind, Tool: attest.Tool(a.behind), Command: a.behind}, nil)
	tried.Evidence = nil // which the command may write
	if _, err := record.Preview(a.ctx, p, tried); err != nil {
		return p, err
	}
	var err error
	if p.Signer, err = c.orUnsigned(a, c.NoSign); err != nil {
		return p, err
	}
	p.Stamper, err = a.stamper(c.stamping)
	return p, err
}

func (c *running) request(commit gitrepo.OID, body *receipt.Attestation, links []string) record.Request {
	return record.Request{
		Kind: receipt.KindAttestation, Attestation: body, Commit: string(commit), Component: c.Component, Version: c.Version, Evidence: c.Evidence,
		Note: c.Note, Labels: c.Label, Links: append(slices.Clone(c.Link), links...), AllowSecret: c.AllowSecret,
	}
}

// record puts what came of it into the ledger, and says so.
func (c *running) record(a *app, place record.Place, commit gitrepo.OID, body *receipt.Attestation, links []string) (*record.Outcome, error) {
	place.Now = a.env.Now()
	out, err := record.Record(a.ctx, place, c.request(commit, body, links))
	if err != nil {
		return nil, err
	}
	return out, (&recordCmd{Push: c.Push}).conclude(a, out)
}

// streams are where a command's words go: programs that read this one's answer get them
// beside it.
func (a *app) streams() (out, err io.Writer) {
	if a.out.structured() {
		return a.env.Stderr, a.env.Stderr
	}
	return a.env.Stdout, a.env.Stderr
}

// observe runs the command in the work tree, or in a clean checkout.
func (c *attestCmd) observe(a *app, commit gitrepo.OID) (*receipt.Attestation, error) {
	o := attest.Observation{
		Type: c.Type, Command: a.behind, Env: a.env.Environ, Reports: c.Report, Form: attest.Form(c.FormatOf), Outputs: c.Output,
		Container: c.Container, Timeout: c.Timeout, Now: a.env.Now,
	}
	o.Stdout, o.Stderr = a.streams()
	if c.Worktree {
		return attest.ObserveApart(a.ctx, o, func(ctx context.Context, dir string) error { return a.repo.CheckOut(ctx, commit, dir) })
	}
	return c.inPlace(a, o, commit)
}

// inPlace runs the command in the work tree, which must be that of the commit, before
// and afterwards.
func (c *attestCmd) inPlace(a *app, o attest.Observation, commit gitrepo.OID) (*receipt.Attestation, error) {
	var err error
	if o.Root, err = a.repo.WorkTree(a.ctx); err != nil {
		return nil, err
	}
	if o.Dir, err = os.Getwd(); err == nil {
		o.Dir, err = filepath.EvalSymlinks(o.Dir)
	}
	if err != nil {
		return nil, fault.New(fault.ReadFailed, "the folder cannot be read").Because(errors.New(err.Error()))
	}
	if err := a.isOf(commit, o.Written()); err != nil {
		return nil, err
	}
	body, err := attest.Observe(a.ctx, o)
	if err != nil {
		return nil, err
	}
	return body, a.isStill(commit)
}

// inCheckout is the way out where the work tree will not do.
const inCheckout = "run it in a clean checkout of the commit:\n--worktree"

// isOf refuses a work tree that is not that of a commit. Reports that the command
// writes anew may lie there of before, if nobody tracks them, and so may a badge.
func (a *app) isOf(commit gitrepo.OID, reports []string) error {
	tracked, untracked, err := a.differs(commit)
	if err != nil {
		return err
	}
	untracked = slices.DeleteFunc(untracked, func(path string) bool {
		return slices.ContainsFunc(reports, func(p string) bool { return matches(p, path) })
	})
	for _, path := range append(tracked, untracked...) {
		return fault.New(fault.NotThatCommit, "%s is not as in the commit", path).With("how", "commit it, put it away (git stash -u), have git ignore it, or "+inCheckout)
	}
	return nil
}

// isStill refuses a work tree that the command made another one than that of a commit.
// What it leaves that nobody tracks was not there when it began.
func (a *app) isStill(commit gitrepo.OID) error {
	tracked, _, err := a.differs(commit)
	if err == nil && len(tracked) > 0 {
		err = fault.New(fault.NotThatCommit, "the command changed %s, so that it did not run what the commit has; nothing was recorded", tracked[0]).With("how", inCheckout)
	}
	return err
}

// differs lists what is not as in a commit, which HEAD must be, but for the badge.
func (a *app) differs(commit gitrepo.OID) (tracked, untracked []string, err error) {
	head, _, err := a.repo.ResolveCommit(a.ctx, "HEAD")
	if err != nil {
		return nil, nil, err
	}
	if head != commit {
		return nil, nil, fault.New(fault.NotThatCommit, "the work tree is that of %s, and not of %s", head.Short(), commit.Short()).With("how", inCheckout)
	}
	tracked, untracked, err = a.repo.Changes(a.ctx)
	badge := func(path string) bool { return path == attest.BadgePath }
	return slices.DeleteFunc(tracked, badge), slices.DeleteFunc(untracked, badge), err
}

func matches(pattern, path string) bool {
	ok, err := filepath.Match(filepath.FromSlash(pattern), filepath.FromSlash(path))
	return ok && err == nil
}
