package bundle

import (
	"archive/tar"
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

func write(t testing.TB, files ...File) []byte {
	t.Helper()
	b, err := Write(files)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func refused(t *testing.T, b []byte, rule string) {
	t.Helper()
	_, err := Read(b)
	if !fault.Has(err, fault.BadProofFile) || !strings.Contains(err.Error(), rule) {
		t.Errorf("got %v, want a refusal with %q", err, rule)
	}
}

// sample has an empty file, one that fills its blocks, and names at the borders.
func sample() []File {
	return []File{
		{"anchor.json", []byte("{}")},
		{"empty", nil},
		{"full", bytes.Repeat([]byte("x"), 1024)},
		{strings.Repeat("n", 100), []byte("a name of 100 bytes")},
		{strings.Repeat("p", 155) + "/" + strings.Repeat("n", 100), []byte("the longest name")},
		{strings.Repeat("d/", 60) + "receipt.json", []byte("many folders")},
	}
}

func TestBytesAreForEver(t *testing.T) {
	const want = "39ab28488ff45112dad3ae5642b71e29551df117a45fe913e7f17dd315c8cd24"
	if got := fmt.Sprintf("%x", sha256.Sum256(write(t, sample()...))); got != want {
		t.Errorf("the archive of the sample is %s, want %s", got, want)
	}
	if b := write(t); !bytes.Equal(b, make([]byte, 1024)) {
		t.Errorf("the archive of no files has %d bytes", len(b))
	}
}

func TestReadGivesWhatWasWritten(t *testing.T) {
	files := sample()
	slices.SortFunc(files, func(a, b File) int { return cmp.Compare(a.Name, b.Name) })
	b := write(t, sample()...)
	got, err := Read(b)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.EqualFunc(got, files, sameFile) {
		t.Errorf("got %v", got)
	}
	_ = append(got[1].Data, 'x')
	if again, err := Read(b); err != nil || !slices.EqualFunc(again, files, sameFile) {
		t.Error("a file reaches into what follows it")
	}
}

func sameFile(a, b File) bool { return a.Name == b.Name && bytes.Equal(a.Data, b.Data) }

func drawFiles(t *rapid.T) []File {
	segment := rapid.StringMatching(`[a-z0-9_][a-z0-9._-]{0,30}`)
	name := rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(segment, 1, 6).Draw(t, "segments"), "/")
	})
	set := rapid.MapOfN(name, rapid.SliceOfN(rapid.Byte(), 0, 1100), 0, 8).Draw(t, "files")
	var files []File
	for _, n := range slices.Sorted(maps.Keys(set)) {
		files = append(files, File{n, set[n]})
	}
	return files
}

// The standard library's writer gives the same bytes, which it does not promise.
func TestLikeTheStandardLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		files := drawFiles(t)
		if checkNames(files) != "" {
			t.Skip("a file is a folder, or a name too long")
		}
		got, err := Write(rapid.Permutation(slices.Clone(files)).Draw(t, "order"))
		if err != nil {
			t.Fatal(err)
		}
		var want bytes.Buffer
		w := tar.NewWriter(&want)
		for _, f := range files {
			if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: f.Name, Size: int64(len(f.Data)), Mode: 0o644, Format: tar.FormatUSTAR}); err != nil {
				t.Fatal(err)
			}
			_, _ = w.Write(f.Data)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want.Bytes()) {
			t.Fatal("other bytes")
		}
		read, err := Read(got)
		if err != nil || !slices.EqualFunc(read, files, sameFile) {
			t.Fatalf("read %v, %v", read, err)
		}
	})
}

