package spawn

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/templates"
)

func TestParseExternal(t *testing.T) {
	t.Parallel()
	here, err := filepath.Abs("x")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]External{
		"https://host/t.git@v2":          {Address: "https://host/t.git", Revision: "v2"},
		"https://ada@host/t.git@deep/v2": {Address: "https://ada@host/t.git", Revision: "deep/v2"},
		"git@host:t.git@v2":              {Address: "git@host:t.git", Revision: "v2"},
		"ssh://git@host:22/t.git@v2":     {Address: "ssh://git@host:22/t.git", Revision: "v2"},
		"x@v2":                           {Address: here, Revision: "v2"},
		"/srv/t@v2":                      {Address: "/srv/t", Revision: "v2"},
	} {
		if got, err := ParseExternal(text); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "@", "@v1", "x@", "x", "https://ada@host/t.git", "git@host:t.git", "ssh://git@host:22/t.git", "-x@v1"} {
		if got, err := ParseExternal(text); !fault.Has(err, fault.BadTemplateAddress) {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
}

// What a receipt names is found again.
func TestRecorded(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]External{
		"git@host:t.git@0123":         {Address: "git@host:t.git", Revision: "0123"},
		"https://host/t.git@0123#api": {Address: "https://host/t.git", Revision: "0123", Folder: "api"},
	} {
		if got, ok := Recorded(text); !ok || got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	if _, ok := Recorded("service"); ok {
		t.Error("a type is taken for an address")
	}
}

func TestVersions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		have, want string
		older      bool
	}{{"3.11", "3.11", false}, {"3.9.2", "3.11", true}, {"3.11.2", "3.11", false}, {"1.26", "1.3", false}, {"2.0", "10.0", true}} {
		if older(c.have, c.want) != c.older {
			t.Errorf("%s is older than %s: %v", c.have, c.want, !c.older)
		}
	}
	for said, want := range map[string]string{"Python 3.11.2\n": "3.11.2", "go version go1.26.8 linux/amd64": "1.26.8", "v24.1.0": "24.1.0", "GNU Make 4.3\nBuilt": "4.3", "none": ""} {
		if got := versionForm.FindString(said); got != want {
			t.Errorf("%q says %q", said, got)
		}
	}
	if got := released("NAME=x\nID=ubuntu\nID_LIKE=\"debian other\"\n"); !slices.Equal(got, []string{"ubuntu", "debian", "other"}) {
		t.Errorf("os-release says %v", got)
	}
}

// A tool that is too old is named with its version, and one that says none is believed.
func TestLacking(t *testing.T) {
	t.Parallel()
	lacks := Lacking(context.Background(), []templates.Tool{
		{Name: "git", Minimum: "99.0", Version: []string{"git", "--version"}, Install: map[string]string{"linux": "get git", "darwin": "get git", "windows": "get git"}},
		{Name: "git", Minimum: "1.0", Version: []string{"git", "--version"}},
		{Name: "git", Minimum: "1.0", Version: []string{"git", "-V"}},
		{Name: "vaultmesh-no-such-tool"},
	}, os.Environ(), nil)
	if len(lacks) != 2 || lacks[0].Found == "" || lacks[0].Install != "get git" || lacks[1].Tool != "vaultmesh-no-such-tool" || lacks[1].Found != "" {
		t.Errorf("lacking are %+v", lacks)
	}
}

