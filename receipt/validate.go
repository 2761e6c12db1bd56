package receipt

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/VaultSovereign/git-vaultmesh/internal/canon"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// The limits of fields, in bytes of UTF-8 or in elements.
const (
	maxComponent = 200
	maxVersion   = 100
	maxLine      = 1024
	maxNote      = 16 << 10
	maxBaseName  = 255
	maxURI       = 1024
	maxElements  = 1024
	maxLabels    = 64
)

// Validate checks every rule of docs/spec/receipt.md that concerns values.
// The fault lists all findings; its code is that of the first: BadField
// (VM203), NotUTF8 (VM204), or TooLarge (VM202) for a text that is too long.
func (r *Receipt) Validate() error {
	c := new(checker)
	c.when(r.Schema != Schema, "schema", "is not "+Schema)
	c.when(!r.Kind.known(), "kind", "is not known")
	c.when(!r.RecordedAt.Valid(), "recorded_at", "lies outside the years 1970 to 9999")
	c.time("occurred_at", r.OccurredAt)
	c.required("recorder.name", r.Recorder.Name)
	c.line("recorder.name", r.Recorder.Name, maxComponent)
	c.line("recorder.email", r.Recorder.Email, maxComponent)
	r.checkSubjectMatter(c)
	r.checkAttachments(c)
	r.checkByKind(c)
	return c.fault()
}

func (r *Receipt) checkSubjectMatter(c *checker) {
	c.identifier("component", r.Component, maxComponent)
	c.identifier("version", r.Version, maxVersion)
	c.object("commit", r.Commit)
	c.object("tree", r.Tree)
	c.object("patch_id", r.PatchID)
	c.when(r.Ref != "" && !ValidRef(r.Ref), "ref", "is not a full ref name such as refs/tags/v1.4.0")
	c.when(r.ChainRef != "" && !validChainRef(r.ChainRef), "chain_ref",
		"is none of eip155:N/tx:0x…, eip155:N/safe:0x…/tx:0x…, snapshot:SPACE/proposal/ID")
}

func (r *Receipt) checkAttachments(c *checker) {
	c.subjects("subjects", r.Subjects)
	c.when(len(r.Evidence) > maxElements, "evidence", "has too many elements")
	c.when(!ascending(r.Evidence, Evidence.compare), "evidence", "is not sorted, or has an element twice")
	for i, e := range r.Evidence {
		e.check(c, fmt.Sprintf("evidence[%d]", i))
	}
	c.when(len(r.Links) > maxElements, "links", "has too many elements")
	c.when(!ascending(r.Links, Link.compare), "links", "is not sorted, or has an element twice")
	for i, l := range r.Links {
		c.oneOf(fmt.Sprintf("links[%d].rel", i), l.Rel, Rels()...)
		c.when(l.Receipt.IsZero(), fmt.Sprintf("links[%d].receipt", i), "is missing")
	}
	c.labels("labels", r.Labels)
	c.text("note", r.Note, maxNote)
}

// checkByKind checks which fields a kind must and may have: its body, and for
// releases and deployments what was shipped.
func (r *Receipt) checkByKind(c *checker) {
	c.when(r.Kind == KindGenesis && !r.Ledger.IsZero(), "ledger", "does not belong into a genesis receipt, whose id it would be")
	c.when(r.Kind != KindGenesis && r.Ledger.IsZero(), "ledger", "is missing")
	if r.Kind == KindRelease || r.Kind == KindDeployment {
		c.required("component", r.Component)
		c.required("version", r.Version)
	}
	bodies := r.bodies()
	for _, kind := range Kinds() {
		b, present := bodies[kind]
		c.when(present && kind != r.Kind, string(kind), "does not belong into a receipt of kind "+string(r.Kind))
		if present && kind == r.Kind {
			b.check(c)
		}
	}
	needsBody := r.Kind.known() && r.Kind != KindRelease && r.Kind != KindDeployment
	c.when(needsBody && bodies[r.Kind] == nil, string(r.Kind), "is missing: a receipt of this kind needs the object of that name")
}

type body interface{ check(c *checker) }

// bodies lists the bodies that are present.
func (r *Receipt) bodies() map[Kind]body {
	found := make(map[Kind]body)
	add := func(k Kind, present bool, b body) {
		if present {
			found[k] = b
		}
	}
	add(KindGenesis, r.Genesis != nil, r.Genesis)
	add(KindDecision, r.Decision != nil, r.Decision)
	add(KindIncident, r.Incident != nil, r.Incident)
	add(KindDiscovery, r.Discovery != nil, r.Discovery)
	add(KindAttestation, r.Attestation != nil, r.Attestation)
	add(KindSpawn, r.Spawn != nil, r.Spawn)
	add(KindImport, r.Import != nil, r.Import)
	add(KindCovenant, r.Covenant != nil, r.Covenant)
	add(KindSeal, r.Seal != nil, r.Seal)
	add(KindMerge, r.Merge != nil, r.Merge)
	add(KindRevocation, r.Revocation != nil, r.Revocation)
	return found
}

