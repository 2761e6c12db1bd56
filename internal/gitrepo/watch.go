package gitrepo

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"sync"
	"time"
)

// maxSilence is how long nothing may move while a remote is taken from or given to: then
// it is given up, and others are met. A server judges what it gets meanwhile, and git here
// what came, without a word.
const maxSilence = 15 * time.Minute

// maxTaken bounds what a remote may send at once, in bytes of the pack: it lies on the disk
// before anybody can judge it.
const maxTaken = 8 << 30

// watch sees to it that a transfer goes on, and ends. Git writes the packs that come in
// to a pipe, as it would trace them (git(1), GIT_TRACE_PACKFILE), and says how far it is
// with what it sends.
type watch struct {
	silence time.Duration
	most    int64
	stop    context.CancelCauseFunc
	timer   *time.Timer

	pipe, ours *os.File
	mu         sync.Mutex
	came       int64
	head       []byte // of what came

	landing string
	there   []string // what lay in it before
}

func (g git) watch(stop context.CancelCauseFunc) *watch {
	w := &watch{silence: cmp.Or(g.silence, maxSilence), most: cmp.Or(g.most, maxTaken), stop: stop, landing: g.landing}
	w.there = w.unread()
	w.timer = time.AfterFunc(w.silence, func() {
		stop(&failure{stderr: "fatal: nothing moved between the remote and here within " + w.silence.String()})
	})
	return w
}

// Write takes what git says: it is a sign of life.
func (w *watch) Write(p []byte) (int, error) {
	w.timer.Reset(w.silence)
	return len(p), nil
}

// listen has the command write to the pipe what comes, where files can be given to one.
func (w *watch) listen(cmd *exec.Cmd) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	var err error
	if w.ours, w.pipe, err = os.Pipe(); err != nil {
		return err
	}
	cmd.ExtraFiles = []*os.File{w.pipe} // the first is number 3
	cmd.Env = append(slices.Clip(cmd.Env), "GIT_TRACE_PACKFILE=3")
	go io.Copy(taking{w}, w.ours)
	return nil
}

// taking counts what comes.
type taking struct{ *watch }

func (t taking) Write(p []byte) (int, error) {
	t.timer.Reset(t.silence)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.came += int64(len(p))
	if room := maxHead - len(t.head); room > 0 {
		t.head = append(t.head, p[:min(room, len(p))]...)
	}
	if t.came > t.most {
		err := &failure{excess: true, stderr: fmt.Sprintf("fatal: it sends more than %d bytes", t.most)}
		t.stop(err)
		return 0, err // nothing is read any more, so that git cannot end before it is stopped
	}
	return len(p), nil
}

// close ends the watch. What still has the pipe writes to nobody.
func (w *watch) close() {
	w.timer.Stop()
	if w.pipe != nil {
		w.pipe.Close()
		w.ours.Close()
	}
}

// unread are the packs in the landing that git has not read to their ends.
func (w *watch) unread() []string {
	if w.landing == "" {
		return nil
	}
	found, _ := filepath.Glob(filepath.Join(escapeGlob(w.landing), "tmp_pack_*")) // the pattern is a good one
	return found
}

// fetches are those of this process, which may be several at once.
type fetches struct {
	mu      sync.Mutex
	running int
	stopped []*watch // whose git ended with an error
}

// begin has one more of them.
func (f *fetches) begin() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.running++
}

// end has one less. What is left of those that were stopped is removed when the last one is
// over: before, it cannot be told from what the others still write.
func (f *fetches) end(w *watch, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		f.stopped = append(f.stopped, w)
	}
	if f.running--; f.running == 0 {
		sweepPacks(f.stopped)
		f.stopped = nil
	}
}

// sweepPacks removes what gits that were stopped leave of packs, which nobody would remove for
// weeks. Where more may be that than were stopped, another process fetches the same
// meanwhile, and all are left.
func sweepPacks(stopped []*watch) {
	alike := make(map[string][]*watch)
	for _, w := range stopped {
		head, _ := w.taken()
		alike[string(head)] = append(alike[string(head)], w)
	}
	for _, watches := range alike {
		left := make(map[string]bool)
		for _, w := range watches {
			for _, path := range w.leftovers() {
				left[path] = true
			}
		}
		for path := range left {
			if len(left) <= len(watches) {
				os.Remove(path)
			}
		}
	}
}

// taken is how what came begins, and how much it was.
func (w *watch) taken() (head []byte, came int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.head, w.came
}

// leftovers are the packs that were not there before, begin as what came, and are
// no longer than that can be.
func (w *watch) leftovers() []string {
	head, came := w.taken()
	if len(head) < maxHead {
		return nil
	}
	return slices.DeleteFunc(w.unread(), func(path string) bool {
		info, err := os.Stat(path)
		if err != nil || info.Size() > came+inPipe || slices.Contains(w.there, path) {
			return true
		}
		beginning, err := readHead(path)
		return err != nil || !bytes.Equal(beginning, head)
	})
}

func readHead(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	head := make([]byte, maxHead)
	_, err = io.ReadFull(file, head)
	return head, err
}

// inPipe is how much may have come that was not read, since it stood in the pipe: what a
// pipe of Linux holds, and what git writes at once.
const inPipe = 128 << 10

// maxHead is how much is kept of the beginning of what comes.
const maxHead = 4 << 10

// maxLine is how long a line may be of which the end is waited for.
const maxLine = 64 << 10

// withoutProgress leaves out of what git says how far it is: the lines that are overwritten,
// and the last of each.
type withoutProgress struct {
	to   io.Writer
	line []byte
}

// Write passes on whole lines, and those that are too long in pieces.
func (p *withoutProgress) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 {
		size := bytes.IndexAny(b, "\r\n") + 1
		whole := size > 0
		if !whole {
			size = len(b)
		}
		p.line = append(p.line, b[:size]...)
		b = b[size:]
		if !whole && len(p.line) <= maxLine {
			break
		}
		if err := p.pass(); err != nil {
			return n, err
		}
	}
	return n, nil
}

func (p *withoutProgress) pass() error {
	line := p.line
	p.line = nil
	if progress.Match(line) {
		return nil
	}
	_, err := p.to.Write(line)
	return err
}

// end passes on what has no end of line.
func (p *withoutProgress) end() {
	if len(p.line) > 0 {
		p.to.Write(p.line)
	}
}

// progress is what git says of itself with --progress.
var progress = regexp.MustCompile(`^((Enumerating|Counting|Compressing|Writing) objects: |Delta compression using |Total [0-9]+ \(delta )`)
