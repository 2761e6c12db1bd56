package sign

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha512"
	"encoding/base64"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
)

// usualSSH is what stands before the 64 bytes of a signature by an Ed25519 key over a
// receipt, as ssh-keygen makes it (OpenSSH, PROTOCOL.sshsig): all but a few are so.
func usualSSH(public ssh.PublicKey) []byte {
	s := sshsig.Signature{Version: 1, PublicKey: public, Namespace: Namespace, HashAlgorithm: sshsig.HashSHA512,
		Signature: &ssh.Signature{Format: ssh.KeyAlgoED25519, Blob: make([]byte, ed25519.SignatureSize)}}
	b := s.Marshal()
	return b[:len(b)-ed25519.SignatureSize]
}

// signedSSH is what such a signature is over, but for the SHA-512 of the message.
var signedSSH = append([]byte("SSHSIG"), ssh.Marshal(struct{ Namespace, Reserved, Hash string }{Namespace, "", "sha512"})...)

// usual says which key of the ring made a signature over a receipt, where it is a usual one:
// it is compared with what such a one begins with, and not taken apart. It is false of all
// others, and of those that do not hold, of which [verifySSH] says why.
func (r Ring) usual(signature, message []byte) (Signature, bool) {
	blob := unarmored(signature)
	for _, k := range r {
		public, ok := k.ssh.(*ed25519Key)
		if !ok {
			continue
		}
		made, ok := bytes.CutPrefix(blob, public.usual)
		if !ok || len(made) != ed25519.SignatureSize {
			continue
		}
		digest := sha512.Sum512(message)
		signed := bytes.Join([][]byte{signedSSH, {0, 0, 0, sha512.Size}, digest[:]}, nil)
		if public.Verify(signed, &ssh.Signature{Format: ssh.KeyAlgoED25519, Blob: made}) == nil {
			return Signature{Key: k, By: k.fingerprint}, true
		}
	}
	return Signature{}, false
}

// unarmored is what lies in the armor of ssh-keygen, nil for what is not spelled as it
// spells.
func unarmored(signature []byte) []byte {
	if len(signature) > MaxSize {
		return nil
	}
	text, begins := bytes.CutPrefix(signature, []byte(beginSSH))
	text, ends := bytes.CutSuffix(text, []byte(endSSH))
	blob := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Decode(blob, text) // which passes over line breaks
	if !begins || !ends || err != nil || !bytes.Equal(armorSSHSIG(blob[:n]), signature) {
		return nil
	}
	return blob[:n]
}
