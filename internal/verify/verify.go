// Package verify judges a ledger, or single receipts of one, in the numbered
// steps of docs/spec/ledger-ref.md.
//
// It composes what package ledger reads into a [Report]. No error is no
// verdict: a report says valid only when every step that applies has passed,
// incomplete when something needed is not here, invalid when one step fails.
package verify

import (
	"context"
	"fmt"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Status is the outcome of one step.
type Status string

// The outcomes of a step.
const (
	Passed        Status = "passed"
	Failed        Status = "failed"
	NotApplicable Status = "n/a"     // there was nothing to judge
	Unknown       Status = "unknown" // what is needed to judge is not here
)

// Verdict is the outcome of a report.
type Verdict string

// The verdicts.
const (
	Valid      Verdict = "valid"
	Invalid    Verdict = "invalid"
	Incomplete Verdict = "incomplete"
)

// Step is one line of a report.
type Step struct {
	N      int    `json:"n"`
	Name   string `json:"name"`
	Status Status `json:"status"`
	Detail string `json:"detail"`
}

// Report is what a verification found.
type Report struct {
	Verdict  Verdict
	Steps    []Step
	Problems []ledger.Problem // at most [maxProblems] a step
	Receipts int              // how many were looked at
}

// maxProblems bounds what is kept of one step's problems; all are counted.
const maxProblems = 100

// Ledger judges everything that a ref holds: each entry, each file, and the
// history back to genesis, which must be the pinned one unless that is zero. A
// head, where it is not "", is judged instead of the one that the ref names.
// progress is called for each receipt. The error is NoLedger (VM501), Interrupted
// (VM902) or one of git's; what is wrong with the ledger is in the report.
func Ledger(ctx context.Context, repo *gitrepo.Repo, ref string, head gitrepo.OID, pinned receipt.ID, progress func()) (*Report, error) {
	open := func() (*ledger.Ledger, error) { return ledger.Open(ctx, repo, ref) }
	if head != "" {
		open = func() (*ledger.Ledger, error) { return ledger.OpenCommit(ctx, repo, ref, head) }
	}
	l, err := open()
	switch {
	case fault.Has(err, fault.BadLedgerRef), ledger.Unreadable(err):
		t := newTally()
		t.problem(ledger.Problem{Step: ledger.StepHead, Path: ref, Err: err})
		return t.report("", ledger.Steps()[1:]...), nil
	case err != nil:
		return nil, err
	}
	l.Pin(pinned)
	return Opened(ctx, repo, l, progress)
}

// Opened is [Ledger] for a ledger that is open: what is judged is what the
// caller holds, wherever the ref goes meanwhile.
func Opened(ctx context.Context, store gitrepo.Store, l *ledger.Ledger, progress func()) (*Report, error) {
	t := newTally()
	t.checked(ledger.StepHead)
	if err := t.entries(ctx, l, progress); err != nil {
		return nil, err
	}
	if err := t.history(ctx, store, l); err != nil {
		return nil, err
	}
	return t.report("commit " + l.Head.Short()), nil
}

// Receipts judges single entries of a ledger. The ledger's history is not
// looked at.
func Receipts(ctx context.Context, l *ledger.Ledger, entries []*ledger.Entry) (*Report, error) {
	t := newTally()
	t.checked(ledger.StepHead)
	genesis, err := l.Genesis(ctx)
	if err != nil && !fault.Has(err, fault.BadTree) {
		return nil, err
	}
	if err != nil {
		t.problem(ledger.Problem{Step: ledger.StepLedger, Path: l.Ref, Err: err})
	}
	for _, e := range entries {
		if err := t.entry(ctx, l, genesis, e); err != nil {
			return nil, err
		}
	}
	return t.report("commit " + l.Head.Short()), nil
}

// tally counts, step by step, what was judged and what was found wrong.
type tally struct {
	judged   map[ledger.Step]int
	wrong    map[ledger.Step]int
	unknown  map[ledger.Step]int
	kept     map[ledger.Step][]ledger.Problem
	receipts int
	strange  int // files of types that this version does not know
}

func newTally() *tally {
	return &tally{judged: map[ledger.Step]int{}, wrong: map[ledger.Step]int{}, unknown: map[ledger.Step]int{}, kept: map[ledger.Step][]ledger.Problem{}}
}

func (t *tally) checked(steps ...ledger.Step) {
	for _, s := range steps {
		t.judged[s]++
	}
}

func (t *tally) problem(p ledger.Problem) {
	count := t.wrong
	if p.Unknown() {
		count = t.unknown
	}
	count[p.Step]++
	if len(t.kept[p.Step]) < maxProblems {
		t.kept[p.Step] = append(t.kept[p.Step], p)
	}
}

// entries judges every entry of a ledger, and what is no entry but there.
func (t *tally) entries(ctx context.Context, l *ledger.Ledger, progress func()) error {
	t.checked(ledger.StepLayout, ledger.StepLimits)
	genesis, err := l.Genesis(ctx)
	switch {
	case fault.Has(err, fault.BadTree), fault.Has(err, fault.ObjectMissing):
		t.problem(ledger.Problem{Step: ledger.StepLedger, Path: l.Ref, Err: err})
	case ledger.Unreadable(err):
		t.unknown[ledger.StepLedger]++ // the walk below meets the object and reports it
	case err != nil:
		return err
	}
	return l.Walk(ctx, ledger.Visitor{
		Entry: func(e *ledger.Entry) error {
			progress()
			return t.entry(ctx, l, genesis, e)
		},
		Problem: func(p ledger.Problem) error {
			t.problem(p)
			return nil
		},
	})
}

// entry judges one entry. A step that an earlier fault keeps from being
// judged is not counted for it: a receipt that is not canonical has no fields.
func (t *tally) entry(ctx context.Context, l *ledger.Ledger, genesis, e *ledger.Entry) error {
	t.receipts++
	t.checked(ledger.StepLayout, ledger.StepLimits, ledger.StepCanonical, ledger.StepID)
	for _, p := range e.Problems() {
		t.problem(p)
	}
	if e.Receipt != nil {
		t.checked(ledger.StepDate)
		t.fields(e)
	}
	if e.Receipt != nil && genesis != nil {
		t.checked(ledger.StepLedger)
		if p := e.BelongsTo(genesis.ID); p != nil {
			t.problem(*p)
		}
	}
	for _, f := range e.Files {
		if !f.Known() {
			t.strange++
		}
	}
	problems, err := e.FileProblems(ctx, l)
	for _, p := range problems {
		t.problem(p)
	}
	if len(e.Files) > 1 || e.Receipt != nil && len(e.Receipt.Evidence) > 0 {
		t.checked(ledger.StepFiles)
	}
	return err
}

// fields counts the fields of a receipt as judged, or as of a later version.
func (t *tally) fields(e *ledger.Entry) {
	if e.Receipt.Future {
		t.problem(ledger.Problem{Step: ledger.StepFields, Path: e.Path, Err: fault.New(fault.Incomplete,
			"%s is of kind %s and schema %s: reading it needs a newer git-vaultmesh", e.ID.Short(), e.Receipt.Kind, e.Receipt.Schema)})
		return
	}
	t.checked(ledger.StepFields)
}

// report makes the report. The steps named in unjudged could not be begun.
func (t *tally) report(head string, unjudged ...ledger.Step) *Report {
	for _, s := range unjudged {
		t.unknown[s]++
	}
	r := &Report{Verdict: Valid, Receipts: t.receipts}
	for _, s := range ledger.Steps() {
		step := Step{N: int(s), Name: s.String(), Status: t.status(s), Detail: t.detail(s)}
		if s == ledger.StepHead && step.Status == Passed {
			step.Detail = head
		}
		r.Steps = append(r.Steps, step)
		r.Problems = append(r.Problems, t.kept[s]...)
		switch {
		case step.Status == Failed:
			r.Verdict = Invalid
		case step.Status == Unknown && r.Verdict == Valid:
			r.Verdict = Incomplete
		}
	}
	return r
}

func (t *tally) status(s ledger.Step) Status {
	switch {
	case t.wrong[s] > 0:
		return Failed
	case t.unknown[s] > 0:
		return Unknown
	case t.judged[s] > 0:
		return Passed
	}
	return NotApplicable
}

func (t *tally) detail(s ledger.Step) string {
	switch n := t.wrong[s] + t.unknown[s]; {
	case len(t.kept[s]) == 0 && n > 0:
		return "not judged"
	case n == 1:
		return "1 problem"
	case n > len(t.kept[s]):
		return fmt.Sprintf("%d problems, the first %d are listed", n, len(t.kept[s]))
	case n > 1:
		return fmt.Sprintf("%d problems", n)
	case s == ledger.StepFiles && t.strange > 0:
		return fmt.Sprintf("%d of a type that this version does not know, checked by name and hash", t.strange)
	}
	return ""
}

// Sentence is what a report says of one problem: its message and its causes.
func Sentence(p ledger.Problem) string {
	f := fault.From(p.Err)
	s := f.Message
	for _, cause := range f.Causes() {
		s += ": " + cause
	}
	return s
}
