package guard

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"

	"kaqiao/profiles"
)

// State is how a breaker stands.
type State string

// The states.
const (
	Closed     State = "closed"
	Open       State = "open"
	HalfOpen   State = "half_open" // its probes are out, or wait for somebody to be one
	ForcedOpen State = "forced_open"
	ForcedShut State = "forced_closed"
)

// What a probe came to, as gobreaker is told of it.
var (
	errFailed  = errors.New("failed")
	errNeutral = errors.New("says nothing")
)

// patience is how long a breaker whose time is over waits for a query to be the
// first probe, before anybody's new work is risked.
const patience = time.Second

// breaker judges one class at one gate. Our own window decides when it opens:
// gobreaker's forgets consecutive failures that are far apart, knows no slow
// calls and one fixed time. From opening to closing again gobreaker carries the
// state, a fresh one each time, because its time can't be changed.
//
// While it is closed nobody takes a lock.
type breaker struct {
	gate    *gate
	class   Class
	rules   atomic.Pointer[profiles.Breaker]
	window  window
	recent  recent
	row     atomic.Int32            // failures without a success between them
	opening atomic.Pointer[opening] // nil: closed
	era     atomic.Uint32           // grows with each change: what began in another era is no news in this one

	mu     sync.Mutex // for changes of state alone
	streak int        // openings without a healthy time between them
	closed time.Duration
	since  time.Time // of the present state
}

// opening is the time from one opening to the next change.
type opening struct {
	breaker *breaker
	why     Why
	at      time.Time
	until   time.Time
	ends    time.Duration // the same as until
	carries *gobreaker.TwoStepCircuitBreaker[struct{}]
	probes  int
	lent    atomic.Int32 // permits that queries hold, or have used up
	vouched atomic.Bool  // a query has come back well
}

// Why says what opened a breaker.
type Why struct {
	Rule        string // failure_rate, slow_rate, consecutive, probe
	Consecutive int
	Counts      Counts
}

// set puts rules in place of earlier ones. What was counted stays, unless the window has another length.
func (b *breaker) set(r profiles.Breaker) {
	if r.Window > 0 {
		if width := int64(r.Window) / slots; b.window.width.Swap(width) != width {
			b.window.clear()
		}
	}
	b.rules.Store(&r)
}

// add takes note of what an exchange that began in an era came to, and says
// whether the breaker should open. Neutral ones are not told to it.
func (b *breaker) add(now time.Duration, era uint32, e event, tooSlow bool) (why Why, trips bool) {
	if b.era.Load() != era || b.rules.Load().Window == 0 {
		return Why{}, false
	}
	b.window.add(now, e)
	if tooSlow {
		b.window.add(now, slow)
	}
	if e != notSent && e != unknown {
		if b.row.Load() != 0 {
			b.row.Store(0)
		}
		if !tooSlow {
			return Why{}, false // a share rises with a failure or a slow one only
		}
		return b.judge(now, int(b.row.Load()))
	}
	return b.judge(now, int(b.row.Add(1)))
}

func (b *breaker) judge(now time.Duration, row int) (Why, bool) {
	r, c := b.rules.Load(), b.window.sum(now)
	why := Why{Consecutive: row, Counts: c}
	enough := c.Calls() >= r.MinCalls
	switch {
	case row >= r.Consecutive:
		why.Rule = "consecutive"
	case enough && float64(c.Failures()) >= float64(r.FailureRate)*float64(c.Calls()):
		why.Rule = "failure_rate"
	case enough && r.SlowRate > 0 && float64(c.Slow) >= float64(r.SlowRate)*float64(c.Calls()):
		why.Rule = "slow_rate"
	}
	return why, why.Rule != ""
}

// open opens, unless somebody else has changed the state since was.
func (b *breaker) open(g *Guard, why Why, was *opening) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.opening.Load() != was {
		return
	}
	r, since := b.rules.Load(), g.since()
	if was == nil && since-b.closed >= r.OpenFor.Max.Std() {
		b.streak = 0
	}
	span := openFor(r.OpenFor, b.streak, g.chance())
	b.streak++
	o := &opening{breaker: b, why: why, carries: carrier(r.Probes, span), probes: r.Probes}
	o.at = g.now() // not before the carrier's own beginning
	o.until = o.at.Add(span)
	o.ends = o.until.Sub(g.start)
	b.window.clear()
	b.row.Store(0)
	b.since = o.at
	b.era.Add(1)
	b.opening.Store(o)
	g.changes.put(Change{At: o.at, Scope: b.gate.scope, ID: b.gate.id, Class: b.class.String(), To: Open, Until: o.until, Why: why})
}

