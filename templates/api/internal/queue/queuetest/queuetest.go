// Package queuetest gives tests a message queue's server.
package queuetest

import (
	"net"
	"os"
	"testing"
	"time"
)

// freePort returns a port of the loopback interface that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// await waits until done; the time is for servers that do not start.
func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for !done() {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not start in two minutes", what)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func missing(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("TEST_SERVERS") == "required" {
		t.Fatal(why)
	}
	t.Skip(why)
}
