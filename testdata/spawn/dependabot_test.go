package spawn

import (
	"bytes"
	"testing"

	"go.yaml.in/yaml/v3"
)

// updates is what of the format of dependabot.yml, version 2, products use. A field that is not here is an error.
type updates struct {
	Version int
	Updates []struct {
		Ecosystem string `yaml:"package-ecosystem"`
		Directory string
		Schedule  struct{ Interval string }
		Ignore    []struct {
			Name     string `yaml:"dependency-name"`
			Versions []string
		}
	}
}

// what each ecosystem of Dependabot's reads.
var watched = map[string]string{
	"docker":         "Dockerfile",
	"docker-compose": `compose\.yaml`,
	"github-actions": `\.github/workflows/.+`,
	"gomod":          `go\.mod`,
	"npm":            `package\.json`,
	"opentofu":       `.+\.tf`,
	"pip":            `pyproject\.toml`,
	"terraform":      `.+\.tf`,
}

// checkDependabot sees that updates are looked for, in files that are there, for all that is pinned.
func checkDependabot(t *testing.T, p *product) {
	d := yaml.NewDecoder(bytes.NewReader(p.read(t, ".github/dependabot.yml")))
	d.KnownFields(true)
	var u updates
	if err := d.Decode(&u); err != nil {
		t.Fatal(err)
	}
	if u.Version != 2 {
		t.Errorf("dependabot.yml has the version %d", u.Version)
	}
	looked := make(map[string]bool)
	for _, one := range u.Updates {
		file, known := watched[one.Ecosystem]
		if !known {
			t.Errorf("dependabot.yml watches %q, which is not known here", one.Ecosystem)
			continue
		}
		p.match(t, file)
		looked[one.Ecosystem] = true
		if interval := one.Schedule.Interval; one.Directory != "/" || interval != "daily" && interval != "weekly" && interval != "monthly" {
			t.Errorf("dependabot.yml looks after %s at %q, %q", one.Ecosystem, one.Directory, interval)
		}
	}
	want := []string{"github-actions"}
	if p.runs(t) {
		want = append(want, "docker", "docker-compose", map[string]string{inGo: "gomod", inPython: "pip", inTypeScript: "npm"}[p.language(t)])
	}
	for _, ecosystem := range want {
		if !looked[ecosystem] {
			t.Errorf("dependabot.yml does not watch %s", ecosystem)
		}
	}
}
