// Package rules judges what a push does to a ref by one rule of a covenant.
//
// It is pure: a push and what is known of it are data, and so is what is missing.
// It knows no git, no ledger and no clock, and trusts nobody: who gathers the facts
// brings only receipts that count. What each requirement means is in
// docs/spec/covenant.md, "What a push must bring".
package rules

import (
	"slices"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Move is what a push does to a ref.
type Move string

// The moves.
const (
	Create  Move = "create"
	Advance Move = "advance"
	Rewind  Move = "rewind" // what the ref led to is lost to it, or it is a tag that was there
	Delete  Move = "delete"
)

// Update is what a push does to one ref.
type Update struct {
	Ref   string // its full name at the remote; "" for a commit that no ref leads to
	Move  Move
	Paths []string // that it changes
	Cut   bool     // what it changes cannot be told, because the history is cut
	Loose bool     // nor because it leads to no commit, but to a tree or a file

	Unsure bool // for the same reason it may be no rewind
}

// Signer is a principal whose signature counts.
type Signer struct {
	Name   string
	Groups []string
	Person string // the same for principals that are one person
}

// Stamp is a time-stamp that counts.
type Stamp struct {
	Authority string
	Time      time.Time
}

// Receipt is a trusted receipt that nobody has taken back.
type Receipt struct {
	ID      receipt.ID
	Receipt *receipt.Receipt
	Signers []Signer
	Stamps  []Stamp

	Covenant int64          // the version by which it was judged
	Archive  receipt.Digest // of a release that names one: that of its commit's files, made again; zero where it was not
}

// Facts are what is known about an update.
type Facts struct {
	Now       time.Time
	Receipts  []Receipt // about the commit that the ref leads to
	Decisions []Receipt // accepted ones that name paths, whatever commit they are about
	Sealed    time.Time // how old the newest seal that holds is; zero for none
	Unpushed  bool      // the ledger has something that the remote has not and does not get
	HeldBack  []string  // peers of which something is held back
}

// The names of what can be missing: those of the fields of a requirement.
const (
	NeedReceipts  = "receipts"
	NeedSigners   = "signers"
	NeedStamps    = "timestamps"
	NeedFresh     = "timestamp_age"
	NeedSeal      = "seal_age"
	NeedRepeat    = "reproducible"
	NeedTests     = "tests_attested"
	NeedDecision  = "decision"
	NeedPushed    = "ledger_pushed"
	NeedNoRewind  = "no_rewind"
	NeedCleanPeer = "clean_peer_state"
)

// Lack is one thing that a rule requires and a push does not bring.
type Lack struct {
	Need    string
	Kind    receipt.Kind // of the receipt that is missing, or lacks something; "" for none
	Receipt receipt.ID   // that lacks something; zero for none
	Text    string       // what is missing, in words
	Path    string       // the file that it is about, "" for none
	Unknown bool         // it cannot be told with what is here
}

// Concerns tells whether a rule may be about a ref, whatever is changed.
func Concerns(r receipt.Rule, ref string) bool { return meant(r.Refs, ref) }

// WantsPaths tells whether a rule asks what is changed.
func WantsPaths(r receipt.Rule) bool { return len(r.Paths) > 0 || r.Require.Decision }

// WantsReceipts tells whether a rule asks for receipts about a commit.
func WantsReceipts(q receipt.Requirement) bool {
	return len(q.Receipts) > 0 || wantsProofs(q) || q.Reproducible || q.TestsAttested || q.Decision
}

func wantsProofs(q receipt.Requirement) bool {
	return len(q.Signers) > 0 || q.Timestamps > 0 || q.TimestampAge > 0
}

// meant tells whether one of some patterns means a name; none means all.
func meant(patterns []string, name string) bool {
	return len(patterns) == 0 || slices.ContainsFunc(patterns, func(p string) bool { return receipt.Glob(p, name) })
}

// MeansPath tells whether a rule is about a path.
func MeansPath(r receipt.Rule, path string) bool { return meant(r.Paths, path) }

// changed are the paths of an update that a rule is about.
func changed(r receipt.Rule, u Update) []string {
	return slices.DeleteFunc(slices.Clone(u.Paths), func(p string) bool { return !meant(r.Paths, p) })
}

// Binds tells whether a rule is about an update: by its ref, and by what it changes.
// A deletion is of everything, and where nobody can tell what is changed it may be.
func Binds(r receipt.Rule, u Update) bool {
	if !Concerns(r, u.Ref) {
		return false
	}
	return len(r.Paths) == 0 || u.Move == Delete || u.Cut || u.Loose || len(changed(r, u)) > 0
}

// Covers tells whether a rule asks something of receipts like one, whatever is pushed: by
// its component, and by the ref that it names.
func Covers(r receipt.Rule, one *receipt.Receipt) bool {
	return (one.Component == "" || meant(r.Components, one.Component)) && (one.Ref == "" || meant(r.Refs, one.Ref))
}

// Judge lists what a rule requires of an update and is missing, all of it; nil where
// the rule is kept, or is not about the update.
func Judge(r receipt.Rule, u Update, f Facts) []Lack {
	if !Binds(r, u) {
		return nil
	}
	q := r.Require
	lacks := moved(q, u)
	if u.Move == Delete {
		return lacks
	}
	lacks = append(lacks, brought(r, u, f)...)
	if q.Reproducible {
		lacks = append(lacks, repeated(r, f)...)
	}
	if q.TestsAttested {
		lacks = append(lacks, tested(r, f)...)
	}
	if q.Decision {
		lacks = append(lacks, decided(r, u, f)...)
	}
	lacks = append(lacks, around(q, f)...)
	if u.Cut && len(r.Paths) > 0 { // perhaps the rule is not about it
		for i := range lacks {
			lacks[i].Unknown = true
		}
	}
	return lacks
}
