// Package setup gives a repository its ledger: the one that a remote has, or
// a new one; and the configuration with which git carries it.
package setup

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/config"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/sign"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Request says how to set up.
type Request struct {
	Repo     *gitrepo.Repo
	Config   config.Config
	Now      time.Time
	Messages io.Writer // where git's words and questions go while it asks remotes
	Name     string    // of a new ledger; "" is the repository's own
	Remote   string    // the remote whose ledger to take; "" is any that has one
	Offline  bool      // ask no remote
	Accept   bool      // take a remote's ledger though its covenant does not accept all of it
	Progress func()    // called for each receipt of a remote's ledger that is judged
	// Terms are by what receipts are judged that were fetched of the default remote, and
	// where it is kept what was found out about a ledger that was taken.
	Terms func(genesis receipt.ID) (*verify.Terms, error)
	// Signer is the key that a new ledger trusts first. Without one it trusts nobody.
	Signer func(context.Context) (sign.Signer, error)
	// Authorities are those whose time-stamps count in a new ledger.
	Authorities []receipt.Authority
	// Stamp gets time-stamps for the signature of a new ledger's first receipt, by its
	// file and its SHA-256. Its fault keeps the ledger from being begun; nil asks nobody.
	Stamp func(ctx context.Context, file string, imprint receipt.Digest) ([]ledger.Proof, error)
}

// The ways in which a repository came by its ledger.
const (
	Created = "created"
	Fetched = "fetched"
	Exists  = "exists"
)

// Outcome says what there is now.
type Outcome struct {
	Status string
	Ledger receipt.ID // the genesis receipt's id
	Name   string
	Head   gitrepo.OID
	Remote string // where it was fetched from
	// Receipts is how many a ledger has that was fetched.
	Receipts int
	Remark   string // what the user should know of it, "" when nothing
}

// BranchRef is where a ledger lies on a branch, for hosts that protect nothing else.
const BranchRef = "refs/heads/vaultmesh/ledger"

// Ledger makes sure that there is a ledger. The faults are BadOperand (VM113)
// for a remote that is none or a name that cannot be one, BadConfig (VM104) where the ledger that is pinned is nowhere, Elsewhere (VM522) when a remote has its ledger on a branch, RemoteFailed (VM701) when a remote that might have one cannot be asked, OtherLedger
// (VM516) when several have one and none is the default, Invalid (VM512) when
// a remote's ledger does not hold, NotAccepted (VM704) when its covenant does not accept what is in it, and those of [ledger.Update].
func Ledger(ctx context.Context, q Request) (*Outcome, error) {
	if q.Remote != "" && !slices.Contains(q.Config.Remotes, q.Remote) {
		return nil, fault.New(fault.BadOperand, "%.80q is not the name of a remote", q.Remote).With("command", "init")
	}
	if q.Name != "" && !receipt.ValidName(q.Name) {
		return nil, unfit("the name %.80q", q.Name)
	}
	l, err := ledger.Open(ctx, q.Repo, q.Config.Ref)
	if err == nil {
		l.Pin(q.Config.Ledger)
		return q.existing(ctx, l)
	}
	if !fault.Has(err, fault.NoLedger) {
		return nil, err
	}
	remote, err := q.findRemote(ctx)
	if err != nil {
		return nil, err
	}
	if remote != "" {
		return q.take(ctx, remote)
	}
	if pinned := q.Config.Ledger; !pinned.IsZero() {
		return nil, fault.New(fault.BadConfig, "vaultmesh.ledger names the ledger %s, which is at %s neither here nor at a remote; no other is begun in its place", pinned.Short(), q.Config.Ref).
			With("key", "vaultmesh.ledger")
	}
	return q.begin(ctx)
}

// existing is the outcome where a ledger is already. What was asked for a new
// one does not change it, which is said.
func (q Request) existing(ctx context.Context, l *ledger.Ledger) (*Outcome, error) {
	out, err := outcome(ctx, l, Exists, "")
	if err == nil && q.Name != "" && q.Name != out.Name {
		out.Remark = "a ledger keeps its name; --name is for a new one"
	}
	if err == nil && q.Remote != "" {
		out.Remark = "this ledger stays; --remote is for a repository without one"
	}
	return out, err
}

