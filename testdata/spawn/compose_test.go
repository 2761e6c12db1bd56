package spawn

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/distribution/reference"
)

var required = regexp.MustCompile(`\$\{([A-Z_]+):\?`)

// compose loads compose.yaml as Docker does: by the schema of the Compose Specification, with its variables and all rules.
func (p *product) compose(vars map[string]string) (*types.Project, error) {
	details := types.ConfigDetails{
		WorkingDir:  p.dir,
		ConfigFiles: []types.ConfigFile{{Filename: filepath.Join(p.dir, "compose.yaml")}},
		Environment: maps.Clone(vars), // to which the loader adds its own
	}
	return loader.LoadWithContext(context.Background(), details, func(o *loader.Options) { o.SkipValidation, o.SkipConsistencyCheck = false, false })
}

// checkCompose sees that compose.yaml starts what the options bring, with no password of its own, for this machine alone.
func checkCompose(t *testing.T, p *product) {
	vars := make(map[string]string)
	for _, m := range required.FindAllStringSubmatch(string(p.read(t, "compose.yaml")), -1) {
		vars[m[1]] = "only-for-this-test"
	}
	project, err := p.compose(vars)
	if err != nil {
		t.Fatal(err)
	}
	for name := range vars {
		without := make(map[string]string)
		for other, value := range vars {
			if other != name {
				without[other] = value
			}
		}
		if _, err := p.compose(without); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("compose.yaml can do without %s: %v", name, err)
		}
		if !regexp.MustCompile(`(?m)^` + name + `=$`).Match(p.read(t, ".env.example")) {
			t.Errorf(".env.example does not have %s, empty", name)
		}
	}
	if project.Name != p.name {
		t.Errorf("the project is called %s", project.Name)
	}
	for _, option := range []string{"postgres", "nats", "rabbitmq", "jaeger"} {
		chosen := p.chose(option) != "" || p.chose("mq") == option || option == "jaeger" && p.chose("otel") != ""
		if _, there := project.Services[option]; there != chosen {
			t.Errorf("the service %s is there: %v, and chosen: %v", option, there, chosen)
		}
	}
	for _, service := range project.Services {
		checkService(t, p, project, service)
	}
	checkGrafanaService(t, project, vars)
}

func checkService(t *testing.T, p *product, project *types.Project, s types.ServiceConfig) {
	if s.Build == nil {
		if err := checkTag(s.Image); err != nil {
			t.Errorf("%s: %v", s.Name, err)
		}
	}
	if s.Privileged || s.NetworkMode == "host" {
		t.Errorf("%s is privileged", s.Name)
	}
	for _, port := range s.Ports {
		if port.HostIP != "127.0.0.1" {
			t.Errorf("%s listens on %q:%s", s.Name, port.HostIP, port.Published)
		}
	}
	for _, v := range s.Volumes {
		if rel, err := filepath.Rel(p.dir, v.Source); v.Type == types.VolumeTypeBind && err == nil && !strings.HasPrefix(rel, "data") {
			if _, err := os.Stat(v.Source); err != nil {
				t.Errorf("%s mounts what is not there: %v", s.Name, err)
			}
		}
	}
	for name, d := range s.DependsOn {
		other := project.Services[name]
		if d.Condition == types.ServiceConditionHealthy && other.HealthCheck == nil && other.Build == nil {
			t.Errorf("%s waits for the health of %s, which has no check", s.Name, name)
		}
	}
	if s.Build != nil && (!s.ReadOnly || !slices.Contains(s.CapDrop, "ALL") || !slices.Contains(s.SecurityOpt, "no-new-privileges:true")) {
		t.Errorf("%s may do more than it needs", s.Name)
	}
}

// checkTag sees that an image is named with a version of its own.
func checkTag(image string) error {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return err
	}
	tagged, ok := named.(reference.Tagged)
	if !ok || tagged.Tag() == "latest" || !regexp.MustCompile(`\d`).MatchString(tagged.Tag()) && tagged.Tag() != "nonroot" {
		return fmt.Errorf("the image %s has no tag of a version", image)
	}
	return nil
}

// checkGrafanaService sees that the password of Grafana is the one that was given, and that nobody comes in without.
func checkGrafanaService(t *testing.T, project *types.Project, vars map[string]string) {
	grafana, there := project.Services["grafana"]
	if !there {
		t.Error("there is no Grafana")
		return
	}
	env := func(name string) string {
		if v := grafana.Environment[name]; v != nil {
			return *v
		}
		return ""
	}
	if env("GF_SECURITY_ADMIN_PASSWORD") != "only-for-this-test" {
		t.Error("the password of Grafana is not the one that was given")
	}
	if env("GF_AUTH_ANONYMOUS_ENABLED") == "true" || env("GF_USERS_ALLOW_SIGN_UP") != "false" {
		t.Error("Grafana lets people in without a password")
	}
}
