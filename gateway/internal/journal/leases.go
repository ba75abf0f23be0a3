package journal

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"
)

// Lease says who looks after something, and for how long nobody else does.
type Lease struct {
	Owner string // 1 to 64 bytes. No two who work at once share one; who begins again under the same name has its leases still
	Now   time.Time
	For   time.Duration // 1s to 10m
}

// The limits of a lease.
const (
	minLease      = time.Second
	maxLease      = 10 * time.Minute
	maxLeaseOwner = 64
	sweepLeases   = 1024 // leases that are over, removed at once at most
)

func (l Lease) check() error {
	switch {
	case l.Owner == "" || len(l.Owner) > maxLeaseOwner:
		return fmt.Errorf("owner of %d bytes: must be 1 to %d", len(l.Owner), maxLeaseOwner)
	case l.For < minLease || l.For > maxLease:
		return fmt.Errorf("for %v: must be %v to %v", l.For, minLease, maxLease)
	}
	return nil
}

// A lease is for what was due when it was taken: whatever is written anew, and
// so due at another time, is free without anybody giving it back. So the writes
// of an attempt know nothing of leases, and pay nothing for them.
const (
	leaseColumns    = `id, due, owner, at, until`
	leaseAttemptSQL = `INSERT INTO leases (` + leaseColumns + `) SELECT id, due_at, ?, ?, ? FROM attempts WHERE id = ? AND due_at = ?` + leaseTaken
	leaseEventSQL   = `INSERT INTO leases (` + leaseColumns + `) SELECT id, next_at, ?, ?, ? FROM events
		WHERE id = ? AND next_at = ? AND state = 'waiting'` + leaseTaken
	leaseTaken = ` ON CONFLICT (id) DO UPDATE SET due = excluded.due, owner = excluded.owner, at = excluded.at, until = excluded.until
		WHERE leases.owner = excluded.owner OR leases.until <= excluded.at OR leases.due <> excluded.due`
	// A lease from later than now was taken under a clock that ran ahead.
	shortenLeasesSQL = `UPDATE leases SET until = until - at + ?, at = ? WHERE at > ?`
	sweepLeasesSQL   = `DELETE FROM leases WHERE id IN (SELECT id FROM leases WHERE until <= ? ORDER BY until LIMIT ?)`
	releaseSQL       = `DELETE FROM leases WHERE owner = ? AND id NOT IN (SELECT value FROM json_each(?))`

	aheadSQL = `SELECT coalesce(max(at), 0) > ? FROM leases`
	// Of what is free, or the owner's: as due is read. Last comes until when it is leased already.
	leasableSQL = `SELECT ` + attemptColumns + `, (SELECT until FROM leases AS l WHERE l.id = a.id AND l.due = a.due_at AND l.owner = ?)
		FROM attempts AS a WHERE id IN (
			SELECT id FROM (
				SELECT id, due_at, row_number() OVER (PARTITION BY channel, bank ORDER BY due_at, id) AS turn
				FROM attempts AS b WHERE due_at IS NOT NULL AND due_at <= ? AND NOT EXISTS (
					SELECT 1 FROM leases AS l WHERE l.id = b.id AND l.due = b.due_at AND l.owner <> ? AND l.until > ?))
			ORDER BY turn, due_at, id LIMIT ?)
		ORDER BY due_at, id`
	leasableEventsSQL = `SELECT ` + eventColumns + `, (SELECT until FROM leases AS l WHERE l.id = e.id AND l.due = e.next_at AND l.owner = ?)
		FROM events AS e WHERE state = 'waiting' AND next_at <= ? AND NOT EXISTS (
			SELECT 1 FROM events AS f WHERE f.state = 'waiting' AND f.subject = e.subject AND (f.seq, f.id) < (e.seq, e.id))
		AND NOT EXISTS (SELECT 1 FROM leases AS l WHERE l.id = e.id AND l.due = e.next_at AND l.owner <> ? AND l.until > ?)
		ORDER BY next_at, id LIMIT ?`
)

// leasable is a row that may be leased, and until when it is leased to the owner already: 0 where it is not.
type leasable[T any] struct {
	row       T
	id        string
	due       driver.Value
	heldUntil int64
}

// LeaseDue implements Leases.
func (s *SQLite) LeaseDue(ctx context.Context, l Lease, limit int) ([]Attempt, error) {
	if limit < 1 || limit > maxDue {
		return nil, fmt.Errorf("journal: lease: limit %d: must be 1 to %d", limit, maxDue)
	}
	rows, err := all(ctx, s.read.leasable, func(row scanner) (x leasable[Attempt], err error) {
		x.row, err = scanAttempt(and(row, &x.heldUntil))
		x.id, x.due = x.row.ID, dueAt(&x.row)
		return x, err
	}, l.Owner, nanos(l.Now), l.Owner, nanos(l.Now), limit)
	if err != nil {
		return nil, err
	}
	return lease(ctx, s, l, rows, func(w *writeStatements) *statement { return w.leaseAttempt })
}

