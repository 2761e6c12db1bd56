package spawn

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Servers that products need are started once, when the first asks, on
// loopback and with data of their own, and stopped at the end of the run. One
// that is not installed is a failure.
var (
	stops     []func()
	stopsLock sync.Mutex
	postgres  = sync.OnceValues(startPostgres)
	rabbitMQ  = sync.OnceValues(startRabbitMQ)
	natsURL   = sync.OnceValues(startNATS)
)

func stopServers() {
	for i := range stops {
		stops[len(stops)-1-i]()
	}
}

func atEnd(stop func()) {
	stopsLock.Lock()
	defer stopsLock.Unlock()
	stops = append(stops, stop)
}

// need fails the test when a server cannot be had.
func need(t *testing.T, server func() (string, error)) string {
	t.Helper()
	url, err := server()
	if err != nil {
		t.Fatal(err)
	}
	return url
}

func freePort() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "0"
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// answers waits until something listens.
func answers(port string) error {
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if c, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
			return c.Close()
		}
	}
	return fmt.Errorf("nothing listens on port %s after two minutes", port)
}

// begin starts a program in a process group of its own, which ends with the run.
func begin(dir string, env []string, name string, args ...string) error {
	c := exec.Command(name, args...)
	c.Dir, c.Env = dir, append(os.Environ(), env...)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.Start(); err != nil {
		return err
	}
	atEnd(func() {
		_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL)
		_ = c.Wait()
	})
	return nil
}

func scratch(pattern string) (string, error) {
	dir, err := os.MkdirTemp("", pattern)
	if err == nil {
		atEnd(func() { os.RemoveAll(dir) })
	}
	return dir, err
}

// startPostgres begins a cluster as somebody who is not root, which PostgreSQL insists on.
func startPostgres() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		return "", fmt.Errorf("there is no PostgreSQL: apt-get install postgresql")
	}
	bin := filepath.Dir(found[len(found)-1])
	dir, err := scratch("pg")
	if err != nil {
		return "", err
	}
	who, err := notRoot(dir)
	if err != nil {
		return "", err
	}
	data, port := filepath.Join(dir, "data"), freePort()
	options := "-c listen_addresses=127.0.0.1 -c fsync=off -c unix_socket_directories=" + dir + " -p " + port
	for _, args := range [][]string{
		{"initdb", "-D", data, "-U", "test", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"},
		{"pg_ctl", "start", "-w", "-D", data, "-l", filepath.Join(dir, "log"), "-o", options},
	} {
		if err := as(who, dir, filepath.Join(bin, args[0]), args[1:]...); err != nil {
			return "", err
		}
	}
	atEnd(func() { _ = as(who, dir, filepath.Join(bin, "pg_ctl"), "stop", "-w", "-m", "immediate", "-D", data) })
	return "postgresql://test@127.0.0.1:" + port + "/", nil
}

func notRoot(dir string) (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, os.Chown(dir, uid, gid)
}

// as runs a program to its end. What it says goes to a file: a server that it leaves behind would keep a pipe open.
func as(who *syscall.Credential, dir, name string, args ...string) error {
	c := exec.Command(name, args...)
	c.Dir = dir
	if who != nil {
		c.SysProcAttr = &syscall.SysProcAttr{Credential: who}
	}
	log, err := os.CreateTemp("", "said")
	if err != nil {
		return err
	}
	defer os.Remove(log.Name())
	defer log.Close()
	c.Stdout, c.Stderr = log, log
	if err := c.Run(); err != nil {
		text, _ := os.ReadFile(log.Name())
		return fmt.Errorf("%s: %w\n%s", name, err, bytes.TrimSpace(text))
	}
	return nil
}

// database makes an empty database and returns its URL.
func database(t *testing.T, name string) string {
	t.Helper()
	server := need(t, postgres)
	if out, err := exec.Command("psql", "-q", server+"postgres", "-c", `CREATE DATABASE "`+name+`"`).CombinedOutput(); err != nil {
		t.Fatalf("psql: %v\n%s", err, out)
	}
	return server + name
}

func startRabbitMQ() (string, error) {
	const server = "/usr/lib/rabbitmq/bin/rabbitmq-server"
	if _, err := os.Stat(server); err != nil {
		return "", fmt.Errorf("there is no RabbitMQ: apt-get install rabbitmq-server")
	}
	dir, err := scratch("rabbit")
	if err != nil {
		return "", err
	}
	// Erlang's port mapper too is one of our own: the machine's would stay.
	port, mapper := freePort(), freePort()
	env := []string{
		"HOME=" + dir, "ERL_EPMD_PORT=" + mapper, "ERL_EPMD_ADDRESS=127.0.0.1",
		"RABBITMQ_NODENAME=spawn" + port + "@localhost", "RABBITMQ_NODE_IP_ADDRESS=127.0.0.1", "RABBITMQ_NODE_PORT=" + port,
		"RABBITMQ_DIST_PORT=" + freePort(), "RABBITMQ_MNESIA_BASE=" + dir + "/data", "RABBITMQ_LOG_BASE=" + dir + "/log",
		"RABBITMQ_ENABLED_PLUGINS_FILE=" + dir + "/plugins", "RABBITMQ_CONFIG_FILE=" + dir + "/rabbitmq",
		"RABBITMQ_CONF_ENV_FILE=" + dir + "/environment", "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1}",
	}
	if err := begin(dir, env, "epmd"); err != nil {
		return "", err
	}
	if err := begin(dir, env, server); err != nil {
		return "", err
	}
	return "amqp://guest:guest@127.0.0.1:" + port + "/", answers(port)
}

func startNATS() (string, error) {
	name, err := exec.LookPath("nats-server")
	if err != nil {
		name = "/usr/sbin/nats-server"
	}
	if _, err := os.Stat(name); err != nil {
		return "", fmt.Errorf("there is no NATS: apt-get install nats-server")
	}
	dir, err := scratch("nats")
	if err != nil {
		return "", err
	}
	port := freePort()
	if err := begin(dir, nil, name, "--addr", "127.0.0.1", "--port", port, "--jetstream", "--store_dir", dir); err != nil {
		return "", err
	}
	return "nats://127.0.0.1:" + port, answers(port)
}
