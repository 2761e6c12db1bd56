package cli

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestThreads(t *testing.T) {
	for _, c := range []struct {
		name       string
		components string // a letter an entry, - for one without
		width      int
		want       []string
	}{
		{"one", "aaa", 0, []string{"●", "●", "●"}},
		{"beside each other", "abab", 0, []string{"●  ", "│ ●", "● │", "  ●"}},
		{"one after the other keep their places", "aabbc", 0, []string{"●    ", "●    ", "  ●  ", "  ●  ", "    ●"}},
		{"no component", "a-a-", 0, []string{"●  ", "│ ○", "●  ", "  ○"}},
		{"none at all", "--", 0, []string{"○", "○"}},
		{"more than places", "abcacb", 5, []string{"●    ", "│ ●  ", "│ │ ○", "● │  ", "● │  ", "  ●  "}},
		{"a narrow terminal", "ab", 1, []string{"●  ", "●  "}},
	} {
		var components []string
		for _, letter := range strings.Split(c.components, "") {
			components = append(components, strings.Trim(letter, "-"))
		}
		threads := newThreads(components, c.width)
		for i, component := range components {
			got := threads.draw(component)
			if got != c.want[i] || utf8.RuneCountInString(got) != threads.width() {
				t.Errorf("%s: entry %d is drawn as %q, %d columns, want %q", c.name, i, got, threads.width(), c.want[i])
			}
		}
	}
	many := newThreads(strings.Split("abcdefghijklmnop", ""), 0)
	if many.width() != 2*(maxThreads+1)-1 {
		t.Errorf("many take %d columns", many.width())
	}
}
