// Package index answers queries without reading the ledger: a SQLite database
// beside the repository, brought up to date from what was appended, and thrown
// away whenever in doubt. It is a cache: nothing in it is evidence, and deleting
// it loses nothing.
//
// The database chooses candidates; whether one is meant says package query, as
// for a plain scan, so that both give the same answers.
package index

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// format is the version of the schema and of what is put into it.
const format = "2"

// pointer names the database in a folder. Each that is built has a name of its
// own: the journal of one that another process still writes is not taken for
// that of the next.
const pointer = "index"

var fileForm = regexp.MustCompile(`^index-[0-9]+\.sqlite$`)

// current is the path of the database that a folder's pointer names. It is an
// error when there is none, [os.ErrNotExist] where there never was.
func current(dir string) (string, error) {
	path := filepath.Join(dir, pointer)
	info, err := os.Lstat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() || info.Size() > maxName {
		return "", errPointer
	}
	name, err := os.ReadFile(path)
	if err != nil || !fileForm.Match(name) {
		return "", errPointer
	}
	return filepath.Join(dir, string(name)), nil
}

// maxName bounds the name of a database, in bytes.
const maxName = 64

var errPointer = errors.New("index: nothing says which file it is")

// Options say where the index lies, and who is told what.
type Options struct {
	Folders  []string     // where it may lie, the first that can be written is taken
	Program  string       // the version of this program: another one may index otherwise
	Progress func()       // called for each receipt that is indexed
	Remark   func(string) // told why the index is built anew, when it is not the first one
}

// Source is the ledger that an index is of. It is opened only where an index
// is not of its head already.
type Source struct {
	Head   gitrepo.OID
	Pinned receipt.ID // the genesis that it must have; zero when nobody said
	Open   func() (*ledger.Ledger, error)
	Latest func() (gitrepo.OID, error) // the head that the ledger has by now
}

// Index answers queries about one ledger at one head. It is not safe for
// concurrent use; several processes may use one index.
type Index struct {
	db   *sql.DB
	path string
	last int // the number of the last row of this head: another process may add some

	// Skipped is how many entries of the ledger do not hold and are left out.
	Skipped int
}

// key is what an index was made from; another one needs another index.
type key struct {
	program string
	genesis receipt.ID // zero when nobody said
	head    string
}

// whole is the key with the genesis and the head that the ledger has.
func (k key) whole(ctx context.Context, s Source) (key, *ledger.Ledger, error) {
	l, err := s.Open()
	if err != nil {
		return k, nil, err
	}
	genesis, err := l.Genesis(ctx)
	if err != nil {
		return k, nil, err
	}
	k.genesis, k.head = genesis.ID, string(l.Head) // which may be later than when it was looked at
	return k, l, nil
}

// ErrOvertaken says that an index has more than the ledger that is asked about,
// because another process read a later head. It is right for everybody else.
var ErrOvertaken = errors.New("index: another process is ahead")

// Open opens the index of a ledger, brings it up to date, or builds it. An error
// is [ErrOvertaken], the fault Unavailable (VM518) when there can be none, or one
// of opening and reading the ledger. Close it after use.
func Open(ctx context.Context, s Source, o Options) (*Index, error) {
	want := key{o.Program, s.Pinned, string(s.Head)}
	var why error
	for _, dir := range o.Folders {
		x, err := open(ctx, s, dir, want, o)
		if err == nil || ofLedger(err) || errors.Is(err, ErrOvertaken) {
			return x, err
		}
		if why = err; busy(err) {
			break
		}
	}
	return nil, fault.New(fault.Unavailable, "there can be no index here").Because(why)
}

// ofLedger tells whether an error is one of the ledger, and not of the index.
func ofLedger(err error) bool {
	var f *fault.Error
	return interrupted(err) || errors.As(err, &f)
}

// open tries one place: what is there, else a new one.
func open(ctx context.Context, s Source, dir string, want key, o Options) (*Index, error) {
	x, err := existing(ctx, s, dir, want, o)
	if err == nil || ofLedger(err) || busy(err) || errors.Is(err, ErrOvertaken) {
		return x, err
	}
	why := err
	want, l, err := want.whole(ctx, s)
	if err != nil {
		return nil, err
	}
	if err := build(ctx, l, dir, want, o); err != nil {
		return nil, err
	}
	if !errors.Is(why, os.ErrNotExist) {
		o.Remark("the index was built anew: " + reason(why))
	}
	return existing(ctx, s, dir, want, o)
}

