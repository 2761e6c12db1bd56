package cli

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/trust"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// explanation is how a step is checked with plain tools: commands for a POSIX shell, to
// be run in their order in one folder, where they leave files for those that follow; and
// behind a # what is left for the eye.
type explanation map[ledger.Step][]string

// explainer says how the steps about a receipt are checked with plain tools.
type explainer struct {
	blob     func(e *ledger.Entry, name string) string // the command that prints a file of a receipt
	listing  func(body string) string                  // the one that prints which receipts have a body that begins so
	names    string                                    // prints the names of the receipt's files
	anchor   verify.Anchor
	known    string // the file of known ledgers
	now      time.Time
	receipt  *ledger.Entry
	covenant *ledger.Entry // whose authorities vouch for the tokens, nil for none
	tokens   []trust.Stamp
	finding  trust.Finding
	chain    *trust.Chain
	law
}

// law is by what the receipts of a ledger are judged.
type law struct {
	genesis     *ledger.Entry
	versions    []*ledger.Entry // those that carry the versions of the chain
	rivals      []*ledger.Entry // covenants that would follow on one of them
	strays      []*ledger.Entry // covenants that would not
	revocations []*ledger.Entry
}

// newExplainer is one for a receipt, by what it was found to be in a report.
func newExplainer(e *ledger.Entry, of verify.Law, r *verify.Report, using *verify.Terms, known string) explainer {
	x := explainer{receipt: e, chain: r.Chain, anchor: using.Anchor, known: known, now: using.Now, law: law{genesis: of.Genesis, revocations: of.Revocations}}
	if known, err := filepath.Abs(known); err == nil {
		x.known = known
	}
	if len(r.Findings) > 0 {
		x.tokens, x.finding = r.Findings[0].Tokens, r.Findings[0].Finding
	}
	carries := make(map[receipt.ID]*ledger.Entry)
	for _, c := range append([]*ledger.Entry{of.Genesis}, of.Covenants...) {
		carries[c.ID] = c
	}
	for _, v := range r.Chain.Versions {
		if carries[v.ID] != nil {
			x.versions = append(x.versions, carries[v.ID])
		}
	}
	considered := r.Chain.Considered()
	for _, c := range of.Covenants {
		switch {
		case slices.Contains(x.versions, c):
		case slices.Contains(considered, c.ID):
			x.rivals = append(x.rivals, c)
		default:
			x.strays = append(x.strays, c)
		}
	}
	if v := r.Chain.Vouching(e.ID); v != nil {
		x.covenant = carries[v.ID]
	}
	return x
}

// explain says how each step about a receipt of a ledger is checked with plain tools.
func (a *app) explain(l *ledger.Ledger, e *ledger.Entry, r *verify.Report, using *verify.Terms, known string) (explanation, error) {
	of, err := verify.LawOf(a.ctx, l, using.Cache)
	if err != nil {
		return nil, err
	}
	blob := func(e *ledger.Entry, name string) string {
		return fmt.Sprintf("git cat-file blob %s:%s/%s", l.Head, e.Path, name)
	}
	x := newExplainer(e, of, r, using, known)
	x.blob = blob
	x.names = fmt.Sprintf("git ls-tree --full-tree --name-only %s:%s", l.Head, e.Path)
	x.listing = func(body string) string {
		return fmt.Sprintf(`git grep -l -F -e '%s' %s -- ':/*/receipt.json'`, body, l.Head)
	}
	all := x.files()
	all[ledger.StepHead] = []string{"test $(git cat-file blob " + string(l.Head) + ":VERSION | sha256sum | cut -c1-64) = $(printf 'vaultmesh ledger 1\\n' | sha256sum | cut -c1-64)"}
	all[ledger.StepLayout] = []string{fmt.Sprintf("git ls-tree --full-tree %s:%s | tr '\\t' ' ' | %s", l.Head, e.Path, nothingBut("100644 blob [0-9a-f]+ "+entryNames))}
	all[ledger.StepLimits] = []string{fmt.Sprintf("git ls-tree --full-tree -l %s:%s | %s", l.Head, e.Path, withinLimits)}
	all[ledger.StepDate] = []string{blob(e, "receipt.json") + " | grep -q '\"recorded_at\":\"" + strings.ReplaceAll(e.Path[:10], "/", "-") + "T'"}
	all[ledger.StepHistory] = []string{"test -z \"$(git log --full-history -m --no-renames --diff-filter=MDTX --format= --name-status " + string(l.Head) + ")\""}
	for _, s := range r.Seals {
		all[verify.StepSeal] = append(all[verify.StepSeal], sealedTree(s.Seal.Receipt.Seal.Head.Hex(), blob(s.Seal, "receipt.json")))
		all[verify.StepSeal] = append(all[verify.StepSeal], x.sealSigners(s)...)
	}
	return all, nil
}

