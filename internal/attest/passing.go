package attest

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"time"
)

// words are what a command prints: its output, and its messages.
type words [2]passing

// of has a command print so.
func (w *words) of(cmd *exec.Cmd) error {
	for i, file := range []*io.Writer{&cmd.Stdout, &cmd.Stderr} {
		end, err := w[i].writer()
		if err != nil {
			return err
		}
		*file = end
	}
	return nil
}

// begin passes on what is printed from now on. The command has its ends of the pipes.
func (w *words) begin() {
	for i := range w {
		w[i].begin()
	}
}

// end passes on what was printed to its end, once nobody prints any more.
func (w *words) end(ctx context.Context) {
	for i := range w {
		w[i].hurry()
	}
	for i := range w {
		w[i].end(ctx)
	}
}

// failed is why something could not be passed on.
func (w *words) failed() error { return errors.Join(w[0].failed, w[1].failed) }

// passing passes on what a command prints, and remembers that it could not. It has pipes
// of its own: those of package exec are closed some time after the command has ended,
// whether all was read or not, and wait for ever for who reads nothing.
type passing struct {
	to     io.Writer
	in     *os.File // where the command writes; nil for a terminal
	out    *os.File
	hasten chan struct{} // closed when nobody prints any more who is not astray
	over   chan struct{} // closed with the last of it
	failed error         // known when it is over
}

// writer is where the command writes: a terminal itself, which programs look for.
func (p *passing) writer() (io.Writer, error) {
	if file, is := p.to.(*os.File); is {
		if info, err := file.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			return file, nil
		}
	}
	var err error
	p.out, p.in, err = os.Pipe()
	return p.in, err
}

func (p *passing) begin() {
	if p.out == nil {
		return
	}
	p.in.Close()
	p.hasten, p.over = make(chan struct{}), make(chan struct{})
	go p.pass()
}

// pass passes on until nobody has the pipe any more; or, where somebody has whom nobody
// could end, until nothing comes for a while.
func (p *passing) pass() {
	defer close(p.over)
	defer p.out.Close() // who prints still is told that nobody reads it
	pieces, hasten, idle := p.pieces(), p.hasten, (<-chan time.Time)(nil)
	for {
		select {
		case piece, more := <-pieces:
			if !more {
				return
			}
			if _, p.failed = p.to.Write(piece); p.failed != nil {
				return
			}
			if idle != nil {
				idle = time.After(patience)
			}
		case <-hasten:
			hasten, idle = nil, time.After(patience)
		case <-idle:
			return
		}
	}
}

// pieces are what is printed, as it comes.
func (p *passing) pieces() <-chan []byte {
	pieces := make(chan []byte)
	go func() {
		defer close(pieces)
		for {
			buffer := make([]byte, 32<<10)
			n, err := p.out.Read(buffer)
			if err != nil {
				return
			}
			select {
			case pieces <- buffer[:n]:
			case <-p.over:
				return
			}
		}
	}()
	return pieces
}

// hurry has it wait no more for what does not come.
func (p *passing) hurry() {
	if p.over != nil {
		close(p.hasten)
	}
}

// end waits until it is over: as long as somebody takes who reads it, but no longer than
// the command may take, and a little for its last words.
func (p *passing) end(ctx context.Context) {
	if p.over == nil {
		return
	}
	select {
	case <-p.over:
		return
	case <-ctx.Done():
	}
	select {
	case <-p.over:
	case <-time.After(patience):
	}
}
