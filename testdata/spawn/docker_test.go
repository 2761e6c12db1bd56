package spawn

import (
	"bytes"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// image is a Dockerfile as BuildKit reads it.
type image struct {
	stages      []instructions.Stage
	health      []string
	user        string
	entry, args []string
}

func (p *product) image(t *testing.T) *image {
	t.Helper()
	tree, err := parser.Parse(bytes.NewReader(p.read(t, "Dockerfile")))
	if err != nil {
		t.Fatal(err)
	}
	lint := linter.New(&linter.Config{Warn: func(rule, _, _, message string, _ []parser.Range) { t.Errorf("Dockerfile: %s: %s", rule, message) }})
	m := new(image)
	if m.stages, _, err = instructions.Parse(tree.AST, lint); err != nil {
		t.Fatal(err)
	}
	for _, w := range tree.Warnings {
		t.Errorf("Dockerfile: %s", w.Short)
	}
	for _, c := range m.stages[len(m.stages)-1].Commands {
		switch c := c.(type) {
		case *instructions.UserCommand:
			m.user = c.User
		case *instructions.HealthCheckCommand:
			m.health = c.Health.Test
		case *instructions.EntrypointCommand:
			m.entry = c.CmdLine
		case *instructions.CmdCommand:
			m.args = c.CmdLine
		}
	}
	return m
}

// checkDockerfile sees that the image is built in stages, by tags of versions, and runs as nobody with a check of its health.
func checkDockerfile(t *testing.T, p *product) {
	m := p.image(t)
	if len(m.stages) < 2 {
		t.Error("the image has one stage")
	}
	var earlier []string
	for _, s := range m.stages {
		if !slices.Contains(earlier, s.BaseName) && s.BaseName != "scratch" {
			if err := checkTag(s.BaseName); err != nil {
				t.Error(err)
			}
		}
		checkCommands(t, s, earlier)
		earlier = append(earlier, s.Name)
	}
	if !regexp.MustCompile(`^[1-9][0-9]*:[1-9][0-9]*$`).MatchString(m.user) {
		t.Errorf("the image runs as %q, and Kubernetes knows only by a number that it is not root", m.user)
	}
	if len(m.health) < 2 || m.health[0] != "CMD" {
		t.Errorf("the health check %q is no command without a shell", m.health)
	}
	if len(m.entry) == 0 {
		t.Error("the image has no ENTRYPOINT")
	}
}

func checkCommands(t *testing.T, s instructions.Stage, earlier []string) {
	for _, c := range s.Commands {
		switch c := c.(type) {
		case *instructions.AddCommand:
			t.Errorf("%s: COPY does that", c)
		case *instructions.CopyCommand:
			if c.From != "" && !slices.Contains(earlier, c.From) {
				t.Errorf("%s: there is no such stage", c)
			}
		}
	}
}

// checkPort sees that the one port that was chosen is the image's, compose's, Prometheus's and the pods'.
func checkPort(t *testing.T, p *product) {
	if !p.serves(t) {
		return
	}
	want := strconv.Itoa(p.port)
	if !strings.Contains(string(p.read(t, "Dockerfile")), "\nEXPOSE "+want+"\n") {
		t.Errorf("the image does not have the port %s", want)
	}
	if pods := string(p.read(t, "deploy/base/deployment.yaml")); !strings.Contains(pods, "containerPort: "+want+"\n") {
		t.Errorf("the pods do not have the port %s", want)
	}
}
