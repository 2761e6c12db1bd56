package cli

import (
	"errors"
	"io"
	"os"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/record"
	"github.com/VaultSovereign/git-vaultmesh/internal/sign"
	"github.com/VaultSovereign/git-vaultmesh/internal/trust"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
)

type signCmd struct {
	ID     string `arg:"" help:"the receipt, by its id or the beginning of it"`
	Export string `xor:"elsewhere" placeholder:"FILE" help:"write the bytes that are to be signed to a file, - for standard output, and sign nothing"`
	Import string `xor:"elsewhere" placeholder:"FILE" help:"add a signature that was made elsewhere"`
	signing
	stamping
	anchoring
	fetching
}

// signed is what programs are told.
type signed struct {
	ID           string      `json:"id"`
	File         string      `json:"file"`
	Key          string      `json:"key"`
	LedgerCommit string      `json:"ledger_commit"`
	Status       string      `json:"status"`
	Stamped      []stampedBy `json:"stamped"`
	Pending      []string    `json:"pending"`
	Trusted      bool        `json:"trusted"`
	Signers      []string    `json:"signers"`
}

// Run adds a signature to a receipt, or carries what is to be signed to a key that
// is elsewhere.
func (c *signCmd) Run(a *app) error {
	l, err := a.openLedger(false, c.fetching)
	if err != nil {
		return err
	}
	e, err := l.One(a.ctx, c.ID)
	if err != nil {
		return err
	}
	if e.Receipt == nil || len(e.Problems()) > 0 {
		return fault.New(fault.Invalid, "the receipt %s does not hold, and is not signed", e.ID.Short())
	}
	if c.Export != "" {
		return a.write(c.Export, e.Raw)
	}
	made, err := c.make(a, l, e)
	if err != nil {
		return err
	}
	out := &record.Outcome{ID: e.ID, Head: l.Head, Exists: true}
	file, err := c.signedBy(a, l, e, made.By)
	if err == nil && file == "" {
		file = ledger.Proof{Type: made.Type, Data: made.Bytes}.Name()
		out, err = c.endorse(a, e, made)
	}
	if err != nil {
		return err
	}
	said := signed{ID: e.ID.String(), File: file, Key: made.By, LedgerCommit: string(out.Head), Status: "signed"}
	if out.Exists {
		said.Status = "exists"
	}
	said.Stamped, said.Pending = timestamps(out)
	a.noteStranger(l, c.anchoring, made.By)
	return c.conclude(a, e, said)
}

// endorse puts the signature and its time-stamps into the ledger.
func (c *signCmd) endorse(a *app, e *ledger.Entry, made sign.Made) (*record.Outcome, error) {
	place := a.place()
	var err error
	if place.Stamper, err = a.stamper(c.stamping); err != nil {
		return nil, err
	}
	out, err := record.Endorse(a.ctx, place, e.ID, made)
	if err != nil {
		return nil, err
	}
	return out, a.keepPending(out)
}

// make makes the signature, or reads the one that was made elsewhere.
func (c *signCmd) make(a *app, l *ledger.Ledger, e *ledger.Entry) (sign.Made, error) {
	if c.Import == "" {
		signer, err := c.signer(a)
		if err != nil {
			return sign.Made{}, err
		}
		return signer.Sign(a.ctx, e.Raw)
	}
	b, err := a.read(c.Import, 2*sign.MaxSize)
	if err != nil {
		return sign.Made{}, err
	}
	kind, stored, err := sign.Detect(b)
	if err != nil {
		return sign.Made{}, err
	}
	made := sign.Made{Type: kind, Bytes: stored, By: sign.Issuer(kind, stored)}
	ring, err := c.ring(a, l)
	if err != nil {
		return made, err
	}
	s, err := sign.Verify(kind, stored, e.Raw, ring)
	if err == nil {
		made.By = s.By
	}
	return made, err
}

// ring are the keys of all covenants: of a signature by any other, nobody can say
// whether it is one.
func (c *signCmd) ring(a *app, l *ledger.Ledger) (sign.Ring, error) {
	chain, err := c.chain(a, l)
	if err != nil {
		return nil, err
	}
	return chain.Keys(), nil
}

