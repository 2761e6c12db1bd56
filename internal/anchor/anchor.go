// Package anchor remembers, for one user, which ledgers were met and which
// covenant of each was accepted last: what ssh's known_hosts is for hosts.
//
// The file has one line a ledger, sorted by id, with four words: the ledger's id,
// the version and the id of the covenant that was accepted (0 and - for none),
// and the ledger's name. Lines that begin with # are kept.
//
//	3c8acbb7…64 hex… 2 9ef82269…64 hex… api
//
// docs/spec/anchor.md is the normative text.
package anchor

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/trust"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Known is a ledger that was met.
type Known struct {
	Ledger receipt.ID
	Pin    trust.Pin // zero when no covenant was accepted
	Name   string
}

// maxFile is the most bytes of a file of known ledgers.
const maxFile = 4 << 20

// Read reads a file of known ledgers; one that is not there has none. The faults
// are ReadFailed (VM114) and BadAnchor (VM609).
func Read(path string) ([]Known, error) {
	b, err := read(path)
	if err != nil {
		return nil, err
	}
	return Parse(b, path)
}

func read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && (!info.Mode().IsRegular() || info.Size() > maxFile) {
		err = errors.New("it is no file of that kind")
	}
	var b []byte
	if err == nil {
		b, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, fault.New(fault.ReadFailed, "%s cannot be read", path).Because(errors.New(err.Error()))
	}
	return b, nil
}

// Parse reads the text of such a file, whose name is for errors. The fault is
// BadAnchor (VM609) with the line.
func Parse(b []byte, name string) ([]Known, error) {
	var list []Known
	n := 0
	for line := range strings.Lines(string(b)) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		k, err := parseLine(line)
		if err != nil {
			return nil, fault.New(fault.BadAnchor, "%s:%d: %v", name, n, err)
		}
		if _, twice := Find(list, k.Ledger); twice {
			return nil, fault.New(fault.BadAnchor, "%s:%d: the ledger %s has a line already", name, n, k.Ledger.Short())
		}
		list = append(list, k)
	}
	return list, nil
}

func parseLine(line string) (Known, error) {
	words := strings.SplitN(line, " ", 4)
	id, err := receipt.ParseDigest(words[0])
	if err != nil {
		return Known{}, errors.New("the line does not begin with the 64 hex digits of a ledger's id")
	}
	k := Known{Ledger: id}
	switch {
	case len(words) == 1: // the id alone is enough for an anchor
		return k, nil
	case len(words) < 3:
		return Known{}, errors.New("a version stands without the id of its covenant")
	case len(words) == 4:
		k.Name = words[3]
	}
	if words[1] == "0" && words[2] == "-" {
		return k, nil
	}
	version, err := strconv.ParseInt(words[1], 10, 64)
	covenant, idErr := receipt.ParseDigest(words[2])
	if err != nil || version < 1 || strconv.FormatInt(version, 10) != words[1] || idErr != nil {
		return Known{}, errors.New("what follows the ledger's id is not a version and the id of its covenant")
	}
	k.Pin = trust.Pin{Version: version, ID: covenant}
	return k, nil
}

// String is the line of a known ledger.
func (k Known) String() string {
	pin := "0 -"
	if k.Pin.Version > 0 {
		pin = fmt.Sprintf("%d %s", k.Pin.Version, k.Pin.ID)
	}
	return strings.TrimRight(k.Ledger.String()+" "+pin+" "+oneLine(k.Name), " ")
}

// oneLine is a name without what would end or confuse its line.
func oneLine(s string) string {
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7F {
			return ' '
		}
		return r
	}, s)), " ")
}

// Find is what is known of a ledger, and whether anything is.
func Find(list []Known, id receipt.ID) (Known, bool) {
	i := slices.IndexFunc(list, func(k Known) bool { return k.Ledger == id })
	if i < 0 {
		return Known{}, false
	}
	return list[i], true
}

// Remember writes down a ledger, in place of what was known of it. A covenant of
// a later version is never replaced by an earlier one. It says whether the file
// had to change. The fault is ReadFailed (VM114), BadAnchor (VM609) or one of
// writing, ReadOnly (VM507).
func Remember(path string, k Known) (changed bool, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return false, unwritten(path, err)
	}
	f, err := lock(path)
	if err != nil {
		return false, err
	}
	b, err := updated(path, k)
	if err != nil || b == nil {
		abandon(f)
		return false, err
	}
	return true, replace(path, f, b)
}

// updated is the file's text with a ledger in it, nil where nothing is to change.
func updated(path string, k Known) ([]byte, error) {
	b, err := read(path)
	if err != nil {
		return nil, err
	}
	list, err := Parse(b, path)
	if err != nil {
		return nil, err
	}
	k.Name = oneLine(k.Name)
	before, there := Find(list, k.Ledger)
	if there && (before == k || before.Pin.Version > k.Pin.Version) {
		return nil, nil
	}
	return withLine(b, k), nil
}

// withLine is the text with the line of one ledger set, before the first of a
// greater id.
func withLine(b []byte, k Known) []byte {
	var out bytes.Buffer
	written := false
	for line := range strings.Lines(string(b)) {
		id, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		entry := id != "" && id[0] != '#'
		if entry && !written && id >= k.Ledger.String() {
			out.WriteString(k.String() + "\n")
			written = true
		}
		if !entry || id != k.Ledger.String() {
			out.WriteString(strings.TrimRight(line, "\n") + "\n")
		}
	}
	if !written {
		out.WriteString(k.String() + "\n")
	}
	return out.Bytes()
}

// maxTries is how often a lock is asked for, ten milliseconds apart.
const maxTries = 100

// lock makes the file beside path that becomes it, which only one process can.
func lock(path string) (*os.File, error) {
	name := path + ".lock"
	for tries := 0; ; tries++ {
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) && tries < maxTries {
			time.Sleep(10 * time.Millisecond)
			continue
		}
		if err != nil {
			return nil, unwritten(path, err)
		}
		return f, nil
	}
}

// replace makes what is in the lock the file. Once it is, the name of the lock is
// free for another process, whose lock must not be removed.
func replace(path string, f *os.File, b []byte) error {
	_, err := f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return unwritten(path, err)
	}
	return nil
}

// abandon gives a lock back.
func abandon(f *os.File) {
	_ = f.Close()
	_ = os.Remove(f.Name())
}

func unwritten(path string, err error) error {
	return fault.New(fault.ReadOnly, "%s cannot be written", path).With("path", filepath.Dir(path)).Because(errors.New(err.Error()))
}
