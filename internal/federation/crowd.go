package federation

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
)

// maxAtOnce bounds how many peers are spoken with at the same time, unless the place says.
const maxAtOnce = 8

// patience is how long those that answered wait for others, so that all are merged together:
// one that stalls keeps nobody longer.
const patience = 5 * time.Second

// Crowd is peers that were asked at the same time, and are heard as they answer.
type Crowd struct {
	place   Place
	peers   []string
	answers chan answer
	silent  int // how many have not answered
	stop    context.CancelFunc
	asking  sync.WaitGroup
}

// answer is what a peer's head is, or why it cannot be said.
type answer struct {
	nth      int // of the peers
	head     gitrepo.OID
	err      error
	said     []byte // by git meanwhile
	byItself bool   // nobody asked it yet, or git has to ask a person first
}

// AskAll asks peers as Ask does, several at once. What is fetched is judged by [Crowd.Next].
// Close the crowd after use.
func (p Place) AskAll(ctx context.Context, peers []string) (*Crowd, error) {
	ours, err := p.open(ctx)
	if err != nil {
		return nil, err
	}
	c := &Crowd{place: p, peers: peers, answers: make(chan answer, len(peers)), silent: len(peers)}
	ctx, c.stop = context.WithCancel(ctx)
	if len(peers) == 1 { // it may have the terminal
		c.answers <- answer{byItself: true}
		return c, nil
	}
	c.asking.Go(func() {
		p.beside(len(peers), func(i int, alone Place, said *bytes.Buffer) {
			head, err := alone.fetch(ctx, ours.Head, peers[i])
			c.answers <- answer{nth: i, head: head, err: err, said: said.Bytes(), byItself: gitrepo.WouldAsk(err)}
		})
	})
	return c, nil
}

// HearAll asks peers as AskAll does, and has what [Crowd.Next] says of them until all were
// heard, or until there is an error.
func (p Place) HearAll(ctx context.Context, peers []string, each func(arrivals []Arrival) error) error {
	crowd, err := p.AskAll(ctx, peers)
	if err != nil {
		return err
	}
	defer crowd.Close()
	for {
		arrivals, err := crowd.Next(ctx)
		if err != nil || len(arrivals) == 0 {
			return err
		}
		if err := each(arrivals); err != nil {
			return err
		}
	}
}

// beside does something for each of n peers, for several at once, each time without a
// terminal and with a place of its own for what git says.
func (p Place) beside(n int, do func(i int, alone Place, said *bytes.Buffer)) {
	var all sync.WaitGroup
	room := make(chan struct{}, cmp.Or(p.AtOnce, maxAtOnce))
	for i := range n {
		room <- struct{}{}
		all.Go(func() {
			defer func() { <-room }()
			alone, said := p, new(bytes.Buffer)
			alone.Repo, alone.Messages = p.Repo.Alone(), &limited{said}
			defer alone.Repo.Close()
			do(i, alone, said)
		})
	}
	all.Wait()
}

// Close ends the asking of those that did not answer.
func (c *Crowd) Close() {
	c.stop()
	c.asking.Wait()
}

// Next waits for answers and judges them, as Ask does: of all peers, in their order, or of
// those that answered while others keep silent. There are none when all were heard.
func (c *Crowd) Next(ctx context.Context) ([]Arrival, error) {
	var arrivals []Arrival
	for _, answer := range c.gather() {
		a, err := c.hear(ctx, answer)
		if err != nil {
			return nil, err
		}
		arrivals = append(arrivals, a)
	}
	return arrivals, nil
}

// gather waits for one answer, and a while for the rest.
func (c *Crowd) gather() []answer {
	if c.silent == 0 {
		return nil
	}
	list := []answer{<-c.answers}
	enough := time.After(patience)
	for waiting := true; waiting && len(list) < c.silent; {
		select {
		case a := <-c.answers:
			list = append(list, a)
		case <-enough:
			waiting = false
		}
	}
	c.silent -= len(list)
	slices.SortFunc(list, func(a, b answer) int { return cmp.Compare(a.nth, b.nth) })
	return list
}

// hear judges what a peer answered. One for which a person must be asked is asked again,
// and has the terminal for that.
func (c *Crowd) hear(ctx context.Context, a answer) (Arrival, error) {
	peer := c.peers[a.nth]
	if a.byItself {
		return c.place.Ask(ctx, peer)
	}
	_, _ = c.place.Messages.Write(a.said) // as where git writes by itself, nobody minds
	ours, err := c.place.open(ctx)
	if err != nil {
		return Arrival{}, err
	}
	return c.place.answered(ctx, ours, peer, a.head, a.err)
}

// GiveAll pushes the ledger to those who lack something of it, as Give does, to several at
// once, and says of each what was pushed, "" for nothing. It is told one at a time, as
// they are done.
func (p Place) GiveAll(ctx context.Context, arrivals []Arrival, given func(nth int, head gitrepo.OID, err error) error) error {
	var gifts []gift
	for i, a := range arrivals {
		head, err := p.due(ctx, a)
		if head != "" && err == nil {
			gifts = append(gifts, gift{i, a, head})
		} else if err := given(i, "", err); err != nil {
			return err
		}
	}
	if len(gifts) == 1 { // it may have the terminal
		head, err := p.Give(ctx, gifts[0].to)
		return given(gifts[0].nth, head, err)
	}
	return p.pushAll(ctx, gifts, given)
}

// gift is a head that a peer lacks, the nth of those that are given to.
type gift struct {
	nth  int
	to   Arrival
	head gitrepo.OID
}

// pushAll pushes to several peers at once.
func (p Place) pushAll(ctx context.Context, gifts []gift, given func(nth int, head gitrepo.OID, err error) error) error {
	ctx, stop := context.WithCancel(ctx)
	pushes := make(chan answer, len(gifts))
	var pushing sync.WaitGroup
	defer pushing.Wait()
	defer stop()
	pushing.Go(func() {
		p.beside(len(gifts), func(i int, alone Place, said *bytes.Buffer) {
			err := alone.Repo.PushCommit(ctx, alone.Messages, gifts[i].to.Peer, gifts[i].head, p.Ref)
			pushes <- answer{nth: i, head: gifts[i].head, err: err, said: said.Bytes(), byItself: gitrepo.WouldAsk(err)}
		})
	})
	for range gifts {
		push := <-pushes
		to := gifts[push.nth]
		head, err := p.pushed(ctx, to.to, push)
		if err := given(to.nth, head, err); err != nil {
			return err
		}
	}
	return nil
}

// pushed is what became of a push beside others. One that was outrun, or for which a person
// must be asked, goes on by itself, and has the terminal.
func (p Place) pushed(ctx context.Context, a Arrival, push answer) (gitrepo.OID, error) {
	if push.byItself {
		return p.Give(ctx, a)
	}
	_, _ = p.Messages.Write(push.said)
	if push.err == nil {
		return push.head, p.gave(ctx, a.Peer, push.head)
	}
	again, err := p.outrun(ctx, a, push.err, 0)
	if err != nil {
		return "", err
	}
	return p.Give(ctx, again)
}

// limited takes what is said, and keeps the beginning: who talks on fills no memory.
type limited struct{ to *bytes.Buffer }

const maxSaid = 64 << 10

// Write keeps what there is room for.
func (l *limited) Write(b []byte) (int, error) {
	l.to.Write(b[:min(len(b), maxSaid-l.to.Len())])
	return len(b), nil
}
