package cli

import (
	"maps"
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/config"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/proof"
	"github.com/VaultSovereign/git-vaultmesh/internal/record"
	"github.com/VaultSovereign/git-vaultmesh/internal/release"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// proofSuffix ends the name of a file with a proof.
const proofSuffix = ".vmproof"

func isProof(name string) bool { return strings.HasSuffix(name, proofSuffix) }

type proveCmd struct {
	ID      string `arg:"" help:"the receipt, by its id or the beginning of it"`
	Output  string `short:"o" placeholder:"FILE" help:"where the proof goes, - for standard output; COMPONENT-VERSION.vmproof unless given"`
	NoSeal  bool   `help:"do not seal the ledger, where no seal is over the receipt"`
	Against string `placeholder:"SEAL" help:"prove that the seal ID and this one, both signed by one principal, cannot both be true"`
	signing
	stamping
	anchoring
	fetching
}

// proved is what programs are told.
type proved struct {
	ID   string `json:"id"`
	File string `json:"file"`
	Size int    `json:"size"`
	Seal string `json:"seal,omitempty"`
}

// Run writes a proof. Where no seal is over the receipt it makes one first, if it
// can sign.
func (c *proveCmd) Run(a *app) error {
	if c.Against != "" {
		return c.against(a)
	}
	l, err := a.openLedger(false, c.fetching)
	if err != nil {
		return err
	}
	e, err := l.One(a.ctx, c.ID)
	if err != nil {
		return err
	}
	m, err := c.gather(a, l, e)
	if err != nil {
		return err
	}
	name := c.Output
	if name == "" {
		name = proofName(e)
	}
	if err := a.writable(name); err != nil { // before anything is sealed for it
		return err
	}
	if m.Seal == nil && !c.NoSeal {
		if l, m, err = c.withSeal(a, l, m); err != nil {
			return err
		}
	}
	b, err := proof.Encode(m, func(e *ledger.Entry) (map[string][]byte, error) { return a.filesOf(l, e) })
	if err != nil {
		return err
	}
	if err := a.write(name, b); err != nil {
		return err
	}
	p := proved{ID: e.ID.String(), File: name, Size: len(b)}
	if m.Seal != nil {
		p.Seal = m.Seal.ID.String()
	}
	switch {
	case name == "-":
		return nil
	case a.out.structured():
		return a.out.emit(p)
	}
	a.out.line("wrote the proof of %s", e.Receipt.Title())
	a.out.line("  file    %s", name)
	a.out.line("  ledger  %s", m.Genesis.ID)
	if m.Seal == nil {
		a.out.remark("note", "no seal is over the receipt: nothing in the proof shows what else the ledger had")
	}
	return nil
}

func (c *proveCmd) gather(a *app, l *ledger.Ledger, e *ledger.Entry) (*verify.Mailed, error) {
	if e.Receipt == nil || len(e.Problems()) > 0 {
		return nil, fault.New(fault.Invalid, "the receipt %s does not hold, and nothing proves it", e.ID.Short())
	}
	genesis, err := l.Genesis(a.ctx)
	if err != nil {
		return nil, err
	}
	terms, err := c.insisted(a, genesis.ID)
	if err != nil {
		return nil, err
	}
	return verify.Gather(a.ctx, l, e, terms)
}

// withSeal seals the ledger and gathers again. Whoever cannot sign, or not so that
// it counts, gets a proof without a seal.
func (c *proveCmd) withSeal(a *app, l *ledger.Ledger, m *verify.Mailed) (*ledger.Ledger, *verify.Mailed, error) {
	signer, err := c.signer(a)
	if fault.Has(err, fault.NoKey) {
		return l, m, nil
	}
	if err != nil {
		return nil, nil, err
	}
	// A key that does not say which it is before it signs may count.
	if key, err := signer.Public(a.ctx); err == nil && a.stranger(l, c.anchoring, key.Fingerprint()) {
		a.out.note("not sealed: a seal by the key %s, which nobody in the covenant has, would count nothing", key.Fingerprint())
		return l, m, nil
	}
	seal := sealCmd{stamping: c.stamping}
	out, _, err := seal.seal(a, signer)
	if fault.Has(err, fault.NoKey) {
		return l, m, nil
	}
	if err != nil {
		return nil, nil, err
	}
	a.out.note("sealed the ledger first: %s", out.ID.Short())
	if l, err = a.ledger(); err != nil {
		return nil, nil, err
	}
	e, err := l.One(a.ctx, m.Receipt.ID.String())
	if err != nil {
		return nil, nil, err
	}
	m, err = c.gather(a, l, e)
	return l, m, err
}

// filesOf reads all files of an entry.
func (a *app) filesOf(l *ledger.Ledger, e *ledger.Entry) (map[string][]byte, error) {
	return proof.FilesOf(a.ctx, l, e)
}

// proofName is what a proof is called where nobody says: after what it is about,
// with nothing in it that a file's name must not have.
func proofName(e *ledger.Entry) string {
	words := e.Receipt.Component
	if e.Receipt.Version != "" {
		words += "-" + e.Receipt.Version
	}
	if words == "" {
		words = string(e.Receipt.Kind) + "-" + e.ID.Short()
	}
	return release.PlainName(words) + proofSuffix
}

// maxProof is the most bytes of a proof that is read.
const maxProof = 64 << 20

// proof verifies a mailed proof, in a repository or outside of one.
func (c *verifyCmd) proof(a *app) error {
	if c.All || c.Head != "" || c.Strict {
		return fault.New(fault.Usage, "a proof is verified by itself").With("command", "verify")
	}
	if err := a.open(true); fault.Has(err, fault.NoRepository) || fault.Has(err, fault.GitMissing) {
		a.config = config.Config{}
	} else if err != nil {
		return err
	}
	b, err := a.read(c.What, maxProof)
	if err != nil {
		return err
	}
	if proof.IsContradiction(b) {
		return c.contradiction(a, b)
	}
	m, err := proof.Decode(b)
	if err != nil {
		return err
	}
	terms, err := c.ofProof(a, m.Genesis.ID)
	if err != nil {
		return err
	}
	came := archived(m)
	if err := a.addLaw(&m.Law, terms.Cache); err != nil {
		return err
	}
	report, err := verify.Proof(a.ctx, m, terms)
	if err != nil {
		return err
	}
	if c.Explain {
		c.explains = explainProof(c.What, came, a.config.Ref, m, report, terms, c.file(a))
	}
	j := judged{Receipts: []string{m.Receipt.ID.String()}}
	if c.With != "" {
		if err := c.about(a, m, &j); err != nil {
			return err
		}
	}
	return c.conclude(a, report, j, titles([]*ledger.Entry{m.Receipt}))
}

// ofProof are the terms by which a proof of a ledger is judged.
func (c *verifyCmd) ofProof(a *app, genesis receipt.ID) (*verify.Terms, error) {
	if a.config.Ledger != genesis { // a repository's own ledger says nothing of another
		a.config.Ledger = receipt.ID{}
	}
	terms, err := c.terms(a, genesis)
	if err == nil {
		terms.Full = true
	}
	return terms, err
}

// addLaw adds to a proof the covenants and revocations that came since, as far as the
// ledger in this repository is the one that the proof is of. Who lost a key could mail
// an older one otherwise to somebody who knows better.
func (a *app) addLaw(law *verify.Law, cache verify.Cache) error {
	if a.repo == nil {
		return nil
	}
	l, err := a.ledger()
	if fault.Has(err, fault.NoLedger) {
		return nil
	}
	var genesis *ledger.Entry
	if err == nil {
		genesis, err = l.Genesis(a.ctx)
	}
	if err == nil && genesis.ID != law.Genesis.ID {
		return nil
	}
	var here verify.Law
	if err == nil {
		here, err = verify.LawOf(a.ctx, l, cache)
	}
	if err == nil {
		law.Covenants, err = a.joined(l, law.Covenants, here.Covenants)
	}
	if err == nil {
		law.Revocations, err = a.joined(l, law.Revocations, here.Revocations)
	}
	if err != nil && !fault.Has(err, fault.Interrupted) {
		a.out.warn("what the ledger in this repository says of the proof cannot be read: %s", fault.From(err).Message)
		return nil
	}
	return err
}

// joined are the entries of a proof, and those of a ledger: where both have one, with
// the files that either has beside it, or a signature could be left out of the proof.
func (a *app) joined(l *ledger.Ledger, mailed, here []*ledger.Entry) ([]*ledger.Entry, error) {
	for _, e := range here {
		files, err := a.filesOf(l, e)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(mailed, func(m *ledger.Entry) bool { return m.ID == e.ID })
		if i < 0 {
			mailed = append(mailed, ledger.EntryOf(e.ID.String(), files))
			continue
		}
		brought, err := a.filesOf(l, mailed[i])
		if err != nil { // what is wrong with it, its own steps say
			continue
		}
		maps.Copy(files, brought)
		mailed[i] = ledger.EntryOf(e.ID.String(), files)
	}
	return mailed, nil
}

// about sees that a proof is about a file.
func (c *verifyCmd) about(a *app, m *verify.Mailed, j *judged) error {
	digest, _, err := record.HashFile(a.ctx, c.With, func() {})
	if err != nil {
		return err
	}
	j.Artifact = &judgedFile{c.With, digest.String(), "match"}
	if verify.Names(m.Receipt, digest) {
		return nil
	}
	j.Artifact.Result = "mismatch"
	return c.mismatch(a, *j, []*ledger.Entry{m.Receipt})
}
