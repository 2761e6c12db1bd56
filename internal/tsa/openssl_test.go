package tsa

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// openssl runs it in a folder and returns what it prints.
func openssl(t *testing.T, dir string, args ...string) (string, error) {
	path, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not here")
	}
	c := exec.Command(path, args...)
	c.Dir = dir
	out, err := c.CombinedOutput()
	return string(out), err
}

func write(t *testing.T, dir, name string, b []byte) {
	if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, dir, name string) []byte {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var atNoon = strconv.FormatInt(noon.Unix(), 10)

// openssl verifies what our authority stamps, asked by us or by openssl.
func TestOpenSSLVerifiesOurs(t *testing.T) {
	dir := t.TempDir()
	s := newServer(t, dir+"/tsa")
	write(t, dir, "root.pem", s.CA.Root())
	write(t, dir, "signer.pem", s.CA.Certificate())
	write(t, dir, "signature", []byte("signature"))
	imprint := sha256.Sum256([]byte("signature"))
	q := newRequest(t)
	stored, _, err := q.Accept(s.Reply(q.Bytes()), s.CA.trust(t), noon)
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "kept.tsr", stored)
	write(t, dir, "ours.tsq", q.Bytes())
	verify := []string{"ts", "-verify", "-in", "kept.tsr", "-CAfile", "root.pem", "-attime", atNoon}
	for _, by := range [][]string{{"-data", "signature"}, {"-digest", hex.EncodeToString(imprint[:])}, {"-queryfile", "ours.tsq"}} {
		if out, err := openssl(t, dir, append(verify, by...)...); err != nil {
			t.Errorf("%s: %s", by[0], out)
		}
	}
	if out, err := openssl(t, dir, append(verify, "-digest", hex.EncodeToString(make([]byte, 32)))...); err == nil {
		t.Errorf("another digest: %s", out)
	}
	for _, hash := range []string{"-sha256", "-sha384", "-sha512"} {
		for _, cert := range [][]string{{"-cert"}, nil} {
			ask := append([]string{"ts", "-query", "-data", "signature", hash, "-out", "q.tsq"}, cert...)
			if out, err := openssl(t, dir, ask...); err != nil {
				t.Fatal(out)
			}
			write(t, dir, "r.tsr", s.Reply(read(t, dir, "q.tsq")))
			args := []string{"ts", "-verify", "-in", "r.tsr", "-queryfile", "q.tsq", "-CAfile", "root.pem", "-attime", atNoon}
			if cert == nil {
				args = append(args, "-untrusted", "signer.pem")
			}
			if out, err := openssl(t, dir, args...); err != nil {
				t.Errorf("%s %v: %s", hash, cert, out)
			}
		}
	}
}

// openssl reads our rejections.
func TestOpenSSLReadsRejections(t *testing.T) {
	dir := t.TempDir()
	s := newServer(t, dir+"/tsa")
	for name, want := range map[string]string{"BadDataFormat": "wrong format", "UnacceptedPolicy": "policy"} {
		query := []byte("hello")
		if name == "UnacceptedPolicy" {
			q, err := NewRequest([32]byte{}, "1.2.3")
			if err != nil {
				t.Fatal(err)
			}
			query = q.Bytes()
		}
		write(t, dir, "r.tsr", s.Reply(query))
		out, err := openssl(t, dir, "ts", "-reply", "-in", "r.tsr", "-text")
		if err != nil || !strings.Contains(out, "Status: Rejected") || !strings.Contains(out, want) {
			t.Errorf("%s: %v %s", name, err, out)
		}
	}
}

// configuration is an authority of openssl; %s is the hash of the identifier.
const configuration = `[tsa]
default_tsa = a
[a]
serial = serial
crypto_device = builtin
signer_cert = signer.pem
certs = root.pem
signer_key = key.pem
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
accuracy = secs:1, millisecs:500, microsecs:100
ordering = yes
tsa_name = yes
ess_cert_id_chain = yes
ess_cert_id_alg = HASH
`

// We verify what openssl stamps, with identifiers of RFC 2634 and RFC 5035, with
// RSA and with ECDSA.
func TestWeVerifyOpenSSLs(t *testing.T) {
	for _, hash := range []string{"sha1", "sha256", "sha512"} {
		for _, key := range []string{"ECDSA", "RSA"} {
			t.Run(hash+" "+key, func(t *testing.T) { acceptFromOpenSSL(t, hash, key) })
		}
	}
}

func acceptFromOpenSSL(t *testing.T, hash, kind string) {
	dir := t.TempDir()
	now := time.Now() // openssl stamps with its own clock
	a := newAuthority()
	if kind == "RSA" {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		a.Key = key
	}
	a.Certify(func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = now.AddDate(0, 0, -1), now.AddDate(0, 0, 1)
	})
	write(t, dir, "root.pem", pemOf(a.Root))
	write(t, dir, "signer.pem", pemOf(a.Signer))
	write(t, dir, "key.pem", keyPEM(t, a.Key))
	write(t, dir, "serial", []byte("01\n"))
	write(t, dir, "tsa.cnf", []byte(strings.ReplaceAll(configuration, "HASH", hash)))
	q := newRequest(t)
	write(t, dir, "q.tsq", q.Bytes())
	out, err := openssl(t, dir, "ts", "-reply", "-queryfile", "q.tsq", "-config", "tsa.cnf", "-out", "r.tsr")
	if err != nil {
		t.Fatal(out)
	}
	stored, token, err := q.Accept(read(t, dir, "r.tsr"), trustIn(a), now)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := Parse(stored); err != nil || again.Verify(trustIn(a)) != nil || token.Policy != "1.2.3.4.1" {
		t.Errorf("what is kept does not hold: %v", err)
	}
	write(t, dir, "kept.tsr", stored)
	if out, err := openssl(t, dir, "ts", "-verify", "-in", "kept.tsr", "-data", "q.tsq", "-CAfile", "root.pem"); err == nil {
		t.Errorf("other data: %s", out)
	}
	if out, err := openssl(t, dir, "ts", "-verify", "-in", "kept.tsr", "-queryfile", "q.tsq", "-CAfile", "root.pem"); err != nil {
		t.Errorf("openssl on what is kept: %s", out)
	}
}

func keyPEM(t *testing.T, key crypto.Signer) []byte {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}
