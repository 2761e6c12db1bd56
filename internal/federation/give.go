package federation

import (
	"context"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
)

// Give pushes the ledger to a peer that lacks something of it. Where another one was
// quicker, what came meanwhile is taken first. It returns what was pushed, "" for nothing.
// What the covenant would not have others accept is not pushed, or they would hold
// back everything of that peer. The faults are those of [gitrepo.Repo.Push], NotAccepted (VM704),
// and those of taking.
func (p Place) Give(ctx context.Context, a Arrival) (gitrepo.OID, error) {
	for tries := 0; ; tries++ {
		head, err := p.due(ctx, a)
		if err != nil || head == "" {
			return "", err
		}
		err = p.Repo.PushCommit(ctx, p.Messages, a.Peer, head, p.Ref)
		if err == nil {
			return head, p.gave(ctx, a.Peer, head)
		}
		if !mayBeOutrun(err) {
			return "", err
		}
		again, askErr := p.Ask(ctx, a.Peer)
		if askErr != nil {
			return "", askErr
		}
		if a, err = p.outrun(ctx, a, again, err, tries); err != nil {
			return "", err
		}
		if err := pause(ctx, tries); err != nil {
			return "", err
		}
	}
}

// mayBeOutrun tells whether a push may have been refused because somebody was quicker.
func mayBeOutrun(refusal error) bool {
	return fault.Has(refusal, fault.LostRace) || fault.Has(refusal, fault.PushFailed)
}

// due is the head that a peer lacks, "" for one that has it or gets none.
func (p Place) due(ctx context.Context, a Arrival) (gitrepo.OID, error) {
	head, err := p.Repo.Ref(ctx, p.Ref)
	if err != nil || a.Head == head || a.State == HeldBack || a.State == Unreachable {
		return "", err
	}
	if a.Head == "" {
		return head, p.presentableWhole(ctx)
	}
	if equal, err := Equal(ctx, p.Repo, a.Head, head); err != nil {
		return "", err
	} else if equal {
		if leads, err := p.Repo.IsAncestor(ctx, a.Head, head); err != nil || !leads { // they are in step
			return "", err
		}
	}
	return head, p.presentable(ctx, a, head)
}

// outrun takes what somebody pushed to a peer who was quicker, and which it shows since: then it
// can be pushed again. Where nobody was, the error is why the peer does not want it; where
// what came is not taken, why that is held back.
func (p Place) outrun(ctx context.Context, a, again Arrival, refusal error, tries int) (Arrival, error) {
	busy := fault.Has(refusal, fault.LostRace)
	if again.Head == a.Head && !busy || again.State == Unreachable {
		return a, refusal
	}
	if again.State == HeldBack {
		return a, again.Err
	}
	if tries >= maxPushes {
		return a, fault.New(fault.LostRace, "others push to %s all the time, and were quicker %d times", a.Peer, tries+1).Because(refusal)
	}
	if again.State == Ahead || again.State == Diverged || p.atHome(again) {
		if err := p.takeQuicker(ctx, again); err != nil {
			return a, err
		}
	}
	return again, nil
}

// gave remembers what was pushed to a peer, unless it is asked in another place, which may
// not show that yet.
func (p Place) gave(ctx context.Context, peer string, head gitrepo.OID) error {
	shown, err := p.Repo.AsksWherePushed(ctx, peer)
	if err != nil || !shown {
		return err
	}
	return p.saw(ctx, peer, head)
}

// takeQuicker takes what somebody pushed meanwhile.
func (p Place) takeQuicker(ctx context.Context, a Arrival) error {
	_, merges, err := p.Take(ctx, []Arrival{a})
	if err == nil && p.Merged != nil {
		err = p.Merged(merges)
	}
	return err
}

// presentable says whether others would accept what a peer gets now: receipts that
// nobody signed, or too few, are not to be pushed.
func (p Place) presentable(ctx context.Context, a Arrival, head gitrepo.OID) error {
	ours, err := p.open(ctx)
	if err != nil {
		return err
	}
	later, err := ours.At(ctx, head)
	if err != nil {
		return err
	}
	theirs, err := ours.At(ctx, a.Head)
	if err != nil {
		return err
	}
	_, unwelcome, err := verify.Welcome(ctx, p.Repo, theirs, later, nil, p.Terms, p.Progress)
	if err != nil {
		return err
	}
	return unpresentable(unwelcome)
}

// presentableWhole says whether those would accept the ledger who have none yet.
func (p Place) presentableWhole(ctx context.Context) error {
	ours, err := p.open(ctx)
	if err != nil {
		return err
	}
	unwelcome, err := verify.WelcomeAll(ctx, ours, nil, p.Terms, p.Progress)
	if err != nil {
		return err
	}
	return unpresentable(unwelcome)
}

func unpresentable(unwelcome []verify.Refused) error {
	if len(unwelcome) == 0 {
		return nil
	}
	return verify.NotAccepted(unwelcome, "%d receipts are not accepted of peers by the covenant, such as %s, so that nothing is pushed", len(unwelcome), unwelcome[0].ID.Short())
}
