package gitrepo

import (
	"context"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

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

// Author is the identity that git would commit with as the author, now. The
// fault is NoIdentity (VM105), or BadDate (VM110) when the environment has a
// date that git does not read.
func (r *Repo) Author(ctx context.Context, now time.Time) (Identity, error) {
	return r.identity(ctx, "author", now)
}

// Committer is the identity of the committer; see [Repo.Author].
func (r *Repo) Committer(ctx context.Context, now time.Time) (Identity, error) {
	return r.identity(ctx, "committer", now)
}

func (r *Repo) identity(ctx context.Context, role string, now time.Time) (Identity, error) {
	if id, ok := r.plainIdentity(role, now); ok {
		return id, nil
	}
	out, err := r.git.run(ctx, nil, "var", "GIT_"+strings.ToUpper(role)+"_IDENT")
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

// Whoever is who git says the committer is, also where there is no repository. The
// faults are NoIdentity (VM105) and GitMissing (VM111).
func Whoever(ctx context.Context, o Options) (name, email string, err error) {
	r := newRepo(git{dir: o.Dir, env: childEnv(o.Env, true)})
	id, err := r.identity(ctx, "committer", time.Unix(0, 0))
	return id.Name, id.Email, err
}

// plainForm is a name that git takes as it is: it cuts punctuation from the
// ends, and takes angle brackets and line ends out.
var plainForm = regexp.MustCompile(`^[\p{L}\p{N}]([^<>\x00-\x1f\x7f]*[\p{L}\p{N})])?$`)

// plainIdentity is the identity where the environment or the configuration say
// both name and email, in that order, and no date. It is false where git has to
// say: it may make a name out of the account's, or refuse to.
func (r *Repo) plainIdentity(role string, now time.Time) (Identity, bool) {
	if r.config.values == nil {
		return Identity{}, false
	}
	variable := func(name string) (value string, set bool) {
		for _, v := range r.git.env {
			if after, ok := strings.CutPrefix(v, "GIT_"+strings.ToUpper(role)+"_"+name+"="); ok {
				value, set = after, true
			}
		}
		return value, set
	}
	says := func(name string) string {
		if value, set := variable(strings.ToUpper(name)); set {
			return value
		}
		for _, section := range []string{role, "user"} {
			if value, set := r.config.Value(section + "." + name); set {
				return value
			}
		}
		return ""
	}
	id := Identity{says("name"), says("email"), strconv.FormatInt(now.Unix(), 10) + now.Format(" -0700")}
	_, dated := variable("DATE")
	return id, !dated && utf8.ValidString(id.Name+id.Email) && plainForm.MatchString(id.Name) && plainForm.MatchString(id.Email) && !strings.Contains(id.Email, " ")
}
