package cli

import (
	"slices"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/record"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
)

type timestampCmd struct {
	ID      []string `arg:"" optional:"" help:"receipts, by their ids or the beginnings of them"`
	Pending bool     `help:"the tokens that could not be had before"`
	fetching
}

// stampedFile is a token, got or not, as programs are told.
type stampedFile struct {
	ID        string     `json:"id"`
	File      string     `json:"file"`
	Authority string     `json:"authority"`
	Status    string     `json:"status"` // stamped or pending
	Time      string     `json:"time,omitempty"`
	Code      fault.Code `json:"code,omitempty"`
	Message   string     `json:"message,omitempty"`
}

// Run asks for tokens, and keeps in mind which could not be had.
func (c *timestampCmd) Run(a *app) error {
	if c.Pending == (len(c.ID) > 0) {
		return fault.New(fault.Usage, "name receipts, or say --pending").With("command", "timestamp")
	}
	l, err := a.openLedger(false, c.fetching)
	if err != nil {
		return err
	}
	stamper, err := a.stamper(stamping{})
	if err != nil {
		return err
	}
	if stamper == nil {
		return fault.New(fault.NoTSA, "no time-stamp authority is configured")
	}
	kept, err := record.ReadPending(a.repo)
	if err != nil {
		return err
	}
	entries, err := c.entries(a, l, kept)
	if err != nil {
		return err
	}
	wanted := func(p record.Pending) bool {
		return !c.Pending || slices.ContainsFunc(kept, func(k record.Pending) bool { return k.ID == p.ID && k.File == p.File && k.Authority == p.Authority })
	}
	bar := a.progress("asking for time-stamps")
	place := a.place()
	place.Working, place.Stamper = bar.add, stamper
	got, missing, done, err := record.Timestamp(a.ctx, place, entries, wanted)
	bar.done()
	if err != nil {
		return err
	}
	if err := record.KeepPending(a.repo, missing, c.settled(entries, kept, missing)); err != nil {
		return err
	}
	return c.print(a, got, missing, done)
}

// entries are the receipts that were named, or those that wait.
func (c *timestampCmd) entries(a *app, l *ledger.Ledger, kept []record.Pending) ([]*ledger.Entry, error) {
	ids := c.ID
	for _, p := range kept {
		if c.Pending && !slices.Contains(ids, p.ID.String()) {
			ids = append(ids, p.ID.String())
		}
	}
	var entries []*ledger.Entry
	for _, id := range ids {
		e, err := l.One(a.ctx, id)
		if c.Pending && fault.Has(err, fault.NoReceipt) {
			continue // recorded on a ledger that is no more
		}
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// settled are the tokens that waited for one of the entries, and do so no more.
func (c *timestampCmd) settled(entries []*ledger.Entry, kept, missing []record.Pending) []record.Pending {
	var done []record.Pending
	for _, k := range kept {
		concerns := c.Pending || slices.ContainsFunc(entries, func(e *ledger.Entry) bool { return e.ID == k.ID })
		still := slices.ContainsFunc(missing, func(m record.Pending) bool { return m.ID == k.ID && m.File == k.File && m.Authority == k.Authority })
		if concerns && !still {
			done = append(done, k)
		}
	}
	return done
}

func (c *timestampCmd) print(a *app, got []record.Stamped, missing []record.Pending, done record.Attached) error {
	list := []stampedFile{}
	for _, s := range got {
		list = append(list, stampedFile{ID: s.ID.String(), File: s.File, Authority: s.Stamp.Authority, Status: "stamped", Time: stamp(s.Time)})
	}
	for _, m := range missing {
		list = append(list, stampedFile{ID: m.ID.String(), File: m.File, Authority: m.Authority, Status: "pending", Code: fault.From(m.Err).Code, Message: fault.From(m.Err).Message})
	}
	if a.out.structured() {
		if err := a.out.emit(struct {
			LedgerCommit string        `json:"ledger_commit"`
			Tokens       []stampedFile `json:"tokens"`
		}{string(done.Head), list}); err != nil {
			return err
		}
	} else {
		for _, s := range list {
			if s.Status == "stamped" {
				a.out.line("stamped %s by %s at %s", s.ID[:10], s.Authority, s.Time)
			} else {
				a.out.line("pending %s by %s: %s", s.ID[:10], s.Authority, s.Message)
			}
		}
		if len(list) == 0 {
			a.out.line("no token is wanting")
		}
	}
	if len(missing) > 0 {
		first := fault.From(missing[0].Err)
		err := fault.New(first.Code, "tokens that are still to be had: %d", len(missing)).Because(first)
		err.Details = first.Details
		return err
	}
	return nil
}
