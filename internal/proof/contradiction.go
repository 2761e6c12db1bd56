package proof

import (
	"encoding/json"

	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// ContradictionSchema is the value of the schema field of the proof.json of a proof
// that one principal signed two seals that cannot both be true.
const ContradictionSchema = "vaultmesh.contradiction/v1"

// contradictionManifest is the proof.json of a contradiction.
type contradictionManifest struct {
	lawManifest
	Gap       *gapManifest  `json:"gap,omitempty"`
	Principal string        `json:"principal"`
	Seals     [2]receipt.ID `json:"seals"` // the later one last
}

// gapManifest is what shows that a file is under the first seal and not under the second.
type gapManifest struct {
	Before *pathManifest `json:"before,omitempty"` // under the second seal
	Name   string        `json:"name"`
	Next   *pathManifest `json:"next,omitempty"`  // under the second seal
	Under  *pathManifest `json:"under,omitempty"` // under the first seal
}

// IsContradiction tells whether a proof is one of a contradiction, by its schema alone.
func IsContradiction(b []byte) bool {
	r, err := open(b)
	if err != nil {
		return false
	}
	var list struct {
		Schema string `json:"schema"`
	}
	return json.Unmarshal(r.top[manifestName], &list) == nil && list.Schema == ContradictionSchema
}

// EncodeContradiction writes the proof of a contradiction. files reads the files of an
// entry, by name.
func EncodeContradiction(m *verify.MailedContradiction, files func(*ledger.Entry) (map[string][]byte, error)) ([]byte, error) {
	w := newWriter(m.Law, ContradictionSchema)
	list := contradictionManifest{lawManifest: w.law, Principal: m.Principal}
	for i, e := range m.Seals {
		list.Seals[i], w.entries[e.ID] = e.ID, e
	}
	if g := m.Gap; g != nil {
		list.Gap = &gapManifest{pathOf(g.Around[0]), g.Name, pathOf(g.Around[1]), pathOf(g.Under)}
	}
	return w.write(list, contradictionReadme, files)
}

func pathOf(l *verify.Leaf) *pathManifest {
	if l == nil {
		return nil
	}
	return &pathManifest{l.Index, l.Name, l.Path}
}

// DecodeContradiction reads the proof of a contradiction, as strictly as [Decode].
func DecodeContradiction(b []byte) (*verify.MailedContradiction, error) {
	r, err := open(b)
	if err != nil {
		return nil, err
	}
	list := new(contradictionManifest)
	if err := r.manifest(list, &list.lawManifest, ContradictionSchema, contradictionReadme); err != nil {
		return nil, err
	}
	m := new(verify.MailedContradiction)
	m.Principal = list.Principal
	if m.Law, err = r.law(list.lawManifest); err != nil {
		return nil, err
	}
	for i, id := range list.Seals {
		if m.Seals[i], err = r.take(id); err != nil {
			return nil, err
		}
	}
	if m.Gap, err = list.Gap.gap(); err != nil {
		return nil, err
	}
	return m, r.finished()
}

func (g *gapManifest) gap() (*verify.Gap, error) {
	if g == nil {
		return nil, nil
	}
	for _, p := range []*pathManifest{g.Before, g.Next, g.Under} {
		if p != nil && p.Path == nil {
			return nil, bad("a path in proof.json has no steps")
		}
	}
	return &verify.Gap{Name: g.Name, Under: g.Under.leaf(), Around: [2]*verify.Leaf{g.Before.leaf(), g.Next.leaf()}}, nil
}

func (p *pathManifest) leaf() *verify.Leaf {
	if p == nil {
		return nil
	}
	return &verify.Leaf{Name: p.Name, Index: p.Index, Path: p.Path}
}

// contradictionReadme is in every proof of a contradiction, the same in each.
const contradictionReadme = `This is a proof that one person signed two seals of a git-vaultmesh ledger that
cannot both be true. With that program:

    git vaultmesh verify FILE.vmproof --ledger ID

Without it: proof.json names the principal, the two seals, the ledger's first
receipt, its covenants and its revocations; each is the folder of that name.

1. Every folder's name is the SHA-256 of its receipt.json, and every other file
   has the SHA-256 of its bytes in its name:
       sha256sum */*
2. The field "ledger" of each receipt is the id in proof.json, and that id is the
   one that you were told by somebody who knows it.
3. The keys of the principal stand in genesis.covenant.principals of the ledger's
   first receipt, or in covenant.principals of the covenants, each of which must
   be signed by enough principals of the one before. Both seals are signed by one
   of these keys:
       ssh-keygen -Y verify -f allowed -I NAME -n vaultmesh \
           -s FOLDER/ssh-*.sig < FOLDER/receipt.json
       gpg --verify FOLDER/openpgp-*.sig FOLDER/receipt.json
4. Compare the two: of one head they have not the same root, receipts and files;
   or of one root not as many receipts and files; or the second names the first
   under "after", and is over no more receipts or files than it.
5. Or, where proof.json has a "gap": the second names the first under "after",
   and so is over its receipt.json and all that it is over. "under" leads from
   the name to the root of the first, "before" and "next" lead from their names
   to the root of the second (RFC 9162 section 2.1.3.2), are neighbours there by
   their index, and the name would stand between them, sorted by bytes.
`
