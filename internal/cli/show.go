package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/fatih/color"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/federation"
	"github.com/VaultSovereign/git-vaultmesh/internal/index"
	"github.com/VaultSovereign/git-vaultmesh/internal/query"
	"github.com/VaultSovereign/git-vaultmesh/internal/trust"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

type showCmd struct {
	What     string `arg:"" help:"a receipt's id, or a revision"`
	Evidence string `placeholder:"NAME" help:"write the bytes of this file of evidence, and nothing else"`
	paging
	anchoring
	fetching
}

// Run shows the receipts that were named.
func (c *showCmd) Run(a *app) error {
	l, err := a.openLedger(false, c.fetching)
	if err != nil {
		return err
	}
	o, err := a.resolve(l, c.What, false, a.quickly(l))
	if fault.Has(err, fault.NoReceipt) {
		return c.derived(a, l, err)
	}
	if err != nil {
		return err
	}
	if c.Evidence != "" {
		return c.writeEvidence(a, l, o.Entries)
	}
	list, err := a.shown(l, o.Entries)
	if err != nil {
		return err
	}
	if err := a.addLinked(l, list); err != nil {
		return err
	}
	if err := c.addJudged(a, l, o.Entries, list); err != nil {
		return err
	}
	if err := a.page(c.paging); err != nil {
		return err
	}
	switch {
	case a.out.structured() && o.Commit == "":
		err = a.out.emit(list[0])
	case a.out.structured():
		err = a.out.emit(list)
	default:
		for i, e := range o.Entries {
			if i > 0 {
				a.out.line("")
			}
			a.printEntry(e, list[i])
		}
	}
	if err != nil {
		return err
	}
	for _, s := range list {
		if len(s.Problems) > 0 {
			return fault.New(fault.Invalid, "what is there does not hold")
		}
	}
	return nil
}

// derived shows the receipt that comes with a merge of the ledger, though it lies
// nowhere. Of any other commit, what was looked for is not there.
func (c *showCmd) derived(a *app, l *ledger.Ledger, notThere error) error {
	id, commit, err := a.repo.ResolveCommit(a.ctx, c.What)
	if err != nil || len(commit.Parents) != 2 {
		return notThere
	}
	at, err := l.At(a.ctx, id)
	if err != nil {
		return notThere
	}
	bar := a.progress("reading the merge")
	r, err := federation.Derived(a.ctx, a.repo, at, bar.add)
	bar.done()
	if err != nil {
		return err
	}
	if r == nil {
		return notThere
	}
	raw, err := r.Encode()
	if err != nil {
		return err
	}
	e := &ledger.Entry{ID: receipt.Sum(raw), Raw: raw, Receipt: r}
	s := shown{ID: e.ID.String(), Receipt: raw, Proofs: []shownProof{}, LedgerCommit: string(id), Problems: []judgedProblem{}}
	if a.out.structured() {
		return a.out.emit(s)
	}
	a.printEntry(e, s)
	a.out.note("it is derived from the merge %s, and in the ledger when somebody co-signs it: git vaultmesh sync --cosign", id.Short())
	return nil
}

// shown is an entry as programs are told of it.
type shown struct {
	ID           string          `json:"id"`
	Receipt      json.RawMessage `json:"receipt"`
	Proofs       []shownProof    `json:"proofs"`
	Path         string          `json:"path"`
	LedgerCommit string          `json:"ledger_commit"`
	Problems     []judgedProblem `json:"problems"`
	LinkedFrom   []shownLink     `json:"linked_from,omitzero"` // of show only
}

// shownLink is a receipt that links to the one that is shown.
type shownLink struct {
	Rel     string `json:"rel"`
	Receipt string `json:"receipt"`
}

// quickly finds entries through the index, and looks into the ledger itself
// where that knows none: one that does not hold is not in it.
func (a *app) quickly(l *ledger.Ledger) finding {
	return func(ctx context.Context, prefix string) ([]*ledger.Entry, error) {
		q := new(query.Query)
		if err := q.Filter("id", prefix, query.Meaning{}); err != nil {
			return nil, err
		}
		found, err := a.entries(l, q)
		if err == nil && len(found) > 0 || fault.Has(err, fault.Interrupted) {
			return found, err
		}
		return l.Find(ctx, prefix)
	}
}

