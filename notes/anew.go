package notes

import (
	"context"
	"slices"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
)

// Remains reads what is left of notes whose objects are missing or damaged, for
// [Set.Replace]. It is whole where nothing is: then [Read] and [Set.Write] do.
func Remains(ctx context.Context, repo *gitrepo.Repo) (s *Set, whole bool, err error) {
	refs, err := repo.Exact(ctx, Ref)
	if err != nil {
		return nil, false, err
	}
	s, err = Read(ctx, repo)
	if err == nil {
		err = s.load(ctx, repo, true)
	}
	if lost(err) || s != nil && s.commit != "" && s.root == "" {
		return &Set{commit: refs[Ref], fans: s.fans, blobs: make(blobs), before: make(blobs), lines: s.lines, trees: make(map[gitrepo.OID]bool)}, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	whole = true
	for commit, ids := range s.blobs {
		var left []gitrepo.OID
		err := repo.AsGitReads().ReadMany(ctx, ids, maxNote, func(i int, _ gitrepo.Object, err error) error {
			switch {
			case lost(err):
				return nil
			case fault.Has(err, fault.ObjectTooLarge):
				err = nil
			}
			left = append(left, ids[i])
			return err
		})
		if err != nil {
			return nil, false, err
		}
		whole = whole && len(left) == len(ids)
		s.blobs[commit] = left
	}
	return s, whole, nil
}

func lost(err error) bool {
	return fault.Has(err, fault.ObjectMissing) || fault.Has(err, fault.ObjectCorrupt)
}

// Replace makes the notes of the lines that were added, as Write does with fresh set, and
// writes their objects also where git believes to have them. Damaged files in their places
// are kept in the folder aside. The faults are those of [Set.Write].
func (s *Set) Replace(ctx context.Context, repo *gitrepo.Repo, from Origin, aside string) error {
	w, head, err := s.made(ctx, repo, from, true)
	if err != nil {
		return err
	}
	w.objects = slices.DeleteFunc(w.objects, func(o gitrepo.Object) bool {
		_, err := repo.AsGitReads().Read(ctx, o.ID, int64(len(o.Data)))
		return err == nil
	})
	if _, err := repo.Mend(ctx, w.objects, aside); err != nil {
		return err
	}
	if head == s.commit {
		return nil
	}
	return repo.UpdateRef(ctx, Ref, head, s.commit)
}
