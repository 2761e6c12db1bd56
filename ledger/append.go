package ledger

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Change is what one commit appends.
type Change struct {
	Additions []Addition
	Author    string // identity lines as in a commit: "Name <email> seconds zone"
	Committer string
	Message   string
}

// Addition is a receipt and what lies beside it. Its place in the tree
// follows from the bytes.
type Addition struct {
	Receipt  []byte // canonical
	Evidence [][]byte
	Proofs   []Proof
	// Beside says that the receipt is in the ledger already, with its evidence, and
	// that only proofs are added to it.
	Beside bool
}

// Proof is a signature or time-stamp to lie beside a receipt. Whether it holds
// is for others to judge.
type Proof struct {
	Type string // openpgp, ssh or rfc3161
	Data []byte
}

// Name is the file's name, which follows from its bytes.
func (p Proof) Name() string { return p.Type + "-" + receipt.Sum(p.Data).String() + knownFiles[p.Type] }

// Message is the message of a commit that appends to one receipt: the verb,
// such as record or sign, what it was about, and its id as a trailer.
func Message(verb string, r *receipt.Receipt, id receipt.ID) string {
	return "vaultmesh: " + verb + " " + r.Title() + "\n\nVaultmesh-Receipt: " + id.String() + "\n"
}

// Result says what [Update] did.
type Result struct {
	Head   gitrepo.OID // the ledger's head afterwards
	Parent gitrepo.OID // the head on which it was put, "" if nothing was added
	Added  int         // receipts that were not there before
	Files  int         // files that were not there before, those receipts among them
}

// The retries of [Update]. A lost race costs a few milliseconds and the
// winner has got on, so they are many; a lock that stays is somebody else's.
const (
	maxRaces = 64
	maxLocks = 25
)

// Update appends to the ledger at ref, in one step that either happens whole
// or leaves everything as it was. It reads the ledger, asks build for the
// change, writes the objects through to the disk, and moves the ref if nobody
// has done so meanwhile; else it begins again, with build, from the new head.
//
// known is the ledger as somebody read it before, or nil: it is not read again
// where nobody has moved the ref since.
//
// build gets nil when there is no ledger yet. It returns nil to append
// nothing, or an error to give up.
//
// The faults are those of [Open] and build, BadTree (VM504) when the tree to
// append to is malformed, LostRace (VM505) and RefLocked (VM503) after
// retries, ReadOnly (VM507), DiskFull (VM508) and HookRefused (VM601).
func Update(ctx context.Context, repo *gitrepo.Repo, ref string, known *Ledger, build func(l *Ledger) (*Change, error)) (Result, error) {
	defer repo.Queue(ctx)()
	for races, locks := 0, 0; ; {
		result, err := tryUpdate(ctx, repo, ref, known, build)
		switch {
		case fault.Has(err, fault.LostRace) && races < maxRaces:
			races++
		case fault.Has(err, fault.RefLocked) && locks < maxLocks:
			locks++
		default:
			return result, err
		}
		if err := pause(ctx, races+locks); err != nil {
			return Result{}, err
		}
	}
}

// pause waits a random time, longer with each try, so that writers who
// collided once do not collide again.
func pause(ctx context.Context, tries int) error {
	most := min(2*time.Millisecond<<min(tries, 6), 100*time.Millisecond)
	select {
	case <-ctx.Done():
		return fault.New(fault.Interrupted, "interrupted")
	case <-time.After(rand.N(most)):
		return nil
	}
}

func tryUpdate(ctx context.Context, repo *gitrepo.Repo, ref string, known *Ledger, build func(l *Ledger) (*Change, error)) (Result, error) {
	l, err := reopen(ctx, repo, ref, known)
	if err != nil && !fault.Has(err, fault.NoLedger) {
		return Result{}, err
	}
	var head gitrepo.OID
	if l != nil {
		head = l.Head
	}
	change, err := build(l)
	if err != nil || change == nil {
		return Result{Head: head}, err
	}
	a, err := assemble(ctx, repo, l, change)
	if err != nil || a.files == 0 {
		return Result{Head: head}, err
	}
	objects := a.objects
	if err := repo.ExpectUpdate(); err != nil {
		return Result{}, err
	}
	if err := repo.Write(ctx, objects); err != nil {
		return Result{}, err
	}
	commit := objects[len(objects)-1].ID
	if err := repo.UpdateRef(ctx, ref, commit, head); err != nil {
		return Result{}, err
	}
	return Result{Head: commit, Parent: head, Added: a.added, Files: a.files}, nil
}

