package attest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"os/exec"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// Command is a command of the user's, and how it is run.
type Command struct {
	Name    string // as people are told
	Words   []string
	Dir     string
	Env     []string
	Stdout  io.Writer
	Stderr  io.Writer
	Timeout time.Duration // zero for none
}

// patience is how long processes may take to end when they are told to.
const patience = 2 * time.Second

// Run runs a command to its end, and returns its exit status; -1 for one that a signal
// ended. Its standard input is empty. What it started and did not wait for is ended
// with it: on Linux all of that, elsewhere what is still in the same group of processes.
// The faults are Usage (VM101) for a command that cannot be started, TimedOut (VM628) for
// one that does not end, or that cannot be ended, and Interrupted (VM902).
func (c Command) Run(ctx context.Context) (int64, error) {
	orphans := adopt() // before time begins to count: another command may run
	timed, cancel := ctx, context.CancelFunc(func() {})
	if c.Timeout > 0 {
		timed, cancel = context.WithTimeout(ctx, c.Timeout)
	}
	defer cancel()
	cmd := exec.CommandContext(timed, c.Words[0], c.Words[1:]...)
	cmd.Dir, cmd.Env = c.Dir, c.Env
	apart(cmd)
	cmd.Cancel, cmd.WaitDelay = func() error { return endGroup(cmd.Process, false) }, patience
	words := &words{{to: c.Stdout}, {to: c.Stderr}}
	err, left := waited(timed, cmd, orphans, words)
	var ended *exec.ExitError
	name := cmp.Or(c.Name, c.Words[0])
	switch {
	case cmd.Process == nil:
		return 0, fault.New(fault.Usage, "%s cannot be started", name).Because(errors.New(err.Error()))
	case left != nil:
		return 0, fault.New(fault.TimedOut, "what %s started cannot be ended", name).Because(left).
			With("how", "nothing was recorded; see whose it is, and end it:\nps -ef")
	case ctx.Err() != nil:
		return 0, fault.New(fault.Interrupted, "interrupted")
	case timed.Err() != nil:
		return 0, fault.New(fault.TimedOut, "%s did not end within %s", name, c.Timeout).
			With("how", "it was ended with all that it started, and nothing was recorded; give it more time:\n--timeout 2h")
	case words.failed() != nil: // whatever became of the command then
		return 0, fault.New(fault.OutputFailed, "the output of %s cannot be passed on", name).Because(words.failed())
	case errors.As(err, &ended):
		return int64(ended.ExitCode()), nil
	case err != nil:
		return 0, fault.New(fault.ReadFailed, "the output of %s cannot be read", name).Because(errors.New(err.Error()))
	}
	return 0, nil
}

// waited starts a command, waits for it, ends what is left of it then, and passes on what
// they have printed.
func waited(ctx context.Context, cmd *exec.Cmd, orphans *orphans, words *words) (err, left error) {
	if err = words.of(cmd); err == nil {
		err = cmd.Start()
	}
	words.begin()
	if err == nil {
		orphans.of(cmd.Process)
		err = cmd.Wait()
		_ = endGroup(cmd.Process, true)
	}
	left = orphans.end()
	words.end(ctx)
	return err, left
}

// ask runs a small program, and returns the beginning of what it says, "" where it
// cannot be asked.
func ask(ctx context.Context, env []string, words ...string) string {
	var said capped
	said.most = 64 << 10
	c := Command{Words: words, Env: env, Stdout: &said, Stderr: io.Discard, Timeout: 10 * time.Second}
	if code, err := c.Run(ctx); err != nil || code != 0 {
		return ""
	}
	return said.String()
}

// capped keeps the beginning of what is written to it.
type capped struct {
	kept bytes.Buffer
	most int
	more bool // than was kept
}

// Write keeps what there is room for, and takes the rest away.
func (c *capped) Write(p []byte) (int, error) {
	room := min(c.most-c.kept.Len(), len(p))
	c.more = c.more || room < len(p)
	c.kept.Write(p[:room])
	return len(p), nil
}

func (c *capped) String() string { return c.kept.String() }
