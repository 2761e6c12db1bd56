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
	Home     string    // the remote that git pushes to by itself: it is led to our history, though it has the same entries
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
	Unreachable State = "unreachable" // it cannot be asked, or there is no room for what it sends
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
	return []string{SeenRef(peer, ref), IncomingRef(peer, ref), RemovedRef(peer, ref), strings.TrimSuffix(showedPrefix(peer, ref), "/")}
}

// PeerOf is the peer that a ref below one of the prefixes is about, "" for what was
// brought by hand, and whether it is something that is held back.
func PeerOf(ref string) (peer string, held bool) {
	rest, held := strings.CutPrefix(ref, IncomingPrefix)
	if !held {
		rest = strings.TrimPrefix(ref, SeenPrefix)
	}
	if kept, once := cutShowed(rest); once {
		rest, held = kept, false
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
