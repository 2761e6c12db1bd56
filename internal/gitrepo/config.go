package gitrepo

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// Config is git's configuration, all files and includes together. Names are
// as git normalises them: section and variable in lower case.
type Config struct {
	values map[string][]string
}

// Config reads the configuration that holds in the repository. The fault is
// BadConfig (VM104).
func (r *Repo) Config(ctx context.Context) (Config, error) { return readConfig(ctx, r.git) }

func readConfig(ctx context.Context, g git) (Config, error) {
	out, err := g.run(ctx, nil, "config", "--includes", "-z", "--list")
	if err != nil {
		return Config{}, configFault(err)
	}
	c := Config{values: make(map[string][]string)}
	for item := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		c.add(item)
	}
	return c, nil
}

// add adds a line of git config --list -z.
func (c Config) add(item string) {
	if item == "" {
		return
	}
	name, value, found := strings.Cut(item, "\n")
	if !found {
		value = "true" // a name without a value is a boolean that is set
	}
	c.values[name] = append(c.values[name], value)
}

func configFault(err error) error {
	var f *failure
	if asFailure(err, &f) {
		return fault.New(fault.BadConfig, "git cannot read its configuration").Because(f)
	}
	return err
}

// Value is the last value of name, which is the one that counts.
func (c Config) Value(name string) (string, bool) {
	all := c.values[name]
	if len(all) == 0 {
		return "", false
	}
	return all[len(all)-1], true
}

// Values are all values of name, in the order of git config --get-all.
func (c Config) Values(name string) []string { return c.values[name] }

// Names lists the names below a section, such as "vaultmesh.", sorted.
func (c Config) Names(section string) []string {
	var names []string
	for name := range c.values {
		if strings.HasPrefix(name, section) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Remotes lists the remotes that have a URL, sorted, without those whose name
// git itself would refuse in a refspec.
func (c Config) Remotes() []string {
	var remotes []string
	for _, name := range c.Names("remote.") {
		remote, ok := strings.CutSuffix(strings.TrimPrefix(name, "remote."), ".url")
		if ok && validRemote(remote) {
			remotes = append(remotes, remote)
		}
	}
	slices.Sort(remotes)
	return remotes
}

func validRemote(name string) bool {
	if strings.HasPrefix(name, "-") || strings.Contains(name, "..") || strings.Contains(name, "@{") || strings.HasSuffix(name, ".") {
		return false
	}
	if strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == 0x7F || strings.ContainsRune("~^:?*[\\", r) }) {
		return false
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".lock") {
			return false
		}
	}
	return true
}

// maxConfigTries is how often a configuration file is written that another
// process keeps locked: it does for a few milliseconds.
const maxConfigTries = 50

// AddConfig adds a value to the repository's own configuration, beside what is
// there, unless it is there itself: also when several processes do at once. The
// fault is ReadOnly (VM507) or GitRefused (VM112).
func (r *Repo) AddConfig(ctx context.Context, name, value string) error {
	if err := r.changeConfig(ctx, "--fixed-value", "--replace-all", name, value, value); err != nil {
		return r.writeFault(err, "the configuration cannot be written")
	}
	return nil
}

