package cli

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/federation"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
)

type syncCmd struct {
	Peers  []string `arg:"" optional:"" name:"remote" help:"the remotes to meet; all peers unless one is named"`
	NoPush bool     `xor:"push" help:"take what they have, and push nothing"`
	Notes  bool     `xor:"push" help:"bring git's notes and theirs together too"`
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
	return cmp.Or(met.doubt, unmet(met.Peers))
}

// peers are the remotes that are named, else those that are marked, else the default
// one. The fault is BadPeer (VM705).
func (a *app) peers(named []string) ([]string, error) {
	for _, name := range named {
		if !slices.Contains(a.config.Remotes, name) {
			return nil, fault.New(fault.BadPeer, "there is no remote %.80q", name)
		}
	}
	names := slices.Clone(named)
	switch r := a.config.PushRemote(); {
	case len(names) > 0:
		slices.Sort(names)
	case len(a.config.Peers) > 0:
		names = a.config.Peers
	case r != "":
		names = []string{r}
	default:
		return nil, fault.New(fault.BadPeer, "this repository has no remote to meet")
	}
	for _, name := range names {
		if err := federation.Apart(name, a.config.Remotes, a.config.Ref); err != nil {
			return nil, err
		}
	}
	return slices.Compact(names), nil
}

// meeting is what became of it, as programs are told.
type meeting struct {
	LedgerCommit string         `json:"ledger_commit"`
	Peers        []metPeer      `json:"peers"`
	doubt        error          // seals that cannot both be true came to light
	taken        *ledger.Ledger // as it was when all that came was taken, and cross-checked
}

// metPeer is what became of one peer.
type metPeer struct {
	Peer     string           `json:"peer"`
	State    federation.State `json:"state"` // as it was found
	Head     string           `json:"head"`  // the peer's, as it was found; "" for none
	Receipts int              `json:"receipts"`
	Pushed   bool             `json:"pushed"`
	Notes    bool             `json:"notes"` // were pushed
	Code     fault.Code       `json:"code,omitempty"`
	Message  string           `json:"message,omitempty"`
	Before   string           `json:"before,omitempty"` // the head that it showed before, of one that shows less
	Since    string           `json:"since,omitempty"`  // when it was seen first that it showed that
	Showed   []string         `json:"showed,omitempty"` // refs of what it showed once and does not stand by
	since    time.Time
	has      bool // it has all that is here by now, though nothing was pushed
	err      error
}

// metOf is what an arrival says of a peer.
func metOf(a federation.Arrival) metPeer {
	p := metPeer{Peer: a.Peer, State: a.State, Head: string(a.Head), Receipts: a.New, Before: string(a.Before), since: a.Since}
	if a.Err != nil {
		p.fail(a.Err)
	}
	if !a.Since.IsZero() {
		p.Since = a.Since.UTC().Format(time.RFC3339)
	}
	return p
}

func (p *metPeer) fail(err error) {
	f := fault.From(err)
	p.err, p.Code, p.Message = err, f.Code, f.Message
}

// meet asks all, takes what they bring, and pushes. Those that keep others waiting are
// met when they answer.
func (c *syncCmd) meet(a *app, names []string) (*meeting, error) {
	place, done, err := c.federation(a)
	if err != nil {
		return nil, err
	}
	defer done()
	place.Merged = func(merges []gitrepo.OID) error { return c.all(a, merges) }
	if err := a.inherit(place, names); err != nil {
		return nil, err
	}
	m := &meeting{Peers: []metPeer{}}
	if err := place.Meet(a.ctx, names, c.proceedings(a, place, m)); err != nil {
		return nil, err
	}
	slices.SortFunc(m.Peers, func(p, q metPeer) int { return cmp.Compare(slices.Index(names, p.Peer), slices.Index(names, q.Peer)) })
	return m, c.afterwards(a, place, m)
}

