package release

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/proof"
	"github.com/VaultSovereign/git-vaultmesh/internal/query"
	"github.com/VaultSovereign/git-vaultmesh/internal/record"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// maxProof is the most bytes of a file beside the archive.
const maxProof = 64 << 20

// seal has a trusted seal be over the release, unless one is. Where a seal waits for more
// signatures, no other is made beside it.
func (c *Ceremony) seal(ctx context.Context, _ *Outcome) error {
	if under, err := underSeal(ctx, c.ledger, c.release.Entry, c.Terms); err != nil || under {
		return err
	}
	waiting, err := c.waitingSeal(ctx)
	if err != nil {
		return err
	}
	id := receipt.ID{}
	if waiting != nil {
		findings, err := verify.Findings(ctx, c.ledger, c.Terms, []*ledger.Entry{waiting})
		if err == nil {
			err = c.endorse(ctx, waiting, findings[0])
		}
		if err != nil {
			return err
		}
		id = waiting.ID
	} else if id, err = c.newSeal(ctx); err != nil {
		return err
	}
	if err := c.reread(ctx, c.release.ID); err != nil {
		return err
	}
	return c.sealCounts(ctx, id)
}

// newSeal seals the ledger.
func (c *Ceremony) newSeal(ctx context.Context) (receipt.ID, error) {
	place := c.Place
	var err error
	if place.Signer, err = c.who(); err != nil {
		return receipt.ID{}, err
	}
	done, _, err := record.Seal(ctx, place, c.Terms)
	if err != nil {
		return receipt.ID{}, err
	}
	return done.ID, c.pending(done)
}

// sealCounts says what a seal that was made or signed lacks.
func (c *Ceremony) sealCounts(ctx context.Context, id receipt.ID) error {
	if under, err := underSeal(ctx, c.ledger, c.release.Entry, c.Terms); err != nil || under {
		return err
	}
	seal, err := c.judged(ctx, id)
	if err != nil {
		return err
	}
	if !seal.finding.Trusted() {
		return c.signersWanted(id, seal.finding)
	}
	return unsealed(c.release, c.Tag)
}

func underSeal(ctx context.Context, l *ledger.Ledger, e *ledger.Entry, terms *verify.Terms) (bool, error) {
	bench, err := verify.Sit(ctx, l, l, terms)
	if err != nil {
		return false, err
	}
	return bench.UnderSeal(ctx, e)
}

// waitingSeal is a seal over the release that not enough have signed, nil for none.
func (c *Ceremony) waitingSeal(ctx context.Context) (*ledger.Entry, error) {
	seals, err := c.Find.holding(ctx, c.ledger, query.OfKinds(receipt.KindSeal))
	if err != nil || len(seals) == 0 {
		return nil, err
	}
	findings, err := verify.Findings(ctx, c.ledger, c.Terms, seals)
	if err != nil {
		return nil, err
	}
	for i, e := range seals {
		if findings[i].Trusted() || len(findings[i].Signers) == 0 {
			continue // it counts, and is not over the release; or nobody of the covenant vouches for it
		}
		at, err := c.ledger.At(ctx, gitrepo.OID(e.Receipt.Seal.Head.Hex()))
		if err != nil {
			continue // it is over what is not here
		}
		over, err := at.Load(ctx, []string{c.release.Path})
		if err == nil && len(over) == 1 {
			return e, nil
		}
	}
	return nil, nil
}

// writeFiles writes what proves the release beside the archive: the receipt, each
// signature that counts, the token of each authority over it, and the proof that one can
// mail.
func (c *Ceremony) writeFiles(ctx context.Context, out *Outcome) error {
	out.Release = c.release.Entry
	base := strings.TrimSuffix(c.archive.path, archiveSuffix)
	write := func(name string, data []byte, replaces func([]byte) bool) error {
		out.Files = append(out.Files, name)
		return put(name, data, replaces)
	}
	if err := write(base+".receipt.json", c.release.Raw, never); err != nil {
		return err
	}
	if err := c.writeProofs(ctx, base, write); err != nil {
		return err
	}
	m, err := verify.Gather(ctx, c.ledger, c.release.Entry, c.Terms)
	if err != nil {
		return err
	}
	b, err := proof.Encode(m, func(e *ledger.Entry) (map[string][]byte, error) { return proof.FilesOf(ctx, c.ledger, e) })
	if err != nil {
		return err
	}
	return write(base+".vmproof", b, c.isOlder)
}

// isOlder tells whether a file is a proof of the same release, which more signatures or
// time-stamps make another.
func (c *Ceremony) isOlder(b []byte) bool {
	m, err := proof.Decode(b)
	return err == nil && m.Receipt.ID == c.release.ID
}

// writeProofs writes each signature that counts as BASE.WHO.sig, and the earliest token of
// each authority over it as BASE.WHO.AUTHORITY.tsr.
func (c *Ceremony) writeProofs(ctx context.Context, base string, write func(string, []byte, func([]byte) bool) error) error {
	names := make(map[string]int)
	for _, s := range c.release.finding.Signatures {
		if s.Err != nil {
			continue
		}
		who := PlainName(s.Principal)
		if names[who]++; names[who] > 1 {
			who += "-" + strconv.Itoa(names[who])
		}
		if err := c.writeProof(ctx, s.File, base+"."+who+".sig", write); err != nil {
			return err
		}
		for authority, file := range c.tokensOver(s.File) {
			if err := c.writeProof(ctx, file, base+"."+who+"."+PlainName(authority)+".tsr", write); err != nil {
				return err
			}
		}
	}
	return nil
}

// tokensOver are the files of the earliest tokens over a signature, by authority.
func (c *Ceremony) tokensOver(file string) map[string]string {
	files, times := make(map[string]string), make(map[string]time.Time)
	for _, t := range c.release.finding.Tokens {
		earliest, known := times[t.Authority]
		if t.Err == nil && t.Over == file && (!known || t.Time.Before(earliest)) {
			files[t.Authority], times[t.Authority] = t.File, t.Time
		}
	}
	return files
}

// writeProof writes a file of the release's folder under another name.
func (c *Ceremony) writeProof(ctx context.Context, file, path string, write func(string, []byte, func([]byte) bool) error) error {
	for _, f := range c.release.Files {
		if f.Name != file {
			continue
		}
		b, err := c.release.Proof(ctx, c.ledger, f)
		if err != nil {
			return err
		}
		return write(path, b, never)
	}
	return nil
}
