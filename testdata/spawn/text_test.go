package spawn

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/editorconfig/editorconfig-core-go/v2"
	"github.com/pelletier/go-toml/v2"
	"go.yaml.in/yaml/v3"
)

// checkFiles sees that what every product needs is there.
func checkFiles(t *testing.T, p *product) {
	for _, f := range []string{"README.md", "LICENSE", "SECURITY.md", "AGENTS.md", "Makefile", `\.gitignore`, `\.editorconfig`, `\.github/dependabot\.yml`, `\.github/workflows/.+\.ya?ml`} {
		p.match(t, f)
	}
	targets := makeTargets(string(p.read(t, "Makefile")))
	for _, target := range []string{"test", "run", "lint", "build"} {
		if !slices.Contains(targets, target) {
			t.Errorf("Makefile has no target %s", target)
		}
	}
	if !p.runs(t) {
		return
	}
	for _, f := range []string{"Dockerfile", `\.dockerignore`, `compose\.yaml`, `deploy/base/kustomization\.yaml`, `deploy/overlays/production/kustomization\.yaml`, `\.env\.example`} {
		p.match(t, f)
	}
	if p.has(".env") || !ignored(p, t, ".env") {
		t.Error(".env, where the passwords go, is not ignored")
	}
	if p.serves(t) && p.kind != "worker" {
		p.match(t, `(api/)?openapi\.(json|yaml)`)
	}
}

func ignored(p *product, t *testing.T, file string) bool {
	t.Helper()
	return p.command("git", "check-ignore", "-q", file).Run() == nil
}

var target = regexp.MustCompile(`(?m)^([a-z][a-z-]*):`)

func makeTargets(makefile string) []string {
	var names []string
	for _, m := range target.FindAllStringSubmatch(makefile, -1) {
		names = append(names, m[1])
	}
	return names
}

// checkFormats reads what has a format by its parser.
func checkFormats(t *testing.T, p *product) {
	for _, f := range p.files {
		var err error
		text := p.read(t, f)
		switch path.Ext(f) {
		case ".json":
			err = json.Unmarshal(text, new(any))
		case ".toml":
			err = toml.Unmarshal(text, new(map[string]any))
		case ".yaml", ".yml":
			err = documents(text, func(*yaml.Node) error { return nil })
		}
		if err != nil {
			t.Errorf("%s: %v", f, err)
		}
		for _, left := range []string{"{{.", "{{-", "<no value>", "%!"} {
			if bytes.Contains(text, []byte(left)) && !templatesOfOthers(f, left) {
				t.Errorf("%s has %q in it", f, left)
			}
		}
	}
}

// templatesOfOthers tells whether a file is one of Docker's or Prometheus's that has templates itself.
func templatesOfOthers(file, mark string) bool {
	return mark == "{{." && strings.HasPrefix(file, ".github/")
}

// documents reads YAML, with no key twice, and hands on each document.
func documents(text []byte, each func(*yaml.Node) error) error {
	d := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var node yaml.Node
		if err := d.Decode(&node); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := node.Decode(new(any)); err != nil {
			return err
		}
		if err := each(&node); err != nil {
			return err
		}
	}
}

// checkEditorconfig sees that every file is written as .editorconfig has editors write it.
func checkEditorconfig(t *testing.T, p *product) {
	for _, f := range p.files {
		d, err := editorconfig.GetDefinitionForFilename(filepath.Join(p.dir, f))
		if err != nil {
			t.Fatal(err)
		}
		text := string(p.read(t, f))
		if text == "" {
			continue
		}
		if d.Charset != "utf-8" || d.EndOfLine != "lf" || d.InsertFinalNewline == nil || !*d.InsertFinalNewline {
			t.Errorf(".editorconfig does not say how %s is written", f)
		}
		if strings.Contains(text, "\r") || !strings.HasSuffix(text, "\n") || strings.HasSuffix(text, "\n\n") {
			t.Errorf("%s does not end its lines as .editorconfig says, or ends with empty ones", f)
		}
		for i, line := range strings.Split(text, "\n") {
			if why := wrongLine(d, f, line); why != "" {
				t.Errorf("%s:%d: %s: %q", f, i+1, why, line)
			}
		}
	}
}

// wrongLine says what .editorconfig would have otherwise. gofmt judges Go, whose raw strings have lines of any form.
func wrongLine(d *editorconfig.Definition, file, line string) string {
	if strings.TrimRight(line, " \t") != line && (d.TrimTrailingWhitespace == nil || *d.TrimTrailingWhitespace) {
		return "space at the end"
	}
	if path.Ext(file) == ".go" {
		return ""
	}
	indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
	if d.IndentStyle == "tab" && strings.HasPrefix(indent, " ") || d.IndentStyle == "space" && strings.Contains(indent, "\t") {
		return "not indented by " + d.IndentStyle
	}
	size, err := strconv.Atoi(d.IndentSize)
	if strict := []string{".json", ".toml", ".yaml", ".yml", ".tf", ".hcl"}; err == nil && slices.Contains(strict, path.Ext(file)) && len(indent)%size != 0 {
		return "not indented by " + d.IndentSize
	}
	return ""
}

var named = regexp.MustCompile("`((?:api|cmd|deploy|internal|migrations|ops|src|test|tests|testdata|examples)/[A-Za-z0-9._/-]+)`")

// checkMentions sees that the files that the documents name are there, and so are the targets of make.
func checkMentions(t *testing.T, p *product) {
	targets := makeTargets(string(p.read(t, "Makefile")))
	for _, f := range []string{"README.md", "AGENTS.md", "SECURITY.md"} {
		text := string(p.read(t, f))
		for _, m := range named.FindAllStringSubmatch(text, -1) {
			if !slices.ContainsFunc(p.files, func(have string) bool {
				return have == m[1] || strings.HasPrefix(have, strings.TrimSuffix(m[1], "/")+"/")
			}) {
				t.Errorf("%s names %s, which is not there", f, m[1])
			}
		}
		for _, target := range makesOf(text) {
			if !slices.Contains(targets, target) {
				t.Errorf("%s says make %s, and there is no such target", f, target)
			}
		}
	}
}

var made = regexp.MustCompile("(?m)(?:^|`|run: |PYTHON=\\S+ )make((?: [a-z]+)+)(?:`| |$)")

// makesOf lists the targets that a text has make make: in commands of its own, not in sentences.
func makesOf(text string) []string {
	var all []string
	for _, m := range made.FindAllStringSubmatch(text, -1) {
		all = append(all, strings.Fields(m[1])...)
	}
	return all
}

// checkLicense sees that LICENSE, README and the answer are of one mind.
func checkLicense(t *testing.T, p *product) {
	license, readme := string(p.read(t, "LICENSE")), string(p.read(t, "README.md"))
	n := p.port - 20000
	want := map[string][2]string{
		"Apache-2.0": {"Apache License", "Apache-2.0"},
		"MIT":        {"Permission is hereby granted, free of charge", "MIT"},
		"none":       {"ll rights reserved", ""},
	}[licenses[n%len(licenses)]]
	if !strings.Contains(license, want[0]) || !strings.Contains(readme, want[1]) {
		t.Errorf("LICENSE or README.md does not say %q", want)
	}
	// Apache's text is kept as it is published, with nobody's name.
	if want[1] != "Apache-2.0" && !strings.Contains(license, owner) {
		t.Errorf("LICENSE does not name the owner %s", owner)
	}
}
