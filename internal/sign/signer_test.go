package sign

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
	"golang.org/x/crypto/ssh"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

func clock() time.Time { return noon }

// generated makes a key file in a folder of its own.
func generated(t *testing.T, kind, passphrase string) (string, *Key) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys", "test")
	k, err := Generate(Order{Type: kind, Path: path, Name: "Ada", Email: "ada@example.com", Passphrase: []byte(passphrase), Now: noon.Add(-day)})
	must(t, err)
	return path, k
}

// asked answers with a passphrase.
func asked(answer string) func(string) ([]byte, error) {
	return func(string) ([]byte, error) { return []byte(answer), nil }
}

func TestGenerate(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{OpenPGP, SSH} {
		for _, passphrase := range []string{"", "open sesame"} {
			t.Run(kind+" "+passphrase, func(t *testing.T) {
				t.Parallel()
				path, key := generated(t, kind, passphrase)
				for name, mode := range map[string]os.FileMode{path: 0o600, path + ".pub": 0o644} {
					info, err := os.Stat(name)
					must(t, err)
					if info.Mode() != mode {
						t.Errorf("%s has mode %v", name, info.Mode())
					}
				}
				text, err := os.ReadFile(path + ".pub")
				must(t, err)
				keys, err := ReadKeys(text)
				must(t, err)
				if len(keys) != 1 || keys[0].Text() != key.Text() || !strings.Contains(keys[0].Owner(), "ada@example.com") {
					t.Errorf("another public key, of %q", keys[0].Owner())
				}
				s, err := Settings{KeyFile: path, Passphrase: asked(passphrase), Now: clock}.Signer(t.Context())
				must(t, err)
				verified(t, s, key)
			})
		}
	}
}

// verified signs, and sees that the key made it.
func verified(t *testing.T, s Signer, key *Key) {
	t.Helper()
	made, err := s.Sign(t.Context(), message)
	must(t, err)
	found, err := Verify(made.Type, made.Bytes, message, Ring{key})
	must(t, err)
	if found.By != made.By {
		t.Errorf("made by %s, found by %s", made.By, found.By)
	}
	public, err := s.Public(t.Context())
	must(t, err)
	if public.Fingerprint() != key.Fingerprint() {
		t.Errorf("the public key is %s", public.Fingerprint())
	}
	if err := found.ValidAt(noon); err != nil {
		t.Error(err)
	}
}

func TestGenerateWritesOverNothing(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{OpenPGP, SSH} {
		for _, there := range []string{"test", "test.pub"} {
			dir := t.TempDir()
			must(t, os.Symlink("nowhere", filepath.Join(dir, there)))
			_, err := Generate(Order{Type: kind, Path: filepath.Join(dir, "test"), Name: "Ada", Email: "a@b", Now: noon})
			refused(t, err, fault.KeyExists)
			if list, _ := os.ReadDir(dir); len(list) != 1 {
				t.Errorf("there is %v", list)
			}
		}
	}
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
	_, err := Generate(Order{Type: SSH, Path: filepath.Join(dir, "file", "key")})
	refused(t, err, fault.WriteFailed)
	_, err = Generate(Order{Type: OpenPGP, Path: filepath.Join(dir, "key"), Name: "a<b", Now: noon})
	refused(t, err, fault.BadKey)
	refused(t, writeNew(filepath.Join(dir, "file"), nil, 0o600), fault.KeyExists)
	refused(t, writeNew(filepath.Join(dir, "none", "file"), nil, 0o600), fault.WriteFailed)
}

// A comment or a name is no way to add a line to the public key.
func TestGenerateOneLine(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test")
	_, err := Generate(Order{Type: SSH, Path: path, Email: "a@b\nssh-ed25519 AAAA evil", Now: noon})
	if err != nil {
		refused(t, err, fault.BadKey)
		return
	}
	text, err := os.ReadFile(path + ".pub")
	must(t, err)
	if strings.Count(string(text), "\n") != 1 {
		t.Errorf("%q", text)
	}
}

func TestKeyFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, []byte(text), mode))
		return path
	}
	locked := map[string]string{}
	for _, kind := range []string{OpenPGP, SSH} {
		locked[kind], _ = generated(t, kind, "right")
	}
	open, _ := generated(t, SSH, "")
	others, _ := generated(t, SSH, "")
	must(t, os.Chmod(others, 0o640))
	public := entity(t, at(noon))
	two := append(serializedPrivate(t, public), serializedPrivate(t, entity(t, at(noon)))...)
	short, err := ssh.MarshalPrivateKey(rsaKey(t, 1024), "")
	must(t, err)
	failing := errors.New("nobody is there")
	for name, c := range map[string]struct {
		file string
		ask  func(string) ([]byte, error)
		code fault.Code
	}{
		"openpgp, right":   {locked[OpenPGP], asked("right"), ""},
		"openpgp, wrong":   {locked[OpenPGP], asked("wrong"), fault.WrongPassphrase},
		"openpgp, empty":   {locked[OpenPGP], asked(""), fault.WrongPassphrase},
		"openpgp, nobody":  {locked[OpenPGP], nil, fault.WrongPassphrase},
		"ssh, right":       {locked[SSH], asked("right"), ""},
		"ssh, wrong":       {locked[SSH], asked("wrong"), fault.WrongPassphrase},
		"ssh, empty":       {locked[SSH], asked(""), fault.WrongPassphrase},
		"ssh, nobody":      {locked[SSH], nil, fault.WrongPassphrase},
		"open, asks not":   {open, func(string) ([]byte, error) { return nil, failing }, ""},
		"others may read":  {others, nil, fault.BadKey},
		"missing":          {filepath.Join(dir, "none"), nil, fault.NoKey},
		"below a file":     {filepath.Join(open, "none"), nil, fault.BadKey},
		"a folder":         {dir, nil, fault.BadKey},
		"1 MiB":            {write("large", strings.Repeat("A", 1<<20), 0o600), nil, fault.BadKey},
		"empty":            {write("empty", "", 0o600), nil, fault.BadKey},
		"junk":             {write("junk", "junk", 0o600), nil, fault.BadKey},
		"a public key":     {open + ".pub", nil, fault.BadKey},
		"a public openpgp": {write("public", string(serialized(t, public)), 0o600), nil, fault.BadKey},
		"two openpgp":      {write("two", string(two), 0o600), nil, fault.BadKey},
		"broken openpgp":   {write("broken", string(two[:50]), 0o600), nil, fault.BadKey},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := signs(t, Settings{KeyFile: c.file, Passphrase: c.ask, Now: clock})
			if c.code == "" {
				must(t, err)
				return
			}
			refused(t, err, c.code)
		})
	}
	if _, err := signs(t, Settings{KeyFile: locked[SSH], Passphrase: func(string) ([]byte, error) { return nil, failing }}); !errors.Is(err, failing) {
		t.Errorf("the asker's fault is lost: %v", err)
	}
	s, err := Settings{KeyFile: write("short", string(pem.EncodeToMemory(short)), 0o600)}.Signer(t.Context())
	must(t, err)
	_, err = s.Sign(t.Context(), message)
	refused(t, err, fault.BadKey)
	s, err = Settings{KeyFile: "~/" + filepath.Base(open), Home: filepath.Dir(open), Now: clock}.Signer(t.Context())
	must(t, err)
	_, err = s.Sign(t.Context(), message)
	must(t, err)
}

func serializedPrivate(t *testing.T, e *openpgp.Entity) []byte {
	t.Helper()
	var b bytes.Buffer
	must(t, e.SerializePrivateWithoutSigning(&b, nil))
	return b.Bytes()
}

// An OpenPGP key that may sign no more, or whose subkeys sign, in files.
func TestOpenPGPFiles(t *testing.T) {
	t.Parallel()
	file := func(b []byte) string {
		path := filepath.Join(t.TempDir(), "key")
		must(t, os.WriteFile(path, b, 0o600))
		return path
	}
	ended := entity(t, lasting(noon.Add(-10*day), day))
	s, err := Settings{KeyFile: file(serializedPrivate(t, ended)), Now: clock}.Signer(t.Context())
	must(t, err)
	_, err = s.Sign(t.Context(), message)
	refused(t, err, fault.SignFailed)

	e := entity(t, at(noon.Add(-10*day)))
	must(t, e.AddSigningSubkey(at(noon.Add(-10*day))))
	s, err = Settings{KeyFile: file(serializedPrivate(t, e)), Now: clock}.Signer(t.Context())
	must(t, err)
	verified(t, s, public(t, e))

	must(t, e.EncryptPrivateKeys([]byte("right"), at(noon)))
	s, err = Settings{KeyFile: file(serializedPrivate(t, e)), Now: clock, Passphrase: asked("right")}.Signer(t.Context())
	must(t, err)
	verified(t, s, public(t, e))
}

