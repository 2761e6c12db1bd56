package hooks

import (
	"os"
	"path/filepath"
	"testing"
)

func TestUnder(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ path, goos, want string }{
		{".husky/_", "linux", "/repo/.husky/_"}, {"/etc/hooks/", "linux", "/etc/hooks"}, {"../hooks", "linux", "/hooks"}, {".", "linux", "/repo"}, {"", "linux", "/repo"},
		{"C:/hooks", "linux", "/repo/C:/hooks"}, // a name like any other there
		{"C:/hooks", "windows", "C:/hooks"}, {`C:\hooks`, "windows", `C:\hooks`}, {"c:hooks", "windows", "c:hooks"},
		{`\\server\hooks`, "windows", `\\server\hooks`}, {"/c/hooks", "windows", "/c/hooks"}, {".githooks", "windows", "/repo/.githooks"},
	} {
		if got := filepath.ToSlash(under("/repo", c.path, c.goos)); got != filepath.ToSlash(c.want) {
			t.Errorf("%s on %s is %s, want %s", c.path, c.goos, got, c.want)
		}
	}
}

func TestWithin(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	repo, outside := filepath.Join(dir, "repo"), filepath.Join(dir, "repository")
	for _, d := range []string{repo, outside} {
		if err := os.Mkdir(d, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	for name, to := range map[string]string{"out": outside, "in": repo, "lost": filepath.Join(outside, "gone")} {
		if err := os.Symlink(to, filepath.Join(repo, name)); err != nil {
			t.Skip(err)
		}
	}
	for path, want := range map[string]bool{
		"hooks": true, "a/b/c": true, "..a": true, "in/hooks": true, "": false, "../repository": false, "out/hooks": false, "out": false, "..": false,
	} {
		if got := within(filepath.Join(repo, path), repo); got != want {
			t.Errorf("%q: %t", path, got)
		}
	}
	if within(repo, "") {
		t.Error("within nothing")
	}
}

func TestInConfiguration(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]bool{
		"2.54.0": true, "2.54.0-rc1": true, "2.55.GIT": true, "2.60": true, "3.0.0": true, "2.54.1.windows.1": true,
		"2.53.9": false, "2.39.5": false, "1.99.0": false, "2": false, "": false, "new.er": false,
	} {
		if got := InConfiguration(version); got != want {
			t.Errorf("%q: %t", version, got)
		}
	}
}
