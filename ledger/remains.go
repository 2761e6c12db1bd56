package ledger

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Remains reads receipts' folders out of a store, whatever the ledger that they are of is
// like. It is not safe for concurrent use.
type Remains struct{ l *Ledger }

// RemainsIn reads a store.
func RemainsIn(store gitrepo.Store) *Remains { return &Remains{&Ledger{store: store}} }

// Gather puts a receipt's folder together out of all of its versions, of which a damaged
// or rewritten ledger may have several. Files that cannot be read, or do not have the
// SHA-256 in their names, are left out, and told with the reason. The entry lies where its
// content wants it, wherever it was found. It is nil where there is no receipt. An error
// says that nobody could look.
func (r *Remains) Gather(ctx context.Context, path string, versions []gitrepo.OID, told func(name string, err error)) (*Entry, error) {
	good, failed := make(map[string]File), make(map[string]error)
	for _, id := range versions {
		files, err := r.files(ctx, path, id)
		if err != nil && !aboutObject(err) {
			return nil, err
		}
		if err != nil {
			failed[""] = err
		}
		for _, f := range files[:min(len(files), MaxFiles)] {
			if _, have := good[f.Name]; have {
				continue
			}
			_, err := r.l.judgeFile(ctx, f)
			switch {
			case err == nil:
				good[f.Name] = f
				delete(failed, f.Name)
			case aboutObject(err):
				failed[f.Name] = err
			default:
				return nil, err
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(failed)) {
		told(name, failed[name])
	}
	return r.entry(ctx, path, good)
}

// files are those that one version of a folder has. Of the receipt too the name says the
// SHA-256: it is the folder's.
func (r *Remains) files(ctx context.Context, path string, tree gitrepo.OID) ([]File, error) {
	entries, err := r.l.readTree(ctx, tree)
	if err != nil {
		return nil, err
	}
	allowed, wrong := checkLevel(levelFolder, path, entries)
	files := parseFiles(allowed)
	for i := range files {
		if files[i].Type == "receipt" {
			files[i].Digest, _ = receipt.ParseDigest(path[strings.LastIndexByte(path, '/')+1:])
		}
	}
	if len(wrong) > 0 {
		err = wrong[0].err
	}
	return files, err
}

// entry is the entry that files come to.
func (r *Remains) entry(ctx context.Context, path string, good map[string]File) (*Entry, error) {
	f, there := good[receiptName]
	if !there {
		return nil, nil
	}
	raw, err := r.l.readBlob(ctx, f)
	if err != nil {
		return nil, err
	}
	e := &Entry{Path: path, Files: slices.SortedFunc(maps.Values(good), func(a, b File) int { return cmp.Compare(a.Name, b.Name) })}
	e.fill(raw)
	if e.Receipt != nil {
		e.Path = Path(e.ID, e.Receipt.RecordedAt)
	}
	return e, nil
}

// Problems says what is wrong with an entry by itself, and with its files.
func (r *Remains) Problems(ctx context.Context, e *Entry) ([]Problem, error) {
	if found := e.Problems(); len(found) > 0 {
		return found, nil
	}
	return e.FileProblems(ctx, r.l)
}

// ReadFile reads a file of an entry. The faults are those of [Ledger.ReadFile].
func (r *Remains) ReadFile(ctx context.Context, f File) ([]byte, error) { return r.l.ReadFile(ctx, f) }

// Graft is what is put into a receipt's folder: files by their names.
type Graft struct {
	Path  string
	Files map[string][]byte
}

// Grafted is a commit on top of a ledger, and the objects that it needs.
type Grafted struct {
	Union
	Receipts int // that were not there before
	Files    int // that were not there before
}

// Graft makes the commit that puts files on top of the ledger, beside what is there
// already. The entries that they come to must hold and belong to it. Nothing is written. The
// faults are those of reading the ledger, and BadTree (VM504) where it is malformed.
func (l *Ledger) Graft(ctx context.Context, grafts []*Graft, author, committer, message string) (*Grafted, error) {
	genesis, err := l.Genesis(ctx)
	if err != nil {
		return nil, err
	}
	a := &assembly{store: l.store, ledger: genesis.ID}
	root := new(folder)
	for _, g := range grafts {
		for _, name := range slices.Sorted(maps.Keys(g.Files)) {
			root.put(strings.Split(g.Path+"/"+name, "/"), a.blob(g.Files[name]))
		}
	}
	commit := gitrepo.Commit{Parents: []gitrepo.OID{l.Head}, Author: author, Committer: committer, Message: message}
	if commit.Tree, err = a.write(ctx, levelRoot, "", l.tree, root); err != nil {
		return nil, err
	}
	head := a.add(gitrepo.TypeCommit, commit.Encode())
	return &Grafted{Union{head, a.objects}, a.added, a.files}, nil
}
