package cli

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain makes the test binary serve as both programs. The clock is
// injected here: the shipped programs honour no variable for it.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"git-vaultmesh":    func() { run(Vaultmesh) },
		"git-remembrancer": func() { run(Remembrancer) },
	})
}

func run(program string) {
	env := Process(program)
	env.ProgressAfter = 0
	if text := os.Getenv("TEST_CLOCK"); text != "" {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			panic(err)
		}
		zone := env.Now().Location()
		env.Now = func() time.Time { return at.In(zone) }
	}
	if dir := os.Getenv("TEST_TEMPLATES"); dir != "" {
		env.Templates = os.DirFS(dir)
	}
	os.Exit(Main(env))
}

// TestScripts runs testdata/script. Each script types what a user types, in
// a HOME of its own.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("..", "..", "testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               setupScript,
		Condition:           condition,
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"mark":        cmdMark,
			"unmoved":     cmdUnmoved,
			"stdout2env":  cmdStdoutEnv,
			"asnobody":    cmdAsNobody,
			"tmpfs":       cmdTmpfs,
			"many":        cmdMany,
			"noleftovers": cmdNoLeftovers,
			"repeat":      cmdRepeat,
			"plant":       cmdPlant,
			"agrees":      cmdAgrees,
			"uproot":      cmdUproot,
			"sync":        cmdSync,
			"peak":        cmdPeak,
			"defused":     cmdDefused,
			"gnupg":       cmdGnupg,
			"tsa":         cmdTSA,
			"token":       cmdToken,
			"forgeries":   cmdForgeries,
			"reads":       cmdReads,
			"repack":      cmdRepack,
			"serve":       cmdServe,
		},
	})
}

func setupScript(env *testscript.Env) error {
	env.Values[tsaKey{}] = make(map[string]*scriptTSA)
	env.Values[markKey{}] = new(scriptMark)
	home := filepath.Join(env.WorkDir, "home")
	project, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(home, 0o755); err != nil {
		return err
	}
	if err := openUp(env.WorkDir); err != nil {
		return err
	}
	for name, value := range map[string]string{
		"HOME": home, "XDG_CONFIG_HOME": filepath.Join(home, ".config"), "XDG_DATA_HOME": filepath.Join(home, ".local", "share"),
		"GIT_CONFIG_NOSYSTEM": "1", "TZ": "UTC", "LC_ALL": "C.UTF-8",
		"GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.com", "GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.com",
		"GIT_AUTHOR_DATE": "2026-11-22T14:05:00Z", "GIT_COMMITTER_DATE": "2026-11-22T14:05:00Z",
		"TEST_CLOCK": "2026-11-22T14:05:00Z", "PROJECT": project,
	} {
		env.Setenv(name, value)
	}
	if options := os.Getenv("GORACE"); options != "" {
		env.Setenv("GORACE", options)
	}
	if dir := os.Getenv("TEST_COVERDIR"); dir != "" {
		env.Setenv("GOCOVERDIR", dir) // where the commands of a covered build write
	}
	config := "[init]\n\tdefaultBranch = main\n[advice]\n\tdetachedHead = false\n[protocol \"file\"]\n\tallow = always\n" +
		"[gpg]\n\tformat = ssh\n[user]\n\tsigningKey = ~/.ssh/id_ed25519\n"
	if err := os.WriteFile(filepath.Join(home, ".gitconfig"), []byte(config), 0o644); err != nil {
		return err
	}
	return installKey(filepath.Join(home, ".ssh"))
}

// installKey puts the test key where a person's own would be.
func installKey(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	for name, mode := range map[string]os.FileMode{"": 0o600, ".pub": 0o644} {
		b, err := os.ReadFile(filepath.Join("..", "..", "testdata", "keys", "test-ed25519"+name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "id_ed25519"+name), b, mode)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// openUp lets other users through to a path below the folder for temporary
// files, so that a script can try as one of them.
func openUp(path string) error {
	for dir := path; len(dir) > len(os.TempDir()); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			return err
		}
	}
	return nil
}

// toolsRequired says that a script whose tool is missing fails instead of
// skipping. The environment says it, since a flag would be this package's alone.
var toolsRequired = os.Getenv("TEST_TOOLS") == "required"

// long asks for the forms of scripts that take minutes.
var long = flag.Bool("long", false, "run scripts in their long forms too")

// condition answers [root], [tmpfs], [long], [tool:gpg], [git:daemon] and [git>=2.45].
func condition(cond string) (bool, error) {
	switch cond {
	case "root":
		return os.Getuid() == 0, nil
	case "tmpfs":
		return canMount(), nil
	case "long":
		return *long, nil
	}
	if tool, ok := strings.CutPrefix(cond, "tool:"); ok {
		_, err := exec.LookPath(tool)
		if err != nil && toolsRequired {
			return false, err
		}
		return err == nil, nil
	}
	if part, ok := strings.CutPrefix(cond, "git:"); ok {
		where, err := exec.Command("git", "--exec-path").Output()
		if err == nil {
			_, err = os.Stat(filepath.Join(strings.TrimSpace(string(where)), "git-"+part))
		}
		if err != nil && toolsRequired {
			return false, err
		}
		return err == nil, nil
	}
	if want, ok := strings.CutPrefix(cond, "git>="); ok {
		out, err := exec.Command("git", "version").Output()
		have := regexp.MustCompile(`[0-9]+\.[0-9]+`).FindString(string(out))
		return err == nil && versionAtLeast(have, want), nil
	}
	return false, os.ErrInvalid
}

