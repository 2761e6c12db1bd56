package trust

import (
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/sign"
)

// Vouches says for which principal a signature counts that git made over a tag: by the
// covenant that was in force when it is proven to have been there, or now where proven is
// zero. The signature is in the spelling of [sign.Detect]. The faults are those of
// [sign.Verify], of a receipt's signature, and NoCovenant (VM607).
func (c *Chain) Vouches(kind string, signature, message []byte, proven, now time.Time) (string, error) {
	if c.latest() == nil {
		return "", fault.New(fault.NoCovenant, "the ledger has no covenant, so nobody's signature counts")
	}
	s, err := sign.VerifyGit(kind, signature, message, c.ring())
	if err != nil {
		return "", err
	}
	at := proven
	if proven.IsZero() {
		at = now
	}
	m, v := made{Signature: s, proven: proven}, c.inForce(at)
	h, ok := v.people[s.Key.Fingerprint()]
	if !ok {
		return "", m.unknownIn(v, c.revocations)
	}
	m.Key = h.key
	return h.name, m.validAt(at, c.revocations)
}
