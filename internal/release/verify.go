package release

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/proof"
	"github.com/VaultSovereign/git-vaultmesh/internal/record"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// The steps, by their numbers in docs/spec/release.md.
const (
	stepTag     = iota + 1 // the ref leads to a tag of that name, of a commit
	stepSigned             // a principal has signed the tag
	stepArchive            // the commit's archive, made again, is the one that was released
	stepReceipt            // the receipt holds, is of this ledger, and says what the tag says
	stepSigners            // as many principals have signed it as must
	stepRails              // as many authorities have stamped it as must
	stepSeal               // a seal that holds is over it
	stepFiles              // the files that were handed over are files of it
)

var stepNames = []string{"tag", "signed", "archive", "receipt", "signers", "rails", "seal", "files"}

// Question is a release that is to be judged.
type Question struct {
	Repo    *gitrepo.Repo
	Ledger  *ledger.Ledger
	Terms   *verify.Terms // in full
	Find    Find
	Tag     string   // as of [Name]
	Rails   int      // how many authorities must have stamped it
	Files   []string // that were handed over
	Working func()

	// Archive is the SHA-256 of the commit's archive where it was made just now, zero
	// where it is to be made again.
	Archive receipt.Digest
}

// Report is what was found of a release.
type Report struct {
	Verdict  verify.Verdict
	Steps    []verify.Step
	Problems []Problem
	Release  *ledger.Entry
	Commit   gitrepo.OID
	Receipts *verify.Report // the steps of the receipt itself
}

// Problem is what keeps a step from passing.
type Problem struct {
	N    int
	Name string
	Err  error
}

// examination is a release under judgement.
type examination struct {
	Question
	tag     *tag
	release *released
	others  []*released // trusted releases of the tag
	report  *Report
	status  map[int]verify.Status
	detail  map[int]string
}

// Verify judges the release of a tag in numbered steps. The errors are NoTag (VM631),
// NoRelease (VM642), and those of reading what must be there; what is wrong with the
// release is in the report.
func Verify(ctx context.Context, q Question) (*Report, error) {
	x := &examination{Question: q, report: new(Report), status: make(map[int]verify.Status), detail: make(map[int]string)}
	if err := x.find(ctx); err != nil {
		return nil, err
	}
	for _, step := range []func(context.Context) error{x.judgeReceipt, x.judgeTag, x.judgeArchive, x.judgeFiles} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return x.conclude(), nil
}

// find finds the tag and its release. A tag that is none of a release by itself is a
// finding of the first step, and not an error.
func (x *examination) find(ctx context.Context) error {
	t, err := readTag(ctx, x.Repo, x.Tag)
	switch {
	case err == nil:
		x.tag, x.report.Commit = t, t.Object
		x.pass(stepTag, "refs/tags/"+x.Tag+" of "+string(t.Object))
	case fault.Has(err, fault.BadTag), fault.Has(err, fault.UnsignedTag), ledger.Unreadable(err):
		x.problem(stepTag, err)
	default:
		return err
	}
	list, err := x.Find.releases(ctx, x.Ledger, x.Terms, x.Tag)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return fault.New(fault.NoRelease, "the ledger has no release of the tag %s", x.Tag).With("tag", x.Tag)
	}
	x.release, x.report.Release = list[0], list[0].Entry
	x.others = slices.DeleteFunc(list[1:], func(r *released) bool { return !r.finding.Trusted() })
	return nil
}

func (x *examination) pass(n int, detail string) {
	if x.status[n] == "" || x.status[n] == verify.NotApplicable {
		x.status[n], x.detail[n] = verify.Passed, detail
	}
}

func (x *examination) problem(n int, err error) {
	status := verify.Failed
	if (ledger.Problem{Err: err}).Unknown() {
		status = verify.Unknown
	}
	if x.status[n] != verify.Failed {
		x.status[n] = status
	}
	x.detail[n] = ""
	x.report.Problems = append(x.report.Problems, Problem{n, stepNames[n-1], err})
}

