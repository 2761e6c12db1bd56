package queuetest

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Start returns the URL of a RabbitMQ server for this test: the one that
// TEST_RABBITMQ_URL names, or one that it starts and that ends with the test.
// Where neither is to be had the test is skipped, or fails if TEST_SERVERS is
// "required".
func Start(t *testing.T) string {
	t.Helper()
	if url := os.Getenv("TEST_RABBITMQ_URL"); url != "" {
		return url
	}
	server := find("rabbitmq-server", "/usr/lib/rabbitmq/bin/rabbitmq-server")
	epmd := find("epmd", "/usr/bin/epmd")
	if server == "" || epmd == "" {
		missing(t, "no RabbitMQ server here (apt-get install rabbitmq-server), and TEST_RABBITMQ_URL is not set")
	}
	dir, port, epmdPort := t.TempDir(), freePort(t), freePort(t)
	// Erlang's port mapper: one of our own that ends with the test, not the
	// machine's, which would stay.
	env := append(os.Environ(), "ERL_EPMD_PORT="+epmdPort, "ERL_EPMD_ADDRESS=127.0.0.1")
	run(t, dir, env, epmd)
	run(t, dir, append(env,
		"HOME="+dir,
		"RABBITMQ_NODENAME=test"+port+"@localhost",
		"RABBITMQ_NODE_IP_ADDRESS=127.0.0.1",
		"RABBITMQ_NODE_PORT="+port,
		"RABBITMQ_DIST_PORT="+freePort(t),
		"RABBITMQ_MNESIA_BASE="+filepath.Join(dir, "data"),
		"RABBITMQ_LOG_BASE="+filepath.Join(dir, "log"),
		"RABBITMQ_ENABLED_PLUGINS_FILE="+filepath.Join(dir, "plugins"),
		"RABBITMQ_CONFIG_FILE="+filepath.Join(dir, "rabbitmq"),
		"RABBITMQ_CONF_ENV_FILE="+filepath.Join(dir, "rabbitmq-env.conf"),
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1}",
	), server)
	url := "amqp://guest:guest@127.0.0.1:" + port
	await(t, "rabbitmq-server", func() bool {
		conn, err := amqp.Dial(url)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	return url
}

// run starts a command that ends with the test, with all that it started.
func run(t *testing.T, dir string, env []string, name string) {
	t.Helper()
	log, err := os.Create(filepath.Join(dir, filepath.Base(name)+".out"))
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(name)
	c.Dir, c.Env, c.Stdout, c.Stderr = dir, env, log, log
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL)
		_ = c.Wait()
		if said, err := os.ReadFile(log.Name()); err == nil && t.Failed() {
			t.Logf("%s said:\n%s", name, said)
		}
		_ = log.Close()
	})
}

// find prefers the program itself to a script that changes the user.
func find(name, usual string) string {
	for _, candidate := range []string{usual, name} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		}
	}
	return ""
}
