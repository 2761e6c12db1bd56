//go:build unix

package cli

import (
	"os"
	"os/signal"
	"syscall"
)

// endings are the signals that end a command with all that it began, which has no terminal
// of its own to be told by. A terminal sends what runs in it one of them when it is closed,
// but for what was begun with nohup.
func endings() []os.Signal {
	list := []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGQUIT}
	if !signal.Ignored(syscall.SIGHUP) {
		list = append(list, syscall.SIGHUP)
	}
	return list
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
