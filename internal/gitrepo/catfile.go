package gitrepo

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// catFile is one `git cat-file` that answers many questions.
type catFile struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	stderr *tail

	// commands tells that it takes commands, from git 2.36 on, and answers
	// when it is told to or has much to say. One that is asked by bare names
	// answers each at once, which costs a system call or two an object.
	commands bool
}

// A blob of more than a megabyte is streamed: git would hold one of up to half a
// gigabyte whole, of which nothing is wanted here.
func (g git) startCatFile(options ...string) (*catFile, error) {
	// The process outlives the calls that use it, so it hangs on no context:
	// stop ends it, and it ends by itself when its input is closed.
	cmd := g.parsed(context.Background(), append([]string{"-c", "core.bigFileThreshold=1m", "cat-file"}, options...)...)
	stderr := new(tail)
	cmd.Stderr = stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fault.New(fault.GitRefused, "no pipe to git").Because(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fault.New(fault.GitRefused, "no pipe from git").Because(err)
	}
	if err := cmd.Start(); err != nil {
		return nil, g.judge(context.Background(), cmd, err, "")
	}
	return &catFile{cmd: cmd, in: in, out: bufio.NewReaderSize(out, 64<<10), stderr: stderr}, nil
}

// understands tells whether the process takes commands: an older git ends at
// once over the option. No object is called ".".
func (c *catFile) understands() bool {
	if _, err := io.WriteString(c.in, "info .\nflush\n"); err != nil {
		return false
	}
	_, err := c.out.ReadString('\n')
	return err == nil
}

// ask writes questions to the process. The error is one of its pipe: it is gone.
func ask[Name ~string](c *catFile, names ...Name) error {
	before, after := "", ""
	if c.commands {
		before, after = "contents ", "flush\n"
	}
	w := bufio.NewWriterSize(c.in, 32<<10)
	for _, name := range names {
		w.WriteString(before)
		w.WriteString(string(name))
		w.WriteByte('\n')
	}
	w.WriteString(after)
	return w.Flush()
}

// stop ends the process, whatever it is in the middle of.
func (c *catFile) stop() {
	c.in.Close()
	c.cmd.Process.Kill()
	c.cmd.Wait()
}

// end waits for a process that answers no more, and tells whether a signal ended it.
func (c *catFile) end() (killed bool) {
	c.in.Close()
	late := time.AfterFunc(time.Second, func() { c.cmd.Process.Kill() })
	defer late.Stop()
	var exit *exec.ExitError
	return errors.As(c.cmd.Wait(), &exit) && exit.ExitCode() < 0
}

// gitStore is a [Store] through git's plumbing, for every repository that git
// reads.
type gitStore struct {
	repo    *Repo
	objects *catFile // nil until something is asked
}

// Close ends the process.
func (s *gitStore) Close() {
	if s.objects != nil {
		s.objects.stop()
		s.objects = nil
	}
}

// Algorithm implements [Store].
func (s *gitStore) Algorithm() string { return s.repo.algorithm }

// Read implements [Store].
func (s *gitStore) Read(ctx context.Context, id OID, limit int64) (Object, error) {
	if !isOID(s.repo.algorithm, id) {
		return Object{}, missing(string(id))
	}
	return s.ask(ctx, string(id), limit)
}

func (s *gitStore) ask(ctx context.Context, name string, limit int64) (Object, error) {
	if err := s.ensureReader(ctx); err != nil {
		return Object{}, err
	}
	defer s.endWith(ctx)()
	if err := ask(s.objects, name); err != nil {
		return Object{}, s.readerDied(ctx, name)
	}
	return s.answer(ctx, name, limit)
}

// endWith ends the process when ctx is cancelled, so that nobody waits for an
// answer that does not come. The function that it returns calls that off; if
// it comes too late, the process is given up.
func (s *gitStore) endWith(ctx context.Context) func() {
	process := s.objects.cmd.Process
	calledOff := context.AfterFunc(ctx, func() { process.Kill() })
	return func() {
		if !calledOff() {
			s.Close()
		}
	}
}

// ReadMany implements [Store]: all questions go out while the answers come
// in, so that neither side waits for the other.
func (s *gitStore) ReadMany(ctx context.Context, ids []OID, limit int64, each func(i int, o Object, err error) error) error {
	for from := 0; from < len(ids); {
		if !isOID(s.repo.algorithm, ids[from]) {
			if err := each(from, Object{}, missing(string(ids[from]))); err != nil {
				return err
			}
			from++
			continue
		}
		to := from + 1
		for to < len(ids) && isOID(s.repo.algorithm, ids[to]) {
			to++
		}
		done, err := s.readRun(ctx, ids[from:to], limit, func(i int, o Object, err error) error { return each(from+i, o, err) })
		if err != nil {
			return err
		}
		from += done
	}
	return nil
}

