package load

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"kaqiao/loadtest/control"
	"kaqiao/profiles/secret"
)

// What a binding needs of the two programs.
type (
	// Gateway is the gateway as a wallet sees it. An error means: no answer.
	Gateway interface {
		Apply(ctx context.Context, w Wallet) (Answer, error)
		Confirm(ctx context.Context, id string, p Proof) (Answer, error)
		Get(ctx context.Context, id string) (Answer, error)
	}
	// Inbox is a person's telephone.
	Inbox interface {
		Inbox(ctx context.Context, bank, to, after string, wait time.Duration) ([]control.Message, error)
	}
)

// Think is how long a person takes beside the machines. The zero value: no time at all.
type Think struct {
	// Journey is the mean of a whole binding (M31).
	Journey time.Duration
	Seed    uint64
}

// The journey's time lies partly before the apply (finding the card, typing)
// and partly before the confirm (reading the code). The split and the spread
// are this product's own choice.
const (
	beforeApply = 0.6
	spread      = 0.4 // of a lognormal
)

// of draws how long the i-th person takes before the apply and before the confirm.
func (t Think) of(i int) (apply, confirm time.Duration) {
	if t.Journey <= 0 {
		return 0, 0
	}
	r := rand.New(rand.NewPCG(t.Seed, uint64(i))) //nolint:gosec // chance that must repeat
	whole := float64(t.Journey) * math.Exp(spread*r.NormFloat64()-spread*spread/2)
	return time.Duration(whole * beforeApply), time.Duration(whole * (1 - beforeApply))
}

// Bind is the scenario: each shot binds one card from beginning to end.
type Bind struct {
	Gateway  Gateway
	Inbox    Inbox
	Desk     Desk
	Plan     []Subject
	Record   *Recorder
	Platform string
	Think    Think
	// Run tells this attack's users and idempotency keys from any other's. At most 32 characters.
	Run string
	// CodeWait is how long the code is waited for. Default 10s.
	CodeWait time.Duration
	// Deny is the part of the approvals that are refused, 0 to 1, where no failures are planned.
	Deny float64
	// Settle is how long an unknown outcome is asked about. Default 60s.
	Settle time.Duration
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// Done is told of each binding's end. Optional.
	Done func()
	// Judge: each binding is held against its plan. One that was cut off is not.
	Judge bool
}

// The pauses between two looks at a binding that is being found out, or at an inbox.
const (
	pollFirst  = 25 * time.Millisecond // after a decision
	pollLeast  = 100 * time.Millisecond
	pollMost   = 2 * time.Second
	inboxWait  = 5 * time.Second        // of one long poll
	inboxPause = 100 * time.Millisecond // after a look that failed
	// confirmsMost is how often a code is brought whose confirm turned out to have never reached the bank.
	confirmsMost = 3
	// wrongsMost is how often a wrong code is brought. No bank lets anybody try so often.
	wrongsMost = 10
)

// Shoot binds the i-th card of the plan.
func (b *Bind) Shoot(ctx context.Context, i int, due time.Time) {
	s := &session{Bind: b, subject: b.Plan[i], i: i, arrived: due}
	end := s.run(ctx)
	if end != EndActive && ctx.Err() != nil {
		end = EndCutOff
	}
	journey := b.now().Sub(due)
	b.Record.Ended(s.subject.Lane, end, journey-s.thought, journey)
	if b.Judge && end != EndCutOff {
		b.Record.Judged(s.subject.Lane, Misjudged{i, s.heard.id, s.subject.Bank, s.heard.judge(s.subject.Planned, end)})
	}
	if b.Done != nil {
		b.Done()
	}
}

func (b *Bind) now() time.Time {
	if b.Now == nil {
		return time.Now()
	}
	return b.Now()
}

// session is one binding under way.
type session struct {
	*Bind
	subject Subject
	i       int
	arrived time.Time
	thought time.Duration // how much of it the person took
	heard   heard
}

// run takes the binding from apply to its end and says how that was.
func (s *session) run(ctx context.Context) string {
	first, second := s.Think.of(s.i)
	if !s.think(ctx, first) {
		return EndCutOff
	}
	a, end := s.apply(ctx, s.arrived.Add(first))
	if end != "" {
		return end
	}
	if a.State == "awaiting_approval" {
		return s.approval(ctx, a, s.arrived.Add(first), second)
	}
	code, ok := s.code(ctx, s.arrived.Add(first))
	if !ok {
		s.failed(Confirm, Answer{Category: CategoryInbox, Code: EndNoCode})
		return EndNoCode
	}
	due := s.now().Add(second)
	if !s.think(ctx, second) {
		return EndCutOff
	}
	return s.confirm(ctx, a, code, due)
}