// judgeReceipt judges the receipt as any, and then what it says of the release.
func (x *examination) judgeReceipt(ctx context.Context) error {
	r, err := verify.Receipts(ctx, x.Repo, x.Ledger, []*ledger.Entry{x.release.Entry}, x.Terms)
	if err != nil {
		return err
	}
	x.report.Receipts = r
	for _, p := range r.Problems {
		x.problem(stepOf(p.Step), p.Err)
	}
	if len(r.Findings) > 0 {
		x.release.finding = r.Findings[0].Finding
	}
	if x.tag != nil {
		x.judgeClaims()
	}
	x.judgeOthers()
	x.pass(stepReceipt, x.release.ID.String())
	x.pass(stepSigners, strings.Join(x.release.finding.Signers, ", "))
	if len(x.release.finding.Authorities()) < x.Rails {
		x.problem(stepRails, fewStamps(x.release, x.Rails).With("how", "ask whoever made the release to go on with it:\ngit vaultmesh release seal "+fault.Quote(x.Tag)))
	}
	x.pass(stepRails, strings.Join(x.release.finding.Authorities(), ", "))
	for _, s := range r.Steps {
		if s.N == int(verify.StepSeal) && s.Status == verify.NotApplicable {
			x.problem(stepSeal, unsealed(x.release, x.Tag))
		}
		if s.N == int(verify.StepSeal) && s.Status == verify.Passed {
			x.pass(stepSeal, s.Detail)
		}
	}
	return nil
}

func unsealed(r *released, tag string) error {
	return fault.New(fault.ReleaseUnsealed, "no seal that counts is over the release %s", r.ID.Short()).With("tag", tag)
}

// stepOf is the step of a release that a receipt's own belongs to.
func stepOf(s ledger.Step) int {
	switch s {
	case verify.StepSignatures, verify.StepSigners:
		return stepSigners
	case verify.StepTimestamps, verify.StepRails:
		return stepRails
	case verify.StepSeal:
		return stepSeal
	}
	return stepReceipt
}

// judgeClaims holds what the receipt says against the tag.
func (x *examination) judgeClaims() {
	r, t := x.release.Receipt, x.tag
	object := func(id gitrepo.OID) receipt.Object {
		return receipt.Object(x.Repo.Algorithm() + ":" + string(id))
	}
	_, archived := x.release.archive()
	switch {
	case r.Commit != object(t.Object):
		x.problem(stepReceipt, moved(x.release, t))
	case !archived:
		x.problem(stepReceipt, fault.New(fault.ReleasedElse, "the release %s names no archive of its commit", x.release.ID.Short()).
			With("how", "it was recorded otherwise, and is verified as any receipt:\ngit vaultmesh verify "+x.release.ID.Short()))
	case !x.release.hasTag(t):
		x.problem(stepReceipt, moved(x.release, t))
	case r.Ref != tags+x.Tag || r.Version != x.Tag || r.Tree != object(t.commit.Tree):
		x.problem(stepReceipt, fault.New(fault.ReleasedElse, "the release %s names another ref, version or tree than those of the tag", x.release.ID.Short()).
			With("how", "see what it says, and who signed it:\ngit vaultmesh show "+x.release.ID.Short()))
	}
}

// judgeOthers sees that no other release of the tag that counts says something else.
func (x *examination) judgeOthers() {
	for _, other := range x.others {
		mine, _ := x.release.archive()
		theirs, archived := other.archive()
		if other.Receipt.Commit != x.release.Receipt.Commit || archived && theirs.SHA256 != mine.SHA256 {
			x.problem(stepReceipt, fault.New(fault.ReleasedElse, "the releases %s and %s of the tag %s both count, and say different things", x.release.ID.Short(), other.ID.Short(), x.Tag).
				With("how", "ask who signed them which one holds, and have it supersede the other:\ngit vaultmesh show "+x.release.ID.Short()+"\ngit vaultmesh show "+other.ID.Short()))
		}
	}
}

// judgeTag judges who has signed the tag, at the time that is proven of the release.
func (x *examination) judgeTag(ctx context.Context) error {
	if x.tag == nil {
		return nil
	}
	chain, err := verify.Chain(ctx, x.Ledger, x.Terms)
	if err != nil {
		return err
	}
	since := x.release.finding.Since
	if !x.release.hasTag(x.tag) {
		since = time.Time{} // what is proven of the release says nothing of this tag
	}
	who, err := x.tag.signer(chain, since, x.Terms.Now)
	if err != nil {
		x.problem(stepSigned, err)
		return nil
	}
	x.pass(stepSigned, who)
	return nil
}

// judgeArchive makes the commit's archive again.
func (x *examination) judgeArchive(ctx context.Context) error {
	was, archived := x.release.archive()
	if x.tag == nil || !archived {
		return nil
	}
	digest, err := x.Archive, error(nil)
	if digest.IsZero() {
		digest, err = x.makeArchive(ctx, *was.Size)
	}
	switch {
	case err == nil && digest != was.SHA256:
		x.problem(stepArchive, notThat(x.release, digest))
	case err == nil:
		x.pass(stepArchive, digest.String()+"  "+was.Name)
	case fault.Has(err, fault.ObjectMissing):
		x.problem(stepArchive, fault.New(fault.Incomplete, "this clone lacks files of the commit").Because(err).
			With("how", "fetch them, which a clone does that leaves them out when git reads them:\ngit archive -o SOURCE.tar "+fault.Quote(x.Tag)))
	case fault.Has(err, fault.BadSource), ledger.Unreadable(err):
		x.problem(stepArchive, err)
	default:
		return err
	}
	return nil
}

