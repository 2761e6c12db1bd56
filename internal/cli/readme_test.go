package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The session in the README is real: each command, typed again, prints what
// stands there, but for hashes and dates.
func TestReadmeSession(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, session, _ := strings.Cut(string(text), "```\n$ ")
	session, _, _ = strings.Cut("$ "+session, "\n```")
	home := t.TempDir()
	dir := readmeRepository(t, home)
	id := ""
	for _, block := range strings.Split(session, "\n\n") {
		command, want, _ := strings.Cut(strings.TrimPrefix(block, "$ "), "\n")
		if id != "" {
			command = regexp.MustCompile(`show [0-9a-f]+`).ReplaceAllString(command, "show "+id)
		}
		got := strings.TrimRight(shell(t, home, dir, command), "\n")
		if normal(got) != normal(want) {
			t.Errorf("$ %s\n%s\nthe README has\n%s", command, got, want)
		}
		if m := regexp.MustCompile(`recorded release(?s:.*?)id      ([0-9a-f]{6})`).FindStringSubmatch(got); m != nil {
			id = m[1]
		}
	}
}

func readmeRepository(t *testing.T, home string) string {
	dir := filepath.Join(t.TempDir(), "their-repo")
	shell(t, home, "", "git init -q --bare "+dir+"/../hub.git && git clone -q "+dir+"/../hub.git "+dir)
	shell(t, home, dir, `mkdir dist && echo api > dist/api.tar.gz && echo "a login may take 30 seconds" > notes.md && git add . && git commit -qm one && git tag v1.4.0`)
	return dir
}

func shell(t *testing.T, home, dir, command string) string {
	cmd := exec.Command("sh", "-c", command)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME=", "XDG_CACHE_HOME=", "GIT_CONFIG_NOSYSTEM=1", "TZ=UTC", "GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com",
		"GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.com", "TEST_CLOCK=2026-11-22T14:05:00Z", "GITHUB_ACTIONS=", "GITLAB_CI=")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	return regexp.MustCompile(`(?m)^warning: You appear.*\n`).ReplaceAllString(string(out), "")
}

// normal leaves out what differs from one run to the next, and the order of
// receipts of the same second, which their hashes decide.
func normal(s string) string {
	s = regexp.MustCompile(`[A-Z][a-z]{2} [A-Z][a-z]{2} [0-9: ]+ \+0000|[0-9]{4}[-/][0-9]{2}[-/][0-9]{2}`).ReplaceAllString(s, "DATE")
	s = regexp.MustCompile(`\b[0-9a-f]{6,64}\b`).ReplaceAllString(s, "HASH")
	s = regexp.MustCompile(`SHA256:[A-Za-z0-9+/]{43}`).ReplaceAllString(s, "KEY")
	s = regexp.MustCompile(`[^ ]*/\.config/`).ReplaceAllString(s, "~/.config/")
	s = regexp.MustCompile(`DATE/[0-9a-f]{2}/`).ReplaceAllString(s, "DATE/")
	lines := strings.Split(s, "\n")
	if strings.HasPrefix(s, "ID ") || strings.Contains(s, "passed") {
		slices.Sort(lines)
	}
	return strings.Join(lines, "\n")
}

// Every relative link of the documents leads somewhere.
func TestLinksResolve(t *testing.T) {
	root := filepath.Join("..", "..")
	var documents []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, found...)
	}
	links := 0
	for _, document := range documents {
		text, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\]\(([^):#\\]+)\)`).FindAllStringSubmatch(string(text), -1) {
			links++
			if _, err := os.Stat(filepath.Join(filepath.Dir(document), m[1])); err != nil {
				t.Errorf("%s links %s: %v", document, m[1], err)
			}
		}
	}
	if links < 10 {
		t.Errorf("only %d links were found", links)
	}
}
