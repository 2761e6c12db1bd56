package federation

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/notes"
)

// maxAtOnce bounds how many peers are spoken with at the same time, unless the place says.
const maxAtOnce = 8

// patience is how long those that answered wait for others, so that all are merged together:
// one that stalls keeps nobody longer.
const patience = 5 * time.Second

// maxShares bounds how often notes are brought together with those of one peer: once, and
// again with what others wrote.
const maxShares = 2

// Meeting says what is done with peers that are met at the same time. Each function is
// called by one at a time; an error of one ends the meeting.
type Meeting struct {
	// Heard takes what peers bring that answered: in their order, all together or, where some
	// keep silent, those that have answered by then.
	Heard func(arrivals []Arrival) error
	// Given is told that a peer has all that is here: the head that was pushed to it, "" for
	// nothing; or why it could not be pushed. A peer is given what others bring later, and
	// told of again. Nil pushes nothing.
	Given func(peer string, head gitrepo.OID, err error) error
	// Shared is told that the notes here and those of a peer are the same, and whether they
	// were pushed. Nil leaves notes alone.
	Shared func(peer string, pushed bool, err error) error
}

// Meet asks peers as [Place.Ask] does, and gives them what they lack as [Place.Give] does, with
// several at once. Who is slow, whatever at, keeps nobody else longer than [patience].
func (p Place) Meet(ctx context.Context, peers []string, m Meeting) error {
	ours, err := p.open(ctx)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	t := &table{Meeting: m, place: p, words: make(chan word, len(peers)), room: make(chan struct{}, cmp.Or(p.AtOnce, maxAtOnce))}
	defer t.speaking.Wait()
	defer stop()
	for _, peer := range peers {
		t.seats = append(t.seats, &seat{peer: peer})
	}
	for _, s := range t.seats {
		t.ask(ctx, s, ours.Head)
	}
	return t.talk(ctx)
}

// table is where peers are met. All but the gits that speak with them is done by one.
type table struct {
	Meeting
	place    Place
	seats    []*seat
	words    chan word
	waiting  int           // how many words are to come
	room     chan struct{} // for those who speak
	speaking sync.WaitGroup
	alone    []func(context.Context) error // for which a person may have to be asked
}

// seat is a peer's.
type seat struct {
	peer     string
	heard    bool
	left     bool // nothing more is done with it
	speaking bool
	waits    bool // for the terminal
	arrival  Arrival
	tries    int         // how often others were quicker
	given    gitrepo.OID // our head of which it was found out whether it lacks something
	shares   int
	notes    gitrepo.OID // that it has
}

// busy tells whether a git speaks with the peer, or is to.
func (s *seat) busy() bool { return s.speaking || s.waits }

// word is what came of it that a git spoke with a peer.
type word struct {
	seat   *seat
	errand errand
	said   []byte // by git meanwhile
	head   gitrepo.OID
	err    error
	// What the peer shows that did not take what was pushed.
	shows    gitrepo.OID
	unshown  error
	pushed   bool
	byItself bool // git has to ask a person first
}

type errand int

const (
	asking errand = iota
	pushing
	sharing
)

// talk goes on until everybody was heard and given all.
func (t *table) talk(ctx context.Context) error {
	for {
		words := t.gather()
		var err error
		switch {
		case len(words) > 0:
			err = t.hear(ctx, words)
		case len(t.alone) > 0:
			next := t.alone[0]
			t.alone = t.alone[1:]
			err = next(ctx)
		default:
			return nil
		}
		if err == nil {
			err = t.offer(ctx)
		}
		if err != nil {
			return err
		}
	}
}

// speak has a git speak with a peer beside others, without a terminal, and with a place of
// its own for what git says.
func (t *table) speak(ctx context.Context, s *seat, do func(ctx context.Context, alone Place) word) {
	s.speaking = true
	t.waiting++
	t.speaking.Go(func() {
		t.room <- struct{}{}
		defer func() { <-t.room }()
		alone, said := t.place, new(bytes.Buffer)
		alone.Repo, alone.Messages = t.place.Repo.Alone(), &limited{said}
		defer alone.Repo.Close()
		w := do(ctx, alone)
		w.seat, w.said, w.byItself = s, said.Bytes(), gitrepo.WouldAsk(w.err)
		t.words <- w
	})
}

