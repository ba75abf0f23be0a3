package flow

import (
	"context"
	"slices"
	"time"

	"kaqiao/gateway/internal/op"
)

// Challenge implements API: another code, by an apply of its own with a number
// of its own. Until the bank has taken it, the earlier code counts.
func (s *Service) Challenge(ctx context.Context, caller, id, kind string, k Keyed) (Binding, error) {
	b, err := s.own(ctx, caller, id)
	if err != nil {
		return Binding{}, err
	}
	now := s.cfg.Now()
	m, ok := s.table[b.State][meantChallenge]
	if !ok || !now.Before(b.ExpiresAt) {
		return Binding{}, s.refusal(b, "there is no challenge to repeat")
	}
	if bank := s.cfg.Set.Bank(b.Bank); kind != "" && (bank == nil || !slices.Contains(bank.Challenge.Kinds, kind)) {
		return Binding{}, &op.Problem{
			Reason: op.Validation, Outcome: op.NotSent, Binding: b.ID, Bank: b.Bank, Detail: "some fields are not as they must be",
			Fields: []op.Field{{Pointer: "/kind", Message: "must be one of the bank's challenge kinds"}},
		}
	}
	if wait := b.Challenge.ResendAt.Sub(now); wait > 0 {
		return Binding{}, &op.Problem{
			Reason: op.TooManyRequests, Outcome: op.NotSent, Binding: b.ID, Bank: b.Bank,
			Detail: "the bank sends another code only after a pause", RetryAfterS: int((wait + time.Second - 1) / time.Second),
		}
	}
	person, _, err := s.person(ctx, b)
	if err != nil {
		return Binding{}, err
	}
	number, err := s.number(ctx, b.Channel, now)
	if err != nil {
		return Binding{}, err
	}
	if kind != "" {
		b.Challenge.Kind = kind
	}
	o := op.Operation{
		Kind: op.Challenge, Channel: b.Channel, Bank: b.Bank, Member: b.Member, Number: number, At: now, Begun: now, Person: person,
	}
	b.State = m.to
	return s.carry(ctx, step{binding: after(b, now), op: o, keyed: k})
}
