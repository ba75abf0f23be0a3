package link

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"kaqiao/profiles/wire"
)

// Why a frame was not handed to a line. Each comes with ErrNotSent.
var (
	errClosed = errors.New("link is closed")
	errFull   = errors.New("as many exchanges are under way as the lines may carry")
	errNumber = errors.New("another exchange under the same number is under way")
	errNoLine = errors.New("no line is ready")
)

// TCP carries frames over long connections, many exchanges at once on each,
// answers in any order. It is safe for concurrent use.
//
// A line is connected and opened before it is used, kept alive while it is
// idle, and connected again when it breaks. Lines are used in turn.
type TCP struct {
	cfg   TCPConfig
	lines []atomic.Pointer[line] // nil: not ready
	turn  atomic.Uint64
	table table
	heard chan wire.Frame

	start  sync.Once
	mute   sync.Once
	ctx    context.Context // ends when lines must
	cancel context.CancelFunc
	all    sync.WaitGroup // keepers of lines
	ears   sync.WaitGroup // who tells Heard

	mu      sync.Mutex
	closed  bool
	under   int           // exchanges under way
	drained chan struct{} // closed when the last of them has ended after Close
	changed chan struct{} // closed and replaced whenever a line gets ready
	last    error         // why a line was last not to be had
}

// NewTCP makes a link. It connects with Start, or when it is used first.
func NewTCP(cfg TCPConfig) (*TCP, error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("link: %w", err)
	}
	t := &TCP{
		cfg: cfg, lines: make([]atomic.Pointer[line], cfg.Lines), table: table{calls: make(map[key]*call)},
		heard: make(chan wire.Frame, maxHeard), drained: make(chan struct{}), changed: make(chan struct{}),
	}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	return t, nil
}

// Start connects the lines and returns at once. More than once is once.
func (t *TCP) Start() {
	t.start.Do(func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.closed {
			return
		}
		t.ears.Go(func() { t.hear(t.heard) })
		for i := range t.lines {
			t.all.Go(func() { t.keep(i) })
		}
	})
}

// Exchange sends one frame and returns the answer that belongs to it. It never
// sends a frame twice. The error wraps ErrNotSent exactly when not one byte of
// it was handed to the network; then, and only then, it may be sent again. A
// line that breaks ends all its exchanges at once. An answer that comes after
// its exchange has ended goes to Heard.
func (t *TCP) Exchange(ctx context.Context, f wire.Frame) (wire.Frame, error) {
	match, asks, err := t.cfg.Match(f)
	if err == nil && !asks {
		err = errors.New("frame is no request")
	}
	if err != nil {
		return wire.Frame{}, notSentFor(err)
	}
	bytes, err := t.cfg.Append(nil, f.Body)
	if err != nil {
		return wire.Frame{}, notSentFor(err)
	}
	if err := t.enter(); err != nil {
		return wire.Frame{}, notSentFor(err)
	}
	defer t.leave()
	t.Start()
	for try := 1; ; try++ {
		l, err := t.pick(ctx)
		if err != nil {
			return wire.Frame{}, notSentFor(err)
		}
		answer, err := l.exchange(ctx, &call{key: key{match: match}, bytes: bytes})
		l.under.Add(-1)
		// A line that broke while the frame lay in its queue says nothing about the others.
		if err == nil || try == attempts || !errors.Is(err, ErrNotSent) || errors.Is(err, errNumber) || ctx.Err() != nil {
			return answer, err
		}
	}
}

// Open waits until a line is ready, no longer than a connection may take. A line's session may change the keys of
// its channel while it opens, so what is sealed before may be sealed with a key that the other side has left. The
// error wraps ErrNotSent.
func (t *TCP) Open(ctx context.Context) error {
	if err := t.enter(); err != nil {
		return notSentFor(err)
	}
	defer t.leave()
	t.Start()
	l, err := t.pick(ctx)
	if err != nil {
		return notSentFor(err)
	}
	l.under.Add(-1)
	return nil
}

func notSentFor(why error) error { return fmt.Errorf("link: %w: %w", ErrNotSent, why) }

// pick takes the next ready line that has room, and waits for one no longer
// than a connection may take.
func (t *TCP) pick(ctx context.Context) (*line, error) {
	var patience *time.Timer
	for {
		changed := t.change() // asked for before looking, so that no change is missed
		l, full := t.free()
		switch {
		case l != nil:
			return l, nil
		case full:
			return nil, errFull
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		}
		if patience == nil {
			patience = time.NewTimer(t.cfg.ConnectTimeout)
			defer patience.Stop()
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-t.ctx.Done():
			return nil, errClosed
		case <-patience.C:
			return nil, t.noLine()
		}
	}
}

// free returns the next ready line with room for one more exchange. full:
// there are lines, and none has room.
func (t *TCP) free() (_ *line, full bool) {
	n := uint64(len(t.lines))
	first := t.turn.Add(1)
	for i := range n {
		l := t.lines[(first+i)%n].Load()
		if l == nil {
			continue
		}
		if l.under.Add(1) <= int64(t.cfg.InFlight) {
			return l, false
		}
		l.under.Add(-1)
		full = true
	}
	return nil, full
}

// Ready is the number of lines that can be used now.
func (t *TCP) Ready() int {
	n := 0
	for i := range t.lines {
		if t.lines[i].Load() != nil {
			n++
		}
	}
	return n
}

// Await starts the link and waits until a line can be used, or ctx ends; the
// error says why there is none.
func (t *TCP) Await(ctx context.Context) error {
	t.Start()
	for {
		changed := t.change() // asked for before looking, so that no change is missed
		if t.Ready() > 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return t.noLine()
		}
	}
}

// Close takes no new exchange, lets those under way end, for no longer than
// Drain, then closes the lines. What is still under way then ends as unknown.
func (t *TCP) Close() error {
	t.mu.Lock()
	if !t.closed {
		t.closed = true
		if t.under == 0 {
			close(t.drained)
		}
	}
	t.mu.Unlock()
	patience := time.NewTimer(t.cfg.Drain)
	defer patience.Stop()
	select {
	case <-t.drained:
	case <-patience.C:
	}
	t.cancel()
	t.all.Wait()
	t.mute.Do(func() { close(t.heard) }) // nobody reads from a line any more
	t.ears.Wait()
	return nil
}

func (t *TCP) enter() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return errClosed
	}
	t.under++
	return nil
}

func (t *TCP) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.under--
	if t.closed && t.under == 0 {
		close(t.drained)
	}
}

func (t *TCP) change() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.changed
}

// ready lets a line be used.
func (t *TCP) ready(l *line) {
	t.lines[l.index].Store(l)
	select {
	case <-l.done: // it broke in the meantime
		t.lines[l.index].CompareAndSwap(l, nil)
	default:
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	close(t.changed)
	t.changed = make(chan struct{})
}

func (t *TCP) lost(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = err
}

func (t *TCP) noLine() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last == nil {
		return errNoLine
	}
	return fmt.Errorf("%w: %w", errNoLine, t.last)
}
