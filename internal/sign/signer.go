package sign

import (
	"context"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// Signer makes signatures with one key.
type Signer interface {
	// Sign signs a message and returns the signature as it is stored. The faults
	// are SignFailed (VM307), WrongPassphrase (VM309), NoKey (VM301) when the
	// program knows no key after all, and WeakSignature (VM306) when it made one
	// that would not count.
	Sign(ctx context.Context, message []byte) (Made, error)
	// Public is the key with which others verify. The faults are those of Sign
	// and BadKey (VM308).
	Public(ctx context.Context) (*Key, error)
}

// Made is a new signature.
type Made struct {
	Type  string // [OpenPGP] or [SSH]
	Bytes []byte // as stored
	By    string // what it says of its key, as [Issuer]
}

// Settings say what to sign with: a key file, else what git signs commits with.
type Settings struct {
	KeyFile    string                               // a private key, OpenPGP or SSH; "" for git's
	Passphrase func(keyFile string) ([]byte, error) // asks for that of a key file

	Format            string                 // gpg.format: openpgp ("" too) or ssh
	SigningKey        string                 // user.signingKey
	Identity          func() (string, error) // for whom gpg signs where no key is named: "Name <email>"
	GPGProgram        string                 // gpg.program, gpg.openpgp.program; "" is gpg
	SSHProgram        string                 // gpg.ssh.program; "" is ssh-keygen
	DefaultKeyCommand string                 // gpg.ssh.defaultKeyCommand

	Home     string    // what ~ stands for
	Env      []string  // of the programs
	Messages io.Writer // where programs say what they want of a person
	Now      func() time.Time
}

// Signer is the signer that the settings mean. The faults are NoKey (VM301),
// BadKey (VM308), WrongPassphrase (VM309), SignFailed (VM307) and BadConfig (VM104).
func (s Settings) Signer(ctx context.Context) (Signer, error) {
	if s.KeyFile != "" {
		return s.fileSigner()
	}
	switch s.Format {
	case "ssh":
		return s.sshSigner(ctx)
	case "openpgp", "":
		return s.gpgSigner()
	}
	return nil, fault.New(fault.BadConfig, "gpg.format is %.40q, and receipts are signed with openpgp or ssh", s.Format).With("key", "gpg.format")
}

// expand makes a path of the configuration one of the file system.
func (s Settings) expand(path string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		return filepath.Join(s.Home, rest)
	}
	return path
}

// noKey says that there is nothing to sign with.
func noKey(format string, args ...any) *fault.Error { return fault.New(fault.NoKey, format, args...) }
