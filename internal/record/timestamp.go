package record

import (
	"context"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/tsa"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Stamped is what [Timestamp] got for one file of a receipt.
type Stamped struct {
	Pending
	Stamp
}

// Timestamp asks the rails for the tokens that entries lack: one by each rail over
// each signature, over the receipt itself where nobody has signed it. What it gets
// it appends in one step. What it does not get is in the second result, with the
// reason.
func Timestamp(ctx context.Context, p Place, entries []*ledger.Entry, wanted func(Pending) bool) (got []Stamped, missing []Pending, done Attached, err error) {
	l, err := ledger.Open(ctx, p.Repo, p.Ref)
	if err != nil {
		return nil, nil, done, err
	}
	done.Head = l.Head
	var list []Attachment
	for _, e := range entries {
		p.Working()
		stamped, failed, err := p.stampEntry(ctx, l, e, wanted)
		if err != nil {
			return nil, nil, done, err
		}
		missing = append(missing, failed...)
		attach := Attachment{ID: e.ID}
		for _, s := range stamped {
			attach.Proofs = append(attach.Proofs, ledger.Proof{Type: "rfc3161", Data: s.Token})
		}
		if got = append(got, stamped...); len(stamped) > 0 {
			list = append(list, attach)
		}
	}
	if len(list) == 0 {
		return got, missing, done, nil
	}
	done, err = Attach(ctx, p, "timestamp", list)
	return got, missing, done, err
}

// stampEntry asks for the tokens that one entry lacks.
func (p Place) stampEntry(ctx context.Context, l *ledger.Ledger, e *ledger.Entry, wanted func(Pending) bool) (got []Stamped, missing []Pending, err error) {
	have, err := tokens(ctx, l, e)
	if err != nil {
		return nil, nil, err
	}
	for name, imprint := range stampable(e) {
		asked := Stamper{Client: p.Stamper.Client}
		for _, rail := range p.Stamper.Rails {
			if wanted(Pending{ID: e.ID, File: name, Authority: rail.Name}) && !stampedBy(have, imprint, rail.Trust) {
				rail.Required = false // what is recorded already needs no token to stay
				asked.Rails = append(asked.Rails, rail)
			}
		}
		stamps, failed, err := asked.Stamp(ctx, imprint)
		if err != nil {
			return nil, nil, err
		}
		for _, s := range stamps {
			got = append(got, Stamped{Pending{ID: e.ID, File: name, Authority: s.Authority}, s})
		}
		for _, f := range failed {
			f.ID, f.File = e.ID, name
			missing = append(missing, f)
		}
	}
	return got, missing, nil
}

// stampable are the files of an entry that tokens are got for, and their SHA-256.
func stampable(e *ledger.Entry) map[string]receipt.Digest {
	files := make(map[string]receipt.Digest)
	for _, f := range e.Proofs() {
		if f.Type == "openpgp" || f.Type == "ssh" {
			files[f.Name] = f.Digest
		}
	}
	if len(files) == 0 {
		files["receipt.json"] = e.ID
	}
	return files
}

// tokens reads the tokens of an entry, those that can be read.
func tokens(ctx context.Context, l *ledger.Ledger, e *ledger.Entry) ([]*tsa.Token, error) {
	var list []*tsa.Token
	for _, f := range e.Proofs() {
		if f.Type != "rfc3161" {
			continue
		}
		b, err := e.Proof(ctx, l, f)
		if fault.Has(err, fault.Interrupted) {
			return nil, err
		}
		if t, parseErr := tsa.Parse(b); err == nil && parseErr == nil {
			list = append(list, t)
		}
	}
	return list, nil
}

// stampedBy tells whether one of the tokens is over a file and by an authority.
func stampedBy(have []*tsa.Token, imprint receipt.Digest, trust tsa.Trust) bool {
	for _, t := range have {
		if t.Imprint == imprint && t.Verify(trust) == nil {
			return true
		}
	}
	return false
}
