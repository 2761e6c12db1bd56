package policy

import (
	"bytes"
	"cmp"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
	"golang.org/x/crypto/ssh"
	"pgregory.net/rapid"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

const (
	ada   = `ssh = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJl+IZNrDWtqjUeYrXBzLFUJjDizhJZa0V9hEuglQYPZ"]`
	grace = `ssh = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBBztlsOQRb2YdZGhnCGtfGgaT2RfbkWP7hDOdBRCW4O"]`
	adaFP = "SHA256:Zzk6mweW7sMmjUfzNdwTUD7uc1sN9ijx6ZX9blPMnPM"

	least = "[[principals]]\nname = \"ada\"\n" + ada + "\n" // three lines
	two   = least + "[[principals]]\nname = \"grace\"\ngroups = [\"ops\"]\n" + grace + "\n"
)

// bad has documents and all that is found in them.
var bad = []struct {
	name, text string
	findings   []string
}{
	{"nothing", "", []string{"1:1: principals is missing"}},
	{"none", "principals = []", []string{"1:1: principals has none, and nobody could ever sign the next version"}},
	{"no TOML", least + "[[rules]\n", []string{"4:8: expected ']]' to close array table name"}},
	{"open string", least + "x = \"abc\n", []string{"4:9: "}},
	{"key twice", least + "name = \"eve\"\n", []string{"4:1: "}},
	{"table twice", least + "[federation]\n[federation]\n", []string{"5:2: "}},
	{"table and array", least + "[principals.x]\n[federation]\n[[federation]]\n", []string{"6:3: "}},
	{"inline key twice", least + "[[thresholds]]\nsigners = [{ count = 1, count = 1 }]\n", []string{"5:1: key count is already defined"}},
	{"not UTF-8", least + "# \xff\n", []string{"4:3: not UTF-8"}},
	{"unknown keys", least + "nickname = 1\n[rule]\n[[rules]]\nname = \"x\"\nsentence = \"y\"\nrequire = { reciepts = [] }\n",
		[]string{`4:1: unknown key "nickname"`, `5:2: unknown key "rule"`, `9:13: unknown key "reciepts"`}},
	{"unknown dotted key", "federation.accept.all = true\n" + least, []string{"1:12: accept is not a string"}},
	{"capitals", "[[Principals]]\nName = \"ada\"\n", []string{"1:1: principals is missing", `1:3: unknown key "Principals": it is written principals`}},
	{"long s", least + "[federation]\naccept = \"any\"\n[[\"tſas\"]]\n", []string{`6:3: unknown key "tſas": it is written tsas`}},
	{"version", "version = 2\n" + least, []string{`1:1: unknown key "version"`}},
	{"wrong types", "[[principals]]\nname = 1\ngroups = \"ops\"\nssh = [1, [2]]\n[federation]\naccept = true\n[[rules]]\nname = \"x\"\nsentence = \"y\"\n" +
		"[rules.require]\ntimestamps = \"1\"\ndecision = 1\nsigners = { count = 1 }\n[rules.tests]\n",
		[]string{"1:3: principal \"\" has no key: give one in ssh or openpgp", "2:1: name is not a string", "3:1: groups is not an array", "4:1: element of ssh is not a string", "4:8: element of ssh is not a string",
			"6:1: accept is not a string", "11:1: timestamps is not an integer", "12:1: decision is not true or false",
			"13:1: signers is not an array", "14:8: tests is not an array"}},
	{"missing", least + "[[tsas]]\n[[revocations]]\n[[rules]]\n[[rules.tests]]\n", []string{
		"4:3: name is missing", "4:3: roots is missing", "5:3: key is missing", "5:3: reason is missing", "5:3: at is missing",
		"6:3: name is missing", "6:3: sentence is missing", "7:9: name is missing", "7:9: ref is missing", "7:9: passes is missing"}},
	{"no key", "[[principals]]\nname = \"ada\"\n", []string{`1:3: principal "ada" has no key: give one in ssh or openpgp`}},
	{"names twice", two + "[[principals]]\nname = \"ada\"\n[[rules]]\nname = \"r\"\nsentence = \"s\"\n[[rules]]\nname = \"r\"\nsentence = \"s\"\n",
		[]string{`9:1: principal "ada" is there twice`, `14:1: rule "r" is there twice`}},
	{"words twice", least + "groups = [\"b\",\n  \"a\", \"b\"]\n", []string{`5:8: element "b" is there twice`}},
	{"key of two, with a comment", least + "[[principals]]\nname = \"eve\"\n" + strings.Replace(ada, `"]`, ` eve@x"]`, 1),
		[]string{"6:8: key " + adaFP + ` is already that of "ada"`}},
	{"key twice in one", strings.Replace(least, `"]`, `", "`+ada[8:], 1), []string{"3:92: key " + adaFP + ` is already that of "ada"`}},
	{"SSH keys", "[[principals]]\nname = \"ada\"\nssh = [\"ssh-ed25519\", \"ssh-ed25519 !\", \"ssh-ed25519 AAAA\",\n\"ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIJl+IZNrDWtqjUeYrXBzLFUJjDizhJZa0V9hEuglQYPZ\",\n" +
		"\"command=x ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJl+IZNrDWtqjUeYrXBzLFUJjDizhJZa0V9hEuglQYPZ\", \"-----BEGIN OPENSSH PRIVATE KEY-----\"]\n",
		[]string{"3:8: key is not one line with a type and base64, as in a .pub file", "3:23: key is not an SSH public key: its second word is not base64",
			"3:40: key is not an SSH public key that can be read", "4:1: key is of another type than its first word says: ssh-ed25519",
			"5:1: key is not an SSH public key: its second word is not base64", "5:95: key holds a private key: take it out of the document, and put its public key there"}},
	{"OpenPGP keys", "[[principals]]\nname = \"ada\"\nopenpgp = [\"!\", \"AAAA\", \"\"\"-----BEGIN PGP MESSAGE-----\"\"\", \"\"\"-----BEGIN PGP PRIVATE KEY BLOCK-----\"\"\"]\n",
		[]string{"3:12: key is neither an armored OpenPGP public key nor base64 of one", "3:17: key is cut off, or no OpenPGP key",
			"3:25: key is not exactly one PGP PUBLIC KEY BLOCK", "3:60: key holds a private key: take it out of the document, and put its public key there"}},
	{"authorities", least + "[[tsas]]\nname = \"t\"\nroots = [\"AAAA\", \"!\", \"\"\"-----BEGIN PRIVATE KEY-----\"\"\",\n\"-----BEGIN X-----\"]\npins = [\"abc\"]\n",
		[]string{"6:10: root is not a certificate that can be read", "6:18: root is neither PEM nor base64 of DER",
			"6:23: root holds a private key: take it out of the document, and put its public key there", "7:1: root is not exactly one certificate as PEM", "8:9: pin is not a SHA-256 in hex"}},
	{"revocations", least + "[[revocations]]\nkey = \"abc\"\nreason = \"lost\"\nat = 2026-11-24T09:00:00Z\n",
		[]string{"5:1: key is neither an OpenPGP fingerprint in upper-case hex nor an SSH one with SHA256:", "6:1: reason is none of compromised, superseded, retired"}},
	{"times", least + "[[revocations]]\nkey = \"" + adaFP + "\"\nreason = \"retired\"\nat = 2026-11-24T09:00:00+01:00\n[[revocations]]\nkey = \"x\"\nreason = \"retired\"\nat = \"2026-11-24T09:00:00Z\"\n",
		[]string{"7:1: at is not a time in UTC and whole seconds, such as 2026-11-24T09:00:00Z", "11:1: at is not a time without quotes, such as 2026-11-24T09:00:00Z"}},
	{"kinds", least + "[[thresholds]]\nkinds = [\"release\", \"relase\"]\n", []string{`5:21: "relase" is not a kind of receipt`}},
	{"no signers", least + "[[thresholds]]\nsigners = []\n", []string{"4:3: signers is empty"}},
	{"empty group", least + "[[thresholds]]\nsigners = [{ group = \"\" }]\n", []string{"5:14: group is empty; leave it out to mean any principal"}},
	{"quorums", two + "[[thresholds]]\nsigners = [{ group = \"ops\", count = 2 }, { group = \"opps\" }, { count = 3 }, { count = 0 }]\n",
		[]string{`9:29: count is 2, and the group "ops" has only 1 principals: this can never be met`, `9:44: no principal is in the group "opps"`,
			"9:64: count is 3, and there are only 2 principals: this can never be met", "9:79: count is not an integer from 1 to 1024"}},
	{"rules", least + "[[rules]]\nname = \"Big\"\nsentence = \"s\\t\"\nrefs = [\"\"]\n[rules.require]\ntimestamps = 1\nauthorities = [\"x\"]\nsigners = [{ group = \"g\" }]\n" +
		"[[rules.tests]]\nname = \"t\"\nref = \"main\"\nsigners = [\"eve\"]\npasses = true\n",
		[]string{"5:1: name is not a word of lower-case letters, digits and . _ -", "6:1: sentence has a line break, tab or bidirectional control character",
			"7:9: element of refs is missing", `10:16: there is no authority "x" among the tsas`, `11:14: no principal is in the group "g"`,
			"14:1: ref is not a full ref name", `15:12: there is no principal "eve"`}},
	{"too few authorities", least + "[[rules]]\nname = \"r\"\nsentence = \"s\"\nrequire.timestamps = 1\n",
		[]string{"7:9: timestamps is 1, and only 0 authorities count: this can never be met"}},
	{"ages", least + "[[rules]]\nname = \"r\"\nsentence = \"s\"\nrequire = { seal_age = \"36\", timestamp_age = \"0h\" }\n[[rules]]\nname = \"q\"\nsentence = \"s\"\n" +
		"require = { seal_age = \"15000000000w\", timestamp_age = \"+1h\" }\n",
		[]string{`7:13: "36" is not an age such as 36h or 7d: a number from 1 and one of s, m, h, d, w`, `7:30: "0h" is not an age such as 36h or 7d: a number from 1 and one of s, m, h, d, w`,
			`11:13: "15000000000w" is not an age such as 36h or 7d: a number from 1 and one of s, m, h, d, w`, `11:40: "+1h" is not an age such as 36h or 7d: a number from 1 and one of s, m, h, d, w`}},
	{"revoked", least + "[[revocations]]\nkey = \"" + adaFP + "\"\nreason = \"compromised\"\nat = 2026-11-24T09:00:00Z\n",
		[]string{"3:8: key " + adaFP + ` of "ada" is revoked in line 5`}},
	{"principal's name", strings.Replace(least, "ada", "-ada", 1), []string{"2:1: name begins with -"}},
	{"federation", least + "[federation]\naccept = \"all\"\n", []string{"5:1: accept is none of any, signed, trusted"}},
	{"TOML 1.1", least + "a = \"\\e\"\n\"\\x62\" = { x = 1,\n y = 2 }\nc = { x = [\n1 ],}\nd = { \n}\ne = [{ x = { y = \"\"\"\\\\e\n\"\"\" # c\n } } ]\n",
		[]string{`4:5: string has the escape \e, which TOML 1.0 has not`, `5:1: string has the escape \x, which TOML 1.0 has not`,
			"5:10: inline table is not in one line, as TOML 1.0 wants it", "7:5: inline table does not end behind its last value, as TOML 1.0 wants it",
			"9:5: inline table does not end behind its last value, as TOML 1.0 wants it", "11:12: inline table does not end behind its last value, as TOML 1.0 wants it"}},
	{"big integer", least + "[[thresholds]]\nsigners = [{ count = 99999999999999999999 }]\n", []string{"5:22: "}},
}

// found is what a fault lists.
func found(err error) []string {
	f := fault.From(err)
	if causes := f.Causes(); len(causes) > 0 {
		return causes
	}
	return []string{f.Message}
}

func TestBadDocuments(t *testing.T) {
	for _, b := range bad {
		t.Run(b.name, func(t *testing.T) {
			_, err := Parse([]byte(b.text), "covenant.toml")
			if !fault.Has(err, fault.CovenantText) {
				t.Fatalf("got %v", err)
			}
			same := slices.EqualFunc(found(err), b.findings, func(got, want string) bool {
				want = "covenant.toml:" + want
				return got == want || strings.HasSuffix(want, ": ") && strings.HasPrefix(got, want)
			})
			if !same {
				t.Errorf("found\n%s", strings.Join(found(err), "\n"))
			}
		})
	}
}

func TestTooLong(t *testing.T) {
	text := least + strings.Repeat("#", MaxSize-len(least))
	if _, err := Parse([]byte(text), "f"); err != nil {
		t.Error(err)
	}
	if _, err := Parse([]byte(text+"#"), "f"); !fault.Has(err, fault.CovenantText) {
		t.Errorf("a byte too many: %v", err)
	}
}

func TestManyFindingsAreCounted(t *testing.T) {
	var b strings.Builder
	b.WriteString(least)
	for i := range 60 {
		fmt.Fprintf(&b, "x%d = 1\n", i)
	}
	_, err := Parse([]byte(b.String()), "f")
	list := found(err)
	if fault.From(err).Message != "f has 60 faults" || len(list) != maxFindings+1 || list[maxFindings] != "and 10 more" {
		t.Errorf("%s\n%s", fault.From(err).Message, strings.Join(list, "\n"))
	}
}

func TestDefaults(t *testing.T) {
	c, err := Parse([]byte(least+"[[thresholds]]\n[[rules]]\nname = \"r\"\nsentence = \"s\"\nrequire.signers = [{}]\n"), "f")
	if err != nil {
		t.Fatal(err)
	}
	want := &receipt.Covenant{
		Principals: []receipt.Principal{{Name: "ada", Groups: []string{}, Keys: []receipt.PublicKey{{Type: "ssh", Key: ada[8 : len(ada)-2]}}}},
		Thresholds: []receipt.Threshold{{Kinds: []receipt.Kind{}, Components: []string{}, Signers: []receipt.Quorum{{Count: 1}}}},
		TSAs:       []receipt.Authority{}, Revocations: []receipt.Revocation{},
		Rules: []receipt.Rule{{Name: "r", Sentence: "s", Refs: []string{}, Paths: []string{}, Components: []string{}, Tests: []receipt.RuleTest{},
			Require: receipt.Requirement{Receipts: []receipt.Kind{}, Signers: []receipt.Quorum{{Count: 1}}, Authorities: []string{}}}},
		Federation: receipt.Federation{Accept: "signed"},
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got %+v", c)
	}
}

func TestSpellings(t *testing.T) {
	text := least + "[[revocations]]\nkey = \"fa18 FA9A eb78 5326 0940  B8F5 760D 5F6C 6E99 59DB\"\nreason = \"retired\"\nat = 2026-11-24T09:00:00Z\n" +
		"[[tsas]]\nname = \"t\"\nroots = ['''\n" + roots()[0] + "\n''']\npins = [\"" + strings.Repeat("0A:", 31) + "0A\"]\n"
	c, err := Parse([]byte(strings.ReplaceAll(text, "\n", "\r\n")), "f")
	if err != nil {
		t.Fatal(err)
	}
	if c.Revocations[0].Key != "FA18FA9AEB7853260940B8F5760D5F6C6E9959DB" || c.TSAs[0].Pins[0].String() != strings.Repeat("0a", 32) || c.TSAs[0].Roots[0] != roots()[0] {
		t.Errorf("got %+v", c)
	}
}

// entity is a new OpenPGP key with subkeys.
func entity(t testing.TB) *openpgp.Entity {
	t.Helper()
	e, err := openpgp.NewEntity("Eve", "", "eve@example.com", nil)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func public(t testing.TB, e *openpgp.Entity) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := e.Serialize(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func withOpenPGP(keys ...string) string {
	return "[[principals]]\nname = \"eve\"\nopenpgp = ['''" + strings.Join(keys, "''', '''") + "''']\n"
}

func TestOpenPGPKeys(t *testing.T) {
	e := entity(t)
	binary := public(t, e)
	for _, spelled := range []string{armored(binary), base64.StdEncoding.EncodeToString(binary), "\n" + strings.ReplaceAll(armored(binary), "\n", "\r\n") + "\n"} {
		c, err := Parse([]byte(withOpenPGP(spelled)), "f")
		if err != nil {
			t.Fatal(err)
		}
		if k := c.Principals[0].Keys[0]; k.Type != "openpgp" || k.Key != base64.StdEncoding.EncodeToString(binary) {
			t.Errorf("got %+v", k)
		}
	}
	var secret bytes.Buffer
	if err := e.SerializePrivate(&secret, nil); err != nil {
		t.Fatal(err)
	}
	subkey := append(bytes.Clone(binary), secret.Bytes()[len(secret.Bytes())/2:]...)
	for text, want := range map[string]string{
		withOpenPGP(base64.StdEncoding.EncodeToString(secret.Bytes())):             "holds a private key",
		withOpenPGP(armored(secret.Bytes())):                                       "holds a private key",
		withOpenPGP(armored(append(bytes.Clone(binary), secret.Bytes()...))):       "holds a private key",
		withOpenPGP(armored(append(bytes.Clone(binary), public(t, entity(t))...))): "several OpenPGP keys",
		withOpenPGP(armored(binary) + "\n" + armored(binary)):                      "not exactly one",
		withOpenPGP("x" + armored(binary)):                                         "neither",
		withOpenPGP(armored(binary[:len(binary)-3])):                               "key ",
		withOpenPGP(armored(binary[2:])):                                           "key ",
		withOpenPGP(armored(subkey)):                                               "key ",
		withOpenPGP(armored(binary), armored(binary)):                              `already that of "eve"`,
		withOpenPGP(armored(binary)) + "[[principals]]\nname = \"mallory\"\nopenpgp = ['''" + base64.StdEncoding.EncodeToString(binary) + "''']\n": `already that of "eve"`,
	} {
		_, err := Parse([]byte(text), "f")
		if !fault.Has(err, fault.CovenantText) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
		if err != nil && strings.Contains(err.Error(), "BEGIN") {
			t.Errorf("what was written is repeated: %v", err)
		}
	}
}

func TestSSHCertificatesAreNoKeys(t *testing.T) {
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert := &ssh.Certificate{Key: signer.PublicKey(), CertType: ssh.UserCert, ValidBefore: ssh.CertTimeInfinity}
	if err := cert.SignCert(rand.Reader, signer); err != nil {
		t.Fatal(err)
	}
	line := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(cert)))
	if _, err := parseSSH(line); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("got %v", err)
	}
}

