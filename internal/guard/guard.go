// Package guard has the rules of a covenant judge what is pushed. It gathers what is
// known about a push from git and from the ledger, and says what is missing and which
// commands bring it. The judgement itself is package rules.
//
// It asks no remote, and executes nothing of the repository.
package guard

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/hooks"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/federation"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/query"
	"github.com/VaultSovereign/git-vaultmesh/internal/rules"
	"github.com/VaultSovereign/git-vaultmesh/internal/trust"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/notes"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Guard is where pushes are judged, and by what.
type Guard struct {
	Repo   *gitrepo.Repo
	Ledger *ledger.Ledger // whose receipts count
	Bench  *verify.Bench  // who says whether they do
	Rules  []receipt.Rule
	Now    time.Time
	Find   Find
	Known  []gitrepo.OID // commits that are not new, whatever refs led to; nil where the refs tell
	Single bool          // one commit is judged by itself: of a merge, what it changes of all its parents
	Had    Had           // which refs there are already; nil where nobody knows
	// For advice: the name of the remote, "" where nobody knows it; how many time-stamp
	// authorities are asked where commands are typed; whether that is another repository.
	Remote    string
	Rails     int
	Elsewhere bool
	// Archive makes the archive of a commit's files again, and says which SHA-256 it has;
	// nil where nobody can.
	Archive func(ctx context.Context, commit gitrepo.OID) (receipt.Digest, error)
	Heads   []gitrepo.OID // heads of the ledger that the remote has or gets; nil where it is the one that judges

	sealed *time.Time
	held   *[]string
	had    map[string]gitrepo.OID
	gains  map[string]gain // that were found out already
}

// Had says which refs there are before a push, by their names where they are pushed to.
type Had func(ctx context.Context) (map[string]gitrepo.OID, error)

// Find finds entries of the ledger that a query means.
type Find func(ctx context.Context, q *query.Query) ([]*ledger.Entry, error)

// Verdict is what a rule says of one ref that is to move.
type Verdict struct {
	Push   hooks.Move
	Commit gitrepo.OID // that the ref is to lead to; "" for none
	Rule   receipt.Rule
	Lacks  []rules.Lack // none where the rule is kept
	At     time.Time    // when it was pushed
}

// Own tells whether a ref is the ledger's own, or that of its notes: no rule is about
// them, because what is pushed there is judged otherwise.
func Own(ref, ledgerRef string) bool { return ref == ledgerRef || ref == notes.Ref }

// Asked are the pushes that rules of a covenant may be about.
func Asked(list []receipt.Rule, pushes []hooks.Move, ledgerRef string) []hooks.Move {
	var asked []hooks.Move
	for _, p := range pushes {
		if !Own(p.Ref, ledgerRef) && slices.ContainsFunc(list, func(r receipt.Rule) bool { return rules.Concerns(r, p.Ref) }) {
			asked = append(asked, p)
		}
	}
	return asked
}

// Judge has all rules judge all pushes, and says what each rule that is about one comes
// to, the pushes in their order.
func (g *Guard) Judge(ctx context.Context, pushes []hooks.Move) ([]Verdict, error) {
	var cases []*matter
	for _, p := range pushes {
		m := newMatter(p, g.Now)
		for _, r := range g.Rules {
			if rules.Concerns(r, p.Ref) {
				m.rules = append(m.rules, r)
			}
		}
		if len(m.rules) == 0 {
			continue
		}
		if err := g.look(ctx, m); err != nil {
			return nil, err
		}
		cases = append(cases, m)
	}
	if err := g.gainedTogether(ctx, cases); err != nil {
		return nil, err
	}
	for _, m := range cases {
		if err := g.gained(ctx, m); err != nil {
			return nil, err
		}
	}
	return g.decide(ctx, cases)
}

// matter is a push under examination.
type matter struct {
	push   hooks.Move
	update rules.Update
	commit gitrepo.OID
	rules  []receipt.Rule
	at     time.Time
	gains  map[string]gain // by the name of a rule, where its paths are not those of update
}

func newMatter(p hooks.Move, at time.Time) *matter {
	return &matter{push: p, at: at, update: rules.Update{Ref: p.Ref}, gains: make(map[string]gain)}
}

// of is the update as a rule sees it.
func (m *matter) of(r receipt.Rule) rules.Update {
	u := m.update
	if own, ok := m.gains[r.Name]; ok {
		u.Paths, u.Cut = own.paths, own.cut
	}
	return u
}

func (m *matter) any(asks func(r receipt.Rule) bool) bool { return slices.ContainsFunc(m.rules, asks) }

