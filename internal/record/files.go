package record

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// HashFile is the SHA-256 and the size of a regular file. working is called
// now and then, since a file may be large. The faults are NoFile (VM106),
// NotAFile (VM107), ReadFailed (VM114) and Interrupted (VM902).
func HashFile(ctx context.Context, path string, working func()) (receipt.Digest, int64, error) {
	f, err := openRegular(path)
	if err != nil {
		return receipt.Digest{}, 0, err
	}
	defer f.Close()
	h, total, part := sha256.New(), int64(0), make([]byte, 1<<20)
	for {
		n, err := f.Read(part)
		h.Write(part[:n])
		total += int64(n)
		working()
		switch {
		case ctx.Err() != nil:
			return receipt.Digest{}, 0, fault.New(fault.Interrupted, "interrupted")
		case err == io.EOF:
			return receipt.Digest(h.Sum(nil)), total, nil
		case err != nil:
			return receipt.Digest{}, 0, fault.New(fault.ReadFailed, "%s cannot be read", path).Because(err)
		}
	}
}

// openRegular opens a file, and nothing that is none: not a folder, a device
// or a pipe that would never end.
func openRegular(path string) (*os.File, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fault.New(fault.NoFile, "%s does not exist", path)
	case err != nil:
		return nil, fault.New(fault.ReadFailed, "%s cannot be read", path).Because(err)
	case !info.Mode().IsRegular():
		name := filepath.Base(path)
		return nil, fault.New(fault.NotAFile, "%s is not a regular file", path).With("path", path).With("name", name)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fault.New(fault.ReadFailed, "%s cannot be read", path).Because(err)
	}
	return f, nil
}

// subjects settles what was shipped: files, hashes of files that are
// elsewhere, and images.
func (d *draft) subjects(ctx context.Context, p Place, q Request) error {
	files := make([]shipped, 0, len(q.Artifacts))
	for _, path := range q.Artifacts {
		digest, size, err := HashFile(ctx, path, p.Working)
		if err != nil {
			return err
		}
		s := receipt.Subject{Name: filepath.Base(path), SHA256: digest, Size: &size}
		files = append(files, shipped{path, s})
		d.subject(s)
	}
	for _, text := range q.Digests {
		if err := d.digest(ctx, p, text, files, q); err != nil {
			return err
		}
	}
	for _, text := range q.Images {
		ref, hex, ok := cutLast(text, "@sha256:")
		if !ok || ref == "" {
			return fault.New(fault.BadOperand, "%.200q is not an image of the form NAME@sha256:HEX", text)
		}
		digest, err := receipt.ParseDigest(hex)
		if err != nil {
			return err
		}
		d.subject(receipt.Subject{Name: "oci://" + ref, SHA256: digest})
	}
	return nil
}

// shipped is an artifact and where it was read.
type shipped struct {
	path    string
	subject receipt.Subject
}

// subject adds a subject unless the same is there.
func (d *draft) subject(s receipt.Subject) {
	same := func(t receipt.Subject) bool { return t.Name == s.Name && t.SHA256 == s.SHA256 }
	if !slices.ContainsFunc(d.receipt.Subjects, same) {
		d.receipt.Subjects = append(d.receipt.Subjects, s)
	}
}

// digest reads --sha256 HEX[=NAME]. Beside artifacts it is what the one of
// that name must have, or without a name, what one of them must have. Else it
// is the hash of a file that is elsewhere, named after an evidence file that
// has it, or by the hash itself.
func (d *draft) digest(ctx context.Context, p Place, text string, files []shipped, q Request) error {
	hex, name, named := strings.Cut(text, "=")
	digest, err := receipt.ParseDigest(hex)
	if err != nil {
		return err
	}
	meant := slices.DeleteFunc(slices.Clone(files), func(f shipped) bool { return named && f.subject.Name != name })
	switch {
	case slices.ContainsFunc(meant, func(f shipped) bool { return f.subject.SHA256 == digest }):
		return nil
	case len(meant) == 1:
		return fault.New(fault.DigestMismatch, "%s has the SHA-256 %s, not %s", meant[0].path, meant[0].subject.SHA256, digest).With("path", meant[0].path)
	case len(meant) > 1:
		return fault.New(fault.DigestMismatch, "none of the %d artifacts has the SHA-256 %s", len(meant), digest)
	}
	if !named {
		if name, err = nameless(ctx, p, digest, q); err != nil {
			return err
		}
	}
	d.subject(receipt.Subject{Name: name, SHA256: digest})
	return nil
}

