// Package bundle reads and writes the container of a proof that can be mailed,
// a .vmproof file: a tar archive (POSIX.1-1988 ustar) with exactly one spelling.
//
// The same files always give the same bytes, and only those are read, so that
// the SHA-256 of a proof names what is in it. Any tar reads it. The package
// knows nothing of what the files mean.
//
// An archive is, for each file, sorted bytewise by name, a header of 512 bytes,
// the content, and zeros up to a multiple of 512; then 1024 zeros, and nothing
// more. Numbers in a header are octal digits, zeros in front, and end in a NUL:
//
//	  0  100  name, NULs behind it
//	100    8  0000644
//	108    8  0000000          owner
//	116    8  0000000          group
//	124   12  size
//	136   12  00000000000      time
//	148    8  checksum: six digits, NUL, space
//	156    1  0                a regular file
//	157  100  NULs             target of a link
//	257    8  ustar NUL 00
//	265   64  NULs             names of owner and group
//	329   16  0000000 0000000  device
//	345  155  prefix, NULs behind it
//	500   12  NULs
//
// The prefix is empty if the name has at most 100 bytes. A longer one is cut at
// the last slash that leaves at most 155 bytes before it: these are the prefix,
// and what is behind the slash, at most 100 bytes, is the name.
//
// Names have the characters a to z, 0 to 9 and . _ / -. None of their segments
// is empty, . or .., or begins with -, and no file has the name of a folder that
// another is in. An archive has at most 4,096 files and 64 MiB. One
// without files is an archive too.
package bundle

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// The limits of an archive.
const (
	MaxSize  = 64 << 20 // bytes of the whole
	MaxFiles = 4096
)

const (
	block = 512
	end   = 2 * block // zeros at the end
)

// File is a regular file of an archive.
type File struct {
	Name string
	Data []byte
}

// Write makes the archive of files, which may be given in any order. Over the
// limits the fault is TooLarge (VM202). A name that may not be is a fault of the
// caller, Internal (VM901).
func Write(files []File) ([]byte, error) {
	size := end
	for _, f := range files {
		size = min(size+block+padded(min(len(f.Data), MaxSize)), MaxSize+1) // so that no sum overflows
	}
	if size > MaxSize || len(files) > MaxFiles {
		return nil, fault.New(fault.TooLarge, "proof would be over the limits of %d files and %d bytes", MaxFiles, MaxSize)
	}
	sorted := slices.SortedFunc(slices.Values(files), func(a, b File) int { return cmp.Compare(a.Name, b.Name) })
	if finding := checkNames(sorted); finding != "" {
		return nil, fault.New(fault.Internal, "proof cannot be written: %s", finding)
	}
	archive := make([]byte, 0, size)
	for _, f := range sorted {
		archive = append(archive, header(f.Name, len(f.Data))...)
		archive = append(archive, f.Data...)
		archive = append(archive, make([]byte, padded(len(f.Data))-len(f.Data))...)
	}
	return append(archive, make([]byte, end)...), nil
}

// Read gives the files of an archive, sorted by name. Their data are parts of b.
// Anything that [Write] would not have written is a fault BadProofFile (VM904)
// that names the rule and the place.
func Read(b []byte) ([]File, error) {
	if len(b) > MaxSize {
		return nil, malformed("it has %d bytes, over the limit of %d", len(b), MaxSize)
	}
	var files []File
	for at := 0; ; {
		rest := b[at:]
		if len(rest) < end {
			return nil, malformed("it ends at byte %d, without two blocks of zeros", len(b))
		}
		if rest[0] == 0 {
			return finish(files, rest, at)
		}
		if len(files) == MaxFiles {
			return nil, malformed("it has more than %d files", MaxFiles)
		}
		f, length, err := readFile(rest, at)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
		at += length
	}
}

// finish checks what follows the last file.
func finish(files []File, rest []byte, at int) ([]File, error) {
	if i := nonzero(rest); i >= 0 {
		return nil, malformed("byte %d, behind the last file, is not zero", at+i)
	}
	if len(rest) != end {
		return nil, malformed("%d zeros follow the last file, and not %d", len(rest), end)
	}
	if finding := checkNames(files); finding != "" {
		return nil, malformed("%s", finding)
	}
	return files, nil
}

