package journal

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// The most rows that one read returns.
const (
	maxPage     = 200
	maxDue      = 10_000
	maxAttempt  = 10_000 // of one binding
	noEndCursor = "\xff" // above every id
)

// readStatements are what the readers ask for.
type readStatements struct {
	binding, agreement, page, userPage *readStatement
	attempt, attempts, key, keysOf     *readStatement
	sealed, seals                      *readStatement
	number                             *readStatement
	dueEvents, events                  *readStatement
	exchanges, notices                 *readStatement
	due, expired, undecided            *readStatement
	newest                             *readStatement
	leasable, leasableEvents, ahead    *readStatement
	oldKeys, oldEvents                 *readStatement
}

// readStatement is one of them.
type readStatement struct {
	*sql.Stmt
	health *health
}

type query struct {
	into **readStatement
	text string
}

func (r *readStatements) queries() []query {
	return []query{
		{&r.binding, `SELECT ` + bindingColumns + ` FROM bindings WHERE id = ?`},
		{&r.agreement, `SELECT ` + bindingColumns + ` FROM bindings WHERE channel = ? AND agreement = ? AND agreement <> '' AND member = ?
			ORDER BY id DESC LIMIT 1`},
		{&r.page, `SELECT ` + bindingColumns + ` FROM bindings WHERE caller = ? AND id < ?
			AND (? = '[]' OR state IN (SELECT value FROM json_each(?))) ORDER BY id DESC LIMIT ?`},
		{&r.userPage, `SELECT ` + bindingColumns + ` FROM bindings WHERE caller = ? AND user_id = ? AND id < ?
			AND (? = '[]' OR state IN (SELECT value FROM json_each(?))) ORDER BY id DESC LIMIT ?`},
		{&r.attempt, `SELECT ` + attemptColumns + ` FROM attempts WHERE id = ?`},
		{&r.number, `SELECT ` + attemptColumns + ` FROM attempts WHERE channel = ? AND number = ? AND number <> '' AND borrowed = 0`},
		{&r.attempts, `SELECT ` + attemptColumns + ` FROM attempts WHERE binding = ? ORDER BY id LIMIT ?`},
		{&r.key, `SELECT ` + keyColumns + ` FROM keys WHERE caller = ? AND route = ? AND key = ?`},
		{&r.keysOf, `SELECT ` + keyColumns + ` FROM keys WHERE caller = ? AND (route, key) > (?, ?) ORDER BY route, key LIMIT ?`},
		{&r.sealed, `SELECT data FROM sealed WHERE binding = ?`},
		{&r.seals, `SELECT binding, data FROM sealed WHERE binding > ? ORDER BY binding LIMIT ?`},
		{&r.due, `SELECT ` + attemptColumns + ` FROM attempts WHERE id IN (
				SELECT id FROM (
					SELECT id, due_at, row_number() OVER (PARTITION BY channel, bank ORDER BY due_at, id) AS turn
					FROM attempts WHERE due_at IS NOT NULL AND due_at <= ?)
				ORDER BY turn, due_at, id LIMIT ?)
			ORDER BY due_at, id`},
		{&r.undecided, `SELECT ` + attemptColumns + ` FROM attempts WHERE due_at > 0 AND outcome = 'unknown' AND of = ''
			AND (intended_at <= ? OR kind = 'unsign') ORDER BY intended_at, id LIMIT ?`},
		{&r.newest, `SELECT id FROM (SELECT id FROM bindings WHERE id > '' ORDER BY id DESC LIMIT 1)
			UNION ALL SELECT id FROM (SELECT id FROM attempts WHERE id > '' ORDER BY id DESC LIMIT 1)
			UNION ALL SELECT id FROM (SELECT id FROM events WHERE id > '' ORDER BY id DESC LIMIT 1)`},
		{&r.dueEvents, dueEventsSQL},
		{&r.events, eventsSQL},
		{&r.exchanges, exchangesSQL},
		{&r.notices, noticesSQL},
		{&r.leasable, leasableSQL},
		{&r.leasableEvents, leasableEventsSQL},
		{&r.ahead, aheadSQL},
		{&r.oldKeys, oldKeysSQL},
		{&r.oldEvents, oldEventsSQL},
		{&r.expired, `SELECT ` + bindingColumns + ` FROM bindings
			WHERE state IN (SELECT value FROM json_each(?)) AND expires_at > 0 AND expires_at <= ?
			ORDER BY expires_at, id LIMIT ?`},
	}
}

