package journal

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/mattn/go-sqlite3"
)

// The limits of one Change.
const (
	maxAttempts    = 64
	maxEvents      = 1024
	maxAnswerBytes = 64 << 10 // of a stored answer
	maxSealedBytes = 64 << 10
	maxNoticed     = 64
	maxSaidBytes   = 2560 // of an outline
)

// ErrTooLarge: a Change is beyond the journal's limits. Nothing was written.
var ErrTooLarge = errors.New("change is larger than the journal takes")

// ErrNumberUsed: another attempt began with this number on this channel. Nothing was written.
var ErrNumberUsed = errors.New("number on the wire was used by another attempt")

// Apply writes the Change whole or not at all; it is on the disk when Apply
// returns nil. An error that is a context's means that nothing was written:
// once the writer has begun with a Change, Apply waits for what becomes of it.
func (s *SQLite) Apply(ctx context.Context, c Change) error {
	if err := c.check(); err != nil {
		return fmt.Errorf("journal: apply: %w", err)
	}
	if err := s.submit(ctx, func(w *writeStatements) error { return w.apply(&c) }); err != nil {
		return fmt.Errorf("journal: apply: %w", err)
	}
	return nil
}

func (c *Change) check() error {
	switch {
	case len(c.Attempts) > maxAttempts:
		return fmt.Errorf("%w: %d attempts, at most %d", ErrTooLarge, len(c.Attempts), maxAttempts)
	case len(c.Events) > maxEvents:
		return fmt.Errorf("%w: %d events, at most %d", ErrTooLarge, len(c.Events), maxEvents)
	case slices.ContainsFunc(c.Events, func(e Event) bool { return len(e.Body) > maxAnswerBytes }):
		return fmt.Errorf("%w: body of an event, at most %d bytes", ErrTooLarge, maxAnswerBytes)
	case c.NewKey != nil && len(c.NewKey.Body) > maxAnswerBytes,
		c.AnsweredKey != nil && len(c.AnsweredKey.Body) > maxAnswerBytes:
		return fmt.Errorf("%w: stored answer, at most %d bytes", ErrTooLarge, maxAnswerBytes)
	case c.Sealed != nil && len(c.Sealed.Data) > maxSealedBytes:
		return fmt.Errorf("%w: sealed data, at most %d bytes", ErrTooLarge, maxSealedBytes)
	case len(c.Notices) > maxNoticed:
		return fmt.Errorf("%w: %d notices, at most %d", ErrTooLarge, len(c.Notices), maxNoticed)
	case slices.ContainsFunc(c.Notices, func(n Notice) bool { return len(n.Heard) > maxSaidBytes }),
		slices.ContainsFunc(c.Attempts, func(a Attempt) bool { return max(len(a.Said), len(a.Heard)) > maxSaidBytes }):
		return fmt.Errorf("%w: what was said, at most %d bytes", ErrTooLarge, maxSaidBytes)
	case c.Binding != nil && c.Binding.Version < 1:
		return fmt.Errorf("binding has version %d: must be 1 or more", c.Binding.Version)
	}
	return nil
}

