package link

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"syscall"
	"time"

	"kaqiao/gateway/internal/crash"
	"kaqiao/profiles/wire"
)

const (
	maxHeaderBytes = 64 << 10         // of an answer's status line and headers
	idleFor        = 30 * time.Second // shorter than servers keep an idle connection, so that we close it first
	maxDrain       = 4 << 10          // of an answer that is refused for its status
	attempts       = 3                // connections tried while not one byte has left
)

// Config is what a link over HTTP needs.
type Config struct {
	// URL is where frames are posted. Required.
	URL string
	// TLS is needed where the URL is https, and refused where it is http.
	TLS *tls.Config
	// MaxConns is the number of connections at once, and kept, 1 to 10,000.
	// Default 256. One more request waits for a connection until its deadline.
	MaxConns int
	// MaxAnswerBytes is the longest body taken, 1 to 16,777,216. Default 65,536.
	MaxAnswerBytes int
	// ConnectTimeout is for TCP and TLS together, 1ms to 10m. Default 2s.
	ConnectTimeout time.Duration
	// AnyStatus makes an answer of any status a frame, with its status in it: for protocols that sign
	// their refusals. Without it, an answer with a status other than 200 is a *StatusError.
	AnyStatus bool
	// Authorizer gets the token that each request carries. Nil: none does.
	Authorizer Authorizer
	// Now is the clock that a token's life is measured by. Default time.Now.
	Now func() time.Time
}

// HTTP carries frames over HTTP/1.1. It is safe for concurrent use.
type HTTP struct {
	cfg       Config
	url       *url.URL
	dialer    net.Dialer
	transport *http.Transport
	tokens    *tokens // nil: requests carry none
}

// NewHTTP makes a link. It connects when it is used first.
func NewHTTP(cfg Config) (*HTTP, error) {
	target, err := cfg.check()
	if err != nil {
		return nil, fmt.Errorf("link: %w", err)
	}
	h := &HTTP{cfg: cfg, url: target}
	// Proxy stays nil: an environment variable must not lead card data elsewhere.
	h.transport = &http.Transport{
		DialContext:            h.dial,
		DialTLSContext:         h.dial,
		MaxConnsPerHost:        cfg.MaxConns,
		MaxIdleConnsPerHost:    cfg.MaxConns,
		IdleConnTimeout:        idleFor,
		MaxResponseHeaderBytes: maxHeaderBytes,
		DisableCompression:     true,
		Protocols:              new(http.Protocols),
	}
	h.transport.Protocols.SetHTTP1(true)
	if cfg.Authorizer != nil {
		h.tokens = newTokens(cfg.Authorizer, h.carry, cfg.Now)
	}
	return h, nil
}

// check fills in what is not set and refuses what can't be.
func (c *Config) check() (*url.URL, error) {
	target, err := url.Parse(c.URL)
	if err != nil {
		return nil, err
	}
	secure := target.Scheme == "https"
	if !secure && target.Scheme != "http" || target.Host == "" || target.User != nil {
		return nil, errors.New("URL must be http or https, with a host and without a user")
	}
	if secure != (c.TLS != nil) {
		return nil, fmt.Errorf("URL is %s: TLS must be set with https and only then", target.Scheme)
	}
	if c.TLS != nil {
		c.TLS = c.TLS.Clone()
		if c.TLS.ServerName == "" {
			c.TLS.ServerName = target.Hostname()
		}
		if c.TLS.ClientSessionCache == nil { // a burst opens hundreds of connections at once
			c.TLS.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		}
	}
	set(&c.MaxConns, 256)
	set(&c.MaxAnswerBytes, 64<<10)
	set(&c.ConnectTimeout, 2*time.Second)
	if c.Now == nil {
		c.Now = time.Now
	}
	switch {
	case c.MaxConns < 1 || c.MaxConns > 10_000:
		return nil, fmt.Errorf("max conns %d: must be 1 to 10,000", c.MaxConns)
	case c.MaxAnswerBytes < 1 || c.MaxAnswerBytes > 16<<20:
		return nil, fmt.Errorf("max answer bytes %d: must be 1 to 16,777,216", c.MaxAnswerBytes)
	case c.ConnectTimeout < time.Millisecond || c.ConnectTimeout > 10*time.Minute:
		return nil, fmt.Errorf("connect timeout %v: must be 1ms to 10m", c.ConnectTimeout)
	}
	return target, nil
}

func set[T comparable](value *T, otherwise T) {
	var zero T
	if *value == zero {
		*value = otherwise
	}
}

// Exchange sends one frame, by its method to its path, and returns the answer.
// It never sends a frame twice. The error wraps ErrNotSent exactly when not one
// byte of it was handed to the network; then, and only then, it may be sent
// again. A *StatusError, ErrTooLarge and ErrMalformed say what came back
// instead of an answer; the context's error says that nothing came in time.
func (h *HTTP) Exchange(ctx context.Context, f wire.Frame) (wire.Frame, error) {
	if h.tokens != nil {
		return h.authorized(ctx, f)
	}
	return h.carry(ctx, f)
}

