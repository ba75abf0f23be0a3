package flow

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles/secret"
)

// Confirm implements API. The code, CVV and expiry live in this call only.
func (s *Service) Confirm(ctx context.Context, caller, id string, code secret.Code, cvv secret.CVV, expiry secret.Expiry, k Keyed) (Binding, error) {
	b, err := s.own(ctx, caller, id)
	if err != nil {
		return Binding{}, err
	}
	if b.State == Active || b.State == AwaitingApproval {
		return s.view(b), nil // nothing is left to confirm, and saying it again does no harm
	}
	now := s.cfg.Now()
	m, ok := s.table[b.State][meantConfirm]
	if !ok || !now.Before(b.ExpiresAt) {
		return Binding{}, s.refusal(b, "there is no code to confirm")
	}
	if p := s.checkConfirm(b, code, cvv, expiry); p != nil {
		return Binding{}, p
	}
	person, account, err := s.person(ctx, b)
	if err != nil {
		return Binding{}, err
	}
	if slices.Contains(s.cfg.Banks.Requires(b.Channel, b.CardType), "card.cvv") {
		person.CVV, person.Expiry = cvv, expiry
	}
	o := op.Operation{
		Kind: op.Confirm, Channel: b.Channel, Bank: b.Bank, Member: b.Member, Number: b.Number, At: now, Begun: b.Begun,
		Person: person, Code: code, Account: account,
	}
	b.State = m.to
	return s.carry(ctx, step{binding: after(b, now), op: o, keyed: k})
}

// checkConfirm names every field at fault at once.
func (s *Service) checkConfirm(b journal.Binding, code secret.Code, cvv secret.CVV, expiry secret.Expiry) *op.Problem {
	var fields []op.Field
	digits := 6
	if bank := s.cfg.Set.Bank(b.Bank); bank != nil {
		digits = bank.Challenge.CodeDigits
	}
	if c := code.Reveal(); len(c) != digits || !isDigits(c) {
		fields = append(fields, op.Field{Pointer: "/code", Message: fmt.Sprintf("must be %d digits", digits)})
	}
	for _, what := range s.cfg.Banks.Requires(b.Channel, b.CardType) {
		switch {
		case what == "card.cvv" && cvv.IsZero():
			fields = append(fields, op.Field{Pointer: "/card/cvv", Message: "is needed again for this card"})
		case what == "card.expiry" && expiry.IsZero():
			fields = append(fields, op.Field{Pointer: "/card/expiry", Message: "is needed again for this card, as YYYY-MM"})
		}
	}
	if fields == nil {
		return nil
	}
	return &op.Problem{Reason: op.Validation, Outcome: op.NotSent, Binding: b.ID, Bank: b.Bank, Detail: "some fields are not as they must be", Fields: fields}
}

// person opens what the vault keeps of a binding.
func (s *Service) person(ctx context.Context, b journal.Binding) (op.Person, string, error) {
	data, err := s.cfg.Store.Sealed(ctx, b.ID)
	if errors.Is(err, journal.ErrNotFound) {
		return op.Person{}, "", underWay(b) // the binding ended between the two readings
	}
	if err != nil {
		return op.Person{}, "", fmt.Errorf("flow: read sealed: %w", err)
	}
	p, account, err := s.cfg.Vault.Open(b.ID, data)
	if err != nil {
		return op.Person{}, "", fmt.Errorf("flow: %w", err)
	}
	return p, account, nil
}

// refusal says why a wish does not fit the state.
func (s *Service) refusal(b journal.Binding, detail string) *op.Problem {
	switch shown(b.State) {
	case Processing, Revoking:
		return underWay(b)
	}
	p := &op.Problem{Reason: op.InvalidState, Outcome: op.NotSent, Binding: b.ID, Bank: b.Bank, Detail: detail}
	if s.view(b).State == Expired {
		p.Reason, p.Detail = op.SessionExpired, "the session's time is over: begin again"
	}
	return p
}

func asProblem(err error) (*op.Problem, bool) {
	var p *op.Problem
	ok := errors.As(err, &p)
	return p, ok
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
