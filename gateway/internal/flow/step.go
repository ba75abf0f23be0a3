package flow

import (
	"context"
	"errors"
	"fmt"
	"time"

	"kaqiao/gateway/internal/bank"
	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles"
)

// maxConflicts is how often a change is tried again that somebody else's
// change has overtaken. Each time another change has got through.
const maxConflicts = 8

// step is one exchange with a bank about one binding.
type step struct {
	binding journal.Binding // as it is meant: next version, state under way
	op      op.Operation
	sealed  *journal.Sealed
	closing []journal.Attempt // an earlier attempt whose place this one takes, and whatever says so
	tried   int               // how often the same was tried before, to no effect
	keyed   Keyed
}

// carry takes a step to the bank and moves the binding by what became of it.
// The error is an *op.Problem where the caller should be told something. Where
// the outcome is not known there is no error, and the binding is processing.
func (s *Service) carry(ctx context.Context, st step) (Binding, error) {
	var last settled
	var result op.Result
	settling := false
	_, err := s.cfg.Banks.Do(ctx, bank.Step{
		Op: st.op,
		Attempt: journal.Attempt{
			ID: s.id("att_", st.op.At), Binding: st.binding.ID, Asked: st.tried,
			Borrowed: st.op.Kind == op.Confirm && st.op.Number == st.op.Signing,
		},
		Intend: func(a journal.Attempt) journal.Change {
			c := journal.Change{Binding: &st.binding, Attempts: []journal.Attempt{a}, Sealed: st.sealed, NewKey: st.keyed.row(st.binding.ID, a.IntendedAt)}
			c.Attempts = append(c.Attempts, st.closing...)
			return c
		},
		Settle: func(a journal.Attempt, r op.Result) journal.Change {
			settling = true
			a, result = s.doubt(ctx, a, r)
			last = s.settle(st.binding, a, eventOf(st.binding, a.Kind, result), result, s.cfg.Now())
			return s.changeOf(ctx, last, st.keyed)
		},
	})
	switch {
	case !settling:
		return Binding{}, s.notMeant(ctx, st, err)
	case errors.Is(err, journal.ErrConflict):
		var again settled
		if again, err = s.overtaken(ctx, last.attempt, result, st.keyed); err == nil {
			last = again
		}
	}
	if err != nil {
		// The bank has answered and nobody will remember it: the attempt is found
		// out as if the answer had never come, so that is what the caller is told.
		s.cfg.Log.ErrorContext(ctx, "a bank's answer was not written: it will be found out", "binding", st.binding.ID, "number", st.op.Number, "error", err)
		last = settled{binding: st.binding, attempt: last.attempt, view: s.viewOf(st.binding, last.attempt)}
	}
	if !last.attempt.AskAt.IsZero() {
		s.cfg.Wake(s.soonest(context.WithoutCancel(ctx), last.attempt))
	}
	if err == nil && last.signed() {
		s.endedAlready(context.WithoutCancel(ctx), last.binding)
	}
	if err == nil {
		s.endedUnder(context.WithoutCancel(ctx), last.binding, last.attempt)
		s.named(context.WithoutCancel(ctx), last.attempt, result)
	}
	if last.problem != nil {
		return last.view, last.problem
	}
	return last.view, nil
}

// change is what is written of a settled step, the caller's answer included.
func (s *Service) change(to settled, k Keyed) journal.Change {
	c := journal.Change{Attempts: []journal.Attempt{to.attempt}}
	if to.known {
		c.Binding = &to.binding
	}
	if to.do == shred {
		c.Shred = to.binding.ID
	}
	if to.known && to.from != "" {
		s.tell(&c, to.from, false)
	}
	if k.Key != "" {
		answered := Keyed{Caller: k.Caller, Route: k.Route, Key: k.Key}.row(to.binding.ID, to.attempt.SettledAt)
		answered.Status, answered.Body = k.Render(to.view, to.problem)
		c.AnsweredKey = answered
	}
	return c
}

// changeOf is change with the last look that the end of a session asks for. The
// look is left out where it can't be read: the answer must be written.
func (s *Service) changeOf(ctx context.Context, to settled, k Keyed) journal.Change {
	c := s.change(to, k)
	look, err := s.lastLookOf(context.WithoutCancel(ctx), to)
	if err != nil {
		s.cfg.Log.ErrorContext(ctx, "a session has ended without a last look at its confirms", "binding", to.binding.ID, "error", err)
	}
	c.Attempts = append(c.Attempts, look...)
	return c
}

