package gitrepo

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"slices"
	"strconv"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// OID is a git object id in lower-case hex, 40 digits or 64.
type OID string

// Short is the first 10 digits, for people.
func (id OID) Short() string { return string(id[:min(10, len(id))]) }

// Object types.
const (
	TypeBlob   = "blob"
	TypeTree   = "tree"
	TypeCommit = "commit"
	TypeTag    = "tag"
)

// Object is a git object: its id, its type and its bytes.
type Object struct {
	ID   OID
	Type string
	Data []byte
}

// NewObject is the object that data makes under a hash algorithm.
func NewObject(algorithm, kind string, data []byte) Object {
	return Object{ID: hashObject(algorithm, kind, data), Type: kind, Data: data}
}

// hashObject is git's id of an object: the hash of its type, length and bytes.
func hashObject(algorithm, kind string, data []byte) OID {
	h := newHash(algorithm)
	h.Write([]byte(kind + " " + strconv.Itoa(len(data)) + "\x00"))
	h.Write(data)
	return OID(hex.EncodeToString(h.Sum(nil)))
}

func newHash(algorithm string) hash.Hash {
	if algorithm == "sha256" {
		return sha256.New()
	}
	return sha1.New()
}

// ZeroOID is the id that stands for "no object" under a hash algorithm.
func ZeroOID(algorithm string) OID {
	return OID(strings.Repeat("0", 2*newHash(algorithm).Size()))
}

// File modes in trees, as git writes them.
const (
	ModeTree = "40000"
	ModeFile = "100644"
)

// TreeEntry is one line of a tree.
type TreeEntry struct {
	Mode string // octal, as stored
	Name string
	ID   OID
}

// ParseTree reads a tree's bytes as they are: it checks the encoding, and
// leaves modes, names and their order to the caller. The fault is
// ObjectCorrupt (VM510).
func ParseTree(algorithm string, data []byte) ([]TreeEntry, error) {
	size := newHash(algorithm).Size()
	var entries []TreeEntry
	for len(data) > 0 {
		space := bytes.IndexByte(data, ' ')
		end := bytes.IndexByte(data, 0)
		if space < 1 || end < space || len(data) < end+1+size {
			return nil, fault.New(fault.ObjectCorrupt, "a tree is cut or malformed")
		}
		id := data[end+1 : end+1+size]
		entries = append(entries, TreeEntry{string(data[:space]), string(data[space+1 : end]), OID(hex.EncodeToString(id))})
		data = data[end+1+size:]
	}
	return entries, nil
}

// ReadTree reads a tree of a store by [ParseTree]. An object that is no tree is
// a fault BadTree (VM504); the others are those of Read.
func ReadTree(ctx context.Context, store Store, id OID, limit int64) ([]TreeEntry, error) {
	o, err := store.Read(ctx, id, limit)
	if err != nil {
		return nil, err
	}
	return TreeOf(store.Algorithm(), o)
}

// TreeOf is [ParseTree] of an object that must be a tree.
func TreeOf(algorithm string, o Object) ([]TreeEntry, error) {
	if o.Type != TypeTree {
		return nil, fault.New(fault.BadTree, "object %s is a %s where a folder is wanted", o.ID.Short(), o.Type)
	}
	return ParseTree(algorithm, o.Data)
}

// EncodeTree writes entries, which must be in order, as a tree's bytes.
func EncodeTree(entries []TreeEntry) []byte {
	var b bytes.Buffer
	for _, e := range entries {
		id, _ := hex.DecodeString(string(e.ID))
		b.WriteString(e.Mode + " " + e.Name + "\x00")
		b.Write(id)
	}
	return b.Bytes()
}

// CompareEntries is git's order of a tree: bytewise by name, a folder's name
// as if it ended in a slash.
func CompareEntries(a, b TreeEntry) int {
	n := min(len(a.Name), len(b.Name))
	if c := strings.Compare(a.Name[:n], b.Name[:n]); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(a.byteAt(n), b.byteAt(n)), cmp.Compare(len(a.Name), len(b.Name)))
}

// byteAt is a byte of the name, a folder's slash behind it, or -1.
func (e TreeEntry) byteAt(i int) int {
	switch {
	case i < len(e.Name):
		return int(e.Name[i])
	case e.Mode == ModeTree:
		return '/'
	}
	return -1
}

// Commit is a git commit. Author and Committer are whole lines of identity:
// "Name <email> seconds zone".
type Commit struct {
	Tree      OID
	Parents   []OID
	Author    string
	Committer string
	Message   string
}

// Encode is the commit's bytes.
func (c Commit) Encode() []byte {
	var b bytes.Buffer
	b.WriteString("tree " + string(c.Tree) + "\n")
	for _, p := range c.Parents {
		b.WriteString("parent " + string(p) + "\n")
	}
	b.WriteString("author " + c.Author + "\ncommitter " + c.Committer + "\n\n" + c.Message)
	return b.Bytes()
}

// isOID tells whether id is a full object id under a hash algorithm.
func isOID(algorithm string, id OID) bool {
	return len(id) == 2*newHash(algorithm).Size() && strings.Trim(string(id), "0123456789abcdef") == ""
}

// ParseCommit reads a commit's bytes. Header lines after the committer, such
// as a signature, are passed over. A tree or parent that is no full object id
// is refused: git would read it as a revision, which can move. The fault is
// ObjectCorrupt (VM510).
func ParseCommit(algorithm string, data []byte) (Commit, error) {
	var c Commit
	head, message, ok := strings.Cut(string(data), "\n\n")
	if !ok {
		return c, fault.New(fault.ObjectCorrupt, "a commit has no end of its header")
	}
	c.Message = message
	lines := strings.Split(head, "\n")
	next := func(name string) (string, bool) {
		if len(lines) == 0 {
			return "", false
		}
		value, ok := strings.CutPrefix(lines[0], name+" ")
		if ok {
			lines = lines[1:]
		}
		return value, ok
	}
	tree, found := next("tree")
	c.Tree = OID(strings.Clone(tree)) // a part of the text would keep all of it
	for {
		parent, more := next("parent")
		if !more {
			break
		}
		c.Parents = append(c.Parents, OID(strings.Clone(parent)))
	}
	var hasAuthor, hasCommitter bool
	c.Author, hasAuthor = next("author")
	c.Committer, hasCommitter = next("committer")
	if !found || !hasAuthor || !hasCommitter {
		return c, fault.New(fault.ObjectCorrupt, "a commit lacks a line of its header")
	}
	if !isOID(algorithm, c.Tree) || slices.ContainsFunc(c.Parents, func(p OID) bool { return !isOID(algorithm, p) }) {
		return c, fault.New(fault.ObjectCorrupt, "a commit names its tree or a parent by no object id")
	}
	return c, nil
}
