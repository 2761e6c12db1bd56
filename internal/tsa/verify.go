package tsa

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	_ "crypto/sha512" // for crypto.SHA384 and crypto.SHA512
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sigstore/timestamp-authority/v2/pkg/verification"
	tag "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// MaxAccuracy is how far the time of a token may be off by its own word. An
// authority that is off by more does not know the time: those in use say a
// second or less, or nothing.
const MaxAccuracy = 10 * time.Minute

// minRSA is the shortest RSA key, in bits, that a token may be signed with;
// maxRSA the longest that a certificate in it may have: with one as long as a
// token has room for, a single signature takes seconds.
const (
	minRSA = 2048
	maxRSA = 8192
)

// Trust says whose tokens count. Without roots nobody's do.
type Trust struct {
	Roots        []*x509.Certificate
	Certificates [][32]byte // SHA-256 of the DER of signers' certificates; none: any under a root
	SPKIs        [][32]byte // SHA-256 of signers' public keys; none: any under a root
	Policy       string     // dotted; "": any
}

// Verify returns nil when the token holds and trust is given to who signed it,
// as of the token's own time: every certificate up to the root was valid then.
// What is checked, in this order, and the faults: docs/spec/timestamp.md.
//
// They are TokenForged (VM402), TSAUntrusted (VM403), TSAUnfit (VM404),
// TSAExpired (VM405), BadAlgorithm (VM406) and TokenClaims (VM407). What the
// token stamps is for the caller to compare with [Token.Imprint]; revocation of
// certificates is not asked for.
func (t *Token) Verify(trust Trust) error {
	signer, err := t.signed.signerCertificate()
	if err != nil {
		return err
	}
	if err := bounded(t.signed.certificates); err != nil {
		return err
	}
	if err := fit(signer); err != nil {
		return err
	}
	if err := t.signed.verify(signer); err != nil {
		return err
	}
	if err := t.chain(signer, trust); err != nil {
		return err
	}
	if err := t.accept(trust); err != nil {
		return err
	}
	return t.secondOpinion(trust)
}

// signerCertificate is the certificate in the token that the signer names.
func (d *signedData) signerCertificate() (*x509.Certificate, error) {
	var found *x509.Certificate
	for _, c := range d.certificates {
		if !bytes.Equal(c.RawIssuer, d.issuer) || c.SerialNumber.Cmp(d.serial) != 0 {
			continue
		}
		if found != nil && !found.Equal(c) {
			return nil, forged("two certificates in the token have the name and number of its signer's")
		}
		found = c
	}
	if found == nil {
		return nil, forged("the token has no certificate of its signer")
	}
	return found, nil
}

// verify checks that the signature covers the content and names the certificate
// (RFC 5652 section 5.6, RFC 5816 section 2.2).
func (d *signedData) verify(signer *x509.Certificate) error {
	digest, signature, ok := d.algorithms()
	if !ok {
		return fault.New(fault.BadAlgorithm, "the time-stamp is signed with %s over the hash %s", d.algorithm.id, d.digest.id)
	}
	a, err := readAttributes(d.attributes)
	if err != nil {
		return err
	}
	if !a.contentType.Equal(oidTSTInfo) {
		return forged("what is signed is not said to be a time-stamp")
	}
	if !bytes.Equal(a.digest, sum(digest, d.content)) {
		return forged("the digest that is signed is not that of the time-stamp")
	}
	if err := a.identify(signer); err != nil {
		return err
	}
	if err := signer.CheckSignature(signature, wrapped(tag.SET, d.attributes), d.signature); err != nil {
		return forged("the signature of the time-stamp does not hold").Because(err)
	}
	return nil
}

// algorithms are those of the digest and of the signature; ok tells whether both
// are accepted and go together. The hash is one, and never SHA-1 or MD5.
func (d *signedData) algorithms() (digest crypto.Hash, signature x509.SignatureAlgorithm, ok bool) {
	for _, a := range accepted {
		if d.digest.is(a.digest) && d.algorithm.is(a.signature) {
			return a.hash, a.algorithm, true
		}
	}
	return 0, 0, false
}

var accepted = []struct {
	digest, signature asn1.ObjectIdentifier
	hash              crypto.Hash
	algorithm         x509.SignatureAlgorithm
}{
	{oidSHA256, oidRSA, crypto.SHA256, x509.SHA256WithRSA},
	{oidSHA384, oidRSA, crypto.SHA384, x509.SHA384WithRSA},
	{oidSHA512, oidRSA, crypto.SHA512, x509.SHA512WithRSA},
	{oidSHA256, oidSHA256WithRSA, crypto.SHA256, x509.SHA256WithRSA},
	{oidSHA384, oidSHA384WithRSA, crypto.SHA384, x509.SHA384WithRSA},
	{oidSHA512, oidSHA512WithRSA, crypto.SHA512, x509.SHA512WithRSA},
	{oidSHA256, oidECDSAWithSHA256, crypto.SHA256, x509.ECDSAWithSHA256},
	{oidSHA384, oidECDSAWithSHA384, crypto.SHA384, x509.ECDSAWithSHA384},
	{oidSHA512, oidECDSAWithSHA512, crypto.SHA512, x509.ECDSAWithSHA512},
}

