package verify

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/merkle"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Contradiction is two seals that one principal signed and that cannot both be true
// (docs/spec/seal.md, "Contradictions").
type Contradiction struct {
	Principal string
	Seals     [2]*ledger.Entry // the one that names the other under after last, else by id
	Why       string           // what both cannot be, in words
	Gap       *Gap             // nil where the seals alone show it
}

// Gap shows that a file is under one seal, and not under a later one.
type Gap struct {
	Name   string   // the leaf
	Under  *Leaf    // its way up to the root of the first seal; nil for the file of that seal itself
	Around [2]*Leaf // the leaves of the second seal between which it would stand; nil at an end
}

// Leaf is a leaf of a seal and its way up to the root.
type Leaf struct {
	Name  string
	Index uint64           // counted from 0
	Path  []receipt.Digest // RFC 9162 section 2.1.3.1
}

// Err is the fault of a contradiction: Equivocation (VM707).
func (c *Contradiction) Err() error {
	return fault.New(fault.Equivocation, "%s signed the seals %s and %s, which cannot both be true: %s", c.Principal, c.Seals[0].ID.Short(), c.Seals[1].ID.Short(), c.Why).
		With("first", c.Seals[0].ID.Short()).With("second", c.Seals[1].ID.Short())
}

// Sealed is a seal that principals vouch for.
type Sealed struct {
	*ledger.Entry
	By []string // the principals whose signatures over it count, sorted
}

// Seals lists the seals of a ledger, and of others that may not be the same one, that
// anybody of its covenant vouches for, by path.
func Seals(ctx context.Context, l *ledger.Ledger, others []*ledger.Ledger, terms *Terms) ([]Sealed, error) {
	c, err := conveneHere(ctx, l, terms)
	if err != nil {
		return nil, err
	}
	genesis, err := l.Genesis(ctx)
	if err != nil {
		return nil, err
	}
	for _, other := range others {
		if err := c.readOther(ctx, other, genesis); err != nil {
			return nil, err
		}
	}
	return c.vouched(), nil
}

// readOther reads the seals that another ledger has and this one has not. Of what
// cannot be read there are none.
func (c *court) readOther(ctx context.Context, other *ledger.Ledger, genesis *ledger.Entry) error {
	var list rolls
	err := other.Walk(ctx, ledger.Visitor{Entry: func(e *ledger.Entry) error {
		list.add(e)
		return nil
	}, Problem: func(ledger.Problem) error { return nil }})
	if err != nil {
		return passing(err)
	}
	known := func(path string) bool {
		return slices.ContainsFunc(c.seals, func(s *seal) bool { return s.entry.Path == path })
	}
	return passing(c.readSeals(ctx, other, genesis, slices.DeleteFunc(list.Seals, known)))
}

func (c *court) vouched() []Sealed {
	var list []Sealed
	for _, s := range c.seals {
		var by []string
		for _, sig := range s.finding.Signatures {
			if sig.Err == nil && sig.Principal != "" {
				by = append(by, sig.Principal)
			}
		}
		if len(by) > 0 {
			slices.Sort(by)
			list = append(list, Sealed{s.entry, slices.Compact(by)})
		}
	}
	slices.SortFunc(list, func(a, b Sealed) int { return strings.Compare(a.Path, b.Path) })
	return list
}

// Contradictions finds those seals of a list that contradict each other by what they
// say alone, for each principal that signed both.
func Contradictions(seals []Sealed) []*Contradiction {
	signed := make(map[string][]*ledger.Entry)
	for _, s := range seals {
		for _, principal := range s.By {
			signed[principal] = append(signed[principal], s.Entry)
		}
	}
	var found []*Contradiction
	for _, principal := range slices.Sorted(maps.Keys(signed)) {
		for _, c := range contradictions(signed[principal]) {
			c.Principal = principal
			found = append(found, c)
		}
	}
	return found
}

// contradictions are those among the seals of one principal. Each seal is held against
// the first of the same head, the first of the same root, and the one that it came
// after, so that it takes no longer than the list is.
func contradictions(seals []*ledger.Entry) []*Contradiction {
	byID := make(map[receipt.ID]*ledger.Entry)
	byHead := make(map[receipt.Object]*ledger.Entry)
	byRoot := make(map[receipt.Digest]*ledger.Entry)
	for _, s := range seals {
		byID[s.ID] = s
	}
	var found []*Contradiction
	met := make(map[[2]*ledger.Entry]bool)
	for _, s := range seals {
		body := s.Receipt.Seal
		if byHead[body.Head] == nil {
			byHead[body.Head] = s
		}
		if byRoot[body.Root] == nil {
			byRoot[body.Root] = s
		}
		for _, other := range []*ledger.Entry{byHead[body.Head], byRoot[body.Root], byID[s.Receipt.After]} {
			if other == nil {
				continue
			}
			if c := contradict(other, s); c != nil && !met[c.Seals] {
				met[c.Seals] = true
				found = append(found, c)
			}
		}
	}
	return found
}

