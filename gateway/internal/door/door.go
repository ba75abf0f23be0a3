// Package door bounds what strangers can hold of a listener: how many
// connections there are, and who must go when there is no place for one more.
//
// A connection without a request under way (it is new, it is between two
// requests, or its headers are still to come) waits. When every place is taken, the one
// that has waited longest is closed for the newcomer, so that those who only
// sit there keep nobody out. Where all have requests under way, the newcomer
// is refused.
package door

import (
	"container/list"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	maxFarewells = 64          // connections that are told at once why they are refused; more are closed without a word
	farewellTime = time.Second // for such a one to take it
	farewellRead = 64 << 10    // bytes of its request that are read and dropped meanwhile
	tellEvery    = time.Minute // between two lines of the log about the same trouble
)

// Config is one door.
type Config struct {
	// Name is of whom the door is, for the log.
	Name string
	// Max is how many connections there may be at once. At least 1.
	Max int
	// Refusal is the whole answer, in HTTP/1.1, for a connection that finds no place. Nil: it is closed without
	// a word, as on a listener that speaks TLS.
	Refusal func() []byte
	Log     *slog.Logger
}

// Door is a net.Listener. Its State must be the ConnState of the http.Server that serves it.
type Door struct {
	net.Listener
	cfg Config

	mu      sync.Mutex
	open    int
	waiting *list.List // of *guest without a request under way, the one that has waited longest first

	refused, evicted atomic.Int64
	starved          quiet
	full             quiet
	farewells        chan struct{}
	leaving          sync.WaitGroup
}

var _ net.Listener = (*Door)(nil)

// New puts a door before a listener.
func New(l net.Listener, cfg Config) *Door {
	return &Door{Listener: l, cfg: cfg, waiting: list.New(), farewells: make(chan struct{}, maxFarewells)}
}

// Accept implements net.Listener.
func (d *Door) Accept() (net.Conn, error) {
	for {
		conn, err := d.Listener.Accept()
		if err != nil {
			d.outOfDescriptors(err)
			return nil, err
		}
		if g := d.admit(conn); g != nil {
			return g, nil
		}
		d.refuse(conn)
	}
}

// Close implements net.Listener. Connections stay; those that are being refused are waited for, for a second at most.
func (d *Door) Close() error {
	err := d.Listener.Close()
	d.leaving.Wait()
	return err
}

// State hears from the server what a connection is about.
func (d *Door) State(conn net.Conn, state http.ConnState) {
	if over, ok := conn.(*tls.Conn); ok {
		conn = over.NetConn()
	}
	g, ok := conn.(*guest)
	if !ok {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case g.gone:
	case state == http.StateActive && g.waits != nil:
		d.waiting.Remove(g.waits)
		g.waits = nil
	case state == http.StateIdle && g.waits == nil:
		g.waits = d.waiting.PushBack(g)
	}
}

// Open is how many connections there are.
func (d *Door) Open() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.open
}

// Refused is how many connections have found no place.
func (d *Door) Refused() int64 { return d.refused.Load() }

// Evicted is how many connections were closed for a newcomer.
func (d *Door) Evicted() int64 { return d.evicted.Load() }

// admit gives a connection a place, or returns nil.
func (d *Door) admit(conn net.Conn) *guest {
	g := &guest{Conn: conn, door: d}
	d.mu.Lock()
	var out *guest
	if d.open >= d.cfg.Max {
		if out = d.longest(); out == nil {
			d.mu.Unlock()
			return nil
		}
	}
	d.open++
	g.waits = d.waiting.PushBack(g)
	d.mu.Unlock()
	if out != nil {
		d.evict(out)
	}
	return g
}

// longest takes the place of the one that has waited longest from it; nil: nobody waits. The lock is held.
func (d *Door) longest() *guest {
	front := d.waiting.Front()
	if front == nil {
		return nil
	}
	g := d.waiting.Remove(front).(*guest)
	g.waits, g.gone = nil, true
	d.open--
	return g
}

func (d *Door) evict(g *guest) {
	d.evicted.Add(1)
	_ = g.Conn.Close() // beneath TLS: no goodbye is waited for
	if d.full.speak() {
		d.cfg.Log.Warn("every connection is taken: those that wait longest are closed for new ones", "listener", d.cfg.Name, "max", d.cfg.Max)
	}
}

// refuse tells a connection why, where few enough are being told, and closes it.
func (d *Door) refuse(conn net.Conn) {
	d.refused.Add(1)
	if d.full.speak() {
		d.cfg.Log.Warn("connections are refused: as many as may be have requests under way", "listener", d.cfg.Name, "max", d.cfg.Max)
	}
	if d.cfg.Refusal != nil {
		select {
		case d.farewells <- struct{}{}:
			d.leaving.Go(func() {
				farewell(conn, d.cfg.Refusal())
				<-d.farewells
			})
			return
		default:
		}
	}
	_ = conn.Close()
}

// farewell reads what the client is sending: closing over it would be a reset, which takes the answer with it.
func farewell(conn net.Conn, text []byte) {
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(farewellTime))
	if _, err := conn.Write(text); err != nil {
		return
	}
	if half, ok := conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() != nil {
		return
	}
	_, _ = io.CopyN(io.Discard, conn, farewellRead)
}

// outOfDescriptors says what is wrong when the system has none left, and makes room for the next try.
func (d *Door) outOfDescriptors(err error) {
	if !errors.Is(err, syscall.EMFILE) && !errors.Is(err, syscall.ENFILE) {
		return
	}
	if d.starved.speak() {
		d.cfg.Log.Error("no connection can be taken: the system lets this program open no more files: raise its limit (ulimit -n, LimitNOFILE=) or lower max-connections",
			"listener", d.cfg.Name, "error", err)
	}
	d.mu.Lock()
	out := d.longest()
	d.mu.Unlock()
	if out != nil {
		d.evict(out)
	}
}

// guest is one connection with a place.
type guest struct {
	net.Conn
	door *Door
	once sync.Once
	err  error

	waits *list.Element // nil: a request is under way
	gone  bool          // its place is another's
}

// Close implements net.Conn; it may be called again.
func (g *guest) Close() error {
	g.once.Do(func() {
		g.err = g.Conn.Close()
		g.door.mu.Lock()
		defer g.door.mu.Unlock()
		if g.gone {
			return
		}
		g.gone = true
		if g.waits != nil {
			g.door.waiting.Remove(g.waits)
			g.waits = nil
		}
		g.door.open--
	})
	return g.err
}

// CloseWrite lets the server end an answer before it drops the rest of a request, as it does on a bare TCP connection.
func (g *guest) CloseWrite() error {
	if half, ok := g.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// quiet lets the same be said once in a while.
type quiet struct {
	mu   sync.Mutex
	next time.Time
}

func (q *quiet) speak() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	if now.Before(q.next) {
		return false
	}
	q.next = now.Add(tellEvery)
	return true
}