// byItself has something done with a peer when nobody else speaks, who has the terminal for it.
func (t *table) byItself(s *seat, do func(context.Context) error) {
	s.waits = true
	t.alone = append(t.alone, func(ctx context.Context) error {
		s.waits = false
		return do(ctx)
	})
}

// ask asks a peer. A single one may have the terminal from the beginning.
func (t *table) ask(ctx context.Context, s *seat, ours gitrepo.OID) {
	if len(t.seats) == 1 {
		t.askByItself(s)
		return
	}
	t.speak(ctx, s, func(ctx context.Context, alone Place) word {
		head, err := alone.fetch(ctx, ours, s.peer)
		return word{errand: asking, head: head, err: err}
	})
}

// gather waits for a word, and a while for those that have not answered. While somebody
// waits for the terminal it waits no longer for anybody.
func (t *table) gather() []word {
	if t.waiting == 0 {
		return nil
	}
	var list []word
	var enough <-chan time.Time
	if len(t.alone) > 0 {
		enough = time.After(patience)
	}
	for len(list) == 0 || t.silent() {
		select {
		case w := <-t.words:
			t.waiting--
			w.seat.speaking = false
			list = append(list, w)
		case <-enough:
			return list
		}
		if enough == nil {
			enough = time.After(patience)
		}
	}
	return list
}

// silent tells whether somebody was asked who has not answered.
func (t *table) silent() bool {
	return slices.ContainsFunc(t.seats, func(s *seat) bool { return s.speaking && !s.heard })
}

// hear goes through what was said: the answers of those that were asked, in their order,
// and what became of what was pushed and shared.
func (t *table) hear(ctx context.Context, words []word) error {
	slices.SortStableFunc(words, func(a, b word) int {
		return cmp.Compare(slices.Index(t.seats, a.seat), slices.Index(t.seats, b.seat))
	})
	var arrivals []Arrival
	for _, w := range words {
		if !w.byItself {
			_, _ = t.place.Messages.Write(w.said) // as where git writes by itself, nobody minds
		}
		var err error
		switch w.errand {
		case asking:
			arrivals, err = t.answered(ctx, w, arrivals)
		case pushing:
			err = t.pushed(ctx, w)
		case sharing:
			if w.byItself {
				t.shareByItself(w.seat)
			} else {
				err = t.shared(w.seat, w.head, w.pushed, w.err)
			}
		}
		if err != nil {
			return err
		}
	}
	return t.welcome(arrivals)
}

// answered judges what a peer answered. One for which a person must be asked is asked again,
// and has the terminal for that.
func (t *table) answered(ctx context.Context, w word, arrivals []Arrival) ([]Arrival, error) {
	if w.byItself {
		t.askByItself(w.seat)
		return arrivals, nil
	}
	ours, err := t.place.open(ctx)
	if err != nil {
		return nil, err
	}
	a, err := t.place.answered(ctx, ours, w.seat.peer, w.head, w.err)
	return append(arrivals, a), err
}

func (t *table) askByItself(s *seat) {
	t.byItself(s, func(ctx context.Context) error {
		a, err := t.place.Ask(ctx, s.peer)
		if err != nil {
			return err
		}
		return t.welcome([]Arrival{a})
	})
}

// welcome has arrivals heard.
func (t *table) welcome(arrivals []Arrival) error {
	if len(arrivals) == 0 {
		return nil
	}
	for _, a := range arrivals {
		for _, s := range t.seats {
			if s.peer == a.Peer {
				s.heard, s.arrival, s.left = true, a, a.Err != nil
			}
		}
	}
	return t.Heard(arrivals)
}

// offer begins to give to those who lack something, and brings notes together with those
// who lack nothing.
func (t *table) offer(ctx context.Context) error {
	if t.Given == nil {
		return nil
	}
	head, err := t.place.Repo.Ref(ctx, t.place.Ref)
	if err != nil {
		return err
	}
	var lacking []*seat
	for _, s := range t.seats {
		if !s.heard || s.left || s.busy() || s.given == head {
			continue
		}
		s.given = head
		lacks, err := t.place.due(ctx, s.arrival)
		if err == nil && lacks != "" {
			lacking = append(lacking, s)
			continue
		}
		if err := t.settled(s, "", err); err != nil {
			return err
		}
	}
	if len(lacking) == 1 && t.waiting == 0 && len(t.alone) == 0 { // it may have the terminal
		t.giveByItself(lacking[0])
		return nil
	}
	for _, s := range lacking {
		t.give(ctx, s, head)
	}
	return t.offerNotes(ctx, head)
}

