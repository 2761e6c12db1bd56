package notes

import (
	"context"
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
)

// Adopt takes in what others wrote in notes that lie at another commit, such as those
// of a remote. Lines of ours that stand there are left: anybody could have written
// them, and whoever has the ledger makes them anew. What they say is read, and
// written, by [Set.Write].
func (s *Set) Adopt(ctx context.Context, repo *gitrepo.Repo, commit gitrepo.OID) error {
	root, err := repo.Peel(ctx, commit, gitrepo.TypeTree, maxTree)
	if err != nil {
		return err
	}
	s.theirs = make(blobs)
	return s.readTrees(ctx, repo, s.theirs, map[string][]gitrepo.OID{"": {root.ID}})
}

// differs tells whether a note that is taken in is another one than is here.
func (s *Set) differs(commit gitrepo.OID) bool {
	return s.theirs[commit] != nil && !slices.Equal(s.theirs[commit], s.blobs[commit])
}

// together is what others wrote, here and in notes that are taken in. Paragraphs are
// compared: who has all of the other's stays as it is, so that two who take in each
// other's notes come to an end.
func together(here string, theirs []string) string {
	for _, there := range theirs {
		ours, other := paragraphs(here), paragraphs(there)
		switch {
		case within(other, ours) && !within(ours, other):
		case within(ours, other):
			here = there
		default:
			theirs := setOf(other)
			all := []string{there}
			for _, p := range ours {
				if !theirs[p] {
					all = append(all, p)
				}
			}
			here = strings.Join(all, "\n\n")
		}
	}
	return here
}

// within tells whether all of some paragraphs are among others.
func within(some, all []string) bool {
	set := setOf(all)
	return !slices.ContainsFunc(some, func(p string) bool { return !set[p] })
}

// setOf keeps a comparison from taking the product of two lengths: strangers write notes
// of as many paragraphs as they like.
func setOf(paragraphs []string) map[string]bool {
	set := make(map[string]bool, len(paragraphs))
	for _, p := range paragraphs {
		set[p] = true
	}
	return set
}

// paragraphs are the parts of a text between empty lines.
func paragraphs(text string) []string {
	var list []string
	for p := range strings.SplitSeq(text, "\n\n") {
		if p = strings.Trim(p, "\n"); p != "" {
			list = append(list, p)
		}
	}
	return list
}
