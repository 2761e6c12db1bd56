package federation

import (
	"context"

	"github.com/VaultSovereign/git-vaultmesh/internal/annotate"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/notes"
)

// ShareNotes brings the notes here and those of a peer together: what others wrote
// there is taken in, and the result is pushed in the place of what was read, which is
// what the lease is for: nothing that others push meanwhile is lost. It says what both have,
// "" for nothing, and whether it was pushed. A clone without notes has nothing to share. The faults are
// RemoteFailed (VM701) and PushFailed (VM702).
func (p Place) ShareNotes(ctx context.Context, peer string) (both gitrepo.OID, pushed bool, err error) {
	for tries := 0; ; tries++ {
		there, err := p.takeNotes(ctx, peer)
		if err != nil {
			return "", false, err
		}
		here, err := p.Repo.Ref(ctx, notes.Ref)
		if err != nil || here == "" || here == there {
			return here, false, err
		}
		err = p.Repo.PushLeased(ctx, p.Messages, peer, here, there, notes.Ref)
		if err == nil {
			return here, true, nil
		}
		busy := fault.Has(err, fault.LostRace)
		if !busy && !fault.Has(err, fault.PushFailed) || tries >= maxPushes {
			return "", false, err
		}
		heads, askErr := p.Repo.LsRemote(ctx, p.Messages, peer, notes.Ref)
		if askErr != nil || heads[notes.Ref] == there && !busy {
			return "", false, err // nobody was quicker: the peer does not want it
		}
		if err := pause(ctx, tries); err != nil {
			return "", false, err
		}
	}
}

// takeNotes takes in what others wrote in a peer's notes, and says where these are.
func (p Place) takeNotes(ctx context.Context, peer string) (there gitrepo.OID, err error) {
	here, err := p.Repo.Ref(ctx, notes.Ref)
	if err != nil || here == "" {
		return "", err
	}
	heads, err := p.Repo.LsRemote(ctx, p.Messages, peer, notes.Ref)
	if there = heads[notes.Ref]; err != nil || there == "" || there == here {
		return there, err
	}
	incoming := IncomingPrefix + peer + "/notes"
	if err := p.Repo.Fetch(ctx, p.Messages, peer, notes.Ref, incoming); err != nil {
		return there, err
	}
	if there, err = p.Repo.Ref(ctx, incoming); err != nil || there == "" {
		return there, err
	}
	ours, err := p.open(ctx)
	if err == nil {
		_, err = annotate.Adopt(ctx, p.Repo, ours, there)
	}
	if deleteErr := p.Repo.DeleteRef(context.WithoutCancel(ctx), incoming, there); err == nil && !fault.Has(deleteErr, fault.LostRace) {
		err = deleteErr
	}
	return there, err
}
