package gitrepo

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// Incoming is a small repository among the objects of another, in which a write
// comes together. What it holds is nobody's until [Incoming.Keep] moves it into
// place. A process that is killed leaves one folder, which the next write removes.
//
// It is what git makes of a push that comes in, and its name begins as git's
// does, so that `git prune` knows it too.
type Incoming struct {
	repo  *Repo
	dir   string
	lock  *os.File
	loose []OID // objects in files of their own, which [fileStore] wrote
}

// incomingName is how the folder is called; a name of its own follows.
const incomingName = "tmp_objdir-vaultmesh-"

// NewIncoming makes an empty one, and removes those that processes left which
// are no more. Close it after use. The faults are ReadOnly (VM507) and DiskFull
// (VM508).
func (r *Repo) NewIncoming() (*Incoming, error) {
	parent := filepath.Join(r.CommonDir, "objects")
	sweep(parent)
	for {
		dir, err := r.disk.mkdirTemp(parent, incomingName)
		if err != nil {
			return nil, diskFault(err, "objects cannot be written", r.CommonDir)
		}
		in := &Incoming{repo: r, dir: dir}
		if info, err := os.Stat(parent); err == nil { // who shares the objects may clear away here too
			os.Chmod(dir, info.Mode())
		}
		in.lock, err = lockFolder(dir)
		if err != nil { // where there are no locks nobody clears away, and nobody needs one
			in.lock, err = os.Open(dir)
		}
		if err != nil {
			os.RemoveAll(dir)
			return nil, diskFault(err, "objects cannot be written", r.CommonDir)
		}
		if in.lock != nil { // nil when another one took it for abandoned in between
			return in, nil
		}
	}
}

// Dir is the folder, where files may wait that belong to the write.
func (in *Incoming) Dir() string { return in.dir }

// Close removes the folder and what is still in it.
func (in *Incoming) Close() {
	in.lock.Close() // where what is open cannot be removed, this must be first
	in.repo.disk.removeAll(in.dir)
}

// sweep removes the folders of processes that are no more: nobody holds their
// locks. What cannot be removed now is left to the next one.
func sweep(parent string) {
	found, err := os.ReadDir(parent)
	if err != nil {
		return
	}
	for _, d := range found {
		if !d.IsDir() || !strings.HasPrefix(d.Name(), incomingName) {
			continue
		}
		dir := filepath.Join(parent, d.Name())
		if lock, err := lockFolder(dir); err == nil && lock != nil {
			os.RemoveAll(dir)
			lock.Close()
		}
	}
}

// ownObjects makes the folder one that git writes objects to.
func (in *Incoming) ownObjects() error {
	if err := in.repo.disk.mkdir(filepath.Join(in.dir, "objects")); err != nil && !errors.Is(err, fs.ErrExist) {
		return diskFault(err, "objects cannot be written", in.repo.CommonDir)
	}
	return nil
}

// git starts git so that new objects come in here, and those of the repository
// are seen beside them.
func (in *Incoming) git() git {
	g := in.repo.git
	objects := filepath.Join(in.repo.CommonDir, "objects")
	g.env = append(slices.Clip(slices.Clone(g.env)), "GIT_OBJECT_DIRECTORY="+filepath.Join(in.dir, "objects"), "GIT_ALTERNATE_OBJECT_DIRECTORIES="+quoteAlternate(objects))
	return g
}

