package cli

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/anchor"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/policy"
	"github.com/VaultSovereign/git-vaultmesh/internal/record"
	"github.com/VaultSovereign/git-vaultmesh/internal/trust"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

type covenantCmd struct {
	Show    covenantShowCmd    `cmd:"" help:"print the covenant in force"`
	Edit    covenantEditCmd    `cmd:"" help:"change it in your editor, and propose what comes of it"`
	Propose covenantProposeCmd `cmd:"" help:"record a document as the next version, and sign it"`
	Log     covenantLogCmd     `cmd:"" help:"list all versions, those that wait, and breaches"`
	Import  covenantImportCmd  `cmd:"" help:"propose to trust keys that git or gpg has already"`
	Adopt   covenantAdoptCmd   `cmd:"" help:"say which covenant is meant, where the ledger cannot tell"`
	Schema  covenantSchemaCmd  `cmd:"" help:"print the JSON Schema of a document"`
	Check   covenantCheckCmd   `cmd:"" help:"say whether the rules and the four covenants are kept"`
	Test    covenantTestCmd    `cmd:"" help:"run the tests of the rules"`
	Explain covenantExplainCmd `cmd:"" help:"say what a rule asks for"`
	Replay  covenantReplayCmd  `cmd:"" help:"say which past pushes the rules would have refused"`
}

// openChain opens the ledger and reads its covenants.
func (a *app) openChain(f fetching, by anchoring) (*ledger.Ledger, *trust.Chain, error) {
	l, err := a.openLedger(false, f)
	if err != nil {
		return nil, nil, err
	}
	chain, err := by.chain(a, l)
	return l, chain, err
}

func noCovenant() error {
	return fault.New(fault.NoCovenant, "the ledger has no covenant in force")
}

type covenantShowCmd struct {
	Which string `arg:"" optional:"" help:"the receipt of another version, or the beginning of its id"`
	anchoring
	fetching
}

// Run prints a covenant as people write it, or as it is stored.
func (c *covenantShowCmd) Run(a *app) error {
	l, chain, err := a.openChain(c.fetching, c.anchoring)
	if err != nil {
		return err
	}
	body, err := c.body(a, l, chain)
	if err != nil {
		return err
	}
	if a.out.structured() {
		return a.out.emit(body)
	}
	a.out.bytes(policy.Format(body))
	if chain.Err != nil {
		a.out.remark("note", "it is not sure that this one is in force: %s", fault.From(chain.Err).Message)
	}
	return nil
}

func (c *covenantShowCmd) body(a *app, l *ledger.Ledger, chain *trust.Chain) (*receipt.Covenant, error) {
	if c.Which == "" {
		if chain.Latest() == nil {
			return nil, noCovenant()
		}
		return chain.Latest().Covenant, nil
	}
	e, err := l.One(a.ctx, c.Which)
	switch {
	case err != nil:
		return nil, err
	case e.Receipt != nil && e.Receipt.Covenant != nil:
		return e.Receipt.Covenant, nil
	case e.Receipt != nil && e.Receipt.Genesis != nil && e.Receipt.Genesis.Covenant != nil:
		return e.Receipt.Genesis.Covenant, nil
	}
	return nil, fault.New(fault.NoReceipt, "the receipt %s carries no covenant", e.ID.Short())
}

// proposing are the flags of commands that propose a covenant.
type proposing struct {
	NoSign bool `xor:"nobody" help:"leave it unsigned, for others to sign"`
	signing
	anchoring
	fetching
}

// proposed is what programs are told.
type proposed struct {
	ID           string   `json:"id"`
	Version      int64    `json:"version"`
	LedgerCommit string   `json:"ledger_commit"`
	InForce      bool     `json:"in_force"`
	Signers      []string `json:"signers"`
	Message      string   `json:"message,omitempty"` // why it is not in force
}

// place is where a covenant or a revocation is recorded, and by whom.
func (f proposing) place(a *app) (record.Place, error) {
	p := a.place()
	var err error
	if p.Signer, err = f.orUnsigned(a, f.NoSign); err == nil {
		p.Stamper, err = a.stamper(stamping{})
	}
	return p, err
}

// propose records a covenant and says what it still needs.
func (f proposing) propose(a *app, chain *trust.Chain, body *receipt.Covenant) error {
	place, err := f.place(a)
	if err != nil {
		return err
	}
	out, err := record.Propose(a.ctx, place, chain, body)
	if err != nil {
		return err
	}
	if err := a.keepPending(out); err != nil {
		return err
	}
	return f.outcome(a, out)
}

