package listen

import (
	"errors"
	"io"
	"net"
	"runtime/debug"
	"sync"
	"time"

	"kaqiao/profiles/wire"
)

// unsent is how many answers of a line may wait to be written. Who has more waits with them.
const unsent = 32

// line is one connection on which frames come and answers go.
type line struct {
	port    *TCP
	conn    net.Conn
	places  chan struct{} // of this line's frames under way
	out     chan letter
	drained chan struct{} // nothing more will be answered: the writer ends with what waits
	dead    chan struct{} // the connection is of no use any more
	once    sync.Once
	hushed  chan struct{} // the port is stopping: nothing is read any more
	hush    func()
}

// letter is what the writer sends.
type letter struct {
	bytes []byte
	pause time.Duration // after each of pieces; 0: all at once
	last  bool          // the connection ends after it
}

func newLine(t *TCP, conn net.Conn) *line {
	l := &line{
		port: t, conn: conn, places: make(chan struct{}, t.cfg.MaxInFlight), out: make(chan letter, unsent),
		drained: make(chan struct{}), dead: make(chan struct{}), hushed: make(chan struct{}),
	}
	l.hush = sync.OnceFunc(func() {
		close(l.hushed)
		_ = conn.SetReadDeadline(time.Now())
	})
	return l
}

// run serves the line until it ends, and finishes what is under way.
func (l *line) run() {
	session := l.port.cfg.Open(l.push)
	var writer, handlers sync.WaitGroup
	writer.Go(l.write)
	if !l.read(session, &handlers) {
		l.end()
	}
	session.Close()
	// The client may have closed its half only: what it has asked it is told, for a while.
	patience := time.AfterFunc(l.port.cfg.times.lingers, l.end)
	handlers.Wait()
	patience.Stop()
	close(l.drained)
	writer.Wait()
	l.end()
}

// read takes frames in until the client has said its last word (true), or the line is of no use (false).
func (l *line) read(session Session, handlers *sync.WaitGroup) bool {
	times := l.port.cfg.times
	cutter := l.port.cfg.Framing.Cutter(l.port.cfg.MaxRequestBytes)
	buffer := make([]byte, 16<<10)
	wait, begun := times.open, time.Time{}
	for {
		until := time.Now().Add(wait)
		if !begun.IsZero() {
			until = begun.Add(times.frame)
		}
		_ = l.conn.SetReadDeadline(until)
		select {
		case <-l.hushed:
			return true
		default:
		}
		n, err := l.conn.Read(buffer)
		cutter.Feed(buffer[:n])
		whole, fault := l.cut(cutter, session, handlers)
		switch {
		case fault != nil:
			l.port.cfg.Log.Debug("a line is closed", "error", fault)
			return false
		case err != nil:
			select {
			case <-l.hushed:
				return true
			default:
			}
			return errors.Is(err, io.EOF) && cutter.Pending() == 0
		case cutter.Pending() == 0:
			begun = time.Time{}
		case whole || begun.IsZero():
			begun = time.Now()
		}
		wait = times.idle
	}
}

// cut hands out the frames that are whole, and reports whether there were any.
func (l *line) cut(cutter Cutter, session Session, handlers *sync.WaitGroup) (whole bool, err error) {
	for {
		body, ok, err := cutter.Next()
		if err != nil || !ok {
			return whole, err
		}
		whole = true
		if len(body) > 0 {
			l.handle(session, wire.Frame{Body: body}, handlers)
		}
	}
}

// handle has a frame answered, or refused where too many are under way.
func (l *line) handle(session Session, frame wire.Frame, handlers *sync.WaitGroup) {
	if !claim(l.places) {
		l.carry(session.Busy(frame))
		return
	}
	if !claim(l.port.places) {
		<-l.places
		l.carry(session.Busy(frame))
		return
	}
	handlers.Go(func() {
		defer func() {
			if fault := recover(); fault != nil {
				l.port.cfg.Log.Error("a handler panicked", "stack", string(debug.Stack()))
				l.reset()
			}
			<-l.port.places
			<-l.places
		}()
		l.carry(session.Handle(l.port.stopped, frame))
	})
}

// carry does to an exchange what its handler wants.
func (l *line) carry(o Outcome) {
	switch o.Fate {
	case Silence:
		return
	case Reset:
		l.reset()
		return
	case Raw:
		l.send(letter{bytes: o.Frame.Body})
		return
	}
	bytes, err := l.port.cfg.Framing.Append(nil, o.Frame.Body)
	if err != nil {
		l.port.cfg.Log.Error("an answer can't be sent", "error", err)
		l.reset()
		return
	}
	switch o.Fate {
	case Half:
		l.send(letter{bytes: bytes[:len(bytes)/2], last: true})
	case Drip:
		l.send(letter{bytes: bytes, pause: o.Over / (pieces - 1)})
	case Twice:
		l.send(letter{bytes: bytes})
		if second := o.Second.Body; len(second) > 0 {
			if bytes, err = l.port.cfg.Framing.Append(nil, second); err != nil {
				l.port.cfg.Log.Error("an answer can't be sent", "error", err)
				l.reset()
				return
			}
		}
		l.send(letter{bytes: bytes})
	default:
		l.send(letter{bytes: bytes})
	}
}

func (l *line) send(one letter) {
	select {
	case l.out <- one:
	case <-l.dead: // whoever is gone does not hear it
	}
}

// push sends what nobody asked for, without waiting.
func (l *line) push(frame wire.Frame) error {
	bytes, err := l.port.cfg.Framing.Append(nil, frame.Body)
	if err != nil {
		return err
	}
	select {
	case <-l.dead:
		return ErrLineEnded
	case <-l.drained:
		return ErrLineEnded
	default:
	}
	select {
	case l.out <- letter{bytes: bytes}:
		return nil
	default:
		return ErrLineFull
	}
}

// write sends one letter after another until all are gone or the line is of no use.
func (l *line) write() {
	for {
		select {
		case <-l.dead:
			return
		case one := <-l.out:
			if !l.put(one) {
				l.end()
				return
			}
		case <-l.drained:
			for {
				select {
				case one := <-l.out:
					if !l.put(one) {
						return
					}
				default:
					return
				}
			}
		}
	}
}

// put sends a letter and reports whether the line goes on.
func (l *line) put(one letter) bool {
	step := len(one.bytes)
	if one.pause > 0 {
		step = max(1, (len(one.bytes)+pieces-1)/pieces)
	}
	for rest := one.bytes; len(rest) > 0; {
		_ = l.conn.SetWriteDeadline(time.Now().Add(l.port.cfg.times.write))
		n := min(step, len(rest))
		if _, err := l.conn.Write(rest[:n]); err != nil {
			return false
		}
		if rest = rest[n:]; len(rest) > 0 && !l.pause(one.pause) {
			return false
		}
	}
	return !one.last
}

// pause waits between two pieces, unless the line or the port ends first.
func (l *line) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.dead:
	case <-l.hushed:
	}
	return false
}

// reset cuts the line with a TCP reset, and drops what is unsent.
func (l *line) reset() {
	l.once.Do(func() {
		raw := underneath(l.conn)
		if inner, ok := raw.(*guest); ok {
			inner.reset()
		}
		close(l.dead)
		_ = raw.Close()
	})
}

// end closes the line; it may be called again.
func (l *line) end() {
	l.once.Do(func() {
		close(l.dead)
		_ = underneath(l.conn).Close()
	})
}
