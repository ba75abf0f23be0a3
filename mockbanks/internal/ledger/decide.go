package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// What is wrong with a decision, beside ErrNotFound.
var (
	ErrNoApproval = errors.New("ledger: the message asks for no approval")
	ErrOver       = errors.New("ledger: the case is over")
)

// settleAtOnce is how many cases turn in one transaction.
const settleAtOnce = 200

// Decide approves or rejects the case that a message asks about, for the
// person who got it; one message is enough. Approving signs the agreement.
// Saying the same again changes nothing. Reason goes with a rejection; empty:
// "declined". ErrNotFound: there is no such message. ErrNoApproval: it asks
// for nothing. ErrOver: the case has been decided otherwise, or has ended.
func (l *Ledger) Decide(ctx context.Context, message string, approve bool, reason string) (Case, error) {
	if !approve && reason == "" {
		reason = "declined"
	}
	var c Case
	var no error
	err := l.writer.do(ctx, func(t *transaction) (err error) {
		c, no, err = t.decide(message, approve, reason)
		return err
	})
	if err == nil {
		err = no
	}
	if err != nil {
		return Case{}, fmt.Errorf("ledger: decide: %w", err)
	}
	return c, nil
}

// decide tells a refusal apart from trouble, because trouble undoes what the refusal has found: a case that is over.
func (t *transaction) decide(message string, approve bool, reason string) (_ Case, no, err error) {
	id, err := strconv.ParseInt(message, 10, 64)
	if err != nil {
		return Case{}, ErrNotFound, nil
	}
	var caseID int64
	switch err := t.caseOfMessage.row(id).Scan(&caseID); {
	case errors.Is(err, sql.ErrNoRows):
		return Case{}, ErrNotFound, nil
	case err != nil:
		return Case{}, nil, err
	case caseID == 0:
		return Case{}, ErrNoApproval, nil
	}
	f, err := scanCase(t.caseByID.row(caseID))
	if err != nil {
		return Case{}, nil, err
	}
	return t.conclude(f, approve, reason)
}

// conclude decides a case, unless it is over.
func (t *transaction) conclude(f filed, approve bool, reason string) (_ Case, no, err error) {
	now := t.now()
	if f.state == Received && !now.Before(f.Turns) {
		f, err = t.turn(f)
	}
	wanted := Rejected
	if approve {
		wanted = Approved
	}
	switch {
	case err != nil:
		return Case{}, nil, err
	case f.state == wanted:
		return f.at(now), nil, nil
	case f.state != Received:
		return Case{}, ErrOver, nil
	}
	f, err = t.end(f, wanted, reason, now)
	return f.at(now), nil, err
}

// Approve approves the case of an apply, as Decide does for one of its messages. ErrNotFound: it has none.
func (l *Ledger) Approve(ctx context.Context, r Request) (Case, error) {
	var c Case
	var no error
	err := l.writer.do(ctx, func(t *transaction) (err error) {
		no = nil
		f, err := scanCase(t.caseByNumber.row(r.Channel, r.Number))
		if errors.Is(err, sql.ErrNoRows) {
			no = ErrNotFound
			return nil
		}
		if err == nil {
			c, no, err = t.conclude(f, true, "")
		}
		return err
	})
	if err == nil {
		err = no
	}
	if err != nil {
		return Case{}, fmt.Errorf("ledger: approve: %w", err)
	}
	return c, nil
}

// Settle decides what the bank's people have decided by now, lets expire what
// nobody has, and says when the next case turns. Zero: none is open.
func (l *Ledger) Settle(ctx context.Context) (next time.Time, err error) {
	for more := true; more && err == nil; {
		err = l.writer.do(ctx, func(t *transaction) (err error) {
			more, next, err = t.settle()
			return err
		})
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("ledger: settle: %w", err)
	}
	return next, nil
}

func (t *transaction) settle() (more bool, next time.Time, err error) {
	now := t.now()
	for range settleAtOnce {
		f, err := scanCase(t.nextCase.row())
		if errors.Is(err, sql.ErrNoRows) {
			return false, time.Time{}, nil
		}
		if err != nil || now.Before(f.Turns) {
			return false, f.Turns, err
		}
		if _, err := t.turn(f); err != nil {
			return false, time.Time{}, err
		}
	}
	return true, time.Time{}, nil
}

// turn does what time has brought about: the people's verdict, or the end of the wait.
func (t *transaction) turn(f filed) (filed, error) {
	switch {
	case !f.reviewed:
		return t.end(f, Expired, "", f.Turns)
	case f.verdict == "":
		return t.end(f, Approved, "", f.Turns)
	}
	return t.end(f, Rejected, f.verdict, f.Turns)
}

// end closes a case; an approval signs in the same transaction.
func (t *transaction) end(f filed, state CaseState, reason string, at time.Time) (filed, error) {
	f.state, f.Reason, f.Decided, f.Turns = state, "", milli(at), time.Time{}
	switch state {
	case Approved:
		number, err := t.agree(f.card, f.Institution, f.account, at)
		if err != nil {
			return f, fmt.Errorf("sign: %w", err)
		}
		f.agreed = number
		if _, f.Agreement, err = scanAgreement(t.agreement.row(number)); err != nil {
			return f, fmt.Errorf("sign: %w", err)
		}
	case Rejected:
		f.Reason = reason
	}
	if err := t.endCase.exec(string(state), f.Reason, f.agreed, at.UnixMilli(), f.id); err != nil {
		return f, err
	}
	t.turned = append(t.turned, f.at(at))
	return f, nil
}

// Untold are cases that were decided or expired and of which Told has not been said, the oldest first. Limit is 1 to 1,000.
func (l *Ledger) Untold(ctx context.Context, limit int) (found []Case, err error) {
	rows, err := l.reader.untold.rows(ctx, min(max(1, limit), 1000))
	if err != nil {
		return nil, fmt.Errorf("ledger: untold: %w", l.orClosed(err))
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		f, err := scanCase(rows)
		if err != nil {
			return nil, fmt.Errorf("ledger: untold: %w", err)
		}
		found = append(found, f.at(f.Decided))
	}
	return found, l.orClosed(rows.Err())
}

// Told notes that whoever asked has been told of the case's end.
func (l *Ledger) Told(ctx context.Context, r Request) error {
	if err := l.writer.do(ctx, func(t *transaction) error { return t.toldCase.exec(r.Channel, r.Number) }); err != nil {
		return fmt.Errorf("ledger: told: %w", err)
	}
	return nil
}

func scanCase(row interface{ Scan(...any) error }) (f filed, err error) {
	var kinds string
	var opened, expires, turns, decided, agreedAt int64
	err = row.Scan(&f.id, &f.Channel, &f.Number, &f.Institution, &f.account, &f.card, &kinds, &f.state, &f.Reason, &f.agreed,
		&f.reviewed, &f.verdict, &opened, &expires, &turns, &decided, &f.CardType, &f.Class,
		&f.Agreement.State, &agreedAt)
	f.ID, f.Operation, f.Kinds = caseID(f.id), "apply", strings.Split(kinds, ",")
	f.Opened, f.Expires = time.UnixMilli(opened), time.UnixMilli(expires)
	if f.state == Received {
		f.Turns = time.UnixMilli(turns)
	} else {
		f.Decided = time.UnixMilli(decided)
	}
	if f.agreed != "" {
		f.Agreement = Agreement{
			Number: f.agreed, State: f.Agreement.State, CardLast4: tail(f.card),
			Institution: f.Institution, Account: f.account, At: time.UnixMilli(agreedAt),
		}
	}
	return f, err
}
