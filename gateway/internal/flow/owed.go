package flow

import (
	"context"
	"fmt"
	"slices"
	"time"

	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
)

// owed says what an attempt of a binding that has ended still asks for. A bank
// may sign what was given up here, as when a user cancels while its people
// think about it: then the agreement is ended, and that is kept up until the
// bank has confirmed it. The binding itself stays as it ended.
func (s *Service) owed(kind op.Kind, e event) command {
	if kind == op.Unsign {
		switch e {
		case accepted:
			return nothing
		case notFound:
			return sendAgain
		}
		return wait
	}
	switch {
	case e == signed && s.policies[kind].ended == undo:
		return sendAgain
	case e == unknown || e == pending:
		return wait
	}
	return nothing
}

// settleOwed is settle for a binding that has ended.
func (s *Service) settleOwed(b journal.Binding, a journal.Attempt, e event, r op.Result, now time.Time) settled {
	due := a.AskAt
	a.AskAt = time.Time{}
	out := settled{do: s.owed(a.Kind, e)}
	switch out.do {
	case wait:
		if a.AskAt = now.Add(s.pause(a)); due.After(now) {
			a.AskAt = due
		}
	case sendAgain:
		if e == signed {
			s.cfg.Log.Warn("a bank has signed what was given up here: the agreement is being ended",
				"binding", b.ID, "bank", b.Bank, "number", a.Number, "agreement", r.Agreement)
			b.Agreement = r.Agreement
		}
		b = after(b, now)
	}
	out.binding, out.attempt = b, a
	out.view = s.viewOf(b, a)
	return out
}

// lastLook opens the last confirm again that was given up as never arrived, for
// a binding that ends unsigned: it may have arrived since and signed, and
// afterwards nobody would look any more. None where the bank undoes what it is
// asked about, or nothing was given up.
func (s *Service) lastLook(ctx context.Context, b journal.Binding, now time.Time) ([]journal.Attempt, error) {
	history, err := s.cfg.Store.Attempts(ctx, b.ID)
	if err != nil {
		return nil, fmt.Errorf("flow: last look: %w", err)
	}
	for _, a := range slices.Backward(history) {
		if !givenUp(a) || s.cfg.Banks.Truth(a.Channel, a.Kind) != op.ByQuery {
			continue
		}
		a.Outcome, a.Asked, a.NotFound = op.Unknown, 0, 0
		a.AskAt = now.Add(s.pause(a))
		return []journal.Attempt{a}, nil
	}
	return nil, nil
}

// lookAgain leaves a confirm open whose answer was lost and which a query calls
// refused. The binding fails on that word; but a bank may contradict itself, and
// an agreement that it holds all the same would be known to nobody here. So it is
// asked once more, and what it has signed is owed an end.
func (s *Service) lookAgain(to *settled, e event, now time.Time) {
	a := &to.attempt
	if e != refused || a.Kind != op.Confirm || a.Outcome != op.Unknown || to.from != confirming || s.cfg.Banks.Truth(a.Channel, a.Kind) != op.ByQuery {
		return
	}
	to.again, a.AskAt = true, now.Add(s.pause(*a))
}

// lastLookOf is lastLook for what has just ended by an answer: once, and not for what comes after the end.
func (s *Service) lastLookOf(ctx context.Context, to settled) ([]journal.Attempt, error) {
	if !to.known || to.from == "" || !ended(to.binding.State) || to.binding.State == Revoked {
		return nil, nil
	}
	return s.lastLook(ctx, to.binding, to.binding.UpdatedAt)
}

// givenUp: a confirm that the bank, when it was asked, had not heard of.
func givenUp(a journal.Attempt) bool {
	return a.Kind == op.Confirm && a.Settled && a.AskAt.IsZero() && a.Outcome == op.Refused && a.Reason == op.BankTimeout
}
