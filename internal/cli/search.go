package cli

import (
	"errors"
	"path/filepath"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/index"
	"github.com/VaultSovereign/git-vaultmesh/internal/query"
	"github.com/VaultSovereign/git-vaultmesh/internal/recall"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// selection are the flags of commands that list receipts.
type selection struct {
	Kind      []string `sep:"none" placeholder:"KIND" help:"only receipts of this kind; may be repeated"`
	Component []string `sep:"none" placeholder:"NAME" help:"only receipts about this component; may be repeated"`
	Since     string   `placeholder:"DATE" help:"only what happened at that time or later"`
	Until     string   `placeholder:"DATE" help:"only what happened at that time or earlier"`
	Limit     *int     `placeholder:"N" help:"at most this many"`
	Reverse   bool     `help:"the oldest first"`
	paging
}

// query reads the words of a query, in the open repository, and adds what the
// flags say.
func (s selection) query(a *app, text string) (*query.Query, error) {
	m := query.Meaning{Date: a.date, Commit: a.commit}
	q, err := query.Parse(text, m)
	if err != nil {
		return nil, err
	}
	for _, f := range []struct {
		filter string
		values []string
	}{{"kind", s.Kind}, {"component", s.Component}, {"since", oneOrNone(s.Since)}, {"until", oneOrNone(s.Until)}} {
		for _, value := range f.values {
			if err := q.Filter(f.filter, value, m); err != nil {
				return nil, fault.From(err).With("command", commandIn(a.env))
			}
		}
	}
	return q, nil
}

func oneOrNone(value string) []string {
	if value == "" {
		return nil
	}
	return []string{value}
}

// begin sees that there is something to list, opens what is searched, and reads
// the query.
func (s selection) begin(a *app, f fetching, words string) (from index.Source, q *query.Query, err error) {
	if s.Limit != nil && *s.Limit < 1 {
		return from, nil, fault.New(fault.Usage, "--limit must be 1 or more")
	}
	if from, err = a.openSource(f); err != nil {
		return from, nil, err
	}
	q, err = s.query(a, words)
	return from, q, err
}

func (s selection) limit() int {
	if s.Limit == nil {
		return 0
	}
	return *s.Limit
}

// search calls each for the receipts that are meant, in order.
func (a *app) search(from index.Source, q *query.Query, s selection, each func(*index.Row) error) error {
	indexing, reading := a.progress("indexing receipts"), a.progress("reading receipts")
	finish := func() {
		indexing.done()
		reading.done()
	}
	defer finish()
	found := 0
	skipped, err := recall.Find(a.ctx, recall.Search{
		Request: index.Request{Query: q, Limit: s.limit(), Reverse: s.Reverse, Looked: reading.add},
		Source:  from,
		Index:   index.Options{Folders: a.indexFolders(), Program: facts().Version, Progress: indexing.add, Remark: func(text string) { a.out.remark("note", "%s", text) }},
		Scanning: func(why error) {
			indexing.done()
			f := fault.From(why)
			a.out.remark("note", "%s: %s; the whole ledger is read instead", f.Code, f.Message)
		},
	}, func(r *index.Row) error {
		finish()
		found++
		if a.out.failed != nil {
			return errSeenEnough
		}
		return each(r)
	})
	switch {
	case errors.Is(err, errSeenEnough):
		return nil
	case err != nil:
		return err
	}
	if skipped > 0 && !a.warned {
		a.warned = true
		a.out.warn("%d entries of the ledger do not hold and are left out; see git vaultmesh verify --all", skipped)
	}
	if found == 0 {
		return fault.New(fault.NoMatch, "no receipt matches")
	}
	return nil
}

// makeIndex makes the index of a ledger, or brings it up to date.
func (a *app) makeIndex(l *ledger.Ledger) error {
	bar := a.progress("indexing receipts")
	x, err := index.Open(a.ctx, index.Source{Head: l.Head, Pinned: a.config.Ledger, Open: func() (*ledger.Ledger, error) { return l, nil }, Latest: a.latest},
		index.Options{Folders: a.indexFolders(), Program: facts().Version, Progress: bar.add, Remark: func(string) {}})
	bar.done()
	if err == nil {
		x.Close()
	}
	if errors.Is(err, index.ErrOvertaken) { // another process made it, and of more
		err = nil
	}
	return err
}

// load opens receipts that were found, in that order. An index that names one
// which the ledger does not have is thrown away.
func (a *app) load(l *ledger.Ledger, paths []string) ([]*ledger.Entry, error) {
	found, err := l.Load(a.ctx, paths)
	if err != nil {
		return nil, err
	}
	at := make(map[string]*ledger.Entry, len(found))
	for _, e := range found {
		at[e.Path] = e
	}
	entries := make([]*ledger.Entry, len(paths))
	for i, p := range paths {
		if entries[i] = at[p]; entries[i] == nil {
			index.Remove(a.indexFolders())
			return nil, fault.New(fault.IndexDamaged, "the index named %s, which the ledger does not have, and was removed", p)
		}
	}
	return entries, nil
}

// errSeenEnough ends a search whose answer nobody reads any more.
var errSeenEnough = errors.New("the output is closed")

// indexFolders are where the index may lie: beside the repository's objects,
// or, where that cannot be written, in the user's cache.
func (a *app) indexFolders() []string {
	folders := []string{filepath.Join(a.repo.CommonDir, "vaultmesh")}
	if dir := a.cacheFolder(); dir != "" {
		folders = append(folders, dir)
	}
	return folders
}

// commit is what a revision means in a query: a whole id means itself, also
// where there is no such commit here.
func (a *app) commit(revision string) (receipt.Object, error) {
	whole := receipt.Object(a.repo.Algorithm() + ":" + revision)
	if whole.Valid() {
		return whole, nil
	}
	id, _, err := a.repo.ResolveCommit(a.ctx, revision)
	return receipt.Object(a.repo.Algorithm() + ":" + string(id)), err
}

// date reads a date of a query or a flag: its first and its last second.
func (a *app) date(text string) (from, to time.Time, err error) {
	span, err := a.repo.ParseDate(a.ctx, text, a.env.Now())
	return span.From, span.To, err
}