// sshKeys are keys in canonical form, always the same.
func sshKeys() []receipt.PublicKey {
	var keys []receipt.PublicKey
	for i := range byte(6) {
		private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{i}, ed25519.SeedSize))
		key, err := ssh.NewPublicKey(private.Public())
		if err != nil {
			panic(err)
		}
		keys = append(keys, receipt.PublicKey{Type: "ssh", Key: strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))})
	}
	return keys
}

// roots are certificates in canonical form.
func roots() []string {
	var list []string
	for i := range byte(2) {
		private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{i}, ed25519.SeedSize))
		template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root"}, NotBefore: time.Unix(1, 0), NotAfter: time.Unix(2, 0)}
		der, err := x509.CreateCertificate(nil, template, template, private.Public(), private)
		if err != nil {
			panic(err)
		}
		list = append(list, base64.StdEncoding.EncodeToString(der))
	}
	return list
}

// drawing draws covenants that can be meant.
type drawing struct {
	*rapid.T
	c      *receipt.Covenant
	groups map[string]int64
}

func (d drawing) words() []string {
	line := rapid.StringMatching(`[^\x00-\x1f\x7f-\x{9f}\x{200e}\x{200f}\x{61c}\x{2028}-\x{202e}\x{2066}-\x{2069}\x{fdd0}-\x{fdef}\x{fff0}-\x{10ffff}]{1,8}`)
	return sortedOnce(rapid.SliceOfN(line, 0, 3).Draw(d.T, "words"))
}