// look finds out how a ref moves, as far as its rules ask.
func (g *Guard) look(ctx context.Context, m *matter) error {
	if m.push.New == "" {
		m.update.Move = rules.Delete
		return nil
	}
	m.update.Move = rules.Advance
	if m.push.Old == "" {
		m.update.Move = rules.Create
	}
	var err error
	if m.commit, err = g.leadsTo(ctx, m.push.New); err != nil {
		return err
	}
	m.update.Loose = m.commit == ""
	if m.push.Old != "" && m.any(func(r receipt.Rule) bool { return rules.WantsPaths(r) || r.Require.NoRewind }) {
		return g.moved(ctx, m)
	}
	return nil
}

// leadsTo is the commit that an object is or, as a tag, leads to; "" where there is none.
func (g *Guard) leadsTo(ctx context.Context, id gitrepo.OID) (gitrepo.OID, error) {
	o, err := g.Repo.Peel(ctx, id, gitrepo.TypeCommit, gitrepo.MaxCommit)
	if fault.Has(err, fault.ObjectMissing) {
		return "", nil
	}
	return o.ID, err
}

// moved tells a ref that goes on from one that loses something. A tag that is there
// must stay what it is.
func (g *Guard) moved(ctx context.Context, m *matter) error {
	old, err := g.leadsTo(ctx, m.push.Old)
	if err != nil {
		return err
	}
	kept := false
	if old != "" && m.commit != "" && !strings.HasPrefix(m.push.Ref, "refs/tags/") {
		if kept, err = g.Repo.IsAncestor(ctx, old, m.commit); err != nil {
			return err
		}
	}
	if kept || m.push.Old == m.push.New {
		return nil
	}
	m.update.Move = rules.Rewind
	if m.commit != "" && !strings.HasPrefix(m.push.Ref, "refs/tags/") {
		m.update.Unsure, err = g.Repo.Cut(ctx, m.commit)
	}
	return err
}

// decide gathers what all cases need, and judges each.
func (g *Guard) decide(ctx context.Context, cases []*matter) ([]Verdict, error) {
	about, standing, err := g.receipts(ctx, cases)
	if err != nil {
		return nil, err
	}
	var list []Verdict
	for _, m := range cases {
		f := rules.Facts{Now: m.at, Receipts: about[m.commit], Decisions: standing}
		for _, r := range m.rules {
			if !rules.Binds(r, m.of(r)) {
				continue
			}
			if err := g.surroundings(ctx, r.Require, &f); err != nil {
				return nil, err
			}
			list = append(list, Verdict{m.push, m.commit, r, rules.Judge(r, m.of(r), f), m.at})
		}
	}
	return list, nil
}

// receipts finds the trusted receipts about the commits of all cases, and decisions that
// name paths, where rules ask for any.
func (g *Guard) receipts(ctx context.Context, cases []*matter) (about map[gitrepo.OID][]rules.Receipt, standing []rules.Receipt, err error) {
	commits := make(map[receipt.Object]bool)
	decisions := false
	for _, m := range cases {
		for _, r := range m.rules {
			if m.commit == "" || !rules.Binds(r, m.of(r)) {
				continue
			}
			if rules.WantsReceipts(r.Require) {
				commits[receipt.Object(g.Repo.Algorithm()+":"+string(m.commit))] = true
			}
			decisions = decisions || r.Require.Decision
		}
	}
	about = make(map[gitrepo.OID][]rules.Receipt)
	const together = 500
	for some := range slices.Chunk(slices.Sorted(maps.Keys(commits)), together) {
		found, err := g.trusted(ctx, query.About(some))
		if err != nil {
			return nil, nil, err
		}
		for _, one := range found {
			id := gitrepo.OID(one.Receipt.Commit.Hex())
			about[id] = append(about[id], one)
		}
	}
	if decisions {
		standing, err = g.trusted(ctx, query.OfKinds(receipt.KindDecision))
		standing = slices.DeleteFunc(standing, func(one rules.Receipt) bool { return one.Receipt.Labels[rules.PathLabel] == "" })
	}
	return about, standing, err
}

// trusted finds receipts that count: trusted, and taken back by none that is.
func (g *Guard) trusted(ctx context.Context, q *query.Query) ([]rules.Receipt, error) {
	found, err := g.counted(ctx, q)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	ids := make([]receipt.ID, len(found))
	for i, one := range found {
		ids[i] = one.ID
	}
	gone, err := g.gone(ctx, ids)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(found, func(one rules.Receipt) bool { return gone[one.ID] }), nil
}

// takenBack are the receipts that others supersede or revoke: what they say holds no
// longer (docs/spec/receipt.md).
func takenBack(linking []rules.Receipt) map[receipt.ID]bool {
	gone := make(map[receipt.ID]bool)
	for _, one := range linking {
		for _, l := range one.Receipt.Links {
			if l.TakesBack() {
				gone[l.Receipt] = true
			}
		}
	}
	return gone
}

