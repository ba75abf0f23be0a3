package ledger

import (
	"bytes"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// transaction is what a change works with. It belongs to the writer's goroutine.
type transaction struct {
	terms Terms
	seed  uint64
	now   func() time.Time
	keep  int      // messages
	sent  []string // the addresses to which this transaction has sent messages
	// turned are the cases that this transaction has opened or ended.
	turned []Case
	review Reviewer
	add    *adder

	cardExists                                     statement
	answer, keepAnswer                             statement
	holding, supersede, keepCode, countSign        statement
	keepMessage, messageRange, dropMessages        statement
	trigger, wrongCode, useCode                    statement
	signed, keepAgreement, agreement, endAgreement statement

	keepCase, supersedeCase, endCase, toldCase      statement
	caseByID, caseByNumber, nextCase, caseOfMessage statement
	holdingForCase                                  statement
	codeOwner, killCode, agreementHeld              statement
}

// The pause between codes, and that between cases, belongs to a mobile and an
// institution, whatever card was asked for; one kind does not hold up the other.
// What did its work is no reason to wait.
const selectHolding = `SELECT k.type, a.class, a.state, k.state, k.cvv, k.expiry, k.online_payment, k.codes, iif(k.sign_day = ?2, k.signs, 0),
	c.name, c.document_type, c.document, c.mobile, c.email,
	coalesce((SELECT %s WHERE mobile = c.mobile AND institution = +?3 AND %s), 0)
	FROM cards k JOIN accounts a ON a.id = k.account JOIN customers c ON c.id = a.customer WHERE k.number = +?1`

// The + before a parameter changes nothing in the answer. Without it, where a
// join or several indexes leave a choice, the planner notes that another value
// could be worth another plan, and the driver, which clears the values between
// two calls, has the statement compiled again for each one (found by profile:
// 33 µs instead of 6).
func newTransaction(p preparer, l *Ledger, cfg Config) (*transaction, error) {
	t := &transaction{terms: l.terms, seed: l.seed, now: l.now, keep: cfg.Messages, review: cfg.Review}
	var err error
	if t.add, err = newAdder(p); err != nil {
		return nil, err
	}
	return t, prepareAll(p, map[*statement]string{
		&t.cardExists: `SELECT EXISTS (SELECT 1 FROM cards WHERE number = ?)`,
		&t.answer:     selectAnswer,
		&t.keepAnswer: `INSERT OR REPLACE INTO answers (channel, operation, number, fingerprint, refusal, agreement, class, card_type, at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,

		&t.holding:        fmt.Sprintf(selectHolding, "max(made_at) FROM codes", "state <> 'used'"),
		&t.holdingForCase: fmt.Sprintf(selectHolding, "max(opened_at) FROM cases", "state <> 'approved'"),
		&t.supersede:      `UPDATE codes SET state = 'superseded' WHERE card = +? AND institution = +? AND state = 'fresh'`,
		&t.keepCode: `INSERT OR REPLACE INTO codes (channel, number, institution, card, name, document_type, document, mobile, code, made_at, expires_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		&t.countSign: `UPDATE cards SET codes = codes + 1, signs = ?, sign_day = ? WHERE number = ?`,

		&t.keepMessage:  `INSERT INTO messages (kind, address, code, text, at, case_id) VALUES (?, ?, ?, ?, ?, ?)`,
		&t.messageRange: `SELECT coalesce((SELECT min(id) FROM messages), 0), coalesce((SELECT max(id) FROM messages), 0)`,
		&t.dropMessages: `DELETE FROM messages WHERE id < ?`,

		&t.trigger: `SELECT d.institution, d.card, d.name, d.document_type, d.document, d.mobile, d.code, d.expires_at, d.wrong, d.state, k.type, a.class
			FROM codes d JOIN cards k ON k.number = d.card JOIN accounts a ON a.id = k.account WHERE d.channel = +? AND d.number = +?`,
		&t.wrongCode: `UPDATE codes SET wrong = wrong + 1, state = ? WHERE channel = +? AND number = +?`,
		&t.useCode:   `UPDATE codes SET state = 'used' WHERE channel = +? AND number = +?`,

		&t.signed: `SELECT number FROM agreements WHERE card = +? AND institution = +? AND account = +? AND state = 'signed'`,
		&t.keepAgreement: `INSERT INTO agreements (number, institution, account, card, state, at)
			SELECT printf('%s%08d', ?1, coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'agreements'), 0) + 1), ?2, ?3, ?4, 'signed', ?5
			RETURNING number`,
		&t.agreement:    selectAgreement + `WHERE number = ?`,
		&t.endAgreement: `UPDATE agreements SET state = ?, at = ? WHERE number = ?`,

		&t.keepCase: `INSERT INTO cases (channel, number, institution, account, card, mobile, kinds, reviewed, verdict, opened_at, expires_at, turns_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		&t.supersedeCase: `UPDATE cases SET state = 'superseded', decided_at = ? WHERE card = +? AND institution = +? AND state = 'received'`,
		&t.endCase:       `UPDATE cases SET state = ?, reason = ?, agreement = ?, decided_at = ? WHERE id = ?`,
		&t.toldCase:      `UPDATE cases SET told = 1 WHERE channel = +? AND number = +?`,
		&t.caseByID:      selectCase + `WHERE z.id = +?`,
		&t.caseByNumber:  selectCase + `WHERE z.channel = +? AND z.number = +?`,
		&t.nextCase:      selectCase + `WHERE z.state = 'received' ORDER BY z.turns_at LIMIT 1`,
		&t.caseOfMessage: `SELECT case_id FROM messages WHERE id = ?`,
		&t.codeOwner:     `SELECT institution FROM codes WHERE channel = +? AND number = +?`,
		&t.killCode:      `UPDATE codes SET state = 'superseded' WHERE state = 'fresh' AND channel = +? AND number = +?`,
		&t.agreementHeld: `SELECT EXISTS (SELECT 1 FROM answers
			WHERE agreement = +? AND operation = 'confirm' AND refusal = '')`,
	})
}

// earlier is what a request has been answered before.
type earlier struct {
	answer      Answer
	fingerprint []byte
	found       bool
}

func (t *transaction) earlier(r Request) (e earlier, err error) {
	e.answer, e.fingerprint, err = scanAnswer(t.answer.row(r.Channel, r.Operation, r.Number))
	if errors.Is(err, sql.ErrNoRows) {
		return earlier{}, nil
	}
	e.found = true
	if err == nil && r.Operation == "apply" {
		err = e.answer.about(t.caseByNumber.row(r.Channel, r.Number), t.now())
	}
	return e, err
}

// again is the answer to the request's repetition. ElementsChanged: its number
// has been used for a request that said something else. What has been reversed
// stays so, whatever it says.
func (e earlier) again(fingerprint []byte, now time.Time) Answer {
	if e.answer.Refusal == Reversed {
		return Answer{Refusal: Reversed, At: e.answer.At}
	}
	if !bytes.Equal(e.fingerprint, fingerprint) {
		return Answer{Refusal: ElementsChanged, At: now}
	}
	e.answer.Repeated = true
	return e.answer
}

// remember keeps the answer to a request in place of an earlier one.
func (t *transaction) remember(r Request, fingerprint []byte, a Answer) error {
	return t.keepAnswer.exec(r.Channel, r.Operation, r.Number, fingerprint,
		string(a.Refusal), a.Agreement, a.Class, a.CardType, a.At.UnixMilli())
}

// fingerprint is short and the same for the same parts. Each part carries its
// length, so that no two requests run together.
func fingerprint(parts ...string) []byte {
	var b []byte
	for _, p := range parts {
		b = binary.AppendUvarint(b, uint64(len(p)))
		b = append(b, p...)
	}
	sum := sha256.Sum256(b)
	return sum[:16]
}
