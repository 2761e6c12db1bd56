package anchor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/lockfile"
	"github.com/VaultSovereign/git-vaultmesh/internal/trust"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

func id(s string) receipt.ID { return receipt.Sum([]byte(s)) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func refused(t testing.TB, err error, code fault.Code, words ...string) {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) || f.Code != code {
		t.Fatalf("got %v, want %s", err, code)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%v does not say %q", err, w)
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	a, b := id("a").String(), id("b").String()
	for name, c := range map[string]struct {
		text string
		want []Known
		line string // where it is wrong
	}{
		"nothing":               {"", nil, ""},
		"comments":              {"# x\n\n  # y\n", nil, ""},
		"an id alone":           {a, []Known{{Ledger: id("a")}}, ""},
		"no covenant":           {a + " 0 - api\n", []Known{{Ledger: id("a"), Name: "api"}}, ""},
		"a covenant":            {a + " 2 " + b + " api\r\n", []Known{{id("a"), trust.Pin{Version: 2, ID: id("b")}, "api"}}, ""},
		"no name":               {a + " 2 " + b, []Known{{id("a"), trust.Pin{Version: 2, ID: id("b")}, ""}}, ""},
		"a name with spaces":    {a + " 0 - the old  api", []Known{{Ledger: id("a"), Name: "the old  api"}}, ""},
		"two":                   {a + "\n# x\n" + b + "\n", []Known{{Ledger: id("a")}, {Ledger: id("b")}}, ""},
		"twice":                 {a + "\n" + b + "\n" + a + " 2 " + b, nil, "f:3:"},
		"no id":                 {"# x\n\nledger 0 -\n", nil, "f:3:"},
		"capitals":              {strings.ToUpper(a), nil, "f:1:"},
		"a longer id":           {a + "0 0 - x", nil, "f:1:"},
		"only a version":        {a + " 2", nil, "f:1:"},
		"a version of nothing":  {a + " 2 -", nil, "f:1:"},
		"version 0":             {a + " 0 " + b, nil, "f:1:"},
		"a negative version":    {a + " -2 " + b, nil, "f:1:"},
		"a sign":                {a + " +2 " + b, nil, "f:1:"},
		"zeros in front":        {a + " 02 " + b, nil, "f:1:"},
		"a version too far":     {a + " 9223372036854775808 " + b, nil, "f:1:"},
		"two spaces":            {a + "  2 " + b, nil, "f:1:"},
		"a tab":                 {a + "\t2 " + b, nil, "f:1:"},
		"a covenant cut":        {a + " 2 " + b[:63], nil, "f:1:"},
		"a byte order mark":     {"\uFEFF" + a, nil, "f:1:"},
		"a carriage return":     {a + "\r" + b, nil, "f:1:"},
		"a covenant in letters": {a + " x " + b, nil, "f:1:"},
	} {
		t.Run(name, func(t *testing.T) {
			list, err := Parse([]byte(c.text), "f")
			if c.line != "" {
				refused(t, err, fault.BadAnchor, c.line)
				return
			}
			must(t, err)
			if !slices.Equal(list, c.want) {
				t.Errorf("read %+v", list)
			}
		})
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		k := Known{Ledger: id(rapid.String().Draw(t, "ledger")), Name: rapid.String().Draw(t, "name")}
		if version := rapid.Int64Range(0, 1<<31).Draw(t, "version"); version > 0 {
			k.Pin = trust.Pin{Version: version, ID: id(rapid.String().Draw(t, "covenant"))}
		}
		line := k.String()
		if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r == 0x7F }) || line != strings.TrimSpace(line) {
			t.Fatalf("the line is %q", line)
		}
		list, err := Parse([]byte("# x\n"+line+"\n"), "f")
		if err != nil || len(list) != 1 || list[0].Ledger != k.Ledger || list[0].Pin != k.Pin || list[0].String() != line {
			t.Fatalf("%q is read as %v, %v", line, list, err)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(id("a").String() + " 2 " + id("b").String() + " api\n# x\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := Parse(b, "f")
		if err != nil {
			return
		}
		text := b
		for _, k := range list {
			text = withLine(text, k)
		}
		again, err := Parse(text, "f")
		if err != nil || len(again) != len(list) {
			t.Fatalf("%q is no such file any more: %v", text, err)
		}
		for _, k := range list {
			if found, ok := Find(again, k.Ledger); !ok || found.Pin != k.Pin {
				t.Fatalf("%v has become %v", k, found)
			}
		}
	})
}

