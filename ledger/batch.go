package ledger

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Batch is any number of additions that become one commit. Their bytes go to git
// as they come, and where each belongs waits in a file, so that memory does not
// grow with them. Until [Batch.Append] none of it is the repository's.
type Batch struct {
	Receipts int // that were added, equal ones counted each

	ledger   receipt.ID
	repo     *gitrepo.Repo
	incoming *gitrepo.Incoming
	blobs    *gitrepo.Import // stores the bytes meanwhile; nil once it has the commit too
	places   *os.File        // lines that say where they belong
	out      *bufio.Writer
}

// NewBatch begins a batch for the ledger, which is of repo. Close it after use.
// The faults are those of [Ledger.Genesis], ReadOnly (VM507) and DiskFull (VM508).
func (l *Ledger) NewBatch(ctx context.Context, repo *gitrepo.Repo) (*Batch, error) {
	genesis, err := l.Genesis(ctx)
	if err != nil {
		return nil, err
	}
	incoming, err := repo.NewIncoming()
	if err != nil {
		return nil, err
	}
	b := &Batch{ledger: genesis.ID, repo: repo, incoming: incoming}
	if b.places, err = os.Create(filepath.Join(incoming.Dir(), "places")); err != nil {
		err = fault.New(fault.ReadOnly, "the batch has no place to wait").With("path", incoming.Dir()).Because(err)
	} else if b.blobs, err = incoming.Import(ctx); err == nil {
		b.out = bufio.NewWriterSize(b.places, 1<<20)
		return b, nil
	}
	b.Close()
	return nil, err
}

// Close removes what the batch left behind.
func (b *Batch) Close() {
	if b.blobs != nil {
		b.blobs.Stop()
	}
	if b.places != nil {
		b.places.Close()
	}
	b.incoming.Close()
}

// Add adds a receipt, recorded at that time, and what lies beside it. Whether a
// reader would take it is seen when all of it is read back. The faults are TooLarge
// (VM202), DiskFull (VM508) and ReadOnly (VM507).
func (b *Batch) Add(add Addition, recordedAt receipt.Time) error {
	if _, err := add.stored(); err != nil {
		return err
	}
	folder := Path(receipt.Sum(add.Receipt), recordedAt)
	b.Receipts++
	for _, f := range add.files() {
		if err := b.put(folder+"/"+f.name, f.data); err != nil {
			return err
		}
	}
	return nil
}

// put gives git a file's bytes, and remembers its place, both as git fast-import
// reads them.
func (b *Batch) put(path string, data []byte) error {
	if _, err := fmt.Fprintf(b.blobs, "blob\ndata %d\n%s\n", len(data), data); err != nil {
		return err
	}
	blob := gitrepo.NewObject(b.repo.Algorithm(), gitrepo.TypeBlob, data)
	if _, err := fmt.Fprintf(b.out, "M %s %s %s\n", gitrepo.ModeFile, blob.ID, path); err != nil {
		return fault.New(fault.DiskFull, "the batch cannot be kept until it is whole").Because(err)
	}
	return nil
}

// Append commits the batch on top of the ledger at ref, wherever that is by
// now. The commit is judged before anything of it moves into the repository. The
// faults are those of [Update], and OtherLedger (VM516) when the ref has become
// another ledger's.
func (b *Batch) Append(ctx context.Context, ref string, change Change) (Result, error) {
	if err := b.out.Flush(); err != nil {
		return Result{}, fault.New(fault.DiskFull, "the batch cannot be kept until it is whole").Because(err)
	}
	defer b.repo.Queue(ctx)()
	for races := 0; ; races++ {
		result, err := b.try(ctx, ref, change)
		if err == nil || races == maxRaces || !fault.Has(err, fault.LostRace) && !fault.Has(err, fault.RefLocked) {
			return result, err
		}
		if err := pause(ctx, races); err != nil {
			return Result{}, err
		}
	}
}

func (b *Batch) try(ctx context.Context, ref string, change Change) (Result, error) {
	l, err := Open(ctx, b.repo, ref)
	if err != nil {
		return Result{}, err
	}
	l.Pin(b.ledger)
	if _, err := l.Genesis(ctx); err != nil {
		return Result{}, fault.New(fault.OtherLedger, "%s has become another ledger", ref).Because(err)
	}
	head, err := b.commit(ctx, l.Head, change)
	if err != nil {
		return Result{}, err
	}
	added, err := b.judge(ctx, l, head)
	if err != nil || added == 0 {
		return Result{Head: l.Head}, err
	}
	if err := b.incoming.Keep(ctx); err != nil {
		return Result{}, err
	}
	if err := b.repo.UpdateRef(ctx, ref, head, l.Head); err != nil {
		return Result{}, err
	}
	return Result{Head: head, Parent: l.Head, Added: added}, nil
}

// commit has git make the commit, with the blobs that it has.
func (b *Batch) commit(ctx context.Context, parent gitrepo.OID, change Change) (gitrepo.OID, error) {
	git := b.blobs
	b.blobs = nil
	if git == nil { // the ledger has moved since the first commit
		var err error
		if git, err = b.incoming.Import(ctx); err != nil {
			return "", err
		}
	}
	_, err := fmt.Fprintf(git, "commit %s\nauthor %s\ncommitter %s\ndata %d\n%s\nfrom %s\n", gitrepo.IncomingRef, change.Author, change.Committer, len(change.Message), change.Message, parent)
	if err != nil {
		return "", err
	}
	if _, err = b.places.Seek(0, io.SeekStart); err == nil {
		_, err = io.Copy(git, b.places)
	}
	var f *fault.Error
	if err != nil && !errors.As(err, &f) {
		git.Stop()
		return "", fault.New(fault.Internal, "the batch cannot be read again").Because(err)
	}
	if err != nil {
		return "", err
	}
	return git.Finish()
}

// judge reads what a commit that came in has more than the ledger, and counts the
// receipts.
func (b *Batch) judge(ctx context.Context, l *Ledger, head gitrepo.OID) (added int, err error) {
	store := b.incoming.Store()
	defer store.Close()
	next, err := OpenCommit(ctx, store, l.Ref, head)
	if err != nil {
		return 0, err
	}
	grown, err := next.Grown(ctx, l, Visitor{
		Entry: func(e *Entry) error {
			wrong, err := e.FileProblems(ctx, next)
			if err == nil && (len(wrong) > 0 || !e.Holds(b.ledger)) {
				err = badTree(e.Path, "does not hold as git has it")
			}
			added++
			return err
		},
		Problem: func(p Problem) error { return p.Err },
	})
	if err == nil && !grown {
		err = badTree("", "lost something in the batch")
	}
	return added, err
}
