// Package archive writes the archive of a commit's files, of which there is one: the
// same commit gives everybody the same bytes, whatever git, tar, locale, umask or
// configuration they have. docs/spec/source-archive.md defines it, with a command of
// plain tools that makes it too.
//
// It is a tar archive in the pax interchange format (POSIX.1-2001), without compression:
// a global header with the commit's id, and for each file, in the order of git's trees, a
// header of 512 bytes, behind an extended one where the path or a link's target is over
// 100 bytes or the path not ASCII, and the content; then 1024 zeros. Nothing of git's attributes
// changes what is in it.
//
// The package takes files in their order and knows nothing of git. It is not for
// reading: any tar does that.
package archive

import (
	"fmt"
	"io"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// MaxFile is the most bytes that a file of an archive may have: what eleven octal digits say.
const MaxFile = 1<<33 - 1

// MaxPath is the most bytes of a path, or of a link's target.
const MaxPath = 4096

const (
	block   = 512
	inField = 100 // bytes of a name in a header
)

// Kind is what an entry is.
type Kind int

// The kinds of entries.
const (
	File Kind = iota
	Executable
	Link   // a symbolic link
	Folder // an empty one, in the place of a submodule
)

// Entry is what an archive has at a path.
type Entry struct {
	Path   string // bytes, as in git
	Kind   Kind
	Target string // of a link
	Size   int64  // of a file
}

// Writer writes one archive.
type Writer struct {
	to   io.Writer
	time int64
}

// Begin writes the beginning of the archive of a commit, whose time every entry gets, in
// seconds since 1970; a time outside of what a header can say is the nearest that it can.
func Begin(to io.Writer, commit string, time int64) (*Writer, error) {
	w := &Writer{to, min(max(time, 0), MaxFile)}
	comment := record("comment", commit)
	return w, w.write(sealed(w.header("pax_global_header", 'g', 0o644, int64(len(comment)), "")), padded(comment))
}

// Add writes one entry. Of a file, data gives the bytes, exactly as many as the entry says.
// An entry that no archive has is a fault BadTree (VM504); what data or the writer
// underneath fail with is returned as it is.
func (w *Writer) Add(e Entry, data io.Reader) error {
	if err := check(e); err != nil {
		return err
	}
	path, flag, mode, size := e.Path, byte('0'), int64(0o644), e.Size
	switch e.Kind {
	case Executable:
		mode = 0o755
	case Link:
		flag, mode, size = '2', 0o755, 0
	case Folder:
		path, flag, mode, size = path+"/", '5', 0o755, 0
	}
	if extended := extended(path, e.Target); len(extended) > 0 {
		if err := w.write(sealed(w.header("pax_header", 'x', 0o644, int64(len(extended)), "")), padded(extended)); err != nil {
			return err
		}
	}
	if err := w.write(sealed(w.header(path, flag, mode, size, e.Target))); err != nil || flag != '0' {
		return err
	}
	if n, err := io.Copy(w.to, data); err != nil || n != size {
		if err == nil {
			err = fault.New(fault.Internal, "%d bytes came for %.100q, and not %d", n, e.Path, size)
		}
		return err
	}
	return w.write(make([]byte, padding(size)))
}

// End writes the end of the archive.
func (w *Writer) End() error { return w.write(make([]byte, 2*block)) }

func (w *Writer) write(parts ...[]byte) error {
	for _, p := range parts {
		if _, err := w.to.Write(p); err != nil {
			return err
		}
	}
	return nil
}

// check says what an entry may not be: a path that leads out of the folder into which
// the archive is unpacked, or that is no path.
func check(e Entry) error {
	bad := func(why string) error {
		return fault.New(fault.BadTree, "%.200q cannot be in an archive: %s", e.Path, why)
	}
	switch {
	case len(e.Path) > MaxPath || len(e.Target) > MaxPath:
		return bad(fmt.Sprintf("it, or the target of it, has more than %d bytes", MaxPath))
	case e.Size < 0 || e.Size > MaxFile:
		return bad(fmt.Sprintf("it has more than %d bytes", int64(MaxFile)))
	case strings.ContainsRune(e.Path+e.Target, 0):
		return bad("it has a NUL")
	case (e.Kind == Link) != (e.Target != ""):
		return bad("a link leads nowhere, or what is none leads somewhere")
	}
	for segment := range strings.SplitSeq(e.Path, "/") {
		if segment == "" || segment == "." || segment == ".." || strings.EqualFold(segment, ".git") {
			return bad("it has a segment that is empty, . or .., or .git")
		}
	}
	return nil
}

// extended are the records of an extended header, none where an ordinary one has room
// for both. A target that is not ASCII has none for that alone, as with GNU tar.
func extended(path, target string) []byte {
	var records []byte
	if len(target) > inField {
		records = append(records, record("linkpath", target)...)
	}
	if len(path) > inField || strings.IndexFunc(path, func(r rune) bool { return r >= 0x80 }) >= 0 {
		records = append(records, record("path", path)...)
	}
	return records
}

// record is a line of an extended header: its own length in decimal digits, a space, the
// key, an equals sign, the value and a newline.
func record(key, value string) []byte {
	rest := len(key) + len(value) + 3
	length := rest
	for length != rest+len(fmt.Sprint(length)) {
		length = rest + len(fmt.Sprint(length))
	}
	return fmt.Appendf(nil, "%d %s=%s\n", length, key, value)
}

// header is one without its checksum. A name or a target that is too long is cut.
func (w *Writer) header(name string, flag byte, mode, size int64, target string) []byte {
	h := make([]byte, block)
	copy(h[0:100], name)
	copy(h[100:], fmt.Sprintf("%07o\x000000000\x000000000\x00", mode))
	copy(h[124:], fmt.Sprintf("%011o\x00%011o\x00", size, w.time))
	h[156] = flag
	copy(h[157:257], target)
	copy(h[257:], "ustar\x0000")
	if flag != 'g' && flag != 'x' {
		copy(h[329:], "0000000\x000000000\x00")
	}
	return h
}

// sealed puts the checksum into a header: the sum of its bytes, those of the checksum
// itself counted as spaces.
func sealed(h []byte) []byte {
	sum := 8 * int(' ')
	for _, c := range h {
		sum += int(c)
	}
	copy(h[148:], fmt.Sprintf("%06o\x00 ", sum))
	return h
}

func padded(b []byte) []byte { return append(b, make([]byte, padding(int64(len(b))))...) }

func padding(size int64) int { return int((block - size%block) % block) }
