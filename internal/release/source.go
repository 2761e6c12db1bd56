package release

import (
	"context"
	"io"
	"strconv"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/archive"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// The limits of a tree that is archived.
const (
	maxEntries = 1 << 20
	maxDepth   = 256
	maxTree    = 64 << 20 // bytes of one tree object
)

// source is what the archive of a commit has in it.
type source struct {
	repo    *gitrepo.Repo
	commit  gitrepo.OID
	tree    gitrepo.OID
	time    int64
	entries []sourced
}

// sourced is an entry of an archive, and the object that has its bytes.
type sourced struct {
	archive.Entry
	id gitrepo.OID
}

// sourceOf reads the trees of a commit. The fault of one that no archive has is BadSource
// (VM636).
func sourceOf(ctx context.Context, repo *gitrepo.Repo, id gitrepo.OID, c gitrepo.Commit) (*source, error) {
	s := &source{repo: repo, commit: id, tree: c.Tree}
	if seconds, ok := gitrepo.CommitTime(c); ok {
		s.time, _ = strconv.ParseInt(seconds, 10, 64) // out of its range it is the end of it
	}
	return s, s.walk(ctx, "", c.Tree, 0)
}

// Archive makes the archive of a commit, and says which SHA-256 it has. The faults are
// BadSource (VM636) and those of reading.
func Archive(ctx context.Context, repo *gitrepo.Repo, commit gitrepo.OID) (receipt.Digest, error) {
	o, err := repo.Read(ctx, commit, gitrepo.MaxCommit)
	if err != nil {
		return receipt.Digest{}, err
	}
	c, err := gitrepo.ParseCommit(repo.Algorithm(), o.Data)
	if err != nil {
		return receipt.Digest{}, err
	}
	s, err := sourceOf(ctx, repo, commit, c)
	if err != nil {
		return receipt.Digest{}, err
	}
	digest, _, err := s.sum(ctx, io.Discard)
	return digest, err
}

// walk lists what is below a folder, in the order of git's trees.
func (s *source) walk(ctx context.Context, folder string, tree gitrepo.OID, depth int) error {
	if depth > maxDepth {
		return s.refused(folder, "its folders are nested too deeply")
	}
	list, err := gitrepo.ReadTree(ctx, s.repo, tree, maxTree)
	if err != nil {
		return err
	}
	seen := make(map[string]bool)
	for i, e := range list {
		if i > 0 && gitrepo.CompareEntries(list[i-1], e) >= 0 || seen[e.Name] {
			return s.refused(folder+e.Name, "it is there twice, or out of order")
		}
		seen[e.Name] = true
		if err := s.entry(ctx, folder, e, depth); err != nil {
			return err
		}
	}
	return nil
}

func (s *source) entry(ctx context.Context, folder string, e gitrepo.TreeEntry, depth int) error {
	one := sourced{archive.Entry{Path: folder + e.Name}, e.ID}
	switch e.Mode {
	case gitrepo.ModeTree:
		if name := e.Name; name == "." || name == ".." || strings.EqualFold(name, ".git") || strings.Contains(name, "/") {
			return s.refused(one.Path, "no folder is called so")
		}
		return s.walk(ctx, one.Path+"/", e.ID, depth+1)
	case gitrepo.ModeFile, "100664": // which early versions of git wrote
	case "100755":
		one.Kind = archive.Executable
	case "120000":
		one.Kind = archive.Link
	case "160000":
		one.Kind = archive.Folder
	default:
		return s.refused(one.Path, "it has the mode "+e.Mode)
	}
	if strings.Contains(e.Name, "/") {
		return s.refused(one.Path, "its name has a slash")
	}
	if len(s.entries) == maxEntries {
		return s.refused(one.Path, "it comes behind "+strconv.Itoa(maxEntries)+" others")
	}
	s.entries = append(s.entries, one)
	return nil
}

func (s *source) refused(path, why string) error {
	return fault.New(fault.BadSource, "the files of %s cannot be archived: %.200q: %s", s.commit.Short(), path, why)
}

// write writes the archive. Its bytes are those of the commit only where the error is nil.
func (s *source) write(ctx context.Context, to io.Writer) error {
	w, err := archive.Begin(to, string(s.commit), s.time)
	if err != nil {
		return err
	}
	var ids []gitrepo.OID
	var read []archive.Entry // those of the ids
	for _, e := range s.entries {
		if e.Kind != archive.Folder {
			ids, read = append(ids, e.id), append(read, e.Entry)
		}
	}
	at := 0
	folders := func() error { // those before what comes next
		for ; at < len(s.entries) && s.entries[at].Kind == archive.Folder; at++ {
			if err := s.add(w, s.entries[at].Entry, nil); err != nil {
				return err
			}
		}
		return nil
	}
	err = s.repo.Pour(ctx, ids, func(i int, size int64, data io.Reader) error {
		if err := folders(); err != nil {
			return err
		}
		at++
		return s.addBlob(w, read[i], size, data)
	})
	if err == nil {
		err = folders()
	}
	if err == nil {
		err = w.End()
	}
	return err
}

// addBlob adds a file, or a link, whose target is what the blob says.
func (s *source) addBlob(w *archive.Writer, e archive.Entry, size int64, data io.Reader) error {
	if e.Kind != archive.Link {
		e.Size = size
		return s.add(w, e, data)
	}
	target, err := io.ReadAll(io.LimitReader(data, archive.MaxPath+1))
	if err != nil {
		return fault.New(fault.ObjectCorrupt, "the target of %.200q cannot be read", e.Path).Because(err)
	}
	e.Target = string(target)
	return s.add(w, e, nil)
}

func (s *source) add(w *archive.Writer, e archive.Entry, data io.Reader) error {
	err := w.Add(e, data)
	if fault.Has(err, fault.BadTree) {
		return fault.New(fault.BadSource, "the files of %s cannot be archived", s.commit.Short()).Because(err)
	}
	return err
}
