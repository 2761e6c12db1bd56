package hooks

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// writing is a change of a hook, under a lock that is the new file too, as git's own
// locks are.
type writing struct {
	path  string
	hook  Hook
	there *content
	lock  *os.File
}

// maxTries is how often a lock is asked for, ten milliseconds apart.
const maxTries = 100

// change lets one process at a time change a hook that is as we left it, or is not ours.
func change(path string, h Hook, edit func(w *writing) error) error {
	path, _, err := locate(path, h)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return unwritten(path, err)
	}
	w := &writing{path: path, hook: h}
	if w.lock, err = lock(path); err != nil {
		return err
	}
	defer func() {
		if w.lock != nil { // else it has become the hook
			w.lock.Close()
			os.Remove(w.lock.Name())
		}
	}()
	if w.there, err = read(path); err != nil {
		return err
	}
	s := Status{State: Absent}
	if s.judge(path, w.there, h); s.State == Drifted {
		return drifted(path, s.Detail)
	}
	return edit(w)
}

func lock(path string) (*os.File, error) {
	for tries := 0; ; tries++ {
		f, err := os.OpenFile(path+".lock", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o777)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, fs.ErrExist) || tries == maxTries {
			return nil, unwritten(path, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// write makes data the hook, with the mode and owner of the one that is there.
func (w *writing) write(data []byte) error {
	_, err := w.lock.Write(data)
	if err == nil && w.there != nil && w.there.link == "" {
		keepOwner(w.lock, w.there.info) // before the mode, which a change of the owner may cut
		err = w.lock.Chmod(w.there.info.Mode())
	}
	if err = errors.Join(err, w.lock.Sync(), w.lock.Close()); err == nil {
		err = os.Rename(w.lock.Name(), w.path)
	}
	if err == nil {
		w.lock = nil
	}
	return unwritten(w.path, err)
}

// keep gives the hook that is there a second name, so that there is no moment without it.
func (w *writing) keep() error {
	kept := w.path + Kept
	if sameHook(w.path, kept) { // a process was killed here before
		return nil
	}
	if w.there.link != "" {
		return unwritten(kept, os.Symlink(w.there.link, kept))
	}
	if err := os.Link(w.path, kept); err == nil || errors.Is(err, fs.ErrExist) {
		return unwritten(kept, err)
	}
	// Where files have one name only, a copy does.
	copied := &writing{path: kept, there: &content{info: w.there.info}}
	var err error
	if copied.lock, err = lock(kept); err != nil {
		return err
	}
	if err = copied.write(w.there.data); copied.lock != nil {
		os.Remove(copied.lock.Name())
	}
	return err
}

// sameHook tells whether two names are of one file, or of links that lead to the same.
func sameHook(a, b string) bool {
	first, errA := os.Lstat(a)
	second, errB := os.Lstat(b)
	if errA != nil || errB != nil {
		return false
	}
	one, errA := os.Readlink(a)
	two, errB := os.Readlink(b)
	return os.SameFile(first, second) || errA == nil && errB == nil && one == two
}

func unwritten(path string, err error) error {
	if err == nil {
		return nil
	}
	return fault.New(fault.HookUnwritten, "%s cannot be written", path).With("path", filepath.Dir(path)).Because(err)
}
