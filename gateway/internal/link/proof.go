package link

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync/atomic"
)

// The proof that nothing was sent is kept where bytes leave: at the
// connection. Neither the text of an error nor the hooks of net/http/httptrace
// can give it, because the goroutine of net/http that writes a request goes on
// after the caller was told that it failed.

// The states of a proof.
const (
	clean   int32 = iota // nothing was handed to the kernel
	writing              // a write is under way, or has handed over at least one byte
	sealed               // nothing was handed over, and never will be
)

// proof belongs to one request. Connections ask it before they write.
type proof struct{ state atomic.Int32 }

var errSealed = errors.New("request was given up before it was written")

// begin must be asked before a byte is written.
func (p *proof) begin() error {
	if p.state.CompareAndSwap(clean, writing) || p.state.Load() == writing {
		return nil
	}
	return errSealed
}

// seal reports whether nothing was written, and keeps it so.
func (p *proof) seal() bool {
	return p.state.CompareAndSwap(clean, sealed) || p.state.Load() == sealed
}

// conn is a connection over which one request at a time travels.
type conn struct {
	net.Conn
	// below counts what TCP took: under TLS a failed write may have sent half a record.
	below   *counter
	request atomic.Pointer[proof]
}

// Write writes for the request that holds the connection. A first write of
// which the kernel took nothing leaves the proof clean.
func (c *conn) Write(b []byte) (int, error) {
	p := c.request.Load()
	if p == nil {
		return 0, errSealed
	}
	first := p.state.Load() == clean
	if err := p.begin(); err != nil {
		return 0, err
	}
	before := c.below.written.Load()
	n, err := c.Conn.Write(b)
	if first && err != nil && c.below.written.Load() == before {
		p.state.Store(clean)
	}
	return n, err
}

// counter counts the bytes that TCP took.
type counter struct {
	net.Conn
	written atomic.Int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.written.Add(int64(n))
	return n, err
}

// dial connects, over TLS where there is a configuration, within the timeout.
func (h *HTTP) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, h.cfg.ConnectTimeout)
	defer cancel()
	tcp, err := h.dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	below := &counter{Conn: tcp}
	if h.cfg.TLS == nil {
		return &conn{Conn: below, below: below}, nil
	}
	secure := tls.Client(below, h.cfg.TLS)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = tcp.Close() // done already where the time ran out
		return nil, err
	}
	return &conn{Conn: secure, below: below}, nil
}
