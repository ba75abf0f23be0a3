package flow

import (
	"context"
	"errors"
	"fmt"

	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
)

// belated is what is done about a bank's yes that comes after its operation was
// taken to have come to nothing.
type belated int

const (
	ignore belated = iota // nothing stands at the bank that would not end by itself
	adopt                 // the binding takes it over
	undo                  // it is ended at the bank: an unsigning is owed
)

// policy is what is done about a late yes while the binding goes on, where its
// state can take it, and after the binding has ended.
type policy struct{ goesOn, ended belated }

// policies say what becomes of a late yes to each operation, whether the bank
// says it in a notice, a late answer or to a query. docs/truth-details.md tells it to people.
func policies() map[op.Kind]policy {
	return map[op.Kind]policy{
		// Where the bank signs on an application. A code that was sent and that nobody awaits dies by itself.
		op.Apply:     {adopt, undo},
		op.Challenge: {adopt, undo},
		op.Confirm:   {adopt, undo},
		// An agreement that the bank has ended after all is revoked; of a binding that has ended it is what was wanted.
		op.Unsign: {adopt, ignore},
		op.Cancel: {ignore, ignore},
		// These change nothing at a bank, or are a person's words.
		op.Verify:  {ignore, ignore},
		op.Query:   {ignore, ignore},
		op.Reverse: {ignore, ignore},
		op.Decide:  {ignore, ignore},
	}
}

// lateYes does what the policy says with a bank's yes to an operation that was
// decided otherwise. What it does is written when it returns.
func (s *Service) lateYes(ctx context.Context, id string, r op.Result) error {
	for range maxConflicts {
		err := s.lateYesOnce(ctx, id, r)
		if !errors.Is(err, journal.ErrConflict) {
			return err
		}
	}
	return fmt.Errorf("flow: late yes: %w", journal.ErrConflict)
}

func (s *Service) lateYesOnce(ctx context.Context, id string, r op.Result) error {
	a, err := s.cfg.Store.Attempt(ctx, id)
	if err != nil {
		return fmt.Errorf("flow: late yes: %w", err)
	}
	b, err := s.cfg.Store.Binding(ctx, a.Binding)
	if err != nil {
		return fmt.Errorf("flow: late yes: %w", err)
	}
	e := eventOf(b, a.Kind, r)
	does := s.policies[a.Kind].goesOn
	if ended(b.State) {
		does = s.policies[a.Kind].ended
	}
	switch {
	case a.Outcome == op.Accepted: // taken over already
		return nil
	case does == undo && e == signed && r.Agreement != "" && b.Agreement == "":
		return s.owe(ctx, b, a, r.Agreement)
	case does == adopt && (a.Kind == op.Unsign || e == signed && r.Agreement != "" && b.Agreement == ""):
		if to := s.settle(b, a, e, r, s.cfg.Now()); to.known {
			return s.learned(ctx, to, e, r)
		}
	}
	return nil
}

// ofInterest reports whether a late yes to an operation of this kind changes anything.
func (s *Service) ofInterest(kind op.Kind) bool { return s.policies[kind] != policy{} }

// openAgain has an operation found out once more that its bank has said no to,
// and now says yes. It is written with its binding's version, as all that an answer may overtake.
func (s *Service) openAgain(ctx context.Context, a journal.Attempt) error {
	b, err := s.cfg.Store.Binding(ctx, a.Binding)
	if err != nil {
		return fmt.Errorf("flow: open again: %w", err)
	}
	if a, err = s.cfg.Store.Attempt(ctx, a.ID); err != nil { // as it is with that version
		return fmt.Errorf("flow: open again: %w", err)
	}
	if !closed(a) || a.Outcome == op.Accepted {
		return nil
	}
	now := s.cfg.Now()
	b = after(b, now)
	a.Outcome, a.Asked, a.NotFound, a.AskAt = op.Unknown, 0, 0, now
	if err := s.cfg.Store.Apply(ctx, journal.Change{Binding: &b, Attempts: []journal.Attempt{a}}); err != nil {
		return fmt.Errorf("flow: open again: %w", err)
	}
	s.cfg.Wake(now)
	return nil
}

// owe writes down that an agreement of a binding that has ended must be ended
// too: an unsigning that has not left the house yet, and is due now.
func (s *Service) owe(ctx context.Context, b journal.Binding, a journal.Attempt, agreement string) error {
	now := s.cfg.Now()
	b.Agreement = agreement
	b = after(b, now)
	unsign := journal.Attempt{
		ID: s.id("att_", now), Binding: b.ID, Kind: op.Unsign, Channel: b.Channel, Bank: b.Bank,
		Settled: true, Outcome: op.NotSent, IntendedAt: now, Deadline: now, SettledAt: now, AskAt: now,
	}
	if err := s.cfg.Store.Apply(ctx, journal.Change{Binding: &b, Attempts: []journal.Attempt{unsign}}); err != nil {
		return fmt.Errorf("flow: owe: %w", err)
	}
	s.cfg.Log.WarnContext(ctx, "a bank has signed what was given up here: the agreement is being ended",
		"binding", b.ID, "bank", b.Bank, "number", a.Number, "agreement", agreement)
	s.cfg.Wake(now)
	return nil
}
