package gitrepo

import (
	"bytes"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// Tag is an annotated tag.
type Tag struct {
	Object    OID    // what it is a tag of
	Type      string // of that object
	Name      string // by its own word: the ref that leads to it may have another
	Message   []byte // all of it but the signature, which is what the signature is over
	Signature []byte // as git wrote it, in armor; empty where there is none
}

// signatures are the lines by which git knows where a tag's signature begins
// (git's gpg-interface.c).
var signatures = []string{"-----BEGIN PGP SIGNATURE-----", "-----BEGIN PGP MESSAGE-----", "-----BEGIN SIGNED MESSAGE-----", "-----BEGIN SSH SIGNATURE-----"}

// ParseTag reads a tag's bytes. The header's first three lines must be object, type and
// tag. The fault is ObjectCorrupt (VM510).
func ParseTag(algorithm string, data []byte) (Tag, error) {
	at := signatureOf(data)
	t := Tag{Message: data[:at], Signature: data[at:]}
	head, _, whole := bytes.Cut(t.Message, []byte("\n\n"))
	if !whole {
		return t, fault.New(fault.ObjectCorrupt, "a tag has no end of its header")
	}
	lines := strings.Split(string(head), "\n")
	values := make([]string, 3)
	for i, name := range []string{"object", "type", "tag"} {
		value, ok := "", i < len(lines)
		if ok {
			value, ok = strings.CutPrefix(lines[i], name+" ")
		}
		if !ok {
			return t, fault.New(fault.ObjectCorrupt, "a tag lacks the line %s of its header", name)
		}
		values[i] = value
	}
	t.Object, t.Type, t.Name = OID(values[0]), values[1], values[2]
	if !isOID(algorithm, t.Object) {
		return t, fault.New(fault.ObjectCorrupt, "a tag names its object by no object id")
	}
	return t, nil
}

// signatureOf is where the signature in a tag's bytes begins: at the last line that
// begins one, as git has it; where there is none, at the end.
func signatureOf(data []byte) int {
	found := len(data)
	for at := 0; at < len(data); {
		for _, begin := range signatures {
			if bytes.HasPrefix(data[at:], []byte(begin)) {
				found = at
			}
		}
		end := bytes.IndexByte(data[at:], '\n')
		if end < 0 {
			break
		}
		at += end + 1
	}
	return found
}