// What is signed in process is what ssh-keygen signs: for Ed25519, byte for byte.
func TestPlainPrivate(t *testing.T) {
	t.Parallel()
	path, key := generated(t, SSH, "")
	settings := Settings{Format: "ssh", SigningKey: path + ".pub", Env: os.Environ()}
	s, err := settings.Signer(t.Context())
	must(t, err)
	if _, in := s.(*sshFile); !in {
		t.Fatalf("it is %T", s)
	}
	verified(t, s, key)
	here, err := s.Sign(t.Context(), message)
	must(t, err)
	dir := filepath.Dir(path)
	must(t, os.WriteFile(filepath.Join(dir, "m"), message, 0o600))
	run(t, dir, "", "ssh-keygen", "-q", "-Y", "sign", "-n", Namespace, "-f", path, "m")
	there, err := os.ReadFile(filepath.Join(dir, "m.sig"))
	must(t, err)
	if !bytes.Equal(here.Bytes, there) {
		t.Errorf("here\n%s\nthere\n%s", here.Bytes, there)
	}
	settings.SSHProgram = "ssh-keygen"
	s, err = settings.Signer(t.Context())
	must(t, err)
	verified(t, s, key)
	again, err := s.Sign(t.Context(), message)
	must(t, err)
	if !bytes.Equal(again.Bytes, there) || again.By != here.By {
		t.Error("the program signs otherwise")
	}

	locked, _ := generated(t, SSH, "right")
	must(t, os.WriteFile(filepath.Join(dir, "junk"), []byte("junk"), 0o600))
	others, _ := generated(t, SSH, "")
	must(t, os.Chmod(others, 0o644))
	for _, path := range []string{locked, others, dir, filepath.Join(dir, "none"), filepath.Join(dir, "junk")} {
		if plainPrivate(path) != nil {
			t.Errorf("%s is a plain private key", path)
		}
	}
}

// ssh-keygen reads our keys and signatures, and we read those of ssh-keygen.
func TestSSHKeygen(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"ed25519", "rsa", "ecdsa 256", "ecdsa 384", "ecdsa 521"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			words := strings.Fields(kind)
			args := []string{"-q", "-N", "", "-C", "test", "-f", "key", "-t", words[0]}
			if len(words) > 1 {
				args = append(args, "-b", words[1])
			}
			run(t, dir, "", "ssh-keygen", args...)
			line, err := os.ReadFile(filepath.Join(dir, "key.pub"))
			must(t, err)
			keys, err := ReadKeys(line)
			must(t, err)
			theirs := run(t, dir, string(message), "ssh-keygen", "-Y", "sign", "-n", Namespace, "-f", "key")
			found, err := Verify(SSH, []byte(theirs), message, keys)
			must(t, err)
			if want := strings.Fields(run(t, dir, "", "ssh-keygen", "-l", "-f", "key"))[1]; found.By != want {
				t.Errorf("by %s, not %s", found.By, want)
			}
			s, err := Settings{KeyFile: filepath.Join(dir, "key")}.Signer(t.Context())
			must(t, err)
			ours, err := s.Sign(t.Context(), message)
			must(t, err)
			must(t, os.WriteFile(filepath.Join(dir, "sig"), ours.Bytes, 0o600))
			must(t, os.WriteFile(filepath.Join(dir, "allowed"), []byte("ada "+string(line)), 0o600))
			run(t, dir, string(message), "ssh-keygen", "-Y", "verify", "-n", Namespace, "-I", "ada", "-f", "allowed", "-s", "sig")
		})
	}
	for _, passphrase := range []string{"", "right"} {
		path, key := generated(t, SSH, passphrase)
		text := run(t, filepath.Dir(path), "", "ssh-keygen", "-y", "-P", passphrase, "-f", path)
		if !strings.HasPrefix(text, key.Text()) {
			t.Errorf("ssh-keygen reads %s", text)
		}
	}
}

