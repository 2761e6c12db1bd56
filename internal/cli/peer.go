package cli

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/config"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/federation"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
)

type peerCmd struct {
	Add    peerAddCmd    `cmd:"" help:"make a remote, and meet it with each sync"`
	List   peerListCmd   `cmd:"" help:"list the peers"`
	Status peerStatusCmd `cmd:"" help:"say how peers stand to this ledger, and why one is held back"`
	Accept peerAcceptCmd `cmd:"" help:"take what a peer shows now, though it showed more before"`
	Remove peerRemoveCmd `cmd:"" help:"meet a remote no more"`
}

type peerAddCmd struct {
	Name string `arg:"" help:"of the remote"`
	URL  string `arg:"" optional:"" name:"url" help:"its address; not for a remote that is there"`
}

// Run makes a remote a peer.
func (c *peerAddCmd) Run(a *app) error {
	if err := a.open(false); err != nil {
		return err
	}
	there := slices.Contains(a.config.Remotes, c.Name)
	switch {
	case there && c.URL != "" && !slices.Contains(a.gitConfig.Values("remote."+c.Name+".url"), c.URL):
		return fault.New(fault.BadPeer, "the remote %s is there, with another address", c.Name)
	case !there && c.URL == "":
		return fault.New(fault.BadPeer, "there is no remote %.80q, and no address to make one", c.Name)
	}
	if err := federation.Apart(c.Name, a.config.Remotes, a.config.Ref); err != nil {
		return err
	}
	if !there {
		if err := a.repo.AddRemote(a.ctx, c.Name, c.URL); err != nil {
			return err
		}
	}
	if err := a.repo.SetConfig(a.ctx, config.PeerMark(c.Name), "true"); err != nil {
		return err
	}
	if strings.HasPrefix(a.config.Ref, "refs/vaultmesh/") {
		if err := a.repo.AddConfig(a.ctx, "remote."+c.Name+".fetch", "+refs/vaultmesh/*:refs/vaultmesh-remotes/"+c.Name+"/*"); err != nil {
			return err
		}
	}
	if a.out.structured() {
		return a.out.emit(listedPeer{c.Name, withoutSecret(cmp.Or(c.URL, a.listed(c.Name).URL))})
	}
	a.out.line("%s is a peer", c.Name)
	a.out.line("  git config %s true", config.PeerMark(c.Name))
	return nil
}

// listed is a remote as it is shown.
func (a *app) listed(remote string) listedPeer {
	p := listedPeer{Peer: remote}
	if urls := a.gitConfig.Values("remote." + remote + ".url"); len(urls) > 0 {
		p.URL = withoutSecret(urls[0])
	}
	return p
}

// withoutSecret is an address without the password in it. Of one that is malformed all
// is left out that stands where a name and a password would.
func withoutSecret(address string) string {
	u, err := url.Parse(address)
	switch {
	case err == nil && u.User != nil:
		return u.Redacted()
	case err == nil:
		return address
	}
	scheme, rest, found := strings.Cut(address, "://")
	at := strings.LastIndexByte(rest, '@')
	if !found || at < 0 {
		return address
	}
	return scheme + "://xxxxx" + rest[at:]
}

type peerListCmd struct{}

// listedPeer is a peer as programs are told.
type listedPeer struct {
	Peer string `json:"peer"`
	URL  string `json:"url"`
}

// Run lists the peers, and asks none.
func (c *peerListCmd) Run(a *app) error {
	if err := a.open(false); err != nil {
		return err
	}
	list := []listedPeer{}
	for _, p := range a.config.Peers {
		list = append(list, a.listed(p))
	}
	if a.out.structured() {
		return a.out.emit(list)
	}
	widest := 0
	for _, p := range list {
		widest = max(widest, len(p.Peer))
	}
	for _, p := range list {
		a.out.line("%-*s  %s", widest, p.Peer, p.URL)
	}
	if len(list) == 0 {
		a.out.line("no peers; sync meets %s", cmp.Or(a.config.PushRemote(), "nobody"))
	}
	return nil
}

type peerStatusCmd struct {
	Peers []string `arg:"" optional:"" name:"remote" help:"the remotes to ask; all peers unless one is named"`
	anchoring
}

