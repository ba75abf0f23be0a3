package flow

import (
	"context"
	"slices"

	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
)

// doubt takes a bank's no for an unknown outcome where an earlier try of the
// same may have gone well without our knowing: then the no is to something
// that has been done already. A query tells, or another try.
func (s *Service) doubt(ctx context.Context, a journal.Attempt, r op.Result) (journal.Attempt, op.Result) {
	may := s.mayHaveGoneWell(a, r)
	if r.Outcome != op.Refused || may == nil {
		return a, r
	}
	history, err := s.cfg.Store.Attempts(context.WithoutCancel(ctx), a.Binding)
	if err == nil && !slices.ContainsFunc(history, may) {
		return a, r
	}
	a.Outcome, a.Reason = op.Unknown, r.Reason
	return a, op.Result{Outcome: op.Unknown, Reason: r.Reason, RawCode: r.RawCode, Exchange: r.Exchange}
}

// mayHaveGoneWell says which earlier attempts make a no doubtful; nil: none can.
func (s *Service) mayHaveGoneWell(a journal.Attempt, r op.Result) func(journal.Attempt) bool {
	switch {
	case a.Kind == op.Confirm && r.Reason != op.CodeWrong:
		// A confirm of the same code was given up as never arrived. It may have arrived since, and signed.
		return func(h journal.Attempt) bool {
			return h.ID != a.ID && h.Number == a.Number && givenUp(h)
		}
	case a.Kind == op.Unsign && r.Reason != op.AgreementNotFound && s.cfg.Banks.Truth(a.Channel, op.Unsign) == op.ByRepeat:
		// An unsigning was sent again because nobody could be asked about it.
		return func(h journal.Attempt) bool {
			return h.ID != a.ID && h.Kind == op.Unsign && h.Outcome == op.Unknown
		}
	}
	return nil
}