func sortedOnce[T cmp.Ordered](list []T) []T {
	list = append([]T{}, list...)
	slices.Sort(list)
	return slices.Compact(list)
}

func (d drawing) kinds() []receipt.Kind {
	return sortedOnce(rapid.SliceOfN(rapid.SampledFrom(receipt.Kinds()), 0, 3).Draw(d.T, "kinds"))
}

func (d drawing) natural() int64 { return rapid.Int64Range(0, maxInteger).Draw(d.T, "natural") }

func (d drawing) truth() bool { return rapid.Bool().Draw(d.T, "truth") }

func (d drawing) quorums(least int) []receipt.Quorum {
	list := make([]receipt.Quorum, rapid.IntRange(least, 3).Draw(d.T, "quorums"))
	groups := []string{""}
	for g := range d.groups {
		groups = append(groups, g)
	}
	slices.Sort(groups)
	for i := range list {
		g := rapid.SampledFrom(groups).Draw(d.T, "group")
		most := d.groups[g]
		if g == "" {
			most = int64(len(d.c.Principals))
		}
		list[i] = receipt.Quorum{Group: g, Count: rapid.Int64Range(1, most).Draw(d.T, "count")}
	}
	return list
}

func drawCovenant(t *rapid.T, openPGP receipt.PublicKey) *receipt.Covenant {
	d := drawing{t, new(receipt.Covenant), map[string]int64{}}
	d.principals(openPGP)
	d.c.TSAs = []receipt.Authority{}
	for i := range rapid.IntRange(0, 3).Draw(t, "tsas") {
		a := receipt.Authority{Name: fmt.Sprintf("tsa%d", i), Roots: rapid.Permutation(roots()).Draw(t, "roots"), Pins: []receipt.Digest{}}
		if d.truth() {
			a.Policy, a.Pins = "1.2.3", []receipt.Digest{receipt.Sum([]byte(a.Name))}
		}
		d.c.TSAs = append(d.c.TSAs, a)
	}
	d.c.Revocations = []receipt.Revocation{}
	if d.truth() {
		d.c.Revocations = append(d.c.Revocations, receipt.Revocation{Key: strings.Repeat("AB", 20), Reason: "retired", At: receipt.Time(d.natural() % 253402300800)})
	}
	d.c.Thresholds = []receipt.Threshold{}
	for range rapid.IntRange(0, 2).Draw(t, "thresholds") {
		d.c.Thresholds = append(d.c.Thresholds, receipt.Threshold{Kinds: d.kinds(), Components: d.words(), Signers: d.quorums(1)})
	}
	d.c.Rules = []receipt.Rule{}
	for i := range rapid.IntRange(0, 2).Draw(t, "rules") {
		d.c.Rules = append(d.c.Rules, d.rule(fmt.Sprintf("rule%d", i)))
	}
	d.c.Federation.Accept = rapid.SampledFrom([]string{"any", "signed", "trusted"}).Draw(t, "accept")
	return d.c
}

