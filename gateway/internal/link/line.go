package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"kaqiao/gateway/internal/crash"
	"kaqiao/profiles/wire"
)

// line is one connection, from its first byte to its last.
type line struct {
	link  *TCP
	index int
	conn  net.Conn
	below *counter // what TCP took; conn itself where there is no TLS

	queue   chan *call
	replies chan []byte
	under   atomic.Int64 // exchanges under way; the session's own don't count
	heardAt atomic.Int64 // when a frame was last heard, in nanoseconds since born
	born    time.Time
	doubt   chan struct{} // takes one: an exchange has waited in vain, and nothing else was heard meanwhile

	once sync.Once
	done chan struct{} // closed when the line is broken
	err  error         // why; to be read after done
}

func (t *TCP) newLine(index int, conn net.Conn, below *counter) *line {
	return &line{
		link: t, index: index, conn: conn, below: below, born: time.Now(),
		queue: make(chan *call, maxQueue), replies: make(chan []byte, maxReplies), done: make(chan struct{}),
		doubt: make(chan struct{}, 1),
	}
}

// fail ends a line, once. Whoever waits for an answer over it waits no longer.
func (l *line) fail(why error) {
	l.once.Do(func() {
		l.err = why
		l.link.lines[l.index].CompareAndSwap(l, nil)
		close(l.done)
		_ = l.conn.Close()
	})
}

// ask is an exchange of the session.
func (l *line) ask(ctx context.Context, f wire.Frame) (wire.Frame, error) {
	match, _, err := l.link.cfg.Match(f)
	if err != nil {
		return wire.Frame{}, notSentFor(err)
	}
	bytes, err := l.link.cfg.Append(nil, f.Body)
	if err != nil {
		return wire.Frame{}, notSentFor(err)
	}
	ctx, cancel := context.WithTimeout(ctx, l.link.cfg.AnswerTimeout)
	defer cancel()
	return l.exchange(ctx, &call{key: key{match, l}, bytes: bytes})
}

// exchange waits for the answer, the line's end or the caller's, whichever comes first.
func (l *line) exchange(ctx context.Context, c *call) (wire.Frame, error) {
	c.answer = make(chan wire.Frame, 1)
	began := time.Since(l.born)
	if !l.link.table.add(c) {
		return wire.Frame{}, notSentFor(errNumber)
	}
	var err error
	select {
	case l.queue <- c:
		select {
		case answer := <-c.answer:
			return answer, nil
		case <-l.done:
			err = l.err
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
	case <-l.done:
		err = l.err
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if !l.link.table.remove(c) {
		return <-c.answer, nil // it came in the same moment
	}
	if c.proof.seal() {
		return wire.Frame{}, notSentFor(err)
	}
	if c.key.line == nil && ctx.Err() == context.DeadlineExceeded && time.Duration(l.heardAt.Load()) <= began {
		select {
		case l.doubt <- struct{}{}:
		default:
		}
	}
	return wire.Frame{}, fmt.Errorf("link: %w", err)
}

// read takes frames from the line until it breaks.
func (l *line) read() {
	framer, segment := l.link.cfg.NewFramer(), make([]byte, 16<<10)
	for {
		n, err := l.conn.Read(segment)
		framer.Feed(segment[:n])
		if wrong := l.frames(framer); wrong != nil {
			err = wrong
		}
		if err != nil {
			l.fail(cause(context.Background(), err))
			return
		}
	}
}

// frames takes what is whole.
func (l *line) frames(framer Framer) error {
	for {
		body, ok, err := framer.Next()
		switch {
		case errors.Is(err, wire.ErrTooLarge):
			return ErrTooLarge
		case err != nil:
			return ErrMalformed
		case !ok:
			return nil
		}
		l.heardAt.Store(int64(time.Since(l.born)))
		if len(body) > 0 {
			l.take(wire.Frame{Body: body})
		}
	}
}

// take gives a frame to whom it belongs.
func (l *line) take(f wire.Frame) {
	match, asks, err := l.link.cfg.Match(f)
	switch {
	case err == nil && !asks && l.link.table.deliver(match, l, f):
		return
	case err == nil && asks && l.link.cfg.Session != nil:
		if reply, ok := l.link.cfg.Session.Reply(f); ok {
			l.reply(reply)
			return
		}
	}
	l.link.tell(f)
}

// reply does not wait: a bank that asks and does not read is not answered.
func (l *line) reply(f wire.Frame) {
	bytes, err := l.link.cfg.Append(nil, f.Body)
	if err != nil {
		l.link.cfg.Log.Warn("an answer to the bank could not be framed", "address", l.link.cfg.Address)
		return
	}
	select {
	case l.replies <- bytes:
	default:
		l.link.cfg.Log.Warn("an answer to the bank was dropped: it does not read", "address", l.link.cfg.Address)
	}
}

// write writes what is queued until the line breaks. Frames that wait together are written together.
func (l *line) write() {
	var b batch
	for {
		b.reset()
		select {
		case bytes := <-l.replies:
			b.bytes = append(b.bytes, bytes...)
		case c := <-l.queue:
			b.add(c)
		case <-l.done:
			return
		}
		for more := true; more && len(b.bytes) < maxBatch; {
			select {
			case bytes := <-l.replies:
				b.bytes = append(b.bytes, bytes...)
			case c := <-l.queue:
				b.add(c)
			default:
				more = false
			}
		}
		if len(b.bytes) == 0 { // all were given up in the queue
			continue
		}
		if err := l.send(&b); err != nil {
			l.fail(cause(context.Background(), err))
			return
		}
	}
}

// send writes a batch within the time a bank may take to read. Of one that
// fails, the frames of which no byte was taken are proven to be unsent.
func (l *line) send(b *batch) error {
	if err := l.conn.SetWriteDeadline(time.Now().Add(l.link.cfg.WriteTimeout)); err != nil {
		b.unsent(0)
		return err
	}
	before := l.below.written.Load()
	n, err := l.conn.Write(b.bytes)
	if err == nil {
		b.left()
		return nil
	}
	if l.link.cfg.TLS != nil { // how much of the text lies in the records that left can't be told
		n = 0
		if l.below.written.Load() != before {
			n = len(b.bytes)
		}
	}
	b.unsent(n)
	return err
}

// batch is frames written at once, and where each begins.
type batch struct {
	bytes  []byte
	calls  []*call
	starts []int
}

func (b *batch) reset() {
	clear(b.calls)
	b.bytes, b.calls, b.starts = b.bytes[:0], b.calls[:0], b.starts[:0]
}

// add takes a call unless it was given up.
func (b *batch) add(c *call) {
	if c.proof.begin() != nil {
		return
	}
	b.calls, b.starts = append(b.calls, c), append(b.starts, len(b.bytes))
	b.bytes = append(b.bytes, c.bytes...)
}

// left says so of each exchange in it that is not the session's own.
func (b *batch) left() {
	if !crash.Enabled {
		return
	}
	for _, c := range b.calls {
		if c.key.line == nil {
			crash.Here(crash.LinkSent, "")
		}
	}
}

// unsent clears those of which nothing was among the first n bytes.
func (b *batch) unsent(n int) {
	for i, c := range b.calls {
		if b.starts[i] >= n {
			c.proof.state.Store(clean)
		}
	}
}
