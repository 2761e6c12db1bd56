package attest

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Build is a command that is run twice, each time in a clean checkout.
type Build struct {
	Command   []string
	Env       []string
	CheckOut  func(ctx context.Context, dir string) error // puts the commit's files into a new folder
	Epoch     string                                      // the commit's time, for SOURCE_DATE_EPOCH
	Outputs   []string                                    // patterns, from the top of the checkout
	Watched   string                                      // a folder in which nothing may change, "" for none
	Container string
	Timeout   time.Duration // of each build
	Stdout    io.Writer
	Stderr    io.Writer
	Now       func() time.Time
}

// place is one of the two checkouts, and how its surroundings differ.
type place struct {
	name   string // as people are told
	root   string
	home   string
	umask  string
	zone   string
	locale string
	aged   time.Duration // how much older than the commit its files are
}

// Reproduce builds twice, and says in what the outputs differ. Nothing of the builds is
// left behind. The faults are CommandFailed (VM625) for a build that fails, NotReproduced
// (VM629) for one that leaves nothing or writes outside of its tree, and those of
// [Command.Run].
func Reproduce(ctx context.Context, b Build) (*receipt.Attestation, error) {
	parent, err := os.MkdirTemp("", "vaultmesh-reproduce-")
	if err != nil {
		return nil, fault.New(fault.WriteFailed, "no folder for the builds can be made").Because(errors.New(err.Error()))
	}
	defer remove(parent)
	places := [2]place{
		{name: "the first build", root: filepath.Join(parent, "a", "src"), home: filepath.Join(parent, "a", "home"), umask: "022", zone: "UTC", locale: "C"},
		{name: "the second build", root: filepath.Join(parent, "b", "a-longer-way-to-the-same", "sources"), home: filepath.Join(parent, "b", "home-of-somebody-else"),
			umask: "077", zone: otherZone(), locale: otherLocale(ctx, b.Env), aged: 400 * 24 * time.Hour},
	}
	for _, p := range places {
		if err := b.prepare(ctx, p); err != nil {
			return nil, err
		}
	}
	started := receipt.TimeOf(b.Now())
	if err := b.both(ctx, parent, places); err != nil {
		return nil, err
	}
	ended := max(receipt.TimeOf(b.Now()), started)
	a := &receipt.Attestation{Type: Reproduction, Tool: Tool(b.Command), Command: b.Command, StartedAt: &started, EndedAt: &ended}
	if err := b.compare(ctx, places, a); err != nil {
		return nil, err
	}
	a.Environment = environment(ctx, places[0].root, b.Env, b.Command)
	a.Environment["varied"] = "path, HOME, umask, TZ, LC_ALL (" + places[0].locale + ", " + places[1].locale + "), times and modes of files"
	a.Environment["SOURCE_DATE_EPOCH"] = b.Epoch
	if b.Container != "" {
		a.Environment["container"] = b.Container
	}
	return a, nil
}

// prepare makes a checkout and its surroundings.
func (b Build) prepare(ctx context.Context, p place) error {
	for _, dir := range []string{filepath.Dir(p.root), p.home} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fault.New(fault.WriteFailed, "no folder for a build can be made").Because(errors.New(err.Error()))
		}
	}
	if err := b.CheckOut(ctx, p.root); err != nil {
		return err
	}
	seconds, err := time.ParseDuration(b.Epoch + "s")
	if err != nil {
		return fault.New(fault.GitRefused, "the commit has no time")
	}
	if err := p.age(time.Unix(0, 0).Add(seconds - p.aged)); err != nil {
		return fault.New(fault.WriteFailed, "the files of a checkout cannot be prepared").Because(errors.New(err.Error()))
	}
	return nil
}

// age gives all files of a checkout the time and the modes that they have here.
func (p place) age(at time.Time) error {
	mask := os.FileMode(0o022)
	if p.umask == "077" {
		mask = 0o077
	}
	return filepath.WalkDir(p.root, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path == filepath.Join(p.root, ".git") {
			return filepath.SkipDir
		}
		if d.Type()&os.ModeSymlink != 0 {
			return nil
		}
		mode := os.FileMode(0o666)
		if info, err := d.Info(); err != nil {
			return err
		} else if info.Mode()&0o100 != 0 {
			mode = 0o777
		}
		if err := os.Chmod(path, mode&^mask); err != nil {
			return err
		}
		return os.Chtimes(path, at, at)
	})
}

