package cli

import (
	"cmp"
	"slices"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/policy"
	"github.com/VaultSovereign/git-vaultmesh/internal/sign"
	"github.com/VaultSovereign/git-vaultmesh/internal/trust"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

type covenantImportCmd struct {
	AllowedSigners string   `placeholder:"FILE" help:"SSH keys, as gpg.ssh.allowedSignersFile has them"`
	GPG            []string `name:"gpg" sep:"none" placeholder:"KEYID" help:"a key that gpg has: a fingerprint, id or address"`
	TSA            []string `name:"tsa" sep:"none" placeholder:"NAME" help:"a time-stamp authority of your configuration, whose tokens are to count"`
	Name           string   `placeholder:"NAME" help:"the principal's name, where one key is imported; else what the key says"`
	Group          []string `sep:"none" placeholder:"GROUP" help:"a group of the principals"`
	DryRun         bool     `help:"print the document and propose nothing"`
	proposing
}

// Run proposes the covenant in force with more principals in it.
func (c *covenantImportCmd) Run(a *app) error {
	if c.AllowedSigners == "" && len(c.GPG) == 0 && len(c.TSA) == 0 {
		return fault.New(fault.Usage, "name what to import: --allowed-signers FILE, --gpg KEYID or --tsa NAME").With("command", "covenant")
	}
	_, chain, err := a.openChain(c.fetching, c.anchoring)
	if err != nil {
		return err
	}
	keys, err := c.keys(a)
	if err != nil {
		return err
	}
	authorities, err := a.authorities(append([]string{}, c.TSA...))
	if err != nil {
		return err
	}
	a.noteUnpinned(authorities)
	body, err := c.with(a, chain, keys, authorities)
	if err != nil {
		return err
	}
	if c.DryRun {
		a.out.bytes(policy.Format(body))
		return nil
	}
	return c.propose(a, chain, body)
}

// keys are those to import, each with the name that it says it belongs to.
func (c *covenantImportCmd) keys(a *app) ([]sign.Owned, error) {
	list, err := c.allowed(a)
	if err != nil {
		return nil, err
	}
	for _, name := range c.GPG {
		key, err := c.settings(a).ExportGPG(a.ctx, name)
		if err != nil {
			return nil, err
		}
		list = append(list, sign.Owned{Name: cmp.Or(c.Name, key.Owner()), Key: key})
	}
	if c.Name != "" && len(list) != 1 {
		return nil, fault.New(fault.Usage, "--name is for one key, and there are %d", len(list)).With("command", "covenant")
	}
	return list, nil
}

// allowed are the keys of a file of allowed signers.
func (c *covenantImportCmd) allowed(a *app) ([]sign.Owned, error) {
	if c.AllowedSigners == "" {
		return nil, nil
	}
	text, err := a.read(c.AllowedSigners, 1<<20)
	if err != nil {
		return nil, err
	}
	list, remarks, err := sign.AllowedSigners{File: c.AllowedSigners, Namespace: sign.Namespace, Owner: c.Name, Now: a.env.Now()}.Read(text)
	for _, r := range remarks {
		a.out.note("%s", r)
	}
	return list, err
}

// with is the covenant in force with keys added, and with time-stamp authorities,
// each in place of one of its name.
func (c *covenantImportCmd) with(a *app, chain *trust.Chain, keys []sign.Owned, authorities []receipt.Authority) (*receipt.Covenant, error) {
	body := &receipt.Covenant{}
	if now := covenantOf(chain); now != nil {
		var err error
		if body, err = policy.Parse(policy.Format(now), "the covenant in force"); err != nil {
			return nil, err
		}
	}
	for _, k := range keys {
		p := principalOf(body, k)
		if p.Name != k.Name {
			a.out.note("the key %s, which is to be %s's, is %s's already, and stays so", k.Key.Fingerprint(), k.Name, p.Name)
		}
		p.Keys = renewed(p.Keys, k.Key)
		for _, g := range c.Group {
			p.Groups = with(p.Groups, g)
		}
	}
	for _, t := range authorities {
		body.TSAs = slices.DeleteFunc(body.TSAs, func(old receipt.Authority) bool { return old.Name == t.Name })
		body.TSAs = append(body.TSAs, t)
	}
	return policy.Parse(policy.Format(body), "the covenant with these keys") // in order, each once, and within the rules
}

// principalOf is the principal of a covenant who has a key; else the one of its
// owner's name, who is new where there is none.
func principalOf(body *receipt.Covenant, k sign.Owned) *receipt.Principal {
	i := slices.IndexFunc(body.Principals, func(p receipt.Principal) bool {
		return slices.ContainsFunc(p.Keys, func(has receipt.PublicKey) bool { return sameKey(has, k.Key) })
	})
	if i < 0 {
		i = slices.IndexFunc(body.Principals, func(p receipt.Principal) bool { return p.Name == k.Name })
	}
	if i < 0 {
		i = len(body.Principals)
		body.Principals = append(body.Principals, receipt.Principal{Name: k.Name})
	}
	return &body.Principals[i]
}

// renewed are the keys of a principal with one more, in place of that key as it was:
// an OpenPGP key may have another end since, or further subkeys.
func renewed(keys []receipt.PublicKey, k *sign.Key) []receipt.PublicKey {
	now := receipt.PublicKey{Type: k.Type(), Key: k.Text()}
	if i := slices.IndexFunc(keys, func(has receipt.PublicKey) bool { return sameKey(has, k) }); i >= 0 {
		keys[i] = now
		return keys
	}
	return append(keys, now)
}

// sameKey tells whether a key of a covenant is that key, maybe as it was before.
func sameKey(has receipt.PublicKey, k *sign.Key) bool {
	old, err := sign.ParseKey(has.Type, has.Key)
	return err == nil && old.Fingerprint() == k.Fingerprint()
}

// with is a list that has an item.
func with[T comparable](list []T, item T) []T {
	if slices.Contains(list, item) {
		return list
	}
	return append(list, item)
}
