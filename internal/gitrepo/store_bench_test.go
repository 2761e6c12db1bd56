package gitrepo

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// BenchmarkStores times what both stores do, each opened anew as by a command of its
// own: the figures of docs/adr/0006. Opening the repository is not counted.
func BenchmarkStores(b *testing.B) {
	const n = 100_000
	s := newScratch(b)
	s.pipe(benchObjects(n), "fast-import", "--quiet")
	s.git("gc", "--quiet")
	var packed []OID
	for line := range strings.Lines(string(s.pipe("", "rev-list", "--objects", "--all"))) {
		packed = append(packed, OID(strings.TrimSpace(line)[:40]))
	}
	loose := blobs("sha1", 64)
	mustWriteAll(b, s.open(), loose)
	source := rand.New(rand.NewPCG(1, 1))
	some := func(from []OID, count int) []OID {
		ids := make([]OID, count)
		for i := range ids {
			ids[i] = from[source.IntN(len(from))]
		}
		return ids
	}
	for _, c := range []struct {
		name string
		ids  []OID
	}{
		{"1 loose", idsOf(loose[:1])}, {"32 loose", idsOf(loose[:32])},
		{"1 packed", some(packed, 1)}, {"8 packed", some(packed, 8)}, {"32 packed", some(packed, 32)}, {"1000 packed", some(packed, 1000)},
	} {
		for name := range stores(s.open()) {
			b.Run(name+" reads "+c.name, func(b *testing.B) {
				for b.Loop() {
					b.StopTimer()
					r := s.open()
					b.StartTimer()
					store := stores(r)[name]
					err := store.ReadMany(context.Background(), c.ids, roomy, func(_ int, _ Object, err error) error { return err })
					if err != nil {
						b.Fatal(err)
					}
					r.Close()
				}
			})
		}
	}
	for _, count := range []int{4, 8, 32, 200} {
		for name := range stores(s.open()) {
			b.Run(fmt.Sprintf("%s writes %d", name, count), func(b *testing.B) {
				for i := 0; b.Loop(); i++ {
					b.StopTimer()
					r := s.open()
					objects := make([]Object, count)
					for j := range objects {
						objects[j] = NewObject("sha1", TypeBlob, fmt.Appendf(nil, "%d %d %d %s", source.Uint64(), i, j, strings.Repeat("x", 300)))
					}
					b.StartTimer()
					mustWriteAll(b, stores(r)[name], objects)
				}
			})
		}
	}
}

func mustWriteAll(b *testing.B, store Store, objects []Object) {
	if err := store.Write(context.Background(), objects); err != nil {
		b.Fatal(err)
	}
}

// benchObjects is a history of files that differ little, as git fast-import reads it.
func benchObjects(n int) string {
	var w strings.Builder
	for i := range n {
		if i%1000 == 0 {
			fmt.Fprintf(&w, "commit refs/heads/main\ncommitter A <a@example.com> %d +0000\ndata 1\nx\n", i)
		}
		text := fmt.Sprintf(`{"component":"api","number":%d,"note":"rollout finished, error rate unchanged"}`, i)
		fmt.Fprintf(&w, "M 100644 inline %02x/%04x/f%d\ndata %d\n%s\n", i%256, i%4096, i, len(text), text)
	}
	return w.String()
}