// reopen is [Open], but for a ledger that is open and has not moved.
func reopen(ctx context.Context, repo *gitrepo.Repo, ref string, known *Ledger) (*Ledger, error) {
	if known != nil && known.Ref == ref {
		head, err := repo.Ref(ctx, ref)
		if err != nil || head == known.Head {
			return known, err
		}
	}
	return Open(ctx, repo, ref)
}

// assemble makes the objects that a change needs on top of l (nil for a new
// ledger), the commit last, and counts the receipts and files that are new.
func assemble(ctx context.Context, store gitrepo.Store, l *Ledger, change *Change) (*assembly, error) {
	a := &assembly{store: store}
	root := new(folder)
	commit := gitrepo.Commit{Author: change.Author, Committer: change.Committer, Message: change.Message}
	var base gitrepo.OID
	if l == nil {
		if err := beginsLedger(change); err != nil {
			return nil, err
		}
		root.put([]string{versionName}, a.blob([]byte(versionText)))
	} else {
		genesis, err := l.Genesis(ctx)
		if err != nil {
			return nil, err
		}
		a.ledger, base, commit.Parents = genesis.ID, l.tree, []gitrepo.OID{l.Head}
	}
	for _, add := range change.Additions {
		if err := a.place(root, add); err != nil {
			return nil, err
		}
	}
	tree, err := a.write(ctx, levelRoot, "", base, root)
	if err != nil {
		return nil, err
	}
	commit.Tree = tree
	a.add(gitrepo.TypeCommit, commit.Encode())
	return a, nil
}

// beginsLedger says whether a change can be the first: one genesis, and
// nothing else.
func beginsLedger(change *Change) error {
	if len(change.Additions) == 1 {
		r, err := receipt.Parse(change.Additions[0].Receipt)
		if err != nil || r.Kind == receipt.KindGenesis {
			return err
		}
	}
	return fault.New(fault.BadField, "a ledger begins with one genesis receipt and nothing else")
}

// folder is what a change puts into one tree: blobs and folders by name.
type folder struct {
	files   map[string]gitrepo.OID
	folders map[string]*folder
}

// put hangs a blob at a path.
func (f *folder) put(path []string, blob gitrepo.OID) {
	if len(path) == 1 {
		if f.files == nil {
			f.files = make(map[string]gitrepo.OID)
		}
		f.files[path[0]] = blob
		return
	}
	if f.folders == nil {
		f.folders = make(map[string]*folder)
	}
	if f.folders[path[0]] == nil {
		f.folders[path[0]] = new(folder)
	}
	f.folders[path[0]].put(path[1:], blob)
}

type assembly struct {
	store   gitrepo.Store
	ledger  receipt.ID // zero while it is begun
	objects []gitrepo.Object
	added   int // receipts
	files   int
}

func (a *assembly) add(kind string, data []byte) gitrepo.OID {
	o := gitrepo.NewObject(a.store.Algorithm(), kind, data)
	a.objects = append(a.objects, o)
	return o.ID
}

func (a *assembly) blob(data []byte) gitrepo.OID { return a.add(gitrepo.TypeBlob, data) }

// place puts an addition where its content says.
func (a *assembly) place(root *folder, add Addition) error {
	folder, err := add.folder(a.ledger)
	if err != nil {
		return err
	}
	path := strings.Split(folder, "/")
	for _, f := range add.files() {
		root.put(append(slices.Clone(path), f.name), a.blob(f.data))
	}
	return nil
}

// named is a file of an addition.
type named struct {
	name string
	data []byte
}

// files are what an addition puts into its folder.
func (add Addition) files() []named {
	var list []named
	if !add.Beside {
		list = append(list, named{receiptName, add.Receipt})
	}
	for _, data := range add.Evidence {
		list = append(list, named{evidenceName(receipt.Sum(data)), data})
	}
	for _, p := range add.Proofs {
		list = append(list, named{p.Name(), p.Data})
	}
	return list
}

