//go:build unix

package cli

import (
	"os"
	"os/signal"
	"syscall"
)

// ends are the signals that end a command. That the terminal is closed is one, unless somebody
// asked for that to be ignored: what was started without a terminal is not told by it.
func ends() []os.Signal {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	return signals
}

// ignoreFileLimits has a write over the limit to the size of files fail, here
// and in git, which else dies of the signal and leaves its locks behind.
func ignoreFileLimits() { signal.Ignore(syscall.SIGXFSZ) }

// survivePipes has a write to a pipe that nobody reads fail, and not end the process,
// so that what was begun is put away. Programs that are started are not told.
func survivePipes() (stop func()) {
	broken := make(chan os.Signal, 1)
	signal.Notify(broken, syscall.SIGPIPE)
	return func() { signal.Stop(broken) }
}