// makeArchive makes the archive, and no more of it than the release says that it has.
func (x *examination) makeArchive(ctx context.Context, most int64) (receipt.Digest, error) {
	s, err := sourceOf(ctx, x.Repo, x.tag.Object, x.tag.commit)
	if err != nil {
		return receipt.Digest{}, err
	}
	digest, _, err := s.sum(ctx, &bounded{most: most, working: x.Working})
	if err == errDiffers {
		return receipt.Digest{}, nil // which no archive has
	}
	return digest, err
}

// bounded takes so many bytes.
type bounded struct {
	most    int64
	working func()
}

func (b *bounded) Write(p []byte) (int, error) {
	b.working()
	if b.most -= int64(len(p)); b.most < 0 {
		return 0, errDiffers
	}
	return len(p), nil
}

// judgeFiles judges the files that were handed over.
func (x *examination) judgeFiles(ctx context.Context) error {
	var known []string
	for _, path := range x.Files {
		what, err := x.judgeFile(ctx, path)
		switch {
		case fault.Has(err, fault.NotOfRelease), fault.Has(err, fault.BadProofFile):
			x.problem(stepFiles, err)
		case err != nil:
			return err
		default:
			known = append(known, filepath.Base(path)+" is "+what)
		}
	}
	if len(x.Files) > 0 {
		x.pass(stepFiles, strings.Join(known, ", "))
	}
	return nil
}

// judgeFile says what of the release a file is. The fault is NotOfRelease (VM643).
func (x *examination) judgeFile(ctx context.Context, path string) (string, error) {
	digest, size, err := record.HashFile(ctx, path, x.Working)
	if err != nil {
		return "", err
	}
	r := x.release
	if r.ID == digest {
		return "the receipt", nil
	}
	if archive, ok := r.archive(); ok && archive.SHA256 == digest {
		return "the archive", nil
	}
	for _, s := range r.Receipt.Subjects {
		if s.SHA256 == digest {
			return "the artifact " + s.Name, nil
		}
	}
	for _, e := range r.Receipt.Evidence {
		if e.SHA256 == digest {
			return "the evidence " + e.Name, nil
		}
	}
	for _, f := range r.Files {
		if f.Digest == digest && f.Known() {
			return "a " + map[string]string{"rfc3161": "time-stamp", "openpgp": "signature", "ssh": "signature"}[f.Type], nil
		}
	}
	if strings.HasSuffix(path, ".vmproof") && size <= maxProof {
		return x.judgeProof(ctx, path)
	}
	return "", x.notOfRelease(path, digest)
}

func (x *examination) notOfRelease(path string, digest receipt.Digest) *fault.Error {
	return fault.New(fault.NotOfRelease, "%s with the SHA-256 %s is no file of the release %s", path, digest, x.release.ID.Short()).With("receipt", x.release.ID.Short())
}

// judgeProof judges a proof that was handed over, by itself.
func (x *examination) judgeProof(ctx context.Context, path string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fault.New(fault.ReadFailed, "%s cannot be read", path).Because(err)
	}
	m, err := proof.Decode(b)
	if err != nil {
		return "", err
	}
	if m.Receipt.ID != x.release.ID {
		return "", x.notOfRelease(path, receipt.Sum(b)).Because(fmt.Errorf("it is a proof of %s", m.Receipt.ID.Short()))
	}
	r, err := verify.Proof(ctx, m, x.Terms)
	if err != nil {
		return "", err
	}
	if r.Verdict != verify.Valid {
		return "", x.notOfRelease(path, receipt.Sum(b)).Because(fmt.Errorf("as a proof it is %s", r.Verdict))
	}
	return "a proof", nil
}

// conclude lists the steps in order, and says what they come to.
func (x *examination) conclude() *Report {
	x.report.Verdict = verify.Valid
	for i, name := range stepNames {
		n := i + 1
		status := x.status[n]
		if status == "" {
			status = verify.NotApplicable
		}
		if n != stepFiles && status == verify.NotApplicable || status == verify.Unknown {
			x.report.Verdict = verify.Incomplete
		}
		x.report.Steps = append(x.report.Steps, verify.Step{N: n, Name: name, Status: status, Detail: x.detail[n]})
	}
	for _, s := range x.report.Steps {
		if s.Status == verify.Failed {
			x.report.Verdict = verify.Invalid
		}
	}
	return x.report
}
