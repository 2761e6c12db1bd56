// Package doctor looks at a clone and says what is in the way of recording
// and proving. It is one list of checks, to which more are appended.
package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/config"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/federation"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/setup"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
)

// Status is how a check ended.
type Status string

// The outcomes of a check. Only a Problem keeps the clone from doing its work.
const (
	OK      Status = "ok"
	Warning Status = "warning"
	Problem Status = "problem"
)

// Finding is the outcome of one check.
type Finding struct {
	Check  string `json:"check"`
	Status Status `json:"status"`
	Detail string `json:"detail"`
	Fix    string `json:"fix,omitempty"`
}

// Patient is what is looked at.
type Patient struct {
	Repo      *gitrepo.Repo
	GitConfig gitrepo.Config
	Config    config.Config
	Env       []string // the process environment
}

// check looks at one thing.
type check struct {
	name string
	look func(ctx context.Context, p Patient) Finding
}

// checks is the list, in the order of the report.
func checks() []check {
	return []check{
		{"git", gitVersion},
		{"repository", repository},
		{"identity", identity},
		{"configuration", configuration},
		{"ledger", ledgerOpens},
		{"remotes", remotes},
		{"refspecs", refspecs},
		{"peers", peers},
		{"notes", notes},
		{"replaced objects", replaced},
	}
}

// Examine runs all checks, in the order of their list.
func Examine(ctx context.Context, p Patient) []Finding {
	findings := []Finding{}
	for _, c := range checks() {
		f := c.look(ctx, p)
		f.Check = c.name
		findings = append(findings, f)
	}
	return findings
}

func ok(format string, args ...any) Finding {
	return Finding{Status: OK, Detail: fmt.Sprintf(format, args...)}
}

func warn(fix, format string, args ...any) Finding {
	return Finding{Status: Warning, Detail: fmt.Sprintf(format, args...), Fix: fix}
}

func failed(err error) Finding {
	f := fault.From(err)
	return Finding{Status: Problem, Detail: f.Message, Fix: f.Fix()}
}

// oldest is the first version of git that has all that this program uses.
var oldest = [2]int{2, 34}

func gitVersion(ctx context.Context, p Patient) Finding {
	version, err := gitrepo.Version(ctx, p.Env)
	if err != nil {
		return failed(err)
	}
	var have [2]int
	if n, _ := fmt.Sscanf(version, "%d.%d", &have[0], &have[1]); n != 2 {
		return warn("", "git says its version is %s, which cannot be read", version)
	}
	if slices.Compare(have[:], oldest[:]) < 0 {
		return failed(fault.New(fault.GitMissing, "git is version %s, older than 2.34", version))
	}
	return ok("version %s", version)
}

func repository(_ context.Context, p Patient) Finding {
	parts := []string{p.Repo.Algorithm()}
	if p.Repo.Bare {
		parts = append(parts, "bare")
	}
	if p.Config.Partial {
		parts = append(parts, "partial clone")
	}
	detail := p.Repo.CommonDir + " (" + strings.Join(parts, ", ") + ")"
	if p.Repo.Shallow {
		return warn("git fetch --unshallow", "%s is shallow: a ledger fetched with its history cut verifies as incomplete", detail)
	}
	return ok("%s", detail)
}

func identity(ctx context.Context, p Patient) Finding {
	who, err := p.Repo.Author(ctx, time.Time{})
	if err != nil {
		return failed(err)
	}
	return ok("%s <%s>", who.Name, who.Email)
}

func configuration(_ context.Context, p Patient) Finding {
	if len(p.Config.Unknown) > 0 {
		return warn("git config --show-origin --get-all "+p.Config.Unknown[0], "nothing reads %s", strings.Join(p.Config.Unknown, ", "))
	}
	return ok("the ledger is at %s", p.Config.Ref)
}

