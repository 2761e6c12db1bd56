package verify

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/merkle"
	"github.com/VaultSovereign/git-vaultmesh/internal/trust"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Leaves are what a seal of a ledger is over: the names of all files, each the
// receipt's id, a slash and the name in its folder, sorted bytewise. It counts the
// receipts too. step is called for each.
func Leaves(ctx context.Context, l *ledger.Ledger, step func()) (names []string, receipts int64, err error) {
	err = l.Folders(ctx, func(id receipt.ID, files []ledger.File) error {
		step()
		receipts++
		for _, f := range files {
			names = append(names, id.String()+"/"+f.Name)
		}
		return nil
	})
	slices.Sort(names)
	return names, receipts, err
}

// RootOf is the root over sorted leaves.
func RootOf(names []string) (receipt.Digest, error) {
	var t merkle.Tree
	for _, n := range names {
		if err := t.Add([]byte(n)); err != nil {
			return receipt.Digest{}, err
		}
	}
	return t.Root(), nil
}

// seal is one of the ledger's seals, and what is known of it.
type seal struct {
	entry   *ledger.Entry
	body    *receipt.Seal
	finding trust.Finding
	proven  time.Time // by when it existed; zero where nothing proves it

	looked bool
	holds  error          // why its root is not that of its head, nil if it is
	names  []string       // what it is over, until [court.kept] has looked
	at     *ledger.Ledger // as it was sealed
}

// seals reads the seals of a ledger, those first that are proven to be earliest.
func (c *court) readSeals(ctx context.Context, l *ledger.Ledger, genesis *ledger.Entry, paths []string) error {
	entries, err := l.Load(ctx, paths)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.Holds(genesis.ID) || e.Receipt.Seal == nil {
			continue
		}
		f, err := folder(ctx, l, e)
		if err != nil {
			return err
		}
		s := &seal{entry: e, body: e.Receipt.Seal, finding: c.chain.Judge(f, c.terms.Now)}
		s.proven = s.finding.Proven()
		c.seals = append(c.seals, s)
	}
	slices.SortFunc(c.seals, func(a, b *seal) int { return trust.CompareProven(a.proven, b.proven) })
	return nil
}

// look computes the root of a seal anew, at the head that it names.
func (s *seal) look(ctx context.Context, l *ledger.Ledger) error {
	if s.looked {
		return nil
	}
	at, err := l.At(ctx, gitrepo.OID(s.body.Head.Hex()))
	var names []string
	var receipts int64
	if err == nil {
		names, receipts, err = Leaves(ctx, at, func() {})
	}
	var root receipt.Digest
	if err == nil {
		root, err = RootOf(names)
	}
	if err != nil && !ledger.Unreadable(err) && !fault.Has(err, fault.BadTree) && !fault.Has(err, fault.BadLedgerRef) {
		return err
	}
	s.looked, s.at, s.names = true, at, names
	switch id := s.entry.ID.Short(); {
	case err != nil:
		s.holds = fault.New(fault.From(err).Code, "the ledger as the seal %s has it cannot be read", id).Because(err)
	case root != s.body.Root || receipts != s.body.Receipts || int64(len(names)) != s.body.Files:
		s.holds = fault.New(fault.SealBroken, "the seal %s is not over what the ledger had at %s", id, s.body.Head.Hex()[:10])
	}
	return nil
}

// kept says whether the ledger still has all that a seal is over. The fault is
// SealBroken (VM521).
func (c *court) kept(ctx context.Context, l *ledger.Ledger, s *seal) error {
	if c.present == nil {
		names, _, err := Leaves(ctx, l, func() {})
		if ledger.Unreadable(err) || fault.Has(err, fault.BadTree) {
			return nil // which other steps tell
		}
		if err != nil {
			return err
		}
		c.present = names
	}
	there := c.present
	for _, n := range s.names {
		i, found := slices.BinarySearch(there, n)
		if !found {
			return fault.New(fault.SealBroken, "the seal %s is over %s, which the ledger has no more", s.entry.ID.Short(), n)
		}
		there = there[i:]
	}
	s.names = nil
	return nil
}