// give pushes a head to a peer. Where it does not take that, it is asked what it has.
func (t *table) give(ctx context.Context, s *seat, head gitrepo.OID) {
	t.speak(ctx, s, func(ctx context.Context, alone Place) word {
		w := word{errand: pushing, head: head}
		if w.err = s.pause(ctx); w.err != nil {
			return w
		}
		w.err = alone.Repo.PushCommit(ctx, alone.Messages, s.peer, head, alone.Ref)
		if mayBeOutrun(w.err) && !gitrepo.WouldAsk(w.err) {
			w.shows, w.unshown = alone.fetch(ctx, head, s.peer)
		}
		return w
	})
}

// pause waits a little where others were quicker before.
func (s *seat) pause(ctx context.Context) error {
	if s.tries == 0 {
		return nil
	}
	return pause(ctx, s.tries-1)
}

// pushed sees to what became of a push: one that was outrun is tried again with what came.
func (t *table) pushed(ctx context.Context, w word) error {
	s := w.seat
	switch {
	case w.byItself:
		t.giveByItself(s)
		return nil
	case w.err == nil:
		return t.settled(s, w.head, t.place.gave(ctx, s.peer, w.head))
	case !mayBeOutrun(w.err):
		return t.settled(s, "", w.err)
	}
	ours, err := t.place.open(ctx)
	if err != nil {
		return err
	}
	again, err := t.place.answered(ctx, ours, s.peer, w.shows, w.unshown)
	if err != nil {
		return err
	}
	a, err := t.place.outrun(ctx, s.arrival, again, w.err, s.tries)
	if err != nil {
		return t.settled(s, "", err)
	}
	s.arrival, s.given, s.tries = a, "", s.tries+1
	return nil
}

func (t *table) giveByItself(s *seat) {
	t.byItself(s, func(ctx context.Context) error {
		head, err := t.place.Give(ctx, s.arrival)
		return t.settled(s, head, err)
	})
}

// settled says of a peer what it was given, and goes on from there.
func (t *table) settled(s *seat, head gitrepo.OID, err error) error {
	if head != "" {
		s.arrival.Head, s.given = head, head
	}
	s.tries, s.left = 0, err != nil
	return t.Given(s.peer, head, err)
}

// offerNotes brings notes together with those of peers that have all of a head.
func (t *table) offerNotes(ctx context.Context, head gitrepo.OID) error {
	if t.Shared == nil {
		return nil
	}
	here, err := t.place.Repo.Ref(ctx, notes.Ref)
	if err != nil {
		return err
	}
	last := t.waiting == 0 && len(t.alone) == 0
	for _, s := range t.seats {
		due := s.shares == 0 || last && s.shares < maxShares && s.notes != here
		if !due || !s.heard || s.left || s.busy() || s.given != head {
			continue
		}
		s.shares++
		t.share(ctx, s)
	}
	return nil
}

// share brings notes together with those of a peer.
func (t *table) share(ctx context.Context, s *seat) {
	if len(t.seats) == 1 {
		t.shareByItself(s)
		return
	}
	t.speak(ctx, s, func(ctx context.Context, alone Place) word {
		w := word{errand: sharing}
		w.head, w.pushed, w.err = alone.ShareNotes(ctx, s.peer)
		return w
	})
}

func (t *table) shareByItself(s *seat) {
	t.byItself(s, func(ctx context.Context) error {
		head, pushed, err := t.place.ShareNotes(ctx, s.peer)
		return t.shared(s, head, pushed, err)
	})
}

// shared says of a peer what became of the notes.
func (t *table) shared(s *seat, head gitrepo.OID, pushed bool, err error) error {
	s.notes, s.left = head, err != nil
	return t.Shared(s.peer, pushed, err)
}

// limited takes what is said, and keeps the beginning: who talks on fills no memory.
type limited struct{ to *bytes.Buffer }

const maxSaid = 64 << 10

// Write keeps what there is room for.
func (l *limited) Write(b []byte) (int, error) {
	l.to.Write(b[:min(len(b), maxSaid-l.to.Len())])
	return len(b), nil
}
