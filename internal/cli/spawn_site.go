package cli

import (
	"cmp"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/config"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/spawn"
)

// site is where a service is to be made.
type site struct {
	place  string // the folder, absolute
	within bool   // it is in a repository that is there
	folder string // then its path from the top
	year   int
	known  bool // whether git says who commits
}

// survey looks at the place before anything is written: whether it is free, in which repository it is, and
// who commits there.
func (c *spawnNewCmd) survey(a *app) (*site, error) {
	place, err := filepath.Abs(cmp.Or(c.Output, c.Name))
	if err != nil {
		return nil, fault.New(fault.FolderInTheWay, "%s is no path", c.Output).Because(err)
	}
	s := &site{place: place, year: a.env.Now().Year(), known: true}
	if _, err := spawn.Free(place); err != nil || c.NoGit {
		return s, err
	}
	above := spawn.Above(place)
	err = a.openAs(gitrepo.Options{Dir: above, Env: a.env.Environ})
	switch {
	case fault.Has(err, fault.NoRepository):
		if a.config, err = config.Load(a.gitConfig); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, err
	default:
		if err := s.inside(a, above); err != nil {
			return nil, err
		}
	}
	if s.within {
		if err := c.mayRecord(a); err != nil {
			return nil, err
		}
	}
	err = s.identify(a, above)
	if c.DryRun && fault.Has(err, fault.NoIdentity) {
		err = nil
	}
	return s, err
}

// inside settles whether a place in a repository becomes a part of it: not where that ignores it.
func (s *site) inside(a *app, above string) error {
	top, err := a.repo.Top(a.ctx)
	if err != nil {
		return err
	}
	if top == "" {
		return fault.New(fault.FolderInTheWay, "%s is among git's own files", s.place)
	}
	rest, err := filepath.Rel(above, s.place)
	if err == nil {
		if above, err = filepath.EvalSymlinks(above); err == nil {
			top, err = filepath.EvalSymlinks(top)
		}
	}
	var folder string
	if err == nil {
		folder, err = filepath.Rel(top, filepath.Join(above, rest))
	}
	if err != nil {
		return fault.New(fault.FolderInTheWay, "%s cannot be found in its repository", s.place).Because(err)
	}
	elsewhere := !filepath.IsLocal(folder) // variables name the repository of another place
	if !elsewhere {
		elsewhere, err = a.repo.Ignores(a.ctx, filepath.ToSlash(rest)+"/")
	}
	if err != nil || elsewhere {
		a.repo.Close()
		a.repo = nil
		return err
	}
	s.within, s.folder = true, filepath.ToSlash(folder)
	tracked, err := a.repo.Tracks(a.ctx, s.folder)
	if err == nil && tracked {
		err = fault.New(fault.FolderInTheWay, "%s is gone, and git still tracks files in it", s.place)
	}
	return err
}

// mayRecord sees that a repository that is there has a ledger: whose it is to be is not decided in passing.
func (c *spawnNewCmd) mayRecord(a *app) error {
	if c.DryRun {
		return nil
	}
	if err := a.present(c.fetching); err != nil {
		return err
	}
	head, err := a.latest()
	if err == nil && head == "" {
		err = fault.New(fault.NoLedger, "the repository has no ledger at %s to record it in", a.config.Ref)
	}
	return err
}

// identify asks who commits. A configuration that depends on where a repository is can only be asked in it.
func (s *site) identify(a *app, above string) error {
	repo := a.repo
	if !s.within {
		repo = nil
	}
	_, committer, err := gitrepo.Identities(a.ctx, gitrepo.Options{Dir: above, Env: a.env.Environ}, a.gitConfig, repo, a.env.Now())
	if fault.Has(err, fault.NoIdentity) && !s.within && len(a.gitConfig.Names("includeif.")) > 0 {
		s.known = false
		return nil
	}
	if err != nil {
		return err
	}
	s.year = yearOf(committer, s.year)
	return nil
}

// yearOf is the year of a commit, where its author lives.
func yearOf(who gitrepo.Identity, otherwise int) int {
	seconds, zone, _ := strings.Cut(who.When, " ")
	n, err := strconv.ParseInt(seconds, 10, 64)
	there, zoneErr := time.Parse("-0700", zone)
	if err != nil || zoneErr != nil {
		return otherwise
	}
	return time.Unix(n, 0).In(there.Location()).Year()
}
