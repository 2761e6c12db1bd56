package cli

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/pem"
	"errors"
	"maps"
	"net"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/config"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/setup"
	"github.com/VaultSovereign/git-vaultmesh/internal/tsa"
)

type tsaCmd struct {
	Add       tsaAddCmd       `cmd:"" help:"ask an authority from now on"`
	List      tsaListCmd      `cmd:"" help:"list the authorities that are asked"`
	Test      tsaTestCmd      `cmd:"" help:"ask authorities for a token of nothing in particular"`
	Bootstrap tsaBootstrapCmd `cmd:"" help:"get the root of an authority, by its pin"`
	Serve     tsaServeCmd     `cmd:"" help:"be an authority, for air-gapped teams and tests"`
}

type tsaAddCmd struct {
	Name     string         `arg:"" help:"what to call it: lower-case letters, digits and . _ -"`
	URL      string         `arg:"" name:"url" help:"where it is asked, http or https"`
	CACert   string         `name:"cacert" required:"" placeholder:"FILE" help:"its roots, PEM or DER"`
	Cert     string         `placeholder:"FILE" help:"its own certificate, which alone counts then"`
	Pin      string         `placeholder:"PIN" help:"the SHA-256 of its public key, which alone counts then"`
	Policy   string         `placeholder:"OID" help:"the policy to ask for"`
	Timeout  *time.Duration `placeholder:"DURATION" help:"how long it may take; 15s unless given"`
	Header   string         `placeholder:"HEADER" help:"a line to send with each request: 'Name: value'"`
	Required bool           `help:"record nothing without its token"`
	Global   bool           `help:"for all repositories of this user"`
}

var tsaName = regexp.MustCompile(`^[a-z][a-z0-9._-]{0,62}$`)

// Run checks what was said and writes it into git's configuration.
func (c *tsaAddCmd) Run(a *app) error {
	if !tsaName.MatchString(c.Name) {
		return fault.New(fault.BadTSA, "%.80q is not a name of lower-case letters, digits and . _ -", c.Name)
	}
	if c.Timeout != nil && *c.Timeout <= 0 {
		return fault.New(fault.Usage, "a --timeout of %s is none", *c.Timeout).With("command", "tsa")
	}
	if err := c.open(a); err != nil {
		return err
	}
	t := config.TSA{Name: c.Name, URL: c.URL, Policy: c.Policy, Pin: c.Pin, Header: c.Header, Required: c.Required}
	if c.Timeout != nil {
		t.Timeout = *c.Timeout
	}
	var err error
	if t.CACert, err = absolute(c.CACert); err != nil {
		return err
	}
	if c.Cert != "" {
		if t.Cert, err = absolute(c.Cert); err != nil {
			return err
		}
	}
	rail, err := a.rail(t)
	if err == nil {
		err = rail.Check()
	}
	if err != nil {
		return err
	}
	settings := c.settings(t)
	if err := c.write(a, settings); err != nil {
		return err
	}
	for i, s := range settings { // as they are shown
		switch s.Name {
		case c.variable("header"):
			settings[i].Value = "(not shown)"
		case c.variable("url"):
			settings[i].Value = shownURL(s.Value)
		}
	}
	if a.out.structured() {
		return a.out.emit(struct {
			Name       string          `json:"name"`
			Configured []setup.Setting `json:"configured"`
		}{c.Name, settings})
	}
	a.out.line("%s is asked for time-stamps from now on", c.Name)
	for _, s := range settings {
		a.out.line("  git config %s %s", s.Name, s.Value)
	}
	return nil
}

// write makes the settings those of the authority, without those that an authority
// of the same name had before.
func (c *tsaAddCmd) write(a *app, settings []setup.Setting) error {
	set, unset := a.repo.SetConfig, a.repo.UnsetConfig
	if c.Global {
		o := gitrepo.Options{Env: a.env.Environ}
		set = func(ctx context.Context, name, value string) error { return gitrepo.SetGlobal(ctx, o, name, value) }
		unset = func(ctx context.Context, name string) error { return gitrepo.UnsetGlobal(ctx, o, name) }
	}
	for _, s := range settings {
		if err := set(a.ctx, s.Name, s.Value); err != nil {
			return err
		}
	}
	for _, v := range config.TSAVariables {
		name := c.variable(v)
		if slices.ContainsFunc(settings, func(s setup.Setting) bool { return s.Name == name }) {
			continue
		}
		if err := unset(a.ctx, name); err != nil {
			return err
		}
	}
	return nil
}

