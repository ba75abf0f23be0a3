package adapter

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"kaqiao/gateway/internal/bank"
	"kaqiao/gateway/internal/link"
	"kaqiao/profiles"
	"kaqiao/profiles/wire"
)

// Peer is the other end of a channel.
type Peer struct {
	// Address is a URL: the profile's, or where the channel is instead.
	Address string
	// TLS: nil for none.
	TLS *tls.Config
	// Heard is told what is said on long lines that nobody waits for. Over HTTP nothing is.
	Heard func(wire.Frame)
	Now   func() time.Time
	Log   *slog.Logger
}

// Link carries frames until it is closed.
type Link interface {
	bank.Link
	Close() error
}

// Link makes what the speech travels over. It connects when it is used first, long lines when they are started.
func (s Speech) Link(channel *profiles.Channel, peer Peer) (Link, error) {
	var l Link
	var err error
	if s.Lines != nil {
		l, err = s.lines(channel, peer)
	} else {
		l, err = s.http(channel, peer)
	}
	if err != nil {
		return nil, fmt.Errorf("channel %s: %w", channel.ID, err)
	}
	return l, nil
}

func (s Speech) http(channel *profiles.Channel, peer Peer) (*link.HTTP, error) {
	cfg := link.Config{
		URL: peer.Address, TLS: peer.TLS, MaxConns: channel.Endpoint.MaxConns, MaxAnswerBytes: channel.Endpoint.MaxAnswerBytes,
		ConnectTimeout: channel.Timeouts.Connect.Std(),
	}
	if s.Tokens != nil { // such a protocol signs its refusals as well
		cfg.Authorizer, cfg.AnyStatus, cfg.Now = s.Tokens, true, peer.Now
	}
	return link.NewHTTP(cfg)
}

func (s Speech) lines(channel *profiles.Channel, peer Peer) (*link.TCP, error) {
	host, ok := strings.CutPrefix(peer.Address, "tcp://")
	if !ok {
		return nil, errors.New("its protocol travels over tcp://")
	}
	return link.NewTCP(link.TCPConfig{
		Address: host, TLS: peer.TLS, Dialogue: *s.Lines, Lines: channel.Endpoint.Lines, ConnectTimeout: channel.Timeouts.Connect.Std(),
		Heard: peer.Heard, Log: peer.Log.With("channel", channel.ID),
	})
}
