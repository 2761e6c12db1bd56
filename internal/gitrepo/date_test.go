package gitrepo

import (
	"context"
	"testing"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// Relative dates are counted from git's own clock, which git lets tests set.
func TestParseDate(t *testing.T) {
	t.Parallel()
	s := newScratch(t).with("GIT_TEST_DATE_NOW=1795365000") // 2026-11-22T16:30:00Z
	r := s.open()
	zone := time.FixedZone("", -5*3600)
	now := time.Date(2026, 11, 22, 11, 30, 0, 0, zone)
	for text, want := range map[string]string{
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
		"Nov 22 2026 14:05":               "2026-11-22T14:05:00-05:00",
		"22 November 2026 14:05:09 +0100": "2026-11-22T13:05:09Z",
		"2026.11.22 14:05:00Z":            "2026-11-22T14:05:00Z",
		"2026-11-22T14:05:00.25+0100":     "2026-11-22T13:05:00.25Z",
		"11/22/2026 14:05":                "2026-11-22T14:05:00-05:00",
		"@1795356300":                     "2026-11-22T14:05:00Z",
		"2.days.ago":                      "2026-11-20T16:30:00Z",
		"2 days ago":                      "2026-11-20T16:30:00Z",
		"yesterday":                       "2026-11-21T16:30:00Z",
		"3.weeks.ago":                     "2026-11-01T16:30:00Z",
		"1.week.2.days.ago":               "2026-11-13T16:30:00Z",
		"last week":                       "2026-11-15T16:30:00Z",
		"3.days":                          "2026-11-19T16:30:00Z",
		"last.monday":                     "2026-11-16T16:30:00Z",
		"now":                             "2026-11-22T11:30:00-05:00",
		"NOW":                             "2026-11-22T11:30:00-05:00",
	} {
		at, err := time.Parse(time.RFC3339, want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.ParseDate(context.Background(), text, now)
		if err != nil || !got.From.Equal(at) || !got.To.Equal(at) {
			t.Errorf("%q is %v, %v; want %s", text, got, err, want)
		}
	}
}

// A bare day is all of it, as the clocks say where the user is.
func TestParseDateOfADay(t *testing.T) {
	t.Parallel()
	r := newScratch(t).open()
	zone := time.FixedZone("", -5*3600)
	now := time.Date(2026, 11, 2, 23, 30, 0, 0, zone)
	for text, day := range map[string]string{
		"2026-11-02": "2026-11-02", " 2026-01-02\n": "2026-01-02", "1969-12-31": "1969-12-31", "2026/11/02": "2026-11-02", "2026.11.02": "2026-11-02",
		"2026-1-2": "2026-01-02", "11/02/2026": "2026-11-02", "2.11.2026": "2026-11-02", "02.11.2026": "2026-11-02", "2 Nov 2026": "2026-11-02",
		"Nov 2 2026": "2026-11-02", "Nov 2, 2026": "2026-11-02", "2 November 2026": "2026-11-02", "November 2, 2026": "2026-11-02",
		"Mon Nov 2 2026": "2026-11-02", "Monday, 2 November 2026": "2026-11-02", "today": "2026-11-02",
	} {
		got, err := r.ParseDate(context.Background(), text, now)
		if err != nil || got.From.Format(time.RFC3339) != day+"T00:00:00-05:00" || got.To.Format(time.RFC3339) != day+"T23:59:59-05:00" {
			t.Errorf("%q is %v, %v", text, got, err)
		}
	}
}

// Where clocks are put forward at midnight a day begins at one o'clock.
func TestParseDateOfADayWithoutMidnight(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("America/Sao_Paulo")
	if err != nil {
		t.Skip(err)
	}
	r := newScratch(t).open()
	for text, want := range map[string]Span{
		"2018-11-03": {time.Date(2018, 11, 3, 0, 0, 0, 0, zone), time.Date(2018, 11, 3, 23, 59, 59, 0, zone)},
		"2018-11-04": {time.Date(2018, 11, 4, 1, 0, 0, 0, zone), time.Date(2018, 11, 4, 23, 59, 59, 0, zone)},
	} {
		got, err := r.ParseDate(context.Background(), text, time.Date(2026, 1, 1, 0, 0, 0, 0, zone))
		if err != nil || !got.From.Equal(want.From) || !got.To.Equal(want.To) {
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
		"2026-13-01", "2026-02-30", "2026-00-10", "2026-13-01T00:00:00Z", "2026-02-30 10:00", "5", "12", "20261122", "13/02/2026", "Nov 31 2026", "Mon", "monday", "never", "last", "99999999.years.ago", "4294967297.days.ago", "57.years.ago", "1.year.1000.months.ago", "2026", "3.", "3 ago", "last century", "2026-11-22 25:00",
		"Mon Nov 23 05:34:39 EST 2026", "Mon Nov 23 05:34:39 XYZ 2026", "Mon, 23 Nov 2026 05:34:39 PST"} {
		if got, err := r.ParseDate(context.Background(), text, time.Unix(1795356300, 0)); !fault.Has(err, fault.BadDate) {
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
		if err != nil || got.From.Before(before.Add(-ago)) || got.To.After(time.Now().Add(-ago)) {
			t.Errorf("%q is %v, %v", text, got, err)
		}
	}
}
