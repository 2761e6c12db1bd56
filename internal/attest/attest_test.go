package attest

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// needs skips where a tool is missing.
func needs(t *testing.T, tools ...string) {
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("needs " + tool)
		}
	}
}

func id(digit string) receipt.ID {
	d, err := receipt.ParseDigest(strings.Repeat(digit, 64))
	if err != nil {
		panic(err)
	}
	return d
}

func attested(digit string, commit string, a receipt.Attestation) *ledger.Entry {
	return &ledger.Entry{ID: id(digit), Receipt: &receipt.Receipt{Kind: receipt.KindAttestation, Commit: receipt.Object("sha1:" + strings.Repeat(commit, 40)), Attestation: &a}}
}

// Every badge but the one that is derived is refused: each byte of it counts.
func TestBadgeOfAnotherIsRefused(t *testing.T) {
	e := attested("a", "1", receipt.Attestation{Type: Tests, Totals: &receipt.Totals{Passed: 3, Skipped: 1, Total: 4}})
	good, err := Badge(e.ID, e.Receipt)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"color":"brightgreen","commit":"sha1:` + strings.Repeat("1", 40) + `","label":"tests","message":"3 passed, 1 skipped","receipt":"` + strings.Repeat("a", 64) + `","schemaVersion":1}`
	if string(good) != want {
		t.Errorf("got %s", good)
	}
	if err := CheckBadge(good, e.Receipt.Commit, e); err != nil {
		t.Error(err)
	}
	for i := range good {
		for _, wrong := range [][]byte{append(bytes.Clone(good[:i]), append([]byte{good[i] ^ 1}, good[i+1:]...)...), good[:i]} {
			if err := CheckBadge(wrong, e.Receipt.Commit, e); !fault.Has(err, fault.BadBadge) {
				t.Fatalf("%s: %v", wrong, err)
			}
		}
	}
	other, newer := attested("a", "2", *e.Receipt.Attestation), attested("b", "1", *e.Receipt.Attestation)
	for says, newest := range map[string]*ledger.Entry{"another commit": other, "not of the newest": newer, "no attestation": nil} {
		commit := e.Receipt.Commit
		if newest == other {
			commit = other.Receipt.Commit
		}
		if err := CheckBadge(good, commit, newest); !fault.Has(err, fault.BadBadge) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
}

func TestMessagesOfBadges(t *testing.T) {
	for _, x := range []struct {
		a    receipt.Attestation
		want string
	}{
		{receipt.Attestation{Type: "build"}, "passing"},
		{receipt.Attestation{Type: "build", ExitCode: 1}, "failing"},
		{receipt.Attestation{Type: Reproduction}, "reproduced"},
		{receipt.Attestation{Type: Reproduction, Differences: []receipt.Difference{{Name: "a"}}}, "not reproduced"},
		{receipt.Attestation{Type: Tests, ExitCode: 1, Totals: &receipt.Totals{Passed: 9, Total: 9}}, "9 passed, failing"},
		{receipt.Attestation{Type: Tests, ExitCode: 1, Totals: &receipt.Totals{Passed: 9, Failed: 1, Total: 10}}, "9 passed, 1 failed"},
	} {
		if got := message(&x.a); got != x.want {
			t.Errorf("%+v: %q, want %q", x.a, got, x.want)
		}
	}
}

func TestOutputsAgainstARelease(t *testing.T) {
	release := &ledger.Entry{ID: id("c"), Receipt: &receipt.Receipt{Subjects: []receipt.Subject{
		{Name: "a", SHA256: id("1")}, {Name: "oci://x/y", SHA256: id("9")},
	}}}
	for name, x := range map[string]struct {
		outputs []receipt.Subject
		all     bool
		met     int
		fails   bool
	}{
		"the same":              {[]receipt.Subject{{Name: "a", SHA256: id("1")}}, true, 1, false},
		"another":               {[]receipt.Subject{{Name: "a", SHA256: id("2")}}, false, 0, true},
		"one of two":            {[]receipt.Subject{{Name: "a", SHA256: id("1")}, {Name: "a", SHA256: id("2")}}, false, 1, false},
		"others":                {[]receipt.Subject{{Name: "b", SHA256: id("1")}}, false, 0, false},
		"others, where all are": {[]receipt.Subject{{Name: "b", SHA256: id("1")}}, true, 0, true},
	} {
		met, err := Against(x.outputs, release, x.all)
		if met != x.met || (err != nil) != x.fails || err != nil && !fault.Has(err, fault.NotReproduced) {
			t.Errorf("%s: %d, %v", name, met, err)
		}
	}
}

// archived is a tar or zip archive of one file, perhaps compressed.
func archived(t *testing.T, kind, name, data string, mode int64, at time.Time) []byte {
	var b bytes.Buffer
	var out io.Writer = &b
	var packed *gzip.Writer
	if strings.HasSuffix(kind, ".gz") {
		packed = gzip.NewWriter(&b)
		packed.ModTime = at
		out = packed
	}
	if kind == ".zip" {
		z := zip.NewWriter(out)
		h := &zip.FileHeader{Name: name, Modified: at}
		h.SetMode(os.FileMode(mode))
		w, err := z.CreateHeader(h)
		if err == nil {
			_, err = io.WriteString(w, data)
		}
		if err != nil || z.Close() != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	if strings.HasPrefix(kind, ".tar") {
		w := tar.NewWriter(out)
		err := w.WriteHeader(&tar.Header{Name: name, Size: int64(len(data)), Mode: mode, ModTime: at})
		if err == nil {
			_, err = io.WriteString(w, data)
		}
		if err != nil || w.Close() != nil {
			t.Fatal(err)
		}
	} else if _, err := io.WriteString(out, data); err != nil {
		t.Fatal(err)
	}
	if packed != nil && packed.Close() != nil {
		t.Fatal("gzip")
	}
	return b.Bytes()
}

func TestDifferencesAreNamed(t *testing.T) {
	then, later := time.Unix(1000000000, 0), time.Unix(1100000000, 0)
	for name, x := range map[string]struct {
		file   string
		a, b   []byte
		offset int64
		detail string
	}{
		"a byte":          {"f", []byte("abc"), []byte("abd"), 2, ""},
		"an end":          {"f", []byte("abc"), []byte("abcd"), 3, ""},
		"contents":        {"f.tar", archived(t, ".tar", "x", "1", 0o644, then), archived(t, ".tar", "x", "2", 0o644, then), -1, "x: its contents"},
		"a mode":          {"f.tar.gz", archived(t, ".tar.gz", "x", "1", 0o644, then), archived(t, ".tar.gz", "x", "1", 0o600, then), -1, "x: its mode"},
		"a time":          {"f.zip", archived(t, ".zip", "x", "1", 0o644, then), archived(t, ".zip", "x", "1", 0o644, later), -1, "x: its time"},
		"another name":    {"f.tar", archived(t, ".tar", "x", "1", 0o644, then), archived(t, ".tar", "y", "1", 0o644, then), 0, "member 1 is x in the first, y in the second"},
		"a gzip header":   {"f.gz", archived(t, ".gz", "", "1", 0, then), archived(t, ".gz", "", "1", 0, later), 5, "the time in the gzip header"},
		"no archive":      {"f.tar.gz", []byte("a"), []byte("b"), 0, ""},
		"a hostile name":  {"f.tar", archived(t, ".tar", "x\x1b\u202e", "1", 0o644, then), archived(t, ".tar", "x\x1b\u202e", "2", 0o644, then), -1, "x??: its contents"},
		"a name too long": {"f.tar", archived(t, ".tar", strings.Repeat("y", 2000), "1", 0o644, then), archived(t, ".tar", strings.Repeat("y", 2000), "2", 0o644, then), -1, strings.Repeat("y", 1000)},
	} {
		first, second := t.TempDir(), t.TempDir()
		for dir, data := range map[string][]byte{first: x.a, second: x.b} {
			if err := os.WriteFile(filepath.Join(dir, x.file), data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		both := map[string]bool{x.file: true}
		got, err := differing(context.Background(), first, second, [2]map[string]bool{both, both})
		if err != nil || len(got) != 1 || got[0].Detail != x.detail || x.offset >= 0 && got[0].Offset != x.offset {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if got, err = differing(context.Background(), first, first, [2]map[string]bool{both, both}); err != nil || len(got) != 0 {
			t.Errorf("%s, with itself: %+v, %v", name, got, err)
		}
	}
}

func TestSnapshotsNameWhatChanged(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("a/b", "1")
	write(".git/x", "1")
	write("except/x", "1")
	before, err := look(context.Background(), root, filepath.Join(root, "except"))
	if err != nil {
		t.Fatal(err)
	}
	now := func() string {
		s, err := look(context.Background(), root, filepath.Join(root, "except"))
		if err != nil {
			t.Fatal(err)
		}
		return before.changed(s)
	}
	write(".git/x", "22")
	write("except/y", "2")
	if got := now(); got != "" {
		t.Errorf("%s has changed", got)
	}
	write("a/c", "2")
	if got := now(); got != "a/c" {
		t.Errorf("got %q", got)
	}
	os.Remove(filepath.Join(root, "a", "c"))
	write("a/b", "22")
	if got := now(); got != "a/b" {
		t.Errorf("got %q", got)
	}
	os.Remove(filepath.Join(root, "a", "b"))
	if got := now(); got != "a/b" {
		t.Errorf("got %q", got)
	}
}

func TestEnvironmentHasVersionsAlone(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "tool"), []byte("#!/bin/sh\necho tool of /home/ada 1.2.3-rc1 in /home/ada\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if got := versionForm.FindString("go version go1.26.8 linux/amd64"); got != "1.26.8" {
		t.Errorf("got %q", got)
	}
	env := with([]string{"GIT_DIR=x", "A=1", "HOME=y"}, map[string]string{"HOME": "z"})
	if got := strings.Join(env, " "); got != "A=1 HOME=z" {
		t.Errorf("got %q", got)
	}
	if got := ask(context.Background(), os.Environ(), filepath.Join(dir, "tool")); versionForm.FindString(got) != "1.2.3-rc1" {
		t.Errorf("got %q", got)
	}
	if got := ask(context.Background(), nil, filepath.Join(dir, "none")); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestToolsAreNamed(t *testing.T) {
	for want, words := range map[string][]string{"go test": {"/usr/bin/go", "test", "./..."}, "go": {"go", "-C", "x"}, "make": {"make", "test"}, "pytest": {"pytest.exe"}} {
		if got := Tool(words); got != want {
			t.Errorf("%q is %q", words, got)
		}
	}
}

// A small archive that unpacks to very many empty members costs no memory for all of them.
func TestMembersAreBounded(t *testing.T) {
	for name, h := range map[string]tar.Header{"many": {Name: "x"}, "long": {Name: strings.Repeat("x", 1<<19), Format: tar.FormatPAX}} {
		path := filepath.Join(t.TempDir(), name+".tar.gz")
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		zipped, _ := gzip.NewWriterLevel(f, gzip.BestSpeed)
		w := tar.NewWriter(zipped)
		for range map[string]int{"many": maxMembers + 1, "long": maxNames>>19 + 1}[name] {
			if err := w.WriteHeader(&h); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range []io.Closer{w, zipped, f} {
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if list, err := tarMembers(path, true); err != errTooLarge {
			t.Errorf("%s: %d members, %v", name, len(list), err)
		}
	}
}
