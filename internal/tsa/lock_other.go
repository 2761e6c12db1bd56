//go:build !unix

package tsa

import (
	"errors"
	"os"
	"path/filepath"
)

// tryLock takes a folder for this process: a file in it stays open, and one
// that is open cannot be removed here. It returns nil when another process has
// the folder.
func tryLock(dir string) (*os.File, error) {
	name := filepath.Join(dir, "lock")
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil, nil
	}
	return f, err
}

// syncFolder is done by the file system here.
func syncFolder(string) error { return nil }

// openToOthers is for access lists to say here, not for mode bits.
func openToOthers(os.FileInfo) bool { return false }
