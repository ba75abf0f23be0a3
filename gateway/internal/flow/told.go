package flow

import (
	"context"
	"errors"
	"fmt"
	"time"

	"kaqiao/gateway/internal/bank"
	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
)

// Question is the query that asks a bank about an attempt, or the reversal that
// undoes it where the bank can't be asked. ask is false where there is nothing
// to ask, and Told may be called at once with a zero result.
func (s *Service) Question(ctx context.Context, a journal.Attempt) (question bank.Step, ask bool, err error) {
	truth, again := s.cfg.Banks.Truth(a.Channel, a.Kind), closed(a) // again: see late.go
	if asking(a.Kind) || again && truth != op.ByQuery || !again && (surelyNotThere(a) || truth == op.ByRepeat) {
		return bank.Step{}, false, nil
	}
	b, err := s.cfg.Store.Binding(ctx, a.Binding)
	if err != nil {
		return bank.Step{}, false, fmt.Errorf("flow: question: %w", err)
	}
	// It may have been found out while it waited its turn; a reversal would then
	// undo what is decided. Whoever decides it after this changes the binding, and the reversal is not written.
	if present, err := s.cfg.Store.Attempt(ctx, a.ID); err != nil {
		return bank.Step{}, false, fmt.Errorf("flow: question: %w", err)
	} else if closed(present) && !again {
		return bank.Step{}, false, nil
	}
	now := s.cfg.Now()
	if truth == op.ByReversal {
		question, err = s.reversal(ctx, b, a, now)
		return question, err == nil, err
	}
	return bank.Step{
		Op: op.Operation{
			Kind: op.Query, Channel: a.Channel, Bank: a.Bank, Member: b.Member, At: now, Begun: b.Begun,
			Original: &op.Original{Kind: a.Kind, Number: a.Number, At: a.IntendedAt},
		},
		Attempt: journal.Attempt{ID: s.id("att_", now), Binding: a.Binding, Of: a.ID},
	}, true, nil
}

// asking: an attempt that does nothing at the bank, or is about another one, and leaves nothing to be found out itself.
func asking(kind op.Kind) bool { return kind == op.Query || kind == op.Reverse || kind == op.Verify }

// surelyNotThere: an open attempt of which it is known that it did not do what it should.
func surelyNotThere(a journal.Attempt) bool {
	return a.Settled && (a.Outcome == op.NotSent || a.Outcome == op.Refused)
}

// Told is what a query learned of an earlier attempt. It enters the same
// table as an answer that comes in time. A query that learned nothing only
// puts the next one off; the clock alone never decides anything.
func (s *Service) Told(ctx context.Context, about journal.Attempt, r op.Result) error {
	if closed(about) {
		s.rechecked(ctx, about, r)
		return nil
	}
	for range maxConflicts {
		err := s.told(ctx, about.ID, r)
		if !errors.Is(err, journal.ErrConflict) {
			return err
		}
	}
	return fmt.Errorf("flow: told: %w", journal.ErrConflict)
}

func (s *Service) told(ctx context.Context, id string, r op.Result) error {
	a, err := s.cfg.Store.Attempt(ctx, id)
	if err != nil {
		return fmt.Errorf("flow: told: %w", err)
	}
	now := s.cfg.Now()
	if !a.Settled {
		if now.Before(a.Deadline) {
			return nil // somebody is still waiting for the bank itself
		}
		// The process that asked is gone. Whether a byte left, it has taken with it.
		a.Settled, a.Outcome, a.Reason, a.SettledAt = true, op.Unknown, op.BankTimeout, a.Deadline
	} else if a.AskAt.IsZero() {
		return nil // found out already
	}
	if asking(a.Kind) { // a query that died leaves nothing behind
		a.AskAt = time.Time{}
		return s.write(ctx, journal.Change{Attempts: []journal.Attempt{a}})
	}
	b, err := s.cfg.Store.Binding(ctx, a.Binding)
	if err != nil {
		return fmt.Errorf("flow: told: %w", err)
	}
	history, err := s.cfg.Store.Attempts(ctx, a.Binding)
	if err != nil {
		return fmt.Errorf("flow: told: %w", err)
	}
	e, of := s.judge(&b, &a, history, r, now)
	to := s.settle(b, a, e, of, now)
	s.lookAgain(&to, e, now)
	return s.learned(ctx, to, e, of)
}

// learned writes what a query, a late answer or a person has told of an
// attempt, and besides it the rows that say so, in one change.
func (s *Service) learned(ctx context.Context, to settled, e event, of op.Result, besides ...journal.Attempt) error {
	if e != unknown && !to.again {
		to.attempt.Outcome, to.attempt.Reason, to.attempt.RawCode = of.Outcome, of.Reason, of.RawCode
	}
	if to.do == sendAgain {
		return s.unsignAgain(ctx, to, besides...)
	}
	if !to.known { // the binding has moved on without this attempt
		to.binding = after(to.binding, s.cfg.Now())
		to.known = true
	}
	c := s.change(to, Keyed{})
	look, err := s.lastLookOf(ctx, to)
	if err != nil {
		return err
	}
	c.Attempts = append(append(c.Attempts, besides...), look...)
	if err := s.write(ctx, c); err != nil {
		return err
	}
	if !to.attempt.AskAt.IsZero() {
		s.cfg.Wake(to.attempt.AskAt)
	}
	if to.signed() {
		s.endedAlready(ctx, to.binding)
	}
	s.endedUnder(ctx, to.binding, to.attempt)
	s.named(ctx, to.attempt, of)
	return nil
}

