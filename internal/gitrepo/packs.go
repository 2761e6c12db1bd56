package gitrepo

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// packs are the packs of a repository, as they were when they were first needed.
type packs struct {
	files billy.Filesystem // objects/pack
	all   []*pack
}

// maxPacks is how many packs are looked into, each with two open files. Where there
// are more, which git gc would put together, none is.
const maxPacks = 20

// openPacks opens the packs in a folder. One that cannot be opened is passed over:
// what it has is not found, and git is asked.
func openPacks(dir string) *packs {
	p := &packs{files: osfs.New(dir)}
	found, err := os.ReadDir(dir)
	if err != nil {
		return p
	}
	found = slices.DeleteFunc(found, func(f fs.DirEntry) bool {
		return !strings.HasPrefix(f.Name(), "pack-") || !strings.HasSuffix(f.Name(), ".idx") || !f.Type().IsRegular()
	})
	if len(found) > maxPacks {
		return p
	}
	for _, f := range found {
		if one, err := p.open(strings.TrimSuffix(f.Name(), ".idx")); err == nil {
			p.all = append(p.all, one)
		}
	}
	return p
}

func (p *packs) open(name string) (*pack, error) {
	index, err := os.Open(filepath.Join(p.files.Root(), name+".idx"))
	if err != nil {
		return nil, err
	}
	one := &pack{index: index}
	err = one.check()
	if err == nil {
		one.data, err = p.files.Open(name + ".pack")
	}
	if err != nil {
		index.Close()
		return nil, err
	}
	// The threshold makes go-git read large objects only as they are asked for.
	one.objects = packfile.NewPackfileWithCache(one, p.files, one.data, cache.NewObjectLRU(maxCache), 1)
	return one, nil
}

// Close closes their files.
func (p *packs) Close() {
	for _, one := range p.all {
		one.index.Close()
		one.data.Close()
	}
}

// read reads an object of at most limit bytes. The faults are those of [Store]; what
// makes go-git panic is damaged.
func (p *packs) read(id OID, limit int64) (o Object, err error) {
	defer func() {
		if r := recover(); r != nil {
			o, err = Object{}, damaged(id, fmt.Errorf("%v", r))
		}
	}()
	hash := plumbing.NewHash(string(id))
	for _, one := range p.all {
		one.looked, one.parts = 0, 0
		o, err := one.objects.Get(hash)
		if errors.Is(err, plumbing.ErrObjectNotFound) {
			continue
		}
		if errors.Is(err, errPartTooLarge) {
			return Object{}, fault.New(fault.ObjectTooLarge, "object %s is put together from parts over the limit of %d bytes", id.Short(), maxPart)
		}
		if err != nil {
			return Object{}, damaged(id, err)
		}
		if o.Size() > limit {
			return Object{}, tooLarge(id, o.Size(), limit)
		}
		r, err := o.Reader()
		if err != nil {
			return Object{}, damaged(id, err)
		}
		defer r.Close()
		return readObject(id, o.Type().String(), o.Size(), r)
	}
	return Object{}, missing(string(id))
}

// pack is one pack. It is go-git's idxfile.Index too, which finds objects by
// looking into the index file (version 2 of gitformat-pack): go-git's own reads it
// whole, which takes longer the more there is, and longer than asking git does.
type pack struct {
	index   *os.File
	data    billy.File
	objects *packfile.Packfile
	count   int64 // objects
	looked  int   // lookups for the object that is being read
	parts   int64 // the sizes of what was looked up for it
}

const (
	indexFanout = 8 // after magic and version
	indexNames  = indexFanout + 256*4
)

// check reads the head of the index.
func (p *pack) check() error {
	head := make([]byte, indexNames)
	if _, err := p.index.ReadAt(head, 0); err != nil {
		return err
	}
	if !bytes.HasPrefix(head, []byte("\xfftOc\x00\x00\x00\x02")) {
		return errors.New("the index is not of version 2")
	}
	p.count = int64(binary.BigEndian.Uint32(head[indexNames-4:]))
	info, err := p.index.Stat()
	if err == nil && info.Size() < indexNames+p.count*(20+4+4)+2*20 {
		err = io.ErrUnexpectedEOF
	}
	return err
}

func (p *pack) uint32At(at int64) (int64, error) {
	var four [4]byte
	_, err := p.index.ReadAt(four[:], at)
	return int64(binary.BigEndian.Uint32(four[:])), err
}

// FindOffset implements idxfile.Index.
func (p *pack) FindOffset(h plumbing.Hash) (int64, error) {
	at, err := p.find(h)
	if err != nil {
		return 0, err
	}
	offsets := indexNames + p.count*(20+4)
	offset, err := p.uint32At(offsets + at*4)
	if err == nil && offset&(1<<31) != 0 { // of a large pack: a place in another table
		var eight [8]byte
		_, err = p.index.ReadAt(eight[:], offsets+p.count*4+(offset&(1<<31-1))*8)
		offset = int64(binary.BigEndian.Uint64(eight[:]))
	}
	if err != nil {
		return 0, err
	}
	return offset, p.guard(offset)
}

