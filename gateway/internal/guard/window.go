package guard

import (
	"sync/atomic"
	"time"
)

// slots is how many parts a window is kept in.
const slots = 10

// event is what one exchange means to one gate.
type event int

const (
	accepted  event = iota
	refused         // it spoke
	pending         // it spoke
	elsewhere       // it carried the question, and the trouble was somebody else's
	notSent         // it could not be reached
	unknown         // no proper answer came
	slow            // beside one of the first three: it took too long
	events
)

// Counts is what came of the exchanges of a time. Slow ones are counted with their outcome as well.
type Counts struct {
	Accepted, Refused, Pending int
	Elsewhere                  int // answers about trouble that is not this gate's
	NotSent, Unknown           int // failures
	Slow                       int
}

// Failures are the exchanges without a proper answer.
func (c Counts) Failures() int { return c.NotSent + c.Unknown }

// Calls are all exchanges.
func (c Counts) Calls() int {
	return c.Accepted + c.Refused + c.Pending + c.Elsewhere + c.Failures()
}

// window counts over a sliding time, in slots that are used again and again.
// It has no lock: a count may be lost where two slots meet.
type window struct {
	width atomic.Int64 // of a slot, in nanoseconds; 0: nothing is counted
	slots [slots]slot
}

type slot struct {
	tick atomic.Int64 // which stretch of time it counts, from 1
	n    [events]atomic.Uint32
}

func (w *window) add(now time.Duration, e event) {
	width := w.width.Load()
	if width == 0 {
		return
	}
	tick := int64(now)/width + 1
	s := &w.slots[tick%slots]
	for {
		was := s.tick.Load()
		if was >= tick {
			break
		}
		if s.tick.CompareAndSwap(was, tick) {
			for i := range s.n {
				s.n[i].Store(0)
			}
			break
		}
	}
	s.n[e].Add(1)
}

// sum is what was counted in the window that ends now. Its first slot counts
// whole, so the window is up to a tenth shorter than it says, never longer.
func (w *window) sum(now time.Duration) Counts {
	width := w.width.Load()
	if width == 0 {
		return Counts{}
	}
	var n [events]int
	tick := int64(now)/width + 1
	for i := range w.slots {
		s := &w.slots[i]
		if at := s.tick.Load(); at > tick-slots && at <= tick {
			for e := range n {
				n[e] += int(s.n[e].Load())
			}
		}
	}
	return Counts{
		Accepted: n[accepted], Refused: n[refused], Pending: n[pending], Elsewhere: n[elsewhere],
		NotSent: n[notSent], Unknown: n[unknown], Slow: n[slow],
	}
}

func (w *window) clear() {
	for i := range w.slots {
		w.slots[i].tick.Store(0)
		for e := range w.slots[i].n {
			w.slots[i].n[e].Store(0)
		}
	}
}
