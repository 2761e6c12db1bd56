package federation

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
)

// trackingPrefix is where git fetches remotes' ledgers to.
const trackingPrefix = "refs/vaultmesh-remotes/"

// Orphan is a ref that is kept for a remote which is gone, or which has another name
// by now.
type Orphan struct {
	Ref    string
	Head   gitrepo.OID
	Remote string // that it was kept for
	Heir   string // what that remote is called now, "" where it is gone
}

// Heirs are remotes that have another name by now, by the old one: `git remote rename`
// leaves them a refspec that fetches to where the old name was.
func Heirs(config gitrepo.Config, remotes []string) map[string]string {
	heirs := make(map[string]string)
	for _, remote := range remotes {
		for _, spec := range config.Values("remote." + remote + ".fetch") {
			if old := oldName(spec); old != "" && !slices.Contains(remotes, old) {
				heirs[old] = remote
			}
		}
	}
	return heirs
}

// oldName is the remote whose place a refspec fetches to, "" for none of ours.
func oldName(spec string) string {
	_, to, _ := strings.Cut(spec, ":")
	name, ours := strings.CutPrefix(to, trackingPrefix)
	name, glob := strings.CutSuffix(name, "/*")
	if !ours || !glob {
		return ""
	}
	return name
}

// Orphans lists them, sorted by ref.
func Orphans(ctx context.Context, repo *gitrepo.Repo, remotes []string, heirs map[string]string) ([]Orphan, error) {
	refs, err := repo.Refs(ctx, SeenPrefix, IncomingPrefix, trackingPrefix)
	if err != nil {
		return nil, err
	}
	var list []Orphan
	for _, ref := range slices.Sorted(maps.Keys(refs)) {
		_, rest := splitKept(ref)
		if of(rest, remotes) != "" || strings.HasPrefix(rest, byHand+"/") {
			continue
		}
		remote := of(rest, slices.Sorted(maps.Keys(heirs)))
		heir := heirs[remote]
		if remote == "" {
			kept, _ := cutShowed(rest)
			remote = strings.TrimSuffix(kept[:max(0, strings.LastIndexByte(kept, '/'))], "/vaultmesh")
		}
		list = append(list, Orphan{ref, refs[ref], remote, heir})
	}
	return list, nil
}

// splitKept takes the prefix off a ref that is kept for a remote.
func splitKept(ref string) (prefix, rest string) {
	for _, prefix := range []string{SeenPrefix, IncomingPrefix, trackingPrefix} {
		if rest, ok := strings.CutPrefix(ref, prefix); ok {
			return prefix, rest
		}
	}
	return "", ref
}

// of is the one of remotes that the rest of a ref is about, "" for none. A remote's name
// may have slashes, so the longest counts.
func of(rest string, remotes []string) string {
	longest := ""
	for _, r := range remotes {
		if strings.HasPrefix(rest, r+"/") && len(r) > len(longest) {
			longest = r
		}
	}
	return longest
}

// The things that become of an orphan.
const (
	MovedRef   = "moved"   // to where the remote's new name wants it
	DroppedRef = "dropped" // all that it led to is kept elsewhere
	KeptRef    = "kept"    // it leads to what is nowhere else here
)

// Settle moves an orphan to where it belongs, or drops it where nothing is lost by that.
// It returns what became of it, and the ref where it is now. The faults are those of
// [gitrepo.Repo.UpdateRef].
func (p Place) Settle(ctx context.Context, o Orphan) (what, now string, err error) {
	to := ""
	if o.Heir != "" {
		prefix, rest := splitKept(o.Ref)
		to = prefix + o.Heir + strings.TrimPrefix(rest, o.Remote)
	}
	refs, err := p.Repo.Exact(ctx, append([]string{p.Ref}, filled(to)...)...)
	if err != nil {
		return "", "", err
	}
	switch there := refs[to]; {
	case to != "" && there == "":
		err = p.Repo.UpdateRef(ctx, to, o.Head, "")
		what, now = MovedRef, to
	case to != "" && p.leads(ctx, there, o.Head): // it is the later one
		err = p.Repo.UpdateRef(ctx, to, o.Head, there)
		what, now = MovedRef, to
	case to != "" && p.leads(ctx, o.Head, there), p.leads(ctx, o.Head, refs[p.Ref]):
		what = DroppedRef
	default:
		return KeptRef, o.Ref, nil
	}
	if err == nil {
		err = p.Repo.DeleteRef(ctx, o.Ref, o.Head)
	}
	switch {
	case fault.Has(err, fault.LostRace): // somebody else settles it
		err = nil
	case fault.Has(err, fault.GitRefused): // what it names is not here
		return KeptRef, o.Ref, nil
	}
	return what, now, err
}

func filled(ref string) []string {
	if ref == "" {
		return nil
	}
	return []string{ref}
}

// leads tells whether a later commit is known to lead to an earlier one. What cannot be
// said, because something is missing, is no.
func (p Place) leads(ctx context.Context, earlier, later gitrepo.OID) bool {
	if later == "" {
		return false
	}
	known, err := p.Repo.IsAncestor(ctx, earlier, later)
	return err == nil && known
}

// Rename has a remote fetch to where its own name wants it.
func Rename(ctx context.Context, repo *gitrepo.Repo, config gitrepo.Config, old, remote string) error {
	name := "remote." + remote + ".fetch"
	for _, spec := range config.Values(name) {
		if oldName(spec) != old {
			continue
		}
		from, _, _ := strings.Cut(spec, ":")
		if err := repo.ReplaceConfig(ctx, name, spec, from+":"+trackingPrefix+remote+"/*"); err != nil {
			return err
		}
	}
	return nil
}