// archived are the files that a proof came with, each as the id of its receipt, a slash
// and its name.
func archived(m *verify.Mailed) map[string]bool {
	all := make(map[string]bool)
	for _, e := range slices.Concat([]*ledger.Entry{m.Receipt, m.Genesis, m.Seal}, m.Covenants, m.Revocations) {
		if e == nil {
			continue
		}
		for _, f := range e.Files {
			all[e.ID.String()+"/"+f.Name] = true
		}
	}
	return all
}

// explainProof does so for the receipt of a mailed proof, which is a tar archive. What it
// did not come with is in the ledger at ref.
func explainProof(file string, came map[string]bool, ref string, m *verify.Mailed, r *verify.Report, using *verify.Terms, known string) explanation {
	file, ref = fault.Quote(file), fault.Quote(ref)
	blob := func(e *ledger.Entry, name string) string {
		if !came[e.ID.String()+"/"+name] && e.Receipt != nil {
			return fmt.Sprintf("git cat-file blob %s:%s/%s", ref, ledger.Path(e.ID, e.Receipt.RecordedAt), name)
		}
		return fmt.Sprintf("tar -xOf - %s/%s < %s", e.ID, name, file)
	}
	x := newExplainer(m.Receipt, m.Law, r, using, known)
	x.blob = blob
	x.names = fmt.Sprintf("tar -tf - < %s | sed -n 's,^%s/,,p'", file, m.Receipt.ID)
	x.listing = func(body string) string {
		return fmt.Sprintf(`for f in $(tar -tf - < %s | grep -x '[0-9a-f]\{64\}/receipt.json'); do tar -xOf - $f < %s | grep -q -F -e '%s' && echo $f; done`, file, file, body)
	}
	all := x.files()
	all[ledger.StepLayout] = []string{"tar -tf - < " + file + " | " + nothingBut(`(proof\.json|readme\.txt|[0-9a-f]{64}/`+entryNames+")")}
	for _, f := range m.Receipt.Files {
		most := ledger.MaxProof
		if f.Type == "evidence" {
			most = ledger.MaxEvidence
		}
		all[ledger.StepLimits] = append(all[ledger.StepLimits], fmt.Sprintf("test $(%s | wc -c) -le %d", blob(m.Receipt, f.Name), most))
	}
	if m.Seal != nil {
		all[verify.StepSeal] = []string{sealedPaths("tar -xOf - proof.json < "+file, m.Receipt.ID.String(), blob(m.Seal, "receipt.json"))}
	}
	for _, s := range r.Seals {
		all[verify.StepSeal] = append(all[verify.StepSeal], x.sealSigners(s)...)
	}
	return all
}

// entryNames is a pattern of the names that may be in the folder of a receipt.
const entryNames = `(receipt\.json|[a-z][a-z0-9]{0,31}-[0-9a-f]{64}(\.[a-z0-9]{1,8})?)`

// nothingBut fails where a line is none of a pattern.
func nothingBut(pattern string) string {
	return "LC_ALL=C grep -v -x -E '" + pattern + "' | cmp -s - /dev/null"
}

