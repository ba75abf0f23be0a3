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
	            AND (d.made_at > ?5 OR d.state = 'fresh' AND d.expires_at > ?4)))`
	thenCards = ` ORDER BY id LIMIT +?3
	) c JOIN accounts a ON a.customer = c.id JOIN cards k ON k.account = a.id
	ORDER BY c.id, a.id`
)

const (
	selectAnswer = `SELECT fingerprint, refusal, agreement, class, card_type, at FROM answers
		WHERE channel = +? AND operation = +? AND number = +?`
	selectAgreement = `SELECT id, number, state, substr(card, -4), institution, account, at FROM agreements `
	selectMessage   = `SELECT id, kind, address, code, text, at FROM messages `
	newestFirst     = ` ORDER BY id DESC LIMIT +?2`
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

// Recall returns the latest answer that was given to a request. It sees every answer that Apply, Confirm or Unsign has returned.
func (l *Ledger) Recall(ctx context.Context, channel, operation, number string) (Answer, bool, error) {
	if err := ctx.Err(); err != nil {
		return Answer{}, false, err
	}
	a, _, err := scanAnswer(l.reader.recall.row(channel, operation, number))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Answer{}, false, nil
	case err != nil:
		return Answer{}, false, fmt.Errorf("ledger: recall: %w", l.orClosed(err))
	}
	return a, true, nil
}

func scanAnswer(row *sql.Row) (a Answer, fingerprint []byte, err error) {
	var at int64
	err = row.Scan(&fingerprint, &a.Refusal, &a.Agreement, &a.Class, &a.CardType, &at)
	a.At = time.UnixMilli(at)
	return a, fingerprint, err
}

// orClosed says ErrClosed where the trouble is that the file has been closed.
func (l *Ledger) orClosed(err error) error {
	if l.writer.isClosed() {
		return errors.Join(ErrClosed, err)
	}
	return err
}
