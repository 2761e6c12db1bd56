package federation

import (
	"context"
	"errors"
	"slices"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
)

// Ask asks a peer for the head of its ledger, fetches what is new, and judges it.
// Nothing is merged. The error is one of this side; what is wrong with the peer
// is in the arrival.
func (p Place) Ask(ctx context.Context, peer string) (Arrival, error) {
	ours, err := p.open(ctx)
	if err != nil {
		return Arrival{}, err
	}
	head, err := p.fetch(ctx, ours.Head, peer)
	return p.answered(ctx, ours, peer, head, err)
}

// answered judges what a peer answered.
func (p Place) answered(ctx context.Context, ours *ledger.Ledger, peer string, head gitrepo.OID, err error) (Arrival, error) {
	a, err := p.weigh(ctx, ours, Arrival{Peer: peer, Head: head}, err)
	if err == nil && a.State == HeldBack && a.Head != "" { // it shows something again
		err = p.drop(ctx, RemovedRef(peer, p.Ref))
	}
	return a, err
}

func (p Place) weigh(ctx context.Context, ours *ledger.Ledger, a Arrival, err error) (Arrival, error) {
	switch {
	case fault.Has(err, fault.RemoteFailed), fault.Has(err, fault.DiskFull): // there may be room for what others have
		a.State, a.Err = Unreachable, err
		return a, nil
	case fault.Has(err, fault.Invalid), fault.Has(err, fault.Incomplete), fault.Has(err, fault.TooMuch):
		a.State, a.Err = HeldBack, err
		return a, nil
	case err != nil:
		return a, err
	case a.Head == "":
		return p.absent(ctx, ours, a)
	case a.Head == ours.Head:
		return p.same(ctx, ours, a)
	}
	return p.consider(ctx, ours, a)
}

// same is of a peer that has our head, which one that was in step may have left another
// history for.
func (p Place) same(ctx context.Context, ours *ledger.Ledger, a Arrival) (Arrival, error) {
	a.State = Same
	a, err := p.rewound(ctx, ours, a)
	if err != nil {
		return p.concluded(a, err)
	}
	return a, p.saw(ctx, a.Peer, a.Head)
}

// fetch asks a peer for its head, "" for none, and fetches it unless it is known.
func (p Place) fetch(ctx context.Context, ours gitrepo.OID, peer string) (gitrepo.OID, error) {
	heads, err := p.Repo.LsRemote(ctx, p.Messages, peer, p.Ref)
	head := heads[p.Ref]
	if err != nil || head == "" || head == ours {
		return head, err
	}
	seen, err := p.Repo.Ref(ctx, SeenRef(peer, p.Ref))
	if err != nil || head == seen {
		return head, err
	}
	before, err := p.Repo.Ref(ctx, IncomingRef(peer, p.Ref))
	if err != nil {
		return head, err
	}
	if err := p.Repo.Fetch(ctx, p.Messages, peer, p.Ref, IncomingRef(peer, p.Ref)); err != nil {
		return head, err
	}
	// The ref may have moved since it was asked for; or another sync of this clone has
	// taken what was fetched, and dropped it.
	fetched, err := p.Repo.Ref(ctx, IncomingRef(peer, p.Ref))
	if err == nil && fetched != "" {
		return fetched, p.setAside(ctx, peer, before, fetched)
	}
	if err != nil {
		return "", err
	}
	return head, p.takenMeanwhile(ctx, peer, head)
}

// takenMeanwhile says whether a head that was fetched, and of which no ref is left, was taken by
// somebody. Git keeps nothing of a repository that is cut from its own history, and
// calls that a success.
func (p Place) takenMeanwhile(ctx context.Context, peer string, head gitrepo.OID) error {
	seen, err := p.Repo.Ref(ctx, SeenRef(peer, p.Ref))
	if err == nil && seen != "" {
		taken, err := p.Repo.IsAncestor(ctx, head, seen)
		if err == nil && taken || fault.Has(err, fault.Interrupted) {
			return err
		}
	}
	if err != nil {
		return err
	}
	return fault.New(fault.Incomplete, "%s has a ledger that is cut from its history, and nothing of that can be taken", peer).
		With("how", "have it fetch the rest, there:\ngit fetch --unshallow")
}

// consider judges a head that was fetched, and holds it against what its peer showed
// before.
func (p Place) consider(ctx context.Context, ours *ledger.Ledger, a Arrival) (Arrival, error) {
	a, err := p.rewound(ctx, ours, a)
	if err == nil {
		a, err = p.judge(ctx, ours, a)
	}
	return p.concluded(a, err)
}

