package receipt

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/canon"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// Schema is the value of every receipt's schema field: the format's version,
// and what keeps a signature over a receipt from being one over anything else.
const Schema = "vaultmesh.receipt/v1"

// MaxSize is the most bytes that a receipt may have.
const MaxSize = 64 << 10

// Receipt is the value of one receipt. The rules for each field stand in
// docs/spec/receipt.md; [Receipt.Encode] and [Parse] enforce them all. The
// fields stand in the order of the canonical form, so that writing one need not
// sort them.
type Receipt struct {
	After       ID                `json:"after,omitzero"` // newest seal known to the recorder
	Attestation *Attestation      `json:"attestation,omitempty"`
	ChainRef    string            `json:"chain_ref,omitempty"`
	Commit      Object            `json:"commit,omitempty"`
	Component   string            `json:"component,omitempty"`
	Covenant    *Covenant         `json:"covenant,omitempty"`
	Decision    *Decision         `json:"decision,omitempty"`
	Discovery   *Discovery        `json:"discovery,omitempty"`
	Evidence    []Evidence        `json:"evidence,omitempty"` // sorted by name, then hash
	Genesis     *Genesis          `json:"genesis,omitempty"`
	Import      *Import           `json:"import,omitempty"`
	Incident    *Incident         `json:"incident,omitempty"`
	Kind        Kind              `json:"kind"`
	Labels      map[string]string `json:"labels,omitempty"`
	Ledger      ID                `json:"ledger,omitzero"` // id of the genesis receipt; absent in it
	Links       []Link            `json:"links,omitempty"` // sorted by relation, then id
	Merge       *Merge            `json:"merge,omitempty"`
	Note        string            `json:"note,omitempty"`
	OccurredAt  *Time             `json:"occurred_at,omitempty"`
	PatchID     Object            `json:"patch_id,omitempty"`
	RecordedAt  Time              `json:"recorded_at"`
	Recorder    Person            `json:"recorder"`
	Ref         string            `json:"ref,omitempty"`
	Revocation  *Revocation       `json:"revocation,omitempty"`
	Schema      string            `json:"schema"`
	Seal        *Seal             `json:"seal,omitempty"`
	Spawn       *Spawn            `json:"spawn,omitempty"`
	Subjects    []Subject         `json:"subjects,omitempty"` // sorted by name, then hash
	Tree        Object            `json:"tree,omitempty"`
	Version     string            `json:"version,omitempty"`

	// Future is set by [Parse] on a receipt whose schema or kind this version
	// does not know. Only Schema, Kind, Ledger and RecordedAt are filled then.
	Future bool `json:"-"`
}

// Person is who says it recorded: a claim, as in a git commit. A signature proves it.
type Person struct {
	Email string `json:"email"`
	Name  string `json:"name"`
}

// Subject is an artifact: a file's base name or a URI, and its SHA-256. Size
// is in bytes, nil when the recorder did not have the bytes.
type Subject struct {
	Name   string `json:"name"`
	SHA256 Digest `json:"sha256"`
	Size   *int64 `json:"size,omitempty"`
}

// Evidence is a file that supports the receipt. Where Stored is true its
// bytes lie beside the receipt in the ledger, else only the hash is kept.
type Evidence struct {
	MediaType string `json:"media_type"`
	Name      string `json:"name"`
	SHA256    Digest `json:"sha256"`
	Size      int64  `json:"size"`
	Stored    bool   `json:"stored"`
}

// Link names another receipt of the same ledger and what this one is to it.
type Link struct {
	Receipt ID     `json:"receipt"`
	Rel     string `json:"rel"`
}

// TakesBack tells whether what the other receipt says holds no longer, where this one is
// trusted (docs/spec/receipt.md).
func (l Link) TakesBack() bool { return l.Rel == RelRevokes || l.Rel == RelSupersedes }

// The relations of a [Link].
const (
	RelSupersedes = "supersedes"
	RelRevokes    = "revokes"
	RelRelates    = "relates"
	RelFollows    = "follows"
)

// Rels lists the relations of a [Link].
func Rels() []string { return []string{RelSupersedes, RelRevokes, RelRelates, RelFollows} }

// LabelSource is the label of a release that names which of its subjects is the archive of
// its commit's files (docs/spec/release.md).
const LabelSource = "source-archive"

// Source is the subject that the receipt calls the archive of its commit's files, false
// where it calls none so.
func (r *Receipt) Source() (Subject, bool) {
	name := r.Labels[LabelSource]
	for _, s := range r.Subjects {
		if name != "" && s.Name == name && s.Size != nil {
			return s, true
		}
	}
	return Subject{}, false
}

// HappenedAt is when it happened, as far as the receipt says: occurred_at,
// else recorded_at.
func (r *Receipt) HappenedAt() Time {
	if r.OccurredAt != nil {
		return *r.OccurredAt
	}
	return r.RecordedAt
}

