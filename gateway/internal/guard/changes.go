package guard

import (
	"sync"
	"time"
)

// Change is one change of a breaker, or of what an operator has forced.
type Change struct {
	At     time.Time
	Scope  Scope
	ID     string // of the bank or the channel
	Class  string // new, unsign, confirm, query; empty: all of them, by force
	To     State
	Until  time.Time // with Open and by force
	Why    Why       // with Open
	Reason string    // by force
	By     string    // by force
}

// Name is what the event is called: bank.degraded, bank.recovered, channel.degraded, channel.recovered.
func (c Change) Name() string {
	if c.To == Closed || c.To == ForcedShut {
		return string(c.Scope) + ".recovered"
	}
	return string(c.Scope) + ".degraded"
}

// mostChanges is how many changes wait to be told; beyond, the oldest are lost.
const mostChanges = 1024

// changes tells changes in their order, under no lock, and holds up nobody.
// Whoever finds no one telling begins to.
type changes struct {
	tell func(Change)

	mu      sync.Mutex
	waiting []Change
	telling bool
}

func (c *changes) put(change Change) {
	if c.tell == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) == mostChanges {
		c.waiting = c.waiting[1:]
	}
	c.waiting = append(c.waiting, change)
	if !c.telling {
		c.telling = true
		go c.run()
	}
}

func (c *changes) run() {
	for {
		c.mu.Lock()
		if len(c.waiting) == 0 {
			c.telling = false
			c.mu.Unlock()
			return
		}
		next := c.waiting[0]
		c.waiting = c.waiting[1:]
		c.mu.Unlock()
		c.tell(next)
	}
}
