package ledger

import (
	"bytes"
	"strings"
	"testing"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

func TestPath(t *testing.T) {
	t.Parallel()
	id := receipt.Sum([]byte("a receipt"))
	hex := id.String()
	for at, day := range map[string]string{
		"1970-01-01T00:00:00Z": "1970/01/01", "2026-11-22T23:59:59Z": "2026/11/22", "2026-11-23T00:00:00Z": "2026/11/23",
		"2028-02-29T12:00:00Z": "2028/02/29", "9999-12-31T23:59:59Z": "9999/12/31",
	} {
		if got, want := Path(id, moment(at)), day+"/"+hex[:2]+"/"+hex; got != want {
			t.Errorf("at %s the path is %s, want %s", at, got, want)
		}
	}
}

const (
	hexA = "4f1c09a0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	hexB = "4fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
)

// paths are where a tree of each level lies.
var paths = [...]string{"", "2026", "2026/02", "2026/02/28", "2026/02/28/4f", "2026/02/28/4f/" + hexA}

func plain(name string) gitrepo.TreeEntry {
	return gitrepo.TreeEntry{Mode: gitrepo.ModeFile, Name: name, ID: gitrepo.ZeroOID("sha1")}
}

func dir(name string) gitrepo.TreeEntry {
	return gitrepo.TreeEntry{Mode: gitrepo.ModeTree, Name: name, ID: gitrepo.ZeroOID("sha1")}
}

func moded(mode, name string) gitrepo.TreeEntry {
	return gitrepo.TreeEntry{Mode: mode, Name: name, ID: gitrepo.ZeroOID("sha1")}
}

// Every day from 1970 to 9999 has its place, and the levels agree with Path.
func TestEveryPathFitsTheLayout(t *testing.T) {
	t.Parallel()
	for at := moment("1970-01-01T00:00:00Z"); at.Valid(); at += 86400 * 13 {
		path := ""
		segments := strings.Split(Path(receipt.Sum([]byte(at.String())), at), "/")
		for level, name := range segments {
			if good, wrong := checkLevel(level, path, []gitrepo.TreeEntry{dir(name)}); len(good) != 1 || len(wrong) != 0 {
				t.Fatalf("%s: %v", at, wrong)
			}
			path = join(path, name)
		}
	}
}

func TestCheckLevelAccepts(t *testing.T) {
	t.Parallel()
	a, b := hexA, hexB
	for _, c := range []struct {
		level   int
		entries []gitrepo.TreeEntry
	}{
		{levelRoot, []gitrepo.TreeEntry{plain("VERSION")}},
		{levelRoot, []gitrepo.TreeEntry{dir("1970"), dir("1999"), dir("2000"), dir("2026"), dir("9999"), plain("VERSION")}},
		{levelYear, []gitrepo.TreeEntry{dir("01"), dir("09"), dir("10"), dir("12")}},
		{levelMonth, []gitrepo.TreeEntry{dir("01"), dir("10"), dir("28")}},
		{levelDay, []gitrepo.TreeEntry{dir("00"), dir("4f"), dir("ff")}},
		{levelFan, []gitrepo.TreeEntry{dir(a), dir(b)}},
		{levelFolder, []gitrepo.TreeEntry{plain("receipt.json")}},
		{levelFolder, []gitrepo.TreeEntry{plain("evidence-" + a), plain("openpgp-" + a + ".sig"), plain("openpgp-" + b + ".sig"),
			plain("receipt.json"), plain("rfc3161-" + a + ".tsr"), plain("ssh-" + a + ".sig")}},
		{levelFolder, []gitrepo.TreeEntry{plain("receipt.json"), plain("x-" + a), plain("x509-" + a + ".p7s"), plain(strings.Repeat("z", 32) + "-" + a + ".12345678")}},
	} {
		good, wrong := checkLevel(c.level, paths[c.level], c.entries)
		if len(wrong) != 0 || len(good) != len(c.entries) {
			t.Errorf("level %d: %v", c.level, wrong)
		}
	}
}

// hostile are entries that must not be at a level.
var hostile = [...][]gitrepo.TreeEntry{
	levelRoot: {
		dir(".git"), plain(".git"), dir(".."), dir("."), dir(""), plain(""), dir("1969"), dir("10000"), dir("0000"), dir("2026 "), dir("2026\n"),
		dir("02026"), dir("202"), dir("VERSION"), plain("2026"), plain("version"), plain("VERSION\n"), plain("README"), dir("2026/01"), plain(".gitattributes"),
		moded("120000", "VERSION"), moded("100755", "VERSION"), moded("160000", "2026"), moded("120000", "2026"), moded("040000", "2026"),
		moded("100664", "VERSION"), moded("0100644", "VERSION"), moded("0", "VERSION"), moded("", "2026"), moded("4000", "2026"),
	},
	levelYear:  {dir("00"), dir("13"), dir("1"), dir("001"), dir("1a"), plain("01"), dir(".."), dir(".git"), moded("120000", "01"), moded("160000", "01"), plain("VERSION")},
	levelMonth: {dir("00"), dir("29"), dir("30"), dir("31"), dir("32"), dir("1"), plain("01"), dir(".git"), moded("160000", "01")},
	levelDay:   {dir("4F"), dir("4"), dir("4f0"), dir("gg"), plain("4f"), dir(".."), dir("4f\x00"), moded("120000", "4f"), dir("")},
	levelFan: {
		dir(strings.ToUpper(hexA)), dir("5f" + hexA[2:]), dir(hexA[:63]), dir(hexA + "0"), dir("4f"), plain(hexA), dir(".git"),
		moded("120000", hexA), moded("160000", hexA), dir("4f" + strings.Repeat("g", 62)), dir(""), dir("4"),
	},
	levelFolder: {
		dir("receipt.json"), plain("receipt.jsonx"), plain("Receipt.json"), plain("receipt-" + hexB), plain("receipt-" + hexB + ".json"),
		moded("100755", "receipt.json"), moded("120000", "receipt.json"), moded("160000", "ssh-"+hexB+".sig"), dir("ssh-" + hexB + ".sig"),
		plain("evidence-" + hexB + ".txt"), plain("evidence-" + hexB + "."), plain("evidence-" + strings.ToUpper(hexB)), plain("evidence-" + hexB[1:]),
		plain("evidence-" + hexB + "0"), plain("evidence" + hexB), plain("evidence"), plain("evidence-"), plain("-" + hexB), plain("ssh-" + hexB),
		plain("ssh-" + hexB + ".tsr"), plain("openpgp-" + hexB + ".asc"), plain("rfc3161-" + hexB + ".sig"), plain("SSH-" + hexB + ".sig"),
		plain("ssh-" + strings.ToUpper(hexB) + ".sig"), plain("9x-" + hexB), plain("x_y-" + hexB), plain("x-y-" + hexB), plain("x-" + hexB + ".SIG"),
		plain("x-" + hexB + ".tar.gz"), plain("x-" + hexB + ".123456789"), plain(strings.Repeat("z", 33) + "-" + hexB), plain("x-" + hexB + "\n"),
		plain("x-" + hexB + "./../x"), plain(".git"), plain("../../VERSION"), plain(""), plain("x"),
	},
}

func TestCheckLevelRefuses(t *testing.T) {
	t.Parallel()
	for level, entries := range hostile {
		for _, e := range entries {
			good, wrong := checkLevel(level, paths[level], []gitrepo.TreeEntry{e})
			if len(good) != 0 || len(wrong) != 1 || !fault.Has(wrong[0].err, fault.BadTree) {
				t.Errorf("level %d accepts %q with mode %s: %v", level, e.Name, e.Mode, wrong)
			}
		}
	}
}

func TestDaysThatDoNotExistAreRefused(t *testing.T) {
	t.Parallel()
	for day, ok := range map[string]bool{
		"2026/02/29": false, "2028/02/29": true, "2100/02/29": false, "2000/02/29": true, "2026/04/31": false, "2026/12/31": true, "2026/02/30": false,
	} {
		good, _ := checkLevel(levelMonth, day[:7], []gitrepo.TreeEntry{dir(day[8:])})
		if (len(good) == 1) != ok {
			t.Errorf("%s: accepted %v", day, len(good) == 1)
		}
	}
}

// What git would read one way and another reader the other way is refused,
// and what stands beside it is still read.
func TestCheckLevelRefusesCombinations(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		level   int
		entries []gitrepo.TreeEntry
		good    int
		wrong   string
	}{
		{"empty", levelDay, nil, 0, "is empty"},
		{"name twice", levelYear, []gitrepo.TreeEntry{dir("01"), dir("01")}, 1, "is there twice"},
		{"name twice, apart", levelYear, []gitrepo.TreeEntry{dir("01"), dir("02"), dir("01")}, 2, "is there twice"},
		{"file and folder", levelRoot, []gitrepo.TreeEntry{plain("VERSION"), dir("VERSION")}, 1, "is a folder"},
		{"folder and file", levelFolder, []gitrepo.TreeEntry{dir("receipt.json"), plain("receipt.json")}, 0, "is there twice"},
		{"out of order", levelYear, []gitrepo.TreeEntry{dir("02"), dir("01")}, 1, "out of order"},
		{"VERSION first", levelRoot, []gitrepo.TreeEntry{plain("VERSION"), dir("2026")}, 1, "out of order"},
		{"hostile between", levelYear, []gitrepo.TreeEntry{dir("01"), plain("01x"), dir("02")}, 2, "must not be there"},
	} {
		good, wrong := checkLevel(c.level, paths[c.level], c.entries)
		found := false
		for _, err := range wrong {
			found = found || strings.Contains(err.err.Error(), c.wrong) && fault.Has(err.err, fault.BadTree)
		}
		if len(good) != c.good || !found {
			t.Errorf("%s: %d good, %v", c.name, len(good), wrong)
		}
	}
}