func (c *tsaAddCmd) variable(name string) string { return "vaultmesh.tsa." + c.Name + "." + name }

// shownURL is an address without the password that may stand in it.
func shownURL(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "(no address)"
	}
	return u.Redacted()
}

// open opens the repository, unless the settings are for all.
func (c *tsaAddCmd) open(a *app) error {
	if c.Global {
		return nil
	}
	return a.open(false)
}

func (c *tsaAddCmd) settings(t config.TSA) []setup.Setting {
	var list []setup.Setting
	add := func(variable, value string) {
		if value != "" {
			list = append(list, setup.Setting{Name: c.variable(variable), Value: value})
		}
	}
	add("url", t.URL)
	add("cacert", t.CACert)
	add("cert", t.Cert)
	add("pin", t.Pin)
	add("policy", t.Policy)
	add("header", t.Header)
	if t.Timeout > 0 {
		add("timeout", t.Timeout.String())
	}
	if t.Required {
		add("required", strconv.FormatBool(true))
	}
	return list
}

type tsaListCmd struct {
	anchoring
	fetching
}

// listedTSA is an authority as programs are told of it.
type listedTSA struct {
	Name     string `json:"name"`
	URL      string `json:"url,omitempty"`
	Asked    bool   `json:"asked"`
	Required bool   `json:"required"`
	Counts   bool   `json:"counts"` // its name is in the covenant
}

// Run lists the authorities that are asked and those that count.
func (c *tsaListCmd) Run(a *app) error {
	if err := a.open(false); err != nil {
		return err
	}
	counts := map[string]bool{}
	l, err := a.ledger()
	if err != nil && !fault.Has(err, fault.NoLedger) {
		return err
	}
	list := []listedTSA{}
	if err == nil {
		chain, err := c.chain(a, l)
		if err != nil {
			return err
		}
		if v := chain.Latest(); v != nil {
			for _, t := range v.Covenant.TSAs {
				counts[t.Name] = true
			}
		}
	}
	asked := map[string]bool{}
	for _, t := range a.config.TSAs {
		asked[t.Name] = true
		list = append(list, listedTSA{t.Name, shownURL(t.URL), true, t.Required, counts[t.Name]})
	}
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		if !asked[name] {
			list = append(list, listedTSA{Name: name, Counts: true})
		}
	}
	if a.out.structured() {
		return a.out.emit(list)
	}
	for _, t := range list {
		words := "asked"
		switch {
		case !t.Asked:
			words = "not asked"
		case t.Required:
			words = "required"
		}
		if !t.Counts {
			words += ", not in the covenant"
		}
		a.out.line("%s  %s  %s", pad(t.Name, -12), pad(t.URL, -40), words)
	}
	if len(list) == 0 {
		a.out.line("no time-stamp authorities")
	}
	return nil
}

type tsaTestCmd struct {
	Name []string `arg:"" optional:"" help:"the authorities; all unless given"`
}

// testedTSA is the outcome of a test, as programs are told.
type testedTSA struct {
	Name   string     `json:"name"`
	OK     bool       `json:"ok"`
	Time   string     `json:"time,omitempty"`
	Code   fault.Code `json:"code,omitempty"`
	Reason string     `json:"reason,omitempty"`
}

// Run asks each for a token over random bytes.
func (c *tsaTestCmd) Run(a *app) error {
	if err := a.open(false); err != nil {
		return err
	}
	chosen, err := c.chosen(a)
	if err != nil {
		return err
	}
	list := []testedTSA{}
	var failed error
	for _, t := range chosen {
		at, err := c.try(a, t)
		tested := testedTSA{Name: t.Name, OK: err == nil, Time: stamp(at)}
		if err != nil {
			f := fault.From(err)
			tested.Code, tested.Reason, failed = f.Code, f.Message, err
		}
		list = append(list, tested)
	}
	if a.out.structured() {
		if err := a.out.emit(list); err != nil {
			return err
		}
		return failed
	}
	for _, t := range list {
		if t.OK {
			a.out.line("%s  ok  %s", pad(t.Name, -12), t.Time)
		} else {
			a.out.line("%s  %s  %s", pad(t.Name, -12), t.Code, t.Reason)
		}
	}
	return failed
}

