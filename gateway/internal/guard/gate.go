package guard

import (
	"math"
	"sync/atomic"
	"time"

	"kaqiao/gateway/internal/op"
	"kaqiao/profiles"
)

// gate keeps the limits of one bank or one channel. Ordinary operations count
// twice: against the whole, and against the whole without the reserve. So the
// reserve is always free of them, and nothing is set aside that others leave unused.
type gate struct {
	all, ordinary limit
	perSecond     int
	seen          counter
}

// limit is how many may be under way and how many may come.
type limit struct {
	limit    int64
	inFlight atomic.Int64
	rate     bucket
}

func (g *gate) set(l profiles.Limits) {
	burst := l.Burst
	if burst == 0 {
		burst = l.PerSecond
	}
	free := 1.0
	if l.Reserve != nil {
		free -= float64(l.Reserve.All())
	}
	g.perSecond = l.PerSecond
	g.all.limit = int64(l.InFlight)
	g.all.rate.set(float64(l.PerSecond), burst)
	// At least one may be ordinary, or nothing could ever begin.
	g.ordinary.limit = min(int64(l.InFlight), max(1, int64(float64(l.InFlight)*free)))
	g.ordinary.rate.set(float64(l.PerSecond)*free, max(1, int(float64(burst)*free)))
}

// verdict says whether a gate refuses, and for how long.
type verdict struct {
	refused bool
	busy    bool          // too many under way; otherwise too many a second
	wait    time.Duration // until the rate allows one more
}

func (v verdict) problem(bankID, what string) *op.Problem {
	detail := "the " + what + " is asked as often a second as it allows"
	if v.busy {
		detail = "the " + what + " has as many requests under way as it allows"
	}
	p := refusal(bankID, op.BankRateLimited, detail)
	p.RetryAfterS = seconds(v.wait)
	return p
}

// enter takes a place and a token, or neither. What is ordinary asks for its
// own part first, so that it never holds a place of the reserve even for a moment.
func (g *gate) enter(now time.Duration, ordinary bool) verdict {
	if ordinary {
		if v := g.ordinary.enter(now); v.refused {
			return v
		}
	}
	v := g.all.enter(now)
	if v.refused && ordinary {
		g.ordinary.undo()
	}
	return v
}

// undo is for an operation that was refused elsewhere: it never was.
func (g *gate) undo(ordinary bool) {
	g.all.undo()
	if ordinary {
		g.ordinary.undo()
	}
}

// leave gives the place back; the token is spent.
func (g *gate) leave(ordinary bool) {
	g.all.inFlight.Add(-1)
	if ordinary {
		g.ordinary.inFlight.Add(-1)
	}
}

func (l *limit) enter(now time.Duration) verdict {
	for {
		n := l.inFlight.Load()
		if n >= l.limit {
			return verdict{refused: true, busy: true}
		}
		if l.inFlight.CompareAndSwap(n, n+1) {
			break
		}
	}
	if wait := l.rate.take(now); wait > 0 {
		l.inFlight.Add(-1)
		return verdict{refused: true, wait: wait}
	}
	return verdict{}
}

func (l *limit) undo() {
	l.inFlight.Add(-1)
	l.rate.giveBack()
}

// bucket is a token bucket in one word (GCRA): the moment at which it will be
// full again. golang.org/x/time/rate was rejected because it can't give a token
// back exactly: a request that the channel refuses would cost its bank a turn.
type bucket struct {
	every int64 // nanoseconds for one token
	span  int64 // nanoseconds for all of them
	full  atomic.Int64
}

func (b *bucket) set(perSecond float64, burst int) {
	if perSecond > 0 {
		b.every = int64(math.Ceil(float64(time.Second) / perSecond)) // rounded so that it is never more
		b.span = b.every * int64(burst)
	}
}

// take takes a token, or says how long it takes until there is one.
func (b *bucket) take(now time.Duration) (wait time.Duration) {
	if b.span == 0 { // no rate at all
		return time.Second
	}
	for {
		was := b.full.Load()
		next := max(was, int64(now)) + b.every
		if wait := next - int64(now) - b.span; wait > 0 {
			return time.Duration(wait)
		}
		if b.full.CompareAndSwap(was, next) {
			return 0
		}
	}
}

func (b *bucket) giveBack() { b.full.Add(-b.every) }

// counter counts what came in the present second and keeps the one before. It
// is for people to look at: a count may be lost where two seconds meet.
type counter struct{ present, before atomic.Uint64 } // second<<32 | count

func (c *counter) add(now time.Duration) {
	second := uint64(now / time.Second)
	for {
		was := c.present.Load()
		if was>>32 >= second && was != 0 {
			c.present.Add(1)
			return
		}
		if c.present.CompareAndSwap(was, second<<32|1) {
			c.before.Store(was)
			return
		}
	}
}

// last returns the count of the last whole second.
func (c *counter) last(now time.Duration) int {
	wanted := uint64(now/time.Second) - 1
	for _, seen := range []uint64{c.present.Load(), c.before.Load()} {
		if seen>>32 == wanted && seen != 0 {
			return int(uint32(seen))
		}
	}
	return 0
}
