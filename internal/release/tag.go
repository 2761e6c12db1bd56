package release

import (
	"context"
	"strings"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/sign"
	"github.com/VaultSovereign/git-vaultmesh/internal/trust"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

const tags = "refs/tags/"

// tag is an annotated tag of a commit, as it lies in the repository.
type tag struct {
	gitrepo.Tag
	raw    []byte // which is kept as evidence
	commit gitrepo.Commit
}

// Name is a tag as a person says it, without refs/tags/. The fault of what no receipt
// can name is NoTag (VM631).
func Name(said string) (string, error) {
	name := strings.TrimPrefix(said, tags)
	if !receipt.ValidRef(tags+name) || !receipt.ValidPrincipal(name) {
		return "", fault.New(fault.NoTag, "%.200q is no name of a tag that a receipt can have", said).With("tag", "NAME")
	}
	return name, nil
}

// readTag reads the tag of a name, and the commit that it is of. The faults are NoTag
// (VM631), UnsignedTag (VM632), BadTag (VM633), and ObjectMissing (VM509) where the clone
// lacks what it leads to.
func readTag(ctx context.Context, repo *gitrepo.Repo, name string) (*tag, error) {
	refs, err := repo.Exact(ctx, tags+name)
	if fault.Has(err, fault.BadLedgerRef) {
		return nil, badTag(name, "%s%s is symbolic or broken, and not a ref of its own", tags, name).Because(err)
	}
	if err != nil {
		return nil, err
	}
	id := refs[tags+name]
	if id == "" {
		return nil, fault.New(fault.NoTag, "there is no tag %s", name).With("tag", name)
	}
	o, err := repo.Read(ctx, id, ledger.MaxEvidence)
	if fault.Has(err, fault.ObjectTooLarge) {
		return nil, badTag(name, "the tag %s is larger than what a receipt keeps", name).Because(err)
	}
	if err != nil {
		return nil, err
	}
	if o.Type == gitrepo.TypeCommit {
		return nil, fault.New(fault.UnsignedTag, "the tag %s is a name of a commit alone, and nobody can have signed it", name).With("tag", name)
	}
	if o.Type != gitrepo.TypeTag {
		return nil, badTag(name, "the tag %s is one of a %s", name, o.Type)
	}
	return parseTag(ctx, repo, name, o.Data)
}

func parseTag(ctx context.Context, repo *gitrepo.Repo, name string, raw []byte) (*tag, error) {
	parsed, err := gitrepo.ParseTag(repo.Algorithm(), raw)
	switch {
	case err != nil:
		return nil, badTag(name, "the tag %s is malformed", name).Because(err)
	case parsed.Name != name:
		return nil, badTag(name, "the ref %s%s leads to a tag that calls itself %.100q", tags, name, parsed.Name)
	case parsed.Type != gitrepo.TypeCommit:
		return nil, badTag(name, "the tag %s is one of a %.20s, and not of a commit", name, parsed.Type)
	case len(parsed.Signature) == 0:
		return nil, fault.New(fault.UnsignedTag, "the tag %s has no signature", name).With("tag", name)
	}
	o, err := repo.Read(ctx, parsed.Object, gitrepo.MaxCommit)
	if err != nil {
		return nil, err
	}
	if o.Type != gitrepo.TypeCommit {
		return nil, badTag(name, "the tag %s calls a %s a commit", name, o.Type)
	}
	t := &tag{Tag: parsed, raw: raw}
	t.commit, err = gitrepo.ParseCommit(repo.Algorithm(), o.Data)
	return t, err
}

func badTag(name, format string, args ...any) *fault.Error {
	return fault.New(fault.BadTag, format, args...).With("how", "a release is of a tag that is itself one of a commit, and signed; make one by another name:\ngit tag -s NAME "+fault.Quote(name)+"^{commit}")
}

// signer is the principal who signed the tag, by the covenant that was in force when the
// signature is proven to have been there, now where that is zero. The fault is TagDoubted
// (VM634).
func (t *tag) signer(chain *trust.Chain, proven, now time.Time) (string, error) {
	kind, stored, err := sign.Detect(t.Signature)
	var who string
	if err == nil {
		who, err = chain.Vouches(kind, stored, t.Message, proven, now)
	}
	if err != nil {
		return "", fault.New(fault.TagDoubted, "the signature of the tag %s counts for nothing", t.Name).Because(err).
			With("how", "have somebody of the covenant make it anew, or take the key into the covenant:\ngit tag -s -f "+fault.Quote(t.Name)+" "+fault.Quote(t.Name)+"^{}\ngit vaultmesh covenant import")
	}
	return who, nil
}
