package attest

import (
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Observation is a command that is run once, and what is to be found out about it.
type Observation struct {
	Type      string
	Command   []string
	Root      string // the top of the tree
	Dir       string // where in it the command runs
	Env       []string
	Reports   []string // patterns of files that the command writes, from Dir
	Form      Form     // of the reports or the output, "" to find out
	Outputs   []string // patterns of files that the command leaves, from Dir
	Container string   // the image that it runs in, as somebody said
	Timeout   time.Duration
	Stdout    io.Writer
	Stderr    io.Writer
	Now       func() time.Time
}

// Observe runs the command, and says what came of it; a command that fails is no error.
// The faults are those of [Command.Run], [Read], and of files that are not there.
func Observe(ctx context.Context, o Observation) (*receipt.Attestation, error) {
	before, err := o.remember()
	if err != nil {
		return nil, err
	}
	output := &capped{most: MaxReport}
	command := Command{Words: o.Command, Dir: o.Dir, Env: o.Env, Stdout: o.Stdout, Stderr: o.Stderr, Timeout: o.Timeout}
	if len(o.Reports) == 0 && o.Form != FormNone {
		command.Stdout = io.MultiWriter(o.Stdout, output)
	}
	started := receipt.TimeOf(o.Now())
	code, err := command.Run(ctx)
	if err != nil {
		return nil, err
	}
	ended := max(receipt.TimeOf(o.Now()), started) // the clock may be set meanwhile
	a := &receipt.Attestation{Type: o.Type, Tool: Tool(o.Command), Command: o.Command, ExitCode: code, StartedAt: &started, EndedAt: &ended}
	if a.Totals, err = o.results(before, output); err != nil {
		return nil, err
	}
	if a.Outputs, err = outputs(ctx, o.Root, o.fromRoot(o.Outputs)); err != nil && code == 0 {
		return nil, err
	}
	a.Environment = environment(ctx, o.Root, o.Env, o.Command)
	if o.Container != "" {
		a.Environment["container"] = o.Container
	}
	return a, nil
}

// ObserveApart is Observe in a clean checkout, which is removed afterwards. The command
// runs at its top.
func ObserveApart(ctx context.Context, o Observation, checkOut func(ctx context.Context, dir string) error) (*receipt.Attestation, error) {
	parent, err := os.MkdirTemp("", "vaultmesh-attest-")
	if err != nil {
		return nil, fault.New(fault.WriteFailed, "no folder for a checkout can be made").Because(errors.New(err.Error()))
	}
	defer remove(parent)
	o.Root = filepath.Join(parent, "checkout")
	o.Dir = o.Root
	if err := checkOut(ctx, o.Root); err != nil {
		return nil, err
	}
	o.Env = with(o.Env, map[string]string{"PWD": o.Root})
	return Observe(ctx, o)
}

// Written are the patterns of the reports that the command must write anew, from the
// top of the tree.
func (o Observation) Written() []string { return o.fromRoot(o.Reports) }

// fromRoot are patterns as they are from the top of the tree.
func (o Observation) fromRoot(patterns []string) []string {
	var list []string
	rel, err := filepath.Rel(o.Root, o.Dir)
	for _, p := range patterns {
		if filepath.IsAbs(p) {
			if own, err := filepath.Rel(o.Root, p); err == nil {
				p = own
			}
		} else if err == nil {
			p = filepath.Join(rel, p)
		}
		list = append(list, p)
	}
	return list
}

// earlier is what there was before the command ran.
type earlier struct {
	began time.Time // by the clock of the file system
	files map[string]os.FileInfo
}

// remember looks at the reports that are there already, and at what time files are
// written now.
func (o Observation) remember() (earlier, error) {
	e := earlier{files: map[string]os.FileInfo{}}
	if len(o.Reports) == 0 {
		return e, nil
	}
	mark, err := os.CreateTemp("", "vaultmesh-began-")
	if err != nil {
		return e, fault.New(fault.WriteFailed, "no temporary file can be written").Because(errors.New(err.Error()))
	}
	defer os.Remove(mark.Name())
	defer mark.Close()
	info, err := mark.Stat()
	if err != nil {
		return e, fault.New(fault.ReadFailed, "a temporary file cannot be read").Because(errors.New(err.Error()))
	}
	e.began = info.ModTime()
	for _, p := range o.fromRoot(o.Reports) {
		files, err := within(o.Root, p, refuseReport)
		if err != nil {
			return e, err
		}
		for _, name := range files {
			if info, err := os.Lstat(filepath.Join(o.Root, filepath.FromSlash(name))); err == nil {
				e.files[name] = info
			}
		}
	}
	return e, nil
}

func refuseReport(format string, args ...any) error {
	return bad("the report "+format, args...).With("how", "name a file in the tree, that the command itself writes:\n--report FILE")
}

// results counts the tests: by the reports, where some are named, else by what the
// command printed, where that has a form.
func (o Observation) results(before earlier, output *capped) (*receipt.Totals, error) {
	if len(o.Reports) > 0 {
		return o.reported(before)
	}
	form := o.Form
	if form == "" {
		form = Sniff(output.kept.Bytes())
	}
	if form == FormNone {
		return nil, nil
	}
	how := "if it is no report, say so:\n--format-of none"
	if output.more {
		return nil, bad("the output of the command has over %d bytes", MaxReport).With("how", how)
	}
	t, err := Read(output.kept.Bytes(), form)
	return t, named(err, "the output of the command", how)
}

// reported reads all reports.
func (o Observation) reported(before earlier) (*receipt.Totals, error) {
	var sum *receipt.Totals
	read := map[string]bool{}
	for _, p := range o.fromRoot(o.Reports) {
		files, err := within(o.Root, p, refuseReport)
		if err != nil {
			return nil, err
		}
		if len(files) == 0 {
			return nil, bad("the command wrote no report %s", p).With("how", "see where it writes its report")
		}
		for _, name := range files {
			if read[name] {
				continue
			}
			read[name] = true
			t, err := o.readReport(name, before)
			if err == nil {
				sum, err = add(sum, t)
			}
			if err != nil {
				return nil, err
			}
		}
	}
	return sum, nil
}

// readReport reads one report, that the command must have written.
func (o Observation) readReport(name string, before earlier) (*receipt.Totals, error) {
	path := filepath.Join(o.Root, filepath.FromSlash(name))
	f, err := os.Open(path)
	if err != nil {
		return nil, fault.New(fault.ReadFailed, "%s cannot be read", name).Because(errors.New(err.Error()))
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fault.New(fault.ReadFailed, "%s cannot be read", name).Because(errors.New(err.Error()))
	}
	if before.stale(name, info) {
		return nil, bad("the report %s is older than the run", name).With("how", "remove it, and see that the command writes it anew:\nrm "+fault.Quote(name))
	}
	b, err := io.ReadAll(io.LimitReader(f, MaxReport+1))
	if err != nil {
		return nil, fault.New(fault.ReadFailed, "%s cannot be read", name).Because(errors.New(err.Error()))
	}
	t, err := Read(b, o.Form)
	return t, named(err, "the report "+name, "see what wrote it, and whether it was written to its end")
}

// stale tells whether a file was not written since the command began. A file system
// that knows whole seconds only is asked no more.
func (e earlier) stale(name string, info os.FileInfo) bool {
	written, began := info.ModTime(), e.began
	if written.Nanosecond() == 0 {
		began = began.Truncate(time.Second)
	}
	old, was := e.files[name]
	same := was && os.SameFile(old, info) && old.ModTime().Equal(written) && old.Size() == info.Size()
	return same || written.Before(began)
}

// named says of which report an error speaks.
func named(err error, what, how string) error {
	if err == nil || !fault.Has(err, fault.BadReport) {
		return err
	}
	f := fault.From(err)
	again := fault.New(f.Code, "%s cannot be believed: %s", what, f.Message).Because(f.Cause)
	for name, value := range maps.All(f.Details) {
		again = again.With(name, value)
	}
	if again.Details["how"] == "" {
		again = again.With("how", how)
	}
	return again
}
