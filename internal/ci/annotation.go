package ci

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
)

// Level is how much a finding counts.
type Level string

// The levels, in GitHub's words.
const (
	Error   Level = "error"
	Warning Level = "warning"
)

// Finding is one thing to show: its texts are on one line each, and hostile.
type Finding struct {
	Level   Level
	Title   string
	Message string
	Path    string // of the file that it is about; "" for none
}

// mostAnnotations is how many GitHub shows of a step, of each level.
const mostAnnotations = 10

// Annotations are findings as GitHub's workflow commands, a line each.
func Annotations(list []Finding) []string {
	count := make(map[Level]int)
	var lines []string
	for _, f := range list {
		if count[f.Level]++; count[f.Level] <= mostAnnotations {
			lines = append(lines, f.annotation())
		}
	}
	return lines
}

// annotation escapes as the runner's toolkit does: what ends a line or a property.
func (f Finding) annotation() string {
	data := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	where := ""
	if f.Path != "" {
		where = "file=" + Defused(property.Replace(f.Path)) + ","
	}
	return "::" + string(f.Level) + " " + where + "title=" + Defused(property.Replace(f.Title)) + "::" + Defused(data.Replace(f.Message))
}

// Defused is a text of which no line is a command to GitHub's runner: a command begins a
// line with two colons, or stands anywhere behind ##[. The escapes are those of JSON.
func Defused(s string) string {
	s = strings.ReplaceAll(s, "##[", `#\u0023[`)
	if !strings.Contains(s, "::") {
		return s
	}
	var b strings.Builder
	for line := range strings.Lines(s) {
		if text := strings.TrimLeft(line, " \t\r"); strings.HasPrefix(text, "::") {
			line = strings.TrimSuffix(line, text) + `\u003a` + text[1:]
		}
		b.WriteString(line)
	}
	return b.String()
}

// Summary is a list in Markdown. Whatever a finding says stands as code, where nothing
// is markup, a link or a mention.
func Summary(verdict string, list []Finding) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### git vaultmesh covenant check: %s\n\n", verdict)
	const most = 200
	for i, f := range list {
		if i == most {
			fmt.Fprintf(&b, "- and %d more\n", len(list)-most)
			break
		}
		fmt.Fprintf(&b, "- **%s** %s: %s\n", f.Level, code(f.Title), code(f.Message))
	}
	b.WriteString("\n")
	return b.String()
}

// code is a code span: between more backticks than the text has in a row (CommonMark
// 0.31, section 6.1).
func code(s string) string {
	const longest = 1000
	if s = strings.Join(strings.Fields(s), " "); len(s) > longest {
		s = strings.ToValidUTF8(s[:longest], "") + "…"
	}
	if s == "" {
		return "` `"
	}
	fence := "`"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	return fence + " " + s + " " + fence
}

// issue is one of GitLab's code quality report.
type issue struct {
	Description string        `json:"description"`
	CheckName   string        `json:"check_name"`
	Fingerprint string        `json:"fingerprint"`
	Severity    string        `json:"severity"`
	Location    issueLocation `json:"location"`
}

type issueLocation struct {
	Path  string `json:"path"`
	Lines struct {
		Begin int `json:"begin"`
	} `json:"lines"`
}

// CodeQuality is GitLab's report of code quality. A finding about no file is shown at the
// top of the repository.
func CodeQuality(list []Finding) ([]byte, error) {
	issues := []issue{}
	for _, f := range list {
		sum := sha256.Sum256([]byte(f.Title + "\x00" + f.Message + "\x00" + f.Path))
		one := issue{Description: f.Title + ": " + f.Message, CheckName: f.Title, Fingerprint: hex.EncodeToString(sum[:]), Severity: "major", Location: issueLocation{Path: f.Path}}
		if f.Level == Warning {
			one.Severity = "minor"
		}
		if f.Path == "" {
			one.Location.Path = "."
		}
		one.Location.Lines.Begin = 1
		issues = append(issues, one)
	}
	text, err := json.MarshalIndent(issues, "", "  ")
	return append(text, '\n'), err
}

// section is the name of our part of GitLab's log.
const section = "vaultmesh_check"

// SectionStart begins a part of GitLab's log at a time in seconds since 1970. The title is
// the program's own.
func SectionStart(at int64, title string) string {
	return fmt.Sprintf("\x1b[0Ksection_start:%d:%s\r\x1b[0K%s\n", at, section, title)
}

// SectionEnd ends it.
func SectionEnd(at int64) string {
	return fmt.Sprintf("\x1b[0Ksection_end:%d:%s\r\x1b[0K", at, section)
}
