package ci_test

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/VaultSovereign/git-vaultmesh/internal/ci"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

const (
	one  = "1111111111111111111111111111111111111111"
	two  = "2222222222222222222222222222222222222222"
	none = "0000000000000000000000000000000000000000"
)

func TestReadSaysWhatAJobIsAbout(t *testing.T) {
	for name, c := range map[string]struct {
		service ci.Service
		vars    map[string]string
		event   string
		want    ci.Job
	}{
		"a push": {ci.GitHub, map[string]string{"GITHUB_EVENT_NAME": "push", "GITHUB_REF": "refs/heads/main", "GITHUB_SHA": two},
			`{"before":"` + one + `","after":"` + two + `","ref":"refs/heads/main","commits":[{"message":"x"}]}`,
			ci.Job{Ref: "refs/heads/main", Head: two, Base: one, Ranged: true}},
		"a new branch": {ci.GitHub, map[string]string{"GITHUB_EVENT_NAME": "push", "GITHUB_REF": "refs/heads/new"},
			`{"before":"` + none + `","after":"` + two + `"}`, ci.Job{Ref: "refs/heads/new", Head: two, Ranged: true}},
		"a deletion": {ci.GitHub, map[string]string{"GITHUB_EVENT_NAME": "push", "GITHUB_REF": "refs/heads/old"},
			`{"before":"` + one + `","after":"` + none + `","deleted":true}`, ci.Job{Ref: "refs/heads/old", Base: one, Ranged: true, Deleted: true}},
		"a pull request": {ci.GitHub, map[string]string{"GITHUB_EVENT_NAME": "pull_request", "GITHUB_REF": "refs/pull/7/merge", "GITHUB_SHA": none, "GITHUB_STEP_SUMMARY": "s"},
			`{"pull_request":{"base":{"ref":"main","sha":"` + one + `"},"head":{"ref":"x","sha":"` + two + `"}}}`,
			ci.Job{Ref: "refs/heads/main", Head: two, Base: one, Ranged: true, Merge: true, Summary: "s"}},
		"a merge queue": {ci.GitHub, map[string]string{"GITHUB_EVENT_NAME": "merge_group"},
			`{"merge_group":{"base_ref":"refs/heads/main","base_sha":"` + one + `","head_sha":"` + two + `"}}`,
			ci.Job{Ref: "refs/heads/main", Head: two, Base: one, Ranged: true}},
		"by the clock": {ci.GitHub, map[string]string{"GITHUB_EVENT_NAME": "schedule", "GITHUB_REF": "refs/heads/main", "GITHUB_SHA": one}, `{}`,
			ci.Job{Ref: "refs/heads/main", Head: one}},
		"a push to GitLab": {ci.GitLab, map[string]string{"CI_COMMIT_BRANCH": "main", "CI_COMMIT_SHA": two, "CI_COMMIT_BEFORE_SHA": one, "CI_PIPELINE_SOURCE": "push"}, "",
			ci.Job{Ref: "refs/heads/main", Head: two, Base: one, Ranged: true}},
		"a new branch of GitLab": {ci.GitLab, map[string]string{"CI_COMMIT_BRANCH": "new", "CI_COMMIT_SHA": two, "CI_COMMIT_BEFORE_SHA": none, "CI_PIPELINE_SOURCE": "push"}, "",
			ci.Job{Ref: "refs/heads/new", Head: two, Ranged: true}},
		"by GitLab's clock": {ci.GitLab, map[string]string{"CI_COMMIT_BRANCH": "main", "CI_COMMIT_SHA": two, "CI_COMMIT_BEFORE_SHA": none, "CI_PIPELINE_SOURCE": "schedule"}, "",
			ci.Job{Ref: "refs/heads/main", Head: two}},
		"a tag of GitLab": {ci.GitLab, map[string]string{"CI_COMMIT_TAG": "v1", "CI_COMMIT_SHA": two, "CI_COMMIT_BEFORE_SHA": none}, "",
			ci.Job{Ref: "refs/tags/v1", Head: two, Ranged: true}},
		"a merge request": {ci.GitLab, map[string]string{"CI_MERGE_REQUEST_DIFF_BASE_SHA": one, "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main", "CI_COMMIT_SHA": two, "CI_COMMIT_BEFORE_SHA": none}, "",
			ci.Job{Ref: "refs/heads/main", Head: two, Base: one, Ranged: true, Merge: true}},
		"a plain shell": {ci.Plain, nil, "", ci.Job{}},
	} {
		t.Run(name, func(t *testing.T) {
			c.want.Service = c.service
			got, err := ci.Read(c.service, func(v string) string { return c.vars[v] }, []byte(c.event))
			if err != nil || *got != c.want {
				t.Errorf("%+v %v, want %+v", got, err, c.want)
			}
		})
	}
}

