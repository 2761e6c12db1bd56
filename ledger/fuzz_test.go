package ledger

import (
	"context"
	"slices"
	"testing"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// memory is a store of objects that have the ids under which they are kept, which
// here need not be their hashes.
type memory struct {
	algorithm string
	objects   map[gitrepo.OID]gitrepo.Object
	reads     int
}

func newMemory(algorithm string) *memory {
	return &memory{algorithm: algorithm, objects: make(map[gitrepo.OID]gitrepo.Object)}
}

func (m *memory) Algorithm() string { return m.algorithm }

func (m *memory) Read(_ context.Context, id gitrepo.OID, limit int64) (gitrepo.Object, error) {
	m.reads++
	o, ok := m.objects[id]
	switch {
	case !ok:
		return o, fault.New(fault.ObjectMissing, "%s is not here", id)
	case int64(len(o.Data)) > limit:
		return o, fault.New(fault.ObjectTooLarge, "%s is too large", id)
	}
	return o, nil
}

func (m *memory) ReadMany(ctx context.Context, ids []gitrepo.OID, limit int64, each func(i int, o gitrepo.Object, err error) error) error {
	for i, id := range ids {
		o, err := m.Read(ctx, id, limit)
		if err := each(i, o, err); err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) Write(_ context.Context, objects []gitrepo.Object) error {
	for _, o := range objects {
		m.objects[o.ID] = o
	}
	return nil
}

// grown is a small ledger in memory, its head, and its objects in the order in which
// they were made.
func grown(f testing.TB) (*memory, gitrepo.OID, []gitrepo.OID) {
	m := newMemory("sha1")
	begin := genesis(f, "fuzz", "2026-11-22T14:05:00Z")
	var order []gitrepo.OID
	var l *Ledger
	for _, c := range []*Change{
		changeOf(begin),
		changeOf(release(f, begin, "2026-11-22T14:06:00Z", "v1"), release(f, begin, "2026-11-23T00:00:00Z", "v2")),
		changeOf(release(f, begin, "2027-01-01T00:00:00Z", "v3")),
	} {
		a, err := assemble(context.Background(), m, l, c)
		if err == nil {
			err = m.Write(context.Background(), a.objects)
		}
		if err == nil {
			l, err = OpenCommit(context.Background(), m, DefaultRef, a.objects[len(a.objects)-1].ID)
		}
		if err != nil {
			f.Fatal(err)
		}
		for _, o := range a.objects {
			order = append(order, o.ID)
		}
	}
	return m, l.Head, order
}

// refusing is a store that gives up after some reads, as where no git can be started.
type refusing struct {
	*memory
	after int
}

func (r *refusing) Read(ctx context.Context, id gitrepo.OID, limit int64) (gitrepo.Object, error) {
	if r.after--; r.after < 0 {
		return gitrepo.Object{}, fault.New(fault.GitRefused, "git cannot be run")
	}
	return r.memory.Read(ctx, id, limit)
}

func (r *refusing) ReadMany(ctx context.Context, ids []gitrepo.OID, limit int64, each func(i int, o gitrepo.Object, err error) error) error {
	for i, id := range ids {
		o, err := r.Read(ctx, id, limit)
		if err := each(i, o, err); err != nil {
			return err
		}
	}
	return nil
}

// That nobody could look is no verdict: it ends what reads, also who listens to
// problems, and is never taken for a ledger that does not hold.
func TestWhereNobodyCanLook(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	good, head, _ := grown(t)
	whole := false
	for after := 0; !whole; after++ {
		var genesis *Entry
		l, err := OpenCommit(ctx, &refusing{good, after}, DefaultRef, head)
		if err == nil {
			genesis, err = l.Genesis(ctx)
		}
		if err == nil {
			l.Pin(genesis.ID)
			err = l.Walk(ctx, Visitor{
				Entry:   func(e *Entry) error { _, err := e.FileProblems(ctx, l); return err },
				Problem: func(p Problem) error { t.Errorf("after %d reads a problem: %v", after, p.Err); return nil },
			})
		}
		if whole = err == nil; !whole && !fault.Has(err, fault.GitRefused) {
			t.Errorf("after %d reads: %v", after, err)
		}
	}
}

// maxFuzzReads is far more than a whole walk of the small ledger reads.
const maxFuzzReads = 2000

// One object of a ledger that holds is changed in any way. Nothing panics or goes
// on for ever, an entry that is said to hold is as it was made, and who looks for the
// genesis finds that one or none.
func FuzzWalk(f *testing.F) {
	good, head, order := grown(f)
	begin, err := OpenCommit(context.Background(), good, DefaultRef, head)
	if err != nil {
		f.Fatal(err)
	}
	first, err := begin.Genesis(context.Background())
	if err != nil {
		f.Fatal(err)
	}
	for i := range order {
		f.Add(uint8(i), uint16(0), uint16(0), []byte(nil))
		f.Add(uint8(i), uint16(7), uint16(1), []byte("x"))
		f.Add(uint8(i), uint16(0), uint16(65535), []byte(good.objects[order[(i+3)%len(order)]].Data))
		f.Add(uint8(i), uint16(3), uint16(0), []byte("\x00\x1b[31m"))
	}
	f.Add(uint8(2), uint16(0), uint16(65535), []byte("40000 2026\x00"+string(make([]byte, 20))))
	f.Fuzz(func(t *testing.T, which uint8, from, remove uint16, insert []byte) {
		if len(insert) > MaxTree {
			return
		}
		m := newMemory("sha1")
		for id, o := range good.objects {
			m.objects[id] = o
		}
		id := order[int(which)%len(order)]
		o := m.objects[id]
		start := min(int(from), len(o.Data))
		end := min(start+int(remove), len(o.Data))
		o.Data = slices.Concat(o.Data[:start], insert, o.Data[end:])
		m.objects[id] = o

		l, err := OpenCommit(context.Background(), m, DefaultRef, head)
		if err != nil {
			return
		}
		visit := func(e *Entry) error {
			if !e.Holds(first.ID) || e.Receipt.Future {
				return nil
			}
			if receipt.Sum(e.Raw) != e.ID || Path(e.ID, e.Receipt.RecordedAt) != e.Path {
				t.Errorf("%s holds, and is %s", e.Path, e.Raw)
			}
			_, err := e.FileProblems(context.Background(), l)
			return err
		}
		problems := 0
		err = l.Walk(context.Background(), Visitor{Entry: visit, Problem: func(Problem) error { problems++; return nil }})
		if err != nil {
			t.Errorf("a walk that listens to problems ends with %v", err)
		}
		if g, err := l.Genesis(context.Background()); err == nil && g.ID != first.ID && problems == 0 && len(l.tree) > 0 && which%uint8(len(order)) != 0 {
			// Another genesis is another ledger, and then it must hold by itself.
			if !g.isGenesis() {
				t.Errorf("%s is no genesis", g.Path)
			}
		}
		if m.reads > maxFuzzReads {
			t.Errorf("%d reads", m.reads)
		}
	})
}
