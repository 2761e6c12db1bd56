package cli

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/fatih/color"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

type showCmd struct {
	What string `arg:"" help:"a receipt's id, or a revision"`
	fetching
}

// Run shows the receipts that were named.
func (c *showCmd) Run(a *app) error {
	l, err := a.openLedger(false, c.fetching)
	if err != nil {
		return err
	}
	o, err := a.resolve(l, c.What, false)
	if err != nil {
		return err
	}
	list, err := a.shown(l, o.Entries)
	if err != nil {
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
			c.print(a, e, list[i].Problems)
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

// shown is an entry as programs are told of it.
type shown struct {
	ID           string          `json:"id"`
	Receipt      json.RawMessage `json:"receipt"`
	Proofs       []shownProof    `json:"proofs"`
	Path         string          `json:"path"`
	LedgerCommit string          `json:"ledger_commit"`
	Problems     []judgedProblem `json:"problems"`
}

type shownProof struct {
	Type     string `json:"type"`
	File     string `json:"file"`
	SHA256   string `json:"sha256"`
	Size     *int   `json:"size,omitempty"`
	Verified *bool  `json:"verified"`
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
		s := shown{e.ID.String(), raw, []shownProof{}, e.Path, string(l.Head), []judgedProblem{}}
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

func (c *showCmd) print(a *app, e *ledger.Entry, problems []judgedProblem) {
	a.out.line("%s", styled{"receipt " + e.ID.String(), color.FgYellow})
	for _, p := range problems {
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
	for _, name := range slices.Sorted(maps.Keys(r.Labels)) {
		a.field("label", name+"="+r.Labels[name])
	}
	c.printBody(a, r)
	for _, f := range e.Proofs() {
		a.field("proof", f.Type+"  "+f.Name)
	}
	a.field("path", e.Path)
	if r.Note != "" {
		a.out.line("")
		for line := range strings.SplitSeq(strings.TrimSuffix(r.Note, "\n"), "\n") {
			a.out.line("    %s", line)
		}
	}
}

// printBody prints the object named after the kind, field by field.
func (c *showCmd) printBody(a *app, r *receipt.Receipt) {
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
		for i, line := range strings.Split(text, "\n") {
			a.field(map[bool]string{true: name, false: ""}[i == 0], line)
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