// concluded is an arrival with what was wrong with it. What is wrong on this side is
// an error.
func (p Place) concluded(a Arrival, err error) (Arrival, error) {
	if err == nil {
		return a, nil
	}
	for _, own := range []fault.Code{fault.Interrupted, fault.GitMissing, fault.GitRefused, fault.Internal, fault.ReadOnly, fault.DiskFull, fault.RefLocked} {
		if fault.Has(err, own) {
			return a, err
		}
	}
	a.State, a.Err = HeldBack, err
	return a, nil
}

// byHand is what the refs are called of what is no peer's.
const byHand = "by-hand"

// Standing says how a head that a peer is known to have stands to the one here; nobody
// is asked.
func Standing(ctx context.Context, repo *gitrepo.Repo, here, there gitrepo.OID) (State, error) {
	if here == there {
		return Same, nil
	}
	if there == "" {
		return Empty, nil
	}
	behind, err := repo.IsAncestor(ctx, there, here)
	if err != nil || behind {
		return Behind, err
	}
	ahead, err := repo.IsAncestor(ctx, here, there)
	if err != nil || ahead {
		return Ahead, err
	}
	if equal, err := Equal(ctx, repo, here, there); err != nil || equal {
		return InStep, err
	}
	return Diverged, nil
}

// Equal tells whether two heads are of ledgers with the same entries. One that cannot be
// read is equal to none.
func Equal(ctx context.Context, repo *gitrepo.Repo, one, other gitrepo.OID) (bool, error) {
	a, err := ledger.OpenCommit(ctx, repo, "", one)
	if err != nil {
		return false, onlyInterrupted(err)
	}
	b, err := ledger.OpenCommit(ctx, repo, "", other)
	return err == nil && a.Equals(b), onlyInterrupted(err)
}

// Consider judges a commit that is here, as Ask does with what a peer has.
func (p Place) Consider(ctx context.Context, id gitrepo.OID) (Arrival, error) {
	ours, err := p.open(ctx)
	if err != nil {
		return Arrival{}, err
	}
	a := Arrival{Peer: byHand, Head: id, State: Same, carried: true}
	if id == ours.Head {
		return a, nil
	}
	judged, err := p.judge(ctx, ours, a)
	return p.concluded(judged, err)
}

// Carried fetches the ledger out of a bundle and judges it. The fault is BadBundle
// (VM706) for a file that holds none, or one whose beginning is not here.
func (p Place) Carried(ctx context.Context, path string) (Arrival, error) {
	heads, err := p.Repo.LsRemote(ctx, p.Messages, path, p.Ref)
	if err == nil && heads[p.Ref] == "" {
		err = fault.New(fault.BadBundle, "%s has no %s", path, p.Ref)
	}
	if err == nil {
		err = p.Repo.Fetch(ctx, p.Messages, path, p.Ref, IncomingRef(byHand, p.Ref))
	}
	if fault.Has(err, fault.RemoteFailed) {
		err = fault.New(fault.BadBundle, "%s is no bundle of a ledger, or begins where nothing is known of here", path).Because(err)
	}
	if err != nil {
		return Arrival{}, err
	}
	a, err := p.Consider(ctx, heads[p.Ref])
	// The file stays, and shows what was in it.
	if deleteErr := p.Repo.DeleteRef(context.WithoutCancel(ctx), IncomingRef(byHand, p.Ref), heads[p.Ref]); err == nil {
		err = deleteErr
	}
	return a, err
}

// rewound says whether a peer shows less than it showed before. The fault is
// Rewound (VM703).
func (p Place) rewound(ctx context.Context, ours *ledger.Ledger, a Arrival) (Arrival, error) {
	seen, err := p.showed(ctx, ours, a.Peer)
	if err != nil || seen == "" || seen == a.Head {
		return a, err
	}
	kept, err := p.Repo.IsAncestor(ctx, seen, a.Head)
	if err != nil || kept {
		return a, err
	}
	if a.Since, err = p.Repo.Since(ctx, SeenRef(a.Peer, p.Ref)); err != nil {
		return a, err
	}
	if err := p.exhibit(ctx, a); err != nil {
		return a, err
	}
	a.Before = seen
	return a, fault.New(fault.Rewound, "%s showed the head %s before, and now %s, which does not lead to it", a.Peer, seen.Short(), a.Head.Short()).With("peer", a.Peer)
}

