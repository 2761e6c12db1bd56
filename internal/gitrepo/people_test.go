package gitrepo

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

var now = time.Unix(1795365000, 0).In(time.FixedZone("", -5*3600))

// What is taken from variables and settings is what git makes of them; where
// git makes something else of them, it is asked.
func TestPlainIdentitiesAreGits(t *testing.T) {
	t.Parallel()
	base := newScratch(t).without("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_AUTHOR_DATE", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL", "GIT_COMMITTER_DATE")
	for i, c := range []struct {
		env    []string
		config []string
		plain  bool
	}{
		{nil, []string{"user.name", "Ada", "user.email", "ada@example.com"}, true},
		{nil, []string{"user.name", "Ada de l'Été", "user.email", "ada+x@example.com"}, true},
		{nil, []string{"user.name", "Ada", "user.email", "ada@example.com", "author.name", "Author", "committer.email", "c@example.com"}, true},
		{[]string{"GIT_AUTHOR_NAME=Grace", "GIT_COMMITTER_EMAIL=g@example.com"}, []string{"user.name", "Ada", "user.email", "ada@example.com"}, true},
		{[]string{"GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a", "GIT_COMMITTER_NAME=C", "GIT_COMMITTER_EMAIL=c"}, nil, true},
		{[]string{"GIT_AUTHOR_NAME=", "GIT_COMMITTER_NAME="}, []string{"user.name", "Ada", "user.email", "ada@example.com"}, false},
		{nil, []string{"user.name", "Ada Jr.", "user.email", "ada@example.com"}, false},
		{nil, []string{"user.name", "A <b> c", "user.email", "ada@example.com"}, false},
		{nil, []string{"user.name", " Ada", "user.email", "ada@example.com"}, false},
		{nil, []string{"user.name", "Ada", "user.email", "<ada@example.com>"}, false},
		{nil, []string{"user.name", "Ada"}, false},
		{[]string{"EMAIL=e@example.com"}, []string{"user.name", "Ada"}, false},
		{[]string{"GIT_AUTHOR_DATE=1795356300 +0100", "GIT_COMMITTER_DATE=1795356300 +0100"}, []string{"user.name", "Ada", "user.email", "ada@example.com"}, false},
	} {
		s := newScratch(t)
		s.env = append(base.with("HOME="+t.TempDir(), "GIT_CEILING_DIRECTORIES=").env, c.env...)
		for ; len(c.config) > 0; c.config = c.config[2:] {
			s.git("config", c.config[0], c.config[1])
		}
		r, _, err := Look(context.Background(), Options{Dir: s.dir, Env: s.env})
		if err != nil {
			t.Fatal(err)
		}
		for _, role := range []string{"author", "committer"} {
			plain, ok := r.plainIdentity(role, now)
			if ok != c.plain {
				t.Errorf("%d, %s: is plain: %v", i, role, ok)
			}
			said, err := s.try("", "var", "GIT_"+strings.ToUpper(role)+"_IDENT")
			who, _, _ := strings.Cut(string(said), "> ")
			if want := plain.Name + " <" + plain.Email; ok && (err != nil || who != want) {
				t.Errorf("%d, %s: %q, and git says %q, %v", i, role, want, who, err)
			}
			if ok && plain.When != "1795365000 -0500" {
				t.Errorf("the date is %q", plain.When)
			}
		}
	}
}

func TestAuthorAndCommitter(t *testing.T) {
	t.Parallel()
	s := newScratch(t).with("GIT_AUTHOR_NAME=Ada de l'Été", "GIT_AUTHOR_DATE=2026-11-22T14:05:00+0100")
	r := s.open()
	author, err := r.Author(context.Background(), now)
	if want := (Identity{"Ada de l'Été", "ada@example.com", "1795352700 +0100"}); author != want || err != nil {
		t.Errorf("the author is %+v, %v", author, err)
	}
	committer, err := r.Committer(context.Background(), now)
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
			id, err := c.s.in(t).open().Author(context.Background(), now)
			wantFault(t, err, c.code)
			if err != nil && id != (Identity{}) {
				t.Errorf("with the fault comes %+v", id)
			}
		})
	}
}
