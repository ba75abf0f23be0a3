package api

import (
	"context"

	"kaqiao/gateway/internal/api/gen"
	"kaqiao/gateway/internal/flow"
	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
)

// People decide what no query could settle. *flow.Service lets them.
type People interface {
	Undecided(ctx context.Context) (list []flow.Undecided, more bool, err error)
	Case(ctx context.Context, attempt string) (flow.Case, error)
	Decide(ctx context.Context, d flow.Decision) (flow.Binding, journal.Attempt, error)
}

// ListUndecided shows what waits for a person.
func (s *Server) ListUndecided(ctx context.Context, _ gen.ListUndecidedRequestObject) (gen.ListUndecidedResponseObject, error) {
	if err := s.operatorOnly(callOf(ctx).caller); err != nil {
		return nil, err
	}
	list, more, err := s.People.Undecided(ctx)
	if err != nil {
		return nil, err
	}
	out := gen.UndecidedList{Undecided: make([]gen.Undecided, len(list)), More: more}
	for i, u := range list {
		out.Undecided[i] = undecided(u)
	}
	return s.ok(ctx, out)
}

// GetUndecided shows one attempt and all that was tried about its binding.
func (s *Server) GetUndecided(ctx context.Context, r gen.GetUndecidedRequestObject) (gen.GetUndecidedResponseObject, error) {
	if err := s.operatorOnly(callOf(ctx).caller); err != nil {
		return nil, err
	}
	c, err := s.People.Case(ctx, r.Attempt)
	if err != nil {
		return nil, err
	}
	out := gen.UndecidedCase{Undecided: undecided(c.Undecided), Decidable: c.Closed == nil, Outcome: gen.Outcome(c.Attempt.Outcome.String())}
	if c.Closed != nil {
		out.Why = c.Closed.Detail
	}
	for _, a := range c.History {
		shown := attempt(a)
		shown.Said, shown.Heard = a.Said, a.Heard
		if a.Kind == op.Decide {
			shown.Note = a.RawCode
		}
		out.History = append(out.History, shown)
	}
	for _, n := range c.Notices {
		out.Notices = append(out.Notices, gen.Notice{ID: n.ID, At: beijing(n.At), Heard: n.Heard})
	}
	return s.ok(ctx, out)
}

func undecided(u flow.Undecided) gen.Undecided {
	return gen.Undecided{
		Attempt: u.Attempt.ID, Operation: gen.UndecidedOperation(u.Attempt.Kind), Binding: u.Binding.ID, State: gen.BindingState(u.State),
		Caller: u.Binding.Caller, Bank: u.Attempt.Bank, Channel: u.Attempt.Channel, Number: u.Attempt.Number,
		CardLast4: u.Binding.CardLast4, Agreement: u.Binding.Agreement,
		Since: beijing(u.Since), Asked: u.Attempt.Asked, NextAt: beijing(u.Attempt.AskAt), NeedsAgreement: u.Signs,
	}
}

// DecideAttempt enters a person's word.
func (s *Server) DecideAttempt(ctx context.Context, r gen.DecideAttemptRequestObject) (gen.DecideAttemptResponseObject, error) {
	caller := callOf(ctx).caller
	if err := s.operatorOnly(caller); err != nil {
		return nil, err
	}
	b, a, err := s.People.Decide(ctx, flow.Decision{
		Attempt: r.Attempt, Decision: string(r.Body.Decision), Agreement: r.Body.Agreement, Reason: r.Body.Reason, By: caller,
	})
	if err != nil {
		return nil, err
	}
	return s.ok(ctx, gen.Decided{Attempt: a.ID, Outcome: gen.Outcome(a.Outcome.String()), Binding: b.ID, State: gen.BindingState(b.State)})
}
