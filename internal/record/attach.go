package record

import (
	"context"
	"fmt"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/sign"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Attachment is what is to lie beside a receipt that is in the ledger.
type Attachment struct {
	ID     receipt.ID
	Proofs []ledger.Proof
}

// Attached says what [Attach] did.
type Attached struct {
	Head  gitrepo.OID // the ledger's head that holds it
	Files int         // that were not there before
}

// Attach puts proofs beside receipts, in one step. The verb is for the commit's
// message. The faults are NoReceipt (VM506) and those of [ledger.Update].
func Attach(ctx context.Context, p Place, verb string, list []Attachment) (Attached, error) {
	author, err := p.Repo.Author(ctx, p.Now)
	if err != nil {
		return Attached{}, err
	}
	committer, err := p.Repo.Committer(ctx, p.Now)
	if err != nil {
		return Attached{}, err
	}
	result, err := ledger.Update(ctx, p.Repo, p.Ref, nil, func(l *ledger.Ledger) (*ledger.Change, error) {
		if l == nil {
			return nil, fault.New(fault.NoLedger, "this repository has no ledger at %s", p.Ref)
		}
		l.Pin(p.Ledger)
		change := &ledger.Change{Author: author.Line(), Committer: committer.Line(), Message: fmt.Sprintf("vaultmesh: %s %d receipts\n", verb, len(list))}
		for _, a := range list {
			e, err := l.One(ctx, a.ID.String())
			if err != nil {
				return nil, err
			}
			if e.Receipt == nil || e.Receipt.Future {
				return nil, fault.New(fault.Incomplete, "a later version wrote the receipt %s", a.ID.Short())
			}
			change.Additions = append(change.Additions, ledger.Addition{Receipt: e.Raw, Proofs: a.Proofs, Beside: true})
			if len(list) == 1 {
				change.Message = ledger.Message(verb, e.Receipt, e.ID)
			}
		}
		return change, nil
	})
	return Attached{result.Head, result.Files}, err
}

// Endorse puts a signature beside a receipt that is in the ledger, and the
// time-stamps over it. Of the outcome, Exists says that it was there before.
func Endorse(ctx context.Context, p Place, id receipt.ID, made sign.Made) (*Outcome, error) {
	file := proofs([]sign.Made{made})
	tokens, got, missing, err := p.Stamper.Over(ctx, file[0].Name(), receipt.Sum(made.Bytes))
	if err != nil {
		return nil, err
	}
	done, err := Attach(ctx, p, "sign", []Attachment{{ID: id, Proofs: append(file, tokens...)}})
	if err != nil {
		return nil, err
	}
	return &Outcome{ID: id, Head: done.Head, Exists: done.Files == 0, Signed: []sign.Made{made}, Stamped: got, Pending: missing}, nil
}
