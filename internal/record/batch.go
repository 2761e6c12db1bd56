package record

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// maxLine bounds a line of a batch, in bytes.
const maxLine = 4 << 20

// line is what one line of a batch says, named as the long flags are.
type line struct {
	Kind        string `json:"kind"`
	Component   string `json:"component"`
	Version     string `json:"version"`
	Artifact    words  `json:"artifact"`
	SHA256      words  `json:"sha256"`
	Image       words  `json:"image"`
	Evidence    words  `json:"evidence"`
	Commit      string `json:"commit"`
	Ref         string `json:"ref"`
	At          string `json:"at"`
	Note        string `json:"note"`
	Label       words  `json:"label"`
	Link        words  `json:"link"`
	Field       words  `json:"field"`
	ChainRef    string `json:"chain-ref"`
	AllowSecret bool   `json:"allow-secret"`
}

// words are what a flag says that may be repeated: one text, or a list.
type words []string

// UnmarshalJSON reads a text or a list of them.
func (w *words) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*w = words{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(w))
}

// BatchOutcome says what a batch has recorded.
type BatchOutcome struct {
	Receipts int         // lines
	Added    int         // receipts that were not there before
	Head     gitrepo.OID // the ledger's head that holds them
	Parent   gitrepo.OID // the head on which they were put, "" if nothing was
	Remarks  []string    // what the recorder should know, each once
}

// Batch records each line of in, a JSON object of the command's long flags, in
// one commit, or nothing. At the first line that cannot be recorded it ends with
// that line's fault, or BadLine (VM119) where it is no such object. With dry set
// nothing is recorded in any case.
func Batch(ctx context.Context, p Place, in io.Reader, dry bool) (*BatchOutcome, error) {
	l, err := ledger.Open(ctx, p.Repo, p.Ref)
	if err != nil {
		return nil, err
	}
	l.Pin(p.Ledger)
	b, err := l.NewBatch(ctx, p.Repo)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	ask := consult(ctx, p, Request{})
	p.commits = make(map[string]resolved)
	out := new(BatchOutcome)
	said := make(map[string]bool)
	err = eachLine(ctx, in, func(n int, text []byte) error {
		d, err := batched(ctx, p, l, ask, text)
		if err == nil && !dry {
			err = d.sign(ctx, p.Signer)
		}
		if err == nil {
			err = b.Add(ledger.Addition{Receipt: d.bytes, Evidence: d.stored, Proofs: proofs(d.signed)}, d.receipt.RecordedAt)
		}
		if err != nil {
			return atLine(n, err)
		}
		for _, remark := range d.remarks {
			if !said[remark] && len(said) < maxRemarks {
				out.Remarks = append(out.Remarks, fmt.Sprintf("line %d: %s", n, remark))
			}
			said[remark] = len(said) < maxRemarks
		}
		p.Working()
		return nil
	})
	out.Receipts, out.Head = b.Receipts, l.Head
	switch {
	case err != nil:
		return nil, err
	case b.Receipts == 0:
		return nil, fault.New(fault.BadLine, "there is no line to record")
	case dry:
		return out, nil
	}
	author, err := ask.author()
	if err != nil {
		return nil, err
	}
	committer, err := ask.committer()
	if err != nil {
		return nil, err
	}
	result, err := b.Append(ctx, p.Ref, ledger.Change{
		Author: author.Line(), Committer: committer.Line(), Message: fmt.Sprintf("vaultmesh: record %d receipts\n", b.Receipts),
	})
	out.Head, out.Parent, out.Added = result.Head, result.Parent, result.Added
	return out, err
}

// maxRemarks is how many different remarks are passed on.
const maxRemarks = 20

// batched makes the receipt of one line.
func batched(ctx context.Context, p Place, l *ledger.Ledger, ask consulted, text []byte) (*draft, error) {
	q, err := readLine(text)
	if err != nil {
		return nil, err
	}
	d, err := prepare(ctx, p, q, ask)
	if err != nil {
		return nil, err
	}
	return d, d.bind(ctx, l, q)
}

// readLine reads a line strictly.
func readLine(text []byte) (Request, error) {
	bad := fault.New(fault.BadLine, "it is no JSON object of the flags of record")
	if !utf8.Valid(text) {
		return Request{}, bad.Because(errors.New("it is not UTF-8"))
	}
	// Strictly: no name twice or in other letters, no half of a surrogate pair,
	// nothing behind the object. What is passed over would be lost.
	var said line
	if err := json.Unmarshal(text, &said, json.RejectUnknownMembers(true)); err != nil {
		return Request{}, bad.Because(err)
	}
	if text[0] != '{' { // null
		return Request{}, bad
	}
	kind, err := ParseKind(said.Kind)
	return Request{
		Kind: kind, Component: said.Component, Version: said.Version, Artifacts: said.Artifact, Digests: said.SHA256, Images: said.Image,
		Evidence: said.Evidence, Commit: said.Commit, Ref: said.Ref, At: said.At, Note: said.Note, Labels: said.Label, Links: said.Link,
		Fields: said.Field, ChainRef: said.ChainRef, AllowSecret: said.AllowSecret,
	}, err
}

// eachLine calls each for the lines that are not empty, which are counted from 1.
func eachLine(ctx context.Context, in io.Reader, each func(n int, text []byte) error) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 64<<10), maxLine)
	n := 0
	for lines.Scan() {
		n++
		if ctx.Err() != nil {
			return fault.New(fault.Interrupted, "interrupted")
		}
		text := bytes.TrimSpace(lines.Bytes())
		if len(text) == 0 {
			continue
		}
		if err := each(n, text); err != nil {
			return err
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return atLine(n+1, fault.New(fault.BadLine, "it has more than %d bytes", maxLine))
	case err != nil:
		return fault.New(fault.ReadFailed, "the batch cannot be read").Because(err)
	}
	return nil
}

// atLine says in which line a fault is.
func atLine(n int, err error) error {
	f := fault.From(err)
	if f.Code == fault.Interrupted {
		return err
	}
	located := *f
	located.Message = fmt.Sprintf("line %d: %s", n, f.Message)
	return located.With("line", fmt.Sprint(n))
}

// resolved is a revision that was looked up before, and what was found of it.
type resolved struct {
	commit, tree, patch receipt.Object
	err                 error
}
