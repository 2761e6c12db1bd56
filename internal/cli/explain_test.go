package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/VaultSovereign/git-vaultmesh/internal/canon"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// The plain commands about bytes and fields agree with every receipt in the
// specification, of every kind, and with no field more or less.
func TestExplainedFields(t *testing.T) {
	for _, tool := range []string{"awk", "cmp"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	seen := make(map[receipt.Kind]bool)
	for _, raw := range specified(t) {
		e := &ledger.Entry{Raw: raw}
		kind, known := kindOf(e)
		if !known {
			continue
		}
		seen[kind] = true
		if said, err := plainly(t, e); err != nil {
			t.Errorf("%s: %v\n%s\n%s", kind, err, raw, said)
		}
		for _, change := range [][2]string{
			{`"recorder":`, `"recorded_by":"x","recorder":`},
			{`"recorder":{"email":`, `"recorder":{"e.mail":"","email":`},
			{`"schema":"vaultmesh.receipt/v1"`, `"schema":"vaultmesh.receipt/w2"`},
			{`"name":"`, `"nam":"`},
			{`,"schema"`, `, "schema"`},
		} {
			e.Raw = []byte(strings.Replace(string(raw), change[0], change[1], 1))
			if _, err := plainly(t, e); err == nil && string(e.Raw) != string(raw) {
				t.Errorf("%s: %s is not noticed", kind, change[1])
			}
		}
	}
	for _, kind := range receipt.Kinds() {
		if !seen[kind] {
			t.Errorf("the specification shows no %s", kind)
		}
	}
}

// A receipt in which one value is another, or one element or member more or less, keeps
// the rules for the plain commands where it does for package receipt, and only there.
func TestExplainedForms(t *testing.T) {
	if _, err := exec.LookPath("awk"); err != nil {
		t.Skip(err)
	}
	if testing.Short() {
		t.Skip("nothing here runs at once")
	}
	draw := rand.New(rand.NewPCG(1, 2))
	kept, broken := 0, 0
	for _, raw := range specified(t) {
		dir := t.TempDir()
		kind, known := kindOf(&ledger.Entry{Raw: raw})
		if !known {
			kind = ""
		}
		var want []bool
		for _, b := range changed(t, raw, draw) {
			if !*long && draw.IntN(3) > 0 {
				continue
			}
			if k, is := kindOf(&ledger.Entry{Raw: b}); is && k != kind || is != known || canon.Check(b, receipt.MaxSize) != nil {
				continue // it has other rules
			}
			_, err := receipt.Parse(b)
			want = append(want, err == nil)
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(len(want))), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.Command("sh", "-c", strings.Join(fieldwise(&ledger.Entry{Raw: raw})[:2], "\n")+"\n"+canonically("")[0]+"\n"+fmt.Sprintf(
			`for n in $(seq %d); do LC_ALL=C awk -f flat.awk < $n > flat && %s > said 2>&1 && echo kept || echo broken $(cat said); done`, len(want), fieldwise(&ledger.Entry{Raw: raw})[2]))
		cmd.Dir = dir
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		said := strings.Split(strings.TrimSpace(string(out)), "\n")
		if len(said) != len(want) {
			t.Fatalf("%s: %d answers to %d", kind, len(said), len(want))
		}
		for i, keeps := range want {
			if keeps {
				kept++
			} else {
				broken++
			}
			if keeps == (said[i] == "kept") {
				continue
			}
			b, _ := os.ReadFile(filepath.Join(dir, fmt.Sprint(i+1)))
			_, err := receipt.Parse(b)
			t.Errorf("%s\n%s\nand receipt says %v", b, said[i], err)
		}
	}
	if kept < 100 || broken < 500 {
		t.Errorf("%d keep the rules and %d break them", kept, broken)
	}
}

// specified are the receipts in the specification.
func specified(t *testing.T) [][]byte {
	t.Helper()
	spec, err := os.ReadFile(filepath.Join("..", "..", "docs", "spec", "receipt.md"))
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`(?m)^\{"[^\n]*"schema":"vaultmesh\.receipt/v1"[^\n]*\}$`).FindAll(spec, -1)
}

