package flow

import (
	"context"
	"fmt"
	"time"

	"kaqiao/gateway/internal/bank"
	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
)

// reversal undoes an attempt of which nobody knows what became, at a bank that
// can't be asked. The binding gets a new version with it: from then on an
// answer that comes late finds the attempt being undone, and is dropped.
func (s *Service) reversal(ctx context.Context, b journal.Binding, a journal.Attempt, now time.Time) (bank.Step, error) {
	person, account, err := s.person(ctx, b)
	if err != nil {
		return bank.Step{}, fmt.Errorf("flow: reversal: %w", err)
	}
	history, err := s.cfg.Store.Attempts(ctx, b.ID)
	if err != nil {
		return bank.Step{}, fmt.Errorf("flow: reversal: %w", err)
	}
	number, err := s.number(ctx, a.Channel, now)
	if err != nil {
		return bank.Step{}, err
	}
	next := after(b, now)
	return bank.Step{
		Op: op.Operation{
			Kind: op.Reverse, Channel: a.Channel, Bank: a.Bank, Member: b.Member, Number: number, Signing: b.Number, At: now, Begun: b.Begun,
			Person: person, Account: account, CardTail: b.CardLast4, CardType: b.CardType,
			Original: &op.Original{Kind: a.Kind, Number: a.Number, At: a.IntendedAt}, Repeat: repeats(history, a),
		},
		Attempt: journal.Attempt{ID: s.id("att_", now), Binding: b.ID, Of: a.ID},
		Intend: func(meant journal.Attempt) journal.Change {
			return journal.Change{Binding: &next, Attempts: []journal.Attempt{meant}}
		},
	}, nil
}

// repeats is how often an attempt's reversal may have reached the bank already.
func repeats(history []journal.Attempt, a journal.Attempt) int {
	n := 0
	for _, h := range history {
		if h.Kind == op.Reverse && h.Of == a.ID && !surelyNotThere(h) {
			n++
		}
	}
	return n
}

// reversed reports whether the bank may have been told to undo the attempt.
func reversed(history []journal.Attempt, a journal.Attempt) bool { return repeats(history, a) > 0 }
