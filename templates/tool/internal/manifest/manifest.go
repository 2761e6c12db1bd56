// Package manifest lists files with their SHA-256, in the format of sha256sum,
// and compares such lists.
package manifest

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
)

// List has the SHA-256 of each file, in hexadecimal, by its path.
type List map[string]string

// Scan lists the regular files of a folder. Links and other special files have
// no content of their own and are left out.
func Scan(ctx context.Context, folder fs.FS) (List, error) {
	list := List{}
	err := fs.WalkDir(folder, ".", func(path string, entry fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		if strings.ContainsAny(path, "\n\r\\") {
			return fmt.Errorf("%q: such a name does not fit into a list", path)
		}
		list[path], err = digest(ctx, folder, path)
		return err
	})
	return list, err
}

func digest(ctx context.Context, folder fs.FS, path string) (string, error) {
	f, err := folder.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, reader{ctx, f}); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// reader stops in the midst of a large file when its context ends.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r reader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(b)
}

// String returns the list as sha256sum prints it, sorted by path.
func (l List) String() string {
	var b strings.Builder
	for _, path := range slices.Sorted(maps.Keys(l)) {
		fmt.Fprintf(&b, "%s  %s\n", l[path], path)
	}
	return b.String()
}

// Parse reads what String wrote, or sha256sum.
func Parse(text string) (List, error) {
	list := List{}
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if text == "" {
			break
		}
		sum, path, ok := strings.Cut(line, " ")
		if _, err := hex.DecodeString(sum); !ok || err != nil || len(sum) != 2*sha256.Size || len(path) < 2 || path[0] != ' ' && path[0] != '*' {
			return nil, fmt.Errorf("line %d is not a SHA-256, two blanks and a path", i+1)
		}
		path = strings.TrimPrefix(path[1:], "./")
		if _, twice := list[path]; twice || !fs.ValidPath(path) {
			return nil, fmt.Errorf("line %d: %q stands there twice or leads out of the folder", i+1, path)
		}
		list[path] = strings.ToLower(sum)
	}
	return list, nil
}

// Change is one difference between two lists.
type Change struct {
	Kind string `json:"kind"` // added, changed or removed
	Path string `json:"path"`
}

// String is the line that a person reads.
func (c Change) String() string {
	return fmt.Sprintf("%-8s %s", c.Kind, c.Path)
}

// Kinds are all kinds of changes.
var Kinds = []string{"added", "changed", "removed"}

// Compare tells what happened between two lists, sorted by path.
func Compare(before, now List) []Change {
	changes := []Change{}
	for path, sum := range now {
		switch was, ok := before[path]; {
		case !ok:
			changes = append(changes, Change{"added", path})
		case was != sum:
			changes = append(changes, Change{"changed", path})
		}
	}
	for path := range before {
		if _, ok := now[path]; !ok {
			changes = append(changes, Change{"removed", path})
		}
	}
	slices.SortFunc(changes, func(a, b Change) int { return cmp.Compare(a.Path, b.Path) })
	return changes
}