// exhibit keeps what a peer shows as the evidence, also where it was here before and was
// not fetched.
func (p Place) exhibit(ctx context.Context, a Arrival) error {
	incoming := IncomingRef(a.Peer, p.Ref)
	there, err := p.Repo.Ref(ctx, incoming)
	if err != nil || there == a.Head {
		return err
	}
	if err := p.setAside(ctx, a.Peer, there, a.Head); err != nil {
		return err
	}
	if err := p.Repo.UpdateRef(ctx, incoming, a.Head, there); err != nil && !fault.Has(err, fault.LostRace) {
		return err
	}
	return nil
}

// judge says how a head stands to ours, and judges what it brings.
func (p Place) judge(ctx context.Context, ours *ledger.Ledger, a Arrival) (Arrival, error) {
	theirs, err := ledger.OpenCommit(ctx, p.Repo, p.Ref, a.Head)
	if fault.Has(err, fault.BadLedgerRef) {
		err = a.noLedger(err)
	}
	if err != nil {
		return a, err
	}
	if err := p.sameLedger(ctx, ours, theirs, a.Peer); err != nil {
		return a, err
	}
	if a.State, err = Standing(ctx, p.Repo, ours.Head, a.Head); err != nil || a.State == Behind {
		return a, err
	}
	if a.State == InStep && a.carried { // who merges by hand wants one history
		a.State = Diverged
	}
	later := theirs
	if a.State == Diverged || a.State == InStep {
		cut, err := p.Repo.Cut(ctx, ours.Head, a.Head)
		if err != nil {
			return a, err
		}
		if cut { // perhaps one leads to the other, and then there is no merge
			return a, fault.New(fault.Incomplete, "how %s stands to this ledger cannot be said, because the history is cut", a.Peer).With("how", "fetch the history that this clone was cut from:\ngit fetch --unshallow")
		}
	}
	if a.State == Diverged {
		if later, err = p.merge(ctx, ours, theirs); err != nil {
			return a, err
		}
		a.merged = later.Head
	}
	later.Pin(p.Ledger)
	if a.report, err = p.welcome(ctx, ours, later, a.Peer, a.merged); err == nil {
		a.New = a.report.Receipts
	}
	return a, err
}

// noLedger says of what a peer has that it is no ledger, and not of the ref of that name here.
func (a Arrival) noLedger(err error) error {
	what := a.Head.Short()
	if !a.carried {
		what = "what " + a.Peer + " has"
	}
	return fault.New(fault.BadLedgerRef, "%s is no ledger", what).With("ref", string(a.Head)).Because(errors.Unwrap(err))
}

// sameLedger refuses another ledger. The fault is OtherLedger (VM516).
func (p Place) sameLedger(ctx context.Context, ours, theirs *ledger.Ledger, peer string) error {
	genesis, err := ours.Genesis(ctx)
	if err != nil {
		return err
	}
	other, err := theirs.Genesis(ctx)
	if err != nil {
		return err
	}
	if other.ID != genesis.ID {
		return fault.New(fault.OtherLedger, "%s has the ledger %s, and this is %s", peer, other.ID.Short(), genesis.ID.Short()).With("peer", peer)
	}
	return nil
}

// merge makes the merge of two ledgers, and writes its objects, unless it is one of those
// that were made before: nothing names them yet.
func (p Place) merge(ctx context.Context, a, b *ledger.Ledger, made ...gitrepo.OID) (*ledger.Ledger, error) {
	heads := []gitrepo.OID{a.Head, b.Head}
	slices.Sort(heads)
	for _, id := range made {
		m, err := a.At(ctx, id)
		if err != nil {
			return nil, err
		}
		if parents, _, err := m.Parents(ctx); err != nil || slices.Equal(parents, heads) {
			return m, err
		}
	}
	u, err := ledger.Merge(ctx, a, b)
	if err != nil {
		return nil, err
	}
	if err := p.Repo.Write(ctx, u.Objects); err != nil {
		return nil, err
	}
	return a.At(ctx, u.Head)
}

// welcome judges what a later ledger has beside ours: its form and history, and
// whose signatures by what the covenant in force accepts. The merge that was made here
// is not made again to see whether it is one.
func (p Place) welcome(ctx context.Context, ours, later *ledger.Ledger, peer string, made gitrepo.OID) (*verify.Report, error) {
	commits, err := p.Repo.Between(ctx, ours.Head, later.Head)
	if err != nil {
		return nil, err
	}
	commits = slices.DeleteFunc(commits, func(id gitrepo.OID) bool { return id == made })
	report, refused, err := verify.Welcome(ctx, p.Repo, ours, later, commits, p.Terms, p.Progress)
	if err == nil {
		err = verify.Unwelcome(peer, report, refused)
	}
	if err != nil {
		return nil, err
	}
	return report, nil
}