func versionAtLeast(have, want string) bool {
	pad := func(v string) string {
		parts := strings.Split(v, ".")
		for i, p := range parts {
			parts[i] = strings.Repeat("0", 5-len(p)) + p
		}
		return strings.Join(parts, ".")
	}
	return pad(have) >= pad(want)
}

func gitOut(ts *testscript.TestScript, args ...string) string {
	cmd := exec.Command("git", append([]string{"-c", "safe.directory=*"}, args...)...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + ts.Getenv("HOME"), "GIT_CONFIG_NOSYSTEM=1"}
	out, err := cmd.Output()
	ts.Check(err)
	return strings.TrimSpace(string(out))
}

// gnupg makes a home for gpg with a short path, because its agent listens there, and
// ends that agent with the script.
func cmdGnupg(ts *testscript.TestScript, neg bool, args []string) {
	dir, err := os.MkdirTemp("", "gpg")
	ts.Check(err)
	ts.Setenv("GNUPGHOME", dir)
	ts.Defer(func() {
		_ = exec.Command("gpgconf", "--homedir", dir, "--kill", "all").Run()
		_ = os.RemoveAll(dir)
	})
}

// mark DIR… remembers where all refs are, here and in the other repositories
// that it names; unmoved asserts that they still are. Where something moves here
// on purpose, "unmoved but NAME…" names it, in full or by a prefix that ends
// in /: all else is where it was, and each of these did move, so that nothing is
// excepted for longer than it must be.
func cmdMark(ts *testscript.TestScript, neg bool, others []string) {
	for i, dir := range others {
		others[i] = ts.MkAbs(dir)
	}
	mark := ts.Value(markKey{}).(*scriptMark)
	*mark = scriptMark{others, refsOf(ts, others)}
}

// scriptMark is what mark remembers in a script: not in its environment, for the
// refs can be more than a command may be given there.
type scriptMark struct {
	others []string
	refs   string
}

type markKey struct{}

func cmdUnmoved(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 1 || len(args) > 1 && (args[0] != "but" || neg) {
		ts.Fatalf("usage: unmoved [but NAME…]")
	}
	mark := ts.Value(markKey{}).(*scriptMark)
	was, now := mark.refs, refsOf(ts, mark.others)
	for _, name := range args[min(1, len(args)):] {
		var from, to string
		was, from = exceptRefs(was, name)
		now, to = exceptRefs(now, name)
		if from == to {
			ts.Fatalf("%s did not move", name)
		}
	}
	if (now != was) != neg {
		ts.Fatalf("refs were:\n%s\nand are:\n%s", was, now)
	}
}

// refsOf lists the refs here, and those of other repositories, each with its
// folder before it.
func refsOf(ts *testscript.TestScript, others []string) string {
	const ref = "%(refname) %(objectname)" // looks at no object, since one may be missing
	list := []string{"refs:", gitOut(ts, "for-each-ref", "--format="+ref)}
	for _, dir := range others {
		list = append(list, gitOut(ts, "-C", dir, "for-each-ref", "--format="+dir+" "+ref))
	}
	return strings.Join(list, "\n")
}

// exceptRefs divides a list into the other refs and those here of that name.
func exceptRefs(list, name string) (others, named string) {
	for line := range strings.SplitSeq(list, "\n") {
		ref, _, _ := strings.Cut(line, " ")
		if ref == name || strings.HasSuffix(name, "/") && strings.HasPrefix(ref, name) {
			named += line + "\n"
		} else if line != "" {
			others += line + "\n"
		}
	}
	return others, named
}

// stdout2env NAME REGEXP keeps the first group of a match in the last output.
func cmdStdoutEnv(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 || neg {
		ts.Fatalf("usage: stdout2env NAME REGEXP")
	}
	found := regexp.MustCompile(args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
	if len(found) < 2 {
		ts.Fatalf("no match for %s", args[1])
	}
	ts.Setenv(args[0], found[1])
}

// noleftovers asserts that no lock, temporary object or temporary ref stays.
func cmdNoLeftovers(ts *testscript.TestScript, neg bool, args []string) {
	dir := ts.MkAbs(".git")
	if len(args) > 0 {
		dir = ts.MkAbs(args[0])
	}
	var left []string
	ts.Check(filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && (strings.HasSuffix(path, ".lock") || strings.HasPrefix(d.Name(), "tmp_obj")) {
			left = append(left, path)
		}
		return err
	}))
	refs := strings.Fields(gitOut(ts, "for-each-ref", "--format=%(refname)", "refs/vaultmesh", "refs/vaultmesh-tmp"))
	refs = slices.DeleteFunc(refs, func(r string) bool { return r == "refs/vaultmesh/ledger" })
	if left = append(left, refs...); len(left) > 0 {
		ts.Fatalf("left behind: %s", strings.Join(left, ", "))
	}
}

