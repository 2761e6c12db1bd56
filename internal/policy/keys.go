package policy

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"io"
	"strings"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
	"golang.org/x/crypto/ssh"

	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

const (
	typeSSH     = "ssh"
	typeOpenPGP = "openpgp"
	armorType   = "PGP PUBLIC KEY BLOCK"
)

// errSecret is what is said of a private key. What was written is never repeated.
var errSecret = errors.New("holds a private key: take it out of the document, and put its public key there")

// publicKey is a key of a principal, with the fingerprints of all that it can
// sign with: the first is its own, the others are of subkeys.
type publicKey struct {
	at     place
	owner  string // the principal's name
	key    receipt.PublicKey
	prints []string
}

// parseSSH reads a line of a .pub file. The comment is dropped.
func parseSSH(line string) (publicKey, error) {
	if strings.Contains(line, "PRIVATE KEY") {
		return publicKey{}, errSecret
	}
	words := strings.Fields(line)
	if len(words) < 2 || strings.ContainsAny(strings.TrimSpace(line), "\r\n") {
		return publicKey{}, errors.New("is not one line with a type and base64, as in a .pub file")
	}
	blob, err := base64.StdEncoding.Strict().DecodeString(words[1])
	if err != nil {
		return publicKey{}, errors.New("is not an SSH public key: its second word is not base64")
	}
	key, err := ssh.ParsePublicKey(blob)
	if err != nil {
		return publicKey{}, errors.New("is not an SSH public key that can be read")
	}
	if _, certified := key.(*ssh.Certificate); certified {
		return publicKey{}, errors.New("is an SSH certificate; give the key itself")
	}
	if key.Type() != words[0] {
		return publicKey{}, errors.New("is of another type than its first word says: " + key.Type())
	}
	spelled := key.Type() + " " + base64.StdEncoding.EncodeToString(key.Marshal())
	return publicKey{key: receipt.PublicKey{Type: typeSSH, Key: spelled}, prints: []string{ssh.FingerprintSHA256(key)}}, nil
}

// parseOpenPGP reads one public key, armored or in base64 with any line breaks.
// Its packets are kept as they are.
func parseOpenPGP(s string) (publicKey, error) {
	binary, err := dearmor(strings.TrimSpace(s))
	if err != nil {
		return publicKey{}, err
	}
	if err := onlyPublic(binary); err != nil {
		return publicKey{}, err
	}
	keys, err := openpgp.ReadKeyRing(bytes.NewReader(binary))
	if err != nil || len(keys) != 1 {
		return publicKey{}, errors.New("is not an OpenPGP public key that can be read")
	}
	prints := []string{upperHex(keys[0].PrimaryKey.Fingerprint)}
	for _, sub := range keys[0].Subkeys {
		prints = append(prints, upperHex(sub.PublicKey.Fingerprint))
	}
	spelled := base64.StdEncoding.EncodeToString(binary)
	return publicKey{key: receipt.PublicKey{Type: typeOpenPGP, Key: spelled}, prints: prints}, nil
}

func dearmor(s string) ([]byte, error) {
	if strings.Contains(s, "PRIVATE KEY") {
		return nil, errSecret
	}
	if !strings.HasPrefix(s, "-----") {
		binary, err := base64.StdEncoding.Strict().DecodeString(strings.Join(strings.Fields(s), ""))
		if err != nil || len(binary) == 0 {
			return nil, errors.New("is neither an armored OpenPGP public key nor base64 of one")
		}
		return binary, nil
	}
	whole := strings.HasPrefix(s, "-----BEGIN "+armorType+"-----") && strings.HasSuffix(s, "-----END "+armorType+"-----")
	if !whole || strings.Count(s, "-----BEGIN ") != 1 {
		return nil, errors.New("is not exactly one " + armorType)
	}
	block, err := armor.Decode(strings.NewReader(s))
	if err != nil {
		return nil, errors.New("has armor that cannot be read")
	}
	binary, err := io.ReadAll(block.Body)
	if err != nil {
		return nil, errors.New("has armor that cannot be read")
	}
	return binary, nil
}

// The packets of RFC 9580 section 5 that tell keys apart.
const (
	tagSecretKey    = 5
	tagPublicKey    = 6
	tagSecretSubkey = 7
)

// onlyPublic checks the packets before anything is made of them: one primary
// key, which comes first, and no secret one.
func onlyPublic(binary []byte) error {
	packets := packet.NewOpaqueReader(bytes.NewReader(binary))
	primaries := 0
	for n := 0; ; n++ {
		p, err := packets.Next()
		if err == io.EOF {
			break
		}
		if err != nil || p == nil {
			return errors.New("is cut off, or no OpenPGP key")
		}
		switch p.Tag {
		case tagSecretKey, tagSecretSubkey:
			return errSecret
		case tagPublicKey:
			primaries++
		}
		if n == 0 && p.Tag != tagPublicKey {
			return errors.New("is OpenPGP, but no public key")
		}
	}
	if primaries != 1 {
		return errors.New("has several OpenPGP keys; give each one by itself")
	}
	return nil
}

// parseCertificate reads one certificate, as PEM or base64 of DER, and gives
// base64 of DER.
func parseCertificate(s string) (string, error) {
	s = strings.TrimSpace(s)
	if strings.Contains(s, "PRIVATE KEY") {
		return "", errSecret
	}
	der, err := base64.StdEncoding.Strict().DecodeString(strings.Join(strings.Fields(s), ""))
	if strings.HasPrefix(s, "-----") {
		block, rest := pem.Decode([]byte(s))
		if block == nil || block.Type != "CERTIFICATE" || len(bytes.TrimSpace(rest)) > 0 {
			return "", errors.New("is not exactly one certificate as PEM")
		}
		der, err = block.Bytes, nil
	}
	if err != nil {
		return "", errors.New("is neither PEM nor base64 of DER")
	}
	if _, err := x509.ParseCertificate(der); err != nil {
		return "", errors.New("is not a certificate that can be read")
	}
	return base64.StdEncoding.EncodeToString(der), nil
}

func upperHex(b []byte) string { return strings.ToUpper(hex.EncodeToString(b)) }

// armored is a binary key in ASCII armor, with the checksum that gpg 2.2 wants.
func armored(binary []byte) string {
	var b strings.Builder
	w, err := armor.EncodeWithChecksumOption(&b, armorType, nil, true)
	if err == nil {
		_, err = w.Write(binary)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil { // a strings.Builder takes everything
		return base64.StdEncoding.EncodeToString(binary)
	}
	return strings.TrimSpace(b.String())
}
