package ledger

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"kaqiao/profiles/secret"
)

// Apply checks an identity and sends a code. The same number gets the same
// answer again; with other elements it gets ElementsChanged. A change once
// begun is finished even if ctx ends.
func (l *Ledger) Apply(ctx context.Context, a Apply) (Answer, error) {
	a.Operation = operation(a.Operation, "apply")
	var given Answer
	err := l.writer.do(ctx, func(t *transaction) (err error) {
		given, err = t.apply(a)
		return err
	})
	if err != nil {
		return Answer{}, fmt.Errorf("ledger: apply: %w", err)
	}
	return given, nil
}

// operation is the word under which an answer is kept.
func operation(given, byDefault string) string {
	if given == "" {
		return byDefault
	}
	return given
}

func (t *transaction) apply(a Apply) (Answer, error) {
	id := a.Identity
	mark := fingerprint(a.Institution, id.Card.Reveal(), id.Name.Reveal(), id.DocumentType,
		id.Document.Reveal(), id.Mobile.Reveal(), id.CVV.Reveal(), id.Expiry.Reveal())
	answer := Answer{At: t.now()}
	before, err := t.earlier(a.Request)
	if err != nil || before.found {
		return before.again(mark, answer.At), err
	}
	h, err := t.holdingOf(t.holding, id.Card, a.Institution, answer.At)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		answer.Refusal = NoSuchCard
	case err != nil:
		return Answer{}, fmt.Errorf("find the card: %w", err)
	default:
		answer.Refusal = h.examine(id, t.terms, answer.At)
	}
	if answer.Refusal == "" || answer.Refusal == ClassRestricted {
		answer.Class, answer.CardType = h.card.Class, h.card.Type
	}
	if answer.Refusal == "" {
		if err := t.sendCode(a, h, answer.At); err != nil {
			return Answer{}, fmt.Errorf("send a code: %w", err)
		}
	}
	return answer, t.remember(a.Request, mark, answer)
}

// holdingOf finds a card with its holder. Query decides which pause counts.
func (t *transaction) holdingOf(query statement, card secret.Card, institution string, now time.Time) (h holding, err error) {
	h.card.Number = card.Reveal()
	var latest int64
	err = query.row(h.card.Number, bankDay(now), institution).Scan(
		&h.card.Type, &h.card.Class, &h.account, &h.card.State, &h.card.CVV, &h.card.Expiry, &h.card.OnlinePayment, &h.codes, &h.signs,
		&h.customer.Name, &h.customer.Document.Type, &h.customer.Document.Number, &h.customer.Mobile, &h.customer.Email, &latest)
	if latest > 0 {
		h.latest = time.UnixMilli(latest)
	}
	return h, err
}

// sendCode makes a code for the request. From here on it is the only thing
// that waits for this card at this institution.
func (t *transaction) sendCode(a Apply, h holding, now time.Time) error {
	id := a.Identity
	if err := t.supersedeAll(h.card.Number, a.Institution, now); err != nil {
		return err
	}
	code := drawCode(t.seed, h.card.Number, h.codes+1, t.terms.CodeDigits)
	if err := t.keepCode.exec(a.Channel, a.Number, a.Institution, h.card.Number,
		id.Name.Reveal(), id.DocumentType, id.Document.Reveal(), id.Mobile.Reveal(),
		code, now.UnixMilli(), now.Add(t.terms.CodeTTL).UnixMilli()); err != nil {
		return err
	}
	if err := t.countSign.exec(h.signs+1, bankDay(now), h.card.Number); err != nil {
		return err
	}
	text := fmt.Sprintf("【%s】验证码%s，您正在为尾号%s的银行卡办理快捷支付签约，%s内有效。请勿告诉他人。",
		t.terms.Name, code, tail(h.card.Number), minutes(t.terms.CodeTTL))
	return t.send(Message{Kind: "sms", To: h.customer.Mobile, Code: code, Text: text, At: now})
}

// drawCode makes the same code for the same seed, card and ordinal. All digits
// alike are never drawn: people and tests type 000000 for a wrong one.
func drawCode(seed uint64, card string, ordinal uint64, digits int) string {
	key := binary.BigEndian.AppendUint64([]byte("code"), seed)
	key = binary.BigEndian.AppendUint64(key, ordinal)
	sum := sha256.Sum256(append(key, card...))
	for {
		n := binary.BigEndian.Uint64(sum[:])
		code := fmt.Sprintf("%020d", n)[20-digits:]
		if strings.Count(code, code[:1]) < digits {
			return code
		}
		sum = sha256.Sum256(sum[:])
	}
}

// tail is the last four digits.
func tail(card string) string { return card[max(0, len(card)-4):] }

// minutes says how long something lasts, as people say it.
func minutes(d time.Duration) string { return lasting(d, "小时", "分钟", "秒") }

// english is minutes in English.
func english(d time.Duration) string { return lasting(d, " h", " min", " s") }

func lasting(d time.Duration, hours, minutes, seconds string) string {
	switch {
	case d >= time.Hour && d%time.Hour == 0:
		return fmt.Sprintf("%d%s", d/time.Hour, hours)
	case d%time.Minute == 0:
		return fmt.Sprintf("%d%s", d/time.Minute, minutes)
	}
	return fmt.Sprintf("%d%s", d/time.Second, seconds)
}
