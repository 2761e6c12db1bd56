package sign

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
	"golang.org/x/crypto/ssh"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// fileSigner reads a private key file. Its passphrase, if it has one, is asked for
// when it signs.
func (s Settings) fileSigner() (Signer, error) {
	path := s.expand(s.KeyFile)
	b, err := readKeyFile(path)
	if err != nil {
		return nil, err
	}
	if binary, ok := dearmored(b, openpgp.PrivateKeyType); ok {
		b = binary
	}
	if len(b) > 0 && b[0]&0x80 != 0 {
		return s.openpgpFile(path, b)
	}
	private, err := ssh.ParsePrivateKey(b)
	if locked := new(ssh.PassphraseMissingError); errors.As(err, &locked) {
		return s.lockedSSH(path, b, locked.PublicKey)
	}
	if err != nil {
		return nil, badKey("%s is not a private key, OpenPGP or SSH", path)
	}
	return unlockedSSH(private), nil
}

// lockedSSH asks for the passphrase when the key signs; where the file does not say
// which key it holds, as in OpenSSL's old form, at once.
func (s Settings) lockedSSH(path string, b []byte, public ssh.PublicKey) (Signer, error) {
	unlock := sync.OnceValues(func() (ssh.Signer, error) {
		passphrase, err := s.ask(path)
		if err != nil {
			return nil, err
		}
		private, err := ssh.ParsePrivateKeyWithPassphrase(b, passphrase)
		if err != nil {
			return nil, wrongPassphrase(path)
		}
		if public != nil && !bytes.Equal(public.Marshal(), private.PublicKey().Marshal()) {
			return nil, badKey("%s names another public key than its own", path)
		}
		return private, nil
	})
	if public == nil {
		private, err := unlock()
		if err != nil {
			return nil, err
		}
		public = private.PublicKey()
	}
	return &sshFile{public, unlock}, nil
}

func readKeyFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, noKey("the key file %s is not there", path)
	case err != nil:
		return nil, badKey("%s cannot be read", path).Because(errors.New(err.Error()))
	case !info.Mode().IsRegular() || info.Size() > maxKey:
		return nil, badKey("%s is not a key file", path)
	case info.Mode().Perm()&0o077 != 0:
		return nil, badKey("others may read %s, as ssh would say too; see chmod 600", path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, badKey("%s cannot be read", path).Because(errors.New(err.Error()))
	}
	return b, nil
}

func (s Settings) ask(path string) ([]byte, error) {
	if s.Passphrase == nil {
		return nil, fault.New(fault.WrongPassphrase, "the key file %s has a passphrase, and there is nobody to ask", path)
	}
	return s.Passphrase(path)
}

func wrongPassphrase(path string) error {
	return fault.New(fault.WrongPassphrase, "the passphrase of %s is another", path)
}

// InProcess tells whether a signer has its key in this process: nobody else is
// asked, and nobody for a passphrase but by [Settings.Passphrase].
func InProcess(s Signer) bool {
	switch s.(type) {
	case *sshFile, *openpgpFile:
		return true
	}
	return false
}

// openpgpFile signs in process with an OpenPGP secret key.
type openpgpFile struct {
	entity *openpgp.Entity
	unlock func() error
	now    func() time.Time
}

func (s Settings) openpgpFile(path string, b []byte) (Signer, error) {
	entities, err := openpgp.ReadKeyRing(bytes.NewReader(b))
	if err != nil || len(entities) != 1 || entities[0].PrivateKey == nil {
		return nil, badKey("%s does not hold one OpenPGP secret key", path)
	}
	e := entities[0]
	unlock := sync.OnceValue(func() error {
		if !locked(e) {
			return nil
		}
		passphrase, err := s.ask(path)
		if err == nil && e.DecryptPrivateKeys(passphrase) != nil {
			err = wrongPassphrase(path)
		}
		return err
	})
	return &openpgpFile{e, unlock, s.Now}, nil
}

// locked tells whether a secret key or subkey needs a passphrase. The primary one
// may be kept elsewhere, as gpg --export-secret-subkeys leaves it.
func locked(e *openpgp.Entity) bool {
	needs := func(k *packet.PrivateKey) bool { return k != nil && k.Encrypted && !k.Dummy() }
	return needs(e.PrivateKey) || slices.ContainsFunc(e.Subkeys, func(s openpgp.Subkey) bool { return needs(s.PrivateKey) })
}

func (k *openpgpFile) config() *packet.Config {
	return &packet.Config{MinRSABits: minRSA, Time: k.now}
}

// Sign makes a binary signature packet over a SHA-512 digest or better.
func (k *openpgpFile) Sign(_ context.Context, message []byte) (Made, error) {
	if err := k.unlock(); err != nil {
		return Made{}, err
	}
	var b bytes.Buffer
	if err := openpgp.DetachSign(&b, []*openpgp.Entity{k.entity}, bytes.NewReader(message), k.config()); err != nil {
		return Made{}, fault.New(fault.SignFailed, "the key %s does not sign", upperHex(k.entity.PrimaryKey.Fingerprint)).Because(plain(err))
	}
	s, err := parseOpenPGP(b.Bytes())
	if err != nil {
		return Made{}, err
	}
	return Made{OpenPGP, b.Bytes(), issuerOf(s)}, nil
}

// Public is the public half, with its identities and subkeys.
func (k *openpgpFile) Public(context.Context) (*Key, error) {
	var b bytes.Buffer
	if err := k.entity.Serialize(&b); err != nil {
		return nil, badKey("it cannot be written").Because(plain(err))
	}
	return parseOpenPGPKey(b.Bytes())
}
