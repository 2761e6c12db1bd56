package cli

import (
	"cmp"
	"net/url"
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/config"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/federation"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
)

type syncCmd struct {
	Peers  []string `arg:"" optional:"" name:"remote" help:"the remotes to meet; all peers unless one is named"`
	NoPush bool     `help:"take what they have, and push nothing"`
	cosigning
	anchoring
}

// Run takes what peers have, merges, and pushes what they lack. A peer that is down
// or held back does not stop the others.
func (c *syncCmd) Run(a *app) error {
	if err := a.open(false); err != nil {
		return err
	}
	names, err := a.peers(c.Peers)
	if err != nil {
		return err
	}
	met, err := c.meet(a, names)
	if err != nil {
		return err
	}
	if err := a.printMet(met); err != nil {
		return err
	}
	return unmet(met.Peers)
}

// peers are the remotes that are named, else those that are marked, else the default
// one. The fault is BadPeer (VM705).
func (a *app) peers(named []string) ([]string, error) {
	for _, name := range named {
		if !slices.Contains(a.config.Remotes, name) {
			return nil, fault.New(fault.BadPeer, "there is no remote %.80q", name)
		}
	}
	if len(named) > 0 {
		slices.Sort(named)
		return slices.Compact(named), nil
	}
	if len(a.config.Peers) > 0 {
		return a.config.Peers, nil
	}
	if r := a.config.PushRemote(); r != "" {
		return []string{r}, nil
	}
	return nil, fault.New(fault.BadPeer, "this repository has no remote to meet")
}

// meeting is what became of it, as programs are told.
type meeting struct {
	LedgerCommit string    `json:"ledger_commit"`
	Peers        []metPeer `json:"peers"`
}

// metPeer is what became of one peer.
type metPeer struct {
	Peer     string           `json:"peer"`
	State    federation.State `json:"state"` // as it was found
	Head     string           `json:"head"`  // the peer's, as it was found; "" for none
	Receipts int              `json:"receipts"`
	Pushed   bool             `json:"pushed"`
	Code     fault.Code       `json:"code,omitempty"`
	Message  string           `json:"message,omitempty"`
	err      error
}

func (p *metPeer) fail(err error) {
	f := fault.From(err)
	p.err, p.Code, p.Message = err, f.Code, f.Message
}

// meet asks all, takes what they bring, and pushes.
func (c *syncCmd) meet(a *app, names []string) (*meeting, error) {
	place, done, err := c.federation(a)
	if err != nil {
		return nil, err
	}
	defer done()
	var arrivals []federation.Arrival
	for _, name := range names {
		arrival, err := place.Ask(a.ctx, name)
		if err != nil {
			return nil, err
		}
		arrivals = append(arrivals, arrival)
	}
	if err := c.take(a, place, c.cosigning, arrivals); err != nil {
		return nil, err
	}
	m := &meeting{Peers: []metPeer{}}
	for _, arrival := range arrivals {
		p := metPeer{Peer: arrival.Peer, State: arrival.State, Head: string(arrival.Head), Receipts: arrival.New}
		err := arrival.Err
		if err == nil && !c.NoPush {
			p.Pushed, err = place.Give(a.ctx, arrival)
		}
		if fault.Has(err, fault.Interrupted) {
			return nil, err
		}
		if err != nil {
			p.fail(err)
		}
		m.Peers = append(m.Peers, p)
	}
	last, err := a.latest() // what came while it was pushed is taken too
	m.LedgerCommit = string(last)
	return m, err
}

// take merges what is welcome, has merges co-signed where that is wanted, and sees to
// what depends on the ledger: the notes, and the covenant that is remembered.
func (f anchoring) take(a *app, place federation.Place, cosign cosigning, arrivals []federation.Arrival) error {
	before, err := a.latest()
	if err != nil {
		return err
	}
	head, merges, err := place.Take(a.ctx, arrivals)
	if err != nil || head == before {
		return err
	}
	if err := cosign.all(a, merges); err != nil {
		return err
	}
	came := 0
	for _, arrival := range arrivals {
		came += arrival.New
	}
	if err := a.annotateMany(came); err != nil {
		return err
	}
	l, err := a.ledger()
	if err != nil {
		return err
	}
	chain, err := verify.Chain(a.ctx, l, place.Terms)
	if err == nil {
		a.accept(l, place.Terms, chain)
	}
	return err
}

