package templates

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
)

// Digest is a SHA-256.
type Digest [sha256.Size]byte

// String is the digest as 64 lower-case hex digits.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// File is a file of a plan: a path of slashes below the folder that is made, and all of it.
type File struct {
	Path       string
	Executable bool
	Content    []byte
}

// Mode is how git would call the file's mode: 100644, or 100755 of an executable.
func (f File) Mode() string {
	if f.Executable {
		return "100755"
	}
	return "100644"
}

// DigestOf is the SHA-256 of a list of the files: for each a line with its mode, a space, the
// SHA-256 of its content in hex, a tab, its path and a line feed, in the order of the bytes of
// the paths.
func DigestOf(files []File) Digest {
	sorted := slices.SortedFunc(slices.Values(files), func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	h := sha256.New()
	for _, f := range sorted {
		fmt.Fprintf(h, "%s %x\t%s\n", f.Mode(), sha256.Sum256(f.Content), f.Path)
	}
	return Digest(h.Sum(nil))
}
