// Package route says which channel a bank is asked over, and why not over the others.
package route

import (
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles"
)

// Channels knows which channels are there, and what can be said over them.
type Channels interface {
	Connected(channel string) bool
	Does(channel string, kind op.Kind) bool
}

// Router finds ways to banks.
type Router struct{ channels Channels }

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
	NotSpoken    = "the operation can't be said in the channel's protocol"
	LessWanted   = "another route stands before it"
)

// New returns a router over these channels.
func New(channels Channels) *Router { return &Router{channels: channels} }

// Choose takes the first of the bank's routes whose channel is there and over
// which an operation of this kind can be said. An agreement stays on the
// channel that signed it, so only what begins anew is routed.
func (r *Router) Choose(bank *profiles.Bank, kind op.Kind) Choice {
	var c Choice
	for _, candidate := range bank.Routes {
		way := Route{Channel: candidate.Channel, Member: candidate.Member}
		switch {
		case !r.channels.Connected(way.Channel):
			c.Skipped = append(c.Skipped, Skipped{way, NotConnected})
		case !r.channels.Does(way.Channel, kind):
			c.Skipped = append(c.Skipped, Skipped{way, NotSpoken})
		case c.Found:
			c.Skipped = append(c.Skipped, Skipped{way, LessWanted})
		default:
			c.Route, c.Found = way, true
		}
	}
	return c
}
