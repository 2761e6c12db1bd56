package sign

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// ran is what a program left behind.
type ran struct {
	stdout []byte
	stderr []byte
	failed error // how it ended, nil when well
}

// maxOutput bounds what is kept of what a program prints.
const maxOutput = 1 << 20

// run runs a program of the user's: one that signs, or names a key.
func (s Settings) run(ctx context.Context, stdin []byte, program string, args ...string) (ran, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = s.Env
	cmd.Stdin = bytes.NewReader(stdin)
	var stdout, stderr bounded
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.Cancel, cmd.WaitDelay = func() error { return end(cmd.Process) }, patience
	err := cmd.Run()
	if ctx.Err() != nil {
		return ran{}, fault.New(fault.Interrupted, "interrupted")
	}
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, exec.ErrDot) || errors.Is(err, fs.ErrNotExist) {
		return ran{}, missing(program)
	}
	if ended := new(exec.ExitError); err != nil && !errors.As(err, &ended) {
		return ran{}, fault.New(fault.SignFailed, "%s cannot be run", program).Because(errors.New(err.Error()))
	}
	return ran{stdout.kept.Bytes(), stderr.kept.Bytes(), err}, nil
}

// patience is how long a program may take to end when it is told to.
const patience = 2 * time.Second

// end tells a program to end. One that asks for a passphrase has hidden what is
// typed, and puts that right first, which it could not if it were killed.
func end(p *os.Process) error {
	if err := p.Signal(syscall.SIGTERM); err == nil || errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return p.Kill()
}

func missing(program string) *fault.Error {
	return fault.New(fault.NoKey, "%s, which would sign, is not there", program)
}

// bounded keeps the beginning of what is written to it. It is no bytes.Buffer
// itself, whose ReadFrom would take all that a program prints.
type bounded struct{ kept bytes.Buffer }

var _ io.Writer = (*bounded)(nil)

// Write keeps what there is room for, and takes the rest away.
func (b *bounded) Write(p []byte) (int, error) {
	room := maxOutput - b.kept.Len()
	b.kept.Write(p[:min(room, len(p))])
	return len(p), nil
}

// said is what a program said to people, in one line.
func (r ran) said() string {
	var lines []string
	for line := range strings.Lines(string(r.stderr)) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, statusPrefix) {
			lines = append(lines, line)
		}
	}
	switch {
	case len(lines) == 0 && r.failed != nil:
		return r.failed.Error()
	case len(lines) == 0:
		return "it ended well, and gave no reason"
	}
	return clip(strings.Join(lines, "; "))
}

// clip bounds what is repeated of a program's words.
func clip(s string) string {
	const most = 500 // bytes
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// signFailed is the fault of a program that did not sign.
func (r ran) signFailed(program string) *fault.Error {
	return fault.New(fault.SignFailed, "%s made no signature", program).Because(errors.New(r.said()))
}

// Ask asks a person for a passphrase by an askpass program, as git and ssh do:
// the prompt is its argument, the answer its first line. The fault is
// WrongPassphrase (VM309).
func Ask(ctx context.Context, env []string, program, prompt string) ([]byte, error) {
	r, err := Settings{Env: env}.run(ctx, nil, program, prompt)
	if fault.Has(err, fault.Interrupted) {
		return nil, err
	}
	if err != nil {
		return nil, fault.New(fault.WrongPassphrase, "%s, which would ask for the passphrase, cannot be run", program)
	}
	answer, _, _ := bytes.Cut(r.stdout, []byte("\n"))
	if r.failed != nil || len(answer) == 0 {
		return nil, fault.New(fault.WrongPassphrase, "%s gave no passphrase", program)
	}
	return answer, nil
}