// fewLinks is how many receipts are looked up each by itself.
const fewLinks = 64

// gone are those of some receipts that trusted ones take back.
func (g *Guard) gone(ctx context.Context, ids []receipt.ID) (map[receipt.ID]bool, error) {
	q := query.LinkingTo(ids)
	if len(ids) > fewLinks {
		set := make(map[receipt.ID]bool)
		for _, id := range ids {
			set[id] = true
		}
		q = query.LinkingToAny(set)
	}
	linking, err := g.counted(ctx, q)
	return takenBack(linking), err
}

func (g *Guard) counted(ctx context.Context, q *query.Query) ([]rules.Receipt, error) {
	entries, err := g.Find(ctx, q)
	if err != nil {
		return nil, err
	}
	findings, err := g.Bench.Judge(ctx, entries)
	if err != nil {
		return nil, err
	}
	var list []rules.Receipt
	for i, e := range entries {
		if findings[i].Trusted() {
			list = append(list, Counted(g.Bench.Chain(), e, findings[i]))
		}
	}
	return list, nil
}

// Counted is a receipt as rules see it, with the signers and time-stamps that count.
func Counted(c *trust.Chain, e *ledger.Entry, f trust.Finding) rules.Receipt {
	one := rules.Receipt{ID: e.ID, Receipt: e.Receipt, Covenant: f.Version, Signers: Signers(c.SignersOf(f))}
	for _, s := range f.Stamps() {
		one.Stamps = append(one.Stamps, rules.Stamp{Authority: s.Authority, Time: s.Time})
	}
	return one
}

// Signers are principals as rules count them.
func Signers(list []trust.Signer) []rules.Signer {
	var all []rules.Signer
	for _, s := range list {
		all = append(all, rules.Signer(s))
	}
	return all
}

// surroundings finds out what a requirement asks of the ledger around a push.
func (g *Guard) surroundings(ctx context.Context, q receipt.Requirement, f *rules.Facts) error {
	if q.SealAge > 0 {
		if g.sealed == nil {
			age, err := g.Bench.NewestSeal(ctx)
			if err != nil {
				return err
			}
			g.sealed = &age
		}
		f.Sealed = *g.sealed
	}
	if q.Reproducible {
		f.Receipts = slices.Clone(f.Receipts)
		for i := range f.Receipts {
			if err := g.archived(ctx, &f.Receipts[i]); err != nil {
				return err
			}
		}
	}
	if q.CleanPeerState {
		if g.held == nil {
			held, err := HeldBack(ctx, g.Repo)
			if err != nil {
				return err
			}
			g.held = &held
		}
		f.HeldBack = *g.held
	}
	if q.LedgerPushed && g.Heads != nil {
		there, err := g.pushed(ctx)
		f.Unpushed = !there
		return err
	}
	return nil
}

// archived makes the archive again that a release says is that of its commit. What cannot
// be made here counts as not made.
func (g *Guard) archived(ctx context.Context, one *rules.Receipt) error {
	if _, names := one.Receipt.Source(); !names || g.Archive == nil || !one.Archive.IsZero() {
		return nil
	}
	digest, err := g.Archive(ctx, gitrepo.OID(one.Receipt.Commit.Hex()))
	if err == nil {
		one.Archive = digest
	}
	if fault.Has(err, fault.Interrupted) {
		return err
	}
	return nil
}

// pushed tells whether a head that the remote has, or gets, leads to all of the ledger.
func (g *Guard) pushed(ctx context.Context) (bool, error) {
	if slices.Contains(g.Heads, g.Ledger.Head) {
		return true, nil
	}
	for _, head := range g.Heads {
		at, err := g.leadsTo(ctx, head)
		if err != nil {
			return false, err
		}
		if at == "" {
			continue
		}
		if there, err := g.Repo.IsAncestor(ctx, g.Ledger.Head, head); err != nil || there {
			return there, err
		}
	}
	return false, nil
}

// HeldBack are the peers of which something is held back, sorted.
func HeldBack(ctx context.Context, repo *gitrepo.Repo) ([]string, error) {
	refs, err := repo.Refs(ctx, strings.TrimSuffix(federation.IncomingPrefix, "/"))
	if err != nil {
		return nil, err
	}
	held := []string{}
	for ref := range refs {
		if peer, now := federation.PeerOf(ref); now {
			held = append(held, cmp.Or(peer, "what was brought by hand"))
		}
	}
	slices.Sort(held)
	return slices.Compact(held), nil
}
