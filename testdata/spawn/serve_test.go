package spawn

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// A product runs with the servers that its options bring: it answers, its metrics are those that its dashboards ask for, and it ends as it is told.
func TestRuns(t *testing.T) {
	everyProduct(t, func(t *testing.T, p *product) {
		if !p.runs(t) {
			t.Skip("a module does not run")
		}
		if *few && !p.isAmongFew() {
			t.Skip("in the whole run only")
		}
		if !p.serves(t) {
			p.runTool(t)
			return
		}
		s := p.start(t)
		s.ready(t)
		s.use(t, p)
		checkQueries(t, p, s.get(t, "/metrics", http.StatusOK))
		s.healthcheck(t, p)
		s.stop(t)
	})
}

// runTool has a tool leave the metrics that the node exporter serves.
func (p *product) runTool(t *testing.T) {
	p.make(t, nil, "build")
	dir := t.TempDir()
	tool, data, list, metrics := filepath.Join(p.dir, "bin", p.name), filepath.Join(dir, "data"), filepath.Join(dir, "list"), filepath.Join(dir, "m.prom")
	if err := os.Mkdir(data, 0o755); err != nil {
		t.Fatal(err)
	}
	p.output(t, p.command(tool, "sum", "-o", list, data))
	p.output(t, p.command(tool, "check", "-metrics", metrics, list, data))
	text, err := os.ReadFile(metrics)
	if err != nil {
		t.Fatal(err)
	}
	checkQueries(t, p, string(text))
	p.output(t, p.command(tool, p.image(t).health[2:]...))
}

// server is a product that runs.
type server struct {
	address string
	process *exec.Cmd
	ended   chan error
	log     *bytes.Buffer
	env     []string
	program []string
}

// start runs the product as its image does, with a port and servers of this machine.
func (p *product) start(t *testing.T) *server {
	t.Helper()
	port := freePort()
	s := &server{address: "127.0.0.1:" + port, ended: make(chan error, 1), log: new(bytes.Buffer)}
	vars := map[string]string{"HOST": "127.0.0.1", "PORT": port}
	prefix := ""
	switch p.language(t) {
	case inPython:
		prefix = "APP_"
		s.program = append([]string{"/usr/bin/python3"}, p.image(t).entry[1:]...)
		s.env = append(s.env, "PYTHONPATH=src")
	case inGo:
		vars = map[string]string{"LISTEN": s.address}
		p.make(t, nil, "build")
		s.program = []string{filepath.Join(p.dir, "bin", p.name)}
	case inTypeScript:
		p.make(t, nil, "build")
		s.program = p.image(t).entry
	}
	if p.has("src/" + p.module + "/spool.py") {
		vars["SPOOL"] = t.TempDir()
	}
	if p.chose("postgres") != "" {
		vars["DATABASE_URL"] = database(t, p.name)
	}
	switch p.chose("mq") {
	case "rabbitmq":
		vars[map[string]string{inGo: "RABBITMQ_URL", inTypeScript: "RABBITMQ_URL", inPython: "QUEUE_URL"}[p.language(t)]] = need(t, rabbitMQ)
	case "nats":
		vars["NATS_URL"] = need(t, natsURL)
	}
	for name, value := range vars {
		s.env = append(s.env, prefix+name+"="+value)
	}
	if p.language(t) == inPython && p.chose("postgres") != "" {
		s.run(t, p, "migrate")
	}
	s.process = s.command(p)
	s.process.Stdout, s.process.Stderr = s.log, s.log
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { s.ended <- s.process.Wait() }()
	t.Cleanup(func() { _ = s.process.Process.Kill() })
	return s
}

func (s *server) command(p *product, args ...string) *exec.Cmd {
	c := p.command(s.program[0], append(s.program[1:], args...)...)
	c.Env = environment(s.env...)
	return c
}

func (s *server) run(t *testing.T, p *product, args ...string) {
	t.Helper()
	p.output(t, s.command(p, args...))
}

// ready waits for the probes of Kubernetes to succeed.
func (s *server) ready(t *testing.T) {
	t.Helper()
	for _, probe := range []string{"/healthz", "/readyz"} {
		deadline := time.Now().Add(time.Minute)
		for {
			answer, err := http.Get("http://" + s.address + probe)
			if err == nil {
				answer.Body.Close()
			}
			if err == nil && answer.StatusCode == http.StatusOK {
				break
			}
			select {
			case err := <-s.ended:
				t.Fatalf("it ended: %v\n%s", err, s.log)
			case <-time.After(100 * time.Millisecond):
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s does not succeed within a minute: %v", probe, err)
			}
		}
	}
}

func (s *server) get(t *testing.T, path string, want int) string {
	t.Helper()
	answer, err := http.Get("http://" + s.address + path)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode != want {
		t.Errorf("%s: %s\n%s", path, answer.Status, body)
	}
	return string(body)
}

// use makes a request of each sort, so that metrics with labels are there, and reads the description that is served.
func (s *server) use(t *testing.T, p *product) {
	s.get(t, "/no/such/page", http.StatusNotFound)
	file := p.openAPI()
	if file == "" {
		return
	}
	s.get(t, "/v1/notes", http.StatusOK)
	answer, err := http.Post("http://"+s.address+"/v1/notes", "application/json", strings.NewReader(`{"text":"hello"}`))
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusCreated {
		t.Errorf("a note: %s", answer.Status)
	}
	served := s.get(t, "/"+filepath.Base(file), http.StatusOK)
	if !reflect.DeepEqual(decoded(t, []byte(served)), decoded(t, p.read(t, file))) {
		t.Errorf("what is served is another description than %s", file)
	}
}

// decoded reads JSON or YAML, of which JSON is a part.
func decoded(t *testing.T, text []byte) any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	plain, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var again any
	if err := json.Unmarshal(plain, &again); err != nil {
		t.Fatal(err)
	}
	return again
}

// healthcheck runs what the image does to know whether the service lives.
func (s *server) healthcheck(t *testing.T, p *product) {
	t.Helper()
	check := p.image(t).health[1:]
	c := p.command(check[0], check[1:]...)
	switch p.language(t) {
	case inPython:
		c = p.command("/usr/bin/python3", check[1:]...)
	case inGo:
		c = p.command(filepath.Join(p.dir, "bin", filepath.Base(check[0])), check[1:]...)
	}
	c.Env = environment(s.env...)
	p.output(t, c)
	// And it fails where nothing answers.
	c = p.command(c.Path, c.Args[1:]...)
	nobody := strings.NewReplacer(strings.TrimPrefix(s.address, "127.0.0.1:"), "1")
	for _, e := range s.env {
		c.Env = append(c.Env, nobody.Replace(e))
	}
	if err := c.Run(); err == nil {
		t.Error("the health check succeeds where nothing answers")
	}
}

// stop sends what container runtimes send, and expects the end that they expect.
func (s *server) stop(t *testing.T) {
	t.Helper()
	if err := s.process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-s.ended:
		if err != nil {
			t.Errorf("it ends with %v\n%s", err, s.log)
		}
	case <-time.After(time.Minute):
		t.Errorf("it does not end\n%s", s.log)
	}
}
