package api

import (
	"time"

	"kaqiao/gateway/internal/api/gen"
	"kaqiao/gateway/internal/flow"
	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles"
)

// binding is a binding as the contract shows it.
func (s *Server) binding(b flow.Binding) gen.Binding {
	out := gen.Binding{
		ID: b.ID, State: gen.BindingState(b.State), UserID: b.UserID, Platform: b.Platform,
		Bank: gen.BindingBank{ID: b.Bank, Tier: gen.Tier(b.Tier)}, Channel: b.Channel,
		Card:      gen.BindingCard{Last4: b.CardLast4, Type: gen.CardType(b.CardType), Scheme: gen.Scheme(b.CardScheme)},
		Next:      next(b.Next),
		Problem:   s.bindingProblem(b),
		CreatedAt: beijing(b.CreatedAt), UpdatedAt: beijing(b.UpdatedAt),
	}
	switch b.State {
	case flow.AwaitingCode, flow.AwaitingApproval, flow.Processing:
		out.ExpiresAt = beijing(b.ExpiresAt)
	}
	if b.State == flow.AwaitingCode || b.State == flow.AwaitingApproval {
		out.Challenge = challenge(b)
	}
	if b.Agreement != "" {
		out.Agreement = s.agreement(b)
	}
	for _, a := range b.History {
		out.History = append(out.History, attempt(a))
	}
	return out
}

func challenge(b flow.Binding) gen.Challenge {
	c := b.Challenge
	if c.Kind == "" {
		return gen.Challenge{}
	}
	out := gen.Challenge{Kind: gen.ChallengeKind(c.Kind), To: c.To, ExpiresAt: beijing(c.ExpiresAt), ResendAt: beijing(c.ResendAt)}
	if out.Kind == gen.ChallengeKindSms {
		out.AttemptsLeft = &c.AttemptsLeft
	}
	for _, what := range b.ResendRequires {
		out.ResendRequires = append(out.ResendRequires, gen.ChallengeResendRequires(what))
	}
	return out
}

func next(n flow.Next) gen.Next {
	out := gen.Next{Action: gen.NextAction(n.Action), Before: beijing(n.Before), After: beijing(n.After)}
	if out.Action == "" {
		out.Action = gen.NextActionNone
	}
	for _, what := range n.Requires {
		out.Requires = append(out.Requires, gen.NextRequires(what))
	}
	return out
}

func (s *Server) agreement(b flow.Binding) gen.Agreement {
	out := gen.Agreement{
		Number: b.Agreement, AccountClass: gen.AgreementAccountClass(b.Class),
		PasswordFree: gen.PasswordFree{Enabled: b.PasswordFree.Enabled},
	}
	if b.PasswordFree.Enabled {
		out.PasswordFree.Limit = yuan(b.PasswordFree.LimitFen)
	}
	if bank := s.Set.Bank(b.Bank); bank != nil {
		out.SingleLimit, out.DailyLimit = yuan(bank.Money.SingleFen), yuan(bank.Money.DailyFen)
	} else {
		out.SingleLimit = yuan(0) // a bank that is served no more
	}
	return out
}

func attempt(a journal.Attempt) gen.Attempt {
	if a.Kind == op.Decide {
		a.RawCode = "" // an operator's words: not for callers
	}
	return gen.Attempt{
		ID: a.ID, Operation: gen.AttemptOperation(a.Kind), Channel: a.Channel, Number: a.Number, Of: a.Of,
		Outcome: gen.Outcome(a.Outcome.String()), Code: gen.ProblemCode(a.Reason), BankCode: a.RawCode,
		At: beijing(a.IntendedAt), SettledAt: beijing(a.SettledAt), TookMs: float64(a.Exchange.Microseconds()) / 1000,
	}
}

func yuan(fen int64) gen.Money { return gen.Money{Currency: gen.MoneyCurrencyCNY, Minor: fen} }

// beijing shows a moment as banks do, to the millisecond, and leaves an unset one unset.
func beijing(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.In(profiles.Beijing).Truncate(time.Millisecond)
}