// outcome says whether a covenant is in force now, and if not, why.
func (f proposing) outcome(a *app, out *record.Outcome) error {
	l, err := a.ledger()
	if err != nil {
		return err
	}
	genesis, err := l.Genesis(a.ctx)
	if err != nil {
		return err
	}
	terms, err := f.terms(a, genesis.ID)
	if err != nil {
		return err
	}
	chain, err := verify.Chain(a.ctx, l, terms)
	if err != nil {
		return err
	}
	p := proposed{ID: out.ID.String(), LedgerCommit: string(l.Head), Signers: []string{}}
	for _, v := range chain.Versions {
		p.Version = v.Covenant.Version
		if v.ID == out.ID {
			p.InForce, p.Signers = true, orEmpty(v.Signers)
		}
	}
	for _, w := range chain.Waiting {
		if w.ID == out.ID {
			p.Version, p.Signers, p.Message = w.Version, orEmpty(w.Signers), fault.From(w.Err).Message
		}
	}
	switch {
	case chain.Err != nil:
		p.Message = fault.From(chain.Err).Message
	case chain.Latest() == nil:
		p.Version, p.Message = 1, "a person has to adopt it: git vaultmesh covenant adopt "+out.ID.Short()
	}
	if p.InForce {
		a.accept(l, terms, chain)
	}
	if a.out.structured() {
		return a.out.emit(p)
	}
	a.out.line("proposed version %d of the covenant", p.Version)
	a.out.line("  id      %s", p.ID)
	if p.InForce {
		a.out.line("  in force")
	} else {
		a.out.line("  waits: %s", p.Message)
	}
	return nil
}

type covenantProposeCmd struct {
	File string `arg:"" help:"the document, in TOML; - is standard input"`
	proposing
}

// Run records a document as the next version.
func (c *covenantProposeCmd) Run(a *app) error {
	text, err := a.read(c.File, policy.MaxSize)
	if err != nil {
		return err
	}
	body, err := policy.Parse(text, c.File)
	if err != nil {
		return err
	}
	_, chain, err := a.openChain(c.fetching, c.anchoring)
	if err != nil {
		return err
	}
	a.warnOfRules(body)
	return c.propose(a, chain, body)
}

type covenantEditCmd struct{ proposing }

// Run has the covenant changed in the editor that git would start. What cannot be
// read stays in the file, so that no work is lost.
func (c *covenantEditCmd) Run(a *app) error {
	_, chain, err := a.openChain(c.fetching, c.anchoring)
	if err != nil {
		return err
	}
	draft := filepath.Join(a.repo.CommonDir, "vaultmesh", "covenant.toml")
	// A draft that is there is left over from a document that could not be read.
	if _, err := os.Stat(draft); err != nil {
		text := policy.Format(cmp.Or(covenantOf(chain), &receipt.Covenant{}))
		if err := a.writeDraft(draft, text); err != nil {
			return err
		}
	}
	if err := a.edit(draft); err != nil {
		return err
	}
	edited, err := a.read(draft, policy.MaxSize)
	if err != nil {
		return err
	}
	body, err := policy.Parse(edited, draft)
	if err != nil {
		return err // the draft stays
	}
	if err := c.propose(a, chain, body); err != nil && !fault.Has(err, fault.NoChange) {
		return err
	} else if err != nil {
		_ = os.Remove(draft)
		return err
	}
	_ = os.Remove(draft)
	return nil
}

func covenantOf(chain *trust.Chain) *receipt.Covenant {
	if v := chain.Latest(); v != nil {
		return v.Covenant
	}
	return nil
}

func (a *app) writeDraft(path string, text []byte) error {
	err := os.MkdirAll(filepath.Dir(path), 0o777)
	if err == nil {
		err = os.WriteFile(path, text, 0o666)
	}
	if err != nil {
		return fault.New(fault.WriteFailed, "%s cannot be written", path).Because(err)
	}
	return nil
}

type covenantLogCmd struct {
	anchoring
	fetching
}

// logged is a version as programs are told of it.
type logged struct {
	Version int64    `json:"version"`
	ID      string   `json:"id"`
	Status  string   `json:"status"` // in force, before, waiting, breach or unclear
	From    string   `json:"from,omitempty"`
	Signers []string `json:"signers"`
	Message string   `json:"message,omitempty"`
}

