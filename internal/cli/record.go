package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"reflect"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/record"
	"github.com/VaultSovereign/git-vaultmesh/internal/sign"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

type recordCmd struct {
	Kind        string   `arg:"" optional:"" help:"release (if none is named), deployment or deploy, decision, incident, discovery"`
	Component   string   `placeholder:"NAME" help:"what it is about"`
	Version     string   `placeholder:"VERSION" help:"which version of it"`
	Artifact    []string `sep:"none" placeholder:"FILE" help:"a file that was shipped"`
	Digest      []string `name:"sha256" sep:"none" placeholder:"HEX[=NAME]" help:"the SHA-256 of a file, here or elsewhere"`
	Image       []string `sep:"none" placeholder:"REF@sha256:HEX" help:"a container image that was shipped"`
	Evidence    []string `sep:"none" placeholder:"FILE" help:"a file that supports it, kept in the ledger"`
	Commit      string   `placeholder:"REV" help:"the commit it is about: HEAD unless given, none for none"`
	Ref         string   `placeholder:"REF" help:"the ref it is about: the tag named like the version unless given"`
	At          string   `placeholder:"DATE" help:"when it happened, if not now"`
	Note        string   `placeholder:"TEXT" help:"what else is to be said"`
	Label       []string `sep:"none" placeholder:"NAME=VALUE" help:"a label"`
	Link        []string `sep:"none" placeholder:"REL=ID" help:"what it is to another receipt"`
	Field       []string `sep:"none" placeholder:"NAME=VALUE" help:"a field of a decision, incident or discovery"`
	ChainRef    string   `aliases:"chain_ref" placeholder:"REF" help:"an anchor on a chain or a vote"`
	Once        bool     `help:"not again what is recorded already"`
	Batch       string   `placeholder:"FILE" help:"record each line of a file, or of standard input with -: a JSON object of these flags and kind"`
	Push        bool     `xor:"end" help:"meet the peers afterwards, as sync does"`
	DryRun      bool     `xor:"end" help:"print the receipt's bytes, write nothing"`
	AllowSecret bool     `help:"record even what looks like a secret"`
	NoSign      bool     `xor:"nobody" help:"leave it unsigned: nobody vouches for it then"`
	signing
	stamping
	fetching
}

// Run records, says what was recorded, and pushes or says how to.
func (c *recordCmd) Run(a *app) error {
	request, err := c.request()
	if err != nil {
		return err
	}
	if c.Batch != "" && !reflect.DeepEqual(request, record.Request{Kind: receipt.KindRelease}) {
		return fault.New(fault.Usage, "with --batch the lines say what to record, and no other flag does").With("command", "record")
	}
	if err := a.open(false); err != nil {
		return err
	}
	if err := a.present(c.fetching); err != nil {
		return err
	}
	if c.Push && a.config.PushRemote() == "" && len(a.config.Peers) == 0 {
		return fault.New(fault.PushFailed, "there is no remote to push to, so nothing is recorded").With("ref", a.config.Ref)
	}
	if c.Batch != "" {
		return c.batch(a)
	}
	bar := a.progress("working")
	place, err := c.place(a, bar)
	if err != nil {
		return err
	}
	act := record.Record
	if c.DryRun {
		act = record.Preview
	}
	out, err := act(a.ctx, place, request)
	bar.done()
	if err != nil {
		return err
	}
	return c.conclude(a, out)
}

// conclude says what was recorded, and does what is to follow it.
func (c *recordCmd) conclude(a *app, out *record.Outcome) error {
	if err := c.print(a, out); err != nil || c.DryRun {
		return err
	}
	if err := a.keepPending(out); err != nil {
		return err
	}
	if !out.Exists {
		a.noteStrangers(out)
	}
	if err := a.annotate(); err != nil && !fault.Has(err, fault.Interrupted) {
		return err // interrupted, the receipt is recorded all the same
	}
	err := c.carry(a, out.Exists)
	if flushErr := a.out.flush(); err == nil && flushErr != nil {
		return fault.New(fault.OutputFailed, "recorded as %s, but the output cannot be written", out.ID).Because(flushErr)
	}
	return err
}

