package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Verify checks an identity and a card without a code. It changes nothing and
// counts nothing: the sheets know of no limit to it, so the same number is
// looked at anew each time. What a card may do (its class, online payment) is
// asked when it is signed for, not here.
func (l *Ledger) Verify(ctx context.Context, v Verify) (Answer, error) {
	var given Answer
	err := l.writer.do(ctx, func(t *transaction) (err error) {
		given, err = t.verify(v)
		return err
	})
	if err != nil {
		return Answer{}, fmt.Errorf("ledger: verify: %w", err)
	}
	return given, nil
}

func (t *transaction) verify(v Verify) (Answer, error) {
	answer := Answer{At: t.now()}
	h, err := t.holdingOf(t.holding, v.Identity.Card, v.Institution, answer.At)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		answer.Refusal = NoSuchCard
	case err != nil:
		return Answer{}, fmt.Errorf("find the card: %w", err)
	default:
		answer.Refusal = h.identify(v.Identity, t.terms, answer.At)
	}
	if answer.Refusal == "" {
		answer.Class, answer.CardType = h.card.Class, h.card.Type
	}
	return answer, nil
}
