package sign

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
	"github.com/hiddeco/sshsig"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// Detect tells of what kind a signature is, as a tool wrote it, and returns the
// one spelling in which it is stored: the packet for OpenPGP, armored or not
// before, and ssh-keygen's own armor for SSH. White space around armor is
// passed over; anything else there is not. The fault is BadSpelling (VM310).
func Detect(b []byte) (kind string, stored []byte, err error) {
	if len(b) > 2*MaxSize {
		return "", nil, fault.New(fault.BadSpelling, "a signature has more than %d bytes", MaxSize)
	}
	if bytes.HasPrefix(bytes.TrimSpace(b), []byte("-----BEGIN SSH SIGNATURE-----")) {
		stored, err = spellSSH(b)
		return SSH, stored, err
	}
	if binary, ok := dearmored(b, openpgp.SignatureType); ok {
		b = binary
	}
	if _, err := parseOpenPGP(b); err != nil {
		return "", nil, err
	}
	return OpenPGP, b, nil
}

func spellSSH(b []byte) (stored []byte, err error) {
	s, err := sshsig.Unarmor(bytes.TrimSpace(b))
	if err != nil {
		return nil, fault.New(fault.BadSpelling, "this is not an SSH signature").Because(fmt.Errorf("%v", err))
	}
	stored = armorSSHSIG(s.Marshal())
	if !bytes.Equal(squeeze(stored), squeeze(b)) {
		return nil, fault.New(fault.BadSpelling, "something stands around the SSH signature")
	}
	if _, err := parseSSHSIG(stored); err != nil {
		return nil, err
	}
	return stored, nil
}

// squeeze leaves white space out.
func squeeze(b []byte) []byte { return bytes.Join(bytes.Fields(b), nil) }

// sshColumns is how ssh-keygen breaks the lines of a signature (OpenSSH, PROTOCOL.sshsig).
const sshColumns = 70

// The lines around a signature.
const (
	beginSSH = "-----BEGIN SSH SIGNATURE-----\n"
	endSSH   = "-----END SSH SIGNATURE-----\n"
)

// armorSSHSIG writes a signature as ssh-keygen -Y sign does.
func armorSSHSIG(raw []byte) []byte {
	text := base64.StdEncoding.EncodeToString(raw)
	b := make([]byte, 0, len(beginSSH)+len(text)+len(text)/sshColumns+1+len(endSSH))
	b = append(b, beginSSH...)
	for text != "" {
		n := min(len(text), sshColumns)
		b = append(append(b, text[:n]...), '\n')
		text = text[n:]
	}
	return append(b, endSSH...)
}

// dearmored is what lies in one armored block (RFC 9580 section 6.2) of a type.
// It is false for everything else, also where other text stands around it.
func dearmored(b []byte, kind string) ([]byte, bool) {
	begin, end := []byte("-----BEGIN "+kind+"-----"), []byte("-----END "+kind+"-----")
	b = bytes.TrimSpace(b)
	if !bytes.HasPrefix(b, begin) || !bytes.HasSuffix(b, end) || bytes.Count(b, []byte("-----BEGIN ")) != 1 {
		return nil, false
	}
	block, err := armor.Decode(bytes.NewReader(b))
	if err != nil {
		return nil, false
	}
	binary, err := io.ReadAll(block.Body)
	return binary, err == nil && block.Type == kind && alone(b, binary)
}

// alone tells whether nothing stands in a block behind its headers but its
// bytes, at most a checksum, and its last line: the library stops to read where
// it has enough.
func alone(block, binary []byte) bool {
	_, body, _ := bytes.Cut(bytes.ReplaceAll(block, []byte("\r\n"), []byte("\n")), []byte("\n\n"))
	rest, ok := bytes.CutPrefix(squeeze(body), []byte(base64.StdEncoding.EncodeToString(binary)))
	if sum, has := bytes.CutPrefix(rest, []byte("=")); ok && has && len(sum) > 4 {
		rest = sum[4:]
	}
	return ok && bytes.HasPrefix(rest, []byte("-----END")) && bytes.Count(rest, []byte("-----END")) == 1
}

// armored writes an OpenPGP signature or key for people, with the checksum that
// gpg 2.2 wants (RFC 9580 section 6.1).
func armored(b []byte, kind string) []byte {
	var out bytes.Buffer
	w, err := armor.EncodeWithChecksumOption(&out, kind, nil, true)
	if err == nil {
		_, _ = w.Write(b) // into memory
		_ = w.Close()
	}
	out.WriteByte('\n')
	return out.Bytes()
}
