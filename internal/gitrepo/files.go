package gitrepo

import (
	"compress/zlib"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/objfile"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// fileStore is a [Store] that reads and writes the files of objects in this
// process, by go-git's code for packs and for objects with a file of their own. It
// is for repositories whose objects are all in one folder and have SHA-1 ids.
// What it does not find may have moved into a new pack while it looked, so somebody
// else has to say that it is missing.
type fileStore struct {
	repo  *Repo
	packs *packs // nil until one is needed

	packedReads int // how many objects were looked for in them
}

// newFileStore is a store over the files of a repository.
func newFileStore(r *Repo) *fileStore { return &fileStore{repo: r} }

// Close releases what is open.
func (f *fileStore) Close() {
	if f.packs != nil {
		f.packs.Close()
	}
}

// Algorithm implements [Store].
func (f *fileStore) Algorithm() string { return "sha1" }

// Read implements [Store].
func (f *fileStore) Read(ctx context.Context, id OID, limit int64) (Object, error) {
	if ctx.Err() != nil {
		return Object{}, fault.New(fault.Interrupted, "interrupted")
	}
	if !isOID(f.Algorithm(), id) {
		return Object{}, missing(string(id))
	}
	o, err := f.loose(id, limit)
	if err != nil { // a file that is damaged may say any size
		if other, packedErr := f.packed(id, limit); !fault.Has(packedErr, fault.ObjectMissing) {
			o, err = other, packedErr
		}
	}
	if err != nil {
		return Object{}, err
	}
	return checked(f.Algorithm(), o)
}

// ReadMany implements [Store].
func (f *fileStore) ReadMany(ctx context.Context, ids []OID, limit int64, each func(i int, o Object, err error) error) error {
	for i, id := range ids {
		o, err := f.Read(ctx, id, limit)
		if fault.Has(err, fault.Interrupted) {
			return err
		}
		if err := each(i, o, err); err != nil {
			return err
		}
	}
	return nil
}

// maxHeader is more than an object's type and size are long.
const maxHeader = 32

// loose reads an object that has a file of its own: zlib of "type size\0" and
// the bytes (gitformat-loose). go-git's reader would take any length.
func (f *fileStore) loose(id OID, limit int64) (Object, error) {
	file, err := os.Open(filepath.Join(f.repo.CommonDir, "objects", string(id[:2]), string(id[2:])))
	if errors.Is(err, fs.ErrNotExist) {
		return Object{}, missing(string(id))
	}
	if err != nil {
		return Object{}, damaged(id, err)
	}
	defer file.Close()
	z, err := zlib.NewReader(file)
	if err != nil {
		return Object{}, damaged(id, err)
	}
	kind, size, rest, err := looseHeader(z)
	if err != nil {
		return Object{}, damaged(id, err)
	}
	if size > limit {
		return Object{}, tooLarge(id, size, limit)
	}
	return readObject(id, kind, size, io.MultiReader(strings.NewReader(rest), z))
}

// looseHeader reads what stands in front of an object's bytes, and returns the
// bytes that it read too much.
func looseHeader(r io.Reader) (kind string, size int64, rest string, err error) {
	head := make([]byte, maxHeader)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return "", 0, "", err
	}
	header, rest, whole := strings.Cut(string(head[:n]), "\x00")
	kind, digits, two := strings.Cut(header, " ")
	size, err = strconv.ParseInt(digits, 10, 64)
	if !whole || !two || err != nil || size < 0 || packTypes[kind] == 0 {
		return "", 0, "", errors.New("it does not begin as an object")
	}
	return kind, size, rest, nil
}

// packed reads an object of a pack.
func (f *fileStore) packed(id OID, limit int64) (Object, error) {
	if f.packs == nil {
		f.packs = openPacks(filepath.Join(f.repo.CommonDir, "objects", "pack"))
	}
	f.packedReads++
	return f.packs.read(id, limit)
}

// readObject reads an object's bytes, which must be as many as were said.
func readObject(id OID, kind string, size int64, r io.Reader) (Object, error) {
	data := make([]byte, size)
	if _, err := io.ReadFull(r, data); err != nil {
		return Object{}, damaged(id, err)
	}
	// Only at its end does zlib compare its sum.
	if n, err := io.ReadFull(r, make([]byte, 1)); n != 0 || err != io.EOF {
		return Object{}, damaged(id, errors.New("it does not end where it should"))
	}
	return Object{ID: id, Type: kind, Data: data}, nil
}

func damaged(id OID, err error) error {
	return fault.New(fault.ObjectCorrupt, "object %s cannot be read", id.Short()).Because(err)
}

// Write implements [Store]: each object becomes a file, and all are flushed at
// the same time, which costs the disk little more than one.
func (f *fileStore) Write(ctx context.Context, objects []Object) error {
	if len(objects) == 0 {
		return nil
	}
	if ctx.Err() != nil {
		return fault.New(fault.Interrupted, "interrupted")
	}
	in, err := f.repo.NewIncoming()
	if err != nil {
		return err
	}
	defer in.Close()
	if err := in.writeLooseAll(objects); err != nil {
		return err
	}
	return in.Keep(ctx)
}

// writeLooseAll writes each object as a file, and flushes some hundred at the same time.
func (in *Incoming) writeLooseAll(objects []Object) error {
	written := make(map[OID]bool)
	for some := range slices.Chunk(objects, fewWrites) {
		faults := make([]error, len(some))
		var flushed sync.WaitGroup
		for i, o := range some {
			if written[o.ID] {
				continue
			}
			written[o.ID] = true
			var file diskFile
			if file, faults[i] = in.writeLoose(o); faults[i] != nil {
				break
			}
			flushed.Go(func() { faults[i] = errors.Join(file.Sync(), file.Close()) })
		}
		flushed.Wait()
		if err := errors.Join(faults...); err != nil {
			return diskFault(err, "objects cannot be written", in.repo.CommonDir)
		}
	}
	return nil
}

// writeLoose writes an object as a file, which has still to be flushed and closed.
func (in *Incoming) writeLoose(o Object) (diskFile, error) {
	kind, err := plumbing.ParseObjectType(o.Type)
	if err != nil {
		return nil, fault.New(fault.Internal, "%.20q is no type of an object", o.Type).Because(err)
	}
	file, err := in.repo.disk.create(filepath.Join(in.dir, string(o.ID)))
	if err != nil {
		return nil, err
	}
	w := objfile.NewWriter(file)
	err = w.WriteHeader(kind, int64(len(o.Data)))
	if err == nil {
		_, err = w.Write(o.Data)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		file.Close()
		return nil, err
	}
	in.loose = append(in.loose, o.ID)
	return file, nil
}