// unfit says that a new ledger cannot be called so.
func unfit(format string, args ...any) error {
	return fault.New(fault.BadOperand, format+" cannot be a ledger's: say another with --name", args...).With("command", "init")
}

func outcome(ctx context.Context, l *ledger.Ledger, status, remote string) (*Outcome, error) {
	g, err := l.Genesis(ctx)
	if err != nil {
		return nil, err
	}
	return &Outcome{Status: status, Ledger: g.ID, Name: g.Receipt.Genesis.Name, Head: l.Head, Remote: remote}, nil
}

// findRemote is the remote whose ledger to take, "" when none has one. The
// default remote is asked first, and where it has one, no other is.
func (q Request) findRemote(ctx context.Context) (string, error) {
	if q.Offline {
		return "", nil
	}
	have := map[string]gitrepo.OID{}
	for _, r := range q.candidates() {
		refs, err := q.Repo.LsRemote(ctx, q.Messages, r, q.Config.Ref, BranchRef)
		if err != nil {
			return "", err
		}
		head := refs[q.Config.Ref]
		if head == "" && refs[BranchRef] != "" {
			return "", fault.New(fault.Elsewhere, "%s has no %s, and a ledger on the branch %s", r, q.Config.Ref, strings.TrimPrefix(BranchRef, "refs/heads/"))
		}
		if head != "" && r == q.Config.DefaultRemote() {
			return r, nil
		}
		if head != "" {
			have[r] = head
		}
	}
	names := slices.Sorted(maps.Keys(have))
	heads := slices.Collect(maps.Values(have))
	slices.Sort(heads)
	switch {
	case len(names) == 0 && q.Remote != "":
		return "", fault.New(fault.NoLedger, "the remote %s has no ledger at %s", q.Remote, q.Config.Ref)
	case len(names) == 0:
		return "", nil
	case len(slices.Compact(heads)) > 1:
		return "", fault.New(fault.OtherLedger, "the remotes %s do not have the same ledger at the same head, and none of them is the default", strings.Join(names, ", "))
	}
	return names[0], nil
}

// candidates are the remotes to ask, the default one first.
func (q Request) candidates() []string {
	if q.Remote != "" {
		return []string{q.Remote}
	}
	first := q.Config.DefaultRemote()
	rest := slices.DeleteFunc(slices.Clone(q.Config.Remotes), func(r string) bool { return r == first })
	if first == "" {
		return rest
	}
	return append([]string{first}, rest...)
}

// take makes a remote's ledger this repository's own, after it was judged:
// what is taken is the head that was judged, wherever the ref goes meanwhile.
func (q Request) take(ctx context.Context, remote string) (*Outcome, error) {
	tracking := config.TrackingRef(remote, q.Config.Ref)
	if err := q.Repo.Fetch(ctx, q.Messages, remote, q.Config.Ref, tracking); err != nil {
		return nil, err
	}
	l, err := ledger.Open(ctx, q.Repo, tracking)
	if err != nil {
		return nil, err
	}
	l.Pin(q.Config.Ledger)
	report, err := verify.Ledger(ctx, q.Repo, l, nil, q.Progress)
	if err != nil {
		return nil, err
	}
	if report.Verdict == verify.Invalid {
		return nil, fault.New(fault.Invalid, "the ledger of %s does not hold, and is not taken", remote).
			Because(fault.New(fault.Invalid, "%s", verify.Sentence(report.Problems[0])))
	}
	out, err := outcome(ctx, l, Fetched, remote)
	if err != nil {
		return nil, err
	}
	out.Receipts = report.Receipts
	if out.Remark, err = q.welcome(ctx, remote, l, out.Ledger, report); err != nil {
		return nil, err
	}
	if report.Verdict == verify.Incomplete {
		out.Remark = "not all of this ledger could be judged here; see git vaultmesh verify --all"
	}
	err = q.Repo.UpdateRef(ctx, q.Config.Ref, l.Head, "")
	if !fault.Has(err, fault.LostRace) {
		q.remember(out.Ledger, report)
		return out, err
	}
	other, err := ledger.Open(ctx, q.Repo, q.Config.Ref)
	if err != nil {
		return nil, err
	}
	return outcome(ctx, other, Exists, "")
}

