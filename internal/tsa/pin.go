package tsa

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// maxCertificates is how large a file of certificates may be, in bytes.
const maxCertificates = 1 << 20

// Pin is the SHA-256 of a certificate's DER or of its SubjectPublicKeyInfo.
type Pin [32]byte

// ParsePin reads a pin: hex, with or without colons, or base64, with or without
// padding, after "sha256/", "sha256:" or nothing. The fault is BadPin (VM415).
func ParsePin(s string) (Pin, error) {
	text := s
	if len(s) > 7 && strings.EqualFold(s[:6], "sha256") && (s[6] == '/' || s[6] == ':') {
		text = s[7:]
	}
	for _, decode := range []func(string) ([]byte, error){
		func(s string) ([]byte, error) { return hex.DecodeString(withoutColons(s)) },
		base64.StdEncoding.Strict().DecodeString,
		base64.RawStdEncoding.Strict().DecodeString,
	} {
		if b, err := decode(text); err == nil && len(b) == len(Pin{}) {
			return Pin(b), nil
		}
	}
	return Pin{}, fault.New(fault.BadPin, "%s is no SHA-256", quoted(s))
}

// withoutColons is hex as openssl x509 -fingerprint prints it, without the
// colons between every two digits.
func withoutColons(s string) string {
	if len(s) != 3*len(Pin{})-1 {
		return s
	}
	return strings.ReplaceAll(s, ":", "")
}

// Names tells whether the pin is that of a certificate or of its key.
func (p Pin) Names(c *x509.Certificate) bool {
	return p == sha256.Sum256(c.Raw) || p == sha256.Sum256(c.RawSubjectPublicKeyInfo)
}

// ParseCertificates reads one or more certificates: PEM, with text around the
// blocks, or DER. At most 1 MiB is read, and anything else than certificates,
// above all a key, is refused: BadCertificate (VM417).
func ParseCertificates(b []byte) ([]*x509.Certificate, error) {
	if len(b) > maxCertificates {
		return nil, fault.New(fault.BadCertificate, "the file is larger than 1 MiB")
	}
	der, err := derOf(b)
	if err != nil {
		return nil, err
	}
	certificates, err := x509.ParseCertificates(der)
	if err != nil {
		return nil, fault.New(fault.BadCertificate, "a certificate cannot be read").Because(err)
	}
	if len(certificates) == 0 {
		return nil, fault.New(fault.BadCertificate, "the file has no certificate")
	}
	return certificates, nil
}

// derOf joins what is in the PEM blocks of b; without any, b is DER.
func derOf(b []byte) ([]byte, error) {
	begin := []byte("-----BEGIN ")
	if !bytes.Contains(b, begin) {
		return b, nil
	}
	var der []byte
	blocks := 0
	for block, rest := pem.Decode(b); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" && block.Type != "X509 CERTIFICATE" {
			return nil, fault.New(fault.BadCertificate, "the file has a %s besides certificates", quoted(block.Type))
		}
		der = append(der, block.Bytes...)
		blocks++
	}
	if blocks != bytes.Count(b, begin) {
		return nil, fault.New(fault.BadCertificate, "a block of the file is damaged")
	}
	return der, nil
}
