// Package record makes receipts and puts them into the ledger.
//
// The order is always the same: look at the files and the repository, build
// the receipt, write it in canonical form, append it to the ledger. All but
// the last happens in memory, and the last happens whole or not at all.
package record

import (
	"bytes"
	"context"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/sign"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Request is what somebody wants recorded, as they said it.
type Request struct {
	Kind        receipt.Kind
	Component   string
	Version     string
	Artifacts   []string // files
	Digests     []string // HEX or HEX=NAME
	Images      []string // REF@sha256:HEX
	Evidence    []string // files
	Commit      string   // a revision; "" is HEAD, "none" is none
	Ref         string
	At          string // a date; "" is not said
	Note        string
	Labels      []string // k=v
	Links       []string // rel=ID
	Fields      []string // name=value of the kind's body
	ChainRef    string
	Attestation *receipt.Attestation // the body of an attestation
	Once        bool                 // not again what is recorded already
	AllowSecret bool
}

// Place is where it is recorded, and when.
type Place struct {
	Repo    *gitrepo.Repo
	Ref     string
	Now     time.Time
	Partial bool        // the clone lacks objects that its remote has
	Ledger  receipt.ID  // the genesis that the ledger must have; zero when nobody said
	Working func()      // called now and then during what may take long
	Signer  sign.Signer // nil leaves receipts unsigned
	Stamper *Stamper    // nil leaves them without time-stamps

	commits map[string]resolved // revisions that were looked up, where many are
}

// Outcome says what was recorded.
type Outcome struct {
	ID      receipt.ID
	Path    string
	Head    gitrepo.OID // the ledger's head that holds it
	Exists  bool        // it was there before
	Bytes   []byte      // the receipt
	Signed  []sign.Made // the signatures that were made over it
	Stamped []Stamp     // the tokens that were got
	Pending []Pending   // the tokens that are still to be had
	Remarks []string    // what the recorder should know

	Before *ledger.Ledger // as it was when the receipt was signed; nil for what only was to be
}

// Record builds a receipt, signs it, and appends both to the ledger in one step.
func Record(ctx context.Context, p Place, q Request) (*Outcome, error) {
	ask := consult(ctx, p, q)
	d, err := prepare(ctx, p, q, ask)
	if err != nil {
		return nil, err
	}
	return d.publish(ctx, p, ask.committer, func(l *ledger.Ledger) (*Outcome, error) { return d.settle(ctx, p, l, q) })
}

// Own records one of the ledger's own receipts, such as a covenant or a seal: its
// body and subject are given, and who recorded it, when and where is filled in.
func Own(ctx context.Context, p Place, r *receipt.Receipt) (*Outcome, error) {
	author, err := p.Repo.Author(ctx, p.Now)
	if err != nil {
		return nil, err
	}
	r.RecordedAt, r.Recorder = receipt.TimeOf(p.Now), receipt.Person{Name: author.Name, Email: author.Email}
	return own(ctx, p, r, author)
}

// Cosign records the receipt that is derived from a merge, as it is, and signs it.
// Where it is in the ledger already, the signature is put beside it.
func Cosign(ctx context.Context, p Place, derived *receipt.Receipt) (*Outcome, error) {
	author, err := p.Repo.Author(ctx, p.Now)
	if err != nil {
		return nil, err
	}
	return own(ctx, p, derived, author)
}

func own(ctx context.Context, p Place, r *receipt.Receipt, author gitrepo.Identity) (*Outcome, error) {
	d := &draft{receipt: r, author: author}
	committer := func() (gitrepo.Identity, error) { return p.Repo.Committer(ctx, p.Now) }
	return d.publish(ctx, p, committer, func(l *ledger.Ledger) (*Outcome, error) {
		l.Pin(p.Ledger)
		return d.bound(ctx, l)
	})
}

// bound makes the receipt one of the ledger l.
func (d *draft) bound(ctx context.Context, l *ledger.Ledger) (*Outcome, error) {
	genesis, err := l.Genesis(ctx)
	if err != nil {
		return nil, err
	}
	d.receipt.Ledger = genesis.ID
	if d.bytes, err = d.receipt.Encode(); err != nil {
		return nil, err
	}
	id := receipt.Sum(d.bytes)
	return &Outcome{ID: id, Path: ledger.Path(id, d.receipt.RecordedAt), Bytes: d.bytes, Remarks: d.remarks}, nil
}

// publish signs a receipt and appends it. It is signed before the ledger is held
// for writing: a person may be asked for a passphrase meanwhile. settle makes it
// one of the ledger that it is appended to.
func (d *draft) publish(ctx context.Context, p Place, committer func() (gitrepo.Identity, error), settle func(*ledger.Ledger) (*Outcome, error)) (*Outcome, error) {
	l, err := ledger.Open(ctx, p.Repo, p.Ref)
	if err != nil {
		return nil, err
	}
	out, err := settle(l)
	if err != nil {
		return nil, err
	}
	if out.Exists {
		out.Head = l.Head
		return out, nil
	}
	if err := d.support(ctx, p); err != nil {
		return nil, err
	}
	who, err := committer()
	if err != nil {
		return nil, err
	}
	supported := d.bytes
	result, err := ledger.Update(ctx, p.Repo, p.Ref, l, func(l *ledger.Ledger) (*ledger.Change, error) {
		if l == nil {
			return nil, fault.New(fault.NoLedger, "this repository has no ledger at %s", p.Ref)
		}
		if out, err = settle(l); err != nil || out.Exists {
			return nil, err
		}
		if !bytes.Equal(d.bytes, supported) { // by other receipts that came meanwhile
			return nil, fault.New(fault.LostRace, "what a link means has changed while the receipt was signed")
		}
		return &ledger.Change{
			Additions: []ledger.Addition{{Receipt: d.bytes, Evidence: d.stored, Proofs: d.proofs}},
			Author:    d.author.Line(),
			Committer: who.Line(),
			Message:   ledger.Message("record", d.receipt, out.ID),
		}, nil
	})
	if err != nil {
		return nil, err
	}
	out.Head, out.Exists, out.Signed, out.Stamped, out.Pending = result.Head, result.Added == 0, d.signed, d.stamped, d.pending
	out.Before = l
	return out, nil
}

// support makes what is to lie beside the receipt: a signature, and the
// time-stamps over it.
func (d *draft) support(ctx context.Context, p Place) error {
	if err := d.sign(ctx, p.Signer); err != nil {
		return err
	}
	d.proofs = proofs(d.signed)
	name, imprint := "receipt.json", receipt.Sum(d.bytes)
	if len(d.signed) > 0 {
		name, imprint = d.proofs[0].Name(), receipt.Sum(d.signed[0].Bytes)
	}
	var tokens []ledger.Proof
	var err error
	tokens, d.stamped, d.pending, err = p.Stamper.Over(ctx, name, imprint)
	d.proofs = append(d.proofs, tokens...)
	return err
}

// sign signs the receipt, if anybody does.
func (d *draft) sign(ctx context.Context, signer sign.Signer) error {
	if signer == nil {
		return nil
	}
	made, err := signer.Sign(ctx, d.bytes)
	d.signed = []sign.Made{made}
	return err
}

// proofs are signatures as they lie in a ledger.
func proofs(made []sign.Made) []ledger.Proof {
	var list []ledger.Proof
	for _, m := range made {
		list = append(list, ledger.Proof{Type: m.Type, Data: m.Bytes})
	}
	return list
}

// Preview builds a receipt as [Record] would, and writes nothing. The head of
// the outcome is "" unless the receipt is in the ledger already.
func Preview(ctx context.Context, p Place, q Request) (*Outcome, error) {
	d, err := prepare(ctx, p, q, consult(ctx, p, q))
	if err != nil {
		return nil, err
	}
	l, err := ledger.Open(ctx, p.Repo, p.Ref)
	if err != nil {
		return nil, err
	}
	out, err := d.settle(ctx, p, l, q)
	if err == nil && out.Exists {
		out.Head = l.Head
	}
	return out, err
}

// settle makes the receipt one of the ledger l, unless it need not be
// recorded again.
func (d *draft) settle(ctx context.Context, p Place, l *ledger.Ledger, q Request) (*Outcome, error) {
	l.Pin(p.Ledger)
	if err := d.bind(ctx, l, q); err != nil {
		return nil, err
	}
	known, err := d.known(ctx, p, l, q)
	if err != nil {
		return nil, err
	}
	if known != nil {
		return &Outcome{ID: known.ID, Path: known.Path, Bytes: known.Raw, Exists: true, Remarks: d.remarks}, nil
	}
	id := receipt.Sum(d.bytes)
	return &Outcome{ID: id, Path: ledger.Path(id, d.receipt.RecordedAt), Bytes: d.bytes, Remarks: d.remarks}, nil
}

// Recordable lists the kinds that [Record] makes. The others are made by
// commands of their own.
func Recordable() []receipt.Kind {
	return []receipt.Kind{receipt.KindRelease, receipt.KindDeployment, receipt.KindDecision, receipt.KindIncident, receipt.KindDiscovery}
}

// ParseKind reads the kind to record; "" is release. The fault is BadKind (VM206).
func ParseKind(s string) (receipt.Kind, error) {
	if s == "" {
		return receipt.KindRelease, nil
	}
	kind, known := receipt.ParseKind(s)
	for _, k := range Recordable() {
		if k == kind {
			return k, nil
		}
	}
	if known {
		return "", fault.New(fault.BadKind, "a receipt of kind %s is not recorded by hand", kind)
	}
	return "", fault.New(fault.BadKind, "%.40q is not a kind of receipt", s)
}
