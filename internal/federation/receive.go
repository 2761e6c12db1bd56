package federation

import (
	"context"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/hooks"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
)

// Receive judges what somebody pushes to the ledger of this repository, by the
// covenant that is in force before it comes. Of other refs it minds those that a clone
// keeps for itself: what lies there would be taken for what this repository saw of its
// peers. The faults are PushRefused (VM612) for such a ref and for a ledger that would lose
// something, Invalid (VM512), NotAccepted (VM704), and OtherLedger (VM516).
func (p Place) Receive(ctx context.Context, pushes []hooks.Move, terms func(*ledger.Ledger) (*verify.Terms, error)) error {
	for _, push := range pushes {
		if strings.HasPrefix(push.Ref, SeenPrefix) || strings.HasPrefix(push.Ref, IncomingPrefix) {
			return refused("%s is what a clone keeps for itself of its peers, and is not pushed", push.Ref)
		}
		if push.Ref != p.Ref {
			continue
		}
		if err := p.receive(ctx, push, terms); err != nil {
			return err
		}
	}
	return nil
}

func (p Place) receive(ctx context.Context, push hooks.Move, terms func(*ledger.Ledger) (*verify.Terms, error)) error {
	if push.New == "" {
		return refused("%s must not be deleted: it is the memory of this repository", push.Ref)
	}
	later, err := ledger.OpenCommit(ctx, p.Repo, push.Ref, push.New)
	if err != nil {
		return err
	}
	later.Pin(p.Ledger)
	if push.Old == "" {
		return p.begin(ctx, later, terms)
	}
	kept, err := p.Repo.IsAncestor(ctx, push.Old, push.New)
	if err != nil {
		return err
	}
	if !kept {
		return refused("%s does not lead to %s, which is here: nothing may be taken back", push.New.Short(), push.Old.Short())
	}
	earlier, err := ledger.OpenCommit(ctx, p.Repo, push.Ref, push.Old)
	if err != nil {
		return err
	}
	earlier.Pin(p.Ledger)
	if p.Terms, err = terms(earlier); err != nil {
		return err
	}
	if err := p.sameLedger(ctx, earlier, later, "who pushes"); err != nil {
		return err
	}
	_, err = p.welcome(ctx, earlier, later, "who pushes", "")
	return err
}

// begin judges the first ledger that comes to a repository: the whole of it, by its own
// covenants.
func (p Place) begin(ctx context.Context, l *ledger.Ledger, terms func(*ledger.Ledger) (*verify.Terms, error)) error {
	report, err := verify.Ledger(ctx, p.Repo, l, nil, p.Progress)
	if err != nil {
		return err
	}
	if report.Verdict != verify.Valid {
		return fault.New(fault.Invalid, "the ledger does not hold").Because(fault.New(fault.Invalid, "%s", verify.Sentence(report.Problems[0])))
	}
	own, err := terms(l)
	if err != nil {
		return err
	}
	refused, err := verify.WelcomeAll(ctx, l, report, own, p.Progress)
	if err != nil {
		return err
	}
	return verify.Unwelcome("who pushes", report, refused)
}

func refused(format string, args ...any) error { return fault.New(fault.PushRefused, format, args...) }
