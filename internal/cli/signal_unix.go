//go:build unix

package cli

import (
	"os/signal"
	"syscall"
)

// ignoreFileLimits has a write over the limit to the size of files fail, here
// and in git, which else dies of the signal and leaves its locks behind.
func ignoreFileLimits() { signal.Ignore(syscall.SIGXFSZ) }
