package ledger

import (
	"cmp"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	_ "github.com/mattn/go-sqlite3" // the driver "sqlite3"
)

// What callers may test for, beside the errors of a context.
var (
	ErrBusy     = errors.New("ledger: too much is waiting")
	ErrClosed   = errors.New("ledger: closed")
	ErrNotFound = errors.New("ledger: not found")
	ErrExists   = errors.New("ledger: the card exists already")
	ErrInvalid  = errors.New("ledger: invalid")         // wrapped with the field's name, never its value
	ErrForeign  = errors.New("ledger: not our file")    // another bank's, or no ledger at all
	ErrSchema   = errors.New("ledger: another version") // of the file's tables
)

// Config is what a ledger is opened with.
type Config struct {
	// Path is the SQLite file; it and its folder are made where missing. Required.
	Path string
	// Terms are the bank's rules. Bank is required; the rest has the profile's defaults.
	Terms Terms
	// Seed decides codes: the same seed and the same requests give the same codes.
	// A file keeps the seed that it was made with.
	Seed uint64
	// People are put into a new file, all of them or none. It is not called for a file that has them. Nil: none.
	People iter.Seq[Customer]
	// Review draws what people will make of a case by themselves. Nil: nothing, they are played by hand.
	Review Reviewer
	// Cases is told of each case that was opened, decided or has expired, after the
	// commit and on the writer's goroutine: it must neither wait nor ask the ledger. Nil: nobody.
	Cases func(Case)
	// Now is the bank's clock. Default time.Now.
	Now func() time.Time
	// Log takes what an operator should know. Default: nothing.
	Log *slog.Logger
	// Queue is how many changes, and how many callers of Wait, may wait, 1 to 1,000,000. Default 4,096. Beyond it ErrBusy is given.
	Queue int
	// Messages is how many messages are kept, 1,000 to 10,000,000. Default 200,000; the oldest go first.
	Messages int
}

// Ledger is one bank's truth in one SQLite file. It is safe for concurrent use.
type Ledger struct {
	terms  Terms
	seed   uint64
	now    func() time.Time
	writer *writer
	reader *reader
	bell   *bell
	close  func() error
}

var (
	_ Teller = (*Ledger)(nil)
	_ Memory = (*Ledger)(nil)
)

// Open opens the bank's file, and makes and fills it where it is new. The file
// survives the death of the process at any moment with all that was answered;
// after the death of the machine the last moments may be missing (synchronous=NORMAL).
func Open(cfg Config) (*Ledger, error) {
	cfg, err := cfg.checked()
	if err != nil {
		return nil, fmt.Errorf("open ledger: %w", err)
	}
	l := &Ledger{terms: cfg.Terms, now: cfg.Now, bell: newBell(cfg.Queue)}
	if err := l.open(cfg); err != nil {
		return nil, fmt.Errorf("open ledger of %s: %s: %w", cfg.Terms.Bank, cfg.Path, storage(err))
	}
	return l, nil
}

// Close ends what is waiting and closes the file. Calls that come later get ErrClosed.
func (l *Ledger) Close() error { return l.close() }

func (l *Ledger) open(cfg Config) (err error) {
	if err := makeFile(cfg.Path); err != nil {
		return err
	}
	var undo []func() error
	defer func() {
		if err != nil {
			err = errors.Join(err, closeAll(undo))
		}
	}()
	db, err := connect(cfg.Path, "&_txlock=immediate&_synchronous=NORMAL", 1)
	if err != nil {
		return err
	}
	undo = append(undo, db.Close)
	if l.seed, err = prepare(db, cfg); err != nil {
		return err
	}
	if l.seed != cfg.Seed {
		cfg.Log.Warn("the ledger keeps the seed that it was made with", "bank", cfg.Terms.Bank)
	}
	// The pragma keeps a pooled reader from ever taking the writer's lock.
	pool, err := connect(cfg.Path, "&_query_only=1&_synchronous=NORMAL", min(2, runtime.GOMAXPROCS(0)))
	if err != nil {
		return err
	}
	undo = append(undo, pool.Close)
	if l.reader, err = newReader(pool); err != nil {
		return err
	}
	if l.writer, err = newWriter(db, l, cfg); err != nil {
		return err
	}
	undo = append(undo, l.writer.stop, l.bell.stop)
	l.close = sync.OnceValue(func() error { return closeAll(undo) })
	return nil
}

// checked fills in defaults and refuses what is out of bounds.
func (c Config) checked() (Config, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	c.Log = cmp.Or(c.Log, slog.New(slog.DiscardHandler))
	c.Queue = cmp.Or(c.Queue, 4096)
	c.Messages = cmp.Or(c.Messages, 200_000)
	c.Terms.CodeDigits = cmp.Or(c.Terms.CodeDigits, 6)
	c.Terms.CodeTTL = cmp.Or(c.Terms.CodeTTL, 5*time.Minute)
	c.Terms.Attempts = cmp.Or(c.Terms.Attempts, 3)
	c.Terms.ApproveWithin = cmp.Or(c.Terms.ApproveWithin, 15*time.Minute)
	c.Terms.SignsPerDay = cmp.Or(c.Terms.SignsPerDay, 20)
	if c.Terms.Classes == nil {
		c.Terms.Classes = []string{"I", "II"}
	}
	within := func(name string, v, low, high int) error {
		if v < low || v > high {
			return fmt.Errorf("%w: %s must be %d to %d", ErrInvalid, name, low, high)
		}
		return nil
	}
	var missing error
	if c.Path == "" || c.Terms.Bank == "" {
		missing = fmt.Errorf("%w: a path and a bank are required", ErrInvalid)
	}
	return c, errors.Join(missing,
		within("queue", c.Queue, 1, 1_000_000),
		within("messages", c.Messages, 1_000, 10_000_000),
		within("code digits", c.Terms.CodeDigits, 4, 8),
		within("attempts", c.Terms.Attempts, 1, 10),
		within("signs per day", c.Terms.SignsPerDay, 1, 1_000))
}

// makeFile makes the file for its owner's eyes only, before SQLite would make it for everybody's.
func makeFile(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// connect opens a pool whose pragmas stand in the DSN, because one that is executed reaches one connection only.
func connect(path, pragmas string, conns int) (*sql.DB, error) {
	dsn := (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath()}).String()
	db, err := sql.Open("sqlite3", dsn+"?_journal_mode=WAL&_busy_timeout=5000&_foreign_keys=1"+pragmas)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db, nil
}

// closeAll undoes in reverse order.
func closeAll(undo []func() error) error {
	var errs []error
	for i := len(undo) - 1; i >= 0; i-- {
		errs = append(errs, undo[i]())
	}
	return errors.Join(errs...)
}
