package iso8583_test

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	adapter "kaqiao/gateway/internal/adapter/iso8583"
	"kaqiao/gateway/internal/bank"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/iso8583"
	"kaqiao/profiles/wire/seal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

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
