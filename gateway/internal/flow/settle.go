package flow

import (
	"time"

	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
)

// eventOf says what a result means for a binding.
func eventOf(b journal.Binding, kind op.Kind, r op.Result) event {
	switch r.Outcome {
	case op.Accepted:
		if kind == op.Confirm || r.Agreement != "" && kind != op.Unsign {
			return signed
		}
		return accepted
	case op.Pending:
		return pending
	case op.NotSent:
		return notSent
	case op.Refused:
		switch {
		case kind == op.Unsign && r.Reason == op.AgreementNotFound:
			return accepted // there is nothing left to end
		case kind == op.Confirm && r.Reason == op.CodeWrong && b.Challenge.AttemptsLeft <= 1:
			return refused // the wrong code that locks
		case b.State == AwaitingApproval && (r.Reason == op.CodeExpired || r.Reason == op.SessionExpired):
			return lapsed
		case forNow(r.Reason):
			return refusedForNow
		}
		return refused
	}
	return unknown
}

// forNow: what the bank refused says something of this try, not of the card or the person.
func forNow(reason op.Reason) bool {
	switch reason {
	case op.CodeWrong, op.CodeExpired, op.BankBusy, op.BankRateLimited, op.BankUnavailable, op.ChannelUnavailable, op.TooManyRequests:
		return true
	}
	return false
}

// settled is a binding and an attempt after an event.
type settled struct {
	binding journal.Binding
	attempt journal.Attempt
	do      command
	problem *op.Problem
	view    Binding // what the caller is shown, made once, so that a stored answer is the given one
	from    string  // the state that the binding comes from
	again   bool    // the attempt stays unknown though the binding has ended: see lookAgain
	known   bool    // false: the state does not know the event, and only the attempt is written
}

// signed reports whether this made the binding active.
func (to settled) signed() bool {
	return to.known && to.binding.State == Active && to.attempt.Kind != op.Unsign
}

// settle applies the event to the binding, in memory. An attempt is left open
// exactly where its outcome is still to be found out, or to be brought about.
// A session whose time is over meanwhile is ended by Expire, as any other.
func (s *Service) settle(b journal.Binding, a journal.Attempt, e event, r op.Result, now time.Time) settled {
	if ended(b.State) {
		return s.settleOwed(b, a, e, r, now)
	}
	if a.Kind == op.Unsign && b.State == Active && e == accepted {
		e = heard // it had said no, and has ended the agreement all the same
	}
	due := a.AskAt
	a.AskAt = time.Time{}
	m, known := s.table[b.State][e]
	if !known {
		return settled{binding: b, attempt: a, view: s.viewOf(b, a)}
	}
	out := settled{do: m.do, known: true, from: b.State}
	out.problem = problemOf(b, a, e, r)
	s.learn(&b, a, e, r, now)
	b.State = m.to
	if m.do == wait {
		a.AskAt = now.Add(s.pause(a))
		if due.After(now) { // asked before its time, and the time stands
			a.AskAt = due
		}
	}
	out.binding, out.attempt = after(b, now), a
	out.view = s.viewOf(out.binding, a)
	return out
}

func (s *Service) viewOf(b journal.Binding, a journal.Attempt) Binding {
	v := s.view(b)
	v.AttemptNumber, v.BankTook = a.Number, a.Exchange
	return v
}

// learn writes into the binding what the event tells of it.
func (s *Service) learn(b *journal.Binding, a journal.Attempt, e event, r op.Result, now time.Time) {
	b.Reason, b.RawCode = "", ""
	switch {
	case e == accepted && b.State != AwaitingApproval && (a.Kind == op.Apply || a.Kind == op.Challenge):
		b.Number, b.Begun = a.Number, a.IntendedAt
		s.challenge(b, a)
		if r.Class != "" {
			b.Class = r.Class
		}
	case e == pending && (a.Kind == op.Apply || a.Kind == op.Challenge):
		s.approval(b, a, r)
	case e == signed:
		b.Agreement = r.Agreement
		if r.Class != "" {
			b.Class = r.Class
		}
	case e == lapsed:
		b.Reason, b.RawCode = op.SessionExpired, r.RawCode
	case e == refused || e == refusedForNow || e == notSent || e == notFound || e == undone:
		b.Reason, b.RawCode = r.Reason, r.RawCode
		if a.Kind == op.Confirm {
			codeRefused(b, r.Reason, now)
			if e == refused && r.Reason == op.CodeWrong {
				b.Reason = op.CodeLocked
			}
		}
	}
}

