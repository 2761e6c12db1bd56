package cli

import (
	"os"
	"path/filepath"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/federation"
)

type mergeCmd struct {
	What    string `arg:"" name:"ref-or-file" help:"a ref or a commit of a ledger, or a bundle of git's; with --salvage a remote or the folder of a repository too"`
	Salvage bool   `help:"take the receipts that hold by themselves out of a ledger that does not, without its history"`
	cosigning
	anchoring
}

// Run merges by hand what is here, or what somebody brought in a file.
func (c *mergeCmd) Run(a *app) error {
	if err := a.open(false); err != nil {
		return err
	}
	place, done, err := c.federation(a)
	if err != nil {
		return err
	}
	defer done()
	if c.Salvage {
		return c.salvage(a, place)
	}
	arrival, err := c.arrival(a, place)
	if err == nil && arrival.Err != nil {
		err = arrival.Err
	}
	if err != nil {
		return err
	}
	before, err := a.ledger()
	if err != nil {
		return err
	}
	arrivals := []federation.Arrival{arrival}
	if err := c.take(a, place, c.cosigning, arrivals); err != nil {
		return err
	}
	head, err := a.latest()
	if err != nil {
		return err
	}
	p := metPeer{Peer: c.What, State: arrival.State, Head: string(arrival.Head), Receipts: arrival.New}
	if a.out.structured() {
		if err := a.out.emit(meeting{LedgerCommit: string(head), Peers: []metPeer{p}}); err != nil {
			return err
		}
		return a.doubts(place, before, arrivals)
	}
	switch arrival.State {
	case federation.Same, federation.Behind:
		a.out.line("nothing new")
	default:
		a.out.line("%s", p.said())
	}
	a.out.line("  head    %s", head)
	return a.doubts(place, before, arrivals)
}

// arrival is what the ref or the file holds.
func (c *mergeCmd) arrival(a *app, place federation.Place) (federation.Arrival, error) {
	info, err := os.Stat(c.What)
	if err != nil || !info.Mode().IsRegular() {
		id, _, err := a.repo.ResolveCommit(a.ctx, c.What)
		if err != nil {
			return federation.Arrival{}, err
		}
		return place.Consider(a.ctx, id)
	}
	path, err := filepath.Abs(c.What)
	if err != nil {
		return federation.Arrival{}, fault.New(fault.NoFile, "%s is no path", c.What)
	}
	return place.Carried(a.ctx, path)
}
