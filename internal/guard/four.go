package guard

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/federation"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/query"
	"github.com/VaultSovereign/git-vaultmesh/internal/rules"
	"github.com/VaultSovereign/git-vaultmesh/internal/trust"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// The four covenants, by their names.
const (
	Integrity       = "I Integrity (Nigredo)"
	Reproducibility = "II Reproducibility (Albedo)"
	Federation      = "III Federation (Citrinitas)"
	ProofChain      = "IV Proof-chain (Rubedo)"
)

// Status is what a rule or a covenant comes to.
type Status string

// The outcomes.
const (
	Kept          Status = "kept"
	IsBroken      Status = "broken"
	Incomplete    Status = "incomplete" // what is needed to tell is not here
	NotApplicable Status = "n/a"        // there was nothing to judge
)

// Finding is one thing that breaks a covenant, or keeps anybody from telling.
type Finding struct {
	Receipt receipt.ID // zero where it is about none
	Text    string
	Path    string // the file that it is about; "" for none
	Unknown bool
}

// Covenant is one of the four, judged.
type Covenant struct {
	Name     string
	Judged   int // what it looked at
	Detail   string
	Findings []Finding
}

// Status is broken where a finding is certain.
func (c *Covenant) Status() Status {
	switch {
	case slices.ContainsFunc(c.Findings, func(f Finding) bool { return !f.Unknown }):
		return IsBroken
	case len(c.Findings) > 0:
		return Incomplete
	case c.Judged == 0:
		return NotApplicable
	}
	return Kept
}

func (c *Covenant) add(id receipt.ID, format string, args ...any) {
	c.Findings = append(c.Findings, Finding{Receipt: id, Text: fmt.Sprintf(format, args...)})
}

// Court is what the four covenants are judged by.
type Court struct {
	*Guard
	Report *verify.Report // on the whole ledger
	Cache  verify.Cache   // nil for none
	// Badge says where a badge differs from what was attested; nil where nobody looks.
	Badge func(ctx context.Context) ([]Finding, error)
}