func (d drawing) principals(openPGP receipt.PublicKey) {
	keys := sshKeys()
	for i := range rapid.IntRange(1, 3).Draw(d.T, "principals") {
		p := receipt.Principal{Name: fmt.Sprintf("team/ä%d \"x\"", i), Groups: d.words(), Keys: slices.Clone(keys[2*i : 2*i+1+i%2])}
		if i == 0 {
			p.Keys = append(p.Keys, openPGP)
		}
		slices.SortFunc(p.Keys, func(a, b receipt.PublicKey) int {
			return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Key, b.Key))
		})
		for _, g := range p.Groups {
			d.groups[g]++
		}
		d.c.Principals = append(d.c.Principals, p)
	}
}

func (d drawing) rule(name string) receipt.Rule {
	r := receipt.Rule{Name: name, Sentence: "it's\u00a0\"so\" \\ '''", Refs: d.words(), Paths: d.words(), Components: d.words(), Tests: []receipt.RuleTest{}}
	r.Require = receipt.Requirement{Receipts: d.kinds(), Signers: d.quorums(0), Authorities: []string{}, TimestampAge: d.natural(), SealAge: d.natural(),
		Reproducible: d.truth(), TestsAttested: d.truth(), Decision: d.truth(), LedgerPushed: d.truth(), NoRewind: d.truth(), CleanPeerState: d.truth()}
	if len(d.c.TSAs) > 0 {
		r.Require.Timestamps = rapid.Int64Range(0, int64(len(d.c.TSAs))).Draw(d.T, "timestamps")
	}
	if d.truth() {
		r.Tests = append(r.Tests, receipt.RuleTest{Name: "t", Ref: "refs/heads/ü", Paths: d.words(), Receipts: d.kinds(), Signers: []string{d.c.Principals[0].Name}, Passes: d.truth()})
	}
	return r
}

