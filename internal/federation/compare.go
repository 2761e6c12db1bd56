package federation

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Claim is what receipts of one kind say about one version of a component.
type Claim struct {
	Kind      receipt.Kind `json:"kind"`
	Component string       `json:"component"`
	Version   string       `json:"version"`
	Here      []string     `json:"here"`  // the SHA-256 of the subjects, sorted
	There     []string     `json:"there"` // the peer's
}

// Comparison is what two ledgers claim, side by side.
type Comparison struct {
	Peer      string      `json:"peer"`
	Ledger    string      `json:"ledger"` // the peer's
	Head      gitrepo.OID `json:"head"`
	Agree     int         `json:"agree"`      // claims with the same subjects
	Differ    []Claim     `json:"differ"`     // with others
	OnlyHere  []Claim     `json:"only_here"`  // that the peer does not make
	OnlyThere []Claim     `json:"only_there"` // that are not made here
}

// Compare reads what a peer's ledger claims, be it this one or another, and holds it
// against this one's claims. Nothing is taken, and nobody's signature is judged.
func (p Place) Compare(ctx context.Context, peer string) (*Comparison, error) {
	ours, err := p.open(ctx)
	if err != nil {
		return nil, err
	}
	heads, err := p.Repo.LsRemote(ctx, p.Messages, peer, p.Ref)
	if err == nil && heads[p.Ref] == "" {
		err = fault.New(fault.NoLedger, "the remote %s has no ledger at %s", peer, p.Ref)
	}
	if err != nil {
		return nil, err
	}
	incoming := IncomingPrefix + peer + "/compared"
	if err := p.Repo.Fetch(ctx, p.Messages, peer, p.Ref, incoming); err != nil {
		return nil, err
	}
	head, err := p.Repo.Ref(ctx, incoming)
	if err != nil {
		return nil, err
	}
	defer p.Repo.DeleteRef(context.WithoutCancel(ctx), incoming, head)
	theirs, err := ledger.OpenCommit(ctx, p.Repo, p.Ref, head)
	if err != nil {
		return nil, err
	}
	genesis, err := theirs.Genesis(ctx)
	if err != nil {
		return nil, err
	}
	here, err := p.claims(ctx, ours)
	if err != nil {
		return nil, err
	}
	there, err := p.claims(ctx, theirs)
	if err != nil {
		return nil, err
	}
	c := &Comparison{Peer: peer, Ledger: genesis.ID.String(), Head: head, Differ: []Claim{}, OnlyHere: []Claim{}, OnlyThere: []Claim{}}
	c.hold(here, there)
	return c, nil
}

// topic is what a claim is about.
type topic struct {
	kind               receipt.Kind
	component, version string
}

// hold compares claims, topic by topic.
func (c *Comparison) hold(here, there map[topic]map[string]bool) {
	all := maps.Clone(here)
	maps.Copy(all, there)
	for t := range all {
		claim := Claim{t.kind, t.component, t.version, slices.Sorted(maps.Keys(here[t])), slices.Sorted(maps.Keys(there[t]))}
		switch {
		case there[t] == nil:
			c.OnlyHere = append(c.OnlyHere, claim)
		case here[t] == nil:
			c.OnlyThere = append(c.OnlyThere, claim)
		case slices.Equal(claim.Here, claim.There):
			c.Agree++
		default:
			c.Differ = append(c.Differ, claim)
		}
	}
	for _, list := range [][]Claim{c.Differ, c.OnlyHere, c.OnlyThere} {
		slices.SortFunc(list, func(a, b Claim) int {
			return cmp.Or(strings.Compare(string(a.Kind), string(b.Kind)), strings.Compare(a.Component, b.Component), strings.Compare(a.Version, b.Version))
		})
	}
}

// claims are those of a ledger's receipts that hold, by what they are about. Receipts
// of the ledger's own claim nothing.
func (p Place) claims(ctx context.Context, l *ledger.Ledger) (map[topic]map[string]bool, error) {
	genesis, err := l.Genesis(ctx)
	if err != nil {
		return nil, err
	}
	all := make(map[topic]map[string]bool)
	err = l.Walk(ctx, ledger.Visitor{
		Entry: func(e *ledger.Entry) error {
			p.Progress()
			if !e.Holds(genesis.ID) || e.Receipt.Future || e.Receipt.Component == "" {
				return nil
			}
			t := topic{e.Receipt.Kind, e.Receipt.Component, e.Receipt.Version}
			if all[t] == nil {
				all[t] = make(map[string]bool)
			}
			for _, s := range e.Receipt.Subjects {
				all[t][s.SHA256.String()] = true
			}
			return nil
		},
		Problem: func(problem ledger.Problem) error {
			if ledger.Unreadable(problem.Err) || fault.Has(problem.Err, fault.Interrupted) {
				return problem.Err
			}
			return nil
		},
	})
	return all, err
}
