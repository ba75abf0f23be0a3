package flow

import (
	"context"
	"errors"
	"fmt"
	"time"

	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
)

// pollAfter is when a caller should look again at something that is being found out.
const pollAfter = 2 * time.Second

// Get implements API. Reading something that is being found out may have the bank asked sooner.
func (s *Service) Get(ctx context.Context, caller, id string) (Binding, error) {
	b, err := s.own(ctx, caller, id)
	if err != nil {
		return Binding{}, err
	}
	out := s.view(b)
	if out.History, err = s.cfg.Store.Attempts(ctx, id); err != nil {
		return Binding{}, fmt.Errorf("flow: get: %w", err)
	}
	if out.State == Processing || out.State == AwaitingApproval || out.State == Revoking {
		s.sooner(out.History)
	}
	return out, nil
}

// sooner hints at an open attempt that was not asked about for a while.
func (s *Service) sooner(history []journal.Attempt) {
	if s.cfg.Hint == nil {
		return
	}
	var open string
	var asked time.Time
	for _, a := range history {
		if a.Kind == op.Query && a.IntendedAt.After(asked) {
			asked = a.IntendedAt
		}
		if a.Settled && !a.AskAt.IsZero() {
			open = a.ID
			if a.SettledAt.After(asked) {
				asked = a.SettledAt
			}
		}
	}
	if open != "" && s.cfg.Now().Sub(asked) >= pollAfter {
		s.cfg.Hint(open)
	}
}

// List implements API. Filter.States are those that the API shows.
func (s *Service) List(ctx context.Context, f journal.Filter) ([]Binding, string, error) {
	var states []string
	for _, state := range f.States {
		states = append(states, kept(state)...)
	}
	f.States = states
	rows, err := s.cfg.Store.Bindings(ctx, f)
	if err != nil {
		return nil, "", fmt.Errorf("flow: list: %w", err)
	}
	page := make([]Binding, len(rows))
	for i, b := range rows {
		page[i] = s.view(b)
	}
	if len(rows) == 0 || len(rows) < f.Limit {
		return page, "", nil
	}
	return page, rows[len(rows)-1].ID, nil
}

// own reads a binding of the caller. Somebody else's is not found either.
func (s *Service) own(ctx context.Context, caller, id string) (journal.Binding, error) {
	b, err := s.cfg.Store.Binding(ctx, id)
	if errors.Is(err, journal.ErrNotFound) || (err == nil && b.Caller != caller) {
		return journal.Binding{}, &op.Problem{Reason: op.NotFound, Outcome: op.NotSent, Detail: "there is no such binding"}
	}
	if err != nil {
		return journal.Binding{}, fmt.Errorf("flow: read binding: %w", err)
	}
	return b, nil
}

// view is a binding as the API shows it.
func (s *Service) view(b journal.Binding) Binding {
	out := Binding{Binding: b, State: shown(b.State)}
	now := s.cfg.Now()
	if b.State == AwaitingCode && !now.Before(b.ExpiresAt) {
		out.State = Expired // nobody has swept it yet
	}
	switch out.State {
	case AwaitingCode:
		before := b.ExpiresAt
		if c := b.Challenge.ExpiresAt; c.After(now) && c.Before(before) {
			before = c
		}
		out.Next = Next{Action: "confirm", Requires: s.cfg.Banks.Requires(b.Channel, op.Confirm, b.CardType), Before: before}
		out.ResendRequires = s.cfg.Banks.Requires(b.Channel, op.Challenge, b.CardType)
	case AwaitingApproval:
		out.Next = Next{Action: "poll", After: now.Add(pollAfter), Before: b.ExpiresAt}
	case Processing, Revoking:
		out.Next = Next{Action: "poll", After: now.Add(pollAfter)}
	case Failed, Expired, Cancelled:
		out.Next = Next{Action: "restart"}
	default:
		out.Next = Next{Action: "none"}
	}
	return out
}
