package iso8583_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	adapter "kaqiao/gateway/internal/adapter/iso8583"
	"kaqiao/gateway/internal/bank"
	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/link"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/iso8583"
	"kaqiao/profiles/wire/seal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

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

// The whole of a binding over a real line: sign-on, a fresh key, set-up, sign and cancel.
func TestBindOverALine(t *testing.T) {
	h := newHouse(t)
	g := newGateway(t, h, 1)
	for i, kind := range []op.Kind{op.Verify, op.Apply, op.Challenge, op.Confirm, op.Unsign} {
		r := g.do(t, kind, numbered("07000"+string(rune('0'+i))))
		if r.Outcome != op.Accepted || kind == op.Confirm && r.Agreement != agreement {
			t.Errorf("%s: %+v", kind, r)
		}
	}
	want := []string{"0820 001", "0800 101", "0100 890000", "0100 891000", "0100 891000", "0100 892000", "0100 893000"}
	if got := h.came(); !slices.Equal(got, want) {
		t.Errorf("the bank got %q", got)
	}
}

// A sign that is not answered in time is unknown and undone; its answer, when
// it comes after all, is heard under the number of the sign.
func TestLateAnswer(t *testing.T) {
	h := newHouse(t)
	g := newGateway(t, h, 2)
	if r := g.do(t, op.Apply, numbered("070001")); r.Outcome != op.Accepted {
		t.Fatalf("%+v", r)
	}
	hold := make(chan struct{})
	h.mu.Lock()
	h.hold["892000"] = hold
	h.mu.Unlock()
	g.timeout = 50 * time.Millisecond
	if r := g.do(t, op.Confirm, numbered("070002")); r.Outcome != op.Unknown || r.Reason != op.BankTimeout {
		t.Errorf("%+v", r)
	}
	g.timeout = 10 * time.Second
	if r := g.do(t, op.Reverse, numbered("070003")); !r.Undone || r.Outcome != op.Accepted {
		t.Errorf("%+v", r)
	}
	close(hold)
	n := <-g.heard
	if n.Of != numbered("070002") || n.Kind != op.Confirm || n.Channel != "bob" || n.Member != member || n.Result.Agreement != agreement {
		t.Errorf("heard %+v", n)
	}
}

// An answer under another's number reaches nobody who waits.
func TestAnothersSTAN(t *testing.T) {
	h := newHouse(t)
	g := newGateway(t, h, 1)
	h.spoil = func(a *iso8583.Answer) { a.Trace.STAN = "999999" }
	g.timeout = 100 * time.Millisecond
	if r := g.do(t, op.Confirm, numbered("070002")); r.Outcome != op.Unknown {
		t.Errorf("%+v", r)
	}
	if n := <-g.heard; n.Of != numbered("999999") {
		t.Errorf("heard %+v", n)
	}
}

// Every exchange at once gets its own answer.
func TestManyAtOnce(t *testing.T) {
	h := newHouse(t)
	g := newGateway(t, h, 2)
	var all sync.WaitGroup
	for i := range 500 {
		all.Go(func() {
			o := operation(op.Confirm)
			o.Number, _ = iso8583.Number(at, uint64(i))
			if r, err := g.banks.Do(t.Context(), bank.Step{Op: o}); err != nil || r.Outcome != op.Accepted {
				t.Errorf("%d: %+v, %v", i, r, err)
			}
		})
	}
	all.Wait()
}