// named calls people where a bank does not know an agreement whose number only
// a person has entered: it may hold another, under the number that it meant.
func (s *Service) named(ctx context.Context, a journal.Attempt, r op.Result) {
	if a.Kind != op.Unsign || r.Reason != op.AgreementNotFound {
		return
	}
	history, err := s.cfg.Store.Attempts(ctx, a.Binding)
	if err != nil {
		s.cfg.Log.ErrorContext(ctx, "who named an agreement that its bank does not know could not be read", "binding", a.Binding, "error", err)
		return
	}
	for _, h := range history {
		if h.Kind == op.Decide && h.Outcome == op.Accepted {
			s.cfg.Log.ErrorContext(ctx, "a bank does not know the agreement that a person has named: people must compare both books, it may hold another",
				"binding", a.Binding, "bank", a.Bank, "number", a.Number, "decided", h.RawCode)
		}
	}
}

// judge weighs what a query said, and counts it in the attempt. With the
// event comes the result that it is about.
func (s *Service) judge(b *journal.Binding, a *journal.Attempt, history []journal.Attempt, r op.Result, now time.Time) (event, op.Result) {
	gone := op.Result{Outcome: op.Refused, Reason: op.BankTimeout}
	if surelyNotThere(*a) {
		return notFound, gone
	}
	// A caller who looks often has the bank asked early. That moves no time of
	// the schedule, or impatience would put the answer off by hours.
	if r.Outcome != op.NotSent && !now.Before(a.AskAt) {
		a.Asked++
	}
	switch {
	case r.Of == nil && s.cfg.Banks.Truth(a.Channel, a.Kind) == op.ByRepeat:
		return notFound, op.Result{}
	case r.Undone:
		if r.NotFound { // kept, for an answer that says otherwise after all
			a.NotFound++
		}
		return undone, gone
	case r.Outcome != op.Accepted:
		return unknown, op.Result{}
	case r.NotFound:
		if s.believe(a, now) {
			return notFound, gone
		}
		return unknown, op.Result{}
	case r.Of == nil:
		return unknown, op.Result{}
	}
	if reversed(history, *a) { // whatever it says is about to be undone
		s.cfg.Log.Warn("an answer came after its operation began to be undone: it is dropped", "binding", b.ID, "number", a.Number, "outcome", r.Of.Outcome.String())
		return unknown, op.Result{}
	}
	of := *r.Of
	if of.Outcome == op.Refused && earlier(history, *a, of) {
		// The bank may be speaking of the try before: this one may still arrive.
		if !s.believe(a, now) {
			return unknown, op.Result{}
		}
		if of.Reason == op.CodeWrong {
			b.Challenge.AttemptsLeft = max(2, b.Challenge.AttemptsLeft) // nor has it surely locked anything
		}
	}
	e := eventOf(*b, a.Kind, of)
	if e == notSent { // a bank can't say that of us
		e = unknown
	}
	if e != unknown {
		a.NotFound = 0
	}
	return e, of
}

// believe counts an answer that the bank has nothing of an attempt. It is
// believed when it came often enough in a row, and not so early that the bank
// might not see yet what it has done.
func (s *Service) believe(a *journal.Attempt, now time.Time) bool {
	visible, times := 5*time.Second, 2
	if c := s.cfg.Set.Channel(a.Channel); c != nil {
		if c.Resolve.VisibleAfter != nil {
			visible = c.Resolve.VisibleAfter.Std()
		}
		times = max(1, c.Resolve.NotFoundTimes)
	}
	if now.Before(a.SettledAt.Add(visible)) {
		return false
	}
	a.NotFound++
	// It speaks: however long it was silent before, the next answer is soon asked for.
	a.Asked = min(a.Asked, 1+a.NotFound)
	return a.NotFound >= times
}

// earlier reports whether an attempt before this one carried the same number and ended in the same refusal.
func earlier(history []journal.Attempt, a journal.Attempt, of op.Result) bool {
	for _, h := range history {
		if h.ID != a.ID && h.Kind == a.Kind && h.Number == a.Number && h.Settled && h.Outcome == op.Refused &&
			h.RawCode == of.RawCode && !h.IntendedAt.After(a.IntendedAt) {
			return true
		}
	}
	return false
}

func (s *Service) write(ctx context.Context, c journal.Change) error {
	if err := s.cfg.Store.Apply(ctx, c); err != nil {
		return fmt.Errorf("flow: told: %w", err)
	}
	return nil
}