// carry is Exchange for a frame that is complete.
func (h *HTTP) carry(ctx context.Context, f wire.Frame) (wire.Frame, error) {
	method, target, err := h.target(f.Method, f.Path)
	if err == nil && len(f.Body) == 0 && method != http.MethodGet && method != http.MethodDelete {
		err = errors.New("frame is empty")
	}
	if err != nil {
		return wire.Frame{}, fmt.Errorf("link: %w: %w", ErrNotSent, err)
	}
	for try := 1; ; try++ {
		answer, reused, err := h.exchange(h.request(ctx, method, target, f))
		// A kept connection that the other side closed in the meantime says
		// nothing about the other side: another connection is tried.
		if err == nil || !reused || try == attempts || !errors.Is(err, ErrNotSent) || ctx.Err() != nil {
			return answer, err
		}
	}
}

// exchange tries one connection.
func (h *HTTP) exchange(r *http.Request) (answer wire.Frame, reused bool, err error) {
	p := new(proof)
	trace := &httptrace.ClientTrace{GotConn: func(got httptrace.GotConnInfo) {
		reused = got.Reused
		got.Conn.(*conn).request.Store(p)
	}}
	if crash.Enabled {
		trace.WroteRequest = func(httptrace.WroteRequestInfo) { crash.Here(crash.LinkSent, "") }
	}
	ctx := httptrace.WithClientTrace(r.Context(), trace)
	response, err := h.transport.RoundTrip(r.WithContext(ctx)) //nolint:bodyclose // read closes it
	if err != nil {
		err = cause(ctx, err)
		if p.seal() {
			if errors.Is(err, ErrMalformed) {
				err = errBroken // whatever came, it was no answer
			}
			return wire.Frame{}, reused, fmt.Errorf("link: %w: %w", ErrNotSent, err)
		}
		return wire.Frame{}, reused, fmt.Errorf("link: %w", err)
	}
	answer, err = h.read(response)
	if err != nil {
		return wire.Frame{}, reused, fmt.Errorf("link: %w", cause(ctx, err))
	}
	return answer, reused, nil
}

// request has no GetBody, and a body even where nothing stands in it: without
// these, net/http may send a request again by itself when a kept connection
// breaks, and does so where it has an idempotency key or is a GET.
func (h *HTTP) request(ctx context.Context, method string, target *url.URL, f wire.Frame) *http.Request {
	header := make(http.Header, len(f.Headers)+1)
	header["User-Agent"] = nil // says nothing
	for _, line := range f.Headers {
		header[line.Name] = append(header[line.Name], line.Value)
	}
	r := &http.Request{
		Method: method, URL: target, Host: target.Host, Header: header,
		Body: io.NopCloser(bytes.NewReader(f.Body)), ContentLength: int64(len(f.Body)),
	}
	return r.WithContext(ctx)
}

// read takes an answer of bounded length, and of status 200 unless any will do;
// its content type is nobody's business here.
func (h *HTTP) read(r *http.Response) (_ wire.Frame, err error) {
	defer func() { err = errors.Join(err, r.Body.Close()) }()
	if r.StatusCode != http.StatusOK && !h.cfg.AnyStatus {
		if r.ContentLength <= maxDrain { // read to its end, the connection can be kept
			_, _ = io.CopyN(io.Discard, r.Body, r.ContentLength)
		}
		return wire.Frame{}, &StatusError{Code: r.StatusCode}
	}
	limit := int64(h.cfg.MaxAnswerBytes)
	if r.ContentLength > limit {
		return wire.Frame{}, ErrTooLarge
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if err != nil {
		return wire.Frame{}, err
	}
	if int64(len(body)) > limit {
		return wire.Frame{}, ErrTooLarge
	}
	frame := wire.Frame{Status: r.StatusCode, Body: body, Headers: make([]wire.Header, 0, len(r.Header))}
	for name, values := range r.Header {
		for _, v := range values {
			frame.Headers = append(frame.Headers, wire.Header{Name: name, Value: v})
		}
	}
	return frame, nil
}

// Close closes the connections that are idle, and ends an exchange for a token.
// Other exchanges under way end by themselves.
func (h *HTTP) Close() error {
	if h.tokens != nil {
		h.tokens.close()
	}
	h.transport.CloseIdleConnections()
	return nil
}

// cause keeps of an error what may be shown. The errors of net/http for an
// answer that is not HTTP quote what the other side has sent.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var (
		status   *StatusError
		network  *net.OpError
		number   syscall.Errno
		alert    tls.AlertError
		record   tls.RecordHeaderError
		verify   *tls.CertificateVerificationError
		unknown  x509.UnknownAuthorityError
		hostname x509.HostnameError
	)
	switch {
	case errors.Is(err, ErrTooLarge):
		return ErrTooLarge
	case errors.As(err, &status):
		return status
	case errors.As(err, &network):
		return network
	case errors.As(err, &number):
		return number
	case errors.As(err, &alert):
		return fmt.Errorf("TLS: %w", alert)
	case errors.As(err, &record):
		return errors.New("TLS: what came back is not TLS")
	case errors.As(err, &unknown), errors.As(err, &hostname), errors.As(err, &verify):
		return errors.New("TLS: certificate of the other side is not trusted")
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("connect: %w", context.DeadlineExceeded)
	case errors.Is(err, errSealed):
		return errSealed
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return io.ErrUnexpectedEOF
	}
	return ErrMalformed
}