// entries are those that a query means.
func (a *app) entries(l *ledger.Ledger, q *query.Query) ([]*ledger.Entry, error) {
	var paths []string
	from := index.Source{Head: l.Head, Pinned: a.config.Ledger, Open: func() (*ledger.Ledger, error) { return l, nil }, Latest: a.latest}
	err := a.search(from, q, selection{}, func(r *index.Row) error {
		paths = append(paths, r.Path())
		return nil
	})
	if err != nil {
		return nil, err
	}
	return a.load(l, paths)
}

// addLinked adds the receipts that link to those that are shown.
func (a *app) addLinked(l *ledger.Ledger, list []shown) error {
	ids := make([]receipt.ID, len(list))
	at := make(map[receipt.ID]*shown)
	for i := range list {
		id, err := receipt.ParseDigest(list[i].ID)
		if err != nil {
			return err
		}
		ids[i], at[id], list[i].LinkedFrom = id, &list[i], []shownLink{}
	}
	for some := range slices.Chunk(ids, together) {
		entries, err := a.entries(l, query.LinkingTo(some))
		switch {
		case ledger.Unreadable(err):
			a.out.warn("which receipts link to it cannot be said, because not all of the ledger can be read; see git vaultmesh verify --all")
			return nil
		case err != nil && !fault.Has(err, fault.NoMatch):
			return err
		}
		for _, e := range entries {
			for _, link := range linksOf(e) {
				if s := at[link.Receipt]; s != nil && slices.Contains(some, link.Receipt) {
					s.LinkedFrom = append(s.LinkedFrom, shownLink{link.Rel, e.ID.String()})
				}
			}
		}
	}
	return nil
}

func linksOf(e *ledger.Entry) []receipt.Link {
	if e.Receipt == nil {
		return nil
	}
	return e.Receipt.Links
}

// addJudged adds whose the signatures and time-stamps are, and which count. That is
// left open where nobody outside of the ledger says that it is the right one, and
// where not all of it can be read.
func (c *showCmd) addJudged(a *app, l *ledger.Ledger, entries []*ledger.Entry, list []shown) error {
	genesis, err := l.Genesis(a.ctx)
	if err != nil {
		return err
	}
	terms, err := c.insisted(a, genesis.ID)
	if err != nil {
		return err
	}
	if terms.Anchor.Ledger.IsZero() || !slices.ContainsFunc(list, func(s shown) bool { return len(s.Proofs) > 0 }) {
		return nil
	}
	findings, err := verify.Findings(a.ctx, l, terms, entries)
	switch {
	case ledger.Unreadable(err):
		a.out.warn("which proofs count cannot be said, because not all of the ledger can be read; see git vaultmesh verify --all")
		return nil
	case err != nil:
		return err
	}
	for i := range list {
		for j := range list[i].Proofs {
			list[i].Proofs[j].judge(findings[i])
		}
	}
	return nil
}

// judge writes down what was found of a proof.
func (p *shownProof) judge(found trust.Finding) {
	for _, s := range found.Signatures {
		if s.File == p.File {
			p.conclude(s.Err)
			p.Key, p.Signer = s.By, s.Principal
		}
	}
	for _, t := range found.Tokens {
		if t.File == p.File {
			p.conclude(t.Err)
			p.Signer = t.Authority
			if !t.Time.IsZero() {
				p.Time = t.Time.UTC().Format(time.RFC3339)
			}
		}
	}
}

func (p *shownProof) conclude(err error) {
	counts := err == nil
	p.Verified = &counts
	if err != nil {
		p.Why = fault.From(err).Message
	}
}

