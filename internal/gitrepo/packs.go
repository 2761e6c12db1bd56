package gitrepo

import (
	"bytes"
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
const maxPacks = 60

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
		one.looked = 0
		o, err := one.objects.Get(hash)
		if errors.Is(err, plumbing.ErrObjectNotFound) {
			continue
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

// The limits of what is read for one object: git makes no chain of deltas as long,
// and no object of a ledger is a difference from one so large.
const (
	maxLookups = 4096
	maxBase    = 64 << 20
	maxCache   = 1 << 20
)

// guard is asked about every part that an object is put together from, before it
// is read: parts that lead to each other, or to one of a gigabyte.
func (p *pack) guard(offset int64) error {
	if p.looked++; p.looked > maxLookups {
		return errors.New("it is put together from too many parts")
	}
	head := make([]byte, 10)
	n, err := p.data.ReadAt(head, offset)
	if err != nil && (err != io.EOF || n == 0) {
		return err
	}
	size, shift := uint64(0), 0
	for i, b := range head[:n] {
		if i == 0 {
			size, shift = uint64(b&15), 4
		} else {
			size, shift = size|uint64(b&0x7f)<<shift, shift+7
		}
		if b&0x80 == 0 {
			break
		}
	}
	if size > maxBase && p.looked > 1 { // the first is the object itself, which has a limit
		return fault.New(fault.ObjectTooLarge, "it is the difference from a large object")
	}
	return nil
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