func sum(hash crypto.Hash, b []byte) []byte {
	h := hash.New()
	h.Write(b)
	return h.Sum(nil)
}

// bounded is asked before the first signature is verified.
func bounded(certificates []*x509.Certificate) error {
	for _, c := range certificates {
		if key, ok := c.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() > maxRSA {
			return unfit("an RSA key has %d bits, and %d are the most", key.N.BitLen(), maxRSA)
		}
	}
	return nil
}

// fit tells whether a certificate may sign time-stamps: for them alone, and
// critically so (RFC 3161 section 2.3).
func fit(c *x509.Certificate) error {
	key, isRSA := c.PublicKey.(*rsa.PublicKey)
	const mayUse = x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment
	switch {
	case c.IsCA:
		return unfit("it may sign certificates")
	case !stampsOnly(c):
		return unfit("it is not for time-stamps alone, and critically so")
	case c.KeyUsage != 0 && (c.KeyUsage&mayUse == 0 || c.KeyUsage&^mayUse != 0):
		return unfit("its key is for something else than signatures")
	case len(c.UnhandledCriticalExtensions) > 0:
		return unfit("it has the critical extension %s, which is not known", c.UnhandledCriticalExtensions[0])
	case isRSA && key.N.BitLen() < minRSA:
		return unfit("its RSA key has %d bits, and %d are the least", key.N.BitLen(), minRSA)
	}
	return nil
}

func stampsOnly(c *x509.Certificate) bool {
	critical := slices.ContainsFunc(c.Extensions, func(e pkix.Extension) bool {
		return e.Id.Equal(oidExtendedKeyUsage) && e.Critical
	})
	return critical && len(c.UnknownExtKeyUsage) == 0 &&
		slices.Equal(c.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping})
}

// accept looks at what the token claims.
func (t *Token) accept(trust Trust) error {
	switch {
	case trust.Policy != "" && t.Policy != trust.Policy:
		return fault.New(fault.TokenClaims, "the time-stamp was issued under policy %s, not %s", t.Policy, trust.Policy)
	case t.Accuracy > MaxAccuracy:
		return fault.New(fault.TokenClaims, "the time-stamp may be off by %s", t.Accuracy)
	case t.info.critical:
		return fault.New(fault.TokenClaims, "the time-stamp has a critical extension, and none is known")
	}
	return nil
}

// chain leads from the signer to a root as of the token's time, and to those
// that are pinned.
func (t *Token) chain(signer *x509.Certificate, trust Trust) error {
	options := x509.VerifyOptions{
		Roots:         pool(trust.Roots),
		Intermediates: pool(t.signed.certificates),
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping},
		CurrentTime:   t.Time,
	}
	_, err := signer.Verify(options)
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fault.New(fault.TSAExpired, "a certificate of the authority was not valid at %s", t.Time.Format(time.RFC3339)).Because(err)
	case err != nil:
		return untrusted("the certificate of %s leads to no trusted root", quoted(signer.Subject.String())).Because(err)
	case !pinned(trust.Certificates, signer.Raw):
		return untrusted("the time-stamp was signed with another certificate than the pinned one")
	case !pinned(trust.SPKIs, signer.RawSubjectPublicKeyInfo):
		return untrusted("the time-stamp was signed with another key than the pinned one")
	}
	return nil
}

func pool(certificates []*x509.Certificate) *x509.CertPool {
	p := x509.NewCertPool()
	for _, c := range certificates {
		if c != nil {
			p.AddCert(c)
		}
	}
	return p
}

func pinned(pins [][32]byte, der []byte) bool {
	return len(pins) == 0 || slices.Contains(pins, sha256.Sum256(der))
}

// secondOpinion asks a verifier that shares no code with ours up to here. It
// must agree; neither is enough alone. It wants to hash what was stamped, last
// of all, and we have only the hash: so it reads an end of our own, and that
// end coming back says that all before it holds.
func (t *Token) secondOpinion(trust Trust) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = forged("the time-stamp breaks the library that verifies it").Because(fmt.Errorf("%v", p))
		}
	}()
	options := verification.VerifyOpts{Roots: trust.Roots, OID: t.policyWanted(trust), CurrentTime: t.Time}
	_, err = verification.VerifyTimestampResponse(t.raw, stampedElsewhere{}, options)
	if !errors.Is(err, errStampedElsewhere) {
		return forged("the time-stamp is refused by the library that verifies it").Because(err)
	}
	return nil
}

func (t *Token) policyWanted(trust Trust) asn1.ObjectIdentifier {
	if trust.Policy == "" {
		return nil
	}
	return t.info.policy // accept compared it
}

var errStampedElsewhere = errors.New("what was stamped is not here")

type stampedElsewhere struct{}

func (stampedElsewhere) Read([]byte) (int, error) { return 0, errStampedElsewhere }

func forged(format string, args ...any) *fault.Error {
	return fault.New(fault.TokenForged, format, args...)
}

func untrusted(format string, args ...any) *fault.Error {
	return fault.New(fault.TSAUntrusted, format, args...)
}

func unfit(format string, args ...any) *fault.Error {
	return fault.New(fault.TSAUnfit, "the time-stamp's certificate is not fit: "+format, args...)
}