// changed are canonical bytes of a receipt with each of its values changed in some ways.
func changed(t *testing.T, raw []byte, draw *rand.Rand) [][]byte {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var root any
	if err := d.Decode(&root); err != nil {
		t.Fatal(err)
	}
	var all [][]byte
	spell := func() {
		if b, err := canon.Spell(root, receipt.MaxSize); err == nil {
			all = append(all, b)
		}
	}
	var visit func(at any, set func(any))
	visit = func(at any, set func(any)) {
		for _, other := range others(at, draw) {
			set(other)
			spell()
		}
		set(at)
		switch v := at.(type) {
		case map[string]any:
			for name, member := range v {
				delete(v, name)
				spell()
				visit(member, func(other any) { v[name] = other })
			}
			for _, name := range []string{"x", "a.b/c-d", "-", "a b", "\u00e9", strings.Repeat("a", 63), strings.Repeat("a", 64)} {
				if v[name] == nil {
					v[name] = "x"
					spell()
					delete(v, name)
				}
			}
		case []any:
			for i, element := range v {
				visit(element, func(other any) { v[i] = other })
			}
		}
	}
	visit(root, func(any) {})
	return all
}

// others are values to stand in place of one: of its own kind and of others, some of them
// within the limits of what may stand there.
func others(at any, draw *rand.Rand) []any {
	all := []any{[]any{}, map[string]any{}, true}
	switch v := at.(type) {
	case []any:
		all = append(all, append(slices.Clone(v), v...), append(slices.Clone(v), "x"), v[:len(v)/2])
		backwards := slices.Clone(v)
		slices.Reverse(backwards)
		return append(all, backwards, append(slices.Clone(v), slices.Clone(backwards)[:min(1, len(v))]...))
	case map[string]any:
		return append(all, "x")
	case json.Number:
		return append(all, 0, 1, -1, 2, 1024, 1025, int64(1)<<31, int64(1)<<31+1, -(int64(1) << 31), -(int64(1)<<31)-1, int64(1)<<53-1, "1")
	case bool:
		return append(all, !v, "true")
	case string:
		all = append(all, "", 0, strings.ToUpper(v), strings.ToLower(v), v+"x", v[:len(v)-1], " "+v, v+"\u3000", v+"\n", strings.Repeat("0", len(v)))
		for range 4 {
			all = append(all, words[draw.IntN(len(words))])
		}
	}
	return all
}

// words are texts that rules are about.
var words = []string{
	"a", "a b", "a\tb", "a\nb", "a\\b", `a"b`, "a/b", "a//b", "a/", "/a", "a/../b", ".", "..", ".a", "a.", "-a", "\u00a0a", "a\u2003", "a\u202f", "a\u205f", "\u1680a",
	"a\u007f", "a\u0080", "a\u009f", "a\u00a0b", "\u2028", "\u2029b", "\u202eb", "\u2066", "\u2069", "\u061c", "\u200e", "\u200f", "\u200b", "\u206a", "\u202a", "\u202f b", "\u001f", "\b", "\f", "\r",
	"é", "€", "𝄞", strings.Repeat("é", 50), strings.Repeat("a", 63), strings.Repeat("b", 64), strings.Repeat("a", 100), strings.Repeat("a", 101), strings.Repeat("a", 200), strings.Repeat("a", 201),
	strings.Repeat("a", 255), strings.Repeat("a", 256), strings.Repeat("a", 1024), strings.Repeat("a", 1025), strings.Repeat("a", 16384), strings.Repeat("a", 16385), strings.Repeat("0", 64), strings.Repeat("1", 40), strings.Repeat("A", 40), strings.Repeat("F", 64),
	"sha1:" + strings.Repeat("0", 40), "sha1:" + strings.Repeat("a", 41), "sha256:" + strings.Repeat("a", 64), "sha256:" + strings.Repeat("A", 64), "md5:" + strings.Repeat("a", 32),
	"2026-02-29T00:00:00Z", "2028-02-29T00:00:00Z", "2000-02-29T23:59:59Z", "2100-02-29T00:00:00Z", "1969-12-31T23:59:59Z", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-06-31T00:00:00Z",
	"2026-07-31T00:00:00Z", "2026-08-31T00:00:00Z", "2026-09-31T00:00:00Z", "2026-11-22T24:00:00Z", "2026-11-22T23:59:60Z", "2026-11-22T14:05:00+00:00", "2026-11-22T14:05:00.0Z", "2026-11-22t14:05:00z",
	"refs/heads/a", "refs/a", "refs/", "refs/.a", "refs/a.lock", "refs/a.lock/b", "refs/a..b", "refs/a@{b", "refs/a@b", "refs/a b", "refs/a~b", "refs/a^", "refs/a:b", "refs/a?", "refs/a*", "refs/a[b", "refs/a]b", "refs/a\\b", "refs/a.", "refs/a./b", "refs/é", "heads/a",
	"text/plain", "text/plain; a=b", "text/plain;a=b", "Text/plain", "text/", "a!#$&^_.+-/b!#$&^_.+-", "oci://a/b", "oci:", "a:b c", "a:b\\c", "A:b", "1a:b", "a+b.c-1:x/y",
	"eip155:1/tx:0x" + strings.Repeat("aB", 32), "eip155:01/tx:0x" + strings.Repeat("a", 64), "eip155:1/safe:0x" + strings.Repeat("a", 40) + "/tx:0x" + strings.Repeat("b", 64), "eip155:" + strings.Repeat("1", 32) + "/tx:0x" + strings.Repeat("a", 64),
	"eip155:" + strings.Repeat("1", 33) + "/tx:0x" + strings.Repeat("a", 64), "snapshot:a.eth/proposal/0xAb", "snapshot:" + strings.Repeat("a", 101) + "/proposal/b", "snapshot:" + strings.Repeat("a", 100) + "/proposal/b", "snapshot:a/proposals/b", "snapshot:a/proposal/",
	"SHA256:" + strings.Repeat("A", 43), "SHA256:" + strings.Repeat("B", 43), "SHA256:" + strings.Repeat("A", 42), "AAAA", "AAA=", "AAB=", "AA==", "AB==", "A===", "AAAAA", "AA=A", "AAAA=", "ssh-ed25519 AAAA", "ssh-ed25519 AAAA comment", strings.Repeat("a", 64) + " AA==", strings.Repeat("a", 65) + " AA==", "ssh-rsa A=B",
	"1.2", "1", "3.1", "1.02", "2.0", "1.2.", "1" + strings.Repeat(".1", 20), "1" + strings.Repeat(".1", 21), "accepted", "relates", "retired", "openpgp", "ssh", "any", "vaultmesh.receipt/v1", "vaultmesh.receipt/v2", "release", "a_b", "A",
}

