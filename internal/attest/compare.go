package attest

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// maxDifferences bounds how many files are named that differ.
const maxDifferences = 100

// differing compares the files of two trees, by their names.
func differing(ctx context.Context, first, second string, names [2]map[string]bool) ([]receipt.Difference, error) {
	all := maps.Clone(names[0])
	maps.Copy(all, names[1])
	var list []receipt.Difference
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if len(list) == maxDifferences {
			break
		}
		switch {
		case !names[1][name]:
			list = append(list, receipt.Difference{Name: oneLine(name), Detail: "only the first build leaves it"})
			continue
		case !names[0][name]:
			list = append(list, receipt.Difference{Name: oneLine(name), Detail: "only the second build leaves it"})
			continue
		}
		a, b := filepath.Join(first, filepath.FromSlash(name)), filepath.Join(second, filepath.FromSlash(name))
		offset, same, err := firstDifference(ctx, a, b)
		if err != nil {
			return nil, err
		}
		if !same {
			list = append(list, receipt.Difference{Name: oneLine(name), Offset: offset, Detail: oneLine(detail(a, b, offset))})
		}
	}
	return list, nil
}

// firstDifference is where two files first differ.
func firstDifference(ctx context.Context, first, second string) (offset int64, same bool, err error) {
	unreadable := func(err error) error {
		return fault.New(fault.ReadFailed, "%s cannot be read", filepath.Base(first)).Because(errors.New(err.Error()))
	}
	a, err := os.Open(first)
	if err != nil {
		return 0, false, unreadable(err)
	}
	defer a.Close()
	b, err := os.Open(second)
	if err != nil {
		return 0, false, unreadable(err)
	}
	defer b.Close()
	left, right := bufio.NewReaderSize(a, 1<<20), bufio.NewReaderSize(b, 1<<20)
	for ; ; offset++ {
		if offset&(1<<20-1) == 0 && ctx.Err() != nil {
			return 0, false, fault.New(fault.Interrupted, "interrupted")
		}
		x, errX := left.ReadByte()
		y, errY := right.ReadByte()
		switch {
		case errX == io.EOF && errY == io.EOF:
			return 0, true, nil
		case errX != nil && errX != io.EOF:
			return 0, false, unreadable(errX)
		case errY != nil && errY != io.EOF:
			return 0, false, unreadable(errY)
		case errX != nil || errY != nil || x != y:
			return offset, false, nil
		}
	}
}

// detail says more of a difference in an archive or a gzip header, "" where nothing
// more is known.
func detail(first, second string, offset int64) string {
	name := strings.ToLower(first)
	zipped := strings.HasSuffix(name, ".gz") || strings.HasSuffix(name, ".tgz")
	var a, b []member
	var errA, errB error
	switch {
	case strings.HasSuffix(name, ".tar"), strings.HasSuffix(name, ".tar.gz"), strings.HasSuffix(name, ".tgz"):
		a, errA = tarMembers(first, zipped)
		b, errB = tarMembers(second, zipped)
	case strings.HasSuffix(name, ".zip"), strings.HasSuffix(name, ".jar"), strings.HasSuffix(name, ".whl"):
		a, errA = zipMembers(first)
		b, errB = zipMembers(second)
	}
	if errA == nil && errB == nil {
		if text := memberDifference(a, b); text != "" {
			return text
		}
	}
	if zipped && 4 <= offset && offset < 8 { // RFC 1952 section 2.3
		return "the time in the gzip header"
	}
	return ""
}

// member is a file in an archive.
type member struct{ name, data, mode, time, owner string }

// maxUnpacked bounds how much of an archive is unpacked to find a name.
const maxUnpacked = 1 << 31

// maxMembers bounds how many members are remembered for it, and maxNames the bytes of
// their names and links: a small file can unpack to very many empty ones.
const (
	maxMembers = 1 << 16
	maxNames   = 64 << 20
)

var errTooLarge = errors.New("it is too large to be unpacked")

// summed is the hash of a member, of which budget says how much may still come.
func summed(in io.Reader, budget *int64) (string, error) {
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(in, *budget+1))
	if *budget -= n; err == nil && *budget < 0 {
		err = errTooLarge
	}
	return string(h.Sum(nil)), err
}

func tarMembers(path string, zipped bool) ([]member, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var in io.Reader = f
	if zipped {
		if in, err = gzip.NewReader(f); err != nil {
			return nil, err
		}
	}
	budget, names := int64(maxUnpacked), 0
	var list []member
	for archive := tar.NewReader(in); ; {
		h, err := archive.Next()
		if err == io.EOF {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		if names += len(h.Name) + len(h.Linkname) + len(h.Uname) + len(h.Gname); len(list) == maxMembers || names > maxNames {
			return nil, errTooLarge
		}
		data, err := summed(archive, &budget)
		if err != nil {
			return nil, err
		}
		list = append(list, member{h.Name, data + h.Linkname, fmt.Sprintf("%o %c", h.Mode, h.Typeflag), h.ModTime.UTC().String(), fmt.Sprint(h.Uid, h.Gid, h.Uname, h.Gname)})
	}
}

func zipMembers(path string) ([]member, error) {
	archive, err := zip.OpenReader(path)
	if err != nil {
		return nil, err
	}
	defer archive.Close()
	budget := int64(maxUnpacked)
	var list []member
	for _, f := range archive.File {
		in, err := f.Open()
		if err != nil {
			return nil, err
		}
		data, err := summed(in, &budget)
		in.Close()
		if err != nil {
			return nil, err
		}
		list = append(list, member{f.Name, data, f.Mode().String(), f.Modified.UTC().String(), string(f.Extra)})
	}
	return list, nil
}

// memberDifference names the first member that is not the same in two archives.
func memberDifference(a, b []member) string {
	for i := range min(len(a), len(b)) {
		x, y := a[i], b[i]
		switch {
		case x.name != y.name:
			return fmt.Sprintf("member %d is %s in the first, %s in the second", i+1, x.name, y.name)
		case x.data != y.data:
			return x.name + ": its contents"
		case x.mode != y.mode:
			return x.name + ": its mode"
		case x.time != y.time:
			return x.name + ": its time"
		case x.owner != y.owner:
			return x.name + ": its owner or extra fields"
		}
	}
	switch {
	case len(a) > len(b):
		return a[len(b)].name + ": only the first has it"
	case len(b) > len(a):
		return b[len(a)].name + ": only the second has it"
	}
	return ""
}

// oneLine is a name as a line of a receipt may have it.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r) || unicode.Is(unicode.Noncharacter_Code_Point, r) {
			return '?'
		}
		return r
	}, s)
	for len(s) > 1000 {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return s
}
