package cli

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/VaultSovereign/git-vaultmesh/internal/attest"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/query"
	"github.com/VaultSovereign/git-vaultmesh/internal/record"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

type reproduceCmd struct {
	Rev      string `arg:"" optional:"" help:"the commit: HEAD unless given"`
	Release  string `placeholder:"ID" help:"the release that the outputs must be"`
	NoRecord bool   `help:"record nothing"`
	running
	fetching
}

// Run builds twice, says in what the outputs differ, and records it.
func (c *reproduceCmd) Run(a *app) error {
	if len(c.Output) == 0 {
		c.Output = []string{"dist/*"}
	}
	if err := c.ready(a, attest.Reproduction, c.fetching); err != nil {
		return err
	}
	id, commit, err := a.repo.ResolveCommit(a.ctx, orHead(c.Rev))
	if err != nil {
		return err
	}
	place, releases, err := c.prepare(a, id)
	if err != nil {
		return err
	}
	defer survivePipes()()
	body, err := c.build(a, id, commit)
	if err != nil {
		return err
	}
	links, mismatch := c.against(a, body, releases)
	if err := c.conclude(a, place, id, body, links); err != nil {
		return err
	}
	if n := len(body.Differences); n > 0 {
		how := "see what changes from one build to the next: times, paths, orders, random numbers"
		return fault.New(fault.NotReproduced, "%s", differ(n)).With("how", how)
	}
	return mismatch
}

func differ(n int) string {
	if n == 1 {
		return "1 file differs between two builds"
	}
	return fmt.Sprintf("%d files differ between two builds", n)
}

// prepare finds who signs and which releases there are, before anything is built.
func (c *reproduceCmd) prepare(a *app, id gitrepo.OID) (record.Place, []*ledger.Entry, error) {
	if c.NoRecord && c.Release == "" {
		return record.Place{}, nil, nil
	}
	var place record.Place
	if !c.NoRecord {
		var err error
		if place, err = c.place(a, attest.Reproduction, id); err != nil {
			return place, nil, err
		}
	}
	l, err := a.ledger()
	if err != nil {
		return place, nil, err
	}
	releases, err := c.releases(a, l, receipt.Object(a.repo.Algorithm()+":"+string(id)))
	return place, releases, err
}

// releases are the one that was named, or all of the commit that are trusted.
func (c *reproduceCmd) releases(a *app, l *ledger.Ledger, commit receipt.Object) ([]*ledger.Entry, error) {
	if c.Release == "" {
		genesis, err := l.Genesis(a.ctx)
		if err != nil {
			return nil, err
		}
		terms, err := anchoring{}.insisted(a, genesis.ID)
		if err != nil {
			return nil, err
		}
		about, err := a.finder(l, l)(a.ctx, query.About([]receipt.Object{commit}))
		if err != nil {
			return nil, err
		}
		return attest.Releases(a.ctx, l, terms, about, commit)
	}
	e, err := l.One(a.ctx, c.Release)
	switch {
	case err != nil:
		return nil, err
	case e.Receipt == nil || len(e.Problems()) > 0:
		return nil, fault.New(fault.Invalid, "the receipt %s does not hold", e.ID.Short())
	case e.Receipt.Kind != receipt.KindRelease:
		return nil, fault.New(fault.Usage, "%s is a receipt of kind %s, and no release", e.ID.Short(), e.Receipt.Kind).With("command", "reproduce")
	case e.Receipt.Commit != commit:
		return nil, fault.New(fault.Usage, "the release %s is of another commit than the one that is to be built", e.ID.Short()).With("command", "reproduce")
	}
	return []*ledger.Entry{e}, nil
}

// build builds the commit twice.
func (c *reproduceCmd) build(a *app, id gitrepo.OID, commit gitrepo.Commit) (*receipt.Attestation, error) {
	epoch, ok := gitrepo.CommitTime(commit)
	if !ok {
		return nil, fault.New(fault.GitRefused, "the commit %s has no time", id.Short())
	}
	b := attest.Build{
		Command: a.behind, Env: a.env.Environ, Epoch: epoch, Outputs: c.Output, Container: c.Container, Timeout: c.Timeout, Now: a.env.Now,
		CheckOut: func(ctx context.Context, dir string) error { return a.repo.CheckOut(ctx, id, dir) },
	}
	b.Stdout, b.Stderr = a.streams()
	if top, err := a.repo.WorkTree(a.ctx); err == nil {
		b.Watched = top
	} else if !fault.Has(err, fault.NotThatCommit) {
		return nil, err
	}
	return attest.Reproduce(a.ctx, b)
}

// against holds the outputs against releases. Those that are about one of them are
// linked.
func (c *reproduceCmd) against(a *app, body *receipt.Attestation, releases []*ledger.Entry) (links []string, mismatch error) {
	for _, e := range releases {
		met, err := attest.Against(body.Outputs, e, c.Release != "")
		if met > 0 || err != nil {
			links = append(links, "relates="+e.ID.String())
		}
		if mismatch == nil {
			mismatch = err
		}
	}
	return links, mismatch
}

// reproduced is what programs are told where nothing is recorded.
type reproduced struct {
	Status      string          `json:"status"`
	Attestation json.RawMessage `json:"attestation"`
}

// conclude says what came of it, and records it.
func (c *reproduceCmd) conclude(a *app, place record.Place, id gitrepo.OID, body *receipt.Attestation, links []string) error {
	if !a.out.structured() {
		for _, o := range body.Outputs {
			a.out.line("%s  %s", o.SHA256, o.Name)
		}
		for _, d := range body.Differences {
			a.out.line("differs  %s at byte %d  %s", d.Name, d.Offset, d.Detail)
		}
		if len(body.Differences) == 0 {
			a.out.line("both builds are the same")
		}
	}
	if !c.NoRecord {
		_, err := c.record(a, place, id, body, links)
		return err
	}
	if !a.out.structured() {
		return nil
	}
	text, err := json.Marshal(body)
	if err != nil {
		return fault.New(fault.Internal, "the attestation has no JSON form").Because(err)
	}
	return a.out.emit(reproduced{"not recorded", text})
}
