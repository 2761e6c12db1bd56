package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/record"
	"github.com/VaultSovereign/git-vaultmesh/internal/sign"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// signing are the flags of commands that sign.
type signing struct {
	Key string `xor:"nobody" placeholder:"FILE" help:"sign with this private key file, OpenPGP or SSH"`
	passphrasing
}

// passphrasing are the flags that say where a passphrase comes from.
type passphrasing struct {
	PassphraseFile string `xor:"passphrase" placeholder:"FILE" help:"where the key file's passphrase stands"`
	PassphraseFD   *int   `xor:"passphrase" name:"passphrase-fd" placeholder:"N" help:"the file descriptor from which to read it"`
}

// signer is the key to sign with: the file that was named, else the one that git
// signs commits with.
func (f signing) signer(a *app) (sign.Signer, error) { return f.settings(a).Signer(a.ctx) }

// orUnsigned is the signer, nil where nobody is to sign.
func (f signing) orUnsigned(a *app, off bool) (sign.Signer, error) {
	if off || a.config.Signing.Off && f.Key == "" {
		return nil, nil
	}
	return f.signer(a)
}

// withoutKey is the advice of a command that found no key to sign with.
func withoutKey(program, command string) string {
	advice := "sign with the key that signs your commits (git config user.signingKey), or make one:\ngit vaultmesh key generate"
	if flag := map[string]string{"record": "--no-sign", "attest": "--no-sign", "reproduce": "--no-sign", "init": "--no-key", "spawn": "--no-key"}[command]; flag != "" {
		advice += "\nor say that nobody is to vouch for it:\n" + program + " " + command + " " + flag
	}
	return advice
}

// settings say what to sign with.
func (f signing) settings(a *app) sign.Settings {
	c := a.config.Signing
	s := sign.Settings{
		KeyFile: c.KeyFile, Format: c.Format, SigningKey: c.Key, GPGProgram: c.GPGProgram, SSHProgram: c.SSHProgram, DefaultKeyCommand: c.DefaultKeyCommand,
		Home: a.env.lookup("HOME"), Env: a.env.Environ, Messages: a.out.messages(), Now: a.env.Now,
		Passphrase: func(file string) ([]byte, error) { return f.passphrase(a, "Passphrase of "+file+": ") },
	}
	if f.Key != "" {
		s.KeyFile = f.Key
	}
	s.Identity = func() (string, error) {
		who, err := a.repo.Committer(a.ctx, a.env.Now())
		return who.Name + " <" + who.Email + ">", err
	}
	return s
}

// noteStrangers says which of the signatures that were just recorded count nothing,
// because their key is nobody's in the covenant. What cannot be found out is left to verify.
func (a *app) noteStrangers(out *record.Outcome) {
	for _, m := range out.Signed {
		a.noteStranger(out.Before, anchoring{}, m.By)
	}
}

func (a *app) noteStranger(l *ledger.Ledger, by anchoring, fingerprint string) {
	if a.stranger(l, by, fingerprint) {
		a.out.note("it counts for nothing yet: the key %s is nobody's in the covenant; whose are, git vaultmesh key list says", fingerprint)
	}
}

// stranger tells whether a key is certainly nobody's in the covenant in force. A key
// that the ledger began with is not looked for further, which may take all of the ledger.
func (a *app) stranger(l *ledger.Ledger, by anchoring, fingerprint string) bool {
	genesis, err := l.Genesis(a.ctx)
	if err != nil {
		return false
	}
	if begun := genesis.Receipt.Genesis.Covenant; begun != nil && slices.ContainsFunc(begun.Principals, func(p receipt.Principal) bool { return holds(p, fingerprint) }) {
		return false
	}
	chain, err := by.chain(a, l)
	if err != nil || chain.Latest() == nil {
		return false
	}
	return !slices.ContainsFunc(chain.Latest().Covenant.Principals, func(p receipt.Principal) bool { return holds(p, fingerprint) })
}

