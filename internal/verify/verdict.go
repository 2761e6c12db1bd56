package verify

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
)

// verdictFormat is the version of what is kept of a verdict.
const verdictFormat = 3

// keptVerdict is what was found of a whole ledger in which nothing was wrong.
type keptVerdict struct {
	Format   int         `json:"format"`
	Program  string      `json:"program"` // its version
	Head     gitrepo.OID `json:"head"`
	Rules    []string    `json:"rules"` // the covenants and revocations by which it was judged
	Receipts int         `json:"receipts"`
	Passed   []int       `json:"passed"` // the steps that had something to judge
	Again    []string    `json:"again"`  // paths of receipts that are not trusted, or have files of unknown types
	Until    time.Time   `json:"until"`  // when a key expires; zero for never
	rolls
}

func verdictName(genesis *ledger.Entry) string { return "verdict-" + genesis.ID.String() }

// rules name everything by which receipts are judged: another list, and what was
// found before is worth nothing.
func (c *court) rules() []string {
	list := []string{}
	for _, v := range c.chain.Versions {
		list = append(list, v.ID.String()+" "+v.From.UTC().Format(time.RFC3339Nano))
	}
	if c.chain.Err != nil {
		list = append(list, "not sure")
	}
	for _, r := range c.chain.Revocations() {
		list = append(list, r.Key+" "+r.Reason+" "+r.At.String())
	}
	return list
}

// again judges a ledger that grew out of one that was judged before: what is new in
// it, what was not trusted then, and the commits since. It is nil where nothing of
// before is of use.
func again(ctx context.Context, store gitrepo.Store, l *ledger.Ledger, terms *Terms, progress func()) (*tally, error) {
	if terms == nil || terms.Cache == nil {
		return nil, nil
	}
	genesis, err := l.Genesis(ctx)
	if err != nil {
		return nil, nil // all of it is judged, and says why
	}
	kept := new(keptVerdict)
	if json.Unmarshal(terms.Cache.Load(verdictName(genesis)), kept) != nil || kept.Format != verdictFormat || kept.Program != terms.Program ||
		!kept.Until.IsZero() && !terms.Now.Before(kept.Until) {
		return nil, nil
	}
	earlier, err := l.At(ctx, kept.Head)
	if err != nil {
		return nil, passing(err)
	}
	return kept.grown(ctx, store, l, earlier, genesis, terms, progress)
}

// passing drops an error that only says that what was found before is of no use.
func passing(err error) error {
	if ledger.Unreadable(err) || fault.Has(err, fault.BadTree) || fault.Has(err, fault.BadLedgerRef) {
		return nil
	}
	return err
}

func (kept *keptVerdict) grown(ctx context.Context, store gitrepo.Store, l, earlier *ledger.Ledger, genesis *ledger.Entry, terms *Terms, progress func()) (*tally, error) {
	t := newTally()
	for _, s := range kept.Passed {
		t.checked(ledger.Step(s))
	}
	known := kept.rolls
	var changed []*ledger.Entry
	whole, err := l.Grown(ctx, earlier, ledger.Visitor{Entry: func(e *ledger.Entry) error {
		known.add(e)
		changed = append(changed, e)
		if len(changed) > maxChanged {
			return errTooMuch
		}
		return nil
	}, Problem: func(p ledger.Problem) error { return p.Err }})
	if err != nil || !whole {
		return nil, passing(err)
	}
	if err := t.preside(ctx, l, genesis, &known, terms); err != nil {
		return nil, passing(err)
	}
	if !slices.Equal(t.court.rules(), kept.Rules) {
		return nil, nil
	}
	t.before, t.beforeAt, t.until, t.rolls = kept.Receipts, kept.Head, kept.Until, &known
	if err := t.rejudge(ctx, l, earlier, genesis, changed, kept, progress); err != nil {
		return nil, err
	}
	return t, t.history(ctx, store, l)
}

// rejudge judges what changed, and what is to be judged each time.
func (t *tally) rejudge(ctx context.Context, l, earlier *ledger.Ledger, genesis *ledger.Entry, changed []*ledger.Entry, kept *keptVerdict, progress func()) error {
	t.receipts = kept.Receipts
	met := make(map[string]bool)
	for _, e := range changed {
		progress()
		met[e.Path] = true
		old, err := earlier.Load(ctx, []string{e.Path})
		if err != nil {
			return err
		}
		t.receipts -= len(old) // it is counted again
		if err := t.entry(ctx, l, genesis, e); err != nil {
			return err
		}
	}
	rest, err := l.Load(ctx, slices.DeleteFunc(slices.Clone(kept.Again), func(p string) bool { return met[p] }))
	if err != nil {
		return err
	}
	for _, e := range rest {
		t.receipts--
		if err := t.entry(ctx, l, genesis, e); err != nil {
			return err
		}
	}
	return nil
}

// maxChanged is how many receipts may be new for the old verdict to be of use; all
// at once are judged on all cores.
const maxChanged = 2000

// errTooMuch ends the comparison with what was judged before.
var errTooMuch = fault.New(fault.BadTree, "so much is new that all is judged")

// keep remembers a verdict about a ledger in which nothing is wrong.
func (t *tally) keep(ctx context.Context, l *ledger.Ledger, terms *Terms) {
	if terms == nil || terms.Cache == nil || len(t.wrong)+len(t.unknown) > 0 || len(t.again) > maxFindings || t.rolls == nil {
		return
	}
	genesis, err := l.Genesis(ctx)
	if err != nil {
		return
	}
	kept := keptVerdict{Format: verdictFormat, Program: terms.Program, Head: l.Head, Rules: t.court.rules(), Receipts: t.receipts, Until: t.until, rolls: *t.rolls}
	for _, s := range ledger.Steps() {
		if t.judged[s] > 0 {
			kept.Passed = append(kept.Passed, int(s))
		}
	}
	for _, s := range []ledger.Step{StepSignatures, StepSigners, StepTimestamps} {
		if t.judged[s] > 0 {
			kept.Passed = append(kept.Passed, int(s))
		}
	}
	kept.Again = slices.Compact(slices.Sorted(slices.Values(t.again)))
	if b, err := json.Marshal(kept); err == nil {
		terms.Cache.Save(verdictName(genesis), b)
	}
}
