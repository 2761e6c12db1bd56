package ledger

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Visitor is told what a walk finds. Either function may be nil.
type Visitor struct {
	// Entry is called for each folder that can be read, in the order of
	// paths within a day.
	Entry func(*Entry) error
	// Problem is called for what the layout does not allow above the folders
	// of receipts, and for what cannot be read (steps layout, limits); what
	// is wrong within a folder, its [Entry] says. Without Problem a walk ends
	// at what keeps receipts from being seen, because that must not read as
	// never recorded, and passes over what is merely a stranger's.
	Problem func(Problem) error
	// Proofs says that the visitor will look at the signatures and tokens of every
	// entry: they are read together then, which is much quicker.
	Proofs bool
}

// Walk reads the whole ledger strictly. Of what it has read it keeps the ids of
// days and fans only. It returns the first error of the visitor's functions.
func (l *Ledger) Walk(ctx context.Context, v Visitor) error {
	w := &walk{l: l, v: v}
	days, err := w.days(ctx)
	if err != nil {
		return err
	}
	for chunk := range slices.Chunk(days, 16) {
		fans, err := w.below(ctx, levelDay, chunk, nil)
		if err != nil {
			return err
		}
		for len(fans) > 0 {
			read, folders, err := w.someFolders(ctx, fans)
			if err != nil {
				return err
			}
			if err := w.entries(ctx, folders, v.Entry); err != nil {
				return err
			}
			fans = fans[read:]
		}
	}
	return nil
}

// The most fans whose folders are held in memory at once, and how many folders
// are enough of them: a hostile fan may have tens of thousands.
const (
	maxFans    = 1 << 10
	maxFolders = 1 << 16
)

// errEnough ends the reading of fans early.
var errEnough = errors.New("ledger: enough folders at once")

