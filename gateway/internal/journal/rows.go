package journal

import (
	"database/sql/driver"
	"time"

	"kaqiao/gateway/internal/op"
)

// What a binding was made with is written once; the rest is written by every Change.
const (
	bindingMadeWith = `id, caller, user_id, platform, bank, tier, card_hash, card_last4, card_type, card_scheme, created_at`
	bindingChanging = `version, channel, member, state, live, reason, raw_code,
		challenge_kind, challenge_to, challenge_expires_at, challenge_resend_at, challenge_attempts_left,
		number, begun, agreement, class, password_free, password_free_limit_fen, updated_at, expires_at`
	bindingColumns = bindingChanging + ", " + bindingMadeWith

	insertBindingSQL = `INSERT INTO bindings (` + bindingColumns + `) VALUES
		(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?, ?,?,?,?,?,?,?,?,?,?,?)`
	replaceBindingSQL = `UPDATE bindings SET (` + bindingChanging + `) =
		(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) WHERE id = ? AND version = ?`

	attemptColumns = `id, binding, kind, channel, bank, number, borrowed, of, settled, outcome, reason, raw_code,
		intended_at, deadline, settled_at, exchange_ns, ask_at, asked, not_found`
	putAttemptSQL = `INSERT INTO attempts (` + attemptColumns + `, due_at) VALUES
		(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?, ?) ON CONFLICT (id) DO UPDATE SET
		settled = excluded.settled, outcome = excluded.outcome, reason = excluded.reason, raw_code = excluded.raw_code,
		deadline = excluded.deadline, settled_at = excluded.settled_at, exchange_ns = excluded.exchange_ns,
		ask_at = excluded.ask_at, asked = excluded.asked, not_found = excluded.not_found, due_at = excluded.due_at`
)

func changingValues(b *Binding) []driver.Value {
	return append(make([]driver.Value, 0, 31), // as many as an insert takes
		b.Version, b.Channel, b.Member, b.State, flag(b.Live), string(b.Reason), b.RawCode,
		b.Challenge.Kind, b.Challenge.To, nanos(b.Challenge.ExpiresAt), nanos(b.Challenge.ResendAt), int64(b.Challenge.AttemptsLeft),
		b.Number, nanos(b.Begun), b.Agreement, b.Class, flag(b.PasswordFree.Enabled), b.PasswordFree.LimitFen,
		nanos(b.UpdatedAt), nanos(b.ExpiresAt))
}

func insertBindingValues(b *Binding) []driver.Value {
	return append(changingValues(b), b.ID, b.Caller, b.UserID, b.Platform, b.Bank, b.Tier,
		blob(b.CardHash), b.CardLast4, b.CardType, b.CardScheme, nanos(b.CreatedAt))
}

func replaceBindingValues(b *Binding) []driver.Value {
	return append(changingValues(b), b.ID, b.Version-1)
}

// scanner is a row, or the present one of several.
type scanner interface{ Scan(into ...any) error }

func scanBinding(row scanner) (b Binding, err error) {
	var challengeExpires, resend, begun, updated, expires, created int64
	var reason string
	err = row.Scan(&b.Version, &b.Channel, &b.Member, &b.State, &b.Live, &reason, &b.RawCode,
		&b.Challenge.Kind, &b.Challenge.To, &challengeExpires, &resend, &b.Challenge.AttemptsLeft,
		&b.Number, &begun, &b.Agreement, &b.Class, &b.PasswordFree.Enabled, &b.PasswordFree.LimitFen,
		&updated, &expires,
		&b.ID, &b.Caller, &b.UserID, &b.Platform, &b.Bank, &b.Tier,
		&b.CardHash, &b.CardLast4, &b.CardType, &b.CardScheme, &created)
	b.Reason = op.Reason(reason)
	b.Challenge.ExpiresAt, b.Challenge.ResendAt = moment(challengeExpires), moment(resend)
	b.Begun, b.UpdatedAt, b.ExpiresAt, b.CreatedAt = moment(begun), moment(updated), moment(expires), moment(created)
	return b, err
}

func attemptValues(a *Attempt) []driver.Value {
	return []driver.Value{
		a.ID, a.Binding, string(a.Kind), a.Channel, a.Bank, a.Number, flag(a.Borrowed), a.Of,
		flag(a.Settled), a.Outcome.String(), string(a.Reason), a.RawCode,
		nanos(a.IntendedAt), nanos(a.Deadline), nanos(a.SettledAt), int64(a.Exchange),
		nanos(a.AskAt), int64(a.Asked), int64(a.NotFound), dueAt(a),
	}
}

// dueAt is when somebody must look after an attempt: when it is to be asked
// about, or when whoever sent it has not come back by the deadline.
func dueAt(a *Attempt) driver.Value {
	switch {
	case a.Settled && a.AskAt.IsZero():
		return nil
	case a.Settled:
		return nanos(a.AskAt)
	case a.AskAt.IsZero() || a.Deadline.Before(a.AskAt):
		return nanos(a.Deadline)
	}
	return nanos(a.AskAt)
}

func scanAttempt(row scanner) (a Attempt, err error) {
	var intended, deadline, settled, exchange, ask int64
	var kind, outcome, reason string
	err = row.Scan(&a.ID, &a.Binding, &kind, &a.Channel, &a.Bank, &a.Number, &a.Borrowed, &a.Of,
		&a.Settled, &outcome, &reason, &a.RawCode,
		&intended, &deadline, &settled, &exchange, &ask, &a.Asked, &a.NotFound)
	a.Kind, a.Outcome, a.Reason = op.Kind(kind), op.ParseOutcome(outcome), op.Reason(reason)
	a.IntendedAt, a.Deadline, a.SettledAt = moment(intended), moment(deadline), moment(settled)
	a.Exchange, a.AskAt = time.Duration(exchange), moment(ask)
	return a, err
}
