package farm

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"

	"kaqiao/mockbanks/internal/listen"
	"kaqiao/mockbanks/internal/teller"
	"kaqiao/profiles"
	"kaqiao/profiles/wire"
)

// port is where a channel listens, over whatever transport.
type port interface {
	// Run serves until its context ends, and returns when nothing of it is left running.
	Run(context.Context) error
	Address() net.Addr
	// Close gives a port back that was never run.
	Close() error
}

var (
	_ port = (*listen.HTTP)(nil)
	_ port = (*listen.TCP)(nil)
)

// opener takes a port.
type opener func(context.Context) (port, error)

// opener chooses the transport by the scheme of the channel's endpoint, and
// checks what can be checked before anything listens.
func (c *channel) opener(secure *tls.Config) (opener, error) {
	p := c.profile
	u, err := url.Parse(p.Endpoint.URL)
	if err != nil || u.Host == "" {
		return nil, errors.New("endpoint.url has no host")
	}
	address := hostPort(u, c.farm.cfg.Listen[p.ID])
	switch u.Scheme {
	case "tcp":
		return c.lines(address, secure)
	case "https":
		if secure == nil {
			return nil, errors.New("endpoint.tls is missing, and the endpoint is https")
		}
	case "http":
		secure = nil
	default:
		return nil, fmt.Errorf("endpoint.url: the farm does not listen on %s", u.Scheme)
	}
	return c.http(address, cmp.Or(u.Path, "/"), secure), nil
}

func (c *channel) http(address, path string, secure *tls.Config) opener {
	m := c.profile.Mock
	return func(ctx context.Context) (port, error) {
		h, err := listen.OpenHTTP(ctx, listen.HTTPConfig{
			Address: address, Path: path, TLS: secure, Plain: m.PlainHTTP, ContentType: c.contentType, Routes: c.routes,
			MaxRequestBytes: int64(maxRequest(m)), MaxConns: maxConns(m), Handle: c.handle, Log: c.farm.log,
		})
		if err != nil {
			return nil, err
		}
		return h, nil
	}
}

// What a port of long lines works on at once: beyond it the hub says that it is busy.
const (
	maxInFlight = 256    // of one line
	maxTotal    = 16_384 // of all lines of a channel
)

// lines is a port of long lines. TLS is where the endpoint has it.
func (c *channel) lines(address string, secure *tls.Config) (opener, error) {
	liner, ok := c.teller.(teller.Liner)
	if !ok || c.framing == nil {
		return nil, fmt.Errorf("endpoint.url: %s is not spoken over long lines", c.profile.Protocol)
	}
	m := c.profile.Mock
	return func(ctx context.Context) (port, error) {
		t, err := listen.OpenTCP(ctx, listen.TCPConfig{
			Address: address, TLS: secure, Plain: m.PlainHTTP, Framing: *c.framing,
			MaxRequestBytes: maxRequest(m), MaxConns: maxConns(m), MaxInFlight: maxInFlight, MaxTotal: maxTotal,
			Open: func(push listen.Push) listen.Session { return &session{c, liner.Line(push)} }, Log: c.farm.log,
		})
		if err != nil {
			return nil, err
		}
		return t, nil
	}, nil
}

// session is one long line of a channel.
type session struct {
	*channel
	line teller.Line
}

var _ listen.Session = (*session)(nil)

// Handle implements listen.Session.
func (s *session) Handle(ctx context.Context, frame wire.Frame) listen.Outcome {
	return s.exchange(ctx, s.line, frame)
}

// Busy implements listen.Session: the hub excuses itself, and no bank has heard anything.
func (s *session) Busy(frame wire.Frame) listen.Outcome {
	began := s.farm.now()
	call, own, err := s.line.Understand(frame)
	if err == nil && call != nil {
		own, err = call.Excuse(teller.HubBusy)
	}
	if err != nil {
		s.farm.log.Error("no answer could be made", "channel", s.profile.ID, "error", err)
		return listen.Outcome{Fate: listen.Reset}
	}
	return s.answerItself(began, own)
}

// Close implements listen.Session.
func (s *session) Close() { s.line.Close() }

func maxRequest(m profiles.ChannelMock) int { return cmp.Or(m.MaxRequestBytes, 65_536) }

func maxConns(m profiles.ChannelMock) int { return cmp.Or(m.MaxConns, 4096) }

// hostPort is the host and port of a URL, unless another is given.
func hostPort(u *url.URL, override string) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	return cmp.Or(override, net.JoinHostPort(u.Hostname(), port))
}