// A tool that does something with the folder that it is asked in does it in none of the user's, and of one
// that says very much only the beginning is read.
func TestLackingIsKeptAway(t *testing.T) {
	here, tools := t.TempDir(), t.TempDir()
	for name, script := range map[string]string{
		"meddles": "touch made; rm version; echo 1.0",
		"babbles": "head -c 1000000 /dev/zero; echo 1.0",
	} {
		if err := os.WriteFile(filepath.Join(tools, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(here, "version"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", tools+string(os.PathListSeparator)+os.Getenv("PATH"))
	t.Chdir(here)
	lacks := Lacking(context.Background(), []templates.Tool{
		{Name: "meddles", Minimum: "2.0", Version: []string{"meddles", "version"}},
		{Name: "babbles", Minimum: "2.0", Version: []string{"babbles", "version"}},
	}, os.Environ(), nil)
	if len(lacks) != 1 || lacks[0].Tool != "meddles" || lacks[0].Found != "1.0" {
		t.Errorf("lacking are %+v", lacks)
	}
	entries, err := os.ReadDir(here)
	if err != nil || len(entries) != 1 || entries[0].Name() != "version" {
		t.Errorf("in the folder are now %v, %v", entries, err)
	}
}

// memory is one that counts how often it was asked.
type memory map[string]string

func (m memory) Load(name string) []byte       { return []byte(m[name]) }
func (m memory) Save(name string, data []byte) { m[name] = string(data) }

// A tool that was new enough is not asked again while its file is the same; one that was too old is.
func TestLackingRemembers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "said-tool")
	says := func(version string) {
		if err := os.WriteFile(path, []byte("#!/bin/sh\necho "+version+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", filepath.Dir(path)+string(os.PathListSeparator)+os.Getenv("PATH"))
	lacks := func(m Memory, minimum string) bool {
		tool := templates.Tool{Name: "said-tool", Minimum: minimum, Version: []string{"said-tool", "--version"}}
		return len(Lacking(context.Background(), []templates.Tool{tool}, os.Environ(), m)) > 0
	}
	m := memory{}
	says("1.0")
	if !lacks(m, "2.0") || len(m) > 0 {
		t.Error("one that is too old is taken, or remembered")
	}
	says("2.0.1")
	if lacks(m, "2.0") || len(m) != 1 {
		t.Errorf("one that is new enough is not taken, or remembered: %v", m)
	}
	for name := range m {
		m[name] = "3.0"
	}
	if lacks(m, "2.5") {
		t.Error("what is remembered is not believed")
	}
	says("1.10.0")
	if !lacks(m, "2.0") {
		t.Error("another file is taken for the one that is remembered")
	}
}

func plan(files ...templates.File) *templates.Plan { return &templates.Plan{Name: "x", Files: files} }

// Whatever is in the way, nothing of ours is left and nothing of others is touched.
func TestStageLeavesNothing(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	one := plan(templates.File{Path: "a/b", Content: []byte("one")}, templates.File{Path: "c", Content: []byte("two"), Executable: true})
	for name, c := range map[string]struct {
		place string
		spoil func(dir string, s *Stage) error
	}{
		"closed without a place":           {"x/y", nil},
		"somebody made the folder":         {"x/y", func(dir string, _ *Stage) error { return write(filepath.Join(dir, "x", "y", "mine")) }},
		"somebody made a file":             {"y", func(dir string, _ *Stage) error { return os.WriteFile(filepath.Join(dir, "y"), []byte("mine"), 0o644) }},
		"somebody put a file in the empty": {"empty", func(dir string, _ *Stage) error { return write(filepath.Join(dir, "empty", "c")) }},
	} {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, "empty"), 0o755); err != nil {
			t.Fatal(err)
		}
		s, err := NewStage(filepath.Join(dir, c.place))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Write(ctx, one); err != nil {
			t.Fatal(err)
		}
		if c.spoil != nil {
			if err := c.spoil(dir, s); err != nil {
				t.Fatal(err)
			}
			if err := s.Place(ctx); !fault.Has(err, fault.FolderInTheWay) {
				t.Errorf("%s: %v", name, err)
			}
		}
		s.Close()
		for _, left := range found(t, dir) {
			if b, err := os.ReadFile(filepath.Join(dir, left)); err == nil && string(b) != "mine" {
				t.Errorf("%s: %s is left", name, left)
			}
		}
		if _, err := os.Stat(filepath.Join(dir, "x")); err == nil && c.spoil == nil {
			t.Errorf("%s: a folder is left", name)
		}
	}
}

// Of two who make something in the same empty folder one at least sees the other.
func TestStageIsAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := NewStage(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.alone(); err != nil {
		t.Errorf("nobody else is there: %v", err)
	}
	if err := os.Mkdir(filepath.Join(dir, ".spawn-other"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := s.alone(); !fault.Has(err, fault.FolderInTheWay) {
		t.Errorf("somebody else is there: %v", err)
	}
}

// What was placed can be taken back, and a folder that was empty is empty again.
func TestUndo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, place := range []string{filepath.Join(dir, "new"), dir} {
		s, err := NewStage(place)
		if err != nil {
			t.Fatal(err)
		}
		err = s.Write(context.Background(), plan(templates.File{Path: "a/b"}, templates.File{Path: ".c"}))
		if err == nil {
			err = s.Place(context.Background())
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(place, "a", "b")); err != nil {
			t.Error(err)
		}
		s.Undo()
		s.Close()
		if left := found(t, dir); len(left) > 0 {
			t.Errorf("%s: %v is left", place, left)
		}
	}
}

// A file that the disk keeps otherwise than it was written is found.
func TestCheck(t *testing.T) {
	t.Parallel()
	s, err := NewStage(filepath.Join(t.TempDir(), "x"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	one := plan(templates.File{Path: "a", Content: []byte("one")})
	if err := s.Write(context.Background(), one); err != nil {
		t.Fatal(err)
	}
	for _, spoil := range []func() error{
		func() error { return os.WriteFile(filepath.Join(s.Dir, "a"), []byte("two"), 0o644) },
		func() error { return os.Remove(filepath.Join(s.Dir, "a")) },
		func() error { return os.WriteFile(filepath.Join(s.Dir, "b"), nil, 0o644) },
	} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		if err := s.check(one); !fault.Has(err, fault.OtherOutput) {
			t.Errorf("got %v", err)
		}
	}
}

func write(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte("mine"), 0o644)
}

func found(t *testing.T, dir string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			files = append(files, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