// quoteAlternate writes a path as git reads it among others: quoted where it
// would read as more than one.
func quoteAlternate(path string) string {
	path = filepath.ToSlash(path)
	if !strings.ContainsRune(path, os.PathListSeparator) && !strings.HasPrefix(path, `"`) {
		return path
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(path) + `"`
}

// Store reads the objects of the repository and those that came in. Close it
// after use, and before Keep.
func (in *Incoming) Store() *Repo {
	r := newRepo(in.git())
	r.GitDir, r.CommonDir, r.algorithm = in.repo.GitDir, in.repo.CommonDir, in.repo.algorithm
	return r
}

// Keep moves all objects into the repository, in no order that anybody may rely on
// before a ref names them; a pack is whole when its index is there. The faults are ReadOnly (VM507), DiskFull (VM508) and
// GitRefused (VM112).
func (in *Incoming) Keep(ctx context.Context) error {
	if ctx.Err() != nil {
		return fault.New(fault.Interrupted, "interrupted")
	}
	from, to := filepath.Join(in.dir, "objects"), filepath.Join(in.repo.CommonDir, "objects")
	err := in.movePacks(filepath.Join(from, "pack"), filepath.Join(to, "pack"))
	if err == nil {
		err = in.moveFolders(from, to)
	}
	for i := 0; i < len(in.loose) && err == nil; i++ {
		id := string(in.loose[i])
		folder := filepath.Join(to, id[:2])
		if err = in.repo.disk.mkdir(folder); errors.Is(err, fs.ErrExist) {
			err = nil
		}
		if err == nil {
			err = in.move(filepath.Join(in.dir, id), filepath.Join(folder, id[2:]))
		}
	}
	if err != nil {
		return diskFault(err, "objects cannot be moved into place", in.repo.CommonDir)
	}
	return nil
}

// movePacks moves packs and what belongs to them, the indexes last: a pack
// counts from when its index is there.
func (in *Incoming) movePacks(from, to string) error {
	files, err := os.ReadDir(from)
	if errors.Is(err, fs.ErrNotExist) || len(files) == 0 {
		return nil
	}
	if _, err := os.Stat(to); err != nil { // a link to a folder elsewhere is one
		if err := in.shareFolder(from, to); err != nil {
			return err
		}
	}
	for _, index := range []bool{false, true} {
		for _, f := range files {
			if err != nil {
				return err
			}
			if strings.HasPrefix(f.Name(), "pack-") && strings.HasSuffix(f.Name(), ".idx") == index {
				err = in.move(filepath.Join(from, f.Name()), filepath.Join(to, f.Name()))
			}
		}
	}
	return err
}

// moveFolders moves the objects that git wrote by themselves.
func (in *Incoming) moveFolders(from, to string) error {
	folders, err := os.ReadDir(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, d := range folders {
		if err == nil && len(d.Name()) == 2 {
			err = in.moveFolder(filepath.Join(from, d.Name()), filepath.Join(to, d.Name()))
		}
	}
	return err
}

// moveFolder moves the objects of one folder. Each takes the place of one that is
// there already, which says the same, but may be damaged, or old enough for
// somebody to take it for garbage now.
func (in *Incoming) moveFolder(from, to string) error {
	files, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	if err := in.shareFolder(from, to); err != nil {
		return err
	}
	for _, f := range files {
		if err := in.move(filepath.Join(from, f.Name()), filepath.Join(to, f.Name())); err != nil {
			return err
		}
	}
	return nil
}

// shareFolder makes a folder like another one: git gives it the mode that
// core.sharedRepository wants.
func (in *Incoming) shareFolder(like, dir string) error {
	err := in.repo.disk.mkdir(dir)
	if err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil
		}
		return err
	}
	made, statErr := os.Stat(dir)
	wanted, likeErr := os.Stat(like)
	if err = errors.Join(err, statErr, likeErr); err == nil && made.Mode() != wanted.Mode() {
		err = os.Chmod(dir, wanted.Mode())
	}
	return err
}

// move puts a file into its place, also where that is on another file system: then it is
// copied beside it first.
func (in *Incoming) move(from, to string) error {
	err := in.repo.disk.rename(from, to)
	if !errors.Is(err, syscall.EXDEV) {
		return err
	}
	data, err := os.Open(from)
	if err != nil {
		return err
	}
	defer data.Close()
	beside := filepath.Join(filepath.Dir(to), "tmp_obj_"+filepath.Base(in.dir)) // a name that git prune knows
	copied, err := in.repo.disk.create(beside)
	if err != nil {
		return err
	}
	_, err = io.Copy(copied, data)
	if err = errors.Join(err, copied.Sync(), copied.Close()); err == nil {
		err = in.repo.disk.rename(beside, to)
	}
	if err != nil {
		in.repo.disk.removeAll(beside)
	}
	return err
}

// diskFault says why the file system refused something.
func diskFault(err error, what, path string) error {
	var f *fault.Error
	switch {
	case errors.As(err, &f):
		return err
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG):
		return fault.New(fault.DiskFull, "%s: no space is left", what).Because(err)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fault.New(fault.ReadOnly, "%s: the repository is read-only", what).With("path", path).Because(err)
	}
	return fault.New(fault.GitRefused, "%s", what).Because(err)
}
