package templates

import (
	"slices"
	"unicode"
	"unicode/utf8"
)

// isLine tells whether a text is one line for people, as receipts have it: UTF-8 without
// control characters, line ends, noncharacters and what reverses the direction of text.
func isLine(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if isHidden(r) {
			return false
		}
	}
	return true
}

// The characters that end lines or turn text around (UAX 9).
var turning = []rune{0x2028, 0x2029, 0x061C, 0x200E, 0x200F, 0x202A, 0x202B, 0x202C, 0x202D, 0x202E, 0x2066, 0x2067, 0x2068, 0x2069}

func isHidden(r rune) bool {
	noncharacter := r&0xFFFE == 0xFFFE || r >= 0xFDD0 && r <= 0xFDEF
	return unicode.IsControl(r) || noncharacter || slices.Contains(turning, r)
}