// A key that changes while answers are under way spoils none of them.
func TestKeyResetMidFlight(t *testing.T) {
	h := newHouse(t)
	g := newGateway(t, h, 1)
	if r := g.do(t, op.Apply, numbered("070001")); r.Outcome != op.Accepted {
		t.Fatalf("%+v", r)
	}
	hold := make(chan struct{})
	h.mu.Lock()
	h.hold["892000"] = hold
	conn := h.conns[0]
	h.mu.Unlock()
	result := make(chan op.Result)
	go func() { result <- g.do(t, op.Confirm, numbered("070002")) }()
	for !slices.Contains(h.came(), "0100 892000") {
		<-time.After(time.Millisecond)
	}
	// The bank seals its answer with the key of now, and sends it after a new key.
	f, err := h.codec.Encode(&iso8583.Answer{
		Header: iso8583.Header{Destination: institution, Source: member}, Trace: iso8583.Trace{Transmitted: "0601100130", STAN: "070002"}, ResponseCode: "00",
		Common: iso8583.Common{ProcessingCode: "892000", Receiver: member, Usages: iso8583.Usages{Order: setUp, Agreement: agreement}},
	})
	if err != nil {
		t.Fatal(err)
	}
	key, err := h.codec.Keys().Generate()
	if err != nil {
		t.Fatal(err)
	}
	if err := h.codec.Keys().Offer(key); err != nil {
		t.Fatal(err)
	}
	h.say(conn, &iso8583.Network{
		Header: iso8583.Header{Destination: institution, Source: member}, Trace: iso8583.Trace{Transmitted: "0601100200", STAN: "000009"},
		Code: "101", Security: "2000000000000000", NewKey: key,
	})
	old, _ := iso8583.AppendFrame(nil, f.Body)
	h.mu.Lock()
	_, _ = conn.Write(old)
	h.mu.Unlock()
	if r := <-result; r.Outcome != op.Accepted || r.Agreement != agreement {
		t.Errorf("the answer under the old key: %+v", r)
	}
	if r := g.do(t, op.Unsign, numbered("070003")); r.Outcome != op.Accepted {
		t.Errorf("under the new key: %+v", r)
	}
	close(hold)
	<-g.heard // the same answer again
}

// Lines that open together share one key; a line that opens later has a new one made.
func TestKeysOfLines(t *testing.T) {
	h := newHouse(t)
	g := newGateway(t, h, 4)
	g.link.Start()
	for g.link.Ready() < 4 {
		<-time.After(time.Millisecond)
	}
	if r := g.do(t, op.Verify, numbered("070001")); r.Outcome != op.Accepted {
		t.Errorf("%+v", r)
	}
	before := h.handedOut()
	h.cut()
	for h.signedOn() < 8 || h.handedOut() == before || g.link.Ready() < 4 { // they come back one after another
		<-time.After(time.Millisecond)
	}
	for i := range 20 { // whichever line it takes
		if r := g.do(t, op.Verify, numbered("0700"+string(rune('1'+i/10))+string(rune('0'+i%10)))); r.Outcome != op.Accepted {
			t.Errorf("after the bank was away: %+v", r)
		}
	}
	if before < 1 || before > 4 {
		t.Errorf("four lines that opened together had %d keys made", before)
	}
}

