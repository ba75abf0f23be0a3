package listen

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"kaqiao/profiles/wire"
)

// maxHeaderBytes is the most that a request's headers may hold; the standard library adds 4 KiB.
const maxHeaderBytes = 16 << 10

// times are limits that a client can't lengthen.
type times struct {
	open    time.Duration // until a new connection says its first byte, and again for its handshake and for headers
	body    time.Duration // until a request's body is there
	write   time.Duration // until an answer is gone
	idle    time.Duration // between two requests
	silence time.Duration // a client that is never answered
	grace   time.Duration // until a stopping port cuts what is left
}

func defaultTimes() times {
	return times{
		open: 10 * time.Second, body: 10 * time.Second, write: 10 * time.Second,
		idle: 120 * time.Second, silence: 60 * time.Second, grace: 5 * time.Second,
	}
}

// HTTPConfig is one HTTP port.
type HTTPConfig struct {
	Address string // host:port; port 0 takes a free one
	Path    string // the one path, such as /preSvr; with Routes, what they begin with
	// Routes are the ways into a port that has several. None: POST to Path, of ContentType.
	Routes []Route
	// TLS is the port's side of TLS. Nil: plain only.
	TLS *tls.Config
	// Plain takes HTTP without TLS as well, told apart by the first byte.
	Plain bool
	// ContentType is that of what comes in and goes out, such as application/xml;charset=utf-8.
	// With Routes, of an answer that does not name its own.
	ContentType     string
	MaxRequestBytes int64
	MaxConns        int
	Handle          Handler
	Log             *slog.Logger

	times times  // zero: the defaults
	left  func() // told after each connection gave its place back; nil: nobody
}

// HTTP is HTTP/1.1 with one path, POST only, or with the routes of a protocol that has several. What a stranger can make it hold
// is bounded: MaxConns connections with one request of MaxRequestBytes each.
type HTTP struct {
	cfg     HTTPConfig
	media   string
	door    *door
	server  *http.Server
	stopped context.Context
	stop    context.CancelFunc

	entry    sync.RWMutex // no handler begins after stop
	handlers sync.WaitGroup
}

// OpenHTTP takes the port; Run serves it, and ctx has no part in that. A port that is opened and never run must be closed.
func OpenHTTP(ctx context.Context, cfg HTTPConfig) (*HTTP, error) {
	media, _, err := mime.ParseMediaType(cfg.ContentType)
	if err != nil {
		return nil, fmt.Errorf("content type of the port: %w", err)
	}
	if cfg.times == (times{}) {
		cfg.times = defaultTimes()
	}
	inner, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.Address)
	if err != nil {
		return nil, err
	}
	h := &HTTP{cfg: cfg, media: media}
	h.door = newDoor(inner, doorConfig{
		tls: cfg.TLS, plain: cfg.Plain, open: cfg.times.open, maxConns: cfg.MaxConns, left: cfg.left,
	})
	h.stopped, h.stop = context.WithCancel(context.Background())
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	h.server = &http.Server{
		Handler:           http.HandlerFunc(h.serve),
		Protocols:         protocols,
		ReadHeaderTimeout: cfg.times.open,
		IdleTimeout:       cfg.times.idle,
		MaxHeaderBytes:    maxHeaderBytes,
		// The standard library speaks of clients' broken handshakes here; strangers must not fill the log.
		ErrorLog: slog.NewLogLogger(cfg.Log.Handler(), slog.LevelDebug),
	}
	return h, nil
}

// Address is where the port listens.
func (h *HTTP) Address() net.Addr { return h.door.inner.Addr() }

// Close gives the port back without having run it.
func (h *HTTP) Close() error {
	h.stop()
	return h.door.Close()
}

// Run serves until ctx ends and returns when nothing of it is left running.
// Exchanges under way are told through their context and cut if they do not listen.
func (h *HTTP) Run(ctx context.Context) error {
	served := make(chan error, 1)
	go func() { served <- h.server.Serve(h.door) }()
	var err error
	select {
	case <-ctx.Done():
	case err = <-served:
		served = nil
	}
	h.entry.Lock()
	h.stop()
	h.entry.Unlock()
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.cfg.times.grace)
	defer cancel()
	if h.server.Shutdown(grace) != nil {
		_ = h.server.Close()
	}
	_ = h.door.Close()
	if served != nil {
		err = <-served
	}
	h.handlers.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve %s: %w", h.Address(), err)
}