// carrier is a gobreaker that has just opened. One failure opens a fresh one.
func carrier(probes int, span time.Duration) *gobreaker.TwoStepCircuitBreaker[struct{}] {
	c := gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		MaxRequests: uint32(probes), Timeout: max(1, span-1), //nolint:gosec // 1 to 100
		ReadyToTrip: func(gobreaker.Counts) bool { return true },
		IsExcluded:  func(err error) bool { return errors.Is(err, errNeutral) },
	})
	if done, err := c.Allow(); err == nil {
		done(errFailed)
	}
	return c
}

// openFor grows with each opening, and chance spreads it (full jitter above the
// least), so that many gateways don't come back to a bank in the same moment.
func openFor(r profiles.Range, streak int, chance float64) time.Duration {
	least, most := r.Min.Std(), r.Max.Std()
	ceiling := most
	if streak < 20 {
		ceiling = min(most, 2*least<<streak)
	}
	return least + time.Duration(chance*float64(ceiling-least))
}

// close closes after its probes, unless somebody else has changed the state.
func (b *breaker) close(g *Guard, was *opening) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.opening.Load() != was {
		return
	}
	b.since = g.now()
	b.closed = b.since.Sub(g.start)
	b.window.clear()
	b.row.Store(0)
	b.era.Add(1)
	b.opening.Store(nil)
	g.changes.put(Change{At: b.since, Scope: b.gate.scope, ID: b.gate.id, Class: b.class.String(), To: Closed})
}

// shut says whether an operation must not even try, and for how long. It takes
// nothing. Queries go first when the time is over; the others wait a little for one.
func (o *opening) shut(now time.Duration, class Class) (wait time.Duration, yes bool) {
	ends := o.ends
	if class != Query && !o.vouched.Load() {
		ends += patience
	}
	return ends - now, now < ends
}

// permit takes a permit to be a probe. lent: the prober is a query, and this
// breaker judges another class. A query says that the bank speaks, not that it
// works, so the last permit is kept for the class itself.
func (o *opening) permit(g *Guard, lent bool) (*probe, bool) {
	if lent && int(o.lent.Add(1)) >= o.probes {
		o.lent.Add(-1)
		return nil, false
	}
	done, err := o.carries.Allow()
	if err != nil {
		if lent {
			o.lent.Add(-1)
		}
		return nil, false
	}
	p := &probe{guard: g, opening: o, done: done, lent: lent}
	// A probe that nobody ever hears of again must not keep its permit.
	p.timer = time.AfterFunc(g.probeWithin(), func() { p.end(errFailed, unknown) })
	return p, true
}

// probe is one operation that tries whether a gate's trouble is over.
type probe struct {
	guard   *Guard
	opening *opening
	done    func(error)
	lent    bool
	timer   *time.Timer
	once    atomic.Bool
}

// over gives the permit back. It may be called more than once.
func (p *probe) over(err error, e event) {
	p.timer.Stop()
	p.end(err, e)
}

func (p *probe) end(err error, e event) {
	if !p.once.CompareAndSwap(false, true) {
		return
	}
	o, b := p.opening, p.opening.breaker
	if !errors.Is(err, errNeutral) && b.opening.Load() == o {
		b.window.add(p.guard.since(), e)
	}
	if p.lent {
		switch {
		case err == nil:
			o.vouched.Store(true)
		case errors.Is(err, errNeutral):
			o.lent.Add(-1)
		}
	}
	p.done(err)
	switch o.carries.State() {
	case gobreaker.StateClosed:
		b.close(p.guard, o)
	case gobreaker.StateOpen:
		b.open(p.guard, Why{Rule: "probe", Counts: b.window.sum(p.guard.since())}, o)
	}
}