// contradict holds two seals against each other by what they say alone, whoever signed
// them; nil where both can be true.
func contradict(a, b *ledger.Entry) *Contradiction {
	if a.ID == b.ID {
		return nil
	}
	if a.Receipt.After == b.ID || b.Receipt.After != a.ID && b.ID.Compare(a.ID) < 0 {
		a, b = b, a
	}
	one, two := a.Receipt.Seal, b.Receipt.Seal
	counts := one.Receipts != two.Receipts || one.Files != two.Files
	why := ""
	switch {
	case one.Head == two.Head && (one.Root != two.Root || counts):
		why = fmt.Sprintf("both are over the commit %s, and not over the same", one.Head.Hex()[:10])
	case one.Root == two.Root && counts:
		why = "both have the same root, over another number of receipts or files"
	case b.Receipt.After == a.ID && (two.Receipts <= one.Receipts || two.Files <= one.Files):
		why = "the second came after the first, and is over no more"
	default:
		return nil
	}
	return &Contradiction{Seals: [2]*ledger.Entry{a, b}, Why: why}
}

// Following is two seals of one principal of which the second came after the first.
type Following struct {
	Principal     string
	First, Second *ledger.Entry
}

// Followed lists the seals that name another one of the same principal under after, and
// do not contradict it by what they say alone.
func Followed(seals []Sealed) []Following {
	var list []Following
	for _, second := range seals {
		i := slices.IndexFunc(seals, func(s Sealed) bool { return s.ID == second.Receipt.After })
		if i < 0 || contradict(seals[i].Entry, second.Entry) != nil {
			continue
		}
		for _, principal := range seals[i].By {
			if _, both := slices.BinarySearch(second.By, principal); both {
				list = append(list, Following{principal, seals[i].Entry, second.Entry})
			}
		}
	}
	return list
}

// FindGap looks for a file that must be under the second of two seals, which came
// after the first, and is not: the first seal's own receipt, or what that is over. The
// leaves of both are given, sorted. It is nil where there is none, or where the leaves
// are not those of the seals.
func FindGap(first, second *ledger.Entry, under, later []string) (*Contradiction, error) {
	for _, side := range []struct {
		seal  *ledger.Entry
		names []string
	}{{first, under}, {second, later}} {
		root, err := RootOf(side.names)
		if err != nil || root != side.seal.Receipt.Seal.Root || int64(len(side.names)) != side.seal.Receipt.Seal.Files {
			return nil, err
		}
	}
	name, err := lacking(first, under, later)
	if err != nil || name == "" {
		return nil, err
	}
	gap := &Gap{Name: name}
	if i, there := slices.BinarySearch(under, name); there {
		if gap.Under, err = leafAt(under, i); err != nil {
			return nil, err
		}
	}
	at, _ := slices.BinarySearch(later, name)
	for i, index := range []int{at - 1, at} {
		if index < 0 || index == len(later) {
			continue
		}
		if gap.Around[i], err = leafAt(later, index); err != nil {
			return nil, err
		}
	}
	return &Contradiction{Seals: [2]*ledger.Entry{first, second}, Gap: gap, Why: gap.why()}, nil
}

func (g *Gap) why() string {
	if g.Under == nil {
		return "the second came after the first, and is not over it"
	}
	return "the second came after the first, and is not over " + g.Name
}

// lacking is the first leaf that a later seal should have and has not, "" for none.
func lacking(first *ledger.Entry, under, later []string) (string, error) {
	own := ownLeaf(first)
	if _, there := slices.BinarySearch(later, own); !there {
		return own, nil
	}
	rest := later
	for _, name := range under {
		i, there := slices.BinarySearch(rest, name)
		if !there {
			return name, nil
		}
		rest = rest[i:]
	}
	return "", nil
}

// ownLeaf is the leaf of a receipt itself.
func ownLeaf(e *ledger.Entry) string { return e.ID.String() + "/receipt.json" }

// leafAt is the way from a leaf up to the root over all.
func leafAt(leaves []string, index int) (*Leaf, error) {
	path, _, err := merkle.Path(uint64(index), uint64(len(leaves)), func(yield func([]byte) bool) {
		for _, leaf := range leaves {
			if !yield([]byte(leaf)) {
				return
			}
		}
	})
	if err != nil {
		return nil, err
	}
	l := &Leaf{Name: leaves[index], Index: uint64(index), Path: []receipt.Digest{}}
	for _, h := range path {
		l.Path = append(l.Path, h)
	}
	return l, nil
}

// leads says whether a leaf's path leads to the root of a seal.
func (l *Leaf) leads(s *receipt.Seal) error {
	path := make([]merkle.Hash, len(l.Path))
	for i, h := range l.Path {
		path[i] = h
	}
	if err := merkle.VerifyPath(s.Root, uint64(s.Files), l.Index, []byte(l.Name), path); err != nil {
		return fault.New(fault.SealBroken, "the path of %s does not lead to the root of the seal", l.Name).Because(err)
	}
	return nil
}