func TestFilesAreReadFromTheirNames(t *testing.T) {
	t.Parallel()
	digest, err := receipt.ParseDigest(hexB)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, kind string
		digest     receipt.Digest
		known      bool
		limit      int64
	}{
		{"receipt.json", "receipt", receipt.Digest{}, true, receipt.MaxSize},
		{"evidence-" + hexB, "evidence", digest, true, MaxEvidence},
		{"openpgp-" + hexB + ".sig", "openpgp", digest, true, MaxProof},
		{"ssh-" + hexB + ".sig", "ssh", digest, true, MaxProof},
		{"rfc3161-" + hexB + ".tsr", "rfc3161", digest, true, MaxProof},
		{"sigstore-" + hexB + ".json", "sigstore", digest, false, MaxProof},
	} {
		id := gitrepo.OID(strings.Repeat("1", 40))
		f, ok := parseFile(gitrepo.TreeEntry{Mode: gitrepo.ModeFile, Name: c.name, ID: id})
		if want := (File{c.name, c.kind, c.digest, id}); !ok || f != want || f.Known() != c.known || f.limit() != c.limit {
			t.Errorf("%s is read as %+v, known %v, at most %d", c.name, f, f.Known(), f.limit())
		}
	}
}

// No tree makes the check panic. A tree that passes whole is, written again,
// the same tree; what passes of another one passes on its own.
func FuzzCheckLevel(f *testing.F) {
	for level, entries := range hostile {
		for _, e := range entries {
			f.Add(gitrepo.EncodeTree([]gitrepo.TreeEntry{e}), level)
		}
	}
	f.Add(gitrepo.EncodeTree([]gitrepo.TreeEntry{dir("1970"), dir("2026"), plain("VERSION")}), levelRoot)
	f.Add(gitrepo.EncodeTree([]gitrepo.TreeEntry{dir(hexA), dir(hexB)}), levelFan)
	f.Add(gitrepo.EncodeTree([]gitrepo.TreeEntry{plain("evidence-" + hexB), plain("receipt.json"), plain("ssh-" + hexB + ".sig")}), levelFolder)
	f.Fuzz(func(t *testing.T, data []byte, level int) {
		if level < levelRoot || level > levelFolder {
			return
		}
		entries, err := gitrepo.ParseTree("sha1", data)
		if err != nil {
			return
		}
		good, wrong := checkLevel(level, paths[level], entries)
		for _, e := range good {
			if _, wrong := checkLevel(level, paths[level], []gitrepo.TreeEntry{e}); len(wrong) > 0 {
				t.Errorf("%q passes among others, and alone not: %v", e, wrong)
			}
		}
		if len(wrong) > 0 {
			return
		}
		again := gitrepo.EncodeTree(good)
		if !bytes.Equal(again, data) {
			t.Errorf("%q passes, and written again is %q", data, again)
		}
		entries, err = gitrepo.ParseTree("sha1", again)
		if _, wrong := checkLevel(level, paths[level], entries); err != nil || len(wrong) > 0 {
			t.Errorf("%q passes once only: %v, %v", data, err, wrong)
		}
	})
}
