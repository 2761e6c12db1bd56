package cli

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/config"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/record"
	"github.com/VaultSovereign/git-vaultmesh/internal/tsa"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// stamping are the flags of commands that ask time-stamp authorities.
type stamping struct {
	NoTimestamp bool `help:"ask no time-stamp authority"`
}

// stamper asks the authorities that the configuration names; it is nil where there
// is none, or none is to be asked.
func (a *app) stamper(f stamping) (*record.Stamper, error) {
	if f.NoTimestamp || len(a.config.TSAs) == 0 {
		return nil, nil
	}
	s := &record.Stamper{Client: a.tsaClient()}
	for _, t := range a.config.TSAs {
		rail, err := a.rail(t)
		if err != nil {
			return nil, err
		}
		s.Rails = append(s.Rails, rail)
	}
	return s, nil
}

func (a *app) tsaClient() *tsa.Client { return &tsa.Client{Now: a.env.Now} }

// rail is an authority of the configuration, with its roots read.
func (a *app) rail(t config.TSA) (record.Rail, error) {
	trust, err := a.tsaTrust(t)
	return record.Rail{Authority: tsa.Authority{Name: t.Name, URL: t.URL, Trust: trust, Timeout: t.Timeout, Header: t.Header}, Required: t.Required}, err
}

// tsaTrust is what the tokens of an authority must be signed by.
func (a *app) tsaTrust(t config.TSA) (tsa.Trust, error) {
	trust := tsa.Trust{Policy: t.Policy}
	if t.CACert == "" {
		return trust, fault.New(fault.BadConfig, "vaultmesh.tsa.%s has no cacert, so that its tokens cannot be verified", t.Name).With("key", "vaultmesh.tsa."+t.Name+".cacert")
	}
	var err error
	if trust.Roots, err = a.certificates(t.CACert, "vaultmesh.tsa."+t.Name+".cacert"); err != nil {
		return trust, err
	}
	if t.Cert != "" {
		signers, err := a.certificates(t.Cert, "vaultmesh.tsa."+t.Name+".cert")
		if err != nil {
			return trust, err
		}
		for _, c := range signers {
			trust.Certificates = append(trust.Certificates, sha256.Sum256(c.Raw))
		}
	}
	if t.Pin != "" {
		pin, err := tsa.ParsePin(t.Pin)
		if err != nil {
			return trust, err
		}
		trust.SPKIs = append(trust.SPKIs, pin)
	}
	return trust, nil
}

// authorities are those of the configuration as a covenant has them: all, or those
// of some names. One that is asked without a root counts nowhere.
func (a *app) authorities(names []string) ([]receipt.Authority, error) {
	var list []receipt.Authority
	for _, t := range a.config.TSAs {
		if names != nil && !slices.Contains(names, t.Name) {
			continue
		}
		trust, err := a.tsaTrust(t)
		if err != nil {
			return nil, err
		}
		one := receipt.Authority{Name: t.Name, Policy: t.Policy, Roots: []string{}, Pins: []receipt.Digest{}}
		for _, r := range trust.Roots {
			one.Roots = append(one.Roots, base64.StdEncoding.EncodeToString(r.Raw))
		}
		for _, pin := range trust.Certificates {
			one.Pins = append(one.Pins, pin)
		}
		slices.SortFunc(one.Pins, receipt.Digest.Compare)
		list = append(list, one)
	}
	if len(list) < len(names) {
		return nil, fault.New(fault.NoTSA, "not all of these are configured: %s", strings.Join(names, ", "))
	}
	return list, nil
}

// noteUnpinned says of which authorities that come into a covenant a key is pinned
// here, which a covenant cannot do.
func (a *app) noteUnpinned(list []receipt.Authority) {
	for _, t := range a.config.TSAs {
		in := slices.ContainsFunc(list, func(one receipt.Authority) bool { return one.Name == t.Name })
		if in && t.Pin != "" && t.Cert == "" {
			a.out.note("a covenant pins certificates: the key that is pinned for %s is not in it, and any signer under its root counts; see --cert in git vaultmesh help tsa", t.Name)
		}
	}
}

// certificates reads a file of certificates that a variable of the configuration names.
func (a *app) certificates(path, variable string) ([]*x509.Certificate, error) {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		path = filepath.Join(a.env.lookup("HOME"), rest)
	}
	b, err := a.read(path, 1<<20)
	if fault.Has(err, fault.NoFile) {
		return nil, fault.New(fault.BadConfig, "%s names %s, which does not exist", variable, path).With("key", variable)
	}
	if err != nil {
		return nil, err
	}
	list, err := tsa.ParseCertificates(b)
	if err != nil {
		return nil, fault.From(err).With("path", path)
	}
	return list, nil
}

// keepPending notes down the tokens that are still to be had for what was
// recorded, and says so.
func (a *app) keepPending(out *record.Outcome) error {
	for i := range out.Pending {
		out.Pending[i].ID = out.ID
		p := out.Pending[i]
		a.out.note("no time-stamp by %s yet: %s: %s; git vaultmesh timestamp --pending asks again", p.Authority, fault.From(p.Err).Code, fault.From(p.Err).Message)
	}
	err := record.KeepPending(a.repo, out.Pending, nil)
	if fault.Has(err, fault.ReadOnly) {
		a.out.warn("that time-stamps are still to be had cannot be noted down: %s", fault.From(err).Message)
		return nil
	}
	return err
}

// absolute is a path as a configuration should have it: one that means the same in
// every folder.
func absolute(path string) (string, error) {
	full, err := filepath.Abs(path)
	if err != nil {
		return "", fault.New(fault.NoFile, "%s is no path", path).Because(errors.New(err.Error()))
	}
	if _, err := os.Stat(full); err != nil {
		return "", fault.New(fault.NoFile, "%s does not exist", path)
	}
	return full, nil
}
