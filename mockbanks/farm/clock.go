package farm

import (
	"net/http"
	"sync"
	"time"

	"kaqiao/profiles"
)

// clock is the farm's virtual time: the one that the banks' books live by. It
// goes with the real one until somebody moves it. It is safe for concurrent use.
type clock struct {
	real func() time.Time

	mu    sync.Mutex
	from  time.Time // real, when it was last moved
	at    time.Time // virtual, then
	rate  float64   // virtual seconds of a real one; 0: it stands still
	moved bool
}

// The limits of the clock.
const (
	maxRate  = 100_000                    // virtual seconds of a real one: more than a day
	maxAhead = 20                         // years, either way
	mostGone = 100 * 365 * 24 * time.Hour // since it was moved: there it stops
)

func newClock(real func() time.Time) *clock { return &clock{real: real, rate: 1} }

// now is the virtual time, in Beijing's zone.
func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reads(c.real())
}

// reads is called with the lock held.
func (c *clock) reads(real time.Time) time.Time {
	if !c.moved {
		return real
	}
	went := min(float64(real.Sub(c.from))*c.rate, float64(mostGone))
	return c.at.Add(time.Duration(went)).In(profiles.Beijing)
}

// setting is what is asked of the clock. What is left out stays.
type setting struct {
	Now     *time.Time `json:"now"`     // it reads so from now on
	Rate    *float64   `json:"rate"`    // 0 freezes it
	Virtual *bool      `json:"virtual"` // false, alone: it is the real time again
}

// set moves the clock, or returns why it can't be moved so.
func (c *clock) set(s setting) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	real := c.real()
	at := c.reads(real)
	switch {
	case s.Virtual != nil && !*s.Virtual:
		if s.Now != nil || s.Rate != nil {
			return invalid("virtual: false is the real time, which has neither now nor rate")
		}
		c.moved, c.rate = false, 1
		return nil
	case s.Now == nil && s.Rate == nil:
		return invalid("give now, rate or both, or virtual: false alone")
	case s.Rate != nil && !(*s.Rate >= 0 && *s.Rate <= maxRate):
		return invalid("rate must be 0 to %d", maxRate)
	case s.Now != nil && (s.Now.Before(real.AddDate(-maxAhead, 0, 0)) || s.Now.After(real.AddDate(maxAhead, 0, 0))):
		return invalid("now must be within %d years of the real time", maxAhead)
	}
	if s.Now != nil {
		at = *s.Now
	}
	if s.Rate != nil {
		c.rate = *s.Rate
	}
	c.from, c.at, c.moved = real, at, true
	return nil
}

// reading is the clock as people are shown it.
type reading struct {
	Now     time.Time `json:"now"`
	Real    time.Time `json:"real"`
	Rate    float64   `json:"rate"`
	Virtual bool      `json:"virtual"`
}

func (c *clock) show() reading {
	c.mu.Lock()
	defer c.mu.Unlock()
	real := c.real()
	return reading{c.reads(real), real, c.rate, c.moved}
}

func (c *control) clock(r *http.Request) (any, error) {
	if err := query(r).done(); err != nil {
		return nil, err
	}
	return c.farm.clock.show(), nil
}

// setClock moves the virtual time; what is due by it is settled at once.
func (c *control) setClock(r *http.Request) (any, error) {
	if err := query(r).done(); err != nil {
		return nil, err
	}
	var s setting
	if err := body(r, &s); err != nil {
		return nil, err
	}
	if err := c.farm.clock.set(s); err != nil {
		return nil, err
	}
	c.farm.clerk.stir()
	return c.farm.clock.show(), nil
}
