package spawn

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// A product passes its own tests and checks, and can be built, as its README says: with the servers that its options bring.
func TestOwn(t *testing.T) {
	everyProduct(t, func(t *testing.T, p *product) {
		if *few && !p.isAmongFew() {
			t.Skip("in the whole run only")
		}
		switch p.language(t) {
		case inPython:
			p.ownPython(t)
		case inGo:
			p.ownGo(t)
		case inTypeScript:
			p.make(t, nil, "test", "lint", "build")
		case inHCL:
			p.make(t, []string{"PATH=" + filepath.Dir(need(t, tofu)) + ":" + os.Getenv("PATH")}, "test", "lint", "build", "run")
		}
		if left := p.output(t, p.command("git", "status", "--porcelain")); left != "" {
			t.Errorf("what it makes of itself is not ignored: %s", left)
		}
	})
}

// isAmongFew tells whether the product is built, tested by its own tests and run with -few: the type service, with all
// options. The files of the others are read all the same.
func (p *product) isAmongFew() bool { return p.kind == "service" && len(p.with) > 0 }

// make runs targets of the product's own Makefile, and hands back what they say.
func (p *product) make(t *testing.T, env []string, targets ...string) string {
	t.Helper()
	c := p.command("make", targets...)
	c.Env = environment(append(env, "GOFLAGS=-mod=readonly", "TEST_SERVERS=required")...)
	return p.output(t, c)
}

// python is Debian's: what another one of the machine has installed is not what the requirements name.
const python = "PYTHON=/usr/bin/python3"

func (p *product) ownPython(t *testing.T) {
	env := p.servers(t)
	said := p.make(t, env, "lint", "test", python)
	if strings.Contains(said, " skipped") {
		t.Errorf("tests were skipped:\n%s", said)
	}
	if p.openAPI() != "" {
		p.make(t, env, "openapi", python) // which must write the file that is there
	}
	if *few {
		return
	}
	p.make(t, nil, "build", python)
	if wheels, err := filepath.Glob(filepath.Join(p.dir, "dist", "*.whl")); err != nil || len(wheels) != 1 {
		t.Errorf("make build made %q", wheels)
	}
}

func (p *product) ownGo(t *testing.T) {
	p.make(t, nil, "lint", "test", "build") // packages start their own servers, as a user's do
	p.output(t, p.command("go", "mod", "verify"))
	if name, err := os.Stat(filepath.Join(p.dir, "bin", p.name)); err != nil || name.Mode()&0o111 == 0 {
		t.Errorf("make build made no program: %v", err)
	}
}

// servers names those that the options need to the product's tests, by the variables of its README.
func (p *product) servers(t *testing.T) (env []string) {
	t.Helper()
	if p.chose("postgres") != "" {
		env = append(env, "TEST_DATABASE_URL="+database(t, p.name+"-tests"))
	}
	switch p.chose("mq") {
	case "rabbitmq":
		url := need(t, rabbitMQ)
		env = append(env, "TEST_QUEUE_URL="+url, "TEST_RABBITMQ_URL="+url)
	case "nats":
		env = append(env, "TEST_NATS_URL="+need(t, natsURL))
	}
	return env
}

// tofu builds OpenTofu, which no package of the system has, from the module in the folder tofu, once.
var tofu = sync.OnceValues(func() (string, error) {
	dir, err := scratch("tofu")
	if err != nil {
		return "", err
	}
	program := filepath.Join(dir, "tofu")
	return program, as(nil, "tofu", "go", "build", "-o", program, "github.com/opentofu/opentofu/cmd/tofu")
})
