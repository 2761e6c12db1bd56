package index

import (
	"context"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/query"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// few is how many candidates are sorted rather than met in order.
const few = 4096

// Request is what to look for.
type Request struct {
	Query   *query.Query
	Limit   int    // how many at most, 0 for all
	Reverse bool   // the oldest first
	Looked  func() // called for each receipt that is looked at
}

// Search calls each for the receipts that are meant, the newest first, then by
// id. An index that shows to be damaged is removed, and that is a fault
// IndexDamaged (VM519).
func (x *Index) Search(ctx context.Context, want Request, each func(*Row) error) error {
	err := x.search(ctx, want, each)
	switch {
	case damaged(err):
		os.Remove(x.path)
		return fault.New(fault.IndexDamaged, "the index is damaged, and was removed").Because(err)
	case resultCode(err) != 0:
		return fault.New(fault.Unavailable, "the index cannot be asked").Because(err)
	}
	return err
}

func (x *Index) search(ctx context.Context, want Request, each func(*Row) error) error {
	s := statement{}
	if err := s.conditions(ctx, x.db, want.Query.Lookup(), want.Limit > 0); err != nil {
		return err
	}
	rows, err := x.db.QueryContext(ctx, s.text(want.Reverse), s.args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for found := 0; rows.Next() && (want.Limit == 0 || found < want.Limit); {
		r, err := scan(rows)
		if err != nil {
			return err
		}
		want.Looked()
		if !want.Query.Matches(&r.Doc) {
			continue
		}
		found++
		if err := each(r); err != nil {
			return err
		}
	}
	return rows.Err()
}

// errForm says that a row cannot be one of ours.
var errForm = errors.New("index: a row has the wrong form")

func scan(rows *sql.Rows) (*Row, error) {
	var r Row
	var id, digests, links sql.RawBytes
	var at, recorded int64
	var kind, about, labels, signers, texts string
	err := rows.Scan(&id, &at, &recorded, &kind, &r.Doc.Component, &r.Doc.Version, &r.Gist, &about, &r.Doc.Ref, &labels, &digests, &links, &signers, &texts)
	if err != nil {
		return nil, err
	}
	if len(id) != len(r.Doc.ID) || len(digests)%len(receipt.Digest{}) != 0 || len(links)%len(receipt.ID{}) != 0 {
		return nil, errForm
	}
	copy(r.Doc.ID[:], id)
	r.Doc.At, r.Recorded, r.Doc.Kind, r.Doc.Commit = receipt.Time(at), receipt.Time(recorded), receipt.Kind(kind), receipt.Object(about)
	r.Doc.Labels, r.Doc.Signers, r.Doc.Texts = list(labels), list(signers), list(texts)
	r.Doc.Digests, r.Doc.Links = hashes(digests), hashes(links)
	return &r, nil
}

func hashes(b []byte) []receipt.Digest {
	var list []receipt.Digest
	for ; len(b) > 0; b = b[len(receipt.Digest{}):] {
		list = append(list, receipt.Digest(b))
	}
	return list
}

func list(joined string) []string {
	if joined == "" {
		return nil
	}
	return strings.Split(joined, separator)
}

// statement is a SELECT in the making.
type statement struct {
	where []string
	args  []any
}

func (s *statement) text(reverse bool) string {
	order := "at DESC, id"
	if reverse {
		order = "at, id DESC"
	}
	text := "SELECT id, at, recorded, kind, component, version, gist, about, ref, labels, digests, links, signers, texts FROM receipt"
	if len(s.where) > 0 {
		text += " WHERE " + strings.Join(s.where, " AND ")
	}
	return text + " ORDER BY " + order
}

func (s *statement) add(condition string, args ...any) {
	s.where, s.args = append(s.where, condition), append(s.args, args...)
}

func (s *statement) conditions(ctx context.Context, db *sql.DB, l query.Lookup, limited bool) error {
	anyOf(s, "kind", l.Kinds)
	anyOf(s, "component", l.Components)
	anyOf(s, "version", l.Versions)
	anyOf(s, "about", l.Commits)
	if l.Since != nil {
		s.add("at >= ?", *l.Since)
	}
	if l.Until != nil {
		s.add("at <= ?", *l.Until)
	}
	s.prefixes(l.IDs, func(low, high []byte) (string, []any) { return "id BETWEEN ? AND ?", []any{low, high} })
	s.prefixes(l.Linked, func(low, _ []byte) (string, []any) {
		return "n IN (SELECT n FROM link WHERE half = ?)", []any{half(low)}
	})
	s.prefixes(l.Digests, func(low, high []byte) (string, []any) {
		return "n IN (SELECT n FROM digest WHERE half BETWEEN ? AND ?)", []any{half(low), half(high)}
	})
	if l.Grams.Empty() || !simple(l.Grams, 0) {
		return nil
	}
	return s.grams(ctx, db, expression(l.Grams), limited)
}

// grams narrows to what has the trigrams. Where these are common and only
// some receipts are wanted, it is cheaper to meet the newest first and look.
func (s *statement) grams(ctx context.Context, db *sql.DB, expression string, limited bool) error {
	if limited {
		var n int
		err := db.QueryRowContext(ctx, "SELECT count(*) FROM (SELECT 1 FROM grams WHERE grams MATCH ? LIMIT ?)", expression, few).Scan(&n)
		if err != nil || n == few {
			return err
		}
	}
	s.add("n IN (SELECT rowid FROM grams WHERE grams MATCH ?)", expression)
	return nil
}

func anyOf[T ~string](s *statement, column string, values []T) {
	if len(values) == 0 {
		return
	}
	args := make([]any, len(values))
	for i, v := range values {
		args[i] = string(v)
	}
	s.add(column+" IN (?"+strings.Repeat(", ?", len(values)-1)+")", args...)
}

// prefixes adds that one of some beginnings of hashes fits.
func (s *statement) prefixes(list []string, condition func(low, high []byte) (string, []any)) {
	var texts []string
	var args []any
	for _, prefix := range list {
		low, _ := hex.DecodeString(prefix + strings.Repeat("0", 64-len(prefix)))
		high, _ := hex.DecodeString(prefix + strings.Repeat("f", 64-len(prefix)))
		text, values := condition(low, high)
		texts, args = append(texts, text), append(args, values...)
	}
	if len(texts) > 0 {
		s.add("("+strings.Join(texts, " OR ")+")", args...)
	}
}

// half is the first half of what fits an integer of a hash, in its order.
func half(digest []byte) int64 { return int64(binary.BigEndian.Uint64(digest) >> 1) }

// The bounds of what FTS5 is asked: how deep, and how many of one level.
const (
	maxDepth = 8
	maxWide  = 256
)

// simple tells whether FTS5 can be asked for trigrams. One with U+0000, which no
// receipt has, would end its text.
func simple(g query.Grams, depth int) bool {
	if depth > maxDepth || len(g.All)+len(g.Any) > maxWide || strings.Contains(g.Gram, "\x00") {
		return false
	}
	for _, below := range append(slices.Clone(g.All), g.Any...) {
		if !simple(below, depth+1) {
			return false
		}
	}
	return true
}

// expression spells trigrams for FTS5: each is a string, never syntax.
func expression(g query.Grams) string {
	switch {
	case g.Gram != "":
		return `"` + strings.ReplaceAll(g.Gram, `"`, `""`) + `"`
	case len(g.Any) > 0:
		return joined(g.Any, " OR ")
	}
	return joined(g.All, " AND ")
}

func joined(list []query.Grams, operator string) string {
	parts := make([]string, len(list))
	for i, g := range list {
		parts[i] = expression(g)
	}
	return "(" + strings.Join(parts, operator) + ")"
}
