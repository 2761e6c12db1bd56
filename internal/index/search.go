package index

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/query"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// The numbers of candidates: how many are sorted rather than met in order where
// only some receipts are wanted, and where all are; and how many are looked at
// in the first reading. While one lasts, no other process can write.
const (
	few     = 4096
	many    = 1 << 17
	reading = 1 << 14
)

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

// search reads some candidates at a time: while they are printed, which takes as
// long as a person looks at a page, nobody is kept from writing.
func (x *Index) search(ctx context.Context, want Request, each func(*Row) error) error {
	s := statement{}
	s.add("+n <= ?", x.last) // the plus keeps SQLite from going by the number
	if err := s.conditions(ctx, x.db, want.Query.Lookup(), want.Limit > 0); err != nil {
		return err
	}
	var last *Row
	for found, size := 0, reading; ; size = min(2*size, many) {
		meant, next, err := x.read(ctx, s.after(last, want.Reverse), want, found, size)
		if err != nil {
			return err
		}
		for _, r := range meant {
			if err := each(r); err != nil {
				return err
			}
		}
		if found += len(meant); next == nil || want.Limit > 0 && found == want.Limit {
			return nil
		}
		last = next
	}
}

// read reads the next candidates, size of them, and returns those that are meant
// and the last one that it looked at, nil when there are no more. found is how
// many were found before.
func (x *Index) read(ctx context.Context, s statement, want Request, found, size int) (meant []*Row, last *Row, err error) {
	rows, err := x.db.QueryContext(ctx, s.text(want.Reverse, size), s.args...)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	looked := 0
	for rows.Next() {
		if last, err = scan(rows); err != nil {
			return nil, nil, cmp.Or(ctx.Err(), err)
		}
		looked++
		want.Looked()
		if !want.Query.Matches(&last.Doc) {
			continue
		}
		last.Doc.Texts = nil // of no more use
		if meant = append(meant, last); found+len(meant) == want.Limit {
			break
		}
	}
	if looked < size {
		last = nil
	}
	return meant, last, rows.Err()
}

// errForm says that rows are missing, or cannot be ours.
var errForm = errors.New("index: it was damaged")

func scan(rows *sql.Rows) (*Row, error) {
	var r Row
	var id, digests, links sql.RawBytes
	var at, recorded int64
	var kind, about, labels, signers, texts string
	var sum int64
	err := rows.Scan(&id, &at, &recorded, &kind, &r.Doc.Component, &r.Doc.Version, &r.Gist, &about, &r.Doc.Ref, &labels, &digests, &links, &signers, &texts, &sum)
	if err != nil {
		return nil, errors.Join(errForm, err)
	}
	if len(id) != len(r.Doc.ID) || len(digests)%len(receipt.Digest{}) != 0 || len(links)%len(receipt.ID{}) != 0 {
		return nil, errForm
	}
	copy(r.Doc.ID[:], id)
	r.Doc.At, r.Recorded, r.Doc.Kind, r.Doc.Commit = receipt.Time(at), receipt.Time(recorded), receipt.Kind(kind), receipt.Object(about)
	r.Doc.Labels, r.Doc.Signers, r.Doc.Texts = list(labels), list(signers), list(texts)
	r.Doc.Digests, r.Doc.Links = hashes(digests), hashes(links)
	if r.sum() != sum {
		return nil, errForm
	}
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

func (s *statement) text(reverse bool, size int) string {
	order := "at DESC, id"
	if reverse {
		order = "at, id DESC"
	}
	text := "SELECT id, at, recorded, kind, component, version, gist, about, ref, labels, digests, links, signers, texts, sum FROM receipt"
	if len(s.where) > 0 {
		text += " WHERE " + strings.Join(s.where, " AND ")
	}
	return text + " ORDER BY " + order + fmt.Sprintf(" LIMIT %d", size)
}

// after is the statement for what comes after a row, in its order.
func (s statement) after(last *Row, reverse bool) statement {
	if last == nil {
		return s
	}
	next := statement{slices.Clone(s.where), slices.Clone(s.args)}
	at, id := int64(last.Doc.At), last.Doc.ID[:]
	if reverse {
		next.add("at >= ? AND (at > ? OR id < ?)", at, at, id)
	} else {
		next.add("at <= ? AND (at < ? OR id > ?)", at, at, id)
	}
	return next
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

// grams narrows to what has the trigrams. Where these are common it is cheaper
// to meet the newest first and look.
func (s *statement) grams(ctx context.Context, db *sql.DB, expression string, limited bool) error {
	enough := many
	if limited {
		enough = few
	}
	var n int
	err := db.QueryRowContext(ctx, "SELECT count(*) FROM (SELECT 1 FROM grams WHERE grams MATCH ? LIMIT ?)", expression, enough).Scan(&n)
	if err != nil || n == enough {
		return err
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
