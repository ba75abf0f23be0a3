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
	"kaqiao/profiles"
)

// port is where a channel listens, over whatever transport.
type port interface {
	// Run serves until its context ends, and returns when nothing of it is left running.
	Run(context.Context) error
	Address() net.Addr
	// Close gives a port back that was never run.
	Close() error
}

var _ port = (*listen.HTTP)(nil)

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
