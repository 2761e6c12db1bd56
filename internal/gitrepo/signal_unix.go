//go:build unix

package gitrepo

import (
	"os/exec"
	"syscall"
)

// terminate asks a process to end, and lets it clean up.
const terminate = syscall.SIGTERM

// detach takes the terminal from a command, and from what it starts, which ends with it.
func detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, terminate) }
}
