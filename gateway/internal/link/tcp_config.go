package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"time"

	"kaqiao/profiles/wire"
)

// Dialogue is what a link over long lines must know of a protocol. Many lines
// use one at once.
type Dialogue struct {
	// NewFramer makes what finds the messages in the bytes of one line. Required.
	NewFramer func() Framer
	// Append puts a message, in its form for the line, behind what is in a buffer. Required.
	Append func(dst, body []byte) ([]byte, error)
	// Match returns what a request and its answer have in common and no other
	// exchange has, and whether the frame is a request. It need not check the rest of the frame. Required.
	Match func(wire.Frame) (key string, asks bool, err error)
	// Session: nil where nothing is said on a line but business.
	Session Session
	// Idle is how long nothing need be heard on a line before the session asks for life, 1ms to 24h. Default 60s.
	// An exchange that waited in vain while nothing was heard on its line has it asked at once.
	Idle time.Duration
	// AnswerTimeout is for each answer to the session's own words, 1ms to 10m. Default 5s.
	AnswerTimeout time.Duration
}

type (
	// Framer splits the bytes of one line into messages. One goroutine uses it.
	Framer interface {
		// Feed takes the next bytes. They are the caller's again when it returns.
		Feed(segment []byte)
		// Next hands out the next whole message; an empty one is a keep-alive. False: more
		// bytes are needed. After an error, such as wire.ErrTooLarge, the line can't be read on.
		Next() (body []byte, ok bool, err error)
	}
	// Session is what is said on a line beside business. Each context ends with the line.
	Session interface {
		// Open says what a fresh line must hear before it may be used. An error closes the line.
		Open(context.Context, Ask) error
		// Tend is called on each line about once in Idle; idle: nothing was heard for that long or while an
		// exchange waited in vain, and a sign of life is wanted. An error closes the line.
		Tend(ctx context.Context, ask Ask, idle bool) error
		// Reply answers the bank's own request, and returns false for one that is not the session's business.
		// It is called between two frames: it must be quick.
		Reply(wire.Frame) (wire.Frame, bool)
	}
	// Ask is an exchange over one line. Its error is that of Exchange.
	Ask = func(context.Context, wire.Frame) (wire.Frame, error)
)

const (
	maxHeard   = 1024     // frames that wait to be heard; one more is dropped, and logged
	maxReplies = 16       // of a session that wait to be written on one line; one more is dropped
	maxQueue   = 256      // frames that wait to be written on one line; one more waits outside
	maxBatch   = 64 << 10 // bytes written at once
)

// TCPConfig is what a link over long lines needs.
type TCPConfig struct {
	// Address is host and port. Required.
	Address string
	// TLS: nil for none.
	TLS *tls.Config
	// Dialogue is the protocol's part.
	Dialogue
	// Heard is told answers that nobody waits for, and requests of the bank that
	// are not the session's, one after another. Nil: they are logged, without what they say.
	Heard func(wire.Frame)

	// Lines is the number of connections kept, 1 to 64. Default 2.
	Lines int
	// InFlight is the number of exchanges under way at once on one line, 1 to 100,000. Default 10,000. One more is not sent.
	InFlight int
	// ConnectTimeout is for TCP and TLS together, and how long a frame waits for a ready line, 1ms to 10m. Default 2s.
	ConnectTimeout time.Duration
	// WriteTimeout is how long a bank may not read before its line is given up, 1ms to 10m. Default 5s.
	WriteTimeout time.Duration
	// MinPause and MaxPause are before a line is connected again: at first and at most, 1ms to 10m.
	// It doubles each time, and chance takes off up to half. Defaults 100ms and 5s.
	MinPause, MaxPause time.Duration
	// Drain is how long Close lets exchanges end, 1ms to 10m. Default 5s.
	Drain time.Duration

	// Rand is chance, 0 to 1 without 1. Nil: math/rand/v2.
	Rand func() float64
	// Dial connects. Nil: over the network.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Log: nil for none.
	Log *slog.Logger
}

// check fills in what is not set and refuses what can't be.
func (c *TCPConfig) check() error {
	host, port, err := net.SplitHostPort(c.Address)
	if err != nil || host == "" || port == "" {
		return errors.New("address must be host:port")
	}
	if c.NewFramer == nil || c.Append == nil || c.Match == nil {
		return errors.New("the dialogue must have NewFramer, Append and Match")
	}
	if c.TLS != nil {
		c.TLS = c.TLS.Clone()
		if c.TLS.ServerName == "" {
			c.TLS.ServerName = host
		}
	}
	set(&c.Lines, 2)
	set(&c.InFlight, 10_000)
	switch {
	case c.Lines < 1 || c.Lines > 64:
		return fmt.Errorf("lines %d: must be 1 to 64", c.Lines)
	case c.InFlight < 1 || c.InFlight > 100_000:
		return fmt.Errorf("in flight %d: must be 1 to 100,000", c.InFlight)
	}
	for _, d := range []struct {
		name      string
		value     *time.Duration
		otherwise time.Duration
		max       time.Duration
	}{
		{"connect timeout", &c.ConnectTimeout, 2 * time.Second, 10 * time.Minute},
		{"answer timeout", &c.AnswerTimeout, 5 * time.Second, 10 * time.Minute},
		{"write timeout", &c.WriteTimeout, 5 * time.Second, 10 * time.Minute},
		{"idle", &c.Idle, time.Minute, 24 * time.Hour},
		{"min pause", &c.MinPause, 100 * time.Millisecond, 10 * time.Minute},
		{"max pause", &c.MaxPause, 5 * time.Second, 10 * time.Minute},
		{"drain", &c.Drain, 5 * time.Second, 10 * time.Minute},
	} {
		set(d.value, d.otherwise)
		if *d.value < time.Millisecond || *d.value > d.max {
			return fmt.Errorf("%s %v: must be 1ms to %v", d.name, *d.value, d.max)
		}
	}
	if c.Rand == nil {
		c.Rand = rand.Float64
	}
	if c.Dial == nil {
		c.Dial = new(net.Dialer).DialContext
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return nil
}
