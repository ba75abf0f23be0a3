package flow

import (
	"context"
	"errors"
	"fmt"

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
	s.anew(&person, b, op.Confirm, cvv, expiry)
	number := b.Number
	if s.cfg.Banks.Renumbers(b.Channel, op.Confirm) {
		if number, err = s.number(ctx, b.Channel, now); err != nil {
			return Binding{}, err
		}
	}
	o := op.Operation{
		Kind: op.Confirm, Channel: b.Channel, Bank: b.Bank, Member: b.Member, Number: number, Signing: b.Number, At: now, Begun: b.Begun,
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
	return invalidFor(b, append(fields, s.checkAnew(b, op.Confirm, cvv, expiry)...))
}

// checkAnew names what the channel wants with this operation and nobody keeps.
func (s *Service) checkAnew(b journal.Binding, kind op.Kind, cvv secret.CVV, expiry secret.Expiry) []op.Field {
	var fields []op.Field
	for _, what := range s.cfg.Banks.Requires(b.Channel, kind, b.CardType) {
		switch {
		case what == "card.cvv" && cvv.IsZero():
			fields = append(fields, op.Field{Pointer: "/card/cvv", Message: "is needed again for this card"})
		case what == "card.expiry" && expiry.IsZero():
			fields = append(fields, op.Field{Pointer: "/card/expiry", Message: "is needed again for this card, as YYYY-MM"})
		case what == "card.expiry" && expired(expiry.Reveal(), s.cfg.Now()):
			fields = append(fields, op.Field{Pointer: "/card/expiry", Message: "must not be in the past"})
		}
	}
	return fields
}

// anew adds what the channel wants with this operation, and nothing that it does not want.
func (s *Service) anew(p *op.Person, b journal.Binding, kind op.Kind, cvv secret.CVV, expiry secret.Expiry) {
	for _, what := range s.cfg.Banks.Requires(b.Channel, kind, b.CardType) {
		switch what {
		case "card.cvv":
			p.CVV = cvv
		case "card.expiry":
			p.Expiry = expiry
		}
	}
}

// invalidFor is the problem of a binding's request with these fields at fault, or nil without any.
func invalidFor(b journal.Binding, fields []op.Field) *op.Problem {
	if len(fields) == 0 {
		return nil
	}
	p := invalid(fields...)
	p.Binding, p.Bank = b.ID, b.Bank
	return p
}

// person opens what the vault keeps of a binding.
func (s *Service) person(ctx context.Context, b journal.Binding) (op.Person, string, error) {
	data, err := s.cfg.Store.Sealed(ctx, b.ID)
	if errors.Is(err, journal.ErrNotFound) {
		return op.Person{}, "", underWay(b) // the binding ended between the two readings
	}
	if err != nil {
		return op.Person{}, "", fmt.Errorf("flow: read sealed: %w", unwritten(err))
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
