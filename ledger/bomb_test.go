package ledger

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
)

// A few kilobytes name the same folders over and over: a thousand years of
// twelve months of 28 days of 256 fans. Whoever follows every name is at it for
// hours.
func TestFoldersThatAreNamedOverAndOverAreReadOnce(t *testing.T) {
	t.Parallel()
	b := newBuilder(t, "sha1")
	g := genesis(t, "bomb", "2026-11-22T14:05:00Z")
	good := b.base(g)
	r := release(t, g, "2026-11-22T14:05:01Z", "v1")
	below := b.tree(files{strings.Repeat("0", 64) + "/receipt.json": b.blob(string(r))})
	for _, level := range []struct{ first, last, digits int }{{0, 255, 0}, {1, 28, 2}, {1, 12, 2}} {
		var lines []line
		for n := level.first; n <= level.last; n++ {
			name := fmt.Sprintf("%02x", n)
			if level.digits > 0 {
				name = fmt.Sprintf("%02d", n)
			}
			lines = append(lines, line{name, below})
		}
		below = b.raw(lines...)
	}
	hostile := good.with(nil)
	for year := 3000; year < 4000; year++ {
		hostile[fmt.Sprint(year)] = below
	}
	earlier := b.ledger(b.tree(good))
	l, err := earlier.At(context.Background(), gitrepo.OID(b.commit(b.tree(hostile))))
	if err != nil {
		t.Fatal(err)
	}
	entries, same := 0, 0
	count := Visitor{
		Entry: func(*Entry) error { entries++; return nil },
		Problem: func(p Problem) error {
			if strings.Contains(p.Err.Error(), "the same folder as another") {
				same++
			}
			return nil
		},
	}
	if err := l.Walk(context.Background(), count); err != nil {
		t.Error(err)
	}
	grown, err := l.Grown(context.Background(), earlier, count)
	if err != nil || !grown {
		t.Errorf("grown: %v %v", grown, err)
	}
	if want := 999 + 11 + 27 + 255; entries != 3 || same != 2*want {
		t.Errorf("%d entries, %d folders that are there already; want 3 and %d", entries, same, 2*want)
	}
	if err := l.Walk(context.Background(), Visitor{}); err == nil {
		t.Error("a walk to which nobody listens passes over it")
	}
}