// overtaken settles an attempt whose binding was changed while the bank was asked.
func (s *Service) overtaken(ctx context.Context, a journal.Attempt, r op.Result, k Keyed) (settled, error) {
	ctx = context.WithoutCancel(ctx)
	for range maxConflicts {
		b, err := s.cfg.Store.Binding(ctx, a.Binding)
		if err != nil {
			return settled{}, fmt.Errorf("flow: settle again: %w", err)
		}
		to := s.settle(b, a, eventOf(b, a.Kind, r), r, s.cfg.Now())
		if err = s.cfg.Store.Apply(ctx, s.changeOf(ctx, to, k)); !errors.Is(err, journal.ErrConflict) {
			if err != nil {
				err = fmt.Errorf("flow: settle again: %w", err)
			}
			return to, err
		}
	}
	return settled{}, fmt.Errorf("flow: settle again: %w", journal.ErrConflict)
}

// notMeant turns what kept a step from being written into what the caller is told. Nothing was sent.
func (s *Service) notMeant(ctx context.Context, st step, err error) error {
	var p *op.Problem
	switch {
	case errors.As(err, &p):
		told := *p
		told.Bank = st.binding.Bank
		if st.binding.Version > 1 {
			told.Binding = st.binding.ID
		}
		return &told
	case errors.Is(err, journal.ErrKeyUsed):
		return running()
	case errors.Is(err, journal.ErrLive):
		// The same request twice at once meets its own binding.
		if st.keyed.Key != "" {
			if _, err := s.cfg.Store.Key(ctx, st.keyed.Caller, st.keyed.Route, st.keyed.Key); err == nil {
				return running()
			}
		}
		return &op.Problem{Reason: op.AlreadyBound, Outcome: op.NotSent, Bank: st.binding.Bank, Detail: "this user has bound this card already, or is about to"}
	case errors.Is(err, journal.ErrConflict):
		return underWay(st.binding)
	case errors.Is(err, journal.ErrNumberUsed): // a clock was set back, and short numbers begin with the second
		return &op.Problem{Reason: op.Overloaded, Outcome: op.NotSent, Detail: "the number that it would have had was given before: another try gets another", RetryAfterS: 1}
	case errors.Is(err, journal.ErrFull):
		return &op.Problem{Reason: op.Overloaded, Outcome: op.NotSent, Detail: "too many requests are waiting", RetryAfterS: 1}
	}
	told := unwritten(err)
	if errors.As(told, &p) && st.binding.Version > 1 {
		p.Binding = st.binding.ID
	}
	return fmt.Errorf("flow: %s: %w", st.op.Kind, told)
}

// unwritten says of a journal that fails before a bank was asked that nothing was sent.
func unwritten(err error) error {
	if !errors.Is(err, journal.ErrStorage) {
		return err
	}
	return fmt.Errorf("%w: %w", &op.Problem{
		Reason: op.StorageFails, Outcome: op.NotSent, Detail: "the gateway's journal can't be written for the moment, so no bank was asked",
	}, err)
}

// underWay is said of a binding that another request, or the search for an outcome, holds.
func underWay(b journal.Binding) *op.Problem {
	return &op.Problem{
		Reason: op.InvalidState, Outcome: op.NotSent, Binding: b.ID, Bank: b.Bank, RetryAfterS: 1,
		Detail: "an earlier step of this binding is under way or being found out: look again",
	}
}

// number makes our number for something new at a bank.
func (s *Service) number(ctx context.Context, channel string, at time.Time) (string, error) {
	day := at.In(profiles.Beijing).Format("20060102")
	serial, err := s.cfg.Numbers.Next(ctx, channel+"/"+day)
	if err != nil {
		return "", fmt.Errorf("flow: %w", unwritten(err))
	}
	if serial >= nodeStep {
		return "", fmt.Errorf("flow: the numbers of channel %s are used up for %s", channel, day)
	}
	n, err := s.cfg.Banks.Number(channel, at, uint64(s.cfg.Node)*nodeStep+serial) //nolint:gosec // 0 to 99
	if err != nil {
		return "", fmt.Errorf("flow: number: %w", err)
	}
	return n, nil
}

// nodeStep leaves 14 digits to a node's own numbers, below its two.
const nodeStep = 100_000_000_000_000

func (s *Service) id(prefix string, at time.Time) string {
	return s.ids.next(prefix, at)
}
