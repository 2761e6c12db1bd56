package sign

import (
	"bytes"
	"context"
	"strings"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// gpgSigner signs as git does: by gpg, or a program that is called like it.
type gpgSigner struct {
	Settings
	program string
	key     string // as gpg's -u takes it
	named   bool   // somebody named the key
}

func (s Settings) gpgSigner() (*gpgSigner, error) {
	g := &gpgSigner{Settings: s, program: s.GPGProgram, key: s.SigningKey, named: s.SigningKey != ""}
	if g.program == "" {
		g.program = "gpg"
	}
	g.program = s.expand(g.program)
	if g.named {
		return g, nil
	}
	var err error
	g.key, err = s.Identity()
	return g, err
}

// statusPrefix begins the lines that gpg writes for programs (GnuPG, doc/DETAILS).
const statusPrefix = "[GNUPG:] "

// status tells whether gpg reported something.
func (r ran) status(keyword string) bool {
	for line := range strings.Lines(string(r.stderr)) {
		rest, ok := strings.CutPrefix(line, statusPrefix)
		if ok && (strings.TrimSpace(rest) == keyword || strings.HasPrefix(rest, keyword+" ")) {
			return true
		}
	}
	return false
}

// Sign signs by gpg --status-fd=2 -bsau KEY, which is how git calls it.
func (g *gpgSigner) Sign(ctx context.Context, message []byte) (Made, error) {
	r, err := g.run(ctx, message, g.program, "--status-fd=2", "-bsau", g.key)
	if err != nil {
		return Made{}, err
	}
	if r.failed != nil || !r.status("SIG_CREATED") {
		return Made{}, g.why(r)
	}
	binary, ok := dearmored(r.stdout, openpgp.SignatureType)
	if !ok {
		return Made{}, fault.New(fault.SignFailed, "%s printed something else than one signature", g.program)
	}
	s, err := parseOpenPGP(binary)
	if err != nil {
		return Made{}, fault.New(fault.SignFailed, "%s printed something else than one signature", g.program).Because(err)
	}
	if err := fit(s); err != nil {
		return Made{}, err
	}
	if !tagged(s, message) {
		return Made{}, fault.New(fault.SignFailed, "%s signed something else than the receipt", g.program)
	}
	return Made{OpenPGP, binary, issuerOf(s)}, nil
}

// tagged tells whether a signature says that it is over a message: by the first two
// bytes of the digest, which stand in it (RFC 9580 section 5.2.3). The key, which would
// say for certain, is gpg's to know, and one more program to run.
func tagged(s *packet.Signature, message []byte) bool {
	h, err := s.PrepareVerify()
	if err != nil {
		return false
	}
	h.Write(message)
	h.Write(s.HashSuffix)
	return bytes.HasPrefix(h.Sum(nil), s.HashTag[:])
}

// why says why gpg made no signature.
func (g *gpgSigner) why(r ran) error {
	switch {
	case r.status("INV_SGNR") && !g.named:
		return noKey("gpg has no secret key for %s, and git names none", g.key)
	case r.status("INV_SGNR"):
		return noKey("gpg has no secret key %s, which user.signingKey names", g.key)
	case r.status("BAD_PASSPHRASE"):
		return fault.New(fault.WrongPassphrase, "the passphrase of the key %s is another", g.key)
	}
	return r.signFailed(g.program)
}

// Public asks gpg for the key that it signs with.
func (g *gpgSigner) Public(ctx context.Context) (*Key, error) {
	r, err := g.run(ctx, nil, g.program, "--batch", "--with-colons", "--list-secret-keys", "--", strings.TrimSuffix(g.key, "!"))
	if err != nil {
		return nil, err
	}
	fingerprint := firstFingerprint(string(r.stdout))
	if r.failed != nil || fingerprint == "" {
		return nil, noKey("gpg has no secret key for %s", g.key)
	}
	return g.export(ctx, fingerprint)
}

// firstFingerprint is that of the first key of a listing (GnuPG, doc/DETAILS).
func firstFingerprint(listing string) string {
	for line := range strings.Lines(listing) {
		fields := strings.Split(line, ":")
		if fields[0] == "fpr" && len(fields) > 9 {
			return fields[9]
		}
	}
	return ""
}

// export asks gpg for the public key that a key id, fingerprint or address
// names. The faults are BadKey (VM308) and those of running it.
func (g *gpgSigner) export(ctx context.Context, name string) (*Key, error) {
	r, err := g.run(ctx, nil, g.program, "--batch", "--export-options", "export-minimal", "--export", "--", name)
	if err != nil {
		return nil, err
	}
	if r.failed != nil || len(r.stdout) == 0 {
		return nil, badKey("gpg has no public key %.80q", name)
	}
	keys, err := openpgpKeys(r.stdout)
	if err == nil && len(keys) != 1 {
		err = badKey("%.80q names %d keys of gpg; give a fingerprint", name, len(keys))
	}
	if err != nil {
		return nil, err
	}
	return keys[0], nil
}

// ExportGPG is the public key that gpg has under a name: a fingerprint, key id
// or address. The faults are BadKey (VM308) and NoKey (VM301) where there is no gpg.
func (s Settings) ExportGPG(ctx context.Context, name string) (*Key, error) {
	s.SigningKey = name
	g, err := s.gpgSigner()
	if err != nil {
		return nil, err
	}
	return g.export(ctx, name)
}
