package gitrepo

import (
	"bufio"
	"context"
	"encoding/hex"
	"io"
	"strconv"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// Pour reads blobs in order, as they come and however large they are, and calls each
// with a blob's size and its bytes. Whether these were the blob's shows only when all
// are read, so that nothing that is made of them counts before Pour returns nil. The
// faults are ObjectMissing (VM509), ObjectCorrupt (VM510), which an object that is no
// blob is too, Interrupted (VM902), and what each returns.
func (r *Repo) Pour(ctx context.Context, ids []OID, each func(i int, size int64, data io.Reader) error) error {
	c, err := r.git.startCatFile("--batch", "--buffer")
	if err != nil {
		return err
	}
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		ask(c, ids...) // when the process is gone, the reading side says why
		c.in.Close()
	}()
	calledOff := context.AfterFunc(ctx, func() { c.cmd.Process.Kill() })
	defer func() {
		calledOff()
		c.stop()
		<-asked
	}()
	for i, id := range ids {
		err := r.pourOne(c, id, func(size int64, data io.Reader) error { return each(i, size, data) })
		if ctx.Err() != nil {
			return fault.New(fault.Interrupted, "interrupted")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// pourOne reads one answer: "<id> blob <size>", the bytes, a newline.
func (r *Repo) pourOne(c *catFile, id OID, each func(size int64, data io.Reader) error) error {
	line, err := c.out.ReadString('\n')
	words := strings.Fields(line)
	switch {
	case err != nil:
		return c.died(string(id))
	case len(words) != 3 || words[0] != string(id):
		return (&gitStore{repo: r}).absent(string(id))
	case words[1] != TypeBlob:
		return fault.New(fault.ObjectCorrupt, "object %s is a %s where a file is wanted", id.Short(), words[1])
	}
	size, err := strconv.ParseInt(words[2], 10, 64)
	if err != nil {
		return fault.New(fault.ObjectCorrupt, "object %s has no size", id.Short())
	}
	h := newHash(r.algorithm)
	io.WriteString(h, TypeBlob+" "+words[2]+"\x00")
	data := io.TeeReader(io.LimitReader(c.out, size), h)
	if err := each(size, data); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, data); err != nil {
		return fault.New(fault.ObjectCorrupt, "object %s cannot be read", id.Short()).Because(err)
	}
	return endOf(c.out, id, hex.EncodeToString(h.Sum(nil)))
}

// endOf reads the newline behind an answer, and compares what came with its id.
func endOf(out *bufio.Reader, id OID, sum string) error {
	if end, err := out.ReadByte(); err != nil || end != '\n' {
		return fault.New(fault.ObjectCorrupt, "object %s ends before its size", id.Short())
	}
	if sum != string(id) {
		return fault.New(fault.ObjectCorrupt, "object %s does not have its hash", id.Short())
	}
	return nil
}
