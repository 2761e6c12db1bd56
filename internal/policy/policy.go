// Package policy reads and writes the covenant as people write it: TOML 1.0.
//
// A covenant says who may sign, how many must, whose time-stamps count, and what
// a push must bring. In the ledger it is canonical JSON; to write it, there is
//
//	[[principals]]
//	name = "ada"
//	groups = ["operators"]
//	ssh = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJLueo+eWx8pT705aVd+oNReI0JO3xCY3W7I92ikm0Sp ada@laptop"]
//
//	[[thresholds]]
//	kinds = ["release"]
//	signers = [{ group = "operators", count = 1 }]
//
// What is left out has a default. The document does not say its version or the
// receipt of the version before: whoever proposes it sets them.
//
// The package does not say whether a covenant is in force, and judges no
// receipt by one. The form is specified in docs/spec/covenant.md. Documents that
// are read by one version are read by later ones, with the same meaning.
package policy

import (
	"cmp"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// MaxSize is the limit of a document in bytes, as that of a receipt.
const MaxSize = receipt.MaxSize

// maxFindings is how many findings of a document are listed.
const maxFindings = 50

// Parse reads a document; file is its name in messages. The covenant has version
// 0 and no previous one, arrays sorted as its canonical form wants, and none
// that is nil.
//
// A document that is no covenant is a fault CovenantText (VM602). What is wrong
// is listed, each with file, line and column (in bytes): what breaks TOML 1.0
// alone; else all keys, types and values that cannot be read; else all that
// cannot be meant. One finding is the message, several are causes in their order.
func Parse(text []byte, file string) (*receipt.Covenant, error) {
	r := &reader{text: text, file: file, places: map[string]place{}}
	root := r.read()
	if len(r.findings) > 0 {
		return nil, r.fault()
	}
	d := r.decode(root)
	c := r.convert(&d)
	if len(r.findings) == 0 {
		r.judge(c, &d)
	}
	if len(r.findings) > 0 {
		return nil, r.fault()
	}
	return c, nil
}

// read makes a tree of the text, or finds why it is none.
func (r *reader) read() *node {
	if len(r.text) > MaxSize {
		r.add(1, "the document has %d bytes, over the limit of %d", len(r.text), MaxSize)
		return nil
	}
	if at := notUTF8(r.text); at > 0 {
		r.add(at, "not UTF-8")
		return nil
	}
	if at, err := syntax(r.text); err != nil {
		r.add(at, "%v", err)
		return nil
	}
	r.edition()
	root, err := parse(r.text)
	if err != nil {
		r.add(1, "%v", err)
	}
	return root
}

// notUTF8 is the place of the first byte that is not UTF-8, 0 if there is none.
func notUTF8(text []byte) place {
	for i := 0; i < len(text); {
		c, n := utf8.DecodeRune(text[i:])
		if c == utf8.RuneError && n == 1 {
			return place(i + 1)
		}
		i += n
	}
	return 0
}

// fault arranges the findings in the order of the document.
func (r *reader) fault() error {
	slices.SortStableFunc(r.findings, func(a, b finding) int { return cmp.Compare(a.at, b.at) })
	n := len(r.findings)
	if n == 1 {
		return fault.New(fault.CovenantText, "%s", r.sentence(r.findings[0]))
	}
	var below error
	if n > maxFindings {
		below = fault.New(fault.CovenantText, "and %d more", n-maxFindings)
	}
	for _, f := range slices.Backward(r.findings[:min(n, maxFindings)]) {
		below = fault.New(fault.CovenantText, "%s", r.sentence(f)).Because(below)
	}
	return fault.New(fault.CovenantText, "%s has %d faults", r.file, n).Because(below)
}

func (r *reader) sentence(f finding) string {
	line, column := lineColumn(r.text, f.at)
	return fmt.Sprintf("%s:%d:%d: %s", r.file, line, column, f.text)
}
