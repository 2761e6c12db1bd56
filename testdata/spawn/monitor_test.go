package spawn

import (
	"encoding/json"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"
)

// query is an expression of PromQL that a dashboard or an alert has.
type query struct{ where, expr string }

// inContainer lays out a folder of a service of compose as its container has it, from what is mounted there.
func inContainer(t *testing.T, p *product, service, folder string) string {
	t.Helper()
	vars := make(map[string]string)
	for _, m := range required.FindAllStringSubmatch(string(p.read(t, "compose.yaml")), -1) {
		vars[m[1]] = "x"
	}
	project, err := p.compose(vars)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, v := range project.Services[service].Volumes {
		rel, err := filepath.Rel(folder, v.Target)
		if v.Type == types.VolumeTypeBind && err == nil && !strings.HasPrefix(rel, "..") {
			copyAll(t, v.Source, filepath.Join(dir, rel))
		}
	}
	return dir
}

func copyAll(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(from, file)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		return os.WriteFile(target, text, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// prometheus is what is asked of its configuration beyond what promtool asks.
type prometheus struct {
	RuleFiles []string `yaml:"rule_files"`
	Scrape    []struct {
		Job    string                       `yaml:"job_name"`
		Path   string                       `yaml:"metrics_path"`
		Static []struct{ Targets []string } `yaml:"static_configs"`
	} `yaml:"scrape_configs"`
}

// checkPrometheus has promtool check what Prometheus finds in its container, and sees that it scrapes what compose starts.
func checkPrometheus(t *testing.T, p *product) {
	dir := inContainer(t, p, "prometheus", "/etc/prometheus")
	p.output(t, exec.Command("promtool", "check", "config", filepath.Join(dir, "prometheus.yml")))
	var config prometheus
	readYAML(t, filepath.Join(dir, "prometheus.yml"), &config)
	if len(config.RuleFiles) == 0 {
		t.Error("Prometheus has no alerts")
	}
	for _, f := range config.RuleFiles {
		p.output(t, exec.Command("promtool", "check", "rules", filepath.Join(dir, f)))
	}
	targets := 0
	for _, s := range config.Scrape {
		if s.Path != "" && s.Path != "/metrics" {
			t.Errorf("Prometheus asks for %s", s.Path)
		}
		for _, static := range s.Static {
			for _, target := range static.Targets {
				targets++
				host, port, err := net.SplitHostPort(target)
				if err != nil || !strings.Contains(string(p.read(t, "compose.yaml")), "\n  "+host+":\n") {
					t.Errorf("Prometheus scrapes %s, which compose does not start: %v", target, err)
				}
				if host == "app" && port != strconv.Itoa(p.port) {
					t.Errorf("Prometheus scrapes the port %s", port)
				}
			}
		}
	}
	if targets == 0 {
		t.Error("Prometheus scrapes nothing")
	}
}

func readYAML(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err == nil {
		err = yaml.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// alerts are the expressions of the alerts, and jobs what Prometheus calls what it scrapes.
func alerts(t *testing.T, p *product) (found []query, jobs []string) {
	dir := inContainer(t, p, "prometheus", "/etc/prometheus")
	var config prometheus
	readYAML(t, filepath.Join(dir, "prometheus.yml"), &config)
	for _, s := range config.Scrape {
		jobs = append(jobs, s.Job)
	}
	for _, f := range config.RuleFiles {
		var rules struct {
			Groups []struct {
				Rules []struct{ Alert, Expr string }
			}
		}
		readYAML(t, filepath.Join(dir, f), &rules)
		for _, g := range rules.Groups {
			for _, r := range g.Rules {
				found = append(found, query{"the alert " + r.Alert, r.Expr})
			}
		}
	}
	if len(found) == 0 {
		t.Error("there are no alerts")
	}
	return found, jobs
}

type datasource struct{ Type, UID string }

// dashboard is what is asked of one of Grafana's.
type dashboard struct {
	UID, Title    string
	SchemaVersion int
	Panels        []struct {
		ID          int
		Title, Type string
		Datasource  datasource
		GridPos     struct{ H, W, X, Y int }
		Targets     []struct {
			RefID, Expr string
			Datasource  *datasource
		}
	}
}

// checkGrafana sees that Grafana finds a data source and dashboards in its container, and each panel a data source; it returns what they ask.
func checkGrafana(t *testing.T, p *product) []query {
	var sources struct {
		Datasources []struct{ UID, Type, URL string }
	}
	provisioning := inContainer(t, p, "grafana", "/etc/grafana/provisioning")
	var provided []string
	for _, f := range glob(t, provisioning, "datasources/*.yaml") {
		readYAML(t, f, &sources)
		for _, s := range sources.Datasources {
			provided = append(provided, s.Type+" "+s.UID)
			if s.URL != "http://prometheus:9090" {
				t.Errorf("Grafana asks %s", s.URL)
			}
		}
	}
	var providers struct {
		Providers []struct{ Options struct{ Path string } }
	}
	readYAML(t, glob(t, provisioning, "dashboards/*.yaml")[0], &providers)
	folder := inContainer(t, p, "grafana", providers.Providers[0].Options.Path)
	var found []query
	for _, f := range glob(t, folder, "*.json") {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var d dashboard
		if err := json.Unmarshal(text, &d); err != nil {
			t.Fatal(err)
		}
		found = append(found, d.check(t, path.Base(f), provided)...)
	}
	return found
}

func glob(t *testing.T, dir, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(found) == 0 {
		t.Fatalf("there is no %s in the container: %v", pattern, err)
	}
	return found
}

func (d *dashboard) check(t *testing.T, file string, provided []string) (found []query) {
	if d.UID == "" || d.Title == "" || d.SchemaVersion == 0 || len(d.Panels) == 0 {
		t.Errorf("%s is no dashboard that Grafana shows", file)
	}
	ids := make(map[int]bool)
	for _, panel := range d.Panels {
		if panel.Type == "row" {
			continue
		}
		if ids[panel.ID] || panel.ID == 0 || panel.GridPos.W == 0 || panel.GridPos.X+panel.GridPos.W > 24 {
			t.Errorf("%s: the panel %q has no place or no id of its own", file, panel.Title)
		}
		ids[panel.ID] = true
		if len(panel.Targets) == 0 {
			t.Errorf("%s: the panel %q asks for nothing", file, panel.Title)
		}
		for _, target := range panel.Targets {
			source := panel.Datasource
			if target.Datasource != nil {
				source = *target.Datasource
			}
			if !slices.Contains(provided, source.Type+" "+source.UID) {
				t.Errorf("%s: the panel %q asks %v, and there is %q", file, panel.Title, source, provided)
			}
			found = append(found, query{file + ", the panel " + panel.Title, target.Expr})
		}
	}
	return found
}

// checkQueries sees that all that the dashboards and alerts ask for is among the metrics that the product gave.
func checkQueries(t *testing.T, p *product, metrics string) {
	text := expfmt.NewTextParser(model.LegacyValidation)
	families, err := text.TextToMetricFamilies(strings.NewReader(metrics))
	if err != nil {
		t.Fatalf("the metrics cannot be read: %v\n%s", err, metrics)
	}
	served := make(map[string]map[string]bool) // the labels of each metric
	for name, f := range families {
		names := []string{name}
		if f.GetType().String() == "HISTOGRAM" {
			names = []string{name + "_bucket", name + "_sum", name + "_count"}
		}
		for _, n := range names {
			served[n] = map[string]bool{"le": strings.HasSuffix(n, "_bucket")}
			for _, m := range f.Metric {
				for _, l := range m.Label {
					served[n][l.GetName()] = true
				}
			}
		}
	}
	asked, jobs := alerts(t, p)
	asked = append(asked, checkGrafana(t, p)...)
	for _, q := range asked {
		q.check(t, served, jobs)
	}
}

func (q query) check(t *testing.T, served map[string]map[string]bool, jobs []string) {
	expr := strings.NewReplacer("$__rate_interval", "5m", "$__interval", "1m", "$__range", "1h").Replace(q.expr)
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		t.Errorf("%s: %v", q.where, err)
		return
	}
	parser.Inspect(parsed, func(n parser.Node, _ []parser.Node) error {
		switch n := n.(type) {
		case *parser.VectorSelector:
			q.checkSelector(t, n, served, jobs)
		case *parser.AggregateExpr:
			for _, l := range n.Grouping {
				if !anywhere(served, l) {
					t.Errorf("%s groups by %s, which no metric has", q.where, l)
				}
			}
		}
		return nil
	})
}

func anywhere(served map[string]map[string]bool, label string) bool {
	for _, has := range served {
		if has[label] {
			return true
		}
	}
	return label == "job" || label == "instance"
}

func (q query) checkSelector(t *testing.T, s *parser.VectorSelector, served map[string]map[string]bool, jobs []string) {
	has, there := served[s.Name]
	if !there && s.Name != "up" { // which is Prometheus' own
		t.Errorf("%s asks for %s, which is not served", q.where, s.Name)
		return
	}
	for _, m := range s.LabelMatchers {
		switch {
		case m.Name == labels.MetricName || m.Name == "instance":
		case m.Name == "job":
			if !slices.ContainsFunc(jobs, m.Matches) {
				t.Errorf("%s asks for the job %s, and there is %q", q.where, m.Value, jobs)
			}
		case !has[m.Name]:
			t.Errorf("%s asks for %s by %s, which it does not have", q.where, s.Name, m.Name)
		}
	}
}