// withinLimits reads what git ls-tree -l prints of the folder of a receipt.
const withinLimits = `awk '{ evidence = $5 ~ /^evidence-/; all += evidence * $4 } $4 > (evidence ? 1048576 : 65536) { over = 1 } END { exit over || NR > 256 || all > 8388608 }'`

// anchored compares the ledger's id with what somebody outside of it said.
func (x explainer) anchored() string {
	id := "$(" + x.blob(x.genesis, "receipt.json") + " | sha256sum | cut -c1-64)"
	switch x.anchor.Source {
	case byConfig:
		return "git config --get-all vaultmesh.ledger | grep -q -x " + id
	case byLedger:
		return "test " + id + " = " + x.anchor.Ledger.String()
	case byTrust, byKnown:
		return "cut -d' ' -f1 " + fault.Quote(x.known) + " | grep -q -x " + id
	}
	return "echo " + id + " # for the eye: nobody outside of the ledger said that it is this one"
}

// pinned explains that the covenant which was accepted here before is one of the versions.
func (x explainer) pinned() []string {
	if x.anchor.Pin.Version == 0 {
		return nil
	}
	versions := ""
	for _, e := range x.versions {
		versions += " -e " + e.ID.String()
	}
	return []string{fmt.Sprintf(`sed -n 's/^%s [0-9]*!\{0,1\} \([0-9a-f]\{64\}\).*/\1/p' %s | grep -q -x%s`, x.genesis.ID, fault.Quote(x.known), versions)}
}

// files explains the steps about the files of the receipt.
func (x explainer) files() explanation {
	e, genesis := x.receipt, x.genesis
	id, raw := e.ID.String(), x.blob(e, "receipt.json")
	all := explanation{
		ledger.StepCanonical: canonically(raw),
		ledger.StepID:        {"test $(" + raw + " | sha256sum | cut -c1-64) = " + id},
		ledger.StepFields:    fieldwise(e),
		verify.StepAnchor:    {x.anchored()},
		verify.StepCovenant:  x.covenants(),
		verify.StepSigners:   x.signers(),
		verify.StepRails:     x.rails(),
	}
	if e.ID != genesis.ID {
		all[ledger.StepLedger] = []string{raw + " | grep -q '\"ledger\":\"" + genesis.ID.String() + "\"'"}
	}
	for _, f := range e.Files {
		if f.Type == "receipt" {
			continue
		}
		file := x.blob(e, f.Name)
		all[ledger.StepFiles] = append(all[ledger.StepFiles], fmt.Sprintf("test $(%s | sha256sum | cut -c1-64) = %s", file, f.Digest))
	}
	all[ledger.StepFiles] = append(all[ledger.StepFiles], x.evidence()...)
	all[verify.StepSignatures] = x.signatures()
	all[verify.StepTimestamps] = x.timestamps()
	return all
}

// evidence explains that the receipt has all the evidence that it says is stored, of the
// size that it says, and no other.
func (x explainer) evidence() []string {
	r := x.receipt.Receipt
	if r == nil || r.Future {
		return nil
	}
	commands := []string{listEvidence, x.names + " | grep '^evidence-' | LC_ALL=C sort | cmp -s - listed"}
	for _, e := range r.Evidence {
		if e.Stored {
			commands = append(commands, fmt.Sprintf("test $(%s | wc -c) -eq %d", x.blob(x.receipt, "evidence-"+e.SHA256.String()), e.Size))
		}
	}
	return commands
}

// listEvidence puts the names of the files that the receipt in the file flat says are
// stored into the file listed.
const listEvidence = `awk '/^\.evidence\[[0-9]+\]\.sha256 / { name = "evidence-" substr($2, 2, 64) } /^\.evidence\[[0-9]+\]\.stored true$/ { print name }' flat | LC_ALL=C sort -u > listed`
