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

// dateLayouts are the absolute forms of dates: RFC 3339 and ISO 8601 with and
// without zone, RFC 2822, and what git log and date print. Without a zone a
// time is a local one, and a bare day is its first second.
var dateLayouts = []string{
	time.RFC3339, "2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05-0700", "2006-01-02T15:04:05", "2006-01-02 15:04:05",
	"2006-01-02T15:04", "2006-01-02 15:04", time.DateOnly, "2006/01/02",
	"2 Jan 2006", "2 Jan 2006 15:04", "2 Jan 2006 15:04:05",
	"Mon, 2 Jan 2006 15:04:05 -0700", "Mon Jan 2 15:04:05 2006 -0700", "Mon Jan 2 15:04:05 2006", "Mon Jan _2 15:04:05 MST 2006",
	"Mon Jan _2 03:04:05 PM MST 2006", "Mon, 2 Jan 2006 15:04:05 MST",
}

// zoned tells whether the zone of a date that was read is known. For a zone's
// abbreviation that it does not know Go makes one of that name at UTC.
func zoned(at time.Time, local *time.Location) bool {
	name, _ := at.Zone()
	here, _ := at.In(local).Zone()
	return at.Location() == local || at.Location() == time.UTC || name == "" || name == "UTC" || name == "GMT" || name == here || strings.ContainsAny(name, "+-0123456789")
}

var (
	secondsForm  = regexp.MustCompile(`^@?([0-9]{9,12})( [+-][0-9]{4})?$`)
	relativeForm = regexp.MustCompile(`^([0-9]+[. ](second|minute|hour|day|week|month|year)s?[. ])+ago$|^(yesterday|noon|midnight|tea)$`)
)

// existingMidnight mends a bare day on which clocks were put forward at
// midnight: for the time that is not there Go takes one of the evening before.
func existingMidnight(at time.Time, text, layout string) time.Time {
	for tries := 0; tries < 3 && at.Format(layout) != text && strings.Count(layout, ":") == 0; tries++ {
		at = at.Add(time.Hour)
	}
	return at
}

// ParseDate reads a date in one of the absolute forms above, in seconds since
// 1970, or in git's relative ones, such as 2.days.ago. Git itself would take
// any text for a date; text that is none is a fault BadDate (VM110).
func (r *Repo) ParseDate(ctx context.Context, text string, now time.Time) (time.Time, error) {
	text = strings.TrimSpace(text)
	for _, layout := range dateLayouts {
		if at, err := time.ParseInLocation(layout, text, now.Location()); err == nil && zoned(at, now.Location()) {
			return existingMidnight(at, text, layout), nil
		}
	}
	if parts := secondsForm.FindStringSubmatch(text); parts != nil {
		seconds, err := strconv.ParseInt(parts[1], 10, 64)
		return time.Unix(seconds, 0), err
	}
	notADate := fault.New(fault.BadDate, "%.80q is not a date", text)
	if strings.EqualFold(text, "now") {
		return now, nil
	}
	if !relativeForm.MatchString(strings.ToLower(text)) {
		return time.Time{}, notADate
	}
	out, err := r.git.run(ctx, nil, "rev-parse", "--since="+text)
	var f *failure
	if asFailure(err, &f) {
		return time.Time{}, notADate.Because(f)
	}
	if err != nil {
		return time.Time{}, err
	}
	seconds, err := strconv.ParseInt(strings.TrimPrefix(strings.TrimSpace(string(out)), "--max-age="), 10, 64)
	if err != nil {
		return time.Time{}, notADate
	}
	return time.Unix(seconds, 0), nil
}
