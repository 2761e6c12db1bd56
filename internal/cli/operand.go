package cli

import (
	"context"
	"os"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
)

// operand is what somebody named on the command line: a file, receipts by
// id, or receipts by the commit they are about.
type operand struct {
	File    string
	Entries []*ledger.Entry
	Commit  gitrepo.OID // the commit that a revision led to
}

// sense is one thing that a word can mean.
type sense struct {
	what    string
	operand operand
}

// finding finds the entries whose ids begin with a prefix.
type finding func(ctx context.Context, prefix string) ([]*ledger.Entry, error)

// resolve says what a word means: a full id, an existing file (where files
// are asked for), the beginning of an id, or a revision. A word with two
// meanings is a fault Ambiguous (VM103) that names them.
func (a *app) resolve(l *ledger.Ledger, word string, files bool, find finding) (operand, error) {
	var senses []sense
	found, err := a.idSenses(word, find)
	if err != nil {
		return operand{}, err
	}
	senses = append(senses, found...)
	if _, err := os.Stat(word); err == nil && files {
		senses = append(senses, sense{"the file " + word, operand{File: word}})
	}
	id, _, err := a.repo.ResolveCommit(a.ctx, word)
	switch {
	case err == nil:
		senses = append(senses, sense{"the commit " + id.Short(), operand{Commit: id}})
	case !fault.Has(err, fault.NoRevision) && len(senses) == 0:
		return operand{}, err
	}
	switch len(senses) {
	case 0:
		return operand{}, nothing(word, files)
	case 1:
		return a.withEntries(l, senses[0].operand)
	}
	var names []string
	for _, s := range senses {
		names = append(names, s.what)
	}
	return operand{}, fault.New(fault.Ambiguous, "%s means more than one thing: %s", word, strings.Join(names, ", "))
}

// idSenses are the receipts whose ids begin with a word.
func (a *app) idSenses(word string, find finding) ([]sense, error) {
	if !ledger.IsPrefix(word) {
		return nil, nil
	}
	found, err := find(a.ctx, word)
	if err != nil {
		return nil, err
	}
	var senses []sense
	for _, e := range found {
		senses = append(senses, sense{"the receipt " + e.ID.String()[:16], operand{Entries: []*ledger.Entry{e}}})
	}
	return senses, nil
}

// withEntries adds the receipts that claim to be about a commit: all that can
// be read, so that one that was tampered with is judged and not left out.
func (a *app) withEntries(l *ledger.Ledger, o operand) (operand, error) {
	if o.Commit == "" {
		return o, nil
	}
	bar := a.progress("reading receipts")
	defer bar.done()
	err := l.Walk(a.ctx, ledger.Visitor{Entry: func(e *ledger.Entry) error {
		bar.add()
		if e.Receipt != nil && e.Receipt.Commit.Hex() == string(o.Commit) {
			o.Entries = append(o.Entries, e)
		}
		return nil
	}})
	if err == nil && len(o.Entries) == 0 {
		err = fault.New(fault.NoReceipt, "no receipt is about the commit %s", o.Commit.Short())
	}
	return o, err
}

// nothing says that a word means nothing, by what it looks like.
func nothing(word string, files bool) error {
	switch {
	case ledger.IsPrefix(word):
		return fault.New(fault.NoReceipt, "no receipt has an id that begins with %s", word)
	case files && strings.ContainsAny(word, `/.\`):
		return fault.New(fault.NoFile, "%s does not exist", word)
	}
	return fault.New(fault.NoRevision, "%s is neither a receipt's id nor a revision", word).With("revision", word)
}

// byID and byRevision are for words whose meaning was said with a flag.
func (a *app) byID(l *ledger.Ledger, prefix string) (operand, error) {
	e, err := l.One(a.ctx, prefix)
	if err != nil {
		return operand{}, err
	}
	return operand{Entries: []*ledger.Entry{e}}, nil
}

func (a *app) byRevision(l *ledger.Ledger, revision string) (operand, error) {
	id, _, err := a.repo.ResolveCommit(a.ctx, revision)
	if err != nil {
		return operand{}, err
	}
	return a.withEntries(l, operand{Commit: id})
}
