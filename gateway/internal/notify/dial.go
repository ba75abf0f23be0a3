package notify

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// What a caller's address can be refused for. Both are found out where the
// connection is made, because a name may lead elsewhere each time it is asked.
var (
	errAddress = errors.New("address is not allowed")
	errPort    = errors.New("port is not allowed")
)

// Resolver turns a name into addresses. *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// guard says where events may be posted to. It stands between this machine's
// own network and whoever may name an address.
type guard struct {
	dev      bool           // loopback and private networks are allowed, and http to loopback
	allow    []netip.Prefix // what the operator has allowed this caller besides public networks
	resolver Resolver
}

// neverAllowed are networks that no list opens: link-local, where clouds keep
// their machines' credentials, multicast, "this network" and broadcast.
func neverAllowed() []netip.Prefix {
	return prefixes("0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "255.255.255.255/32", "100.100.100.200/32", "168.63.129.16/32",
		"::/128", "fe80::/10", "ff00::/8", "fd00:ec2::254/128")
}

// notPublic are networks that only an allow-list opens, or development.
func notPublic() []netip.Prefix {
	return prefixes("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24",
		"192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "fc00::/7", "fec0::/10")
}

func prefixes(all ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(all))
	for i, text := range all {
		out[i] = netip.MustParsePrefix(text)
	}
	return out
}

// check decides about one address as it is about to be dialled. IPv4 within
// IPv6 is judged as the IPv4 that it is.
func (g *guard) check(at netip.AddrPort) error {
	ip := at.Addr().Unmap().WithZone("")
	holds := func(p netip.Prefix) bool { return p.Contains(ip) }
	allowed := slices.ContainsFunc(g.allow, holds)
	switch {
	case !ip.IsValid() || slices.ContainsFunc(neverAllowed(), holds):
		return errAddress
	case g.dev || allowed:
		return nil
	case slices.ContainsFunc(notPublic(), holds):
		return errAddress
	case at.Port() != 443 && at.Port() != 8443:
		return errPort
	}
	return nil
}

// control is called for each address once it is known and before a byte leaves.
func (g *guard) control(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return errAddress
	}
	return g.check(at)
}

// dial tries the addresses of a name in turn.
func (g *guard) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	addresses := []netip.Addr{}
	if ip, err := netip.ParseAddr(host); err == nil {
		addresses = append(addresses, ip)
	} else if addresses, err = g.resolver.LookupNetIP(ctx, "ip", host); err != nil {
		return nil, err
	}
	d := net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second, Control: g.control}
	err = &net.DNSError{Err: "no such host", IsNotFound: true}
	for _, ip := range addresses[:min(len(addresses), maxAddresses)] {
		conn, failed := d.DialContext(ctx, network, net.JoinHostPort(ip.String(), port))
		if failed == nil {
			return conn, nil
		}
		err = failed
		if ctx.Err() != nil {
			break
		}
	}
	return nil, err
}

const (
	dialTimeout    = 5 * time.Second
	maxAddresses   = 4 // of one name that are tried
	maxHeaderBytes = 16 << 10
	idleTimeout    = 60 * time.Second
)

// client is for one endpoint alone: connections that one caller's allow-list
// has opened are not another caller's.
func (g *guard) client(base *tls.Config, timeout time.Duration, conns int) *http.Client {
	if base == nil {
		base = &tls.Config{}
	}
	base = base.Clone()
	base.MinVersion = max(base.MinVersion, tls.VersionTLS12)
	return &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			Proxy:       nil, // the address that is checked must be the one that is spoken to
			DialContext: g.dial, TLSClientConfig: base, TLSHandshakeTimeout: dialTimeout,
			MaxIdleConns: conns, MaxIdleConnsPerHost: conns, MaxConnsPerHost: conns, IdleConnTimeout: idleTimeout,
			MaxResponseHeaderBytes: maxHeaderBytes, DisableCompression: true, ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// checkURL says at once what dialling would find out later, as far as it can be
// seen from the text alone.
func (g *guard) checkURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || len(text) > maxURL {
		return fmt.Errorf("a webhook's URL must be like https://wallet.example/events, at most %d characters", maxURL)
	}
	if u.User != nil || u.Fragment != "" {
		return errors.New("a webhook's URL has neither a user nor a fragment")
	}
	ip, err := netip.ParseAddr(u.Hostname())
	literal := err == nil
	switch {
	case u.Scheme == "http":
		if loopback := u.Hostname() == "localhost" || literal && ip.IsLoopback(); !g.dev || !loopback {
			return errors.New("a webhook's URL must begin with https://; http is for loopback under --dev alone")
		}
	case u.Scheme != "https":
		return errors.New("a webhook's URL must begin with https://")
	}
	port := 443
	if p := u.Port(); p != "" {
		if port, err = strconv.Atoi(p); err != nil || port < 1 || port > 65535 {
			return errors.New("a webhook's URL has no such port")
		}
	}
	if literal {
		if err := g.check(netip.AddrPortFrom(ip, uint16(port))); err != nil { //nolint:gosec // it is in range
			return fmt.Errorf("%s: %w", u.Host, err)
		}
	} else if !g.dev && len(g.allow) == 0 && port != 443 && port != 8443 {
		return fmt.Errorf("%s: %w: 443 and 8443 are; others on networks that --allow names", u.Host, errPort)
	}
	return nil
}

const maxURL = 512
