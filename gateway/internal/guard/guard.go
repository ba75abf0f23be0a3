// Package guard stands before every channel and every bank: how many requests
// may be under way, how many a second, who waits for a turn, and whether the
// bank is asked at all after it has failed. What it refuses costs nothing, is
// written nowhere and was not sent.
//
// An operation passes: opening hours → breakers → limits, where need be after a
// short wait in the queue → probes. On the way out its result is judged
// (blame.go) and told to the breakers.
package guard

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"kaqiao/gateway/internal/op"
	"kaqiao/profiles"
)

// Config is what a Guard needs.
type Config struct {
	Set *profiles.Set
	// Now is the time of limits and windows. Default time.Now. Waits and breakers' openings last real time.
	Now func() time.Time
	// Changed is told of each change of a breaker, in order, one at a time, under no lock. It may be slow, within
	// reason: of more than 1,024 changes that wait for it the oldest are lost. Default: nobody is told.
	Changed func(Change)
	// Chance is from 0 to 1 and spreads open times. Default: math/rand.
	Chance func() float64
}

// Guard holds a gate for each channel and each bank of a set. Gates share
// nothing, and while all goes well they take no locks: a bank that hangs costs
// the others nothing. It is safe for concurrent use.
type Guard struct {
	gates   atomic.Pointer[gates]
	now     func() time.Time
	start   time.Time
	chance  func() float64
	changes changes

	adjusting sync.Mutex
}

// gates are those of one set. A gate that is in the next set too is the same one.
type gates struct {
	banks    map[string]*bank
	channels map[string]*gate
	longest  time.Duration // that any answer is waited for
}

type bank struct {
	*gate
	profile *profiles.Bank
}

// New makes the gates of a set.
func New(cfg Config) *Guard {
	g := &Guard{now: cfg.Now, chance: cfg.Chance, changes: changes{tell: cfg.Changed}}
	if g.now == nil {
		g.now = time.Now
	}
	if g.chance == nil {
		g.chance = rand.Float64
	}
	g.start = g.now()
	g.gates.Store(&gates{})
	g.Adjust(cfg.Set)
	return g
}

// Adjust puts the limits and rules of a set in place of those before. Banks and
// channels that stay keep what they have counted, who is inside, who waits, and
// the state of their breakers.
func (g *Guard) Adjust(set *profiles.Set) {
	g.adjusting.Lock()
	defer g.adjusting.Unlock()
	was, now := g.gates.Load(), g.since()
	next := &gates{banks: make(map[string]*bank, len(set.Banks)), channels: make(map[string]*gate, len(set.Channels))}
	members := map[string]int32{}
	for _, b := range set.Banks {
		entry := &bank{profile: b}
		if old := was.banks[b.ID]; old != nil {
			entry.gate = old.gate
		} else {
			entry.gate = newGate(OfBank, b.ID, g.start)
		}
		entry.adjust(b.Limits, b.Breaker, now)
		next.banks[b.ID] = entry
		next.longest = max(next.longest, b.Timeouts.Apply.Std(), b.Timeouts.Confirm.Std(), b.Timeouts.Query.Std())
		for _, r := range b.Routes {
			members[r.Channel]++
		}
	}
	for _, c := range set.Channels {
		entry := was.channels[c.ID]
		if entry == nil {
			entry = newGate(OfChannel, c.ID, g.start)
		}
		entry.adjust(c.Limits, c.Breaker.Breaker(), now)
		entry.silence.members.Store(members[c.ID])
		next.channels[c.ID] = entry
		t := c.Timeouts.Answers()
		next.longest = max(next.longest, t.Apply.Std(), t.Confirm.Std(), t.Query.Std())
	}
	g.gates.Store(next)
}

// Enter lets an operation through the gates of its bank and its channel, where
// need be after a short wait, or says why not. leave must be called when the
// exchange is over; calling it again does nothing. ctx ends a wait, nothing else.
func (g *Guard) Enter(ctx context.Context, channel, bankID string, kind op.Kind) (leave func(op.Result), refused *op.Problem) {
	all := g.gates.Load()
	b, c := all.banks[bankID], all.channels[channel]
	if b == nil {
		return nil, refusal(bankID, op.BankUnavailable, "this bank is not served")
	}
	if c == nil {
		return nil, refusal(bankID, op.ChannelUnavailable, "this channel is not served")
	}
	now := g.now()
	if hours := b.profile.ClosedAt(now); hours != (profiles.Hours{}) {
		p := refusal(bankID, op.BankUnavailable, "the bank takes no requests at this time of day")
		p.Window, p.RetryAfterS = hours.String(), seconds(untilEnd(hours, now))
		return nil, p
	}
	p := &passage{guard: g, bank: b.gate, channel: c, class: classOf(kind)}
	since := now.Sub(g.start)
	full := p.ahead()
	if full.by == nil {
		var refused *op.Problem
		if full, refused = p.try(since); refused != nil {
			return nil, refused
		}
	}
	if full.by != nil {
		if refused := p.await(ctx, full); refused != nil {
			return nil, refused
		}
	}
	return p.leave, nil
}

