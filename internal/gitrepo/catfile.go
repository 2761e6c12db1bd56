package gitrepo

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

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

func (g git) startCatFile(options ...string) (*catFile, error) {
	// The process outlives the calls that use it, so it hangs on no context:
	// stop ends it, and it ends by itself when its input is closed.
	cmd := g.parsed(context.Background(), append([]string{"cat-file"}, options...)...)
	stderr := new(tail)
	cmd.Stderr = stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fault.New(fault.Internal, "no pipe to git").Because(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fault.New(fault.Internal, "no pipe from git").Because(err)
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

// Read implements [Store].
func (r *Repo) Read(ctx context.Context, id OID, limit int64) (Object, error) {
	if !isOID(r.algorithm, id) {
		return Object{}, missing(string(id))
	}
	return r.ask(ctx, string(id), limit)
}

// Peel reads an object, or the one of a type that it leads to: the commit of a
// tag, the tree of a commit. The faults are those of [Store] and ObjectMissing
// (VM509) where it leads to none.
func (r *Repo) Peel(ctx context.Context, id OID, kind string, limit int64) (Object, error) {
	if !isOID(r.algorithm, id) {
		return Object{}, missing(string(id))
	}
	return r.ask(ctx, string(id)+"^{"+kind+"}", limit)
}

// resolve returns the object that a person's words mean. Words that mean more
// than one object are a fault Ambiguous (VM103).
func (r *Repo) resolve(ctx context.Context, revision string, limit int64) (Object, error) {
	if revision == "" || strings.ContainsAny(revision, "\n\x00") {
		return Object{}, missing(revision)
	}
	return r.ask(ctx, revision, limit)
}

func (r *Repo) ask(ctx context.Context, name string, limit int64) (Object, error) {
	if err := r.ensureReader(ctx); err != nil {
		return Object{}, err
	}
	defer r.endWith(ctx)()
	if err := ask(r.objects, name); err != nil {
		return Object{}, r.readerDied(ctx, name)
	}
	return r.answer(ctx, name, limit)
}

// endWith ends the process when ctx is cancelled, so that nobody waits for an
// answer that does not come. The function that it returns calls that off; if
// it comes too late, the process is given up.
func (r *Repo) endWith(ctx context.Context) func() {
	process := r.objects.cmd.Process
	calledOff := context.AfterFunc(ctx, func() { process.Kill() })
	return func() {
		if !calledOff() {
			r.Close()
		}
	}
}

// ReadMany implements [Store]: all questions go out while the answers come
// in, so that neither side waits for the other.
func (r *Repo) ReadMany(ctx context.Context, ids []OID, limit int64, each func(i int, o Object, err error) error) error {
	for from := 0; from < len(ids); {
		if !isOID(r.algorithm, ids[from]) {
			if err := each(from, Object{}, missing(string(ids[from]))); err != nil {
				return err
			}
			from++
			continue
		}
		to := from + 1
		for to < len(ids) && isOID(r.algorithm, ids[to]) {
			to++
		}
		done, err := r.readRun(ctx, ids[from:to], limit, func(i int, o Object, err error) error { return each(from+i, o, err) })
		if err != nil {
			return err
		}
		from += done
	}
	return nil
}

// readRun reads ids until all are read or the process had to be given up,
// and returns how many were answered.
func (r *Repo) readRun(ctx context.Context, ids []OID, limit int64, each func(i int, o Object, err error) error) (int, error) {
	if err := r.ensureReader(ctx); err != nil {
		return 0, err
	}
	defer r.endWith(ctx)()
	asked := make(chan struct{})
	go func(c *catFile) {
		defer close(asked)
		ask(c, ids...) // when the process is gone, the reading side says why
	}(r.objects)
	defer func() { <-asked }()
	for i, id := range ids {
		o, err := r.answer(ctx, string(id), limit)
		if err == nil && o.ID != id {
			err = missing(string(id))
		}
		if ctx.Err() != nil {
			r.Close()
			return i, fault.New(fault.Interrupted, "interrupted")
		}
		if err := each(i, o, err); err != nil {
			r.Close()
			return i, err
		}
		if r.objects == nil {
			return i + 1, nil
		}
	}
	return len(ids), nil
}

func (r *Repo) ensureReader(ctx context.Context) error {
	if ctx.Err() != nil {
		return fault.New(fault.Interrupted, "interrupted")
	}
	if r.objects != nil {
		return nil
	}
	c, err := r.git.startCatFile("--batch-command", "--buffer")
	if err != nil {
		return err
	}
	r.objects = c
	calledOff := r.endWith(ctx)
	c.commands = c.understands()
	calledOff()
	if !c.commands {
		r.Close()
		if r.objects, err = r.git.startCatFile("--batch"); err != nil {
			r.objects = nil
		}
	}
	return err
}

// answer reads one answer: "<id> <type> <size>", the bytes, a newline; or the
// name and a word that says why there are none.
func (r *Repo) answer(ctx context.Context, name string, limit int64) (Object, error) {
	line, err := r.objects.out.ReadString('\n')
	if err != nil {
		return Object{}, r.readerDied(ctx, name)
	}
	line = strings.TrimSuffix(line, "\n")
	if strings.HasSuffix(line, " ambiguous") {
		return Object{}, fault.New(fault.Ambiguous, "%.200q means more than one object", name)
	}
	words := strings.Fields(line)
	if len(words) != 3 || strings.HasSuffix(line, " missing") {
		return Object{}, r.absent(name)
	}
	size, err := strconv.ParseInt(words[2], 10, 64)
	if err != nil {
		return Object{}, r.absent(name)
	}
	if size > limit {
		r.Close() // the rest would have to be read to be passed over
		return Object{}, fault.New(fault.ObjectTooLarge, "object %.10s has %d bytes, over the limit of %d", words[0], size, limit)
	}
	data := make([]byte, size+1)
	if _, err := io.ReadFull(r.objects.out, data); err != nil {
		return Object{}, r.readerDied(ctx, name)
	}
	return r.checked(Object{ID: OID(words[0]), Type: words[1], Data: data[:size:size]})
}

// checked compares an object with its id: git does not do so when it reads.
func (r *Repo) checked(o Object) (Object, error) {
	if hashObject(r.algorithm, o.Type, o.Data) != o.ID {
		return Object{}, fault.New(fault.ObjectCorrupt, "object %s does not have its hash", o.ID.Short())
	}
	return o, nil
}

// readerDied gives up the process: git dies on an object that it cannot read.
func (r *Repo) readerDied(ctx context.Context, name string) error {
	said := r.objects.stderr
	r.Close()
	if ctx.Err() != nil {
		return fault.New(fault.Interrupted, "interrupted")
	}
	cause := &failure{subcommand: "cat-file", stderr: string(bytes.TrimSpace(said.bytes))}
	if cause.says("promisor remote") { // a partial clone that cannot ask for what it lacks
		return fault.From(missing(name)).Because(cause)
	}
	return fault.New(fault.ObjectCorrupt, "object %.64q cannot be read", name).Because(cause)
}

// absent says why git has no object to give: it also calls an object missing
// whose file is there, but damaged.
func (r *Repo) absent(name string) error {
	if isOID(r.algorithm, OID(name)) {
		if _, err := os.Lstat(filepath.Join(r.CommonDir, "objects", name[:2], name[2:])); err == nil {
			return fault.New(fault.ObjectCorrupt, "object %.10s is damaged", name)
		}
	}
	return missing(name)
}

func missing(name string) error {
	return fault.New(fault.ObjectMissing, "object %.200q is not in this repository", name)
}
