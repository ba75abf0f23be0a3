package flow

import (
	"context"
	"errors"
	"fmt"

	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
)

// Cancel implements API. Before a confirm a bank holds nothing but a code that
// dies by itself, so no bank is asked. Where its people still think about it,
// they may sign all the same: that is then undone.
func (s *Service) Cancel(ctx context.Context, caller, id string, k Keyed) (Binding, error) {
	b, err := s.own(ctx, caller, id)
	if err != nil {
		return Binding{}, err
	}
	if b.State == Cancelled {
		return s.view(b), nil
	}
	m, ok := s.table[b.State][meantCancel]
	if !ok || s.view(b).State == Expired {
		return Binding{}, s.refusal(b, "only an unfinished session can be cancelled")
	}
	b.State = m.to
	return s.local(ctx, b, m.do, k)
}

// PasswordFree implements API. The limit is ours to keep: the channel's messages do not carry it.
func (s *Service) PasswordFree(ctx context.Context, caller, id string, want journal.PasswordFree, k Keyed) (Binding, error) {
	b, err := s.own(ctx, caller, id)
	if err != nil {
		return Binding{}, err
	}
	m, ok := s.table[b.State][meantPasswordFree]
	if !ok {
		return Binding{}, s.refusal(b, "only an active binding pays")
	}
	if fields := s.checkPasswordFree(b.Bank, want, ""); fields != nil {
		return Binding{}, &op.Problem{Reason: op.Validation, Outcome: op.NotSent, Binding: b.ID, Bank: b.Bank, Detail: "some fields are not as they must be", Fields: fields}
	}
	if !want.Enabled {
		want.LimitFen = 0
	}
	b.State, b.PasswordFree = m.to, want
	return s.local(ctx, b, m.do, k)
}

// local writes a move that no bank takes part in, with its answer.
func (s *Service) local(ctx context.Context, b journal.Binding, do command, k Keyed) (Binding, error) {
	now := s.cfg.Now()
	b = after(b, now)
	out := s.view(b)
	c := journal.Change{Binding: &b, NewKey: k.row(b.ID, now)}
	if do == shred {
		c.Shred = b.ID
		var err error
		if c.Attempts, err = s.lastLook(ctx, b, now); err != nil {
			return Binding{}, err
		}
	}
	if c.NewKey != nil {
		c.NewKey.Status, c.NewKey.Body = k.Render(out, nil)
	}
	err := s.cfg.Store.Apply(ctx, c)
	switch {
	case errors.Is(err, journal.ErrKeyUsed):
		return Binding{}, running()
	case errors.Is(err, journal.ErrConflict):
		return Binding{}, underWay(b)
	case errors.Is(err, journal.ErrFull):
		return Binding{}, &op.Problem{Reason: op.Overloaded, Outcome: op.NotSent, Binding: b.ID, Detail: "too many requests are waiting", RetryAfterS: 1}
	case err != nil:
		return Binding{}, fmt.Errorf("flow: %w", unwritten(err))
	}
	for _, a := range c.Attempts {
		s.cfg.Wake(a.AskAt)
	}
	return out, nil
}