func (e Evidence) check(c *checker, field string) {
	c.when(!baseName(e.Name), field+".name", "is not a file's base name")
	c.line(field+".name", e.Name, maxBaseName)
	c.when(e.SHA256.IsZero(), field+".sha256", "is missing")
	c.natural(field+".size", e.Size)
	c.when(len(e.MediaType) > maxBaseName || !mediaForm.MatchString(e.MediaType), field+".media_type", "is not a media type in lower case")
}

// Finding is a field that breaks its rule.
type Finding struct {
	Field string // as in the JSON form, such as covenant.principals[0].keys[1].key
	Text  string // what is wrong with it, such as "is not base64"
}

// checker collects findings, so that a person sees all of them at once.
type checker struct {
	findings []*fault.Error
	fields   []Finding
}

func (c *checker) fault() error {
	switch len(c.findings) {
	case 0:
		return nil
	case 1:
		return c.findings[0]
	}
	lines := make([]string, len(c.findings))
	for i, f := range c.findings {
		lines[i] = f.Message
	}
	return fault.New(c.findings[0].Code, "%d fields break their rules: %s", len(lines), strings.Join(lines, "; "))
}

func (c *checker) add(code fault.Code, field, finding string) {
	c.findings = append(c.findings, fault.New(code, "%s %s", field, finding))
	c.fields = append(c.fields, Finding{Field: field, Text: finding})
}

func (c *checker) when(bad bool, field, finding string) {
	if bad {
		c.add(fault.BadField, field, finding)
	}
}

func (c *checker) required(field, s string) { c.when(s == "", field, "is missing") }

func (c *checker) natural(field string, n int64) {
	c.when(n < 0 || n > canon.MaxInteger, field, "is not an integer from 0 to 2^53-1")
}

func (c *checker) time(field string, t *Time) {
	c.when(t != nil && !t.Valid(), field, "lies outside the years 1970 to 9999")
}

func (c *checker) object(field string, o Object) {
	c.when(o != "" && !o.Valid(), field, "is not sha1: and 40, or sha256: and 64 hex digits")
}

func (c *checker) oneOf(field, s string, allowed ...string) {
	c.when(!slices.Contains(allowed, s), field, "is none of "+strings.Join(allowed, ", "))
}

// line checks text of one line: UTF-8, no control or bidi characters, at most
// limit bytes. Empty is fine.
func (c *checker) line(field, s string, limit int) {
	c.text(field, s, limit)
	c.when(strings.ContainsFunc(s, func(r rune) bool { return r == '\n' || r == '\t' || bidi(r) }), field,
		"has a line break, tab or bidirectional control character")
}

// text checks text of any number of lines: UTF-8, no control characters but
// newline and tab, no noncharacters, at most limit bytes.
func (c *checker) text(field, s string, limit int) {
	if !utf8.ValidString(s) {
		c.add(fault.NotUTF8, field, "is not UTF-8")
		return
	}
	if len(s) > limit {
		c.add(fault.TooLarge, field, fmt.Sprintf("has %d bytes, over the limit of %d", len(s), limit))
	}
	c.when(strings.ContainsFunc(s, control), field, "has a control character")
}

// ValidName tells whether s can be a component, or the name of a ledger.
func ValidName(s string) bool {
	c := new(checker)
	c.required("name", s)
	c.identifier("name", s, maxComponent)
	return len(c.findings) == 0
}

// ValidPrincipal tells whether s can be the name of a principal.
func ValidPrincipal(s string) bool { return ValidName(s) && len(s) <= maxVersion }

