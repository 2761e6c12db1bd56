package cli

import (
	"context"
	"os"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// plant PATH MODE FILE commits a file into the ledger's tree as no honest
// program would: any name, any mode, beside an entry of the same name if
// there is one. {id} in PATH is the file's SHA-256, {aa} its first two
// digits. MODE may be replace, which changes a file that is there. =ID instead of
// FILE is an object that the repository has.
func cmdPlant(ts *testscript.TestScript, neg bool, args []string) {
	object, has := strings.CutPrefix(args[2], "=")
	var data []byte
	if !has {
		data = []byte(ts.ReadFile(args[2]))
	}
	id := receipt.Sum(data).String()
	path := strings.NewReplacer("{id}", id, "{aa}", id[:2]).Replace(args[0])
	ts.Setenv("PLANTED", id)
	edit(ts, path, func(f *forger, entries []gitrepo.TreeEntry, name string) []gitrepo.TreeEntry {
		mode := args[1]
		if mode == "replace" {
			entries = slices.DeleteFunc(entries, func(e gitrepo.TreeEntry) bool { return e.Name == name })
			mode = gitrepo.ModeFile
		}
		planted := gitrepo.OID(object)
		switch {
		case has && mode == gitrepo.ModeTree:
			entries = slices.DeleteFunc(entries, func(e gitrepo.TreeEntry) bool { return e.Name == name })
		case has:
		case mode == gitrepo.ModeTree:
			planted = f.write(gitrepo.TypeTree, nil)
		default:
			planted = f.write(gitrepo.TypeBlob, data)
		}
		return append(entries, gitrepo.TreeEntry{Mode: mode, Name: name, ID: planted})
	})
}

// uproot PATH commits the removal of an entry.
func cmdUproot(ts *testscript.TestScript, neg bool, args []string) {
	edit(ts, args[0], func(_ *forger, entries []gitrepo.TreeEntry, name string) []gitrepo.TreeEntry {
		return slices.DeleteFunc(entries, func(e gitrepo.TreeEntry) bool { return e.Name == name })
	})
}

// forger writes what it is told to.
type forger struct {
	ts   *testscript.TestScript
	repo *gitrepo.Repo
}

func (f *forger) write(kind string, data []byte) gitrepo.OID {
	o := gitrepo.NewObject(f.repo.Algorithm(), kind, data)
	f.ts.Check(f.repo.Write(context.Background(), []gitrepo.Object{o}))
	return o.ID
}

func (f *forger) tree(id gitrepo.OID) []gitrepo.TreeEntry {
	if id == "" {
		return nil
	}
	o, err := f.repo.Read(context.Background(), id, ledger.MaxTree)
	f.ts.Check(err)
	entries, err := gitrepo.ParseTree(f.repo.Algorithm(), o.Data)
	f.ts.Check(err)
	return entries
}

// change rewrites the trees along a path; the last is changed by how.
func (f *forger) change(id gitrepo.OID, path []string, how func(*forger, []gitrepo.TreeEntry, string) []gitrepo.TreeEntry) gitrepo.OID {
	entries := f.tree(id)
	if len(path) == 1 {
		entries = how(f, entries, path[0])
	} else {
		i := slices.IndexFunc(entries, func(e gitrepo.TreeEntry) bool { return e.Name == path[0] })
		if i < 0 {
			entries = append(entries, gitrepo.TreeEntry{Mode: gitrepo.ModeTree, Name: path[0]})
			i = len(entries) - 1
		}
		entries[i].ID = f.change(entries[i].ID, path[1:], how)
		if entries[i].ID == "" {
			entries = slices.Delete(entries, i, i+1)
		}
	}
	if len(entries) == 0 {
		return "" // a folder from which the last entry was taken
	}
	slices.SortStableFunc(entries, gitrepo.CompareEntries)
	return f.write(gitrepo.TypeTree, gitrepo.EncodeTree(entries))
}

func edit(ts *testscript.TestScript, path string, how func(*forger, []gitrepo.TreeEntry, string) []gitrepo.TreeEntry) {
	ctx := context.Background()
	env := append(scriptEnv(ts), "PATH="+os.Getenv("PATH"))
	repo, err := gitrepo.Open(ctx, gitrepo.Options{Dir: ts.MkAbs("."), Env: env})
	ts.Check(err)
	defer repo.Close()
	head, commit, err := repo.ResolveCommit(ctx, ledger.DefaultRef)
	ts.Check(err)
	f := &forger{ts, repo}
	tree := f.change(commit.Tree, strings.Split(path, "/"), how)
	forged := gitrepo.Commit{Tree: tree, Parents: []gitrepo.OID{head}, Author: commit.Author, Committer: commit.Committer, Message: "forged\n"}
	ts.Check(repo.UpdateRef(ctx, ledger.DefaultRef, f.write(gitrepo.TypeCommit, forged.Encode()), head))
}