// sync carries the ledger and its notes to $WORK/hub.git with git's own push, and
// from there into a clone with git's own fetch: the notes arrive as they are, and
// are what the clone makes of the ledger by itself.
func cmdSync(ts *testscript.TestScript, neg bool, args []string) {
	const notes, ledger = "refs/notes/vaultmesh", "refs/vaultmesh/ledger"
	hub, peer := filepath.Join(ts.Getenv("WORK"), "hub.git"), filepath.Join(ts.Getenv("WORK"), "peer.git")
	run := func(dir string, words ...string) string {
		cmd := exec.Command(words[0], words[1:]...)
		cmd.Dir, cmd.Env = dir, scriptEnv(ts)
		if dir != ts.MkAbs(".") { // another repository
			cmd.Env = slices.DeleteFunc(cmd.Env, func(v string) bool { return strings.HasPrefix(v, "GIT_DIR=") || strings.HasPrefix(v, "GIT_WORK_TREE=") })
		}
		out, err := cmd.CombinedOutput()
		if err != nil {
			ts.Fatalf("%s: %v\n%s", strings.Join(words, " "), err, out)
		}
		return strings.TrimSpace(string(out))
	}
	here := ts.MkAbs(".")
	want := run(here, "git", "rev-parse", notes)
	run(here, "git", "push", "-q", hub, ledger, notes)
	run(hub, "git", "init", "-q", "--bare", "--object-format="+run(hub, "git", "rev-parse", "--show-object-format"), peer)
	run(peer, "git", "fetch", "-q", hub, ledger+":"+ledger, notes+":"+notes)
	if got := run(peer, "git", "rev-parse", notes); got != want {
		ts.Fatalf("the notes arrive as %s, and were %s", got, want)
	}
	run(peer, "git", "update-ref", "-d", notes)
	run(peer, "git", "vaultmesh", "notes", "rebuild")
	if got := run(peer, "git", "rev-parse", notes); got != want {
		ts.Fatalf("made anew the notes are %s, and were %s", got, want)
	}
	if shown := run(peer, "git", "notes", "--ref="+notes, "list"); shown == "" {
		ts.Fatalf("there are no notes")
	}
}

// many N COMMAND… runs a command N times at the same moment; all must succeed.
// {n} in an argument is the number of the process.
func cmdMany(ts *testscript.TestScript, neg bool, args []string) {
	n := len(strings.Repeat("x", atoi(ts, args[0])))
	failures := make(chan string, n)
	for i := range n {
		go func() {
			failures <- runOnce(ts, i, args[1:])
		}()
	}
	for range n {
		if f := <-failures; f != "" {
			ts.Fatalf("%s", f)
		}
	}
}

// repeat N COMMAND… runs a command N times, one after the other.
func cmdRepeat(ts *testscript.TestScript, neg bool, args []string) {
	for i := range atoi(ts, args[0]) {
		if f := runOnce(ts, i, args[1:]); f != "" {
			ts.Fatalf("%s", f)
		}
	}
}

func runOnce(ts *testscript.TestScript, n int, args []string) string {
	words := make([]string, len(args))
	for i, a := range args {
		words[i] = strings.ReplaceAll(a, "{n}", string(rune('a'+n%26))+strings.Repeat("x", n/26))
	}
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Dir, cmd.Env = ts.MkAbs("."), scriptEnv(ts)
	if out, err := cmd.CombinedOutput(); err != nil {
		return strings.Join(words, " ") + ": " + err.Error() + "\n" + string(out)
	}
	return ""
}

func atoi(ts *testscript.TestScript, s string) int {
	n := 0
	for _, c := range s {
		if c < '0' || c > '9' {
			ts.Fatalf("%s is not a number", s)
		}
		n = 10*n + int(c-'0')
	}
	return n
}

// scriptEnv is the script's environment, as exec would pass it on.
func scriptEnv(ts *testscript.TestScript) []string {
	names := []string{"PATH", "HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "GIT_CONFIG_NOSYSTEM", "TZ", "LC_ALL", "GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL",
		"GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL", "GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE", "TEST_CLOCK", "GOCOVERDIR",
		"GIT_DIR", "GIT_WORK_TREE", "GIT_CONFIG_COUNT", "GIT_CONFIG_KEY_0", "GIT_CONFIG_VALUE_0", "WORK"}
	var env []string
	for _, n := range names {
		if v := ts.Getenv(n); v != "" {
			env = append(env, n+"="+v)
		}
	}
	return env
}
