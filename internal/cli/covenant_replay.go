package cli

import (
	"github.com/VaultSovereign/git-vaultmesh/internal/guard"
	"github.com/VaultSovereign/git-vaultmesh/internal/policy"
)

type covenantReplayCmd struct {
	Since string `required:"" placeholder:"REV" help:"what came after this commit"`
	File  string `name:"covenant" placeholder:"FILE" help:"by the rules of this document, in place of those in force"`
	Ref   string `placeholder:"REF" help:"the branch, in place of the one that is checked out"`
	anchoring
	fetching
}

// replayed is a past push that would have been refused, as programs are told.
type replayed struct {
	Ref     string   `json:"ref"`
	Commit  string   `json:"commit"`
	At      string   `json:"at"`
	Rule    string   `json:"rule"`
	Missing []string `json:"missing"`
}

// Run judges what was pushed in the past, as far as commits and tags tell.
func (c *covenantReplayCmd) Run(a *app) error {
	l, err := a.openLedger(true, c.fetching)
	if err != nil {
		return err
	}
	g, err := c.guard(a, l, l)
	if err != nil {
		return err
	}
	if c.File != "" {
		text, err := a.read(c.File, policy.MaxSize)
		if err != nil {
			return err
		}
		body, err := policy.Parse(text, c.File)
		if err != nil {
			return err
		}
		g.Rules = body.Rules
	}
	since, _, err := a.repo.ResolveCommit(a.ctx, c.Since)
	if err != nil {
		return err
	}
	past, err := guard.Past(a.ctx, a.repo, l, c.Ref, since)
	if err != nil {
		return err
	}
	list := []replayed{}
	verdicts, err := g.Replay(a.ctx, past)
	if err != nil {
		return err
	}
	for _, v := range guard.Broken(verdicts) {
		r := replayed{Ref: v.Push.Ref, Commit: string(v.Commit), At: stamp(v.At), Rule: v.Rule.Name, Missing: []string{}}
		for _, lack := range v.Lacks {
			r.Missing = append(r.Missing, lack.Text)
		}
		list = append(list, r)
	}
	if a.out.structured() {
		return a.out.emit(struct {
			Pushes  int        `json:"pushes"`
			Refused []replayed `json:"refused"`
		}{len(past), list})
	}
	for _, r := range list {
		a.out.line("%s  %s  %s  %s", r.Commit[:min(10, len(r.Commit))], r.At, r.Ref, r.Rule)
		for _, text := range r.Missing {
			a.out.line("            %s", text)
		}
	}
	a.out.line("%d of %d pushes would have been refused", refusedPushes(list), len(past))
	return nil
}

func refusedPushes(list []replayed) int {
	met := make(map[string]bool)
	for _, r := range list {
		met[r.Ref+" "+r.Commit] = true
	}
	return len(met)
}