func (f anchoring) chain(a *app, l *ledger.Ledger) (*trust.Chain, error) {
	genesis, err := l.Genesis(a.ctx)
	if err != nil {
		return nil, err
	}
	terms, err := f.insisted(a, genesis.ID)
	if err != nil {
		return nil, err
	}
	return verify.Chain(a.ctx, l, terms)
}

// signedBy is the file in which a receipt has a signature of a key already, "" if
// there is none.
func (c *signCmd) signedBy(a *app, l *ledger.Ledger, e *ledger.Entry, key string) (string, error) {
	for _, f := range e.Proofs() {
		data, err := e.Proof(a.ctx, l, f)
		if err != nil {
			return "", err
		}
		if key != "" && sign.Issuer(f.Type, data) == key {
			return f.Name, nil
		}
	}
	return "", nil
}

// conclude says what the receipt's signatures come to now.
func (c *signCmd) conclude(a *app, e *ledger.Entry, out signed) error {
	l, err := a.ledger()
	if err != nil {
		return err
	}
	if e, err = l.One(a.ctx, e.ID.String()); err != nil {
		return err
	}
	terms, err := c.terms(a, e.Receipt.Ledger)
	if err != nil {
		return err
	}
	report, err := verify.Receipts(a.ctx, a.repo, l, []*ledger.Entry{e}, terms)
	if err != nil {
		return err
	}
	finding := report.Findings[0]
	out.Trusted, out.Signers = finding.Err == nil, orEmpty(finding.Signers)
	if a.out.structured() {
		return a.out.emit(out)
	}
	a.out.line("%s %s", out.Status, e.Receipt.Title())
	a.out.line("  id      %s", out.ID)
	a.out.line("  signed  %s", out.Key)
	for _, t := range out.Stamped {
		a.out.line("  stamped %s by %s", t.Time, t.Authority)
	}
	if finding.Err != nil {
		a.out.remark("note", "it is not trusted yet: %s", fault.From(finding.Err).Message)
	}
	return nil
}

// write writes bytes to a file that must not be there, or to standard output for -.
func (a *app) write(name string, b []byte) error {
	if name == "-" {
		a.out.bytes(b)
		return nil
	}
	f, err := create(name)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(name)
		return unwritten(name, err)
	}
	return nil
}

// writable refuses a file that write could not begin.
func (a *app) writable(name string) error {
	if name == "-" {
		return nil
	}
	f, err := create(name)
	if err == nil {
		f.Close()
		_ = os.Remove(name)
	}
	return err
}

func create(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	switch {
	case errors.Is(err, os.ErrExist):
		return nil, fault.New(fault.WriteFailed, "%s exists, and is not written over", name)
	case err != nil:
		return nil, unwritten(name, err)
	}
	return f, nil
}

func unwritten(name string, err error) error {
	return fault.New(fault.WriteFailed, "%s cannot be written", name).Because(errors.New(err.Error()))
}

// read reads a file of at most so many bytes, or standard input for -. After an
// interrupt nobody who writes into a pipe is waited for.
func (a *app) read(name string, most int64) ([]byte, error) {
	var b []byte
	done := make(chan error, 1)
	go func() {
		read, err := a.readAll(name, most)
		b = read
		done <- err
	}()
	select {
	case err := <-done:
		return b, err
	case <-a.ctx.Done():
		return nil, fault.New(fault.Interrupted, "interrupted")
	}
}

func (a *app) readAll(name string, most int64) ([]byte, error) {
	in := a.env.Stdin
	if name != "-" {
		f, err := os.Open(name)
		if errors.Is(err, os.ErrNotExist) {
			return nil, fault.New(fault.NoFile, "%s does not exist", name)
		}
		if err != nil {
			return nil, fault.New(fault.ReadFailed, "%s cannot be read", name).Because(errors.New(err.Error()))
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, most+1))
	if err == nil && int64(len(b)) > most {
		return nil, fault.New(fault.TooLarge, "%s has more than %d bytes", name, most)
	}
	if err != nil {
		return nil, fault.New(fault.ReadFailed, "%s cannot be read", name).Because(errors.New(err.Error()))
	}
	return b, nil
}
