package sign

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/ProtonMail/go-crypto/openpgp/s2k"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
	"golang.org/x/crypto/ssh"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// Order says what key to make.
type Order struct {
	Type       string // [OpenPGP] or [SSH]
	Path       string // of the private key; the public one is beside it, with .pub
	Name       string // whose it is
	Email      string
	Passphrase []byte // empty for none
	Now        time.Time
}

// Generate makes an Ed25519 key and writes both halves, the private one so
// that only its owner may read it. It never writes over a file: KeyExists
// (VM312). Other faults are WriteFailed (VM120), and BadKey (VM308) where none can be made.
func Generate(o Order) (*Key, error) {
	for _, path := range []string{o.Path, o.Path + ".pub"} {
		if _, err := os.Lstat(path); err == nil {
			return nil, fault.New(fault.KeyExists, "%s exists", path)
		}
	}
	generate := generateOpenPGP
	if o.Type == SSH {
		generate = generateSSH
	}
	private, public, key, err := generate(o)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(o.Path), 0o700); err != nil {
		return nil, fault.New(fault.WriteFailed, "the folder of %s cannot be made", o.Path).Because(errors.New(err.Error()))
	}
	if err := writeNew(o.Path, private, 0o600); err != nil {
		return nil, err
	}
	if err := writeNew(o.Path+".pub", public, 0o644); err != nil {
		_ = os.Remove(o.Path) // a key that nobody can give away is of no use
		return nil, err
	}
	return key, nil
}

// writeNew writes a file that must not be there yet: it is there whole, or not at all.
func writeNew(path string, data []byte, mode fs.FileMode) error {
	unwritten := func(err error) error {
		return fault.New(fault.WriteFailed, "%s cannot be written", path).Because(errors.New(err.Error()))
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-")
	if err != nil {
		return unwritten(err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err := errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return unwritten(err)
	}
	err = os.Link(f.Name(), path)
	if errors.Is(err, fs.ErrExist) {
		return fault.New(fault.KeyExists, "%s exists", path)
	}
	if err != nil { // a file system without links
		return copyNew(path, data, mode)
	}
	return nil
}

// copyNew writes a file that must not be there yet in its place.
func copyNew(path string, data []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		return fault.New(fault.KeyExists, "%s exists", path)
	}
	if err == nil {
		_, err = f.Write(data)
		if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
			_ = os.Remove(path)
		}
	}
	if err != nil {
		return fault.New(fault.WriteFailed, "%s cannot be written", path).Because(errors.New(err.Error()))
	}
	return nil
}

func generateSSH(o Order) (private, public []byte, key *Key, err error) {
	pub, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, nil, badKey("it cannot be made").Because(err)
	}
	comment := strings.Join(strings.Fields(o.Email), " ") // it ends a line, and begins none
	var block *pem.Block
	if len(o.Passphrase) > 0 {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(priv, comment, o.Passphrase)
	} else {
		block, err = ssh.MarshalPrivateKey(priv, comment)
	}
	if err != nil {
		return nil, nil, nil, badKey("it cannot be made").Because(err)
	}
	line, err := ssh.NewPublicKey(pub)
	if err != nil {
		return nil, nil, nil, badKey("it cannot be made").Because(err)
	}
	key, err = sshKey(line)
	if err != nil {
		return nil, nil, nil, err
	}
	return pem.EncodeToMemory(block), []byte(key.text + " " + comment + "\n"), key, nil
}

func generateOpenPGP(o Order) (private, public []byte, key *Key, err error) {
	config := &packet.Config{
		Algorithm: packet.PubKeyAlgoEdDSA, // version 4, which gpg 2.2 reads
		Curve:     packet.Curve25519,
		Time:      func() time.Time { return o.Now },
		S2KConfig: &s2k.Config{S2KMode: s2k.IteratedSaltedS2K, PassphraseIsHighEntropy: false},
	}
	entity, err := openpgp.NewEntity(o.Name, "", o.Email, config)
	if err != nil {
		return nil, nil, nil, badKey("it cannot be made").Because(plain(err))
	}
	entity.Subkeys = nil // it signs, and nothing is encrypted to it
	if len(o.Passphrase) > 0 {
		if err := entity.EncryptPrivateKeys(o.Passphrase, config); err != nil {
			return nil, nil, nil, badKey("it cannot be locked").Because(plain(err))
		}
	}
	var secret, open bytes.Buffer
	if err := errors.Join(entity.SerializePrivateWithoutSigning(&secret, config), entity.Serialize(&open)); err != nil {
		return nil, nil, nil, badKey("it cannot be made").Because(plain(err))
	}
	key, err = parseOpenPGPKey(open.Bytes())
	if err != nil {
		return nil, nil, nil, err
	}
	return armored(secret.Bytes(), openpgp.PrivateKeyType), armored(open.Bytes(), openpgp.PublicKeyType), key, nil
}
