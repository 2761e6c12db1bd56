package attest

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// seen is what one sees of a file without reading it.
type seen struct {
	mode fs.FileMode
	size int64
	time int64
}

// snapshot is what is below a folder.
type snapshot map[string]seen

// look takes a snapshot of a folder, without git's own folder at its top and another
// one that may lie in it. Of no folder it sees nothing.
func look(ctx context.Context, root, except string) (snapshot, error) {
	s := snapshot{}
	if root == "" {
		return s, nil
	}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return fault.New(fault.Interrupted, "interrupted")
		}
		if err != nil {
			return nil // it is gone, or nobody's business
		}
		if path == filepath.Join(root, ".git") || path == except {
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return nil
		}
		one := seen{mode: info.Mode(), time: info.ModTime().UnixNano()}
		if info.Mode().IsRegular() {
			one.size = info.Size()
		}
		rel, _ := filepath.Rel(root, path)
		s[filepath.ToSlash(rel)] = one
		return nil
	})
	return s, err
}

// list is a snapshot of the names in some folders, and not of what is below them.
func list(dirs ...string) snapshot {
	s := snapshot{}
	for _, dir := range dirs {
		found, _ := os.ReadDir(dir)
		for _, d := range found {
			s[d.Name()] = seen{mode: d.Type()}
		}
	}
	return s
}

// changed names a file that is not as it was, "" where all are. A folder whose time
// alone has changed says nothing more than what is in it.
func (s snapshot) changed(now snapshot) string {
	first := ""
	note := func(path string) {
		if first == "" || path < first {
			first = path
		}
	}
	for path, was := range s {
		is, there := now[path]
		if was.mode.IsDir() && is.mode.IsDir() {
			was.time, is.time = 0, 0
		}
		if !there || is != was {
			note(path)
		}
	}
	for path := range now {
		if _, there := s[path]; !there {
			note(path)
		}
	}
	return first
}

// remove takes a folder away with all that is in it, also what may not be written to,
// as Go's own cache of modules is.
func remove(root string) {
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() {
			_ = os.Chmod(path, 0o700)
		}
		return nil
	})
	_ = os.RemoveAll(root)
}
