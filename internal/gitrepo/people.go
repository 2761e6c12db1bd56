package gitrepo

import (
	"context"
	"regexp"
	"strconv"
	"strings"
	"time"

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

// ParseDate reads a date as git's --since does, relative ones included. A
// bare day is its first second in now's zone. Text that git finds no date in
// is a fault BadDate (VM110).
func (r *Repo) ParseDate(ctx context.Context, text string, now time.Time) (time.Time, error) {
	text = strings.TrimSpace(text)
	if day, err := time.ParseInLocation(time.DateOnly, text, now.Location()); err == nil {
		return day, nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	notADate := fault.New(fault.BadDate, "%.80q is not a date", text)
	if text == "" || strings.ContainsAny(text, "\x00\n") || misleading(text) {
		return time.Time{}, notADate
	}
	if strings.EqualFold(text, "now") {
		return now, nil
	}
	before := time.Now().Unix()
	out, err := r.git.run(ctx, nil, "rev-parse", "--since="+text)
	var f *failure
	if asFailure(err, &f) {
		return time.Time{}, notADate.Because(f)
	}
	if err != nil {
		return time.Time{}, err
	}
	seconds, err := strconv.ParseInt(strings.TrimPrefix(strings.TrimSpace(string(out)), "--max-age="), 10, 64)
	// Git answers with the present to text that it cannot read.
	if err != nil || before <= seconds && seconds <= time.Now().Unix() {
		return time.Time{}, notADate
	}
	return time.Unix(seconds, 0), nil
}

var (
	dayForm    = regexp.MustCompile(`^([0-9]+-[0-9]+-[0-9]+)([T ].*)?$`)
	numberForm = regexp.MustCompile(`^[0-9]{1,8}$`)
)

// misleading tells whether git would read another date than stands there: it
// takes 2026-13-01 for the 13th of January, and a short number for a day of
// this month.
func misleading(text string) bool {
	if parts := dayForm.FindStringSubmatch(text); parts != nil {
		_, err := time.Parse(time.DateOnly, parts[1])
		return err != nil
	}
	return numberForm.MatchString(text)
}
