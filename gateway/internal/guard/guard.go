// Package guard stands before every channel and every bank: how many requests
// may be under way, and how many a second. What it refuses costs nothing.
package guard

import (
	"time"

	"kaqiao/gateway/internal/op"
	"kaqiao/profiles"
)

// Guard holds a gate for each channel and each bank of a set.
type Guard struct {
	set *profiles.Set
	now func() time.Time
}

// Snapshot is how busy one gate is.
type Snapshot struct {
	InFlight      int // under way now
	InFlightLimit int
	LastSecond    int // let through in the last whole second
	PerSecond     int // the limit
}

// New makes the gates of a set.
func New(set *profiles.Set, now func() time.Time) *Guard { return &Guard{set: set, now: now} }

// Enter lets an operation through both gates or says why not. leave must be
// called when the exchange is over; calling it again does nothing.
func (g *Guard) Enter(channel, bank string, kind op.Kind) (leave func(op.Result), refused *op.Problem) {
	return func(op.Result) {}, nil
}

// Snapshot tells how busy a bank is. It is zero for a bank that is not served.
func (g *Guard) Snapshot(bank string) Snapshot { return Snapshot{} }
