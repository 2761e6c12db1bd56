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
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/trust"
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

	Chain     *trust.Chain // the covenants by which it was judged, nil where it was not
	Findings  []Finding    // of single receipts, and of those of a ledger that are not trusted; at most [maxFindings]
	Untrusted int          // how many receipts are not trusted
	Seals     []Sealing    // over single receipts, in full, or in a mailed proof; each once

	Before   int         // how many of the receipts were judged before
	BeforeAt gitrepo.OID // at which head

	rolls *rolls // by what others are judged in the ledger of; nil where that was not looked for
	of    *ledger.Ledger
}

// maxProblems bounds what is kept of one step's problems; all are counted.
const maxProblems = 100

// Unopened is the report about a ref that names no ledger, where err says so. It
// is nil for other errors, such as that there is no ref or that nobody could look.
func Unopened(ref string, err error) *Report {
	if !fault.Has(err, fault.BadLedgerRef) && !ledger.Unreadable(err) {
		return nil
	}
	t := newTally()
	t.problem(ledger.Problem{Step: ledger.StepHead, Path: ref, Err: err})
	return t.report("", Steps()[1:]...)
}

// Ledger judges everything that a ledger holds: each entry, each file, the
// signatures, and the history back to genesis. Without terms only its form is
// judged, and no signature. progress is called for each receipt. The error is
// Interrupted (VM902) or one of git's; what is wrong with the ledger is in the
// report.
func Ledger(ctx context.Context, store gitrepo.Store, l *ledger.Ledger, terms *Terms, progress func()) (*Report, error) {
	t, err := again(ctx, store, l, terms, progress)
	if t == nil && err == nil {
		if t, err = everything(ctx, l, terms, progress); err == nil {
			err = t.history(ctx, store, l)
		}
	}
	if err != nil {
		return nil, err
	}
	t.keep(ctx, l, terms)
	if terms != nil && terms.Full {
		if err := t.allSeals(ctx, l); err != nil {
			return nil, err
		}
	}
	report := t.report("commit " + l.Head.Short())
	report.rolls, report.of = t.rolls, l
	return report, nil
}

// allSeals judges every trusted seal of a ledger: it is over what was there, and all
// of that is there still.
func (t *tally) allSeals(ctx context.Context, l *ledger.Ledger) error {
	for _, s := range t.court.seals {
		if !s.finding.Trusted() {
			continue
		}
		holds, err := t.court.holding(ctx, t, l, s)
		if err != nil {
			return err
		}
		if holds {
			t.checked(StepSeal)
		}
	}
	for _, c := range Contradictions(t.court.vouched()) {
		t.problem(ledger.Problem{Step: StepSeal, Path: c.Seals[1].Path, Err: c.Err()})
	}
	return nil
}

// everything judges all entries. By which covenants, is known only when all were
// seen: those that were known before are taken first, and if there turn out to be
// others, all is judged again by them.
func everything(ctx context.Context, l *ledger.Ledger, terms *Terms, progress func()) (*tally, error) {
	known := new(rolls)
	if terms != nil {
		if kept := loadRolls(ctx, l, terms.Cache); kept != nil {
			known = &kept.rolls
		}
	}
	for {
		t := newTally()
		t.checked(ledger.StepHead)
		found, err := t.entries(ctx, l, terms, known, progress)
		if err != nil {
			return nil, err
		}
		if terms == nil || found.equal(known) {
			if len(t.unknown) == 0 {
				t.rolls = found
			}
			if terms != nil && t.rolls != nil {
				saveRolls(l, terms.Cache, t.rolls)
			}
			return t, nil
		}
		known = found
	}
}