// reason says in a few words why an index is not used.
func reason(err error) string {
	for _, known := range []error{errStale, errForm, errPointer, errNotClean} {
		if errors.Is(err, known) {
			err = known
		}
	}
	if resultCode(err) != 0 {
		return "it was damaged"
	}
	return strings.TrimPrefix(err.Error(), "index: ")
}

// existing opens an index that is there, and brings it up to date.
func existing(ctx context.Context, s Source, dir string, want key, o Options) (*Index, error) {
	path, err := current(dir)
	if err != nil {
		return nil, err
	}
	if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
		return nil, errors.New("index: its file is gone")
	}
	db, err := connect(path)
	if err != nil {
		return nil, err
	}
	x := &Index{db: db, path: path}
	if err = x.check(ctx, want); err == nil {
		err = x.update(ctx, s, want, o)
	}
	if err != nil {
		x.Close()
		return nil, err
	}
	return x, nil
}

// connect opens a database. Its text is not trusted: the schema may call no
// functions, and pages are checked as they are read.
func connect(path string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", "file:"+strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(filepath.ToSlash(path))+
		"?_txlock=immediate&_pragma=busy_timeout(10000)&_pragma=trusted_schema(0)&_pragma=cell_size_check(1)&_pragma=mmap_size(67108864)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

// Remove throws the indexes in some folders away.
func Remove(folders []string) {
	for _, dir := range folders {
		if path, err := current(dir); err == nil {
			os.Remove(path)
		}
	}
}

// Close closes the database.
func (x *Index) Close() { x.db.Close() }

var errStale = errors.New("index: it was made by another version, or of another ledger")

// check sees that the database is one of ours, of this version and ledger.
func (x *Index) check(ctx context.Context, want key) error {
	rows, err := x.db.QueryContext(ctx, "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND (type <> 'table' OR name NOT GLOB 'grams_*') ORDER BY rowid")
	if err != nil {
		return err
	}
	defer rows.Close()
	have := ""
	for rows.Next() {
		var statement string
		if err := rows.Scan(&statement); err != nil {
			return err
		}
		have += statement + ";\n"
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if have != schema {
		return errors.New("index: it has another form")
	}
	got, err := x.meta(ctx, x.db)
	if err != nil {
		return errors.Join(errStale, err)
	}
	ours := got.format == format && got.program == want.program
	if !ours || !want.genesis.IsZero() && got.genesis != want.genesis.String() {
		return errStale
	}
	var last int
	if err := x.db.QueryRowContext(ctx, "SELECT ifnull(max(n), 0) FROM receipt").Scan(&last); err != nil || last != got.receipts {
		return errors.Join(errForm, err)
	}
	return nil
}

// meta is the one row that says what the index was made from.
type meta struct {
	format, program, genesis, head string
	skipped, receipts              int
}

type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func (x *Index) meta(ctx context.Context, q querier) (m meta, err error) {
	err = q.QueryRowContext(ctx, "SELECT format, program, genesis, head, skipped, receipts FROM meta").Scan(&m.format, &m.program, &m.genesis, &m.head, &m.skipped, &m.receipts)
	return m, err
}

// damaged tells whether an error says that the database is not to be used.
func damaged(err error) bool {
	code := resultCode(err)
	return code == sqlite3.SQLITE_CORRUPT || code == sqlite3.SQLITE_NOTADB || errors.Is(err, errForm)
}

// busy tells whether another process kept the database for longer than people
// wait.
func busy(err error) bool {
	code := resultCode(err)
	return code == sqlite3.SQLITE_BUSY || code == sqlite3.SQLITE_LOCKED
}

// resultCode is SQLite's primary result code, 0 for an error that is not its own.
func resultCode(err error) int {
	var s *sqlite.Error
	if errors.As(err, &s) {
		return s.Code() & 0xFF
	}
	return 0
}

func interrupted(err error) bool {
	return fault.Has(err, fault.Interrupted) || errors.Is(err, context.Canceled)
}
