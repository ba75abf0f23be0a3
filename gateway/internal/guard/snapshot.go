package guard

import (
	"math"
	"slices"
	"time"
)

// Snapshot is how one gate fares. It is put together from many figures, each
// right in itself, and not from one moment.
type Snapshot struct {
	InFlight      int // under way now
	InFlightLimit int
	LastSecond    int // let through in the last whole second
	PerSecond     int // the limit
	Waiting       int // for their turn
	WaitingLimit  int
	Forced        *Forced
	Classes       [classes]ClassSnapshot // by Class
}

// ClassSnapshot is how one class fares at one gate.
type ClassSnapshot struct {
	State     State // Closed, Open or HalfOpen, whatever is forced
	Since     time.Time
	Until     time.Time // with Open: when the next probe may go
	Why       *Why      // with Open and HalfOpen
	Window    Counts    // of the present state
	InFlight  int
	Limit     int // with all classes below it
	Waiting   int
	P50, P99  time.Duration // of the last 128 exchanges; 0: none yet
	Exchanges int           // that these are drawn from
}

// Snapshot tells how a gate fares. ok is false for one that is not served.
func (g *Guard) Snapshot(scope Scope, id string) (s Snapshot, ok bool) {
	gate := g.gate(scope, id)
	if gate == nil {
		return Snapshot{}, false
	}
	now := g.since()
	s = Snapshot{
		InFlight: int(gate.rungs[Query].inFlight.Load()), InFlightLimit: int(gate.rungs[Query].most.Load()),
		LastSecond: gate.seen.last(now), PerSecond: int(gate.perSecond.Load()),
		Waiting: gate.room.before(Fresh), WaitingLimit: int(gate.room.most.Load()),
	}
	if f := gate.force(); f != nil {
		s.Forced = &f.Forced
	}
	for c := range s.Classes {
		s.Classes[c] = gate.class(Class(c), now)
	}
	return s, true
}

func (g *gate) class(c Class, now time.Duration) ClassSnapshot {
	b := &g.breakers[c]
	s := ClassSnapshot{
		State: Closed, Window: b.window.sum(now),
		InFlight: int(g.inFlight[c].Load()), Limit: int(g.rungs[c].most.Load()), Waiting: int(g.room.waiting[c].Load()),
	}
	b.mu.Lock()
	o := b.opening.Load()
	s.Since = b.since
	b.mu.Unlock()
	if o != nil {
		why := o.why
		s.State, s.Until, s.Why = Open, o.until, &why
		if now >= o.ends {
			s.State = HalfOpen
		}
	}
	s.P50, s.P99, s.Exchanges = b.recent.percentiles()
	return s
}

// Health is one word for a bank.
type Health string

// The words.
const (
	Healthy      Health = "healthy"
	Degraded     Health = "degraded"    // something of what may be asked is not
	Unavailable  Health = "unavailable" // nothing new can begin
	IsForcedOpen Health = "forced_open" // so an operator has decided
)

// Health sums up a bank and the channels that it can be reached over.
func (s Snapshot) Health(channels []Snapshot) Health {
	own := s.alone()
	if own == IsForcedOpen || own == Unavailable || len(channels) == 0 {
		return own
	}
	best, worst := IsForcedOpen, Healthy
	for _, c := range channels {
		h := c.alone()
		if h.rank() < best.rank() {
			best = h
		}
		if h.rank() > worst.rank() {
			worst = h
		}
	}
	switch {
	case best.rank() >= Unavailable.rank():
		return best
	case own != Healthy || worst != Healthy:
		return Degraded
	}
	return Healthy
}

func (s Snapshot) alone() Health {
	if s.Forced != nil {
		if s.Forced.State == ForcedOpen {
			return IsForcedOpen
		}
		return Healthy
	}
	h := Healthy
	for c, class := range s.Classes {
		switch {
		case class.State == Open && Class(c) == Fresh:
			return Unavailable
		case class.State != Closed:
			h = Degraded
		}
	}
	return h
}

func (h Health) rank() int {
	return slices.Index([]Health{Healthy, Degraded, Unavailable, IsForcedOpen}, h)
}

// percentiles are those of the durations that are kept.
func (r *recent) percentiles() (p50, p99 time.Duration, n int) {
	all := make([]uint32, 0, len(r.took))
	for i := range r.took {
		if us := r.took[i].Load(); us > 0 {
			all = append(all, us)
		}
	}
	if len(all) == 0 {
		return 0, 0, 0
	}
	slices.Sort(all)
	at := func(share float64) time.Duration {
		return time.Duration(all[max(0, int(math.Ceil(share*float64(len(all))))-1)]) * time.Microsecond
	}
	return at(0.5), at(0.99), len(all)
}
