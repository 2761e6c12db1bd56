package federation

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/config"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
)

// absent says what it means that a peer has no ledger: it never had one that was seen, or
// it showed one before, which is the greatest rewind that there is. Of that a tag of the
// head that it showed stays as the evidence, where else stays what a peer shows now.
func (p Place) absent(ctx context.Context, ours *ledger.Ledger, a Arrival) (Arrival, error) {
	head, err := p.showed(ctx, ours, a.Peer)
	if err != nil || head == "" {
		a.State = Empty
		return a, err
	}
	a.State, a.Before = HeldBack, head
	a.Err = fault.New(fault.Rewound, "%s showed the head %s before, and has no ledger now", a.Peer, head.Short()).With("peer", a.Peer)
	if a.Since, err = p.Repo.Since(ctx, SeenRef(a.Peer, p.Ref)); err != nil {
		return a, err
	}
	return a, p.testify(ctx, a)
}

// showed is what a peer is known to have shown, "" for nothing: what was last taken from it or
// given to it, or, of one that was not met yet, this ledger as git fetched it by itself. That
// is remembered then, since git forgets it again when it prunes.
func (p Place) showed(ctx context.Context, ours *ledger.Ledger, peer string) (gitrepo.OID, error) {
	seen, tracking := SeenRef(peer, p.Ref), config.TrackingRef(peer, p.Ref)
	refs, err := p.Repo.Exact(ctx, seen, tracking)
	fetched := refs[tracking]
	if err != nil || refs[seen] != "" || fetched == "" {
		return refs[seen], err
	}
	theirs, err := ledger.OpenCommit(ctx, p.Repo, p.Ref, fetched)
	if err == nil {
		err = p.sameLedger(ctx, ours, theirs, peer)
	}
	if err != nil { // something else lay there
		return "", onlyInterrupted(err)
	}
	if err := p.Repo.UpdateRef(ctx, seen, fetched, ""); err != nil && !fault.Has(err, fault.LostRace) {
		return "", err
	}
	return fetched, nil
}

// onlyInterrupted is an error that says nothing of what was looked at.
func onlyInterrupted(err error) error {
	if fault.Has(err, fault.Interrupted) {
		return err
	}
	return nil
}

// testify keeps that a peer has no ledger: since when that is known stays as it was.
func (p Place) testify(ctx context.Context, a Arrival) error {
	ref := RemovedRef(a.Peer, p.Ref)
	there, err := p.Removal(ctx, a.Peer)
	if fault.Has(err, fault.Interrupted) || there != nil && there.Before == a.Before {
		return err
	}
	old, err := p.Repo.Ref(ctx, ref)
	if err != nil {
		return err
	}
	tag := gitrepo.NewObject(p.Repo.Algorithm(), gitrepo.TypeTag, p.testimony(ctx, a))
	if err := p.Repo.Write(ctx, []gitrepo.Object{tag}); err != nil {
		return err
	}
	if err := p.Repo.UpdateRef(ctx, ref, tag.ID, old); err != nil && !fault.Has(err, fault.LostRace) {
		return err
	}
	return nil
}

// removedTag is what such a tag is called; no ref of that name is made.
const removedTag = "vaultmesh-removed"

// testimony is the tag, by whoever git says that asks.
func (p Place) testimony(ctx context.Context, a Arrival) []byte {
	who, err := p.Repo.Committer(ctx, p.Terms.Now)
	if err != nil { // that nobody is known keeps nothing from being seen
		who = gitrepo.Identity{Name: "vaultmesh", Email: "peer@vaultmesh.invalid", When: strconv.FormatInt(p.Terms.Now.Unix(), 10) + " +0000"}
	}
	since := "before"
	if !a.Since.IsZero() {
		since = "since " + a.Since.UTC().Format(time.RFC3339)
	}
	return fmt.Appendf(nil, "object %s\ntype commit\ntag %s\ntagger %s\n\n%s has no %s any more\n\nIt showed %s %s.\n", a.Before, removedTag, who.Line(), a.Peer, p.Ref, a.Before, since)
}

// Removal is what is kept of a peer that has no ledger any more.
type Removal struct {
	Before  gitrepo.OID // what it showed
	Noticed time.Time   // when it was seen first that it shows none
}

// Removal reads what is kept of a peer, nil where it showed a ledger when it was asked
// last, or none that was seen.
func (p Place) Removal(ctx context.Context, peer string) (*Removal, error) {
	id, err := p.Repo.Ref(ctx, RemovedRef(peer, p.Ref))
	if err != nil || id == "" {
		return nil, err
	}
	tag, err := p.Repo.Read(ctx, id, maxTestimony)
	if err != nil {
		return nil, err
	}
	r := new(Removal)
	headers, _, _ := strings.Cut(string(tag.Data), "\n\n")
	for line := range strings.Lines(headers) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch fields := strings.Fields(value); {
		case name == "object":
			r.Before = gitrepo.OID(value)
		case name == "tagger" && len(fields) > 1:
			seconds, _ := strconv.ParseInt(fields[len(fields)-2], 10, 64)
			r.Noticed = time.Unix(seconds, 0).UTC()
		}
	}
	return r, nil
}

// maxTestimony bounds what is read of a tag that this program wrote.
const maxTestimony = 64 << 10

// Accept makes what a peer shows now the thing that it must not go behind, though it
// has less than it showed before. It returns what it showed then, and shows now: "" for
// no ledger, and then it is as a peer that was never met.
func (p Place) Accept(ctx context.Context, peer string) (before, now gitrepo.OID, err error) {
	seen, incoming, removed := SeenRef(peer, p.Ref), IncomingRef(peer, p.Ref), RemovedRef(peer, p.Ref)
	refs, err := p.Repo.Exact(ctx, seen, incoming, removed)
	if err != nil {
		return "", "", err
	}
	once, _, err := p.Showed(ctx, peer)
	if err != nil {
		return "", "", err
	}
	before = refs[seen]
	switch {
	case refs[removed] != "":
		return before, "", p.drop(ctx, append(once, seen, incoming, removed, config.TrackingRef(peer, p.Ref))...) // git would prune the last one
	case refs[incoming] == "" && len(once) > 0:
		return before, before, p.drop(ctx, once...)
	case refs[incoming] == "":
		return before, "", fault.New(fault.NoChange, "nothing of %s is held back", peer).With("command", "peer")
	}
	now = refs[incoming]
	if err := p.ours(ctx, peer, now); err != nil {
		return before, now, err
	}
	if err := p.Repo.UpdateLogged(ctx, seen, now, before, "vaultmesh: accepted of "+peer); err != nil {
		return before, now, err
	}
	return before, now, p.drop(ctx, append(once, incoming)...)
}

// ours sees that what a peer showed is of this ledger: nobody accepts another one by the
// way. The faults are OtherLedger (VM516) and BadLedgerRef (VM502).
func (p Place) ours(ctx context.Context, peer string, head gitrepo.OID) error {
	here, err := p.open(ctx)
	if err != nil {
		return err
	}
	theirs, err := ledger.OpenCommit(ctx, p.Repo, p.Ref, head)
	if fault.Has(err, fault.BadLedgerRef) {
		return Arrival{Peer: peer, Head: head}.noLedger(err)
	}
	if err != nil {
		return err
	}
	return p.sameLedger(ctx, here, theirs, peer)
}