// both builds in both places. Neither build may change the other's checkout, what lies
// beside them, or what is watched.
func (b Build) both(ctx context.Context, parent string, places [2]place) error {
	for i, p := range places {
		forbidden := []string{places[1-i].root, b.Watched}
		before := make([]snapshot, len(forbidden))
		for j, dir := range forbidden {
			var err error
			if before[j], err = look(ctx, dir, parent); err != nil {
				return err
			}
		}
		around := []string{parent, filepath.Dir(p.root), filepath.Dir(p.home)}
		beside := list(around...)
		if err := b.once(ctx, p); err != nil {
			return err
		}
		for j, dir := range forbidden {
			now, err := look(ctx, dir, parent)
			if err != nil {
				return err
			}
			if path := before[j].changed(now); path != "" {
				return astray(p, path, []string{"the checkout of the other build", "the work tree"}[j])
			}
		}
		if path := beside.changed(list(around...)); path != "" {
			return astray(p, path, "the folder around its checkout")
		}
	}
	return nil
}

func astray(p place, path, where string) error {
	return fault.New(fault.NotReproduced, "%s changes %s in %s", p.name, path, where).
		With("how", "a build must write to its own tree alone; if something else wrote there meanwhile, run it again")
}

// once builds in one place.
func (b Build) once(ctx context.Context, p place) error {
	env := with(b.Env, map[string]string{"SOURCE_DATE_EPOCH": b.Epoch, "HOME": p.home, "TZ": p.zone, "LC_ALL": p.locale, "LANGUAGE": "",
		"PWD": p.root, "XDG_CACHE_HOME": filepath.Join(p.home, ".cache"), "XDG_CONFIG_HOME": filepath.Join(p.home, ".config"), "XDG_DATA_HOME": filepath.Join(p.home, ".local", "share")})
	c := Command{Name: p.name, Words: masked(p.umask, b.Command), Dir: p.root, Env: env, Stdout: b.Stdout, Stderr: b.Stderr, Timeout: b.Timeout}
	code, err := c.Run(ctx)
	if err == nil && code != 0 {
		err = fault.New(fault.CommandFailed, "%s ended with %d, and nothing was recorded", p.name, code).
			With("how", "a clean checkout has what is committed alone, and a HOME that is empty")
	}
	return err
}

// compare writes down the outputs of the first build, and what is different in those of
// the second.
func (b Build) compare(ctx context.Context, places [2]place, a *receipt.Attestation) error {
	var names [2]map[string]bool
	for i, p := range places {
		names[i] = map[string]bool{}
		for _, pattern := range b.Outputs {
			files, err := within(p.root, pattern, func(format string, args ...any) error {
				return fault.New(fault.NotReproduced, format, args...).With("how", "name regular files that the build leaves in its tree:\n--output GLOB")
			})
			if err != nil {
				return err
			}
			for _, name := range files {
				names[i][name] = true
			}
		}
	}
	if len(names[0])+len(names[1]) == 0 {
		return fault.New(fault.NotReproduced, "the build leaves no %s", strings.Join(b.Outputs, " or ")).With("how", "say what it leaves:\n--output GLOB")
	}
	differences, err := differing(ctx, places[0].root, places[1].root, names)
	if err != nil {
		return err
	}
	a.Differences = differences
	for name := range names[0] {
		s, err := hashed(ctx, places[0].root, name)
		if err != nil {
			return err
		}
		a.Outputs = append(a.Outputs, s)
	}
	a.Outputs = sorted(a.Outputs)
	return nil
}

// otherZone is a time zone far from UTC: by its name, where names are known.
func otherZone() string {
	const name = "Pacific/Kiritimati"
	if _, err := os.Stat(filepath.Join("/usr/share/zoneinfo", name)); err == nil {
		return name
	}
	return "<+14>-14"
}

// otherLocale is a locale that sorts and prints otherwise than C does, where one is
// installed.
func otherLocale(ctx context.Context, env []string) string {
	for line := range strings.Lines(ask(ctx, env, "locale", "-a")) {
		line = strings.TrimSpace(line)
		if lower := strings.ToLower(line); strings.Contains(line, "_") && (strings.HasSuffix(lower, ".utf8") || strings.HasSuffix(lower, ".utf-8")) {
			return line
		}
	}
	return "C.UTF-8"
}
