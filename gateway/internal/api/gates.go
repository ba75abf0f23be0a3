package api

import (
	"context"
	"errors"
	"time"

	"kaqiao/gateway/internal/api/gen"
	"kaqiao/gateway/internal/guard"
	"kaqiao/gateway/internal/op"
)

// Gates tells how banks and channels fare, and lets operators decide otherwise. *guard.Guard is one.
type Gates interface {
	Snapshot(scope guard.Scope, id string) (guard.Snapshot, bool)
	// Force is called for gates that Snapshot knows. The error wraps guard.ErrNotServed.
	Force(scope guard.Scope, id string, to guard.State, within time.Duration, reason, by string) error
}

// forceFor is how long something stays forced where the operator does not say. It is the contract's default.
const forceFor = 10 * time.Minute

// ForceBank overrules a bank's breakers for a time.
func (s *Server) ForceBank(ctx context.Context, r gen.ForceBankRequestObject) (gen.ForceBankResponseObject, error) {
	return s.force(ctx, guard.OfBank, r.ID, *r.Body)
}

// ForceChannel overrules a channel's breakers for a time.
func (s *Server) ForceChannel(ctx context.Context, r gen.ForceChannelRequestObject) (gen.ForceChannelResponseObject, error) {
	return s.force(ctx, guard.OfChannel, r.ID, *r.Body)
}

func (s *Server) force(ctx context.Context, scope guard.Scope, id string, in gen.Force) (*answer, error) {
	caller := callOf(ctx).caller
	if p := s.operatorOnly(caller); p != nil {
		return nil, p
	}
	within := time.Duration(in.ForS) * time.Second
	if within == 0 {
		within = forceFor
	}
	to := map[gen.ForceState]guard.State{gen.ForceStateOpen: guard.ForcedOpen, gen.ForceStateClosed: guard.ForcedShut, gen.ForceStateAuto: guard.Closed}[in.State]
	err := s.Gates.Force(scope, id, to, within, in.Reason, caller)
	if errors.Is(err, guard.ErrNotServed) {
		return nil, notFound()
	}
	if err != nil {
		return nil, err
	}
	now, _ := s.Gates.Snapshot(scope, id)
	return s.ok(ctx, gateHealth(now, nil, true))
}

// operatorOnly refuses everybody but operators.
func (s *Server) operatorOnly(caller string) error {
	if s.Operator == nil || !s.Operator(caller) {
		return &op.Problem{Reason: op.Forbidden, Outcome: op.NotSent, Detail: "only an operator may do this: make one with `gateway keys caller --operator`"}
	}
	return nil
}

// gateHealth shows one gate. others are the channels that a bank can be reached over.
func gateHealth(s guard.Snapshot, others []guard.Snapshot, whole bool) gen.BankHealth {
	out := gen.BankHealth{
		State:    gen.HealthState(s.Health(others)),
		InFlight: s.InFlight, InFlightLimit: s.InFlightLimit, PerSecond: s.LastSecond, PerSecondLimit: s.PerSecond,
		Waiting: s.Waiting, WaitingLimit: s.WaitingLimit,
	}
	if f := s.Forced; f != nil {
		state := gen.ForcedStateStateClosed
		if f.State == guard.ForcedOpen {
			state = gen.ForcedStateStateOpen
		}
		out.Forced = &gen.ForcedState{State: state, Since: f.Since, Until: f.Until, Reason: f.Reason, By: f.By}
	}
	if whole {
		for c, class := range s.Classes {
			out.Operations = append(out.Operations, operationHealth(guard.Class(c), class))
		}
	}
	return out
}

// because is what keeps one gate from being healthy.
func because(gate gen.HealthReasonGate, id string, s guard.Snapshot) []gen.HealthReason {
	all := gateHealth(s, nil, true)
	if f := all.Forced; f != nil {
		if f.State == gen.ForcedStateStateClosed {
			return nil // whatever its breakers say
		}
		return []gen.HealthReason{{Gate: gate, ID: id, Forced: f}}
	}
	var why []gen.HealthReason
	for _, o := range all.Operations {
		if o.State != gen.OperationHealthStateClosed {
			why = append(why, gen.HealthReason{Gate: gate, ID: id, Operation: &o})
		}
	}
	return why
}

func operationHealth(c guard.Class, s guard.ClassSnapshot) gen.OperationHealth {
	out := gen.OperationHealth{
		Operation: gen.OperationHealthOperation(c.String()), State: gen.OperationHealthState(s.State), Since: s.Since,
		Window: counts(s.Window), InFlight: s.InFlight, InFlightLimit: s.Limit, Waiting: s.Waiting,
	}
	if s.State == guard.Open {
		out.NextProbeAt = &s.Until
	}
	if w := s.Why; w != nil {
		out.OpenedBy = &gen.OpenedBy{Rule: gen.OpenedByRule(w.Rule), InARow: w.Consecutive, Counts: counts(w.Counts)}
	}
	if s.Exchanges > 0 {
		ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
		out.Latency = &gen.LatencySeen{P50Ms: ms(s.P50), P99Ms: ms(s.P99), Exchanges: s.Exchanges}
	}
	return out
}

func counts(c guard.Counts) gen.OutcomeCounts {
	return gen.OutcomeCounts{
		Accepted: c.Accepted, Refused: c.Refused, Pending: c.Pending, Elsewhere: c.Elsewhere,
		NotSent: c.NotSent, Unknown: c.Unknown, Slow: c.Slow,
	}
}
