package flow

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
)

// heardResult is a bank's word on an operation of ours. It enters where a
// query's answer does, so that it can neither come too often nor overwrite
// what is decided.
func (s *Service) heardResult(ctx context.Context, n op.Notice) error {
	a, err := s.cfg.Store.ByNumber(ctx, n.Channel, n.Of)
	if errors.Is(err, journal.ErrNotFound) {
		s.misaddressed.Add(1)
		s.cfg.Log.WarnContext(ctx, "a bank has answered something that was never asked", "channel", n.Channel, "number", n.Of)
		return nil
	}
	if err != nil {
		return fmt.Errorf("flow: heard: %w", err)
	}
	if asking(a.Kind) {
		return nil // the question is put again
	}
	if another, err := s.another(ctx, n, a); err != nil {
		return fmt.Errorf("flow: heard: %w", err)
	} else if another != "" {
		s.misaddressed.Add(1)
		s.cfg.Log.ErrorContext(ctx, "a bank has answered under another's number: nobody takes the answer",
			"channel", n.Channel, "binding", a.Binding, "number", n.Of, "another", another)
		return nil
	}
	switch {
	case !a.Settled && s.cfg.Now().Before(a.Deadline):
		// It came before our own answer, which is still awaited.
		return s.cameEarly(ctx, n)
	case a.Settled && a.AskAt.IsZero():
		return s.compare(ctx, a, *n.Result)
	}
	return s.told(ctx, a.ID, op.Result{Outcome: op.Accepted, Of: n.Result})
}

// another names what in a bank's word is of another operation than the one whose
// number it bears; empty: nothing. What the bank left out says nothing.
func (s *Service) another(ctx context.Context, n op.Notice, a journal.Attempt) (string, error) {
	b, err := s.cfg.Store.Binding(ctx, a.Binding)
	if err != nil {
		return "", err
	}
	kind := a.Kind
	if kind == op.Challenge { // it looks like an apply
		kind = op.Apply
	}
	switch {
	case n.Kind != kind && n.Kind != a.Kind && n.Kind != "":
		return "operation", nil
	case n.Member != "" && n.Member != b.Member:
		return "bank", nil
	case !n.Card.IsZero() && !bytes.Equal(s.cfg.Vault.CardHash(n.Card), b.CardHash):
		return "card", nil
	case n.Agreement != "" && b.Agreement != "" && n.Agreement != b.Agreement:
		return "agreement", nil
	}
	return "", nil
}

// Misaddressed is how many answers came, after nobody waited for them, under a
// number that was never given or is another operation's.
func (s *Service) Misaddressed() uint64 { return s.misaddressed.Load() }

// cameEarly writes down that a bank has spoken of an attempt whose own answer
// is still awaited. What it said is not kept: the bank is asked when that is over.
func (s *Service) cameEarly(ctx context.Context, n op.Notice) error {
	row := earlyResult(n.Channel, n.Of)
	row.At = s.cfg.Now()
	if err := s.cfg.Store.Apply(ctx, journal.Change{NewKey: &row}); !errors.Is(err, journal.ErrKeyUsed) {
		return err
	}
	return nil
}

// soonest is when to look after an open attempt: at once where the bank has
// spoken of it before its own exchange was over.
func (s *Service) soonest(ctx context.Context, a journal.Attempt) time.Time {
	row := earlyResult(a.Channel, a.Number)
	_, err := s.cfg.Store.Key(ctx, row.Caller, row.Route, row.Key)
	if errors.Is(err, journal.ErrNotFound) {
		return a.AskAt
	}
	at := a.AskAt
	if err == nil {
		at, err = s.atOnce(ctx, a)
	}
	if err != nil {
		s.cfg.Log.WarnContext(ctx, "a bank may have spoken of an attempt already: it is asked at its usual time", "number", a.Number, "error", err)
	}
	return at
}

// atOnce has an open attempt looked after at once. It is written with its
// binding's version: the bank may speak again at this moment, and what that
// decides must not be opened again, or a reversal would undo it.
func (s *Service) atOnce(ctx context.Context, a journal.Attempt) (at time.Time, err error) {
	at = a.AskAt
	b, err := s.cfg.Store.Binding(ctx, a.Binding)
	if err != nil {
		return at, err
	}
	if a, err = s.cfg.Store.Attempt(ctx, a.ID); err != nil || closed(a) { // as it is with that version
		return at, err
	}
	now := s.cfg.Now()
	b = after(b, now)
	a.AskAt = now
	if err := s.cfg.Store.Apply(ctx, journal.Change{Binding: &b, Attempts: []journal.Attempt{a}}); err != nil {
		return at, err
	}
	return now, nil
}

func earlyResult(channel, number string) journal.Key {
	return journal.Key{Caller: bankCaller, Route: "result " + channel, Key: number}
}

// compare raises an alarm where a bank says something else of an operation
// than it said before, and has it asked where that can be. A yes that comes
// after a no is found out anew, and where nobody can be asked gone by at once: policies
// say how. A no that comes after a yes changes nothing: a final state is never overwritten.
//
// An answer that was on its way while its operation was undone says nothing of
// what stands now, so it contradicts nothing; but where the bank said that there
// was nothing to undo, what it has done since stands.
func (s *Service) compare(ctx context.Context, a journal.Attempt, r op.Result) error {
	final := func(o op.Outcome) bool { return o == op.Accepted || o == op.Refused }
	if !final(a.Outcome) || !final(r.Outcome) || a.Outcome == r.Outcome {
		return nil
	}
	history, err := s.cfg.Store.Attempts(ctx, a.Binding)
	if err != nil {
		return fmt.Errorf("flow: heard: %w", err)
	}
	if a.NotFound == 0 && reversed(history, a) {
		s.cfg.Log.WarnContext(ctx, "an answer came after its operation was undone: it is dropped", "binding", a.Binding, "number", a.Number, "outcome", r.Outcome.String())
		return nil
	}
	s.cfg.Log.ErrorContext(ctx, "a bank contradicts itself: both books must be compared",
		"binding", a.Binding, "bank", a.Bank, "number", a.Number, "before", a.Outcome.String(), "now", r.Outcome.String(), "agreement", r.Agreement)
	canAsk := s.cfg.Banks.Truth(a.Channel, a.Kind) == op.ByQuery
	switch {
	case r.Outcome == op.Accepted && s.ofInterest(a.Kind) && canAsk:
		return s.openAgain(ctx, a)
	case r.Outcome == op.Accepted && s.ofInterest(a.Kind):
		return s.lateYes(ctx, a.ID, r)
	case canAsk && s.cfg.Recheck != nil:
		s.cfg.Recheck(a.ID)
	}
	return nil
}

// rechecked says what a query told of a yes that its bank has taken back. That
// is for people: whatever it is, it overwrites nothing.
func (s *Service) rechecked(ctx context.Context, a journal.Attempt, r op.Result) {
	said, agreement := "nothing", ""
	switch {
	case r.Of != nil:
		said, agreement = r.Of.Outcome.String(), r.Of.Agreement
	case r.NotFound:
		said = "not found"
	}
	s.cfg.Log.ErrorContext(ctx, "a bank that contradicts itself was asked: both books must be compared",
		"binding", a.Binding, "bank", a.Bank, "number", a.Number, "decided", a.Outcome.String(), "asked", said, "agreement", agreement)
}
