// Package guard stands before every channel and every bank: how many requests
// may be under way, and how many a second. What it refuses costs nothing, is
// written nowhere and was not sent.
package guard

import (
	"context"
	"sync/atomic"
	"time"

	"kaqiao/gateway/internal/op"
	"kaqiao/profiles"
)

// Guard holds a gate for each channel and each bank of a set. Gates share
// nothing and have no locks: a bank that hangs costs the others nothing.
type Guard struct {
	banks    map[string]*bank
	channels map[string]*gate
	now      func() time.Time
	start    time.Time
}

type bank struct {
	gate
	profile *profiles.Bank
}

// Snapshot is how busy one gate is.
type Snapshot struct {
	InFlight      int // under way now
	InFlightLimit int
	LastSecond    int // let through in the last whole second
	PerSecond     int // the limit
}

// New makes the gates of a set.
func New(set *profiles.Set, now func() time.Time) *Guard {
	g := &Guard{
		banks:    make(map[string]*bank, len(set.Banks)),
		channels: make(map[string]*gate, len(set.Channels)),
		now:      now, start: now(),
	}
	for _, b := range set.Banks {
		entry := &bank{profile: b}
		entry.set(b.Limits)
		g.banks[b.ID] = entry
	}
	for _, c := range set.Channels {
		entry := new(gate)
		entry.set(c.Limits)
		g.channels[c.ID] = entry
	}
	return g
}

// Enter lets an operation through the gates of its bank and its channel, or
// says why not. leave must be called when the exchange is over; calling it
// again does nothing.
func (g *Guard) Enter(_ context.Context, channel, bankID string, kind op.Kind) (leave func(op.Result), refused *op.Problem) {
	b, c := g.banks[bankID], g.channels[channel]
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
	since := now.Sub(g.start)
	ordinary := isOrdinary(kind)
	// The bank first: one that is asked too often must not use up what its channel could do for others.
	if why := b.enter(since, ordinary); why.refused {
		return nil, why.problem(bankID, "bank")
	}
	if why := c.enter(since, ordinary); why.refused {
		b.undo(ordinary)
		return nil, why.problem(bankID, "channel")
	}
	b.seen.add(since)
	c.seen.add(since)
	return (&passage{bank: &b.gate, channel: c, ordinary: ordinary}).leave, nil
}

// Snapshot tells how busy a bank is. It is zero for a bank that is not served.
func (g *Guard) Snapshot(bankID string) Snapshot {
	b := g.banks[bankID]
	if b == nil {
		return Snapshot{}
	}
	return Snapshot{
		InFlight: int(b.all.inFlight.Load()), InFlightLimit: int(b.all.limit),
		LastSecond: b.seen.last(g.now().Sub(g.start)), PerSecond: b.perSecond,
	}
}

// isOrdinary reports whether an operation begins new work. What ends or
// explains work that has begun may use the reserve as well.
func isOrdinary(kind op.Kind) bool {
	switch kind {
	case op.Query, op.Confirm, op.Cancel, op.Unsign:
		return false
	}
	return true
}

// passage is one operation between its gates.
type passage struct {
	bank, channel *gate
	ordinary      bool
	over          atomic.Bool
}

func (p *passage) leave(op.Result) {
	if p.over.CompareAndSwap(false, true) {
		p.bank.leave(p.ordinary)
		p.channel.leave(p.ordinary)
	}
}

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
