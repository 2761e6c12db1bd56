package federation

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
)

// MaxShowed bounds how much stays of what a peer showed once: it may show something else
// each time.
const MaxShowed = 64

// showedPrefix is where it stays what a peer showed once, and does not stand by: what it
// showed later does not lead to it.
func showedPrefix(peer, ref string) string { return IncomingRef(peer, ref) + showed }

const showed = "-showed/"

// showedRef is the place of one such head. It has the whole id, because whoever shows heads
// can make two that begin alike.
func showedRef(peer, ref string, head gitrepo.OID) string {
	return showedPrefix(peer, ref) + string(head)
}

// cutShowed tells whether a ref is one of what a peer showed once, and takes off what makes it
// that: a whole id, in which no other ref ends that is kept.
func cutShowed(ref string) (kept string, once bool) {
	i := strings.LastIndexByte(ref, '/') + 1
	if id := ref[i:]; len(id) < 40 || strings.Trim(id, "0123456789abcdef") != "" {
		return ref, false
	}
	return strings.CutSuffix(ref[:i], showed)
}

// Showed are the refs of what a peer showed once and does not stand by, sorted, and what they lead to.
func (p Place) Showed(ctx context.Context, peer string) (refs []string, heads map[string]gitrepo.OID, err error) {
	heads, err = p.Repo.Refs(ctx, showedPrefix(peer, p.Ref))
	return slices.Sorted(maps.Keys(heads)), heads, err
}

// setAside keeps what a peer showed that waited to be judged or was held back, unless it
// leads to what it shows now: it is the evidence, whatever the peer shows then.
func (p Place) setAside(ctx context.Context, peer string, once, now gitrepo.OID) error {
	if once == "" || once == now || p.leads(ctx, once, now) {
		return nil
	}
	refs, _, err := p.Showed(ctx, peer)
	if err != nil || len(refs) >= MaxShowed {
		return err
	}
	err = p.Repo.UpdateRef(ctx, showedRef(peer, p.Ref, once), once, "")
	if fault.Has(err, fault.LostRace) { // it is there already
		return nil
	}
	return err
}
