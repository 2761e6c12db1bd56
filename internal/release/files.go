package release

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// PlainName is a name for a file made of words that people chose, with nothing in it
// that a file's name must not have.
func PlainName(words string) string {
	plain := strings.Map(func(r rune) rune {
		if r < 0x80 && strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", r) {
			return r
		}
		return '_'
	}, words)
	return strings.TrimLeft(plain, ".-")
}

// made is an archive that lies in a folder.
type made struct {
	path   string
	digest receipt.Digest
	size   int64
}

// archiveInto makes the archive of a commit twice, the second time beside the first, and
// puts it into a folder. One that is there already is compared and stays. The faults are
// SourceDiffers (VM637), FileInTheWay (VM641), and those of reading and writing.
func (s *source) archiveInto(ctx context.Context, dir, name string) (made, error) {
	m := made{path: filepath.Join(dir, name)}
	if there, err := os.Lstat(m.path); err == nil {
		if !there.Mode().IsRegular() {
			return m, inTheWay(m.path)
		}
		m.digest, m.size, err = s.againstFile(ctx, m.path)
		if fault.Has(err, fault.SourceDiffers) {
			err = inTheWay(m.path)
		}
		return m, err
	}
	err := placed(m.path, func(f *os.File) error {
		if err := s.write(ctx, f); err != nil {
			return err
		}
		if err := f.Sync(); err != nil {
			return err
		}
		_, err := f.Seek(0, io.SeekStart)
		if err == nil {
			m.digest, m.size, err = s.against(ctx, f, m.path)
		}
		return err
	})
	return m, err
}

// againstFile is against of a file.
func (s *source) againstFile(ctx context.Context, path string) (receipt.Digest, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return receipt.Digest{}, 0, fault.New(fault.ReadFailed, "%s cannot be read", path).Because(err)
	}
	defer f.Close()
	return s.against(ctx, f, path)
}

// against makes the archive again and compares it with what a file has, byte for byte.
// The fault of another is SourceDiffers (VM637).
func (s *source) against(ctx context.Context, f io.Reader, path string) (receipt.Digest, int64, error) {
	c := &comparer{from: f}
	digest, size, err := s.sum(ctx, c)
	if err == nil {
		err = c.ended()
	}
	if errors.Is(err, errDiffers) {
		err = fault.New(fault.SourceDiffers, "%s differs from the archive of %s at byte %d", path, s.commit.Short(), c.at).
			With("how", "the same commit gives the same bytes; see whether the disk, or the repository, is damaged:\ngit fsck")
	}
	return digest, size, err
}

// sum makes the archive into nothing but its SHA-256 and size, and another writer.
func (s *source) sum(ctx context.Context, to io.Writer) (receipt.Digest, int64, error) {
	h, n := sha256.New(), new(counter)
	err := s.write(ctx, io.MultiWriter(h, n, to))
	return receipt.Digest(h.Sum(nil)), int64(*n), err
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

var errDiffers = errors.New("the bytes differ")

// comparer compares what is written to it with what can be read.
type comparer struct {
	from io.Reader
	at   int64 // how many bytes were the same
	part []byte
}

func (c *comparer) Write(p []byte) (int, error) {
	if len(c.part) < len(p) {
		c.part = make([]byte, len(p))
	}
	n, err := io.ReadFull(c.from, c.part[:len(p)])
	for i := range n {
		if c.part[i] != p[i] {
			c.at += int64(i)
			return 0, errDiffers
		}
	}
	c.at += int64(n)
	if err != nil {
		return 0, errDiffers
	}
	return len(p), nil
}

// ended is an error unless everything was read.
func (c *comparer) ended() error {
	if n, _ := c.from.Read(make([]byte, 1)); n > 0 {
		return errDiffers
	}
	return nil
}

// put puts small bytes into a folder as a file. The same bytes may be there; others stay
// unless they may be replaced. The fault is FileInTheWay (VM641).
func put(path string, data []byte, replaces func(old []byte) bool) error {
	there, err := os.Lstat(path)
	if err == nil {
		if !there.Mode().IsRegular() || there.Size() > maxProof {
			return inTheWay(path)
		}
		old, err := os.ReadFile(path)
		switch {
		case err != nil:
			return fault.New(fault.ReadFailed, "%s cannot be read", path).Because(err)
		case bytes.Equal(old, data):
			return nil
		case !replaces(old):
			return inTheWay(path)
		}
	}
	return placed(path, func(f *os.File) error {
		if _, err := f.Write(data); err != nil {
			return err
		}
		return f.Sync()
	})
}

func never([]byte) bool { return false }

func inTheWay(path string) error {
	return fault.New(fault.FileInTheWay, "%s is there, and is something else than what is to be there", path)
}

// placed makes a file whole, or leaves none: it is written under another name, and
// renamed. What killed processes left under such names goes then.
func placed(path string, write func(f *os.File) error) error {
	dir, name := filepath.Split(path)
	if err := os.MkdirAll(filepath.Clean(dir), 0o777); err != nil {
		return unwritten(path, err)
	}
	f, err := part(filepath.Clean(dir), name)
	if err != nil {
		return unwritten(path, err)
	}
	defer os.Remove(f.Name())
	err = write(f)
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = renamed(f.Name(), path)
	}
	var coded *fault.Error
	if err != nil && !errors.As(err, &coded) {
		return unwritten(path, err)
	}
	return err
}

// part makes a file that nobody else writes, with the mode that the user's files have.
// Its name never comes again: who takes it for one that was left removes no other.
func part(dir, name string) (*os.File, error) {
	path := filepath.Join(dir, "."+name+"."+rand.Text()+".part")
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
}

// renamed gives a file its name. Who was quicker with the same file has removed it.
func renamed(part, path string) error {
	err := os.Rename(part, path)
	if errors.Is(err, fs.ErrNotExist) {
		if there, statErr := os.Lstat(path); statErr == nil && there.Mode().IsRegular() {
			return nil
		}
	}
	if err != nil {
		return err
	}
	dir, name := filepath.Split(path)
	left, _ := os.ReadDir(filepath.Clean(dir))
	for _, other := range left {
		if strings.HasPrefix(other.Name(), "."+name+".") && strings.HasSuffix(other.Name(), ".part") {
			_ = os.Remove(filepath.Join(dir, other.Name()))
		}
	}
	return nil
}

func unwritten(path string, err error) error {
	return fault.New(fault.WriteFailed, "%s cannot be written", path).Because(errors.New(err.Error()))
}
