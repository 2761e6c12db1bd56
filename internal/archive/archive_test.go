package archive

import (
	"archive/tar"
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// Another reader of tar finds what was written, at the edges of what a header has room for.
func TestReadsBack(t *testing.T) {
	entries := []Entry{
		{Path: "a", Kind: File, Size: 1}, {Path: "b", Kind: Executable, Size: 512}, {Path: "c", Kind: Link, Target: "a"},
		{Path: "d/e", Kind: Folder}, {Path: strings.Repeat("f", 100), Size: 0}, {Path: strings.Repeat("g", 101), Size: 513},
		{Path: "h\n\xff", Size: 2}, {Path: strings.Repeat("i/", 2000) + "i", Kind: Link, Target: strings.Repeat("t", 4096)},
		{Path: strings.Repeat("j", 99), Kind: Folder}, {Path: strings.Repeat("k", 100), Kind: Folder},
	}
	// A record says its own length: where that takes one digit more.
	for n := 85; n < 105; n++ {
		entries = append(entries, Entry{Path: "\xc3\xa4" + strings.Repeat("m", n), Size: int64(n)})
	}
	var b bytes.Buffer
	w, err := Begin(&b, strings.Repeat("1", 40), 1700000000)
	for _, e := range entries {
		if err == nil {
			err = w.Add(e, strings.NewReader(strings.Repeat("x", int(e.Size))))
		}
	}
	if err == nil {
		err = w.End()
	}
	if err != nil || b.Len()%512 != 0 {
		t.Fatalf("%d bytes, %v", b.Len(), err)
	}
	r := tar.NewReader(&b)
	if h, err := r.Next(); err != nil || h.PAXRecords["comment"] != strings.Repeat("1", 40) {
		t.Fatalf("the global header: %+v, %v", h, err)
	}
	for _, e := range entries {
		h, err := r.Next()
		if err != nil {
			t.Fatalf("%.50q: %v", e.Path, err)
		}
		content, err := io.ReadAll(r)
		if err != nil || int64(len(content)) != e.Size {
			t.Errorf("%.50q: %d bytes, %v", e.Path, len(content), err)
		}
		want := e.Path
		if e.Kind == Folder {
			want += "/"
		}
		if h.Name != want || h.Linkname != e.Target || h.ModTime.Unix() != 1700000000 || h.Uid+h.Gid != 0 {
			t.Errorf("%.50q: %+v", e.Path, h)
		}
	}
	if _, err := r.Next(); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
}

func TestTimesOutsideOfAHeaderAreTheNearest(t *testing.T) {
	for time, want := range map[int64]string{-5: "00000000000", 1 << 40: "77777777777", 8: "00000000010"} {
		var b bytes.Buffer
		if _, err := Begin(&b, "1", time); err != nil || string(b.Bytes()[136:147]) != want {
			t.Errorf("%d: %q, %v", time, b.Bytes()[136:147], err)
		}
	}
}

func TestRefuses(t *testing.T) {
	for _, e := range []Entry{
		{Path: ""}, {Path: "/a"}, {Path: "a/"}, {Path: "a//b"}, {Path: "."}, {Path: "a/../b"}, {Path: ".git"}, {Path: "a/.GIT/config"}, {Path: "a\x00"},
		{Path: strings.Repeat("a", 4097)}, {Path: "a", Size: MaxFile + 1}, {Path: "a", Size: -1}, {Path: "a", Kind: Link}, {Path: "a", Target: "b"},
		{Path: "a", Kind: Link, Target: "b\x00"}, {Path: "a", Kind: Link, Target: strings.Repeat("b", 4097)},
	} {
		w, err := Begin(io.Discard, "1", 0)
		if err == nil {
			err = w.Add(e, strings.NewReader(""))
		}
		if !fault.Has(err, fault.BadTree) {
			t.Errorf("%.40q: %v", e.Path, err)
		}
	}
	w, _ := Begin(io.Discard, "1", 0)
	if err := w.Add(Entry{Path: "a", Size: 3}, strings.NewReader("xx")); !fault.Has(err, fault.Internal) {
		t.Errorf("too few bytes: %v", err)
	}
}
