package record

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/sign"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// draft is a receipt in the making. Everything but what depends on the ledger
// is settled before the ledger is opened.
type draft struct {
	receipt *receipt.Receipt
	author  gitrepo.Identity
	stored  [][]byte // evidence to lie beside it
	bytes   []byte   // canonical, once bound to a ledger
	signed  []sign.Made
	stamped []Stamp
	pending []Pending
	proofs  []ledger.Proof // the signatures and tokens
	remarks []string
}

func (d *draft) remark(s string) { d.remarks = append(d.remarks, s) }

// consulted are questions to git that were asked all at once, each answered
// when it is needed: a process costs more waiting than work.
type consulted struct {
	author, committer func() (gitrepo.Identity, error)
	dirty             func() (bool, error)
}

func consult(ctx context.Context, p Place, q Request) consulted {
	return consulted{
		author:    begin(func() (gitrepo.Identity, error) { return p.Repo.Author(ctx, p.Now) }),
		committer: begin(func() (gitrepo.Identity, error) { return p.Repo.Committer(ctx, p.Now) }),
		dirty: begin(func() (bool, error) {
			if q.Commit != "" {
				return false, nil // the work tree has nothing to do with it
			}
			return p.Repo.Dirty(ctx)
		}),
	}
}

// begin starts f, and returns a function that waits for its result.
func begin[T any](f func() (T, error)) func() (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		v, err := f()
		done <- result{v, err}
	}()
	return sync.OnceValues(func() (T, error) {
		r := <-done
		return r.value, r.err
	})
}

// prepare settles what does not depend on the ledger.
func prepare(ctx context.Context, p Place, q Request, ask consulted) (*draft, error) {
	d := &draft{receipt: &receipt.Receipt{
		Kind:       q.Kind,
		RecordedAt: receipt.TimeOf(p.Now),
		Component:  q.Component,
		Version:    q.Version,
		ChainRef:   q.ChainRef,
		Note:       strings.ReplaceAll(q.Note, "\r\n", "\n"),
	}}
	for _, step := range []func(context.Context, Place, Request) error{
		d.subjects, d.evidence, d.labels, d.body, d.when, d.commit, d.ref,
	} {
		if err := step(ctx, p, q); err != nil {
			return nil, err
		}
	}
	var err error
	if d.author, err = ask.author(); err != nil {
		return nil, err
	}
	d.receipt.Recorder = receipt.Person{Name: d.author.Name, Email: d.author.Email}
	dirty, err := ask.dirty()
	if dirty && q.Commit == "" && d.receipt.Commit != "" {
		d.remark("the work tree differs from the commit that is recorded")
	}
	return d, err
}

// bind makes the receipt one of the ledger l, and settles its bytes.
func (d *draft) bind(ctx context.Context, l *ledger.Ledger, q Request) error {
	genesis, err := l.Genesis(ctx)
	if err != nil {
		return err
	}
	d.receipt.Ledger = genesis.ID
	if d.receipt.Links, err = links(ctx, l, q.Links); err != nil {
		return err
	}
	if d.bytes, err = d.receipt.Encode(); err != nil {
		return err
	}
	if q.AllowSecret {
		return nil
	}
	return d.refuseSecrets()
}

// refuseSecrets looks through everything that would be kept for ever.
func (d *draft) refuseSecrets() error {
	var said []string
	if mayHoldSecret(d.bytes) {
		said = texts(d.bytes)
	}
	for _, text := range said {
		if what := findSecret([]byte(text)); what != "" {
			return fault.New(fault.Secret, "the receipt has what looks like %s", what)
		}
	}
	for _, data := range d.stored {
		if what := findSecret(data); what != "" {
			return fault.New(fault.Secret, "evidence %s has what looks like %s", d.evidenceName(data), what)
		}
	}
	return nil
}

func (d *draft) evidenceName(data []byte) string {
	digest := receipt.Sum(data)
	for _, e := range d.receipt.Evidence {
		if e.SHA256 == digest {
			return e.Name
		}
	}
	return digest.Short()
}

// known looks for what --once must not record again: a receipt of the same
// kind, component, version, subjects and commit.
func (d *draft) known(ctx context.Context, p Place, l *ledger.Ledger, q Request) (*ledger.Entry, error) {
	if !q.Once {
		return nil, nil
	}
	var found *ledger.Entry
	err := l.Walk(ctx, ledger.Visitor{Entry: func(e *ledger.Entry) error {
		p.Working()
		if found != nil || !e.Holds(d.receipt.Ledger) || !d.sameAs(e.Receipt) {
			return nil
		}
		problems, err := e.FileProblems(ctx, l)
		if len(problems) == 0 && err == nil {
			found = e
		}
		return err
	}})
	return found, err
}

