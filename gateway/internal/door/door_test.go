package door_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"kaqiao/gateway/internal/door"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const refusal = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\nConnection: close\r\n\r\nfull"

// house is a server behind a door. A request to /hold waits until the test lets it go.
type house struct {
	*testing.T
	door    *door.Door
	held    chan struct{} // one for each request that waits
	idle    chan struct{} // one for each answer that is over, once the door knows
	release chan struct{}
	free    func() // lets them go
	log     *bytes.Buffer
}

func newHouse(t *testing.T, limit int, secure bool) *house {
	t.Helper()
	h := &house{T: t, held: make(chan struct{}, limit), idle: make(chan struct{}, 1000), release: make(chan struct{}), log: &bytes.Buffer{}}
	h.free = sync.OnceFunc(func() { close(h.release) })
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hold" {
			h.held <- struct{}{}
			<-h.release
		}
		_, _ = io.WriteString(w, "fine")
	}))
	cfg := door.Config{Name: "tests", Max: limit, Log: slog.New(slog.NewTextHandler(h.log, nil))}
	if !secure {
		cfg.Refusal = func() []byte { return []byte(refusal) }
	}
	h.door = door.New(server.Listener, cfg)
	server.Listener = h.door
	server.Config.ConnState = func(c net.Conn, s http.ConnState) {
		h.door.State(c, s)
		if s == http.StateIdle {
			h.idle <- struct{}{}
		}
	}
	if secure {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	t.Cleanup(func() { h.free() })
	return h
}

func (h *house) await(came <-chan struct{}, what string) {
	h.Helper()
	patience := time.NewTimer(30 * time.Second)
	defer patience.Stop()
	select {
	case <-came:
	case <-patience.C:
		h.Fatalf("waited in vain for %s", what)
	}
}

// visitor is one connection of a client.
type visitor struct {
	net.Conn
	in *bufio.Reader
}

func (h *house) enter() *visitor {
	h.Helper()
	conn, err := net.Dial("tcp", h.door.Addr().String())
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	return &visitor{conn, bufio.NewReader(conn)}
}

func (v *visitor) say(text string) { _, _ = io.WriteString(v, text) }

func (v *visitor) ask(path string) {
	v.say("POST " + path + " HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi")
}

// hear returns the body of the next answer, or why there is none.
func (v *visitor) hear() (string, error) {
	res, err := http.ReadResponse(v.in, nil)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	return string(body), err
}

func (h *house) fine(v *visitor, path string) {
	h.Helper()
	v.ask(path)
	if body, err := v.hear(); err != nil || body != "fine" {
		h.Errorf("%s: %q, %v", path, body, err)
	}
}

// shut wants the connection to have been closed without an answer.
func (h *house) shut(v *visitor, who string) {
	h.Helper()
	if body, err := v.hear(); err == nil {
		h.Errorf("%s was answered %q", who, body)
	} else if errors.Is(err, syscall.ETIMEDOUT) || strings.Contains(err.Error(), "timeout") {
		h.Errorf("%s is still there", who)
	}
}

// Who has waited longest makes place: a silent one, one whose headers drip, one between two requests.
func TestWhoWaitsMakesPlace(t *testing.T) {
	for name, first := range map[string]func(h *house, v *visitor){
		"silent":               func(*house, *visitor) {},
		"half of the headers":  func(_ *house, v *visitor) { v.say("POST /v1/bindings HTTP/1.1\r\nHost: x\r\nX-Slow: ") },
		"between two requests": func(h *house, v *visitor) { h.fine(v, "/"); h.await(h.idle, "an answer to be over") },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, 2, false)
			one := h.enter()
			first(h, one)
			two := h.enter()
			h.fine(two, "/") // by now the first was taken in
			h.await(h.idle, "an answer to be over")
			h.fine(h.enter(), "/")
			h.shut(one, "the one that waited longest")
			h.fine(two, "/")
			if h.door.Open() != 2 || h.door.Evicted() != 1 || h.door.Refused() != 0 {
				t.Errorf("%d open, %d evicted, %d refused", h.door.Open(), h.door.Evicted(), h.door.Refused())
			}
		})
	}
}

// A request under way is never cut for a newcomer, who is told so at once.
func TestWhoIsServedStays(t *testing.T) {
	h := newHouse(t, 3, false)
	var served []*visitor
	for range 3 {
		v := h.enter()
		v.ask("/hold")
		served = append(served, v)
		h.await(h.held, "a request to wait")
	}
	late := h.enter()
	late.ask("/")
	if body, err := late.hear(); err != nil || body != "full" {
		t.Errorf("the newcomer was told %q, %v", body, err)
	}
	h.shut(late, "the newcomer")
	h.free()
	for _, v := range served {
		if body, err := v.hear(); err != nil || body != "fine" {
			t.Errorf("one that was served got %q, %v", body, err)
		}
	}
	for range served {
		h.await(h.idle, "an answer to be over")
	}
	h.fine(h.enter(), "/") // those served wait now, and the longest of them goes
	if h.door.Refused() != 1 || h.door.Evicted() != 1 || !strings.Contains(h.log.String(), "connections are refused") {
		t.Errorf("%d refused, %d evicted\n%s", h.door.Refused(), h.door.Evicted(), h.log)
	}
}

