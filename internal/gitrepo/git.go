package gitrepo

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// git starts git with one folder and one environment.
type git struct {
	dir      string
	env      []string
	patience time.Duration // how long a remote is waited for, 0 for what is usual
	silence  time.Duration // and how long while nothing moves, 0 for what is usual
	most     int64         // how many bytes a remote may send at once, 0 for what is usual
	landing  string        // the folder where git keeps a pack until it was read, "" for one that is removed
	fetches  *fetches      // of this process
	alone    bool          // it has no terminal, so that it asks nobody
}

// failure is a git that ended with an error. It stays within this package,
// where it becomes a fault.
type failure struct {
	subcommand string
	stderr     string
	killed     bool // by a signal
	excess     bool // it sent more than a remote may
	alone      bool // it had no terminal
}

// Error is the first of git's lines that says what is fatal, without its prefix.
func (f *failure) Error() string {
	text := strings.TrimSpace(f.stderr)
	if text == "" {
		return "git " + f.subcommand + " failed without a word"
	}
	return "git " + f.subcommand + ": " + firstFatal(text)
}

// says tells whether git's words, in the C locale, contain any of texts.
func (f *failure) says(texts ...string) bool {
	return slices.ContainsFunc(texts, func(t string) bool { return strings.Contains(f.stderr, t) })
}

// lacksSpace tells whether git here could not write, and not the remote, whose words git marks.
func (f *failure) lacksSpace() bool {
	for line := range strings.Lines(f.stderr) {
		if !strings.HasPrefix(line, "remote: ") && (strings.Contains(line, "No space left on device") || strings.Contains(line, "Disk quota exceeded")) {
			return true
		}
	}
	return false
}

// hookWords are what a hook said before git gave up, in one line. It says it
// twice when it is asked again as git goes back.
func (f *failure) hookWords() string {
	var lines []string
	for line := range strings.Lines(f.stderr) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "fatal: ") && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		return "it said nothing"
	}
	return strings.Join(lines, " ")
}

func asFailure(err error, f **failure) bool { return errors.As(err, f) }

// firstFatal is the first line that begins with fatal: or error:, else the first.
func firstFatal(text string) string {
	lines := strings.Split(text, "\n")
	for _, prefix := range []string{"fatal: ", "error: "} {
		for _, line := range lines {
			if rest, ok := strings.CutPrefix(line, prefix); ok {
				return rest
			}
		}
	}
	return lines[0]
}

// run starts git and returns its standard output. An error is a *failure or
// a fault GitMissing (VM111) or Interrupted (VM902).
func (g git) run(ctx context.Context, stdin io.Reader, args ...string) ([]byte, error) {
	out, _, err := g.runWarned(ctx, stdin, args...)
	return out, err
}

// runWarned is run, but also returns what git printed beside its answer.
func (g git) runWarned(ctx context.Context, stdin io.Reader, args ...string) (out []byte, warnings string, err error) {
	var stderr bytes.Buffer
	cmd := g.parsed(ctx, args...)
	cmd.Stdin = stdin
	cmd.Stderr = &stderr
	out, err = cmd.Output()
	return out, stderr.String(), g.judge(ctx, cmd, err, stderr.String())
}

// runLimited is run for output that may be large: after limit bytes git is
// stopped, and whole is false.
func (g git) runLimited(ctx context.Context, limit int64, args ...string) (out []byte, whole bool, err error) {
	var stderr tail
	cmd := g.parsed(ctx, args...)
	cmd.Stderr = &stderr
	pipe, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, false, g.judge(ctx, cmd, err, "")
	}
	out, readErr := io.ReadAll(io.LimitReader(pipe, limit+1))
	if readErr == nil && int64(len(out)) > limit {
		cmd.Process.Kill()
		cmd.Wait()
		return nil, false, nil
	}
	err = cmd.Wait()
	return out, true, g.judge(ctx, cmd, err, string(stderr.bytes))
}

// pour writes what git prints to a writer, as it comes.
func (g git) pour(ctx context.Context, to io.Writer, args ...string) error {
	var stderr tail
	cmd := g.parsed(ctx, args...)
	cmd.Stdout, cmd.Stderr = to, &stderr
	return g.judge(ctx, cmd, cmd.Run(), string(stderr.bytes))
}