func TestRemember(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "new", "known-ledgers")
	list, err := Read(path)
	if err != nil || list != nil {
		t.Fatal(list, err)
	}
	at := func(version int64, name string) Known {
		return Known{id("a"), trust.Pin{Version: version, ID: id(fmt.Sprint(version))}, name}
	}
	remember := func(k Known, want bool) {
		t.Helper()
		changed, err := Remember(path, k)
		if err != nil || changed != want {
			t.Fatal(changed, err)
		}
	}
	remember(Known{Ledger: id("a"), Name: "api"}, true)
	remember(Known{Ledger: id("a"), Name: "api"}, false)
	remember(at(3, "api"), true)
	remember(at(3, " api\n"), false)
	remember(at(2, "api"), false)
	remember(Known{Ledger: id("a"), Name: "other"}, false)
	remember(Known{id("a"), trust.Pin{Version: 3, ID: id("a rival")}, "api"}, false)
	remember(at(3, "the\tapi\x1b[31m"), true)
	remember(Known{Ledger: id("c"), Name: ""}, true)
	text, err := os.ReadFile(path)
	must(t, err)
	lines := []string{at(3, "the api [31m").String(), Known{Ledger: id("c")}.String()}
	slices.Sort(lines)
	if string(text) != strings.Join(lines, "\n")+"\n" {
		t.Errorf("the file is %q", text)
	}
	for name, mode := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700 | os.ModeDir} {
		info, err := os.Stat(name)
		must(t, err)
		if info.Mode() != mode {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
	}
	clean(t, path)
}

// clean sees that no lock is left behind.
func clean(t *testing.T, path string) {
	t.Helper()
	if list, _ := filepath.Glob(path + ".*"); len(list) > 0 {
		t.Errorf("left behind: %v", list)
	}
}

func TestCommentsAreKept(t *testing.T) {
	t.Parallel()
	ids := []string{id("a").String(), id("b").String(), id("c").String()}
	slices.Sort(ids)
	path := filepath.Join(t.TempDir(), "known")
	must(t, os.WriteFile(path, []byte("# ours\n\n"+ids[0]+" 0 - a\n# "+ids[1]+"\n# theirs\n"+ids[2]+" 0 - c"), 0o600))
	middle, err := receipt.ParseDigest(ids[1])
	must(t, err)
	_, err = Remember(path, Known{Ledger: middle, Name: "b"})
	must(t, err)
	text, err := os.ReadFile(path)
	must(t, err)
	if want := "# ours\n\n" + ids[0] + " 0 - a\n# " + ids[1] + "\n# theirs\n" + ids[1] + " 0 - b\n" + ids[2] + " 0 - c\n"; string(text) != want {
		t.Errorf("the file is\n%s\nwant\n%s", text, want)
	}
	_, err = Remember(path, Known{Ledger: middle, Name: "bb"})
	must(t, err)
	again, err := os.ReadFile(path)
	must(t, err)
	if want := strings.Replace(string(text), "- b\n", "- bb\n", 1); string(again) != want {
		t.Errorf("the file is\n%s", again)
	}
}

// Many write at once: none is lost, and no version goes back.
func TestConcurrentRemember(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "known")
	const ledgers, versions = 12, 6
	var all sync.WaitGroup
	for l := range ledgers {
		for v := range versions {
			all.Go(func() {
				k := Known{id(fmt.Sprint(l)), trust.Pin{Version: int64(v + 1), ID: id(fmt.Sprint(l, v+1))}, "api"}
				for {
					_, err := Remember(path, k)
					if err == nil {
						return
					}
					if !strings.Contains(err.Error(), ".lock") { // only that others are busy
						t.Error(err)
						return
					}
				}
			})
		}
	}
	all.Wait()
	list, err := Read(path)
	must(t, err)
	if len(list) != ledgers || !slices.IsSortedFunc(list, func(a, b Known) int { return a.Ledger.Compare(b.Ledger) }) {
		t.Errorf("%d ledgers, sorted or not", len(list))
	}
	for l := range ledgers {
		if k, ok := Find(list, id(fmt.Sprint(l))); !ok || k.Pin.Version != versions || k.Pin.ID != id(fmt.Sprint(l, versions)) {
			t.Errorf("ledger %d: %v", l, k)
		}
	}
	clean(t, path)
}

func TestRememberRefuses(t *testing.T) {
	t.Parallel()
	k := Known{Ledger: id("a")}
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	stale := write("stale", "")
	write("stale.lock", "")
	_, err := Remember(stale, k)
	refused(t, err, fault.ReadOnly, stale+".lock")
	bad := write("bad", "# x\njunk\n")
	_, err = Remember(bad, k)
	refused(t, err, fault.BadAnchor, "bad:2")
	clean(t, bad)
	if text, _ := os.ReadFile(bad); string(text) != "# x\njunk\n" {
		t.Errorf("the file was changed: %q", text)
	}
	_, err = Remember(filepath.Join(bad, "known"), k)
	refused(t, err, fault.ReadOnly)
	must(t, os.Mkdir(filepath.Join(dir, "folder"), 0o700))
	_, err = Remember(filepath.Join(dir, "folder"), k)
	refused(t, err, fault.ReadFailed)
	clean(t, filepath.Join(dir, "folder"))
	large := write("large", strings.Repeat("#\n", lockfile.MaxSize))
	_, err = Read(large)
	refused(t, err, fault.ReadFailed)
	_, err = Read(filepath.Join(bad, "known"))
	refused(t, err, fault.ReadFailed)
	_, err = Read(bad)
	refused(t, err, fault.BadAnchor)
}

func TestReadOnlyFolder(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Skip("nothing is read-only to the superuser")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "known")
	must(t, os.WriteFile(path, nil, 0o400))
	must(t, os.Chmod(dir, 0o500))
	defer os.Chmod(dir, 0o700)
	_, err := Remember(path, Known{Ledger: id("a")})
	refused(t, err, fault.ReadOnly, path)
}
