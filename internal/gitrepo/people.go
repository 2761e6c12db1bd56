package gitrepo

import (
	"context"
	"regexp"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// Identity is a person and a moment, as in a commit's author line.
type Identity struct {
	Name, Email string
	When        string // "seconds zone"
}

// Line is the identity as it stands in a commit.
func (i Identity) Line() string { return i.Name + " <" + i.Email + "> " + i.When }

var identForm = regexp.MustCompile(`^(.*) <([^<>\n]*)> ([0-9]+ [+-][0-9]{4})$`)

// Author and Committer are the identities that git would commit with. The
// fault is NoIdentity (VM105), or BadDate (VM110) when the environment has a
// date that git does not read.
func (r *Repo) Author(ctx context.Context) (Identity, error) {
	return r.identity(ctx, "GIT_AUTHOR_IDENT")
}

// Committer is the identity of the committer; see [Repo.Author].
func (r *Repo) Committer(ctx context.Context) (Identity, error) {
	return r.identity(ctx, "GIT_COMMITTER_IDENT")
}

func (r *Repo) identity(ctx context.Context, variable string) (Identity, error) {
	out, err := r.git.run(ctx, nil, "var", variable)
	var f *failure
	switch {
	case asFailure(err, &f) && f.says("invalid date"):
		return Identity{}, fault.New(fault.BadDate, "the environment has a date that git does not read").Because(f)
	case asFailure(err, &f):
		return Identity{}, fault.New(fault.NoIdentity, "git does not know who you are").Because(f)
	case err != nil:
		return Identity{}, err
	}
	parts := identForm.FindStringSubmatch(strings.TrimSuffix(string(out), "\n"))
	if parts == nil {
		return Identity{}, fault.New(fault.NoIdentity, "git gives an identity without name or email")
	}
	return Identity{parts[1], parts[2], parts[3]}, nil
}