// Signatures of security keys, made by hand, are what ssh-keygen takes for them.
func TestSecurityKeysWithSSHKeygen(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []string{ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256} {
		dir, k := t.TempDir(), newSecurityKey(t, algorithm)
		must(t, os.WriteFile(filepath.Join(dir, "sig"), sshSigned(t, k, Namespace, message), 0o600))
		must(t, os.WriteFile(filepath.Join(dir, "allowed"), append([]byte("ada "), ssh.MarshalAuthorizedKey(k.public)...), 0o600))
		run(t, dir, string(message), "ssh-keygen", "-Y", "verify", "-n", Namespace, "-I", "ada", "-f", "allowed", "-s", "sig")
	}
}

// gpg reads our keys and signatures, and we read those of gpg.
func TestGPG(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"ed25519", "rsa2048", "rsa3072", "nistp256", "nistp384"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			home := gnupgHome(t)
			run(t, home, "", "gpg", "--batch", "--quiet", "--passphrase", "", "--quick-generate-key", "Test <test@example.com>", kind, "sign", "1y")
			fingerprint := gpgFingerprint(t, home)
			run(t, home, "", "gpg", "--batch", "--quiet", "--passphrase", "", "--quick-add-key", fingerprint, "ed25519", "sign", "1m")
			settings := Settings{SigningKey: fingerprint, Env: append(os.Environ(), "GNUPGHOME="+home)}
			key, err := settings.ExportGPG(t.Context(), "test@example.com")
			must(t, err)
			if key.Fingerprint() != fingerprint || len(key.Materials()) != 2 {
				t.Errorf("exported as %s", key.Fingerprint())
			}
			now := time.Now()
			for _, name := range []string{fingerprint + "!", fingerprint} { // the primary key, then what gpg prefers
				settings.SigningKey = name
				s, err := settings.Signer(t.Context())
				must(t, err)
				made, err := s.Sign(t.Context(), message)
				must(t, err)
				found, err := Verify(OpenPGP, made.Bytes, message, Ring{key})
				must(t, err)
				must(t, found.ValidAt(now))
				until := found.ValidUntil(now)
				if life := map[bool]time.Duration{true: year, false: 31 * day}[name != fingerprint]; until.After(now.Add(life+day)) || until.Before(now.Add(life-4*day)) {
					t.Errorf("until %v", until)
				}
				refused(t, found.ValidAt(now.Add(2*year)), fault.KeyExpired)
				if wants := found.By == fingerprint; wants != strings.HasSuffix(name, "!") {
					t.Errorf("%s signed for %s", found.By, name)
				}
			}
			private := run(t, home, "", "gpg", "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "", "--armor", "--export-secret-keys", fingerprint)
			path := filepath.Join(t.TempDir(), "key")
			must(t, os.WriteFile(path, []byte(private), 0o600))
			s, err := Settings{KeyFile: path, Now: time.Now}.Signer(t.Context())
			must(t, err)
			ours, err := s.Sign(t.Context(), message)
			must(t, err)
			must(t, os.WriteFile(filepath.Join(home, "sig"), ours.Bytes, 0o600))
			run(t, home, string(message), "gpg", "--batch", "--quiet", "--verify", "sig", "-")
			must(t, os.WriteFile(filepath.Join(home, "sig.asc"), armored(ours.Bytes, openpgp.SignatureType), 0o600))
			run(t, home, string(message), "gpg", "--batch", "--quiet", "--verify", "sig.asc", "-")
			if kind != "ed25519" {
				return
			}
			stub := run(t, home, "", "gpg", "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "", "--armor", "--export-secret-subkeys", fingerprint)
			must(t, os.WriteFile(path, []byte(stub), 0o600))
			s, err = Settings{KeyFile: path, Now: time.Now}.Signer(t.Context())
			must(t, err)
			ours, err = s.Sign(t.Context(), message)
			must(t, err)
			_, err = Verify(OpenPGP, ours.Bytes, message, Ring{key})
			must(t, err)
		})
	}
}

// signs makes a signature as settings say.
func signs(t *testing.T, settings Settings) (Made, error) {
	s, err := settings.Signer(t.Context())
	if err != nil {
		return Made{}, err
	}
	return s.Sign(t.Context(), message)
}

