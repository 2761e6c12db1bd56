//go:build !unix

package cli

import (
	"os"
	"syscall"
)

// ends are the signals that end a command.
func ends() []os.Signal { return []os.Signal{os.Interrupt, syscall.SIGTERM} }

func ignoreFileLimits() {}

// survivePipes does nothing where no signal says that a pipe is not read.
func survivePipes() (stop func()) { return func() {} }
