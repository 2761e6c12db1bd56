package hooks

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// The states of a hook.
const (
	Absent    = "absent"    // there is no part of ours
	Installed = "installed" // it is there as we wrote it
	Drifted   = "drifted"   // somebody changed it
	Asleep    = "asleep"    // it is there, and git does not run it
)

// Status is what is known of a hook.
type Status struct {
	Hook   Hook
	State  string
	How    string // in which way our part is there
	Path   string // the file that git runs, or that has our part
	Other  bool   // there is a hook of somebody else's
	Detail string // why it is drifted or asleep
}

// MaxFile is the most bytes of a hook that a part is put into.
const MaxFile = 1 << 20

// content is a hook's file.
type content struct {
	data []byte
	info fs.FileInfo // of the file that is read
	link string      // where the hook leads, if it is a symbolic link
}

// read reads a hook that git would run, nil where there is none. The faults are
// StrangeHook (VM614) and ReadFailed (VM114).
func read(path string) (*content, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) { // hooks are switched off by a folder that is none
		return nil, nil
	}
	c := &content{info: info}
	if err == nil && info.Mode()&fs.ModeSymlink != 0 {
		if c.link, err = os.Readlink(path); err == nil {
			if c.info, err = os.Stat(path); err != nil {
				return nil, strange(path, "it is a symbolic link that leads nowhere")
			}
		}
	}
	if err != nil {
		return nil, unread(path, err)
	}
	if why := unusual(c.info); why != "" {
		return nil, strange(path, why)
	}
	if c.data, err = os.ReadFile(path); err != nil {
		return nil, unread(path, err)
	}
	if first, _, _ := bytes.Cut(c.data, []byte("\n")); bytes.HasPrefix(first, []byte("#!")) && bytes.HasSuffix(first, []byte("\r")) {
		return nil, strange(path, "its lines end as on Windows, with CR and LF, and no shell is called that")
	}
	return c, nil
}

// unusual says why a file is no hook that a part can go into.
func unusual(info fs.FileInfo) string {
	switch {
	case info.IsDir():
		return "it is a folder"
	case !info.Mode().IsRegular():
		return "it is a pipe, a socket or a device"
	case runtime.GOOS != "windows" && info.Mode()&0o111 == 0:
		return "it is not executable, and git passes over it"
	case info.Size() > MaxFile:
		return "it has more than 1 MiB"
	}
	return ""
}

func strange(path, why string) error {
	return fault.New(fault.StrangeHook, "%s is there, and is not written over: %s", path, why).With("path", path).With("hook", filepath.Base(path))
}

func drifted(path, why string) error {
	return fault.New(fault.HookDrifted, "%s: %s", path, why).With("path", path)
}

func unread(path string, err error) error {
	return fault.New(fault.ReadFailed, "%s cannot be read", path).Because(err)
}

// Look says what is at the path of a hook. The fault is ReadFailed (VM114); what no
// part can go into is absent, with a detail.
func Look(path string, h Hook) (Status, error) {
	path, c, err := locate(path, h)
	s := Status{Hook: h, State: Absent, Path: path}
	if fault.Has(err, fault.StrangeHook) {
		s.Other, s.Detail = true, fault.From(err).Message
		if _, err := os.Lstat(path + Kept); err == nil {
			s.State, s.How, s.Detail = Drifted, Beside, "it is not ours any more, and the hook that ours called is kept"
		} else if how := written(path, h); how != "" {
			s.State, s.How = Drifted, how
		}
		return s, nil
	}
	if err != nil {
		return s, err
	}
	s.judge(path, c, h)
	return s, nil
}

// settled is [Look] where no other process is in the middle of a change: what seems to
// have drifted is looked at again under the lock, where that is to be had.
func settled(path string, h Hook) (Status, error) {
	s, err := Look(path, h)
	if err != nil || s.State != Drifted {
		return s, err
	}
	held, err := lock(s.Path)
	if err != nil {
		return s, nil
	}
	defer os.Remove(held.Name())
	defer held.Close()
	return Look(path, h)
}

// written is in which way we wrote into a file that is no hook any more, "" where we did not.
func written(path string, h Hook) string {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > MaxFile {
		return ""
	}
	data, err := os.ReadFile(path)
	if f := find(data, h); err == nil && f.how != ByHand {
		return f.how
	}
	return ""
}

