package gitrepo

import (
	"slices"
	"strings"
	"testing"
)

// The lists are those of the design, section 4: what changes the meaning of
// objects and refs goes, what carries a person's credentials and identity stays.
func TestChildEnv(t *testing.T) {
	t.Parallel()
	always := []string{"GIT_NO_REPLACE_OBJECTS=1", "GIT_OPTIONAL_LOCKS=0"}
	const q = "GIT_QUARANTINE_PATH=/q"
	for _, c := range []struct {
		name, kept, dropped string
	}{
		{"empty", "", ""},
		{"a person's", "PATH=/bin HOME=/h LANG=de_DE.UTF-8 GIT_SSH_COMMAND=ssh GIT_ASKPASS=ask SSH_AUTH_SOCK=/s GIT_SSL_CAINFO=/c " +
			"GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=b GIT_AUTHOR_DATE=c GIT_COMMITTER_NAME=d GIT_TERMINAL_PROMPT=0 https_proxy=p", ""},
		{"configuration", "GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=a.b GIT_CONFIG_VALUE_0=c GIT_CONFIG_PARAMETERS=x GIT_CONFIG_GLOBAL=/g GIT_CONFIG_NOSYSTEM=1", ""},
		{"place", "GIT_DIR=/r GIT_WORK_TREE=/w GIT_COMMON_DIR=/c GIT_CEILING_DIRECTORIES=/x GIT_DISCOVERY_ACROSS_FILESYSTEM=1", ""},
		{"meaning", "A=1 B=2", "GIT_REPLACE_REF_BASE=refs/x/ GIT_GRAFT_FILE=/g GIT_SHALLOW_FILE=/s GIT_NAMESPACE=n GIT_INDEX_FILE=/i"},
		{"object folders", "A=1", "GIT_OBJECT_DIRECTORY=/o GIT_ALTERNATE_OBJECT_DIRECTORIES=/a"},
		{"object folders in quarantine", q + " GIT_OBJECT_DIRECTORY=/o GIT_ALTERNATE_OBJECT_DIRECTORIES=/a", "GIT_REPLACE_REF_BASE=x"},
		{"quarantine behind", "GIT_OBJECT_DIRECTORY=/o " + q, ""},
		{"names that only begin alike", "GIT_QUARANTINE_PATHS=/q GIT_INDEX_FILES=1 XGIT_NAMESPACE=1 GIT_OBJECT_DIRECTORY_=1", "GIT_OBJECT_DIRECTORY=/o"},
		{"replace refs asked for", "A=1", "GIT_NO_REPLACE_OBJECTS=0 GIT_OPTIONAL_LOCKS=1"},
		{"trace to stderr", "A=1", "GIT_TRACE=1 GIT_TRACE_PACKET=true GIT_TRACE2=True GIT_TRACE2_EVENT=1 GIT_TRACE2_PERF=2 GIT_TRACE_SETUP=9"},
		{"trace to a file that is stderr", "A=1 GIT_TRACE_SETUP=/device/x", "GIT_TRACE=/dev/stderr GIT_TRACE2=/dev/fd/2 GIT_TRACE_PACKET=/proc/self/fd/2"},
		{"trace to a file", "GIT_TRACE=/t GIT_TRACE2_EVENT=/dir/ GIT_TRACE2=af_unix:stream:/s GIT_TRACE_CURL=/t", "GIT_TRACE_PACK_ACCESS=1"},
		{"value with an equals sign", "GIT_SSH_COMMAND=ssh=-v A=", ""},
	} {
		kept, dropped := strings.Fields(c.kept), strings.Fields(c.dropped)
		for _, env := range [][]string{slices.Concat(kept, dropped), slices.Concat(dropped, kept)} {
			given := slices.Clone(env)
			if got := childEnv(env, false); !slices.Equal(got, slices.Concat(kept, always)) {
				t.Errorf("%s: got %q", c.name, got)
			}
			if got := childEnv(env, true); !slices.Equal(got, slices.Concat(kept, always, []string{"GIT_NO_LAZY_FETCH=1"})) {
				t.Errorf("%s, without lazy fetch: got %q", c.name, got)
			}
			if !slices.Equal(env, given) {
				t.Errorf("%s: the caller's environment was changed", c.name)
			}
		}
	}
}

// Nobody's variable may turn lazy fetching on where it was to be off, and a
// person who turned it off keeps it off.
func TestChildEnvLazyFetch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		given  string
		asked  bool
		counts string // the last one does
	}{
		{"GIT_NO_LAZY_FETCH=0", true, "GIT_NO_LAZY_FETCH=1"},
		{"GIT_NO_LAZY_FETCH=1", true, "GIT_NO_LAZY_FETCH=1"},
		{"GIT_NO_LAZY_FETCH=1", false, "GIT_NO_LAZY_FETCH=1"},
	} {
		var last string
		for _, v := range childEnv([]string{c.given}, c.asked) {
			if strings.HasPrefix(v, "GIT_NO_LAZY_FETCH=") {
				last = v
			}
		}
		if last != c.counts {
			t.Errorf("%s, asked %v: %q counts", c.given, c.asked, last)
		}
	}
}

// Git's words are quoted to people, so what is quoted must be the reason and
// not the hint or the warning around it.
func TestFailureQuotesTheReason(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ stderr, want string }{
		{"fatal: no\n", "git x: no"},
		{"warning: a\nerror: b\nfatal: c\nhint: d\n", "git x: c"},
		{"hint: a\nerror: b\nerror: c\n", "git x: b"},
		{"remote: a\n", "git x: remote: a"},
		{"\n \n", "git x failed without a word"},
	} {
		if got := (&failure{subcommand: "x", stderr: c.stderr}).Error(); got != c.want {
			t.Errorf("%q is quoted as %q", c.stderr, got)
		}
	}
	for _, c := range []struct{ args, want string }{
		{"fetch --quiet", "fetch"}, {"-c a=b -c c=d push", "push"}, {"--bare -c status=1 log", "log"}, {"-c", ""}, {"", ""},
	} {
		if got := subcommand(strings.Fields(c.args)); got != c.want {
			t.Errorf("%q is %q", c.args, got)
		}
	}
}

// What a remote prints may be endless; its end has the reason.
func TestTailKeepsTheEnd(t *testing.T) {
	t.Parallel()
	var kept tail
	for range 10_000 {
		if n, err := kept.Write([]byte("line\n")); n != 5 || err != nil {
			t.Fatal(n, err)
		}
	}
	kept.Write([]byte("fatal: the reason\n"))
	if n := len(kept.bytes); n > 8<<10 || !strings.HasSuffix(string(kept.bytes), "line\nfatal: the reason\n") {
		t.Errorf("kept %d bytes, %q", n, kept.bytes[max(0, n-40):])
	}
}
