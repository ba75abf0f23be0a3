// Package listen brings bytes in and answers back, one file a transport. It
// knows no bank, no protocol and no fault: a handler says what shall become of
// each exchange, and the transport does it.
package listen

import (
	"context"

	"kaqiao/profiles/wire"
)

// Fate is what becomes of an exchange on the wire.
type Fate int

// The fates. The zero value sends nothing.
const (
	Silence Fate = iota // nothing is sent; the connection is held until the client goes away
	Reply               // the frame is sent
	Reset               // the connection is cut with a TCP reset
)

// Outcome is the handler's word on one exchange.
type Outcome struct {
	Fate  Fate
	Frame wire.Frame // with Reply
}

// Handler answers one frame. Its context ends when the transport stops, not
// when the client goes away: a bank that has a request works on it, whoever
// still listens.
type Handler func(context.Context, wire.Frame) Outcome
