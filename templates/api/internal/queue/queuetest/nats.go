package queuetest

import (
	"net"
	"os"
	"os/exec"
	"testing"
)

// Start returns the URL of a NATS server with JetStream for this test: the one
// that TEST_NATS_URL names, or one that it starts and that ends with the test.
// Where neither is to be had the test is skipped, or fails if TEST_SERVERS is
// "required".
func Start(t *testing.T) string {
	t.Helper()
	if url := os.Getenv("TEST_NATS_URL"); url != "" {
		return url
	}
	path, err := exec.LookPath("nats-server")
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/nats-server")
	}
	if err != nil {
		missing(t, "no nats-server here (apt-get install nats-server), and TEST_NATS_URL is not set")
	}
	port := freePort(t)
	c := exec.Command(path, "--addr", "127.0.0.1", "--port", port, "--jetstream", "--store_dir", t.TempDir())
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	address := net.JoinHostPort("127.0.0.1", port)
	await(t, "nats-server", func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return "nats://" + address
}