// folder is where an addition to a ledger lies. It is checked as a reader
// would check it: what this program would refuse to read is never written.
func (add Addition) folder(ledger receipt.ID) (string, error) {
	r, err := receipt.Parse(add.Receipt)
	if err != nil {
		return "", err
	}
	genesis := add.Beside && r.Kind == receipt.KindGenesis && receipt.Sum(add.Receipt) == ledger
	if r.Future || r.Ledger != ledger && !genesis {
		return "", fault.New(fault.BadField, "the receipt is of a later version, or of another ledger")
	}
	stored, err := add.stored()
	if err != nil {
		return "", err
	}
	if wrong := compareEvidence(r.Evidence, stored); len(wrong) > 0 && !add.Beside {
		return "", fault.New(fault.BadField, "the receipt %s", strings.Join(wrong, "; "))
	}
	return Path(receipt.Sum(add.Receipt), r.RecordedAt), nil
}

// stored are the sizes of the evidence, which has limits, as proofs have.
func (add Addition) stored() (map[receipt.Digest]int64, error) {
	for _, p := range add.Proofs {
		if _, known := knownFiles[p.Type]; !known || p.Type == "evidence" {
			return nil, fault.New(fault.BadField, "%.20q is no type of proof", p.Type)
		}
		if len(p.Data) > MaxProof {
			return nil, fault.New(fault.TooLarge, "a proof has %d bytes, over the limit of %d", len(p.Data), MaxProof)
		}
	}
	stored := make(map[receipt.Digest]int64)
	var total int64
	for _, data := range add.Evidence {
		stored[receipt.Sum(data)] = int64(len(data))
	}
	for _, size := range stored {
		total += size
		if size > MaxEvidence {
			return nil, fault.New(fault.TooLarge, "%d bytes of evidence are over the limit of %d a file", size, MaxEvidence)
		}
	}
	if total > MaxFolderEvidence || len(stored)+len(add.Proofs) >= MaxFiles {
		return nil, fault.New(fault.TooLarge, "%d files with %d bytes of evidence are over the limits of a receipt", len(stored)+len(add.Proofs), total)
	}
	return stored, nil
}

// write lays a folder over the tree base ("" for none) and returns the new
// tree. The base is read strictly: nothing is built on a malformed tree.
func (a *assembly) write(ctx context.Context, level int, path string, base gitrepo.OID, f *folder) (gitrepo.OID, error) {
	entries, err := readStrictly(ctx, a.store, level, path, base)
	if err != nil {
		return "", err
	}
	at := make(map[string]int, len(entries))
	for i, e := range entries {
		at[e.Name] = i
	}
	set := func(e gitrepo.TreeEntry) {
		if i, there := at[e.Name]; there {
			entries[i] = e
			return
		}
		entries = append(entries, e)
	}
	for name, blob := range f.files {
		i, there := at[name]
		if there && entries[i].ID != blob {
			return "", badTree(join(path, name), "is there with other content")
		}
		if !there {
			a.files++
		}
		set(gitrepo.TreeEntry{Mode: gitrepo.ModeFile, Name: name, ID: blob})
	}
	for name, below := range f.folders {
		var old gitrepo.OID
		if i, there := at[name]; there {
			old = entries[i].ID
		}
		tree, err := a.write(ctx, level+1, join(path, name), old, below)
		if err != nil {
			return "", err
		}
		set(gitrepo.TreeEntry{Mode: gitrepo.ModeTree, Name: name, ID: tree})
	}
	if level == levelFolder && base == "" {
		if _, whole := f.files[receiptName]; !whole {
			return "", fault.New(fault.NoReceipt, "the receipt at %s is not in the ledger", path)
		}
		a.added++
	}
	if level == levelFolder && len(entries) > MaxFiles {
		return "", fault.New(fault.TooLarge, "%s would have %d files, over the limit of %d", path, len(entries), MaxFiles)
	}
	slices.SortFunc(entries, gitrepo.CompareEntries)
	return a.add(gitrepo.TypeTree, gitrepo.EncodeTree(entries)), nil
}

// readStrictly reads a tree of which nothing may be malformed; "" has no entries.
func readStrictly(ctx context.Context, store gitrepo.Store, level int, path string, id gitrepo.OID) ([]gitrepo.TreeEntry, error) {
	if id == "" {
		return nil, nil
	}
	entries, err := gitrepo.ReadTree(ctx, store, id, MaxTree)
	if err != nil {
		return nil, err
	}
	good, wrong := checkLevel(level, path, entries)
	if len(wrong) > 0 {
		return nil, wrong[0].err
	}
	return good, nil
}