// Receipts judges single entries of a ledger, and its history only in full.
func Receipts(ctx context.Context, store gitrepo.Store, l *ledger.Ledger, entries []*ledger.Entry, terms *Terms) (*Report, error) {
	t := newTally()
	t.checked(ledger.StepHead)
	genesis, err := l.Genesis(ctx)
	if err != nil && !fault.Has(err, fault.BadTree) {
		return nil, err
	}
	if err != nil {
		t.problem(ledger.Problem{Step: ledger.StepLedger, Path: l.Ref, Err: err})
	}
	if err := t.summon(ctx, l, genesis, terms); err != nil {
		return nil, err
	}
	for _, e := range entries {
		if err := t.entry(ctx, l, genesis, e); err != nil {
			return nil, err
		}
	}
	if terms != nil && terms.Full {
		if err := t.history(ctx, store, l); err != nil {
			return nil, err
		}
	}
	return t.report("commit " + l.Head.Short()), nil
}

// summon brings in who judges the signatures of single entries.
func (t *tally) summon(ctx context.Context, l *ledger.Ledger, genesis *ledger.Entry, terms *Terms) error {
	if terms == nil {
		return nil
	}
	known, err := recall(ctx, l, terms.Cache)
	if ledger.Unreadable(err) {
		t.problem(ledger.Problem{Step: StepCovenant, Path: l.Ref, Err: err})
		known, err = new(rolls), nil
	}
	if err != nil {
		return err
	}
	t.single = true
	return t.preside(ctx, l, genesis, known, terms)
}

// preside judges the ledger's anchor and covenants, by which its receipts are
// judged then.
func (t *tally) preside(ctx context.Context, l *ledger.Ledger, genesis *ledger.Entry, known *rolls, terms *Terms) error {
	c, err := convene(ctx, l, genesis, known, terms)
	if err != nil {
		return err
	}
	t.court = c
	c.anchored(t, l, genesis)
	c.covenanted(t, l)
	return nil
}

// tally counts, step by step, what was judged and what was found wrong.
type tally struct {
	judged   map[ledger.Step]int
	wrong    map[ledger.Step]int
	unknown  map[ledger.Step]int
	kept     map[ledger.Step][]ledger.Problem
	receipts int
	strange  int // files of types that this version does not know

	court     *court // nil where signatures are not judged
	jury      *jury  // of a whole ledger
	single    bool   // it is about single entries: each must be trusted
	findings  []Finding
	untrusted int
	again     []string  // paths of what is to be judged each time
	sealedBy  []sealing // of single entries, each seal once

	rolls    *rolls      // by what the whole ledger was judged
	until    time.Time   // when a key expires that a finding rests on; zero for never
	before   int         // receipts that were judged before
	beforeAt gitrepo.OID // at that head
}

// Finding is what the signatures of an entry come to.
type Finding struct {
	ID   receipt.ID
	Path string
	trust.Finding
}

