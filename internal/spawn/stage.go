// Package spawn puts what a template makes where it is to be, all of it or nothing, and brings it up
// to a newer template later.
//
// The files come together in a [Stage], a temporary folder beside their place, where a new repository
// is made, committed to and begun a ledger in too. Until [Stage.Place] renames it nothing can be
// seen, and after a failure nothing is left.
package spawn

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/templates"
)

// Stage is a temporary folder beside the place where a service is to be.
type Stage struct {
	Dir string // the folder

	place  string
	made   string   // the first folder above the place that was made for it, "" for none
	within bool     // the place is there, and empty
	placed []string // what has been put in its place
}

// Free sees that nothing is at a place but perhaps an empty folder, which it says. The fault is
// FolderInTheWay (VM802).
func Free(place string) (empty bool, err error) {
	entries, err := os.ReadDir(place)
	switch {
	case err == nil && len(entries) == 0:
		return true, nil
	case err == nil:
		return false, fault.New(fault.FolderInTheWay, "%s is there, and is not empty", place)
	}
	if _, statErr := os.Lstat(place); !errors.Is(statErr, fs.ErrNotExist) && !errors.Is(statErr, syscall.ENOTDIR) {
		return false, fault.New(fault.FolderInTheWay, "%s is there, and is no folder that can be read", place).Because(pathError(err))
	}
	for above := filepath.Dir(place); ; above = filepath.Dir(above) {
		info, err := os.Stat(above)
		if err == nil && info.IsDir() {
			return false, nil
		}
		if err == nil || above == filepath.Dir(above) {
			return false, fault.New(fault.FolderInTheWay, "%s is no folder", above)
		}
	}
}

// Above is the nearest folder that is there: the place itself, or one above it.
func Above(place string) string {
	for {
		if info, err := os.Stat(place); err == nil && info.IsDir() || place == filepath.Dir(place) {
			return place
		}
		place = filepath.Dir(place)
	}
}

// NewStage makes a stage for a place, which is an absolute path. Close it after use. The faults are
// FolderInTheWay (VM802), DiskFull (VM508) and WriteFailed (VM120).
func NewStage(place string) (*Stage, error) {
	empty, err := Free(place)
	if err != nil {
		return nil, err
	}
	s := &Stage{place: place, within: empty}
	beside, name := filepath.Dir(place), "."+filepath.Base(place)+".spawn-"
	if empty {
		beside, name = place, ".spawn-"
	}
	if above := Above(beside); above != beside {
		rest, _ := filepath.Rel(above, beside)
		first, _, _ := strings.Cut(filepath.ToSlash(rest), "/")
		s.made = filepath.Join(above, first)
	}
	err = os.MkdirAll(beside, 0o777)
	if err == nil {
		s.Dir, err = os.MkdirTemp(beside, name)
	}
	if err == nil {
		err = like(beside, s.Dir)
	}
	if err == nil && empty {
		err = s.alone()
	}
	if err != nil {
		s.Close()
		return nil, writeFault(err, place)
	}
	return s, nil
}

// alone sees that nothing is in an empty folder but the stage: of two that are made there at the same time
// one at least is seen by the other.
func (s *Stage) alone() error {
	entries, err := os.ReadDir(s.place)
	if err == nil && len(entries) > 1 {
		err = fault.New(fault.FolderInTheWay, "%s is not empty any more", s.place)
	}
	return err
}

// like gives a temporary folder the permissions that a new folder has.
func like(beside, dir string) error {
	probe := filepath.Join(dir, "probe")
	err := os.Mkdir(probe, 0o777)
	if err != nil {
		return err
	}
	info, err := os.Stat(probe)
	if err == nil {
		err = errors.Join(os.Chmod(dir, info.Mode()), os.Remove(probe))
	}
	return err
}

// Write writes the files of a plan into the stage, and reads them again. The faults are DiskFull (VM508),
// WriteFailed (VM120), OtherOutput (VM819) where the file system keeps other files, and
// Interrupted (VM902).
func (s *Stage) Write(ctx context.Context, plan *templates.Plan) error {
	folders := make(map[string]bool)
	for _, f := range plan.Files {
		if ctx.Err() != nil {
			return fault.New(fault.Interrupted, "interrupted")
		}
		path := filepath.Join(s.Dir, filepath.FromSlash(f.Path))
		if dir := filepath.Dir(path); !folders[dir] {
			if err := os.MkdirAll(dir, 0o777); err != nil {
				return writeFault(err, s.place)
			}
			folders[dir] = true
		}
		if err := writeNew(path, f); err != nil {
			return writeFault(err, s.place)
		}
	}
	return s.check(plan)
}

