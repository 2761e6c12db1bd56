// Package canon is the one spelling of JSON that git-vaultmesh signs, hashes
// and stores: RFC 8785 (JCS), with the freedom that RFC 8785 leaves taken away.
//
// What it is for: two programs that hold the same value hold the same bytes,
// so a SHA-256 over the bytes is an identity. What it is not for: reading
// JSON from people; there is no lenient mode.
//
// Bytes are canonical when
//
//  1. they are at most a given size, checked before anything is parsed;
//  2. the top level is an object, and nothing is nested deeper than [MaxDepth];
//  3. every number is an integer within ±(2^53−1), written without fraction,
//     exponent or minus zero;
//  4. every string is valid UTF-8 without U+0000 and without noncharacters;
//  5. no object has a name twice;
//  6. they equal their own RFC 8785 transformation, byte for byte.
//
// An example, whole:
//
//	{"kind":"release","subjects":[{"name":"api.tar.gz","size":18}],"version":"v1.4.0"}
//
// The rules are frozen with the receipt format. docs/spec/canonical.md is
// the normative text.
package canon

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gowebpki/jcs"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// MaxDepth is how deep objects and arrays may be nested, the top level included.
const MaxDepth = 32

// MaxInteger is the largest integer, and -MaxInteger the smallest, that every
// JSON reader keeps exactly (RFC 7493 section 2.2).
const MaxInteger = 1<<53 - 1

// Check returns nil when b is canonical and at most limit bytes long.
// Otherwise it is a fault: TooLarge (VM202), NotUTF8 (VM204) or NotCanonical
// (VM201) with the offset of the first byte that offends, where one does.
func Check(b []byte, limit int) error {
	if err := Scan(b, limit); err != nil {
		return err
	}
	spelled, err := jcs.Transform(b)
	if err != nil {
		return fault.New(fault.NotCanonical, "not JSON").Because(err)
	}
	if !bytes.Equal(spelled, b) {
		return notCanonical(firstDifference(spelled, b), "spelled otherwise than RFC 8785 does")
	}
	return nil
}

// Scan checks in one pass what bounds the cost of reading b with any parser:
// rules 1 to 3, and rule 4 for characters that are not escaped. The faults are
// those of [Check].
func Scan(b []byte, limit int) error {
	if len(b) > limit {
		return fault.New(fault.TooLarge, "%d bytes of JSON are over the limit of %d", len(b), limit)
	}
	return scan(b)
}

// Marshal returns the canonical bytes of v, which must encode to an object.
// The faults are those of [Check].
func Marshal(v any, limit int) ([]byte, error) {
	b, err := Spell(v, limit)
	if err != nil {
		return nil, err
	}
	return b, Check(b, limit)
}

// Spell returns the RFC 8785 bytes of v and does not check them. It is for
// comparing them with bytes: those that equal the spelling of a value, and
// pass [Scan], are canonical.
func Spell(v any, limit int) ([]byte, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, fault.New(fault.NotCanonical, "value has no JSON form").Because(err)
	}
	if len(raw) > 6*limit { // an escape such as \u001f is six bytes for one
		return nil, fault.New(fault.TooLarge, "%d bytes of JSON are over the limit of %d", len(raw), limit)
	}
	if plain(raw) {
		return raw, nil
	}
	b, err := jcs.Transform(raw)
	if err != nil {
		return nil, fault.New(fault.NotCanonical, "value has no canonical form").Because(err)
	}
	return b, nil
}

// plain tells whether compact JSON, as encoding/json writes it, is its own
// RFC 8785 form: no string has an escape, so that each is spelled in the one way
// left, every number is an integer, and the names in an object, all of ASCII,
// are sorted.
func plain(raw []byte) bool {
	var names []string // the last one of each object or array that is open
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case c == '{' || c == '[':
			names = append(names, "")
		case c == '}' || c == ']':
			names = names[:len(names)-1]
		case c == '-' || '0' <= c && c <= '9':
			end, err := scanInteger(raw, i)
			if err != nil {
				return false
			}
			i = end - 1
		case c == '"':
			text := raw[i+1 : i+1+bytes.IndexByte(raw[i+1:], '"')]
			if bytes.IndexByte(text, '\\') >= 0 {
				return false
			}
			if i += len(text) + 1; i+1 == len(raw) || raw[i+1] != ':' {
				continue
			}
			name := string(text)
			if name <= names[len(names)-1] || strings.ContainsFunc(name, func(r rune) bool { return r >= utf8.RuneSelf }) {
				return false
			}
			names[len(names)-1] = name
		}
	}
	return true
}

// scan checks in one pass, without recursion, what RFC 8785 leaves open and
// what would make its transformation costly: depth, numbers, characters.
func scan(b []byte) error {
	if len(b) == 0 || b[0] != '{' {
		return notCanonical(0, "the top level is not an object")
	}
	depth := 0
	for i := 0; i < len(b); {
		switch c := b[i]; {
		case c == '"':
			end, err := scanString(b, i)
			if err != nil {
				return err
			}
			i = end
		case c == '-' || '0' <= c && c <= '9':
			end, err := scanInteger(b, i)
			if err != nil {
				return err
			}
			i = end
		default:
			if c == '{' || c == '[' {
				depth++
			}
			if c == '}' || c == ']' {
				depth--
			}
			if depth > MaxDepth {
				return notCanonical(i, "nested deeper than %d", MaxDepth)
			}
			i++
		}
	}
	return nil
}

// scanString checks the string that begins at b[i] and returns the offset
// behind its closing quote.
func scanString(b []byte, i int) (int, error) {
	for i++; i < len(b); {
		switch {
		case b[i] == '"':
			return i + 1, nil
		case b[i] == '\\':
			if bytes.HasPrefix(b[i:], []byte(`\u0000`)) {
				return 0, notCanonical(i, "the character U+0000 is not allowed")
			}
			i += 2
		default:
			r, size := utf8.DecodeRune(b[i:])
			if r == utf8.RuneError && size == 1 {
				return 0, fault.New(fault.NotUTF8, "byte %d is not UTF-8", i)
			}
			if Noncharacter(r) {
				return 0, notCanonical(i, "the noncharacter %U is not allowed", r)
			}
			i += size
		}
	}
	return 0, notCanonical(len(b), "a string has no end")
}

// scanInteger checks the number that begins at b[i] and returns the offset
// behind it.
func scanInteger(b []byte, i int) (int, error) {
	end := i
	for end < len(b) && bytes.IndexByte([]byte("+-.0123456789Ee"), b[end]) >= 0 {
		end++
	}
	text := string(b[i:end])
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != text {
		return 0, notCanonical(i, "a number is not a plain integer")
	}
	if n > MaxInteger || n < -MaxInteger {
		return 0, notCanonical(i, "an integer is beyond ±(2^53-1)")
	}
	return end, nil
}

// Noncharacter tells whether r is one of the 66 code points that Unicode
// keeps for no character (The Unicode Standard, section 23.7).
func Noncharacter(r rune) bool {
	return r&0xFFFE == 0xFFFE || 0xFDD0 <= r && r <= 0xFDEF
}

func notCanonical(offset int, format string, args ...any) error {
	return fault.New(fault.NotCanonical, "not canonical at byte %d", offset).
		Because(fault.New(fault.NotCanonical, format, args...))
}

func firstDifference(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
