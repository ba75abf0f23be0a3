package listen

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"kaqiao/profiles/wire"
)

// Framing is how a protocol sets its frames off on a long line.
type Framing struct {
	// Cutter makes one for each line; it refuses frames longer than limit bytes.
	Cutter func(limit int) Cutter
	// Append appends a frame as it travels.
	Append func(dst, body []byte) ([]byte, error)
}

// Cutter finds the frames in what comes in. It is used by one goroutine.
type Cutter interface {
	// Feed takes the next bytes, which it copies.
	Feed([]byte)
	// Next hands out the next whole frame; an empty one is a sign of life. After
	// an error the line can't be understood any more.
	Next() (body []byte, ok bool, err error)
	// Pending is how many bytes wait for the rest of their frame.
	Pending() int
}

// Session is the state of one line, such as who has signed on over it.
type Session interface {
	// Handle is a Handler. It is called by many goroutines at once.
	Handle(context.Context, wire.Frame) Outcome
	// Busy refuses a frame because too many are under way. It must be quick: the line is not read meanwhile.
	Busy(wire.Frame) Outcome
	// Close ends the session. Calls of Handle may still be under way.
	Close()
}

// Push sends a frame that nobody asked for. ErrLineEnded, ErrLineFull.
type Push func(wire.Frame) error

// What Push may answer.
var (
	ErrLineEnded = errors.New("the line has ended")
	ErrLineFull  = errors.New("too much waits to be sent over the line")
)

// lineTimes are limits that a line's client can't lengthen.
type lineTimes struct {
	open    time.Duration // until the first byte, and again for the handshake
	frame   time.Duration // until a frame that has begun is there
	write   time.Duration // until an answer is gone
	idle    time.Duration // without a byte coming in
	lingers time.Duration // what is under way when the client has said its last word
	grace   time.Duration // until a stopping port cuts what is left
}

// The idle time is longer than the longest pause between two echoes that a profile can name, 10m.
func defaultLineTimes() lineTimes {
	return lineTimes{
		open: 10 * time.Second, frame: 10 * time.Second, write: 10 * time.Second,
		idle: 12 * time.Minute, lingers: 60 * time.Second, grace: 5 * time.Second,
	}
}

// TCPConfig is one port of long lines.
type TCPConfig struct {
	Address string // host:port; port 0 takes a free one
	// TLS is the port's side of TLS. Nil: plain only.
	TLS *tls.Config
	// Plain takes lines without TLS as well, told apart by the first byte.
	Plain           bool
	Framing         Framing
	MaxRequestBytes int // of one frame
	MaxConns        int // lines; one more is closed at once
	MaxInFlight     int // frames of one line that are worked on at once; more get Session.Busy
	MaxTotal        int // the same of all lines
	Open            func(Push) Session
	Log             *slog.Logger

	times lineTimes // zero: the defaults
	left  func()    // told after each line gave its place back; nil: nobody
}

// TCP is a port of long lines: many frames under way on each, answered in the
// order in which the answers are ready. What a stranger can make it hold is
// bounded: for each of MaxConns lines MaxInFlight frames, as many answers and
// one frame that is not yet whole, and MaxTotal frames of all lines together.
type TCP struct {
	cfg     TCPConfig
	door    *door
	places  chan struct{} // of frames under way
	stopped context.Context
	stop    context.CancelFunc

	mu    sync.Mutex // no line begins after stop
	lines map[*line]struct{}
	wait  sync.WaitGroup
}

// OpenTCP takes the port; Run serves it, and ctx has no part in that. A port that is opened and never run must be closed.
func OpenTCP(ctx context.Context, cfg TCPConfig) (*TCP, error) {
	if cfg.times == (lineTimes{}) {
		cfg.times = defaultLineTimes()
	}
	inner, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.Address)
	if err != nil {
		return nil, err
	}
	t := &TCP{cfg: cfg, places: make(chan struct{}, cfg.MaxTotal), lines: make(map[*line]struct{})}
	t.stopped, t.stop = context.WithCancel(context.Background())
	t.door = newDoor(inner, doorConfig{
		tls: cfg.TLS, plain: cfg.Plain, open: cfg.times.open, maxConns: cfg.MaxConns, left: cfg.left,
	})
	return t, nil
}

// Address is where the port listens.
func (t *TCP) Address() net.Addr { return t.door.inner.Addr() }

// Close gives the port back without having run it.
func (t *TCP) Close() error {
	t.stop()
	return t.door.Close()
}

// Run serves until ctx ends and returns when nothing of it is left running.
// Exchanges under way are told through their context; what they still answer
// goes out, and what does not listen is cut after a grace.
func (t *TCP) Run(ctx context.Context) error {
	failed := make(chan error, 1)
	var accepting sync.WaitGroup
	accepting.Go(func() {
		for {
			conn, err := t.door.Accept()
			if err != nil {
				failed <- err
				return
			}
			t.begin(conn)
		}
	})
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	t.mu.Lock()
	t.stop()
	lines := t.lines
	t.lines = nil
	t.mu.Unlock()
	_ = t.door.Close()
	accepting.Wait()
	for l := range lines {
		l.hush()
	}
	grace := time.AfterFunc(t.cfg.times.grace, func() {
		for l := range lines {
			l.end()
		}
	})
	t.wait.Wait()
	grace.Stop()
	if err != nil {
		return fmt.Errorf("serve %s: %w", t.Address(), err)
	}
	return nil
}

// begin starts a line, unless the port is stopping.
func (t *TCP) begin(conn net.Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lines == nil {
		_ = underneath(conn).Close()
		return
	}
	l := newLine(t, conn)
	t.lines[l] = struct{}{}
	t.wait.Go(func() {
		l.run()
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.lines, l)
	})
}

// claim takes a frame's place, if there is one.
func claim(places chan struct{}) bool {
	select {
	case places <- struct{}{}:
		return true
	default:
		return false
	}
}
