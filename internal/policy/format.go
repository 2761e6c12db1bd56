package policy

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strconv"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Format writes a covenant as a document with comments, which [Parse] reads as
// the same covenant but for its version and the previous one. It writes
// anything: also what Parse would refuse, such as a threshold that cannot be met.
func Format(c *receipt.Covenant) []byte {
	w := new(writer)
	w.head(c)
	for _, p := range c.Principals {
		w.principal(p)
	}
	for _, t := range c.Thresholds {
		w.threshold(t)
	}
	for _, a := range c.TSAs {
		w.authority(a)
	}
	for _, v := range c.Revocations {
		w.revocation(v)
	}
	for _, r := range c.Rules {
		w.rule(r)
	}
	w.table("[federation]", "What peers may bring: any, signed or trusted receipts.")
	w.pair("accept", quote(c.Federation.Accept))
	return w.b.Bytes()
}

// writer writes TOML. What has its default is left out.
type writer struct {
	b    bytes.Buffer
	said map[string]bool // comments that stand once
}

func (w *writer) head(c *receipt.Covenant) {
	w.said = map[string]bool{}
	w.comment("The covenant of a ledger. What is left out has a default; docs/spec/covenant.md")
	w.comment("says which. Versions are counted by whoever proposes this document.")
	if c.Version > 0 {
		w.comment(fmt.Sprintf("This was version %d.", c.Version))
	}
	if len(c.Principals) == 0 { // else the tables say that there are some
		w.pair("principals", "[]")
	}
}

func (w *writer) principal(p receipt.Principal) {
	w.table("[[principals]]", "Who may sign: people and machines, each with all of their public keys.")
	w.pair("name", quote(p.Name))
	w.words("groups", p.Groups)
	w.keys("ssh", p.Keys, func(key string) (string, publicKey, error) {
		k, err := parseSSH(key)
		return quote(key), k, err
	})
	w.keys("openpgp", p.Keys, func(key string) (string, publicKey, error) {
		k, err := parseOpenPGP(key)
		binary, _ := base64.StdEncoding.DecodeString(key)
		return block(armored(binary)), k, err
	})
}

// keys writes the keys of a type, each below its fingerprint. One that cannot be
// read is written as it is stored.
func (w *writer) keys(kind string, keys []receipt.PublicKey, spell func(string) (string, publicKey, error)) {
	var elements []string
	for _, k := range keys {
		if k.Type != kind {
			continue
		}
		value, key, err := spell(k.Key)
		if err != nil {
			elements = append(elements, "# a key that cannot be read", quote(k.Key)+",")
			continue
		}
		elements = append(elements, "# "+key.prints[0], value+",")
	}
	w.list(kind, elements)
}

func (w *writer) threshold(t receipt.Threshold) {
	w.table("[[thresholds]]", "How many must sign what: of each line of signers, so many distinct principals.")
	w.words("kinds", words(t.Kinds))
	w.words("components", t.Components)
	w.pair("signers", quorums(t.Signers))
}

func (w *writer) authority(a receipt.Authority) {
	w.table("[[tsas]]", "Authorities whose time-stamps count.")
	w.pair("name", quote(a.Name))
	var roots []string
	for _, root := range a.Roots {
		roots = append(roots, certificate(root)+",")
	}
	w.list("roots", roots)
	if len(roots) == 0 {
		w.pair("roots", "[]")
	}
	var pins []string
	for _, pin := range a.Pins {
		pins = append(pins, quote(pin.String())+",")
	}
	w.list("pins", pins)
	w.optional("policy", a.Policy)
}

func certificate(root string) string {
	der, err := base64.StdEncoding.DecodeString(root)
	if err != nil {
		return quote(root)
	}
	return block(strings.TrimSpace(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))))
}

func (w *writer) revocation(v receipt.Revocation) {
	w.table("[[revocations]]", "Keys that are no longer to be trusted. Of a compromised one, only what was",
		"time-stamped before counts; of one superseded or retired, what it signed before.")
	w.pair("key", quote(v.Key))
	w.pair("reason", quote(v.Reason))
	w.pair("at", v.At.String())
}