// federation is the ledger here, and by what others are judged. The function that it
// returns ends the count on the terminal.
func (f anchoring) federation(a *app) (place federation.Place, done func(), err error) {
	l, err := a.ledger()
	if err != nil {
		return place, nil, err
	}
	genesis, err := l.Genesis(a.ctx)
	if err != nil {
		return place, nil, err
	}
	terms, err := f.insisted(a, genesis.ID)
	if err != nil {
		return place, nil, err
	}
	bar := a.progress("judging receipts")
	return federation.Place{Repo: a.repo, Ref: a.config.Ref, Ledger: genesis.ID, Terms: terms, Messages: a.out.messages(), Progress: bar.add}, bar.done, nil
}

// printMet prints what became of each peer.
func (a *app) printMet(m *meeting) error {
	if a.out.structured() {
		return a.out.emit(m)
	}
	width := 0
	for _, p := range m.Peers {
		width = max(width, len(p.Peer))
	}
	for _, p := range m.Peers {
		a.out.line("%s  %s", pad(p.Peer, -width), p.said())
	}
	return nil
}

// said is what became of a peer, in words.
func (p metPeer) said() string {
	if p.err != nil {
		return strings.TrimSpace(string(cmp.Or(map[federation.State]federation.State{federation.HeldBack: federation.HeldBack, federation.Unreachable: federation.Unreachable}[p.State], "not pushed"))) + ": " + string(p.Code) + ": " + p.Message
	}
	var words []string
	switch p.State {
	case federation.Ahead:
		words = append(words, "took "+plural(p.Receipts, "receipt"))
	case federation.Diverged:
		words = append(words, "merged "+plural(p.Receipts, "receipt"))
	}
	if p.Pushed {
		words = append(words, "pushed")
	}
	switch {
	case len(words) > 0:
		return strings.Join(words, ", ")
	case p.State == federation.Same, p.State == federation.Ahead:
		return "up to date"
	case p.State == federation.Empty:
		return "has no ledger"
	}
	return "not pushed"
}

// unmet is the fault of a meeting with peers that were not met: of one that is held
// back first, then of one that cannot be reached.
func unmet(peers []metPeer) error {
	var names []string
	var worst error
	for _, p := range peers {
		if p.err == nil {
			continue
		}
		names = append(names, p.Peer)
		if worst == nil || p.State == federation.HeldBack && fault.From(worst).Code != p.Code {
			worst = p.err
		}
	}
	if worst == nil || len(names) == 1 {
		return worst
	}
	return fault.New(fault.From(worst).Code, "%d peers were not met: %s", len(names), strings.Join(names, ", ")).Because(worst)
}

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
	case !there:
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

// withoutSecret is an address without the password in it.
func withoutSecret(address string) string {
	if u, err := url.Parse(address); err == nil && u.User != nil {
		return u.Redacted()
	}
	return address
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
	for _, p := range list {
		a.out.line("%s  %s", p.Peer, p.URL)
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
	m := &meeting{LedgerCommit: string(head), Peers: []metPeer{}}
	for _, name := range names {
		arrival, err := place.Ask(a.ctx, name)
		if err != nil {
			return err
		}
		p := metPeer{Peer: name, State: arrival.State, Head: string(arrival.Head), Receipts: arrival.New}
		if arrival.Err != nil {
			p.fail(arrival.Err)
		}
		m.Peers = append(m.Peers, p)
	}
	if a.out.structured() {
		if err := a.out.emit(m); err != nil {
			return err
		}
		return unmet(m.Peers)
	}
	for _, p := range m.Peers {
		a.out.line("%s  %s%s", p.Peer, p.State, brought(p))
		if p.err != nil {
			a.explainPeer(place, p)
		}
	}
	return unmet(m.Peers)
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
	refs, err := a.repo.Exact(a.ctx, federation.SeenRef(p.Peer, place.Ref), federation.IncomingRef(p.Peer, place.Ref))
	if err != nil {
		return
	}
	for _, ref := range []struct{ name, what string }{{federation.SeenRef(p.Peer, place.Ref), "showed before"}, {federation.IncomingRef(p.Peer, place.Ref), "shows now"}} {
		if id := refs[ref.name]; id != "" {
			a.out.line("  %s  %s  %s", pad(ref.what, -13), id.Short(), ref.name)
		}
	}
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
