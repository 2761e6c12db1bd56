package manifest

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

const (
	sumEmpty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	sumABC   = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
)

func TestScan(t *testing.T) {
	list, err := Scan(t.Context(), fstest.MapFS{
		"empty":    {},
		"a/b/abc":  {Data: []byte("abc")},
		"a/a link": {Mode: 0o777 | fs.ModeSymlink, Data: []byte("abc")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := sumABC + "  a/b/abc\n" + sumEmpty + "  empty\n"; list.String() != want {
		t.Errorf("got\n%swant\n%s", list, want)
	}
}

func TestScanEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Scan(ctx, fstest.MapFS{"file": {}}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestNamesThatDoNotFit(t *testing.T) {
	if _, err := Scan(t.Context(), fstest.MapFS{"a\nb": {}}); err == nil {
		t.Error("a line feed would begin a new line of the list")
	}
}

func TestParse(t *testing.T) {
	want := List{"a b": sumABC, "c": sumEmpty}
	for _, text := range []string{
		want.String(),
		sumEmpty + " *./c\n" + strings.ToUpper(sumABC) + "  a b",
	} {
		if got, err := Parse(text); err != nil || !maps.Equal(got, want) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	if got, err := Parse(""); err != nil || len(got) != 0 {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{
		"\n", "x", sumABC, sumABC + "  ", sumABC + " path", sumABC[1:] + "  path", "g" + sumABC[1:] + "  path",
		sumABC + "  ../path\n", sumABC + "  /path\n", sumABC + "  a//b\n",
		sumABC + "  path\n" + sumEmpty + "  path\n", sumABC + "  path\n\n",
	} {
		if got, err := Parse(text); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// FuzzParse sees that what is accepted is written as it was read.
func FuzzParse(f *testing.F) {
	f.Add(sumABC + "  a\n" + sumEmpty + " *b c\n")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(list.String())
		if err != nil || !maps.Equal(list, again) {
			t.Errorf("%q became %q: %v", text, list, err)
		}
	})
}

func TestCompare(t *testing.T) {
	before := List{"a": "1", "b": "1", "c": "1"}
	now := List{"a": "1", "c": "2", "d": "1"}
	want := []Change{{"removed", "b"}, {"changed", "c"}, {"added", "d"}}
	if got := Compare(before, now); !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	if got := Compare(now, now); len(got) != 0 {
		t.Errorf("got %v", got)
	}
}
