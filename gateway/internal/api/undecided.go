package api

import (
	"context"

	"kaqiao/gateway/internal/api/gen"
	"kaqiao/gateway/internal/flow"
	"kaqiao/gateway/internal/journal"
)

// People decide what no query could settle. *flow.Service lets them.
type People interface {
	Undecided(ctx context.Context) (list []flow.Undecided, more bool, err error)
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
		out.Undecided[i] = gen.Undecided{
			Attempt: u.Attempt.ID, Operation: gen.UndecidedOperation(u.Attempt.Kind), Binding: u.Binding.ID, State: gen.BindingState(u.State),
			Caller: u.Binding.Caller, Bank: u.Attempt.Bank, Channel: u.Attempt.Channel, Number: u.Attempt.Number,
			CardLast4: u.Binding.CardLast4, Agreement: u.Binding.Agreement,
			Since: beijing(u.Since), Asked: u.Attempt.Asked, NextAt: beijing(u.Attempt.AskAt), NeedsAgreement: u.Signs,
		}
	}
	return s.ok(ctx, out)
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
