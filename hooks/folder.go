package hooks

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
)

// Folder is where git looks for a repository's hooks.
type Folder struct {
	Path    string // absolute
	Setting string // core.hooksPath, "" where it is not set
	Scope   string // that it is set in, such as "local" or "global"
	Shared  bool   // other repositories may look there too: it is set for all, or lies outside
}

// Locate finds the folder with one of a repository's hooks: hooks in the folder that
// all worktrees share, or core.hooksPath, which may be relative to where git runs the
// hook (git-config, "core.hooksPath"; githooks, "Description"). The faults are
// BadConfig (VM104) and GitRefused (VM112).
func Locate(ctx context.Context, repo *gitrepo.Repo, h Hook) (Folder, error) {
	setting, scope, err := repo.HooksPath(ctx)
	if err != nil {
		return Folder{}, err
	}
	if scope == "" {
		return Folder{Path: filepath.Join(repo.CommonDir, "hooks")}, nil
	}
	top, err := repo.Top(ctx)
	if err != nil {
		return Folder{}, err
	}
	base := top
	if h.OnServer() || top == "" {
		base = repo.GitDir
	}
	f := Folder{Path: under(base, setting, runtime.GOOS), Setting: setting, Scope: scope}
	f.Shared = scope != "local" && scope != "worktree" || !within(f.Path, top) && !within(f.Path, repo.CommonDir)
	return f, nil
}

// File is the path of a hook.
func (f Folder) File(h Hook) string { return filepath.Join(f.Path, string(h)) }

var drive = regexp.MustCompile(`^[A-Za-z]:`)

// under is a path as an operating system has it: on Windows C:\hooks, C:/hooks, \\server\hooks
// and /c/hooks are relative to nothing.
func under(base, path, goos string) string {
	rooted := strings.HasPrefix(path, "/")
	if goos == "windows" {
		rooted = rooted || strings.HasPrefix(path, `\`) || drive.MatchString(path)
	}
	if rooted {
		return filepath.Clean(path)
	}
	return filepath.Join(base, path)
}

// within tells whether a path lies below a folder, wherever symbolic links lead.
func within(path, folder string) bool {
	if folder == "" {
		return false
	}
	rel, err := filepath.Rel(real(folder), real(path))
	return err == nil && rel != "." && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// real is a path without symbolic links, as far as there is one.
func real(path string) string {
	clean, err := filepath.EvalSymlinks(path)
	if err == nil {
		return clean
	}
	parent := filepath.Dir(path)
	_, lost := os.Lstat(path)
	if parent == path || !errors.Is(lost, fs.ErrNotExist) {
		return path
	}
	return filepath.Join(real(parent), filepath.Base(path))
}
