package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"
)

// Unsign ends an agreement. The same number gets the same answer again. A change
// once begun is finished even if ctx ends.
func (l *Ledger) Unsign(ctx context.Context, u Unsign) (Answer, error) {
	u.Operation = operation(u.Operation, "unsign")
	var given Answer
	err := l.writer.do(ctx, func(t *transaction) (err error) {
		given, err = t.unsign(u)
		return err
	})
	if err != nil {
		return Answer{}, fmt.Errorf("ledger: unsign: %w", err)
	}
	return given, nil
}

// Revoke ends an agreement on the bank's own account, and returns it as it then
// is. One that has ended already is left as it is. ErrNotFound: there is none of this number.
func (l *Ledger) Revoke(ctx context.Context, number string) (Agreement, error) {
	return l.end(ctx, number, "unsigned")
}

// Invalidate ends an agreement because the customer's data have changed. It is Revoke otherwise.
func (l *Ledger) Invalidate(ctx context.Context, number string) (Agreement, error) {
	return l.end(ctx, number, "invalidated")
}

// AgreementFilter chooses agreements.
type AgreementFilter struct {
	Card   string // the whole number; empty: all cards
	Limit  int    // 1 to 1,000. Default 100
	Cursor string // where the page before ended; empty: the beginning
}

// Agreements returns a page, newest first, and the next page's cursor, empty at the end.
func (l *Ledger) Agreements(ctx context.Context, f AgreementFilter) (found []Agreement, next string, err error) {
	limit, before, err := page(f.Limit, 100, f.Cursor, math.MaxInt64)
	if err != nil {
		return nil, "", fmt.Errorf("ledger: agreements: %w", err)
	}
	rows, err := choose(ctx, l.reader.agreements, l.reader.agreementsOfCard, f.Card, before, limit+1)
	if err != nil {
		return nil, "", fmt.Errorf("ledger: agreements: %w", l.orClosed(err))
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var last int64
	for rows.Next() {
		id, a, err := scanAgreement(rows)
		if err != nil {
			return nil, "", fmt.Errorf("ledger: agreements: %w", err)
		}
		if len(found) == limit {
			next = strconv.FormatInt(last, 10)
			break
		}
		found, last = append(found, a), id
	}
	if err := rows.Err(); err != nil {
		return nil, "", fmt.Errorf("ledger: agreements: %w", l.orClosed(err))
	}
	return found, next, nil
}

func (t *transaction) unsign(u Unsign) (Answer, error) {
	mark := fingerprint(u.Institution, u.Agreement, u.CardTail, u.Account)
	answer := Answer{At: t.now()}
	before, err := t.earlier(u.Request)
	if err != nil || before.found {
		return before.again(mark, answer.At), err
	}
	_, a, err := scanAgreement(t.agreement.row(u.Agreement))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		answer.Refusal = NoAgreement
	case err != nil:
		return Answer{}, fmt.Errorf("find the agreement: %w", err)
	case a.Institution != u.Institution, u.CardTail != "" && a.CardLast4 != u.CardTail, u.Account != "" && a.Account != u.Account:
		answer.Refusal = NoAgreement
	case a.State != "signed":
		answer.Refusal, answer.Agreement = AlreadyUnsigned, a.Number
	default:
		answer.Agreement = a.Number
		if err := t.endAgreement.exec("unsigned", answer.At.UnixMilli(), a.Number); err != nil {
			return Answer{}, fmt.Errorf("end the agreement: %w", err)
		}
	}
	return answer, t.remember(u.Request, mark, answer)
}

func (l *Ledger) end(ctx context.Context, number, state string) (Agreement, error) {
	var a Agreement
	var found bool
	err := l.writer.do(ctx, func(t *transaction) (err error) {
		_, a, err = scanAgreement(t.agreement.row(number))
		if found = !errors.Is(err, sql.ErrNoRows); !found {
			return nil
		}
		if err != nil || a.State != "signed" {
			return err
		}
		a.State, a.At = state, t.now()
		err = t.endAgreement.exec(a.State, a.At.UnixMilli(), number)
		return err
	})
	if err == nil && !found {
		err = ErrNotFound
	}
	if err != nil {
		return Agreement{}, fmt.Errorf("ledger: end an agreement: %w", err)
	}
	return a, nil
}

func scanAgreement(row interface{ Scan(...any) error }) (id int64, a Agreement, err error) {
	var at int64
	err = row.Scan(&id, &a.Number, &a.State, &a.CardLast4, &a.Institution, &a.Account, &at)
	a.At = time.UnixMilli(at)
	return id, a, err
}
