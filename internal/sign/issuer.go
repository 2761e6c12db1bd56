// Package sign reads signatures: OpenPGP (RFC 9580) and SSHSIG (OpenSSH,
// PROTOCOL.sshsig). It knows bytes and keys, not ledgers, and never git.
package sign

import (
	"bytes"
	"fmt"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
)

// The types of signatures, as files in a ledger are named.
const (
	OpenPGP = "openpgp"
	SSH     = "ssh"
)

// Issuer is what a signature says of the key that it was made with, "" where it
// says nothing that can be read: SHA256: and base64 for an SSH key, as
// ssh-keygen -l prints it, and the fingerprint in upper-case hex, or only the key id,
// for an OpenPGP key. It is a claim. Nothing is verified.
func Issuer(kind string, signature []byte) string {
	switch kind {
	case SSH:
		return sshIssuer(signature)
	case OpenPGP:
		return openpgpIssuer(signature)
	}
	return ""
}

func sshIssuer(signature []byte) string {
	s, err := sshsig.Unarmor(signature)
	if err != nil {
		s, err = sshsig.ParseSignature(signature)
	}
	if err != nil || s.PublicKey == nil {
		return ""
	}
	return ssh.FingerprintSHA256(s.PublicKey)
}

func openpgpIssuer(signature []byte) string {
	p, err := packet.Read(bytes.NewReader(signature))
	s, ok := p.(*packet.Signature)
	if err != nil || !ok {
		return ""
	}
	return issuerOf(s)
}

// issuerOf is the fingerprint that a signature names, else the key id.
func issuerOf(s *packet.Signature) string {
	switch {
	case len(s.IssuerFingerprint) > 0:
		return upperHex(s.IssuerFingerprint)
	case s.IssuerKeyId != nil:
		return fmt.Sprintf("%016X", *s.IssuerKeyId)
	}
	return ""
}
