package notes

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestTogether(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		here   string
		theirs []string
		want   string
	}{
		{"a", nil, "a"},
		{"", []string{"a"}, "a"},
		{"a", []string{"a"}, "a"},
		{"b\n\na", []string{"a\n\nb"}, "a\n\nb"},
		{"a\n\nb", []string{"b"}, "a\n\nb"},
		{"b", []string{"a\n\nb"}, "a\n\nb"},
		{"b", []string{"a"}, "a\n\nb"},
		{"a\nb", []string{"b"}, "b\n\na\nb"},
		{"a", []string{"b", "c"}, "c\n\nb\n\na"},
	} {
		if got := together(c.here, c.theirs); got != c.want {
			t.Errorf("%q and %q are %q, not %q", c.here, c.theirs, got, c.want)
		}
	}
}

// Whoever takes in notes loses none, and two who take in each other's come to an end.
func TestTogetherEnds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.Map(rapid.SliceOf(rapid.SampledFrom([]string{"a", "b", "c", "d\ne"})), func(p []string) string { return strings.Join(p, "\n\n") })
		a, b := text.Draw(t, "a"), text.Draw(t, "b")
		hub := together(a, []string{b}) // a has met b
		for _, part := range append(paragraphs(a), paragraphs(b)...) {
			if !slices.Contains(paragraphs(hub), part) {
				t.Fatalf("%q is lost in %q", part, hub)
			}
		}
		if got := together(b, []string{hub}); got != hub {
			t.Fatalf("after %q b has %q", hub, got)
		}
	})
}
