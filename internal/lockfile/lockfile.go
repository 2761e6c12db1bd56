// Package lockfile changes small files of text that several processes change: each
// sees the file whole, before or after, and no change is lost.
//
// It locks as git does: the new content is written to the file's name with .lock
// behind it, which only one process can make, and renamed into place.
package lockfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// MaxSize is the most bytes that such a file may have.
const MaxSize = 4 << 20

// Read reads a file; one that is not there is empty. The fault is ReadFailed (VM114).
func Read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && (!info.Mode().IsRegular() || info.Size() > MaxSize) {
		err = errors.New("it is no small regular file")
	}
	var b []byte
	if err == nil {
		b, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, fault.New(fault.ReadFailed, "%s cannot be read", path).Because(err)
	}
	return b, nil
}

// maxTries is how often a lock is asked for, ten milliseconds apart.
const maxTries = 100

// Update replaces a file by what edit makes of it, and makes its folder if there
// is none. Where edit gives nil, or what was there, nothing is written. The faults
// are those of [Read] and edit, and ReadOnly (VM507), also when the lock stays.
func Update(path string, edit func(old []byte) ([]byte, error)) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return unwritten(path, err)
	}
	f, err := lock(path)
	if err != nil {
		return err
	}
	b, err := edited(path, edit)
	if err != nil || b == nil {
		_ = f.Close()
		_ = os.Remove(f.Name())
		return err
	}
	return replace(path, f, b)
}

// edited is what edit makes of a file, nil where that changes nothing.
func edited(path string, edit func(old []byte) ([]byte, error)) ([]byte, error) {
	old, err := Read(path)
	if err != nil {
		return nil, err
	}
	b, err := edit(old)
	if err != nil || b == nil || string(b) == string(old) {
		return nil, err
	}
	return b, nil
}

// replace makes what is in the lock the file. Once it is, the name of the lock is
// free for another process, whose lock must not be removed.
func replace(path string, f *os.File, b []byte) error {
	_, err := f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return unwritten(path, err)
	}
	return nil
}

func lock(path string) (*os.File, error) {
	for tries := 0; ; tries++ {
		f, err := os.OpenFile(path+".lock", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) && tries < maxTries {
			time.Sleep(10 * time.Millisecond)
			continue
		}
		if err != nil {
			return nil, unwritten(path, err)
		}
		return f, nil
	}
}

func unwritten(path string, err error) error {
	return fault.New(fault.ReadOnly, "%s cannot be written", path).With("path", filepath.Dir(path)).Because(err)
}
