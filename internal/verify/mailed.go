package verify

import (
	"context"
	"slices"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/trust"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Law is by what receipts are judged without their repository.
type Law struct {
	Genesis     *ledger.Entry
	Covenants   []*ledger.Entry // sorted by id
	Revocations []*ledger.Entry // sorted by id
}

// Mailed is a receipt with everything that is needed to judge it without its
// repository.
type Mailed struct {
	Law
	Receipt *ledger.Entry
	Seal    *ledger.Entry // nil where no seal is over the receipt
	Paths   []SealedFile  // sorted by name
}

// SealedFile is a file of the receipt and its way up to the root of the seal.
type SealedFile struct {
	Name  string           // in the receipt's folder
	Index uint64           // of its leaf, counted from 0
	Path  []receipt.Digest // RFC 9162 section 2.1.3.1
}

// Gather collects what a proof of a receipt needs. The receipt must be trusted,
// or the fault is its own: a proof of what is not would prove nothing.
func Gather(ctx context.Context, l *ledger.Ledger, e *ledger.Entry, terms *Terms) (*Mailed, error) {
	genesis, err := l.Genesis(ctx)
	if err != nil {
		return nil, err
	}
	known, err := recall(ctx, l, terms.Cache)
	if err != nil {
		return nil, err
	}
	c, err := convene(ctx, l, genesis, known, terms)
	if err != nil {
		return nil, err
	}
	found, err := c.judge(ctx, l, e)
	if err != nil {
		return nil, err
	}
	if found.Err != nil {
		return nil, fault.From(found.Err).With("receipt", e.ID.Short())
	}
	m := &Mailed{Receipt: e}
	if m.Law, err = gatherLaw(ctx, l, genesis, known); err != nil {
		return nil, err
	}
	return m, c.addSeal(ctx, l, m)
}

// LawOf is by what the receipts of a ledger are judged.
func LawOf(ctx context.Context, l *ledger.Ledger, cache Cache) (Law, error) {
	genesis, err := l.Genesis(ctx)
	if err != nil {
		return Law{}, err
	}
	known, err := recall(ctx, l, cache)
	if err != nil {
		return Law{}, err
	}
	return gatherLaw(ctx, l, genesis, known)
}

// gatherLaw collects the covenants and revocations of a ledger.
func gatherLaw(ctx context.Context, l *ledger.Ledger, genesis *ledger.Entry, known *rolls) (Law, error) {
	law := Law{Genesis: genesis}
	var err error
	if law.Covenants, err = held(ctx, l, genesis, known.Covenants); err == nil {
		law.Revocations, err = held(ctx, l, genesis, known.Revocations)
	}
	return law, err
}

// held are the entries at some paths that hold by themselves, sorted by id.
func held(ctx context.Context, l *ledger.Ledger, genesis *ledger.Entry, paths []string) ([]*ledger.Entry, error) {
	entries, err := l.Load(ctx, paths)
	entries = slices.DeleteFunc(entries, func(e *ledger.Entry) bool { return !e.Holds(genesis.ID) })
	slices.SortFunc(entries, func(a, b *ledger.Entry) int { return a.ID.Compare(b.ID) })
	return entries, err
}

// addSeal adds the earliest trusted seal that is over most of the receipt's files.
func (c *court) addSeal(ctx context.Context, l *ledger.Ledger, m *Mailed) error {
	var best *seal
	var under []string
	for _, s := range c.seals {
		if !s.finding.Trusted() || s.entry.ID == m.Receipt.ID {
			continue
		}
		if err := s.look(ctx, l); err != nil {
			return err
		}
		if s.holds != nil {
			continue
		}
		names, err := s.covers(ctx, m.Receipt)
		if err != nil {
			return err
		}
		if slices.Contains(names, "receipt.json") && len(names) > len(under) {
			best, under = s, names
		}
	}
	if best == nil {
		return nil
	}
	leaves, _, err := Leaves(ctx, best.at, func() {})
	if err != nil {
		return err
	}
	m.Seal = best.entry
	for _, name := range under {
		index, _ := slices.BinarySearch(leaves, m.Receipt.ID.String()+"/"+name)
		leaf, err := leafAt(leaves, index)
		if err != nil {
			return err
		}
		m.Paths = append(m.Paths, SealedFile{Name: name, Index: leaf.Index, Path: leaf.Path})
	}
	return nil
}

// Proof judges a mailed receipt, in the same steps as one in a ledger. The head,
// the dates of folders and the history are a ledger's own, and are not there.
func Proof(ctx context.Context, m *Mailed, terms *Terms) (*Report, error) {
	l := new(ledger.Ledger) // everything was read already
	t, err := m.court(ctx, l, terms)
	if err != nil {
		return nil, err
	}
	t.receipts = 1
	c := t.court
	if m.Seal != nil {
		if err := t.form(ctx, l, m.Genesis, m.Seal); err != nil {
			return nil, err
		}
	}
	sealed, err := m.sealed(ctx, l, c, t)
	if err != nil {
		return nil, err
	}
	if err := t.form(ctx, l, m.Genesis, m.Receipt); err != nil {
		return nil, err
	}
	if m.Receipt.Receipt == nil || m.Receipt.Receipt.Future {
		return t.report(""), nil
	}
	f, err := folder(ctx, l, m.Receipt)
	if err != nil {
		return nil, err
	}
	f.Sealed = sealed
	found := c.chain.Judge(f, terms.Now)
	t.concluded(m.Receipt, found)
	c.onRails(t, m.Receipt, found)
	return t.report(""), nil
}

// court judges what came along to judge by: its form, the anchor and the covenants.
func (m *Law) court(ctx context.Context, l *ledger.Ledger, terms *Terms) (*tally, error) {
	t := newTally()
	t.single = true
	t.checked(ledger.StepLayout)
	for _, e := range append(append([]*ledger.Entry{m.Genesis}, m.Covenants...), m.Revocations...) {
		if err := t.form(ctx, l, m.Genesis, e); err != nil {
			return nil, err
		}
	}
	chain, err := m.chain(ctx, l, terms)
	if err != nil {
		return nil, err
	}
	t.court = &court{terms: terms, chain: chain}
	t.court.anchored(t, l, m.Genesis)
	t.court.covenanted(t, l)
	return t, nil
}

// chain reads the covenants that came along. One that does not hold is none.
func (m *Law) chain(ctx context.Context, l *ledger.Ledger, terms *Terms) (*trust.Chain, error) {
	read := func(entries []*ledger.Entry) ([]trust.Folder, error) {
		var list []trust.Folder
		for _, e := range entries {
			if !e.Holds(m.Genesis.ID) {
				continue
			}
			f, err := folder(ctx, l, e)
			if err != nil {
				return nil, err
			}
			list = append(list, f)
		}
		return list, nil
	}
	first, err := folder(ctx, l, m.Genesis)
	if err != nil {
		return nil, err
	}
	covenants, err := read(m.Covenants)
	if err != nil {
		return nil, err
	}
	revocations, err := read(m.Revocations)
	if err != nil {
		return nil, err
	}
	return trust.Build(first, covenants, revocations, terms.Anchor.Pin, terms.Now), nil
}

// sealed judges the step seal of a mailed receipt, and says which of its files the
// seal dates.
func (m *Mailed) sealed(ctx context.Context, l *ledger.Ledger, c *court, t *tally) (map[string]time.Time, error) {
	if m.Seal == nil {
		return nil, nil
	}
	problem := func(err error) { t.problem(ledger.Problem{Step: StepSeal, Path: m.Seal.Path, Err: err}) }
	if m.Seal.Receipt == nil || m.Seal.Receipt.Seal == nil {
		t.checked(StepSeal)
		problem(fault.New(fault.SealBroken, "the receipt %s is no seal", m.Seal.ID.Short()))
		return nil, nil
	}
	f, err := folder(ctx, l, m.Seal)
	if err != nil {
		return nil, err
	}
	found, body := c.chain.Judge(f, c.terms.Now), m.Seal.Receipt.Seal
	t.under(m.Seal, found)
	if !found.Trusted() {
		problem(fault.New(fault.SealBroken, "the seal %s is not trusted", m.Seal.ID.Short()).Because(found.Err))
		return nil, nil
	}
	times, proven := make(map[string]time.Time), found.Proven()
	for _, p := range m.Paths {
		leaf := Leaf{Name: m.Receipt.ID.String() + "/" + p.Name, Index: p.Index, Path: p.Path}
		if err := leaf.leads(body); err != nil {
			problem(err)
			return nil, nil
		}
		if !proven.IsZero() {
			times[p.Name] = proven
		}
	}
	if !slices.ContainsFunc(m.Paths, func(p SealedFile) bool { return p.Name == "receipt.json" }) {
		problem(fault.New(fault.SealBroken, "the seal is not over the receipt"))
		return nil, nil
	}
	return times, nil
}
