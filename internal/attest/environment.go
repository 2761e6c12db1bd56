package attest

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

// told are tools that say their version, and the file at the top of a tree by which
// one knows that they are used there.
var told = []struct {
	tool, file string
	ask        []string
}{
	{"go", "go.mod", []string{"go", "version"}},
	{"make", "Makefile", []string{"make", "--version"}},
	{"python3", "pyproject.toml", []string{"python3", "--version"}},
	{"pytest", "", []string{"pytest", "--version"}},
	{"node", "package.json", []string{"node", "--version"}},
	{"npm", "", []string{"npm", "--version"}},
	{"rustc", "Cargo.toml", []string{"rustc", "--version"}},
	{"cargo", "", []string{"cargo", "--version"}},
	{"gcc", "", []string{"gcc", "--version"}},
	{"clang", "", []string{"clang", "--version"}},
	{"prove", "", []string{"prove", "--version"}},
}

// versionForm is a version's own text. Nothing else of what a tool says is kept: it
// may name paths.
var versionForm = regexp.MustCompile(`[0-9]+(\.[0-9]+)+[0-9A-Za-z.+-]*`)

// environment says on what a command runs: the system, and the versions of the tools
// that it uses, as far as that is known. No variable, name or path is in it.
func environment(ctx context.Context, dir string, env, command []string) map[string]string {
	found := map[string]string{"GOOS": runtime.GOOS, "GOARCH": runtime.GOARCH}
	for _, t := range told {
		if !slices.Contains(strings.Fields(Tool(command)), t.tool) && !there(dir, t.file) {
			continue
		}
		if version := versionForm.FindString(strings.TrimPrefix(ask(ctx, env, t.ask...), "go version go")); version != "" {
			found[t.tool] = version[:min(len(version), 100)]
		}
	}
	return found
}

func there(dir, file string) bool {
	if file == "" {
		return false
	}
	_, err := os.Stat(filepath.Join(dir, file))
	return err == nil
}

// gitOwn are the variables that tie a process to a repository: in a checkout of its own
// a command must not see them.
var gitOwn = []string{"GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES",
	"GIT_NAMESPACE", "GIT_PREFIX", "GIT_CEILING_DIRECTORIES", "GIT_QUARANTINE_PATH"}

// with is an environment with some variables set, and without those that tie it to a
// repository.
func with(env []string, set map[string]string) []string {
	var list []string
	for _, v := range env {
		name, _, _ := strings.Cut(v, "=")
		if _, own := set[name]; !own && !slices.Contains(gitOwn, name) {
			list = append(list, v)
		}
	}
	for name, value := range set {
		list = append(list, name+"="+value)
	}
	slices.Sort(list)
	return list
}
