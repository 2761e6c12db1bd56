package gitrepo

import (
	"context"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// Store reads and writes objects. There are two: git's plumbing, for every
// repository, and go-git's, in this process, for ordinary ones. [Repo] is one
// too, and takes of the two for each call the one that is quicker there; see
// docs/adr/0006. They give the same answers and the same faults. A Store is not
// safe for concurrent use.
type Store interface {
	// Algorithm is the hash of object ids, "sha1" or "sha256".
	Algorithm() string
	// Read returns the object with a full id, of at most limit bytes. The
	// faults are ObjectMissing (VM509), ObjectCorrupt (VM510) and
	// ObjectTooLarge (VM517).
	Read(ctx context.Context, id OID, limit int64) (Object, error)
	// ReadMany reads objects in order and calls each with its index. What
	// Read would fail with is passed as the error; each returns an error to
	// stop.
	ReadMany(ctx context.Context, ids []OID, limit int64, each func(i int, o Object, err error) error) error
	// Write stores objects. They are on disk, not in a cache, when it
	// returns nil. The faults are ReadOnly (VM507) and DiskFull (VM508).
	Write(ctx context.Context, objects []Object) error
}

// How many objects are read of packs by a process, and read or written by a call,
// before git is asked: see docs/adr/0006 for when that costs less.
const (
	fewPacked = 32
	fewReads  = 64
	fewWrites = 200
)

// inProcess is the store over the files of objects, nil for a repository that
// only git reads rightly: whose objects have other ids than SHA-1, are in other
// folders too or at a remote, or belong to several users.
func (r *Repo) inProcess() *fileStore {
	if r.files == nil && !r.onlyGit {
		r.onlyGit = !r.ordinaryObjects()
		if !r.onlyGit {
			r.files = newFileStore(r)
		}
	}
	return r.files
}

// Read implements [Store]. What is not found in this process, or not as it should
// be, is git's to say: it may have moved into a pack in between.
func (r *Repo) Read(ctx context.Context, id OID, limit int64) (Object, error) {
	if files := r.inProcess(); files != nil && r.plumbing.objects == nil && files.packedReads < fewPacked {
		if o, err := files.Read(ctx, id, limit); !unsure(err) {
			return o, err
		}
	}
	return r.plumbing.Read(ctx, id, limit)
}

// unsure tells whether git has to be asked too.
func unsure(err error) bool {
	return fault.Has(err, fault.ObjectMissing) || fault.Has(err, fault.ObjectCorrupt)
}

// ReadMany implements [Store].
func (r *Repo) ReadMany(ctx context.Context, ids []OID, limit int64, each func(i int, o Object, err error) error) error {
	if r.inProcess() == nil || r.plumbing.objects != nil || len(ids) > fewReads {
		return r.plumbing.ReadMany(ctx, ids, limit, each)
	}
	for i, id := range ids {
		o, err := r.Read(ctx, id, limit)
		if fault.Has(err, fault.Interrupted) {
			return err
		}
		if err := each(i, o, err); err != nil {
			return err
		}
	}
	return nil
}

// maxWrites is how often objects are written until they are there.
const maxWrites = 5

// Write implements [Store]. The objects are read again before anybody relies on
// them: a git gc beside it may take them for garbage, until a ref names them.
func (r *Repo) Write(ctx context.Context, objects []Object) error {
	var err error
	for tries := 0; tries < maxWrites; tries++ {
		if err = r.writeOnce(ctx, objects); err == nil {
			err = r.confirm(ctx, objects)
		}
		if !fault.Has(err, fault.GitRefused) {
			break
		}
	}
	return err
}

func (r *Repo) writeOnce(ctx context.Context, objects []Object) error {
	if files := r.inProcess(); files != nil && len(objects) <= fewWrites {
		return files.Write(ctx, objects)
	}
	return r.plumbing.Write(ctx, objects)
}

// confirm reads back what was written.
func (r *Repo) confirm(ctx context.Context, objects []Object) error {
	ids := make([]OID, len(objects))
	largest := int64(0)
	for i, o := range objects {
		ids[i] = o.ID
		largest = max(largest, int64(len(o.Data)))
	}
	return r.ReadMany(ctx, ids, largest, func(_ int, _ Object, err error) error {
		if err != nil && !fault.Has(err, fault.Interrupted) {
			return fault.New(fault.GitRefused, "an object that was written is not there").Because(err)
		}
		return err
	})
}

// Peel reads an object, or the one of a type that it leads to: the commit of a
// tag, the tree of a commit. The faults are those of [Store] and ObjectMissing
// (VM509) where it leads to none.
func (r *Repo) Peel(ctx context.Context, id OID, kind string, limit int64) (Object, error) {
	if !isOID(r.algorithm, id) {
		return Object{}, missing(string(id))
	}
	o, err := r.Read(ctx, id, limit)
	if err == nil && o.Type == TypeCommit && kind == TypeTree {
		var c Commit
		if c, err = ParseCommit(r.algorithm, o.Data); err == nil {
			o, err = r.Read(ctx, c.Tree, limit)
		}
	}
	if err == nil && o.Type == kind {
		return o, nil
	}
	return r.plumbing.ask(ctx, string(id)+"^{"+kind+"}", limit)
}

// resolve returns the object that a person's words mean. Words that mean more
// than one object are a fault Ambiguous (VM103).
func (r *Repo) resolve(ctx context.Context, revision string, limit int64) (Object, error) {
	if revision == "" || strings.ContainsAny(revision, "\n\x00") {
		return Object{}, missing(revision)
	}
	return r.plumbing.ask(ctx, revision, limit)
}

// checked compares an object with its id: neither git nor go-git does so when it
// reads.
func checked(algorithm string, o Object) (Object, error) {
	if hashObject(algorithm, o.Type, o.Data) != o.ID {
		return Object{}, fault.New(fault.ObjectCorrupt, "object %s does not have its hash", o.ID.Short())
	}
	return o, nil
}

func missing(name string) error {
	return fault.New(fault.ObjectMissing, "object %.200q is not in this repository", name)
}

func tooLarge(id OID, size, limit int64) error {
	return fault.New(fault.ObjectTooLarge, "object %s has %d bytes, over the limit of %d", id.Short(), size, limit)
}
