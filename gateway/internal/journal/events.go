package journal

import (
	"context"
	"database/sql/driver"
	"fmt"
	"time"
)

// maxEventPage is the longest page of events.
const maxEventPage = 1000

const (
	eventColumns = `id, caller, subject, seq, type, at, body, state, tries, next_at, note`
	putEventSQL  = `INSERT INTO events (` + eventColumns + `) VALUES (?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (id) DO UPDATE SET
		state = excluded.state, tries = excluded.tries, next_at = excluded.next_at, note = excluded.note`
	// What waits and has nothing before it that waits as well.
	dueEventsSQL = `SELECT ` + eventColumns + ` FROM events AS e WHERE state = 'waiting' AND next_at <= ? AND NOT EXISTS (
			SELECT 1 FROM events AS f WHERE f.state = 'waiting' AND f.subject = e.subject AND (f.seq, f.id) < (e.seq, e.id))
		ORDER BY next_at, id LIMIT ?`
	eventsSQL = `SELECT ` + eventColumns + ` FROM events WHERE caller = ? AND id > ? AND at >= ?
		AND (? = '' OR subject = ?) AND (? = '' OR state = ?) ORDER BY id LIMIT ?`
)

func eventValues(e *Event) []driver.Value {
	return []driver.Value{
		e.ID, e.Caller, e.Subject, e.Seq, e.Type, nanos(e.At), notNull(e.Body),
		string(e.State), int64(e.Tries), nanos(e.NextAt), e.Note,
	}
}

func scanEvent(row scanner) (e Event, err error) {
	var at, next int64
	var state string
	err = row.Scan(&e.ID, &e.Caller, &e.Subject, &e.Seq, &e.Type, &at, &e.Body, &state, &e.Tries, &next, &e.Note)
	e.At, e.NextAt, e.State = moment(at), moment(next), EventState(state)
	return e, err
}

// DueEvents implements Outbox.
func (s *SQLite) DueEvents(ctx context.Context, now time.Time, limit int) ([]Event, error) {
	if limit < 1 || limit > maxDue {
		return nil, fmt.Errorf("journal: due events: limit %d: must be 1 to %d", limit, maxDue)
	}
	return all(ctx, s.read.dueEvents, scanEvent, nanos(now), limit)
}

// Events implements Outbox.
func (s *SQLite) Events(ctx context.Context, f EventFilter) ([]Event, error) {
	if f.Limit < 1 || f.Limit > maxEventPage {
		return nil, fmt.Errorf("journal: events: limit %d: must be 1 to %d", f.Limit, maxEventPage)
	}
	state := string(f.State)
	return all(ctx, s.read.events, scanEvent, f.Caller, f.After, nanos(f.Since), f.Subject, f.Subject, state, state, f.Limit)
}
