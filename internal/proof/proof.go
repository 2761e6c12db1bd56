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

// manifest is proof.json. Its fields stand in the order of the canonical form.
type manifest struct {
	Covenants   []receipt.ID  `json:"covenants"` // sorted
	Ledger      receipt.ID    `json:"ledger"`    // the genesis
	Receipt     receipt.ID    `json:"receipt"`
	Revocations []receipt.ID  `json:"revocations"` // sorted
	Schema      string        `json:"schema"`
	Seal        *sealManifest `json:"seal,omitempty"`
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
	list := manifest{Covenants: []receipt.ID{}, Ledger: m.Genesis.ID, Receipt: m.Receipt.ID, Revocations: []receipt.ID{}, Schema: Schema}
	entries := map[receipt.ID]*ledger.Entry{m.Genesis.ID: m.Genesis, m.Receipt.ID: m.Receipt}
	for _, e := range m.Covenants {
		list.Covenants, entries[e.ID] = append(list.Covenants, e.ID), e
	}
	for _, e := range m.Revocations {
		list.Revocations, entries[e.ID] = append(list.Revocations, e.ID), e
	}
	if m.Seal != nil {
		list.Seal, entries[m.Seal.ID] = &sealManifest{Paths: []pathManifest{}, Receipt: m.Seal.ID}, m.Seal
		for _, p := range m.Paths {
			list.Seal.Paths = append(list.Seal.Paths, pathManifest{p.Index, p.Name, p.Path})
		}
	}
	text, err := canon.Marshal(list, maxManifest)
	if err != nil {
		return nil, err
	}
	archive := []bundle.File{{Name: manifestName, Data: text}, {Name: readmeName, Data: []byte(readme)}}
	for id, e := range entries {
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

// Decode reads a proof strictly: nothing is missing, nothing is there that the
// manifest does not name, and written again it gives the same bytes. The fault is
// BadProofFile (VM904).
func Decode(b []byte) (*verify.Mailed, error) {
	archive, err := bundle.Read(b)
	if err != nil {
		return nil, err
	}
	folders := make(map[string]map[string][]byte)
	top := make(map[string][]byte)
	for _, f := range archive {
		folder, name, below := strings.Cut(f.Name, "/")
		switch {
		case !below:
			top[f.Name] = f.Data
		case folders[folder] == nil:
			folders[folder] = map[string][]byte{name: f.Data}
		default:
			folders[folder][name] = f.Data
		}
	}
	list, err := readManifest(top)
	if err != nil {
		return nil, err
	}
	m, err := list.mailed(folders)
	if err != nil {
		return nil, err
	}
	for folder := range folders {
		return nil, bad("the folder %.80s is not in proof.json", folder)
	}
	return m, nil
}

func bad(format string, args ...any) *fault.Error {
	return fault.New(fault.BadProofFile, "this is no proof: "+format, args...)
}

// readManifest reads what lies at the top: the manifest and the readme.
func readManifest(top map[string][]byte) (*manifest, error) {
	text, there := top[manifestName]
	if !there || len(top) != 2 || string(top[readmeName]) != readme {
		return nil, bad("beside the folders are not just proof.json and readme.txt as they should be")
	}
	if err := canon.Check(text, maxManifest); err != nil {
		return nil, bad("proof.json is not canonical").Because(err)
	}
	list := new(manifest)
	err := json.Unmarshal(text, list)
	var again []byte
	if err == nil {
		again, err = canon.Marshal(list, maxManifest)
	}
	if err != nil || string(again) != string(text) {
		return nil, bad("proof.json has fields of another form")
	}
	sorted := func(ids []receipt.ID) bool {
		return ids != nil && slices.IsSortedFunc(ids, receipt.ID.Compare) && len(slices.Compact(slices.Clone(ids))) == len(ids)
	}
	switch {
	case list.Schema != Schema:
		return nil, bad("its schema is %.40q, and this program reads %s", list.Schema, Schema)
	case !sorted(list.Covenants) || !sorted(list.Revocations):
		return nil, bad("a list in proof.json is not sorted, or has something twice")
	}
	return list, nil
}

// mailed takes the folders that the manifest names, each once.
func (list *manifest) mailed(folders map[string]map[string][]byte) (*verify.Mailed, error) {
	taken := make(map[receipt.ID]*ledger.Entry)
	take := func(id receipt.ID) (*ledger.Entry, error) {
		if e := taken[id]; e != nil {
			return e, nil
		}
		files := folders[id.String()]
		if files["receipt.json"] == nil {
			return nil, bad("the receipt %s is missing", id.Short())
		}
		delete(folders, id.String())
		taken[id] = ledger.EntryOf(id.String(), files)
		return taken[id], nil
	}
	m := new(verify.Mailed)
	var err error
	if m.Receipt, err = take(list.Receipt); err == nil {
		m.Genesis, err = take(list.Ledger)
	}
	for _, id := range list.Covenants {
		if err == nil {
			var e *ledger.Entry
			e, err = take(id)
			m.Covenants = append(m.Covenants, e)
		}
	}
	for _, id := range list.Revocations {
		if err == nil {
			var e *ledger.Entry
			e, err = take(id)
			m.Revocations = append(m.Revocations, e)
		}
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
	m.Seal, err = take(list.Seal.Receipt)
	return m, err
}

// readme is in every proof, the same in each.
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
