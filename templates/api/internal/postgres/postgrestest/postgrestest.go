// Package postgrestest gives tests a PostgreSQL server.
package postgrestest

import (
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
)

// Start returns the URL of a database for this test: the one that
// TEST_DATABASE_URL names, or one of a server that it starts and that ends
// with the test. Where neither is to be had the test is skipped, or fails if
// TEST_SERVERS is "required".
func Start(t *testing.T) string {
	t.Helper()
	if url := os.Getenv("TEST_DATABASE_URL"); url != "" {
		return url
	}
	bin := find()
	if bin == "" {
		missing(t, "no PostgreSQL server here (apt-get install postgresql), and TEST_DATABASE_URL is not set")
	}
	// A socket's path may have about 100 bytes, and t.TempDir is often longer.
	dir, err := os.MkdirTemp("", "pg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	who := unprivileged(t, dir)
	data := filepath.Join(dir, "data")
	command(t, who, filepath.Join(bin, "initdb"), "-D", data, "-U", "test", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
	ctl := filepath.Join(bin, "pg_ctl")
	command(t, who, ctl, "start", "-w", "-D", data, "-l", filepath.Join(dir, "log"),
		"-o", "-c listen_addresses= -c fsync=off -c unix_socket_directories="+dir)
	t.Cleanup(func() { command(t, who, ctl, "stop", "-w", "-m", "immediate", "-D", data) })
	return "postgres://test@localhost/postgres?host=" + dir
}

// find returns the folder with the newest server's programs, or "".
func find() string {
	if path, err := exec.LookPath("pg_ctl"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			return filepath.Dir(path)
		}
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pg_ctl")
	if len(found) == 0 {
		return ""
	}
	return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return major(a) - major(b) }))
}

func major(path string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
	return n
}

// unprivileged returns whom the server runs as, nil for ourselves: PostgreSQL
// refuses to run as root, as tests in a container often do.
func unprivileged(t *testing.T, dir string) *syscall.Credential {
	if os.Getuid() != 0 {
		return nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		if err := os.Chown(dir, uid, gid); err != nil {
			t.Fatal(err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	missing(t, "PostgreSQL does not run as root, and there is nobody else here")
	return nil
}

func command(t *testing.T, who *syscall.Credential, name string, args ...string) {
	t.Helper()
	c := exec.Command(name, args...)
	c.Dir = "/"
	if who != nil {
		c.SysProcAttr = &syscall.SysProcAttr{Credential: who}
	}
	log, err := os.CreateTemp("", "pg-out")
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(log.Name())
	defer log.Close()
	// A file, not a pipe: the server that pg_ctl starts would keep a pipe open.
	c.Stdout, c.Stderr = log, log
	if err := c.Run(); err != nil {
		said, _ := os.ReadFile(log.Name())
		t.Fatalf("%s: %v\n%s", c, err, said)
	}
}

func missing(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("TEST_SERVERS") == "required" {
		t.Fatal(why)
	}
	t.Skip(why)
}
