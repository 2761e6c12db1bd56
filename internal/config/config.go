// Package config is the program's configuration: one struct, whatever the
// sources. Its source is git's configuration, where the names are
// vaultmesh.* and the few of git's own that say how things are shown.
package config

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Config is every setting, with its default where nothing is set.
type Config struct {
	Ref     string     // vaultmesh.ref: where the ledger lies, below refs/vaultmesh/ or refs/heads/
	Ledger  receipt.ID // vaultmesh.ledger: the genesis that it must have; zero when nobody said
	Advice  bool       // advice.vaultmeshPush: say how to push after recording
	Color   string     // color.vaultmesh, color.ui: auto, always or never
	Paged   bool       // color.pager: whether there is colour in a pager too
	Date    string     // log.date: how dates are shown
	Remotes []string   // the remotes that have a URL, sorted
	Tracked []string   // those that branches track, sorted
	PushTo  string     // remote.pushDefault
	Peers   []string   // the remotes with remote.NAME.vaultmesh, sorted
	Sync    bool       // vaultmesh.autopush: sync after recording
	MaxTake int64      // vaultmesh.maxFetch: how many bytes a remote may send at once, 0 for what is usual
	AtOnce  int        // fetch.parallel: how many remotes are spoken with at the same time, 0 for what is usual
	Cosign  bool       // vaultmesh.cosign: sign the receipts of merges that sync makes
	Partial bool       // the clone lacks objects that its remote has
	Unknown []string   // names below vaultmesh. that nothing reads
	Signing Signing
	TSAs    []TSA // sorted by name
}

// TSA is a time-stamp authority that is asked: vaultmesh.tsa.NAME.*.
type TSA struct {
	Name     string
	URL      string
	CACert   string // a file with roots, PEM or DER
	Cert     string // a file with the signer's certificate, which alone counts then
	Pin      string // the SHA-256 of the signer's public key, which alone counts then
	Policy   string // the policy to ask for
	Header   string // "Name: value" to send, such as a token
	Timeout  time.Duration
	Required bool // nothing is recorded without its token
}

// Signing says with which key to sign: git's own settings, and two of ours.
type Signing struct {
	Off               bool   // vaultmesh.sign is false: what is recorded here is left unsigned
	KeyFile           string // vaultmesh.keyFile: a private key, in place of git's
	Format            string // gpg.format
	Key               string // user.signingKey
	GPGProgram        string // gpg.openpgp.program, gpg.program
	SSHProgram        string // gpg.ssh.program
	DefaultKeyCommand string // gpg.ssh.defaultKeyCommand
}

// The names below vaultmesh. that this version reads.
var known = []string{"vaultmesh.autopush", "vaultmesh.cosign", "vaultmesh.keyfile", "vaultmesh.ledger", "vaultmesh.maxfetch", "vaultmesh.ref", "vaultmesh.sign"}