// Nobody is asked for a passphrase who only wants the public half, and only once who signs.
func TestAPassphraseIsAskedForWhenAKeySigns(t *testing.T) {
	for _, kind := range []string{OpenPGP, SSH} {
		file, made := generated(t, kind, "right")
		times := 0
		s, err := Settings{KeyFile: file, Now: clock, Passphrase: func(string) ([]byte, error) {
			times++
			return []byte("right"), nil
		}}.Signer(t.Context())
		must(t, err)
		public, err := s.Public(t.Context())
		must(t, err)
		if public.Fingerprint() != made.Fingerprint() || times != 0 {
			t.Errorf("%s: %s is the public half of %s, and somebody was asked %d times", kind, public.Fingerprint(), made.Fingerprint(), times)
		}
		for range 2 {
			_, err = s.Sign(t.Context(), message)
			must(t, err)
		}
		if times != 1 {
			t.Errorf("%s: somebody was asked %d times for two signatures", kind, times)
		}
	}
}

// The primary key is kept elsewhere, and the subkeys are locked.
func TestLockedSubkeysOfGPG(t *testing.T) {
	t.Parallel()
	home := gnupgHome(t)
	run(t, home, "", "gpg", "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "right", "--quick-generate-key", "Test <test@example.com>", "ed25519", "sign", "1y")
	fingerprint := gpgFingerprint(t, home)
	run(t, home, "", "gpg", "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "right", "--quick-add-key", fingerprint, "ed25519", "sign", "1y")
	stub := run(t, home, "", "gpg", "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "right", "--export-secret-subkeys", fingerprint)
	path := filepath.Join(t.TempDir(), "key")
	must(t, os.WriteFile(path, []byte(stub), 0o600))
	_, err := signs(t, Settings{KeyFile: path, Now: time.Now, Passphrase: asked("wrong")})
	refused(t, err, fault.WrongPassphrase)
	s, err := Settings{KeyFile: path, Now: time.Now, Passphrase: asked("right")}.Signer(t.Context())
	must(t, err)
	_, err = s.Sign(t.Context(), message)
	must(t, err)
}

func TestGPGImports(t *testing.T) {
	t.Parallel()
	for _, passphrase := range []string{"", "right"} {
		home := gnupgHome(t)
		path, key := generated(t, OpenPGP, passphrase)
		run(t, home, "", "gpg", "--batch", "--quiet", "--import", path)
		settings := Settings{Env: append(os.Environ(), "GNUPGHOME="+home), Identity: func() (string, error) { return "Ada <ada@example.com>", nil }}
		if passphrase == "" {
			s, err := settings.Signer(t.Context())
			must(t, err)
			public, err := s.Public(t.Context())
			must(t, err)
			if public.Fingerprint() != key.Fingerprint() {
				t.Error("gpg has another key")
			}
		}
		signature := run(t, home, string(message), "gpg", "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", passphrase, "--detach-sign")
		_, err := Verify(OpenPGP, []byte(signature), message, Ring{key})
		must(t, err)
	}
}

// Keys that gpg makes, and that nobody should sign with.
func TestWeakKeysOfGPG(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"dsa2048", "rsa1024"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			home := gnupgHome(t)
			run(t, home, "", "gpg", "--batch", "--quiet", "--passphrase", "", "--quick-generate-key", "Test <test@example.com>", kind, "sign", "never")
			signature := run(t, home, string(message), "gpg", "--batch", "--quiet", "--digest-algo", "SHA256", "--detach-sign")
			key, err := Settings{Env: append(os.Environ(), "GNUPGHOME="+home)}.ExportGPG(t.Context(), "test@example.com")
			must(t, err)
			found, err := Verify(OpenPGP, []byte(signature), message, Ring{key})
			if err == nil {
				err = found.ValidAt(time.Now())
				refused(t, err, fault.WeakSignature)
				return
			}
			refused(t, err, fault.BadSignature) // where the library cannot even compute it
		})
	}
}

