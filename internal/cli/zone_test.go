package cli

import (
	"os/exec"
	"strings"
	"testing"
	"time"
)

// A rule is read as the C library, and so git, reads it.
func TestLocalZone(t *testing.T) {
	t.Parallel()
	for _, tz := range []string{"<+0545>-5:45", "UTC-5", "EST5EDT,M3.2.0,M11.1.0", "<-03>3", "NZST-12NZDT,M9.5.0,M4.1.0/3", "XYZ4"} {
		for _, date := range []string{"2026-01-15 12:00:00", "2026-07-15 12:00:00", "2026-03-08 06:59:59", "2026-03-08 07:00:00"} {
			cmd := exec.Command("date", "-d", date+" UTC", "+%Y-%m-%d %H:%M:%S %z")
			cmd.Env = []string{"TZ=" + tz, "LC_ALL=C"}
			want, err := cmd.Output()
			if err != nil {
				t.Skip("no date that reads dates here")
			}
			at, err := time.Parse(time.DateTime, date)
			if err != nil {
				t.Fatal(err)
			}
			if got := at.In(localZone(tz)).Format("2006-01-02 15:04:05 -0700"); got != strings.TrimSpace(string(want)) {
				t.Errorf("TZ=%s %s is %s, want %s", tz, date, got, want)
			}
		}
	}
	for _, tz := range []string{"", ":", "UTC", "Europe/Berlin", ":Europe/Berlin", "/etc/localtime", "no zone at all"} {
		if zone := localZone(tz); zone != time.Local && zone.String() != "no zone at all" {
			t.Errorf("TZ=%s is %v", tz, zone)
		}
	}
}
