// Package merkle computes the root of a set of byte strings, and proves that
// one of them is in it.
//
// The root is the Merkle tree hash of RFC 9162 section 2.1.1 with SHA-256,
// whose leaves are the strings, sorted bytewise, each once:
//
//	root of none   SHA-256 of nothing
//	leaf           SHA-256(0x00, string)
//	inner node     SHA-256(0x01, left, right), left the largest power of two
//
// So it is a function of the set alone. A path is the inclusion proof of
// section 2.1.3: the hashes beside the way from a leaf up to the root.
//
// The package is not for logs: nothing is appended to a set in time, so there
// are no consistency proofs. Memory grows with the logarithm of the number of
// leaves.
package merkle

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"iter"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// Hash is a SHA-256: of a leaf, of a node, or the root.
type Hash = [sha256.Size]byte

var hasher = rfc6962.DefaultHasher

// Tree takes leaves one by one. The zero Tree is that of no leaves. It must not
// be used by several goroutines at once.
type Tree struct {
	nodes *compact.Range
	last  []byte
	visit compact.VisitFn
}

// Add takes the next leaf, which must be greater than the one before. The leaf
// is not kept. A leaf that is not greater is a fault Internal (VM901): to sort
// is the caller's part. It changes nothing.
func (t *Tree) Add(leaf []byte) error {
	if t.Size() > 0 && bytes.Compare(t.last, leaf) >= 0 {
		return fault.New(fault.Internal, "leaf %.80q does not come after %.80q", leaf, t.last)
	}
	t.last = append(t.last[:0], leaf...)
	return t.add(leaf)
}

// add takes a leaf in any order.
func (t *Tree) add(leaf []byte) error {
	if t.nodes == nil {
		t.nodes = (&compact.RangeFactory{Hash: hasher.HashChildren}).NewEmptyRange(0)
	}
	if err := t.nodes.Append(hasher.HashLeaf(leaf), t.visit); err != nil {
		return fault.New(fault.Internal, "leaf cannot be added").Because(err)
	}
	return nil
}

// Size is the number of leaves so far.
func (t *Tree) Size() uint64 {
	if t.nodes == nil {
		return 0
	}
	return t.nodes.End()
}

// Root is the root over the leaves so far. More may be added afterwards.
func (t *Tree) Root() Hash {
	if t.Size() == 0 {
		return Hash(hasher.EmptyRoot())
	}
	// The range begins at 0, which is all that could be refused.
	root, _ := t.nodes.GetRootHash(nil)
	return Hash(root)
}

// Path reads all leaves, ascending, size of them, and returns the path of the
// one at index, counted from 0, with the root. Other leaves than size, an index
// that is not below it, or leaves out of order are a fault Internal (VM901).
func Path(index, size uint64, leaves iter.Seq[[]byte]) ([]Hash, Hash, error) {
	named, err := proof.Inclusion(index, size)
	if err != nil {
		return nil, Hash{}, fault.New(fault.Internal, "no path").Because(err)
	}
	found := make(map[compact.NodeID][]byte, len(named.IDs))
	for _, id := range named.IDs {
		found[id] = nil
	}
	tree := Tree{visit: func(id compact.NodeID, hash []byte) {
		if _, wanted := found[id]; wanted {
			found[id] = hash
		}
	}}
	for leaf := range leaves {
		if err := tree.Add(leaf); err != nil {
			return nil, Hash{}, err
		}
	}
	if tree.Size() != size {
		return nil, Hash{}, fault.New(fault.Internal, "there are %d leaves and not %d", tree.Size(), size)
	}
	path, err := join(named, found)
	return path, tree.Root(), err
}

// join arranges the nodes that a path needs, and makes one of those at the
// right border, where the tree is not full.
func join(named proof.Nodes, found map[compact.NodeID][]byte) ([]Hash, error) {
	hashes := make([][]byte, len(named.IDs))
	for i, id := range named.IDs {
		hashes[i] = found[id]
	}
	hashes, err := named.Rehash(hashes, hasher.HashChildren)
	if err != nil {
		return nil, fault.New(fault.Internal, "no path").Because(err)
	}
	path := make([]Hash, len(hashes))
	for i, h := range hashes {
		path[i] = Hash(h)
	}
	return path, nil
}

// VerifyPath checks that leaf stands at index, counted from 0, among size
// leaves with that root. Where it does not, the fault is Invalid (VM512).
//
// A path does not prove that the leaves are sorted, nor, by itself, their
// number: root and size must come from the same signed statement.
func VerifyPath(root Hash, size, index uint64, leaf []byte, path []Hash) error {
	hashes := make([][]byte, len(path))
	for i := range path {
		hashes[i] = path[i][:]
	}
	computed, err := proof.RootFromInclusionProof(hasher, index, size, hasher.HashLeaf(leaf), hashes)
	if err != nil {
		return fault.New(fault.Invalid, "path cannot be of leaf %d of %d", index, size).Because(err)
	}
	if !bytes.Equal(computed, root[:]) {
		return fault.New(fault.Invalid, "path does not lead to the root").
			Because(fmt.Errorf("it leads to %x, and the root is %x", computed, root))
	}
	return nil
}
