package receipt

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var (
	wordForm = regexp.MustCompile(`^[a-z][a-z0-9._-]*$`)
	sshForm  = regexp.MustCompile(`^[a-z0-9@.-]+ [A-Za-z0-9+/]+={0,2}$`)
	oidForm  = regexp.MustCompile(`^[0-2](\.(0|[1-9][0-9]*))+$`)
)

// isHex tells whether s is n digits of the alphabet.
func isHex(s string, n int, alphabet string) bool {
	return len(s) == n && strings.Trim(s, alphabet) == ""
}

const (
	lowerHex = "0123456789abcdef"
	upperHex = "0123456789ABCDEF"
)

// isFingerprint tells whether s names a key: an OpenPGP fingerprint of
// version 4 or 6 in upper-case hex, or SHA256: and the base64 that ssh-keygen -l prints.
func isFingerprint(s string) bool {
	ssh, isSSH := strings.CutPrefix(s, "SHA256:")
	if isSSH {
		b, err := base64.RawStdEncoding.Strict().DecodeString(ssh)
		return err == nil && len(b) == len(Digest{}) && !strings.ContainsAny(ssh, "\r\n")
	}
	return isHex(s, 40, upperHex) || isHex(s, 64, upperHex)
}

// validSSHKey tells whether s is a type of at most 64 bytes and base64 of at
// most 16 KiB, as in an authorized_keys line without its comment.
func validSSHKey(s string) bool {
	kind, _, _ := strings.Cut(s, " ")
	return len(kind) <= 64 && len(s) <= maxNote && sshForm.MatchString(s)
}

func isWord(s string) bool { return len(s) <= 63 && wordForm.MatchString(s) }

func (g *Genesis) check(c *checker) {
	c.identifier("genesis.name", g.Name, maxComponent)
	c.required("genesis.name", g.Name)
	c.when(!isHex(g.Nonce, 32, lowerHex), "genesis.nonce", "is not 32 lower-case hex digits")
	if g.Covenant != nil {
		c.when(g.Covenant.Version != 1, "genesis.covenant.version", "is not 1")
		g.Covenant.check(c)
	}
}

func (d *Decision) check(c *checker) {
	c.oneOf("decision.status", d.Status, "proposed", "accepted", "rejected", "superseded")
	c.required("decision.title", d.Title)
	c.line("decision.title", d.Title, maxLine)
	c.text("decision.context", d.Context, maxNote)
	c.text("decision.decision", d.Decision, maxNote)
	c.text("decision.consequences", d.Consequences, maxNote)
}

func (i *Incident) check(c *checker) {
	c.required("incident.severity", i.Severity)
	c.line("incident.severity", i.Severity, maxVersion)
	c.span("incident", i.StartedAt, i.EndedAt)
	c.text("incident.impact", i.Impact, maxNote)
	c.text("incident.cause", i.Cause, maxNote)
	c.text("incident.action", i.Action, maxNote)
}

func (d *Discovery) check(c *checker) {
	c.required("discovery.title", d.Title)
	c.line("discovery.title", d.Title, maxLine)
	c.text("discovery.finding", d.Finding, maxNote)
}

func (a *Attestation) check(c *checker) {
	c.when(!isWord(a.Type), "attestation.type", "is not a word of lower-case letters, digits and . _ -")
	c.required("attestation.tool", a.Tool)
	c.line("attestation.tool", a.Tool, maxLine)
	for i, word := range a.Command {
		c.text(fmt.Sprintf("attestation.command[%d]", i), word, maxNote)
	}
	c.when(a.ExitCode < -1<<31 || a.ExitCode > 1<<31-1, "attestation.exit_code", "is not a 32-bit integer")
	c.span("attestation", a.StartedAt, a.EndedAt)
	if t := a.Totals; t != nil {
		for _, n := range []int64{t.Passed, t.Failed, t.Skipped, t.Total} {
			c.natural("attestation.totals", n)
		}
		c.when(t.Passed+t.Failed+t.Skipped != t.Total, "attestation.totals", "do not add up")
	}
	c.labels("attestation.environment", a.Environment)
	c.subjects("attestation.outputs", a.Outputs)
	for i, d := range a.Differences {
		field := fmt.Sprintf("attestation.differences[%d]", i)
		c.required(field+".name", d.Name)
		c.line(field+".name", d.Name, maxURI)
		c.natural(field+".offset", d.Offset)
		c.line(field+".detail", d.Detail, maxLine)
	}
}