// What gpg signs by a weak digest, or as text, does not count.
func TestWeakSignaturesOfGPG(t *testing.T) {
	t.Parallel()
	home := gnupgHome(t)
	run(t, home, "", "gpg", "--batch", "--quiet", "--passphrase", "", "--quick-generate-key", "Test <test@example.com>", "rsa2048", "sign", "never")
	key, err := Settings{Env: append(os.Environ(), "GNUPGHOME="+home)}.ExportGPG(t.Context(), "test@example.com")
	must(t, err)
	for name, c := range map[string]struct {
		args []string
		code fault.Code
	}{
		"SHA-1":    {[]string{"--digest-algo", "SHA1"}, fault.WeakSignature},
		"RIPEMD":   {[]string{"--digest-algo", "RIPEMD160"}, fault.BadSpelling},
		"text":     {[]string{"--textmode"}, fault.WeakSignature},
		"critical": {[]string{"--sig-notation", "!a@example.com=b"}, fault.WeakSignature},
		"notation": {[]string{"--sig-notation", "a@example.com=b"}, ""},
		"a policy": {[]string{"--sig-policy-url", "!https://example.com"}, ""},
		"an end":   {[]string{"--default-sig-expire", "1d"}, ""},
		"SHA-224":  {[]string{"--digest-algo", "SHA224"}, ""},
		"SHA-512":  {[]string{"--digest-algo", "SHA512"}, ""},
		"in armor": {[]string{"--armor"}, fault.BadSpelling},
	} {
		signature := run(t, home, string(message), "gpg", append(append([]string{"--batch", "--quiet"}, c.args...), "--detach-sign")...)
		found, err := Verify(OpenPGP, []byte(signature), message, Ring{key})
		if c.code != "" {
			t.Run(name, func(t *testing.T) { refused(t, err, c.code) })
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if ends := found.ValidUntil(time.Now()); ends.IsZero() == (name == "an end") {
			t.Errorf("%s: until %v", name, ends)
		}
	}
}

// Programs that are called as git calls its own, and do something else.
func TestPrograms(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	program := func(name, text string) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700))
		return path
	}
	e := entity(t, at(noon.Add(-day)))
	must(t, os.WriteFile(filepath.Join(dir, "text.asc"), armored(byHand(t, e.PrivateKey, 2, created(noon), nil), openpgp.SignatureType), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "good.asc"), armored(detached(t, e, at(noon), message), openpgp.SignatureType), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "other.asc"), armored(detached(t, e, at(noon), []byte("other")), openpgp.SignatureType), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "key.asc"), armored(append([]byte{0xCA, 3}, "PGP"...), openpgp.SignatureType), 0o600))
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	signer := sshPrivate(t, ed)
	must(t, os.WriteFile(filepath.Join(dir, "other.sig"), sshSigned(t, signer, Namespace, []byte("other")), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "good.sig"), sshSigned(t, signer, Namespace, message), 0o600))
	line := string(ssh.MarshalAuthorizedKey(signer.PublicKey()))
	must(t, os.WriteFile(filepath.Join(dir, "k.pub"), []byte(line), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "two.pub"), []byte(line+line), 0o600))
	gpg := func(name, text string) Settings { return Settings{SigningKey: "K", GPGProgram: program(name, text)} }
	keygen := func(name, text string) Settings {
		return Settings{Format: "ssh", SigningKey: "~/k", Home: dir, SSHProgram: program(name, text)}
	}
	const last = `for f; do :; done; `
	literal := Settings{Format: "ssh", SigningKey: "key::" + strings.TrimSpace(line), SSHProgram: program("literal", last+"cp "+dir+`/good.sig "$f.sig"`)}
	byCommand := Settings{Format: "ssh", DefaultKeyCommand: "echo 'key::" + strings.TrimSpace(line) + "'", SSHProgram: literal.SSHProgram}
	for name, c := range map[string]struct {
		settings Settings
		code     fault.Code
	}{
		"gpg, good":         {gpg("g1", "echo '[GNUPG:] SIG_CREATED D' >&2; cat "+dir+"/good.asc"), ""},
		"gpg, no status":    {gpg("g2", "cat "+dir+"/good.asc"), fault.SignFailed},
		"gpg, fails":        {gpg("g3", "echo '[GNUPG:] SIG_CREATED D' >&2; cat "+dir+"/good.asc; echo so >&2; exit 2"), fault.SignFailed},
		"gpg, weak":         {gpg("g4", "echo '[GNUPG:] SIG_CREATED D' >&2; cat "+dir+"/text.asc"), fault.WeakSignature},
		"gpg, text":         {gpg("g5", "echo '[GNUPG:] SIG_CREATED D' >&2; echo text"), fault.SignFailed},
		"gpg, no signature": {gpg("g6", "echo '[GNUPG:] SIG_CREATED D' >&2; cat "+dir+"/key.asc"), fault.SignFailed},
		"gpg, other":        {gpg("g11", "echo '[GNUPG:] SIG_CREATED D' >&2; cat "+dir+"/other.asc"), fault.SignFailed},
		"gpg, no key":       {gpg("g7", "echo '[GNUPG:] INV_SGNR 9 K' >&2; exit 2"), fault.NoKey},
		"gpg, passphrase":   {gpg("g8", "echo '[GNUPG:] BAD_PASSPHRASE K' >&2; exit 2"), fault.WrongPassphrase},
		"gpg, much":         {gpg("g9", "head -c 3000000 /dev/zero | tr '\\0' x; head -c 3000000 /dev/zero | tr '\\0' 'x' >&2; exit 1"), fault.SignFailed},
		"gpg, not there":    {Settings{SigningKey: "K", GPGProgram: filepath.Join(dir, "none")}, fault.NoKey},
		"gpg, a folder":     {Settings{SigningKey: "K", GPGProgram: dir}, fault.SignFailed},
		"gpg, for nobody": {Settings{GPGProgram: program("g10", "echo '[GNUPG:] INV_SGNR 9 K' >&2; exit 2"),
			Identity: func() (string, error) { return "Ada <a@b>", nil }}, fault.NoKey},
		"ssh, good":      {keygen("s1", last+"cp "+dir+`/good.sig "$f.sig"`), ""},
		"ssh, literal":   {literal, ""},
		"ssh, command":   {byCommand, ""},
		"ssh, other":     {keygen("s2", last+"cp "+dir+`/other.sig "$f.sig"`), fault.SignFailed},
		"ssh, openpgp":   {keygen("s3", last+"cp "+dir+`/good.asc "$f.sig"`), fault.SignFailed},
		"ssh, a pipe":    {keygen("s6", last+`mkfifo "$f.sig"`), fault.SignFailed},
		"ssh, much":      {keygen("s7", last+`truncate -s 8G "$f.sig"`), fault.SignFailed},
		"ssh, nothing":   {keygen("s4", "true"), fault.SignFailed},
		"ssh, fails":     {keygen("s5", last+"cp "+dir+`/good.sig "$f.sig"; exit 1`), fault.SignFailed},
		"ssh, not there": {Settings{Format: "ssh", SigningKey: "k", SSHProgram: filepath.Join(dir, "none")}, fault.NoKey},
	} {
		t.Run(name, func(t *testing.T) {
			c.settings.Env = os.Environ()
			s, err := c.settings.Signer(t.Context())
			must(t, err)
			made, err := s.Sign(t.Context(), message)
			if c.code != "" {
				refused(t, err, c.code)
				return
			}
			must(t, err)
			if kind, _, err := Detect(made.Bytes); err != nil || kind != made.Type {
				t.Error(kind, err)
			}
		})
	}
	for name, c := range map[string]struct {
		settings Settings
		code     fault.Code
	}{
		"x509":          {Settings{Format: "x509"}, fault.BadConfig},
		"no ssh key":    {Settings{Format: "ssh"}, fault.NoKey},
		"empty command": {Settings{Format: "ssh", DefaultKeyCommand: "true"}, fault.NoKey},
		"bad command":   {Settings{Format: "ssh", DefaultKeyCommand: "echo ssh-ed25519 AAAA; exit 1"}, fault.NoKey},
		"nobody":        {Settings{Identity: func() (string, error) { return "", noKey("nobody") }}, fault.NoKey},
	} {
		t.Run(name, func(t *testing.T) {
			c.settings.Env = os.Environ()
			_, err := c.settings.Signer(t.Context())
			refused(t, err, c.code)
		})
	}
	ppk := func(key, text string) Settings {
		return Settings{Format: "ssh", SigningKey: key, Home: dir, SSHProgram: program("p"+filepath.Base(key), text), Env: os.Environ()}
	}
	must(t, os.WriteFile(filepath.Join(dir, "private"), []byte("junk"), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "much"), nil, 0o600))
	must(t, os.Truncate(filepath.Join(dir, "much"), 1<<40))
	must(t, exec.Command("mkfifo", filepath.Join(dir, "pipe")).Run())
	for name, c := range map[string]struct {
		settings Settings
		code     fault.Code
	}{
		"literal":        {Settings{Format: "ssh", SigningKey: strings.TrimSpace(line)}, ""},
		"beside":         {ppk("~/k", "false"), ""},
		"printed":        {ppk("~/private", "echo '"+strings.TrimSpace(line)+"'"), ""},
		"two":            {ppk("~/two", "exit 1"), fault.BadKey},
		"not there":      {ppk("~/none", "exit 1"), fault.NoKey},
		"much":           {ppk("~/much", "exit 1"), fault.NoKey},
		"a pipe":         {ppk("~/pipe", "exit 1"), fault.NoKey},
		"bad literal":    {Settings{Format: "ssh", SigningKey: "key::junk"}, fault.BadKey},
		"gpg has none":   {Settings{SigningKey: "K", GPGProgram: program("h1", "exit 2")}, fault.NoKey},
		"gpg lists only": {Settings{SigningKey: "K", GPGProgram: program("h2", `case "$*" in *list*) echo fpr:::::::::ABCD: ;; esac`)}, fault.BadKey},
		"gpg has junk":   {Settings{SigningKey: "K", GPGProgram: program("h3", `case "$*" in *list*) echo fpr:::::::::ABCD: ;; *) echo junk;; esac`)}, fault.BadKey},
	} {
		t.Run("public, "+name, func(t *testing.T) {
			c.settings.Env = os.Environ()
			s, err := c.settings.Signer(t.Context())
			must(t, err)
			k, err := s.Public(t.Context())
			if c.code != "" {
				refused(t, err, c.code)
				return
			}
			must(t, err)
			if k.Fingerprint() != ssh.FingerprintSHA256(signer.PublicKey()) {
				t.Error("another key")
			}
		})
	}
}