// proceedings are what is done at a meeting, and noted of it. An error of a peer is
// noted; an interruption ends it.
func (c *syncCmd) proceedings(a *app, place federation.Place, m *meeting) federation.Meeting {
	do := federation.Meeting{Heard: func(arrivals []federation.Arrival) error { return c.hear(a, place, m, arrivals) }}
	if !c.NoPush {
		do.Given = func(peer string, head gitrepo.OID, err error) error {
			p := m.peer(peer)
			p.Pushed, p.has = p.Pushed || head != "", p.has || head == ""
			return p.note(err)
		}
	}
	if c.Notes {
		do.Shared = func(peer string, pushed bool, err error) error {
			p := m.peer(peer)
			p.Notes = p.Notes || pushed
			return p.note(err)
		}
	}
	return do
}

// peer is what became of one that was heard.
func (m *meeting) peer(name string) *metPeer {
	return &m.Peers[slices.IndexFunc(m.Peers, func(p metPeer) bool { return p.Peer == name })]
}

// note notes what is wrong with a peer. The error is an interruption.
func (p *metPeer) note(err error) error {
	if fault.Has(err, fault.Interrupted) {
		return err
	}
	if err != nil {
		p.fail(err)
	}
	return nil
}

// inherit has what was kept of a remote count under the name that it has by now, before
// it is met: git leaves that under the old one.
func (a *app) inherit(place federation.Place, names []string) error {
	heirs := federation.Heirs(a.gitConfig, a.config.Remotes)
	if len(heirs) == 0 {
		return nil
	}
	orphans, err := federation.Orphans(a.ctx, a.repo, a.config.Remotes, heirs)
	if err != nil {
		return err
	}
	for _, o := range orphans {
		if !slices.Contains(names, o.Heir) {
			continue
		}
		if _, _, err := place.Settle(a.ctx, o); err != nil {
			return err
		}
	}
	return nil
}

// hear takes what peers bring, and looks whether it contradicts what is here.
func (c *syncCmd) hear(a *app, place federation.Place, m *meeting, arrivals []federation.Arrival) error {
	if m.taken == nil {
		var err error
		if m.taken, err = a.ledger(); err != nil {
			return err
		}
	}
	if err := c.take(a, place, c.cosigning, arrivals); err != nil {
		return err
	}
	doubt := a.doubts(place, m.taken, arrivals)
	if doubt != nil && !fault.Has(doubt, fault.Equivocation) {
		return doubt
	}
	m.doubt = cmp.Or(m.doubt, doubt)
	taken, err := a.ledger()
	if err != nil {
		return err
	}
	m.taken = taken
	for _, arrival := range arrivals {
		m.Peers = append(m.Peers, metOf(arrival))
	}
	return nil
}

// afterwards sees to what came while it was pushed, which is taken too.
func (c *syncCmd) afterwards(a *app, place federation.Place, m *meeting) error {
	last, err := a.latest()
	m.LedgerCommit = string(last)
	if err != nil || last == m.taken.Head {
		return err
	}
	switch doubt := a.crossCheck(place, m.taken, nil); {
	case fault.Has(doubt, fault.Equivocation):
		m.doubt = cmp.Or(m.doubt, doubt)
	case doubt != nil:
		return doubt
	}
	return c.settle(a, place, 0)
}

// doubts cross-checks the seals, where a meeting brought anything to light.
func (a *app) doubts(place federation.Place, before *ledger.Ledger, arrivals []federation.Arrival) error {
	var heldBack []gitrepo.OID
	news := false
	for _, arrival := range arrivals {
		news = news || arrival.New > 0
		if arrival.State == federation.HeldBack && arrival.Head != "" {
			heldBack = append(heldBack, arrival.Head)
		}
	}
	if !news && len(heldBack) == 0 {
		return nil
	}
	return a.crossCheck(place, before, heldBack)
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
	return f.settle(a, place, came)
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
	return federation.Place{Repo: a.repo, Ref: a.config.Ref, Ledger: genesis.ID, Terms: terms, Messages: a.out.messages(), Progress: bar.add, Home: a.config.PushRemote(), AtOnce: a.config.AtOnce}, bar.done, nil
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
	if p.Notes {
		words = append(words, "pushed notes")
	}
	switch {
	case len(words) > 0:
		return strings.Join(words, ", ")
	case p.has, p.State == federation.Same, p.State == federation.InStep, p.State == federation.Ahead:
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