// someFolders lists the folders of the next fans, and says how many fans
// those were.
func (w *walk) someFolders(ctx context.Context, fans []node) (read int, folders []node, err error) {
	next := fans[:min(len(fans), maxFans)]
	read = len(next)
	err = w.readTrees(ctx, levelFan, next, func(fan node, entries []gitrepo.TreeEntry, wrong []misplaced) error {
		below, err := w.children(levelFan, fan, entries, wrong, nil)
		folders = append(folders, below...)
		if err == nil && len(folders) >= maxFolders {
			read, err = slices.Index(next, fan)+1, errEnough
		}
		return err
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return read, folders, err
}

// Find returns the entries whose id begins with a prefix of at least 4 hex
// digits; a shorter or malformed one is a fault BadOperand (VM113).
func (l *Ledger) Find(ctx context.Context, prefix string) ([]*Entry, error) {
	if !IsPrefix(prefix) {
		return nil, fault.New(fault.BadOperand, "%.80q is not an id: give 4 to 64 lower-case hex digits", prefix)
	}
	w := &walk{l: l}
	days, err := w.days(ctx)
	if err != nil {
		return nil, err
	}
	return w.withPrefix(ctx, days, prefix)
}

// withPrefix opens the entries of some days whose id begins with a prefix.
func (w *walk) withPrefix(ctx context.Context, days []node, prefix string) ([]*Entry, error) {
	fans, err := w.below(ctx, levelDay, days, func(e gitrepo.TreeEntry) bool { return e.Name == prefix[:2] })
	if err != nil {
		return nil, err
	}
	folders, err := w.below(ctx, levelFan, fans, func(e gitrepo.TreeEntry) bool { return strings.HasPrefix(e.Name, prefix) })
	if err != nil {
		return nil, err
	}
	var found []*Entry
	err = w.entries(ctx, folders, func(e *Entry) error {
		found = append(found, e)
		return nil
	})
	return found, err
}

// IsPrefix tells whether s can be the beginning of an id: 4 to 64 lower-case
// hex digits.
func IsPrefix(s string) bool {
	return 4 <= len(s) && len(s) <= 64 && strings.Trim(s, "0123456789abcdef") == ""
}

// Count is the number of receipts' folders; none of them is opened. step is
// called with each number that is added.
func (l *Ledger) Count(ctx context.Context, step func(n int)) (int, error) {
	w := &walk{l: l}
	days, err := w.days(ctx)
	if err != nil {
		return 0, err
	}
	total := 0
	for chunk := range slices.Chunk(days, 16) {
		fans, err := w.below(ctx, levelDay, chunk, nil)
		if err != nil {
			return 0, err
		}
		for len(fans) > 0 {
			read, folders, err := w.someFolders(ctx, fans)
			if err != nil {
				return 0, err
			}
			total += len(folders)
			step(len(folders))
			fans = fans[read:]
		}
	}
	return total, nil
}

// Folders visits every receipt's folder without opening the receipts: its id and
// its files. What the layout does not allow ends it with that fault, because what
// is counted here is signed by somebody.
func (l *Ledger) Folders(ctx context.Context, each func(id receipt.ID, files []File) error) error {
	w := &walk{l: l, v: Visitor{Problem: func(p Problem) error { return p.Err }}}
	days, err := w.days(ctx)
	if err != nil {
		return err
	}
	fans, err := w.below(ctx, levelDay, days, nil)
	if err != nil {
		return err
	}
	for len(fans) > 0 {
		read, folders, err := w.someFolders(ctx, fans)
		if err != nil {
			return err
		}
		err = w.readTrees(ctx, levelFolder, folders, func(n node, tree []gitrepo.TreeEntry, wrong []misplaced) error {
			if len(wrong) > 0 {
				return wrong[0].err
			}
			id, err := receipt.ParseDigest(n.path[strings.LastIndexByte(n.path, '/')+1:])
			if err != nil {
				return badTree(n.path, "has no SHA-256 as its name")
			}
			return each(id, parseFiles(tree))
		})
		if err != nil {
			return err
		}
		fans = fans[read:]
	}
	return nil
}

// One is the entry whose id begins with a prefix. The faults are BadOperand
// (VM113), NoReceipt (VM506) and Ambiguous (VM103).
func (l *Ledger) One(ctx context.Context, prefix string) (*Entry, error) {
	found, err := l.Find(ctx, prefix)
	switch {
	case err != nil:
		return nil, err
	case len(found) == 0:
		return nil, fault.New(fault.NoReceipt, "no receipt has an id that begins with %s", prefix)
	case len(found) > 1:
		ids := ""
		for _, e := range found {
			ids += " " + e.ID.String()[:16]
		}
		return nil, fault.New(fault.Ambiguous, "%s means %d receipts:%s", prefix, len(found), ids)
	}
	return found[0], nil
}

// first is the first entry by path, nil in an empty ledger.
func (l *Ledger) first(ctx context.Context) (*Entry, error) {
	return l.descend(ctx, func(_ int, name string) bool { return name != versionName })
}

// at is the entry at a path, nil if there is none.
func (l *Ledger) at(ctx context.Context, path string) (*Entry, error) {
	names := strings.Split(path, "/")
	return l.descend(ctx, func(level int, name string) bool { return name == names[level] })
}

// descend opens the first entry to which kept names lead.
func (l *Ledger) descend(ctx context.Context, keep func(level int, name string) bool) (*Entry, error) {
	w := l.quietWalk()
	path := []node{{id: l.tree}}
	for level := levelRoot; level < levelFolder; level++ {
		below, err := w.below(ctx, level, path[:1], func(e gitrepo.TreeEntry) bool { return keep(level, e.Name) })
		if err != nil || len(below) == 0 {
			return nil, err
		}
		path = below
	}
	var found *Entry
	err := w.entries(ctx, path[:1], func(e *Entry) error {
		found = e
		return nil
	})
	return found, err
}

// Load opens the entries at some paths, in the order of paths. Those that the
// ledger does not have are left out.
func (l *Ledger) Load(ctx context.Context, paths []string) ([]*Entry, error) {
	w := l.quietWalk()
	leading := make([]map[string]bool, levelFolder+1)
	for level := range leading {
		leading[level] = make(map[string]bool, len(paths))
	}
	for _, p := range paths {
		names := strings.SplitN(p, "/", levelFolder)
		for n := range names {
			leading[n+1][strings.Join(names[:n+1], "/")] = true
		}
	}
	nodes := []node{{id: l.tree}}
	for level := levelRoot; level < levelFolder; level++ {
		below, err := w.below(ctx, level, nodes, nil)
		if err != nil {
			return nil, err
		}
		nodes = slices.DeleteFunc(below, func(n node) bool { return !leading[level+1][n.path] })
	}
	var found []*Entry
	err := w.entries(ctx, nodes, func(e *Entry) error {
		found = append(found, e)
		return nil
	})
	return found, err
}

// node is a tree of the ledger and where it hangs.
type node struct {
	path string
	id   gitrepo.OID
}

type walk struct {
	l    *Ledger
	v    Visitor
	seen map[gitrepo.OID]bool // folders of years, months, days and fans
}

func (w *walk) days(ctx context.Context) ([]node, error) {
	nodes := []node{{id: w.l.tree}}
	for level := levelRoot; level < levelDay; level++ {
		below, err := w.below(ctx, level, nodes, func(e gitrepo.TreeEntry) bool { return e.Name != versionName })
		if err != nil {
			return nil, err
		}
		nodes = below
	}
	return nodes, nil
}

// firstDay is the first day only.
func (w *walk) firstDay(ctx context.Context) ([]node, error) {
	nodes := []node{{id: w.l.tree}}
	for level := levelRoot; level < levelDay && len(nodes) > 0; level++ {
		below, err := w.below(ctx, level, nodes[:1], func(e gitrepo.TreeEntry) bool { return e.Name != versionName })
		if err != nil {
			return nil, err
		}
		nodes = below
	}
	return nodes[:min(1, len(nodes))], nil
}

// below reads trees of one level and returns the nodes in them, those to
// keep when keep is given.
func (w *walk) below(ctx context.Context, level int, trees []node, keep func(e gitrepo.TreeEntry) bool) ([]node, error) {
	var found []node
	err := w.readTrees(ctx, level, trees, func(n node, entries []gitrepo.TreeEntry, wrong []misplaced) error {
		nodes, err := w.children(level, n, entries, wrong, keep)
		found = append(found, nodes...)
		return err
	})
	return found, err
}

// children are the nodes in one tree.
func (w *walk) children(level int, n node, entries []gitrepo.TreeEntry, wrong []misplaced, keep func(e gitrepo.TreeEntry) bool) ([]node, error) {
	for _, m := range wrong {
		if err := w.malformed(n.path, m); err != nil {
			return nil, err
		}
	}
	var found []node
	for _, e := range entries {
		if keep != nil && !keep(e) {
			continue
		}
		if level < levelFan && !w.once(e.ID) {
			if err := w.malformed(n.path, misplaced{badTree(join(n.path, e.Name), "is the same folder as another"), true}); err != nil {
				return nil, err
			}
			continue
		}
		found = append(found, node{join(n.path, e.Name), e.ID})
	}
	return found, nil
}

// once tells whether a folder is met for the first time. Paths follow from
// content, so no year, month, day or fan can be there twice in an honest
// ledger; in a hostile one a few kilobytes could be a million folders.
func (w *walk) once(id gitrepo.OID) bool {
	if w.seen[id] {
		return false
	}
	if w.seen == nil {
		w.seen = make(map[gitrepo.OID]bool)
	}
	w.seen[id] = true
	return true
}

// entries opens receipts' folders, some hundred at a time. The visitor is
// called between reads, so that it may read itself.
func (w *walk) entries(ctx context.Context, folders []node, each func(*Entry) error) error {
	if each == nil {
		each = func(*Entry) error { return nil }
	}
	for chunk := range slices.Chunk(folders, 256) {
		opened, err := w.openFolders(ctx, chunk)
		if err != nil {
			return err
		}
		if err := w.visit(ctx, opened, each); err != nil {
			return err
		}
	}
	return nil
}

// maxTogether bounds how many proofs are held in memory at once, each of at most
// [MaxProof] bytes.
const maxTogether = 512

// visit calls each for entries, with their proofs where those are wanted.
func (w *walk) visit(ctx context.Context, opened []*Entry, each func(*Entry) error) error {
	for len(opened) > 0 {
		n := len(opened)
		if w.v.Proofs {
			n = w.few(opened)
			if err := w.l.readProofs(ctx, opened[:n]); err != nil {
				return err
			}
		}
		for _, e := range opened[:n] {
			if err := each(e); err != nil {
				return err
			}
			e.proofs = nil
		}
		opened = opened[n:]
	}
	return nil
}

// Visit calls each for entries that are opened already, with their signatures and tokens,
// which are read some hundred at a time.
func (l *Ledger) Visit(ctx context.Context, entries []*Entry, each func(*Entry) error) error {
	w := &walk{l: l, v: Visitor{Proofs: true}}
	return w.visit(ctx, entries, each)
}

// few is how many of the entries have not too many files together, at least one.
func (w *walk) few(entries []*Entry) int {
	files := 0
	for i, e := range entries {
		files += len(e.Files)
		if i > 0 && files > maxTogether {
			return i
		}
	}
	return len(entries)
}

// readProofs reads the signatures and tokens of entries in one go.
func (l *Ledger) readProofs(ctx context.Context, entries []*Entry) error {
	type place struct {
		entry *Entry
		file  File
	}
	var places []place
	var ids []gitrepo.OID
	for _, e := range entries {
		e.proofs = make(map[string]proofRead)
		for _, f := range e.Files[:min(len(e.Files), MaxFiles)] {
			if f.Known() && f.Type != "receipt" && f.Type != "evidence" {
				places, ids = append(places, place{e, f}), append(ids, f.Object)
			}
		}
	}
	return l.store.ReadMany(ctx, ids, MaxProof, func(i int, o gitrepo.Object, err error) error {
		f := places[i].file
		if err == nil && o.Type != gitrepo.TypeBlob {
			err = badTree(f.Name, "is a %s, not a file", o.Type)
		}
		if err == nil {
			err = misnamed(f, receipt.Sum(o.Data))
		}
		if err != nil && !aboutObject(err) {
			return err
		}
		places[i].entry.proofs[f.Name] = proofRead{o.Data, err}
		return nil
	})
}

// distinct leaves out folders that are equal to one before: the name follows
// from the content, so at most one of them can be right. They are looked for
// among those that are opened together, which keeps a fan of a hundred thousand
// names for one folder from being opened as often.
func (w *walk) distinct(folders []node) ([]node, error) {
	met := make(map[gitrepo.OID]bool, len(folders))
	var list []node
	for _, n := range folders {
		if met[n.id] {
			if err := w.malformed(n.path, misplaced{badTree(n.path, "is the same folder as another"), true}); err != nil {
				return nil, err
			}
			continue
		}
		met[n.id] = true
		list = append(list, n)
	}
	return list, nil
}

func (w *walk) openFolders(ctx context.Context, folders []node) ([]*Entry, error) {
	folders, err := w.distinct(folders)
	if err != nil {
		return nil, err
	}
	var entries []*Entry
	var receipts []gitrepo.OID
	err = w.readTrees(ctx, levelFolder, folders, func(n node, tree []gitrepo.TreeEntry, wrong []misplaced) error {
		files := parseFiles(tree)
		i := slices.IndexFunc(files, func(f File) bool { return f.Type == "receipt" })
		if i < 0 {
			return w.malformed(n.path, misplaced{badTree(n.path, "has no %s", receiptName), true})
		}
		entries, receipts = append(entries, &Entry{Path: n.path, Files: files, malformed: wrong}), append(receipts, files[i].Object)
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = w.l.store.ReadMany(ctx, receipts, receipt.MaxSize, func(i int, o gitrepo.Object, err error) error {
		path := join(entries[i].Path, receiptName)
		if err == nil && o.Type != gitrepo.TypeBlob {
			err = badTree(path, "is a %s, not a file", o.Type)
		}
		if err != nil {
			entries[i] = nil
			return w.problem(stepOf(err, StepLayout), path, err)
		}
		entries[i].fill(o.Data)
		return nil
	})
	return slices.DeleteFunc(entries, func(e *Entry) bool { return e == nil }), err
}

// readTrees reads trees of one level strictly; each is told what may be there
// and what is wrong with the rest.
func (w *walk) readTrees(ctx context.Context, level int, nodes []node, each func(n node, entries []gitrepo.TreeEntry, wrong []misplaced) error) error {
	ids := make([]gitrepo.OID, len(nodes))
	for i, n := range nodes {
		ids[i] = n.id
	}
	return w.l.store.ReadMany(ctx, ids, MaxTree, func(i int, o gitrepo.Object, err error) error {
		var entries []gitrepo.TreeEntry
		if err == nil {
			entries, err = gitrepo.TreeOf(w.l.store.Algorithm(), o)
		}
		if err != nil {
			return w.problem(stepOf(err, StepLayout), nodes[i].path, err)
		}
		good, wrong := checkLevel(level, nodes[i].path, entries)
		return each(nodes[i], good, wrong)
	})
}

// problem passes on what cannot be read. Where nobody listens it ends the
// walk: going on would pass over receipts in silence.
func (w *walk) problem(step Step, path string, err error) error {
	switch {
	case !aboutObject(err):
		return err
	case w.v.Problem != nil:
		return w.v.Problem(Problem{step, clip(path), err})
	}
	return withRef(err, w.l.Ref)
}

// malformed passes on what may not be there. Where nobody listens it ends the
// walk if receipts may be behind it; a stranger's file hides none.
func (w *walk) malformed(path string, m misplaced) error {
	switch {
	case w.v.Problem != nil:
		return w.v.Problem(Problem{StepLayout, clip(path), m.err})
	case m.hides:
		return m.err
	}
	return nil
}

// aboutObject tells whether an error says what is wrong with an object. Others, such
// as an interruption or a git that cannot be started, say that nobody could look:
// they are no verdict.
func aboutObject(err error) bool { return Unreadable(err) || fault.Has(err, fault.BadTree) }

// Unreadable tells whether an error keeps a receipt from being read that may
// well be there: its object is missing, corrupt, or larger than allowed.
func Unreadable(err error) bool {
	return fault.Has(err, fault.ObjectMissing) || fault.Has(err, fault.ObjectCorrupt) || fault.Has(err, fault.ObjectTooLarge)
}
