package gitrepo

import (
	"context"
	"testing"
	"time"

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

// Relative dates are counted from git's own clock, which git lets tests set.
func TestParseDate(t *testing.T) {
	t.Parallel()
	s := newScratch(t).with("GIT_TEST_DATE_NOW=1795365000") // 2026-11-22T16:30:00Z
	r := s.open()
	zone := time.FixedZone("", -5*3600)
	now := time.Date(2026, 11, 22, 11, 30, 0, 0, zone)
	for text, want := range map[string]string{
		"2026-11-22":                "2026-11-22T00:00:00-05:00",
		" 2026-01-02\n":             "2026-01-02T00:00:00-05:00",
		"1969-12-31":                "1969-12-31T00:00:00-05:00",
		"2026-11-22T14:05:00Z":      "2026-11-22T14:05:00Z",
		"2026-11-22T14:05:00+01:00": "2026-11-22T13:05:00Z",
		"2026-11-22 14:05":          "2026-11-22T14:05:00-05:00",
		"2026-11-22 14:05:00 +0100": "2026-11-22T13:05:00Z",
		"22 Nov 2026 14:05":         "2026-11-22T14:05:00-05:00",
		"2026-11-22 14:05:00+00:00": "2026-11-22T14:05:00Z",

		"Sun, 22 Nov 2026 14:05:00 GMT":   "2026-11-22T14:05:00Z",
		"Sun Nov 22 14:05:00 UTC 2026":    "2026-11-22T14:05:00Z",
		"Sun Nov 22 02:05:00 PM UTC 2026": "2026-11-22T14:05:00Z",
		"Sun Nov 22 14:05:00 2026 +0100":  "2026-11-22T13:05:00Z",
		"Sun, 22 Nov 2026 14:05:00 +0100": "2026-11-22T13:05:00Z",
		"@1795356300":                     "2026-11-22T14:05:00Z",
		"2.days.ago":                      "2026-11-20T16:30:00Z",
		"2 days ago":                      "2026-11-20T16:30:00Z",
		"yesterday":                       "2026-11-21T16:30:00Z",
		"3.weeks.ago":                     "2026-11-01T16:30:00Z",
		"now":                             "2026-11-22T11:30:00-05:00",
		"NOW":                             "2026-11-22T11:30:00-05:00",
	} {
		at, err := time.Parse(time.RFC3339, want)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := r.ParseDate(context.Background(), text, now); err != nil || !got.Equal(at) {
			t.Errorf("%q is %v, %v; want %s", text, got.UTC(), err, want)
		}
	}
}

func TestParseDateOfADayWithoutMidnight(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("America/Sao_Paulo")
	if err != nil {
		t.Skip(err)
	}
	r := newScratch(t).open()
	for _, text := range []string{"2018-11-04", "2018/11/04", "4 Nov 2018"} {
		got, err := r.ParseDate(context.Background(), text, time.Date(2026, 1, 1, 0, 0, 0, 0, zone))
		if want := time.Date(2018, 11, 4, 1, 0, 0, 0, zone); err != nil || !got.Equal(want) {
			t.Errorf("%s is %v, %v; want %v", text, got, err, want)
		}
	}
}

// Git answers with the present to what it cannot read; a query since the
// present would find nothing and say so as if that were the answer. Of other
// text it makes a date that nobody meant.
func TestParseDateRefuses(t *testing.T) {
	t.Parallel()
	r := newScratch(t).open()
	for _, text := range []string{"", " ", "garbage", "no date at all", "?!", "-", "--all", "--since=", "x\ny", "x\x00y", "2026-11-22\x00",
		"2026-13-01", "2026-02-30", "2026-00-10", "2026-13-01T00:00:00Z", "2026-02-30 10:00", "5", "12", "20261122",
		"Mon Nov 23 05:34:39 EST 2026", "Mon Nov 23 05:34:39 XYZ 2026", "Mon, 23 Nov 2026 05:34:39 PST"} {
		if got, err := r.ParseDate(context.Background(), text, time.Unix(0, 0)); !fault.Has(err, fault.BadDate) {
			t.Errorf("%q is %v, %v", text, got, err)
		}
	}
}

// Against git's own clock, without a variable for it.
func TestParseDateCountsFromThePresent(t *testing.T) {
	t.Parallel()
	r := newScratch(t).open()
	before := time.Now().Truncate(time.Second)
	for text, ago := range map[string]time.Duration{"2.days.ago": 48 * time.Hour, "yesterday": 24 * time.Hour, "90.minutes.ago": 90 * time.Minute} {
		got, err := r.ParseDate(context.Background(), text, before)
		if err != nil || got.Before(before.Add(-ago)) || got.After(time.Now().Add(-ago)) {
			t.Errorf("%q is %v, %v", text, got, err)
		}
	}
}
