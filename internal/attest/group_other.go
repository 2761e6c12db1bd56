//go:build !unix

package attest

import (
	"os"
	"os/exec"
)

// apart does nothing where there are no groups of processes.
func apart(*exec.Cmd) {}

// endGroup ends the one process that is known.
func endGroup(leader *os.Process, _ bool) error { return leader.Kill() }

// masked is the command itself, where there is no umask.
func masked(_ string, words []string) []string { return words }
