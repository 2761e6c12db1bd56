package cli

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/VaultSovereign/git-vaultmesh/hooks"
	"github.com/VaultSovereign/git-vaultmesh/internal/config"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/federation"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/guard"
	"github.com/VaultSovereign/git-vaultmesh/internal/index"
	"github.com/VaultSovereign/git-vaultmesh/internal/query"
	"github.com/VaultSovereign/git-vaultmesh/internal/recall"
	"github.com/VaultSovereign/git-vaultmesh/internal/release"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// guarded is a guard, and by what it judges.
type guarded struct {
	guard.Guard
	terms *verify.Terms
}

// guard is who judges pushes by the covenant of one ledger, with the receipts of another
// one that grew out of it; both may be the same. Where it is not sure which covenant is
// in force, nothing can be judged.
func (f anchoring) guard(a *app, before, l *ledger.Ledger) (*guarded, error) {
	genesis, err := before.Genesis(a.ctx)
	if err != nil {
		return nil, err
	}
	terms, err := f.insisted(a, genesis.ID)
	if err != nil {
		return nil, err
	}
	bench, err := verify.Sit(a.ctx, before, l, terms)
	if err != nil {
		return nil, err
	}
	if err := bench.Chain().Err; err != nil {
		return nil, err
	}
	g := &guarded{guard.Guard{Repo: a.repo, Ledger: l, Bench: bench, Now: a.env.Now(), Find: a.finder(before, l), Archive: a.archiver(terms.Cache), Rails: len(a.config.TSAs)}, terms}
	if latest := bench.Chain().Latest(); latest != nil {
		g.Rules = latest.Covenant.Rules
	}
	return g, nil
}

// archiver makes archives of commits, each once: it has the same bytes for ever.
func (a *app) archiver(kept verify.Cache) func(context.Context, gitrepo.OID) (receipt.Digest, error) {
	return func(ctx context.Context, commit gitrepo.OID) (receipt.Digest, error) {
		name := "archive-" + string(commit)
		if kept != nil {
			if digest, err := receipt.ParseDigest(string(kept.Load(name))); err == nil {
				return digest, nil
			}
		}
		digest, err := release.Archive(ctx, a.repo, commit)
		if err == nil && kept != nil {
			kept.Save(name, []byte(digest.String()))
		}
		return digest, err
	}
}

// toward says to which remote something is pushed, "" for one that has no name, and what
// it has.
func (g *guarded) toward(a *app, remote string, pushes []hooks.Move) error {
	g.Remote, g.Heads = remote, []gitrepo.OID{}
	for _, p := range pushes {
		if p.Ref == a.config.Ref && p.New != "" {
			g.Heads = append(g.Heads, p.New)
		}
	}
	if remote == "" {
		return nil
	}
	g.Had = a.tracked(remote)
	tracking, seen := config.TrackingRef(remote, a.config.Ref), federation.SeenRef(remote, a.config.Ref)
	refs, err := a.repo.Exact(a.ctx, tracking, seen)
	if err != nil {
		return err
	}
	here, err := a.latest()
	if err != nil {
		return err
	}
	for _, ref := range []string{tracking, seen} {
		if refs[ref] == "" {
			continue
		}
		g.Heads = append(g.Heads, refs[ref])
		if equal, err := federation.Equal(a.ctx, a.repo, here, refs[ref]); err != nil {
			return err
		} else if equal { // by other merges, or the same
			g.Heads = append(g.Heads, here)
		}
	}
	return nil
}

// tracked are the branches of a remote as this clone last saw them.
func (a *app) tracked(remote string) guard.Had {
	return func(ctx context.Context) (map[string]gitrepo.OID, error) {
		prefix := "refs/remotes/" + remote + "/"
		refs, err := a.repo.Refs(ctx, strings.TrimSuffix(prefix, "/"))
		had := make(map[string]gitrepo.OID)
		for ref, id := range refs {
			if name := strings.TrimPrefix(ref, prefix); name != "HEAD" {
				had["refs/heads/"+name] = id
			}
		}
		return had, err
	}
}

// refuse says which rules are broken, if any.
func (g *guarded) refuse(a *app, pushes []hooks.Move) error {
	verdicts, err := g.Judge(a.ctx, pushes)
	if err != nil {
		return err
	}
	return g.Refusal(a.ctx, verdicts)
}

// finder finds entries of a ledger through the index of an earlier one, and what it has
// had since by looking: the later one may be refused, and the index must not know it.
func (a *app) finder(before, l *ledger.Ledger) guard.Find {
	source := index.Source{Head: before.Head, Pinned: a.config.Ledger, Open: func() (*ledger.Ledger, error) { return before, nil }, Latest: a.latest}
	grown := sync.OnceValues(func() (map[string]*query.Doc, error) { return a.grown(before, l) })
	return func(ctx context.Context, q *query.Query) ([]*ledger.Entry, error) {
		bar := new(progress)
		defer func() { bar.done() }()
		begun := sync.OnceFunc(func() { bar = a.progress("indexing receipts") }) // mostly there is nothing to do
		var paths []string
		_, err := recall.Find(ctx, recall.Search{
			Request:  index.Request{Query: q, Looked: func() {}},
			Source:   source,
			Index:    index.Options{Folders: a.indexFolders(), Program: facts().Version, Progress: func() { begun(); bar.add() }, Remark: func(string) {}},
			Scanning: func(error) {},
		}, func(r *index.Row) error {
			paths = append(paths, r.Path())
			return nil
		})
		if err != nil && !fault.Has(err, fault.NoMatch) {
			return nil, err
		}
		news, err := grown()
		if err != nil {
			return nil, err
		}
		for path, doc := range news {
			if !slices.Contains(paths, path) && q.Matches(doc) {
				paths = append(paths, path)
			}
		}
		return a.load(l, paths)
	}
}

// lookUp finds entries of a ledger as it is.
func (a *app) lookUp(ctx context.Context, l *ledger.Ledger, q *query.Query) ([]*ledger.Entry, error) {
	return a.finder(l, l)(ctx, q)
}

// grown are the receipts that a ledger has more than an earlier one, by path.
func (a *app) grown(before, l *ledger.Ledger) (map[string]*query.Doc, error) {
	news := make(map[string]*query.Doc)
	if before.Head == l.Head {
		return news, nil
	}
	_, err := l.Grown(a.ctx, before, ledger.Visitor{Entry: func(e *ledger.Entry) error {
		if e.Receipt != nil {
			news[e.Path] = query.DocOf(e.ID, e.Receipt)
		}
		return nil
	}, Problem: func(p ledger.Problem) error {
		if ledger.Unreadable(p.Err) {
			return p.Err
		}
		return nil
	}})
	return news, err
}

// ranged splits a range of revisions, A..B.
func ranged(text string) (from, to string, ok bool) {
	from, to, ok = strings.Cut(text, "..")
	if strings.HasPrefix(to, ".") {
		return "", "", false
	}
	if to == "" {
		to = "HEAD"
	}
	if from == "" {
		from = "HEAD"
	}
	return from, to, ok
}
