package iso8583_test

import (
	"context"
	"slices"
	"testing"
	"time"

	adapter "kaqiao/gateway/internal/adapter/iso8583"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/iso8583"
	"kaqiao/profiles/wire/seal"
)

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