// A line that opens while nothing has come under the last key yet has no other made: what is on its way under that one
// would be refused. It has, once something has come, where the line is down over which the key came, and where so long
// nothing has come that the bank may not have the key.
func TestKeyOnItsWay(t *testing.T) {
	for name, c := range map[string]struct {
		heard, down bool
		later       time.Duration
		keys        int
	}{
		"nothing heard":                  {false, false, 0, 1},
		"heard":                          {true, false, 0, 2},
		"nothing heard, a line down":     {false, true, 0, 2},
		"nothing heard for some minutes": {false, false, 5 * time.Minute, 2},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			ours := codec(t, seal.Gateway)
			now := at
			s := adapter.NewSession(ours, member, func() time.Time { now = now.Add(time.Second); return now })
			ask := func(_ context.Context, f wire.Frame) (wire.Frame, error) {
				m, err := h.codec.Decode(f)
				if err != nil {
					return wire.Frame{}, err
				}
				return h.codec.Encode(h.manage(m.(*iso8583.Network)))
			}
			first, end := context.WithCancel(t.Context())
			defer end()
			if err := s.Open(first, ask); err != nil {
				t.Fatal(err)
			}
			o := operation(op.Confirm)
			o.Number = numbered("070001")
			m, err := newAdapter().Request(o)
			if err != nil {
				t.Fatal(err)
			}
			onItsWay, err := ours.Encode(m)
			if err != nil {
				t.Fatal(err)
			}
			if c.heard {
				if _, err := h.codec.Decode(onItsWay); err != nil {
					t.Fatal(err)
				}
				back, err := h.codec.Encode(answer(op.Confirm, "00"))
				if err != nil {
					t.Fatal(err)
				}
				if _, err := ours.Decode(back); err != nil {
					t.Fatal(err)
				}
			}
			if c.down {
				end()
			}
			now = now.Add(c.later)
			if err := s.Open(t.Context(), ask); err != nil {
				t.Fatal(err)
			}
			if n := h.handedOut(); n != c.keys {
				t.Errorf("%d keys were made, want %d", n, c.keys)
			}
			if _, err := h.codec.Decode(onItsWay); err != nil && c.keys == 1 {
				t.Errorf("what was on its way is refused: %v", err)
			}
		})
	}
}

func (h *house) signedOn() (n int) {
	for _, what := range h.came() {
		if what == "0820 001" {
			n++
		}
	}
	return n
}

func (h *house) handedOut() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.keys
}

func TestSignOnRefused(t *testing.T) {
	h := newHouse(t)
	h.refuse = "58"
	g := newGateway(t, h, 1)
	r := g.do(t, op.Confirm, numbered("070001"))
	if r.Outcome != op.NotSent || r.Reason != op.ChannelUnavailable || !errors.Is(r.Err, adapter.ErrSession) {
		t.Errorf("%+v", r)
	}
}

func TestBouncedOverALine(t *testing.T) {
	h := newHouse(t)
	g := newGateway(t, h, 1)
	if r := g.do(t, op.Apply, numbered("070001")); r.Outcome != op.Accepted {
		t.Fatalf("%+v", r)
	}
	m, err := newAdapter().Request(func() op.Operation { o := operation(op.Confirm); o.Number = numbered("070002"); return o }())
	if err != nil {
		t.Fatal(err)
	}
	f, err := g.codec.Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	back, err := h.codec.Bounce(f, "00045")
	if err != nil {
		t.Fatal(err)
	}
	match, asks, err := adapter.Match(back)
	if err != nil || asks || match != "10601100130070002" {
		t.Errorf("what came back is matched by %s, %v, %v", match, asks, err)
	}
	got, err := g.codec.Decode(back)
	if err != nil {
		t.Fatal(err)
	}
	o := operation(op.Confirm)
	o.Number = numbered("070002")
	if r := newAdapter().Result(o, got); r.Outcome != op.Refused || r.RawCode != "00045" {
		t.Errorf("%+v", r)
	}
}

