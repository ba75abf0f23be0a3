package load

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"kaqiao/loadtest/control"
)

// Desk is where a binding is approved: by the bank's people, or by the
// customer in the bank's app. An error means that nothing was decided.
type Desk interface {
	Decide(ctx context.Context, bank, message string, approve bool) error
}

// approval plays whoever is asked, and sees the binding to its end. What is
// timed is from the decision until the caller can see it: how long people
// would have taken over it is nobody's performance.
func (s *session) approval(ctx context.Context, a Answer, applied time.Time, think time.Duration) string {
	m, ok := s.message(ctx, s.address(a), applied, func(m message) bool { return m.Code.IsZero() })
	if !ok {
		s.failed(Approval, Answer{Category: CategoryInbox, Code: EndNoCode})
		return EndNoCode
	}
	if !s.think(ctx, think) {
		return EndCutOff
	}
	decided := s.now()
	if err := s.Desk.Decide(ctx, s.subject.Bank, m.ID, !s.denies()); err != nil && !over(err) {
		return s.missed(Approval, s.now().Sub(decided), err)
	}
	a, end := s.follow(ctx, a, decided)
	if end != "" {
		return end
	}
	s.answered(Approval, s.now().Sub(decided), a)
	return endOf(a)
}

// over: the farm's own people were quicker.
func over(err error) bool {
	var refusal *control.RefusalError
	return errors.As(err, &refusal) && refusal.Status == http.StatusConflict
}

// denies draws whether this binding is refused. Where failures are planned, the plan says what goes wrong.
func (s *session) denies() bool {
	if p := s.subject.Planned; p != nil || s.Judge || s.Deny <= 0 {
		return p != nil && p.Kind == Denied
	}
	r := rand.New(rand.NewPCG(s.Think.Seed, uint64(s.i)^0x9e3779b97f4a7c15)) //nolint:gosec // chance that must repeat
	return r.Float64() < s.Deny
}

// address is where the bank writes: the first kind of message decides.
func (s *session) address(a Answer) string {
	if a.Challenge == "email" && s.subject.Customer.Email != "" {
		return s.subject.Customer.Email
	}
	return s.subject.Customer.Mobile.Reveal()
}

// follow looks at the binding until it is decided: at short pauses first, so
// that what is quick is timed well, and at longer ones when it is not.
func (s *session) follow(ctx context.Context, a Answer, since time.Time) (Answer, string) {
	until := since.Add(s.settleLimit())
	for pause := pollFirst; ; pause = min(2*pause, pollMost) {
		next, err := s.Gateway.Get(ctx, a.ID)
		if err == nil && next.State != "" && next.State != "awaiting_approval" && next.State != "processing" {
			return next, ""
		}
		if s.now().After(until) || !sleep(ctx, pause) {
			return a, EndProcessing
		}
	}
}
