package verify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/trust"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// findingsFormat is the version of what is kept of findings.
const findingsFormat = 1

// keptFindings are receipts that were found to be trusted by some covenants.
type keptFindings struct {
	Format   int                         `json:"format"`
	Program  string                      `json:"program"` // its version
	Rules    []string                    `json:"rules"`   // the covenants and revocations by which they were judged
	Until    time.Time                   `json:"until"`   // when one of them has to be made again; zero for never
	Findings map[receipt.ID]*keptFinding `json:"findings"`
}

// keptFinding is what rules ask of a finding, and of which files it was made.
type keptFinding struct {
	Files   string      `json:"files"`
	Version int64       `json:"version"`
	Signers []string    `json:"signers"`
	Stamps  []keptStamp `json:"stamps,omitempty"`
}

type keptStamp struct {
	Authority string    `json:"authority"`
	Time      time.Time `json:"time"`
}

func findingsName(genesis receipt.ID) string { return "findings-" + genesis.String() }

// filesOf is a hash over the files of an entry, without reading them.
func filesOf(e *ledger.Entry) string {
	h := sha256.New()
	for _, f := range e.Files {
		fmt.Fprintf(h, "%s %s\n", f.Name, f.Object)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Remember has a bench believe what was found of receipts before, by the same covenants
// and the same program, as long as their files are the same. It changes nothing where
// covenants come along that may take trust away.
func (b *Bench) Remember(ctx context.Context) error {
	genesis, err := b.ledger.Genesis(ctx)
	terms := b.before.terms
	if err != nil || terms.Cache == nil || b.after != nil {
		return err
	}
	kept := new(keptFindings)
	if json.Unmarshal(terms.Cache.Load(findingsName(genesis.ID)), kept) != nil || kept.Format != findingsFormat || kept.Program != terms.Program ||
		!slices.Equal(kept.Rules, b.before.rules()) || !kept.Until.IsZero() && !terms.Now.Before(kept.Until) || kept.Findings == nil {
		kept = &keptFindings{Format: findingsFormat, Program: terms.Program, Rules: b.before.rules(), Findings: make(map[receipt.ID]*keptFinding)}
	}
	b.kept, b.known = kept, len(kept.Findings)
	return nil
}

// maxKept is how many findings are kept at most, some 150 bytes each.
const maxKept = 300000

// Keep writes down what was found since [Bench.Remember].
func (b *Bench) Keep() {
	if b.kept == nil || len(b.kept.Findings) == b.known && !b.replaced || len(b.kept.Findings) > maxKept {
		return
	}
	genesis, err := b.ledger.Genesis(context.Background()) // known by now
	if err != nil {
		return
	}
	if text, err := json.Marshal(b.kept); err == nil {
		b.before.terms.Cache.Save(findingsName(genesis.ID), text)
	}
}

// remembered is the finding of an entry as rules need it, if it was made before.
func (b *Bench) remembered(e *ledger.Entry) (trust.Finding, bool) {
	if b.kept == nil {
		return trust.Finding{}, false
	}
	kept := b.kept.Findings[e.ID]
	if kept == nil || kept.Files != filesOf(e) {
		return trust.Finding{}, false
	}
	f := trust.Finding{Version: kept.Version, Signers: kept.Signers}
	for _, s := range kept.Stamps {
		f.Tokens = append(f.Tokens, trust.Stamp{Authority: s.Authority, Time: s.Time})
	}
	return f, true
}

// note remembers a finding that no seal was needed for: a seal can come and go.
func (b *Bench) note(e *ledger.Entry, f trust.Finding) {
	if b.kept == nil || b.before.terms.Full || !f.Trusted() {
		return
	}
	one := &keptFinding{Files: filesOf(e), Version: f.Version, Signers: f.Signers}
	for _, s := range f.Stamps() {
		one.Stamps = append(one.Stamps, keptStamp{s.Authority, s.Time})
	}
	if !f.Until.IsZero() && (b.kept.Until.IsZero() || f.Until.Before(b.kept.Until)) {
		b.kept.Until = f.Until
	}
	b.replaced = b.replaced || b.kept.Findings[e.ID] != nil
	b.kept.Findings[e.ID] = one
}
