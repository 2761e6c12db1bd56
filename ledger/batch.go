package ledger

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Batch is any number of additions that become one commit. They wait in a file,
// so that memory does not grow with them, and git gets nothing until the last
// of them is known to be good.
type Batch struct {
	Receipts int // that were added, equal ones counted each

	ledger receipt.ID
	file   *os.File
	out    *bufio.Writer
}

// batchRef is where a batch is built, followed by a name of its own.
const batchRef = "refs/vaultmesh-batch/"

// NewBatch begins a batch for the ledger, with its file in a folder. Close it
// after use. The faults are those of [Ledger.Genesis], and ReadOnly (VM507)
// where there can be no file.
func (l *Ledger) NewBatch(ctx context.Context, dir string) (*Batch, error) {
	genesis, err := l.Genesis(ctx)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fault.New(fault.ReadOnly, "the batch has no place to wait").With("path", dir).Because(err)
	}
	f, err := os.CreateTemp(dir, "batch-*")
	if err != nil {
		return nil, fault.New(fault.ReadOnly, "the batch has no place to wait").With("path", dir).Because(err)
	}
	return &Batch{ledger: genesis.ID, file: f, out: bufio.NewWriterSize(f, 1<<20)}, nil
}

// Close removes what the batch left behind.
func (b *Batch) Close() {
	b.file.Close()
	os.Remove(b.file.Name())
}

// Add adds a receipt and what lies beside it. The faults are those of a receipt
// that cannot be read, BadField (VM201), TooLarge (VM502) and DiskFull (VM508).
func (b *Batch) Add(add Addition) error {
	folder, err := add.folder(b.ledger)
	if err != nil {
		return err
	}
	b.Receipts++
	err = b.put(folder+"/"+receiptName, add.Receipt)
	for _, data := range add.Evidence {
		err = errors.Join(err, b.put(folder+"/"+evidenceName(receipt.Sum(data)), data))
	}
	if err != nil {
		return fault.New(fault.DiskFull, "the batch cannot be kept until it is whole").Because(err)
	}
	return nil
}

// put writes a file as git fast-import reads it.
func (b *Batch) put(path string, data []byte) error {
	_, err := fmt.Fprintf(b.out, "M %s inline %s\ndata %d\n%s\n", gitrepo.ModeFile, path, len(data), data)
	return err
}

// Append commits the batch on top of the ledger at ref, wherever that is by
// now. It is built below a ref of its own, judged, and becomes the ledger's head
// in the transaction that removes that ref. The faults are those of [Update],
// and OtherLedger (VM516) when the ref has become another ledger's.
func (b *Batch) Append(ctx context.Context, repo *gitrepo.Repo, ref string, change Change) (Result, error) {
	if err := b.out.Flush(); err != nil {
		return Result{}, fault.New(fault.DiskFull, "the batch cannot be kept until it is whole").Because(err)
	}
	for races := 0; ; races++ {
		result, err := b.try(ctx, repo, ref, change)
		if err == nil || races == maxRaces || !fault.Has(err, fault.LostRace) && !fault.Has(err, fault.RefLocked) {
			return result, err
		}
		if err := pause(ctx, races); err != nil {
			return Result{}, err
		}
	}
}

func (b *Batch) try(ctx context.Context, repo *gitrepo.Repo, ref string, change Change) (result Result, err error) {
	l, err := Open(ctx, repo, ref)
	if err != nil {
		return Result{}, err
	}
	l.Pin(b.ledger)
	if _, err := l.Genesis(ctx); err != nil {
		return Result{}, fault.New(fault.OtherLedger, "%s has become another ledger", ref).Because(err)
	}
	name := make([]byte, 8)
	rand.Read(name)
	temporary := batchRef + hex.EncodeToString(name)
	built := gitrepo.OID("")
	defer func() {
		if built != "" { // the work is not lost with ctx, and neither is the broom
			err = errors.Join(err, repo.DeleteRef(context.WithoutCancel(ctx), temporary, built))
		}
	}()
	built, err = repo.FastImport(ctx, temporary, func(w io.Writer) error { return b.stream(w, temporary, l.Head, change) })
	if err != nil {
		return Result{}, err
	}
	added, err := b.judge(ctx, l, built)
	if err != nil || added == 0 {
		return Result{Head: l.Head}, err
	}
	if err := repo.MoveRef(ctx, temporary, ref, built, l.Head); err != nil {
		return Result{}, err
	}
	head := built
	built = ""
	return Result{Head: head, Added: added}, nil
}

// stream is the batch as one commit, as git fast-import reads it.
func (b *Batch) stream(w io.Writer, ref string, parent gitrepo.OID, change Change) error {
	if _, err := b.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "commit %s\nauthor %s\ncommitter %s\ndata %d\n%s\nfrom %s\n", ref, change.Author, change.Committer, len(change.Message), change.Message, parent)
	if err == nil {
		_, err = io.Copy(w, b.file)
	}
	return err
}

// judge reads what a commit has more than the ledger, and counts the receipts.
func (b *Batch) judge(ctx context.Context, l *Ledger, head gitrepo.OID) (added int, err error) {
	next, err := l.At(ctx, head)
	if err != nil {
		return 0, err
	}
	grown, err := next.Grown(ctx, l, Visitor{
		Entry: func(e *Entry) error {
			if !e.Holds(b.ledger) {
				return badTree(e.Path, "does not hold as git wrote it")
			}
			added++
			return nil
		},
		Problem: func(p Problem) error { return p.Err },
	})
	if err == nil && !grown {
		err = badTree("", "lost something in the batch")
	}
	return added, err
}
