package guard

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/hooks"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/rules"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Was is a push of the past, as far as commits and tags tell of it.
type Was struct {
	hooks.Move
	At time.Time // when its commit was made, or its tag
}

// Past are the pushes since a commit, the newest first: each commit of a branch by first
// parents, "" for the one that is checked out, as a push of its own, and each tag. When
// something was pushed nothing tells, nor what was rewound.
func Past(ctx context.Context, repo *gitrepo.Repo, l *ledger.Ledger, branch string, since gitrepo.OID) ([]Was, error) {
	ref, err := branchRef(ctx, repo, branch)
	if err != nil {
		return nil, err
	}
	head, _, err := repo.ResolveCommit(ctx, ref)
	if err != nil {
		return nil, err
	}
	commits, err := repo.FirstParents(ctx, head, since)
	if err != nil {
		return nil, err
	}
	var list []Was
	for i, id := range commits {
		was := Was{Move: hooks.Move{Ref: ref, New: id, Old: since}}
		if i+1 < len(commits) {
			was.Old = commits[i+1]
		}
		list = append(list, was)
	}
	tags, err := repo.TagsSince(ctx, since)
	if err != nil {
		return nil, err
	}
	at, err := repo.Refs(ctx, "refs/tags")
	if err != nil {
		return nil, err
	}
	for _, tag := range tags {
		list = append(list, Was{Move: hooks.Move{Ref: tag, New: at[tag]}})
	}
	for i := range list {
		if list[i].At, err = madeAt(ctx, repo, list[i].New); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(list, func(a, b Was) int { return b.At.Compare(a.At) })
	return list, nil
}

func branchRef(ctx context.Context, repo *gitrepo.Repo, branch string) (string, error) {
	if branch != "" {
		return branch, nil
	}
	ref, err := repo.HeadRef(ctx)
	if err == nil && ref == "" {
		err = fault.New(fault.NoRevision, "no branch is checked out, and none is named").With("revision", "HEAD")
	}
	return ref, err
}

// madeAt is when a commit or a tag says that it was made.
func madeAt(ctx context.Context, repo *gitrepo.Repo, id gitrepo.OID) (time.Time, error) {
	o, err := repo.Read(ctx, id, gitrepo.MaxCommit)
	if err != nil {
		return time.Time{}, err
	}
	for line := range strings.Lines(string(o.Data)) {
		rest, ok := strings.CutPrefix(line, "committer ")
		if !ok {
			rest, ok = strings.CutPrefix(line, "tagger ")
		}
		if ok {
			words := strings.Fields(rest[strings.LastIndexByte(rest, '>')+1:])
			if len(words) > 0 {
				seconds, err := strconv.ParseInt(words[0], 10, 64)
				if err == nil {
					return time.Unix(seconds, 0).UTC(), nil
				}
			}
		}
		if line == "\n" {
			break
		}
	}
	return time.Time{}, nil
}

// Replay has rules judge pushes of the past, with the receipts that the ledger has by
// now: those about a commit are recorded after it. Ages are those at the time of the
// push. What the ledger was like around it is not asked: nothing tells.
func (g *Guard) Replay(ctx context.Context, past []Was) ([]Verdict, error) {
	changed, err := g.changedThen(ctx, past)
	if err != nil {
		return nil, err
	}
	var cases []*matter
	for i, was := range past {
		m := &matter{push: was.Move, at: was.At, update: rules.Update{Ref: was.Ref, Move: rules.Advance, Paths: changed[i]}}
		if was.Old == "" {
			m.update.Move = rules.Create
		}
		for _, r := range g.Rules {
			if r.Require.SealAge, r.Require.LedgerPushed, r.Require.CleanPeerState = 0, false, false; rules.Concerns(r, was.Ref) {
				m.rules = append(m.rules, r)
			}
		}
		if len(m.rules) == 0 {
			continue
		}
		if m.commit, err = g.leadsTo(ctx, was.New); err != nil {
			return nil, err
		}
		cases = append(cases, m)
	}
	return g.decide(ctx, cases)
}

// changedThen are the paths that each push of the past changed.
func (g *Guard) changedThen(ctx context.Context, past []Was) ([][]string, error) {
	all := make([][]string, len(past))
	if !slices.ContainsFunc(g.Rules, func(r receipt.Rule) bool { return rules.WantsPaths(r) }) {
		return all, nil
	}
	at := make(map[gitrepo.OID]int)
	var changes []gitrepo.Change
	for i, was := range past {
		if was.Old != "" {
			at[was.New] = i
			changes = append(changes, gitrepo.Change{Commit: was.New, From: was.Old})
		}
	}
	if len(changes) == 0 {
		return all, nil
	}
	return all, g.Repo.Changed(ctx, changes, func(id gitrepo.OID, path string) { all[at[id]] = append(all[at[id]], path) })
}
