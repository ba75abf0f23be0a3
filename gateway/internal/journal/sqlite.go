package journal

import (
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"syscall"

	"github.com/mattn/go-sqlite3"
)

const (
	defaultQueueLimit = 4096
	maxQueueLimit     = 1_000_000
	readers           = 4 // connections that only read
)

// ErrClosed: the journal is closed. Nothing was written.
var ErrClosed = errors.New("journal is closed")

// ErrInUse: another process, or another store of this one, has the journal open.
var ErrInUse = errors.New("journal is in use by another gateway")

// Config is what a journal in a SQLite file needs.
type Config struct {
	// Path is the file. It is made with mode 0600 where there is none. Required.
	Path string
	// QueueLimit is how many changes may wait to be written, 1 to 1,000,000. Default 4,096. One more is ErrFull.
	QueueLimit int
	// Log hears of what goes wrong behind a caller's back. Default: nobody.
	Log *slog.Logger
}

// SQLite is a journal in one SQLite file, written by one process. One
// goroutine writes and commits the changes of many callers together; readers
// have connections of their own and never wait for it.
type SQLite struct {
	*writer
	readDB *sql.DB
	read   readStatements
	health *health
	hold   *os.File // keeps every other process out
}

var (
	_ Store      = (*SQLite)(nil)
	_ Agreements = (*SQLite)(nil)
	_ Seals      = (*SQLite)(nil)
	_ Doubtful   = (*SQLite)(nil)
	_ Newest     = (*SQLite)(nil)
	_ Keyring    = (*SQLite)(nil)
	_ Leases     = (*SQLite)(nil)
	_ Outbox     = (*SQLite)(nil)
	_ Pruning    = (*SQLite)(nil)
)

// Open opens the journal, looks through the whole of it for damage, which takes
// about four seconds a gigabyte, and brings its schema up to date. The error wraps
// ErrNewer or ErrForeign where the file is none of this program's, ErrDamaged
// where it is not as it was written, ErrInUse where another process has it open
// and ErrStorage where the disk fails or may not be written.
func Open(cfg Config) (*SQLite, error) {
	if cfg.QueueLimit == 0 {
		cfg.QueueLimit = defaultQueueLimit
	}
	if cfg.QueueLimit < 1 || cfg.QueueLimit > maxQueueLimit {
		return nil, fmt.Errorf("journal: queue limit %d: must be 1 to %d", cfg.QueueLimit, maxQueueLimit)
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	path, err := filepath.Abs(cfg.Path)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	cfg.Path = path
	if err := createFile(cfg.Path); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	hold, err := lock(cfg.Path)
	if err != nil {
		return nil, fmt.Errorf("journal: open %s: %w", cfg.Path, err)
	}
	s := &SQLite{hold: hold, health: &health{log: cfg.Log}}
	if err := s.open(cfg); err != nil {
		return nil, errors.Join(fmt.Errorf("journal: open %s: %w", cfg.Path, err), s.closeReaders(), hold.Close())
	}
	return s, nil
}

func (s *SQLite) open(cfg Config) (err error) {
	if err := checkLog(cfg.Path); err != nil {
		return err
	}
	if s.readDB, err = sql.Open("sqlite3", source(cfg.Path)); err != nil {
		return err
	}
	s.readDB.SetMaxOpenConns(readers)
	s.readDB.SetMaxIdleConns(readers)
	if err := migrate(s.readDB); err != nil {
		return s.health.judge(err)
	}
	if err := s.read.prepare(s.readDB, s.health); err != nil {
		return s.health.judge(err)
	}
	conn, err := (&sqlite3.SQLiteDriver{}).Open(source(cfg.Path))
	if err != nil {
		return s.health.judge(err)
	}
	if s.writer, err = startWriter(conn.(*sqlite3.SQLiteConn), cfg, s.health); err != nil {
		return errors.Join(s.health.judge(err), conn.Close())
	}
	return nil
}

// Close writes what was accepted, refuses the rest with ErrClosed and closes
// the file. It may be called again.
func (s *SQLite) Close() error {
	err := errors.Join(s.stop(), s.closeReaders())
	if closed := s.hold.Close(); !errors.Is(closed, os.ErrClosed) {
		err = errors.Join(err, closed)
	}
	return err
}

func (s *SQLite) closeReaders() error {
	if s.readDB == nil {
		return nil
	}
	return errors.Join(s.read.close(), s.readDB.Close())
}

// createFile makes the file before SQLite does, and closes an existing one to
// others: SQLite gives the files beside it the mode that this one has.
func createFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Chmod(0o600), f.Close())
}

// lock keeps the journal to one process: what another gateway has under way
// would be taken for abandoned, and what it asks would be asked twice. The
// kernel lets go of it however the process ends. It lies beside the journal,
// because closing any descriptor of the database would lose SQLite's own locks.
func lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the operator names the journal
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) //nolint:gosec // a descriptor is a small number
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrInUse
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// source names the file and the pragmas that every connection needs.
func source(path string) string {
	pragmas := url.Values{
		"_journal_mode":  {"WAL"},
		"_synchronous":   {"FULL"}, // a commit is on the disk when it returns
		"_busy_timeout":  {"5000"},
		"_foreign_keys":  {"1"},
		"_secure_delete": {"1"}, // what is deleted is overwritten
		"_txlock":        {"immediate"},
	}
	file := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: pragmas.Encode()}
	return file.String()
}
