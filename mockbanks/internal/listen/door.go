package listen

import (
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"time"
)

// handshake is the first byte of every TLS connection.
const handshake = 0x16

// retryAccept is the pause after the system had no descriptor left.
const retryAccept = 20 * time.Millisecond

// door is a net.Listener that counts connections and looks at the first byte
// of each. A connection over the limit is closed at once, so that its client
// knows that nothing was sent. Silent strangers wait outside of Accept.
type door struct {
	inner  net.Listener
	tls    *tls.Config
	plain  bool
	open   time.Duration // until the first byte
	places chan struct{}
	left   func()

	ready  chan net.Conn
	failed chan error
	closed chan struct{}
	close  sync.Once
	err    error

	mu     sync.Mutex
	inside map[*guest]struct{} // those whose first byte is awaited
	wait   sync.WaitGroup
}

// doorConfig is what both transports ask of their door.
type doorConfig struct {
	tls      *tls.Config // nil: plain only
	plain    bool        // takes connections without TLS as well
	open     time.Duration
	maxConns int
	left     func() // told after each connection gave its place back; nil: nobody
}

func newDoor(inner net.Listener, cfg doorConfig) *door {
	d := &door{
		inner: inner, tls: cfg.tls, plain: cfg.plain || cfg.tls == nil, open: cfg.open,
		places: make(chan struct{}, cfg.maxConns), left: cfg.left,
		ready: make(chan net.Conn), failed: make(chan error, 1), closed: make(chan struct{}),
		inside: make(map[*guest]struct{}),
	}
	d.wait.Go(d.welcome)
	return d
}

// Accept implements net.Listener.
func (d *door) Accept() (net.Conn, error) {
	select {
	case conn := <-d.ready:
		return conn, nil
	case err := <-d.failed:
		return nil, err
	case <-d.closed:
		return nil, net.ErrClosed
	}
}

// Addr implements net.Listener.
func (d *door) Addr() net.Addr { return d.inner.Addr() }

// Close implements net.Listener and waits until nothing of the door runs.
func (d *door) Close() error {
	d.close.Do(func() {
		close(d.closed)
		d.err = d.inner.Close()
		d.mu.Lock()
		for g := range d.inside {
			_ = g.Close()
		}
		d.mu.Unlock()
		d.wait.Wait()
	})
	return d.err
}

// welcome accepts until the door is closed.
func (d *door) welcome() {
	for {
		conn, err := d.inner.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			var passing net.Error
			if errors.As(err, &passing) && passing.Timeout() || tooMany(err) {
				select {
				case <-time.After(retryAccept):
					continue
				case <-d.closed:
					return
				}
			}
			d.failed <- err
			return
		}
		select {
		case d.places <- struct{}{}:
		default:
			_ = conn.Close()
			continue
		}
		g := &guest{Conn: conn, leave: d.leave}
		if !d.admit(g) {
			_ = g.Close()
			return
		}
		d.wait.Go(func() { d.sniff(g) })
	}
}

func (d *door) leave() {
	<-d.places
	if d.left != nil {
		d.left()
	}
}

// admit notes a guest, unless the door has closed.
func (d *door) admit(g *guest) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	select {
	case <-d.closed:
		return false
	default:
		d.inside[g] = struct{}{}
		return true
	}
}

// sniff waits for the first byte and passes the connection on as what it says.
func (d *door) sniff(g *guest) {
	first := make([]byte, 1)
	_ = g.SetReadDeadline(time.Now().Add(d.open))
	_, err := g.Conn.Read(first)
	_ = g.SetReadDeadline(time.Time{})
	d.mu.Lock()
	delete(d.inside, g)
	d.mu.Unlock()
	secure := first[0] == handshake && d.tls != nil
	if err != nil || (!secure && !d.plain) {
		_ = g.Close()
		return
	}
	g.first = first
	var conn net.Conn = g
	if secure {
		conn = tls.Server(g, d.tls)
	}
	select {
	case d.ready <- conn:
	case <-d.closed:
		_ = g.Close()
	}
}

// underneath is the connection that TLS, where there is any, goes over: closing TLS itself would say goodbye politely.
func underneath(conn net.Conn) net.Conn {
	if over, ok := conn.(*tls.Conn); ok {
		return over.NetConn()
	}
	return conn
}

// guest is one connection: it gives back the byte that was looked at, and its place when it closes.
type guest struct {
	net.Conn
	first []byte // read by one goroutine at a time, as any connection
	leave func()
	once  sync.Once
	err   error
}

// Read implements net.Conn.
func (g *guest) Read(p []byte) (int, error) {
	if len(g.first) > 0 && len(p) > 0 {
		n := copy(p, g.first)
		g.first = nil
		return n, nil
	}
	return g.Conn.Read(p)
}

// Close implements net.Conn; it may be called again.
func (g *guest) Close() error {
	g.once.Do(func() {
		g.err = g.Conn.Close()
		g.leave()
	})
	return g.err
}

// reset makes Close send a TCP reset and drop what is unsent.
func (g *guest) reset() {
	if tcp, ok := g.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
}
