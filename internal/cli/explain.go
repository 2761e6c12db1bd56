package cli

import (
	"fmt"
	"slices"
	"strings"

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
	genesis  *ledger.Entry
	covenant *ledger.Entry // whose authorities vouch for the tokens, nil for none
	receipt  *ledger.Entry
	tokens   []trust.Stamp
	finding  trust.Finding
	chain    *trust.Chain
	versions []*ledger.Entry // those that carry the versions of the chain
	listing  string          // prints which covenants there are
	names    string          // prints the names of the receipt's files
	anchor   string          // who said which ledger this must be
}

// explain says how each step about a receipt of a ledger is checked with plain tools.
func (a *app) explain(l *ledger.Ledger, e *ledger.Entry, r *verify.Report, anchor string) (explanation, error) {
	blob := func(e *ledger.Entry, name string) string {
		return fmt.Sprintf("git cat-file blob %s:%s/%s", l.Head, e.Path, name)
	}
	x := explainer{blob: blob, receipt: e, tokens: tokensOf(r), chain: r.Chain, finding: findingOf(r), anchor: anchor}
	x.names = fmt.Sprintf("git ls-tree --full-tree --name-only %s:%s", l.Head, e.Path)
	x.listing = fmt.Sprintf(`git grep -o -e '"previous":"[0-9a-f]*"' -e '"revocation":{"at":"[0-9TZ:-]*","key":"[0-9A-Za-z:+/]*"' %s -- ':/*/receipt.json' || true`, l.Head)
	var err error
	if x.genesis, err = l.Genesis(a.ctx); err != nil {
		return nil, err
	}
	for _, v := range r.Chain.Versions {
		one, err := l.One(a.ctx, v.ID.String())
		if err != nil {
			return nil, err
		}
		x.versions = append(x.versions, one)
	}
	if v := r.Chain.Vouching(e.ID); v != nil {
		if x.covenant, err = l.One(a.ctx, v.ID.String()); err != nil {
			return nil, err
		}
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
func explainProof(file string, came map[string]bool, ref string, m *verify.Mailed, r *verify.Report, anchor string) explanation {
	file, ref = fault.Quote(file), fault.Quote(ref)
	blob := func(e *ledger.Entry, name string) string {
		if !came[e.ID.String()+"/"+name] && e.Receipt != nil {
			return fmt.Sprintf("git cat-file blob %s:%s/%s", ref, ledger.Path(e.ID, e.Receipt.RecordedAt), name)
		}
		return fmt.Sprintf("tar -xOf - %s/%s < %s", e.ID, name, file)
	}
	x := explainer{blob: blob, genesis: m.Genesis, receipt: m.Receipt, tokens: tokensOf(r), chain: r.Chain, finding: findingOf(r), anchor: anchor}
	x.listing = "tar -xOf - proof.json < " + file
	x.names = fmt.Sprintf("tar -tf - < %s | sed -n 's,^%s/,,p'", file, m.Receipt.ID)
	carries := make(map[receipt.ID]*ledger.Entry)
	for _, e := range append([]*ledger.Entry{m.Genesis}, m.Covenants...) {
		carries[e.ID] = e
	}
	for _, v := range r.Chain.Versions {
		if carries[v.ID] != nil {
			x.versions = append(x.versions, carries[v.ID])
		}
	}
	if v := r.Chain.Vouching(m.Receipt.ID); v != nil {
		x.covenant = carries[v.ID]
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

// anchored compares the ledger's id with what git's configuration says, where that is
// who says so; else a person does.
func (x explainer) anchored() string {
	id := x.genesis.ID.String()
	if x.anchor == "vaultmesh.ledger" {
		return "git config --get-all vaultmesh.ledger | grep -q -x " + id
	}
	return "echo " + id + " # for the eye: compare it with what a person says who knows the ledger"
}

// tokensOf is what was found of the time-stamps of the one receipt of a report.
func tokensOf(r *verify.Report) []trust.Stamp {
	if len(r.Findings) == 0 {
		return nil
	}
	return r.Findings[0].Tokens
}

// findingOf is what was found of the one receipt of a report.
func findingOf(r *verify.Report) trust.Finding {
	if len(r.Findings) == 0 {
		return trust.Finding{}
	}
	return r.Findings[0].Finding
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

// signatures explains that no signature is broken, whosever it is. A key of OpenPGP is
// taken from the covenant, where it has any, else it must be in one's own keyring.
func (x explainer) signatures() []string {
	var commands []string
	raw, gpg := x.blob(x.receipt, "receipt.json"), "gpg --batch"
	if _, covenant := x.judgedBy(); covenant != nil && carriesOpenPGP(covenant.Receipt) {
		commands, gpg = x.readKeys(covenant), withKeys
	}
	for _, f := range x.receipt.Files {
		file := x.blob(x.receipt, f.Name) + " > sig; "
		switch f.Type {
		case "ssh":
			commands = append(commands, file+raw+" | ssh-keygen -Y check-novalidate -n vaultmesh -s sig")
		case "openpgp":
			commands = append(commands, file+onePacket+raw+" | "+gpg+" --verify sig -")
		}
	}
	return commands
}

// onePacket goes on where the file sig is one packet of OpenPGP: gpg verifies all that are
// in a file.
const onePacket = "test $(gpg --batch --list-packets sig | grep -c '^:') = 1 && "

// timestamps explains the step about the tokens: those that count verify under the
// roots in the covenant, at their own time; of the others, what they say.
func (x explainer) timestamps() []string {
	var counting, others []string
	for _, t := range x.tokens {
		token := x.blob(x.receipt, t.File) + " > token; "
		if t.Err == nil && x.covenant != nil {
			counting = append(counting, fmt.Sprintf("%sopenssl ts -verify -in token -digest %s -CAfile roots.pem -attime %d", token, x.digest(t.Over), t.Time.Unix()))
		} else {
			others = append(others, token+"openssl ts -reply -in token -text")
		}
	}
	if len(counting) > 0 {
		counting = append([]string{x.blob(x.covenant, "receipt.json") + writeRoots}, counting...)
	}
	return append(counting, others...)
}

// writeRoots makes a file of certificates out of the roots in a covenant.
const writeRoots = ` | grep -o '"roots":\["[^]]*' | cut -d[ -f2 | tr -d '"' | tr , '\n' | ` +
	"while read -r der; do echo $der | base64 -d | openssl x509 -inform DER; done > roots.pem"

// digest is the SHA-256 of a file of the receipt.
func (x explainer) digest(name string) string {
	for _, f := range x.receipt.Files {
		if f.Name == name && f.Type != "receipt" {
			return f.Digest.String()
		}
	}
	return x.receipt.ID.String()
}
