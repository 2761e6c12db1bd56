package verify

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/trust"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Terms say by what receipts are judged, besides their own form.
type Terms struct {
	Anchor Anchor
	Now    time.Time // when signatures are judged that nothing dates
	Full   bool      // the history, seals and rails too
	Strict bool      // of a whole ledger: a receipt that is not trusted makes it invalid
	Cache  Cache     // nil for none
	// Program is the version of this program: what another one found is not believed.
	Program string
}

// Anchor is what somebody outside of a ledger says of it.
type Anchor struct {
	Ledger receipt.ID // which it must be; zero when nobody said
	Source string     // who said so, for people
	Pin    trust.Pin  // the covenant that was accepted before
}

// court judges receipts by the covenants of their ledger.
type court struct {
	terms *Terms
	chain *trust.Chain
	seals []*seal // those first that are proven to be earliest

	present []string // the leaves of the ledger as it is, nil until a seal is compared with it
}

// convene reads the covenants of a ledger. A covenant or revocation that does not
// hold by itself is none.
func convene(ctx context.Context, l *ledger.Ledger, genesis *ledger.Entry, known *rolls, terms *Terms) (*court, error) {
	c := &court{terms: terms, chain: new(trust.Chain)}
	if genesis == nil {
		return c, nil
	}
	first, err := folder(ctx, l, genesis)
	if err != nil {
		return nil, err
	}
	covenants, err := folders(ctx, l, genesis, known.Covenants)
	if err != nil {
		return nil, err
	}
	revocations, err := folders(ctx, l, genesis, known.Revocations)
	if err != nil {
		return nil, err
	}
	c.chain = trust.Build(first, covenants, revocations, terms.Anchor.Pin, terms.Now)
	return c, c.readSeals(ctx, l, genesis, known.Seals)
}

// Chain reads the covenants of a ledger, and judges no receipt by them.
func Chain(ctx context.Context, l *ledger.Ledger, terms *Terms) (*trust.Chain, error) {
	c, err := conveneHere(ctx, l, terms)
	if err != nil {
		return nil, err
	}
	return c.chain, nil
}

// conveneHere finds the covenants of a ledger, and reads them.
func conveneHere(ctx context.Context, l *ledger.Ledger, terms *Terms) (*court, error) {
	genesis, err := l.Genesis(ctx)
	if err != nil {
		return nil, err
	}
	known, err := recall(ctx, l, terms.Cache)
	if err != nil {
		return nil, err
	}
	return convene(ctx, l, genesis, known, terms)
}

// TakenBack are the receipts that trusted ones among some supersede or revoke.
func TakenBack(ctx context.Context, l *ledger.Ledger, terms *Terms, linking []*ledger.Entry) (map[receipt.ID]bool, error) {
	gone := make(map[receipt.ID]bool)
	if len(linking) == 0 {
		return gone, nil
	}
	findings, err := Findings(ctx, l, terms, linking)
	if err != nil {
		return nil, err
	}
	for i, e := range linking {
		if e.Receipt == nil || !findings[i].Trusted() {
			continue
		}
		for _, link := range e.Receipt.Links {
			if link.TakesBack() {
				gone[link.Receipt] = true
			}
		}
	}
	return gone, nil
}

