package verify

import (
	"runtime"
	"sync"

	"github.com/VaultSovereign/git-vaultmesh/internal/trust"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
)

// jury judges signatures on all cores, while the next receipts are read. What it
// finds is told in the order in which receipts were brought to it.
type jury struct {
	court   *court
	told    func(*brief) error // called by who brings, never at once
	work    chan *brief
	waiting []*brief
	bytes   int // of what waits
	members sync.WaitGroup
}

// brief is a receipt before a jury.
type brief struct {
	entry   *ledger.Entry
	folder  trust.Folder
	finding trust.Finding
	size    int
	done    chan struct{}
}

// The bounds of what waits: receipts, and bytes of their files.
const (
	maxBriefs     = 1024
	maxBriefBytes = 32 << 20
)

// newJury calls a jury together. Dismiss it after use.
func newJury(c *court, told func(*brief) error) *jury {
	j := &jury{court: c, told: told, work: make(chan *brief, maxBriefs)}
	for range runtime.GOMAXPROCS(0) {
		j.members.Go(func() {
			for b := range j.work {
				b.finding = c.chain.Judge(b.folder, c.terms.Now)
				close(b.done)
			}
		})
	}
	return j
}

// bring has a receipt judged. The error is one of telling about those before.
func (j *jury) bring(e *ledger.Entry, f trust.Folder) error {
	b := &brief{entry: e, folder: f, size: len(f.Raw), done: make(chan struct{})}
	for _, files := range [][]trust.File{f.Signatures, f.Tokens} {
		for _, file := range files {
			b.size += len(file.Data)
		}
	}
	j.waiting, j.bytes = append(j.waiting, b), j.bytes+b.size
	j.work <- b
	for len(j.waiting) >= maxBriefs || j.bytes > maxBriefBytes {
		if err := j.tell(); err != nil {
			return err
		}
	}
	return nil
}

// tell waits for the first that was brought, and tells what was found.
func (j *jury) tell() error {
	b := j.waiting[0]
	<-b.done
	j.waiting[0] = nil
	j.waiting, j.bytes = j.waiting[1:], j.bytes-b.size
	return j.told(b)
}

// conclude tells about all that were brought.
func (j *jury) conclude() error {
	for len(j.waiting) > 0 {
		if err := j.tell(); err != nil {
			return err
		}
	}
	return nil
}

// dismiss ends the jury, whatever still waits.
func (j *jury) dismiss() {
	close(j.work)
	j.members.Wait()
}