// A flood is refused without holding anything of it, whatever it sends.
func TestAFloodIsRefused(t *testing.T) {
	h := newHouse(t, 1, false)
	one := h.enter()
	one.ask("/hold")
	h.await(h.held, "a request to wait")
	const flood = 300
	var told, cut int
	var mu sync.Mutex
	var all sync.WaitGroup
	for range flood {
		v := h.enter()
		all.Go(func() {
			v.ask("/")
			body, err := v.hear()
			mu.Lock()
			defer mu.Unlock()
			if err == nil && body == "full" {
				told++
			} else {
				cut++
			}
		})
	}
	all.Wait()
	if told == 0 || told+cut != flood || h.door.Refused() != flood {
		t.Errorf("%d told, %d cut, %d refused of %d", told, cut, h.door.Refused(), flood)
	}
	h.free()
	if body, err := one.hear(); err != nil || body != "fine" {
		t.Errorf("the one inside got %q, %v", body, err)
	}
}

// Over TLS the door still knows who waits.
func TestOverTLS(t *testing.T) {
	h := newHouse(t, 1, true)
	url := "https://" + h.door.Addr().String()
	client := &http.Client{Transport: insecure()}
	defer client.CloseIdleConnections()
	done := make(chan error, 1)
	go func() {
		res, err := client.Get(url + "/hold")
		if err == nil {
			_, err = io.Copy(io.Discard, res.Body) // to its end, so that the connection is kept
			_ = res.Body.Close()
		}
		done <- err
	}()
	h.await(h.held, "a request to wait")
	h.shut(h.enter(), "a newcomer, while the only place is in use") // a word in plain text would be no TLS
	h.free()
	if err := <-done; err != nil {
		t.Error(err)
	}
	h.await(h.idle, "an answer to be over")
	second := &http.Client{Transport: insecure()}
	defer second.CloseIdleConnections()
	res, err := second.Get(url) // the first one waits now, and goes
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if h.door.Refused() != 1 || h.door.Evicted() != 1 {
		t.Errorf("%d refused, %d evicted", h.door.Refused(), h.door.Evicted())
	}
}

func insecure() *http.Transport {
	return &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // the server's certificate is made by httptest
}

// starved is a listener that has no descriptor left, once.
type starved struct {
	net.Listener
	once sync.Once
}

func (s *starved) Accept() (net.Conn, error) {
	var err error
	s.once.Do(func() { err = fmt.Errorf("accept: %w", syscall.EMFILE) })
	if err != nil {
		return nil, err
	}
	return s.Listener.Accept()
}

// Where the system has no files left, the log says what to do.
func TestOutOfDescriptors(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	d := door.New(&starved{Listener: inner}, door.Config{Name: "tests", Max: 8, Log: slog.New(slog.NewTextHandler(&log, nil))})
	defer func() { _ = d.Close() }()
	if _, err := d.Accept(); !errors.Is(err, syscall.EMFILE) {
		t.Errorf("got %v", err)
	}
	if !strings.Contains(log.String(), "ulimit -n") {
		t.Errorf("the log says %q", log.String())
	}
	go func() {
		if c, err := net.Dial("tcp", inner.Addr().String()); err == nil {
			_ = c.Close()
		}
	}()
	conn, err := d.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	_ = conn.Close()
	if d.Open() != 0 {
		t.Errorf("%d are open", d.Open())
	}
}

// However connections come and go, every place comes back.
func TestPlacesComeBack(t *testing.T) {
	h := newHouse(t, 5, false)
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for n := range 60 {
				conn, err := net.Dial("tcp", h.door.Addr().String())
				if err != nil {
					t.Error(err)
					return
				}
				_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
				v := &visitor{conn, bufio.NewReader(conn)}
				switch (worker + n) % 4 {
				case 0: // says nothing
				case 1:
					v.say("GET / HTT")
				case 2:
					v.ask("/") // and does not wait
				case 3:
					v.ask("/")
					_, _ = v.hear()
				}
				_ = conn.Close()
			}
		})
	}
	all.Wait()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	for h.door.Open() > 0 {
		select {
		case <-deadline.C:
			t.Fatalf("%d are open and nobody is there", h.door.Open())
		case <-time.After(time.Millisecond):
		}
	}
	if evicted := h.door.Evicted(); evicted == 0 {
		t.Error("the door was never full: nothing was tried")
	}
}
