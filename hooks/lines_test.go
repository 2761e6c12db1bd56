package hooks

import (
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
)

var (
	one, two   = strings.Repeat("1", 40), strings.Repeat("2", 40)
	zero       = strings.Repeat("0", 40)
	one256     = strings.Repeat("1", 64)
	zero256    = strings.Repeat("0", 64)
	algorithms = []string{"sha1", "sha256"}
)

func TestReadPushes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what, in, algorithm string
		want                []Push
	}{
		{"nothing", "", "sha1", nil},
		{"a new branch", "refs/heads/a " + one + " refs/heads/b " + zero + "\n", "sha1",
			[]Push{{"refs/heads/a", Move{"", gitrepo.OID(one), "refs/heads/b"}}}},
		{"an update", "refs/heads/a " + one + " refs/heads/a " + two + "\n", "sha1",
			[]Push{{"refs/heads/a", Move{gitrepo.OID(two), gitrepo.OID(one), "refs/heads/a"}}}},
		{"a deletion", "(delete) " + zero + " refs/heads/a " + one + "\n", "sha1",
			[]Push{{"", Move{gitrepo.OID(one), "", "refs/heads/a"}}}},
		{"what was typed", "HEAD^{/fix the (login)} " + one + " refs/heads/a " + zero + "\n", "sha1",
			[]Push{{"HEAD^{/fix the (login)}", Move{"", gitrepo.OID(one), "refs/heads/a"}}}},
		{"two with long ids", "HEAD " + one256 + " refs/tags/v1 " + zero256 + "\n(delete) " + zero256 + " refs/tags/v0 " + one256 + "\n", "sha256",
			[]Push{{"HEAD", Move{"", gitrepo.OID(one256), "refs/tags/v1"}}, {"", Move{gitrepo.OID(one256), "", "refs/tags/v0"}}}},
		{"a name that is no UTF-8", "HEAD " + one + " refs/heads/\xff " + zero + "\n", "sha1",
			[]Push{{"HEAD", Move{"", gitrepo.OID(one), "refs/heads/\xff"}}}},
	} {
		got, err := ReadPushes(strings.NewReader(c.in), c.algorithm)
		if err != nil || len(got) != len(c.want) {
			t.Errorf("%s: %v, %v", c.what, got, err)
			continue
		}
		var back strings.Builder
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%s: %+v, want %+v", c.what, got[i], c.want[i])
			}
			back.WriteString(got[i].Line(c.algorithm) + "\n")
		}
		if back.String() != c.in {
			t.Errorf("%s: is written as %q", c.what, back.String())
		}
	}
}

// What git would never say is refused as a whole, whatever else is right.
func TestReadPushesRefuses(t *testing.T) {
	t.Parallel()
	good := "HEAD " + one + " refs/heads/good " + zero + "\n"
	for _, line := range []string{
		"\n", " \n", "HEAD\n", "HEAD " + one + " refs/heads/a\n", "HEAD " + one + " refs/heads/a " + zero, // the end is missing
		" " + one + " refs/heads/a " + zero + "\n",
		"HEAD  " + one + " refs/heads/a  " + zero + "\n", "HEAD " + one + " refs/heads/a " + zero + " \n", "HEAD " + one + " refs/heads/a " + zero + "\r\n",
		"HEAD " + one[1:] + " refs/heads/a " + zero + "\n", "HEAD " + one + "1 refs/heads/a " + zero + "\n", "HEAD " + one256 + " refs/heads/a " + zero256 + "\n",
		"HEAD " + strings.Repeat("A", 40) + " refs/heads/a " + zero + "\n", "HEAD " + strings.Repeat("g", 40) + " refs/heads/a " + zero + "\n",
		"(delete) " + one + " refs/heads/a " + zero + "\n", "HEAD " + zero + " refs/heads/a " + one + "\n",
		"HEAD " + one + " refs/heads/good " + two + "\n", // once more
		"HEAD\x00 " + one + " refs/heads/a " + zero + "\n",
		strings.Repeat("x", MaxLine) + " " + one + " refs/heads/a " + zero + "\n",
	} {
		if list, err := ReadPushes(strings.NewReader(good+line), "sha1"); !fault.Has(err, fault.BadOperand) {
			t.Errorf("%.80q: %v, %v", line, list, err)
		}
	}
	for _, ref := range []string{"", "@", "refs/heads/", "/refs", "refs//a", "refs/heads/.a", "refs/heads/a.lock", "refs/a.lock/b", "refs/heads/a.", "refs/heads/a..b", "refs/heads/@{u}",
		"refs/heads/a\x1b[2J", "refs/heads/a\x7f", "refs/heads/a\tb", "refs/heads/a~1", "refs/heads/a^", "a:b", "refs/heads/?", "refs/*", "refs/[a", `refs\a`} {
		if list, err := ReadPushes(strings.NewReader("HEAD "+one+" "+ref+" "+zero+"\n"), "sha1"); !fault.Has(err, fault.BadOperand) {
			t.Errorf("%q: %v, %v", ref, list, err)
		}
		if m, err := ParseUpdate([]string{ref, zero, one}, "sha1"); !fault.Has(err, fault.BadOperand) {
			t.Errorf("update of %q: %v, %v", ref, m, err)
		}
	}
}

