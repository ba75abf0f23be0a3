// Package behave decides when and how a bank or a hub misbehaves. It plans and
// does nothing: whoever has understood a request asks for its delay and its
// fault, and carries them out.
//
// Chance is keyed: what befalls a call depends on the seed, the subject, the
// operation, the card, the ordinal of that operation on that card, and on
// nothing else. Callers running side by side can't change each other's fate,
// and the same seed gives the same fates.
package behave

import (
	"sync/atomic"
	"time"

	"kaqiao/profiles"
)

// Config says whose behaviour it is.
type Config struct {
	Seed    uint64
	Subject string // unlike any other subject's: bank/abc, channel/nucc
	// Protocols are those that it speaks: a kind of fault that none of them can play is refused.
	Protocols []string
	Own       Layer // what the profile says
	Now       func() time.Time
}

// Behaviour is the behaviour of one subject. It is safe for concurrent use and takes no lock.
type Behaviour struct {
	cfg     Config
	own     *state
	current atomic.Pointer[state]
	struck  map[string]*atomic.Int64 // by kind; the map itself never changes
}

// state is one immutable set of rules with the strikes counted so far.
type state struct {
	latency profiles.Latency
	faults  []*rule
	layered bool
}

// rule is one fault with its life.
type rule struct {
	profiles.Fault
	until time.Time // zero: no end
	hits  atomic.Int64
}

// New returns a subject that behaves as its profile says. The error is a *LayerError.
func New(cfg Config) (*Behaviour, error) {
	if err := cfg.Own.check(cfg.Protocols); err != nil {
		return nil, err
	}
	b := &Behaviour{cfg: cfg, struck: make(map[string]*atomic.Int64)}
	for _, kind := range profiles.FaultKinds() {
		b.struck[kind] = new(atomic.Int64)
	}
	b.own = &state{latency: cfg.Own.Latency, faults: b.rules(cfg.Own.Faults)}
	b.current.Store(b.own)
	return b, nil
}

// Delay is how long the subject thinks about this call.
func (b *Behaviour) Delay(operation string, key Key) time.Duration {
	d := b.current.Load().latency.Of(operation)
	if d == nil {
		return 0
	}
	return draw(d, chance(b.cfg.Seed, b.cfg.Subject, operation, key, "delay", 0))
}

// NoticeFault is what befalls what the subject says unasked, as Fault for a call: lost_notice, duplicate_notice or "".
func (b *Behaviour) NoticeFault(operation string, key Key) string {
	return b.strike(operation, key, func(f profiles.Fault) bool { return ofNotice(f.Kind) }).Kind
}

// ofNotice reports whether a kind befalls notices, which are no calls.
func ofNotice(kind string) bool { return kind == "lost_notice" || kind == "duplicate_notice" }

// Fault is what befalls this call: the first fault, in their order, that
// strikes, or one without a kind. A fault with a count strikes exactly that often however many
// callers there are, so Fault is asked once a call, and only for a call that
// will really suffer. What the call's protocol can't play does not strike it.
//
// An untruth about what was done before is told only where there is something
// to hide: it strikes a query when Untruth is asked.
func (b *Behaviour) Fault(protocol, operation string, key Key) profiles.Fault {
	return b.strike(operation, key, func(f profiles.Fault) bool {
		return !ofNotice(f.Kind) && profiles.Playable(f.Kind, protocol, operation) && (operation != "query" || !OfTruth(f.Kind))
	})
}

// Untruth is what befalls a query whose answer could be made untrue: the first
// fault of that sort that suits and strikes, or one without a kind.
func (b *Behaviour) Untruth(key Key, suits func(profiles.Fault) bool) profiles.Fault {
	return b.strike("query", key, func(f profiles.Fault) bool { return OfTruth(f.Kind) && suits(f) })
}

// OfTruth reports whether a kind is about what queries are told.
func OfTruth(kind string) bool { return kind == "not_found_for_a_while" || kind == "contradiction" }

func (b *Behaviour) strike(operation string, key Key, suits func(profiles.Fault) bool) profiles.Fault {
	for i, r := range b.current.Load().faults {
		if !suits(r.Fault) || r.Operation != "" && r.Operation != operation {
			continue
		}
		if !r.until.IsZero() && !b.cfg.Now().Before(r.until) {
			continue
		}
		if r.Share != nil && chance(b.cfg.Seed, b.cfg.Subject, operation, key, r.Kind, i) >= float64(*r.Share) {
			continue
		}
		if !r.claim() {
			continue
		}
		b.struck[r.Kind].Add(1)
		return r.Fault
	}
	return profiles.Fault{}
}

// Put replaces the layer over the profile's own behaviour. The error is a *LayerError.
func (b *Behaviour) Put(l Layer) error {
	if err := l.check(b.cfg.Protocols); err != nil {
		return err
	}
	next := &state{latency: over(l.Latency, b.cfg.Own.Latency), faults: b.own.faults, layered: true}
	if l.Faults != nil {
		next.faults = b.rules(l.Faults)
	}
	b.current.Store(next)
	return nil
}

// Remove takes the layer away: the profile's own behaviour goes on where it was.
func (b *Behaviour) Remove() { b.current.Store(b.own) }

// Struck is how often each kind of fault has struck since the start, without those that never did.
func (b *Behaviour) Struck() map[string]int64 {
	out := make(map[string]int64)
	for kind, n := range b.struck {
		if n := n.Load(); n > 0 {
			out[kind] = n
		}
	}
	return out
}

// InForce is the behaviour at this moment, as people are shown it.
type InForce struct {
	Layered bool             `json:"layered"` // a layer lies over the profile's own behaviour
	Latency profiles.Latency `json:"latency"`
	Faults  []FaultInForce   `json:"faults"`
}

// FaultInForce is a fault with what is left of it.
type FaultInForce struct {
	profiles.Fault
	Struck int64      `json:"struck"`          // how often it has
	Left   *int64     `json:"left,omitempty"`  // of its count
	Until  *time.Time `json:"until,omitempty"` // when for_s ends
	Over   bool       `json:"over"`            // it can't strike any more
}

// Now returns the behaviour in force.
func (b *Behaviour) Now() InForce {
	s, now := b.current.Load(), b.cfg.Now()
	out := InForce{Layered: s.layered, Latency: s.latency, Faults: []FaultInForce{}}
	for _, r := range s.faults {
		f := FaultInForce{Fault: r.Fault, Struck: r.hits.Load()}
		if r.Count > 0 {
			left := int64(r.Count) - f.Struck
			f.Left, f.Over = &left, left == 0
		}
		if !r.until.IsZero() {
			f.Until, f.Over = &r.until, f.Over || !now.Before(r.until)
		}
		out.Faults = append(out.Faults, f)
	}
	return out
}

func (b *Behaviour) rules(faults []profiles.Fault) []*rule {
	now := b.cfg.Now()
	out := make([]*rule, len(faults))
	for i, f := range faults {
		out[i] = &rule{Fault: f}
		if f.ForS > 0 {
			out[i].until = now.Add(time.Duration(f.ForS) * time.Second)
		}
	}
	return out
}

// claim takes one strike, unless the count is used up.
func (r *rule) claim() bool {
	if r.Count == 0 {
		r.hits.Add(1)
		return true
	}
	for {
		n := r.hits.Load()
		if n >= int64(r.Count) {
			return false
		}
		if r.hits.CompareAndSwap(n, n+1) {
			return true
		}
	}
}
