package sign

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// sshSigner signs as git does: by ssh-keygen, or a program that is called like it.
type sshSigner struct {
	Settings
	program string
	file    string // of the key, private or public
	literal string // the public key itself, where it is no file; the agent has the private one
}

// sshSigner finds the key that git would sign with. Where git would run
// ssh-keygen on a private key without a passphrase, the same is done in process.
func (s Settings) sshSigner(ctx context.Context) (Signer, error) {
	named := s.SigningKey
	if named == "" {
		var err error
		if named, err = s.defaultKey(ctx); err != nil {
			return nil, err
		}
	}
	k := &sshSigner{Settings: s, program: s.expand(s.SSHProgram)}
	if text, literal := literalKey(named); literal {
		k.literal = text
	} else {
		k.file = s.expand(named)
	}
	if k.program != "" {
		return k, nil
	}
	k.program = "ssh-keygen"
	if k.file != "" {
		if private := plainPrivate(k.file); private != nil {
			return unlockedSSH(private), nil
		}
	}
	return k, nil
}

// literalKey is a public key that stands in the configuration itself
// (git-config, "user.signingKey").
func literalKey(s string) (string, bool) {
	if text, ok := strings.CutPrefix(s, "key::"); ok {
		return text, true
	}
	return s, strings.HasPrefix(s, "ssh-")
}

// defaultKey asks the program that git asks where no key is named.
func (s Settings) defaultKey(ctx context.Context) (string, error) {
	if s.DefaultKeyCommand == "" {
		return "", noKey("gpg.format is ssh, and neither user.signingKey nor gpg.ssh.defaultKeyCommand names a key")
	}
	r, err := s.run(ctx, nil, "sh", "-c", s.DefaultKeyCommand)
	if err != nil {
		return "", err
	}
	first, _, _ := strings.Cut(string(r.stdout), "\n")
	if _, literal := literalKey(first); r.failed != nil || !literal {
		return "", noKey("gpg.ssh.defaultKeyCommand names no key").Because(errors.New(r.said()))
	}
	return strings.TrimSpace(first), nil
}

// plainPrivate is a private key file that has no passphrase and that nobody
// else may read, which is what ssh-keygen asks of one. It is nil for all others.
func plainPrivate(path string) ssh.Signer {
	path = strings.TrimSuffix(path, ".pub")
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 || info.Size() > maxKey {
		return nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	private, err := ssh.ParsePrivateKey(b)
	if err != nil {
		return nil
	}
	return private
}

// Sign signs by PROGRAM -Y sign -n vaultmesh -f KEY [-U] FILE, which is how git calls it.
func (k *sshSigner) Sign(ctx context.Context, message []byte) (Made, error) {
	dir, err := os.MkdirTemp("", "vaultmesh-sign-")
	if err != nil {
		return Made{}, fault.New(fault.SignFailed, "there is no room for what %s signs", k.program).Because(err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "receipt.json")
	args := []string{"-Y", "sign", "-n", Namespace, "-f", k.file, file}
	err = os.WriteFile(file, message, 0o600)
	if k.literal != "" {
		public := filepath.Join(dir, "key.pub")
		args = []string{"-Y", "sign", "-n", Namespace, "-f", public, "-U", file}
		err = errors.Join(err, os.WriteFile(public, []byte(k.literal+"\n"), 0o600))
	}
	if err != nil {
		return Made{}, fault.New(fault.SignFailed, "there is no room for what %s signs", k.program).Because(errors.New(err.Error()))
	}
	r, err := k.run(ctx, nil, k.program, args...)
	if err != nil {
		return Made{}, err
	}
	signature, err := readSmall(file+".sig", 2*MaxSize)
	if r.failed != nil || err != nil {
		return Made{}, r.signFailed(k.program)
	}
	return k.check(signature, message)
}

// readSmall reads an ordinary file that another program has written. One that is none,
// or has more bytes, is an error: nobody waits for a pipe, and no memory is filled.
func readSmall(path string, most int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > most {
		return nil, errors.New("it is no small file")
	}
	return os.ReadFile(path)
}

// check sees that what the program wrote is a signature over the message.
func (k *sshSigner) check(signature, message []byte) (Made, error) {
	bad := fault.New(fault.SignFailed, "%s wrote something else than a signature over the receipt", k.program)
	kind, stored, err := Detect(signature)
	if err != nil || kind != SSH {
		return Made{}, bad.Because(err)
	}
	s, err := parseSSHSIG(stored)
	if err != nil {
		return Made{}, bad.Because(err)
	}
	public, err := sshKey(s.PublicKey)
	if err != nil {
		return Made{}, err
	}
	if _, err := verifySSH(Namespace, stored, message, Ring{public}); err != nil {
		return Made{}, bad.Because(err)
	}
	return Made{SSH, stored, public.fingerprint}, nil
}

// Public is the public key: the literal one, or that of the file.
func (k *sshSigner) Public(ctx context.Context) (*Key, error) {
	if k.literal != "" {
		return parseSSHKey(k.literal)
	}
	name := strings.TrimSuffix(k.file, ".pub") + ".pub"
	b, err := readSmall(name, maxKey)
	if err != nil {
		if b, err = readSmall(k.file, maxKey); err != nil {
			return nil, noKey("the key %s, which user.signingKey names, cannot be read", k.file).Because(errors.New(err.Error()))
		}
		name = k.file
	}
	keys, err := ReadKeys(b)
	if err == nil && len(keys) != 1 {
		err = badKey("%s holds %d keys", name, len(keys))
	}
	if err == nil {
		return keys[0], nil
	}
	r, err := k.run(ctx, nil, k.program, "-y", "-f", k.file)
	if err != nil {
		return nil, err
	}
	if r.failed != nil {
		return nil, badKey("%s is neither a public key nor has one beside it", k.file).Because(errors.New(r.said()))
	}
	return parseSSHKey(string(r.stdout))
}

// sshFile signs in process with a private key.
type sshFile struct {
	public ssh.PublicKey
	unlock func() (ssh.Signer, error)
}

func unlockedSSH(private ssh.Signer) *sshFile {
	return &sshFile{private.PublicKey(), func() (ssh.Signer, error) { return private, nil }}
}

// Sign makes the signature that ssh-keygen -Y sign would make.
func (k *sshFile) Sign(_ context.Context, message []byte) (Made, error) {
	public, err := sshKey(k.public)
	if err != nil {
		return Made{}, err
	}
	private, err := k.unlock()
	if err != nil {
		return Made{}, err
	}
	s, err := sshsig.Sign(bytes.NewReader(message), private, sshsig.HashSHA512, Namespace)
	if err != nil {
		return Made{}, fault.New(fault.SignFailed, "the key %s does not sign", public.fingerprint).Because(errors.New(err.Error()))
	}
	return Made{SSH, armorSSHSIG(s.Marshal()), public.fingerprint}, nil
}

// Public is the public half.
func (k *sshFile) Public(context.Context) (*Key, error) { return sshKey(k.public) }
