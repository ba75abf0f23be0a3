package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// reader answers questions beside the writer. In WAL mode each read sees every commit before it.
type reader struct {
	db                                      *sql.DB
	recall, customers, agreements, messages *sql.Stmt
}

// The page is cut before cards are joined, so that a customer's cards stay together.
const pageOfCustomers = `
	SELECT c.id, c.kind, c.name, c.document_type, c.document, c.mobile, c.email,
	       k.number, k.type, a.class, k.cvv, k.expiry, k.online_payment, iif(a.state = 'open', k.state, a.state)
	FROM (
	    SELECT * FROM customers
	    WHERE id > ?1 AND (?2 = '' OR kind = ?2) AND NOT (?3 AND EXISTS (
	        SELECT 1 FROM accounts a JOIN cards k ON k.account = a.id JOIN agreements g ON g.card = k.number
	        WHERE a.customer = customers.id AND g.state = 'signed'))
	    ORDER BY id LIMIT ?4
	) c JOIN accounts a ON a.customer = c.id JOIN cards k ON k.account = a.id
	ORDER BY c.id, a.id`

const selectAgreement = `SELECT id, number, state, substr(card, -4), institution, at FROM agreements `

func newReader(db *sql.DB) (*reader, error) {
	r := &reader{db: db}
	return r, prepareAll(db, map[**sql.Stmt]string{
		&r.recall:     selectAnswer,
		&r.customers:  pageOfCustomers,
		&r.agreements: selectAgreement + `WHERE (?1 = '' OR card = ?1) AND id < ?2 ORDER BY id DESC LIMIT ?3`,
		&r.messages: `SELECT id, kind, address, code, text, at FROM messages
			WHERE (?1 = '' OR address = ?1) AND id > ?2 ORDER BY id DESC LIMIT ?3`,
	})
}

// Recall returns the latest answer that was given to a request. It sees every answer that Apply, Confirm or Unsign has returned.
func (l *Ledger) Recall(ctx context.Context, channel, operation, number string) (Answer, bool, error) {
	if err := ctx.Err(); err != nil {
		return Answer{}, false, err
	}
	a, _, err := scanAnswer(l.reader.recall.QueryRowContext(background(), channel, operation, number))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Answer{}, false, nil
	case err != nil:
		return Answer{}, false, fmt.Errorf("ledger: recall: %w", l.orClosed(err))
	}
	return a, true, nil
}

const selectAnswer = `SELECT fingerprint, refusal, agreement, class, card_type, at FROM answers
	WHERE channel = +? AND operation = +? AND number = +?`

func scanAnswer(row *sql.Row) (a Answer, fingerprint []byte, err error) {
	var at int64
	err = row.Scan(&fingerprint, &a.Refusal, &a.Agreement, &a.Class, &a.CardType, &at)
	a.At = time.UnixMilli(at)
	return a, fingerprint, err
}

// preparer is a database, a connection's shorthand, or a transaction.
type preparer interface {
	Prepare(query string) (*sql.Stmt, error)
}

func prepareAll(p preparer, queries map[**sql.Stmt]string) error {
	for at, query := range queries {
		s, err := p.Prepare(query)
		if err != nil {
			return fmt.Errorf("prepare %q: %w", query, err)
		}
		*at = s
	}
	return nil
}

// orClosed says ErrClosed where the trouble is that the file has been closed.
func (l *Ledger) orClosed(err error) error {
	if l.writer.isClosed() {
		return errors.Join(ErrClosed, err)
	}
	return err
}
