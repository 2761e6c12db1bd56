package gitrepo

import (
	"context"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// Span is what a date means: its first and its last second, which are the same
// but for a bare day.
type Span struct{ From, To time.Time }

// The absolute forms of dates: those of git-commit(1) "DATE FORMATS", with and
// without zone, and what git log and date print in English. A name of a
// weekday in front is passed over, as git does.
var (
	dayLayouts = []string{
		"2006-1-2", "2006/1/2", "2006.1.2", "1/2/2006", "2.1.2006",
		"2 Jan 2006", "2 January 2006", "Jan 2 2006", "January 2 2006", "Jan 2, 2006", "January 2, 2006",
	}
	clockLayouts = []string{"15:04:05", "15:04"}
	zoneLayouts  = []string{"", "Z07:00", " Z07:00", "-0700", " -0700", " MST"}
	otherLayouts = []string{"Jan _2 15:04:05 2006 -0700", "Jan _2 15:04:05 2006", "Jan _2 15:04:05 MST 2006", "Jan _2 03:04:05 PM MST 2006"}

	weekday      = regexp.MustCompile(`(?i)^(mon|tues?|wed(nes)?|thu(rs)?|fri|sat(ur)?|sun)(day)?,? +`)
	secondsForm  = regexp.MustCompile(`^@?([0-9]{9,12})( [+-][0-9]{4})?$`)
	countedForm  = regexp.MustCompile(`([0-9]+)[. ]+(second|minute|hour|day|week|month|year)s?`)
	relativeForm = regexp.MustCompile(`^([0-9]+[. ]+(second|minute|hour|day|week|month|year)s?([. ]+|$))+(ago)?$|^(yesterday|noon|midnight|tea)$` +
		`|^last[. ]+(second|minute|hour|day|week|month|year|(mon|tues|wednes|thurs|fri|satur|sun)day)$`)
)

// ParseDate reads a date in one of the absolute forms above, in seconds since
// 1970, or in git's relative ones, such as 2.days.ago. Without a zone a time is
// a local one. Git itself would take any text for a date; text that is none is
// a fault BadDate (VM110).
func (r *Repo) ParseDate(ctx context.Context, text string, now time.Time) (Span, error) {
	text = strings.TrimSpace(text)
	absolute := weekday.ReplaceAllString(text, "")
	if span, ok := parseDay(absolute, now.Location()); ok {
		return span, nil
	}
	if at, ok := parseTime(absolute, now.Location()); ok {
		return Span{at, at}, nil
	}
	if parts := secondsForm.FindStringSubmatch(text); parts != nil {
		seconds, err := strconv.ParseInt(parts[1], 10, 64)
		return Span{time.Unix(seconds, 0), time.Unix(seconds, 0)}, err
	}
	switch strings.ToLower(text) {
	case "now":
		return Span{now, now}, nil
	case "today":
		return day(now), nil
	}
	at, err := r.relativeDate(ctx, text, now)
	return Span{at, at}, err
}

// relativeDate has git count from the present.
func (r *Repo) relativeDate(ctx context.Context, text string, now time.Time) (time.Time, error) {
	notADate := fault.New(fault.BadDate, "%.80q is not a date", text)
	if !relativeForm.MatchString(strings.ToLower(text)) {
		return time.Time{}, notADate
	}
	if counted(text) > now.Sub(time.Unix(0, 0)).Hours()/24 { // git counts no further back, and says so by other dates
		return time.Time{}, fault.New(fault.BadDate, "%.80q is before 1970", text)
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

// counted is about how many days a relative date counts back.
func counted(text string) float64 {
	days := 0.0
	for _, part := range countedForm.FindAllStringSubmatch(strings.ToLower(text), -1) {
		n, err := strconv.ParseFloat(part[1], 64)
		if err != nil {
			return math.Inf(1)
		}
		days += n * map[string]float64{"second": 1. / 86400, "minute": 1. / 1440, "hour": 1. / 24, "day": 1, "week": 7, "month": 31, "year": 366}[part[2]]
	}
	return days
}

func parseDay(text string, zone *time.Location) (Span, bool) {
	for _, layout := range dayLayouts {
		if at, err := time.Parse(layout, text); err == nil {
			return day(time.Date(at.Year(), at.Month(), at.Day(), 12, 0, 0, 0, zone)), true
		}
	}
	return Span{}, false
}

// day is the day that a moment is in.
func day(at time.Time) Span {
	return Span{firstSecond(at, 0), firstSecond(at, 1).Add(-time.Second)}
}

// firstSecond is that of the day some days after a moment's. Where clocks are
// put forward at midnight it is one o'clock: for the time that is not there Go
// takes one of the evening before.
func firstSecond(at time.Time, days int) time.Time {
	midnight := time.Date(at.Year(), at.Month(), at.Day()+days, 0, 0, 0, 0, at.Location())
	noon := midnight.Add(12 * time.Hour)
	for midnight.Day() != noon.Day() {
		midnight = midnight.Add(time.Hour)
	}
	return midnight
}

func parseTime(text string, zone *time.Location) (time.Time, bool) {
	for _, layout := range timeLayouts() {
		if at, err := time.ParseInLocation(layout, text, zone); err == nil && zoned(at, zone) {
			return at, true
		}
	}
	return time.Time{}, false
}

// timeLayouts are the forms of a day with a time.
func timeLayouts() []string {
	layouts := otherLayouts
	for _, day := range dayLayouts {
		for _, clock := range clockLayouts {
			for _, zone := range zoneLayouts {
				layouts = append(layouts, day+" "+clock+zone, day+"T"+clock+zone)
			}
		}
	}
	return layouts
}

// zoned tells whether the zone of a date that was read is known. For a zone's
// abbreviation that it does not know Go makes one of that name at UTC.
func zoned(at time.Time, local *time.Location) bool {
	name, _ := at.Zone()
	here, _ := at.In(local).Zone()
	return at.Location() == local || at.Location() == time.UTC || name == "" || name == "UTC" || name == "GMT" || name == here || strings.ContainsAny(name, "+-0123456789")
}
