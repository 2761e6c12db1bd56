// Package federation brings ledgers together that grew apart: it fetches what a
// peer has, judges what is new in it, merges, and pushes what the peer lacks. A
// peer is a remote of git; there is no other protocol.
//
// What it is not for: how two heads are merged (package ledger), or what a receipt
// must be (package verify).
package federation

import (
	"context"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Place is the ledger that others are brought to, and by what they are judged.
type Place struct {
	Repo     *gitrepo.Repo
	Ref      string
	Ledger   receipt.ID // the genesis that it must have; zero when nobody said
	Terms    *verify.Terms
	Messages io.Writer // where git's words and questions go
	Progress func()    // called for each receipt that is judged
	AtOnce   int       // how many peers are spoken with at the same time, 0 for what is usual
	// Merged is called with merges that are made because somebody else was quicker to push,
	// before they are pushed; nil for nobody.
	Merged func(merges []gitrepo.OID) error
}

// How a peer's ledger stands to the one here.
type State string

const (
	Same        State = "same"
	Ahead       State = "ahead"       // it has what this one has not
	Behind      State = "behind"      // this one has what it has not
	Diverged    State = "diverged"    // both
	InStep      State = "in step"     // neither, though their histories differ
	Empty       State = "empty"       // the peer has no ledger
	HeldBack    State = "held back"   // what it brings is not taken
	Unreachable State = "unreachable" // it cannot be asked
)

// Arrival is what a peer brings.
type Arrival struct {
	Peer  string
	State State
	Head  gitrepo.OID // the peer's, "" where it has none or could not be asked
	New   int         // receipts that are new here, or have new files beside them
	Err   error       // why it is held back, or cannot be asked

	Before gitrepo.OID // what it showed before, of one that shows less now
	Since  time.Time   // when it was seen first that it showed that, zero where that is not known any more

	report  *verify.Report // on what is new, nil where nothing is
	merged  gitrepo.OID    // the merge with our head, which was made and judged, "" without one
	carried bool           // by hand: it is no peer's, whatever a peer is called
}

// Where what peers showed is remembered, and where it waits.
const (
	SeenPrefix     = "refs/vaultmesh-seen/"
	IncomingPrefix = "refs/vaultmesh-incoming/"
)

// SeenRef is where the head stays that was last taken from a peer, or pushed to it where
// it is asked. No fetch writes there.
func SeenRef(peer, ref string) string { return SeenPrefix + peer + "/" + short(ref) }

// IncomingRef is where a peer's head waits until it was judged, and stays if it is
// held back: it is the evidence.
func IncomingRef(peer, ref string) string {
	return IncomingPrefix + peer + "/" + short(ref)
}

// RemovedRef is where it stays that a peer has no ledger any more, which it had: a tag of
// the head that it showed.
func RemovedRef(peer, ref string) string { return IncomingRef(peer, ref) + "-removed" }

// Apart says whether what is kept of a peer has a place beside what is kept of other
// remotes: git has no ref where another one has a folder. The fault is BadPeer (VM705).
func Apart(peer string, remotes []string, ref string) error {
	for _, other := range remotes {
		for _, file := range keptOf(other, ref) {
			for _, place := range keptOf(peer, ref) {
				if strings.HasPrefix(place, file+"/") {
					return fault.New(fault.BadPeer, "%s cannot be met beside the remote %s: what is kept of the one would be in the place of the other", peer, other)
				}
			}
		}
	}
	return nil
}

// keptOf are the refs of a peer.
func keptOf(peer, ref string) []string {
	return []string{SeenRef(peer, ref), IncomingRef(peer, ref), RemovedRef(peer, ref)}
}

// PeerOf is the peer that a ref below one of the prefixes is about, "" for what was
// brought by hand, and whether it is something that is held back.
func PeerOf(ref string) (peer string, held bool) {
	rest, held := strings.CutPrefix(ref, IncomingPrefix)
	if !held {
		rest = strings.TrimPrefix(ref, SeenPrefix)
	}
	for _, place := range []string{"/ledger", "/vaultmesh/ledger", "/ledger-removed", "/vaultmesh/ledger-removed"} {
		if name, ok := strings.CutSuffix(rest, place); ok {
			peer = name
		}
	}
	if peer == byHand {
		return "", held
	}
	return peer, held
}

func short(ref string) string {
	return strings.TrimPrefix(strings.TrimPrefix(ref, "refs/vaultmesh/"), "refs/heads/")
}

func (p Place) open(ctx context.Context) (*ledger.Ledger, error) {
	l, err := ledger.Open(ctx, p.Repo, p.Ref)
	if err == nil {
		l.Pin(p.Ledger)
	}
	return l, err
}

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
	case fault.Has(err, fault.RemoteFailed):
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
		a.State = Same
		return a, p.saw(ctx, a.Peer, a.Head)
	}
	return p.consider(ctx, ours, a)
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
	if err := p.Repo.Fetch(ctx, p.Messages, peer, p.Ref, IncomingRef(peer, p.Ref)); err != nil {
		return head, err
	}
	// The ref may have moved since it was asked for; or another sync of this clone has
	// taken what was fetched, and dropped it.
	fetched, err := p.Repo.Ref(ctx, IncomingRef(peer, p.Ref))
	if err != nil || fetched != "" {
		return fetched, err
	}
	return head, p.taken(ctx, peer, head)
}

