package attest

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// within finds the files below a folder that a pattern means, by their paths from
// there. One that is not a regular file, or lies outside by a link, is refused with
// why; so is a pattern that leads out.
func within(root, pattern string, why func(format string, args ...any) error) ([]string, error) {
	clean := filepath.ToSlash(filepath.Clean(pattern))
	if filepath.IsAbs(clean) || clean == ".." || strings.HasPrefix(clean, "../") {
		return nil, why("%s lies outside of the tree", pattern)
	}
	found, err := fs.Glob(os.DirFS(root), clean)
	if err != nil {
		return nil, why("%s is no pattern of files", pattern)
	}
	real, err := filepath.EvalSymlinks(root)
	if err != nil {
		return nil, why("%s is gone", root)
	}
	var files []string
	for _, name := range found {
		path := filepath.Join(root, filepath.FromSlash(name))
		if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
			if err == nil && info.IsDir() && strings.ContainsAny(clean, "*?[") {
				continue // what a pattern meets beside files
			}
			return nil, why("%s is not a regular file", name)
		}
		if own, err := filepath.EvalSymlinks(path); err != nil || own != filepath.Join(real, filepath.FromSlash(name)) {
			return nil, why("%s lies outside of the tree, by a link", name)
		}
		files = append(files, name)
	}
	return files, nil
}

// hashed is a file as an output: its base name, SHA-256 and size.
func hashed(ctx context.Context, root, name string) (receipt.Subject, error) {
	f, err := os.Open(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		return receipt.Subject{}, fault.New(fault.ReadFailed, "%s cannot be read", name).Because(errors.New(err.Error()))
	}
	defer f.Close()
	h := sha256.New()
	size, err := io.Copy(h, reading{ctx, f})
	switch {
	case ctx.Err() != nil:
		return receipt.Subject{}, fault.New(fault.Interrupted, "interrupted")
	case err != nil:
		return receipt.Subject{}, fault.New(fault.ReadFailed, "%s cannot be read", name).Because(errors.New(err.Error()))
	}
	return receipt.Subject{Name: filepath.Base(name), SHA256: receipt.Digest(h.Sum(nil)), Size: &size}, nil
}

// reading is a reader that ends with a context.
type reading struct {
	ctx context.Context
	in  io.Reader
}

func (r reading) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.in.Read(p)
}

// outputs hashes the files that patterns mean, sorted as a receipt has them. Each
// pattern must mean one. The faults are NoFile (VM106), NotAFile (VM107) and ReadFailed (VM114).
func outputs(ctx context.Context, root string, patterns []string) ([]receipt.Subject, error) {
	var list []receipt.Subject
	for _, p := range patterns {
		files, err := within(root, p, func(format string, args ...any) error {
			return fault.New(fault.NotAFile, format, args...).With("path", p)
		})
		if err != nil {
			return nil, err
		}
		if len(files) == 0 {
			return nil, fault.New(fault.NoFile, "the command left no %s", p)
		}
		for _, name := range files {
			s, err := hashed(ctx, root, name)
			if err != nil {
				return nil, err
			}
			list = append(list, s)
		}
	}
	return sorted(list), nil
}

// sorted is the order of subjects in a receipt, each once.
func sorted(list []receipt.Subject) []receipt.Subject {
	slices.SortFunc(list, func(a, b receipt.Subject) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return a.SHA256.Compare(b.SHA256)
	})
	return slices.CompactFunc(list, func(a, b receipt.Subject) bool { return a.Name == b.Name && a.SHA256 == b.SHA256 })
}