// readFile reads the file that rest begins with, which stands at byte at, and
// says how long it is with its header and padding.
func readFile(rest []byte, at int) (File, int, error) {
	name, size := claims(rest)
	if size < 0 {
		return File{}, 0, malformed("the header at byte %d has no size", at)
	}
	want := header(name, size)
	if i := difference(rest[:block], want); i >= 0 {
		return File{}, 0, malformed("%s of the header at byte %d is not canonical", fieldAt(i), at)
	}
	content := rest[block:]
	if padded(size) > len(content) {
		return File{}, 0, malformed("%s ends before its %d bytes", quote(name), size)
	}
	if i := nonzero(content[size:padded(size)]); i >= 0 {
		return File{}, 0, malformed("%s is not padded with zeros", quote(name))
	}
	return File{Name: name, Data: content[:size:size]}, block + padded(size), nil
}

// claims is the name and the size that a header states, the size -1 if it is
// none. Whether the header states them as it should shows when it is made again.
func claims(h []byte) (name string, size int) {
	name = text(h[:100])
	if prefix := text(h[345:500]); prefix != "" {
		name = prefix + "/" + name
	}
	if _, err := fmt.Sscanf(text(h[124:136]), "%o", &size); err != nil {
		return name, -1
	}
	return name, size
}

func text(field []byte) string {
	s, _, _ := bytes.Cut(field, []byte{0})
	return string(s)
}

// header is the header of a file. A name that fits nowhere is cut off.
func header(name string, size int) []byte {
	h := make([]byte, block)
	prefix, base := split(name)
	copy(h[0:100], base)
	copy(h[100:], "0000644\x000000000\x000000000\x00")
	copy(h[124:136], fmt.Sprintf("%011o\x00", size))
	copy(h[136:], "00000000000\x00        0")
	copy(h[257:], "ustar\x0000")
	copy(h[329:], "0000000\x000000000\x00")
	copy(h[345:500], prefix)
	sum := 0
	for _, c := range h {
		sum += int(c)
	}
	copy(h[148:], fmt.Sprintf("%06o\x00 ", sum))
	return h
}

// split cuts a name in the one way that the package comment defines.
func split(name string) (prefix, base string) {
	if len(name) <= 100 {
		return "", name
	}
	i := strings.LastIndexByte(name[:min(len(name), 156)], '/')
	if i < 0 {
		return "", name
	}
	return name[:i], name[i+1:]
}

var fields = []struct {
	end  int
	name string
}{{100, "the name"}, {108, "the mode"}, {116, "the owner"}, {124, "the group"}, {136, "the size"}, {148, "the time"},
	{156, "the checksum"}, {157, "the type"}, {257, "the link"}, {265, "the magic"}, {297, "the owner's name"},
	{329, "the group's name"}, {345, "the device"}, {500, "the prefix"}, {block, "the end"}}

// fieldAt names the field of a header that the byte at i belongs to.
func fieldAt(i int) string {
	for _, f := range fields {
		if i < f.end {
			return f.name
		}
	}
	return "the end"
}

// difference is the first place where two headers differ, or -1. The checksum
// follows from the others, so it is looked at last.
func difference(a, b []byte) int {
	at := -1
	for i := range a {
		if a[i] != b[i] && (at < 0 || 148 <= at && at < 156) {
			at = i
		}
	}
	return at
}

// checkNames says which rule the names of files, in their order, break, or "".
func checkNames(files []File) string {
	folders := map[string]string{}
	for i, f := range files {
		if finding := checkName(f.Name); finding != "" {
			return quote(f.Name) + " " + finding
		}
		if i > 0 && files[i-1].Name >= f.Name {
			return fmt.Sprintf("%s does not come after %s", quote(f.Name), quote(files[i-1].Name))
		}
		for j, c := range f.Name {
			if c == '/' {
				folders[f.Name[:j]] = f.Name
			}
		}
	}
	for _, f := range files {
		if inside, ok := folders[f.Name]; ok {
			return fmt.Sprintf("%s is a file and the folder of %s", quote(f.Name), quote(inside))
		}
	}
	return ""
}

func checkName(name string) string {
	if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789._/-") != "" {
		return "has a character other than a to z, 0 to 9 and . _ / -"
	}
	for segment := range strings.SplitSeq(name, "/") {
		if segment == "" || segment == "." || segment == ".." || segment[0] == '-' {
			return "has a segment that is empty, . or .., or begins with -"
		}
	}
	if prefix, base := split(name); len(prefix) > 155 || len(base) > 100 {
		return "is too long"
	}
	return ""
}

func padded(size int) int { return (size + block - 1) / block * block }

// nonzero is the place of the first byte that is not zero, or -1.
func nonzero(b []byte) int {
	return slices.IndexFunc(b, func(c byte) bool { return c != 0 })
}

func quote(name string) string { return fmt.Sprintf("%.260q", name) }

func malformed(format string, args ...any) error {
	return fault.New(fault.BadProofFile, "proof file is malformed: "+format, args...)
}
