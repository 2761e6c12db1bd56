package ledger

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/canon"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Entry is one receipt's folder.
type Entry struct {
	ID      receipt.ID       // the folder's name
	Path    string           // the folder
	Files   []File           // sorted by name, receipt.json among them
	Raw     []byte           // receipt.json
	Receipt *receipt.Receipt // what Raw says, nil when it cannot be read

	malformed []misplaced // what must not be in the folder
	parseErr  error       // why Receipt is nil
	proofs    map[string]proofRead
}

// proofRead is a proof that was read with others.
type proofRead struct {
	data []byte
	err  error
}

// Proof reads a signature or token of the entry, within the limit. The faults are
// those of [Ledger.ReadFile].
func (e *Entry) Proof(ctx context.Context, l *Ledger, f File) ([]byte, error) {
	if read, ok := e.proofs[f.Name]; ok {
		return read.data, read.err
	}
	return l.ReadFile(ctx, f)
}

// EntryOf is an entry out of files that did not come from a ledger's tree, such as
// those of a mailed proof: the folder's name, which must be the receipt's id, and
// the files in it by name. What is wrong with it, its problems say.
func EntryOf(id string, files map[string][]byte) *Entry {
	e := &Entry{Path: id, proofs: make(map[string]proofRead)}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		f, ok := parseFile(gitrepo.TreeEntry{Name: name})
		if !ok {
			e.malformed = append(e.malformed, misplaced{badTree(id+"/"+name, "is no file of a receipt"), false})
			continue
		}
		data := files[name]
		read := proofRead{data: data}
		if int64(len(data)) > f.limit() {
			read.err = fault.New(fault.ObjectTooLarge, "%s has %d bytes, over the limit of %d", name, len(data), f.limit())
		} else if f.Type != "receipt" {
			read.err = misnamed(f, receipt.Sum(data))
		}
		e.Files, e.proofs[name] = append(e.Files, f), read
	}
	e.fill(files[receiptName])
	if e.Receipt != nil {
		e.Path = Path(e.ID, e.Receipt.RecordedAt)
	}
	return e
}

// fill sets what follows from the bytes of the receipt.
func (e *Entry) fill(raw []byte) {
	e.ID, _ = receipt.ParseDigest(e.Path[strings.LastIndexByte(e.Path, '/')+1:])
	e.Raw = raw
	e.Receipt, e.parseErr = receipt.Parse(raw)
}

func (e *Entry) isGenesis() bool {
	return len(e.Problems()) == 0 && e.Receipt.Kind == receipt.KindGenesis && !e.Receipt.Future
}

// Proofs are the files beside the receipt that are neither it nor evidence.
func (e *Entry) Proofs() []File {
	return slices.DeleteFunc(slices.Clone(e.Files), func(f File) bool { return f.Type == "receipt" || f.Type == "evidence" })
}

// Problems says what the folder and its receipt alone show to be wrong: steps
// layout, limits, canonical, id, fields and date. A receipt of a later
// version is no problem.
func (e *Entry) Problems() []Problem {
	var found []Problem
	add := func(s Step, err error) { found = append(found, Problem{s, e.Path, err}) }
	for _, m := range e.malformed {
		add(StepLayout, m.err)
	}
	if receipt.Sum(e.Raw) != e.ID {
		add(StepID, badTree(e.Path, "does not have the SHA-256 of its receipt.json as its name"))
	}
	if len(e.Files) > MaxFiles {
		add(StepLimits, badTree(e.Path, "has %d files, over the limit of %d", len(e.Files), MaxFiles))
	}
	if e.parseErr != nil {
		step := StepFields
		if err := canon.Check(e.Raw, receipt.MaxSize); err != nil {
			step = stepOf(err, StepCanonical)
		}
		add(step, e.parseErr)
		return found
	}
	if !strings.HasPrefix(e.Path, e.Receipt.RecordedAt.Time().Format("2006/01/02/")) {
		add(StepDate, badTree(e.Path, "does not lie in the folders of its recorded_at, %s", e.Receipt.RecordedAt))
	}
	return found
}

// BelongsTo says whether the receipt is bound to the ledger that genesis began.
func (e *Entry) BelongsTo(genesis receipt.ID) *Problem {
	switch {
	case e.Receipt == nil:
		return nil
	case e.Receipt.Kind == receipt.KindGenesis && !e.Receipt.Future:
		if e.ID != genesis {
			return &Problem{StepLedger, e.Path, badTree(e.Path, "is a second genesis")}
		}
	case e.Receipt.Ledger != genesis:
		return &Problem{StepLedger, e.Path, badTree(e.Path, "belongs to the ledger %s", e.Receipt.Ledger.Short())}
	}
	return nil
}

// Holds tells whether the entry is without [Entry.Problems] and belongs to the
// ledger that genesis began. Its files are not read.
func (e *Entry) Holds(genesis receipt.ID) bool {
	return len(e.Problems()) == 0 && e.BelongsTo(genesis) == nil
}

// FileProblems reads the files of the entry and says what is wrong with them:
// steps limits and files. It reads no further than the limits. An error is one
// that ends the reading, such as an interruption.
func (e *Entry) FileProblems(ctx context.Context, l *Ledger) ([]Problem, error) {
	var found []Problem
	add := func(s Step, err error) { found = append(found, Problem{s, e.Path, err}) }
	stored, total := map[receipt.Digest]int64{}, int64(0)
	for i, f := range e.Files {
		if f.Type == "receipt" {
			continue
		}
		if i >= MaxFiles { // one of the entry's own problems
			return found, nil
		}
		size, err := e.judgeFile(ctx, l, f)
		if err != nil && !aboutObject(err) {
			return nil, err
		}
		if err != nil {
			add(stepOf(err, StepFiles), badFile(e.Path, f, err))
		}
		if f.Type == "evidence" {
			stored[f.Digest] = size
			total += size
		}
		if total > MaxFolderEvidence {
			add(StepLimits, badTree(e.Path, "stores more than %d bytes of evidence", MaxFolderEvidence))
			return found, nil
		}
	}
	if e.Receipt != nil && !e.Receipt.Future && len(found) == 0 {
		for _, text := range compareEvidence(e.Receipt.Evidence, stored) {
			add(StepFiles, badTree(e.Path, "%s", text))
		}
	}
	return found, nil
}

// judgeFile says how large a file is, and whether its name is its SHA-256.
func (e *Entry) judgeFile(ctx context.Context, l *Ledger, f File) (int64, error) {
	if read, ok := e.proofs[f.Name]; ok {
		return int64(len(read.data)), read.err
	}
	return l.judgeFile(ctx, f)
}

func badFile(path string, f File, err error) error {
	code := fault.From(err).Code
	return fault.New(code, "%s/%s does not hold", path, f.Name).Because(err)
}

// compareEvidence holds what a receipt lists against what lies beside it.
func compareEvidence(listed []receipt.Evidence, stored map[receipt.Digest]int64) []string {
	var wrong []string
	expected := map[receipt.Digest]bool{}
	for _, e := range listed {
		size, there := stored[e.SHA256]
		switch {
		case e.Stored && !there:
			wrong = append(wrong, "lacks the stored evidence "+e.Name)
		case e.Stored && size != e.Size:
			wrong = append(wrong, "has evidence of another size than listed: "+e.Name)
		}
		expected[e.SHA256] = expected[e.SHA256] || e.Stored
	}
	for digest := range stored {
		if !expected[digest] {
			wrong = append(wrong, "stores evidence that the receipt does not list: "+evidenceName(digest))
		}
	}
	slices.Sort(wrong)
	return wrong
}