func codeRefused(b *journal.Binding, reason op.Reason, now time.Time) {
	switch reason {
	case op.CodeWrong:
		b.Challenge.AttemptsLeft = max(0, b.Challenge.AttemptsLeft-1)
	case op.CodeLocked:
		b.Challenge.AttemptsLeft = 0
	case op.CodeExpired:
		if b.Challenge.ExpiresAt.After(now) {
			b.Challenge.ExpiresAt = now
		}
	}
}

// challenge fills in what the customer is waiting for. The bank made the code
// some time between the attempt's beginning and its end, so it lives from the
// one and may be asked for again after the other.
func (s *Service) challenge(b *journal.Binding, a journal.Attempt) {
	bank := s.cfg.Set.Bank(b.Bank)
	if bank == nil { // it was taken out of the profiles meanwhile
		return
	}
	c := bank.Challenge
	b.Challenge.ExpiresAt = a.IntendedAt.Add(c.TTL.Std())
	b.Challenge.ResendAt = a.SettledAt.Add(c.ResendAfter.Std())
	b.Challenge.AttemptsLeft = c.Attempts
	b.Challenge.Kind = firstKind(c.Kinds, false)
}

// approval fills in that somebody at the bank, or the customer in the bank's
// APP, has to say yes. The session lives as long as the bank waits: while it
// does, it may sign.
func (s *Service) approval(b *journal.Binding, a journal.Attempt, r op.Result) {
	b.Number, b.Begun = a.Number, a.IntendedAt
	b.Challenge.AttemptsLeft, b.Challenge.ResendAt = 0, time.Time{}
	by := r.ApprovalBy
	if bank := s.cfg.Set.Bank(b.Bank); bank != nil {
		b.Challenge.Kind = firstKind(bank.Challenge.Kinds, true)
		if by.IsZero() {
			by = a.IntendedAt.Add(bank.Challenge.ApproveWithin.Std())
		}
	}
	if !by.IsZero() {
		b.Challenge.ExpiresAt, b.ExpiresAt = by, by
	}
}

// firstKind is the bank's first way to ask for an approval, or to send a code.
func firstKind(kinds []string, approval bool) string {
	for _, kind := range kinds {
		if (kind != "sms") == approval {
			return kind
		}
	}
	if len(kinds) > 0 {
		return kinds[0]
	}
	return ""
}

// pause is how long to wait before the next query of an attempt.
func (s *Service) pause(a journal.Attempt) time.Duration {
	channel := s.cfg.Set.Channel(a.Channel)
	if channel == nil || len(channel.Resolve.After) == 0 {
		return time.Minute
	}
	after := channel.Resolve.After
	return after[min(a.Asked, len(after)-1)].Std()
}

// after is the binding's next version.
func after(b journal.Binding, now time.Time) journal.Binding {
	b.Version++
	b.Live = live(b.State)
	b.UpdatedAt = now
	return b
}

// problemOf is what the caller is told where an exchange did not go well. An
// outcome that is not known is no problem: it is being found out.
func problemOf(b journal.Binding, a journal.Attempt, e event, r op.Result) *op.Problem {
	if b.State == Revoking && e != refused {
		return nil // it stays meant, and is tried again without the caller
	}
	p := &op.Problem{Reason: r.Reason, Binding: b.ID, Bank: b.Bank, RawCode: r.RawCode, Outcome: op.Refused, Asked: true, RetryAfterS: r.RetryAfterS}
	switch e {
	case refused, refusedForNow:
		p.Detail = "the bank refused"
		if r.Reason == op.CodeWrong || r.Reason == op.CodeLocked {
			left := max(0, b.Challenge.AttemptsLeft-1)
			if e == refused {
				p.Reason, left = op.CodeLocked, 0
			}
			p.AttemptsLeft = &left
		}
	case notSent:
		p.Outcome, p.Asked = op.NotSent, false
		p.Detail = "the bank could not be reached; nothing was sent"
	default:
		return nil
	}
	if p.Reason == "" {
		p.Reason = op.BankRefused
	}
	return p
}
