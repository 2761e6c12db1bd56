package merkle

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"iter"
	"maps"
	"math/bits"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// The vectors of Certificate Transparency's reference implementation
// (github.com/google/certificate-transparency, cpp/merkletree/merkle_tree_test.cc
// and python/ct/crypto/merkle_test.py): eight leaves, which happen to ascend,
// and the roots of the first n of them.
var (
	ctLeaves = unhex("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
	ctRoots  = unhex(
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
		"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
		"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
		"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
		"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
		"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328")
)

// Paths of the same source, which counts leaves from 1.
var ctPaths = []struct {
	leaf, size uint64
	path       [][]byte
}{
	{1, 1, nil},
	{1, 8, unhex("96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
		"5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
		"6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4")},
	{6, 8, unhex("bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
		"ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7")},
	{3, 3, unhex("fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125")},
	{2, 5, unhex("6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		"5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
		"bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b")},
}

func unhex(texts ...string) [][]byte {
	list := make([][]byte, len(texts))
	for i, s := range texts {
		b, err := hex.DecodeString(s)
		if err != nil {
			panic(err)
		}
		list[i] = b
	}
	return list
}

func TestPublishedRoots(t *testing.T) {
	var tree Tree
	for n, want := range ctRoots {
		if got := tree.Root(); !bytes.Equal(got[:], want) || tree.Size() != uint64(n) {
			t.Errorf("root of %d leaves is %x, want %x", tree.Size(), got, want)
		}
		if n < len(ctLeaves) {
			if err := tree.Add(ctLeaves[n]); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestPublishedPaths(t *testing.T) {
	for _, v := range ctPaths {
		path, root, err := Path(v.leaf-1, v.size, slices.Values(ctLeaves[:v.size]))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(root[:], ctRoots[v.size]) {
			t.Errorf("leaf %d of %d: root %x", v.leaf, v.size, root)
		}
		same := slices.EqualFunc(path, v.path, func(a Hash, b []byte) bool { return bytes.Equal(a[:], b) })
		if !same {
			t.Errorf("leaf %d of %d: path %x, want %x", v.leaf, v.size, path, v.path)
		}
		if err := VerifyPath(Hash(ctRoots[v.size]), v.size, v.leaf-1, ctLeaves[v.leaf-1], path); err != nil {
			t.Error(err)
		}
	}
}

func TestLeavesOutOfOrderAreRefused(t *testing.T) {
	for _, next := range []string{"a", "b"} {
		var tree Tree
		for _, leaf := range []string{"a", "b"} {
			if err := tree.Add([]byte(leaf)); err != nil {
				t.Fatal(err)
			}
		}
		root := tree.Root()
		if err := tree.Add([]byte(next)); !fault.Has(err, fault.Internal) {
			t.Errorf("%q after b: %v", next, err)
		}
		if tree.Root() != root || tree.Size() != 2 {
			t.Error("a refused leaf changed the tree")
		}
	}
}

func TestEmptyLeafMayComeFirstOnly(t *testing.T) {
	var tree Tree
	if err := tree.Add(nil); err != nil {
		t.Fatal(err)
	}
	if err := tree.Add([]byte{}); err == nil {
		t.Error("the empty leaf was taken twice")
	}
}

func TestPathRefusesWhatItWasNotTold(t *testing.T) {
	leaves := ctLeaves[:5]
	for _, c := range []struct{ index, size uint64 }{{5, 5}, {0, 0}, {2, 4}, {2, 6}} {
		if _, _, err := Path(c.index, c.size, slices.Values(leaves)); !fault.Has(err, fault.Internal) {
			t.Errorf("leaf %d of %d: %v", c.index, c.size, err)
		}
	}
	if _, _, err := Path(0, 2, slices.Values(unhex("02", "01"))); !fault.Has(err, fault.Internal) {
		t.Errorf("descending leaves: %v", err)
	}
}

// recursive is the definition of RFC 9162 section 2.1.1, word by word.
func recursive(leaves [][]byte) Hash {
	switch n := len(leaves); n {
	case 0:
		return Hash(hasher.EmptyRoot())
	case 1:
		return Hash(hasher.HashLeaf(leaves[0]))
	default:
		k := 1 << (bits.Len(uint(n-1)) - 1)
		left, right := recursive(leaves[:k]), recursive(leaves[k:])
		return Hash(hasher.HashChildren(left[:], right[:]))
	}
}

// drawSet draws distinct leaves and returns them sorted.
func drawSet(t *rapid.T, least int) [][]byte {
	set := rapid.MapOfN(rapid.StringN(0, 8, 12), rapid.Just(true), least, 70).Draw(t, "set")
	var leaves [][]byte
	for _, s := range slices.Sorted(maps.Keys(set)) {
		leaves = append(leaves, []byte(s))
	}
	return leaves
}

func rootOf(t *rapid.T, leaves iter.Seq[[]byte]) Hash {
	var tree Tree
	for leaf := range leaves {
		if err := tree.Add(leaf); err != nil {
			t.Fatal(err)
		}
	}
	return tree.Root()
}

func TestRootIsAFunctionOfTheSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		leaves := drawSet(t, 0)
		want := recursive(leaves)
		shuffled := rapid.Permutation(slices.Clone(leaves)).Draw(t, "origin")
		slices.SortFunc(shuffled, bytes.Compare)
		if got := rootOf(t, slices.Values(shuffled)); got != want {
			t.Fatalf("%x, want %x", got, want)
		}
	})
}

// In version 4.1 the last of an odd number of nodes was paired with itself, so
// that a list and the same list with its tail twice had one root.
func TestTailTwiceHasAnotherRoot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		leaves := drawSet(t, 1)
		tail := rapid.IntRange(1, len(leaves)).Draw(t, "tail")
		var once, twice Tree
		for _, leaf := range leaves {
			_, _ = once.add(leaf), twice.add(leaf)
		}
		for _, leaf := range leaves[len(leaves)-tail:] {
			if err := twice.add(leaf); err != nil {
				t.Fatal(err)
			}
		}
		if once.Root() == twice.Root() {
			t.Fatal("the same root")
		}
	})
}

func TestPathVerifiesAndNothingElseDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		leaves := drawSet(t, 1)
		size := uint64(len(leaves))
		index := rapid.Uint64Range(0, size-1).Draw(t, "index")
		leaf := leaves[index]
		path, root, err := Path(index, size, slices.Values(leaves))
		if err != nil {
			t.Fatal(err)
		}
		if root != rootOf(t, slices.Values(leaves)) {
			t.Fatal("another root")
		}
		if err := VerifyPath(root, size, index, leaf, path); err != nil {
			t.Fatal(err)
		}
		refused := func(what string, err error) {
			if !fault.Has(err, fault.Invalid) {
				t.Fatalf("%s: %v", what, err)
			}
		}
		for other := range size + 2 {
			if other != index {
				refused("another index", VerifyPath(root, size, other, leaf, path))
			}
		}
		refused("another leaf", VerifyPath(root, size, index, append([]byte("x"), leaf...), path))
		refused("no leaves", VerifyPath(root, 0, index, leaf, path))
		refused("a longer path", VerifyPath(root, size, index, leaf, append(slices.Clone(path), Hash{})))
		for i := range path {
			bad := slices.Clone(path)
			bad[i][rapid.IntRange(0, 31).Draw(t, "byte")] ^= 1
			refused("a changed path", VerifyPath(root, size, index, leaf, bad))
			refused("a shorter path", VerifyPath(root, size, index, leaf, slices.Delete(slices.Clone(path), i, i+1)))
		}
	})
}

// The size is bound where it changes the shape of the path. Where it does not,
// such as for the first of 5 and of 6 leaves, root and size must be signed together.
func TestSizeThatChangesTheShapeIsRefused(t *testing.T) {
	for size := uint64(1); size <= 8; size++ {
		path, root, err := Path(0, size, slices.Values(ctLeaves[:size]))
		if err != nil {
			t.Fatal(err)
		}
		for other := range uint64(17) {
			sameShape := other > 0 && bits.Len64(other-1) == bits.Len64(size-1)
			if err := VerifyPath(root, other, 0, ctLeaves[0], path); (err == nil) != sameShape {
				t.Errorf("a path for %d leaves read as one for %d: %v", size, other, err)
			}
		}
	}
}

func ExampleTree() {
	var tree Tree
	for _, name := range []string{"a/receipt.json", "b/receipt.json"} {
		if err := tree.Add([]byte(name)); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Printf("%d leaves, root %x\n", tree.Size(), tree.Root())
	// Output:
	// 2 leaves, root 0c97e45f0a49ca4e9f2db16e3f98d4739f2dff2455d423a9d5c6cb94dd8b8093
}

// The ledger of docs/spec/ledger-ref.md, and the seal over it in
// docs/spec/receipt.md.
func TestSealOfTheSpecification(t *testing.T) {
	var tree Tree
	for _, file := range []string{
		"2096fb8e5869d62306d7424c475b947bbcabbe94c9d62dfed0f4f066463af7d7/receipt.json",
		"89ec15ec38362a593b73f97df548a653c0d1512c00ffd3457b1bbca78923a25e/receipt.json",
		"a0edb60e5c94a0020e84c4d8143ebbf61056a4ff38c9df770e6a9249bcc94760/evidence-e8acabfd1dc5b3062ad4b778a3b14956593f1a7aa122a41f9d63eda91a9d1a99",
		"a0edb60e5c94a0020e84c4d8143ebbf61056a4ff38c9df770e6a9249bcc94760/receipt.json",
	} {
		if err := tree.Add([]byte(file)); err != nil {
			t.Fatal(err)
		}
	}
	if got := fmt.Sprintf("%x", tree.Root()); got != "8ebc7dd0008576dd5e11e25de02486536eeaf30e6326c20b935b0180d50127ae" {
		t.Errorf("root %s", got)
	}
}