// stream gives git lines on its standard input, and what it prints to a writer as it comes.
func (g git) stream(ctx context.Context, stdin io.Reader, to io.Writer, args ...string) error {
	var stderr tail
	cmd := g.parsed(ctx, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, to, &stderr
	return g.judge(ctx, cmd, cmd.Run(), string(stderr.bytes))
}

// parsed is a command whose output this program reads: in the C locale.
func (g git) parsed(ctx context.Context, args ...string) *exec.Cmd {
	cmd := g.command(ctx, args...)
	cmd.Env = append(cmd.Env, "LC_ALL=C", "LANGUAGE=C")
	return cmd
}

// How long a remote is waited for that neither answers nor hangs up: the others are to
// be met too. A person may have to type a password meanwhile, and a ledger may be large.
const (
	maxQuestion = 3 * time.Minute
	maxTransfer = 6 * time.Hour
)

// talk starts a git that asks a remote: its messages are for the user, and are
// judged too, so that they are in English. Questions for passwords go to the terminal
// by themselves. After a time the remote has failed.
func (g git) talk(ctx context.Context, to io.Writer, args ...string) ([]byte, error) {
	limited, cancel := context.WithTimeoutCause(ctx, cmp.Or(g.patience, maxQuestion), overdue(cmp.Or(g.patience, maxQuestion)))
	defer cancel()
	var stderr tail
	cmd := g.spoken(limited, args...)
	cmd.Stderr = io.MultiWriter(&stderr, to)
	out, err := cmd.Output()
	return out, g.blame(ctx, limited, cmd, err, &stderr)
}

// transfer starts a git that takes from a remote or gives it something, as talk does. The
// remote has failed, too, when nothing moves any more, or when more comes than it may send.
func (g git) transfer(ctx context.Context, stdin io.Reader, to io.Writer, args ...string) error {
	limited, cancel := context.WithTimeoutCause(ctx, cmp.Or(g.patience, maxTransfer), overdue(cmp.Or(g.patience, maxTransfer)))
	defer cancel()
	watched, stop := context.WithCancelCause(limited)
	defer stop(nil)
	w := g.watch(stop)
	defer w.close()
	cmd := g.spoken(watched, args...)
	if err := w.listen(cmd); err != nil {
		return fault.New(fault.GitRefused, "no pipe to git").Because(err)
	}
	if g.landing != "" {
		g.fetches.begin()
	}
	var stderr tail
	words := &withoutProgress{to: io.MultiWriter(&stderr, to)}
	cmd.Stdin, cmd.Stderr = stdin, io.MultiWriter(w, words)
	err := cmd.Run()
	words.end()
	if g.landing != "" {
		g.fetches.end(w, err)
	}
	return g.blame(ctx, watched, cmd, err, &stderr)
}

// spoken is a command whose words are for people, in English.
func (g git) spoken(ctx context.Context, args ...string) *exec.Cmd {
	cmd := g.command(ctx, args...)
	cmd.Env = append(cmd.Env, "LANGUAGE=C") // and not the locale, which is for characters too
	return cmd
}

// overdue says that a remote took too long.
func overdue(most time.Duration) error {
	return &failure{stderr: "fatal: the remote was not done within " + most.String()}
}

// blame says why a command failed that was made in a limited context: it is the limit's
// cause, where that ended it.
func (g git) blame(ctx, limited context.Context, cmd *exec.Cmd, err error, stderr *tail) error {
	var f *failure
	if err != nil && ctx.Err() == nil && asFailure(context.Cause(limited), &f) {
		f.subcommand = subcommand(cmd.Args[1:])
		return f
	}
	return g.judge(ctx, cmd, err, string(stderr.bytes))
}

func (g git) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = g.dir
	cmd.Env = slices.Clone(g.env)
	// A git that is asked to end removes its temporary files; one that is
	// killed does not.
	cmd.Cancel = func() error { return cmd.Process.Signal(terminate) }
	cmd.WaitDelay = 5 * time.Second
	if g.alone {
		cmd.Env = append(cmd.Env, "GIT_TERMINAL_PROMPT=0")
		detach(cmd)
	}
	return cmd
}