// Title is the receipt in a few words: its kind, component and version.
func (r *Receipt) Title() string {
	words := string(r.Kind)
	for _, word := range []string{r.Component, r.Version} {
		if word != "" {
			words += " " + word
		}
	}
	return words
}

// Gist is what tells receipts of one kind, component and version apart: a
// title, the first subject's name, or the note.
func (r *Receipt) Gist() string {
	switch {
	case r.Genesis != nil:
		return r.Genesis.Name
	case r.Decision != nil:
		return r.Decision.Title
	case r.Incident != nil:
		return strings.TrimSpace(r.Incident.Severity + " " + r.Incident.Impact)
	case r.Discovery != nil:
		return r.Discovery.Title
	case len(r.Subjects) > 0:
		return r.Subjects[0].Name
	}
	return r.Note
}

// Encode returns the canonical bytes of r. It sets the schema, and sorts the
// arrays that have an order. The faults are those of [Receipt.Validate] and
// TooLarge (VM202).
func (r *Receipt) Encode() ([]byte, error) {
	if r.Future {
		return nil, fault.New(fault.BadField, "a receipt of an unknown kind cannot be written")
	}
	r.Schema = Schema
	r.sort()
	if err := r.Validate(); err != nil {
		return nil, err
	}
	return canon.Marshal(r, MaxSize)
}

func (r *Receipt) sort() {
	slices.SortFunc(r.Subjects, Subject.compare)
	slices.SortFunc(r.Evidence, Evidence.compare)
	slices.SortFunc(r.Links, Link.compare)
}

func (s Subject) compare(other Subject) int {
	return cmp.Or(cmp.Compare(s.Name, other.Name), s.SHA256.Compare(other.SHA256))
}

func (e Evidence) compare(other Evidence) int {
	return cmp.Or(cmp.Compare(e.Name, other.Name), e.SHA256.Compare(other.SHA256))
}

func (l Link) compare(other Link) int {
	return cmp.Or(cmp.Compare(l.Rel, other.Rel), l.Receipt.Compare(other.Receipt))
}

// Parse reads the canonical bytes of one receipt. It accepts exactly what
// [Receipt.Encode] writes, and, with [Receipt.Future] set, canonical objects
// of a later schema or kind. The faults are NotCanonical (VM201), TooLarge
// (VM202), BadField (VM203) and NotUTF8 (VM204).
func Parse(b []byte) (*Receipt, error) {
	if err := canon.Scan(b, MaxSize); err != nil {
		return nil, err
	}
	r, err := parseKnown(b)
	if err == nil {
		return r, nil
	}
	// What is not canonical is that first, whatever else it is.
	if err := canon.Check(b, MaxSize); err != nil {
		return nil, err
	}
	if later, ok := parseEnvelope(b); ok {
		return later, nil
	}
	return nil, err
}

// parseKnown reads a receipt of this version. Bytes that are the spelling of
// the value they read as are canonical, and hold nothing else.
func parseKnown(b []byte) (*Receipt, error) {
	r := new(Receipt)
	if err := json.Unmarshal(b, r); err != nil {
		return nil, notAReceipt(err)
	}
	again, err := canon.Spell(r, MaxSize)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, b) {
		return nil, explain(b)
	}
	return r, r.Validate()
}

// explain says what is wrong with bytes that do not read back as they are.
// encoding/json matches names without regard to case, passes over names that
// it does not know and reads null as absent.
func explain(b []byte) error {
	r := new(Receipt)
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(r); err != nil {
		return notAReceipt(err)
	}
	if err := r.Validate(); err != nil {
		return err
	}
	return fault.New(fault.BadField, "a field is null, empty or misspelled: written again, the receipt differs")
}

func notAReceipt(err error) error {
	var other *json.UnmarshalTypeError
	if errors.As(err, &other) {
		field := cmp.Or(other.Field, "the whole")
		return fault.New(fault.BadField, "not a receipt: %.80q cannot be of the type %s", field, other.Value)
	}
	return fault.New(fault.BadField, "not a receipt").Because(err)
}

// schemaForm is what later versions of the format may call themselves.
var schemaForm = regexp.MustCompile(`^vaultmesh\.receipt/v[1-9][0-9]{0,5}$`)

// parseEnvelope reads the four fields that all receipts, now and later, have
// alike: they say where a receipt lies and to which ledger it belongs. It is
// false for what is no receipt of a later version.
func parseEnvelope(b []byte) (*Receipt, bool) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(b, &fields); err != nil {
		return nil, false
	}
	r := &Receipt{Future: true}
	for name, into := range map[string]any{"schema": &r.Schema, "kind": &r.Kind, "recorded_at": &r.RecordedAt, "ledger": &r.Ledger} {
		raw, ok := fields[name]
		if !ok || raw[0] != '"' || json.Unmarshal(raw, into) != nil {
			return nil, false
		}
	}
	ours := r.Schema == Schema && r.Kind.known()
	return r, !ours && !r.Ledger.IsZero() && schemaForm.MatchString(r.Schema) && r.Kind.hasForm()
}