func (s *Spawn) check(c *checker) {
	c.required("spawn.template", s.Template)
	c.line("spawn.template", s.Template, maxURI)
	c.when(s.TemplateDigest.IsZero(), "spawn.template_digest", "is missing")
	c.when(s.Answers == nil, "spawn.answers", "is missing")
	c.labels("spawn.answers", s.Answers)
	c.when(s.OutputDigest.IsZero(), "spawn.output_digest", "is missing")
}

func (i *Import) check(c *checker) {
	c.required("import.source", i.Source)
	c.line("import.source", i.Source, maxURI)
	c.when(i.OriginalSHA256.IsZero(), "import.original_sha256", "is missing")
	c.words("import.damage", i.Damage)
}

func (s *Seal) check(c *checker) {
	c.natural("seal.receipts", s.Receipts)
	c.natural("seal.files", s.Files)
	c.when(!s.Head.Valid(), "seal.head", "is not a git object")
	c.when(s.Root.IsZero(), "seal.root", "is missing")
}

func (m *Merge) check(c *checker) {
	byCommit := func(a, b MergeHead) int { return cmp.Compare(a.Commit, b.Commit) }
	c.when(len(m.Heads) != 2 || !ascending(m.Heads, byCommit), "merge.heads", "are not two commits in ascending order")
	for i, h := range m.Heads {
		field := fmt.Sprintf("merge.heads[%d]", i)
		c.when(!h.Commit.Valid(), field+".commit", "is not a git object")
		c.when(h.Root.IsZero(), field+".root", "is missing")
		c.natural(field+".files", h.Files)
	}
	c.when(m.Root.IsZero(), "merge.root", "is missing")
	c.natural("merge.files", m.Files)
}

func (r *Revocation) check(c *checker) { r.checkIn(c, "revocation") }

func (r *Revocation) checkIn(c *checker, field string) {
	c.when(!isFingerprint(r.Key), field+".key", "is neither an OpenPGP fingerprint in upper-case hex nor an SSH one with SHA256:")
	c.oneOf(field+".reason", r.Reason, "compromised", "superseded", "retired")
	c.when(!r.At.Valid(), field+".at", "lies outside the years 1970 to 9999")
}

func (v *Covenant) check(c *checker) {
	c.when(v.Version < 1 || v.Version > 1<<31, "covenant.version", "is not an integer from 1")
	c.when((v.Version == 1) != v.Previous.IsZero(), "covenant.previous", "is absent in version 1, and there from version 2 on")
	c.when(v.Principals == nil || !ascending(v.Principals, func(a, b Principal) int { return cmp.Compare(a.Name, b.Name) }),
		"covenant.principals", "are not sorted by name, each once")
	owner := map[PublicKey]bool{}
	for i, p := range v.Principals {
		p.check(c, fmt.Sprintf("covenant.principals[%d]", i))
		for _, k := range p.Keys {
			c.when(owner[k], fmt.Sprintf("covenant.principals[%d].keys", i), "has a key that another principal has")
			owner[k] = true
		}
	}
	c.when(v.Thresholds == nil, "covenant.thresholds", "is missing")
	for i, t := range v.Thresholds {
		field := fmt.Sprintf("covenant.thresholds[%d]", i)
		c.kinds(field+".kinds", t.Kinds)
		c.words(field+".components", t.Components)
		c.when(len(t.Signers) == 0, field+".signers", "is empty")
		c.quorums(field+".signers", t.Signers)
	}
	c.when(v.TSAs == nil || !ascending(v.TSAs, func(a, b Authority) int { return cmp.Compare(a.Name, b.Name) }),
		"covenant.tsas", "are not sorted by name, each once")
	for i, a := range v.TSAs {
		a.check(c, fmt.Sprintf("covenant.tsas[%d]", i))
	}
	c.when(v.Revocations == nil || !ascending(v.Revocations, func(a, b Revocation) int { return cmp.Compare(a.Key, b.Key) }),
		"covenant.revocations", "are not sorted by key, each once")
	for i, r := range v.Revocations {
		r.checkIn(c, fmt.Sprintf("covenant.revocations[%d]", i))
	}
	c.when(v.Rules == nil, "covenant.rules", "is missing")
	for i, r := range v.Rules {
		r.check(c, fmt.Sprintf("covenant.rules[%d]", i))
	}
	c.oneOf("covenant.federation.accept", v.Federation.Accept, "any", "signed", "trusted")
}

