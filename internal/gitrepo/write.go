package gitrepo

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// durable makes git write loose objects, packs and refs through to the disk.
// The first two are for git from 2.36 on: one flush for all objects of a
// call, before any of them gets its name. The last is for older versions;
// newer ones pass it over.
var durable = []string{"-c", "core.fsync=all", "-c", "core.fsyncMethod=batch", "-c", "core.fsyncObjectFiles=true"}

// How many objects of a call become files of their own: of large ones as many as git
// itself makes (fetch.unpackLimit). More stay together in the pack in which they come.
const (
	maxLoose      = 1000
	maxLooseLarge = 100
	large         = 1 << 20 // bytes of all of them together
)

// together says whether objects stay in their pack.
func together(objects []Object, pack []byte) bool {
	return len(objects) > maxLoose || len(objects) > maxLooseLarge && len(pack) > large
}

// Write implements [Store]: the objects travel as one pack to
// `git unpack-objects`, or `git index-pack` where they are many: a single
// process whatever their number and types.
func (s *gitStore) Write(ctx context.Context, objects []Object) error {
	if len(objects) == 0 {
		return nil
	}
	pack, err := encodePack(s.repo.algorithm, objects)
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return fault.New(fault.Interrupted, "interrupted")
	}
	in, err := s.repo.NewIncoming()
	if err != nil {
		return err
	}
	defer in.Close()
	if err := in.ownObjects(); err != nil {
		return err
	}
	args := append(slices.Clone(durable), "unpack-objects", "-q")
	if together(objects, pack) {
		args = append(slices.Clone(durable), "index-pack", "--stdin")
	}
	if _, err := in.git().run(ctx, bytes.NewReader(pack), args...); err != nil {
		return s.repo.writeFault(err, "objects cannot be written")
	}
	return in.Keep(ctx)
}

// packTypes are the numbers of object types in a pack (gitformat-pack).
var packTypes = map[string]byte{TypeCommit: 1, TypeTree: 2, TypeBlob: 3, TypeTag: 4}

// encodePack writes objects as a pack, version 2, without deltas (gitformat-pack).
func encodePack(algorithm string, objects []Object) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("PACK")
	b.Write(binary.BigEndian.AppendUint32(nil, 2))
	b.Write(binary.BigEndian.AppendUint32(nil, uint32(len(objects))))
	z, err := zlib.NewWriterLevel(&b, zlib.BestSpeed) // as git writes loose objects: ids do not become shorter
	if err != nil {
		return nil, fault.New(fault.Internal, "zlib").Because(err)
	}
	for _, o := range objects {
		b.Write(packHeader(packTypes[o.Type], uint64(len(o.Data))))
		z.Reset(&b)
		if _, err := z.Write(o.Data); err != nil {
			return nil, fault.New(fault.Internal, "zlib").Because(err)
		}
		if err := z.Close(); err != nil {
			return nil, fault.New(fault.Internal, "zlib").Because(err)
		}
	}
	h := newHash(algorithm)
	h.Write(b.Bytes())
	return h.Sum(b.Bytes()), nil
}

// packHeader is an object's type and size: four bits of the size beside the
// type, then seven a byte, the lowest first.
func packHeader(kind byte, size uint64) []byte {
	head := []byte{kind<<4 | byte(size&15)}
	for size >>= 4; size > 0; size >>= 7 {
		head[len(head)-1] |= 0x80
		head = append(head, byte(size&0x7F))
	}
	return head
}

// writeFault says why git could not write.
func (r *Repo) writeFault(err error, what string) error {
	var f *failure
	if !asFailure(err, &f) {
		return err
	}
	switch {
	case f.says("aborted by hook", "aborted by the reference-transaction hook"): // the second from git 2.54 on
		return fault.New(fault.HookRefused, "%s: a hook refused it", what).Because(errors.New(f.hookWords()))
	case f.says("No space left on device", "Out of diskspace", "Disk quota exceeded", "File too large", "file size limit exceeded", "couldn't write '"): // the last of a ref, without a reason
		return fault.New(fault.DiskFull, "%s: no space is left", what).Because(f)
	case f.says("Permission denied", "Read-only file system", "insufficient permission", "Operation not permitted", "unable to create directory for"):
		return fault.New(fault.ReadOnly, "%s: the repository is read-only", what).With("path", r.CommonDir).Because(f)
	}
	return fault.New(fault.GitRefused, "%s", what).Because(f)
}