// writeEvidence writes a stored file out, of a receipt that holds.
func (c *showCmd) writeEvidence(a *app, l *ledger.Ledger, entries []*ledger.Entry) error {
	e, item, err := c.chooseEvidence(entries)
	if err != nil {
		return err
	}
	judged, err := a.shown(l, []*ledger.Entry{e})
	if err != nil {
		return err
	}
	if problems := judged[0].Problems; len(problems) > 0 {
		return fault.New(fault.Invalid, "the receipt %s does not hold", e.ID.Short()).Because(fault.New(problems[0].Code, "%s", problems[0].Message))
	}
	if !item.Stored {
		return fault.New(fault.NoEvidence, "%s is recorded by its hash only, %s", item.Name, item.SHA256).With("receipt", e.ID.Short())
	}
	i := slices.IndexFunc(e.Files, func(f ledger.File) bool { return f.Type == "evidence" && f.Digest == item.SHA256 })
	if i < 0 {
		return fault.New(fault.BadTree, "%s lacks the stored evidence %s", e.Path, item.Name)
	}
	data, err := l.ReadFile(a.ctx, e.Files[i])
	if err != nil {
		return err
	}
	a.out.bytes(data)
	return nil
}

// chooseEvidence finds what --evidence names: by its whole name, else by the
// beginning of its hash. Several are one where their bytes are the same.
func (c *showCmd) chooseEvidence(entries []*ledger.Entry) (chosen *ledger.Entry, item receipt.Evidence, err error) {
	var have []string
	for _, fits := range []func(receipt.Evidence) bool{
		func(i receipt.Evidence) bool { return i.Name == c.Evidence },
		func(i receipt.Evidence) bool {
			return ledger.IsPrefix(c.Evidence) && strings.HasPrefix(i.SHA256.String(), c.Evidence)
		},
	} {
		for _, e := range entries {
			for _, i := range evidenceOf(e) {
				have = append(have, i.Name)
				switch {
				case !fits(i):
				case chosen == nil || !item.Stored && i.SHA256 == item.SHA256:
					chosen, item = e, i
				case i.SHA256 != item.SHA256:
					return nil, item, fault.New(fault.Ambiguous, "%s means more than one file: %s and %s", c.Evidence, item.SHA256.Short(), i.SHA256.Short())
				}
			}
		}
		if chosen != nil {
			return chosen, item, nil
		}
	}
	slices.Sort(have)
	return nil, item, fault.New(fault.NoEvidence, "there is no evidence %.80q; there is: %s", c.Evidence, strings.Join(slices.Compact(have), ", ")).With("receipt", c.What)
}

func evidenceOf(e *ledger.Entry) []receipt.Evidence {
	if e.Receipt == nil {
		return nil
	}
	return e.Receipt.Evidence
}

type shownProof struct {
	Type     string `json:"type"`
	File     string `json:"file"`
	SHA256   string `json:"sha256"`
	Size     *int   `json:"size,omitempty"`
	Verified *bool  `json:"verified"`         // whether it counts; nil where that was not judged
	Key      string `json:"key,omitempty"`    // the fingerprint of the key that signed
	Signer   string `json:"signer,omitempty"` // the principal, or the authority
	Time     string `json:"time,omitempty"`   // of a time-stamp
	Why      string `json:"why,omitempty"`    // it does not count
}

// shown reads what is beside the receipts. What does not hold of a receipt
// or of a proof is listed with it.
func (a *app) shown(l *ledger.Ledger, entries []*ledger.Entry) ([]shown, error) {
	genesis, err := l.Genesis(a.ctx)
	if err != nil {
		return nil, err
	}
	list := []shown{}
	for _, e := range entries {
		raw := json.RawMessage(e.Raw)
		if e.Receipt == nil {
			raw = json.RawMessage("null")
		}
		problems := e.Problems()
		if p := e.BelongsTo(genesis.ID); p != nil {
			problems = append(problems, *p)
		}
		ofFiles, err := e.FileProblems(a.ctx, l)
		if err != nil {
			return nil, err
		}
		problems = append(problems, ofFiles...)
		s := shown{ID: e.ID.String(), Receipt: raw, Proofs: []shownProof{}, Path: e.Path, LedgerCommit: string(l.Head), Problems: []judgedProblem{}}
		for _, f := range e.Proofs() {
			proof := shownProof{Type: f.Type, File: f.Name, SHA256: f.Digest.String()}
			if data, err := l.ReadFile(a.ctx, f); err == nil { // else it is one of the problems
				size := len(data)
				proof.Size = &size
			}
			s.Proofs = append(s.Proofs, proof)
		}
		for _, p := range problems {
			s.Problems = append(s.Problems, judgedAs(p))
		}
		list = append(list, s)
	}
	return list, nil
}