// writeNew writes a file that must not be there.
func writeNew(path string, f templates.File) error {
	mode := fs.FileMode(0o666)
	if f.Executable {
		mode = 0o777
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = file.Write(f.Content)
	return errors.Join(err, file.Close())
}

// check sees that the folder has the files of the plan, and no others but git's own.
func (s *Stage) check(plan *templates.Plan) error {
	wanted := make(map[string][]byte, len(plan.Files))
	for _, f := range plan.Files {
		wanted[f.Path] = f.Content
	}
	err := filepath.WalkDir(s.Dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && path == filepath.Join(s.Dir, ".git") {
			return filepath.SkipDir
		}
		if err != nil || d.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(s.Dir, path)
		name := filepath.ToSlash(rel)
		content, there := wanted[name]
		written, err := os.ReadFile(path)
		if err == nil && (!there || !d.Type().IsRegular() || !bytes.Equal(written, content)) {
			err = fault.New(fault.OtherOutput, "%.200q was written, and is not what was to be", name)
		}
		delete(wanted, name)
		return err
	})
	if err == nil && len(wanted) > 0 {
		err = fault.New(fault.OtherOutput, "%d files that were written are not there", len(wanted))
	}
	return writeFault(err, s.place)
}

// Place moves what is on the stage to its place: by one rename, or, where an empty folder is there, by
// one for each entry, a repository last. The faults are FolderInTheWay (VM802), DiskFull (VM508)
// and WriteFailed (VM120).
func (s *Stage) Place(ctx context.Context) error {
	if ctx.Err() != nil {
		return fault.New(fault.Interrupted, "interrupted")
	}
	if !s.within {
		return s.moveWhole()
	}
	entries, err := os.ReadDir(s.Dir)
	if err != nil {
		return writeFault(err, s.place)
	}
	for _, repository := range []bool{false, true} {
		for _, e := range entries {
			if (e.Name() == ".git") != repository {
				continue
			}
			if err := s.moveEntry(e.Name()); err != nil {
				s.Undo()
				return err
			}
		}
	}
	return nil
}

// moveWhole renames the stage. Something that has come to be there meanwhile stays: a folder that
// is not empty is not replaced, and a file neither.
func (s *Stage) moveWhole() error {
	if _, err := Free(s.place); err != nil {
		return err
	}
	if err := os.Rename(s.Dir, s.place); err != nil {
		if _, taken := Free(s.place); taken != nil { // by somebody who came between
			return taken
		}
		return writeFault(err, s.place)
	}
	s.placed = []string{s.place}
	return nil
}

func (s *Stage) moveEntry(name string) error {
	to := filepath.Join(s.place, name)
	if _, err := os.Lstat(to); err == nil {
		return fault.New(fault.FolderInTheWay, "%s is there by now", to)
	}
	if err := os.Rename(filepath.Join(s.Dir, name), to); err != nil {
		return writeFault(err, s.place)
	}
	s.placed = append(s.placed, to)
	return nil
}

// Undo removes what has been put in its place.
func (s *Stage) Undo() {
	for _, path := range s.placed {
		_ = os.RemoveAll(path)
	}
	s.placed = nil
}

// Close removes the stage, and what was made above the place if nothing is there.
func (s *Stage) Close() {
	if s.Dir != "" {
		_ = os.RemoveAll(s.Dir)
	}
	if s.made == "" || len(s.placed) > 0 {
		return
	}
	for dir := filepath.Dir(s.place); len(dir) >= len(s.made); dir = filepath.Dir(dir) {
		if os.Remove(dir) != nil { // somebody has put something there
			return
		}
	}
}

// writeFault says why the file system refused something.
func writeFault(err error, place string) error {
	var f *fault.Error
	switch {
	case err == nil || errors.As(err, &f):
		return err
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG):
		return fault.New(fault.DiskFull, "%s cannot be written: no space is left", place).Because(pathError(err))
	}
	return fault.New(fault.WriteFailed, "%s cannot be written", place).Because(pathError(err))
}

// pathError is an error of the file system without the path of the stage, which nobody knows.
func pathError(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
