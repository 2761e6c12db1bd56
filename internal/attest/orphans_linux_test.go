package attest

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func numberIn(t *testing.T, path string) int {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Other children of this process, and what they leave, are none of the command's: neither
// those in this session, nor those in one that was there before.
func TestOnlyOrphansOfTheCommandAreEnded(t *testing.T) {
	needs(t, "sh", "setsid")
	dir := t.TempDir()
	mine := exec.Command("sleep", "600")
	apart := exec.Command("setsid", "sh", "-c", "sleep 600 & echo $! > before.new && mv before.new before; wait")
	for _, c := range []*exec.Cmd{mine, apart} {
		c.Dir = dir
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		defer c.Wait()
		defer c.Process.Kill()
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "before")); err == nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	before := numberIn(t, filepath.Join(dir, "before"))
	defer syscall.Kill(before, syscall.SIGKILL)
	c := Command{Words: []string{"sh", "-c", "setsid sh -c 'echo $$ > own.new && mv own.new own; exec sleep 600' & until test -e own; do sleep 0.01; done"}, Dir: dir, Stdout: io.Discard, Stderr: io.Discard}
	if code, err := c.Run(t.Context()); code != 0 || err != nil {
		t.Fatal(code, err)
	}
	for id, want := range map[int]error{mine.Process.Pid: nil, apart.Process.Pid: nil, before: nil, numberIn(t, filepath.Join(dir, "own")): syscall.ESRCH} {
		if err := syscall.Kill(id, 0); !errors.Is(err, want) {
			t.Errorf("%d: %v, want %v", id, err, want)
		}
	}
}

// Who waits until a process is gone, sees that it is, though nobody but this process is
// left to wait for it.
func TestOrphansAreBuriedWhileTheCommandRuns(t *testing.T) {
	needs(t, "sh", "setsid")
	var out bytes.Buffer
	c := Command{Words: []string{"sh", "-c", "id=$(setsid sh -c 'sleep 0.1 >/dev/null & echo $!'); while kill -0 $id 2>/dev/null; do sleep 0.01; done; echo gone"},
		Stdout: &out, Stderr: &out, Timeout: time.Minute}
	if code, err := c.Run(t.Context()); code != 0 || err != nil || out.String() != "gone\n" {
		t.Fatal(code, err, out.String())
	}
}

// A process that forks all the time and never stays, in one session or in ever others,
// is ended too.
func TestWhatForksAllTheTimeIsEnded(t *testing.T) {
	needs(t, "perl")
	for _, script := range []string{
		`for (1..50000) { my $p = fork; exit if $p }`,
		`use POSIX; for (1..50000) { my $p = fork; exit if $p; POSIX::setsid() }`,
	} {
		c := Command{Words: []string{"perl", "-e", script}, Stdout: io.Discard, Stderr: io.Discard, Timeout: time.Minute}
		if _, err := c.Run(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
