package cli

import (
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/index"
	"github.com/VaultSovereign/git-vaultmesh/internal/query"
)

type queryCmd struct {
	Words  []string `arg:"" optional:"" help:"words, phrases and filters, which must all hold"`
	Regexp []string `name:"regex" sep:"none" placeholder:"RE" help:"a regular expression (RE2) that one of the texts must match"`
	selection
	fetching
}

// Run lists the receipts that match, the newest first.
func (c *queryCmd) Run(a *app) error {
	from, q, err := c.begin(a, c.fetching, strings.Join(append(c.Words, a.behind...), " "))
	if err != nil {
		return err
	}
	for _, text := range c.Regexp {
		if err := q.Regexp(text); err != nil {
			return err
		}
	}
	return a.list(from, q, c.selection)
}

// list prints the receipts that are meant: a line each, or whole for programs.
func (a *app) list(from index.Source, q *query.Query, s selection) error {
	if err := a.page(s.paging); err != nil {
		return err
	}
	if a.out.structured() {
		return a.listWhole(from, q, s)
	}
	rows := a.out.table("ID", "DATE", "KIND", "COMPONENT", "VERSION", "WHAT")
	now := a.env.Now()
	any := false
	err := a.search(from, q, s, func(r *index.Row) error {
		any = true
		when := shortDate(r.Doc.At.Time().In(now.Location()), a.config.Date, now)
		rows.row(r.Doc.ID.Short(), when, string(r.Doc.Kind), r.Doc.Component, r.Doc.Version, r.Gist)
		return nil
	})
	if any {
		rows.end()
	}
	return err
}

// together is how many receipts are read for programs at once.
const together = 256

// listWhole prints whole receipts, as they stand in the ledger.
func (a *app) listWhole(from index.Source, q *query.Query, s selection) error {
	list := a.out.list()
	var paths []string
	print := func() error {
		if len(paths) == 0 {
			return nil
		}
		l, err := from.Open()
		if err != nil {
			return err
		}
		entries, err := a.load(l, paths)
		if err != nil {
			return err
		}
		paths = paths[:0]
		all, err := a.shown(l, entries)
		for _, one := range all {
			if err := list.add(one); err != nil {
				return err
			}
		}
		return err
	}
	err := a.search(from, q, s, func(r *index.Row) error {
		if paths = append(paths, r.Path()); len(paths) < together {
			return nil
		}
		return print()
	})
	if printErr := print(); printErr != nil {
		return printErr
	}
	if endErr := list.end(); endErr != nil {
		return endErr
	}
	return err
}