func (d *draft) sameAs(r *receipt.Receipt) bool {
	mine := d.receipt
	sameSubject := func(a, b receipt.Subject) bool { return a.Name == b.Name && a.SHA256 == b.SHA256 }
	return r.Kind == mine.Kind && r.Component == mine.Component && r.Version == mine.Version && r.Commit == mine.Commit &&
		slices.EqualFunc(r.Subjects, mine.Subjects, sameSubject)
}

// labels reads --label k=v.
func (d *draft) labels(_ context.Context, _ Place, q Request) error {
	for _, text := range q.Labels {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return fault.New(fault.BadOperand, "%.80q is not a label of the form name=value", text)
		}
		if _, twice := d.receipt.Labels[name]; twice {
			return fault.New(fault.BadOperand, "the label %.80q is given twice", name)
		}
		if d.receipt.Labels == nil {
			d.receipt.Labels = make(map[string]string)
		}
		d.receipt.Labels[name] = value
	}
	return nil
}

// links reads --link rel=ID, where ID may be shortened.
func links(ctx context.Context, l *ledger.Ledger, texts []string) ([]receipt.Link, error) {
	var list []receipt.Link
	for _, text := range texts {
		rel, prefix, ok := strings.Cut(text, "=")
		if !ok || !slices.Contains(receipt.Rels(), rel) {
			return nil, fault.New(fault.BadOperand, "%.80q is not a link of the form %s=ID", text, strings.Join(receipt.Rels(), "|"))
		}
		e, err := l.One(ctx, prefix)
		if err != nil {
			return nil, err
		}
		link := receipt.Link{Rel: rel, Receipt: e.ID}
		if !slices.Contains(list, link) {
			list = append(list, link)
		}
	}
	return list, nil
}

// when reads --at.
func (d *draft) when(ctx context.Context, p Place, q Request) error {
	if q.At == "" {
		return nil
	}
	at, err := p.Repo.ParseDate(ctx, q.At, p.Now)
	if err != nil {
		return err
	}
	t := receipt.TimeOf(at.From)
	d.receipt.OccurredAt = &t
	return nil
}

// maxRevisions bounds how many revisions of a batch are remembered.
const maxRevisions = 1000

// commit settles which commit the receipt is about.
func (d *draft) commit(ctx context.Context, p Place, q Request) error {
	if q.Commit == "none" {
		return nil
	}
	revision := q.Commit
	if revision == "" {
		revision = "HEAD"
	}
	found, known := p.commits[revision]
	if !known {
		found = p.resolve(ctx, revision)
		if len(p.commits) >= maxRevisions {
			clear(p.commits)
		}
		if p.commits != nil {
			p.commits[revision] = found
		}
	}
	if fault.Has(found.err, fault.NoRevision) && q.Commit == "" {
		d.remark("HEAD has no commit yet: recorded without one")
		return nil
	}
	d.receipt.Commit, d.receipt.Tree, d.receipt.PatchID = found.commit, found.tree, found.patch
	return found.err
}

// resolve looks a revision up, and how to find its change again after a rebase:
// that of a commit with one parent, where both are here.
func (p Place) resolve(ctx context.Context, revision string) resolved {
	id, c, err := p.Repo.ResolveCommit(ctx, revision)
	if err != nil {
		return resolved{err: err}
	}
	found := resolved{commit: p.object(id), tree: p.object(c.Tree)}
	if len(c.Parents) != 1 || p.Repo.Shallow || p.Partial {
		return found
	}
	patch, err := p.Repo.PatchID(ctx, id)
	if patch != "" {
		found.patch = p.object(patch)
	}
	found.err = err
	return found
}

func (p Place) object(id gitrepo.OID) receipt.Object {
	return receipt.Object(p.Repo.Algorithm() + ":" + string(id))
}

// ref settles the ref: the one that was named, else the tag named like the
// version where it leads to the commit.
func (d *draft) ref(ctx context.Context, p Place, q Request) error {
	d.receipt.Ref = q.Ref
	tag := "refs/tags/" + q.Version
	if q.Ref != "" || d.receipt.Commit == "" || q.Version == "" || !receipt.ValidRef(tag) {
		return nil
	}
	// By its exact name: to git a version such as v1-2-gabc123 is a revision.
	refs, err := p.Repo.Exact(ctx, tag)
	if fault.Has(err, fault.BadLedgerRef) { // symbolic or broken
		refs, err = p.Repo.Refs(ctx, tag)
	}
	if fault.Has(err, fault.BadLedgerRef) {
		d.remark("the tag " + q.Version + " cannot be read: recorded without it")
		return nil
	}
	if err != nil || refs[tag] == "" {
		return err
	}
	id, _, err := p.Repo.ResolveCommit(ctx, string(refs[tag]))
	if err == nil && string(id) == d.receipt.Commit.Hex() {
		d.receipt.Ref = tag
	}
	if fault.Has(err, fault.NoRevision) {
		return nil
	}
	return err
}