// Load reads the settings out of git's configuration. A value of the wrong
// form is a fault BadConfig (VM104).
func Load(c gitrepo.Config) (Config, error) {
	cfg := Config{Ref: ledger.DefaultRef, Advice: true, Color: "auto", Paged: true, Date: "default", Remotes: c.Remotes()}
	if ref, ok := c.Value("vaultmesh.ref"); ok {
		if !receipt.ValidRef(ref) || !strings.HasPrefix(ref, "refs/vaultmesh/") && !strings.HasPrefix(ref, "refs/heads/") {
			return cfg, bad("vaultmesh.ref", ref, "a full ref name below refs/vaultmesh/ or refs/heads/, such as "+ledger.DefaultRef)
		}
		cfg.Ref = ref
	}
	if id, ok := c.Value("vaultmesh.ledger"); ok {
		pinned, err := receipt.ParseDigest(id)
		if err != nil {
			return cfg, bad("vaultmesh.ledger", id, "the 64 hex digits of a ledger's id")
		}
		cfg.Ledger = pinned
	}
	if advice, ok := c.Value("advice.vaultmeshpush"); ok {
		on, err := boolean("advice.vaultmeshPush", advice)
		if err != nil {
			return cfg, err
		}
		cfg.Advice = on
	}
	color, err := colorMode(c)
	if err != nil {
		return cfg, err
	}
	cfg.Color = color
	if paged, ok := c.Value("color.pager"); ok {
		if cfg.Paged, err = boolean("color.pager", paged); err != nil {
			return cfg, err
		}
	}
	if most, ok := c.Value("fetch.parallel"); ok {
		cfg.AtOnce, _ = strconv.Atoi(most) // what is none is git's to deplore
		cfg.AtOnce = max(cfg.AtOnce, 0)
	}
	if date, ok := c.Value("log.date"); ok {
		cfg.Date = date
	}
	if cfg.Signing, err = signing(c); err != nil {
		return cfg, err
	}
	for _, name := range c.Names("branch.") {
		remote, _ := c.Value(name)
		if strings.HasSuffix(name, ".remote") && slices.Contains(cfg.Remotes, remote) {
			cfg.Tracked = append(cfg.Tracked, remote)
		}
	}
	slices.Sort(cfg.Tracked)
	cfg.Tracked = slices.Compact(cfg.Tracked)
	cfg.PushTo, _ = c.Value("remote.pushdefault")
	if cfg.Peers, err = peers(c, cfg.Remotes); err != nil {
		return cfg, err
	}
	for name, to := range map[string]*bool{"vaultmesh.autopush": &cfg.Sync, "vaultmesh.cosign": &cfg.Cosign} {
		if on, ok := c.Value(name); ok {
			if *to, err = boolean(name, on); err != nil {
				return cfg, err
			}
		}
	}
	if most, ok := c.Value("vaultmesh.maxfetch"); ok {
		if cfg.MaxTake, ok = size(most); !ok {
			return cfg, bad("vaultmesh.maxFetch", most, "a number of bytes above 0, such as 500m or 32g")
		}
	}
	_, cfg.Partial = c.Value("extensions.partialclone")
	if cfg.TSAs, err = authorities(c); err != nil {
		return cfg, err
	}
	for _, name := range c.Names("vaultmesh.") {
		if _, _, ok := tsaSetting(name); !slices.Contains(known, name) && !ok {
			cfg.Unknown = append(cfg.Unknown, name)
		}
	}
	return cfg, nil
}

// size reads a number as git does (git-config(1), "Values", integer), of bytes.
func size(text string) (bytes int64, ok bool) {
	digits := strings.TrimRight(text, "kKmMgG")
	unit := map[string]int64{"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}[strings.ToLower(text[len(digits):])]
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || unit == 0 || n <= 0 || n > math.MaxInt64/unit {
		return 0, false
	}
	return n * unit, true
}

// PeerMark is the setting that makes a remote a peer.
func PeerMark(remote string) string { return "remote." + remote + ".vaultmesh" }

// peers are the remotes that are marked.
func peers(c gitrepo.Config, remotes []string) ([]string, error) {
	var list []string
	for _, r := range remotes {
		value, ok := c.Value(PeerMark(r))
		if !ok {
			continue
		}
		on, err := boolean(PeerMark(r), value)
		if err != nil {
			return nil, err
		}
		if on {
			list = append(list, r)
		}
	}
	return list, nil
}

// TrackingRef is where git fetches a remote's ref for the ledger to.
func TrackingRef(remote, ref string) string {
	if branch, ok := strings.CutPrefix(ref, "refs/heads/"); ok {
		return "refs/remotes/" + remote + "/" + branch
	}
	return "refs/vaultmesh-remotes/" + remote + "/" + strings.TrimPrefix(ref, "refs/vaultmesh/")
}

// TSAVariables are what can be said of a time-stamp authority.
var TSAVariables = []string{"url", "cacert", "cert", "pin", "policy", "header", "timeout", "required"}

// tsaSetting splits vaultmesh.tsa.NAME.VARIABLE.
func tsaSetting(name string) (authority, variable string, ok bool) {
	rest, ok := strings.CutPrefix(name, "vaultmesh.tsa.")
	i := strings.LastIndexByte(rest, '.')
	if !ok || i < 1 {
		return "", "", false
	}
	authority, variable = rest[:i], rest[i+1:]
	return authority, variable, slices.Contains(TSAVariables, variable)
}

// authorities reads the time-stamp authorities. One without a URL is not asked.
func authorities(c gitrepo.Config) ([]TSA, error) {
	byName := make(map[string]*TSA)
	for _, name := range c.Names("vaultmesh.tsa.") {
		authority, variable, ok := tsaSetting(name)
		if !ok {
			continue
		}
		t := byName[authority]
		if t == nil {
			t = &TSA{Name: authority}
			byName[authority] = t
		}
		value, _ := c.Value(name)
		if err := t.set(variable, name, value); err != nil {
			return nil, err
		}
	}
	var list []TSA
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		if byName[name].URL != "" {
			list = append(list, *byName[name])
		}
	}
	return list, nil
}