// A program that never stops to talk fills no memory, and is read to its end.
func TestMuchOutput(t *testing.T) {
	t.Parallel()
	r, err := Settings{Env: os.Environ()}.run(t.Context(), nil, "sh", "-c", "head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2")
	must(t, err)
	if len(r.stdout) != maxOutput || len(r.stderr) != maxOutput || r.failed != nil {
		t.Errorf("kept %d and %d bytes, %v", len(r.stdout), len(r.stderr), r.failed)
	}
	long := ran{stderr: bytes.Repeat([]byte("ä"), 400)}
	if said := long.said(); len(said) > 510 || !strings.HasSuffix(said, "…") {
		t.Errorf("said %d bytes", len(said))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Settings{}.run(ctx, nil, "sh")
	refused(t, err, fault.Interrupted)
}

func TestAsk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, c := range map[string]struct{ text, answer string }{
		"answers": {`printf 'open %s\nmore\n' "$1"`, "open Key?"},
		"fails":   {"echo x; exit 1", ""},
		"says no": {"echo", ""},
	} {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, []byte("#!/bin/sh\n"+c.text+"\n"), 0o700))
		answer, err := Ask(t.Context(), os.Environ(), path, "Key?")
		if string(answer) != c.answer {
			t.Errorf("%s: %q", name, answer)
		}
		if c.answer == "" {
			refused(t, err, fault.WrongPassphrase)
		}
	}
	_, err := Ask(t.Context(), nil, filepath.Join(dir, "none"), "")
	refused(t, err, fault.WrongPassphrase)
}

