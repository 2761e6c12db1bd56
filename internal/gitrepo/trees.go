package gitrepo

import (
	"bytes"
	"context"
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// TreeFile is a file as a tree has it, by its path.
type TreeFile struct {
	Path string // of slashes
	Mode string // 100644 and so on
	ID   OID    // where it is known
	Data []byte // where it was read, or is to be written
}

// maxListing bounds the list of a commit's files, in bytes.
const maxListing = 8 << 20

// FilesAt lists the files of a commit in a folder, "" for all of them, by their paths below it, in
// order. The faults are TooLarge (VM202) for a very long list, and GitRefused (VM112).
func (r *Repo) FilesAt(ctx context.Context, commit OID, folder string) ([]TreeFile, error) {
	args := []string{"ls-tree", "-r", "-z", "--full-tree", string(commit)}
	prefix := ""
	if folder != "" {
		prefix = folder + "/"
		args = append(args, "--", prefix)
	}
	out, whole, err := r.git.runLimited(ctx, maxListing, args...)
	if err != nil {
		return nil, refused(err, "the commit's tree cannot be read")
	}
	if !whole {
		return nil, fault.New(fault.TooLarge, "the commit %s has too many files to list", commit.Short())
	}
	var files []TreeFile
	for line := range bytes.SplitSeq(out, []byte{0}) {
		what, path, _ := bytes.Cut(line, []byte("\t"))
		words := strings.Fields(string(what))
		if len(words) == 3 {
			files = append(files, TreeFile{Path: strings.TrimPrefix(string(path), prefix), Mode: words[0], ID: OID(words[2])})
		}
	}
	return files, nil
}

// ReadFiles reads the contents of listed files, each of at most most bytes, and all of them of at most
// together. The faults are those of [Store], and BadOperand (VM113) for what is no file, such as a submodule.
func (r *Repo) ReadFiles(ctx context.Context, files []TreeFile, most, together int64) error {
	ids := make([]OID, len(files))
	for i, f := range files {
		if f.Mode == "160000" {
			return fault.New(fault.BadOperand, "%.200q is a submodule, and no file", f.Path)
		}
		ids[i] = f.ID
	}
	var came int64
	return r.ReadMany(ctx, ids, most, func(i int, o Object, err error) error {
		files[i].Data = o.Data
		if came += int64(len(o.Data)); err == nil && came > together {
			err = fault.New(fault.ObjectTooLarge, "the files have more than %d bytes together", together)
		}
		return err
	})
}

// TreeOfFiles makes the objects of files and of the trees that they are in, the root's last, and
// returns the root's id. Of the files paths, modes and data count.
func TreeOfFiles(algorithm string, files []TreeFile) (OID, []Object) {
	root := new(treeFolder)
	var objects []Object
	for _, f := range files {
		blob := NewObject(algorithm, TypeBlob, f.Data)
		objects = append(objects, blob)
		root.put(strings.Split(f.Path, "/"), TreeEntry{Mode: f.Mode, ID: blob.ID})
	}
	id := root.write(algorithm, &objects)
	return id, objects
}

// treeFolder is a tree in the making.
type treeFolder struct {
	files   []TreeEntry
	folders map[string]*treeFolder
}

func (t *treeFolder) put(path []string, e TreeEntry) {
	if len(path) == 1 {
		e.Name = path[0]
		t.files = append(t.files, e)
		return
	}
	if t.folders == nil {
		t.folders = make(map[string]*treeFolder)
	}
	if t.folders[path[0]] == nil {
		t.folders[path[0]] = new(treeFolder)
	}
	t.folders[path[0]].put(path[1:], e)
}

func (t *treeFolder) write(algorithm string, objects *[]Object) OID {
	entries := slices.Clone(t.files)
	for name, below := range t.folders {
		entries = append(entries, TreeEntry{Mode: ModeTree, Name: name, ID: below.write(algorithm, objects)})
	}
	slices.SortFunc(entries, CompareEntries)
	tree := NewObject(algorithm, TypeTree, EncodeTree(entries))
	*objects = append(*objects, tree)
	return tree.ID
}

// Replant is a tree with another one in the place of a folder, and the objects that it needs besides
// those; folder "" is all of it. The faults are those of [ReadTree].
func (r *Repo) Replant(ctx context.Context, root OID, folder string, with OID) (OID, []Object, error) {
	if folder == "" {
		return with, nil, nil
	}
	name, below, deeper := strings.Cut(folder, "/")
	entries, err := ReadTree(ctx, r, root, maxListing)
	if err != nil {
		return "", nil, err
	}
	var objects []Object
	at := slices.IndexFunc(entries, func(e TreeEntry) bool { return e.Name == name && e.Mode == ModeTree })
	if at < 0 {
		return "", nil, fault.New(fault.BadTree, "there is no folder %.200q", folder)
	}
	if deeper {
		if with, objects, err = r.Replant(ctx, entries[at].ID, below, with); err != nil {
			return "", nil, err
		}
	}
	entries[at].ID = with
	tree := NewObject(r.algorithm, TypeTree, EncodeTree(entries))
	return tree.ID, append(objects, tree), nil
}

// Subtree is the tree of a folder in another one, "" where there is none. The faults are those of [ReadTree].
func (r *Repo) Subtree(ctx context.Context, root OID, folder string) (OID, error) {
	if folder == "" {
		return root, nil
	}
	name, below, _ := strings.Cut(folder, "/")
	entries, err := ReadTree(ctx, r, root, maxListing)
	if err != nil {
		return "", err
	}
	at := slices.IndexFunc(entries, func(e TreeEntry) bool { return e.Name == name && e.Mode == ModeTree })
	if at < 0 {
		return "", nil
	}
	return r.Subtree(ctx, entries[at].ID, below)
}
