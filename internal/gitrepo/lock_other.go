//go:build !unix

package gitrepo

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"
)

// lockFolder takes a folder for this process: a file in it stays open, and one
// that is open cannot be removed here. It returns nil when another process has
// the folder, or it is gone.
func lockFolder(dir string) (*os.File, error) {
	name := filepath.Join(dir, "lock")
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrExist) {
		return nil, nil
	}
	return f, err
}

// queueFor does not wait here: who is not first begins again.
func queueFor(context.Context, string, time.Duration) func() { return func() {} }
