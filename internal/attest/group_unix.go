//go:build unix

package attest

import (
	"os"
	"os/exec"
	"syscall"
)

// apart gives a command a session of its own, and so a group of processes, which its
// children are in too. It has no terminal then to ask anybody at.
func apart(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

// endGroup tells a whole group of processes to end, or makes it.
func endGroup(leader *os.Process, now bool) error {
	if now {
		return syscall.Kill(-leader.Pid, syscall.SIGKILL)
	}
	return syscall.Kill(-leader.Pid, syscall.SIGTERM)
}

// masked is a command under a umask.
func masked(umask string, words []string) []string {
	return append([]string{"sh", "-c", `umask "$0" && exec "$@"`, umask}, words...)
}