func TestECDSAInProcess(t *testing.T) {
	t.Parallel()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	block, err := ssh.MarshalPrivateKey(private, "test")
	must(t, err)
	path := filepath.Join(t.TempDir(), "key")
	must(t, os.WriteFile(path, pem.EncodeToMemory(block), 0o600))
	s, err := Settings{KeyFile: path}.Signer(t.Context())
	must(t, err)
	verified(t, s, sshPublic(t, sshPrivate(t, private).PublicKey()))
}

// Of many who make one key at once, one does, and its halves belong together.
func TestGenerateAtOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key")
	const many = 16
	made := make(chan *Key, many)
	var wait sync.WaitGroup
	for range many {
		wait.Go(func() {
			key, err := Generate(Order{Type: SSH, Path: path, Name: "Ada", Email: "ada@example.com", Now: noon})
			if err == nil {
				made <- key
			} else if !fault.Has(err, fault.KeyExists) {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	close(made)
	key, other := <-made, <-made
	if key == nil || other != nil {
		t.Fatalf("%v and %v were made", key, other)
	}
	public, err := os.ReadFile(path + ".pub")
	must(t, err)
	private, err := os.ReadFile(path)
	must(t, err)
	signer, err := ssh.ParsePrivateKey(private)
	must(t, err)
	if !strings.HasPrefix(string(public), key.Text()) || ssh.FingerprintSHA256(signer.PublicKey()) != key.Fingerprint() {
		t.Error("the halves are of two keys")
	}
}
