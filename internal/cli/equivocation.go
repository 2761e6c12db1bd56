package cli

import (
	"os"
	"path/filepath"
	"slices"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/federation"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/proof"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
)

// crossCheck holds the seals of this ledger, and of what is held back of peers, against
// each other. Of those that contradict each other, and of which one was not in the
// ledger as it was before, it writes a file that proves it, and says so. The fault is
// Equivocation (VM707).
func (a *app) crossCheck(place federation.Place, before *ledger.Ledger, heldBack []gitrepo.OID) error {
	found, err := place.Equivocations(a.ctx, before, heldBack...)
	if err != nil {
		return err
	}
	var first error
	for _, c := range found {
		if err := a.keepEvidence(place, c); err != nil {
			return err
		}
		if first == nil {
			first = c.Err()
		}
	}
	return first
}

// keepEvidence writes the proof of a contradiction below git's folder, where the refs
// that it comes from may change.
func (a *app) keepEvidence(place federation.Place, c *verify.Contradiction) error {
	b, err := a.contradiction(place, c)
	if err != nil {
		return err
	}
	file := filepath.Join(a.repo.CommonDir, "vaultmesh", "contradictions", contradictionName(c))
	_ = os.MkdirAll(filepath.Dir(file), 0o777)                                     // what comes of it is seen below
	if err := a.write(file, b); err != nil && !fault.Has(err, fault.WriteFailed) { // it may be there
		return err
	}
	if _, err := os.Stat(file); err != nil {
		a.out.warn("what proves it cannot be written to %s", file)
		return nil
	}
	a.out.note("%s proves to others that %s signed two seals that cannot both be true", file, c.Principal)
	return nil
}

// contradictionName is what the proof of a contradiction is called.
func contradictionName(c *verify.Contradiction) string {
	return c.Seals[0].ID.Short() + "-" + c.Seals[1].ID.Short() + proofSuffix
}

// contradiction is the file that proves one.
func (a *app) contradiction(place federation.Place, c *verify.Contradiction) ([]byte, error) {
	m, err := place.Evidence(a.ctx, c)
	if err != nil {
		return nil, err
	}
	l, err := a.ledger()
	if err != nil {
		return nil, err
	}
	return proof.EncodeContradiction(m, func(e *ledger.Entry) (map[string][]byte, error) { return a.filesOf(l, e) })
}

// against proves that the seal that is named and another one cannot both be true.
func (c *proveCmd) against(a *app) error {
	if err := a.open(false); err != nil {
		return err
	}
	place, done, err := c.federation(a)
	if err != nil {
		return err
	}
	defer done()
	l, err := a.ledger()
	if err != nil {
		return err
	}
	var seals [2]*ledger.Entry
	for i, prefix := range []string{c.ID, c.Against} {
		if seals[i], err = l.One(a.ctx, prefix); err != nil {
			return err
		}
	}
	found, err := place.Equivocations(a.ctx, nil)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(found, func(x *verify.Contradiction) bool {
		return x.Seals[0].ID == seals[0].ID && x.Seals[1].ID == seals[1].ID || x.Seals[0].ID == seals[1].ID && x.Seals[1].ID == seals[0].ID
	})
	if i < 0 {
		return fault.New(fault.NoContradiction, "nothing shows that %s and %s are two seals of one principal that cannot both be true", seals[0].ID.Short(), seals[1].ID.Short())
	}
	return c.writeContradiction(a, place, found[i])
}

// contradicted is what programs are told.
type contradicted struct {
	Principal string   `json:"principal"`
	Seals     []string `json:"seals"`
	Why       string   `json:"why"`
	File      string   `json:"file"`
	Size      int      `json:"size"`
}

func (c *proveCmd) writeContradiction(a *app, place federation.Place, found *verify.Contradiction) error {
	b, err := a.contradiction(place, found)
	if err != nil {
		return err
	}
	name := c.Output
	if name == "" {
		name = contradictionName(found)
	}
	if err := a.write(name, b); err != nil || name == "-" {
		return err
	}
	if a.out.structured() {
		return a.out.emit(contradicted{found.Principal, ids(found.Seals[:]), found.Why, name, len(b)})
	}
	a.out.line("wrote the proof that %s signed two seals that cannot both be true", found.Principal)
	a.out.line("  file    %s", name)
	a.out.line("  first   %s", found.Seals[0].ID)
	a.out.line("  second  %s", found.Seals[1].ID)
	a.out.line("  why     %s", found.Why)
	return nil
}

// contradiction verifies the proof of one. It is about no artifact.
func (c *verifyCmd) contradiction(a *app, b []byte) error {
	if c.With != "" || c.Explain {
		return fault.New(fault.Usage, "%s is about two seals, not about a file", c.What).With("command", "verify")
	}
	m, err := proof.DecodeContradiction(b)
	if err != nil {
		return err
	}
	terms, err := c.ofProof(a, m.Genesis.ID)
	if err != nil {
		return err
	}
	if err := a.addLaw(&m.Law, terms.Cache); err != nil {
		return err
	}
	report, err := m.Judge(a.ctx, terms)
	if err != nil {
		return err
	}
	headlines := []string{"two seals that both are signed by " + m.Principal}
	for _, s := range m.Seals {
		headlines = append(headlines, s.ID.String())
	}
	if report.Verdict == verify.Valid {
		headlines = append(headlines, "cannot both be true: "+m.Why)
	}
	return c.conclude(a, report, judged{Receipts: ids(m.Seals[:])}, headlines)
}
