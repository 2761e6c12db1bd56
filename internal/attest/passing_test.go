package attest

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// slow is a reader who takes his time before he takes anything.
type slow struct {
	bytes.Buffer
	wait func()
}

func (s *slow) Write(p []byte) (int, error) {
	s.wait()
	return s.Buffer.Write(p)
}

// What a command has printed is passed on to its end, however late somebody reads it.
func TestLateReadersGetAll(t *testing.T) {
	needs(t, "sh", "awk")
	first := true
	out := &slow{wait: func() {
		if first {
			time.Sleep(patience + time.Second)
			first = false
		}
	}}
	c := Command{Words: []string{"sh", "-c", `awk 'BEGIN { for (i = 0; i < 9000; i++) print "a line" }'; echo end`}, Stdout: out, Stderr: io.Discard}
	if code, err := c.Run(t.Context()); code != 0 || err != nil || out.String() != strings.Repeat("a line\n", 9000)+"end\n" {
		t.Fatal(code, err, out.Len())
	}
}

// A command whose words nobody reads ends when its time is over, or when it is interrupted.
func TestReadersThatNeverReadHoldNobody(t *testing.T) {
	needs(t, "sh", "yes")
	never := make(chan struct{})
	defer close(never)
	interrupted, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	for _, c := range []struct {
		ctx     context.Context
		timeout time.Duration
		words   string
		begun   func()
		want    fault.Code
	}{
		{t.Context(), time.Second, "yes", func() {}, fault.TimedOut},
		{t.Context(), time.Second, "echo one", func() {}, fault.TimedOut},
		{interrupted, time.Minute, "yes", interrupt, fault.Interrupted},
	} {
		out := &slow{wait: func() { c.begun(); <-never }}
		_, err := Command{Words: []string{"sh", "-c", c.words}, Stdout: out, Stderr: io.Discard, Timeout: c.timeout}.Run(c.ctx)
		if !fault.Has(err, c.want) {
			t.Errorf("%s: %v", c.words, err)
		}
	}
}

// broken is a reader who takes nothing.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, os.ErrClosed }

// A command whose words cannot be passed on is told so, and it is a fault.
func TestOutputThatCannotBePassedOnIsAFault(t *testing.T) {
	needs(t, "yes")
	_, err := Command{Words: []string{"yes"}, Stdout: broken{}, Stderr: io.Discard, Timeout: time.Minute}.Run(t.Context())
	if !fault.Has(err, fault.OutputFailed) {
		t.Fatal(err)
	}
}