func TestRealTarReadsIt(t *testing.T) {
	program, err := exec.LookPath("tar")
	if err != nil {
		t.Skip("no tar on this machine")
	}
	folder := t.TempDir()
	archive := filepath.Join(folder, "x.vmproof")
	files := sample()
	if err := os.WriteFile(archive, write(t, files...), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		out, err := exec.Command(program, append(args, "-C", folder)...).CombinedOutput()
		if err != nil {
			t.Fatalf("tar %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	slices.SortFunc(files, func(a, b File) int { return cmp.Compare(a.Name, b.Name) })
	names := ""
	for _, f := range files {
		names += f.Name + "\n"
	}
	if got := run("-tf", archive); got != names {
		t.Errorf("tar lists %s", got)
	}
	if got := run("-xf", archive); got != "" {
		t.Errorf("tar says %s", got)
	}
	for _, f := range files {
		if got, err := os.ReadFile(filepath.Join(folder, f.Name)); err != nil || !bytes.Equal(got, f.Data) {
			t.Errorf("%s: %q, %v", f.Name, got, err)
		}
	}
}

func TestNamesThatMayNotBe(t *testing.T) {
	long := strings.Repeat("x", 101)
	for _, name := range []string{"", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "./a", "-a", "a/-b", "A", "a b", "ä", "a\\b", "a\x00", "a\n",
		long, "a/" + long, long + "/" + long, strings.Repeat("x", 156) + "/a", strings.Repeat("a/", 150) + "b"} {
		if _, err := Write([]File{{name, nil}}); !fault.Has(err, fault.Internal) {
			t.Errorf("%q was written: %v", name, err)
		}
	}
	for _, pair := range [][2]string{{"a", "a"}, {"a", "a/b"}, {"a/b", "a/b/c/d"}} {
		if _, err := Write([]File{{pair[0], nil}, {"a-b", nil}, {pair[1], nil}}); !fault.Has(err, fault.Internal) {
			t.Errorf("%q were written: %v", pair, err)
		}
	}
}

func TestLimits(t *testing.T) {
	if _, err := Write([]File{{"a", make([]byte, MaxSize-end-block+1)}}); !fault.Has(err, fault.TooLarge) {
		t.Errorf("a byte too many: %v", err)
	}
	b := write(t, File{"a", make([]byte, MaxSize-end-block)})
	if _, err := Read(b); err != nil || len(b) != MaxSize {
		t.Errorf("%d bytes: %v", len(b), err)
	}
	refused(t, append(b, 0), "over the limit")
	many := make([]File, MaxFiles+1)
	for i := range many {
		many[i].Name = fmt.Sprintf("%04d", i)
	}
	if _, err := Write(many); !fault.Has(err, fault.TooLarge) {
		t.Errorf("a file too many: %v", err)
	}
	b = write(t, many[:MaxFiles]...)
	if got, err := Read(b); err != nil || len(got) != MaxFiles {
		t.Errorf("%d files: %v", len(got), err)
	}
	more := append(b[:len(b)-end:len(b)-end], header("9999", 0)...)
	refused(t, append(more, make([]byte, end)...), "more than 4096 files")
}

func TestEveryFlippedBitIsRefusedOrAnotherContent(t *testing.T) {
	files := []File{{"a", []byte("abc")}, {strings.Repeat("d/", 60) + "b", []byte("def")}}
	b := write(t, files...)
	for i := range b {
		for bit := range 8 {
			mangled := bytes.Clone(b)
			mangled[i] ^= 1 << bit
			got, err := Read(mangled)
			if err != nil {
				continue
			}
			if again := write(t, got...); !bytes.Equal(again, mangled) {
				t.Fatalf("byte %d, bit %d: read and not what is written", i, bit)
			}
			if content := i >= 512 && i < 515 || i >= 1536 && i < 1539; !content {
				t.Errorf("byte %d, bit %d: read", i, bit)
			}
		}
	}
}

func TestOtherLengthsAreRefused(t *testing.T) {
	b := write(t, File{"a", []byte("abc")}, File{"b", []byte("def")})
	for n := range b {
		refused(t, b[:n], "")
	}
	for n := 1; n <= 20; n++ {
		refused(t, append(bytes.Clone(b), make([]byte, n*256)...), "zeros follow")
	}
	refused(t, append(bytes.Clone(b), b...), "behind the last file")
	refused(t, append(bytes.Clone(b), 1), "behind the last file")
}

// forge puts parts and the end together.
func forge(parts ...[]byte) []byte {
	return append(bytes.Join(parts, nil), make([]byte, end)...)
}

func TestForgeriesAreRefusedByTheirRule(t *testing.T) {
	a, b := header("a", 0), header("b", 0)
	refused(t, forge(b, a), `"a" does not come after "b"`)
	refused(t, forge(a, a), `"a" does not come after "a"`)
	refused(t, forge(a, header("a/b", 0)), `"a" is a file and the folder of "a/b"`)
	refused(t, forge(header("../a", 0)), "segment")
	refused(t, forge(header("A", 0)), "character")
	refused(t, forge(header("a", 3)), "without two blocks of zeros")
	refused(t, forge(header("a", 1025)), "ends before its 1025 bytes")
	refused(t, forge(header("a", 1<<31-1024)), "ends before its")
	refused(t, forge(header("a", 1), []byte("x"), make([]byte, 510), []byte("y")), "not padded")
	for _, c := range []struct {
		at   int
		text string
		rule string
	}{
		{1, "\x00b", "the name"}, {100, "0000755", "the mode"}, {108, "0001750", "the owner"}, {116, "0001750", "the group"},
		{124, "          0", "the size"}, {124, "-0000000001", "no size"}, {124, "\x80\x00", "no size"},
		{136, "14000000000", "the time"}, {156, "\x00", "the type"}, {156, "5", "the type"},
		{156, "2", "the type"}, {156, "x", "the type"}, {156, "L", "the type"}, {157, "etc", "the link"}, {257, "ustar  \x00", "the magic"}, {265, "root", "the owner's name"},
		{297, "root", "the group's name"}, {329, "0000001", "the device"}, {345, "d", "the name"}, {346, "x", "the prefix"}, {500, "x", "the end"}, {511, "x", "the end"},
	} {
		h := bytes.Clone(a)
		copy(h[c.at:], c.text)
		refused(t, forge(resum(h)), c.rule)
	}
	h := bytes.Clone(a)
	copy(h[148:], " 00")
	refused(t, forge(h), "the checksum")
}

// resum gives a header the checksum that it should have.
func resum(h []byte) []byte {
	copy(h[148:156], "        ")
	sum := 0
	for _, c := range h {
		sum += int(c)
	}
	copy(h[148:], fmt.Sprintf("%06o\x00 ", sum))
	return h
}

func FuzzRead(f *testing.F) {
	f.Add(write(f))
	f.Add(write(f, sample()...))
	f.Add(forge(header("b", 0), header("a", 0)))
	f.Fuzz(func(t *testing.T, b []byte) {
		files, err := Read(b)
		if err != nil {
			if !fault.Has(err, fault.BadProofFile) {
				t.Fatalf("a fault of another code: %v", err)
			}
			return
		}
		again, err := Write(files)
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("read and not written alike: %v", err)
		}
	})
}