// identifier checks a component or a version.
func (c *checker) identifier(field, s string, limit int) {
	if s == "" {
		return
	}
	c.line(field, s, limit)
	c.when(strings.TrimSpace(s) != s, field, "begins or ends with white space")
	c.when(strings.HasPrefix(s, "-"), field, "begins with -")
	c.when(strings.Contains(s, `\`), field, "has a backslash")
	climbs := func(segment string) bool { return segment == "" || segment == "." || segment == ".." }
	c.when(slices.ContainsFunc(strings.Split(s, "/"), climbs), field, "has an empty, . or .. segment")
}

func (c *checker) subjects(field string, subjects []Subject) {
	c.when(len(subjects) > maxElements, field, "has too many elements")
	c.when(!ascending(subjects, Subject.compare), field, "is not sorted, or has an element twice")
	for i, s := range subjects {
		name := fmt.Sprintf("%s[%d]", field, i)
		c.when(!baseName(s.Name) && !uriForm.MatchString(s.Name), name+".name", "is neither a file's base name nor a URI")
		c.line(name+".name", s.Name, maxURI)
		c.when(s.SHA256.IsZero(), name+".sha256", "is missing")
		if s.Size != nil {
			c.natural(name+".size", *s.Size)
		}
	}
}

func (c *checker) labels(field string, labels map[string]string) {
	c.when(len(labels) > maxLabels, field, "has too many elements")
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		value := labels[name]
		c.when(len(name) > 63 || !labelForm.MatchString(name), field, fmt.Sprintf("has the name %.80q, which is not letters, digits and . _ / -", name))
		c.line(field+"."+name, value, maxLine)
	}
}

// ascending tells whether s is strictly sorted, so that nothing is there twice.
func ascending[T any](s []T, compare func(a, b T) int) bool {
	for i := 1; i < len(s); i++ {
		if compare(s[i-1], s[i]) >= 0 {
			return false
		}
	}
	return true
}

var (
	labelForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]*$`)
	mediaForm = regexp.MustCompile(`^[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*(; [a-z0-9-]+=[A-Za-z0-9._-]+)*$`) // names as in RFC 6838 section 4.2
	uriForm   = regexp.MustCompile(`^[a-z][a-z0-9+.-]*:[^\s\\]+$`)
	spaceForm = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]*$`)
	wordsForm = regexp.MustCompile(`^[A-Za-z0-9]+$`)
)

// validChainRef tells whether s has one of the three forms of a chain_ref. The
// chain ids are those of CAIP-2, namespace eip155.
func validChainRef(s string) bool {
	parts := strings.Split(s, "/")
	hex := func(text, prefix string, n int) bool {
		digits, ok := strings.CutPrefix(text, prefix+":0x")
		return ok && isHex(digits, n, lowerHex+upperHex)
	}
	chain, isChain := strings.CutPrefix(parts[0], "eip155:")
	space, isSpace := strings.CutPrefix(parts[0], "snapshot:")
	switch {
	case isChain && (len(chain) > 32 || chain == "" || chain[0] == '0' || strings.Trim(chain, "0123456789") != ""):
		return false
	case isChain && len(parts) == 2:
		return hex(parts[1], "tx", 64)
	case isChain && len(parts) == 3:
		return hex(parts[1], "safe", 40) && hex(parts[2], "tx", 64)
	case isSpace && len(parts) == 3:
		return len(space) <= 100 && spaceForm.MatchString(space) && parts[1] == "proposal" && len(parts[2]) <= 100 && wordsForm.MatchString(parts[2])
	}
	return false
}

// baseName tells whether s can be a file's name on its own.
func baseName(s string) bool {
	return s != "" && len(s) <= maxBaseName && s != "." && s != ".." && !strings.ContainsAny(s, `/\`)
}

// control tells whether r is a character that no text of a receipt may have:
// C0 but newline and tab, DEL, C1, line and paragraph separators, noncharacters.
func control(r rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return false
	case r < 0x20 || 0x7F <= r && r <= 0x9F:
		return true
	case r == '\u2028' || r == '\u2029':
		return true
	}
	return canon.Noncharacter(r)
}

// bidi tells whether r is a control character of the Unicode Bidirectional
// Algorithm (UAX 9 section 2), with which text can be made to read otherwise
// than it is.
func bidi(r rune) bool {
	switch {
	case r == '\u061C' || r == '\u200E' || r == '\u200F':
		return true
	case '\u202A' <= r && r <= '\u202E', '\u2066' <= r && r <= '\u2069':
		return true
	}
	return false
}

// ValidRef tells whether s is a full ref name below refs/ by the rules of
// git check-ref-format, in UTF-8 and without bidirectional controls.
func ValidRef(s string) bool {
	if !strings.HasPrefix(s, "refs/") || len(s) > maxLine || !utf8.ValidString(s) {
		return false
	}
	if strings.HasSuffix(s, ".") || strings.Contains(s, "..") || strings.Contains(s, "@{") {
		return false
	}
	if strings.ContainsFunc(s, func(r rune) bool { return control(r) || bidi(r) || strings.ContainsRune(" \t\n~^:?*[\\", r) }) {
		return false
	}
	for part := range strings.SplitSeq(s, "/") {
		if part == "" || strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".lock") {
			return false
		}
	}
	return true
}