// find is where in the index an object stands.
func (p *pack) find(h plumbing.Hash) (int64, error) {
	low, high := int64(0), int64(0)
	var err error
	if h[0] > 0 {
		low, err = p.uint32At(indexFanout + 4*int64(h[0]-1))
	}
	if err == nil {
		high, err = p.uint32At(indexFanout + 4*int64(h[0]))
	}
	if err != nil {
		return 0, err
	}
	if high > p.count {
		return 0, errors.New("the index contradicts itself")
	}
	var name plumbing.Hash
	for low < high {
		middle := (low + high) / 2
		if _, err := p.index.ReadAt(name[:], indexNames+middle*20); err != nil {
			return 0, err
		}
		switch bytes.Compare(h[:], name[:]) {
		case 0:
			return middle, nil
		case -1:
			high = middle
		default:
			low = middle + 1
		}
	}
	return 0, plumbing.ErrObjectNotFound
}

// The limits of what is read for one object: git makes no chain of differences as
// long; no part of an honest ledger's object is as large; and where parts together
// are, they are git's to put together.
const (
	maxLookups = 4096
	maxPart    = 16 << 20
	maxParts   = 64 << 20
	maxCache   = 1 << 20
)

// errPartTooLarge is of an object with a part over the limit.
var errPartTooLarge = errors.New("it has a part that is too large")

// guard is asked about every part that an object is put together from, before it
// is read: parts that lead to each other, and small ones that become large.
func (p *pack) guard(offset int64) error {
	p.looked++
	stored, result, err := p.sizes(offset)
	if err != nil {
		return err
	}
	p.parts += stored + result
	switch {
	case stored > maxPart || result > maxPart:
		return errPartTooLarge
	case p.looked > maxLookups || p.parts > maxParts:
		return errors.New("it is put together from too many parts")
	}
	return nil
}

// sizes are those of a part as it is stored, and of what a difference results in,
// which stands at the head of its bytes (gitformat-pack).
func (p *pack) sizes(offset int64) (stored, result int64, err error) {
	head := bufio.NewReaderSize(io.NewSectionReader(p.data, offset, 1<<62-offset), 512)
	first, err := head.ReadByte()
	if err != nil {
		return 0, 0, err
	}
	stored = int64(first & 15)
	if first&0x80 != 0 {
		rest, err := binary.ReadUvarint(head)
		if err != nil || rest > 1<<50 {
			return 0, 0, errPartTooLarge
		}
		stored |= int64(rest) << 4
	}
	switch first >> 4 & 7 {
	case 6: // from a part that lies so much before it
		for more := byte(0x80); more&0x80 != 0 && err == nil; {
			more, err = head.ReadByte()
		}
	case 7: // from an object of that id
		_, err = head.Discard(20)
	default:
		return stored, 0, nil
	}
	if err != nil {
		return 0, 0, err
	}
	z, err := zlib.NewReader(head)
	if err != nil {
		return 0, 0, err
	}
	delta := bufio.NewReaderSize(io.LimitReader(z, 32), 32)
	_, err = binary.ReadUvarint(delta)
	size, sizeErr := binary.ReadUvarint(delta)
	if err = errors.Join(err, sizeErr); err == nil && size > 1<<50 {
		err = errPartTooLarge
	}
	return stored, int64(size), err
}

// FindHash implements idxfile.Index. go-git asks for it before it reads what an
// object is the difference from, as the name under which it would keep that.
func (p *pack) FindHash(offset int64) (plumbing.Hash, error) {
	var name plumbing.Hash
	binary.BigEndian.PutUint64(name[:], uint64(offset))
	return name, p.guard(offset)
}

// Contains implements idxfile.Index.
func (p *pack) Contains(h plumbing.Hash) (bool, error) {
	_, err := p.find(h)
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return false, nil
	}
	return err == nil, err
}

// Count implements idxfile.Index.
func (p *pack) Count() (int64, error) { return p.count, nil }

// FindCRC32 implements idxfile.Index; nothing that is read here asks for it.
func (p *pack) FindCRC32(plumbing.Hash) (uint32, error) { return 0, fs.ErrInvalid }

// Entries implements idxfile.Index; nothing that is read here asks for them.
func (p *pack) Entries() (idxfile.EntryIter, error) { return nil, fs.ErrInvalid }

// EntriesByOffset implements idxfile.Index; nothing that is read here asks for them.
func (p *pack) EntriesByOffset() (idxfile.EntryIter, error) { return nil, fs.ErrInvalid }
