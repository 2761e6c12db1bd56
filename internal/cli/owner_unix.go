//go:build unix

package cli

import (
	"os"
	"syscall"
)

// ownedByUs tells whether a file is this user's.
func ownedByUs(info os.FileInfo) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(s.Uid) == os.Geteuid()
}
