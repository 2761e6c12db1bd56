package cli

import (
	"bytes"
	"path/filepath"

	"github.com/VaultSovereign/git-vaultmesh/internal/config"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/setup"
	"github.com/VaultSovereign/git-vaultmesh/internal/sign"
)

type keyCmd struct {
	Generate keyGenerateCmd `cmd:"" help:"make a key to sign with"`
	List     keyListCmd     `cmd:"" help:"list the key that signs here, and those of the covenant"`
	Export   keyExportCmd   `cmd:"" help:"print the public key that signs here"`
	Revoke   keyRevokeCmd   `cmd:"" help:"record that a key is taken out of use"`
}

type keyGenerateCmd struct {
	Type         string `enum:"ssh,openpgp" default:"ssh" placeholder:"TYPE" help:"ssh or openpgp; Ed25519 in either case"`
	Output       string `placeholder:"FILE" help:"where the private key goes; the public one is beside it with .pub"`
	NoPassphrase bool   `help:"leave the private key without a passphrase"`
	NoConfig     bool   `help:"leave git's configuration as it is"`
	passphrasing
}

// Run makes a key, and tells git's configuration of it.
func (c *keyGenerateCmd) Run(a *app) error {
	if c.NoPassphrase && c.given() {
		return fault.New(fault.Usage, "--no-passphrase and a passphrase can't be used together").With("command", "key")
	}
	cfg, err := a.anywhere()
	if err != nil {
		return err
	}
	path := c.Output
	if path == "" {
		dir := filepath.Dir(a.knownLedgers())
		if path = filepath.Join(dir, "key-"+c.Type); dir == "." {
			return fault.New(fault.Usage, "there is no home folder: say where the key goes with --output").With("command", "key")
		}
	}
	if path, err = filepath.Abs(path); err != nil {
		return fault.New(fault.BadKey, "%s is no path", c.Output).Because(err)
	}
	order := sign.Order{Type: c.Type, Path: path, Now: a.env.Now()}
	if order.Name, order.Email = cfg.name, cfg.email; order.Email == "" {
		return fault.New(fault.NoIdentity, "git does not know who you are")
	}
	if !c.NoPassphrase {
		if order.Passphrase, err = c.twice(a, path); err != nil {
			return err
		}
	}
	key, err := sign.Generate(order)
	if err != nil {
		return err
	}
	settings := []setup.Setting{}
	if !c.NoConfig {
		settings = append(settings, setup.Setting{Name: "vaultmesh.keyFile", Value: path})
		if err := gitrepo.SetGlobal(a.ctx, gitrepo.Options{Env: a.env.Environ}, settings[0].Name, path); err != nil {
			return err
		}
	}
	if a.out.structured() {
		return a.out.emit(struct {
			Type       string          `json:"type"`
			Key        string          `json:"key"`
			File       string          `json:"file"`
			Locked     bool            `json:"locked"`
			Configured []setup.Setting `json:"configured"`
		}{c.Type, key.Fingerprint(), path, len(order.Passphrase) > 0, settings})
	}
	a.out.line("made the key %s", key.Fingerprint())
	a.out.line("  private  %s", path)
	a.out.line("  public   %s.pub", path)
	if len(order.Passphrase) == 0 {
		a.out.line("  without a passphrase: whoever can read the file can sign")
	}
	for _, s := range settings {
		a.out.line("  git config --global %s %s", s.Name, s.Value)
	}
	return nil
}

// twice asks for a new passphrase, and at a terminal for the same again.
func (c *keyGenerateCmd) twice(a *app, path string) ([]byte, error) {
	first, err := c.passphrase(a, "Passphrase for "+path+": ")
	if err != nil || c.given() {
		return first, err
	}
	again, err := c.passphrase(a, "The same again: ")
	if err == nil && !bytes.Equal(first, again) {
		err = fault.New(fault.WrongPassphrase, "the two passphrases differ, and no key was made")
	}
	if err == nil && len(first) == 0 {
		err = fault.New(fault.WrongPassphrase, "the passphrase is empty, and no key was made; --no-passphrase leaves it out")
	}
	return first, err
}

// person is who git says somebody is, in a repository or outside of one.
type person struct{ name, email string }

// anywhere reads who somebody is, also where there is no repository.
func (a *app) anywhere() (person, error) {
	name, email, err := gitrepo.Whoever(a.ctx, gitrepo.Options{Env: a.env.Environ})
	return person{name, email}, err
}

type keyListCmd struct {
	signing
	anchoring
}

// listedKey is a key as programs are told of it.
type listedKey struct {
	Principal string   `json:"principal,omitempty"`
	Groups    []string `json:"groups,omitempty"`
	Type      string   `json:"type"`
	Key       string   `json:"key"`
	Owner     string   `json:"owner,omitempty"`
	Signs     bool     `json:"signs"` // it is the one that signs here
	Revoked   string   `json:"revoked,omitempty"`
}

// Run lists keys.
func (c *keyListCmd) Run(a *app) error {
	if err := a.open(false); err != nil {
		return err
	}
	list := []listedKey{}
	own, err := c.own(a)
	if err != nil && !fault.Has(err, fault.NoKey) {
		return err
	}
	found := false
	l, err := a.ledger()
	if err != nil && !fault.Has(err, fault.NoLedger) {
		return err
	}
	if err == nil {
		chain, err := c.chain(a, l)
		if err != nil {
			return err
		}
		for _, k := range chain.Holders() {
			signs := own != nil && own.Fingerprint() == k.Key.Fingerprint()
			found = found || signs
			list = append(list, listedKey{k.Principal, k.Groups, k.Key.Type(), k.Key.Fingerprint(), k.Key.Owner(), signs, k.Revoked})
		}
	}
	if own != nil && !found {
		list = append(list, listedKey{Type: own.Type(), Key: own.Fingerprint(), Owner: own.Owner(), Signs: true})
	}
	if a.out.structured() {
		return a.out.emit(list)
	}
	for _, k := range list {
		mark, whose := " ", k.Principal
		if k.Signs {
			mark = "*"
		}
		if whose == "" {
			whose = "(not in the covenant)"
		}
		if k.Revoked != "" {
			whose += " (" + k.Revoked + ")"
		}
		a.out.line("%s %s %s  %s", mark, pad(k.Type, -7), k.Key, whose)
	}
	if len(list) == 0 {
		a.out.line("no keys")
	}
	return nil
}

// own is the key that signs here.
func (f signing) own(a *app) (*sign.Key, error) {
	s, err := f.signer(a)
	if err != nil {
		return nil, err
	}
	return s.Public(a.ctx)
}

type keyExportCmd struct {
	Output string `placeholder:"FILE" help:"a file in place of standard output"`
	signing
}

// Run prints the public key, as other programs read it.
func (c *keyExportCmd) Run(a *app) error {
	if err := a.open(false); fault.Has(err, fault.NoRepository) {
		a.config = config.Config{}
	} else if err != nil {
		return err
	}
	key, err := c.own(a)
	if err != nil {
		return err
	}
	if c.Output == "" {
		c.Output = "-"
	}
	return a.write(c.Output, key.Export())
}
