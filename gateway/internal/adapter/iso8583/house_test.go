package iso8583_test

import (
	"context"
	"log/slog"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	adapter "kaqiao/gateway/internal/adapter/iso8583"
	"kaqiao/gateway/internal/bank"
	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/link"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/iso8583"
	"kaqiao/profiles/wire/seal"
)

// house is a bank on the other end of long lines: it signs whoever brings a
// code, and misbehaves as a test asks.
type house struct {
	t        *testing.T
	codec    *iso8583.Codec
	listener net.Listener
	all      sync.WaitGroup

	mu     sync.Mutex
	conns  []net.Conn
	said   []string                 // types and steps that came
	refuse string                   // of a sign-on
	hold   map[string]chan struct{} // answers to a step wait for it
	spoil  func(*iso8583.Answer)    // each answer
	keys   int                      // handed out
}

func newHouse(t *testing.T) *house {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, codec: codec(t, seal.Bank), listener: l, hold: map[string]chan struct{}{}}
	h.all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			h.mu.Lock()
			h.conns = append(h.conns, c)
			h.mu.Unlock()
			h.all.Go(func() { h.line(c) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); h.cut(); h.all.Wait() })
	return h
}

// cut breaks all lines.
func (h *house) cut() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.conns {
		_ = c.Close()
	}
	h.conns = nil
}

func (h *house) line(c net.Conn) {
	defer func() { _ = c.Close() }()
	framer, b := iso8583.NewFramer(0), make([]byte, 7) // segments that cut everything
	for {
		n, err := c.Read(b)
		if err != nil {
			return
		}
		framer.Feed(b[:n])
		for {
			body, ok, err := framer.Next()
			if err != nil {
				h.t.Error(err)
				return
			}
			if !ok {
				break
			}
			h.all.Go(func() { h.hear(c, body) })
		}
	}
}

func (h *house) hear(c net.Conn, body []byte) {
	m, err := h.codec.Decode(wire.Frame{Body: body})
	if err != nil {
		h.t.Errorf("the bank can't read what it got: %v", err)
		return
	}
	switch m := m.(type) {
	case *iso8583.Network:
		h.note(m.Type() + " " + m.Code)
		h.say(c, h.manage(m))
	case *iso8583.Request:
		h.note(m.Type() + " " + m.Common.ProcessingCode)
		h.mu.Lock()
		hold, spoil := h.hold[m.Common.ProcessingCode], h.spoil
		h.mu.Unlock()
		if hold != nil {
			<-hold
		}
		a := &iso8583.Answer{
			Header: turn(m.Header), Trace: m.Trace, ResponseCode: "00", Common: iso8583.Common{
				PAN: m.Common.PAN, ProcessingCode: m.Common.ProcessingCode, Acquirer: m.Common.Acquirer, Forwarder: m.Common.Forwarder, Receiver: m.Common.Receiver,
			},
		}
		if m.Common.ProcessingCode == "892000" {
			a.Common.Usages = iso8583.Usages{Order: m.Common.Usages.Order, Agreement: agreement}
		}
		if spoil != nil {
			spoil(a)
		}
		h.say(c, a)
	case *iso8583.Reversal:
		h.note(m.Type() + " " + m.Common.ProcessingCode)
		h.say(c, &iso8583.ReversalAnswer{
			Header: turn(m.Header), Trace: m.Trace, ResponseCode: "25", Original: m.Original,
			Common: iso8583.Common{ProcessingCode: m.Common.ProcessingCode},
		})
	}
}

func turn(h iso8583.Header) iso8583.Header {
	return iso8583.Header{Destination: h.Source, Source: h.Destination}
}

func (h *house) manage(m *iso8583.Network) *iso8583.NetworkAnswer {
	a := &iso8583.NetworkAnswer{
		Header: turn(m.Header), Trace: m.Trace, Application: m.Application, Forwarder: m.Forwarder, Receiver: m.Receiver,
		Code: m.Code, ResponseCode: "00",
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if m.Code == "001" && h.refuse != "" {
		a.ResponseCode = h.refuse
	}
	if m.Application {
		key, err := h.codec.Keys().Generate()
		if err == nil {
			err = h.codec.Keys().Offer(key)
		}
		if err != nil {
			h.t.Error(err)
		}
		a.NewKey, a.Security = key, m.Security
		h.keys++
	}
	return a
}

func (h *house) say(c net.Conn, m wire.Message) {
	f, err := h.codec.Encode(m)
	if err != nil {
		h.t.Errorf("the bank can't say it: %v", err)
		return
	}
	bytes, err := iso8583.AppendFrame(nil, f.Body)
	if err != nil {
		h.t.Error(err)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	_, _ = c.Write(bytes) // one at a time
}

func (h *house) note(what string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.said = append(h.said, what)
}

func (h *house) came() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.said)
}

// gateway is the packet's journey, from an operation to the bank and back.
type gateway struct {
	codec   *iso8583.Codec
	session *adapter.Session
	link    *link.TCP
	banks   *bank.Banks
	heard   chan op.Notice
	timeout time.Duration
}

type open struct{}

func (open) Enter(context.Context, string, string, op.Kind) (func(op.Result), *op.Problem) {
	return func(op.Result) {}, nil
}
func (open) Apply(context.Context, journal.Change) error { return nil }

func newGateway(t *testing.T, h *house, lines int) *gateway {
	t.Helper()
	g := &gateway{codec: codec(t, seal.Gateway), heard: make(chan op.Notice, 9), timeout: 10 * time.Second}
	meaning := newAdapter()
	g.session = adapter.NewSession(g.codec, member, time.Now)
	var err error
	g.link, err = link.NewTCP(link.TCPConfig{
		Address: h.listener.Addr().String(), Lines: lines, MinPause: time.Millisecond, MaxPause: 10 * time.Millisecond,
		Dialogue: link.Dialogue{
			NewFramer: func() link.Framer { return iso8583.NewFramer(0) }, Append: iso8583.AppendFrame, Match: adapter.Match, Session: g.session,
		},
		Heard: func(f wire.Frame) {
			_, err := g.banks.Heard(context.Background(), "bob", f, func(_ context.Context, n op.Notice) error {
				g.heard <- n
				return nil
			})
			if err != nil {
				t.Logf("not taken: %v", err)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.link.Close() })
	clock := func() time.Time { return at.Add(20 * time.Second) }
	g.banks = bank.New(open{}, open{}, []bank.Channel{{
		ID: "bob", Adapter: meaning, Codec: g.codec, Link: g.link, Timeout: func(string, op.Kind) time.Duration { return g.timeout },
	}}, clock, slog.New(slog.DiscardHandler))
	return g
}

func (g *gateway) do(t *testing.T, kind op.Kind, number string) op.Result {
	t.Helper()
	o := operation(kind)
	o.Number = number
	r, err := g.banks.Do(t.Context(), bank.Step{Op: o})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// numbered is our number with this serial.
func numbered(stan string) string { return number[:14] + stan }