// Findings judges who has signed some entries of a ledger, one finding for each, by
// its covenants. What does not hold of an entry itself is not told.
func Findings(ctx context.Context, l *ledger.Ledger, terms *Terms, entries []*ledger.Entry) ([]trust.Finding, error) {
	c, err := conveneHere(ctx, l, terms)
	if err != nil {
		return nil, err
	}
	list := make([]trust.Finding, len(entries))
	for i, e := range entries {
		if e.Receipt == nil || e.Receipt.Future {
			continue
		}
		if list[i], err = c.judge(ctx, l, e); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// folders are those entries at some paths that hold by themselves.
func folders(ctx context.Context, l *ledger.Ledger, genesis *ledger.Entry, paths []string) ([]trust.Folder, error) {
	entries, err := l.Load(ctx, paths)
	if err != nil {
		return nil, err
	}
	var list []trust.Folder
	for _, e := range entries {
		if !e.Holds(genesis.ID) {
			continue
		}
		f, err := folder(ctx, l, e)
		if err != nil {
			return nil, err
		}
		list = append(list, f)
	}
	return list, nil
}

// folder reads what lies beside a receipt. A file that does not hold by itself is
// left out: that is another step's.
func folder(ctx context.Context, l *ledger.Ledger, e *ledger.Entry) (trust.Folder, error) {
	f := trust.Folder{ID: e.ID, Receipt: e.Receipt, Raw: e.Raw}
	for _, file := range e.Proofs() {
		if !file.Known() {
			continue
		}
		data, err := e.Proof(ctx, l, file)
		switch {
		case err == nil:
		case ledger.Unreadable(err), fault.Has(err, fault.BadTree):
			continue
		default:
			return f, err
		}
		proof := trust.File{Name: file.Name, Type: file.Type, Digest: file.Digest, Data: data}
		if file.Type == "rfc3161" {
			f.Tokens = append(f.Tokens, proof)
		} else {
			f.Signatures = append(f.Signatures, proof)
		}
	}
	return f, nil
}

// judge says what the signatures of an entry come to.
func (c *court) judge(ctx context.Context, l *ledger.Ledger, e *ledger.Entry) (trust.Finding, error) {
	f, err := folder(ctx, l, e)
	if err != nil {
		return trust.Finding{}, err
	}
	return c.withSeals(ctx, l, e, f, c.chain.Judge(f, c.terms.Now))
}

// withSeals judges again by what seals prove, where that can change something.
func (c *court) withSeals(ctx context.Context, l *ledger.Ledger, e *ledger.Entry, f trust.Folder, found trust.Finding) (trust.Finding, error) {
	var err error
	// What seals prove costs a look at the whole ledger, so they are asked last.
	if len(c.seals) == 0 || len(f.Signatures) == 0 || found.Err == nil && (!c.terms.Full || !found.Since.IsZero()) {
		return found, nil
	}
	if f.Sealed, err = c.sealed(ctx, l, e); err != nil || len(f.Sealed) == 0 {
		return found, err
	}
	return c.chain.Judge(f, c.terms.Now), nil
}

// anchored judges the step anchor: the ledger is the one that it must be.
func (c *court) anchored(t *tally, l *ledger.Ledger, genesis *ledger.Entry) {
	t.checked(StepAnchor)
	must := c.terms.Anchor.Ledger
	switch {
	case genesis == nil:
		t.unknown[StepAnchor]++ // step ledger says why
	case must.IsZero():
		t.problem(ledger.Problem{Step: StepAnchor, Path: l.Ref, Err: fault.New(fault.NoAnchor, "nobody said from outside that this must be the ledger %s%s", genesis.ID.Short(), c.firstKeys()).
			With("ledger", genesis.ID.String())})
	case must != genesis.ID:
		t.problem(ledger.Problem{Step: StepAnchor, Path: l.Ref, Err: fault.New(fault.WrongLedger, "this is the ledger %s, and %s says that it must be %s", genesis.ID.Short(), c.terms.Anchor.Source, must.Short())})
	}
}

// firstKeys are the keys that a person can compare who knows the ledger.
func (c *court) firstKeys() string {
	if len(c.chain.Versions) == 0 {
		return ""
	}
	keys := c.chain.Versions[0].Fingerprints()
	const most = 5
	if len(keys) > most {
		keys = append(keys[:most:most], "…")
	}
	return ", which began with the keys " + strings.Join(keys, ", ")
}

// covenanted judges the step covenant. A ledger without one trusts nobody, which
// is for its receipts to tell.
func (c *court) covenanted(t *tally, l *ledger.Ledger) {
	if len(c.chain.Versions) == 0 && c.chain.Err == nil {
		return
	}
	t.checked(StepCovenant)
	if c.chain.Err != nil {
		t.problem(ledger.Problem{Step: StepCovenant, Path: l.Ref, Err: c.chain.Err})
	}
}

// detail is what a report says of a step that passed.
func (c *court) detail(t *tally, s ledger.Step) string {
	switch s {
	case StepAnchor:
		return c.terms.Anchor.Source
	case StepCovenant:
		detail := fmt.Sprintf("version %d", c.chain.Latest().Covenant.Version)
		if n := len(c.chain.Breaches); n > 0 {
			detail += fmt.Sprintf(", %d rivals of covenants in force", n)
		}
		return detail
	case StepSeal:
		return t.sealedWords()
	case StepSigners:
		if !t.single {
			return fmt.Sprintf("%d of %d receipts are trusted", t.receipts-t.untrusted, t.receipts)
		}
		var names []string
		for _, f := range t.findings {
			names = append(names, f.Signers...)
		}
		slices.Sort(names)
		return strings.Join(slices.Compact(names), ", ")
	}
	return ""
}
