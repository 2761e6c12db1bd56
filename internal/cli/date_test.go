package cli

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestGitDate(t *testing.T) {
	at := time.Date(2026, 11, 2, 3, 4, 5, 0, time.FixedZone("", 3600))
	now := at.Add(49 * time.Hour)
	for mode, want := range map[string]string{
		"default": "Mon Nov 2 03:04:05 2026 +0100", "nonsense": "Mon Nov 2 03:04:05 2026 +0100",
		"relative": "2 days ago", "format-local:%d.%m.": "02.11.",
	} {
		if got := gitDate(at, mode, now); got != want {
			t.Errorf("%s: %q, want %q", mode, got, want)
		}
	}
	if got := shortDate(at, "default", now); got != "2026-11-02" {
		t.Errorf("short date %q", got)
	}
}

// Real git shows the same moments the same way, from the same now.
func TestGitDateIsGits(t *testing.T) {
	dir := t.TempDir()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	git := func(at time.Time, args ...string) string {
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		cmd.Env = append(cmd.Environ(), "TZ=UTC", "LC_ALL=C", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", fmt.Sprintf("GIT_TEST_DATE_NOW=%d", now.Unix()),
			"GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a", "GIT_COMMITTER_NAME=A", "GIT_COMMITTER_EMAIL=a", fmt.Sprintf("GIT_AUTHOR_DATE=%d +0000", at.Unix()))
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("git %v: %v", args, err)
		}
		return strings.TrimSpace(string(out))
	}
	zulu := strings.NewReplacer("Z", "+00:00") // git before 2.45 writes the latter
	git(now, "init", "-q", ".")
	for _, ago := range []time.Duration{0, 5 * time.Minute, 11 * time.Hour, 30 * time.Hour, 100 * time.Hour, 150 * time.Hour, 800 * time.Hour, 9000 * time.Hour, 50000 * time.Hour} {
		at := now.Add(-ago)
		git(at, "commit", "-q", "--allow-empty", "-m", "x")
		for _, mode := range []string{"default", "iso", "iso-strict", "rfc", "short", "raw", "unix", "relative", "human", "format:%Y %H-%M %e %z %j"} {
			want, got := git(at, "log", "-1", "--format=%ad", "--date="+mode), gitDate(at, mode, now)
			if zulu.Replace(want) != zulu.Replace(got) {
				t.Errorf("%s, %v ago: %q, git has %q", mode, ago, got, want)
			}
		}
	}
}

func TestRelativeDates(t *testing.T) {
	const day = 24 * time.Hour
	for d, want := range map[time.Duration]string{
		-time.Second: "in the future", 0: "0 seconds ago", time.Second: "1 second ago", 89 * time.Second: "89 seconds ago", 90 * time.Second: "2 minutes ago",
		89 * time.Minute: "89 minutes ago", 90 * time.Minute: "2 hours ago", 35 * time.Hour: "35 hours ago", 36 * time.Hour: "2 days ago", 13 * day: "13 days ago",
		14 * day: "2 weeks ago", 69 * day: "10 weeks ago", 70 * day: "2 months ago", 364 * day: "12 months ago", 366 * day: "1 year ago",
		400 * day: "1 year, 1 month ago", 730 * day: "2 years ago", 2000 * day: "5 years ago",
	} {
		if got := relative(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}
