package setup

import (
	"context"

	"github.com/VaultSovereign/git-vaultmesh/internal/config"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
)

// Present sees that there is a ledger to read, without configuring anything:
// where the clone has none, that of the default remote is taken, once it was
// judged. Nothing is done where there is no remote. The faults are those of
// [Ledger].
func Present(ctx context.Context, q Request) (*Outcome, error) {
	head, err := q.Repo.Ref(ctx, q.Config.Ref)
	if q.Remote = q.Config.DefaultRemote(); err != nil || head != "" || q.Remote == "" {
		return nil, err
	}
	remote, err := q.findRemote(ctx)
	if err != nil {
		return nil, err
	}
	return q.take(ctx, remote)
}

// The ways in which a ledger stands to what was fetched of the default remote's.
const (
	Same      = ""          // nothing to take: equal, ahead, or nothing was fetched
	Advanced  = "advanced"  // what was fetched is taken
	Diverged  = "diverged"  // both have what the other has not
	Cut       = "cut"       // the history is cut, so that it cannot be said
	Withstood = "withstood" // what was fetched does not hold, or cannot be taken
)

// Advance takes what git has fetched of the default remote's ledger, if the
// one here grew into it, and all that is new holds and is accepted of peers. Why it was
// not taken is the error beside [Withstood].
func Advance(ctx context.Context, q Request) (how string, err error) {
	tracking := config.TrackingRef(q.Config.DefaultRemote(), q.Config.Ref)
	refs, err := q.Repo.Exact(ctx, q.Config.Ref, tracking)
	if err != nil {
		return Same, nil // reading says what is wrong with it
	}
	here, there := refs[q.Config.Ref], refs[tracking]
	if here == "" || there == "" || here == there {
		return Same, nil
	}
	if ahead, err := q.Repo.IsAncestor(ctx, there, here); err != nil {
		return Withstood, err
	} else if ahead {
		return Same, nil
	}
	behind, err := q.Repo.IsAncestor(ctx, here, there)
	if err != nil {
		return Withstood, err
	}
	if !behind {
		return q.apart(ctx, here, there)
	}
	if err := q.judgeGrowth(ctx, here, there); err != nil {
		return Withstood, err
	}
	err = q.Repo.UpdateRef(ctx, q.Config.Ref, there, here)
	switch {
	case fault.Has(err, fault.LostRace): // another process did so
		return Same, nil
	case err != nil:
		return Withstood, err
	}
	return Advanced, nil
}

// apart says how a head stands to another that did not grow out of it.
func (q Request) apart(ctx context.Context, here, there gitrepo.OID) (how string, err error) {
	ours, err := ledger.OpenCommit(ctx, q.Repo, q.Config.Ref, here)
	if err != nil {
		return Same, nil // reading says what is wrong with it
	}
	ours.Pin(q.Config.Ledger)
	genesis, err := ours.Genesis(ctx)
	if err != nil {
		return Same, nil
	}
	theirs, err := ledger.OpenCommit(ctx, q.Repo, config.TrackingRef(q.Config.DefaultRemote(), q.Config.Ref), there)
	if err != nil {
		return Withstood, err
	}
	theirs.Pin(genesis.ID)
	switch _, err = theirs.Genesis(ctx); {
	case ledger.Unreadable(err) || fault.Has(err, fault.Interrupted):
		return Withstood, err
	case err != nil:
		return Withstood, fault.New(fault.OtherLedger, "it is another ledger").Because(err)
	case ours.Equals(theirs): // by other merges
		return Same, nil
	case q.Repo.Shallow:
		return Cut, nil
	}
	return Diverged, nil
}

// judgeGrowth verifies what one head has and an earlier one has not, and whether the
// covenant accepts it of peers: whoever may push to the remote could have brought it.
func (q Request) judgeGrowth(ctx context.Context, from, to gitrepo.OID) error {
	earlier, err := ledger.OpenCommit(ctx, q.Repo, q.Config.Ref, from)
	if err != nil {
		return err
	}
	earlier.Pin(q.Config.Ledger)
	later, err := earlier.At(ctx, to)
	if err != nil {
		return err
	}
	genesis, err := earlier.Genesis(ctx)
	if err != nil {
		return err
	}
	terms, err := q.Terms(genesis.ID)
	if err != nil {
		return err
	}
	commits, err := q.Repo.Between(ctx, from, to)
	if err != nil {
		return err
	}
	report, refused, err := verify.Welcome(ctx, q.Repo, earlier, later, commits, terms, q.Progress)
	switch {
	case err != nil:
		return err
	case report.Verdict == verify.Valid:
		return verify.Unwelcome(q.Config.DefaultRemote(), report, refused)
	}
	return fault.New(fault.Invalid, "%s", verify.Sentence(report.Problems[0]))
}
