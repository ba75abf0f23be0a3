package flow

import (
	"time"

	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
)

// owed says what an attempt of a binding that has ended still asks for. A bank
// may sign what was given up here, as when a user cancels while its people
// think about it: then the agreement is ended, and that is kept up until the
// bank has confirmed it. The binding itself stays as it ended.
func owed(kind op.Kind, e event) command {
	if kind == op.Unsign {
		switch e {
		case accepted:
			return nothing
		case notFound:
			return sendAgain
		}
		return wait
	}
	switch e {
	case signed:
		return sendAgain
	case unknown, pending:
		return wait
	}
	return nothing
}

// settleOwed is settle for a binding that has ended.
func (s *Service) settleOwed(b journal.Binding, a journal.Attempt, e event, r op.Result, now time.Time) settled {
	due := a.AskAt
	a.AskAt = time.Time{}
	out := settled{do: owed(a.Kind, e)}
	switch out.do {
	case wait:
		if a.AskAt = now.Add(s.pause(a)); due.After(now) {
			a.AskAt = due
		}
	case sendAgain:
		if e == signed {
			s.cfg.Log.Warn("a bank has signed what was given up here: the agreement is being ended",
				"binding", b.ID, "bank", b.Bank, "number", a.Number, "agreement", r.Agreement)
			b.Agreement = r.Agreement
		}
		b = after(b, now)
	}
	out.binding, out.attempt = b, a
	out.view = s.viewOf(b, a)
	return out
}