// holds says whether a gap shows what it is to show.
func (g *Gap) holds(first, second *ledger.Entry) error {
	one, two := first.Receipt.Seal, second.Receipt.Seal
	if second.Receipt.After != first.ID {
		return fault.New(fault.SealBroken, "the second seal does not say that it came after the first")
	}
	switch {
	case g.Under == nil && g.Name != ownLeaf(first):
		return fault.New(fault.SealBroken, "nothing shows that %s is under the first seal", g.Name)
	case g.Under != nil && g.Under.Name != g.Name:
		return fault.New(fault.SealBroken, "what is under the first seal is not what the second lacks")
	case g.Under != nil:
		if err := g.Under.leads(one); err != nil {
			return err
		}
	}
	return g.between(two)
}

// between says whether the leaves around a gap are neighbours under a seal, with the
// gap's own between them. That the leaves are sorted is what who seals vouches for:
// either the file is not there, or the root is not one of a seal.
func (g *Gap) between(s *receipt.Seal) error {
	before, next := g.Around[0], g.Around[1]
	for _, l := range g.Around {
		if l == nil {
			continue
		}
		if err := l.leads(s); err != nil {
			return err
		}
	}
	neighbours := false
	switch {
	case before != nil && next != nil:
		neighbours = next.Index == before.Index+1
	case before != nil:
		neighbours = before.Index+1 == uint64(s.Files)
	case next != nil:
		neighbours = next.Index == 0
	default:
		neighbours = s.Files == 0
	}
	inside := (before == nil || bytes.Compare([]byte(before.Name), []byte(g.Name)) < 0) && (next == nil || bytes.Compare([]byte(g.Name), []byte(next.Name)) < 0)
	if !neighbours || !inside {
		return fault.New(fault.SealBroken, "%s is not between two neighbours under the second seal", g.Name)
	}
	return nil
}

// MailedContradiction is a contradiction with everything that is needed to judge it
// without a repository.
type MailedContradiction struct {
	Law
	Contradiction
}

// GatherContradiction collects what others need to judge a contradiction.
func GatherContradiction(ctx context.Context, l *ledger.Ledger, found *Contradiction, terms *Terms) (*MailedContradiction, error) {
	law, err := LawOf(ctx, l, terms.Cache)
	return &MailedContradiction{law, *found}, err
}

// Judge judges a mailed contradiction in the steps of a mailed receipt: it is valid
// where one principal signed both seals, and they cannot both be true.
func (m *MailedContradiction) Judge(ctx context.Context, terms *Terms) (*Report, error) {
	l := new(ledger.Ledger) // everything was read already
	t, err := m.court(ctx, l, terms)
	if err != nil {
		return nil, err
	}
	t.receipts = len(m.Seals)
	for _, e := range m.Seals {
		if err := t.form(ctx, l, m.Genesis, e); err != nil {
			return nil, err
		}
		if !e.Holds(m.Genesis.ID) || e.Receipt.Seal == nil {
			t.problem(ledger.Problem{Step: StepSeal, Path: e.Path, Err: fault.New(fault.SealBroken, "the receipt %s is no seal", e.ID.Short())})
			return t.report(""), nil
		}
		f, err := folder(ctx, l, e)
		if err != nil {
			return nil, err
		}
		s := &seal{entry: e, body: e.Receipt.Seal, finding: t.court.chain.Judge(f, terms.Now)}
		t.court.seals = append(t.court.seals, s)
		t.findings = append(t.findings, Finding{e.ID, e.Path, s.finding})
		t.unbroken(e, s.finding)
	}
	t.contradicted(m)
	return t.report(""), nil
}

// contradicted judges the steps signers and seal of a mailed contradiction.
func (t *tally) contradicted(m *MailedContradiction) {
	path := m.Seals[1].Path
	for _, s := range m.Seals {
		t.sealedBy = append(t.sealedBy, sealing{seal: s})
	}
	t.checked(StepSigners)
	signed := 0
	for _, s := range t.court.vouched() {
		if slices.Contains(s.By, m.Principal) {
			signed++
		}
	}
	if signed != len(m.Seals) {
		t.problem(ledger.Problem{Step: StepSigners, Path: path, Err: fault.New(fault.NotEnough, "%s has not signed both seals", m.Principal)})
	}
	t.checked(StepSeal)
	if m.Gap != nil {
		if err := m.Gap.holds(m.Seals[0], m.Seals[1]); err != nil {
			t.problem(ledger.Problem{Step: StepSeal, Path: path, Err: err})
			return
		}
		m.Why = m.Gap.why()
		return
	}
	c := contradict(m.Seals[0], m.Seals[1])
	if c == nil || c.Seals != m.Seals {
		t.problem(ledger.Problem{Step: StepSeal, Path: path, Err: fault.New(fault.SealBroken, "nothing says that the two seals cannot both be true")})
		return
	}
	m.Why = c.Why
}