func TestParseReadsWhatFormatWrites(t *testing.T) {
	key := receipt.PublicKey{Type: "openpgp", Key: base64.StdEncoding.EncodeToString(public(t, entity(t)))}
	rapid.Check(t, func(t *rapid.T) {
		c := drawCovenant(t, key)
		text := Format(c)
		got, err := Parse(text, "f")
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if !reflect.DeepEqual(got, c) {
			t.Fatalf("got %+v\nwant %+v\n%s", got, c, text)
		}
	})
}

func TestFormatWritesWhatCannotBeMeant(t *testing.T) {
	for _, c := range []*receipt.Covenant{
		{},
		{Version: 3, Principals: []receipt.Principal{{Name: "a\n\x00\U000E0001", Keys: []receipt.PublicKey{{Type: "ssh", Key: "x"}, {Type: "openpgp", Key: "'''"}}}},
			TSAs: []receipt.Authority{{Roots: []string{"'''"}}, {}}, Thresholds: []receipt.Threshold{{}}, Rules: []receipt.Rule{{Tests: []receipt.RuleTest{{}}}}},
	} {
		text := Format(c)
		if at, err := syntax(text); err != nil {
			t.Errorf("at %d: %v\n%s", at, err, text)
		}
	}
}

func TestMangledDocumentsDoNotPanic(t *testing.T) {
	text := []byte(blocks(t, "toml")[1])
	for n := range text {
		_, _ = Parse(text[:n], "f")
	}
	for i := range text {
		for _, c := range []byte("\"]=\n") {
			mangled := bytes.Clone(text)
			mangled[i] = c
			if c, err := Parse(mangled, "f"); err == nil && c == nil {
				t.Fatal("neither covenant nor fault")
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, b := range bad {
		f.Add([]byte(b.text))
	}
	for _, text := range blocks(f, "toml") {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := Parse(text, "f")
		if err != nil {
			if !fault.Has(err, fault.CovenantText) {
				t.Fatalf("a fault of another code: %v", err)
			}
			return
		}
		printed := Format(c)
		if len(printed) > MaxSize {
			return
		}
		again, err := Parse(printed, "f")
		if err != nil || !reflect.DeepEqual(again, c) {
			t.Fatalf("%v\n%s", err, printed)
		}
	})
}

func ExampleFormat() {
	c, err := Parse([]byte(least), "covenant.toml")
	if err != nil {
		fmt.Println(err)
		return
	}
	c.Version = 1
	fmt.Printf("%s", Format(c))
	// Output:
	// # The covenant of a ledger. What is left out has a default; docs/spec/covenant.md
	// # says which. Versions are counted by whoever proposes this document.
	// # This was version 1.
	//
	// # Who may sign: people and machines, each with all of their public keys.
	// [[principals]]
	// name = "ada"
	// ssh = [
	// 	# SHA256:Zzk6mweW7sMmjUfzNdwTUD7uc1sN9ijx6ZX9blPMnPM
	// 	"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJl+IZNrDWtqjUeYrXBzLFUJjDizhJZa0V9hEuglQYPZ",
	// ]
	//
	// # What peers may bring: any, signed or trusted receipts.
	// [federation]
	// accept = "signed"
}
