package cli

import (
	"fmt"
	"strings"
	"time"
)

// gitDate shows a moment as git log does, by the mode in log.date
// (git-log, "--date"). A mode that is not known reads as the default.
func gitDate(t time.Time, mode string, now time.Time) string {
	mode, _ = strings.CutPrefix(mode, "auto:")
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
	case "relative", "human":
		return relative(now.Sub(t))
	}
	return t.Format("Mon Jan 2 15:04:05 2006 -0700")
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