// holds tells whether a key of that fingerprint or key id is one of a principal's.
func holds(p receipt.Principal, fingerprint string) bool {
	return slices.ContainsFunc(p.Keys, func(k receipt.PublicKey) bool {
		key, err := sign.ParseKey(k.Type, k.Key)
		return err == nil && slices.ContainsFunc(key.Fingerprints(), func(f string) bool { return strings.HasSuffix(f, fingerprint) })
	})
}

// given tells whether nobody has to be asked.
func (f passphrasing) given() bool { return f.PassphraseFile != "" || f.PassphraseFD != nil }

// maxPassphrase is the most bytes that a passphrase may have.
const maxPassphrase = 1024

// passphrase reads a passphrase from where the flags say, else asks a person: at
// the terminal, or by the program that git and ssh ask with where there is none.
func (f passphrasing) passphrase(a *app, prompt string) ([]byte, error) {
	switch {
	case f.PassphraseFile != "":
		file, err := os.Open(f.PassphraseFile)
		if err != nil {
			return nil, unreadable(f.PassphraseFile).Because(errors.New(err.Error()))
		}
		return firstLine(file)
	case f.PassphraseFD != nil:
		file := os.NewFile(uintptr(*f.PassphraseFD), fmt.Sprintf("the file descriptor %d", *f.PassphraseFD))
		if *f.PassphraseFD < 0 || file == nil {
			return nil, fault.New(fault.WrongPassphrase, "%d is no file descriptor", *f.PassphraseFD)
		}
		return firstLine(file)
	}
	if tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0); err == nil {
		defer tty.Close()
		a.out.prompt(tty, prompt)
		b, err := a.typed(int(tty.Fd()))
		a.out.prompt(tty, "\n")
		return b, err
	}
	for _, name := range []string{"GIT_ASKPASS", "SSH_ASKPASS"} {
		if program := a.env.lookup(name); program != "" {
			return sign.Ask(a.ctx, a.env.Environ, program, prompt)
		}
	}
	return nil, fault.New(fault.WrongPassphrase, "the key has a passphrase, and there is no terminal to ask for it")
}

// typed reads what a person types at a terminal, which does not show it. After an
// interrupt nobody is waited for: the terminal is as it was, and the read ends with
// the process.
func (a *app) typed(terminal int) ([]byte, error) {
	var b []byte
	before, err := term.GetState(terminal)
	if err == nil {
		read := make(chan error, 1)
		go func() {
			line, err := term.ReadPassword(terminal)
			b = line
			read <- err
		}()
		select {
		case err = <-read:
		case <-a.ctx.Done():
			_ = term.Restore(terminal, before)
			return nil, fault.New(fault.Interrupted, "interrupted")
		}
	}
	if err != nil {
		return nil, fault.New(fault.WrongPassphrase, "no passphrase could be read").Because(err)
	}
	return b, nil
}

func unreadable(name string) *fault.Error {
	return fault.New(fault.WrongPassphrase, "the passphrase cannot be read from %s", name)
}

// firstLine reads a passphrase: the first line, without its end.
func firstLine(file *os.File) ([]byte, error) {
	defer file.Close()
	b := make([]byte, maxPassphrase+2)
	n := 0
	for n < len(b) && !bytes.ContainsRune(b[:n], '\n') {
		read, err := file.Read(b[n:])
		n += read
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, unreadable(file.Name()).Because(errors.New(err.Error()))
		}
	}
	line, _, _ := bytes.Cut(b[:n], []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	if len(line) > maxPassphrase {
		return nil, fault.New(fault.WrongPassphrase, "a passphrase has at most %d bytes", maxPassphrase)
	}
	if len(line) == 0 {
		return nil, fault.New(fault.WrongPassphrase, "there is no passphrase").Because(errors.New("its first line is empty"))
	}
	return line, nil
}