func (t *TSA) set(variable, name, value string) error {
	var err error
	switch variable {
	case "required":
		t.Required, err = boolean(name, value)
	case "timeout":
		if t.Timeout, err = time.ParseDuration(value); err != nil || t.Timeout <= 0 {
			return bad(name, value, "a duration such as 10s")
		}
	default:
		*map[string]*string{"url": &t.URL, "cacert": &t.CACert, "cert": &t.Cert, "pin": &t.Pin, "policy": &t.Policy, "header": &t.Header}[variable] = value
	}
	return err
}

func signing(c gitrepo.Config) (Signing, error) {
	first := func(names ...string) string {
		for _, name := range names {
			if value, ok := c.Value(name); ok {
				return value
			}
		}
		return ""
	}
	s := Signing{
		KeyFile: first("vaultmesh.keyfile"), Format: first("gpg.format"), Key: first("user.signingkey"),
		GPGProgram: first("gpg.openpgp.program", "gpg.program"), SSHProgram: first("gpg.ssh.program"), DefaultKeyCommand: first("gpg.ssh.defaultkeycommand"),
	}
	if value, ok := c.Value("vaultmesh.sign"); ok {
		on, err := boolean("vaultmesh.sign", value)
		if err != nil {
			return s, err
		}
		s.Off = !on
	}
	return s, nil
}

// DefaultRemote is the remote that is read from when none is named: the one
// that branches here track, else origin, else the only one. It is "" when
// there is no such remote.
func (c Config) DefaultRemote() string {
	switch {
	case len(c.Tracked) == 1:
		return c.Tracked[0]
	case slices.Contains(c.Remotes, "origin"):
		return "origin"
	case len(c.Remotes) == 1:
		return c.Remotes[0]
	}
	return ""
}

// PushRemote is the remote that is pushed to when none is named:
// remote.pushDefault, else the default one.
func (c Config) PushRemote() string {
	if slices.Contains(c.Remotes, c.PushTo) {
		return c.PushTo
	}
	return c.DefaultRemote()
}

func colorMode(c gitrepo.Config) (string, error) {
	for _, name := range []string{"color.vaultmesh", "color.ui"} {
		value, ok := c.Value(name)
		switch {
		case !ok:
			continue
		case value == "always" || value == "auto" || value == "never":
			return value, nil
		}
		on, err := boolean(name, value)
		if err != nil || !on {
			return "never", err
		}
		return "auto", nil
	}
	return "auto", nil
}

// boolean reads the words that git takes for a boolean (git-config, "Values").
func boolean(name, value string) (bool, error) {
	switch strings.ToLower(value) {
	case "true", "yes", "on", "1":
		return true, nil
	case "false", "no", "off", "0", "":
		return false, nil
	}
	return false, bad(name, value, "true or false")
}

func bad(name, value, want string) error {
	return fault.New(fault.BadConfig, "%s is %.80q, and should be %s", name, value, want).With("key", name)
}