// taken says whether a head that was fetched, and of which no ref is left, was taken by
// somebody. Git keeps nothing of a repository that is cut from its own history, and
// calls that a success.
func (p Place) taken(ctx context.Context, peer string, head gitrepo.OID) error {
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
	if err == nil && a.State != HeldBack {
		err = p.Repo.DeleteRef(ctx, IncomingRef(byHand, p.Ref), heads[p.Ref])
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
	a.Before = seen
	return a, fault.New(fault.Rewound, "%s showed the head %s before, and now %s, which does not lead to it", a.Peer, seen.Short(), a.Head.Short()).With("peer", a.Peer)
}

// judge says how a head stands to ours, and judges what it brings.
func (p Place) judge(ctx context.Context, ours *ledger.Ledger, a Arrival) (Arrival, error) {
	theirs, err := ledger.OpenCommit(ctx, p.Repo, p.Ref, a.Head)
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

// maxTries bounds how often something is tried again that others were quicker at.
const maxTries = 8

// maxPushes bounds how often a push is tried again: between two tries others can push
// as often as they like.
const maxPushes = 30

// Take merges the heads of arrivals that are not held back into the ledger, in the
// order of their ids, and returns its new head and the merges that were made. The
// faults are those of [gitrepo.Repo.UpdateRef].
func (p Place) Take(ctx context.Context, arrivals []Arrival) (head gitrepo.OID, merges []gitrepo.OID, err error) {
	for tries := 0; ; tries++ {
		head, merges, err = p.takeOnce(ctx, arrivals)
		if (fault.Has(err, fault.LostRace) || fault.Has(err, fault.RefLocked)) && tries < maxTries {
			if err := pause(ctx, tries); err != nil {
				return "", nil, err
			}
			continue
		}
		return head, merges, err
	}
}

func (p Place) takeOnce(ctx context.Context, arrivals []Arrival) (head gitrepo.OID, merges []gitrepo.OID, err error) {
	ours, err := p.open(ctx)
	if err != nil {
		return "", nil, err
	}
	heads := []gitrepo.OID{ours.Head}
	var made []gitrepo.OID
	byHand := false
	for _, a := range arrivals {
		byHand = byHand || a.carried
		if a.State == Ahead || a.State == Diverged || a.State == InStep {
			heads = append(heads, a.Head)
		}
		if a.State == Diverged {
			made = append(made, a.merged)
		}
	}
	tips, err := p.tips(ctx, heads)
	if err == nil && !byHand {
		head, err = p.inStep(ctx, ours, tips)
	}
	if err == nil && head == "" {
		head, merges, err = p.join(ctx, ours, tips, made...)
	}
	if err == nil && head != ours.Head {
		err = p.Repo.UpdateRef(ctx, p.Ref, head, ours.Head)
	}
	if err != nil {
		return "", nil, err
	}
	for _, a := range arrivals {
		if a.report != nil && (a.State == Ahead || a.State == Diverged) {
			a.report.Remember(p.Terms)
		}
		if (a.State == Ahead || a.State == Diverged || a.State == InStep || a.State == Behind) && !a.carried {
			if err := p.saw(ctx, a.Peer, a.Head); err != nil {
				return "", nil, err
			}
		}
	}
	return head, merges, nil
}

// join merges heads pairwise in their order. It returns the last merge, and all of them.
// Some were made before.
func (p Place) join(ctx context.Context, ours *ledger.Ledger, tips []gitrepo.OID, made ...gitrepo.OID) (head gitrepo.OID, merges []gitrepo.OID, err error) {
	joined, err := ours.At(ctx, tips[0])
	for _, h := range tips[1:] {
		var next *ledger.Ledger
		if err == nil {
			next, err = ours.At(ctx, h)
		}
		if err == nil {
			joined, err = p.merge(ctx, joined, next, made...)
		}
		if err == nil {
			merges = append(merges, joined.Head)
		}
	}
	if err != nil {
		return "", nil, err
	}
	return joined.Head, merges, nil
}

// tips are the heads to which no other one leads, in the order of their ids.
func (p Place) tips(ctx context.Context, heads []gitrepo.OID) (tips []gitrepo.OID, err error) {
	slices.Sort(heads)
	heads = slices.Compact(heads)
	for _, h := range heads {
		leads := false
		for _, other := range heads {
			if other == h || leads {
				continue
			}
			if leads, err = p.Repo.IsAncestor(ctx, h, other); err != nil {
				return nil, err
			}
		}
		if !leads {
			tips = append(tips, h)
		}
	}
	return tips, nil
}

// inStep is the first of the tips that leads to our head, where all have the same entries,
// and "" where they have not. Those are merged by hand alone, or peers in a circle would
// merge each other's merges for ever (docs/spec/merge.md).
func (p Place) inStep(ctx context.Context, ours *ledger.Ledger, tips []gitrepo.OID) (head gitrepo.OID, err error) {
	first, err := ours.At(ctx, tips[0])
	if err != nil {
		return "", err
	}
	for _, h := range tips {
		tip, err := ours.At(ctx, h)
		if err != nil || !tip.Equals(first) {
			return "", err
		}
		if head != "" {
			continue
		}
		leads, err := p.Repo.IsAncestor(ctx, ours.Head, h)
		if err != nil {
			return "", err
		}
		if leads {
			head = h
		}
	}
	return head, nil
}

// Took remembers what a peer showed from which the ledger here was taken.
func (p Place) Took(ctx context.Context, peer string, head gitrepo.OID) error {
	return p.saw(ctx, peer, head)
}

// saw remembers what a peer showed, and drops what was fetched of it.
func (p Place) saw(ctx context.Context, peer string, head gitrepo.OID) error {
	seen := SeenRef(peer, p.Ref)
	before, err := p.Repo.Ref(ctx, seen)
	if err != nil {
		return err
	}
	if before != head {
		if err := p.Repo.UpdateLogged(ctx, seen, head, before, "vaultmesh: "+peer+" has it"); err != nil && !fault.Has(err, fault.LostRace) {
			return err
		}
	}
	return p.drop(ctx, IncomingRef(peer, p.Ref), RemovedRef(peer, p.Ref))
}

// drop deletes refs that are there.
func (p Place) drop(ctx context.Context, names ...string) error {
	refs, err := p.Repo.Exact(ctx, names...)
	if err != nil {
		return err
	}
	for _, name := range names {
		if refs[name] == "" {
			continue
		}
		if err := p.Repo.DeleteRef(ctx, name, refs[name]); err != nil && !fault.Has(err, fault.LostRace) {
			return err
		}
	}
	return nil
}

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
		if a, err = p.outrun(ctx, a, err, tries); err != nil {
			return "", err
		}
	}
}

