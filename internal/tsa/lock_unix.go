//go:build unix

package tsa

import (
	"errors"
	"os"
	"syscall"
)

// tryLock takes a folder for this process until the file that it returns is
// closed, or the process ends in whatever way. It returns nil when another one
// has it.
func tryLock(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return f, nil
	}
	f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, syscall.EINTR) {
		return nil, nil
	}
	return nil, err
}

// syncFolder makes the names in a folder durable.
func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// openToOthers tells whether anybody but the owner may use a file.
func openToOthers(info os.FileInfo) bool { return info.Mode().Perm()&0o077 != 0 }
