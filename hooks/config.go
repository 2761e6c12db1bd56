package hooks

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
)

// InConfiguration tells whether a version of git, such as "2.54.0", runs the hooks of
// its configuration: from 2.54 on.
func InConfiguration(version string) bool {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return false
	}
	major, err := strconv.Atoi(parts[0])
	minor, errMinor := strconv.Atoi(parts[1])
	return err == nil && errMinor == nil && (major > 2 || major == 2 && minor >= 54)
}

// section is where git's configuration has our part: hook.vaultmesh for pre-push.
func section(h Hook) string {
	if h == PrePush {
		return "hook.vaultmesh"
	}
	return "hook.vaultmesh-" + string(h)
}

// LookConfig says what a repository's configuration has of ours, for a git that runs
// the hooks of its configuration or does not.
func LookConfig(c gitrepo.Config, h Hook, runs bool) Status {
	s := Status{Hook: h, State: Absent}
	command, set := c.Value(section(h) + ".command")
	if !set {
		return s
	}
	s.State, s.How = Installed, InConfig
	switch {
	case !calls(command, h):
		s.State, s.Detail = Drifted, section(h)+".command is another one"
	case !slices.Contains(events(c, h), string(h)):
		s.State, s.Detail = Drifted, section(h)+".event is not "+string(h)
	case off(c, section(h)+".enabled"):
		s.State, s.Detail = Asleep, section(h)+".enabled is false"
	case off(c, "hook."+string(h)+".enabled"):
		s.State, s.Detail = Asleep, "hook."+string(h)+".enabled is false"
	case !runs:
		s.State, s.Detail = Asleep, "this git is older than 2.54"
	}
	return s
}

// checkForm is what may stand before our call: a check that the program is there, with
// words for people in which a shell sees nothing. Anything else could end before the call.
var checkForm = regexp.MustCompile(`^command -v git-vaultmesh >/dev/null \|\| (exit 0|\{ echo "[^"$\\` + "`" + `\n]*" >&2; exit [01]; \}); exec $`)

// calls tells whether a command of the configuration calls us as all do that were ever
// written.
func calls(command string, h Hook) bool {
	before, ok := strings.CutSuffix(command, Part{Hook: h}.run())
	return ok && (before == "" || checkForm.MatchString(before))
}

// events are those that run our part; an empty one takes back what was said before.
func events(c gitrepo.Config, h Hook) []string {
	all := c.Values(section(h) + ".event")
	for i := len(all) - 1; i >= 0; i-- {
		if all[i] == "" {
			return all[i+1:]
		}
	}
	return all
}

func off(c gitrepo.Config, name string) bool {
	value, set := c.Value(name)
	return set && slices.Contains([]string{"false", "no", "off", "0", ""}, strings.ToLower(value))
}

// InstallConfig puts our part into a repository's own configuration: the command
// first, because git refuses an event that has none. The faults are HookDrifted
// (VM613), ReadOnly (VM507) and GitRefused (VM112).
func InstallConfig(ctx context.Context, repo *gitrepo.Repo, c gitrepo.Config, p Part) (Status, error) {
	s := LookConfig(c, p.Hook, true)
	command := section(p.Hook) + ".command"
	before, set := c.Value(command)
	switch {
	case set && !calls(before, p.Hook):
		return s, drifted("the configuration", s.Detail)
	case !set:
		if err := repo.AddConfig(ctx, command, p.Command()); err != nil {
			return s, err
		}
	case before == Part{p.Hook, !p.Optional}.Command():
		if err := repo.SetConfig(ctx, command, p.Command()); err != nil {
			return s, err
		}
	}
	if err := repo.AddConfig(ctx, section(p.Hook)+".event", string(p.Hook)); err != nil {
		return s, err
	}
	c, err := repo.Config(ctx)
	return LookConfig(c, p.Hook, true), err
}

// UninstallConfig takes our part out of a repository's own configuration. It is false
// where there is none. The faults are those of [InstallConfig].
func UninstallConfig(ctx context.Context, repo *gitrepo.Repo, c gitrepo.Config, h Hook) (bool, error) {
	s := LookConfig(c, h, true)
	command, set := c.Value(section(h) + ".command")
	switch {
	case !set:
		return false, nil
	case !calls(command, h):
		return false, drifted("the configuration", s.Detail)
	}
	if err := repo.DropConfig(ctx, section(h)+".event", string(h)); err != nil {
		return false, err
	}
	return true, repo.DropConfig(ctx, section(h)+".command", command)
}
