package gitrepo

import (
	"context"
	"testing"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

func TestAuthorAndCommitter(t *testing.T) {
	t.Parallel()
	s := newScratch(t).with("GIT_AUTHOR_NAME=Ada de l'Été", "GIT_AUTHOR_DATE=2026-11-22T14:05:00+0100")
	r := s.open()
	author, err := r.Author(context.Background())
	if want := (Identity{"Ada de l'Été", "ada@example.com", "1795352700 +0100"}); author != want || err != nil {
		t.Errorf("the author is %+v, %v", author, err)
	}
	committer, err := r.Committer(context.Background())
	if want := (Identity{"Grace", "grace@example.com", "1795365000 +0000"}); committer != want || err != nil {
		t.Errorf("the committer is %+v, %v", committer, err)
	}
	commit := s.commit("by both")
	_, c, err := r.ResolveCommit(context.Background(), string(commit))
	if err != nil || c.Author != author.Line() || c.Committer != committer.Line() {
		t.Errorf("git committed as %q and %q, %v", c.Author, c.Committer, err)
	}
}

// without drops variables from the environment.
func (s *scratch) without(names ...string) *scratch {
	c := *s
	c.env = nil
	for _, v := range s.env {
		keep := true
		for _, name := range names {
			keep = keep && len(v) > len(name) && v[:len(name)+1] != name+"="
		}
		if keep {
			c.env = append(c.env, v)
		}
	}
	return &c
}

func TestIdentityFaults(t *testing.T) {
	t.Parallel()
	s := newScratch(t)
	s.git("config", "user.useConfigOnly", "true")
	nobody := s.without("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL")
	for _, c := range []struct {
		name string
		s    *scratch
		code fault.Code
	}{
		{"nobody", nobody, fault.NoIdentity},
		{"empty name", s.with("GIT_AUTHOR_NAME="), fault.NoIdentity},
		{"name of punctuation", s.with("GIT_AUTHOR_NAME=<>"), fault.NoIdentity},
		{"no date", s.with("GIT_AUTHOR_DATE=not a date"), fault.BadDate},
		{"all is well", s, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			id, err := c.s.in(t).open().Author(context.Background())
			wantFault(t, err, c.code)
			if err != nil && id != (Identity{}) {
				t.Errorf("with the fault comes %+v", id)
			}
		})
	}
}
