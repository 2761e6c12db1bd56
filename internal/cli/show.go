package cli

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/fatih/color"

	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

type showCmd struct {
	What string `arg:"" help:"a receipt's id, or a revision"`
}

// Run shows the receipts that were named.
func (c *showCmd) Run(a *app) error {
	l, err := a.openLedger(false)
	if err != nil {
		return err
	}
	o, err := a.resolve(l, c.What, false)
	if err != nil {
		return err
	}
	if a.out.structured() {
		list, err := a.shown(l, o.Entries)
		if err != nil {
			return err
		}
		if o.Commit == "" {
			return a.out.emit(list[0])
		}
		return a.out.emit(list)
	}
	for i, e := range o.Entries {
		if i > 0 {
			a.out.line("")
		}
		c.print(a, e)
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
}

type shownProof struct {
	Type     string `json:"type"`
	File     string `json:"file"`
	SHA256   string `json:"sha256"`
	Size     int    `json:"size"`
	Verified *bool  `json:"verified"`
}

func (a *app) shown(l *ledger.Ledger, entries []*ledger.Entry) ([]shown, error) {
	list := []shown{}
	for _, e := range entries {
		raw := json.RawMessage(e.Raw)
		if e.Receipt == nil {
			raw = json.RawMessage("null")
		}
		s := shown{e.ID.String(), raw, []shownProof{}, e.Path, string(l.Head)}
		for _, f := range e.Proofs() {
			data, err := l.ReadFile(a.ctx, f)
			if err != nil {
				return nil, err
			}
			s.Proofs = append(s.Proofs, shownProof{Type: f.Type, File: f.Name, SHA256: f.Digest.String(), Size: len(data)})
		}
		list = append(list, s)
	}
	return list, nil
}

func (c *showCmd) print(a *app, e *ledger.Entry) {
	a.out.line("%s", styled{"receipt " + e.ID.String(), color.FgYellow})
	for _, p := range e.Problems() {
		a.out.remark("warning", "this receipt does not hold: step %d, %s: %s", int(p.Step), p.Step, p.Err)
	}
	if e.Receipt == nil {
		return
	}
	r := e.Receipt
	now := a.env.Now()
	date := func(t receipt.Time) string { return gitDate(t.Time().In(now.Location()), a.config.Date, now) }
	a.field("kind", "%s", string(r.Kind))
	if r.Future {
		a.field("schema", "%s", r.Schema+": reading it needs a newer git-vaultmesh")
		return
	}
	a.field("component", "%s", r.Component)
	a.field("version", "%s", r.Version)
	a.field("recorded", "%s", date(r.RecordedAt)+" by "+r.Recorder.Name+" <"+r.Recorder.Email+">")
	if r.OccurredAt != nil {
		a.field("occurred", "%s", date(*r.OccurredAt))
	}
	a.field("commit", "%s", r.Commit.Hex())
	a.field("ref", "%s", r.Ref)
	for _, s := range r.Subjects {
		a.field("subject", "%s", s.SHA256.String()+"  "+s.Name)
	}
	for _, item := range r.Evidence {
		a.field("evidence", "%s", fmt.Sprintf("%s  %s (%d bytes, %s)", item.SHA256, item.Name, item.Size, storage(item)))
	}
	a.field("chain ref", "%s", r.ChainRef)
	for _, link := range r.Links {
		a.field(link.Rel, "%s", link.Receipt.String())
	}
	for _, name := range sortedKeys(r.Labels) {
		a.field("label", "%s", name+"="+r.Labels[name])
	}
	c.printBody(a, r)
	for _, f := range e.Proofs() {
		a.field("proof", "%s", f.Type+"  "+f.Name)
	}
	a.field("path", "%s", e.Path)
	if r.Note != "" {
		a.out.line("")
		for line := range strings.SplitSeq(strings.TrimSuffix(r.Note, "\n"), "\n") {
			a.out.line("    %s", line)
		}
	}
}

// printBody prints the object named after the kind, field by field.
func (c *showCmd) printBody(a *app, r *receipt.Receipt) {
	var fields map[string]map[string]json.RawMessage
	encoded, err := json.Marshal(map[string]any{"body": bodyOf(r)})
	if err != nil || json.Unmarshal(encoded, &fields) != nil {
		return
	}
	for _, name := range sortedKeys(fields["body"]) {
		var text string
		if json.Unmarshal(fields["body"][name], &text) != nil {
			text = string(fields["body"][name])
		}
		for i, line := range strings.Split(text, "\n") {
			a.field(map[bool]string{true: name, false: ""}[i == 0], "%s", line)
		}
	}
}

func bodyOf(r *receipt.Receipt) any {
	var all map[string]json.RawMessage
	encoded, err := json.Marshal(r)
	if err != nil || json.Unmarshal(encoded, &all) != nil {
		return nil
	}
	return all[string(r.Kind)]
}

// field prints one line of a receipt, nothing when it is empty.
func (a *app) field(name, format string, value string) {
	if value != "" {
		a.out.line("%s "+format, pad(name, -10), value)
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

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
