package sign

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// run runs a tool in a folder of its own; the test is skipped where there is none.
func run(t *testing.T, dir, stdin, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%s is not installed", name)
	}
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(stdin)
	cmd.Env = append(os.Environ(), "GNUPGHOME="+dir, "HOME="+dir)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %v: %v %s", name, args, err, &said)
	}
	return string(out)
}

func TestIssuerOfSSH(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	key := filepath.Join(dir, "test-key") // made for this test, and gone with it
	run(t, dir, "", "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", key)
	signature := run(t, dir, "text", "ssh-keygen", "-Y", "sign", "-f", key, "-n", "vaultmesh")
	want := strings.Fields(run(t, dir, "", "ssh-keygen", "-l", "-f", key))[1]
	if got := Issuer(SSH, []byte(signature)); got != want || !strings.HasPrefix(got, "SHA256:") {
		t.Errorf("the issuer is %q, want %q", got, want)
	}
	refuses(t, SSH, []byte(signature))
}

func TestIssuerOfOpenPGP(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "gpg") // a short path: gpg-agent listens there
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	defer func() { _ = exec.Command("gpgconf", "--homedir", dir, "--kill", "all").Run() }()
	run(t, dir, "", "gpg", "--batch", "--quiet", "--passphrase", "", "--quick-generate-key", "Test <test@example.com>", "ed25519", "sign", "never")
	signature := run(t, dir, "text", "gpg", "--batch", "--quiet", "--detach-sign")
	var want string
	for line := range strings.Lines(run(t, dir, "", "gpg", "--batch", "--with-colons", "--list-keys")) {
		if rest, ok := strings.CutPrefix(line, "fpr:::::::::"); ok && want == "" {
			want = strings.TrimSuffix(rest, ":\n")
		}
	}
	if got := Issuer(OpenPGP, []byte(signature)); got != want || len(got) != 40 {
		t.Errorf("the issuer is %q, want %q", got, want)
	}
	refuses(t, OpenPGP, []byte(signature))
}

// refuses sees that what is cut or of another type has no issuer, and that
// nothing crashes.
func refuses(t *testing.T, kind string, signature []byte) {
	for n := range signature {
		Issuer(kind, signature[:n])
		flipped := bytes.Clone(signature)
		flipped[n] ^= 0xFF
		Issuer(kind, flipped)
	}
	for _, other := range []string{"rfc3161", "", map[string]string{SSH: OpenPGP, OpenPGP: SSH}[kind]} {
		if got := Issuer(other, signature); got != "" {
			t.Errorf("as %q it is by %q", other, got)
		}
	}
	if got := Issuer(kind, []byte("garbage")); got != "" {
		t.Errorf("garbage is by %q", got)
	}
}

func FuzzIssuer(f *testing.F) {
	f.Add([]byte("-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----\n"))
	f.Add([]byte{0x88, 0x5e, 0x04, 0x00, 0x16, 0x0a})
	f.Fuzz(func(t *testing.T, b []byte) {
		Issuer(SSH, b)
		Issuer(OpenPGP, b)
	})
}