// welcome judges whether the covenants of a remote's ledger accept of peers what is in it,
// and remarks what is taken all the same. What nobody could read is not refused for that.
func (q Request) welcome(ctx context.Context, remote string, l *ledger.Ledger, genesis receipt.ID, report *verify.Report) (remark string, err error) {
	if q.Terms == nil {
		return "", nil
	}
	terms, err := q.Terms(genesis) // it may have to be another ledger
	if err != nil || report.Verdict == verify.Incomplete {
		return "", err
	}
	refused, err := verify.WelcomeAll(ctx, l, report, terms, q.Progress)
	if err != nil || len(refused) == 0 {
		return "", err
	}
	if q.Accept {
		return fmt.Sprintf("the covenant does not accept %d of its receipts of peers, such as %s; see git vaultmesh verify --all --strict", len(refused), refused[0].ID.Short()), nil
	}
	return "", fault.From(verify.Unwelcome(remote, report, refused)).
		With("how", "have it signed by who may, in a clone that has it, and pushed; or take the ledger with it:\ngit vaultmesh sign "+refused[0].ID.Short()+"\ngit vaultmesh init --accept")
}

// remember keeps what was found out about a ledger while it was judged, where that can
// be kept: it is only to be quicker the next time.
func (q Request) remember(genesis receipt.ID, report *verify.Report) {
	if q.Terms == nil {
		return
	}
	if terms, err := q.Terms(genesis); err == nil {
		report.Remember(terms)
	}
}

// begin writes the genesis receipt, unless another process is quicker.
func (q Request) begin(ctx context.Context) (*Outcome, error) {
	author, err := q.Repo.Author(ctx, q.Now)
	if err != nil {
		return nil, err
	}
	committer, err := q.Repo.Committer(ctx, q.Now)
	if err != nil {
		return nil, err
	}
	genesis, proofs, err := q.genesis(ctx, author)
	if err != nil {
		return nil, err
	}
	result, err := ledger.Update(ctx, q.Repo, q.Config.Ref, nil, func(l *ledger.Ledger) (*ledger.Change, error) {
		if l != nil {
			return nil, nil
		}
		return &ledger.Change{
			Additions: []ledger.Addition{{Receipt: genesis, Proofs: proofs}},
			Author:    author.Line(),
			Committer: committer.Line(),
			Message:   ledger.Message("record", &receipt.Receipt{Kind: receipt.KindGenesis}, receipt.Sum(genesis)),
		}, nil
	})
	if err != nil {
		return nil, err
	}
	l, err := ledger.OpenCommit(ctx, q.Repo, q.Config.Ref, result.Head)
	if err != nil {
		return nil, err
	}
	l.Pin(q.Config.Ledger)
	status := Created
	if result.Added == 0 {
		status = Exists
	}
	return outcome(ctx, l, status, "")
}