// What the bank says of its own accord on a line is answered.
func TestReply(t *testing.T) {
	bankSide, g := codec(t, seal.Bank), codec(t, seal.Gateway)
	s := adapter.NewSession(g, member, time.Now)
	head := iso8583.Header{Destination: institution, Source: member}
	trace := iso8583.Trace{Transmitted: "0601100130", STAN: "000001"}
	for name, c := range map[string]struct {
		m    wire.Message
		want string
	}{
		"echo":       {&iso8583.Network{Header: head, Trace: trace, Code: "301"}, "00"},
		"sign-on":    {&iso8583.Network{Header: head, Trace: trace, Code: "001"}, "00"},
		"sign-off":   {&iso8583.Network{Header: head, Trace: trace, Code: "002"}, "00"},
		"cut-over":   {&iso8583.Network{Header: head, Trace: trace, Code: "201"}, "40"},
		"no key":     {&iso8583.Network{Header: head, Trace: trace, Code: "101"}, "30"},
		"an answer":  {answer(op.Apply, "00"), ""},
		"a stranger": {&iso8583.Network{Header: iso8583.Header{Destination: institution, Source: "04030000"}, Trace: trace, Code: "301"}, ""},
	} {
		f, err := bankSide.Encode(c.m)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		back, ok := s.Reply(f)
		if ok != (c.want != "") {
			t.Errorf("%s: answered is %v", name, ok)
		}
		if !ok {
			continue
		}
		got, err := bankSide.Decode(back)
		if a, is := got.(*iso8583.NetworkAnswer); err != nil || !is || a.ResponseCode != c.want || a.Trace != trace || a.Header != turn(head) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if _, ok := s.Reply(wire.Frame{Body: []byte("garbage")}); ok {
		t.Error("garbage is answered")
	}
}

// A bank that mixes up whom it answers: what comes under a number is taken only
// if it is about what was asked under it.
func TestAnswersOfAnother(t *testing.T) {
	for name, spoil := range map[string]func(*iso8583.Answer){
		"another's card":        func(a *iso8583.Answer) { a.Common.PAN = secret.NewCard("6217000000000000020") },
		"another's order":       func(a *iso8583.Answer) { a.Common.Usages.Order = "20240601100000079999" },
		"another bank":          func(a *iso8583.Answer) { a.Common.Receiver = "04030000" },
		"another institution":   func(a *iso8583.Answer) { a.Common.Acquirer = "04990001" },
		"another operation":     func(a *iso8583.Answer) { a.Common.ProcessingCode = "891000" },
		"another's header":      func(a *iso8583.Answer) { a.Header.Source = "04030000" },
		"another time":          func(a *iso8583.Answer) { a.Trace.Transmitted = "0601100129" },
		"a number never given":  func(a *iso8583.Answer) { a.Trace.STAN = "999999" },
		"signed, and no number": func(a *iso8583.Answer) { a.Common.Usages.Agreement = "" },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			g := newGateway(t, h, 1)
			if r := g.do(t, op.Verify, numbered("070001")); r.Outcome != op.Accepted {
				t.Fatalf("%+v", r)
			}
			h.mu.Lock()
			h.spoil = spoil
			h.mu.Unlock()
			g.timeout = 200 * time.Millisecond
			if r := g.do(t, op.Confirm, numbered("070002")); r.Outcome != op.Unknown || r.Agreement != "" {
				t.Errorf("%+v", r)
			}
		})
	}
}

// Two answers that were swapped are nobody's, and each is counted.
func TestSwappedAnswersOnALine(t *testing.T) {
	h := newHouse(t)
	g := newGateway(t, h, 1)
	stans := map[string]string{"070002": "070003", "070003": "070002"}
	h.spoil = func(a *iso8583.Answer) {
		if other, ok := stans[a.Trace.STAN]; ok {
			a.Trace.STAN = other
		}
	}
	cards := map[string]secret.Card{"070002": secret.NewCard(card), "070003": secret.NewCard("6217000000000000020")}
	hold := make(chan struct{})
	h.hold["892000"] = hold
	var all sync.WaitGroup
	for stan, of := range cards {
		all.Go(func() {
			o := operation(op.Confirm)
			o.Number, o.Person.Card = numbered(stan), of
			r, err := g.banks.Do(t.Context(), bank.Step{Op: o})
			if err != nil || r.Outcome != op.Unknown || r.Agreement != "" || !errors.Is(r.Err, op.ErrNotOurs) {
				t.Errorf("%s: %+v, %v", stan, r, err)
			}
		})
	}
	for n := 0; n < 2; <-time.After(time.Millisecond) { // both are asked before either is answered
		n = 0
		for _, what := range h.came() {
			if what == "0100 892000" {
				n++
			}
		}
	}
	close(hold)
	all.Wait()
	if g.banks.Misaddressed() != 2 {
		t.Errorf("%d were counted", g.banks.Misaddressed())
	}
}
