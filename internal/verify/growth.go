package verify

import (
	"context"
	"slices"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/trust"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Growth judges what a ledger has that an earlier one, which was judged before,
// has not: its new entries, and the commits in between, which the caller lists.
func Growth(ctx context.Context, store gitrepo.Store, earlier, later *ledger.Ledger, commits []gitrepo.OID, progress func()) (*Report, error) {
	return grown(ctx, store, earlier, later, commits, nil, func(*ledger.Entry) {}, progress)
}

// Welcome judges what a peer brings: as Growth does, and whose signatures its new
// entries have. It lists those that no covenant accepts of peers that is in force in the
// earlier ledger or came to be since (docs/spec/covenant.md, "What peers bring"). Where
// there is no covenant all are accepted.
func Welcome(ctx context.Context, store gitrepo.Store, earlier, later *ledger.Ledger, commits []gitrepo.OID, terms *Terms, progress func()) (*Report, []Refused, error) {
	genesis, err := earlier.Genesis(ctx)
	if err != nil {
		return nil, nil, err
	}
	known, err := recall(ctx, earlier, terms.Cache)
	if err != nil {
		return nil, nil, err
	}
	before, err := convene(ctx, earlier, genesis, known, terms)
	if err != nil {
		return nil, nil, err
	}
	latest := before.chain.Latest()
	if latest == nil {
		report, err := Growth(ctx, store, earlier, later, commits, progress)
		return report, nil, err
	}
	// By which covenants what is new is judged is known only when all was seen: if there
	// turn out to be new ones, it is judged again by them.
	for {
		c, err := convene(ctx, later, genesis, known, terms)
		if err != nil {
			return nil, nil, err
		}
		g := &guest{court: c, accepted: c.accepts(latest.Covenant), since: latest.Covenant.Version, rolls: known.clone()}
		report, err := g.judge(ctx, store, earlier, later, commits, progress)
		if err != nil {
			return nil, nil, err
		}
		if g.rolls.equal(known) || g.indifferent(known) {
			report.rolls, report.of = g.rolls, later
			return report, g.refused, nil
		}
		known = g.rolls
	}
}

// guest is what a peer brings, under examination.
type guest struct {
	court    *court
	accepted string
	since    int64  // the version of the covenant by which others have accepted it perhaps
	rolls    *rolls // by what it is to be judged, with what is among it
	refused  []Refused
}

// judge judges what is new by the court.
func (g *guest) judge(ctx context.Context, store gitrepo.Store, earlier, later *ledger.Ledger, commits []gitrepo.OID, progress func()) (*Report, error) {
	if g.accepted == acceptAny {
		return grown(ctx, store, earlier, later, commits, nil, g.rolls.add, progress)
	}
	j := g.jury(ctx, later)
	defer j.dismiss()
	return grown(ctx, store, earlier, later, commits, j, g.rolls.add, progress)
}

// jury judges who signed what a ledger has, and keeps what is refused.
func (g *guest) jury(ctx context.Context, l *ledger.Ledger) *jury {
	return newJury(g.court, func(b *brief) error {
		found, err := g.court.withSeals(ctx, l, b.entry, b.folder, b.finding)
		if err != nil {
			return err
		}
		if why := g.unwelcome(found, b.folder); why != nil {
			g.refused = append(g.refused, Refused{b.entry.ID, why})
		}
		return nil
	})
}

// unwelcome is why a receipt is not accepted, nil if it is: by the covenant in force, or by one
// in between, as others have accepted it who were there.
func (g *guest) unwelcome(found trust.Finding, f trust.Folder) error {
	why := unwelcome(found, g.accepted == acceptTrusted)
	if why == nil {
		return nil
	}
	for _, v := range g.court.chain.Versions {
		if v.Covenant.Version >= g.since && unwelcome(g.court.chain.AtItsWord(v, f, g.court.terms.Now), g.accepted == acceptTrusted) == nil {
			return nil
		}
	}
	return why
}

// indifferent tells whether what is new among the rolls can change nothing: seals, where
// all is accepted without them.
func (g *guest) indifferent(known *rolls) bool {
	return len(g.refused) == 0 && slices.Equal(g.rolls.Covenants, known.Covenants) && slices.Equal(g.rolls.Revocations, known.Revocations)
}

// WelcomeAll says which receipts of a ledger are not accepted of peers where there is none
// yet: by the covenant of its first receipt and those that followed on it. Where that has
// none all are accepted: nobody can say which were there before a covenant was adopted. The
// report is on its form, nil where nobody has judged that.
func WelcomeAll(ctx context.Context, l *ledger.Ledger, report *Report, terms *Terms, progress func()) ([]Refused, error) {
	genesis, err := l.Genesis(ctx)
	if err != nil || genesis.Receipt.Genesis.Covenant == nil {
		return nil, err
	}
	var known *rolls
	if report != nil && report.rolls != nil {
		known = report.rolls
	} else if known, err = recall(ctx, l, terms.Cache); err != nil {
		return nil, err
	}
	c, err := convene(ctx, l, genesis, known, terms)
	if err != nil || c.chain.Latest() == nil {
		return nil, err
	}
	first := c.chain.Versions[0].Covenant
	g := &guest{court: c, accepted: c.accepts(first), since: first.Version, rolls: known}
	if g.accepted == acceptAny {
		return nil, nil
	}
	j := g.jury(ctx, l)
	defer j.dismiss()
	err = l.Walk(ctx, ledger.Visitor{Entry: func(e *ledger.Entry) error {
		progress()
		if e.Receipt == nil || e.Receipt.Future {
			return nil
		}
		f, err := folder(ctx, l, e)
		if err != nil {
			return err
		}
		return j.bring(e, f)
	}, Problem: onlyUnreadable, Proofs: true})
	if err == nil {
		err = j.conclude()
	}
	return g.refused, err
}

// grown is Growth, with a jury for the signatures of what is new, or nil; met is told
// of each entry.
func grown(ctx context.Context, store gitrepo.Store, earlier, later *ledger.Ledger, commits []gitrepo.OID, j *jury, met func(*ledger.Entry), progress func()) (*Report, error) {
	t := newTally()
	t.checked(ledger.StepHead, ledger.StepLayout, ledger.StepLimits)
	genesis, err := earlier.Genesis(ctx)
	if err != nil {
		return nil, err
	}
	whole, err := later.Grown(ctx, earlier, ledger.Visitor{
		Entry: func(e *ledger.Entry) error {
			progress()
			met(e)
			if err := t.entry(ctx, later, genesis, e); err != nil || j == nil || e.Receipt == nil || e.Receipt.Future {
				return err
			}
			f, err := folder(ctx, later, e)
			if err != nil {
				return err
			}
			return j.bring(e, f)
		},
		Problem: func(p ledger.Problem) error {
			t.problem(p)
			return nil
		},
		Proofs: j != nil,
	})
	if err == nil && j != nil {
		err = j.conclude()
	}
	if err != nil {
		return nil, err
	}
	if !whole {
		t.problem(ledger.Problem{Step: ledger.StepHistory, Path: string(later.Head),
			Err: fault.New(fault.BadTree, "commit %s lacks something that %s has", later.Head.Short(), earlier.Head.Short())})
	}
	h := newHistory(store, t)
	for _, id := range commits {
		if _, err := h.commit(ctx, later, id); err != nil {
			return nil, err
		}
	}
	return t.report("commit " + later.Head.Short()), nil
}

// Refused is a receipt that a covenant does not accept of peers, and why.
type Refused struct {
	ID  receipt.ID
	Err error
}

// accepts is what is accepted of peers: by a covenant, or by one that came to be since.
func (c *court) accepts(before *receipt.Covenant) string {
	accepted := before.Federation.Accept
	for _, v := range c.chain.Versions {
		if v.Covenant.Version > before.Version {
			accepted = laxer(accepted, v.Covenant.Federation.Accept)
		}
	}
	return accepted
}

// What a covenant accepts of peers, the laxest first.
const (
	acceptAny     = "any"
	acceptSigned  = "signed"
	acceptTrusted = "trusted"
)

// laxer is which of two words accepts more.
func laxer(a, b string) string {
	for _, word := range []string{acceptAny, acceptSigned} {
		if a == word || b == word {
			return word
		}
	}
	return acceptTrusted
}

// unwelcome is why signatures are not enough to be taken from a peer, nil if they are.
func unwelcome(found trust.Finding, trusted bool) error {
	signatures, tokens := found.Broken()
	switch broken := append(signatures, tokens...); {
	case len(broken) > 0:
		return broken[0]
	case trusted:
		return found.Err
	}
	for _, s := range found.Signatures {
		if s.Err == nil {
			return nil
		}
	}
	if len(found.Signatures) > 0 {
		return found.Signatures[0].Err
	}
	return fault.New(fault.NotEnough, "nobody has signed it")
}

// Unwelcome is why nothing of what a peer brings is taken, as [Welcome] found it, nil
// where all is. The faults are Invalid (VM512) and NotAccepted (VM704).
func Unwelcome(peer string, report *Report, refused []Refused) error {
	if report.Verdict == Invalid {
		return fault.New(fault.Invalid, "what %s brings does not hold", peer).Because(fault.New(fault.Invalid, "%s", Sentence(report.Problems[0])))
	}
	if len(refused) > 0 {
		return NotAccepted(refused, "%s brings %d receipts that the covenant does not accept, such as %s", peer, len(refused), refused[0].ID.Short()).
			With("peer", peer)
	}
	return nil
}

// NotAccepted is the fault of receipts that a covenant does not accept of peers (VM704).
func NotAccepted(refused []Refused, format string, args ...any) *fault.Error {
	first := refused[0]
	return fault.New(fault.NotAccepted, format, args...).Because(first.Err).
		With("how", "have it signed by who may, or change what the covenant accepts of peers (federation.accept):\ngit vaultmesh sign "+first.ID.Short()+"\ngit vaultmesh covenant edit")
}

// Remember keeps, for a ledger that came to be, by which of its receipts others are
// judged, so that they need not be looked for again.
func (r *Report) Remember(terms *Terms) {
	if r.rolls != nil {
		saveRolls(r.of, terms.Cache, r.rolls)
	}
}