// place is where and when a receipt is recorded, and who signs it.
func (c *recordCmd) place(a *app, bar *progress) (record.Place, error) {
	p := a.place()
	p.Partial, p.Working = a.config.Partial, bar.add
	if c.DryRun {
		return p, nil
	}
	var err error
	if p.Signer, err = c.orUnsigned(a, c.NoSign); err != nil {
		return p, err
	}
	p.Stamper, err = a.stamper(c.stamping)
	return p, err
}

// batched is what programs are told of a batch.
type batched struct {
	Receipts     int      `json:"receipts"`
	Added        int      `json:"added"`
	LedgerCommit string   `json:"ledger_commit"`
	Status       string   `json:"status"`
	Remarks      []string `json:"remarks"`
}

// batch records the lines of a file.
func (c *recordCmd) batch(a *app) error {
	in := a.env.Stdin
	if c.Batch != "-" {
		f, err := os.Open(c.Batch)
		if errors.Is(err, fs.ErrNotExist) {
			return fault.New(fault.NoFile, "%s does not exist", c.Batch)
		}
		if err != nil {
			return fault.New(fault.ReadFailed, "%s cannot be read", c.Batch).Because(err)
		}
		defer f.Close()
		in = f
	}
	bar := a.progress("recording receipts")
	place, err := c.place(a, bar)
	if err == nil {
		err = undated(place.Stamper)
	}
	if err != nil {
		return err
	}
	out, err := record.Batch(a.ctx, place, in, c.DryRun)
	bar.done()
	if err != nil {
		return err
	}
	if out.Parent != "" {
		a.unchanged(out.Parent, out.Head)
	}
	status := "recorded"
	if c.DryRun {
		status = "preview"
	} else if out.Added == 0 {
		status = "exists"
	}
	if a.out.structured() {
		err = a.out.emit(batched{out.Receipts, out.Added, string(out.Head), status, orEmpty(out.Remarks)})
	} else {
		if c.DryRun {
			a.out.line("%d lines can be recorded", out.Receipts)
		} else {
			a.out.line("recorded %d receipts of %d lines", out.Added, out.Receipts)
		}
		if place.Signer == nil && !c.DryRun {
			a.out.line("  unsigned: nobody vouches for them")
		}
		for _, remark := range out.Remarks {
			a.out.remark("note", "%s", remark)
		}
	}
	if err != nil || c.DryRun {
		return err
	}
	if place.Stamper != nil && out.Added > 0 {
		a.out.remark("hint", "no time-stamp authority was asked: git vaultmesh seal dates all that was recorded")
	}
	if err := a.annotateMany(out.Added); err != nil && !fault.Has(err, fault.Interrupted) {
		return err
	}
	return c.carry(a, out.Added == 0)
}

// undated refuses a batch, for whose receipts no authority is asked, where the token
// of one is required. The fault is Usage (VM101).
func undated(s *record.Stamper) error {
	if s == nil {
		return nil
	}
	for _, rail := range s.Rails {
		if rail.Required {
			return fault.New(fault.Usage, "the time-stamp authority %s is required, and a batch asks none: say --no-timestamp, and let a seal date it", rail.Name).With("command", "record")
		}
	}
	return nil
}

func (c *recordCmd) request() (record.Request, error) {
	kind, err := record.ParseKind(c.Kind)
	return record.Request{
		Kind: kind, Component: c.Component, Version: c.Version, Artifacts: c.Artifact, Digests: c.Digest, Images: c.Image,
		Evidence: c.Evidence, Commit: c.Commit, Ref: c.Ref, At: c.At, Note: c.Note, Labels: c.Label, Links: c.Link,
		Fields: c.Field, ChainRef: c.ChainRef, Once: c.Once, AllowSecret: c.AllowSecret,
	}, err
}

// recorded is what programs are told.
type recorded struct {
	ID           string          `json:"id"`
	Path         string          `json:"path"`
	LedgerCommit string          `json:"ledger_commit"`
	Status       string          `json:"status"`
	Remarks      []string        `json:"remarks"`
	Receipt      json.RawMessage `json:"receipt"`
	Signed       []signedBy      `json:"signed"`
	Stamped      []stampedBy     `json:"stamped"`
	Pending      []string        `json:"pending"` // authorities whose tokens are still to be had
}

