// Package proof reads and writes a proof that one can mail, a .vmproof file: a
// receipt with everything that is needed to judge it without its repository.
//
// It is an archive of package bundle. Each receipt is a folder, named by its id, as
// in a ledger; beside them lie readme.txt, which says how to check it with plain
// tools, and proof.json, canonical JSON, which says what is what:
//
//	4f1c…/receipt.json  4f1c…/ssh-….sig   the receipt, its proofs and evidence
//	89ec…/receipt.json  …                 the genesis of its ledger
//	a37b…/…                               covenants and revocations
//	c2d0…/…                               the seal
//	proof.json  readme.txt
//
// A proof brings its own covenants, so it is valid only for who knows its ledger.
// docs/spec/proof.md is the normative text.
package proof

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/bundle"
	"github.com/VaultSovereign/git-vaultmesh/internal/canon"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Schema is the value of the schema field of proof.json.
const Schema = "vaultmesh.proof/v1"

// maxManifest is the most bytes of proof.json.
const maxManifest = 4 << 20

// manifest is proof.json.
type manifest struct {
	lawManifest
	Receipt receipt.ID    `json:"receipt"`
	Seal    *sealManifest `json:"seal,omitempty"`
}

// lawManifest names by what is judged, in every proof.json.
type lawManifest struct {
	Covenants   []receipt.ID `json:"covenants"`   // sorted
	Ledger      receipt.ID   `json:"ledger"`      // the genesis
	Revocations []receipt.ID `json:"revocations"` // sorted
	Schema      string       `json:"schema"`
}

// sealManifest names the seal, and the way of each file of the receipt to its root.
type sealManifest struct {
	Paths   []pathManifest `json:"paths"` // sorted by name
	Receipt receipt.ID     `json:"receipt"`
}

type pathManifest struct {
	Index uint64           `json:"index"`
	Name  string           `json:"name"`
	Path  []receipt.Digest `json:"path"`
}

const (
	manifestName = "proof.json"
	readmeName   = "readme.txt"
)

// Encode writes a proof. files reads the files of an entry, by name.
func Encode(m *verify.Mailed, files func(*ledger.Entry) (map[string][]byte, error)) ([]byte, error) {
	w := newWriter(m.Law, Schema)
	list := manifest{lawManifest: w.law, Receipt: m.Receipt.ID}
	w.entries[m.Receipt.ID] = m.Receipt
	if m.Seal != nil {
		list.Seal, w.entries[m.Seal.ID] = &sealManifest{Paths: []pathManifest{}, Receipt: m.Seal.ID}, m.Seal
		for _, p := range m.Paths {
			list.Seal.Paths = append(list.Seal.Paths, pathManifest{p.Index, p.Name, p.Path})
		}
	}
	return w.write(list, readme, files)
}

// writer collects what a proof holds.
type writer struct {
	law     lawManifest
	entries map[receipt.ID]*ledger.Entry
}

// newWriter begins a proof with what is judged by.
// FilesOf reads all files of an entry of a ledger, by name.
func FilesOf(ctx context.Context, l *ledger.Ledger, e *ledger.Entry) (map[string][]byte, error) {
	files := map[string][]byte{"receipt.json": e.Raw}
	for _, f := range e.Files {
		if f.Type == "receipt" {
			continue
		}
		b, err := e.Proof(ctx, l, f)
		if err != nil {
			return nil, err
		}
		files[f.Name] = b
	}
	return files, nil
}

func newWriter(law verify.Law, schema string) *writer {
	w := &writer{lawManifest{Covenants: []receipt.ID{}, Ledger: law.Genesis.ID, Revocations: []receipt.ID{}, Schema: schema},
		map[receipt.ID]*ledger.Entry{law.Genesis.ID: law.Genesis}}
	for _, e := range law.Covenants {
		w.law.Covenants, w.entries[e.ID] = append(w.law.Covenants, e.ID), e
	}
	for _, e := range law.Revocations {
		w.law.Revocations, w.entries[e.ID] = append(w.law.Revocations, e.ID), e
	}
	return w
}

