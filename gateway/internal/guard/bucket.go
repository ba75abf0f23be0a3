package guard

import (
	"math"
	"sync/atomic"
	"time"
)

// bucket is a token bucket in one word (GCRA): the moment at which it will be
// full again. golang.org/x/time/rate was rejected because it can't give a token
// back exactly: a request that the channel refuses would cost its bank a turn.
type bucket struct {
	every atomic.Int64 // nanoseconds for one token
	span  atomic.Int64 // nanoseconds for all of them
	full  atomic.Int64
}

// set changes the rate. The tokens that are missing are missing at the new rate
// as well; one that is taken or given back at that very moment may be counted at either.
func (b *bucket) set(perSecond float64, burst int64, now time.Duration) {
	if perSecond <= 0 {
		b.span.Store(0)
		return
	}
	every := int64(math.Ceil(float64(time.Second) / perSecond)) // rounded so that it is never more
	old := b.every.Swap(every)
	b.span.Store(every * burst)
	was := b.full.Load()
	if missing := was - int64(now); old != 0 && old != every && missing > 0 {
		b.full.CompareAndSwap(was, int64(now)+int64(float64(missing)/float64(old)*float64(every)))
	}
}

// take takes a token, or says how long it takes until there is one.
func (b *bucket) take(now time.Duration) (wait time.Duration) {
	span, every := b.span.Load(), b.every.Load()
	if span == 0 { // no rate at all
		return time.Second
	}
	for {
		was := b.full.Load()
		next := max(was, int64(now)) + every
		if wait := next - int64(now) - span; wait > 0 {
			return time.Duration(wait)
		}
		if b.full.CompareAndSwap(was, next) {
			return 0
		}
	}
}

// wait is how long it takes until there is a token. It takes none.
func (b *bucket) wait(now time.Duration) time.Duration {
	return max(0, time.Duration(max(b.full.Load(), int64(now))+b.every.Load()-int64(now)-b.span.Load()))
}

func (b *bucket) giveBack() { b.full.Add(-b.every.Load()) }

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

// average follows durations: each new one moves it by an eighth of the
// difference. A moment's loss between two writers does no harm.
type average struct{ ns atomic.Int64 }

func (a *average) add(d time.Duration) {
	was := a.ns.Load()
	if was == 0 {
		a.ns.Store(int64(d))
		return
	}
	a.ns.Store(was + (int64(d)-was)/8)
}

func (a *average) get() time.Duration { return time.Duration(a.ns.Load()) }

// recent keeps the last durations, for people to look at.
type recent struct {
	next atomic.Uint32
	took [128]atomic.Uint32 // microseconds; 0: none yet
}

func (r *recent) add(d time.Duration) {
	us := uint32(min(max(1, d.Microseconds()), math.MaxUint32)) //nolint:gosec // bounded here
	r.took[(r.next.Add(1)-1)%uint32(len(r.took))].Store(us)
}
