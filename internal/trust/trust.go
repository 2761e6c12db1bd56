// Package trust says who may sign what: it reads the covenants of a ledger as a
// chain, and judges the signatures of receipts by it.
//
// What it is not for: finding receipts, or git. It takes data and returns data;
// the rules are those of docs/spec/covenant.md and docs/spec/signature.md.
package trust

import (
	"slices"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Folder is a receipt with what lies beside it to support it.
type Folder struct {
	ID         receipt.ID
	Receipt    *receipt.Receipt
	Raw        []byte // its canonical bytes
	Signatures []File
	Tokens     []File
	// Sealed is the earliest proven time of a seal over a file of this folder, by the
	// file's name; absent where there is none.
	Sealed map[string]time.Time
}

// File is a signature or a token.
type File struct {
	Name   string
	Type   string // openpgp, ssh or rfc3161
	Digest receipt.Digest
	Data   []byte
}

// Finding is what the signatures of a receipt come to.
type Finding struct {
	Signatures []Signature
	Tokens     []Stamp
	Err        error     // why not enough principals have signed, nil if they have
	Version    int64     // of the covenant that it was judged by
	Signers    []string  // the principals who count, sorted
	Since      time.Time // by when that was so, as far as it is proven; zero where it is not
	// Until is when the finding has to be made again: a key expires, or a revocation
	// begins, that is nothing to what is proven to be older. Zero for never.
	Until time.Time
}

// Signature is one signature file and what is to be said of it.
type Signature struct {
	File      string
	Type      string
	By        string    // fingerprint, "" where it cannot be read
	Principal string    // whose key it is, "" for nobody's
	Proven    time.Time // by when it existed; zero where nothing proves it
	Made      bool      // its key, which some covenant of the ledger has, made it over this receipt
	Broken    bool      // Err says that it is none over this receipt, whoever made it
	Err       error     // why it does not count, nil if it does
}

// Stamp is one token and what is to be said of it.
type Stamp struct {
	File      string
	Authority string    // whose it is, "" where no authority of the covenant vouches for it
	Time      time.Time // what it says; proven where Err is nil
	Over      string    // the file that it stamps, "" for none
	Broken    bool      // Err says that it is malformed, or stamps nothing here
	Err       error
}

// Trusted tells whether enough principals have signed, and nothing in the folder
// only pretends to be a proof.
func (f Finding) Trusted() bool {
	signatures, tokens := f.Broken()
	return f.Err == nil && len(signatures) == 0 && len(tokens) == 0
}

// Authorities are those that have stamped signatures that count, sorted, each once;
// where nobody has signed, those that have stamped the receipt itself.
func (f Finding) Authorities() []string {
	var list []string
	for _, t := range f.Stamps() {
		list = append(list, t.Authority)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// ProvenOf is by when a signature is proven to have been there, zero where nothing proves it.
func (f Finding) ProvenOf(name string) time.Time {
	for _, s := range f.Signatures {
		if s.File == name {
			return s.Proven
		}
	}
	return time.Time{}
}

// counts tells whether a file is a signature that counts.
func (f Finding) counts(name string) bool {
	return slices.ContainsFunc(f.Signatures, func(s Signature) bool { return s.File == name && s.Err == nil })
}

// Proven is the earliest time by which the receipt is proven to have been there: by
// a token over it, or over a signature that was made over it. Zero where there is
// none. Other files may be older than the receipt that they lie beside.
func (f Finding) Proven() time.Time {
	over := map[string]bool{receiptFile: true}
	for _, s := range f.Signatures {
		over[s.File] = s.Made
	}
	var earliest time.Time
	for _, t := range f.Tokens {
		if t.Err == nil && over[t.Over] && CompareProven(t.Time, earliest) < 0 {
			earliest = t.Time
		}
	}
	return earliest
}

// Broken lists what is wrong with the files themselves, whoever is trusted.
func (f Finding) Broken() (signatures, tokens []error) {
	for _, s := range f.Signatures {
		if s.Broken {
			signatures = append(signatures, s.Err)
		}
	}
	for _, t := range f.Tokens {
		if t.Broken {
			tokens = append(tokens, t.Err)
		}
	}
	return signatures, tokens
}

// Judge says whether enough principals have signed a receipt. It tries the
// moments at which its signatures are proven to have been there, and last the
// present: what held at one of them holds. A covenant that is or was in force is
// judged by the one before, as it came into force. Without a covenant the fault is
// NoCovenant (VM607).
func (c *Chain) Judge(f Folder, now time.Time) Finding {
	if before := c.before(f.ID); before != nil {
		return c.accepts(before, f, nil, now)
	}
	latest := c.latest()
	j := examine(f, c.ring(), latest, now)
	if latest == nil {
		j.finding.Err = fault.New(fault.NoCovenant, "the ledger has no covenant, so nobody's signature counts")
		return j.finding
	}
	return j.judge(c.inForce, c.revocations)
}

// before is the version that a covenant was judged by, of the first itself; nil for
// what is no covenant that is or was in force.
func (c *Chain) before(id receipt.ID) *Version {
	i := slices.IndexFunc(c.Versions, func(v *Version) bool { return v.ID == id })
	if i < 0 {
		return nil
	}
	return c.Versions[max(i-1, 0)]
}

// Vouching is the version whose authorities vouch for the time-stamps beside a
// receipt, nil where there is none.
func (c *Chain) Vouching(id receipt.ID) *Version {
	if v := c.before(id); v != nil {
		return v
	}
	return c.latest()
}