// readRun reads ids until all are read or the process had to be given up,
// and returns how many were answered.
func (s *gitStore) readRun(ctx context.Context, ids []OID, limit int64, each func(i int, o Object, err error) error) (int, error) {
	if err := s.ensureReader(ctx); err != nil {
		return 0, err
	}
	defer s.endWith(ctx)()
	asked := make(chan struct{})
	go func(c *catFile) {
		defer close(asked)
		ask(c, ids...) // when the process is gone, the reading side says why
	}(s.objects)
	defer func() { <-asked }()
	for i, id := range ids {
		o, err := s.answer(ctx, string(id), limit)
		if err == nil && o.ID != id {
			err = missing(string(id))
		}
		if ctx.Err() != nil {
			s.Close()
			return i, fault.New(fault.Interrupted, "interrupted")
		}
		if err := each(i, o, err); err != nil {
			s.Close()
			return i, err
		}
		if s.objects == nil {
			return i + 1, nil
		}
	}
	return len(ids), nil
}

func (s *gitStore) ensureReader(ctx context.Context) error {
	if ctx.Err() != nil {
		return fault.New(fault.Interrupted, "interrupted")
	}
	if s.objects != nil {
		return nil
	}
	c, err := s.repo.git.startCatFile("--batch-command", "--buffer")
	if err != nil {
		return err
	}
	s.objects = c
	calledOff := s.endWith(ctx)
	c.commands = c.understands()
	calledOff()
	if !c.commands {
		s.Close()
		if s.objects, err = s.repo.git.startCatFile("--batch"); err != nil {
			s.objects = nil
		}
	}
	return err
}

// answer reads one answer: "<id> <type> <size>", the bytes, a newline; or the
// name and a word that says why there are none.
func (s *gitStore) answer(ctx context.Context, name string, limit int64) (Object, error) {
	line, err := s.objects.out.ReadString('\n')
	if err != nil {
		return Object{}, s.readerDied(ctx, name)
	}
	line = strings.TrimSuffix(line, "\n")
	if strings.HasSuffix(line, " ambiguous") {
		return Object{}, fault.New(fault.Ambiguous, "%.200q means more than one object", name)
	}
	words := strings.Fields(line)
	if len(words) != 3 || strings.HasSuffix(line, " missing") {
		return Object{}, s.absent(name)
	}
	size, err := strconv.ParseInt(words[2], 10, 64)
	if err != nil {
		return Object{}, s.absent(name)
	}
	if size > limit {
		s.Close() // the rest would have to be read to be passed over
		return Object{}, tooLarge(OID(words[0]), size, limit)
	}
	data := make([]byte, size+1)
	if _, err := io.ReadFull(s.objects.out, data); err != nil {
		return Object{}, s.readerDied(ctx, name)
	}
	return checked(s.repo.algorithm, Object{ID: OID(words[0]), Type: words[1], Data: data[:size:size]})
}

// readerDied gives up the process: git dies on an object that it cannot read.
func (s *gitStore) readerDied(ctx context.Context, name string) error {
	err := s.objects.died(name)
	s.objects = nil
	if ctx.Err() != nil {
		return fault.New(fault.Interrupted, "interrupted")
	}
	return err
}

// died says why a process has ended over an object: all that it said is known when it has
// been waited for.
func (c *catFile) died(name string) error {
	if c.end() {
		return fault.New(fault.GitRefused, "the git that reads objects was killed")
	}
	cause := &failure{subcommand: "cat-file", stderr: string(bytes.TrimSpace(c.stderr.bytes))}
	if cause.says("promisor remote") { // a partial clone that cannot ask for what it lacks
		return fault.From(missing(name)).Because(cause)
	}
	return fault.New(fault.ObjectCorrupt, "object %.64q cannot be read", name).Because(cause)
}

// absent says why git has no object to give: it also calls an object missing
// whose file is there, but damaged.
func (s *gitStore) absent(name string) error {
	if isOID(s.repo.algorithm, OID(name)) {
		if _, err := os.Lstat(filepath.Join(s.repo.CommonDir, "objects", name[:2], name[2:])); err == nil {
			return fault.New(fault.ObjectCorrupt, "object %.10s is damaged", name)
		}
	}
	return missing(name)
}