// Run asks peers, judges what they would bring, and takes nothing.
func (c *peerStatusCmd) Run(a *app) error {
	if err := a.open(false); err != nil {
		return err
	}
	names, err := a.peers(c.Peers)
	if err != nil {
		return err
	}
	place, done, err := c.federation(a)
	if err != nil {
		return err
	}
	defer done()
	head, err := a.latest()
	if err != nil {
		return err
	}
	if err := a.inherit(place, names); err != nil {
		return err
	}
	m := &meeting{LedgerCommit: string(head), Peers: []metPeer{}}
	arrivals, err := c.ask(a, place, names)
	if err != nil {
		return err
	}
	for _, arrival := range arrivals {
		p := metOf(arrival)
		if p.Showed, _, err = place.Showed(a.ctx, p.Peer); err != nil {
			return err
		}
		m.Peers = append(m.Peers, p)
	}
	if a.out.structured() {
		if err := a.out.emit(m); err != nil {
			return err
		}
	} else {
		for _, p := range m.Peers {
			a.out.line("%s  %s%s", p.Peer, p.State, brought(p))
			if p.err != nil {
				a.explainPeer(place, p)
			}
			for _, ref := range p.Showed {
				a.exhibit("showed once", gitrepo.OID(ref[strings.LastIndexByte(ref, '/')+1:]).Short(), ref, "", time.Time{})
			}
			if len(p.Showed) >= federation.MaxShowed {
				a.out.line("  what it showed after that is not kept")
			}
		}
	}
	ours, err := a.ledger()
	if err != nil {
		return err
	}
	return cmp.Or(a.doubts(place, ours, arrivals), unmet(m.Peers))
}

// ask waits until all have answered.
func (c *peerStatusCmd) ask(a *app, place federation.Place, names []string) ([]federation.Arrival, error) {
	var all []federation.Arrival
	err := place.Meet(a.ctx, names, federation.Meeting{Heard: func(arrivals []federation.Arrival) error {
		all = append(all, arrivals...)
		return nil
	}})
	slices.SortFunc(all, func(x, y federation.Arrival) int {
		return cmp.Compare(slices.Index(names, x.Peer), slices.Index(names, y.Peer))
	})
	return all, err
}

func brought(p metPeer) string {
	if p.Receipts == 0 {
		return ""
	}
	return ", brings " + plural(p.Receipts, "receipt")
}

// explainPeer says why a peer is not met, and what shows it to others.
func (a *app) explainPeer(place federation.Place, p metPeer) {
	a.out.line("  %s: %s", p.Code, p.Message)
	for _, cause := range fault.From(p.err).Causes() {
		a.out.line("  %s", cause)
	}
	if p.State != federation.HeldBack {
		return
	}
	seen, incoming := federation.SeenRef(p.Peer, place.Ref), federation.IncomingRef(p.Peer, place.Ref)
	refs, err := a.repo.Exact(a.ctx, seen, incoming)
	if err != nil {
		return
	}
	a.exhibit("showed before", refs[seen].Short(), seen, "since", p.since)
	if removal, err := place.Removal(a.ctx, p.Peer); err == nil && removal != nil {
		a.exhibit("shows now", "none", federation.RemovedRef(p.Peer, place.Ref), "found on", removal.Noticed)
		return
	}
	a.exhibit("shows now", refs[incoming].Short(), incoming, "", time.Time{})
}

// exhibit prints one thing that a peer showed, and where that stays.
func (a *app) exhibit(when, id, ref, word string, at time.Time) {
	if id == "" {
		return
	}
	if !at.IsZero() {
		now := a.env.Now()
		ref += "  " + word + " " + gitDate(at.In(now.Location()), a.config.Date, now)
	}
	a.out.line("  %s  %s  %s", pad(when, -13), pad(id, -10), ref)
}

type peerAcceptCmd struct {
	Peer string `arg:"" name:"remote" help:"of which something is held back"`
}

// Run forgets what a peer showed before, on purpose: nothing here is lost by that.
func (c *peerAcceptCmd) Run(a *app) error {
	if err := a.open(false); err != nil {
		return err
	}
	if _, err := a.peers([]string{c.Peer}); err != nil {
		return err
	}
	place := federation.Place{Repo: a.repo, Ref: a.config.Ref}
	before, now, err := place.Accept(a.ctx, c.Peer)
	if err != nil {
		return err
	}
	if a.out.structured() {
		return a.out.emit(struct {
			Peer   string `json:"peer"`
			Before string `json:"before"`
			Now    string `json:"now"`
		}{c.Peer, string(before), string(now)})
	}
	if now == before {
		a.out.line("what %s showed once is forgotten", c.Peer)
		return nil
	}
	if now == "" {
		a.out.line("%s may have no ledger, and the next sync gives it this one; before it showed %s", c.Peer, cmp.Or(before.Short(), "nothing"))
		return nil
	}
	a.out.line("%s may show %s from now on; before it showed %s", c.Peer, now.Short(), cmp.Or(before.Short(), "nothing"))
	return nil
}

type peerRemoveCmd struct {
	Peer string `arg:"" name:"remote" help:"a peer"`
}

// Run takes the mark away; the remote stays, and what it showed is remembered.
func (c *peerRemoveCmd) Run(a *app) error {
	if err := a.open(false); err != nil {
		return err
	}
	if !slices.Contains(a.config.Peers, c.Peer) {
		return fault.New(fault.BadPeer, "%.80q is no peer", c.Peer)
	}
	if err := a.repo.UnsetConfig(a.ctx, config.PeerMark(c.Peer)); err != nil {
		return err
	}
	if a.out.structured() {
		return a.out.emit(a.listed(c.Peer))
	}
	a.out.line("%s is no peer any more; the remote stays", c.Peer)
	return nil
}
