package cli

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/VaultSovereign/git-vaultmesh/internal/anchor"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/trust"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// anchoring is what somebody outside of the ledger says of it.
type anchoring struct {
	Ledger  string `xor:"anchor" placeholder:"ID" help:"the ledger's id, from a person who knows it"`
	Trust   string `xor:"anchor" placeholder:"FILE" help:"a file of known ledgers, in place of your own"`
	NoCache bool   `help:"believe nothing that was found out before"`
}

// insistence is what a command says of the ledger that it wants.
func (f anchoring) insistence() anchoring { return f }

// terms are by what receipts of a ledger are judged.
func (f anchoring) terms(a *app, genesis receipt.ID) (*verify.Terms, error) {
	found, err := f.anchor(a, genesis)
	if err != nil {
		return nil, err
	}
	t := &verify.Terms{Anchor: found, Now: a.env.Now(), Program: facts().Version + " " + facts().Commit}
	if dir := a.cacheFolder(); dir != "" && !f.NoCache {
		t.Cache = cache{dir}
	}
	return t, nil
}

// insisted are the terms of a command that does not judge the anchor as a step: a
// ledger that somebody says must be another is refused.
func (f anchoring) insisted(a *app, genesis receipt.ID) (*verify.Terms, error) {
	t, err := f.terms(a, genesis)
	if err != nil {
		return nil, err
	}
	if must := t.Anchor.Ledger; !must.IsZero() && must != genesis {
		return nil, fault.New(fault.WrongLedger, "this is the ledger %s, and %s says that it must be %s", genesis.Short(), t.Anchor.Source, must.Short())
	}
	return t, nil
}

// The sources of an anchor: the flags, git's configuration, and the user's own file.
const (
	byTrust  = "--trust"
	byLedger = "--ledger"
	byConfig = "vaultmesh.ledger"
	byKnown  = "known-ledgers"
)

// file is that of known ledgers: the one that the command names, or the user's own.
func (f anchoring) file(a *app) string {
	if f.Trust != "" {
		return f.Trust
	}
	return a.knownLedgers()
}

// anchor finds what is known of a ledger from outside: by the command's flags, by
// this repository's configuration, or by the user's own file.
func (f anchoring) anchor(a *app, genesis receipt.ID) (verify.Anchor, error) {
	file, source := f.file(a), byTrust
	if f.Trust == "" {
		source = byKnown
	} else if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
		return verify.Anchor{}, fault.New(fault.NoFile, "%s does not exist", file)
	}
	list, err := anchor.Read(file)
	if f.Trust == "" && fault.Has(err, fault.ReadFailed) {
		a.out.warn("which ledgers you know cannot be said: %s", fault.From(err).Message)
		list, err = nil, nil
	}
	if err == nil && f.Trust != "" && len(list) == 0 {
		err = fault.New(fault.BadAnchor, "%s names no ledger", f.Trust)
	}
	if err != nil {
		return verify.Anchor{}, err
	}
	known, met := anchor.Find(list, genesis)
	switch {
	case f.Ledger != "":
		id, err := receipt.ParseDigest(f.Ledger)
		if err != nil || id.IsZero() {
			return verify.Anchor{}, fault.New(fault.BadOperand, "%.80q is not a ledger's id: 64 lower-case hex digits", f.Ledger)
		}
		return verify.Anchor{Ledger: id, Source: byLedger, Pin: known.Pin}, nil
	case f.Trust != "" && !met:
		return verify.Anchor{Ledger: list[0].Ledger, Source: source, Pin: list[0].Pin}, nil
	case f.Trust == "" && !a.config.Ledger.IsZero():
		return verify.Anchor{Ledger: a.config.Ledger, Source: byConfig, Pin: known.Pin}, nil
	case met:
		return verify.Anchor{Ledger: known.Ledger, Source: source, Pin: known.Pin}, nil
	}
	return verify.Anchor{}, nil
}

// knownLedgers is the user's own file of anchors, "" where there is no place for one.
func (a *app) knownLedgers() string {
	dir := a.env.lookup("XDG_CONFIG_HOME")
	if home := a.env.lookup("HOME"); !filepath.IsAbs(dir) && home != "" {
		dir = filepath.Join(home, ".config")
	}
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, "vaultmesh", "known-ledgers")
}