// due is the head that a peer lacks, "" for one that has it or gets none.
func (p Place) due(ctx context.Context, a Arrival) (gitrepo.OID, error) {
	head, err := p.Repo.Ref(ctx, p.Ref)
	if err != nil || a.Head == head || a.State == HeldBack || a.State == Unreachable {
		return "", err
	}
	if a.Head == "" {
		return head, nil // it gets a ledger, and takes it whole
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

// outrun takes what somebody pushed to a peer who was quicker, and waits a little: then it
// can be pushed again. Where nobody was, the error is why the peer does not want it.
func (p Place) outrun(ctx context.Context, a Arrival, refusal error, tries int) (Arrival, error) {
	busy := fault.Has(refusal, fault.LostRace)
	if !busy && !fault.Has(refusal, fault.PushFailed) {
		return a, refusal
	}
	again, err := p.Ask(ctx, a.Peer)
	if err != nil {
		return a, err
	}
	if again.Head == a.Head && !busy || again.State == HeldBack || again.State == Unreachable {
		return a, refusal
	}
	if tries >= maxPushes {
		return a, fault.New(fault.LostRace, "others push to %s all the time, and were quicker %d times", a.Peer, tries+1).Because(refusal)
	}
	if again.State == Ahead || again.State == Diverged {
		if err := p.takeQuicker(ctx, again); err != nil {
			return a, err
		}
	}
	return again, pause(ctx, tries)
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
	if err != nil || len(unwelcome) == 0 {
		return err
	}
	return fault.New(fault.NotAccepted, "%d receipts are not accepted of peers by the covenant, such as %s, so that nothing is pushed", len(unwelcome), unwelcome[0].ID.Short()).
		Because(unwelcome[0].Err)
}

// pause waits a random time, longer with each try.
func pause(ctx context.Context, tries int) error {
	most := 20 * time.Millisecond << min(tries, 6)
	select {
	case <-ctx.Done():
		return fault.New(fault.Interrupted, "interrupted")
	case <-time.After(rand.N(most)):
		return nil
	}
}