func TestReadMoves(t *testing.T) {
	t.Parallel()
	in := zero + " " + one + " refs/heads/a\n" + one + " " + two + " refs/heads/b\n" + one + " " + zero + " refs/heads/c\n"
	got, err := ReadMoves(strings.NewReader(in), "sha1")
	if err != nil || len(got) != 3 || got[0].Old != "" || got[1] != (Move{gitrepo.OID(one), gitrepo.OID(two), "refs/heads/b"}) || got[2].New != "" {
		t.Fatalf("%v, %v", got, err)
	}
	for _, line := range []string{"\n", one + " " + two + "\n", one + " " + two + " refs/heads/a b\n", one + "  refs/heads/a\n", zero + " " + two + " refs/heads/a\n", one + " " + two + " refs/heads/d"} {
		if list, err := ReadMoves(strings.NewReader(in+line), "sha1"); !fault.Has(err, fault.BadOperand) {
			t.Errorf("%q: %v, %v", line, list, err)
		}
	}
	if _, err := ReadMoves(iotest.ErrReader(errors.New("gone")), "sha1"); !fault.Has(err, fault.ReadFailed) {
		t.Errorf("a stream that breaks: %v", err)
	}
}

func TestParseUpdate(t *testing.T) {
	t.Parallel()
	m, err := ParseUpdate([]string{"refs/heads/a", zero256, one256}, "sha256")
	if err != nil || m != (Move{"", gitrepo.OID(one256), "refs/heads/a"}) {
		t.Errorf("%v, %v", m, err)
	}
	for _, args := range [][]string{nil, {"refs/heads/a"}, {"refs/heads/a", zero, one, one}, {"refs/heads/a", one}, {zero, one, "refs/heads/a"}} {
		if m, err := ParseUpdate(args, "sha1"); !fault.Has(err, fault.BadOperand) {
			t.Errorf("%q: %v, %v", args, m, err)
		}
	}
}

// What is read is written the same again: there is one spelling.
func FuzzReadPushes(f *testing.F) {
	f.Add("refs/heads/a " + one + " refs/heads/b " + zero + "\n")
	f.Add("(delete) " + zero256 + " refs/heads/a " + one256 + "\nHEAD^{/a b} " + one256 + " refs/tags/v1 " + zero256 + "\n")
	f.Fuzz(func(t *testing.T, in string) {
		for _, algorithm := range algorithms {
			list, err := ReadPushes(strings.NewReader(in), algorithm)
			if err != nil {
				continue
			}
			var back strings.Builder
			for _, p := range list {
				back.WriteString(p.Line(algorithm) + "\n")
			}
			if back.String() != in {
				t.Errorf("%q is written as %q", in, back.String())
			}
		}
	})
}

func FuzzReadMoves(f *testing.F) {
	f.Add(zero + " " + one + " refs/heads/a\n")
	f.Add(one256 + " " + zero256 + " refs/heads/a\n")
	f.Fuzz(func(t *testing.T, in string) {
		for _, algorithm := range algorithms {
			list, err := ReadMoves(strings.NewReader(in), algorithm)
			if err != nil {
				continue
			}
			var back strings.Builder
			for _, m := range list {
				back.WriteString(m.Line(algorithm) + "\n")
			}
			if back.String() != in {
				t.Errorf("%q is written as %q", in, back.String())
			}
		}
	})
}

func FuzzParseUpdate(f *testing.F) {
	f.Add("refs/heads/a", zero, one)
	f.Fuzz(func(t *testing.T, ref, old, new string) {
		m, err := ParseUpdate([]string{ref, old, new}, "sha1")
		if err == nil && m.Line("sha1") != old+" "+new+" "+ref {
			t.Errorf("%q %q %q is %v", ref, old, new, m)
		}
	})
}
