package listen

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"kaqiao/profiles/wire"
)

// lengths is the simplest framing: two digits of length; 00 is a sign of life.
type lengths struct {
	limit int
	held  []byte
}

var errLength = errors.New("no length")

func (l *lengths) Feed(b []byte) { l.held = append(l.held, b...) }
func (l *lengths) Pending() int  { return len(l.held) }

func (l *lengths) Next() ([]byte, bool, error) {
	if len(l.held) < 2 {
		return nil, false, nil
	}
	var n int
	if _, err := fmt.Sscanf(string(l.held[:2]), "%02d", &n); err != nil || n > l.limit {
		return nil, false, errLength
	}
	if len(l.held) < 2+n {
		return nil, false, nil
	}
	body := bytes.Clone(l.held[2 : 2+n])
	l.held = l.held[2+n:]
	return body, true, nil
}

func framed(dst, body []byte) ([]byte, error) {
	if len(body) > 99 {
		return nil, errLength
	}
	return append(fmt.Appendf(dst, "%02d", len(body)), body...), nil
}

// desk is a session that does what a test says.
type desk struct {
	handle func(context.Context, wire.Frame) Outcome
	closed func()
}

func (d desk) Handle(ctx context.Context, f wire.Frame) Outcome { return d.handle(ctx, f) }

func (d desk) Busy(f wire.Frame) Outcome {
	return Outcome{Fate: Reply, Frame: wire.Frame{Body: []byte("busy " + string(f.Body))}}
}

func (d desk) Close() {
	if d.closed != nil {
		d.closed()
	}
}

// upper answers at once.
func upper(_ context.Context, f wire.Frame) Outcome {
	return Outcome{Fate: Reply, Frame: wire.Frame{Body: bytes.ToUpper(f.Body)}}
}

// lines runs a port of long lines and stops it after the test.
func lines(t *testing.T, cfg TCPConfig, handle Handler) *TCP {
	t.Helper()
	if cfg.Open == nil {
		cfg.Open = func(Push) Session { return desk{handle: handle} }
	}
	cfg.Address, cfg.Log = "127.0.0.1:0", slog.New(slog.DiscardHandler)
	cfg.Framing = Framing{Cutter: func(limit int) Cutter { return &lengths{limit: limit} }, Append: framed}
	for _, d := range []struct {
		v *int
		n int
	}{{&cfg.MaxConns, 16}, {&cfg.MaxRequestBytes, 50}, {&cfg.MaxInFlight, 64}, {&cfg.MaxTotal, 256}} {
		if *d.v == 0 {
			*d.v = d.n
		}
	}
	p, err := OpenTCP(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("the port ended with %v", err)
		}
	})
	return p
}

// end is a client's end of a line.
type end struct {
	net.Conn
	t *testing.T
}