// Sealing is a seal, and what its signatures come to.
type Sealing struct {
	Seal    *ledger.Entry
	Finding trust.Finding
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

// entries judges every entry of a ledger, and what is no entry but there. It
// returns what others are to be judged by.
func (t *tally) entries(ctx context.Context, l *ledger.Ledger, terms *Terms, known *rolls, progress func()) (*rolls, error) {
	t.checked(ledger.StepLayout, ledger.StepLimits)
	genesis, err := l.Genesis(ctx)
	switch {
	case fault.Has(err, fault.BadTree), fault.Has(err, fault.ObjectMissing):
		t.problem(ledger.Problem{Step: ledger.StepLedger, Path: l.Ref, Err: err})
	case ledger.Unreadable(err):
		t.unknown[ledger.StepLedger]++ // the walk below meets the object and reports it
	case err != nil:
		return nil, err
	}
	if terms != nil {
		if err := t.preside(ctx, l, genesis, known, terms); err != nil {
			return nil, err
		}
		t.jury = newJury(t.court, func(b *brief) error { return t.judge(ctx, l, b.entry, b.folder, b.finding) })
		defer t.jury.dismiss()
	}
	found := new(rolls)
	err = l.Walk(ctx, ledger.Visitor{
		Entry: func(e *ledger.Entry) error {
			progress()
			found.add(e)
			return t.entry(ctx, l, genesis, e)
		},
		Problem: func(p ledger.Problem) error {
			t.problem(p)
			return nil
		},
		Proofs: true,
	})
	if err == nil && t.jury != nil {
		err = t.jury.conclude()
	}
	return found, err
}

// entry judges one entry: its form, and who has signed it.
func (t *tally) entry(ctx context.Context, l *ledger.Ledger, genesis, e *ledger.Entry) error {
	if err := t.form(ctx, l, genesis, e); err != nil {
		return err
	}
	t.receipts++
	if t.court == nil || e.Receipt == nil || e.Receipt.Future {
		return nil
	}
	return t.signatures(ctx, l, e)
}

// form judges the form of one entry. A step that an earlier fault keeps from being
// judged is not counted for it: a receipt that is not canonical has no fields.
func (t *tally) form(ctx context.Context, l *ledger.Ledger, genesis, e *ledger.Entry) error {
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
			t.again = append(t.again, e.Path)
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

// signatures judges who has signed an entry, and, in full, by what else that is
// proven.
func (t *tally) signatures(ctx context.Context, l *ledger.Ledger, e *ledger.Entry) error {
	f, err := folder(ctx, l, e)
	if err != nil {
		return err
	}
	if t.jury != nil {
		return t.jury.bring(e, f)
	}
	return t.judge(ctx, l, e, f, t.court.chain.Judge(f, t.court.terms.Now))
}

// judge goes on with what the signatures of an entry come to by themselves.
func (t *tally) judge(ctx context.Context, l *ledger.Ledger, e *ledger.Entry, f trust.Folder, found trust.Finding) error {
	found, err := t.court.withSeals(ctx, l, e, f, found)
	if err != nil {
		return err
	}
	t.concluded(e, found)
	if !t.single || !t.court.terms.Full {
		return nil
	}
	t.court.onRails(t, e, found)
	return t.court.underSeal(ctx, t, l, e)
}

// concluded counts what the signatures of an entry come to. In a whole ledger a
// receipt that is not trusted says nothing about the others, unless that is asked for.
func (t *tally) concluded(e *ledger.Entry, found trust.Finding) {
	t.checked(StepSigners)
	if !found.Until.IsZero() && (t.until.IsZero() || found.Until.Before(t.until)) {
		t.until = found.Until
	}
	if !found.Trusted() {
		t.untrusted++
		t.again = append(t.again, e.Path)
	}
	if len(t.findings) < maxFindings && (t.single || !found.Trusted()) {
		t.findings = append(t.findings, Finding{e.ID, e.Path, found})
	}
	t.unbroken(e, found)
	if found.Err != nil && (t.single || t.court.terms.Strict) {
		t.proofProblem(StepSigners, e, found.Err)
	}
}

// unbroken judges that the signatures and tokens of an entry are what they look like,
// whoever is trusted.
func (t *tally) unbroken(e *ledger.Entry, found trust.Finding) {
	broken, malformed := found.Broken()
	if len(found.Signatures) > 0 {
		t.checked(StepSignatures)
	}
	if len(found.Tokens) > 0 {
		t.checked(StepTimestamps)
	}
	if !t.single && !t.court.terms.Strict {
		return
	}
	for _, err := range broken {
		t.proofProblem(StepSignatures, e, err)
	}
	for _, err := range malformed {
		t.proofProblem(StepTimestamps, e, err)
	}
}

func (t *tally) proofProblem(step ledger.Step, e *ledger.Entry, err error) {
	t.problem(ledger.Problem{Step: step, Path: e.Path, Err: fault.From(err).With("receipt", e.ID.Short())})
}

// maxFindings bounds how many are kept of a whole ledger.
const maxFindings = 1000

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
	r := &Report{Verdict: Valid, Receipts: t.receipts, Findings: t.findings, Untrusted: t.untrusted, Before: t.before, BeforeAt: t.beforeAt}
	if t.court != nil {
		r.Chain = t.court.chain
	}
	for _, s := range t.sealedBy {
		r.Seals = append(r.Seals, Sealing{s.seal, s.finding})
	}
	for _, s := range Steps() {
		step := Step{N: int(s), Name: NameOf(s), Status: t.status(s), Detail: t.detail(s)}
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
	case t.court != nil && t.status(s) == Passed:
		return t.court.detail(t, s)
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