// apply asks for the binding. An empty end means that a code or an approval is waited for.
func (s *session) apply(ctx context.Context, due time.Time) (a Answer, end string) {
	w := Wallet{Key: s.name(), User: s.name(), Platform: s.Platform, Subject: s.subject}
	if p := s.subject.Planned; p != nil && p.spoil != nil {
		p.spoil(&w)
	}
	a, err := s.Gateway.Apply(ctx, w)
	took := s.now().Sub(due)
	if err != nil {
		return a, s.missed(Apply, took, err)
	}
	s.answered(Apply, took, a)
	if a.Status == 202 {
		a, end = s.settle(ctx, Apply, a)
	}
	switch {
	case end != "":
		return a, end
	case a.State == "awaiting_code", a.State == "awaiting_approval":
		return a, ""
	}
	return a, EndFailed
}

// name tells this binding from all others of all attacks.
func (s *session) name() string { return s.Run + "-" + strconv.Itoa(s.i) }

// confirm brings the code and sees the binding to its end.
func (s *session) confirm(ctx context.Context, a Answer, code secret.Code, due time.Time) string {
	card, p := s.subject.Card(), Proof{Code: code}
	if slices.Contains(a.Requires, "card.cvv") {
		p.CVV = card.CVV
	}
	if slices.Contains(a.Requires, "card.expiry") {
		p.Expiry = card.Expiry
	}
	confirms := confirmsMost
	if s.wrongs() {
		p.Code, confirms = secret.NewCode(nextDigit(code.Reveal())), wrongsMost
	}
	for n := range confirms {
		p.Key = s.name() + "-confirm-" + strconv.Itoa(n)
		next, err := s.Gateway.Confirm(ctx, a.ID, p)
		took := s.now().Sub(due)
		if err != nil {
			return s.missed(Confirm, took, err)
		}
		s.answered(Confirm, took, next)
		if s.again(next) {
			due = s.now()
			continue
		}
		if next.Status != 202 {
			return endOf(next)
		}
		a, end := s.settle(ctx, Confirm, next)
		if end != "" {
			return end
		}
		if a.State != "awaiting_code" {
			return endOf(a)
		}
		// It never reached the bank, the gateway found out: the same code serves again.
		due = s.now()
	}
	if s.wrongs() {
		return EndFailed
	}
	return EndProcessing
}

// wrongs: the person types a wrong code.
func (s *session) wrongs() bool { return s.subject.Planned != nil && s.subject.Planned.wrongCode }

// again: the person types the same wrong code once more, until it is locked.
func (s *session) again(a Answer) bool {
	return s.wrongs() && s.subject.Planned.First != "" && a.Code == s.subject.Planned.First
}

func endOf(a Answer) string {
	if a.State == EndActive {
		return EndActive
	}
	return EndFailed
}

// settle asks about a binding until it is known. An empty end means that it is not processing any more.
func (s *session) settle(ctx context.Context, step Step, a Answer) (Answer, string) {
	until := s.now().Add(s.settleLimit())
	told := a.Code
	for a.State == "processing" {
		now := s.now()
		if now.After(until) || !sleep(ctx, min(max(a.PollAfter.Sub(now), pollLeast), pollMost)) {
			return a, EndProcessing
		}
		next, err := s.Gateway.Get(ctx, a.ID)
		if err != nil || next.State == "" { // it may come back: the gateway holds the truth
			continue
		}
		a = next
	}
	if a.Code != "" && a.Code != told {
		s.failed(step, a)
	}
	return a, ""
}

func (s *session) settleLimit() time.Duration {
	if s.Settle <= 0 {
		return time.Minute
	}
	return s.Settle
}

// code waits for the code of this very apply.
func (s *session) code(ctx context.Context, applied time.Time) (secret.Code, bool) {
	m, ok := s.message(ctx, s.subject.Customer.Mobile.Reveal(), applied, func(m message) bool { return !m.Code.IsZero() })
	return m.Code, ok
}

type message = control.Message

// message waits for a message of this very apply.
func (s *session) message(ctx context.Context, to string, applied time.Time, wanted func(message) bool) (message, bool) {
	limit := s.CodeWait
	if limit <= 0 {
		limit = 10 * time.Second
	}
	until := s.now().Add(limit)
	// The farm's clock may write whole seconds, and a message of the same second is this apply's: its phone was quiet before.
	oldest := applied.Truncate(time.Second)
	for seen := ""; ; {
		wait := min(inboxWait, max(time.Second, until.Sub(s.now())))
		messages, err := s.Inbox.Inbox(ctx, s.subject.Bank, to, seen, wait)
		for _, m := range messages {
			if wanted(m) && !m.At.Before(oldest) {
				return m, true
			}
		}
		if len(messages) > 0 {
			seen = messages[0].ID
		}
		if s.now().After(until) || err != nil && !sleep(ctx, inboxPause) || ctx.Err() != nil {
			return message{}, false
		}
	}
}

// think lets the person take time, and counts it.
func (s *session) think(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	s.thought += d
	return sleep(ctx, d)
}
