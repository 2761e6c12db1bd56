package ledger

import (
	"context"
	"os"
	"regexp"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Ledger is a ledger as it stands at one head: later appends do not show. It
// is not safe for concurrent use.
type Ledger struct {
	Ref  string      // the ref it was read from
	Head gitrepo.OID // the commit
	Date string      // of the commit, as it stands there: seconds since 1970 and zone
	tree gitrepo.OID // the commit's tree

	store   gitrepo.Store
	judged  map[gitrepo.OID]judgedBlob // blobs whose bytes were hashed
	pinned  receipt.ID                 // the genesis that it must have; zero when nobody said
	genesis *Entry
	close   func()
}

// OpenAt opens the ledger of the repository that a folder is in, by the
// process's own environment. An empty ref means [DefaultRef]. The faults are
// those of [Open] and NoRepository (VM102). Close it after use.
func OpenAt(ctx context.Context, dir, ref string) (*Ledger, error) {
	repo, err := gitrepo.Open(ctx, gitrepo.Options{Dir: dir, Env: os.Environ()})
	if err != nil {
		return nil, err
	}
	if ref == "" {
		ref = DefaultRef
	}
	l, err := Open(ctx, repo, ref)
	if err != nil {
		repo.Close()
		return nil, err
	}
	l.close = repo.Close
	return l, nil
}

// Close releases what [OpenAt] opened.
func (l *Ledger) Close() {
	if l.close != nil {
		l.close()
	}
}

// Open opens the ledger that a ref of repo names. The faults are NoLedger
// (VM501) when there is no such ref, BadLedgerRef (VM502) when it names
// something else, ObjectMissing (VM509) and ObjectCorrupt (VM510).
func Open(ctx context.Context, repo *gitrepo.Repo, ref string) (*Ledger, error) {
	head, err := repo.Ref(ctx, ref)
	if err != nil {
		return nil, err
	}
	if head == "" {
		return nil, fault.New(fault.NoLedger, "this repository has no ledger at %s", ref)
	}
	return OpenCommit(ctx, repo, ref, head)
}

// OpenCommit opens the ledger at one of its commits, whatever ref now names.
func OpenCommit(ctx context.Context, store gitrepo.Store, ref string, head gitrepo.OID) (*Ledger, error) {
	bad := fault.New(fault.BadLedgerRef, "%s does not name a ledger", ref).With("ref", ref)
	o, err := store.Read(ctx, head, gitrepo.MaxCommit)
	if err != nil {
		return nil, withRef(err, ref)
	}
	if o.Type != gitrepo.TypeCommit {
		return nil, bad.Because(fault.New(fault.BadLedgerRef, "it names a %s, not a commit", o.Type))
	}
	commit, err := gitrepo.ParseCommit(store.Algorithm(), o.Data)
	if err != nil {
		return nil, bad.Because(err)
	}
	l := &Ledger{Ref: ref, Head: head, Date: dateForm.FindString(commit.Committer), tree: commit.Tree, store: store}
	if err := l.checkVersion(ctx, bad); err != nil {
		return nil, err
	}
	return l, nil
}

// checkVersion reads VERSION, which says that the tree is a ledger's at all.
func (l *Ledger) checkVersion(ctx context.Context, bad *fault.Error) error {
	entries, err := l.readTree(ctx, l.tree)
	if fault.Has(err, fault.BadTree) {
		return bad.Because(err)
	}
	if err != nil {
		return withRef(err, l.Ref)
	}
	for _, e := range entries {
		if e.Name != versionName || e.Mode != gitrepo.ModeFile {
			continue
		}
		o, err := l.store.Read(ctx, e.ID, MaxProof)
		if fault.Has(err, fault.ObjectTooLarge) {
			return bad.Because(err)
		}
		if err != nil {
			return withRef(err, l.Ref)
		}
		if laterVersion.Match(o.Data) {
			return bad.Because(fault.New(fault.Incomplete, "it is a %s: reading it needs a newer git-vaultmesh", strings.TrimSpace(string(o.Data))))
		}
		if string(o.Data) != versionText {
			return bad.Because(fault.New(fault.BadLedgerRef, "its VERSION is %.40q, and this program reads %q", o.Data, versionText))
		}
		return nil
	}
	return bad.Because(fault.New(fault.BadLedgerRef, "its tree has no file VERSION"))
}

// dateForm is the end of a commit's author and committer.
var dateForm = regexp.MustCompile(`[0-9]{1,12} [+-][0-9]{4}$`)

// laterVersion is what VERSION says in later versions of the format.
var laterVersion = regexp.MustCompile(`^vaultmesh ledger ([2-9]|[1-9][0-9]{1,5})\n$`)

func withRef(err error, ref string) error {
	if f := fault.From(err); f.Code == fault.ObjectMissing {
		return f.With("ref", ref)
	}
	return err
}

// readTree reads one tree as it is.
func (l *Ledger) readTree(ctx context.Context, id gitrepo.OID) ([]gitrepo.TreeEntry, error) {
	return gitrepo.ReadTree(ctx, l.store, id, MaxTree)
}

// ReadFile reads a file of an entry, within the limit for its type. The
// faults are ObjectTooLarge (VM517), ObjectMissing (VM509), ObjectCorrupt (VM510),
// and BadTree (VM504) when it is no blob or its name is not its SHA-256.
func (l *Ledger) ReadFile(ctx context.Context, f File) ([]byte, error) {
	data, err := l.readBlob(ctx, f)
	if err == nil && f.Type != "receipt" {
		err = misnamed(f, receipt.Sum(data))
	}
	if err != nil {
		return nil, err
	}
	return data, nil
}

func (l *Ledger) readBlob(ctx context.Context, f File) ([]byte, error) {
	o, err := l.store.Read(ctx, f.Object, f.limit())
	if err == nil && o.Type != gitrepo.TypeBlob {
		err = badTree(f.Name, "is a %s, not a file", o.Type)
	}
	return o.Data, err
}

func misnamed(f File, digest receipt.Digest) error {
	if digest == f.Digest {
		return nil
	}
	return badTree(f.Name, "does not have the SHA-256 in its name")
}

// judgedBlob is what is remembered of a blob: a few kilobytes of trees can
// name one of a megabyte a million times.
type judgedBlob struct {
	digest receipt.Digest
	size   int64
}

// maxJudged bounds how many blobs are remembered.
const maxJudged = 4096

// judgeFile is [Ledger.ReadFile] for who wants the size only: a blob under
// several names is read once.
func (l *Ledger) judgeFile(ctx context.Context, f File) (size int64, err error) {
	if known, ok := l.judged[f.Object]; ok && known.size <= f.limit() {
		return known.size, misnamed(f, known.digest)
	}
	data, err := l.readBlob(ctx, f)
	if err != nil {
		return 0, err
	}
	if l.judged == nil || len(l.judged) >= maxJudged {
		l.judged = make(map[gitrepo.OID]judgedBlob)
	}
	known := judgedBlob{receipt.Sum(data), int64(len(data))}
	l.judged[f.Object] = known
	return known.size, misnamed(f, known.digest)
}

// Equals tells whether two heads have the same entries, byte by byte.
func (l *Ledger) Equals(other *Ledger) bool { return l.tree == other.tree }

// Pin says which genesis the ledger must have, from a source outside of it.
func (l *Ledger) Pin(id receipt.ID) { l.pinned = id }

// Genesis is the entry that began the ledger; its id is the ledger's own. It
// is the one that was pinned, else the first receipt or the one that it names:
// a ledger with a second genesis is malformed, and only a whole verification
// sees that. A ledger without a genesis, or without the pinned one, is a fault
// BadTree (VM504).
func (l *Ledger) Genesis(ctx context.Context) (*Entry, error) {
	if l.genesis == nil {
		find := l.findGenesis
		if !l.pinned.IsZero() {
			find = l.pinnedGenesis
		}
		g, err := find(ctx)
		if err != nil {
			return nil, withRef(err, l.Ref)
		}
		l.genesis = g
	}
	return l.genesis, nil
}

func (l *Ledger) pinnedGenesis(ctx context.Context) (*Entry, error) {
	g, err := l.genesisNamed(ctx, l.pinned)
	if err == nil && g == nil {
		err = fault.New(fault.BadTree, "%s is not the ledger %s, which vaultmesh.ledger names", l.Ref, l.pinned.Short())
	}
	return g, err
}

// genesisNamed is the genesis of that id, nil if there is none. It looks into the
// first day, then from there on in ever larger steps: a ledger's genesis is its
// oldest receipt, unless clocks were wrong.
func (l *Ledger) genesisNamed(ctx context.Context, id receipt.ID) (*Entry, error) {
	w := l.quietWalk()
	days, err := w.firstDay(ctx)
	if err != nil {
		return nil, err
	}
	if g, err := w.genesisIn(ctx, days, id); err != nil || g != nil {
		return g, err
	}
	w = l.quietWalk()
	if days, err = w.days(ctx); err != nil {
		return nil, err
	}
	for step := 1; len(days) > 0; step *= 4 {
		n := min(step, len(days))
		if g, err := w.genesisIn(ctx, days[:n], id); err != nil || g != nil {
			return g, err
		}
		days = days[n:]
	}
	return nil, nil
}

// quietWalk is a walk that passes over what is malformed, and ends at what cannot
// be read.
func (l *Ledger) quietWalk() *walk { return &walk{l: l, v: Visitor{Problem: onlyUnreadable}} }

// genesisIn is the genesis of that id among days, nil if there is none.
func (w *walk) genesisIn(ctx context.Context, days []node, id receipt.ID) (*Entry, error) {
	found, err := w.withPrefix(ctx, days, id.String())
	if err != nil {
		return nil, err
	}
	for _, e := range found {
		if e, err := w.l.inItsPlace(ctx, e); err != nil || e != nil {
			return e, err
		}
	}
	return nil, nil
}

// inItsPlace is a genesis that was found, or the one that it is a copy of: a
// walk goes into equal folders once only, and the first it met may lie under
// another date. It is nil for what is no genesis.
func (l *Ledger) inItsPlace(ctx context.Context, e *Entry) (*Entry, error) {
	if e.isGenesis() {
		return e, nil
	}
	if e.Receipt == nil || e.Receipt.Kind != receipt.KindGenesis || receipt.Sum(e.Raw) != e.ID {
		return nil, nil
	}
	original, err := l.at(ctx, Path(e.ID, e.Receipt.RecordedAt))
	if err != nil || original == nil || !original.isGenesis() {
		return nil, err
	}
	return original, nil
}

// findGenesis first follows the ledger field of the first receipt by path,
// which costs a dozen reads in a ledger of any size; only where that leads
// nowhere it looks at every receipt.
func (l *Ledger) findGenesis(ctx context.Context) (*Entry, error) {
	g, err := l.guessGenesis(ctx)
	if g != nil || err != nil {
		return g, err
	}
	var all []*Entry
	err = l.Walk(ctx, Visitor{Entry: func(e *Entry) error {
		if e.isGenesis() {
			all = append(all, e)
		}
		return nil
	}, Problem: onlyUnreadable})
	if err == nil && len(all) != 1 {
		err = fault.New(fault.BadTree, "the ledger has %d genesis receipts, and must have one", len(all))
	}
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// onlyUnreadable passes over what the layout does not allow: whoever looks for
// the genesis among strangers finds it by what it is.
func onlyUnreadable(p Problem) error {
	if Unreadable(p.Err) {
		return p.Err
	}
	return nil
}

// guessGenesis is the first entry or the one that it names, nil if neither
// is a genesis.
func (l *Ledger) guessGenesis(ctx context.Context) (*Entry, error) {
	first, err := l.first(ctx)
	if err != nil || first == nil || first.Receipt == nil {
		return nil, err
	}
	if g, err := l.inItsPlace(ctx, first); g != nil || err != nil {
		return g, err
	}
	return l.genesisNamed(ctx, first.Receipt.Ledger)
}
