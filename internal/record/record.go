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
	Once        bool // not again what is recorded already
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
	Remarks []string    // what the recorder should know
}

// Record builds a receipt, signs it, and appends both to the ledger in one step.
// It is signed before the ledger is held for writing: a person may be asked for
// a passphrase meanwhile.
func Record(ctx context.Context, p Place, q Request) (*Outcome, error) {
	ask := consult(ctx, p, q)
	d, err := prepare(ctx, p, q, ask)
	if err != nil {
		return nil, err
	}
	l, err := ledger.Open(ctx, p.Repo, p.Ref)
	if err != nil {
		return nil, err
	}
	out, err := d.settle(ctx, p, l, q)
	if err != nil {
		return nil, err
	}
	if out.Exists {
		out.Head = l.Head
		return out, nil
	}
	if err := d.sign(ctx, p.Signer); err != nil {
		return nil, err
	}
	committer, err := ask.committer()
	if err != nil {
		return nil, err
	}
	signed := d.bytes
	result, err := ledger.Update(ctx, p.Repo, p.Ref, l, func(l *ledger.Ledger) (*ledger.Change, error) {
		if l == nil {
			return nil, fault.New(fault.NoLedger, "this repository has no ledger at %s", p.Ref)
		}
		if out, err = d.settle(ctx, p, l, q); err != nil || out.Exists {
			return nil, err
		}
		if !bytes.Equal(d.bytes, signed) { // by other receipts that came meanwhile
			return nil, fault.New(fault.LostRace, "what a link means has changed while the receipt was signed")
		}
		return &ledger.Change{
			Additions: []ledger.Addition{{Receipt: d.bytes, Evidence: d.stored, Proofs: proofs(d.signed)}},
			Author:    d.author.Line(),
			Committer: committer.Line(),
			Message:   ledger.Message("record", d.receipt, out.ID),
		}, nil
	})
	if err != nil {
		return nil, err
	}
	out.Head, out.Exists, out.Signed = result.Head, result.Added == 0, d.signed
	return out, nil
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
