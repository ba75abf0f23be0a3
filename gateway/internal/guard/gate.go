package guard

import (
	"sync/atomic"
	"time"

	"kaqiao/gateway/internal/op"
	"kaqiao/profiles"
)

// Class is a kind of operations that are limited, and judged, together.
type Class int

// The classes, as they stand on the ladder: each may use what is left free for those below it.
const (
	Fresh   Class = iota // new work: verify, apply, challenge
	Unsign               // the ending of agreements
	Confirm              // confirm, cancel: somebody waits with a code in hand
	Query                // query, reverse: without them nothing that is unknown ever ends
)

const classes = 4

// String is the word used in the API.
func (c Class) String() string { return [classes]string{"new", "unsign", "confirm", "query"}[c] }

// classOf has whatever it does not know wait with the new work.
func classOf(kind op.Kind) Class {
	switch kind {
	case op.Query, op.Reverse:
		return Query
	case op.Confirm, op.Cancel:
		return Confirm
	case op.Unsign:
		return Unsign
	}
	return Fresh
}

// Scope says what a gate stands before.
type Scope string

// The scopes.
const (
	OfBank    Scope = "bank"
	OfChannel Scope = "channel"
)

// gate keeps the limits of one bank or one channel, and its breakers.
//
// Its limits are a ladder: a rung is what one class and those below it may have
// together, so an operation climbs from its own rung to the top. What is left
// free for a class is free of all below it, the top is exactly the whole, and
// nothing is set aside that others leave unused by those above.
type gate struct {
	scope     Scope
	id        string
	rungs     [classes]limit
	uses      atomic.Uint32 // which rungs: a bit each. One that is as the next above is left out; the top never is
	perSecond atomic.Int64
	inFlight  [classes]atomic.Int64
	seen      counter
	stay      average // how long an operation is inside
	room      room
	breakers  [classes]breaker
	forced    atomic.Pointer[forced]
	silence   silence // of channels alone
}

// set puts limits in place of earlier ones. Who is inside stays inside, and what was used stays used.
func (g *gate) set(l profiles.Limits, now time.Duration) {
	burst := l.Burst
	if burst == 0 {
		burst = l.PerSecond
	}
	free := [classes]float64{1, 1, 1, 1}
	if r := l.Reserve; r != nil {
		free = [classes]float64{1 - float64(r.All()), 1 - float64(r.Query+r.Confirm), 1 - float64(r.Query), 1}
	}
	g.perSecond.Store(int64(l.PerSecond))
	uses := uint32(1 << Query)
	for c := range g.rungs {
		if c < int(Query) && free[c] != free[c+1] {
			uses |= 1 << c
		}
		// At least one may be inside, or nothing could ever begin.
		g.rungs[c].most.Store(min(int64(l.InFlight), max(1, part(l.InFlight, free[c]))))
		g.rungs[c].rate.set(float64(l.PerSecond)*free[c], max(1, part(burst, free[c])), now)
	}
	g.uses.Store(uses)
	g.room.most.Store(int64(l.Queue))
	g.room.patience.Store(int64(l.Wait))
}

// part rounds down, but not what is whole but for the way fractions are kept.
func part(of int, share float64) int64 { return int64(float64(of)*share + 1e-9) }

// verdict says whether a gate refuses, and for how long.
type verdict struct {
	by   *gate         // who refuses; nil: nobody
	busy bool          // too many under way; otherwise too many a second
	wait time.Duration // until the rate allows one more
}

func (v verdict) problem(bankID string, wait time.Duration) *op.Problem {
	what := "the " + string(v.by.scope)
	detail := what + " is asked as often a second as it allows"
	if v.busy {
		detail = what + " has as many requests under way as it allows"
	}
	p := refusal(bankID, op.BankRateLimited, detail)
	p.RetryAfterS = seconds(max(wait, v.wait))
	return p
}

// climb is the rungs of one passage: those that were in use above its own when
// it entered. It leaves by the same, whatever has been adjusted in between.
type climb uint32

func (c climb) has(rung Class) bool { return c>>rung&1 == 1 }

// enter takes a place and a token of each rung, or none. The lowest rung comes
// first, so that nobody holds what is left free for others even for a moment.
func (g *gate) enter(now time.Duration, class Class) (climb, verdict) {
	up := climb(g.uses.Load() >> class << class)
	for c := class; c < classes; c++ {
		if !up.has(c) {
			continue
		}
		if v := g.rungs[c].enter(now); v.refused {
			for c--; c >= class; c-- {
				if up.has(c) {
					g.rungs[c].undo()
				}
			}
			return 0, verdict{by: g, busy: v.busy, wait: v.wait}
		}
	}
	g.inFlight[class].Add(1)
	return up, verdict{}
}

// undo is for an operation that was refused elsewhere: it never was.
func (g *gate) undo(class Class, up climb) {
	g.inFlight[class].Add(-1)
	for c := class; c < classes; c++ {
		if up.has(c) {
			g.rungs[c].undo()
		}
	}
}

// leave gives the places back; the tokens are spent.
func (g *gate) leave(class Class, up climb) {
	g.inFlight[class].Add(-1)
	for c := class; c < classes; c++ {
		if up.has(c) {
			g.rungs[c].inFlight.Add(-1)
		}
	}
}

// limit is how many may be under way and how many may come.
type limit struct {
	most     atomic.Int64
	inFlight atomic.Int64
	rate     bucket
}

type answer struct {
	refused, busy bool
	wait          time.Duration
}

func (l *limit) enter(now time.Duration) answer {
	for {
		n := l.inFlight.Load()
		if n >= l.most.Load() {
			return answer{refused: true, busy: true}
		}
		if l.inFlight.CompareAndSwap(n, n+1) {
			break
		}
	}
	if wait := l.rate.take(now); wait > 0 {
		l.inFlight.Add(-1)
		return answer{refused: true, wait: wait}
	}
	return answer{}
}

func (l *limit) undo() {
	l.inFlight.Add(-1)
	l.rate.giveBack()
}
