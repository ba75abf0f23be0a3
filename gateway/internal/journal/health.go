package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mattn/go-sqlite3"
)

// What can be wrong with the disk.
var (
	// ErrStorage: the disk is full, may not be written or fails. Of a Change nothing was written.
	ErrStorage = errors.New("journal can't be read or written")
	// ErrDamaged: the journal's file is not what was written. It comes with ErrStorage, and stays until the
	// file has been mended: what is read beside the damage might be half of a table, and what is written could make it worse.
	ErrDamaged = errors.New("journal is damaged: stop the gateway, keep a copy of all its files, and restore a backup or recover them with `sqlite3 journal.db .recover`, as docs/operations.md says")
)

const (
	sayAgain   = time.Minute // between two lines of the log while the disk goes on failing
	probeBytes = 32 << 10    // more than the changes of one request take
	probeName  = "readiness" // in the place of a binding's id, for as long as a transaction lasts
)

// health is what a store knows of its disk. It says once that the disk fails,
// and once that it works again, so that nobody else has to.
type health struct {
	log     *slog.Logger
	failing atomic.Bool
	damaged atomic.Bool
	failed  atomic.Uint64 // changes, since the start

	mu            sync.Mutex
	since, saidAt time.Time
	unsaid        int // changes that failed since saidAt
}

// judge names what SQLite says of the disk, and leaves other errors as they
// are. What else the error holds is dropped: it was found out in a transaction that is no more.
func (h *health) judge(err error) error {
	var e sqlite3.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code {
	case sqlite3.ErrCorrupt, sqlite3.ErrNotADB:
		if !h.damaged.Swap(true) {
			h.log.Error("the journal is damaged: nothing is taken until it was mended", "error", err)
		}
		return fmt.Errorf("%w: %w: %s", ErrStorage, ErrDamaged, e.Error())
	case sqlite3.ErrFull, sqlite3.ErrIoErr, sqlite3.ErrReadonly, sqlite3.ErrCantOpen, sqlite3.ErrPerm,
		sqlite3.ErrBusy, sqlite3.ErrLocked, sqlite3.ErrProtocol, sqlite3.ErrNomem:
		return fmt.Errorf("%w: %s", ErrStorage, e.Error())
	}
	return err
}

// lost counts changes that the disk did not take.
func (h *health) lost(changes int, err error) {
	h.failed.Add(uint64(changes)) //nolint:gosec // at most a group
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	if !h.failing.Swap(true) {
		h.since, h.saidAt, h.unsaid = now, time.Time{}, 0
	}
	h.unsaid += changes
	if !h.saidAt.IsZero() && now.Sub(h.saidAt) < sayAgain {
		return
	}
	h.log.Error("the journal can't be written: nothing new is begun at a bank until it can", "changes", h.unsaid, "error", err)
	h.saidAt, h.unsaid = now, 0
}

// wrote notices that the disk works again.
func (h *health) wrote() {
	if !h.failing.Load() {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.failing.Swap(false) {
		h.log.Warn("the journal is written again", "after", time.Since(h.since).Round(time.Millisecond).String(), "changes", h.unsaid)
	}
}

// Setting changes a setting of the connection that writes, between two groups:
// "query_only = 1" is a disk that may not be written, "max_page_count = 1" one
// that is full. It is how tests come by a disk that fails.
func (s *SQLite) Setting(pragma string) error {
	s.turn.Lock()
	defer s.turn.Unlock()
	_, err := s.stmts.conn.Exec("PRAGMA "+pragma, nil)
	return err
}

// Failing reports whether the last change found a disk that did not take it.
func (s *SQLite) Failing() bool { return s.health.failing.Load() || s.health.damaged.Load() }

// Failures is how many changes the disk has not taken since the start.
func (s *SQLite) Failures() uint64 { return s.health.failed.Load() }

// Probe returns nil where the disk takes as much as one request writes. It
// leaves nothing behind; what it writes is as durable as a change.
func (s *SQLite) Probe(ctx context.Context) error {
	err := s.submit(ctx, func(w *writeStatements) error {
		if _, err := w.putSealed.exec(probeName, make([]byte, probeBytes)); err != nil {
			return err
		}
		_, err := w.shred.exec(probeName)
		return err
	})
	if err != nil {
		return fmt.Errorf("journal: probe: %w", err)
	}
	return nil
}
