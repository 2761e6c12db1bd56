package cli

import (
	"slices"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/query"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

type queryCmd struct {
	Words     []string `arg:"" optional:"" help:"words that must all occur, anywhere in the receipt"`
	Kind      string   `placeholder:"KIND" help:"only receipts of this kind"`
	Component string   `placeholder:"NAME" help:"only receipts about this component"`
	Limit     *int     `placeholder:"N" help:"at most this many, the newest"`
}

// Run lists the receipts that match, the newest first.
func (c *queryCmd) Run(a *app) error {
	if c.Limit != nil && *c.Limit < 1 {
		return fault.New(fault.Usage, "--limit must be 1 or more").With("command", "query")
	}
	q := query.Query{Words: query.Parse(c.Words), Component: c.Component}
	if c.Kind != "" {
		kind, ok := receipt.ParseKind(c.Kind)
		if !ok {
			return fault.New(fault.Usage, "%.40q is not a kind of receipt", c.Kind).With("command", "query")
		}
		q.Kind = kind
	}
	l, err := a.openLedger(false)
	if err != nil {
		return err
	}
	var found []*ledger.Entry
	err = a.scan(l, func(e *ledger.Entry) {
		if q.Matches(e.Receipt) {
			found = append(found, e)
		}
	})
	if err != nil {
		return err
	}
	slices.SortFunc(found, query.NewestFirst)
	if c.Limit != nil {
		found = found[:min(*c.Limit, len(found))]
	}
	return c.print(a, l, found)
}

func (c *queryCmd) print(a *app, l *ledger.Ledger, found []*ledger.Entry) error {
	if a.out.structured() {
		list, err := a.shown(l, found)
		if err != nil {
			return err
		}
		if err := a.out.emit(list); err != nil {
			return err
		}
	}
	if len(found) == 0 {
		return fault.New(fault.NoMatch, "no receipt matches")
	}
	if a.out.structured() {
		return nil
	}
	now := a.env.Now()
	rows := make([][]string, 0, len(found))
	for _, e := range found {
		when := shortDate(e.Receipt.HappenedAt().Time().In(now.Location()), a.config.Date, now)
		rows = append(rows, []string{e.ID.Short(), when, string(e.Receipt.Kind), e.Receipt.Component, e.Receipt.Version, gist(e.Receipt)})
	}
	a.out.table([]string{"ID", "DATE", "KIND", "COMPONENT", "VERSION", "WHAT"}, rows)
	return nil
}

// gist is what tells receipts of one component and version apart.
func gist(r *receipt.Receipt) string {
	switch {
	case r.Genesis != nil:
		return r.Genesis.Name
	case r.Decision != nil:
		return r.Decision.Title
	case r.Incident != nil:
		return r.Incident.Severity + " " + r.Incident.Impact
	case r.Discovery != nil:
		return r.Discovery.Title
	case len(r.Subjects) > 0:
		return r.Subjects[0].Name
	}
	return r.Note
}