// printEntry prints a receipt for people, a field a line.
func (a *app) printEntry(e *ledger.Entry, s shown) {
	a.out.line("%s", styled{"receipt " + e.ID.String(), color.FgYellow})
	for _, p := range s.Problems {
		a.out.remark("warning", "this receipt does not hold: step %d, %s: %s", p.N, p.Step, p.Message)
	}
	if e.Receipt == nil {
		return
	}
	r := e.Receipt
	now := a.env.Now()
	date := func(t receipt.Time) string { return gitDate(t.Time().In(now.Location()), a.config.Date, now) }
	a.field("kind", string(r.Kind))
	if r.Future {
		a.field("schema", r.Schema+": reading it needs a newer git-vaultmesh")
		return
	}
	a.field("component", r.Component)
	a.field("version", r.Version)
	a.field("recorded", date(r.RecordedAt)+" by "+r.Recorder.Name+" <"+r.Recorder.Email+">")
	if r.OccurredAt != nil {
		a.field("occurred", date(*r.OccurredAt))
	}
	a.field("commit", r.Commit.Hex())
	a.field("ref", r.Ref)
	for _, s := range r.Subjects {
		a.field("subject", s.SHA256.String()+"  "+s.Name)
	}
	for _, item := range r.Evidence {
		a.field("evidence", fmt.Sprintf("%s  %s (%d bytes, %s)", item.SHA256, item.Name, item.Size, storage(item)))
	}
	a.field("chain ref", r.ChainRef)
	for _, link := range r.Links {
		a.field(link.Rel, link.Receipt.String())
	}
	if !r.After.IsZero() {
		a.field("after", r.After.String())
	}
	for _, link := range s.LinkedFrom {
		a.field("from", link.Receipt+", which says "+link.Rel)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Labels)) {
		a.field("label", name+"="+r.Labels[name])
	}
	a.printBody(r)
	for _, p := range s.Proofs {
		a.field("proof", p.Type+"  "+p.File)
		a.field("", p.said())
	}
	a.field("path", e.Path)
	if r.Note != "" {
		a.out.line("")
		for line := range strings.SplitSeq(strings.TrimSuffix(r.Note, "\n"), "\n") {
			a.out.line("    %s", line)
		}
	}
}

// said is what was found of a proof, for people.
func (p shownProof) said() string {
	switch {
	case p.Verified == nil:
		return ""
	case !*p.Verified:
		return "does not count: " + p.Why
	case p.Time != "":
		return "by " + p.Signer + " at " + p.Time
	}
	return "by " + p.Signer + " with " + p.Key
}

// printBody prints the object named after the kind, field by field.
func (a *app) printBody(r *receipt.Receipt) {
	var all, body map[string]json.RawMessage
	encoded, err := json.Marshal(r)
	if err != nil || json.Unmarshal(encoded, &all) != nil || json.Unmarshal(all[string(r.Kind)], &body) != nil {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(body)) {
		text := string(body[name])
		var s string
		if json.Unmarshal(body[name], &s) == nil {
			text = s
		}
		for line := range strings.SplitSeq(text, "\n") {
			a.out.line("%s", strings.TrimRight(pad(name, -10)+" "+line, " "))
			name = ""
		}
	}
}

// field prints one line of a receipt, nothing when it is empty.
func (a *app) field(name, value string) {
	if value != "" {
		a.out.line("%s %s", pad(name, -10), value)
	}
}

func storage(e receipt.Evidence) string {
	if e.Stored {
		return "stored"
	}
	return "by hash only"
}

// pad fills up with spaces, on the right where width is negative.
func pad(v any, width int) string { return fmt.Sprintf("%*v", width, v) }
