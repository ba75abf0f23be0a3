package app

import (
	"bytes"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"kaqiao/profiles"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/iso8583"
	"kaqiao/profiles/wire/seal"
)

// told is a log that says when a line of interest has come.
type told struct {
	mu   sync.Mutex
	text bytes.Buffer
	want string
	came chan struct{}
	once sync.Once
}

func (l *told) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(b)
	if strings.Contains(l.text.String(), l.want) {
		l.once.Do(func() { close(l.came) })
	}
	return len(b), nil
}

func (l *told) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// A channel over long lines is signed on when the gateway runs, and what its
// bank says unasked reaches the one who keeps the bindings.
func TestLines(t *testing.T) {
	t.Setenv("LINES_TEST_MAC", "0123456789ABCDEF")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	channel := &profiles.Channel{
		ID: "longlines", Protocol: "iso8583", Options: &iso8583.Options{Hub: "00010000"},
		Endpoint: profiles.Endpoint{URL: "tcp://" + listener.Addr().String(), Lines: 1},
		Keys:     []profiles.Key{{Serial: "1", Owner: "both", Use: "mac", Algorithm: "des", State: "active", Secret: "env:LINES_TEST_MAC"}},
	}
	ring, err := channel.Ring(seal.Bank, "")
	if err != nil {
		t.Fatal(err)
	}
	codec, err := iso8583.New(iso8583.Options{Hub: "00010000"}, ring)
	if err != nil {
		t.Fatal(err)
	}
	var bank sync.WaitGroup
	bank.Go(func() { unasked(t, listener, codec) })
	t.Cleanup(func() { _ = listener.Close(); bank.Wait() })

	c := config(t)
	set := *c.Set
	set.Channels = append(append([]*profiles.Channel{}, set.Channels...), channel)
	log := &told{want: "answered something that was never asked", came: make(chan struct{})}
	c.Set, c.Log = &set, slog.New(slog.NewTextHandler(log, nil))
	_, stop := start(t, c)
	select {
	case <-log.came:
	case <-time.After(30 * time.Second):
		t.Error("what the bank said was not heard")
	}
	stop()
}

// unasked takes a sign-on and says right after it what nobody has asked for.
func unasked(t *testing.T, l net.Listener, codec *iso8583.Codec) {
	conn, err := l.Accept()
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = conn.Close() }()
	framer, b := iso8583.NewFramer(0), make([]byte, 4096)
	for {
		n, err := conn.Read(b)
		if err != nil {
			return // the gateway has closed the line
		}
		framer.Feed(b[:n])
		body, ok, err := framer.Next()
		if err != nil || !ok {
			continue
		}
		m, err := codec.Decode(wire.Frame{Body: body})
		on, is := m.(*iso8583.Network)
		if err != nil || !is || on.Code != "001" {
			t.Errorf("the first word on a line is %T, %v", m, err)
			return
		}
		head := iso8583.Header{Destination: on.Header.Source, Source: on.Header.Destination}
		for _, m := range []wire.Message{
			&iso8583.NetworkAnswer{Header: head, Trace: on.Trace, Code: on.Code, ResponseCode: "00"},
			&iso8583.Answer{Header: head, Trace: iso8583.Trace{Transmitted: on.Trace.Transmitted, STAN: "990001"}, ResponseCode: "00",
				Common: iso8583.Common{ProcessingCode: "892000", Usages: iso8583.Usages{Agreement: "B1"}}},
		} {
			f, err := codec.Encode(m)
			if err != nil {
				t.Error(err)
				return
			}
			out, _ := iso8583.AppendFrame(nil, f.Body)
			_, _ = conn.Write(out)
		}
	}
}