// stampedBy is a token that was got, as programs are told.
type stampedBy struct {
	Authority string `json:"authority"`
	Time      string `json:"time"`
	File      string `json:"file"`
}

func timestamps(out *record.Outcome) (got []stampedBy, pending []string) {
	got, pending = []stampedBy{}, []string{}
	for _, s := range out.Stamped {
		got = append(got, stampedBy{s.Authority, stamp(s.Time), ledger.Proof{Type: "rfc3161", Data: s.Token}.Name()})
	}
	for _, p := range out.Pending {
		pending = append(pending, p.Authority)
	}
	return got, pending
}

// signedBy is a signature that was made, as programs are told.
type signedBy struct {
	Type string `json:"type"`
	File string `json:"file"`
	Key  string `json:"key"`
}

func signatures(made []sign.Made) []signedBy {
	list := []signedBy{}
	for _, m := range made {
		list = append(list, signedBy{m.Type, ledger.Proof{Type: m.Type, Data: m.Bytes}.Name(), m.By})
	}
	return list
}

func (c *recordCmd) print(a *app, out *record.Outcome) error {
	status := "recorded"
	switch {
	case out.Exists:
		status = "exists"
	case c.DryRun:
		status = "preview"
	}
	if a.out.structured() {
		got, pending := timestamps(out)
		return a.out.emit(recorded{out.ID.String(), out.Path, string(out.Head), status, orEmpty(out.Remarks), out.Bytes, signatures(out.Signed), got, pending})
	}
	if status == "preview" {
		a.out.bytes(out.Bytes)
	} else if err := c.summarise(a, status, out); err != nil {
		return err
	}
	for _, remark := range out.Remarks {
		a.out.remark("note", "%s", remark)
	}
	return nil
}

// summarise says what the ledger has now.
func (c *recordCmd) summarise(a *app, status string, out *record.Outcome) error {
	r, err := receipt.Parse(out.Bytes)
	if err != nil {
		return err
	}
	a.out.line("%s %s", status, r.Title())
	a.out.line("  id      %s", out.ID)
	if r.Commit != "" {
		a.out.line("  commit  %s", strings.TrimSpace(r.Commit.Hex()+" "+r.Ref))
	}
	for _, s := range r.Subjects {
		a.out.line("  sha256  %s  %s", s.SHA256, s.Name)
	}
	for _, m := range out.Signed {
		a.out.line("  signed  %s", m.By)
	}
	for _, s := range out.Stamped {
		a.out.line("  stamped %s by %s", stamp(s.Time), s.Authority)
	}
	if len(out.Signed) == 0 && status == "recorded" {
		a.out.line("  unsigned: nobody vouches for it")
	}
	return nil
}

// carry meets the peers if that was asked for; else one line says how to push.
func (c *recordCmd) carry(a *app, exists bool) error {
	remote := a.config.PushRemote()
	switch {
	case c.Push, a.config.Sync && !exists && !c.DryRun:
		err := c.sync(a)
		if fault.Has(err, fault.Interrupted) { // the receipt is recorded all the same
			return fault.New(fault.PushFailed, "the push was interrupted").With("ref", a.config.Ref).Because(err)
		}
		return err
	case a.config.Advice && remote != "" && !exists:
		a.out.remark("hint", "not pushed: git push %s %s", fault.Quote(remote), a.config.Ref)
	}
	return nil
}

// sync meets the peers, and says so beside what was recorded.
func (c *recordCmd) sync(a *app) error {
	names, err := a.peers(nil)
	if err != nil {
		return err
	}
	m, err := new(syncCmd).meet(a, names)
	if err != nil {
		return err
	}
	for _, p := range m.Peers {
		if p.err == nil {
			a.out.note("%s: %s", p.Peer, p.said())
		}
	}
	return cmp.Or(m.doubt, unmet(m.Peers))
}

// orEmpty makes a list that is an array in JSON also when it is empty.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