func (p Principal) check(c *checker, field string) {
	c.identifier(field+".name", p.Name, maxVersion)
	c.required(field+".name", p.Name)
	c.words(field+".groups", p.Groups)
	c.when(len(p.Keys) == 0 || !ascending(p.Keys, func(a, b PublicKey) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Key, b.Key))
	}), field+".keys", "are not one or more, sorted, each once")
	for i, k := range p.Keys {
		name := fmt.Sprintf("%s.keys[%d]", field, i)
		c.oneOf(name+".type", k.Type, "openpgp", "ssh")
		c.when(k.Type == "ssh" && !validSSHKey(k.Key), name+".key", "is not an SSH key: a type and its base64")
		c.when(k.Type == "openpgp" && !isBase64(k.Key), name+".key", "is not base64")
	}
}

func (a Authority) check(c *checker, field string) {
	c.when(!isWord(a.Name), field+".name", "is not a word of lower-case letters, digits and . _ -")
	c.when(len(a.Roots) == 0, field+".roots", "is empty")
	for i, root := range a.Roots {
		c.when(!isBase64(root), fmt.Sprintf("%s.roots[%d]", field, i), "is not base64")
	}
	c.when(a.Pins == nil || !ascending(a.Pins, Digest.Compare), field+".pins", "are not sorted, each once")
	c.when(a.Policy != "" && (!oidForm.MatchString(a.Policy) || strings.Count(a.Policy, ".") > 20), field+".policy", "is not an object identifier in dotted form")
}

func (r Rule) check(c *checker, field string) {
	c.when(!isWord(r.Name), field+".name", "is not a word of lower-case letters, digits and . _ -")
	c.required(field+".sentence", r.Sentence)
	c.line(field+".sentence", r.Sentence, maxLine)
	c.words(field+".refs", r.Refs)
	c.words(field+".paths", r.Paths)
	c.words(field+".components", r.Components)
	c.kinds(field+".require.receipts", r.Require.Receipts)
	c.quorums(field+".require.signers", r.Require.Signers)
	c.words(field+".require.authorities", r.Require.Authorities)
	c.natural(field+".require.timestamps", r.Require.Timestamps)
	c.natural(field+".require.timestamp_age", r.Require.TimestampAge)
	c.natural(field+".require.seal_age", r.Require.SealAge)
	c.when(r.Tests == nil, field+".tests", "is missing")
	for i, t := range r.Tests {
		name := fmt.Sprintf("%s.tests[%d]", field, i)
		c.required(name+".name", t.Name)
		c.line(name+".name", t.Name, maxLine)
		c.when(!ValidRef(t.Ref), name+".ref", "is not a full ref name")
		c.words(name+".paths", t.Paths)
		c.kinds(name+".receipts", t.Receipts)
		c.words(name+".signers", t.Signers)
	}
}

// span checks the two ends of a period.
func (c *checker) span(field string, from, to *Time) {
	c.time(field+".started_at", from)
	c.time(field+".ended_at", to)
	c.when(from != nil && to != nil && *to < *from, field+".ended_at", "lies before "+field+".started_at")
}

// words checks a sorted array of lines without repetitions; null is none.
func (c *checker) words(field string, words []string) {
	c.when(words == nil, field, "is missing")
	c.when(!ascending(words, cmp.Compare[string]), field, "is not sorted, or has an element twice")
	for i, w := range words {
		name := fmt.Sprintf("%s[%d]", field, i)
		c.required(name, w)
		c.line(name, w, maxLine)
	}
}

func (c *checker) kinds(field string, kinds []Kind) {
	c.when(kinds == nil, field, "is missing")
	c.when(!ascending(kinds, cmp.Compare[Kind]), field, "is not sorted, or has an element twice")
	// Kinds of later versions may be named; that makes no covenant invalid.
	c.when(slices.ContainsFunc(kinds, func(k Kind) bool { return !k.hasForm() }), field, "has what is no kind")
}

func (c *checker) quorums(field string, quorums []Quorum) {
	c.when(quorums == nil, field, "is missing")
	for i, q := range quorums {
		name := fmt.Sprintf("%s[%d]", field, i)
		c.line(name+".group", q.Group, maxVersion)
		c.when(q.Count < 1 || q.Count > maxElements, name+".count", "is not an integer from 1 to 1024")
	}
}

// isBase64 tells whether s is padded base64 of something (RFC 4648 section 4).
func isBase64(s string) bool {
	if len(s) > MaxSize {
		return false
	}
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	return err == nil && len(b) > 0 && !strings.ContainsAny(s, "\r\n")
}
