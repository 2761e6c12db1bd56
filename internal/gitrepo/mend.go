package gitrepo

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// AsGitReads is the store as git itself reads it: what it cannot read, other programs
// cannot either, though this process may.
func (r *Repo) AsGitReads() Store { return &r.plumbing }

// Whole tells whether an object of any size has the hash that is its id. It is read
// bit by bit.
func (r *Repo) Whole(ctx context.Context, id OID, kind string) (bool, error) {
	var f *failure
	size, err := r.git.run(ctx, nil, "cat-file", "-s", string(id))
	if err != nil {
		if asFailure(err, &f) {
			err = nil
		}
		return false, err
	}
	h := newHash(r.algorithm)
	io.WriteString(h, kind+" "+strings.TrimSpace(string(size))+"\x00")
	err = r.git.pour(ctx, h, "-c", "core.bigFileThreshold=1m", "cat-file", kind, string(id))
	if asFailure(err, &f) {
		return false, nil
	}
	return err == nil && hex.EncodeToString(h.Sum(nil)) == string(id), err
}

// Mend writes objects that are missing or damaged, which git would not: it leaves alone
// what it believes to have. A damaged file that is in the place of one is kept in the
// folder aside first, and is replaced in one step. It returns the files that were set
// aside. The faults are those of [Store].
func (r *Repo) Mend(ctx context.Context, objects []Object, aside string) (kept []string, err error) {
	if ctx.Err() != nil {
		return nil, fault.New(fault.Interrupted, "interrupted")
	}
	if len(objects) == 0 {
		return nil, nil
	}
	in, err := r.NewIncoming()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	_, shared := r.config.Value("core.sharedrepository")
	inPack := shared || len(objects) > maxLoose
	if inPack {
		err = in.writePack(ctx, objects)
	} else {
		err = in.writeLooseAll(objects)
	}
	if err != nil {
		return nil, err
	}
	if kept, err = r.keepDamaged(objects, aside); err != nil {
		return nil, err
	}
	if err := in.Keep(ctx); err != nil {
		return nil, err
	}
	if inPack { // else the file was replaced
		for _, file := range kept {
			os.Remove(r.loosePath(OID(filepath.Base(file)[:len(objects[0].ID)])))
		}
	}
	r.forget()
	return kept, nil
}

// writePack writes objects as one pack, whatever the repository believes to have.
func (in *Incoming) writePack(ctx context.Context, objects []Object) error {
	pack, err := encodePack(in.repo.algorithm, objects)
	if err != nil {
		return err
	}
	if err := in.ownRefs(); err != nil {
		return err
	}
	args := slices.Clone(durable)
	if shared, ok := in.repo.config.Value("core.sharedrepository"); ok {
		args = append(args, "-c", "core.sharedRepository="+shared)
	}
	if _, err := in.apart().run(ctx, bytes.NewReader(pack), append(args, "index-pack", "--stdin")...); err != nil {
		return in.repo.writeFault(err, "objects cannot be written")
	}
	return nil
}

func (r *Repo) loosePath(id OID) string {
	return filepath.Join(r.CommonDir, "objects", string(id[:2]), string(id[2:]))
}

// keepDamaged keeps the files that are in the places of objects.
func (r *Repo) keepDamaged(objects []Object, aside string) (kept []string, err error) {
	for _, o := range objects {
		file := r.loosePath(o.ID)
		if _, err := os.Lstat(file); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		to, err := setAside(r.disk, file, aside, string(o.ID))
		if err != nil {
			return nil, diskFault(err, "what is damaged cannot be set aside", r.CommonDir)
		}
		kept = append(kept, to)
	}
	return kept, nil
}

// setAside keeps a file in a folder under a name, or that name and a number where there
// is another one of it. The file itself stays.
func setAside(d disk, file, dir, name string) (string, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", err
	}
	for n := 0; ; n++ {
		to := filepath.Join(dir, name)
		if n > 0 {
			to += fmt.Sprintf(".%d", n)
		}
		err := d.link(file, to)
		switch {
		case err == nil:
			return to, nil
		case errors.Is(err, fs.ErrExist):
			if same, err := sameBytes(file, to); err != nil || same {
				return to, err
			}
		default: // where there are no links, it is copied
			return to, copyNew(d, file, to)
		}
	}
}