func (w *writer) rule(r receipt.Rule) {
	w.table("[[rules]]", "What a push must bring, where it matches.")
	w.pair("name", quote(r.Name))
	w.pair("sentence", quote(r.Sentence))
	w.words("refs", r.Refs)
	w.words("paths", r.Paths)
	w.words("components", r.Components)
	w.requirement(r.Require)
	for _, t := range r.Tests {
		w.test(t)
	}
}

func (w *writer) requirement(q receipt.Requirement) {
	w.table("[rules.require]")
	w.words("receipts", words(q.Receipts))
	if len(q.Signers) > 0 {
		w.pair("signers", quorums(q.Signers))
	}
	if q.Timestamps != 0 {
		w.pair("timestamps", strconv.FormatInt(q.Timestamps, 10))
	}
	w.words("authorities", q.Authorities)
	w.optional("timestamp_age", age(q.TimestampAge))
	w.optional("seal_age", age(q.SealAge))
	for _, f := range []struct {
		name string
		on   bool
	}{{"reproducible", q.Reproducible}, {"tests_attested", q.TestsAttested}, {"decision", q.Decision},
		{"ledger_pushed", q.LedgerPushed}, {"no_rewind", q.NoRewind}, {"clean_peer_state", q.CleanPeerState}} {
		if f.on {
			w.pair(f.name, "true")
		}
	}
}

func (w *writer) test(t receipt.RuleTest) {
	w.table("[[rules.tests]]", "A push, and whether the rule above lets it pass.")
	w.pair("name", quote(t.Name))
	w.pair("ref", quote(t.Ref))
	w.words("paths", t.Paths)
	w.words("receipts", words(t.Receipts))
	w.words("signers", t.Signers)
	w.pair("passes", strconv.FormatBool(t.Passes))
}

// age is seconds in the largest unit that leaves none over, "" for none.
func age(seconds int64) string {
	for _, u := range units {
		if seconds > 0 && seconds%u.seconds == 0 {
			return strconv.FormatInt(seconds/u.seconds, 10) + u.letter
		}
	}
	return ""
}

func quorums(list []receipt.Quorum) string {
	out := make([]string, len(list))
	for i, q := range list {
		if q.Group != "" {
			out[i] = "group = " + quote(q.Group) + ", "
		}
		out[i] = "{ " + out[i] + "count = " + strconv.FormatInt(q.Count, 10) + " }"
	}
	return "[" + strings.Join(out, ", ") + "]"
}

func words(kinds []receipt.Kind) []string {
	out := make([]string, len(kinds))
	for i, k := range kinds {
		out[i] = string(k)
	}
	return out
}

// table begins a table, behind an empty line. The comment stands above the
// first of its name.
func (w *writer) table(header string, comment ...string) {
	w.b.WriteByte('\n')
	if !w.said[header] {
		for _, line := range comment {
			w.comment(line)
		}
	}
	w.said[header] = true
	w.b.WriteString(header + "\n")
}

func (w *writer) comment(line string) { w.b.WriteString("# " + line + "\n") }

func (w *writer) pair(key, value string) { w.b.WriteString(key + " = " + value + "\n") }

func (w *writer) optional(key, value string) {
	if value != "" {
		w.pair(key, quote(value))
	}
}

// words writes an array in one line.
func (w *writer) words(key string, list []string) {
	if len(list) == 0 {
		return
	}
	quoted := make([]string, len(list))
	for i, word := range list {
		quoted[i] = quote(word)
	}
	w.pair(key, "["+strings.Join(quoted, ", ")+"]")
}

// list writes an array of long elements, each in lines of its own.
func (w *writer) list(key string, lines []string) {
	if len(lines) > 0 {
		w.pair(key, "[\n\t"+strings.Join(lines, "\n\t")+"\n]")
	}
}

// block is text of several lines, such as armor, which has no quotes.
func block(s string) string { return "'''\n" + s + "\n'''" }

// quote is a basic string of TOML 1.0, in which what cannot be seen is escaped.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			b.WriteString(`\` + string(c))
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\t':
			b.WriteString(`\t`)
		case strconv.IsPrint(c):
			b.WriteRune(c)
		case c <= 0xFFFF:
			fmt.Fprintf(&b, `\u%04X`, c)
		default:
			fmt.Fprintf(&b, `\U%08X`, c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
