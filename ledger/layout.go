package ledger

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// DefaultRef is where a ledger lies unless the configuration says otherwise.
const DefaultRef = "refs/vaultmesh/ledger"

// Names and contents that do not depend on a receipt.
const (
	versionName = "VERSION"
	versionText = "vaultmesh ledger 1\n"
	receiptName = "receipt.json"
)

// The limits of what a ledger may hold, equal on all peers.
const (
	MaxProof          = 64 << 10 // bytes of a signature, token or unknown proof
	MaxEvidence       = 1 << 20  // bytes of one stored evidence file
	MaxFolderEvidence = 8 << 20  // bytes of all stored evidence of a receipt
	MaxFiles          = 256      // files in a receipt's folder
	MaxTree           = 4 << 20  // bytes of one tree object: some forty thousand folders in a fan
)

// Path is the folder of a receipt: a function of its id and of recorded_at.
func Path(id receipt.ID, recordedAt receipt.Time) string {
	return recordedAt.Time().Format("2006/01/02/") + id.String()[:2] + "/" + id.String()
}

// File is one file in a receipt's folder, by what its name says.
type File struct {
	Name   string
	Type   string         // receipt, evidence, openpgp, ssh, rfc3161, or a type not yet known
	Digest receipt.Digest // of its bytes; zero for receipt.json
	Object gitrepo.OID
}

// Known tells whether this version knows what the file is.
func (f File) Known() bool {
	_, known := knownFiles[f.Type]
	return known || f.Type == "receipt"
}

// limit is the most bytes that the file may have.
func (f File) limit() int64 {
	switch f.Type {
	case "receipt":
		return receipt.MaxSize
	case "evidence":
		return MaxEvidence
	}
	return MaxProof
}

// knownFiles are the types that this version knows, and how their names end.
var knownFiles = map[string]string{"openpgp": ".sig", "ssh": ".sig", "rfc3161": ".tsr", "evidence": ""}

// parseFile reads a file's name: receipt.json, or a type, a dash, 64 hex
// digits and for most types a suffix. It is false for a name that no version
// of the format gives.
func parseFile(e gitrepo.TreeEntry) (File, bool) {
	if e.Name == receiptName {
		return File{Name: e.Name, Type: "receipt", Object: e.ID}, true
	}
	kind, rest, _ := strings.Cut(e.Name, "-")
	if len(rest) < 64 || len(rest) > 64+9 || len(kind) > 32 || !typeForm.MatchString(kind) || kind == "receipt" {
		return File{}, false
	}
	digest, err := receipt.ParseDigest(rest[:64])
	suffix, known := knownFiles[kind]
	if err != nil || known && rest[64:] != suffix || !known && !suffixForm.MatchString(rest[64:]) {
		return File{}, false
	}
	return File{Name: e.Name, Type: kind, Digest: digest, Object: e.ID}, true
}

// The forms of types and suffixes that come later.
var (
	typeForm   = regexp.MustCompile(`^[a-z][a-z0-9]*$`)
	suffixForm = regexp.MustCompile(`^(\.[a-z0-9]+)?$`)
)

// evidenceName is the name under which evidence is stored.
func evidenceName(d receipt.Digest) string { return "evidence-" + d.String() }

// The levels of the tree, from the top.
const (
	levelRoot = iota
	levelYear
	levelMonth
	levelDay
	levelFan
	levelFolder
)

var (
	yearForm  = regexp.MustCompile(`^(19[7-9][0-9]|[2-9][0-9]{3})$`)
	monthForm = regexp.MustCompile(`^(0[1-9]|1[0-2])$`)
	dayForm   = regexp.MustCompile(`^(0[1-9]|[12][0-9]|3[01])$`)
	fanForm   = regexp.MustCompile(`^[0-9a-f]{2}$`)
)

// misplaced is an entry of a tree that may not be there.
type misplaced struct {
	err error
	// hides is set when what the entry names could be receipts: its name is
	// one that the layout gives, but it is there twice, out of order or of
	// another mode. Without it the entry is a stranger's.
	hides bool
}

// checkLevel checks the entries of one tree: their order, that none is there
// twice, and each by [checkEntry]. It returns those that may be there, and
// what is wrong with the others.
func checkLevel(level int, path string, entries []gitrepo.TreeEntry) (good []gitrepo.TreeEntry, wrong []misplaced) {
	if len(entries) == 0 {
		// Git writes no empty folders, and with them one set of receipts
		// would have many trees.
		return nil, []misplaced{{badTree(path, "is empty"), false}}
	}
	seen := make(map[string]bool, len(entries))
	for i, e := range entries {
		problem, hides := checkEntry(level, path, e)
		switch {
		case problem != "":
		case seen[e.Name]:
			problem, hides = "is there twice", true
		case i > 0 && gitrepo.CompareEntries(entries[i-1], e) >= 0:
			problem, hides = "stands out of order", true
		}
		if problem == "" {
			good = append(good, e)
		} else {
			wrong = append(wrong, misplaced{badTree(join(path, e.Name), "%s", problem), hides})
		}
		seen[e.Name] = true
	}
	return good, wrong
}

// checkEntry says what is wrong with one entry of a tree, "" when nothing is,
// and whether its name is one that the layout gives.
func checkEntry(level int, path string, e gitrepo.TreeEntry) (problem string, known bool) {
	isTree := e.Mode == gitrepo.ModeTree
	allowed, wantTree := false, true
	switch level {
	case levelRoot:
		allowed, wantTree = yearForm.MatchString(e.Name), e.Name != versionName
		allowed = allowed || e.Name == versionName
	case levelYear:
		allowed = monthForm.MatchString(e.Name)
	case levelMonth:
		allowed = dayForm.MatchString(e.Name) && validDate(path+"/"+e.Name)
	case levelDay:
		allowed = fanForm.MatchString(e.Name)
	case levelFan:
		_, err := receipt.ParseDigest(e.Name)
		allowed = err == nil && strings.HasSuffix(path, "/"+e.Name[:2])
	case levelFolder:
		_, allowed = parseFile(e)
		wantTree = false
	}
	switch {
	case !isTree && e.Mode != gitrepo.ModeFile:
		return "has the mode " + e.Mode + "; only plain files and folders may be here", allowed
	case !allowed:
		return "must not be there", false
	case isTree != wantTree:
		return "is a " + map[bool]string{true: "folder", false: "file"}[isTree] + " where the other is wanted", true
	}
	return "", true
}

// validDate tells whether a day such as 2026/02/29 exists.
func validDate(day string) bool {
	_, err := time.Parse("2006/01/02", day)
	return err == nil
}

func badTree(path, format string, args ...any) *fault.Error {
	return fault.New(fault.BadTree, "%s %s", clip(path), fmt.Sprintf(format, args...))
}

// clip bounds what is said of a name: in a hostile tree it may have megabytes.
func clip(path string) string {
	const most = 300 // bytes; an honest path has less
	if len(path) <= most {
		return path
	}
	return strings.ToValidUTF8(path[:most], "") + "…"
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "/" + name
}

// parseFiles reads the names in a receipt's folder, which [checkLevel] passed.
func parseFiles(entries []gitrepo.TreeEntry) []File {
	files := make([]File, 0, len(entries))
	for _, e := range entries {
		if f, ok := parseFile(e); ok {
			files = append(files, f)
		}
	}
	return slices.Clip(files)
}