func (c *tsaTestCmd) chosen(a *app) ([]config.TSA, error) {
	if len(c.Name) == 0 {
		if len(a.config.TSAs) == 0 {
			return nil, fault.New(fault.NoTSA, "no time-stamp authority is configured")
		}
		return a.config.TSAs, nil
	}
	var list []config.TSA
	for _, name := range c.Name {
		found := false
		for _, t := range a.config.TSAs {
			if t.Name == name {
				list, found = append(list, t), true
			}
		}
		if !found {
			return nil, fault.New(fault.NoTSA, "no time-stamp authority is called %.80q", name)
		}
	}
	return list, nil
}

// try is the time of a token over random bytes.
func (c *tsaTestCmd) try(a *app, t config.TSA) (time.Time, error) {
	rail, err := a.rail(t)
	if err != nil {
		return time.Time{}, err
	}
	nothing := make([]byte, 32)
	rand.Read(nothing)
	token, err := a.tsaClient().Stamp(a.ctx, rail.Authority, sha256.Sum256(nothing))
	if err != nil {
		return time.Time{}, err
	}
	parsed, err := tsa.Parse(token)
	if err != nil {
		return time.Time{}, err
	}
	return parsed.Time, nil
}

type tsaBootstrapCmd struct {
	URL    string `arg:"" name:"url" help:"where its root lies, PEM or DER"`
	Pin    string `required:"" placeholder:"PIN" help:"the SHA-256 of the certificate or of its public key, from a source that you trust"`
	Output string `required:"" placeholder:"FILE" help:"where the root goes"`
}

// Run gets a root; the pin is compared before anything is written.
func (c *tsaBootstrapCmd) Run(a *app) error {
	pin, err := tsa.ParsePin(c.Pin)
	if err != nil {
		return err
	}
	roots, err := a.tsaClient().Bootstrap(a.ctx, c.URL, pin)
	if err != nil {
		return err
	}
	var text []byte
	for _, r := range roots {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: r.Raw})...)
	}
	if err := a.write(c.Output, text); err != nil {
		return err
	}
	if a.out.structured() {
		return a.out.emit(struct {
			File string `json:"file"`
		}{c.Output})
	}
	a.out.line("wrote the root to %s", c.Output)
	return nil
}

type tsaServeCmd struct {
	Listen string `default:"127.0.0.1:3180" placeholder:"ADDRESS" help:"where to listen; 127.0.0.1:3180 unless given"`
	Dir    string `placeholder:"DIR" help:"where the authority keeps its key and numbers"`
}

// Run answers until it is interrupted.
func (c *tsaServeCmd) Run(a *app) error {
	dir := c.Dir
	if dir == "" {
		if dir = a.dataHome(); dir == "" {
			return fault.New(fault.Usage, "there is no home folder: say where the authority lives with --dir").With("command", "tsa")
		}
		dir = filepath.Join(dir, "vaultmesh", "tsa")
	}
	ca, err := tsa.OpenCA(dir, a.env.Now())
	if err != nil {
		return err
	}
	root := filepath.Join(dir, "root.pem")
	if err := a.write(root, ca.Root()); err != nil && !fault.Has(err, fault.WriteFailed) {
		return err
	}
	l, err := new(net.ListenConfig).Listen(a.ctx, "tcp", c.Listen)
	if err != nil {
		return fault.New(fault.BadTSA, "nobody can listen at %s", c.Listen).Because(errors.New(err.Error()))
	}
	if a.out.structured() {
		err = a.out.emit(struct {
			URL  string `json:"url"`
			Root string `json:"root"`
		}{"http://" + l.Addr().String() + "/", root})
	} else {
		a.out.line("answering at http://%s/", l.Addr())
		a.out.line("  root  %s", root)
	}
	if flushErr := a.out.flush(); err == nil {
		err = flushErr
	}
	if err != nil {
		l.Close()
		return err
	}
	server := &tsa.Server{CA: ca, Now: a.env.Now}
	if err := server.Serve(a.ctx, l); err != nil {
		return err
	}
	return nil
}