func plug(t *testing.T, p *TCP, secure *tls.Config) end {
	t.Helper()
	conn, err := net.Dial("tcp", p.Address().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if secure != nil {
		own := secure.Clone()
		own.ServerName = "127.0.0.1"
		conn = tls.Client(conn, own)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return end{conn, t}
}

func (e end) say(bytes string) {
	e.t.Helper()
	if _, err := e.Write([]byte(bytes)); err != nil {
		e.t.Fatalf("say %q: %v", bytes, err)
	}
}

// hear reads n answers.
func (e end) hear(n int) (out []string) {
	e.t.Helper()
	for range n {
		head := make([]byte, 2)
		if _, err := io.ReadFull(e, head); err != nil {
			e.t.Fatalf("after %q: %v", out, err)
		}
		body := make([]byte, int(head[0]-'0')*10+int(head[1]-'0'))
		if _, err := io.ReadFull(e, body); err != nil {
			e.t.Fatalf("after %q: %v", out, err)
		}
		out = append(out, string(body))
	}
	return out
}

// rest is all that still comes until the line ends.
func (e end) rest() (string, error) {
	text, err := io.ReadAll(e)
	return string(text), err
}

func TestFramesHoweverTheyAreCut(t *testing.T) {
	server, client := mutual(t)
	for name, secure := range map[string]*tls.Config{"plain": nil, "TLS": client} {
		e := plug(t, lines(t, TCPConfig{TLS: server, Plain: true}, upper), secure)
		e.say("03abc0002de00") // joined, with signs of life
		got := e.hear(2)
		for _, piece := range []string{"0", "4f", "gh", "i02", "j", "k"} {
			e.say(piece)
		}
		got = append(got, e.hear(2)...)
		slices.Sort(got)
		if want := []string{"ABC", "DE", "FGHI", "JK"}; !slices.Equal(got, want) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestAnswersComeWhenTheyAreReady(t *testing.T) {
	slow := make(chan struct{})
	e := plug(t, lines(t, TCPConfig{}, func(_ context.Context, f wire.Frame) Outcome {
		if string(f.Body) == "slow" {
			<-slow
		}
		return Outcome{Fate: Reply, Frame: f}
	}), nil)
	e.say("04slow04fast")
	if got := e.hear(1); got[0] != "fast" {
		t.Errorf("first %q", got)
	}
	close(slow)
	if got := e.hear(1); got[0] != "slow" {
		t.Errorf("then %q", got)
	}
}

func TestALineThatCannotBeUnderstoodIsClosed(t *testing.T) {
	times := defaultLineTimes()
	times.open, times.frame, times.idle = 50*time.Millisecond, 50*time.Millisecond, 80*time.Millisecond
	p := lines(t, TCPConfig{times: times}, upper)
	for name, said := range map[string]string{
		"nothing":            "",
		"no length":          "xx",
		"too long":           "51",
		"half a frame":       "09abc",
		"idle after a frame": "03abc",
		"HTTP":               "GET / HTTP/1.1\r\n\r\n",
		"TLS":                "\x16\x03\x01\x02\x00\x01",
	} {
		e := plug(t, p, nil)
		e.say(said)
		text, err := e.rest()
		if err != nil && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%s: %v", name, err)
		}
		if want := map[bool]string{true: "03ABC"}[name == "idle after a frame"]; text != want {
			t.Errorf("%s: %q", name, text)
		}
	}
}

func TestFatesOfALine(t *testing.T) {
	wait := make(chan struct{})
	p := lines(t, TCPConfig{}, func(ctx context.Context, f wire.Frame) Outcome {
		answer := Outcome{Fate: Reply, Frame: wire.Frame{Body: bytes.ToUpper(f.Body)}}
		switch string(f.Body) {
		case "silence":
			answer.Fate = Silence
		case "reset":
			answer.Fate = Reset
		case "raw":
			answer.Fate = Raw
		case "half":
			answer.Fate = Half
		case "drip":
			answer.Fate, answer.Over = Drip, 30*time.Millisecond
		case "twice":
			answer.Fate = Twice
		case "long":
			answer.Frame.Body = make([]byte, 100)
		case "panic":
			panic("a fault of ours")
		case "wait":
			<-wait
		}
		return answer
	})
	defer close(wait)
	e := plug(t, p, nil)
	e.say("07silence02ab")
	if got := e.hear(1); got[0] != "AB" {
		t.Errorf("a line goes on after silence: %q", got)
	}
	began := time.Now()
	e.say("04drip")
	if got := e.hear(1); got[0] != "DRIP" || time.Since(began) < 10*time.Millisecond { // six bytes are six pieces
		t.Errorf("drip: %q after %v", got, time.Since(began))
	}
	e.say("05twice")
	if got := e.hear(2); got[0] != "TWICE" || got[1] != "TWICE" {
		t.Errorf("twice: %q", got)
	}
	e.say("03raw04half")
	if got, err := e.rest(); err != nil || got != "RAW04H" && got != "04H" {
		t.Errorf("raw and half: %q, %v", got, err)
	}
	for _, fate := range []string{"05reset", "04long", "05panic"} {
		e := plug(t, p, nil)
		e.say("04wait" + fate) // the other exchange dies with the line
		if got, err := e.rest(); !errors.Is(err, syscall.ECONNRESET) || got != "" {
			t.Errorf("%s: %q, %v", fate, got, err)
		}
	}
}

// A flood is refused, not kept: on one line, and on all lines together.
func TestAFloodIsRefused(t *testing.T) {
	gate := make(chan struct{})
	hold := func(_ context.Context, f wire.Frame) Outcome {
		<-gate
		return Outcome{Fate: Reply, Frame: f}
	}
	p := lines(t, TCPConfig{MaxInFlight: 3, MaxTotal: 5}, hold)
	first, second := plug(t, p, nil), plug(t, p, nil)
	first.say(strings.Repeat("01a", 10))
	if got := first.hear(7); got[0] != "busy a" || got[6] != "busy a" {
		t.Errorf("one line: %q", got)
	}
	second.say("01b01b01b")
	if got := second.hear(1); got[0] != "busy b" {
		t.Errorf("all lines: %q", got)
	}
	close(gate)
	if a, b := first.hear(3), second.hear(2); a[2] != "a" || b[1] != "b" {
		t.Errorf("afterwards %q, %q", a, b)
	}
	first.say("01a") // the places are free again
	if got := first.hear(1); got[0] != "a" {
		t.Errorf("a place is lost: %q", got)
	}
}

func TestLinesOverTheLimitAreRefused(t *testing.T) {
	left := make(chan struct{}, 8)
	p := lines(t, TCPConfig{MaxConns: 1, left: func() { left <- struct{}{} }}, upper)
	first := plug(t, p, nil)
	first.say("01a")
	first.hear(1)
	over := plug(t, p, nil)
	_, _ = over.Write([]byte("01a"))
	if text, _ := over.rest(); text != "" {
		t.Errorf("a second line was answered with %q", text)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	<-left
	next := plug(t, p, nil)
	next.say("01b")
	next.hear(1)
}

// A client that has closed its half is told what it asked; one that is gone costs nothing for long.
func TestHalfOpenLines(t *testing.T) {
	gate := make(chan struct{})
	times := defaultLineTimes()
	times.lingers = 50 * time.Millisecond
	left := make(chan struct{}, 8)
	p := lines(t, TCPConfig{times: times, left: func() { left <- struct{}{} }}, func(_ context.Context, f wire.Frame) Outcome {
		if string(f.Body) == "wait" {
			<-gate
		}
		return Outcome{Fate: Reply, Frame: f}
	})
	e := plug(t, p, nil)
	e.say("02ab")
	if err := e.Conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if text, err := e.rest(); err != nil || text != "02ab" {
		t.Errorf("%q, %v", text, err)
	}
	<-left
	e = plug(t, p, nil)
	e.say("04wait")
	if err := e.Conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if text, err := e.rest(); err != nil || text != "" {
		t.Errorf("%q, %v", text, err)
	}
	<-left // its place is free while its exchange is still under way
	close(gate)
}

func TestPush(t *testing.T) {
	pushes, ended := make(chan Push, 1), make(chan struct{})
	p := lines(t, TCPConfig{Open: func(push Push) Session {
		pushes <- push
		return desk{handle: upper, closed: func() { close(ended) }}
	}}, nil)
	e := plug(t, p, nil)
	e.say("00")
	push := <-pushes
	if err := push(wire.Frame{Body: []byte("news")}); err != nil {
		t.Fatal(err)
	}
	if got := e.hear(1); got[0] != "news" {
		t.Errorf("%q", got)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	<-ended
	for {
		if err := push(wire.Frame{Body: []byte("news")}); errors.Is(err, ErrLineEnded) {
			return
		}
	}
}

// A client that never reads can't make the port keep more than its bounds.
func TestAClientThatDoesNotReadIsCut(t *testing.T) {
	times := defaultLineTimes()
	times.write = 100 * time.Millisecond
	left := make(chan struct{}, 8)
	p := lines(t, TCPConfig{times: times, left: func() { left <- struct{}{} }}, func(context.Context, wire.Frame) Outcome {
		return Outcome{Fate: Raw, Frame: wire.Frame{Body: make([]byte, 1<<16)}}
	})
	e := plug(t, p, nil)
	frame := []byte(strings.Repeat("50"+strings.Repeat("x", 50), 1000))
	for {
		if _, err := e.Write(frame); err != nil {
			break
		}
	}
	<-left
}

// Stopping tells what is under way, sends what it still answers and leaves nothing behind (TestMain looks).
func TestStopWhileBusy(t *testing.T) {
	times := defaultLineTimes()
	times.grace = 200 * time.Millisecond
	var asked sync.WaitGroup
	asked.Add(2)
	cfg := TCPConfig{
		Address: "127.0.0.1:0", MaxConns: 4, MaxRequestBytes: 50, MaxInFlight: 4, MaxTotal: 8, Log: slog.New(slog.DiscardHandler), times: times,
		Framing: Framing{Cutter: func(limit int) Cutter { return &lengths{limit: limit} }, Append: framed},
		Open: func(Push) Session {
			return desk{handle: func(ctx context.Context, f wire.Frame) Outcome {
				asked.Done()
				<-ctx.Done()
				return Outcome{Fate: Reply, Frame: f}
			}}
		},
	}
	p, err := OpenTCP(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	silent, busy := plug(t, p, nil), plug(t, p, nil)
	busy.say("01a01b")
	asked.Wait()
	stop()
	if err := <-done; err != nil {
		t.Errorf("run: %v", err)
	}
	text, err := busy.rest()
	if err != nil || len(text) != 6 {
		t.Errorf("what was answered at the end: %q, %v", text, err)
	}
	if text, _ := silent.rest(); text != "" {
		t.Errorf("%q", text)
	}
	if _, err := net.Dial("tcp", p.Address().String()); err == nil {
		t.Error("the port is still open")
	}
}
