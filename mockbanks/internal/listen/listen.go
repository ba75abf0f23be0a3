// Package listen brings bytes in and answers back, one file a transport. It
// knows no bank, no protocol and no fault: a handler says what shall become of
// each exchange, and the transport does it.
package listen

import (
	"context"
	"time"

	"kaqiao/profiles/wire"
)

// Fate is what becomes of an exchange on the wire.
type Fate int

// The fates. The zero value sends nothing. What a transport can't do by its
// nature it does as Reply.
const (
	// Silence: nothing is sent. Over HTTP the connection is held until the client goes away; a long line goes on.
	Silence Fate = iota
	// Reply: the frame is sent.
	Reply
	// Reset: the connection is cut with a TCP reset. All exchanges of a long line die with it.
	Reset
	// Raw: the frame's body is sent as it is, without what makes it a frame. Over HTTP that is Reply.
	Raw
	// Half: the first half of the answer is sent, then the connection ends.
	Half
	// Drip: the answer is sent in small pieces over Outcome.Over. Other answers of a long line wait meanwhile.
	Drip
	// Twice: the answer is sent, and again, or Outcome.Second after it. Over HTTP that is Reply.
	Twice
)

// pieces is into how many an answer that drips is cut.
const pieces = 16

// Outcome is the handler's word on one exchange.
type Outcome struct {
	Fate  Fate
	Frame wire.Frame    // unless Silence or Reset
	Over  time.Duration // with Drip: from the first piece to the last
	// Second is what is sent after the answer, with Twice. Without a body it is the answer again.
	Second wire.Frame
}

// Handler answers one frame. Its context ends when the transport stops, not
// when the client goes away: a bank that has a request works on it, whoever
// still listens.
type Handler func(context.Context, wire.Frame) Outcome