func TestReadRefusesWhatNoServiceSays(t *testing.T) {
	for name, c := range map[string]struct {
		vars  map[string]string
		event string
	}{
		"no JSON":         {map[string]string{"GITHUB_EVENT_NAME": "push"}, `{`},
		"no event":        {map[string]string{"GITHUB_EVENT_NAME": "push"}, ``},
		"no pull request": {map[string]string{"GITHUB_EVENT_NAME": "pull_request"}, `{}`},
		"no merge group":  {map[string]string{"GITHUB_EVENT_NAME": "merge_group"}, `{}`},
		"an option":       {map[string]string{"GITHUB_EVENT_NAME": "push", "GITHUB_REF": "refs/heads/main"}, `{"before":"--all","after":"` + two + `"}`},
		"a hostile name":  {map[string]string{"GITHUB_EVENT_NAME": "push", "GITHUB_REF": "refs/heads/a\n::error::b"}, `{"before":"` + one + `","after":"` + two + `"}`},
		"no ref":          {map[string]string{"GITHUB_EVENT_NAME": "push"}, `{"before":"` + one + `","after":"` + two + `"}`},
	} {
		if _, err := ci.Read(ci.GitHub, func(v string) string { return c.vars[v] }, []byte(c.event)); !fault.Has(err, fault.BadJob) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// commands are the lines of a log that GitHub's runner acts upon.
func commands(log string) []string {
	var list []string
	for _, line := range strings.FieldsFunc(log, func(r rune) bool { return r == '\n' || r == '\r' }) {
		if strings.HasPrefix(strings.TrimSpace(line), "::") || strings.Contains(line, "##[") {
			list = append(list, line)
		}
	}
	return list
}

func hostile(t *rapid.T, label string) string {
	return strings.Join(rapid.SliceOf(rapid.SampledFrom([]string{"::", ":", "set-output name=a", "stop-commands", "##[", "error]", "\n", "\r", "%", "%0A", ",", " ", "`", "|", "<b>", "a"})).Draw(t, label), "")
}

func TestAnnotationsGiveNoOtherCommand(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := ci.Finding{Level: ci.Error, Title: hostile(t, "title"), Message: hostile(t, "message"), Path: hostile(t, "path")}
		lines := ci.Annotations([]ci.Finding{f})
		if len(lines) != 1 || strings.ContainsAny(lines[0], "\r\n") || !strings.HasPrefix(lines[0], "::error ") {
			t.Fatalf("%q", lines)
		}
		properties, message, _ := strings.Cut(strings.TrimPrefix(lines[0], "::error "), "::")
		if strings.Contains(properties, "::") || strings.Count(properties, "=") < 1 {
			t.Fatalf("%q", lines)
		}
		undo := strings.NewReplacer("%0D", "\r", "%0A", "\n", "%25", "%", `#\u0023[`, "##[", `\u003a`, ":")
		if got := undo.Replace(message); got != f.Message {
			t.Fatalf("%q is read as %q", f.Message, got)
		}
	})
}

func TestDefusedGivesNoCommand(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := hostile(t, "text")
		text = strings.ReplaceAll(text, "\r", "") // the printer shows it as an escape
		if got := commands(ci.Defused(text)); len(got) > 0 {
			t.Fatalf("%q lets through %q", text, got)
		}
	})
}

func TestAtMostTenAnnotationsOfALevel(t *testing.T) {
	list := make([]ci.Finding, 25)
	for i := range list {
		list[i].Level = ci.Error
	}
	list[24].Level = ci.Warning
	if got := ci.Annotations(list); len(got) != 11 {
		t.Errorf("%d", len(got))
	}
}

// What a finding says stands between backticks of which the text has fewer in a row.
func TestSummaryIsCode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := ci.Finding{Level: ci.Error, Title: "title", Message: hostile(t, "message")}
		got := ci.Summary("broken", []ci.Finding{f})
		lines := strings.Split(strings.TrimSpace(got), "\n")
		if len(lines) != 3 {
			t.Fatalf("%q", got)
		}
		_, rest, ok := strings.Cut(lines[2], ": ")
		fence := rest[:len(rest)-len(strings.TrimLeft(rest, "`"))]
		inner, closed := strings.CutSuffix(rest[len(fence):], fence)
		if !ok || fence == "" || !closed || strings.Contains(inner, fence) {
			t.Fatalf("%q", lines[2])
		}
	})
}

func TestCodeQuality(t *testing.T) {
	text, err := ci.CodeQuality([]ci.Finding{{Level: ci.Error, Title: "a", Message: "b", Path: "c"}, {Level: ci.Warning, Title: "a", Message: "d"}})
	var got []struct {
		Description, Fingerprint, Severity string
		Location                           struct {
			Path  string
			Lines struct{ Begin int }
		}
	}
	if err != nil || json.Unmarshal(text, &got) != nil || len(got) != 2 {
		t.Fatalf("%s %v", text, err)
	}
	if got[0].Description != "a: b" || got[0].Severity != "major" || got[0].Location.Path != "c" || got[1].Location.Path != "." || got[1].Severity != "minor" || got[0].Location.Lines.Begin != 1 || got[0].Fingerprint == got[1].Fingerprint {
		t.Errorf("%s", text)
	}
}
