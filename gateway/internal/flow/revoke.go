package flow

import (
	"context"
	"errors"
	"fmt"
	"time"

	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
)

// Revoke implements API. Once meant it is kept up until the bank has ended the
// agreement or has refused to; repeated, it says how far it has come.
func (s *Service) Revoke(ctx context.Context, caller, id string, k Keyed) (Binding, error) {
	b, err := s.own(ctx, caller, id)
	if err != nil {
		return Binding{}, err
	}
	if b.State == Revoking || b.State == Revoked {
		return s.view(b), nil
	}
	m, ok := s.table[b.State][meantUnsign]
	if !ok {
		return Binding{}, s.refusal(b, "only an active binding can be revoked; an unfinished one can be cancelled")
	}
	st, err := s.unsign(ctx, b)
	if err != nil {
		return Binding{}, err
	}
	st.binding.State, st.keyed = m.to, k
	st.binding = after(st.binding, st.op.At)
	return s.carry(ctx, st)
}

// unsignAgain makes an unsigning in place of one that the bank has not carried
// out, or may do twice, or in place of a signing that nobody wants any more.
// Both are one change, so that no crash can forget the wish.
func (s *Service) unsignAgain(ctx context.Context, to settled, besides ...journal.Attempt) error {
	if later, err := s.heldLater(ctx, to.binding); err != nil || later {
		if err == nil {
			to.attempt.AskAt = time.Time{}
			err = s.write(ctx, journal.Change{Binding: &to.binding, Attempts: append([]journal.Attempt{to.attempt}, besides...)})
		}
		return err
	}
	st, err := s.unsign(ctx, to.binding)
	if err != nil {
		return err
	}
	if to.attempt.Kind == op.Unsign && to.attempt.NotFound == 0 { // nothing says yet that the bank hears us
		st.tried = to.attempt.Asked + 1
	}
	closed := to.attempt
	closed.AskAt = time.Time{}
	st.binding, st.closing = to.binding, append([]journal.Attempt{closed}, besides...)
	_, err = s.carry(ctx, st)
	if p, refused := asProblem(err); refused && p.Binding == to.binding.ID && !p.Asked {
		// The gate is shut: the earlier attempt stays open, and is tried later.
		return s.putOff(ctx, to)
	} else if refused {
		return nil // the bank's no is written
	}
	return err
}

// heldLater reports whether the agreement of a binding that has ended is held
// by a later one: a bank may give a card that is signed its live agreement again.
func (s *Service) heldLater(ctx context.Context, b journal.Binding) (bool, error) {
	if !ended(b.State) {
		return false, nil
	}
	later, err := s.cfg.Store.ByAgreement(ctx, b.Channel, b.Member, b.Agreement)
	if errors.Is(err, journal.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("flow: unsign again: %w", err)
	}
	if later.ID == b.ID || ended(later.State) {
		return false, nil
	}
	s.cfg.Log.WarnContext(ctx, "what a bank has signed after its session was given up is a later binding's by now: it stays",
		"binding", b.ID, "later", later.ID, "bank", b.Bank, "agreement", b.Agreement)
	return true, nil
}

// endedUnder ends a later binding that was given an agreement while the
// unsigning of it was on its way for one that had ended. It stands for what the bank does not say.
func (s *Service) endedUnder(ctx context.Context, b journal.Binding, a journal.Attempt) {
	if a.Kind != op.Unsign || a.Outcome != op.Accepted || b.Agreement == "" {
		return
	}
	if err := s.goBy(ctx, op.Notice{Kind: op.Unsign, Channel: b.Channel, Member: b.Member, Agreement: b.Agreement}); err != nil {
		s.cfg.Log.ErrorContext(ctx, "a later binding may hold an agreement that was ended", "binding", b.ID, "agreement", b.Agreement, "error", err)
	}
}

// putOff leaves everything as it was, and looks again later.
func (s *Service) putOff(ctx context.Context, to settled) error {
	a, err := s.cfg.Store.Attempt(ctx, to.attempt.ID)
	if err != nil {
		return fmt.Errorf("flow: put off: %w", err)
	}
	if a.AskAt.IsZero() {
		return nil
	}
	a.AskAt = s.cfg.Now().Add(s.pause(a))
	return s.write(ctx, journal.Change{Attempts: []journal.Attempt{a}})
}

func (s *Service) unsign(ctx context.Context, b journal.Binding) (step, error) {
	at := s.cfg.Now()
	number, err := s.number(ctx, b.Channel, at)
	if err != nil {
		return step{}, err
	}
	return step{binding: b, op: op.Operation{
		Kind: op.Unsign, Channel: b.Channel, Bank: b.Bank, Member: b.Member, Number: number, At: at, Begun: at,
		Account: account(b.Caller, b.Platform, b.UserID), Agreement: b.Agreement, CardTail: b.CardLast4, CardType: b.CardType,
	}}, nil
}
