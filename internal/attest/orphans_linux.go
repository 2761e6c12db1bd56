package attest

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// orphans are what a command leaves running. While it runs, this process is to them what
// init is to others (prctl(2), PR_SET_CHILD_SUBREAPER): whatever becomes of their parents,
// all that descends from the command stays below this process.
//
// They are told from other processes below this one by their session: the command begins
// one, and nothing that descends from it can join one that is not its own (setpgid(2)).
type orphans struct {
	leader int          // the command itself, for which somebody else waits
	others map[int]bool // sessions that were there before
	died   chan os.Signal
	reaped sync.WaitGroup
}

// persistence is how long processes that never stay are hunted.
const persistence = 10 * time.Second

// alone is held while a command runs: what two of them leave could not be told apart.
var alone sync.Mutex

// adopt takes in the orphans of the command that is started next. Where no process can be
// seen there are none, and only the group of the command is known.
func adopt() *orphans {
	alone.Lock()
	o := &orphans{others: make(map[int]bool), died: make(chan os.Signal, 1)}
	for _, p := range below(os.Getpid(), processes(func(process) {})) {
		o.others[p.session] = true
	}
	if session, err := unix.Getsid(0); err == nil {
		o.others[session] = true
	}
	_ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
	return o
}

// of says which command it is, and waits for its orphans from now on: whoever looks
// whether one is gone must not find it dead and not buried.
func (o *orphans) of(leader *os.Process) {
	o.leader = leader.Pid
	signal.Notify(o.died, syscall.SIGCHLD)
	o.reaped.Go(func() {
		for range o.died {
			o.reap(processes(func(process) {})[os.Getpid()])
		}
	})
}

// end ends what is left of a command that was waited for, and returns an error if that
// cannot be done.
func (o *orphans) end() error {
	defer alone.Unlock()
	defer unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
	signal.Stop(o.died)
	close(o.died)
	o.reaped.Wait()
	o.leader = 0
	trying, enough := context.WithTimeout(context.Background(), persistence) // also when interrupted
	defer enough()
	for {
		left := below(os.Getpid(), processes(o.endOne))
		left = slices.DeleteFunc(left, o.isOther)
		if len(left) == 0 {
			return nil
		}
		for _, p := range left {
			endNow(p)
		}
		o.reap(left)
		if trying.Err() != nil {
			return errors.New("the process " + strconv.Itoa(left[0].id) + " still runs, or others do")
		}
	}
}

// endOne ends one that has no parent but this process as soon as it is seen: it may fork
// and be gone at any moment.
func (o *orphans) endOne(p process) {
	if p.parent == os.Getpid() && !o.isOther(p) {
		endNow(p)
	}
}

// endNow ends a process and those that are in its group, which none of the others are in.
func endNow(p process) {
	_ = syscall.Kill(-p.group, syscall.SIGKILL)
	_ = syscall.Kill(p.id, syscall.SIGKILL)
}

// isOther tells whether a process is not an orphan of the command.
func (o *orphans) isOther(p process) bool { return o.others[p.session] || p.id == o.leader }

// reap takes note of those that are dead and have no other parent.
func (o *orphans) reap(list []process) {
	for _, p := range list {
		if p.parent == os.Getpid() && !o.isOther(p) {
			_, _ = syscall.Wait4(p.id, nil, syscall.WNOHANG, nil)
		}
	}
}

// process is one that runs, or that nobody has waited for.
type process struct{ id, parent, group, session int }

// processes lists all that can be seen, by their parents, and shows each, the youngest
// first; none where what can be seen has other numbers.
func processes(show func(p process)) map[int][]process {
	if self, err := os.Readlink("/proc/self"); err != nil || self != strconv.Itoa(os.Getpid()) {
		return nil
	}
	folder, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer folder.Close()
	names, _ := folder.Readdirnames(-1)
	children := make(map[int][]process)
	for _, name := range slices.Backward(names) {
		if p, ok := processOf(name); ok {
			show(p)
			children[p.parent] = append(children[p.parent], p)
		}
	}
	return children
}

// processOf reads what is said of a process (proc(5), /proc/pid/stat); false for one that
// is gone.
func processOf(name string) (p process, ok bool) {
	var err error
	if p.id, err = strconv.Atoi(name); err != nil {
		return p, false
	}
	text, err := os.ReadFile("/proc/" + name + "/stat")
	if err != nil {
		return p, false
	}
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:]) // a name may have any bytes
	for i, to := range []*int{&p.parent, &p.group, &p.session} {
		if len(fields) > i+1 {
			*to, err = strconv.Atoi(string(fields[i+1]))
			ok = err == nil
		}
	}
	return p, ok
}

// below are the processes that descend from one.
func below(id int, children map[int][]process) []process {
	list := slices.Clone(children[id])
	for i := 0; i < len(list); i++ {
		list = append(list, children[list[i].id]...)
	}
	return list
}