func (h *HTTP) serve(w http.ResponseWriter, r *http.Request) {
	if !h.enter() {
		panic(http.ErrAbortHandler)
	}
	defer h.handlers.Done()
	defer func() {
		if fault := recover(); fault != nil {
			h.cfg.Log.Error("a handler panicked", "stack", string(debug.Stack()))
			panic(http.ErrAbortHandler)
		}
	}()
	frame, status := h.read(w, r)
	if status != 0 {
		if status == http.StatusMethodNotAllowed {
			w.Header().Set("Allow", h.allowed(r.URL.Path))
		}
		// What is left of the request isn't worth reading.
		w.Header().Set("Connection", "close")
		http.Error(w, http.StatusText(status), status)
		return
	}
	outcome := h.cfg.Handle(h.stopped, frame)
	switch outcome.Fate {
	case Reply, Raw, Twice:
		h.write(w, outcome.Frame)
	case Half:
		h.begin(w, outcome.Frame)
		_, _ = w.Write(outcome.Frame.Body[:len(outcome.Frame.Body)/2])
		_ = http.NewResponseController(w).Flush()
		cut(w, false)
	case Drip:
		h.drip(w, outcome)
	case Reset:
		cut(w, true)
	default:
		h.hold(r.Context())
		cut(w, false)
	}
}

// enter counts a handler in, unless the port is stopping.
func (h *HTTP) enter() bool {
	h.entry.RLock()
	defer h.entry.RUnlock()
	if h.stopped.Err() != nil {
		return false
	}
	h.handlers.Add(1)
	return true
}

// read takes the request in, or says with which status it is refused.
func (h *HTTP) read(w http.ResponseWriter, r *http.Request) (wire.Frame, int) {
	frame, status := h.enterBy(r)
	if status != 0 {
		return wire.Frame{}, status
	}
	if r.ContentLength > h.cfg.MaxRequestBytes {
		return wire.Frame{}, http.StatusRequestEntityTooLarge
	}
	control := http.NewResponseController(w)
	if control.SetReadDeadline(time.Now().Add(h.cfg.times.body)) != nil {
		return wire.Frame{}, http.StatusInternalServerError
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, h.cfg.MaxRequestBytes))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return wire.Frame{}, http.StatusRequestEntityTooLarge
	case err != nil:
		return wire.Frame{}, http.StatusBadRequest
	}
	// The answer may take long, and the server watches the connection meanwhile.
	_ = control.SetReadDeadline(time.Time{})
	frame.Body, frame.Headers = body, make([]wire.Header, 0, len(r.Header))
	for name, values := range r.Header {
		for _, value := range values {
			frame.Headers = append(frame.Headers, wire.Header{Name: name, Value: value})
		}
	}
	return frame, 0
}

func (h *HTTP) write(w http.ResponseWriter, frame wire.Frame) {
	h.begin(w, frame)
	_, _ = w.Write(frame.Body) // whoever is gone does not hear it
}

// begin sets what stands before an answer's body.
func (h *HTTP) begin(w http.ResponseWriter, frame wire.Frame) {
	header := w.Header()
	for _, line := range frame.Headers {
		header.Add(line.Name, line.Value)
	}
	if header.Get("Content-Type") == "" && (len(h.cfg.Routes) == 0 || len(frame.Body) > 0) {
		header.Set("Content-Type", h.cfg.ContentType)
	}
	header.Set("Content-Length", strconv.Itoa(len(frame.Body)))
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(h.cfg.times.write))
	if frame.Status != 0 {
		w.WriteHeader(frame.Status)
	}
}

// drip sends an answer in pieces, as long as the port runs.
func (h *HTTP) drip(w http.ResponseWriter, o Outcome) {
	h.begin(w, o.Frame)
	control := http.NewResponseController(w)
	step := max(1, (len(o.Frame.Body)+pieces-1)/pieces)
	for rest := o.Frame.Body; len(rest) > 0; {
		n := min(step, len(rest))
		_ = control.SetWriteDeadline(time.Now().Add(h.cfg.times.write))
		if _, err := w.Write(rest[:n]); err != nil || control.Flush() != nil {
			return
		}
		if rest = rest[n:]; len(rest) == 0 {
			return
		}
		timer := time.NewTimer(o.Over / (pieces - 1))
		select {
		case <-timer.C:
		case <-h.stopped.Done():
			timer.Stop()
			cut(w, false)
			return
		}
	}
}

// hold waits until the client goes away, the port stops, or it has been long enough.
func (h *HTTP) hold(client context.Context) {
	timer := time.NewTimer(h.cfg.times.silence)
	defer timer.Stop()
	select {
	case <-client.Done():
	case <-h.stopped.Done():
	case <-timer.C:
	}
}

// cut ends the connection without an answer; with a reset the peer sees
// ECONNRESET instead of an orderly end.
func cut(w http.ResponseWriter, reset bool) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	raw := underneath(conn)
	if inner, ok := raw.(*guest); ok && reset {
		inner.reset()
	}
	_ = raw.Close()
}

// utf8 is the only charset there is; saying nothing means it.
func utf8(charset string) bool {
	return charset == "" || strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "utf8")
}
