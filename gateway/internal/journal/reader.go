package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// Reader reads a journal that another process may be writing. It writes
// nothing, and needs no more than the right to read.
type Reader struct{ SQLite }

// OpenReader opens a journal for reading. The error wraps fs.ErrNotExist where
// there is none, ErrNewer or ErrForeign where it is none of this program's,
// and ErrOlder where a gateway must bring it up to date first.
func OpenReader(path string) (*Reader, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	options := url.Values{"mode": {"ro"}, "_busy_timeout": {"5000"}, "_query_only": {"1"}}
	file := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: options.Encode()}
	r := &Reader{SQLite{health: &health{log: slog.New(slog.DiscardHandler)}}}
	if r.readDB, err = sql.Open("sqlite3", file.String()); err != nil {
		return nil, fmt.Errorf("journal: read %s: %w", path, err)
	}
	r.readDB.SetMaxOpenConns(1)
	if err = r.fits(); err == nil {
		err = r.read.prepare(r.readDB, r.health)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("journal: read %s: %w", path, r.health.judge(err)), r.Close())
	}
	return r, nil
}

// ErrOlder: an older gateway has written the file, and none of this version has opened it since.
var ErrOlder = errors.New("journal was written by an older version: start the gateway once")

func (r *Reader) fits() error {
	var version, application int
	for query, into := range map[string]*int{"PRAGMA user_version": &version, "PRAGMA application_id": &application} {
		if err := r.readDB.QueryRowContext(context.Background(), query).Scan(into); err != nil {
			return err
		}
	}
	switch {
	case application != applicationID:
		return ErrForeign
	case version > schemaVersion:
		return ErrNewer
	case version < schemaVersion:
		return ErrOlder
	}
	return nil
}

// Apply refuses: a Reader writes nothing.
func (r *Reader) Apply(context.Context, Change) error { return ErrClosed }

// Reserve refuses, as Apply.
func (r *Reader) Reserve(context.Context, string, uint64) (uint64, error) { return 0, ErrClosed }

// Probe refuses, as Apply.
func (r *Reader) Probe(context.Context) error { return ErrClosed }

// LeaseDue refuses, as Apply.
func (r *Reader) LeaseDue(context.Context, Lease, int) ([]Attempt, error) { return nil, ErrClosed }

// LeaseOpen refuses, as Apply.
func (r *Reader) LeaseOpen(context.Context, Lease, string) (Attempt, error) {
	return Attempt{}, ErrClosed
}

// LeaseEvents refuses, as Apply.
func (r *Reader) LeaseEvents(context.Context, Lease, int) ([]Event, error) { return nil, ErrClosed }

// Release refuses, as Apply.
func (r *Reader) Release(context.Context, string, ...string) error { return ErrClosed }

// PruneKeys refuses, as Apply.
func (r *Reader) PruneKeys(context.Context, time.Time, string, int) (int, string, error) {
	return 0, "", ErrClosed
}

// PruneEvents refuses, as Apply.
func (r *Reader) PruneEvents(context.Context, time.Time, string, int) (int, string, error) {
	return 0, "", ErrClosed
}

// Close closes the file.
func (r *Reader) Close() error { return r.closeReaders() }