func (r *readStatements) prepare(db *sql.DB, h *health) error {
	for _, q := range r.queries() {
		stmt, err := db.PrepareContext(context.Background(), q.text)
		if err != nil {
			return err
		}
		*q.into = &readStatement{stmt, h}
	}
	return nil
}

func (r *readStatements) close() error {
	var errs []error
	for _, q := range r.queries() {
		if *q.into != nil {
			errs = append(errs, (*q.into).Close())
		}
	}
	return errors.Join(errs...)
}

// Binding returns the binding with this id, or ErrNotFound.
func (s *SQLite) Binding(ctx context.Context, id string) (Binding, error) {
	b, err := scanBinding(one(ctx, s.read.binding, id))
	return b, reading("binding", err)
}

// ByAgreement returns the newest binding of a member of a channel with the
// bank's agreement number, or ErrNotFound.
func (s *SQLite) ByAgreement(ctx context.Context, channel, member, agreement string) (Binding, error) {
	b, err := scanBinding(one(ctx, s.read.agreement, channel, agreement, member))
	return b, reading("binding by agreement", err)
}

// Bindings returns one page, newest first.
func (s *SQLite) Bindings(ctx context.Context, f Filter) ([]Binding, error) {
	if f.Limit < 1 || f.Limit > maxPage {
		return nil, fmt.Errorf("journal: bindings: limit %d: must be 1 to %d", f.Limit, maxPage)
	}
	before := f.Before
	if before == "" {
		before = noEndCursor
	}
	states := list(f.States)
	if f.UserID == "" {
		return all(ctx, s.read.page, scanBinding, f.Caller, before, states, states, f.Limit)
	}
	return all(ctx, s.read.userPage, scanBinding, f.Caller, f.UserID, before, states, states, f.Limit)
}

// Attempt returns the attempt with this id, or ErrNotFound.
func (s *SQLite) Attempt(ctx context.Context, id string) (Attempt, error) {
	a, err := scanAttempt(one(ctx, s.read.attempt, id))
	return a, reading("attempt", err)
}

// ByNumber returns the attempt that a number on a channel was made for, or ErrNotFound.
func (s *SQLite) ByNumber(ctx context.Context, channel, number string) (Attempt, error) {
	a, err := scanAttempt(one(ctx, s.read.number, channel, number))
	return a, reading("attempt by number", err)
}

// Attempts returns a binding's attempts in the order in which they were meant.
func (s *SQLite) Attempts(ctx context.Context, binding string) ([]Attempt, error) {
	return all(ctx, s.read.attempts, scanAttempt, binding, maxAttempt)
}

// Key returns an idempotency key, or ErrNotFound.
func (s *SQLite) Key(ctx context.Context, caller, route, key string) (Key, error) {
	k, err := scanKey(one(ctx, s.read.key, caller, route, key))
	return k, reading("key", err)
}

// KeysOf implements Keyring.
func (s *SQLite) KeysOf(ctx context.Context, caller, afterRoute, afterKey string, limit int) ([]Key, error) {
	if limit < 1 || limit > maxDue {
		return nil, fmt.Errorf("journal: keys of: limit %d: must be 1 to %d", limit, maxDue)
	}
	return all(ctx, s.read.keysOf, scanKey, caller, afterRoute, afterKey, limit)
}