// changeConfig waits for other processes that write the repository's own configuration.
func (r *Repo) changeConfig(ctx context.Context, args ...string) error {
	var err error
	for tries := 0; tries < maxConfigTries; tries++ {
		_, err = r.git.run(ctx, nil, append([]string{"config", "--local"}, args...)...)
		var f *failure
		if !asFailure(err, &f) || !f.says("could not lock config file") || !f.says("File exists") {
			break
		}
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
	return err
}

// ReplaceConfig puts another value in the place of one, in the repository's own
// configuration. The fault is ReadOnly (VM507) or GitRefused (VM112).
func (r *Repo) ReplaceConfig(ctx context.Context, name, old, new string) error {
	if _, err := r.git.run(ctx, nil, "config", "--local", "--fixed-value", "--replace-all", name, new, old); err != nil {
		return r.writeFault(err, "the configuration cannot be written")
	}
	return nil
}

// SetConfig sets a value in the repository's own configuration, in place of what
// is there. The fault is ReadOnly (VM507) or GitRefused (VM112).
func (r *Repo) SetConfig(ctx context.Context, name, value string) error {
	if _, err := r.git.run(ctx, nil, "config", "--local", "--replace-all", name, value); err != nil {
		return r.writeFault(err, "the configuration cannot be written")
	}
	return nil
}

// SetGlobal sets a value in the user's own configuration. The fault is ReadOnly
// (VM507) or GitRefused (VM112).
func SetGlobal(ctx context.Context, o Options, name, value string) error {
	r := newRepo(git{dir: o.Dir, env: childEnv(o.Env, true)})
	if _, err := r.git.run(ctx, nil, "config", "--global", "--replace-all", name, value); err != nil {
		return r.writeFault(err, "your configuration cannot be written")
	}
	return nil
}

// UnsetConfig takes a value out of the repository's own configuration. One that is
// not there is no fault. The fault is ReadOnly (VM507) or GitRefused (VM112).
func (r *Repo) UnsetConfig(ctx context.Context, name string) error {
	return r.unset(r.changeConfig(ctx, "--unset-all", name), "the configuration cannot be written")
}

// UnsetGlobal is UnsetConfig for the user's own configuration.
func UnsetGlobal(ctx context.Context, o Options, name string) error {
	r := newRepo(git{dir: o.Dir, env: childEnv(o.Env, true)})
	_, err := r.git.run(ctx, nil, "config", "--global", "--unset-all", name)
	return r.unset(err, "your configuration cannot be written")
}

// unset judges how git config --unset-all ended, which fails without a word where
// there is nothing to take out.
func (r *Repo) unset(err error, what string) error {
	var f *failure
	if err == nil || asFailure(err, &f) && !f.killed && f.stderr == "" {
		return nil
	}
	return r.writeFault(err, what)
}

// DropConfig takes one value out of the repository's own configuration, and leaves
// others of that name. The fault is ReadOnly (VM507) or GitRefused (VM112).
func (r *Repo) DropConfig(ctx context.Context, name, value string) error {
	return r.unset(r.changeConfig(ctx, "--fixed-value", "--unset-all", name, value), "the configuration cannot be written")
}

// HooksPath is core.hooksPath as a path, and the scope that it is set in, such as
// "local" or "global"; both are "" where it is not set. The fault is BadConfig (VM104).
func (r *Repo) HooksPath(ctx context.Context) (path, scope string, err error) {
	out, err := r.git.run(ctx, nil, "config", "-z", "--show-scope", "--type=path", "--get", "core.hooksPath")
	var f *failure
	if asFailure(err, &f) && !f.killed && f.stderr == "" {
		return "", "", nil
	}
	if err != nil {
		return "", "", configFault(err)
	}
	scope, path, _ = strings.Cut(strings.TrimSuffix(string(out), "\x00"), "\x00")
	return path, scope, nil
}

// Editor is the command with which git would have a text changed. The fault is
// BadConfig (VM104) where there is none.
func (r *Repo) Editor(ctx context.Context) (string, error) {
	out, err := r.git.run(ctx, nil, "var", "GIT_EDITOR")
	var f *failure
	if asFailure(err, &f) {
		return "", fault.New(fault.BadConfig, "git knows no editor").With("key", "core.editor").Because(f)
	}
	return strings.TrimSuffix(string(out), "\n"), err
}

// Pager is the command with which git would show long output, by GIT_PAGER,
// core.pager and PAGER; "" or cat is none.
func (r *Repo) Pager(ctx context.Context) (string, error) {
	out, err := r.git.run(ctx, nil, "var", "GIT_PAGER")
	var f *failure
	if asFailure(err, &f) {
		return "", nil
	}
	return strings.TrimSuffix(string(out), "\n"), err
}