// LeaseOpen implements Leases.
func (s *SQLite) LeaseOpen(ctx context.Context, l Lease, id string) (Attempt, error) {
	a, err := s.Attempt(ctx, id)
	if err != nil {
		return Attempt{}, err
	}
	x := leasable[Attempt]{row: a, id: a.ID, due: dueAt(&a)}
	if x.due == nil {
		return Attempt{}, fmt.Errorf("journal: lease: nothing is open in it: %w", ErrNotFound)
	}
	got, err := lease(ctx, s, l, []leasable[Attempt]{x}, func(w *writeStatements) *statement { return w.leaseAttempt })
	switch {
	case err != nil:
		return Attempt{}, err
	case len(got) == 0:
		return Attempt{}, fmt.Errorf("journal: lease: %w", ErrLeased)
	}
	return got[0], nil
}

// LeaseEvents implements Outbox.
func (s *SQLite) LeaseEvents(ctx context.Context, l Lease, limit int) ([]Event, error) {
	if limit < 1 || limit > maxDue {
		return nil, fmt.Errorf("journal: lease events: limit %d: must be 1 to %d", limit, maxDue)
	}
	rows, err := all(ctx, s.read.leasableEvents, func(row scanner) (x leasable[Event], err error) {
		x.row, err = scanEvent(and(row, &x.heldUntil))
		x.id, x.due = x.row.ID, nanos(x.row.NextAt)
		return x, err
	}, l.Owner, nanos(l.Now), l.Owner, nanos(l.Now), limit)
	if err != nil {
		return nil, err
	}
	return lease(ctx, s, l, rows, func(w *writeStatements) *statement { return w.leaseEvent })
}

// lease takes rows in one commit, and none where the owner has them all for
// half of the time yet. Who was quicker keeps his.
func lease[T any](ctx context.Context, s *SQLite, l Lease, rows []leasable[T], by func(*writeStatements) *statement) ([]T, error) {
	if err := l.check(); err != nil {
		return nil, fmt.Errorf("journal: lease: %w", err)
	}
	now, half := nanos(l.Now), int64(l.For/2)
	fresh := func(x leasable[T]) bool { return x.heldUntil-now >= half }
	ahead, err := s.leasesAhead(ctx, now)
	if err != nil {
		return nil, err
	}
	write := ahead
	for _, x := range rows {
		write = write || !fresh(x)
	}
	var got []T
	take := func(w *writeStatements) error {
		got = nil // a group may be run twice
		if ahead {
			if _, err := w.shortenLeases.exec(now, now, now); err != nil {
				return err
			}
		}
		if _, err := w.sweepLeases.exec(now, int64(sweepLeases)); err != nil {
			return err
		}
		for _, x := range rows {
			if fresh(x) {
				got = append(got, x.row)
				continue
			}
			n, err := by(w).exec(l.Owner, now, now+int64(l.For), x.id, x.due)
			if err != nil {
				return err
			}
			if n == 1 {
				got = append(got, x.row)
			}
		}
		return nil
	}
	if !write {
		for _, x := range rows {
			got = append(got, x.row)
		}
		return got, nil
	}
	if err := s.submit(ctx, take); err != nil {
		return nil, fmt.Errorf("journal: lease: %w", err)
	}
	return got, nil
}

// leasesAhead reports whether a lease was taken later than now: the clock has been set back.
func (s *SQLite) leasesAhead(ctx context.Context, now int64) (ahead bool, err error) {
	err = one(ctx, s.read.ahead, now).Scan(&ahead)
	return ahead, reading("leases", err)
}

// Release implements Leases and Outbox.
func (s *SQLite) Release(ctx context.Context, owner string, but ...string) error {
	err := s.submit(ctx, func(w *writeStatements) error {
		_, err := w.freeAll.exec(owner, list(but))
		return err
	})
	if err != nil {
		return fmt.Errorf("journal: release: %w", err)
	}
	return nil
}

// and is a row with one column more than its scan knows of: a whole number, or nothing.
func and(row scanner, n *int64) scanner { return longer{row, n} }

type longer struct {
	row scanner
	n   *int64
}

func (l longer) Scan(into ...any) error {
	var last *int64
	err := l.row.Scan(append(into, &last)...)
	if last != nil {
		*l.n = *last
	}
	return err
}

// ErrLeased: somebody else looks after it.
var ErrLeased = errors.New("leased to another")