// genesis makes the first receipt, with the covenant that names its signer, signs
// it, and has the signature time-stamped.
func (q Request) genesis(ctx context.Context, author gitrepo.Identity) ([]byte, []ledger.Proof, error) {
	nonce := make([]byte, 16)
	rand.Read(nonce)
	name := q.Name
	if name == "" {
		name = repositoryName(q.Repo.CommonDir)
		if !receipt.ValidName(name) {
			return nil, nil, unfit("the folder's name %.80q", name)
		}
	}
	r := &receipt.Receipt{
		Kind:       receipt.KindGenesis,
		RecordedAt: receipt.TimeOf(q.Now),
		Recorder:   receipt.Person{Name: author.Name, Email: author.Email},
		Genesis:    &receipt.Genesis{Name: name, Nonce: hex.EncodeToString(nonce)},
	}
	signer, err := q.signer(ctx)
	if err != nil {
		return nil, nil, err
	}
	if signer == nil {
		b, err := r.Encode()
		return b, nil, err
	}
	key, err := signer.Public(ctx)
	if err != nil {
		return nil, nil, err
	}
	r.Genesis.Covenant = firstCovenant(author, key, q.Authorities)
	b, err := r.Encode()
	if err != nil {
		return nil, nil, err
	}
	made, err := signer.Sign(ctx, b)
	if err != nil {
		return nil, nil, err
	}
	if _, err := sign.Verify(made.Type, made.Bytes, b, sign.Ring{key}); err != nil {
		return nil, nil, fault.New(fault.SignFailed, "the key that signs is not the one that is named, %s", key.Fingerprint()).Because(err)
	}
	proof := ledger.Proof{Type: made.Type, Data: made.Bytes}
	if q.Stamp == nil {
		return b, []ledger.Proof{proof}, nil
	}
	tokens, err := q.Stamp(ctx, proof.Name(), receipt.Sum(made.Bytes))
	return b, append([]ledger.Proof{proof}, tokens...), err
}

func (q Request) signer(ctx context.Context) (sign.Signer, error) {
	if q.Signer == nil {
		return nil, nil
	}
	return q.Signer(ctx)
}

// firstCovenant is version 1: whoever begins the ledger may sign everything.
func firstCovenant(author gitrepo.Identity, key *sign.Key, authorities []receipt.Authority) *receipt.Covenant {
	name := author.Name
	if !receipt.ValidPrincipal(name) {
		name = "operator"
	}
	return &receipt.Covenant{
		Version:     1,
		Principals:  []receipt.Principal{{Name: name, Groups: []string{"operators"}, Keys: []receipt.PublicKey{{Type: key.Type(), Key: key.Text()}}}},
		Thresholds:  []receipt.Threshold{{Kinds: []receipt.Kind{}, Components: []string{}, Signers: []receipt.Quorum{{Count: 1}}}},
		TSAs:        append([]receipt.Authority{}, authorities...),
		Revocations: []receipt.Revocation{},
		Rules:       []receipt.Rule{},
		Federation:  receipt.Federation{Accept: "signed"},
	}
}

// repositoryName is the folder that holds a repository, without .git.
func repositoryName(commonDir string) string {
	base := filepath.Base(commonDir)
	if base == ".git" {
		base = filepath.Base(filepath.Dir(commonDir))
	}
	return strings.TrimSuffix(base, ".git")
}

// Setting is one line of git's configuration.
type Setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Settings are the lines with which git fetches ledgers and shows notes, and
// the one that pins the ledger's id, less those that are there. None of them
// makes git push anything. A ledger on a branch is fetched as branches are.
func Settings(c gitrepo.Config, cfg config.Config, id receipt.ID) []Setting {
	var wanted []Setting
	for _, remote := range cfg.Remotes {
		if strings.HasPrefix(cfg.Ref, "refs/vaultmesh/") {
			wanted = append(wanted, Setting{"remote." + remote + ".fetch", "+refs/vaultmesh/*:refs/vaultmesh-remotes/" + remote + "/*"})
		}
	}
	// A glob, because git log warns about a plain name as long as there are no notes.
	wanted = append(wanted, Setting{"notes.displayRef", "refs/notes/vaultmesh*"})
	if cfg.Ledger.IsZero() {
		wanted = append(wanted, Setting{"vaultmesh.ledger", id.String()})
	}
	return slices.DeleteFunc(wanted, func(s Setting) bool {
		name := s.Name
		if name == "notes.displayRef" {
			name = "notes.displayref" // as git normalises it
		}
		return slices.Contains(c.Values(name), s.Value)
	})
}

// Configure adds settings to the repository's own configuration.
func Configure(ctx context.Context, repo *gitrepo.Repo, settings []Setting) error {
	for _, s := range settings {
		if err := repo.AddConfig(ctx, s.Name, s.Value); err != nil {
			return err
		}
	}
	return nil
}