func (g git) judge(ctx context.Context, cmd *exec.Cmd, err error, stderr string) error {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fault.New(fault.Interrupted, "interrupted")
	case errors.As(err, &exit):
		return &failure{subcommand: subcommand(cmd.Args[1:]), stderr: words(stderr, exit), killed: exit.ExitCode() < 0, alone: g.alone}
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, exec.ErrDot):
		return fault.New(fault.GitMissing, "git cannot be started").Because(err)
	}
	return fault.New(fault.GitRefused, "git cannot be run").Because(err)
}

// words are what git said as it ended, and by which signal if it was one.
// Newer versions deplore a setting that older ones need, see [durable].
func words(stderr string, exit *exec.ExitError) string {
	var b strings.Builder
	for line := range strings.Lines(stderr) {
		if !strings.Contains(line, "core.fsyncObjectFiles") {
			b.WriteString(line)
		}
	}
	if exit.ExitCode() < 0 {
		b.WriteString("\nfatal: " + exit.String())
	}
	return b.String()
}

// subcommand is the first word that is neither an option nor a -c value.
func subcommand(args []string) string {
	for i := 0; i < len(args); i++ {
		if args[i] == "-c" {
			i++
			continue
		}
		if !strings.HasPrefix(args[i], "-") {
			return args[i]
		}
	}
	return ""
}

// tail keeps the last bytes written to it.
type tail struct{ bytes []byte }

func (t *tail) Write(p []byte) (int, error) {
	const most = 8 << 10
	t.bytes = append(t.bytes, p...)
	if extra := len(t.bytes) - most; extra > 0 {
		t.bytes = slices.Clone(t.bytes[extra:])
	}
	return len(p), nil
}

// dropped are variables that change what objects and refs mean, or mix text
// into streams that are parsed.
var dropped = []string{
	"GIT_REPLACE_REF_BASE", "GIT_GRAFT_FILE", "GIT_SHALLOW_FILE", "GIT_NAMESPACE", "GIT_INDEX_FILE", "GIT_DIFF_OPTS",
	"GIT_NO_REPLACE_OBJECTS", "GIT_OPTIONAL_LOCKS", // set below, whatever they were
}

// quarantine are variables that move the object store. Git sets them during
// pre-receive, together with GIT_QUARANTINE_PATH; from anywhere else they
// would make objects appear that the repository does not have.
var quarantine = []string{"GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES"}

// childEnv is the environment of git's processes: the user's, who keeps
// credentials, identity and configuration there, less what [dropped] and
// [quarantine] say and tracing onto standard error.
func childEnv(env []string, noLazyFetch bool) []string {
	inQuarantine := slices.ContainsFunc(env, func(v string) bool { return strings.HasPrefix(v, "GIT_QUARANTINE_PATH=") })
	child := make([]string, 0, len(env)+3)
	for _, v := range env {
		name, value, _ := strings.Cut(v, "=")
		switch {
		case slices.Contains(dropped, name):
		case slices.Contains(quarantine, name) && !inQuarantine:
		case isTrace(name) && tracesToStream(value):
		default:
			child = append(child, v)
		}
	}
	child = append(child, "GIT_NO_REPLACE_OBJECTS=1", "GIT_OPTIONAL_LOCKS=0")
	if noLazyFetch {
		child = append(child, "GIT_NO_LAZY_FETCH=1")
	}
	return child
}

// isTrace tells whether a variable says where git writes a trace, and not how.
func isTrace(name string) bool {
	how := slices.ContainsFunc([]string{"_BRIEF", "_NESTING", "_REDACT", "_NO_DATA", "_MAX_FILES"}, func(s string) bool { return strings.HasSuffix(name, s) })
	return strings.HasPrefix(name, "GIT_TRACE") && !how
}

// tracesToStream tells whether a GIT_TRACE value means standard error or an
// open descriptor, and not a file.
func tracesToStream(value string) bool {
	return len(value) == 1 || strings.EqualFold(value, "true") || strings.HasPrefix(value, "/dev/") || strings.HasPrefix(value, "/proc/")
}