func sameBytes(a, b string) (bool, error) {
	first, err := os.ReadFile(a)
	if err != nil {
		return false, err
	}
	second, err := os.ReadFile(b)
	return bytes.Equal(first, second), err
}

func copyNew(d disk, from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := d.create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}

// forget gives up what was read of the objects' folder so far.
func (r *Repo) forget() {
	r.plumbing.Close()
	if r.files != nil {
		r.files.Close()
		r.files = newFileStore(r)
	}
}

// Reindex makes the indexes of packs anew, from the packs: of those that do not fit their
// pack by their sums, or of all. Where the one that is there says something else, or is not
// there, it is set aside and replaced. It returns the indexes that were replaced or are new,
// and of the packs that were looked at those that are damaged themselves. The faults are
// those of [Store].
func (r *Repo) Reindex(ctx context.Context, aside string, all bool) (mended, damaged []string, err error) {
	packs, err := r.Packs()
	if !all {
		packs = slices.DeleteFunc(packs, r.fits)
	}
	if err != nil || len(packs) == 0 {
		return nil, nil, err
	}
	in, err := r.NewIncoming()
	if err != nil {
		return nil, nil, err
	}
	defer in.Close()
	if err := in.ownRefs(); err != nil {
		return nil, nil, err
	}
	for _, pack := range packs {
		changed, err := in.reindex(ctx, pack, aside)
		var f *failure
		switch {
		case asFailure(err, &f):
			damaged = append(damaged, pack)
		case err != nil:
			return nil, nil, diskFault(err, "the index of a pack cannot be written", r.CommonDir)
		case changed:
			mended = append(mended, strings.TrimSuffix(pack, ".pack")+".idx")
		}
	}
	r.forget()
	return mended, damaged, nil
}

// fits tells whether a pack has an index whose sum is right, and that names the sum at the
// pack's end (gitformat-pack).
func (r *Repo) fits(pack string) bool {
	index, err := os.Open(strings.TrimSuffix(pack, ".pack") + ".idx")
	if err != nil {
		return false
	}
	defer index.Close()
	h := newHash(r.algorithm)
	info, err := index.Stat()
	if err != nil || info.Size() < int64(2*h.Size()) {
		return false
	}
	end := make([]byte, 2*h.Size()) // the pack's sum and its own
	if _, err = io.CopyN(h, index, info.Size()-int64(h.Size())); err == nil {
		_, err = index.ReadAt(end, info.Size()-int64(len(end)))
	}
	return err == nil && bytes.Equal(h.Sum(nil), end[h.Size():]) && endsIn(pack, end[:h.Size()])
}

// endsIn tells whether a file ends in some bytes.
func endsIn(path string, end []byte) bool {
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || info.Size() < int64(len(end)) {
		return false
	}
	last := make([]byte, len(end))
	_, err = file.ReadAt(last, info.Size()-int64(len(end)))
	return err == nil && bytes.Equal(last, end)
}

// HasFile tells whether an object has a file of its own, good or not.
func (r *Repo) HasFile(id OID) bool {
	_, err := os.Lstat(r.loosePath(id))
	return err == nil
}

// reindex makes the index of one pack. A failure is one of the pack.
func (in *Incoming) reindex(ctx context.Context, pack, aside string) (changed bool, err error) {
	name := strings.TrimSuffix(filepath.Base(pack), ".pack") + ".idx"
	made, there := filepath.Join(in.dir, name), strings.TrimSuffix(pack, ".pack")+".idx"
	if _, err := in.apart().run(ctx, nil, append(slices.Clone(durable), "index-pack", "-o", made, pack)...); err != nil {
		return false, err
	}
	if _, err := os.Stat(there); err == nil {
		same, err := sameBytes(made, there)
		if err != nil || same {
			return false, err
		}
		if _, err := setAside(in.repo.disk, there, aside, name); err != nil {
			return false, err
		}
	}
	return true, in.move(made, there)
}
