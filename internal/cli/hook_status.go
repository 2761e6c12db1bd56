package cli

import (
	"github.com/VaultSovereign/git-vaultmesh/hooks"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

type hookStatusCmd struct{}

// Run says of each hook whether our part is there. One that somebody changed is a fault.
func (c *hookStatusCmd) Run(a *app) error {
	if err := a.open(false); err != nil {
		return err
	}
	list, err := a.hooksThere()
	if err != nil {
		return err
	}
	if a.out.structured() {
		shown := []shownHook{}
		for _, s := range list {
			shown = append(shown, showHook(s))
		}
		err = a.out.emit(shown)
	} else {
		for _, s := range list {
			a.sayHook(s)
		}
	}
	if err != nil {
		return err
	}
	return drifts(list)
}

// hooksThere looks at all hooks. A part that is in a file and in the configuration, too,
// is there twice.
func (a *app) hooksThere() ([]hooks.Status, error) {
	inConfig, err := a.hooksInConfig()
	if err != nil {
		return nil, err
	}
	var list []hooks.Status
	for _, h := range hooks.All() {
		folder, err := hooks.Locate(a.ctx, a.repo, h)
		if err != nil {
			return nil, err
		}
		file, err := hooks.Look(folder.File(h), h)
		if err != nil {
			return nil, err
		}
		config := hooks.LookConfig(a.gitConfig, h, inConfig)
		config.Path, config.Other = file.Path, file.Other
		if config.State != hooks.Absent {
			list = append(list, config)
		}
		if config.State == hooks.Absent || file.State != hooks.Absent {
			list = append(list, file)
		}
	}
	return list, nil
}

func (a *app) sayHook(s hooks.Status) {
	if s.State == hooks.Absent && !s.Other && s.Detail == "" {
		a.out.line("%s  %s", pad(string(s.Hook), -11), s.State)
		return
	}
	where := "there is " + s.Path
	switch {
	case s.State == hooks.Installed:
		where = a.placeOf(s)
	case s.Detail != "":
		where = s.Detail
	}
	a.out.line("%s  %s  %s", pad(string(s.Hook), -11), pad(s.State, -9), where)
}

func drifts(list []hooks.Status) error {
	for _, s := range list {
		if s.State == hooks.Drifted {
			return fault.New(fault.HookDrifted, "%s is not as it was installed", s.Hook).With("path", s.Path)
		}
	}
	return nil
}

// permit refuses a folder that is not this repository's alone, unless it is meant.
func permit(f hooks.Folder, meant bool, verb string) error {
	if !f.Shared || meant {
		return nil
	}
	where := "lies outside of this repository"
	if f.Scope != "local" && f.Scope != "worktree" {
		where = "is set for all repositories (" + f.Scope + ")"
	}
	return fault.New(fault.HooksElsewhere, "core.hooksPath is %s, which %s", f.Path, where).With("verb", verb)
}
