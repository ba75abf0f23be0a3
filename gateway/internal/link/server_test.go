package link_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"kaqiao/gateway/internal/link"
	"kaqiao/profiles/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// witness is the other side of a link. It does what its script says with each
// connection and counts what reached it.
type witness struct {
	listener net.Listener
	bytes    atomic.Int64
	requests atomic.Int64
	conns    atomic.Int64
	all      sync.WaitGroup

	mu   sync.Mutex
	open map[net.Conn]bool // nil: closed
}

// script plays one connection; when it returns, the connection is closed.
type script func(w *witness, c net.Conn)

func newWitness(t testing.TB, play script) *witness {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &witness{listener: l, open: map[net.Conn]bool{}}
	w.all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			w.conns.Add(1)
			if !w.keep(c) {
				_ = c.Close()
				return
			}
			w.all.Go(func() {
				defer func() { _ = c.Close() }()
				play(w, counted{c, w})
			})
		}
	})
	t.Cleanup(w.close)
	return w
}

func (w *witness) url() string { return "http://" + w.listener.Addr().String() + "/preSvr" }

// keep remembers a connection, so that close can close it.
func (w *witness) keep(c net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.open == nil {
		return false
	}
	w.open[c] = true
	return true
}

func (w *witness) close() {
	_ = w.listener.Close()
	w.mu.Lock()
	for c := range w.open {
		_ = c.Close()
	}
	w.open = nil
	w.mu.Unlock()
	w.all.Wait()
}

// counted counts the bytes that the other side's program has read.
type counted struct {
	net.Conn
	w *witness
}

func (c counted) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.w.bytes.Add(int64(n))
	return n, err
}

// take reads one whole request.
func (w *witness) take(r *bufio.Reader) (body string, err error) {
	request, err := http.ReadRequest(r)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(request.Body)
	if err != nil {
		return "", err
	}
	w.requests.Add(1)
	return string(text), nil
}

// answering reads whole requests and says the same to each.
func answering(answer string) script {
	return func(w *witness, c net.Conn) {
		for r := bufio.NewReader(c); ; {
			if _, err := w.take(r); err != nil {
				return
			}
			if _, err := io.WriteString(c, answer); err != nil {
				return
			}
		}
	}
}

// once answers one request and closes the connection.
func once(answer string) script {
	return func(w *witness, c net.Conn) {
		if _, err := w.take(bufio.NewReader(c)); err == nil {
			_, _ = io.WriteString(c, answer)
		}
	}
}

// thenSilent answers one request with the beginning of an answer and then nothing.
func thenSilent(beginning string) script {
	return func(w *witness, c net.Conn) {
		r := bufio.NewReader(c)
		if _, err := w.take(r); err == nil {
			_, _ = io.WriteString(c, beginning)
			_, _ = r.ReadByte() // until the other side gives up
		}
	}
}

// reset makes the close of a connection a reset.
func reset(c net.Conn) {
	if tcp, ok := c.(counted).Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
}

func fine(body string) string {
	return "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nMsgTp: epcc.102.001.01\r\nContent-Length: " +
		itoa(len(body)) + "\r\n\r\n" + body
}

func newLink(t testing.TB, cfg link.Config) *link.HTTP {
	t.Helper()
	h, err := link.NewHTTP(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

var frame = wire.Frame{
	Headers: []wire.Header{{Name: "Content-Type", Value: "application/xml;charset=utf-8"}, {Name: "MsgTp", Value: "epcc.101.001.01"}},
	Body:    []byte("<root>request</root>"),
}

// notSent checks the one thing that matters: what the link says of the
// request agrees with what reached the other side.
func notSent(t *testing.T, err error, w *witness, want bool) {
	t.Helper()
	if err == nil {
		t.Fatal("there was an answer")
	}
	if got := errors.Is(err, link.ErrNotSent); got != want {
		t.Errorf("not sent is %v, want %v: %v", got, want, err)
	}
	if w != nil && (w.bytes.Load() == 0) != want {
		t.Errorf("%d bytes reached the other side, not sent should be %v", w.bytes.Load(), want)
	}
	if strings.Contains(err.Error(), "6228480402564890018") {
		t.Errorf("the error quotes what the other side has sent: %v", err)
	}
}
