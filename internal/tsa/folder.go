package tsa

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// folder is where an authority keeps its files: readable for its owner only,
// and changed only by who has its lock.
type folder string

func (d folder) path(name string) string { return filepath.Join(string(d), name) }

// openFolder makes the folder if need be, for its owner alone.
func openFolder(dir string) (folder, error) {
	d := folder(dir)
	err := os.MkdirAll(filepath.Dir(filepath.Clean(dir)), 0o700)
	if err == nil {
		err = os.Mkdir(dir, 0o700)
	}
	if err == nil {
		err = syncFolder(filepath.Dir(filepath.Clean(dir)))
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return d, d.damaged("it cannot be made").Because(err)
	}
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return d, d.damaged("it cannot be read").Because(err)
	case !info.IsDir():
		return d, d.damaged("it is not a folder")
	case openToOthers(info):
		return d, d.damaged("others than its owner may use it")
	}
	return d, nil
}

// The lock is held for a few writes. Who holds it longer was stopped.
const (
	lockTries = 1000
	lockPause = 10 * time.Millisecond
)

// locked does something while nobody else does it.
func (d folder) locked(do func() error) error {
	for range lockTries {
		f, err := tryLock(string(d))
		if err != nil {
			return d.damaged("it cannot be locked").Because(err)
		}
		if f != nil {
			defer f.Close()
			return do()
		}
		time.Sleep(lockPause)
	}
	return d.damaged("another process holds its lock")
}

// unfinished is the pattern of files that are being written.
const unfinished = ".new-*"

// clean removes what a process left that died while it wrote.
func (d folder) clean() {
	names, _ := filepath.Glob(d.path(unfinished))
	for _, name := range names {
		os.Remove(name)
	}
}

// write makes a file whole and durable, or not at all. The caller has the lock.
func (d folder) write(name string, content []byte) error {
	d.clean()
	f, err := os.CreateTemp(string(d), unfinished) // mode 0600
	if err == nil {
		defer os.Remove(f.Name())
		_, err = f.Write(content)
		err = errors.Join(err, f.Sync(), f.Close())
	}
	if err == nil {
		err = os.Rename(f.Name(), d.path(name))
	}
	if err == nil {
		err = syncFolder(string(d))
	}
	if err != nil {
		return d.damaged("%s cannot be written", name).Because(err)
	}
	return nil
}

// read reads a small file that only its owner may read. A file that is absent
// is no fault: nil.
func (d folder) read(name string) ([]byte, error) {
	info, err := os.Lstat(d.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, d.damaged("%s cannot be read", name).Because(err)
	}
	if !info.Mode().IsRegular() || info.Size() > MaxSize || openToOthers(info) {
		return nil, d.damaged("%s is no small file, or others than its owner may use it", name)
	}
	b, err := os.ReadFile(d.path(name))
	if err != nil {
		return nil, d.damaged("%s cannot be read", name).Because(err)
	}
	return b, nil
}

func (d folder) damaged(format string, args ...any) *fault.Error {
	return fault.New(fault.AuthorityDamaged, "the authority in %s cannot be used: %s", quoted(string(d)), fmt.Sprintf(format, args...)).
		With("path", string(d))
}