// judge says what the bytes of a hook are.
func (s *Status) judge(path string, c *content, h Hook) {
	kept, _ := os.Lstat(path + Kept)
	var f found
	if c != nil {
		f = find(c.data, h)
	}
	s.How, s.Detail = f.how, f.drift
	s.Other = c != nil && f.how != WholeFile
	switch {
	case f.how != "" && c.link != "" && f.how != ByHand:
		s.Detail = "it is a symbolic link now"
	case f.how == Beside && kept == nil:
		s.Detail = "the hook that it calls, " + filepath.Base(path) + Kept + ", is gone"
	case f.how != Beside && kept != nil && !sameHook(path, path+Kept):
		s.How, s.Detail = Beside, "it is not ours any more, and the hook that ours called is kept as "+filepath.Base(path)+Kept
	}
	switch {
	case s.Detail != "":
		s.State = Drifted
	case s.How != "":
		s.State = Installed
	}
}

// locate reads a hook, or the one that pre-commit calls from it, where our part is in
// that: pre-commit install renames the hook that was there.
func locate(path string, h Hook) (string, *content, error) {
	c, err := read(path)
	if err != nil || c == nil || find(c.data, h).how != "" || !bytes.Contains(c.data, []byte("File generated by pre-commit")) {
		return path, c, err
	}
	legacy, legacyErr := read(path + ".legacy")
	if legacyErr == nil && legacy != nil && find(legacy.data, h).how != "" {
		return path + ".legacy", legacy, nil
	}
	return path, c, nil
}

// Install puts our part into the hook at a path. What is there runs after it, with the
// same arguments and input. Where the part is there, nothing is written. A crash
// leaves the hook as it was, or as it is to be. The faults are StrangeHook (VM614),
// HookDrifted (VM613), HookUnwritten (VM616) and ReadFailed (VM114).
func Install(path string, p Part) (Status, error) {
	err := change(path, p.Hook, func(w *writing) error { return w.install(p) })
	if err != nil {
		return Status{}, err
	}
	return settled(path, p.Hook)
}

// Uninstall takes our part out of the hook at a path, and leaves the bytes and the mode
// that were there before. It is false where there is none. The faults are HookDrifted
// (VM613), HookUnwritten (VM616) and ReadFailed (VM114).
func Uninstall(path string, h Hook) (bool, error) {
	s, err := settled(path, h)
	if err != nil || s.State == Absent || s.How == ByHand {
		return false, err
	}
	if s.State == Drifted {
		return false, drifted(s.Path, s.Detail)
	}
	taken := false
	err = change(path, h, func(w *writing) error {
		taken, err = w.uninstall()
		return err
	})
	return taken, err
}

// install chooses the form.
func (w *writing) install(p Part) error {
	if w.there == nil {
		return w.write([]byte(p.Alone()))
	}
	data := w.there.data
	f := find(data, p.Hook)
	switch {
	case f.how == ByHand:
		return nil
	case f.how == WholeFile:
		return w.replace([]byte(p.Alone()))
	case f.how != "":
		return w.replace(spliced(data, f.begin, f.end, p.block()))
	case w.there.link == "" && chainable(data) > 0:
		at := chainable(data)
		return w.write(spliced(data, at, at, p.block()))
	}
	if err := w.keep(); err != nil {
		return err
	}
	return w.write([]byte(shebang + p.block() + callKept))
}

// replace writes what another version of the program would write otherwise.
func (w *writing) replace(data []byte) error {
	if bytes.Equal(data, w.there.data) {
		return nil
	}
	return w.write(data)
}

// uninstall is false where another process was quicker.
func (w *writing) uninstall() (bool, error) {
	if w.there == nil {
		return false, nil
	}
	f := find(w.there.data, w.hook)
	switch f.how {
	case WholeFile:
		return true, unwritten(w.path, os.Remove(w.path))
	case Beside:
		return true, unwritten(w.path, os.Rename(w.path+Kept, w.path))
	case Chained:
		return true, w.write(spliced(w.there.data, f.begin, f.end, ""))
	}
	return false, nil
}

// spliced is data with a text in the place of some of it.
func spliced(data []byte, begin, end int, text string) []byte {
	return append(append(bytes.Clone(data[:begin]), text...), data[end:]...)
}
