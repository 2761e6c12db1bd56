// Package release makes the release of a tag, from the signed tag to the seal over its
// receipt, and says of one whether it holds.
//
// Each step is done unless it is done already, which the ledger tells and nothing else:
// after whatever failure the same command goes on where it was. docs/spec/release.md is
// the normative text.
package release

import (
	"context"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/record"
	"github.com/VaultSovereign/git-vaultmesh/internal/sign"
	"github.com/VaultSovereign/git-vaultmesh/internal/trust"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Ceremony is the making of a release.
type Ceremony struct {
	Place     record.Place // without who signs; whom it asks for time-stamps
	Terms     *verify.Terms
	Find      Find
	Signer    func() (sign.Signer, error) // asked when something is to be signed
	Tag       string                      // as of [Name]
	Component string                      // "" is what the release says that is there, else the ledger's name
	Artifacts []string                    // files that are released beside the archive
	Note      string
	Replaces  receipt.ID // a release of the tag that this one supersedes; zero for none
	Rails     int        // how many authorities must stamp it
	Secret    bool       // record even what looks like a secret
	Dir       string     // where its files go

	ledger  *ledger.Ledger
	tag     *tag
	archive made
	release *released
	signer  sign.Signer
	missing []record.Pending // tokens that could not be had now
}

// Outcome is what a ceremony leaves.
type Outcome struct {
	Release  *ledger.Entry
	Recorded bool   // now, and not before
	Archive  string // its path
	SHA256   receipt.Digest
	Files    []string         // all files, by their paths
	Pending  []record.Pending // tokens that were asked for and are still to be had
}

// Seal makes the release of a tag, or goes on with it. What is done stays done, whatever
// fails after it.
func (c *Ceremony) Seal(ctx context.Context) (*Outcome, error) {
	out := new(Outcome)
	for _, step := range []func(context.Context, *Outcome) error{
		c.checkTag, c.look, c.makeArchive, c.record, c.sign, c.stamp, c.seal, c.writeFiles,
	} {
		err := step(ctx, out)
		out.Pending = c.missing
		if err != nil {
			return out, err
		}
	}
	slices.Sort(out.Files)
	return out, nil
}

// open reads the ledger as it is now.
func (c *Ceremony) open(ctx context.Context) error {
	l, err := ledger.Open(ctx, c.Place.Repo, c.Place.Ref)
	if err != nil {
		return err
	}
	l.Pin(c.Place.Ledger)
	c.ledger = l
	return nil
}

// checkTag sees that the tag is one of a commit, and that a principal has signed it.
func (c *Ceremony) checkTag(ctx context.Context, _ *Outcome) error {
	if err := c.open(ctx); err != nil {
		return err
	}
	var err error
	if c.tag, err = readTag(ctx, c.Place.Repo, c.Tag); err != nil {
		return err
	}
	chain, err := verify.Chain(ctx, c.ledger, c.Terms)
	if err == nil {
		err = chain.Err
	}
	return err
}

// look looks for a release of the tag. One of another tag object or commit, or that was
// recorded otherwise, ends the ceremony: a tag is released once.
func (c *Ceremony) look(ctx context.Context, _ *Outcome) error {
	list, err := c.Find.releases(ctx, c.ledger, c.Terms, c.Tag)
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(vouched(list), func(r *released) bool { return r.ID == c.Replaces })
	var proven time.Time
	if len(list) > 0 {
		c.release, proven = list[0], list[0].finding.Since
		if err := c.same(); err != nil {
			return err
		}
	}
	chain, err := verify.Chain(ctx, c.ledger, c.Terms)
	if err != nil {
		return err
	}
	if _, err := c.tag.signer(chain, proven, c.Place.Now); err != nil {
		return err
	}
	return c.enoughRails()
}

// same sees that the release that is there is the one that is to be made. The faults are
// TagMoved (VM635) and ReleasedElse (VM638).
func (c *Ceremony) same() error {
	r := c.release.Receipt
	if r.Commit != c.object() {
		return moved(c.release, c.tag)
	}
	if _, ok := c.release.archive(); !ok {
		return fault.New(fault.ReleasedElse, "the tag %s was released already, without the archive of its commit: %s", c.Tag, c.release.ID.Short()).
			With("how", "see that release; this one can supersede it:\ngit vaultmesh show "+c.release.ID.Short()+"\ngit vaultmesh release seal "+fault.Quote(c.Tag)+" --supersede "+c.release.ID.Short())
	}
	if !c.release.hasTag(c.tag) {
		return moved(c.release, c.tag)
	}
	if c.Component != "" && c.Component != r.Component {
		return c.otherwise("as one of " + r.Component)
	}
	return nil
}

func (c *Ceremony) object() receipt.Object {
	return receipt.Object(c.Place.Repo.Algorithm() + ":" + string(c.tag.Object))
}

func (c *Ceremony) otherwise(how string) error {
	return fault.New(fault.ReleasedElse, "the tag %s was released already, %s: %s", c.Tag, how, c.release.ID.Short()).
		With("how", "go on with what was released, or release under another tag:\ngit vaultmesh show "+c.release.ID.Short()+"\ngit vaultmesh release seal "+fault.Quote(c.Tag))
}

// moved says that a tag is not the one that was released.
func moved(r *released, t *tag) error {
	what := "the tag " + t.Name + " was made anew after its release"
	if r.Receipt.Commit.Hex() != string(t.Object) {
		what = "the tag " + t.Name + " was released as " + r.Receipt.Commit.Hex()[:10] + " and is now one of " + t.Object.Short()
	}
	return fault.New(fault.TagMoved, "%s: %s", what, r.ID.Short()).With("receipt", r.ID.Short())
}

// enoughRails refuses a ceremony that could not end, before anything is recorded: those
// that are asked and those that have stamped it are fewer than must.
func (c *Ceremony) enoughRails() error {
	have := 0
	if c.Place.Stamper != nil {
		have = len(c.Place.Stamper.Rails)
	}
	asked := have
	if c.release != nil {
		have += len(c.release.finding.Authorities())
	}
	if have >= c.Rails {
		return nil
	}
	return fault.New(fault.FewRails, "%d time-stamp authorities must stamp a release, and %d are asked", c.Rails, asked).
		With("have", strconv.Itoa(asked))
}

// makeArchive makes the archive of the commit, twice, and keeps the tag beside it.
func (c *Ceremony) makeArchive(ctx context.Context, out *Outcome) error {
	base, err := c.base(ctx)
	if err != nil {
		return err
	}
	if c.release != nil {
		if err := c.sameArtifacts(ctx); err != nil {
			return err
		}
	}
	s, err := sourceOf(ctx, c.Place.Repo, c.tag.Object, c.tag.commit)
	if err != nil {
		return err
	}
	if c.archive, err = s.archiveInto(ctx, c.Dir, base+archiveSuffix); err != nil {
		return err
	}
	out.Archive, out.SHA256 = c.archive.path, c.archive.digest
	if c.release != nil {
		if was, _ := c.release.archive(); was.SHA256 != c.archive.digest {
			return notThat(c.release, c.archive.digest)
		}
	}
	path := filepath.Join(c.Dir, base+tagSuffix)
	out.Files = append(out.Files, c.archive.path, path)
	return put(path, c.tag.raw, never)
}

// notThat says that the archive of a release is not the one that its commit has.
func notThat(r *released, digest receipt.Digest) error {
	was, _ := r.archive()
	return fault.New(fault.SourceDiffers, "the commit's archive has the SHA-256 %s, and the release names %s", digest, was.SHA256).
		With("how", "what was released is not what the commit has; see who signed it:\ngit vaultmesh show "+r.ID.Short())
}

// base is how the names of the release's files begin.
func (c *Ceremony) base(ctx context.Context) (string, error) {
	if c.release != nil {
		c.Component = c.release.Receipt.Component
		return PlainName(c.release.base()), nil
	}
	if c.Component == "" {
		genesis, err := c.ledger.Genesis(ctx)
		if err != nil {
			return "", err
		}
		c.Component = genesis.Receipt.Genesis.Name
	}
	return PlainName(c.Component + "-" + c.Tag), nil
}

// sameArtifacts sees that the release that is there has the files that were named.
func (c *Ceremony) sameArtifacts(ctx context.Context) error {
	for _, path := range c.Artifacts {
		digest, _, err := record.HashFile(ctx, path, c.Place.Working)
		if err != nil {
			return err
		}
		has := func(s receipt.Subject) bool { return s.SHA256 == digest && s.Name == filepath.Base(path) }
		if !slices.ContainsFunc(c.release.Receipt.Subjects, has) {
			return c.otherwise("without " + filepath.Base(path) + " as it is here")
		}
	}
	return nil
}

// record records the release, unless it is there.
func (c *Ceremony) record(ctx context.Context, out *Outcome) error {
	if c.release != nil {
		out.Release = c.release.Entry
		return nil
	}
	place := c.Place
	var err error
	if place.Signer, err = c.who(); err != nil {
		return err
	}
	name := filepath.Base(c.archive.path)
	q := record.Request{
		Kind: receipt.KindRelease, Component: c.Component, Version: c.Tag, Ref: tags + c.Tag, Commit: string(c.tag.Object),
		Artifacts: append([]string{c.archive.path}, c.Artifacts...), Digests: []string{c.archive.digest.String() + "=" + name},
		Evidence: []string{strings.TrimSuffix(c.archive.path, archiveSuffix) + tagSuffix}, Labels: []string{receipt.LabelSource + "=" + name}, Note: c.Note, AllowSecret: c.Secret, Once: true,
	}
	if !c.Replaces.IsZero() {
		q.Links = []string{receipt.RelSupersedes + "=" + c.Replaces.String()}
	}
	done, err := record.Record(ctx, place, q)
	if err == nil && done.Exists { // another process was quicker, or it is one that does not count
		var suits bool
		if suits, err = c.suits(ctx, done.ID); err == nil && !suits {
			q.Once = false
			done, err = record.Record(ctx, place, q)
		}
	}
	if err != nil {
		return err
	}
	out.Recorded = !done.Exists
	if err := c.pending(done); err != nil {
		return err
	}
	if err := c.reread(ctx, done.ID); err != nil {
		return err
	}
	out.Release = c.release.Entry
	if len(done.Pending) > 0 && len(c.release.finding.Authorities()) < c.Rails {
		return c.railsWanted(done.Pending)
	}
	return nil
}

// suits tells whether a receipt in the ledger is the release that is to be made.
func (c *Ceremony) suits(ctx context.Context, id receipt.ID) (bool, error) {
	if err := c.open(ctx); err != nil {
		return false, err
	}
	list, err := c.Find.releases(ctx, c.ledger, c.Terms, c.Tag)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(vouched(list), func(r *released) bool {
		_, archived := r.archive()
		return r.ID == id && r.ID != c.Replaces && archived && r.hasTag(c.tag)
	}), nil
}

// who signs, asked once.
func (c *Ceremony) who() (sign.Signer, error) {
	var err error
	if c.signer == nil {
		c.signer, err = c.Signer()
	}
	return c.signer, err
}

// pending notes the tokens down that are still to be had for a receipt.
func (c *Ceremony) pending(done *record.Outcome) error {
	for i := range done.Pending {
		done.Pending[i].ID = done.ID
	}
	c.missing = append(c.missing, done.Pending...)
	return record.KeepPending(c.Place.Repo, done.Pending, nil)
}

// reread reads a release, and what its signatures come to, as they are now.
func (c *Ceremony) reread(ctx context.Context, id receipt.ID) error {
	err := c.open(ctx)
	if err == nil {
		c.release, err = c.judged(ctx, id)
	}
	return err
}

// judged is a receipt of the ledger, and what its signatures come to.
func (c *Ceremony) judged(ctx context.Context, id receipt.ID) (*released, error) {
	e, err := c.ledger.One(ctx, id.String())
	if err != nil {
		return nil, err
	}
	findings, err := verify.Findings(ctx, c.ledger, c.Terms, []*ledger.Entry{e})
	if err != nil {
		return nil, err
	}
	return &released{e, findings[0]}, nil
}

// sign signs the release, unless enough principals have.
func (c *Ceremony) sign(ctx context.Context, out *Outcome) error {
	if c.release.finding.Trusted() {
		return nil
	}
	if err := c.endorse(ctx, c.release.Entry, c.release.finding); err != nil {
		return err
	}
	if err := c.reread(ctx, c.release.ID); err != nil {
		return err
	}
	out.Release = c.release.Entry
	if !c.release.finding.Trusted() {
		return c.signersWanted(c.release.ID, c.release.finding)
	}
	return nil
}

// endorse puts one more signature beside a receipt. Who has signed it already does not
// sign it again: the fault is SignersWanted (VM640).
func (c *Ceremony) endorse(ctx context.Context, e *ledger.Entry, finding trust.Finding) error {
	signer, err := c.who()
	if err != nil {
		return err
	}
	made, err := signer.Sign(ctx, e.Raw)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(finding.Signatures, func(s trust.Signature) bool { return s.By == made.By }) {
		return c.signersWanted(e.ID, finding)
	}
	done, err := record.Endorse(ctx, c.Place, e.ID, made)
	if err != nil {
		return err
	}
	return c.pending(done)
}

func (c *Ceremony) signersWanted(id receipt.ID, finding trust.Finding) error {
	why := finding.Err
	if signatures, tokens := finding.Broken(); why == nil {
		why = slices.Concat(signatures, tokens)[0]
	}
	return fault.New(fault.SignersWanted, "the receipt %s does not have the signatures that it must have", id.Short()).Because(why).
		With("receipt", id.Short()).With("tag", c.Tag)
}

// stamp gets the time-stamps of as many authorities as must stamp the release.
func (c *Ceremony) stamp(ctx context.Context, out *Outcome) error {
	if err := c.askRules(ctx); err != nil || len(c.release.finding.Authorities()) >= c.Rails {
		return err
	}
	if err := c.enoughRails(); err != nil {
		return err
	}
	if c.Place.Stamper == nil {
		return c.railsWanted(nil)
	}
	e := c.release.Entry
	_, missing, _, err := record.Timestamp(ctx, c.Place, []*ledger.Entry{e}, func(record.Pending) bool { return true })
	if err == nil {
		err = c.settle(e.ID, missing)
	}
	if err == nil {
		err = c.reread(ctx, e.ID)
	}
	if err != nil {
		return err
	}
	out.Release = c.release.Entry
	if len(c.release.finding.Authorities()) < c.Rails {
		return c.railsWanted(missing)
	}
	return nil
}

// askRules takes rules of the covenant that ask for more authorities than was said.
func (c *Ceremony) askRules(ctx context.Context) error {
	chain, err := verify.Chain(ctx, c.ledger, c.Terms)
	if err != nil {
		return err
	}
	for _, rail := range chain.Rails(c.release.Receipt) {
		if rail.Count > 1 { // one is what every receipt of a covenant with authorities should have
			c.Rails = max(c.Rails, rail.Count)
		}
	}
	return nil
}

// settle notes down which tokens of a receipt are still to be had, and strikes the others out.
func (c *Ceremony) settle(id receipt.ID, missing []record.Pending) error {
	kept, err := record.ReadPending(c.Place.Repo)
	if err != nil {
		return err
	}
	done := slices.DeleteFunc(kept, func(k record.Pending) bool {
		return k.ID != id || slices.ContainsFunc(missing, func(m record.Pending) bool { return m.File == k.File && m.Authority == k.Authority })
	})
	return record.KeepPending(c.Place.Repo, missing, done)
}

// railsWanted says that fewer authorities have stamped the release than must, because
// they did not answer, or because the covenant does not count them.
func (c *Ceremony) railsWanted(missing []record.Pending) error {
	err := fewStamps(c.release, c.Rails)
	if len(missing) > 0 {
		return err.Because(missing[0].Err).With("how", "what is here stays; go on when "+missing[0].Authority+" answers:\ngit vaultmesh tsa test\ngit vaultmesh release seal "+fault.Quote(c.Tag))
	}
	return err.With("how", "time-stamps count of authorities in the covenant; take those that are asked into it, then go on:\ngit vaultmesh covenant import --tsa NAME\ngit vaultmesh release seal "+fault.Quote(c.Tag))
}

func fewStamps(r *released, want int) *fault.Error {
	have := r.finding.Authorities()
	names := ""
	if len(have) > 0 {
		names = ": " + strings.Join(have, ", ")
	}
	return fault.New(fault.RailsWanted, "%d of %d time-stamp authorities of the covenant have stamped the release %s%s", len(have), want, r.ID.Short(), names)
}
