//go:build !unix

package cli

import (
	"os"
	"syscall"
)

// endings are the signals that end a command with all that it began; of a console that
// is closed, SIGTERM.
func endings() []os.Signal { return []os.Signal{os.Interrupt, syscall.SIGTERM} }

func ignoreFileLimits() {}

// survivePipes does nothing where no signal says that a pipe is not read.
func survivePipes() (stop func()) { return func() {} }