// remember writes a ledger down among those that the user knows, and the covenant
// that is in force in it.
func (a *app) remember(k anchor.Known) {
	path := a.knownLedgers()
	if path == "" {
		return
	}
	changed, err := anchor.Remember(path, k)
	switch {
	case err != nil:
		a.out.warn("the ledger %s is not remembered: %s", k.Ledger.Short(), fault.From(err).Message)
	case changed && k.Pin.Version > 1:
		a.out.note("remembered version %d of the covenant of %s in %s", k.Pin.Version, k.Ledger.Short(), path)
	case changed:
		a.out.note("remembered the ledger %s in %s", k.Ledger.Short(), path)
	}
}

// accept remembers the covenant in force of a ledger that was judged. What was judged by
// a file in place of the user's own is not: that one knows of no covenant which this one
// has accepted.
func (a *app) accept(l *ledger.Ledger, t *verify.Terms, chain *trust.Chain) {
	genesis, err := l.Genesis(a.ctx)
	if err != nil || chain == nil || chain.Err != nil || chain.Latest() == nil || t.Anchor.Ledger != genesis.ID || t.Anchor.Source == byTrust {
		return
	}
	latest := chain.Latest()
	pin := trust.Pin{Version: latest.Covenant.Version, ID: latest.ID}
	if pin.Version > t.Anchor.Pin.Version && (pin.Version > 1 || t.Anchor.Pin.Version > 0) {
		a.remember(anchor.Known{Ledger: genesis.ID, Pin: pin, Name: genesis.Receipt.Genesis.Name})
	}
}

// unchanged keeps what was found out about a ledger for the head that a batch has put
// upon it: no receipt of a batch is one by which others are judged.
func (a *app) unchanged(parent, head gitrepo.OID) {
	dir := a.cacheFolder()
	if dir == "" {
		return
	}
	earlier, err := ledger.OpenCommit(a.ctx, a.repo, a.config.Ref, parent)
	if err != nil {
		return
	}
	if later, err := earlier.At(a.ctx, head); err == nil {
		verify.Unchanged(a.ctx, earlier, later, cache{dir})
	}
}

// cacheFolder is a folder of the user's own for what is found out about this
// repository, "" where there is none.
func (a *app) cacheFolder() string {
	if a.repo == nil { // a proof outside of any repository
		return ""
	}
	dir := a.userCache()
	if dir == "" {
		return ""
	}
	of := sha256.Sum256([]byte(a.repo.CommonDir))
	return filepath.Join(dir, hex.EncodeToString(of[:8]))
}

// userCache is the folder of the user's own in which ours are, "" where there is none.
func (a *app) userCache() string {
	dir := a.env.lookup("XDG_CACHE_HOME")
	if !filepath.IsAbs(dir) { // which the XDG Base Directory Specification tells to ignore
		dir = ""
	}
	if home := a.env.lookup("HOME"); dir == "" && home != "" {
		dir = filepath.Join(home, ".cache")
	}
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, "git-vaultmesh")
}

// cache is a folder where only this user writes.
type cache struct{ dir string }

// maxCached is the most bytes of what is kept under one name.
const maxCached = 64 << 20

// Load reads what was kept, unless it could be another's.
func (c cache) Load(name string) []byte {
	f, err := os.Open(filepath.Join(c.dir, name))
	if err != nil {
		return nil
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Mode().Perm()&0o022 != 0 || !ownedByUs(info) || info.Size() > maxCached {
		return nil
	}
	b, err := io.ReadAll(io.LimitReader(f, maxCached))
	if err != nil {
		return nil
	}
	return b
}

// Save keeps something, whole or not at all; where it cannot, nothing is lost.
func (c cache) Save(name string, data []byte) {
	if os.MkdirAll(c.dir, 0o700) != nil {
		return
	}
	f, err := os.CreateTemp(c.dir, name+"-")
	if err != nil {
		return
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if errors.Join(err, f.Close()) == nil {
		_ = os.Rename(f.Name(), filepath.Join(c.dir, name))
	}
}
