package gitrepo

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

func (s *scratch) config() Config {
	s.t.Helper()
	c, err := s.open().Config(context.Background())
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// configure adds text to the repository's configuration file.
func (s *scratch) configure(text string) {
	s.t.Helper()
	f, err := os.OpenFile(filepath.Join(s.gitDir(), "config"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		s.t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		s.t.Fatal(err)
	}
}

func TestConfigReadsAllItsSources(t *testing.T) {
	t.Parallel()
	s := newScratch(t).with("GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=vaultmesh.last", "GIT_CONFIG_VALUE_0=environment")
	s.file("../home/.gitconfig", "[vaultmesh]\n\tglobal = yes\n\tlast = global\n[include]\n\tpath = more\n[includeIf \"gitdir:**/place/\"]\n\tpath = here\n")
	s.file("../home/more", "[vaultmesh]\n\tincluded = yes\n")
	s.file("../home/here", "[vaultmesh]\n\tconditional = yes\n")
	s.configure("[VaultMesh]\n\tAutoPush\n\tLast = local\n[vaultmesh \"TSA.Free\"]\n\turl = https://example.com\n" +
		"[vaultmesh]\n\tlines = \"one\\ntwo\\n\"\n\tempty =\n\tequals = a=b\n")
	c := s.config()
	for name, want := range map[string]string{
		"vaultmesh.global": "yes", "vaultmesh.included": "yes", "vaultmesh.conditional": "yes", "vaultmesh.autopush": "true",
		"vaultmesh.TSA.Free.url": "https://example.com", "vaultmesh.lines": "one\ntwo\n", "vaultmesh.empty": "",
		"vaultmesh.equals": "a=b", "vaultmesh.last": "environment",
	} {
		if got, ok := c.Value(name); got != want || !ok {
			t.Errorf("%s is %q, %v; want %q", name, got, ok, want)
		}
	}
	if got := c.Values("vaultmesh.last"); !slices.Equal(got, []string{"global", "local", "environment"}) {
		t.Errorf("the values are %q", got)
	}
	for _, name := range []string{"vaultmesh.AutoPush", "vaultmesh.tsa.free.url", "vaultmesh.absent", ""} {
		if got, ok := c.Value(name); ok {
			t.Errorf("%q has the value %q", name, got)
		}
	}
	want := []string{"vaultmesh.TSA.Free.url", "vaultmesh.autopush", "vaultmesh.conditional"}
	if got := c.Names("vaultmesh."); len(got) != 9 || !slices.Equal(got[:3], want) || !slices.IsSorted(got) {
		t.Errorf("the names are %q", got)
	}
}

func TestConfigThatIsEmptyHasNoNames(t *testing.T) {
	t.Parallel()
	s := newScratch(t)
	if err := os.WriteFile(filepath.Join(s.gitDir(), "config"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if names := s.config().Names(""); len(names) != 0 {
		t.Errorf("the names are %q", names)
	}
}

func TestConfigThatCannotBeReadIsSaid(t *testing.T) {
	t.Parallel()
	s := newScratch(t)
	r := s.open()
	s.configure("[core\n")
	_, err := r.Config(context.Background())
	wantFault(t, err, fault.BadConfig)
}

// hostileRemotes are names that would be read as an option, a path or
// another refspec when they are put into one.
var hostileRemotes = []string{
	"-x", "--upload-pack=touch x", ".", "..", ".hidden", "a/.hidden", "a..b", "a/../b", "/a", "a/", "a//b", "a b", "a\tb",
	"a:b", "a?b", "a*", "a[b", "a^b", "a~b", "a@{b", "a.lock", "a.lock/b", "a\\b", "a\x7fb", "",
}

func TestRemotesLeavesOutHostileNames(t *testing.T) {
	t.Parallel()
	s := newScratch(t)
	var text strings.Builder
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	good := []string{"b", "a", "a.b", "a-b", "up/stream", "ü", "origin"}
	for _, name := range append(slices.Clone(good), hostileRemotes...) {
		text.WriteString("[remote \"" + quote.Replace(name) + "\"]\n\turl = /nowhere\n")
	}
	text.WriteString("[remote \"origin\"]\n\turl = /twice\n[remote \"pushonly\"]\n\tpushurl = /x\n[remote]\n\tpushDefault = a\n")
	s.configure(text.String())
	got := s.config().Remotes()
	slices.Sort(good)
	if sorted := slices.Sorted(slices.Values(got)); !slices.Equal(sorted, good) {
		t.Errorf("the remotes are %q, want %q", got, good)
	}
	if !slices.IsSorted(got) {
		t.Errorf("the remotes are not sorted: %q", got)
	}
}

// Every name that is let through is one that git lets through: it checks a
// remote's name by putting it into a refspec.
func TestValidRemotesAreValidInARefspec(t *testing.T) {
	t.Parallel()
	s := newScratch(t)
	for _, name := range append([]string{"a", "a.", "a.b", "a/b", "@", "a@b", "é", "a-", "a.lock.b"}, hostileRemotes...) {
		_, err := s.try("", "check-ref-format", "refs/remotes/"+name+"/test")
		if ours := validRemote(name); ours && err != nil {
			t.Errorf("%q is let through, and git refuses it", name)
		}
	}
}

func TestAddConfigAddsBesideWhatIsThere(t *testing.T) {
	t.Parallel()
	s := newScratch(t)
	r := s.open()
	for _, value := range []string{"+refs/a/*:refs/b/*", "-x", "two\nlines"} {
		if err := r.AddConfig(context.Background(), "remote.origin.fetch", value); err != nil {
			t.Errorf("%q: %v", value, err)
		}
	}
	if got := s.config().Values("remote.origin.fetch"); !slices.Equal(got, []string{"+refs/a/*:refs/b/*", "-x", "two\nlines"}) {
		t.Errorf("the values are %q", got)
	}
	wantFault(t, r.AddConfig(context.Background(), "no name", "x"), fault.GitRefused)
}