// write makes the archive.
func (w *writer) write(manifest any, readme string, files func(*ledger.Entry) (map[string][]byte, error)) ([]byte, error) {
	text, err := canon.Marshal(manifest, maxManifest)
	if err != nil {
		return nil, err
	}
	archive := []bundle.File{{Name: manifestName, Data: text}, {Name: readmeName, Data: []byte(readme)}}
	for id, e := range w.entries {
		all, err := files(e)
		if err != nil {
			return nil, err
		}
		for name, data := range all {
			archive = append(archive, bundle.File{Name: id.String() + "/" + name, Data: data})
		}
	}
	return bundle.Write(archive)
}

// Decode reads a proof of a receipt strictly: nothing is missing, nothing is there
// that the manifest does not name, and written again it gives the same bytes. The
// fault is BadProofFile (VM904).
func Decode(b []byte) (*verify.Mailed, error) {
	r, err := open(b)
	if err != nil {
		return nil, err
	}
	list := new(manifest)
	if err := r.manifest(list, &list.lawManifest, Schema, readme); err != nil {
		return nil, err
	}
	m, err := list.mailed(r)
	if err != nil {
		return nil, err
	}
	return m, r.finished()
}

// reader gives the folders of an archive, each of which must be asked for.
type reader struct {
	top     map[string][]byte
	folders map[string]map[string][]byte
	taken   map[receipt.ID]*ledger.Entry
}

func open(b []byte) (*reader, error) {
	archive, err := bundle.Read(b)
	if err != nil {
		return nil, err
	}
	r := &reader{make(map[string][]byte), make(map[string]map[string][]byte), make(map[receipt.ID]*ledger.Entry)}
	for _, f := range archive {
		folder, name, below := strings.Cut(f.Name, "/")
		switch {
		case !below:
			r.top[f.Name] = f.Data
		case r.folders[folder] == nil:
			r.folders[folder] = map[string][]byte{name: f.Data}
		default:
			r.folders[folder][name] = f.Data
		}
	}
	return r, nil
}

// manifest reads what lies at the top: the manifest and the readme. law is the part
// of list that every manifest has.
func (r *reader) manifest(list any, law *lawManifest, schema, readme string) error {
	text, there := r.top[manifestName]
	if !there || len(r.top) != 2 || string(r.top[readmeName]) != readme {
		return bad("beside the folders are not just proof.json and readme.txt as they should be")
	}
	if err := canon.Check(text, maxManifest); err != nil {
		return bad("proof.json is not canonical").Because(err)
	}
	err := json.Unmarshal(text, list)
	var again []byte
	if err == nil {
		again, err = canon.Marshal(list, maxManifest)
	}
	if err != nil || string(again) != string(text) {
		return bad("proof.json has fields of another form")
	}
	sorted := func(ids []receipt.ID) bool {
		return ids != nil && slices.IsSortedFunc(ids, receipt.ID.Compare) && len(slices.Compact(slices.Clone(ids))) == len(ids)
	}
	switch {
	case law.Schema != schema:
		return bad("its schema is %.40q, and this program reads %s", law.Schema, schema)
	case !sorted(law.Covenants) || !sorted(law.Revocations):
		return bad("a list in proof.json is not sorted, or has something twice")
	}
	return nil
}

// take is the entry of a folder, which may be asked for more than once.
func (r *reader) take(id receipt.ID) (*ledger.Entry, error) {
	if e := r.taken[id]; e != nil {
		return e, nil
	}
	files := r.folders[id.String()]
	if files["receipt.json"] == nil {
		return nil, bad("the receipt %s is missing", id.Short())
	}
	delete(r.folders, id.String())
	r.taken[id] = ledger.EntryOf(id.String(), files)
	return r.taken[id], nil
}