// Four judges the four covenants, in their order.
func (c *Court) Four(ctx context.Context) ([]*Covenant, error) {
	var list []*Covenant
	for _, judge := range []func(context.Context) (*Covenant, error){c.integrity, c.reproducibility, c.federation, c.proofChain} {
		one, err := judge(ctx)
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return list, nil
}

// integrity: the ledger holds, which has attestations whose numbers agree, and the badge is
// that of the newest one.
func (c *Court) integrity(ctx context.Context) (*Covenant, error) {
	v := &Covenant{Name: Integrity, Judged: c.Report.Receipts}
	for _, p := range c.Report.Problems {
		v.Findings = append(v.Findings, Finding{Text: verify.Sentence(p), Unknown: p.Unknown()})
	}
	if c.Report.Verdict != verify.Valid && len(v.Findings) == 0 {
		v.Findings = append(v.Findings, Finding{Text: "the ledger is " + string(c.Report.Verdict), Unknown: c.Report.Verdict == verify.Incomplete})
	}
	attested, err := c.trusted(ctx, query.OfKinds(receipt.KindAttestation))
	if err != nil {
		return nil, err
	}
	v.Detail = fmt.Sprintf("%d receipts, %d attestations", c.Report.Receipts, len(attested))
	if c.Badge != nil {
		found, err := c.Badge(ctx)
		v.Findings = append(v.Findings, found...)
		return v, err
	}
	return v, nil
}

// rulesOf are the rules of the version of the covenant by which a receipt was judged.
func (c *Court) rulesOf(version int64) []receipt.Rule {
	chain := c.Bench.Chain()
	v := chain.VersionNumbered(version)
	if v == nil {
		v = chain.Latest()
	}
	if v == nil {
		return nil
	}
	return v.Covenant.Rules
}

// reproducibility: the releases of which that is asked, or attested, came twice to the
// same bytes.
func (c *Court) reproducibility(ctx context.Context) (*Covenant, error) {
	v := &Covenant{Name: Reproducibility}
	attested, err := c.trusted(ctx, query.OfKinds(receipt.KindAttestation))
	if err != nil {
		return nil, err
	}
	of := make(map[receipt.Object][]rules.Receipt)
	for _, one := range attested {
		if a := one.Receipt.Attestation; a != nil && a.Type == rules.TypeReproduction && one.Receipt.Commit != "" {
			of[one.Receipt.Commit] = append(of[one.Receipt.Commit], one)
		}
	}
	if len(of) == 0 && !c.asksForBuilds() {
		return v, nil // nobody has to look at all releases
	}
	releases, err := c.trusted(ctx, query.OfKinds(receipt.KindRelease))
	if err != nil {
		return nil, err
	}
	for _, release := range releases {
		about := slices.DeleteFunc(slices.Clone(of[release.Receipt.Commit]), func(one rules.Receipt) bool {
			return one.Receipt.Component != "" && one.Receipt.Component != release.Receipt.Component
		})
		asked := slices.ContainsFunc(c.rulesOf(release.Covenant), func(r receipt.Rule) bool {
			return r.Require.Reproducible && rules.Covers(r, release.Receipt)
		})
		if !asked && len(about) == 0 {
			continue
		}
		v.Judged++
		if err := c.archived(ctx, &release); err != nil {
			return nil, err
		}
		switch missing := rules.Repeated(release, about); {
		case !slices.ContainsFunc(about, func(one rules.Receipt) bool { return rules.Identical(one.Receipt.Attestation) }):
			v.add(release.ID, "no attestation says that two builds of %s came to the same bytes%s", release.Receipt.Title(), differing(about))
		case len(missing) > 0:
			v.add(release.ID, "%s of %s is no file that two builds came to", missing[0].Name, release.Receipt.Title())
		}
	}
	v.Detail = fmt.Sprintf("%d releases", v.Judged)
	return v, nil
}

// asksForBuilds tells whether a rule of any version asks for identical builds.
func (c *Court) asksForBuilds() bool {
	return slices.ContainsFunc(c.Bench.Chain().Versions, func(v *trust.Version) bool {
		return slices.ContainsFunc(v.Covenant.Rules, func(r receipt.Rule) bool { return r.Require.Reproducible })
	})
}

// differing names the first place where two builds differ.
func differing(about []rules.Receipt) string {
	for _, one := range about {
		if d := one.Receipt.Attestation.Differences; len(d) > 0 {
			return fmt.Sprintf("; %s differs at byte %d", d[0].Name, d[0].Offset)
		}
	}
	return ""
}

// federation: the merges in the history are those of their parents, which the report
// says, the receipts about merges are the derived ones, and of no peer is anything held
// back.
func (c *Court) federation(ctx context.Context) (*Covenant, error) {
	v := &Covenant{Name: Federation}
	for _, p := range c.Report.Problems {
		if p.Step == ledger.StepHistory {
			v.Findings = append(v.Findings, Finding{Text: verify.Sentence(p), Unknown: p.Unknown()})
		}
	}
	held, err := HeldBack(ctx, c.Repo)
	if err != nil {
		return nil, err
	}
	for _, peer := range held {
		v.add(receipt.ID{}, "something is held back of %s", peer)
	}
	merges, err := c.Find(ctx, query.OfKinds(receipt.KindMerge))
	if err != nil {
		return nil, err
	}
	if err := c.derived(ctx, v, merges); err != nil {
		return nil, err
	}
	v.Judged = max(c.Report.Receipts, 1)
	v.Detail = fmt.Sprintf("%d receipts about merges", len(merges))
	return v, nil
}

// derived compares receipts about merges with those that anybody can derive. What one is
// derived from never changes, so it is done once.
func (c *Court) derived(ctx context.Context, v *Covenant, merges []*ledger.Entry) error {
	genesis, err := c.Ledger.Genesis(ctx)
	if err != nil {
		return err
	}
	name := "derived-" + genesis.ID.String()
	var kept []string
	if c.Cache != nil && json.Unmarshal(c.Cache.Load(name), &kept) != nil {
		kept = nil
	}
	before := len(kept)
	for _, e := range merges {
		if slices.Contains(kept, e.ID.String()) || e.Receipt == nil || e.Receipt.Merge == nil {
			continue
		}
		why, err := c.underived(ctx, e)
		switch {
		case err != nil:
			return err
		case why != "":
			v.add(e.ID, "the receipt %s about a merge %s", e.ID.Short(), why)
		default:
			kept = append(kept, e.ID.String())
		}
	}
	if text, err := json.Marshal(kept); err == nil && c.Cache != nil && len(kept) > before {
		c.Cache.Save(name, text)
	}
	return nil
}

// underived says why a receipt about a merge is not the one that its heads make.
func (c *Court) underived(ctx context.Context, e *ledger.Entry) (string, error) {
	heads := e.Receipt.Merge.Heads
	if len(heads) != 2 {
		return "does not name two heads", nil
	}
	made, err := ledger.MergeOf(ctx, c.Repo, gitrepo.OID(heads[0].Commit.Hex()), gitrepo.OID(heads[1].Commit.Hex()))
	var at *ledger.Ledger
	if err == nil {
		at, err = c.Ledger.At(ctx, made)
	}
	var derived *receipt.Receipt
	if err == nil {
		derived, err = federation.Derived(ctx, c.Repo, at, func() {})
	}
	if ledger.Unreadable(err) || fault.Has(err, fault.BadTree) || fault.Has(err, fault.BadLedgerRef) {
		return "is about heads that are not in this ledger's history", nil
	}
	if err != nil || derived == nil {
		return "is about no merge", err
	}
	inHistory, err := c.Repo.IsAncestor(ctx, made, c.Ledger.Head)
	if err != nil || !inHistory {
		return "is about a merge that is not in this ledger's history", err
	}
	raw, err := derived.Encode()
	if err != nil {
		return "", err
	}
	if receipt.Sum(raw) != e.ID {
		return "is not the one that its heads make", nil
	}
	return "", nil
}

// proofChain: every receipt that a rule covers has its signatures, rails and seal, by the
// covenant that was in force when that was proven.
func (c *Court) proofChain(ctx context.Context) (*Covenant, error) {
	v := &Covenant{Name: ProofChain}
	kinds := c.coveredKinds()
	if len(kinds) == 0 {
		return v, nil
	}
	entries, err := c.Find(ctx, query.OfKinds(kinds...))
	if err != nil {
		return nil, err
	}
	findings, err := c.Bench.Judge(ctx, entries)
	if err != nil {
		return nil, err
	}
	gone, err := c.revoked(ctx, entries)
	if err != nil {
		return nil, err
	}
	for i, e := range entries {
		if e.Receipt == nil || gone[e.ID] {
			continue
		}
		if err := c.proven(ctx, v, e, findings[i]); err != nil {
			return nil, err
		}
	}
	v.Detail = fmt.Sprintf("%d receipts that rules cover", v.Judged)
	return v, nil
}

// coveredKinds are the kinds of receipts that rules of any version ask for.
func (c *Court) coveredKinds() []receipt.Kind {
	var kinds []receipt.Kind
	for _, version := range c.Bench.Chain().Versions {
		for _, r := range version.Covenant.Rules {
			kinds = append(kinds, r.Require.Receipts...)
		}
	}
	slices.Sort(kinds)
	return slices.Compact(kinds)
}

// revoked are the entries that trusted receipts take back.
func (c *Court) revoked(ctx context.Context, entries []*ledger.Entry) (map[receipt.ID]bool, error) {
	var ids []receipt.ID
	for _, e := range entries {
		ids = append(ids, e.ID)
	}
	return c.gone(ctx, ids)
}

// proven judges one receipt that rules may cover.
func (c *Court) proven(ctx context.Context, v *Covenant, e *ledger.Entry, f trust.Finding) error {
	one := Counted(c.Bench.Chain(), e, f)
	covering := slices.DeleteFunc(slices.Clone(c.rulesOf(f.Version)), func(r receipt.Rule) bool {
		return !slices.Contains(r.Require.Receipts, e.Receipt.Kind) || !rules.Covers(r, e.Receipt)
	})
	if len(covering) == 0 {
		return nil
	}
	v.Judged++
	if !f.Trusted() {
		v.add(e.ID, "%s is not trusted: %s", e.Receipt.Title(), untrusted(f))
		return nil
	}
	for _, r := range covering {
		for _, l := range rules.Proofs(r.Require, one, time.Time{}) {
			v.add(e.ID, "%s: %s", r.Name, l.Text)
		}
		due := e.Receipt.RecordedAt.Time().Add(rules.Seconds(r.Require.SealAge))
		if r.Require.SealAge == 0 || c.Now.Before(due) {
			continue
		}
		under, err := c.Bench.UnderSeal(ctx, e)
		if err != nil {
			return err
		}
		if !under {
			v.add(e.ID, "%s: no trusted seal is over %s, which is older than %s", r.Name, e.ID.Short(), rules.Age(r.Require.SealAge))
		}
	}
	return nil
}

// untrusted says in a few words why a receipt is not trusted.
func untrusted(f trust.Finding) string {
	if f.Err != nil {
		return fault.From(f.Err).Message
	}
	signatures, tokens := f.Broken()
	return fault.From(append(signatures, tokens...)[0]).Message
}