// holding judges a seal in the step seal, and says whether it holds.
func (c *court) holding(ctx context.Context, t *tally, l *ledger.Ledger, s *seal) (bool, error) {
	if err := s.look(ctx, l); err != nil {
		return false, err
	}
	if s.holds == nil {
		err := c.kept(ctx, l, s)
		if err != nil && !fault.Has(err, fault.SealBroken) {
			return false, err
		}
		s.holds = err
	}
	if s.holds != nil {
		t.checked(StepSeal)
		t.problem(ledger.Problem{Step: StepSeal, Path: s.entry.Path, Err: s.holds})
	}
	return s.holds == nil, nil
}

// covers lists the files of an entry that are under a seal.
func (s *seal) covers(ctx context.Context, e *ledger.Entry) ([]string, error) {
	found, err := s.at.Load(ctx, []string{e.Path})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	var names []string
	for _, f := range found[0].Files {
		names = append(names, f.Name)
	}
	return names, nil
}

// sealed are the earliest proven times of the trusted seals over files of an entry, by name.
func (c *court) sealed(ctx context.Context, l *ledger.Ledger, e *ledger.Entry) (map[string]time.Time, error) {
	times := make(map[string]time.Time)
	for _, s := range c.seals {
		if s.proven.IsZero() || !s.finding.Trusted() || s.entry.ID == e.ID {
			continue
		}
		if err := s.look(ctx, l); err != nil {
			return nil, err
		}
		if s.holds != nil {
			continue
		}
		names, err := s.covers(ctx, e)
		if err != nil {
			return nil, err
		}
		for _, n := range names {
			if _, known := times[n]; !known { // the earliest comes first
				times[n] = s.proven
			}
		}
	}
	return times, nil
}

// underSeal judges the step seal of an entry: the first trusted seal over its
// receipt holds, and the ledger has all that is under it.
func (c *court) underSeal(ctx context.Context, t *tally, l *ledger.Ledger, e *ledger.Entry) error {
	for _, s := range c.seals {
		if !s.finding.Trusted() || s.entry.ID == e.ID {
			continue
		}
		if holds, err := c.holding(ctx, t, l, s); err != nil {
			return err
		} else if !holds {
			continue
		}
		names, err := s.covers(ctx, e)
		if err != nil {
			return err
		}
		if slices.Contains(names, "receipt.json") {
			t.under(s.entry, s.finding)
			return nil
		}
	}
	return nil
}

// sealing is a seal over entries that were judged, and by when it existed.
type sealing struct {
	seal    *ledger.Entry
	finding trust.Finding
	proven  time.Time // zero where nothing proves it
}

// under notes down a seal that is, or claims to be, over an entry.
func (t *tally) under(seal *ledger.Entry, found trust.Finding) {
	t.checked(StepSeal)
	if !slices.ContainsFunc(t.sealedBy, func(s sealing) bool { return s.seal.ID == seal.ID }) {
		t.sealedBy = append(t.sealedBy, sealing{seal, found, found.Proven()})
	}
}

// sealedWords say which seals are over the entries, or how many a ledger has.
func (t *tally) sealedWords() string {
	if !t.single {
		return fmt.Sprintf("seal count %d", t.judged[StepSeal])
	}
	var words []string
	for _, s := range t.sealedBy {
		text := s.seal.ID.Short()
		if !s.proven.IsZero() {
			text += " of " + s.proven.UTC().Format(time.RFC3339)
		}
		words = append(words, text)
	}
	return "seal " + strings.Join(words, ", ")
}

// onRails judges the step rails of an entry: where the covenant counts time-stamps,
// one proves when it was signed; where rules ask for more of them, they are there.
func (c *court) onRails(t *tally, e *ledger.Entry, f trust.Finding) {
	all := f.Authorities()
	for _, rail := range c.chain.Rails(e.Receipt) {
		t.checked(StepRails)
		sealed := len(all) == 0 && !f.Since.IsZero() && rail.Count == 1
		have := len(rail.Among(all))
		if f.Since.IsZero() { // not enough have signed, and no time-stamp proves when
			have = 0
		}
		if !sealed && have < rail.Count {
			t.problem(ledger.Problem{Step: StepRails, Path: e.Path, Err: notStamped(e, rail, have)})
			return
		}
	}
}

func notStamped(e *ledger.Entry, rail trust.Rail, have int) error {
	whose := "the covenant's authorities"
	if len(rail.Authorities) > 0 {
		whose = strings.Join(rail.Authorities, ", ")
	}
	return fault.New(fault.NotStamped, "%d of %d time-stamps of %s prove when it was signed", have, rail.Count, whose).With("receipt", e.ID.Short())
}