// law takes what is judged by.
func (r *reader) law(list lawManifest) (law verify.Law, err error) {
	if law.Genesis, err = r.take(list.Ledger); err != nil {
		return law, err
	}
	for _, part := range []struct {
		ids []receipt.ID
		to  *[]*ledger.Entry
	}{{list.Covenants, &law.Covenants}, {list.Revocations, &law.Revocations}} {
		for _, id := range part.ids {
			e, err := r.take(id)
			if err != nil {
				return law, err
			}
			*part.to = append(*part.to, e)
		}
	}
	return law, nil
}

// finished says whether every folder was asked for.
func (r *reader) finished() error {
	for folder := range r.folders {
		return bad("the folder %.80s is not in proof.json", folder)
	}
	return nil
}

func bad(format string, args ...any) *fault.Error {
	return fault.New(fault.BadProofFile, "this is no proof: "+format, args...)
}

// mailed takes the folders that the manifest names.
func (list *manifest) mailed(r *reader) (*verify.Mailed, error) {
	m := new(verify.Mailed)
	var err error
	if m.Receipt, err = r.take(list.Receipt); err == nil {
		m.Law, err = r.law(list.lawManifest)
	}
	if err != nil || list.Seal == nil {
		return m, err
	}
	byName := func(a, b pathManifest) int { return strings.Compare(a.Name, b.Name) }
	if list.Seal.Paths == nil || !slices.IsSortedFunc(list.Seal.Paths, byName) {
		return nil, bad("the paths in proof.json are not sorted")
	}
	for i, p := range list.Seal.Paths {
		if i > 0 && list.Seal.Paths[i-1].Name == p.Name || p.Path == nil {
			return nil, bad("a path in proof.json is there twice, or has no steps")
		}
		m.Paths = append(m.Paths, verify.SealedFile{Name: p.Name, Index: p.Index, Path: p.Path})
	}
	m.Seal, err = r.take(list.Seal.Receipt)
	return m, err
}

// readme is in every proof of a receipt, the same in each.
const readme = `This is a proof about one receipt of a git-vaultmesh ledger. With that program:

    git vaultmesh verify FILE.vmproof --ledger ID

Without it: proof.json names the receipt, the ledger's first receipt, its
covenants, its revocations and the seal; each is the folder of that name.

1. Every folder's name is the SHA-256 of its receipt.json, and every other file
   has the SHA-256 of its bytes in its name:
       sha256sum */*
2. The field "ledger" of each receipt is the id in proof.json, and that id is the
   one that you were told by somebody who knows it. Without this last comparison
   the rest proves nothing: anybody can make a ledger of their own.
3. The keys stand in genesis.covenant.principals of the ledger's first receipt,
   later ones in covenant.principals of the covenants, each of which must be
   signed by enough principals of the one before. An SSH key is an
   authorized_keys line, an OpenPGP key is base64 of a binary key.
       ssh-keygen -Y verify -f allowed -I NAME -n vaultmesh \
           -s FOLDER/ssh-*.sig < FOLDER/receipt.json
       gpg --verify FOLDER/openpgp-*.sig FOLDER/receipt.json
   where allowed has lines "NAME TYPE BASE64".
4. A time-stamp is over the SHA-256 of one signature file, or of receipt.json:
       openssl ts -verify -digest SHA256 -in FOLDER/rfc3161-*.tsr \
           -CAfile roots.pem -attime SECONDS
   The roots stand in tsas of the covenant, as base64 of DER.
5. The seal's root is a Merkle tree hash (RFC 9162 section 2.1) over names of
   files, "ID/NAME" each. A leaf is SHA-256 of a zero byte and the name, a node
   SHA-256 of a byte of value one and its two halves. With index and path from
   proof.json and the number of files from the seal, RFC 9162 section 2.1.3.2
   leads from the name to the root.
`
