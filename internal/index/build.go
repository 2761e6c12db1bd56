package index

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/query"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// tables and lookups are the schema. The trigrams are of texts that are
// folded already and joined by the unit separator, which no text of a receipt
// may have. They stand in a table without contents: those are in receipt.
const (
	tables = `CREATE TABLE meta(format TEXT NOT NULL, program TEXT NOT NULL, genesis TEXT NOT NULL, head TEXT NOT NULL, skipped INTEGER NOT NULL, receipts INTEGER NOT NULL);
CREATE TABLE receipt(n INTEGER PRIMARY KEY, id BLOB NOT NULL, at INTEGER NOT NULL, recorded INTEGER NOT NULL, kind TEXT NOT NULL, component TEXT NOT NULL, version TEXT NOT NULL, gist TEXT NOT NULL, about TEXT NOT NULL, ref TEXT NOT NULL, labels TEXT NOT NULL, digests BLOB NOT NULL, links BLOB NOT NULL, signers TEXT NOT NULL, texts TEXT NOT NULL, sum INTEGER NOT NULL);
CREATE TABLE digest(half INTEGER NOT NULL, n INTEGER NOT NULL, PRIMARY KEY(half, n)) WITHOUT ROWID;
CREATE TABLE link(half INTEGER NOT NULL, n INTEGER NOT NULL, PRIMARY KEY(half, n)) WITHOUT ROWID;
CREATE VIRTUAL TABLE grams USING fts5(texts, content='', tokenize='trigram case_sensitive 1', detail=none, columnsize=0);
`
	lookups = `CREATE UNIQUE INDEX receipt_id ON receipt(id);
CREATE INDEX receipt_newest ON receipt(at DESC, id);
CREATE INDEX receipt_kind ON receipt(kind, at DESC, id);
CREATE INDEX receipt_component ON receipt(component, at DESC, id);
CREATE INDEX receipt_version ON receipt(version);
CREATE INDEX receipt_about ON receipt(about);
`
	schema = tables + lookups
)

const separator = "\x1f"

// errNotClean says that an increment had something that does not hold: only a
// whole walk passes over it as a scan does.
var errNotClean = errors.New("index: the ledger has entries that do not hold")

// build makes a new index in a folder, and then has the pointer name it. Until
// then nobody finds it, and who has the one before open goes on with that.
func build(ctx context.Context, l *ledger.Ledger, dir string, want key, o Options) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, "index-*.sqlite")
	if err != nil {
		return err
	}
	info, err := f.Stat() // its time is now, as this file system has it
	f.Close()
	if err == nil {
		err = fill(ctx, l, f.Name(), want, o)
	}
	if err == nil {
		err = os.Chmod(f.Name(), 0o644)
	}
	if err == nil {
		err = point(dir, filepath.Base(f.Name()))
	}
	if err != nil {
		os.Remove(f.Name())
		return err
	}
	sweep(dir, info.ModTime())
	return nil
}

// point has the pointer name a database, and removes the one before.
func point(dir, name string) error {
	before, _ := current(dir)
	f, err := os.CreateTemp(dir, "pointer-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(name)
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), filepath.Join(dir, pointer)); err != nil {
		return err
	}
	if before != "" {
		os.Remove(before)
	}
	return nil
}

var leftForm = regexp.MustCompile(`^(index-[0-9]+\.sqlite(-journal)?|pointer-[0-9]+)$`)

// sweep removes what builds left behind that were killed: files of ours that
// the pointer does not name, and nobody wrote to in the hour before now.
func sweep(dir string, now time.Time) {
	kept, err := current(dir)
	if err != nil {
		return
	}
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		info, err := e.Info()
		path := filepath.Join(dir, e.Name())
		if err == nil && leftForm.MatchString(e.Name()) && info.Mode().IsRegular() && !strings.HasPrefix(path, kept) && now.Sub(info.ModTime()) > time.Hour {
			os.Remove(path)
		}
	}
}

func fill(ctx context.Context, l *ledger.Ledger, path string, want key, o Options) error {
	db, err := connect(path)
	if err != nil {
		return err
	}
	defer db.Close()
	for _, statement := range []string{"PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF", "PRAGMA cache_size=-65536", "PRAGMA cell_size_check=0", "PRAGMA mmap_size=0", tables} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	if _, err := db.ExecContext(ctx, "INSERT INTO grams(grams, rank) VALUES('hashsize', 33554432)"); err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	skipped, err := load(ctx, l, tx, want, o)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, lookups); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO meta VALUES(?, ?, ?, ?, ?, (SELECT count(*) FROM receipt))", format, want.program, want.genesis.String(), want.head, skipped); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	return flush(db, path)
}