// Run lists the versions, the newest first.
func (c *covenantLogCmd) Run(a *app) error {
	_, chain, err := a.openChain(c.fetching, c.anchoring)
	if err != nil {
		return err
	}
	list := []logged{}
	for _, v := range chain.Versions {
		l := logged{Version: v.Covenant.Version, ID: v.ID.String(), Status: "before", From: stamp(v.From), Signers: orEmpty(v.Signers)}
		if v == chain.Latest() {
			l.Status = "in force"
		}
		list = append(list, l)
	}
	for _, w := range chain.Waiting {
		list = append(list, logged{w.Version, w.ID.String(), "waiting", "", orEmpty(w.Signers), fault.From(w.Err).Message})
	}
	for _, b := range chain.Breaches {
		list = append(list, logged{b.Version, b.ID.String(), "breach", "", orEmpty(b.Signers), "signed beside the one in force"})
	}
	slices.SortStableFunc(list, func(x, y logged) int { return cmp.Compare(y.Version, x.Version) })
	if a.out.structured() {
		return a.out.emit(list)
	}
	for _, l := range list {
		words := []string{}
		for _, word := range []string{strings.Join(l.Signers, ", "), l.From, l.Message} {
			if word != "" {
				words = append(words, word)
			}
		}
		a.out.line("%s  %s  %s %s", pad(l.Version, 3), l.ID[:10], pad(l.Status, -8), strings.Join(words, "; "))
	}
	if chain.Err != nil {
		a.out.remark("note", "%s: %s", fault.From(chain.Err).Code, fault.From(chain.Err).Message)
	}
	if len(list) == 0 {
		return noCovenant()
	}
	return nil
}

type covenantAdoptCmd struct {
	ID string `arg:"" help:"the receipt of the covenant, or the beginning of its id"`
	anchoring
	fetching
}

// Run remembers a covenant as the one that is meant.
func (c *covenantAdoptCmd) Run(a *app) error {
	l, err := a.openLedger(false, c.fetching)
	if err != nil {
		return err
	}
	genesis, err := l.Genesis(a.ctx)
	if err != nil {
		return err
	}
	e, err := l.One(a.ctx, c.ID)
	if err != nil {
		return err
	}
	body := carried(e)
	if body == nil || !e.Holds(genesis.ID) {
		return fault.New(fault.NoReceipt, "the receipt %s carries no covenant that holds", e.ID.Short())
	}
	terms, err := c.insisted(a, genesis.ID)
	if err != nil {
		return err
	}
	pin := trust.Pin{Version: body.Version, ID: e.ID, Adopted: true}
	terms.Anchor.Pin = pin
	chain, err := verify.Chain(a.ctx, l, terms)
	if err != nil {
		return err
	}
	in := slices.ContainsFunc(chain.Versions, func(v *trust.Version) bool { return v.ID == e.ID })
	if !in {
		return fault.New(fault.NotEnough, "version %d with the id %s is not signed by enough principals of the one before, and cannot be adopted", pin.Version, e.ID.Short()).With("receipt", e.ID.Short())
	}
	if err := anchor.Adopt(a.knownLedgers(), anchor.Known{Ledger: genesis.ID, Pin: pin, Name: genesis.Receipt.Genesis.Name}); err != nil {
		return err
	}
	if a.out.structured() {
		return a.out.emit(struct {
			Ledger  string `json:"ledger"`
			Version int64  `json:"version"`
			ID      string `json:"id"`
		}{genesis.ID.String(), pin.Version, e.ID.String()})
	}
	a.out.line("adopted version %d of the covenant", pin.Version)
	a.out.line("  id      %s", e.ID)
	return nil
}

// carried is the covenant that a receipt carries, also the first one in the genesis;
// nil where there is none.
func carried(e *ledger.Entry) *receipt.Covenant {
	switch {
	case e.Receipt == nil:
		return nil
	case e.Receipt.Genesis != nil:
		return e.Receipt.Genesis.Covenant
	}
	return e.Receipt.Covenant
}

type covenantSchemaCmd struct{}

// Run prints the schema, for editors.
func (c *covenantSchemaCmd) Run(a *app) error {
	a.out.bytes(policy.Schema())
	return nil
}
