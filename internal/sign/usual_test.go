package sign

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"testing"

	"github.com/hiddeco/sshsig"
)

// A signature that is compared with what a usual one begins with has the verdict of one that
// is taken apart, and only those of Ed25519 over receipts are usual.
func TestUsual(t *testing.T) {
	t.Parallel()
	all := samples(t)
	var ring Ring
	for _, s := range all {
		ring = append(ring, s.key)
	}
	usual := 0
	for _, s := range all {
		if s.kind != SSH {
			continue
		}
		want, err := verifyAnySSH(Namespace, s.signature, message, ring)
		must(t, err)
		got, ok := ring.usual(s.signature, message)
		if _, is := s.key.ssh.(*ed25519Key); ok != is || ok && got != want {
			t.Errorf("%s: usual is %v, %+v instead of %+v", s.name, ok, got, want)
		}
		if ok {
			usual++
		}
		if _, ok := ring.usual(s.signature, append(bytes.Clone(message), ' ')); ok {
			t.Errorf("%s is one over other bytes", s.name)
		}
	}
	if usual == 0 {
		t.Error("none is usual")
	}
}

// Others than the usual ones of the same key verify all the same, or are refused for what they are.
func TestUnusual(t *testing.T) {
	t.Parallel()
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	signer := sshPrivate(t, ed)
	ring := Ring{sshPublic(t, signer.PublicKey())}
	for name, c := range map[string]struct {
		namespace string
		hash      sshsig.HashAlgorithm
		holds     bool
	}{
		"usual":             {Namespace, sshsig.HashSHA512, true},
		"over a SHA-256":    {Namespace, sshsig.HashSHA256, true},
		"in git's own name": {"git", sshsig.HashSHA512, false},
	} {
		s, err := sshsig.Sign(bytes.NewReader(message), signer, c.hash, c.namespace)
		must(t, err)
		signature := armorSSHSIG(s.Marshal())
		if _, ok := ring.usual(signature, message); ok != (name == "usual") {
			t.Errorf("%s: usual is %v", name, ok)
		}
		if _, err := Verify(SSH, signature, message, ring); (err == nil) != c.holds {
			t.Errorf("%s: %v", name, err)
		}
	}
}
