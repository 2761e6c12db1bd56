package cli

import "strings"

// treeHash is the hash of docs/spec/seal.md for a shell: of a leaf that is read, and of
// two nodes, which printf writes as bytes.
const treeHash = `hash() { sha256sum | cut -c1-64; }; leaf() { { printf '\000'; cat; } | hash; }; ` +
	`node() { { printf '\001'; printf "$(echo $1$2 | awk '{ d = "0123456789abcdef"; for (i = 1; i < length($0); i += 2) printf "\\%03o", 16 * index(d, substr($0, i, 1)) + index(d, substr($0, i + 1, 1)) - 17 }')"; } | hash; }; `

// sealedTree makes the root of a seal anew, out of the names in the tree of the commit
// that it names. In a large ledger that takes its time: a few processes a name.
func sealedTree(head, seal string) string {
	return "( " + treeHash + strings.Join([]string{
		"set -- $(git ls-tree --full-tree -r --name-only " + head + ` | sed -n 's,^[0-9]*/[0-9]*/[0-9]*/[0-9a-f]*/,,p' | LC_ALL=C sort | while read -r name; do printf %s "$name" | leaf; done)`,
		`while [ $# -gt 1 ]; do above=; while [ $# -gt 1 ]; do above="$above $(node $1 $2)"; shift 2; done; set -- $above "$@"; done`,
		seal + ` | grep -q "\"root\":\"$1\"" )`,
	}, "; ")
}

// sealedPaths goes from the name of each file of a receipt to the root of the seal, by
// RFC 9162 section 2.1.3.2, over the paths in a proof.json. What a stranger's seal says is
// taken as digits or not at all: some shells run what stands in a variable that they
// calculate with.
func sealedPaths(manifest, id, seal string) string {
	return "( " + treeHash + strings.Join([]string{
		"root=$(" + seal + ` | sed -n 's/.*"root":"\([0-9a-f]*\)".*/\1/p') files=$(` + seal + ` | sed -n 's/.*"files":\([0-9]*\),.*/\1/p')`,
		manifest + ` | grep -q '"name":"receipt.json","path":' || exit 1`,
		manifest + ` | grep -o '"index":[^]]*' | tr -d '"[' | sed 's/index:\(.*\),name:\(.*\),path:/\1 \2 /' | ` +
			"while read -r fn name path; do sn=$((files - 1)) r=$(printf %s " + id + `/"$name" | leaf)`,
		`for p in $(echo "$path" | tr , ' '); do if [ $((fn % 2)) = 0 ] && [ $fn != $sn ]; then r=$(node $r $p)`,
		"else r=$(node $p $r); while [ $((fn % 2)) = 0 ] && [ $fn != 0 ]; do fn=$((fn / 2)) sn=$((sn / 2)); done; fi",
		`fn=$((fn / 2)) sn=$((sn / 2)); done; [ $sn = 0 ] && [ "$r" = "$root" ] || exit 1; done )`,
	}, "; ")
}