// Reserve takes the next n numbers of a sequence for ever and returns the
// first. The first of all is 1.
func (s *SQLite) Reserve(ctx context.Context, sequence string, n uint64) (uint64, error) {
	if n < 1 || n > math.MaxInt32 {
		return 0, fmt.Errorf("journal: reserve %d numbers: must be 1 to %d", n, math.MaxInt32)
	}
	var next int64
	err := s.submit(ctx, func(w *writeStatements) (err error) {
		next, err = w.reserve.number(sequence, int64(n)+1, int64(n))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("journal: reserve: %w", err)
	}
	return uint64(next) - n, nil
}

// writeStatements are the writer's.
type writeStatements struct {
	conn  *sqlite3.SQLiteConn
	wrote bool // whether a statement has run since this was false

	begin, commit, rollback  *statement
	savepoint, undo, release *statement

	insertKey, answerKey          *statement
	insertBinding, replaceBinding *statement
	putAttempt                    *statement
	putEvent                      *statement
	putExchange, putNotice        *statement
	putSealed, swapSealed, shred  *statement
	reserve                       *statement

	leaseAttempt, leaseEvent                  *statement
	shortenLeases, sweepLeases, freeAll, free *statement
	pruneKey, pruneEvent                      *statement
}

func prepareWrites(conn *sqlite3.SQLiteConn) (*writeStatements, error) {
	w := &writeStatements{conn: conn}
	for _, p := range []struct {
		into  **statement
		query string
	}{
		{&w.begin, "BEGIN IMMEDIATE"}, {&w.commit, "COMMIT"}, {&w.rollback, "ROLLBACK"},
		{&w.savepoint, "SAVEPOINT change"}, {&w.undo, "ROLLBACK TO change"}, {&w.release, "RELEASE change"},
		{&w.insertKey, insertKeySQL}, {&w.answerKey, answerKeySQL},
		{&w.insertBinding, insertBindingSQL}, {&w.replaceBinding, replaceBindingSQL},
		{&w.putAttempt, putAttemptSQL}, {&w.putEvent, putEventSQL},
		{&w.putExchange, putExchangeSQL}, {&w.putNotice, putNoticeSQL},
		{&w.putSealed, putSealedSQL}, {&w.swapSealed, "UPDATE sealed SET data = ? WHERE binding = ? AND data = ?"}, {&w.shred, "DELETE FROM sealed WHERE binding = ?"},
		{&w.reserve, reserveSQL},
		{&w.leaseAttempt, leaseAttemptSQL}, {&w.leaseEvent, leaseEventSQL},
		{&w.shortenLeases, shortenLeasesSQL}, {&w.sweepLeases, sweepLeasesSQL}, {&w.freeAll, releaseSQL}, {&w.free, "DELETE FROM leases WHERE id = ?"},
		{&w.pruneKey, pruneKeySQL}, {&w.pruneEvent, pruneEventSQL},
	} {
		s, err := prepare(conn, p.query, &w.wrote)
		if err != nil {
			return nil, err
		}
		*p.into = s
	}
	return w, nil
}

const (
	insertKeySQL = `INSERT INTO keys (caller, route, key, fingerprint, binding, status, body, at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`
	answerKeySQL = `UPDATE keys SET status = ?, body = ? WHERE caller = ? AND route = ? AND key = ? AND status = 0`
	putSealedSQL = `INSERT INTO sealed (binding, data) VALUES (?, ?)
		ON CONFLICT (binding) DO UPDATE SET data = excluded.data`
	reserveSQL = `INSERT INTO sequences (name, next) VALUES (?, ?)
		ON CONFLICT (name) DO UPDATE SET next = next + ? RETURNING next`
)

// apply may fail half done: the writer undoes it then. The key
// comes first, so that a repeated request is told so before anything else.
func (w *writeStatements) apply(c *Change) error {
	if k := c.NewKey; k != nil {
		_, err := w.insertKey.exec(k.Caller, k.Route, k.Key, blob(k.Fingerprint), k.Binding, int64(k.Status), blob(k.Body), nanos(k.At))
		if is(err, sqlite3.ErrConstraintPrimaryKey) {
			return ErrKeyUsed
		} else if err != nil {
			return err
		}
	}
	if c.Binding != nil {
		if err := w.putBinding(c.Binding); err != nil {
			return err
		}
	}
	for i := range c.Attempts {
		_, err := w.putAttempt.exec(attemptValues(&c.Attempts[i])...)
		if is(err, sqlite3.ErrConstraintUnique) {
			return ErrNumberUsed
		} else if err != nil {
			return err
		}
	}
	if err := w.putTranscripts(c); err != nil {
		return err
	}
	for i := range c.Events {
		if err := w.putEventRow(&c.Events[i]); err != nil {
			return err
		}
	}
	if k := c.AnsweredKey; k != nil {
		if _, err := w.answerKey.exec(int64(k.Status), blob(k.Body), k.Caller, k.Route, k.Key); err != nil {
			return err
		}
	}
	if err := w.seal(c.Sealed); err != nil {
		return err
	}
	if c.Shred != "" {
		if _, err := w.shred.exec(c.Shred); err != nil {
			return err
		}
	}
	return nil
}

func (w *writeStatements) putEventRow(e *Event) error {
	_, err := w.putEvent.exec(eventValues(e)...)
	if err == nil && e.State != EventWaiting { // nobody looks after it any more
		_, err = w.free.exec(e.ID)
	}
	return err
}

func (w *writeStatements) seal(s *Sealed) error {
	switch {
	case s == nil:
		return nil
	case s.Was == nil:
		_, err := w.putSealed.exec(s.Binding, notNull(s.Data))
		return err
	}
	changed, err := w.swapSealed.exec(notNull(s.Data), s.Binding, s.Was)
	if err == nil && changed == 0 {
		return ErrConflict
	}
	return err
}

func (w *writeStatements) putBinding(b *Binding) error {
	put, values := w.replaceBinding, replaceBindingValues
	if b.Version == 1 {
		put, values = w.insertBinding, insertBindingValues
	}
	changed, err := put.exec(values(b)...)
	switch {
	case is(err, sqlite3.ErrConstraintUnique):
		return ErrLive
	case is(err, sqlite3.ErrConstraintPrimaryKey), err == nil && changed == 0:
		return ErrConflict
	}
	return err
}

// close frees the statements and the connection.
func (w *writeStatements) close() error {
	var errs []error
	for _, s := range []*statement{
		w.begin, w.commit, w.rollback, w.savepoint, w.undo, w.release, w.insertKey, w.answerKey,
		w.insertBinding, w.replaceBinding, w.putAttempt, w.putEvent, w.putExchange, w.putNotice, w.putSealed, w.swapSealed, w.shred, w.reserve,
		w.leaseAttempt, w.leaseEvent, w.shortenLeases, w.sweepLeases, w.freeAll, w.free, w.pruneKey, w.pruneEvent,
	} {
		if s != nil {
			errs = append(errs, s.stmt.Close())
		}
	}
	return errors.Join(append(errs, w.conn.Close())...)
}

// nanos is how a time is kept; the zero time is 0.
func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func moment(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}

// blob keeps nothing as NULL, so that nil comes back as nil.
func blob(b []byte) driver.Value {
	if len(b) == 0 {
		return nil
	}
	return b
}

func notNull(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