// Every field has a form.
func TestFormsAreComplete(t *testing.T) {
	used := make(map[string]bool)
	for _, kind := range receipt.Kinds() {
		for _, line := range formsOf(kind) {
			words := strings.Fields(line)
			if len(words) < 3 {
				t.Errorf("%s: %q has no form", kind, line)
				continue
			}
			used[strings.Join(words[2:], " ")] = true
		}
	}
	for name, form := range forms {
		if !used[form] {
			t.Errorf("no field has the form of %s", name)
		}
	}
}

// plainly runs the commands.
func plainly(t *testing.T, e *ledger.Entry) (string, error) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "receipt.json"), e.Raw, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range append(canonically("cat receipt.json"), fieldwise(e)...) {
		cmd := exec.Command("sh", "-c", command)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			return string(out), fmt.Errorf("%s: %w", command, err)
		}
	}
	return "", nil
}

// One secret is found in two keys: of SSH, of SSH and OpenPGP, and of OpenPGP, where gpg
// calls both by one keygrip.
func TestExplainedSharing(t *testing.T) {
	ed := "0000000b7373682d6564323535313900000020" + strings.Repeat("ab", 32)
	other := "0000000b7373682d6564323535313900000020" + strings.Repeat("cd", 32)
	for secrets, want := range map[string]string{
		"ssh-ed25519 " + ed + " p0\nssh-ed25519 " + other + " p1":                                "",
		"ssh-ed25519 " + ed + " p0\nssh-rsa 00000001" + strings.Repeat("ab", 32) + " p1":         "p0 p1\np1 p0\n",
		"ssh-ed25519 " + ed + " p0\nopenpgp 99040740" + strings.Repeat("ab", 32) + "00 p2":       "p0 p2\n",
		"ssh-ed25519 " + other + " p0\nopenpgp 99040740" + strings.Repeat("ab", 32) + "00 p1":    "",
		"openpgp 9904 p0\nopenpgp 9905 p1\nopenpgp GRIP p0\nopenpgp GRIP p1":                     "p0 p1\n",
		"openpgp 9904 p0\nopenpgp 9905 p1\nopenpgp GRIP p0\nopenpgp OTHER p1":                    "",
		"sk-ssh-ed25519@openssh.com 07" + ed + " p0\nsk-ssh-ed25519@openssh.com 08" + ed + " p1": "",
	} {
		cmd := exec.Command("sh", "-c", "cat > secrets; "+sharing+"; LC_ALL=C sort one")
		cmd.Dir, cmd.Stdin = t.TempDir(), strings.NewReader(secrets+"\n")
		if out, err := cmd.Output(); err != nil || string(out) != want {
			t.Errorf("%s: %v %q", secrets, err, out)
		}
	}
}
