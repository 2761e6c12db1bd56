//go:build unix

package gitrepo

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"
)

// lockFolder takes a folder for this process until the file that it returns is
// closed, or the process ends in whatever way. It returns nil when another
// process has it, or it is gone.
func lockFolder(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		var held, named os.FileInfo
		if held, err = f.Stat(); err == nil {
			if named, err = os.Lstat(dir); err == nil && os.SameFile(held, named) {
				return f, nil
			}
		}
	}
	f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, os.ErrNotExist) || err == nil {
		return nil, nil
	}
	return nil, err
}

// queueFor waits until nobody else has a folder, but not for ever: who has it may have
// been stopped. The function that it returns gives the folder on.
func queueFor(ctx context.Context, dir string, most time.Duration) func() {
	f, err := os.Open(dir)
	if err != nil {
		return func() {}
	}
	got := make(chan struct{})
	go func() {
		syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		close(got)
	}()
	select {
	case <-got:
		return func() { f.Close() }
	case <-ctx.Done():
	case <-time.After(most):
	}
	return func() {} // what waits in the kernel keeps the file
}
