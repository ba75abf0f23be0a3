package guard

import (
	"errors"
	"time"

	"kaqiao/gateway/internal/op"
	"kaqiao/profiles"
)

// ErrNotServed: there is no such bank, or no such channel.
var ErrNotServed = errors.New("not served")

// Forced is what an operator has decided about a gate, whatever its breakers say.
type Forced struct {
	State  State // ForcedOpen or ForcedShut
	Since  time.Time
	Until  time.Time
	Reason string
	By     string // the operator's caller id
}

type forced struct {
	Forced
	ends  time.Duration
	timer *time.Timer
}

// Force has a gate refuse everything (ForcedOpen) or disregard its breakers
// (ForcedShut) for a time; Closed ends that before its time. It is not kept
// over a restart. The error is ErrNotServed.
func (g *Guard) Force(scope Scope, id string, to State, within time.Duration, reason, by string) error {
	gate := g.gate(scope, id)
	if gate == nil {
		return ErrNotServed
	}
	at := g.now()
	var next *forced
	change := Change{At: at, Scope: scope, ID: id, To: to, Reason: reason, By: by}
	if to != Closed {
		next = &forced{Forced: Forced{State: to, Since: at, Until: at.Add(within), Reason: reason, By: by}, ends: at.Sub(g.start) + within}
		change.Until = next.Until
		next.timer = time.AfterFunc(within, func() {
			if gate.forced.CompareAndSwap(next, nil) {
				g.changes.put(Change{At: g.now(), Scope: scope, ID: id, To: Closed, Reason: "its time is over"})
				gate.room.next()
			}
		})
	}
	was := gate.forced.Swap(next)
	if was != nil {
		was.timer.Stop()
	}
	if next != nil || was != nil {
		g.changes.put(change)
	}
	gate.room.next()
	return nil
}

func (g *Guard) gate(scope Scope, id string) *gate {
	all := g.gates.Load()
	if scope == OfChannel {
		return all.channels[id]
	}
	if b := all.banks[id]; b != nil {
		return b.gate
	}
	return nil
}

// force is what an operator has decided, or nil.
func (g *gate) force() *forced { return g.forced.Load() }

// shut says why an operation must not even try, or nothing. It takes nothing.
func (g *gate) shut(p *passage, now time.Duration) *op.Problem {
	if f := g.force(); f != nil {
		if f.State == ForcedOpen {
			return g.unavailable(p.bank.id, f.ends-now, "an operator has closed the way")
		}
		return nil
	}
	if o := g.breakers[p.class].opening.Load(); o != nil {
		if wait, yes := o.shut(now, p.class); yes {
			return g.unavailable(p.bank.id, wait, "it has failed lately and is left alone")
		}
	}
	return nil
}

func (g *gate) unavailable(bankID string, wait time.Duration, why string) *op.Problem {
	reason, what := op.BankUnavailable, "the bank is not asked now: "
	if g.scope == OfChannel {
		reason, what = op.ChannelUnavailable, "the bank's channel is not used now: "
	}
	p := refusal(bankID, reason, what+why)
	p.RetryAfterS = seconds(wait)
	return p
}

// newGate makes a gate without limits: nothing passes until it is adjusted.
func newGate(scope Scope, id string, at time.Time) *gate {
	g := &gate{scope: scope, id: id}
	for c := range g.breakers {
		g.breakers[c].gate, g.breakers[c].class, g.breakers[c].since = g, Class(c), at
	}
	return g
}

func (g *gate) adjust(l profiles.Limits, r profiles.Breaker, now time.Duration) {
	g.set(l, now)
	for c := range g.breakers {
		g.breakers[c].set(r)
	}
	g.room.next()
}
