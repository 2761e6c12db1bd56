package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/ncruces/go-strftime"
)

// gitDate shows a moment as git log does, by the mode in log.date
// (git-log, "--date"). A mode that is not known reads as the default.
func gitDate(t time.Time, mode string, now time.Time) string {
	if own, format, ok := strings.Cut(mode, ":"); ok && (own == "format" || own == "format-local") {
		return strftime.Format(format, t)
	}
	if base, ok := strings.CutSuffix(mode, "-local"); ok {
		return gitDate(t, base, now)
	}
	switch mode {
	case "iso", "iso8601":
		return t.Format("2006-01-02 15:04:05 -0700")
	case "iso-strict", "iso8601-strict":
		return t.Format(time.RFC3339)
	case "rfc", "rfc2822":
		return t.Format("Mon, 2 Jan 2006 15:04:05 -0700")
	case "short":
		return t.Format(time.DateOnly)
	case "raw":
		return fmt.Sprintf("%d %s", t.Unix(), t.Format("-0700"))
	case "unix":
		return fmt.Sprint(t.Unix())
	case "relative":
		return relative(now.Sub(t))
	case "human":
		return human(t, now.In(t.Location()))
	}
	return t.Format("Mon Jan 2 15:04:05 2006 -0700")
}

// human shows a moment by no more than what tells it from now: how long ago
// on the same day, the weekday within five days, no year within this one.
func human(t, now time.Time) string {
	days := now.Day() - t.Day()
	switch {
	case t.Year() != now.Year():
		return t.Format("Jan 2 2006")
	case t.Month() != now.Month() || days < 0 || days >= 5:
		return t.Format("Mon Jan 2 15:04")
	case days == 0:
		return relative(now.Sub(t))
	}
	return t.Format("Mon 15:04")
}

// shortDate is for tables: the day, unless log.date asks for something else.
func shortDate(t time.Time, mode string, now time.Time) string {
	if mode == "default" {
		mode = "short"
	}
	return gitDate(t, mode, now)
}

// relative words a duration as git does: "3 weeks ago".
func relative(d time.Duration) string {
	if d < 0 {
		return "in the future"
	}
	const day = 24 * time.Hour
	switch {
	case d < 90*time.Second:
		return plural(int(d/time.Second), "second") + " ago"
	case d < 90*time.Minute:
		return plural(rounded(d, time.Minute), "minute") + " ago"
	case d < 36*time.Hour:
		return plural(rounded(d, time.Hour), "hour") + " ago"
	case d < 14*day:
		return plural(rounded(d, day), "day") + " ago"
	case d < 70*day:
		return plural(rounded(d, 7*day), "week") + " ago"
	case d < 365*day:
		return plural(rounded(d, 30*day), "month") + " ago"
	case d < 5*365*day:
		months := rounded(d*12, 365*day)
		if months%12 == 0 {
			return plural(months/12, "year") + " ago"
		}
		return plural(months/12, "year") + ", " + plural(months%12, "month") + " ago"
	}
	return plural(rounded(d, 365*day), "year") + " ago"
}

func rounded(d, unit time.Duration) int { return int((d + unit/2) / unit) }

func plural(n int, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}