// nameless is the name of a subject of which only the hash was said.
func nameless(ctx context.Context, p Place, digest receipt.Digest, q Request) (string, error) {
	for _, path := range q.Evidence {
		sum, _, err := HashFile(ctx, path, p.Working)
		if err != nil {
			return "", err
		}
		if sum == digest {
			return filepath.Base(path), nil
		}
	}
	return "sha256:" + digest.String(), nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// maxStored leaves half of the files that a receipt's folder may hold to proofs.
const maxStored = ledger.MaxFiles / 2

// evidence settles what supports the receipt. Files within the limits lie in
// the ledger; of larger ones only the hash is kept, and that is said.
func (d *draft) evidence(ctx context.Context, p Place, q Request) error {
	total := int64(0)
	for _, path := range q.Evidence {
		digest, size, err := HashFile(ctx, path, p.Working)
		if err != nil {
			return err
		}
		e := receipt.Evidence{Name: filepath.Base(path), SHA256: digest, Size: size, MediaType: "application/octet-stream"}
		if slices.ContainsFunc(d.receipt.Evidence, func(o receipt.Evidence) bool { return o.Name == e.Name && o.SHA256 == digest }) {
			continue
		}
		e.Stored = size <= ledger.MaxEvidence && total+size <= ledger.MaxFolderEvidence && len(d.stored) < maxStored
		if e.Stored {
			data, err := readExactly(path, digest, size)
			if err != nil {
				return err
			}
			e.MediaType = mediaType(path, data)
			total += size
			d.stored = append(d.stored, data)
		} else {
			d.remark(fmt.Sprintf("evidence %s (%d bytes) is beyond the limits for what is stored: recorded by its hash only, keep the file", e.Name, size))
		}
		d.receipt.Evidence = append(d.receipt.Evidence, e)
	}
	return nil
}

// readExactly reads a file that must not have changed since it was hashed.
func readExactly(path string, digest receipt.Digest, size int64) ([]byte, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, size+1))
	if err != nil {
		return nil, fault.New(fault.ReadFailed, "%s cannot be read", path).Because(err)
	}
	if receipt.Sum(data) != digest {
		return nil, fault.New(fault.ReadFailed, "%s changed while it was read", path)
	}
	return data, nil
}

// mediaTypes are those that a file's name says. The table is our own, so that
// the same file has the same type on every machine.
var mediaTypes = map[string]string{
	".md": "text/markdown; charset=utf-8", ".json": "application/json", ".yaml": "application/yaml", ".yml": "application/yaml",
	".toml": "application/toml", ".csv": "text/csv; charset=utf-8", ".html": "text/html; charset=utf-8", ".xml": "application/xml",
	".pdf": "application/pdf", ".log": "text/plain; charset=utf-8", ".txt": "text/plain; charset=utf-8", ".jsonl": "application/jsonl",
}

func mediaType(path string, data []byte) string {
	if known, ok := mediaTypes[strings.ToLower(filepath.Ext(path))]; ok {
		return known
	}
	text := func(r rune) bool { return r >= ' ' || r == '\n' || r == '\t' || r == '\r' }
	if utf8.Valid(data) && !bytes.ContainsFunc(data, func(r rune) bool { return !text(r) }) {
		return "text/plain; charset=utf-8"
	}
	return "application/octet-stream"
}