const keyColumns = `caller, route, key, fingerprint, binding, status, body, at`

func scanKey(row scanner) (k Key, err error) {
	var at int64
	err = row.Scan(&k.Caller, &k.Route, &k.Key, &k.Fingerprint, &k.Binding, &k.Status, &k.Body, &at)
	k.At = moment(at)
	return k, err
}

// Sealed returns the vault's bytes of a binding, or ErrNotFound, also after they were shredded.
func (s *SQLite) Sealed(ctx context.Context, binding string) (data []byte, err error) {
	err = one(ctx, s.read.sealed, binding).Scan(&data)
	return data, reading("sealed data", err)
}

// Due returns attempts that somebody must look after, oldest first, at most
// limit, 1 to 10,000. Where there are more, each bank has an equal part: the
// pile of one that is silent never hides what another could tell.
func (s *SQLite) Due(ctx context.Context, now time.Time, limit int) ([]Attempt, error) {
	if limit < 1 || limit > maxDue {
		return nil, fmt.Errorf("journal: due: limit %d: must be 1 to %d", limit, maxDue)
	}
	return all(ctx, s.read.due, scanAttempt, nanos(now), limit)
}

// Undecided implements Doubtful.
func (s *SQLite) Undecided(ctx context.Context, before time.Time, limit int) ([]Attempt, error) {
	if limit < 1 || limit > maxDue {
		return nil, fmt.Errorf("journal: undecided: limit %d: must be 1 to %d", limit, maxDue)
	}
	return all(ctx, s.read.undecided, scanAttempt, nanos(before), limit)
}

// NewestIDs implements Newest.
func (s *SQLite) NewestIDs(ctx context.Context) ([]string, error) {
	return all(ctx, s.read.newest, func(row scanner) (id string, err error) { err = row.Scan(&id); return id, err })
}

// Expired returns bindings in one of the states whose time is over, oldest
// first, at most limit, 1 to 10,000.
func (s *SQLite) Expired(ctx context.Context, now time.Time, states []string, limit int) ([]Binding, error) {
	if limit < 1 || limit > maxDue {
		return nil, fmt.Errorf("journal: expired: limit %d: must be 1 to %d", limit, maxDue)
	}
	return all(ctx, s.read.expired, scanBinding, list(states), nanos(now), limit)
}

// one reads a row by its key. It begins only for a caller who is still there,
// and then is not cut off: to watch a context, database/sql and the driver take
// a goroutine each, and that costs as much as the row.
func one(ctx context.Context, stmt *readStatement, args ...any) scanner {
	if err := ctx.Err(); err != nil {
		return failed{err}
	}
	return judged{stmt.QueryRowContext(context.WithoutCancel(ctx), args...), stmt.health}
}

// failed is a row that could not be read.
type failed struct{ err error }

func (f failed) Scan(...any) error { return f.err }

// judged is a row whose error says what is wrong with the disk.
type judged struct {
	scanner
	health *health
}

func (j judged) Scan(into ...any) error { return j.health.judge(j.scanner.Scan(into...)) }

// all reads every row that a statement gives, or none.
func all[T any](ctx context.Context, stmt *readStatement, scan func(scanner) (T, error), args ...any) (found []T, err error) {
	defer func() {
		if err != nil {
			found, err = nil, fmt.Errorf("journal: %w", stmt.health.judge(err))
		}
	}()
	rows, err := stmt.QueryContext(ctx, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		row, err := scan(rows)
		if err != nil {
			return nil, err
		}
		found = append(found, row)
	}
	return found, rows.Err()
}

// reading names what was read; a row that is not there is ErrNotFound.
func reading(what string, err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("journal: %s: %w", what, err)
	}
	return nil
}

// list hands a list to json_each.
func list(values []string) string {
	if len(values) == 0 {
		return "[]"
	}
	text, err := json.Marshal(values)
	if err != nil {
		return "[]"
	}
	return string(text)
}
