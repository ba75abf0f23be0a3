// Package route says which channel a bank is asked over, and why not over the others.
package route

import "kaqiao/profiles"

// Router knows which channels are there.
type Router struct {
	connected func(channel string) bool
}

// Route is one way to a bank.
type Route struct {
	Channel string // channel id
	Member  string // the bank's number on that channel
}

// Skipped is a way that was not taken.
type Skipped struct {
	Route
	Why string
}

// Choice is the way taken, and those that were not. Found is false where there is none.
type Choice struct {
	Route
	Found   bool
	Skipped []Skipped
}

// Why a way is not taken.
const (
	NotConnected = "channel is not connected"
	LessWanted   = "another route stands before it"
)

// New returns a router over the channels that are connected.
func New(connected func(channel string) bool) *Router {
	return &Router{connected: connected}
}

// Choose takes the first of the bank's routes whose channel is there. An
// agreement stays on the channel that signed it, so only new bindings are routed.
func (r *Router) Choose(bank *profiles.Bank) Choice {
	var c Choice
	for _, candidate := range bank.Routes {
		way := Route{Channel: candidate.Channel, Member: candidate.Member}
		switch {
		case !r.connected(way.Channel):
			c.Skipped = append(c.Skipped, Skipped{way, NotConnected})
		case c.Found:
			c.Skipped = append(c.Skipped, Skipped{way, LessWanted})
		default:
			c.Route, c.Found = way, true
		}
	}
	return c
}
