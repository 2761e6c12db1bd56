// Package anchor remembers, for one user, which ledgers were met and which
// covenant of each was accepted last: what ssh's known_hosts is for hosts.
//
// The file has one line a ledger, sorted by id, with four words: the ledger's id,
// the version and the id of the covenant that was accepted (0 and - for none; with !
// behind the version a person said so), and the ledger's name. Lines that begin with # are kept.
//
//	3c8acbb7…64 hex… 2 9ef82269…64 hex… api
//
// docs/spec/anchor.md is the normative text.
package anchor

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/lockfile"
	"github.com/VaultSovereign/git-vaultmesh/internal/trust"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Known is a ledger that was met.
type Known struct {
	Ledger receipt.ID
	Pin    trust.Pin // zero when no covenant was accepted
	Name   string
}

// Read reads a file of known ledgers; one that is not there has none. The faults
// are ReadFailed (VM114) and BadAnchor (VM609).
func Read(path string) ([]Known, error) {
	b, err := lockfile.Read(path)
	if err != nil {
		return nil, err
	}
	return Parse(b, path)
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
	number, adopted := strings.CutSuffix(words[1], "!")
	version, err := strconv.ParseInt(number, 10, 64)
	covenant, idErr := receipt.ParseDigest(words[2])
	if err != nil || version < 1 || strconv.FormatInt(version, 10) != number || idErr != nil {
		return Known{}, errors.New("what follows the ledger's id is not a version and the id of its covenant")
	}
	k.Pin = trust.Pin{Version: version, ID: covenant, Adopted: adopted}
	return k, nil
}

// String is the line of a known ledger.
func (k Known) String() string {
	pin := "0 -"
	if k.Pin.Version > 0 {
		mark := ""
		if k.Pin.Adopted {
			mark = "!"
		}
		pin = fmt.Sprintf("%d%s %s", k.Pin.Version, mark, k.Pin.ID)
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
// a later version is never replaced by an earlier one, nor by its rival. It says whether the file
// had to change. The fault is ReadFailed (VM114), BadAnchor (VM609) or one of
// writing, ReadOnly (VM507).
func Remember(path string, k Known) (changed bool, err error) {
	return set(path, k, func(before Known) bool {
		return before == k || before.Pin.Version > k.Pin.Version || before.Pin.Version == k.Pin.Version && (before.Pin.Adopted || before.Pin.ID != k.Pin.ID)
	})
}

// Adopt is [Remember] for what a person said: it replaces a later version too.
func Adopt(path string, k Known) error {
	_, err := set(path, k, func(before Known) bool { return before == k })
	return err
}

// set writes the line of a ledger, unless the one that is there is to stay.
func set(path string, k Known, stays func(before Known) bool) (changed bool, err error) {
	_ = os.MkdirAll(filepath.Dir(path), 0o700) // nobody else's business; what is wrong with it, the next line says
	err = lockfile.Update(path, func(old []byte) ([]byte, error) {
		b, err := updated(old, path, k, stays)
		changed = b != nil
		return b, err
	})
	return changed && err == nil, err
}

// updated is the file's text with a ledger in it, nil where nothing is to change.
func updated(old []byte, path string, k Known, stays func(before Known) bool) ([]byte, error) {
	list, err := Parse(old, path)
	if err != nil {
		return nil, err
	}
	k.Name = oneLine(k.Name)
	before, there := Find(list, k.Ledger)
	if there && (before == k || stays(before)) {
		return nil, nil
	}
	return withLine(old, k), nil
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