// passage is one operation on its way through its gates.
type passage struct {
	guard         *Guard
	bank, channel *gate
	class         Class
	over          atomic.Bool
	entered       time.Duration
	eras          [2]uint32 // of the breakers of bank and channel
	climbs        [2]climb  // at bank and channel
	probes        []*probe
}

// ahead is the gate where somebody waits whose turn comes before this passage's.
func (p *passage) ahead() verdict {
	for _, gate := range [...]*gate{p.bank, p.channel} {
		if gate.room.ahead(p.class) {
			return verdict{by: gate, busy: true}
		}
	}
	return verdict{}
}

// try passes both gates or neither. full says where there is no room; refused
// that there is no use in waiting.
func (p *passage) try(now time.Duration) (full verdict, refused *op.Problem) {
	for _, gate := range [...]*gate{p.bank, p.channel} {
		if refused := gate.shut(p, now); refused != nil {
			return verdict{}, refused
		}
	}
	// The bank first: one that is asked too often must not use up what its channel could do for others.
	if p.climbs[0], full = p.bank.enter(now, p.class); full.by != nil {
		return full, nil
	}
	if p.climbs[1], full = p.channel.enter(now, p.class); full.by != nil {
		p.bank.undo(p.class, p.climbs[0])
		return full, nil
	}
	p.entered = now
	if refused := p.probe(); refused != nil {
		p.bank.undo(p.class, p.climbs[0])
		p.channel.undo(p.class, p.climbs[1])
		return verdict{}, refused
	}
	p.bank.seen.add(now)
	p.channel.seen.add(now)
	return verdict{}, nil
}

// probe takes the permits that a passage needs where a breaker is half open,
// and those that it may help with.
func (p *passage) probe() *op.Problem {
	for i, gate := range [...]*gate{p.bank, p.channel} {
		mine := &gate.breakers[p.class]
		p.eras[i] = mine.era.Load()
		if gate.force() != nil {
			continue
		}
		if o := mine.opening.Load(); o != nil {
			probe, ok := o.permit(p.guard, false)
			if !ok {
				for _, taken := range p.probes {
					taken.over(errNeutral, elsewhere)
				}
				p.probes = nil
				return gate.unavailable(p.bank.id, time.Second, "its probes are under way")
			}
			p.probes = append(p.probes, probe)
		}
		if p.class != Query {
			continue
		}
		for c := range Query {
			if o := gate.breakers[c].opening.Load(); o != nil && p.entered >= o.ends {
				if probe, ok := o.permit(p.guard, true); ok {
					p.probes = append(p.probes, probe)
				}
			}
		}
	}
	return nil
}

// leave takes note of what became of the operation, and makes room.
func (p *passage) leave(r op.Result) {
	if !p.over.CompareAndSwap(false, true) {
		return
	}
	now := p.guard.since()
	toBank, toChannel := judge(r, p.bank, p.channel, p.entered, now)
	p.bank.told(p, 0, r, toBank, now)
	p.channel.told(p, 1, r, toChannel, now)
	for i, gate := range [...]*gate{p.bank, p.channel} {
		gate.leave(p.class, p.climbs[i])
		gate.stay.add(now - p.entered)
		gate.room.next()
	}
}

// told hands one result to the breaker that it concerns, or to the probes.
func (g *gate) told(p *passage, eras int, r op.Result, m meaning, now time.Duration) {
	b := &g.breakers[p.class]
	if r.Exchange > 0 {
		b.recent.add(r.Exchange)
	}
	tooSlow := false
	if m.counts && !m.failure() && g.scope == OfBank {
		after := b.rules.Load().SlowAfter.Std()
		tooSlow = after > 0 && r.Exchange > after
	}
	probed := false
	for _, probe := range p.probes {
		if probe.opening.breaker.gate != g {
			continue
		}
		probed = probed || !probe.lent
		switch {
		case !m.counts:
			probe.over(errNeutral, m.event)
		case m.failure() || tooSlow:
			probe.over(errFailed, m.event)
		default:
			probe.over(nil, m.event)
		}
	}
	if probed || !m.counts {
		return
	}
	if why, trips := b.add(now, p.eras[eras], m.event, tooSlow); trips && g.force() == nil {
		b.open(p.guard, why, nil)
	}
}

func (g *Guard) since() time.Duration { return g.now().Sub(g.start) }

// probeWithin is how long a probe keeps its permit: longer than any answer is
// waited for, with both commits and a pause of the whole process.
func (g *Guard) probeWithin() time.Duration { return g.gates.Load().longest + 10*time.Second }

func refusal(bankID string, reason op.Reason, detail string) *op.Problem {
	return &op.Problem{Reason: reason, Detail: detail, Bank: bankID, Outcome: op.NotSent}
}

// untilEnd is how long the window still lasts.
func untilEnd(h profiles.Hours, now time.Time) time.Duration {
	now = now.In(profiles.Beijing)
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, profiles.Beijing)
	end := midnight.Add(h.To)
	if !end.After(now) {
		end = end.Add(24 * time.Hour)
	}
	return end.Sub(now)
}

// seconds rounds up, to 1 at least.
func seconds(d time.Duration) int { return max(1, int((d+time.Second-1)/time.Second)) }