// flush closes a database that is whole and hands it to the disk.
func flush(db *sql.DB, path string) error {
	if err := db.Close(); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// load puts every entry that holds into the tables. Reading and writing go
// on side by side.
func load(ctx context.Context, l *ledger.Ledger, tx *sql.Tx, want key, o Options) (skipped int, err error) {
	w, err := newWriter(ctx, tx)
	if err != nil {
		return 0, err
	}
	rows := make(chan *Row, 512)
	written := make(chan error, 1)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		err := w.all(ctx, rows)
		if err != nil {
			stop() // the reader need not go on
		}
		written <- err
	}()
	skipped, err = Each(ctx, l, want.genesis, func(r *Row) error {
		o.Progress()
		select {
		case rows <- r:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	close(rows)
	if writeErr := <-written; writeErr != nil && (err == nil || interrupted(err)) {
		err = writeErr
	}
	return skipped, err
}

// update brings an index up to date that was made from an earlier head.
func (x *Index) update(ctx context.Context, s Source, want key, o Options) error {
	m, err := x.meta(ctx, x.db)
	if err != nil {
		return err
	}
	x.Skipped, x.last = m.skipped, m.receipts
	if m.head == want.head {
		return nil
	}
	want, l, err := want.whole(ctx, s)
	if err != nil {
		return err
	}
	if m.genesis != want.genesis.String() {
		return errStale
	}
	tx, err := x.db.BeginTx(ctx, nil) // from here on no other process writes
	if err != nil {
		return err
	}
	defer tx.Rollback()
	m, err = x.meta(ctx, tx)
	if x.last = m.receipts; err != nil || m.head == want.head {
		return err
	}
	if err := grow(ctx, s, l, tx, m.head, want, o); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "UPDATE meta SET head = ?, receipts = (SELECT ifnull(max(n), 0) FROM receipt)", want.head); err != nil {
		return err
	}
	m, err = x.meta(ctx, tx)
	if x.last = m.receipts; err != nil {
		return err
	}
	return tx.Commit()
}

// grow adds what the ledger has grown by since a head.
func grow(ctx context.Context, s Source, l *ledger.Ledger, tx *sql.Tx, head string, want key, o Options) error {
	earlier, err := l.At(ctx, gitrepo.OID(head))
	if interrupted(err) {
		return err
	}
	if err != nil {
		return errors.New("index: it was made from a head that is gone")
	}
	w, err := newWriter(ctx, tx)
	if err != nil {
		return err
	}
	grown, err := l.Grown(ctx, earlier, ledger.Visitor{
		Entry: func(e *ledger.Entry) error {
			o.Progress()
			if !e.Holds(want.genesis) {
				return errNotClean
			}
			r, err := rowOf(ctx, l, e)
			if err != nil {
				return err
			}
			return w.put(ctx, r)
		},
		Problem: func(p ledger.Problem) error {
			if ledger.Unreadable(p.Err) {
				return p.Err
			}
			return errNotClean
		},
	})
	if err != nil || grown {
		return err
	}
	if latest, err := s.Latest(); err == nil && string(latest) != want.head {
		return ErrOvertaken
	}
	return errors.New("index: the ledger lost something since")
}

// writer holds the statements that write an entry.
type writer struct {
	seen, row, change, digest, link, grams *sql.Stmt
}

func newWriter(ctx context.Context, tx *sql.Tx) (*writer, error) {
	w := new(writer)
	for into, text := range map[**sql.Stmt]string{
		&w.seen:   "SELECT n FROM receipt WHERE id = ?",
		&w.row:    "INSERT INTO receipt VALUES(NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		&w.change: "UPDATE receipt SET signers = ?, sum = ? WHERE n = ?",
		&w.digest: "INSERT OR IGNORE INTO digest VALUES(?, ?)",
		&w.link:   "INSERT OR IGNORE INTO link VALUES(?, ?)",
		&w.grams:  "INSERT INTO grams(rowid, texts) VALUES(?, ?)",
	} {
		statement, err := tx.PrepareContext(ctx, text)
		if err != nil {
			return nil, err
		}
		*into = statement
	}
	return w, nil
}

func (w *writer) all(ctx context.Context, rows <-chan *Row) error {
	// A context that can end costs the driver a goroutine a statement.
	unending := context.WithoutCancel(ctx)
	for r := range rows {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := w.insert(unending, r); err != nil {
			return err
		}
	}
	return nil
}

// put adds an entry, or changes one that is there and got proofs.
func (w *writer) put(ctx context.Context, r *Row) error {
	var n int64
	err := w.seen.QueryRowContext(ctx, r.Doc.ID[:]).Scan(&n)
	if errors.Is(err, sql.ErrNoRows) {
		return w.insert(ctx, r)
	}
	if err == nil {
		_, err = w.change.ExecContext(ctx, strings.Join(r.Doc.Signers, separator), r.sum(), n)
	}
	return err
}

func (w *writer) insert(ctx context.Context, r *Row) error {
	texts := strings.Join(r.Doc.Texts, separator)
	result, err := w.row.ExecContext(ctx, r.Doc.ID[:], int64(r.Doc.At), int64(r.Recorded), string(r.Doc.Kind), r.Doc.Component, r.Doc.Version, r.Gist,
		string(r.Doc.Commit), r.Doc.Ref, strings.Join(r.Doc.Labels, separator), concat(r.Doc.Digests), concat(r.Doc.Links), strings.Join(r.Doc.Signers, separator), texts, r.sum())
	if err != nil {
		return err
	}
	n, err := result.LastInsertId()
	if err != nil {
		return err
	}
	for _, digest := range r.Doc.Digests {
		if _, err := w.digest.ExecContext(ctx, half(digest[:]), n); err != nil {
			return err
		}
	}
	for _, id := range r.Doc.Links {
		if _, err := w.link.ExecContext(ctx, half(id[:]), n); err != nil {
			return err
		}
	}
	_, err = w.grams.ExecContext(ctx, n, query.Fold(texts))
	return err
}

// concat joins hashes, each of the same length.
func concat(hashes []receipt.Digest) []byte {
	b := []byte{} // and not NULL
	for _, h := range hashes {
		b = append(b, h[:]...)
	}
	return b
}
