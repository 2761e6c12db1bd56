package repair

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Lost is what is lost of one receipt, or of a part of the ledger.
type Lost struct {
	Path string
	// ID is the receipt's, zero where the folder is one of several: which receipts lay below
	// it, nobody can say by what is here.
	ID    receipt.ID
	Kind  receipt.Kind // "" where it is not known
	Whole bool         // the receipt is lost, and not only files beside it
	Files []string     // the files that are lost while the receipt is there
	// Commit is a commit of the history that is lost, or whose tree is.
	Commit gitrepo.OID
}

// Below tells whether a receipt's folder is one of those below the loss.
func (l Lost) Below(path string) bool {
	return l.ID.IsZero() && l.Commit == "" && strings.HasPrefix(path, l.Path+"/")
}

// mourn says what the objects that nobody has were, receipt by receipt.
func (h *hand) mourn(ctx context.Context, wanted []*Damage) error {
	found := make(map[string]*Lost)
	for _, d := range wanted {
		if d.Stuck = d.From != ""; d.Stuck {
			continue
		}
		l := lostBy(d.Part)
		place := l.Path + string(l.Commit)
		if one := found[place]; one != nil {
			one.Whole, one.Files = one.Whole || l.Whole, append(one.Files, l.Files...)
			continue
		}
		found[place] = l
	}
	for _, place := range slices.Sorted(maps.Keys(found)) {
		l := found[place]
		if blob, there := h.out.whole[l.Path]; there && !l.ID.IsZero() {
			l.Whole, l.Kind = false, h.kindOf(ctx, blob)
		}
		if l.Whole {
			l.Files = nil
		}
		h.out.Lost = append(h.out.Lost, *l)
	}
	return nil
}

// lostBy is what a part was of.
func lostBy(p ledger.Part) *Lost {
	if p.Path == "" || !strings.Contains(p.Path, "/") && p.Type == gitrepo.TypeBlob {
		return &Lost{Path: p.Path, Commit: p.Commit}
	}
	if p.Type == gitrepo.TypeTree && !p.IsFolder() {
		return &Lost{Path: p.Path}
	}
	folder, file := p.Path, ""
	if p.Type == gitrepo.TypeBlob {
		cut := strings.LastIndexByte(p.Path, '/')
		folder, file = p.Path[:cut], p.Path[cut+1:]
	}
	id, _ := receipt.ParseDigest(folder[strings.LastIndexByte(folder, '/')+1:])
	l := &Lost{Path: folder, ID: id, Whole: file == "" || file == "receipt.json"}
	if !l.Whole {
		l.Files = []string{file}
	}
	return l
}

// kindOf is the kind of a receipt that is here.
func (h *hand) kindOf(ctx context.Context, blob gitrepo.OID) receipt.Kind {
	o, err := h.Repo.AsGitReads().Read(ctx, blob, receipt.MaxSize)
	if err != nil {
		return ""
	}
	r, err := receipt.Parse(o.Data)
	if err != nil {
		return ""
	}
	return r.Kind
}
