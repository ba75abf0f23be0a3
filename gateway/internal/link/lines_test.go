package link_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"

	"kaqiao/gateway/internal/link"
	"kaqiao/profiles/wire"
)

// The tests' protocol: four digits of length, then "q key text" for a request
// and "a key text" for its answer. 0000 is a keep-alive.
type toy struct{ max int }

func (p toy) Cut(r *bufio.Reader) (wire.Frame, error) {
	head := make([]byte, 4)
	if _, err := io.ReadFull(r, head); err != nil {
		return wire.Frame{}, err
	}
	n, err := strconv.Atoi(string(head))
	switch {
	case err != nil || n < 0:
		return wire.Frame{}, wire.ErrMalformed
	case n > p.max:
		return wire.Frame{}, wire.ErrTooLarge
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(r, body); err != nil {
		return wire.Frame{}, io.ErrUnexpectedEOF
	}
	return wire.Frame{Body: body}, nil
}

func (p toy) Append(b, body []byte) ([]byte, error) {
	if len(body) > p.max {
		return nil, wire.ErrTooLarge
	}
	return append(fmt.Appendf(b, "%04d", len(body)), body...), nil
}

func (toy) Match(f wire.Frame) (string, bool, error) {
	words := strings.SplitN(string(f.Body), " ", 3)
	if len(words) < 2 || words[0] != "q" && words[0] != "a" {
		return "", false, wire.ErrMalformed
	}
	return words[1], words[0] == "q", nil
}

// toyFramer cuts by Cut what has been fed.
type toyFramer struct {
	toy
	held bytes.Buffer
}

func (p *toyFramer) Feed(b []byte) { p.held.Write(b) }

func (p *toyFramer) Next() ([]byte, bool, error) {
	again := bytes.NewReader(p.held.Bytes())
	f, err := p.Cut(bufio.NewReader(again))
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, false, nil
	}
	if err == nil {
		p.held.Next(4 + len(f.Body))
	}
	return f.Body, err == nil, err
}

func dialogue() link.Dialogue {
	return link.Dialogue{NewFramer: func() link.Framer { return &toyFramer{toy: toy{2000}} }, Append: toy{2000}.Append, Match: toy{}.Match}
}

func q(key string) wire.Frame { return wire.Frame{Body: []byte("q " + key + " request")} }
func a(key string) wire.Frame { return wire.Frame{Body: []byte("a " + key + " answer")} }

func framed(f wire.Frame) string {
	b, _ := toy{9999}.Append(nil, f.Body)
	return string(b)
}

func answerTo(f wire.Frame) wire.Frame { return wire.Frame{Body: append([]byte("a"), f.Body[1:]...)} }

// person is the other side of one line.
type person struct {
	net.Conn
	r *bufio.Reader
	n int // which connection, from 1
}

func (p *person) hears() (wire.Frame, error) { return toy{9999}.Cut(p.r) }
func (p *person) says(frames ...wire.Frame)  { p.shouts(allFramed(frames)) }
func (p *person) shouts(text string)         { _, _ = io.WriteString(p.Conn, text) }
func (p *person) rest()                      { _, _ = io.Copy(io.Discard, p.r) }
func allFramed(frames []wire.Frame) (s string) { // as one segment
	for _, f := range frames {
		s += framed(f)
	}
	return s
}

// answers answers everything until the line ends.
func (p *person) answers() {
	for {
		f, err := p.hears()
		if err != nil {
			return
		}
		p.says(answerTo(f))
	}
}

// country is whoever may be called: each connection is played by play, over real TCP or over pipes.
type country struct {
	play func(*person)
	all  sync.WaitGroup

	mu    sync.Mutex
	conns []net.Conn
	shut  bool
}

func (c *country) meet(conn net.Conn) {
	c.mu.Lock()
	if c.shut {
		c.mu.Unlock()
		_ = conn.Close()
		return
	}
	c.conns = append(c.conns, conn)
	n := len(c.conns)
	c.mu.Unlock()
	c.all.Go(func() {
		defer func() { _ = conn.Close() }()
		c.play(&person{conn, bufio.NewReader(conn), n})
	})
}

// met is how many connections there were.
func (c *country) met() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.conns)
}

func (c *country) close() {
	c.mu.Lock()
	c.shut = true
	for _, conn := range c.conns {
		_ = conn.Close()
	}
	c.mu.Unlock()
	c.all.Wait()
}

// pipes connects to the country without a network, as synctest needs.
func (c *country) pipes(context.Context, string, string) (net.Conn, error) {
	here, there := net.Pipe()
	c.meet(there)
	return here, nil
}

// listens takes real connections, and returns the address.
func (c *country) listens(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c.serve(l)
	t.Cleanup(func() { _ = l.Close(); c.close() })
	return l.Addr().String()
}

func (c *country) serve(l net.Listener) {
	c.all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			c.meet(conn)
		}
	})
}

// lines makes a link to a country over pipes; with an address, over TCP.
func lines(t testing.TB, c *country, cfg link.TCPConfig) *link.TCP {
	t.Helper()
	if cfg.Address == "" {
		cfg.Address, cfg.Dial = "bank.example:9111", c.pipes
	}
	d := dialogue()
	d.Session, d.Idle, d.AnswerTimeout = cfg.Session, cfg.Idle, cfg.AnswerTimeout
	cfg.Dialogue = d
	l, err := link.NewTCP(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// ends closes a link and its country, inside of a bubble.
func ends(t testing.TB, l *link.TCP, c *country) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	c.close()
}

// ears keeps what is heard.
type ears struct {
	mu    sync.Mutex
	heard []string
}

func (e *ears) hear(f wire.Frame) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.heard = append(e.heard, string(f.Body))
}

func (e *ears) all() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]string(nil), e.heard...)
}

func sent(t testing.TB, err error, want bool) {
	t.Helper()
	if err == nil {
		t.Fatal("there was an answer")
	}
	if got := !errors.Is(err, link.ErrNotSent); got != want {
		t.Errorf("sent is %v, want %v: %v", got, want, err)
	}
}