// peers looks at what was remembered of peers: what is held back, and what is of
// remotes that are gone or have another name by now.
func peers(ctx context.Context, p Patient) Finding {
	orphans, err := federation.Orphans(ctx, p.Repo, p.Config.Remotes, federation.Heirs(p.GitConfig, p.Config.Remotes))
	if err != nil {
		return failed(err)
	}
	if len(orphans) > 0 {
		return orphaned(orphans[0])
	}
	refs, err := p.Repo.Refs(ctx, federation.SeenPrefix, federation.IncomingPrefix)
	if err != nil {
		return failed(err)
	}
	for _, ref := range slices.Sorted(maps.Keys(refs)) {
		if peer, held := federation.PeerOf(ref); held && peer != "" {
			return warn("git vaultmesh peer status "+peer, "what %s shows is held back", peer)
		}
	}
	return ok("%d remembered", len(refs))
}

// orphaned says what is left of a remote that is gone.
func orphaned(o federation.Orphan) Finding {
	if o.Heir != "" {
		return warn(repairs, "%s is of the remote %s, which is called %s by now", o.Ref, o.Remote, o.Heir)
	}
	return warn(repairs, "%s is of the remote %s, which is not there any more; under another name a remote begins anew", o.Ref, o.Remote)
}

// repairs is what mends damage, and what is left of remotes that are gone.
const repairs = "git vaultmesh doctor --repair"

func ledgerOpens(ctx context.Context, p Patient) Finding {
	l, err := ledger.Open(ctx, p.Repo, p.Config.Ref)
	var g *ledger.Entry
	if err == nil {
		l.Pin(p.Config.Ledger)
		g, err = l.Genesis(ctx)
	}
	switch {
	case ledger.Unreadable(err):
		f := failed(err)
		f.Fix = repairs
		return f
	case err != nil:
		return failed(err)
	}
	return ok("%s %s, head %s", g.Receipt.Genesis.Name, g.ID.Short(), l.Head.Short())
}

func remotes(_ context.Context, p Patient) Finding {
	for _, s := range setup.Settings(p.GitConfig, p.Config, p.Config.Ledger) {
		if strings.HasPrefix(s.Name, "remote.") {
			return warn("git vaultmesh init", "git fetch does not bring the ledger: %s lacks %s", s.Name, s.Value)
		}
	}
	if len(p.Config.Remotes) == 0 {
		return ok("there is no remote")
	}
	return ok("git fetch brings the ledger of %s", strings.Join(p.Config.Remotes, ", "))
}

// refspecs finds those that overwrite what is only here: a forced refspec
// into a live ref of ours, or one that makes plain git push push other refs.
func refspecs(_ context.Context, p Patient) Finding {
	for _, remote := range p.Config.Remotes {
		if values := p.GitConfig.Values("remote." + remote + ".push"); slices.ContainsFunc(values, func(v string) bool { return strings.Contains(v, "vaultmesh") }) {
			return warn("git config --unset-all remote."+remote+".push", "remote.%s.push makes plain git push leave out branches", remote)
		}
		for _, spec := range p.GitConfig.Values("remote." + remote + ".fetch") {
			_, to, _ := strings.Cut(spec, ":")
			if strings.HasPrefix(spec, "+") && covers(to, p.Config.Ref, "refs/notes/vaultmesh") {
				return warn("git config --edit", "remote.%s.fetch has %s, with which git fetch overwrites what is recorded only here", remote, spec)
			}
		}
	}
	return ok("none overwrites the ledger")
}

// covers tells whether the right side of a refspec takes in one of refs.
func covers(pattern string, refs ...string) bool {
	before, after, glob := strings.Cut(pattern, "*")
	return slices.ContainsFunc(refs, func(ref string) bool {
		return ref == pattern || glob && strings.HasPrefix(ref, before) && strings.HasSuffix(ref, after)
	})
}

func notes(_ context.Context, p Patient) Finding {
	if !slices.ContainsFunc(p.GitConfig.Values("notes.displayref"), func(pattern string) bool { return covers(pattern, "refs/notes/vaultmesh") }) {
		return warn("git vaultmesh init", "git log does not show refs/notes/vaultmesh")
	}
	return ok("git log shows refs/notes/vaultmesh")
}

func replaced(ctx context.Context, p Patient) Finding {
	refs, err := p.Repo.Refs(ctx, "refs/replace/")
	if err != nil {
		return failed(err)
	}
	if len(refs) > 0 {
		return warn("git replace --list", "%d objects are replaced: git-vaultmesh reads the originals, git log does not", len(refs))
	}
	return ok("none")
}
