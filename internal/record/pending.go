package record

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/lockfile"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// pendingFile is where the tokens are noted down that are still to be had, below
// the repository's common folder: a line each, the receipt's id, the file to be
// stamped, and the authority.
func pendingFile(repo *gitrepo.Repo) string {
	return filepath.Join(repo.CommonDir, "vaultmesh", "pending")
}

func (p Pending) line() string { return p.ID.String() + " " + p.File + " " + p.Authority }

// ReadPending lists the tokens that are still to be had. A line that cannot be
// read is left out.
func ReadPending(repo *gitrepo.Repo) ([]Pending, error) {
	b, err := lockfile.Read(pendingFile(repo))
	if err != nil {
		return nil, err
	}
	var list []Pending
	for line := range strings.Lines(string(b)) {
		words := strings.Fields(line)
		if len(words) != 3 {
			continue
		}
		id, err := receipt.ParseDigest(words[0])
		if err == nil {
			list = append(list, Pending{ID: id, File: words[1], Authority: words[2]})
		}
	}
	return list, nil
}

// KeepPending notes tokens down that are still to be had, and strikes out those
// that are not any more.
func KeepPending(repo *gitrepo.Repo, still, done []Pending) error {
	if len(still)+len(done) == 0 {
		return nil
	}
	return lockfile.Update(pendingFile(repo), func(old []byte) ([]byte, error) {
		var lines []string
		for line := range strings.Lines(string(old)) {
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
		lines = slices.DeleteFunc(lines, func(l string) bool {
			return slices.ContainsFunc(done, func(p Pending) bool { return p.line() == l })
		})
		for _, p := range still {
			if !slices.Contains(lines, p.line()) {
				lines = append(lines, p.line())
			}
		}
		var b bytes.Buffer
		for _, l := range lines {
			fmt.Fprintln(&b, l)
		}
		return append([]byte{}, b.Bytes()...), nil
	})
}
