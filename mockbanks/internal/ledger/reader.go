package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// reader answers questions beside the writer. In WAL mode each read sees every
// commit before it. What may be asked for all or for one has a statement for
// each, because only so does the one find its index.
type reader struct {
	recall                       statement
	customers, customersOfKind   statement
	agreements, agreementsOfCard statement
	messages, messagesTo         statement
	caseByNumber, untold         statement
}

// The page is cut before cards are joined, so that a customer's cards stay together.
const (
	firstCustomers = `
	SELECT c.id, c.kind, c.name, c.document_type, c.document, c.mobile, c.email,
	       k.number, k.type, a.class, k.cvv, k.expiry, k.online_payment, iif(a.state = 'open', k.state, a.state)
	FROM (
	    SELECT * FROM customers
	    WHERE id > +?1 AND NOT (?2 AND EXISTS (
	        SELECT 1 FROM accounts a JOIN cards k ON k.account = a.id JOIN agreements g ON g.card = k.number
	        WHERE a.customer = customers.id AND g.state = 'signed'))
	    AND NOT (?2 AND EXISTS (
	        SELECT 1 FROM codes d WHERE d.mobile = customers.mobile AND d.state <> 'used'
	            AND (d.made_at > ?5 OR d.state = 'fresh' AND d.expires_at > ?4)))
	    AND NOT (?2 AND EXISTS (
	        SELECT 1 FROM cases z WHERE z.mobile = customers.mobile AND z.state <> 'approved'
	            AND (z.opened_at > ?5 OR z.state = 'received' AND z.expires_at > ?4)))`
	thenCards = ` ORDER BY id LIMIT +?3
	) c JOIN accounts a ON a.customer = c.id JOIN cards k ON k.account = a.id
	ORDER BY c.id, a.id`
)

const (
	selectAnswer = `SELECT fingerprint, refusal, agreement, class, card_type, at FROM answers
		WHERE channel = +? AND operation = +? AND number = +?`
	selectAgreement = `SELECT id, number, state, substr(card, -4), institution, account, at FROM agreements `
	selectMessage   = `SELECT id, kind, address, code, text, at, coalesce((SELECT z.state FROM cases z WHERE z.id = messages.case_id), '') FROM messages `
	selectCase      = `SELECT z.id, z.channel, z.number, z.institution, z.account, z.card, z.kinds, z.state, z.reason, z.agreement,
		z.reviewed, z.verdict, z.opened_at, z.expires_at, z.turns_at, z.decided_at, k.type, a.class, coalesce(g.state, ''), coalesce(g.at, 0)
		FROM cases z JOIN cards k ON k.number = z.card JOIN accounts a ON a.id = k.account LEFT JOIN agreements g ON g.number = z.agreement `
	newestFirst = ` ORDER BY id DESC LIMIT +?2`
)

func newReader(p preparer) (*reader, error) {
	r := &reader{}
	return r, prepareAll(p, map[*statement]string{
		&r.recall:           selectAnswer,
		&r.customers:        firstCustomers + thenCards,
		&r.customersOfKind:  firstCustomers + ` AND kind = +?6` + thenCards,
		&r.agreements:       selectAgreement + `WHERE id < +?1` + newestFirst,
		&r.agreementsOfCard: selectAgreement + `WHERE id < +?1 AND card = +?3` + newestFirst,
		&r.messages:         selectMessage + `WHERE id > +?1` + newestFirst,
		&r.caseByNumber:     selectCase + `WHERE z.channel = +? AND z.number = +?`,
		&r.untold:           selectCase + `WHERE z.told = 0 AND z.state IN ('approved', 'rejected', 'expired') ORDER BY z.id LIMIT +?`,
		&r.messagesTo:       selectMessage + `WHERE id > +?1 AND address = +?3` + newestFirst,
	})
}

// choose asks for all, or for one where one is named.
func choose(ctx context.Context, all, one statement, name string, args ...any) (*sql.Rows, error) {
	if name == "" {
		return all.rows(ctx, args...)
	}
	return one.rows(ctx, append(args, name)...)
}

// Recall returns the latest answer that was given to a request. It sees every
// answer that Apply, Propose, Confirm or Unsign has returned; of a case it tells how it stands now.
func (l *Ledger) Recall(ctx context.Context, channel, operation, number string) (Answer, bool, error) {
	a, found, err := l.recall(ctx, channel, operation, number)
	if err == nil && a.Case.State.Open() && !l.now().Before(a.Case.Turns) {
		// Its time has come and nobody has noticed yet.
		if _, err = l.Settle(ctx); err == nil {
			a, found, err = l.recall(ctx, channel, operation, number)
		}
	}
	if err != nil {
		return Answer{}, false, fmt.Errorf("ledger: recall: %w", err)
	}
	return a, found, nil
}

func (l *Ledger) recall(ctx context.Context, channel, operation, number string) (Answer, bool, error) {
	if err := ctx.Err(); err != nil {
		return Answer{}, false, err
	}
	a, _, err := scanAnswer(l.reader.recall.row(channel, operation, number))
	if errors.Is(err, sql.ErrNoRows) {
		return Answer{}, false, nil
	}
	if err == nil && operation == "apply" {
		err = a.about(l.reader.caseByNumber.row(channel, number), l.now())
	}
	return a, err == nil, l.orClosed(err)
}

// about puts into the answer to an apply how its case stands, if it has one.
func (a *Answer) about(row *sql.Row, now time.Time) error {
	f, err := scanCase(row)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	a.Case = f.at(now)
	a.Refusal, a.Agreement = refusalOf(f.state), f.agreed
	if !f.Decided.IsZero() {
		a.At = f.Decided
	}
	return err
}

func scanAnswer(row *sql.Row) (a Answer, fingerprint []byte, err error) {
	var at int64
	err = row.Scan(&fingerprint, &a.Refusal, &a.Agreement, &a.Class, &a.CardType, &at)
	a.At = time.UnixMilli(at)
	return a, fingerprint, err
}

// orClosed says ErrClosed where the trouble is that the file has been closed,
// and ErrStorage where it is the disk.
func (l *Ledger) orClosed(err error) error {
	if err != nil && l.writer.isClosed() {
		return errors.Join(ErrClosed, err)
	}
	return storage(err)
}
