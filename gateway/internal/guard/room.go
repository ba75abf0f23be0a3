package guard

import (
	"container/list"
	"context"
	"sync"
	"sync/atomic"
	"time"

	"kaqiao/gateway/internal/op"
)

// room is where operations wait for their turn before one gate: the higher
// class first, and within a class first come, first served. Who could not be
// served in time is refused at the door, so nobody in the room is stale and the
// last to come needs no preference (adaptive LIFO was rejected for that: it
// makes the patient wait longest and tells nobody how long).
//
// Only the first in line tries the gate; the others sleep. A waiter holds no
// place at any gate. Nobody waits while there is room, so its lock is met only
// where there is none.
type room struct {
	most     atomic.Int64
	patience atomic.Int64 // nanoseconds
	waiting  [classes]atomic.Int32

	mu    sync.Mutex
	lines [classes]list.List
}

// waiter is one passage in a room.
type waiter struct {
	class Class
	turn  chan struct{} // something has changed; it holds one
	at    *list.Element
}

// ahead reports whether anybody waits whose turn comes before a newcomer's.
func (r *room) ahead(class Class) bool { return r.before(class) > 0 }

func (r *room) before(class Class) (n int) {
	for c := class; c < classes; c++ {
		n += int(r.waiting[c].Load())
	}
	return n
}

func (r *room) join(w *waiter) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if int64(r.before(Fresh)) >= r.most.Load() {
		return false
	}
	w.at = r.lines[w.class].PushBack(w)
	r.waiting[w.class].Add(1)
	return true
}

// quit leaves the room, and whoever is first now looks again: a call for a turn
// may have gone to the one who left.
func (r *room) quit(w *waiter) {
	r.mu.Lock()
	r.lines[w.class].Remove(w.at)
	r.waiting[w.class].Add(-1)
	r.mu.Unlock()
	r.next()
}

// next calls the first in line.
func (r *room) next() {
	if !r.ahead(Fresh) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if w := r.first(); w != nil {
		select {
		case w.turn <- struct{}{}:
		default:
		}
	}
}

func (r *room) first() *waiter {
	for c := Query; c >= Fresh; c-- {
		if e := r.lines[c].Front(); e != nil {
			return e.Value.(*waiter) //nolint:forcetypeassert // nothing else is put in
		}
	}
	return nil
}

func (r *room) isFirst(w *waiter) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.first() == w
}

// await waits for a turn at whichever gate is full, until the passage is
// through, or its time is over, or it is clear that it will be.
func (p *passage) await(ctx context.Context, full verdict) *op.Problem {
	began := time.Now() // waits are real, whatever clock counts the limits
	for {
		gate := full.by
		ends := began.Add(time.Duration(gate.room.patience.Load()))
		if deadline, ok := ctx.Deadline(); ok { // what is left of it must do for the exchange as well
			if last := deadline.Add(-gate.stay.get()); last.Before(ends) {
				ends = last
			}
		}
		w := &waiter{class: p.class, turn: make(chan struct{}, 1)}
		expected := gate.expected(p.class, p.guard.since())
		if time.Until(ends) < expected || !gate.room.join(w) {
			return full.problem(p.bank.id, expected)
		}
		next, refused := p.turn(ctx, w, gate, ends)
		gate.room.quit(w)
		if refused != nil || next.by == nil {
			return refused
		}
		full = next
	}
}

// expected is how long a newcomer of a class will wait: those before it and
// itself, at the pace at which places have come free and tokens come. The
// slowest rung of its ladder decides.
func (g *gate) expected(class Class, now time.Duration) (longest time.Duration) {
	line := int64(g.room.before(class))
	for c := class; c < classes; c++ {
		l := &g.rungs[c]
		longest = max(longest, l.rate.wait(now)+time.Duration(line*l.rate.every.Load()))
		if most := l.most.Load(); l.inFlight.Load() >= most {
			longest = max(longest, time.Duration((line+1)*int64(g.stay.get())/max(1, most)))
		}
	}
	return longest
}

// turn sleeps until it is w's turn and the gates let it pass. It returns
// another gate where that one is full now.
func (p *passage) turn(ctx context.Context, w *waiter, gate *gate, ends time.Time) (next verdict, refused *op.Problem) {
	timer := time.NewTimer(0) // tried once at least: a place may have come free before the room was joined
	defer timer.Stop()
	full := verdict{by: gate, busy: true}
	for {
		select {
		case <-w.turn:
		case <-timer.C:
		case <-ctx.Done():
			return verdict{}, refusal(p.bank.id, op.BankRateLimited, "the caller went away while it waited for its turn")
		}
		if gate.room.isFirst(w) {
			if full, refused = p.try(p.guard.since()); full.by != gate {
				return full, refused
			}
		}
		pause := time.Until(ends)
		if pause <= 0 {
			return verdict{}, full.problem(p.bank.id, gate.expected(p.class, p.guard.since()))
		}
		if !full.busy {
			pause = min(pause, full.wait)
		}
		timer.Reset(pause)
	}
}
