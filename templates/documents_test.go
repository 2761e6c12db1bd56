package templates

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var documented = regexp.MustCompile("(?ms)^`([^`\n]+)`:\n\n```[a-z]+\n(.*?\n)```$")

// The template of docs/templates.md is one, and makes what stands there; all functions are named there, and the limits.
func TestDocument(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile("../docs/templates.md")
	if err != nil {
		t.Fatal(err)
	}
	var files []Source
	for _, m := range documented.FindAllStringSubmatch(string(document), -1) {
		files = append(files, Source{m[1], []byte(m[2])})
	}
	made, err := New(files)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := made.Plan(Request{Name: "hello-world", Year: 2026, With: map[string]string{"mq": "rabbitmq"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Files) != len(files)-1 {
		t.Errorf("it makes %d files of %d", len(plan.Files), len(files)-1)
	}
	for _, f := range plan.Files {
		if !strings.Contains(string(document), "`"+f.Path+"`") {
			t.Errorf("the document does not name %s", f.Path)
		}
		if err := readFile(f); err != nil {
			t.Errorf("%s: %v", f.Path, err)
		}
		if f.Executable != (f.Path == "scripts/greet.sh") {
			t.Errorf("%s is executable: %v", f.Path, f.Executable)
		}
	}
	parsePython(t, plan.Files)
	words := regexp.MustCompile("[a-z]+").FindAllString(string(document), -1)
	for _, name := range Functions() {
		if !slices.Contains(words, name) {
			t.Errorf("the document does not name the function %s", name)
		}
	}
	limits := fmt.Sprintf("at most %d files of %d MiB, and %d MiB of them", MaxFiles, MaxFile>>20, MaxTotal>>20)
	steps := fmt.Sprintf("at most %d steps together, and one function makes at most %d KiB,\nall of them read and make at most %d MiB", maxSteps, maxMade>>10, maxWorked>>20)
	most := fmt.Sprintf("at most %d.", maxQuestions)
	for _, text := range []string{limits, steps, most} {
		if !strings.Contains(string(document), text) {
			t.Errorf("the document does not say %q", text)
		}
	}
}
