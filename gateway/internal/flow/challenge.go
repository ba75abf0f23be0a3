package flow

import (
	"context"
	"slices"
	"time"

	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles/secret"
)

// Challenge implements API: another code, by an apply of its own with a number
// of its own. Until the bank has taken it, the earlier code counts. CVV and
// expiry live in this call only.
func (s *Service) Challenge(ctx context.Context, caller, id, kind string, cvv secret.CVV, expiry secret.Expiry, k Keyed) (Binding, error) {
	b, err := s.own(ctx, caller, id)
	if err != nil {
		return Binding{}, err
	}
	now := s.cfg.Now()
	m, ok := s.table[b.State][meantChallenge]
	if !ok || !now.Before(b.ExpiresAt) {
		return Binding{}, s.refusal(b, "there is no challenge to repeat")
	}
	var fields []op.Field
	if bank := s.cfg.Set.Bank(b.Bank); kind != "" && (bank == nil || !slices.Contains(bank.Challenge.Kinds, kind)) {
		fields = append(fields, op.Field{Pointer: "/kind", Message: "must be one of the bank's challenge kinds"})
	}
	if p := invalidFor(b, append(fields, s.checkAnew(b, op.Challenge, cvv, expiry)...)); p != nil {
		return Binding{}, p
	}
	if wait := s.resendWait(b, now); wait > 0 && (kind == "" || kind == b.Challenge.Kind) {
		return Binding{}, &op.Problem{
			Reason: op.TooManyRequests, Outcome: op.NotSent, Binding: b.ID, Bank: b.Bank,
			Detail: "the bank sends another code only after a pause", RetryAfterS: int((wait + time.Second - 1) / time.Second),
		}
	}
	person, account, err := s.person(ctx, b)
	if err != nil {
		return Binding{}, err
	}
	s.anew(&person, b, op.Challenge, cvv, expiry)
	number, err := s.number(ctx, b.Channel, now)
	if err != nil {
		return Binding{}, err
	}
	o := op.Operation{
		Kind: op.Challenge, Channel: b.Channel, Bank: b.Bank, Member: b.Member, Number: number, At: now, Begun: now,
		Person: person, Account: account, Challenge: kind,
	}
	b.State = m.to
	return s.carry(ctx, step{binding: after(b, now), op: o, keyed: k})
}

// resendWait is how long another code must be waited for. Where that is longer
// than the bank's pause the clock was set back, and the bank itself knows better.
func (s *Service) resendWait(b journal.Binding, now time.Time) time.Duration {
	wait := b.Challenge.ResendAt.Sub(now)
	if bank := s.cfg.Set.Bank(b.Bank); bank != nil && wait > bank.Challenge.ResendAfter.Std() {
		return 0
	}
	return wait
}
